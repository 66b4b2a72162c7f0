//! The nearest correlation matrix `min ½‖X − A‖²_F  over  X ⪰ 0, diag X = 1` (Higham 2002).
//!
//! Higham's alternating projections with Dykstra's correction have one number per variable for a state: what is projected
//! on the cone is always `A + Diag(y)`, and a sweep is `y ← y + 1 − diag (A + Diag y)₊`, a gradient step on the dual
//! `θ(y) = ½‖(A + Diag y)₊‖² − Σ y` (Malick 2004). That step always descends but converges slowly, so a Newton step on θ
//! (Qi and Sun 2006; Borsdorf and Higham 2010) is tried first and the projection is what remains when it fails.

use super::{Eigen, NoConvergence, eigh, gram, matmul, transpose_matmul};

/// What was found.
#[derive(Debug, Clone)]
pub(crate) struct NearestCorrelation {
    /// X, p×p: positive semidefinite up to rounding, its diagonal exactly one.
    pub(crate) values: Vec<f64>,
    /// ‖X − A‖_F.
    pub(crate) shift: f64,
    /// X is proven to be no farther from the nearest correlation matrix than this, in the Frobenius norm.
    pub(crate) bound: f64,
}

/// Iterations, one eigendecomposition each at least. Newton needs about six, and 26 where entries are as large as 100.
const ITERATIONS: usize = 200;
/// Largest `bound / √p`; a correlation matrix has a norm between √p and p.
const TOLERANCE: f64 = 1e-10;
/// Halvings of a Newton step before the projection is taken instead.
const HALVINGS: usize = 5;
const CONJUGATE_GRADIENTS: usize = 200;
/// Share of the predicted decrease that a step has to reach.
const ARMIJO: f64 = 1e-4;

/// `(A + Diag y)₊` and what belongs to it.
struct Point {
    y: Vec<f64>,
    eigen: Eigen,
    /// X₊, both triangles.
    positive: Vec<f64>,
    /// diag X₊ − 1, the gradient of θ.
    gradient: Vec<f64>,
    theta: f64,
}

/// The nearest correlation matrix to a symmetric p×p matrix with unit diagonal.
pub(crate) fn nearest_correlation(a: &[f64], p: usize) -> Result<NearestCorrelation, NoConvergence> {
    let size = (p as f64).sqrt();
    let mut at = Point::new(a, p, vec![0.0; p])?;
    let mut best = at.feasible(a);
    for _ in 0..ITERATIONS {
        if best.bound <= TOLERANCE * size {
            break;
        }
        let next = match at.newton(a)? {
            Some(next) => next,
            None => {
                let y = at.y.iter().zip(&at.gradient).map(|(y, g)| y - g).collect();
                Point::new(a, p, y)?
            }
        };
        at = next;
        let found = at.feasible(a);
        if found.bound <= best.bound {
            best = found;
        }
    }
    Ok(best)
}

impl Point {
    fn new(a: &[f64], p: usize, y: Vec<f64>) -> Result<Self, NoConvergence> {
        let mut shifted = a.to_vec();
        y.iter().enumerate().for_each(|(i, y)| shifted[i * p + i] += y);
        let eigen = eigh(&shifted, p)?;
        let negative = eigen.values.iter().take_while(|&&v| v <= 0.0).count();
        let rank = p - negative;
        let mut roots = vec![0.0; rank * p];
        for (k, column) in eigen.vectors.chunks_exact(p).skip(negative).enumerate() {
            let root = eigen.values[negative + k].sqrt();
            column.iter().enumerate().for_each(|(i, v)| roots[i * rank + k] = v * root);
        }
        let mut positive = shifted;
        gram(&roots, rank, p, &mut positive);
        let gradient = (0..p).map(|i| positive[i * p + i] - 1.0).collect();
        let squares: f64 = eigen.values[negative..].iter().map(|v| v * v).sum();
        let theta = 0.5 * squares - y.iter().sum::<f64>();
        Ok(Self { y, eigen, positive, gradient, theta })
    }

    fn size(&self) -> usize {
        self.y.len()
    }

