//! The smoothly clipped absolute deviation (Fan and Li 2001).

use crate::error::Result;
use crate::partition::Partition;
use crate::penalty::folded_concave::{Curve, FoldedConcave, check_gamma};
use crate::prox;

/// The smoothly clipped absolute deviation `Σ_b ρ(‖w_b‖₂; λω_b)` with `ρ(0) = 0` and the slope
/// `ρ'(r; t) = t` up to `r = t`, `(γt − r)/(γ − 1)` up to `r = γt` and 0 beyond (Fan and Li 2001, equation 2.7, who call γ `a`
/// and suggest 3.7). γ → ∞ is the group norm.
///
/// ```
/// use sparsereg::{partition::Partition, penalty::{BlockPenalty, Scad}};
/// let penalty = Scad::new(Partition::singletons(1), 3.0)?;
/// let prox = |v: f64| { let mut v = [v]; penalty.prox_block(0, 1.0, 1.0, &mut v); v[0] };
/// assert_eq!([prox(0.9), prox(1.5), prox(2.5), prox(3.5)], [0.0, 0.5, 2.0, 3.5]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub type Scad = FoldedConcave<ScadCurve>;

/// The curve of [`Scad`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScadCurve {
    gamma: f64,
}

impl Scad {
    /// γ > 2, weights `ω_b = √(columns of b)`.
    ///
    /// # Errors
    /// γ ≤ 2 or not finite.
    pub fn new(partition: Partition, gamma: f64) -> Result<Self> {
        Ok(Self::with_curve(partition, ScadCurve::new(gamma)?))
    }
}

impl ScadCurve {
    /// γ > 2.
    ///
    /// # Errors
    /// γ ≤ 2 or not finite.
    pub fn new(gamma: f64) -> Result<Self> {
        check_gamma(gamma, 2.0, "a finite number > 2")?;
        Ok(Self { gamma })
    }
}

impl Curve for ScadCurve {
    fn value(&self, t: f64, r: f64) -> f64 {
        let gamma = self.gamma;
        if r <= t {
            t * r
        } else if r < gamma * t {
            t * r - 0.5 * (r - t) * ((r - t) / (gamma - 1.0))
        } else {
            0.5 * (gamma + 1.0) * t * t
        }
    }

    fn slope(&self, t: f64, r: f64) -> f64 {
        if r <= t { t } else { ((self.gamma * t - r) / (self.gamma - 1.0)).max(0.0) }
    }

    fn bend(&self, t: f64, r: f64) -> f64 {
        if r <= t || r > self.gamma * t { 0.0 } else { -1.0 / (self.gamma - 1.0) }
    }

    #[inline]
    fn prox(&self, t: f64, step: f64, r: f64) -> f64 {
        prox::scad(r, t, self.gamma, step)
    }
}
