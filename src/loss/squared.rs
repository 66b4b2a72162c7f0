//! Squared loss: `F(η) = 1/(2n) ‖Y − η‖²_F`.

use crate::loss::{Hessian, Loss};

/// `F(η) = 1/(2n) Σ_t ‖y_t − η_t‖²` for one or more responses. Observation weights are a scaling of the rows of X and
/// Y by √s (see [`RowScaled`](crate::design::RowScaled)), which the estimators do.
///
/// ```
/// use sparsereg::loss::{Loss, Squared};
/// let loss = Squared::new(vec![1.0, 3.0], 2);
/// assert_eq!(loss.value(&[0.0, 0.0]), 2.5);
/// ```
#[derive(Debug, Clone)]
pub struct Squared {
    y: Vec<f64>,
    nrows: usize,
}

impl Squared {
    /// `y` is task-major: the `nrows` values of the first response, then those of the second …
    pub fn new(y: Vec<f64>, nrows: usize) -> Self {
        Self { y, nrows }
    }

    /// The responses, task-major.
    pub fn y(&self) -> &[f64] {
        &self.y
    }
}

impl Loss for Squared {
    fn len(&self) -> usize {
        self.y.len()
    }

    fn nrows(&self) -> usize {
        self.nrows
    }

    fn value(&self, eta: &[f64]) -> f64 {
        let sum: f64 = self.y.iter().zip(eta).map(|(y, e)| (y - e) * (y - e)).sum();
        sum / (2.0 * self.nrows as f64)
    }

    fn gradient(&self, eta: &[f64], u: &mut [f64]) {
        let n = self.nrows as f64;
        for ((u, y), e) in u.iter_mut().zip(&self.y).zip(eta) {
            *u = (e - y) / n;
        }
    }

    fn fenchel_young(&self, eta: &[f64], u: &[f64]) -> f64 {
        // F*(u) = n/2 ‖u‖² + ⟨u, y⟩, so the gap is n/2 ‖u − ∇F(η)‖²: a square, nothing cancels.
        let n = self.nrows as f64;
        let sum: f64 = (self.y.iter().zip(eta).zip(u)).map(|((y, e), u)| u - (e - y) / n).map(|d| d * d).sum();
        0.5 * n * sum
    }

    fn smoothness(&self) -> f64 {
        1.0 / self.nrows as f64
    }

    fn hessian(&self, _eta: &[f64]) -> Hessian<'_> {
        Hessian::Diagonal(vec![1.0 / self.nrows as f64; self.y.len()])
    }

    fn as_squared(&self) -> Option<&Squared> {
        Some(self)
    }
}
