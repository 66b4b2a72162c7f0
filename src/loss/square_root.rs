//! The square root of the mean squared error: `F(η) = √(1/n Σ_i s_i (y_i − η_i)²)`.

use crate::loss::{Hessian, Loss};

/// `F(η) = √(1/n Σ_it s_i (y_it − η_it − o_it)²)`: with it the best λ of a lasso does not depend on the noise level
/// (Belloni, Chernozhukov and Wang 2011, Square-root lasso). Several responses share **one** root over all their residuals.
///
/// With the scaled residual `z = √(s/n)(y − o − η)` the gradient is `−√(s/n) z/‖z‖` and the Hessian
/// `√(s/n) (I − zzᵀ/‖z‖²) √(s/n) / ‖z‖`. `F*(u) = ⟨u, y − o⟩` where `‖u/√(s/n)‖ ≤ 1`, else ∞. F has no gradient at z = 0;
/// there 0 stands for it, which is a subgradient. The answer is there where λ is small and y is free of noise, and for a
/// constant y: [`smoothed`](Loss::smoothed) is the root with one more residual μ that does not move, less μ:
/// `F_μ(η) = √(‖z‖² + μ²) − μ`, between F − μ and F, with `F_μ*(u) = ⟨u, y − o⟩ + μ(1 − √(1 − ‖u/√(s/n)‖²))`.
///
/// ```
/// use sparsereg::loss::{Loss, SquareRoot};
/// let loss = SquareRoot::new(vec![3.0, 1.0], 2);
/// assert!((loss.value(&[0.0, 0.0]) - 5f64.sqrt()).abs() < 1e-15);
/// assert_eq!(loss.fenchel_young(&[3.0, 1.0], &[0.1, -0.2]), 0.0);
/// ```
#[derive(Debug, Clone)]
pub struct SquareRoot {
    y: Vec<f64>,
    nrows: usize,
    /// √(s_i/n).
    root: Vec<f64>,
    offset: Option<Vec<f64>>,
    /// μ; 0 for the root itself.
    width: f64,
}

impl SquareRoot {
    /// `y` is task-major: the `nrows` values of the first response, then those of the second …
    pub fn new(y: Vec<f64>, nrows: usize) -> Self {
        let root = vec![(1.0 / nrows as f64).sqrt(); nrows];
        Self { y, nrows, root, offset: None, width: 0.0 }
    }

    /// Weights s_i ≥ 0, one per observation, taken as they are.
    ///
    /// # Panics
    /// If there is not one for each observation.
    pub fn with_weights(mut self, weights: &[f64]) -> Self {
        assert!(weights.len() == self.nrows, "{} weights for {} observations", weights.len(), self.nrows);
        self.root = weights.iter().map(|s| (s / self.nrows as f64).sqrt()).collect();
        self
    }

    /// Offsets o, task-major as y: known parts of the prediction.
    ///
    /// # Panics
    /// If there is not one for each response.
    pub fn with_offset(mut self, offset: Vec<f64>) -> Self {
        assert!(offset.len() == self.y.len(), "{} offsets for {} responses", offset.len(), self.y.len());
        self.offset = Some(offset);
        self
    }

    /// The responses, task-major.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    /// √(s/n) of value k.
    fn root(&self, k: usize) -> f64 {
        self.root[if k < self.nrows { k } else { k % self.nrows }]
    }

    /// z and √(‖z‖² + μ²).
    fn residual(&self, eta: &[f64]) -> (Vec<f64>, f64) {
        let offset = |k: usize| self.offset.as_ref().map_or(0.0, |o| o[k]);
        let one = |(k, (y, eta)): (usize, (&f64, &f64))| {
            let root = self.root(k);
            if root == 0.0 { 0.0 } else { root * (y - (eta + offset(k))) }
        };
        let z: Vec<f64> = self.y.iter().zip(eta).enumerate().map(one).collect();
        let norm = norm(&z).hypot(self.width);
        (z, norm)
    }
}

