//! What is known of an answer: how a solve ended, and the proof of how good its answer is. Knows nobody.

use std::fmt;

/// How a solve ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The certificate meets the tolerance.
    Converged,
    /// The tolerance lies below what floating-point arithmetic can certify here; the answer is as good as it gets.
    Stalled,
    /// The iteration limit was reached first.
    IterationLimit,
    /// The time limit was reached first.
    TimeLimit,
    /// The watcher asked to stop.
    Cancelled,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Converged => "converged",
            Self::Stalled => "stalled at the limit of rounding",
            Self::IterationLimit => "iteration limit",
            Self::TimeLimit => "time limit",
            Self::Cancelled => "cancelled",
        })
    }
}

/// How close an answer is proven to be to the optimum. All figures are in units of the documented objective.
///
/// With a penalty that is not convex there is no such proof: `is_convex` is false, `gap` is NaN, and what is certified is
/// that the answer is stationary, as `kkt` is next to zero. It may be a local optimum, and others may be better. `scale` and
/// `rounding` are then those of `kkt`: the largest gradient of a penalised block at the model without penalised coefficients
/// (λ_max, if all weights are 1), and the estimated error of a gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// The objective `f(w) + λΩ(w)` at the answer.
    pub objective: f64,
    /// Objective minus dual objective: the answer is at most this far above the optimum. Never clamped; NaN if the
    /// problem has no dual (then `kkt` is the measure).
    pub gap: f64,
    /// Estimate of the floating-point error of `gap`, for the columns as the solver sees them (centred, scaled).
    pub rounding: f64,
    /// Largest violation of the stationarity conditions over the blocks, `dist(−∇_b f, λ∂Ω_b)`; penalties that do not
    /// know this distance use the length of a proximal step, `‖w − prox(w − ∇f)‖`, which is zero at the same points.
    pub kkt: f64,
    /// The objective at zero (at the best constant model with an intercept; p for a graphical lasso): what the tolerance is
    /// relative to.
    pub scale: f64,
    /// Whether the problem is convex, so that `gap` is the measure; otherwise `kkt` is.
    pub is_convex: bool,
}

impl Certificate {
    /// `gap / scale`: what a tolerance is compared with.
    pub fn relative_gap(&self) -> f64 {
        if self.gap == 0.0 { 0.0 } else { self.gap / self.scale }
    }

    /// What a tolerance is compared with: `gap / scale`, or `kkt / scale` where the penalty is not convex.
    pub fn relative_error(&self) -> f64 {
        if self.error() == 0.0 { 0.0 } else { self.error() / self.scale }
    }

    /// What solvers bring to zero.
    pub(crate) fn error(&self) -> f64 {
        if self.is_convex { self.gap } else { self.kkt }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_convex {
            let objective = Plain(self.objective, 8);
            let (kkt, relative, rounding) = (self.kkt, self.relative_error(), self.rounding);
            return write!(
                f,
                "objective {objective}, not convex: stationary up to a KKT violation of {kkt:.2e} (relative {relative:.2e}, rounding {rounding:.1e})"
            );
        }
        write!(
            f,
            "objective {}, duality gap {:.2e} (relative {:.2e}, rounding {:.1e}), KKT violation {:.2e}",
            Plain(self.objective, 8),
            self.gap,
            self.relative_gap(),
            self.rounding,
            self.kkt
        )
    }
}

/// A number with this many decimals where that can be read, in scientific notation otherwise.
pub(crate) struct Plain(pub f64, pub usize);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if size == 0.0 || (1e-4..1e7).contains(&size) {
            write!(f, "{:.*}", self.1, self.0)
        } else {
            write!(f, "{:.*e}", self.1, self.0)
        }
    }
}
