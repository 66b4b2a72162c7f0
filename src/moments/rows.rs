//! Moments as rows: p + 1 observations with the same squared loss as any number of them.
//!
//! With `G = XᵀX = RᵀR` and `Ỹ = R⁻ᵀXᵀY`, for every W
//!
//! ```text
//! ‖Y − XW‖² = ‖Ỹ − RW‖² + ‖Y‖² − ‖Ỹ‖²
//! ```
//!
//! so the rows (R, Ỹ) and one row of zeros with what is left of each response, `√(‖y‖² − ‖ỹ‖²)`, have the objective, the
//! gradient, the curvature and the certificates of the n rows: no solver or penalty knows the difference.

use crate::design::{Dense, Design};
use crate::kernels;
use crate::linalg::Cholesky;
use crate::loss::{Loss, Squared};
use crate::penalty::BlockPenalty;
use crate::smooth::{LinearPredictor, Smooth};

/// Error of an entry of a Gram matrix relative to the norms of its two columns: sums of rounded products, where most
/// errors cancel, and the same again for the factorisation.
pub(crate) const PRODUCT_ERROR: f64 = 16.0 * f64::EPSILON;

/// Pivots below this share of their column's squared norm are not told from rounding errors of the products.
const DEPENDENT: f64 = 1e-13;

/// `n' ≤ p + 1` rows that stand for many.
#[derive(Debug)]
pub(crate) struct Rows {
    /// R, and a row of zeros.
    pub(crate) x: Dense<'static, f64>,
    /// Ỹ and the rest, task-major.
    pub(crate) y: Vec<f64>,
    /// Error of an entry of the Gram matrix relative to the norms of its columns.
    pub(crate) error: f64,
}

impl Rows {
    /// From `XᵀX` (p×p, both triangles), `XᵀY` (the p values of each response together), the diagonal of `YᵀY`, all divided by the
    /// number of observations; `error` is that of the products. `None` if a value is not finite.
    pub(crate) fn new(mut gram: Vec<f64>, mut cross: Vec<f64>, squares: &[f64], mut error: f64) -> Option<Self> {
        let q = squares.len();
        let p = cross.len() / q;
        if !(gram.iter().chain(&cross).chain(squares).all(|v| v.is_finite())) {
            return None;
        }
        // In units of the columns, so that small columns are not taken for rounding errors of large ones. A column of zeros
        // stands for itself until its unit, 0, comes back.
        let units: Vec<f64> = (0..p).map(|j| gram[j * p + j].max(0.0).sqrt()).collect();
        let inverse = |j: usize| if units[j] > 0.0 { 1.0 / units[j] } else { 0.0 };
        for j in 0..p {
            let scale = inverse(j);
            gram[j * p..(j + 1) * p].iter_mut().enumerate().for_each(|(i, v)| *v = *v * scale * inverse(i));
            gram[j * p + j] = 1.0;
            cross.iter_mut().skip(j).step_by(p).for_each(|c| *c *= scale);
        }
        if units.iter().any(|u| !(1.0 / u).is_finite() && *u != 0.0) {
            return None; // squares at the edge of what can be represented
        }
        let factor = Factor::new(gram, p);
        error += factor.neglected;

        let rank = factor.order.len();
        let nrows = rank + 1;
        let scale = (nrows as f64).sqrt();
        let mut x = vec![0.0; nrows * p];
        for j in 0..p {
            for (i, v) in x[j * nrows..j * nrows + rank].iter_mut().enumerate() {
                *v = factor.lower[i * p + j] * units[j] * scale;
            }
        }
        let mut y = vec![0.0; nrows * q];
        for ((y, c), square) in y.chunks_exact_mut(nrows).zip(cross.chunks_exact_mut(p)).zip(squares) {
            // Forward substitution, column by column.
            for (i, &pivot) in factor.order.iter().enumerate() {
                let column = &factor.lower[i * p..(i + 1) * p];
                y[i] = c[pivot] / column[pivot];
                kernels::axpy(-y[i], column, c);
            }
            y[rank] = (square - kernels::sq_norm(&y[..rank])).max(0.0).sqrt();
            y.iter_mut().for_each(|v| *v *= scale);
        }
        if !x.iter().chain(&y).all(|v| v.is_finite()) {
            return None;
        }
        Some(Self { x: Dense::from_gathered(x, nrows, p), y, error })
    }

