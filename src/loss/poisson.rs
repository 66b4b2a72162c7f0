//! Poisson loss with the log link: `ℓ(y, η) = e^η − yη`.

use crate::loss::{PointwiseLoss, divergence_from, forgive};

/// `ℓ(y, η) = e^η − yη` for counts y ≥ 0 (any number ≥ 0 will do). `ℓ*(u) = v log v − v` with the dual mean
/// `v = u + y ≥ 0`. The logarithm of the exposure is an offset.
///
/// ```
/// use sparsereg::loss::{PointwiseLoss, Poisson};
/// assert_eq!(Poisson.slope(3.0, 0.0), -2.0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Poisson;

impl PointwiseLoss for Poisson {
    fn value(&self, y: f64, eta: f64) -> f64 {
        eta.exp() - y * eta
    }

    fn slope(&self, y: f64, eta: f64) -> f64 {
        eta.exp() - y
    }

    fn curvature(&self, _y: f64, eta: f64) -> f64 {
        eta.exp()
    }

    fn conjugate(&self, y: f64, u: f64) -> f64 {
        match forgive(u + y, y) {
            v if v < 0.0 => f64::INFINITY,
            0.0 => 0.0,
            v => v * v.ln() - v,
        }
    }

    fn smoothness(&self, _y: f64) -> f64 {
        f64::INFINITY
    }

    fn fenchel_young(&self, y: f64, eta: f64, u: f64) -> f64 {
        divergence_from(forgive(u + y, y), eta.exp(), || eta)
    }
}
