//! Gamma loss with the log link: `ℓ(y, η) = η + y e^−η`.

use crate::loss::{PointwiseLoss, divergence_from, forgive};

/// `ℓ(y, η) = η + y e^−η` for y > 0, half the deviance of a gamma distribution with mean `e^η` up to a constant
/// (McCullagh and Nelder 1989, Generalized Linear Models, chapter 8). `ℓ*(u) = v log(v/y) − v` with the dual ratio
/// `v = 1 − u ≥ 0`, which is `y e^−η` where u is the slope at η.
///
/// ```
/// use sparsereg::loss::{Gamma, Loss, PointwiseLoss, Separable};
/// assert_eq!(Gamma.slope(3.0, 0.0), -2.0);
/// assert_eq!(Gamma.fenchel_young(2.0, 2f64.ln(), 0.0), 0.0); // the best η is log y
/// let loss = Separable::new(Gamma, vec![1.0, 2.0], 2);
/// assert_eq!(loss.value(&[0.0, 0.0]), 1.5);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gamma;

impl PointwiseLoss for Gamma {
    fn value(&self, y: f64, eta: f64) -> f64 {
        eta + y * (-eta).exp()
    }

    fn slope(&self, y: f64, eta: f64) -> f64 {
        1.0 - y * (-eta).exp()
    }

    fn curvature(&self, y: f64, eta: f64) -> f64 {
        y * (-eta).exp()
    }

    fn conjugate(&self, y: f64, u: f64) -> f64 {
        match forgive(1.0 - u, 1.0) {
            v if v < 0.0 => f64::INFINITY,
            0.0 => 0.0,
            v => v * (v / y).ln() - v,
        }
    }

    fn smoothness(&self, _y: f64) -> f64 {
        f64::INFINITY
    }

    fn fenchel_young(&self, y: f64, eta: f64, u: f64) -> f64 {
        divergence_from(forgive(1.0 - u, 1.0), y * (-eta).exp(), || y.ln() - eta)
    }
}
