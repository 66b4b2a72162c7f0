//! The choice of λ of a graphical lasso by information criteria.

use crate::error::{Error, Result, check_scalar};
use crate::estimator::{GraphicalPath, PrecisionModel};

/// What an edge costs: a criterion is `−2 log L + |E| · cost`, with the likelihood L of the samples that were fitted, at the
/// penalised Θ, and the number of edges |E|. Smaller is better.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Criterion {
    /// `2` (Akaike 1973).
    Aic,
    /// `log n` (Schwarz 1978).
    Bic,
    /// `log n + 4γ log p` with γ ≥ 0, usually ½: the prior of a graph falls with the number of graphs that have as many edges
    /// (Foygel and Drton 2010).
    Ebic(f64),
}

impl Criterion {
    /// What an edge costs among p variables in n samples.
    pub(super) fn cost(self, n: f64, p: f64) -> Result<f64> {
        Ok(match self {
            Self::Aic => 2.0,
            Self::Bic => n.ln(),
            Self::Ebic(gamma) => {
                check_scalar("gamma", gamma, 0.0, 1e100, "a number in [0, 1e100]")?;
                n.ln() + 4.0 * gamma * p.ln()
            }
        })
    }
}

impl PrecisionModel {
    /// The value of an information criterion.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if a covariance was fitted and [`observations`](crate::estimator::GraphicalLasso::observations) did
    /// not say of how many samples; [`Error::OutOfRange`] for γ that is negative or not finite.
    /// (Rows of weight 0 are no samples; what other weights are worth, `observations` says.)
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let s = array![[1.0, 0.6], [0.6, 1.0]];
    /// let model = GraphicalLasso::new(0.0).observations(100).fit_covariance(&s)?;
    /// let (aic, bic) = (model.criterion(Criterion::Aic)?, model.criterion(Criterion::Bic)?);
    /// assert!((bic - aic - (100f64.ln() - 2.0)).abs() < 1e-9); // one edge
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn criterion(&self, criterion: Criterion) -> Result<f64> {
        let Some(n) = self.observations() else {
            let reason = "information criteria need the number of samples: GraphicalLasso::observations";
            return Err(Error::Unsupported { argument: "criterion", reason });
        };
        let (n, p) = (n as f64, self.precision().ncols() as f64);
        let cost = criterion.cost(n, p)?;
        let constant = p * (2.0 * std::f64::consts::PI).ln();
        Ok(n * (constant + self.trace() - self.log_det()) + self.edge_count() as f64 * cost)
    }
}

impl GraphicalPath {
    /// The model with the smallest criterion; of equal ones the one with the largest λ.
    ///
    /// # Errors
    /// As [`PrecisionModel::criterion`]; [`Error::Empty`] for a path without models.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let s = array![[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]];
    /// let path = GraphicalLasso::default().observations(50).path_covariance(&s, Grid::auto(20))?;
    /// assert_eq!(path.select(Criterion::Ebic(0.5))?.edge_count(), 2); // a chain
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn select(&self, criterion: Criterion) -> Result<&PrecisionModel> {
        let values = self.models().iter().map(|m| m.criterion(criterion)).collect::<Result<Vec<f64>>>()?;
        let best = (0..values.len()).reduce(|best, k| if values[k] < values[best] { k } else { best });
        best.map(|k| &self.models()[k]).ok_or(Error::Empty { argument: "path" })
    }
}