    /// X₊ scaled to a unit diagonal, and its distance to the optimum.
    ///
    /// The objective is strongly convex, so the distance is at most `√(2 gap)`. With `N = X₊ − A − Diag y`, for which
    /// `X₊N = 0`, and the scales s, all terms of the gap of the first order cancel:
    /// `gap = Σ_ij (s_i − 1)(s_j − 1) X₊_ij N_ij + ½‖X − X₊‖²`. No digits are lost by differences of large numbers.
    fn feasible(&self, a: &[f64]) -> NearestCorrelation {
        let p = self.size();
        // s − 1 = 1/√(1 + g) − 1, without cancellation.
        let excess = |g: f64| {
            let root = (1.0 + g).sqrt();
            -g / (root * (1.0 + root))
        };
        let excess: Vec<f64> = self.gradient.iter().map(|&g| excess(g)).collect();
        let mut values = self.positive.clone();
        let (mut gap, mut shift) = (0.0, 0.0);
        for j in 0..p {
            for i in 0..p {
                let k = j * p + i;
                let x = self.positive[k];
                let negative = x - a[k] - if i == j { self.y[i] } else { 0.0 };
                let change = (excess[i] + excess[j] + excess[i] * excess[j]) * x;
                gap += excess[i] * excess[j] * x * negative + 0.5 * change * change;
                values[k] = if i == j { 1.0 } else { x + change };
                shift += (values[k] - a[k]) * (values[k] - a[k]);
            }
        }
        let bound = if gap.is_finite() { (2.0 * gap.max(0.0)).sqrt() } else { f64::INFINITY };
        NearestCorrelation { values, shift: shift.sqrt(), bound }
    }

    /// The next point by a damped Newton step; `None` if that does not make progress.
    fn newton(&self, a: &[f64]) -> Result<Option<Self>, NoConvergence> {
        let direction = self.direction();
        let slope: f64 = direction.iter().zip(&self.gradient).map(|(d, g)| d * g).sum();
        let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>();
        let mut step = 1.0;
        for _ in 0..HALVINGS {
            let y = self.y.iter().zip(&direction).map(|(y, d)| y + step * d).collect();
            let next = Self::new(a, self.size(), y)?;
            // Close to the optimum θ has no digits left to fall, while its gradient has.
            if next.theta <= self.theta + ARMIJO * step * slope || norm(&next.gradient) <= 0.25 * norm(&self.gradient) {
                return Ok(Some(next));
            }
            step *= 0.5;
        }
        Ok(None)
    }

    /// −V⁻¹g by conjugate gradients, for an element V of the generalised Hessian of θ.
    fn direction(&self) -> Vec<f64> {
        let size = self.gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let hessian = Hessian::new(&self.eigen, size.min(1e-2));
        let mut direction = vec![0.0; self.size()];
        let mut residual: Vec<f64> = self.gradient.iter().map(|g| -g).collect();
        let mut search = residual.clone();
        let mut squares = size * size;
        let target = size * size.min(0.1);
        for _ in 0..CONJUGATE_GRADIENTS {
            if squares.sqrt() <= target {
                break;
            }
            let image = hessian.apply(&search);
            let curvature: f64 = image.iter().zip(&search).map(|(a, b)| a * b).sum();
            if curvature.is_nan() || curvature <= 0.0 {
                break;
            }
            let step = squares / curvature;
            for (((d, s), r), i) in direction.iter_mut().zip(&search).zip(&mut residual).zip(&image) {
                *d += step * s;
                *r -= step * i;
            }
            let before = std::mem::replace(&mut squares, residual.iter().map(|r| r * r).sum());
            search.iter_mut().zip(&residual).for_each(|(s, r)| *s = r + squares / before * *s);
        }
        direction
    }
}

/// `h ↦ diag P(Ω ∘ PᵀDiag(h)P)Pᵀ + εh` with `Ω_ab = (λ_a⁺ − λ_b⁺) / (λ_a − λ_b)`, written with the eigenvectors of
/// the rarer sign: Ω for the positive, 1 − Ω for the others.
struct Hessian<'a> {
    vectors: &'a [f64],
    /// First and last eigenvector of the rarer sign.
    side: (usize, usize),
    /// side × p: Ω or 1 − Ω, twice for pairs of different signs.
    ratios: Vec<f64>,
    complement: bool,
    regularization: f64,
}

impl<'a> Hessian<'a> {
    fn new(eigen: &'a Eigen, regularization: f64) -> Self {
        let (values, p) = (&eigen.values, eigen.values.len());
        let negative = values.iter().take_while(|&&v| v <= 0.0).count();
        let complement = negative < p - negative;
        let side = if complement { (0, negative) } else { (negative, p) };
        let mut ratios = Vec::with_capacity((side.1 - side.0) * p);
        for b in 0..p {
            for a in side.0..side.1 {
                let same = (a < negative) == (b < negative);
                let ratio = 2.0 * values[a].abs() / (values[a].abs() + values[b].abs());
                ratios.push(if same { 1.0 } else { ratio });
            }
        }
        Self { vectors: &eigen.vectors, side, ratios, complement, regularization }
    }