    /// The smooth term.
    pub(crate) fn predictor(self) -> LinearPredictor<Dense<'static, f64>, Squared> {
        let nrows = self.y.len() / self.nresponses();
        LinearPredictor::new(self.x, Squared::new(self.y, nrows))
    }

    fn nresponses(&self) -> usize {
        use crate::design::LinearOperator;
        self.y.len() / self.x.nrows()
    }
}

/// `A = LLᵀ` for a positive semidefinite matrix with ones on its diagonal.
struct Factor {
    /// p values for each pivot, in the order of the columns of A; zero for the pivots before.
    lower: Vec<f64>,
    /// The columns that are pivots.
    order: Vec<usize>,
    /// The largest diagonal entry of what was left out.
    neglected: f64,
}

impl Factor {
    fn new(a: Vec<f64>, p: usize) -> Self {
        // A factorisation that comes to its end is accurate whatever the condition; only where columns depend on each other
        // does the order matter.
        if let Ok(cholesky) = Cholesky::factor(&a, p)
            && (0..p).all(|j| cholesky.lower(j, j) * cholesky.lower(j, j) > DEPENDENT)
        {
            let lower = (0..p * p).map(|k| if k % p >= k / p { cholesky.lower(k % p, k / p) } else { 0.0 }).collect();
            return Self { lower, order: (0..p).collect(), neglected: 0.0 };
        }
        Self::pivoted(a, p)
    }

    /// The largest pivot first: what is left out in the end is bounded, entry by entry, by the last pivot. Columns are
    /// formed when they are needed (left-looking), so the cost is that of the rank.
    fn pivoted(a: Vec<f64>, p: usize) -> Self {
        let mut rest = vec![1.0; p];
        let (mut lower, mut order) = (Vec::<f64>::new(), Vec::new());
        loop {
            let (pivot, largest) =
                rest.iter().enumerate().fold((0, f64::NEG_INFINITY), |m, (j, &v)| if v > m.1 { (j, v) } else { m });
            if order.len() == p || largest <= DEPENDENT {
                return Self { lower, order, neglected: largest.max(0.0) };
            }
            let mut column = a[pivot * p..(pivot + 1) * p].to_vec();
            for before in lower.chunks_exact(p) {
                kernels::axpy(-before[pivot], before, &mut column);
            }
            let root = largest.sqrt();
            column.iter_mut().for_each(|v| *v /= root);
            order.iter().for_each(|&j: &usize| column[j] = 0.0);
            column[pivot] = root;
            for (rest, v) in rest.iter_mut().zip(&column) {
                *rest -= v * v;
            }
            rest[pivot] = f64::NEG_INFINITY;
            lower.extend_from_slice(&column);
            order.push(pivot);
        }
    }
}

