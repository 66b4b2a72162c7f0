//! The minimax concave penalty (Zhang 2010).

use crate::error::Result;
use crate::partition::Partition;
use crate::penalty::folded_concave::{Curve, FoldedConcave, check_gamma};
use crate::prox;

/// The minimax concave penalty `Σ_b ρ(‖w_b‖₂; λω_b)` with `ρ(r; t) = tr − r²/(2γ)` up to `r = γt` and `γt²/2` beyond
/// (Zhang 2010, equation 2.1): the slope falls from t to 0 at rate 1/γ. γ → ∞ is the group norm, γ → 1 counts blocks.
///
/// ```
/// use sparsereg::{partition::Partition, penalty::{BlockPenalty, Mcp}};
/// let penalty = Mcp::new(Partition::singletons(1), 2.0)?;
/// let prox = |v: f64| { let mut v = [v]; penalty.prox_block(0, 1.0, 1.0, &mut v); v[0] };
/// assert_eq!([prox(0.9), prox(1.5), prox(3.5)], [0.0, 1.0, 3.5]); // zero, firmly thresholded, left alone
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub type Mcp = FoldedConcave<McpCurve>;

/// The curve of [`Mcp`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McpCurve {
    gamma: f64,
}

impl Mcp {
    /// γ > 1, weights `ω_b = √(columns of b)`.
    ///
    /// # Errors
    /// γ ≤ 1 or not finite.
    pub fn new(partition: Partition, gamma: f64) -> Result<Self> {
        Ok(Self::with_curve(partition, McpCurve::new(gamma)?))
    }
}

impl McpCurve {
    /// γ > 1.
    ///
    /// # Errors
    /// γ ≤ 1 or not finite.
    pub fn new(gamma: f64) -> Result<Self> {
        check_gamma(gamma, 1.0, "a finite number > 1")?;
        Ok(Self { gamma })
    }
}

impl Curve for McpCurve {
    fn value(&self, t: f64, r: f64) -> f64 {
        let end = self.gamma * t;
        if r < end { r * (t - r / (2.0 * self.gamma)) } else { 0.5 * end * t }
    }

    fn slope(&self, t: f64, r: f64) -> f64 {
        (t - r / self.gamma).max(0.0)
    }

    fn bend(&self, t: f64, r: f64) -> f64 {
        if r <= self.gamma * t { -1.0 / self.gamma } else { 0.0 }
    }

    #[inline]
    fn prox(&self, t: f64, step: f64, r: f64) -> f64 {
        prox::mcp(r, t, self.gamma, step)
    }
}
