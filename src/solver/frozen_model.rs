//! The quadratic model of a loss that is not quadratic, over some columns: made at one prediction, kept while steps with it
//! are cheaper than a new one, and mended by what those steps show of the curvature.

use std::borrow::Cow;
use std::ops::Range;

use crate::design::{AnyDesign, Dense, Design};
use crate::kernels;
use crate::loss::Hessian;
use crate::smooth::GatheredColumns;
use crate::solver::block_minimiser::Curvature;
use crate::solver::descent::Active;
use crate::solver::newton::Factor;

/// Curvature of a row that has none, relative to the largest: too little to be felt where others have some.
const LEAST_CURVATURE: f64 = 1e-12;
/// New columns up to which products with the old ones are taken one by one.
const FEW: usize = 16;
/// Secants take no more than this share of the time of a step, nor more than so many bytes; a few are always worth it.
const SECANTS_SHARE: f64 = 0.25;
const SECANTS_BYTES: usize = 64 << 20;
const FEWEST_SECANTS: usize = 8;
/// A change, or a curvature along it, that is smaller than this relative to what it could be is rounding.
const TINY: f64 = 1e-10;
/// Curvatures that differ by more than this factor are not those of one convex loss at two points nearby.
const CREDIBLE: f64 = 1e8;

/// A quadratic model of the loss over some columns, and where it was made.
pub(super) struct FrozenModel<'a> {
    pub(super) hessian: Hessian<'a>,
    /// What steps have added to it; see [`learn`](Self::learn).
    secants: Vec<Secant>,
    pub(super) products: Products,
    /// What the model is over, among all coefficients of W. Blocks that have left it leave their coordinates behind, whose
    /// products are wrong from then on and never read; `offsets` says what is alive.
    pub(super) coordinates: Vec<usize>,
    /// The blocks that are alive, in no order.
    keys: Vec<usize>,
    /// Where a block starts among `coordinates`, usize::MAX if it is not there.
    pub(super) offsets: Vec<usize>,
    /// Of the blocks of the inner problem, at their first coordinates.
    pub(super) curvatures: Vec<Option<Box<Curvature>>>,
    pub(super) factor: Factor,
    /// It was made at the prediction that the inner problem stands at.
    pub(super) fresh: bool,
}

/// A change `M + aaᵀ − rrᵀ` of the Hessian M over predictions.
struct Secant {
    added: Direction,
    removed: Direction,
    /// The only response that it is about.
    response: Option<usize>,
}

/// A vector v over the predictions of one response or of all, and `Xᵀv` over the coordinates of the model.
struct Direction {
    over_rows: Vec<f64>,
    along: Vec<f64>,
}

/// A step that was taken with the model.
pub(super) struct Step<'s> {
    /// Changes of η and of ∇F(η), and ∇F(η) itself.
    pub(super) eta: &'s [f64],
    pub(super) u: &'s [f64],
    pub(super) slope: &'s [f64],
    /// The change of the model's gradient.
    pub(super) modelled: &'s [f64],
    /// Blocks, where they are in `gradient`, and their names: the changes of XᵀU.
    pub(super) blocks: &'s [Active],
    pub(super) keys: &'s [usize],
    pub(super) gradient: &'s [f64],
}