/// Bound on what an error of the Gram matrix, relative to the norms of its columns, does to the gap at w.
///
/// With `s_t = ‖y_t‖ + Σ_j ‖x_j‖ |w_jt|` the gradient is wrong by at most `ε_jt = error · ‖x_j‖ s_t / n`; that moves
/// `⟨g, w⟩`, and by the share Ω°(ε)/λ the multiplier that makes the dual point feasible. With the multiplier goes the gap: the
/// part of Ω by λΩ(w), the part of the loss, quadratic in what the multiplier is below one, by at most twice the gap. To first
/// order in ε, and for penalties with a curved conjugate near the optimum. For a penalty that is not convex, what it does to
/// the KKT violation.
pub(crate) fn gap_error<D: Design, L: Loss, P: BlockPenalty>(
    smooth: &LinearPredictor<D, L>,
    penalty: &P,
    lambda: f64,
    (w, gap): (&[f64], f64),
    error: f64,
) -> f64 {
    use crate::penalty::Penalty;
    let (q, n) = (smooth.nresponses(), smooth.loss().nrows());
    let norms: Vec<f64> = (0..smooth.ncols()).map(|j| (smooth.design().sq_norm(j) / n as f64).sqrt()).collect();
    let y = smooth.loss().as_squared().map_or(&[][..], |loss| loss.y());
    let mut sizes: Vec<f64> = y.chunks_exact(n).map(|y| (kernels::sq_norm(y) / n as f64).sqrt()).collect();
    for (w, norm) in w.chunks_exact(q).zip(&norms) {
        w.iter().zip(&mut sizes).for_each(|(w, s)| *s += norm * w.abs());
    }
    let mut worst: Vec<f64> = norms.iter().flat_map(|norm| sizes.iter().map(move |s| -error * norm * s)).collect();
    for j in penalty.free_columns(lambda) {
        worst[j * q..(j + 1) * q].fill(0.0);
    }
    if !Penalty::is_convex(penalty) {
        return penalty.kkt_violation(0.0, &vec![0.0; worst.len()], &worst);
    }
    let critical = penalty.critical_lambda(&worst);
    let moved = penalty.value(lambda, w) + 2.0 * gap.max(0.0);
    let scaling = if lambda > 0.0 && critical.is_finite() { critical / lambda * moved } else { 0.0 };
    error * sizes.iter().map(|s| s * s).sum::<f64>() + scaling
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg;

    /// n × p, column-major, reproducible.
    fn numbers(n: usize, p: usize) -> Vec<f64> {
        (0..n * p).map(|k| ((k * k * 31 + k * 17) % 101) as f64 / 50.0 - 1.0 + (k % 7) as f64 * 0.1).collect()
    }

    fn gram(x: &[f64], n: usize, p: usize) -> Vec<f64> {
        let mut out = vec![0.0; p * p];
        linalg::gram(x, n, p, &mut out);
        out.iter_mut().for_each(|v| *v /= n as f64);
        out
    }

    /// The rows have the moments that they were made from, whether columns are independent, repeated, nearly equal, zero,
    /// or of any size.
    #[test]
    fn rows_have_the_moments_they_stand_for() {
        let (n, p, q) = (60, 8, 2);
        for case in 0..5 {
            let mut x = numbers(n, p);
            let copy = |x: &mut Vec<f64>, from: usize, to: usize, change: f64| {
                for i in 0..n {
                    x[to * n + i] = x[from * n + i] + change * (i % 5) as f64;
                }
            };
            match case {
                1 => (3..6).for_each(|j| copy(&mut x, j - 3, j, 0.0)),
                2 => copy(&mut x, 0, 5, 1e-9),
                3 => x[4 * n..5 * n].fill(0.0),
                4 => x.iter_mut().enumerate().for_each(|(k, v)| *v *= 10f64.powi((k / n) as i32 * 4 - 14)),
                _ => {}
            }
            let y = numbers(n, q + 3)[n..(q + 1) * n].to_vec();
            let before = gram(&x, n, p);
            let mut cross = vec![0.0; p * q];
            linalg::transpose_matmul(&x, &y, n, p, q, &mut cross);
            cross.iter_mut().for_each(|v| *v /= n as f64);
            let squares: Vec<f64> = y.chunks_exact(n).map(|y| kernels::sq_norm(y) / n as f64).collect();
            let rows = Rows::new(before.clone(), cross.clone(), &squares, 0.0).unwrap();
            assert!(rows.error <= DEPENDENT);
            let m = rows.y.len() / q;
            assert!(m <= if case == 1 { p - 2 } else { p + 1 });
            let small = rows.x.columns_slice().unwrap();
            let after = gram(small, m, p);
            let size = |j: usize| before[j * p + j].sqrt();
            for j in 0..p {
                for i in 0..p {
                    let difference = (after[j * p + i] - before[j * p + i]).abs();
                    assert!(difference <= 2e-13 * size(i) * size(j), "{case}: {i} {j} {difference:e}");
                }
                for (t, square) in squares.iter().enumerate() {
                    let product = kernels::dot(&small[j * m..(j + 1) * m], &rows.y[t * m..(t + 1) * m]) / m as f64;
                    let difference = (product - cross[t * p + j]).abs();
                    assert!(difference <= 2e-13 * size(j) * square.sqrt(), "{case}: {j} of {t} {difference:e}");
                }
            }
            for (y, square) in rows.y.chunks_exact(m).zip(&squares) {
                assert!((kernels::sq_norm(y) / m as f64 / square - 1.0).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_not_compressed() {
        assert!(Rows::new(vec![f64::INFINITY], vec![1.0], &[1.0], 0.0).is_none());
        assert!(Rows::new(vec![1.0], vec![f64::NAN], &[1.0], 0.0).is_none());
        assert!(Rows::new(vec![0.0], vec![0.0], &[0.0], 0.0).is_some());
    }
}
