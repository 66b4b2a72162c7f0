//! The known graph that an estimate is held against.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::estimator::PrecisionModel;

/// Pairs i < j.
#[derive(Debug)]
pub(super) struct Truth(pub(super) BTreeSet<(usize, usize)>);

impl Truth {
    /// Checks pairs of p variables; (i, j) and (j, i) are the same.
    pub(super) fn new(pairs: &[(usize, usize)], p: usize) -> Result<Self> {
        for (position, &(i, j)) in pairs.iter().enumerate() {
            if i.max(j) >= p {
                return Err(Error::Index { argument: "truth", position, index: i.max(j), len: p });
            }
            if i == j {
                let expected = "a pair of two different variables";
                return Err(Error::OutOfRange { argument: "truth", index: vec![position], value: i as f64, expected });
            }
        }
        Ok(Self(pairs.iter().map(|&(i, j)| (i.min(j), i.max(j))).collect()))
    }

    /// The number of estimated edges that are true.
    pub(super) fn hits(&self, model: &PrecisionModel) -> usize {
        self.0.iter().filter(|&&(i, j)| model.precision()[[i, j]] != 0.0).count()
    }
}