    fn apply(&self, h: &[f64]) -> Vec<f64> {
        let (p, rank) = (h.len(), self.side.1 - self.side.0);
        let part = &self.vectors[self.side.0 * p..self.side.1 * p];
        let mut scaled = self.vectors.to_vec();
        scaled.chunks_exact_mut(p).for_each(|column| column.iter_mut().zip(h).for_each(|(v, h)| *v *= h));
        let mut inner = vec![0.0; rank * p];
        transpose_matmul(part, &scaled, p, rank, p, &mut inner);
        inner.iter_mut().zip(&self.ratios).for_each(|(v, r)| *v *= r);
        matmul(part, &inner, p, rank, p, &mut scaled);
        let mut image = vec![0.0; p];
        for (product, vector) in scaled.chunks_exact(p).zip(self.vectors.chunks_exact(p)) {
            image.iter_mut().zip(product).zip(vector).for_each(|((o, a), b)| *o += a * b);
        }
        let diagonal = |o: f64, h: f64| if self.complement { h - o } else { o };
        image.iter().zip(h).map(|(&o, &h)| diagonal(o, h) + self.regularization * h).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(p: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut a = vec![0.0; p * p];
        for j in 0..p {
            for i in 0..j {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let v = 2.0 * ((state >> 11) as f64 / (1u64 << 53) as f64) - 1.0;
                (a[j * p + i], a[i * p + j]) = (v, v);
            }
            a[j * p + j] = 1.0;
        }
        a
    }

    /// Higham's loop as it is published.
    fn alternating_projections(a: &[f64], p: usize, sweeps: usize) -> Vec<f64> {
        let (mut y, mut correction) = (a.to_vec(), vec![0.0; p * p]);
        for _ in 0..sweeps {
            let r: Vec<f64> = y.iter().zip(&correction).map(|(y, c)| y - c).collect();
            let x = Point::new(&r, p, vec![0.0; p]).unwrap().positive;
            correction = x.iter().zip(&r).map(|(x, r)| x - r).collect();
            y = x;
            (0..p).for_each(|i| y[i * p + i] = 1.0);
        }
        y
    }

    #[test]
    fn agrees_with_alternating_projections_and_certifies_itself() {
        for p in [2, 3, 5, 12, 40] {
            let a = random(p, p as u64);
            let found = nearest_correlation(&a, p).unwrap();
            let slow = alternating_projections(&a, p, 3000);
            let distance = found.values.iter().zip(&slow).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
            assert!(found.bound <= 1e-10 * p as f64, "{p}: {}", found.bound);
            assert!(distance < 1e-8 * p as f64, "{p}: {distance:e}");
            assert!(eigh(&found.values, p).unwrap().values[0] > -1e-13 * p as f64, "{p}");
            assert!((0..p).all(|i| found.values[i * p + i] == 1.0));
        }
    }

    #[test]
    fn the_bound_holds_before_convergence() {
        let p = 12;
        let a = random(p, 3);
        let best = nearest_correlation(&a, p).unwrap();
        let mut at = Point::new(&a, p, vec![0.0; p]).unwrap();
        for _ in 0..8 {
            let found = at.feasible(&a);
            let distance = found.values.iter().zip(&best.values).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
            assert!(distance <= found.bound + best.bound, "{distance:e} {:e}", found.bound);
            let y = at.y.iter().zip(&at.gradient).map(|(y, g)| y - g).collect();
            at = Point::new(&a, p, y).unwrap();
        }
    }

    /// Entries that are no correlations at all, ties among eigenvalues, solutions of low rank.
    #[test]
    fn hard_cases_converge_too() {
        let p = 30;
        let make = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            let entry = |k: usize| if k / p == k % p { 1.0 } else { f((k / p).min(k % p), (k / p).max(k % p)) };
            (0..p * p).map(entry).collect()
        };
        let noise = random(p, 8);
        let cases: [(&str, Vec<f64>); 6] = [
            ("all opposed", make(&|_, _| -1.0)),
            ("large", make(&|i, j| 100.0 * noise[j * p + i])),
            ("signs", make(&|i, j| noise[j * p + i].signum())),
            ("chain", make(&|i, j| if j == i + 1 { 1.0 } else { 0.0 })),
            ("blocks", make(&|i, j| if i / 10 == j / 10 { 1.0 } else { -0.9 })),
            ("barely", make(&|_, _| -1.0 / (p as f64 - 1.0) - 1e-10)),
        ];
        for (name, a) in cases {
            let found = nearest_correlation(&a, p).unwrap();
            assert!(found.bound <= 1e-8 && found.shift.is_finite(), "{name}: {:e}", found.bound);
            assert!(eigh(&found.values, p).unwrap().values[0] > -1e-12, "{name}");
        }
        // Where the limit comes first the answer is a correlation matrix all the same, and its bound says how good.
        let found = nearest_correlation(&make(&|i, j| 1e6 * noise[j * p + i]), p).unwrap();
        assert!(eigh(&found.values, p).unwrap().values[0] > -1e-12 && found.bound.is_finite());
    }

    #[test]
    fn a_correlation_matrix_stays() {
        let a = [1.0, 0.5, 0.5, 1.0];
        let found = nearest_correlation(&a, 2).unwrap();
        assert!(found.shift < 1e-15 && found.bound < 1e-15);
    }
}
