//! The Gram form of the quadratic model where columns fall into parts without a common row: a matrix for each part, and
//! nothing for the zeros between them.

use std::ops::Range;

use crate::design::Design;
use crate::kernels;
use crate::smooth::{GramCache, HessianView, Quadratic};

/// `H = ν X_AᵀX_A` part by part, for a growing list A of columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartedCache {
    parts: Vec<GramCache>,
    /// Where a column of the design is in its part, usize::MAX if it is not there.
    slots: Vec<usize>,
}

impl PartedCache {
    /// Brings in the products of these columns; `parts` are those of all columns of the design. Columns that are not used
    /// any more leave when they are many.
    pub fn take_in<D: Design + ?Sized>(&mut self, design: &D, parts: &[usize], columns: &[usize], curvature: f64) {
        if self.slots.is_empty() {
            self.slots = vec![usize::MAX; design.ncols()];
            self.parts.resize_with(parts.iter().max().map_or(0, |last| last + 1), GramCache::default);
        }
        let mut used: Vec<Vec<usize>> = vec![Vec::new(); self.parts.len()];
        columns.iter().for_each(|&c| used[parts[c]].push(c));
        for (cache, used) in self.parts.iter_mut().zip(&used) {
            let missing: Vec<usize> = used.iter().copied().filter(|&c| self.slots[c] == usize::MAX).collect();
            for (k, &c) in missing.iter().enumerate() {
                self.slots[c] = cache.columns().len() + k;
            }
            cache.extend(design, &missing, curvature);
            if cache.columns().len() > used.len() + used.len() / 2 + 64 {
                let keep: Vec<usize> = used.iter().map(|&c| self.slots[c]).collect();
                cache.columns().iter().for_each(|&c| self.slots[c] = usize::MAX);
                cache.retain(&keep, design.nrows());
                used.iter().enumerate().for_each(|(k, &c)| self.slots[c] = k);
            }
        }
    }
}

/// `m(w) = ½(w − w₀)ᵀH(w − w₀) + g₀ᵀ(w − w₀)` for one response, with the state `g = g₀ + H(w − w₀)`, part by part.
#[derive(Debug)]
pub(crate) struct PartedGramModel<'a> {
    hessians: Vec<HessianView<'a>>,
    /// Where the state of each part is.
    ranges: Vec<Range<usize>>,
    /// Part, and place in the state, of every local column.
    places: Vec<(usize, usize)>,
    origin: Vec<f64>,
    /// g₀, as the state.
    gradient: Vec<f64>,
    energy: f64,
}

impl<'a> PartedGramModel<'a> {
    /// The model of these columns, all in the cache, around `origin` where the gradient is `gradient` and `‖∇F‖²/ν` is
    /// `energy`.
    pub fn new(
        cache: &'a PartedCache,
        parts: &[usize],
        columns: &[usize],
        (origin, gradient, energy): (Vec<f64>, &[f64], f64),
    ) -> Self {
        let (mut ranges, mut end) = (Vec::with_capacity(cache.parts.len()), 0);
        for part in &cache.parts {
            ranges.push(end..end + part.columns().len());
            end += part.columns().len();
        }
        let place = |&c: &usize| (parts[c], ranges[parts[c]].start + cache.slots[c]);
        let places: Vec<(usize, usize)> = columns.iter().map(place).collect();
        let mut state = vec![0.0; end];
        places.iter().zip(gradient).for_each(|((_, place), g)| state[*place] = *g);
        let hessians = cache.parts.iter().map(GramCache::hessian).collect();
        Self { hessians, ranges, places, origin, gradient: state, energy }
    }

    /// The state at the origin.
    pub fn state(&self) -> Vec<f64> {
        self.gradient.clone()
    }

    /// H between a column and those of its part.
    fn column(&self, (part, place): (usize, usize)) -> &[f64] {
        let (hessian, range) = (&self.hessians[part], &self.ranges[part]);
        let first = (place - range.start) * hessian.stride;
        &hessian.values[first..first + range.len()]
    }
}

impl Quadratic for PartedGramModel<'_> {
    #[inline]
    fn block_gradient(&self, state: &[f64], cols: Range<usize>, g: &mut [f64]) {
        g.iter_mut().zip(&self.places[cols]).for_each(|(g, (_, place))| *g = state[*place]);
    }

    #[inline]
    fn shift(&self, state: &mut [f64], cols: Range<usize>, delta: &[f64]) {
        for (&place, &d) in self.places[cols].iter().zip(delta) {
            if d != 0.0 {
                kernels::axpy(d, self.column(place), &mut state[self.ranges[place.0].clone()]);
            }
        }
    }

    fn block_hessian(&self, cols: Range<usize>, h: &mut [f64]) {
        let places = &self.places[cols];
        for (row, &a) in h.chunks_exact_mut(places.len()).zip(places) {
            let column = self.column(a);
            for (h, b) in row.iter_mut().zip(places) {
                *h = if a.0 == b.0 { column[b.1 - self.ranges[b.0].start] } else { 0.0 };
            }
        }
    }

    fn value(&self, w: &[f64], state: &[f64]) -> f64 {
        let slopes = self.places.iter().map(|(_, place)| state[*place] + self.gradient[*place]);
        0.5 * w.iter().zip(&self.origin).zip(slopes).map(|((w, o), slope)| (w - o) * slope).sum::<f64>()
    }

    fn energy(&self, w: &[f64], state: &[f64]) -> f64 {
        (self.energy + 2.0 * self.value(w, state)).max(0.0)
    }

    fn is_stored(&self) -> bool {
        true
    }
}
