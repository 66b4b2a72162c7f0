//! Gap-safe screening (Ndiaye, Fercoq, Gramfort, Salmon 2017): blocks that are zero in every optimum.
//!
//! F* is 1/ν-strongly convex, so the optimal dual point lies within `√(2ν·gap)` of the one at hand. A block whose dual
//! norm stays below λ in that whole ball is zero. The radius uses gap + rounding: with a clamped or rounded gap, active
//! blocks would be discarded "safely" once the solver has converged.

use crate::penalty::BlockPenalty;
use crate::problem::Certificate;

/// Keeps the blocks that may be non-zero; `norms[b]` bounds ‖X_b‖₂.
pub(super) fn keep<P: BlockPenalty>(
    penalty: &P,
    lambda: f64,
    scaled: impl Fn(usize) -> f64,
    norms: &[f64],
    certificate: &Certificate,
    smoothness: f64,
    alive: &mut Vec<usize>,
) {
    let radius = (2.0 * smoothness * (certificate.gap + certificate.rounding)).sqrt();
    if !radius.is_finite() {
        return;
    }
    alive.retain(|&b| match penalty.screening_constant(b) {
        // The margin covers the rounding of the dual norm itself.
        Some(c) if c.is_finite() => {
            let largest = scaled(b) + c * norms[b] * radius;
            largest.is_nan() || largest >= lambda * (1.0 - 1e-9)
        }
        _ => true,
    });
}