/// Without underflow: that of a residual near zero decides whether there is a gradient.
fn norm(z: &[f64]) -> f64 {
    let largest = z.iter().fold(0.0, |m: f64, z| m.max(z.abs()));
    if largest > 1e-140 && largest < 1e140 || largest == 0.0 {
        return z.iter().map(|z| z * z).sum::<f64>().sqrt();
    }
    largest * z.iter().map(|z| (z / largest) * (z / largest)).sum::<f64>().sqrt()
}

impl Loss for SquareRoot {
    fn len(&self) -> usize {
        self.y.len()
    }

    fn nrows(&self) -> usize {
        self.nrows
    }

    fn value(&self, eta: &[f64]) -> f64 {
        let (z, length) = self.residual(eta);
        // √(‖z‖² + μ²) − μ without cancellation.
        if self.width == 0.0 { length } else { norm(&z) * (norm(&z) / (length + self.width)) }
    }

    fn gradient(&self, eta: &[f64], u: &mut [f64]) {
        let (z, norm) = self.residual(eta);
        for (k, (u, z)) in u.iter_mut().zip(z).enumerate() {
            *u = if norm == 0.0 { 0.0 } else { -self.root(k) * (z / norm) };
        }
    }

    fn fenchel_young(&self, eta: &[f64], u: &[f64]) -> f64 {
        let (z, length) = self.residual(eta);
        // With q = −u/√(s/n): ‖z‖ − ⟨q, z⟩ = (1 − ‖q‖)‖z‖ + ‖q‖‖z‖/2 · ‖q/‖q‖ − z/‖z‖‖², both terms ≥ 0.
        let mut q = Vec::with_capacity(u.len());
        for (k, u) in u.iter().enumerate() {
            q.push(match (self.root(k), *u) {
                (_, 0.0) => 0.0,
                (0.0, _) => return f64::INFINITY,
                (root, u) => -u / root,
            });
        }
        let size = norm(&q);
        // The norm of a gradient is 1 up to the rounding of a sum of so many squares.
        if size > 1.0 + (8.0 + (q.len() as f64).sqrt()) * f64::EPSILON {
            return f64::INFINITY;
        }
        if self.width > 0.0 {
            // That of the root for the vectors (z, μ) and (q, √(1 − ‖q‖²)), the second of which has the norm 1.
            let rest = (1.0 - size.min(1.0) * size.min(1.0)).sqrt() - self.width / length;
            let turn: f64 = q.iter().zip(&z).map(|(q, z)| q - z / length).map(|d| d * d).sum();
            return 0.5 * length * (turn + rest * rest);
        }
        if length == 0.0 || size == 0.0 {
            return length;
        }
        let turn: f64 = q.iter().zip(&z).map(|(q, z)| q / size - z / length).map(|d| d * d).sum();
        (1.0 - size).max(0.0) * length + 0.5 * size * length * turn
    }

    fn smoothness(&self) -> f64 {
        let largest = self.root.iter().fold(0.0, |m: f64, root| m.max(root * root));
        if self.width == 0.0 { f64::INFINITY } else { largest / self.width }
    }

    fn smoothed(&self, width: f64) -> Option<Box<dyn Loss>> {
        (self.width == 0.0).then(|| Box::new(Self { width, ..self.clone() }) as Box<dyn Loss>)
    }

    fn kinks_are_rare(&self) -> bool {
        true
    }

    fn hessian(&self, eta: &[f64]) -> Hessian<'_> {
        let (mut z, norm) = self.residual(eta);
        if norm > 0.0 {
            z.iter_mut().for_each(|z| *z /= norm);
        }
        // At z = 0 every direction is up with slope: any positive number will do.
        let scale = if norm > 0.0 { 1.0 / norm } else { 1.0 };
        Hessian::Operator(Box::new(move |v, out| {
            let along: f64 = z.iter().zip(v).enumerate().map(|(k, (z, v))| z * self.root(k) * v).sum();
            for (k, (out, (z, v))) in out.iter_mut().zip(z.iter().zip(v)).enumerate() {
                let root = self.root(k);
                *out = scale * root * (root * v - z * along);
            }
        }))
    }
}
