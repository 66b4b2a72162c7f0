//! The form over rows of a quadratic model with several responses, whose Hessian couples those of an observation or weights
//! each for itself: products of columns are never formed, which with q responses would be q² or q times as many.

use std::ops::Range;

use crate::design::{Csc, Design};
use crate::kernels;
use crate::loss::Hessian;
use crate::smooth::Quadratic;

/// Columns of a design, gathered: the model is around each of many points in turn, on the same columns.
#[derive(Debug, Clone)]
pub(crate) struct GatheredColumns {
    nrows: usize,
    values: Values,
}

#[derive(Debug, Clone)]
enum Values {
    Dense(Vec<f64>),
    Sparse(Csc),
}

impl GatheredColumns {
    pub fn new<D: Design + ?Sized>(design: &D, columns: &[usize]) -> Self {
        let nrows = design.nrows();
        let values = match design.scaled_columns(columns, &vec![1.0; nrows]) {
            Some(part) => Values::Sparse(part),
            None => {
                let mut values = vec![0.0; nrows * columns.len()];
                columns.iter().zip(values.chunks_exact_mut(nrows)).for_each(|(&j, x)| design.column(j, x));
                Values::Dense(values)
            }
        };
        Self { nrows, values }
    }

    fn dense<'a>(&self, values: &'a [f64], column: usize) -> &'a [f64] {
        &values[column * self.nrows..(column + 1) * self.nrows]
    }

    /// `out_t ← xᵀ r_t` for the responses t that stand one after the other in `r`.
    fn dot(&self, column: usize, r: &[f64], out: &mut [f64]) {
        match &self.values {
            Values::Dense(values) => {
                kernels::dot_lines(1, self.nrows, |_| self.dense(values, column), r, out);
            }
            Values::Sparse(part) => {
                let (rows, values) = part.entries(column);
                for (out, r) in out.iter_mut().zip(r.chunks_exact(self.nrows)) {
                    *out = kernels::sparse_dot(rows, values, r);
                }
            }
        }
    }

    /// `y ← y + alpha x`.
    fn axpy(&self, column: usize, alpha: f64, y: &mut [f64]) {
        match &self.values {
            Values::Dense(values) => kernels::axpy(alpha, self.dense(values, column), y),
            Values::Sparse(part) => {
                let (rows, values) = part.entries(column);
                kernels::sparse_axpy(alpha, rows, values, y);
            }
        }
    }

    /// `y ← y + x ∘ Σ_c alpha_c h_c`.
    fn weighted_axpy(&self, column: usize, terms: &[(f64, &[f64])], y: &mut [f64]) {
        match &self.values {
            Values::Dense(values) => kernels::weighted_axpy(self.dense(values, column), terms, y),
            Values::Sparse(part) => {
                let (rows, values) = part.entries(column);
                for (&i, v) in rows.iter().zip(values) {
                    let i = i as usize;
                    y[i] += v * terms.iter().map(|(alpha, h)| alpha * h[i]).sum::<f64>();
                }
            }
        }
    }

    /// `x_i z_i` for two columns, and the rows in which they are, if not all.
    fn products(&self, left: usize, right: usize) -> (Option<Vec<u32>>, Vec<f64>) {
        match &self.values {
            Values::Dense(values) => {
                let pairs = self.dense(values, left).iter().zip(self.dense(values, right));
                (None, pairs.map(|(x, z)| x * z).collect())
            }
            Values::Sparse(part) => {
                let (rows, values) = part.entries(left);
                let (others, theirs) = part.entries(right);
                let mut other = others.iter().zip(theirs).peekable();
                let pairs = rows.iter().zip(values).filter_map(|(i, x)| {
                    while other.next_if(|(j, _)| *j < i).is_some() {}
                    other.next_if(|(j, _)| *j == i).map(|(_, z)| (*i, x * z))
                });
                let (rows, products) = pairs.unzip();
                (Some(rows), products)
            }
        }
    }
}

/// `m(w) = ½ ΔᵀMΔ + uᵀΔ` for the change Δ of the predictions of q responses, with one coefficient for each coordinate. The
/// state is `u + MΔ`, task-major.
#[derive(Debug)]
pub(crate) struct CoupledRows<'a> {
    columns: &'a GatheredColumns,
    /// M by response: n numbers for each, or for each pair.
    hessian: &'a Hessian<'a>,
    /// The gathered column of each coordinate, and its response.
    places: &'a [(usize, usize)],
    origin: &'a [f64],
    slope: &'a [f64],
    energy: f64,
}

