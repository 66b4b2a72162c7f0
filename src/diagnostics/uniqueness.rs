//! How many non-zeros are allowed: bounds of the form `k < bound`.

use crate::error::{Error, Result};

/// A guarantee for every sparsity `k < bound`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::diagnostics::mutual_coherence;
/// let x = array![[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]];
/// let bound = mutual_coherence(&x)?.recovery_bound();
/// assert!((bound.bound - 1.125).abs() < 1e-12);
/// assert_eq!(bound.largest, 1);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SparsityBound {
    /// The right-hand side, as computed; infinite if there is no limit.
    pub bound: f64,
    /// The largest whole k below the bound, at most the number of columns (or groups). Rounding is on the safe side: a
    /// bound that may be a whole number does not count itself.
    pub largest: usize,
}

impl SparsityBound {
    /// `bound` as computed, `safe` after rounding in the direction that promises less.
    pub(super) fn new(bound: f64, safe: f64, most: usize) -> Self {
        // The conversion saturates, at 0 for a bound that is negative.
        Self { bound, largest: ((safe.ceil() - 1.0) as usize).min(most) }
    }
}

/// Rejects a rank of 0: Y = 0 has the solution W = 0, and no bound is needed.
pub(super) fn check_rank(rank: usize) -> Result<()> {
    if rank > 0 {
        return Ok(());
    }
    Err(Error::OutOfRange { argument: "rank", index: vec![], value: 0.0, expected: "a rank of at least 1" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_bounds_do_not_count_themselves() {
        assert_eq!(SparsityBound::new(2.5, 2.5, 9).largest, 2);
        assert_eq!(SparsityBound::new(2.0, 2.0, 9).largest, 1);
        assert_eq!(SparsityBound::new(f64::INFINITY, f64::INFINITY, 9).largest, 9);
        assert_eq!(SparsityBound::new(0.4, 0.4, 9).largest, 0);
        assert_eq!(SparsityBound::new(-3.0, -3.0, 9).largest, 0);
    }
}