pub(super) enum Products {
    /// X_Aᵀ∇²F X_A over coordinates, column-major.
    Gram { values: Vec<f64>, stride: usize },
    /// √h X_A and √h; one response.
    Rows { part: AnyDesign<'static>, roots: Vec<f64> },
    /// X_A for several responses, and which of its columns and which response a coordinate has.
    CoupledRows { part: GatheredColumns, columns: Vec<usize>, places: Vec<(usize, usize)> },
}

impl<'a> FrozenModel<'a> {
    /// For so many different blocks.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            hessian: Hessian::Diagonal(Vec::new()),
            secants: Vec::new(),
            products: Products::Gram { values: Vec::new(), stride: 0 },
            coordinates: Vec::new(),
            keys: Vec::new(),
            offsets: vec![usize::MAX; keys],
            curvatures: Vec::new(),
            factor: Factor::default(),
            fresh: false,
        }
    }

    /// No columns, and a Hessian to make products with.
    pub(super) fn restart(&mut self, hessian: Hessian<'a>) {
        self.hessian = hessian;
        self.secants.clear();
        self.coordinates.clear();
        self.keys.clear();
        self.offsets.fill(usize::MAX);
        self.curvatures.clear();
        self.factor = Factor::default();
        self.fresh = true;
    }

    /// Takes blocks in; returns those of their coordinates that are new.
    pub(super) fn enlist(&mut self, keys: &[usize], coordinates: impl Fn(usize) -> Range<usize>) -> Vec<usize> {
        let mut new = Vec::new();
        for &key in keys {
            if self.offsets[key] != usize::MAX {
                continue;
            }
            self.offsets[key] = self.coordinates.len() + new.len();
            self.keys.push(key);
            new.extend(coordinates(key));
        }
        new
    }

    /// The largest curvature in a block of this size; 0 as long as nobody knows it.
    pub(super) fn curvature(&self, key: usize, len: usize) -> f64 {
        let offset = self.offsets[key];
        if offset == usize::MAX {
            return 0.0;
        }
        let known = self.curvatures.get(offset..offset + len);
        known.map_or(0.0, |known| known.iter().flatten().map(|c| c.largest).fold(0.0, f64::max))
    }

    /// The model over rows.
    pub(super) fn make_rows<D: Design>(&mut self, design: &D, columns: Vec<usize>) {
        let Hessian::Diagonal(h) = &self.hessian else { return };
        let n = design.nrows();
        // A row without curvature still has a gradient, which the state holds divided by the root.
        let least = LEAST_CURVATURE * h.iter().copied().fold(0.0, f64::max);
        let roots: Vec<f64> = h.iter().map(|h| h.max(least).sqrt()).collect();
        let part = match design.scaled_columns(&columns, &roots) {
            Some(part) => AnyDesign::Csc(Cow::Owned(part)),
            None => {
                let mut values = vec![0.0; n * columns.len()];
                for (&j, x) in columns.iter().zip(values.chunks_exact_mut(n)) {
                    design.column(j, x);
                    x.iter_mut().zip(&roots).for_each(|(x, root)| *x *= root);
                }
                AnyDesign::Dense(Dense::from_gathered(values, n, columns.len()))
            }
        };
        self.coordinates = columns;
        self.products = Products::Rows { part, roots };
    }

    /// The model over rows for several responses, with these coordinates.
    pub(super) fn make_coupled_rows<D: Design>(&mut self, design: &D, coordinates: Vec<usize>, q: usize) {
        let (mut columns, mut places): (Vec<usize>, Vec<(usize, usize)>) = (Vec::new(), Vec::new());
        for c in &coordinates {
            // Those of a column stand side by side.
            if columns.last() != Some(&(c / q)) {
                columns.push(c / q);
            }
            places.push((columns.len() - 1, c % q));
        }
        let same = match std::mem::replace(&mut self.products, Products::Gram { values: vec![], stride: 0 }) {
            Products::CoupledRows { part, columns: before, .. } if before == columns => Some(part),
            _ => None,
        };
        let part = same.unwrap_or_else(|| GatheredColumns::new(design, &columns));
        self.coordinates = coordinates;
        self.products = Products::CoupledRows { part, columns, places };
    }

    /// The products of more coordinates with each other and with those that are there.
    pub(super) fn extend_products<D: Design>(&mut self, design: &D, new: &[usize], q: usize) {
        let (mut values, stride) =
            match std::mem::replace(&mut self.products, Products::Gram { values: vec![], stride: 0 }) {
                Products::Gram { values, stride } => (values, stride),
                Products::Rows { .. } | Products::CoupledRows { .. } => (Vec::new(), 0),
            };
        let (old, added) = (self.coordinates.len(), new.len());
        let total = old + added;
        let stride = if old == 0 {
            // The buffer of the model before, if it is large enough: fresh memory costs as much as some products.
            let stride = total.next_multiple_of(8);
            if q > 1 {
                // Products of different responses are not written, and stood elsewhere at another stride.
                values.clear();
            }
            values.resize(stride * stride, 0.0);
            stride
        } else if total > stride {
            let wider = total.max(stride + stride / 4).next_multiple_of(8);
            let mut moved = vec![0.0; wider * wider];
            for c in 0..old {
                moved[c * wider..c * wider + old].copy_from_slice(&values[c * stride..c * stride + old]);
            }
            values = moved;
            wider
        } else {
            stride
        };
        if !new.is_empty() {
            let whole = &self.coordinates;
            products(design, &self.hessian, q, (new, new), true, |i, j, v| values[(old + j) * stride + old + i] = v);
            products(design, &self.hessian, q, (whole, new), false, |i, j, v| values[(old + j) * stride + i] = v);
        }
        let n = design.nrows();
        let by_response: Vec<_> = (0..q).map(|t| of_response(new, q, t)).collect();
        for secant in &mut self.secants {
            for direction in [&mut secant.added, &mut secant.removed] {
                direction.along.resize(total, 0.0);
                for (t, (places, columns)) in by_response.iter().enumerate() {
                    let own = match secant.response {
                        None => &direction.over_rows[t * n..(t + 1) * n],
                        Some(only) if only == t => &direction.over_rows,
                        Some(_) => continue,
                    };
                    let mut products = vec![0.0; columns.len()];
                    design.dot_scattered(columns, own, &mut products);
                    places.iter().zip(products).for_each(|(&k, v)| direction.along[old + k] = v);
                }
            }
            let (a, r) = (&secant.added.along, &secant.removed.along);
            for (j, column) in (old..total).zip(values[old * stride..].chunks_exact_mut(stride)) {
                kernels::axpy(a[j], a, &mut column[..total]);
                kernels::axpy(-r[j], r, &mut column[..total]);
            }
        }
        for i in 0..old {
            for j in old..total {
                values[i * stride + j] = values[j * stride + i];
            }
        }
        self.coordinates.extend_from_slice(new);
        self.products = Products::Gram { values, stride };
    }

    /// Numbers that the secants make a step read.
    pub(super) fn secants_cost(&self) -> f64 {
        self.secants.iter().map(|s| 4.0 * s.added.over_rows.len() as f64).sum()
    }

    /// Whether nothing more can be learnt from steps that cost so much otherwise.
    pub(super) fn is_full(&self, step_cost: f64) -> bool {
        let stored: usize = self.secants.iter().map(|s| 2 * s.added.over_rows.len()).sum();
        self.secants.len() >= FEWEST_SECANTS
            && (self.secants_cost() >= SECANTS_SHARE * step_cost || stored * size_of::<f64>() >= SECANTS_BYTES)
    }

    /// Learns from a step what the curvature along it is now: the update of Broyden, Fletcher, Goldfarb and Shanno
    /// (Nocedal and Wright 2006, 6.19), for the Hessian over predictions, so that the products with columns that come later
    /// agree with it, too. Responses that have nothing to do with each other are learnt one by one.
    pub(super) fn learn(&mut self, nrows: usize, step: &Step<'_>) {
        let Products::Gram { .. } = self.products else { return };
        let n = nrows;
        let q = step.eta.len() / n;
        let mut image = vec![0.0; step.eta.len()];
        self.hessian.apply(n, step.eta, &mut image);
        for secant in &self.secants {
            let own = secant.response.map_or(0..n * q, |t| t * n..(t + 1) * n);
            let (a, r) = (&secant.added.over_rows, &secant.removed.over_rows);
            let eta = &step.eta[own.clone()];
            let (along_a, along_r) = (kernels::dot(a, eta), kernels::dot(r, eta));
            kernels::axpy(along_a, a, &mut image[own.clone()]);
            kernels::axpy(-along_r, r, &mut image[own]);
        }
        let mut change = vec![0.0; step.modelled.len()];
        for (block, key) in step.blocks.iter().zip(step.keys) {
            let offset = self.offsets[*key];
            if offset != usize::MAX {
                change[offset..offset + block.cols.len()].copy_from_slice(&step.gradient[block.cols.clone()]);
            }
        }
        let apart = q > 1 && matches!(self.hessian, Hessian::Diagonal(_));
        let mut learnt = false;
        for t in 0..if apart { q } else { 1 } {
            let own = if apart { t * n..(t + 1) * n } else { 0..n * q };
            let (eta, u, image) = (&step.eta[own.clone()], &step.u[own.clone()], &image[own.clone()]);
            let (curvature, expected) = (kernels::dot(u, eta), kernels::dot(image, eta));
            let size = |v: &[f64]| kernels::sq_norm(v).sqrt();
            // Along a change of rounding errors there is nothing to see.
            let seen = size(u) > TINY * size(&step.slope[own])
                && curvature > TINY * size(u) * size(eta)
                && expected > TINY * size(image) * size(eta);
            // NaN is not credible.
            let credible = curvature < CREDIBLE * expected && expected < CREDIBLE * curvature;
            if !(seen && credible) {
                continue;
            }
            let along = |all: &[f64], square: f64| -> Vec<f64> {
                let each = all.iter().zip(&self.coordinates);
                each.map(|(v, c)| if apart && c % q != t { 0.0 } else { v / square.sqrt() }).collect()
            };
            let direction = |over_rows: &[f64], over_columns: &[f64], square: f64| Direction {
                over_rows: over_rows.iter().map(|v| v / square.sqrt()).collect(),
                along: along(over_columns, square),
            };
            let (added, removed) = (direction(u, &change, curvature), direction(image, step.modelled, expected));
            let response = apart.then_some(t);
            self.update_products(&added.along, &removed.along);
            self.secants.push(Secant { added, removed, response });
            learnt = true;
        }
        if learnt {
            self.forget_all_but(step.keys);
            self.curvatures.clear();
        }
    }

    /// `H + aaᵀ − rrᵀ` over coordinates.
    fn update_products(&mut self, a: &[f64], r: &[f64]) {
        let Products::Gram { values, stride } = &mut self.products else { return };
        for (j, column) in values.chunks_exact_mut(*stride).take(a.len()).enumerate() {
            kernels::axpy(a[j], a, &mut column[..a.len()]);
            kernels::axpy(-r[j], r, &mut column[..a.len()]);
        }
        self.factor.update(a, r);
    }

    /// Blocks that are not in the inner problem any more have not learnt what the others have.
    fn forget_all_but(&mut self, keys: &[usize]) {
        let mut sorted = keys.to_vec();
        sorted.sort_unstable();
        let offsets = &mut self.offsets;
        self.keys.retain(|key| {
            let stays = sorted.binary_search(key).is_ok();
            if !stays {
                offsets[*key] = usize::MAX;
            }
            stays
        });
    }
}

