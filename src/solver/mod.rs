//! "minimise": one descent engine, one proximal-gradient engine.

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