impl<'a> CoupledRows<'a> {
    /// The model around coefficients at whose predictions ∇F is `slope` and `2 (F − inf F)` is `energy`. The Hessian is not an
    /// operator.
    pub fn new(
        columns: &'a GatheredColumns,
        hessian: &'a Hessian<'a>,
        places: &'a [(usize, usize)],
        (origin, slope): (&'a [f64], &'a [f64]),
        energy: f64,
    ) -> Self {
        Self { columns, hessian, places, origin, slope, energy }
    }

    fn nresponses(&self) -> usize {
        self.slope.len() / self.columns.nrows
    }

    /// The curvatures that tie responses s and t together, none if there are none.
    fn between(&self, s: usize, t: usize) -> Option<&[f64]> {
        let n = self.columns.nrows;
        match self.hessian {
            Hessian::Diagonal(h) => (s == t).then(|| &h[t * n..(t + 1) * n]),
            Hessian::PerRow(h) => {
                // It is symmetric: half of it has to stay in the cache.
                let q = self.nresponses();
                let (s, t) = (s.max(t), s.min(t));
                Some(&h[(s * q + t) * n..(s * q + t + 1) * n])
            }
            Hessian::Operator(_) => None,
        }
    }

    /// Calls `f` with every column among these coordinates, and those of them that are consecutive responses of it.
    fn for_each_column(&self, cols: Range<usize>, mut f: impl FnMut(usize, Range<usize>)) {
        let mut start = cols.start;
        while start < cols.end {
            let (column, first) = self.places[start];
            let run = self.places[start..cols.end].iter().zip(first..).take_while(|(p, t)| **p == (column, *t));
            let len = run.count();
            f(column, start..start + len);
            start += len;
        }
    }
}

