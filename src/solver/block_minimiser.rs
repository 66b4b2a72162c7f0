//! The minimiser of a quadratic model plus the penalty over one block.
//!
//! One column: a prox step is exact. Several columns with a penalty that depends on the norm alone: exact, by the
//! eigenvectors of the k×k Hessian and one root (as in adelie; Yang and Hastie 2024, section 3). A diagonal Hessian: the
//! prox in its metric, where the penalty has one. Any other penalty:
//! accelerated proximal steps on the k×k Hessian, so that X is touched once per sweep however hard the block is.

use crate::linalg;
use crate::penalty::BlockPenalty;
use crate::prox::norm_root;
use crate::smooth::Quadratic;

/// Most proximal steps on one block in one sweep.
const STEPS: usize = 25;
/// They end when the squared relative change is below this: the sweep comes back anyway.
const CHANGE: f64 = 1e-14;

/// The Hessian of one block, as its minimiser needs it.
#[derive(Debug, Clone)]
pub(super) struct Curvature {
    /// k×k, empty for one column.
    matrix: Vec<f64>,
    /// Largest eigenvalue; the only entry for one column.
    pub largest: f64,
    spectrum: Option<linalg::Eigen>,
    /// The diagonal of a Hessian that is diagonal and not singular.
    diagonal: Option<Vec<f64>>,
}

impl Curvature {
    /// The Hessian of the columns `cols` of the model.
    pub(super) fn new<M: Quadratic>(model: &M, cols: std::ops::Range<usize>, radial: bool) -> Self {
        let k = cols.len();
        let mut matrix = vec![0.0; k * k];
        model.block_hessian(cols, &mut matrix);
        if k == 1 {
            return Self { largest: matrix[0], matrix: Vec::new(), spectrum: None, diagonal: None };
        }
        if (0..k * k).all(|e| e % (k + 1) == 0 || matrix[e] == 0.0) {
            let values: Vec<f64> = matrix.iter().step_by(k + 1).copied().collect();
            return Self::diagonal(&values);
        }
        let spectrum = if radial { linalg::eigh(&matrix, k).ok() } else { None };
        let largest = match &spectrum {
            Some(s) => s.values[k - 1],
            None => linalg::largest_eigenvalue(&matrix, k),
        };
        Self { matrix, largest, spectrum, diagonal: None }
    }

    /// A Hessian that is diagonal.
    pub(super) fn diagonal(values: &[f64]) -> Self {
        let k = values.len();
        let largest = values.iter().copied().fold(0.0, f64::max);
        let mut matrix = vec![0.0; if k == 1 { 0 } else { k * k }];
        matrix.iter_mut().step_by(k + 1).zip(values).for_each(|(m, v)| *m = *v);
        let diagonal = values.iter().all(|&v| v > 0.0).then(|| values.to_vec());
        Self { matrix, largest, spectrum: None, diagonal }
    }

    /// `½ ΔᵀHΔ`, or a bound from above.
    pub(super) fn energy(&self, delta: impl Iterator<Item = f64>) -> f64 {
        let squares = delta.map(|d| d * d);
        0.5 * match &self.diagonal {
            Some(h) => squares.zip(h).map(|(square, h)| h * square).sum::<f64>(),
            None => self.largest * squares.sum::<f64>(),
        }
    }

    /// `v ← argmin ½(v − w)ᵀH(v − w) + gᵀ(v − w) + λΩ_b(v)`.
    #[inline]
    pub(super) fn minimise<P: BlockPenalty + ?Sized>(
        &self,
        penalty: &P,
        id: usize,
        lambda: f64,
        w: &[f64],
        g: &[f64],
        v: &mut [f64],
    ) {
        if self.matrix.is_empty() {
            let step = 1.0 / self.largest;
            for ((v, w), g) in v.iter_mut().zip(w).zip(g) {
                *v = w - step * g;
            }
            penalty.prox_block(id, lambda, step, v);
            return;
        }
        // Zero stays zero: one look at the gradient saves the rest for most blocks of a sparse problem.
        if w.iter().all(|&w| w == 0.0) && penalty.keeps_zero_block(id, lambda, g) {
            v.fill(0.0);
            return;
        }
        if let Some(h) = &self.diagonal {
            v.iter_mut().zip(w.iter().zip(g).zip(h)).for_each(|(v, ((w, g), h))| *v = w - g / h);
            if penalty.prox_block_diagonal(id, lambda, h, v) {
                return;
            }
        }
        match (&self.spectrum, penalty.radial(id, lambda)) {
            (Some(spectrum), Some((t, quadratic))) if t > 0.0 => radial(spectrum, t, quadratic, w, g, v),
            _ => self.proximal_steps(penalty, id, lambda, w, g, v),
        }
    }

    fn proximal_steps<P: BlockPenalty + ?Sized>(
        &self,
        penalty: &P,
        id: usize,
        lambda: f64,
        w: &[f64],
        g: &[f64],
        v: &mut [f64],
    ) {
        let k = self.matrix.len().isqrt();
        let q = w.len() / k;
        let step = 1.0 / self.largest;
        v.copy_from_slice(w);
        let mut point = w.to_vec();
        let mut previous = w.to_vec();
        let mut momentum = 1.0f64;
        let accelerate = penalty.is_convex();
        for _ in 0..STEPS {
            for i in 0..k {
                let row = &self.matrix[i * k..(i + 1) * k];
                for t in 0..q {
                    let slope: f64 = (0..k).map(|j| row[j] * (point[j * q + t] - w[j * q + t])).sum();
                    v[i * q + t] = point[i * q + t] - step * (g[i * q + t] + slope);
                }
            }
            penalty.prox_block(id, lambda, step, v);
            let next = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt());
            // Plain steps never rise, whatever the penalty.
            let mut beta = if accelerate { (momentum - 1.0) / next } else { 0.0 };
            let (mut change, mut size, mut uphill) = (0.0f64, 0.0f64, 0.0);
            for i in 0..v.len() {
                let d = v[i] - previous[i];
                change += d * d;
                size += v[i] * v[i];
                uphill += (point[i] - v[i]) * d;
            }
            momentum = next;
            if uphill > 0.0 {
                (momentum, beta) = (1.0, 0.0);
            }
            for i in 0..v.len() {
                point[i] = v[i] + beta * (v[i] - previous[i]);
                previous[i] = v[i];
            }
            if change <= CHANGE * size {
                break;
            }
        }
    }
}

