//! Paths of joint graphical lassos.

use std::fmt;

use ndarray::{ArrayBase, Data, Ix2};

use crate::error::{Error, Result};
use crate::estimator::graphical_lasso::covariance::Covariance;
use crate::estimator::joint_graphical_lasso::check_ratio;
use crate::estimator::{Criterion, JointGraphicalLasso, JointPrecisionModel};
use crate::grid::Grid;
use crate::solver::{Status, Watch};

/// The models along a path, λ₁ falling and λ₂ in a fixed ratio to it. Every point carries its own certificate and status.
#[derive(Debug, Clone)]
pub struct JointGraphicalPath {
    models: Vec<JointPrecisionModel>,
}

impl JointGraphicalPath {
    /// One model per λ₁.
    pub fn models(&self) -> &[JointPrecisionModel] {
        &self.models
    }

    /// The λ₁s, falling.
    pub fn lambdas(&self) -> Vec<f64> {
        self.models.iter().map(JointPrecisionModel::lambda1).collect()
    }

    /// The model with the smallest criterion; of equal ones the one with the largest λ₁.
    ///
    /// # Errors
    /// As [`JointPrecisionModel::criterion`]; [`Error::Empty`] for a path without models.
    pub fn select(&self, criterion: Criterion) -> Result<&JointPrecisionModel> {
        let values = self.models.iter().map(|m| m.criterion(criterion)).collect::<Result<Vec<f64>>>()?;
        let best = (0..values.len()).reduce(|best, k| if values[k] < values[best] { k } else { best });
        best.map(|k| &self.models[k]).ok_or(Error::Empty { argument: "path" })
    }
}

impl fmt::Display for JointGraphicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>13} {:>13} {:>7} {:>7} {:>12}  status", "λ₁", "λ₂", "edges", "shared", "rel. gap")?;
        for m in &self.models {
            let (edges, gap) = (m.edges(), m.certificate().relative_gap());
            let shared = edges.iter().filter(|e| e.is_shared()).count();
            let (lambda1, lambda2, status) = (m.lambda1(), m.lambda2(), m.status());
            writeln!(f, "{lambda1:>13.6e} {lambda2:>13.6e} {:>7} {shared:>7} {gap:>12.2e}  {status}", edges.len())?;
        }
        Ok(())
    }
}

impl JointGraphicalLasso {
    /// Fits the whole grid of λ₁ to the samples of the classes, with λ₂ = ratio · λ₁, each from the answer before; the estimator's own
    /// λs are not used. An automatic grid goes from λ_max down to λ_max / 100. A point that did not converge says so in its
    /// status and is no error.
    ///
    /// # Errors
    /// As [`fit`](Self::fit) and [`Grid::resolve`]; a ratio that is negative or not finite.
    pub fn path<S: Data<Elem = f64>>(
        &self,
        samples: &[ArrayBase<S, Ix2>],
        ratio: f64,
        grid: Grid,
    ) -> Result<JointGraphicalPath> {
        self.path_of(&self.moments(samples)?, ratio, grid, &mut ())
    }

    /// [`path`](Self::path) for covariance matrices.
    ///
    /// # Errors
    /// As [`fit_covariances`](Self::fit_covariances) and [`Grid::resolve`]; a ratio that is negative or not finite.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let a = array![[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]];
    /// let b = array![[1.0, 0.4, 0.16], [0.4, 1.0, 0.4], [0.16, 0.4, 1.0]];
    /// let path = JointGraphicalLasso::default()
    ///     .fused()
    ///     .observations([50, 80])
    ///     .path_covariances(&[a, b], 0.5, Grid::auto(10))?;
    /// assert!(path.models()[0].edges().is_empty());
    /// assert_eq!(path.models()[9].shared_edges().len(), 2);
    /// assert_eq!(path.select(Criterion::Bic)?.edges().len(), 2);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn path_covariances<S: Data<Elem = f64>>(
        &self,
        covariances: &[ArrayBase<S, Ix2>],
        ratio: f64,
        grid: Grid,
    ) -> Result<JointGraphicalPath> {
        self.path_of(&self.given(covariances)?, ratio, grid, &mut ())
    }

    /// [`path`](Self::path) with a watcher; a path that is cancelled ends with the point at which it was.
    ///
    /// # Errors
    /// As [`path`](Self::path).
    pub fn path_watched<S: Data<Elem = f64>>(
        &self,
        samples: &[ArrayBase<S, Ix2>],
        ratio: f64,
        grid: Grid,
        watch: &mut dyn Watch,
    ) -> Result<JointGraphicalPath> {
        self.path_of(&self.moments(samples)?, ratio, grid, watch)
    }

    fn path_of(
        &self,
        data: &[Covariance],
        ratio: f64,
        grid: Grid,
        watch: &mut dyn Watch,
    ) -> Result<JointGraphicalPath> {
        check_ratio(ratio)?;
        // A ratio of 1e-2, as where there are more features than observations.
        let lambdas = grid.resolve(self.lambda_max_of(data, ratio)?, 0, data.first().map_or(0, |class| class.size))?;
        let mut models: Vec<JointPrecisionModel> = Vec::with_capacity(lambdas.len());
        for lambda in lambdas {
            let model = self.solve_one(data, (lambda, ratio * lambda), ("grid", "ratio"), models.last(), watch)?;
            let cancelled = model.status() == Status::Cancelled;
            models.push(model);
            if cancelled {
                break;
            }
        }
        Ok(JointGraphicalPath { models })
    }
}