impl Quadratic for CoupledRows<'_> {
    #[inline]
    fn block_gradient(&self, state: &[f64], cols: Range<usize>, g: &mut [f64]) {
        let (n, first) = (self.columns.nrows, cols.start);
        self.for_each_column(cols, |column, own| {
            let response = self.places[own.start].1;
            let slope = &state[response * n..(response + own.len()) * n];
            self.columns.dot(column, slope, &mut g[own.start - first..own.end - first]);
        });
    }

    #[inline]
    fn shift(&self, state: &mut [f64], cols: Range<usize>, delta: &[f64]) {
        let (n, first, q) = (self.columns.nrows, cols.start, self.nresponses());
        let mut terms = Vec::new();
        self.for_each_column(cols, |column, own| {
            let delta = &delta[own.start - first..own.end - first];
            if let (Hessian::PerRow(h), Values::Dense(values), true) =
                (self.hessian, &self.columns.values, own.len() == q)
                && kernels::coupled_axpy(self.columns.dense(values, column), h, delta, state)
            {
                return;
            }
            let moved = || self.places[own.clone()].iter().zip(delta).filter(|(_, d)| **d != 0.0);
            for (s, state) in state.chunks_exact_mut(n).enumerate() {
                terms.clear();
                terms.extend(moved().filter_map(|(&(_, t), &d)| Some((d, self.between(s, t)?))));
                if !terms.is_empty() {
                    self.columns.weighted_axpy(column, &terms, state);
                }
            }
        });
    }

    /// The change of all predictions first: M is applied once.
    fn shift_all(&self, state: &mut [f64], cols: &[usize], delta: &[f64]) {
        let n = self.columns.nrows;
        let mut change = vec![0.0; state.len()];
        for (&k, &d) in cols.iter().zip(delta).filter(|(_, d)| **d != 0.0) {
            let (column, t) = self.places[k];
            self.columns.axpy(column, d, &mut change[t * n..(t + 1) * n]);
        }
        let mut image = vec![0.0; state.len()];
        self.hessian.apply(n, &change, &mut image);
        state.iter_mut().zip(image).for_each(|(s, v)| *s += v);
    }

    fn strip_gradient(&self, state: &[f64], cols: &[usize], g: &mut [f64]) {
        let mut start = 0;
        while start < cols.len() {
            let along = cols[start..].windows(2).take_while(|k| k[1] == k[0] + 1).count() + 1;
            self.block_gradient(state, cols[start]..cols[start] + along, &mut g[start..start + along]);
            start += along;
        }
    }

    fn block_hessian(&self, cols: Range<usize>, h: &mut [f64]) {
        let (k, first) = (cols.len(), cols.start);
        self.for_each_column(cols.clone(), |left, rows| {
            self.for_each_column(cols.start..rows.end, |right, others| {
                let (at, products) = self.columns.products(left, right);
                for (a, b) in rows.clone().flat_map(|a| others.clone().map(move |b| (a, b))) {
                    let value = match (self.between(self.places[a].1, self.places[b].1), &at) {
                        (None, _) => 0.0,
                        (Some(weights), None) => kernels::dot(weights, &products),
                        (Some(weights), Some(at)) => kernels::sparse_dot(at, &products, weights),
                    };
                    h[(a - first) * k + b - first] = value;
                    h[(b - first) * k + a - first] = value;
                }
            });
        });
    }

    fn value(&self, w: &[f64], state: &[f64]) -> f64 {
        let (n, q) = (self.columns.nrows, self.nresponses());
        let both: Vec<f64> = self.slope.iter().zip(state).map(|(u, s)| u + s).collect();
        let mut along = vec![0.0; q];
        let mut value = 0.0;
        self.for_each_column(0..w.len(), |column, own| {
            let deltas = || own.clone().map(|k| w[k] - self.origin[k]);
            if deltas().any(|d| d != 0.0) {
                let (response, along) = (self.places[own.start].1, &mut along[..own.len()]);
                self.columns.dot(column, &both[response * n..(response + own.len()) * n], along);
                value += 0.5 * deltas().zip(&*along).map(|(d, a)| d * a).sum::<f64>();
            }
        });
        value
    }

    fn energy(&self, _w: &[f64], _state: &[f64]) -> f64 {
        self.energy
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::design::Dense;

    /// Numbers in (−1, 1).
    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        let mut at = seed;
        let mut next = || {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (at >> 33) as f64 / (1u64 << 30) as f64 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn state_value_and_hessian_belong_to_the_quadratic_function() {
        let (n, q) = (7, 3);
        let x = numbers(n * 4, 1);
        let dense = Dense::from_columns(x.clone(), n, 4).unwrap();
        let sparse = Csc::from_dense(&dense).unwrap();
        let roots = numbers(q * q * n, 2);
        // M_i = RᵢRᵢᵀ.
        let coupled: Vec<f64> = (0..q * q * n)
            .map(|e| {
                let (s, t, i) = (e / n / q, e / n % q, e % n);
                (0..q).map(|k| roots[(s * q + k) * n + i] * roots[(t * q + k) * n + i]).sum()
            })
            .collect();
        let single: Vec<f64> = numbers(q * n, 3).iter().map(|v| v.abs()).collect();
        // Columns 3 and 1 with all responses, then column 0 without the second.
        let columns = [3, 1, 0];
        let places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 2)];
        let (slope, delta) = (numbers(q * n, 4), numbers(places.len(), 5));
        for hessian in [Hessian::PerRow(coupled), Hessian::Diagonal(single)] {
            let mut change = vec![0.0; q * n];
            for (&(c, t), d) in places.iter().zip(&delta) {
                (0..n).for_each(|i| change[t * n + i] += d * x[columns[c] * n + i]);
            }
            let mut image = vec![0.0; q * n];
            hessian.apply(n, &change, &mut image);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let expected = 0.5 * dot(&image, &change) + dot(&slope, &change);
            for gathered in [GatheredColumns::new(&dense, &columns), GatheredColumns::new(&sparse, &columns)] {
                let origin = numbers(places.len(), 6);
                let model = CoupledRows::new(&gathered, &hessian, &places, (&origin, &slope), 1.0);
                let mut state = slope.clone();
                for cols in [0..3, 3..6, 6..8] {
                    model.shift(&mut state, cols.clone(), &delta[cols]);
                }
                let mut at_once = slope.clone();
                model.shift_all(&mut at_once, &[0, 1, 2, 3, 4, 5, 6, 7], &delta);
                at_once.iter().zip(&state).for_each(|(a, s)| assert_abs_diff_eq!(*a, *s, epsilon = 1e-13));
                let w: Vec<f64> = origin.iter().zip(&delta).map(|(o, d)| o + d).collect();
                assert_abs_diff_eq!(model.value(&w, &state), expected, epsilon = 1e-13);
                let mut gradient = vec![0.0; places.len()];
                model.block_gradient(&state, 0..8, &mut gradient);
                let mut h = vec![0.0; 64];
                model.block_hessian(0..8, &mut h);
                for (k, &(c, t)) in places.iter().enumerate() {
                    let column = &x[columns[c] * n..(columns[c] + 1) * n];
                    let whole: Vec<f64> = (0..n).map(|i| slope[t * n + i] + image[t * n + i]).collect();
                    assert_abs_diff_eq!(gradient[k], dot(column, &whole), epsilon = 1e-13);
                    assert_abs_diff_eq!(
                        dot(&h[k * 8..(k + 1) * 8], &delta),
                        dot(column, &image[t * n..(t + 1) * n]),
                        epsilon = 1e-13
                    );
                }
            }
        }
    }
}
