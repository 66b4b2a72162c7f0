//! Logistic loss: `ℓ(y, η) = log(1 + e^η) − yη` with y ∈ [0, 1], a class or a proportion.

use crate::loss::{PointwiseLoss, divergence_from, forgive};

/// `ℓ(y, η) = log(1 + e^η) − yη` for y = 1 (the class that a positive η speaks for), y = 0 (the other), or a proportion
/// between. `ℓ*(u) = v log v + (1 − v) log(1 − v)` with the dual probability `v = u + y ∈ [0, 1]`.
///
/// ```
/// use sparsereg::loss::{Logistic, PointwiseLoss};
/// assert_eq!(Logistic.slope(1.0, 0.0), -0.5);
/// assert!(Logistic.value(1.0, 800.0) == 0.0 && Logistic.value(0.0, 800.0) == 800.0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Logistic;

/// `1 / (1 + e^−η)`, to relative accuracy at both ends.
#[inline]
pub(crate) fn sigmoid(eta: f64) -> f64 {
    if eta >= 0.0 {
        1.0 / (1.0 + (-eta).exp())
    } else {
        let e = eta.exp();
        e / (1.0 + e)
    }
}

impl PointwiseLoss for Logistic {
    #[inline]
    fn value(&self, y: f64, eta: f64) -> f64 {
        // log(1 + e^η) − yη as a sum of two terms ≥ 0, so that nothing cancels at either end.
        let rest = (-eta.abs()).exp().ln_1p();
        rest + if eta > 0.0 { (1.0 - y) * eta } else { -y * eta }
    }

    #[inline]
    fn slope(&self, y: f64, eta: f64) -> f64 {
        // σ(η) − 1 = −σ(−η) keeps the digits of a class that is nearly certain.
        if y == 1.0 { -sigmoid(-eta) } else { sigmoid(eta) - y }
    }

    #[inline]
    fn curvature(&self, _y: f64, eta: f64) -> f64 {
        let e = (-eta.abs()).exp();
        e / ((1.0 + e) * (1.0 + e))
    }

    fn conjugate(&self, y: f64, u: f64) -> f64 {
        let entropy = |v: f64| match forgive(v, 1.0) {
            v if v < 0.0 => f64::INFINITY,
            0.0 => 0.0,
            v => v * v.ln(),
        };
        entropy(u + y) + entropy(1.0 - (u + y))
    }

    fn smoothness(&self, _y: f64) -> f64 {
        0.25
    }

    fn fenchel_young(&self, y: f64, eta: f64, u: f64) -> f64 {
        // The divergence of Bernoulli(v) from Bernoulli(σ(η)), with v and 1 − v both to relative accuracy.
        let (v, rest) = if y == 1.0 { (1.0 + u, -u) } else { (u + y, 1.0 - y - u) };
        // σ(η) and σ(−η) from one exponential.
        let e = (-eta.abs()).exp();
        let (likely, unlikely) = (1.0 / (1.0 + e), e / (1.0 + e));
        let (yes, no) = if eta >= 0.0 { (likely, unlikely) } else { (unlikely, likely) };
        // log σ(η) = η where σ(η) underflows.
        divergence_from(forgive(v, 1.0), yes, || eta) + divergence_from(forgive(rest, 1.0), no, || -eta)
    }
}