/// `argmin_v ½vᵀHv − cᵀv + t‖v‖ + κ/2 ‖v‖²` with `c = Hw − g`. Zero if ‖c‖ ≤ t; else v = (H + κ + t/ρ)⁻¹c where ρ = ‖v‖
/// solves `Σ z_i² / ((h_i + κ)ρ + t)² = 1`, z = Uᵀc.
fn radial(spectrum: &linalg::Eigen, t: f64, quadratic: f64, w: &[f64], g: &[f64], v: &mut [f64]) {
    let (h, u) = (&spectrum.values, &spectrum.vectors);
    let k = h.len();
    let q = w.len() / k;
    // In the eigenbasis: z_i = h_i (Uᵀw)_i − (Uᵀg)_i, for every response; v holds z. The gradient is in the range of the
    // Hessian: what it has along a null direction is rounding, which a threshold of about that size would blow up.
    let null = 4.0 * k as f64 * f64::EPSILON * h[k - 1];
    let mut norm = 0.0;
    v.fill(0.0);
    for i in (0..k).filter(|&i| h[i] > null) {
        let column = &u[i * k..(i + 1) * k];
        for s in 0..q {
            let (mut a, mut b) = (0.0, 0.0);
            for j in 0..k {
                a += column[j] * w[j * q + s];
                b += column[j] * g[j * q + s];
            }
            let z = h[i].max(0.0) * a - b;
            norm += z * z;
            v[i * q + s] = z;
        }
    }
    let norm = norm.sqrt();
    if norm <= t {
        v.fill(0.0);
        return;
    }
    let at = &*v;
    let terms = (0..k).flat_map(|i| (0..q).map(move |s| (h[i].max(0.0) + quadratic, at[i * q + s])));
    let rho = norm_root(terms, (norm, t), h[k - 1] + quadratic);
    // Back: v = U diag(1 / (h + κ + t/ρ)) z.
    let mut scaled = v.to_vec();
    for i in 0..k {
        let d = h[i].max(0.0) + quadratic + t / rho;
        for s in 0..q {
            let z = scaled[i * q + s];
            scaled[i * q + s] = if z == 0.0 { 0.0 } else { z / d };
        }
    }
    v.fill(0.0);
    for i in 0..k {
        let column = &u[i * k..(i + 1) * k];
        for s in 0..q {
            let z = scaled[i * q + s];
            for j in 0..k {
                v[j * q + s] += column[j] * z;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::design::Dense;
    use crate::partition::Partition;
    use crate::penalty::{ElasticNetPenalty, GroupL2, SparseGroup};
    use crate::smooth::ResidualModel;

    /// Three correlated columns, q responses: the minimiser has to satisfy the optimality conditions of the block.
    fn check<P: BlockPenalty>(penalty: &P, q: usize, lambda: f64) {
        let x = vec![1.0, 2.0, 0.5, -1.0, 0.9, 2.1, 0.4, -1.2, 0.0, 1.0, -2.0, 0.3];
        let design = Dense::from_columns(x, 4, 3).unwrap();
        let all = [0, 1, 2];
        let model = ResidualModel::new(&design, &all, 0.25);
        let curvature = Curvature::new(&model, 0..3, penalty.radial(0, 1.0).is_some());
        // Mostly the first column, so that nothing keeps a constrained coefficient at zero.
        let column = [1.0, 2.0, 0.5, -1.0];
        let y: Vec<f64> = (0..4 * q).map(|i| column[i % 4] + 0.1 * ((7 * i + 3) % 5) as f64).collect();
        let state: Vec<f64> = y.iter().map(|y| -y).collect();
        let (w, mut v) = (vec![0.0; 3 * q], vec![0.0; 3 * q]);
        let mut g = vec![0.0; 3 * q];
        model.block_gradient(&state, 0..3, &mut g);
        let mut from = w;
        // The exact minimiser is there at once; the proximal steps are cut off and come back in the next sweep.
        let (calls, accuracy) = if penalty.radial(0, 1.0).is_some() { (1, 1e-12) } else { (200, 1e-6) };
        for _ in 0..calls {
            curvature.minimise(penalty, 0, lambda, &from, &g, &mut v);
            let mut moved = state.clone();
            model.shift(&mut moved, 0..3, &v);
            model.block_gradient(&moved, 0..3, &mut g);
            from.copy_from_slice(&v);
        }
        assert_abs_diff_eq!(penalty.kkt_block(0, lambda, &v, &g), 0.0, epsilon = accuracy);
        assert!(v.iter().any(|&v| v != 0.0));
    }

    #[test]
    fn every_way_ends_at_the_minimiser_of_the_block() {
        let block = || Partition::from_sizes(&[3]).unwrap();
        for q in [1, 2] {
            check(&GroupL2::new(block()), q, 0.05);
            check(&GroupL2::new(block()).nonnegative(true), q, 0.05);
            check(&ElasticNetPenalty::new(block(), 0.5).unwrap(), q, 0.1);
            check(&SparseGroup::new(block(), 0.5).unwrap(), q, 0.05);
        }
    }
}
