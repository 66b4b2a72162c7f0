//! The problem `minimise f(w) + λΩ(w)`: objective, λ_max and the certificate of optimality.

use std::fmt;

/// How close an answer is proven to be to the optimum. All figures are in units of the documented objective.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// The objective `f(w) + λΩ(w)` at the answer.
    pub objective: f64,
    /// Objective minus dual objective: the answer is at most this far above the optimum. Never clamped; NaN if the
    /// problem has no dual (then `kkt` is the measure).
    pub gap: f64,
    /// Bound on the floating-point error of `gap`.
    pub rounding: f64,
    /// Largest violation of the stationarity conditions, `max_b dist(−∇_b f, λ∂Ω_b)`.
    pub kkt: f64,
    /// The objective at zero (at the best constant model with an intercept): what the tolerance is relative to.
    pub scale: f64,
}

impl Certificate {
    /// `gap / scale`: what a tolerance is compared with.
    pub fn relative_gap(&self) -> f64 {
        if self.gap == 0.0 { 0.0 } else { self.gap / self.scale }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "objective {:.10e}, duality gap {:.2e} (relative {:.2e}), KKT violation {:.2e}",
            self.objective,
            self.gap,
            self.relative_gap(),
            self.kkt
        )
    }
}
