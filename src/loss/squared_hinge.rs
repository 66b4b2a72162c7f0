//! Squared hinge loss: `ℓ(y, η) = max(0, 1 − yη)²/2` with y ∈ {−1, 1}.

use crate::loss::{PointwiseLoss, forgive};

/// `ℓ(y, η) = max(0, 1 − yη)²/2` for classes y = 1 and y = −1: the smooth loss of support vector machines (Chang, Hsieh
/// and Lin 2008, Coordinate descent method for large-scale L2-loss linear support vector machines).
/// `ℓ*(u) = uy + u²/2` for `uy ≤ 0`, else ∞.
///
/// ```
/// use sparsereg::loss::{PointwiseLoss, SquaredHinge};
/// assert_eq!((SquaredHinge.value(1.0, -1.0), SquaredHinge.value(1.0, 2.0)), (2.0, 0.0));
/// assert_eq!((SquaredHinge.slope(-1.0, 0.0), SquaredHinge.slope(-1.0, -2.0)), (1.0, 0.0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SquaredHinge;

impl SquaredHinge {
    /// Curvature of an observation beyond its margin, where the second derivative is 0. Wherever the gradient is not
    /// zero, observations short of their margin give the model all the curvature it needs, so this is not for the size of
    /// the steps: it keeps a coefficient that none of them touches from dividing by zero. It is small enough for
    /// Newton's method on the generalised Hessian, which would end after finitely many steps, to gain about six digits
    /// with each, even if all but a few observations are beyond.
    const REST: f64 = 1e-6;
}

impl PointwiseLoss for SquaredHinge {
    fn value(&self, y: f64, eta: f64) -> f64 {
        let short = 1.0 - y * eta;
        if short <= 0.0 { 0.0 } else { 0.5 * short * short }
    }

    fn slope(&self, y: f64, eta: f64) -> f64 {
        let short = 1.0 - y * eta;
        if short <= 0.0 { 0.0 } else { -y * short }
    }

    fn curvature(&self, y: f64, eta: f64) -> f64 {
        if y * eta < 1.0 { 1.0 } else { Self::REST }
    }

    fn conjugate(&self, y: f64, u: f64) -> f64 {
        if u * y > 0.0 { f64::INFINITY } else { u * y + 0.5 * u * u }
    }

    fn smoothness(&self, _y: f64) -> f64 {
        1.0
    }

    fn fenchel_young(&self, y: f64, eta: f64, u: f64) -> f64 {
        // With the margin m = yη and v = −uy ≥ 0: (1 − m − v)²/2 short of the margin, v²/2 + v(m − 1) beyond.
        let (v, short) = (forgive(-u * y, 1.0), 1.0 - y * eta);
        match v {
            v if v < 0.0 => f64::INFINITY,
            v if short > 0.0 => 0.5 * (short - v) * (short - v),
            v => 0.5 * v * v - v * short,
        }
    }
}