/// Those of some coordinates that belong to response t: their places in the list, and their columns.
fn of_response(coordinates: &[usize], q: usize, t: usize) -> (Vec<usize>, Vec<usize>) {
    let own = coordinates.iter().enumerate().filter(|(_, c)| *c % q == t);
    own.map(|(k, c)| (k, c / q)).unzip()
}

/// Hands the entries of `X_leftᵀ∇²F X_right` over coordinates to `put(row, column, value)`; symmetric if left is right.
fn products<D: Design>(
    design: &D,
    hessian: &Hessian<'_>,
    q: usize,
    (left, right): (&[usize], &[usize]),
    symmetric: bool,
    mut put: impl FnMut(usize, usize, f64),
) {
    let n = design.nrows();
    for s in 0..q {
        let (rows, cols) = of_response(left, q, s);
        for t in 0..q {
            let (others, other_cols) = of_response(right, q, t);
            let diagonal = matches!(hessian, Hessian::Diagonal(_));
            if rows.is_empty() || others.is_empty() || (diagonal && s != t) || (symmetric && s > t) {
                continue;
            }
            let mut part = vec![0.0; rows.len() * others.len()];
            let by_weights = |h: &[f64], part: &mut [f64]| {
                // Few new columns: the others are read, not copied.
                if other_cols.len() <= FEW && 4 * other_cols.len() <= cols.len() {
                    let scaled = |x: &[f64], out: &mut [f64]| {
                        out.iter_mut().zip(x).zip(h).for_each(|((o, x), h)| *o = h * x);
                    };
                    products_by_images(design, (&cols, &other_cols), &scaled, part);
                } else {
                    design.weighted_gram(&cols, &other_cols, h, part);
                }
            };
            match hessian {
                Hessian::Diagonal(h) => by_weights(&h[t * n..(t + 1) * n], &mut part),
                Hessian::PerRow(h) => by_weights(&h[(s * q + t) * n..(s * q + t + 1) * n], &mut part),
                Hessian::Operator(apply) => {
                    // What a column as a prediction of response t does to response s.
                    let coupled = |x: &[f64], out: &mut [f64]| {
                        let (mut input, mut output) = (vec![0.0; n * q], vec![0.0; n * q]);
                        input[t * n..(t + 1) * n].copy_from_slice(x);
                        apply(&input, &mut output);
                        out.copy_from_slice(&output[s * n..(s + 1) * n]);
                    };
                    products_by_images(design, (&cols, &other_cols), &coupled, &mut part);
                }
            }
            for (part, &b) in part.chunks_exact(rows.len()).zip(&others) {
                for (&v, &a) in part.iter().zip(&rows) {
                    put(a, b, v);
                    if symmetric && s < t {
                        put(b, a, v);
                    }
                }
            }
        }
    }
}

/// `X_leftᵀ M X_right` for a matrix M that is applied to every column on the right.
fn products_by_images<D: Design>(
    design: &D,
    (left, right): (&[usize], &[usize]),
    apply: &dyn Fn(&[f64], &mut [f64]),
    part: &mut [f64],
) {
    let n = design.nrows();
    let mut images = vec![0.0; n * right.len()];
    let mut column = vec![0.0; n];
    for (&j, image) in right.iter().zip(images.chunks_exact_mut(n)) {
        design.column(j, &mut column);
        apply(&column, image);
    }
    let mut across = vec![0.0; part.len()];
    design.dot_scattered(left, &images, &mut across);
    for (a, across) in across.chunks_exact(right.len()).enumerate() {
        across.iter().enumerate().for_each(|(b, v)| part[b * left.len() + a] = *v);
    }
}
