//! Paths of graphical lassos.

use std::fmt;

use ndarray::{ArrayBase, Data, Ix2};

use crate::error::Result;
use crate::estimator::graphical_lasso::covariance::Covariance;
use crate::estimator::{GraphicalLasso, PrecisionModel};
use crate::grid::Grid;
use crate::solver::{Progress, Watch};

/// The models along a path, λ falling. Every point carries its own certificate and status, and 2p² numbers.
#[derive(Debug, Clone)]
pub struct GraphicalPath {
    models: Vec<PrecisionModel>,
}

impl GraphicalPath {
    /// One model per λ.
    pub fn models(&self) -> &[PrecisionModel] {
        &self.models
    }

    /// The λs, falling.
    pub fn lambdas(&self) -> Vec<f64> {
        self.models.iter().map(PrecisionModel::lambda).collect()
    }
}

impl fmt::Display for GraphicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>13} {:>7} {:>11} {:>12}  status", "λ", "edges", "components", "rel. gap")?;
        for m in &self.models {
            let gap = m.certificate().relative_gap();
            let (edges, components) = (m.edge_count(), m.components().len());
            writeln!(f, "{:>13.6e} {edges:>7} {components:>11} {gap:>12.2e}  {}", m.lambda(), m.status())?;
        }
        Ok(())
    }
}

impl GraphicalLasso {
    /// Fits the whole grid to n×p samples, each λ from the answer before; the estimator's own λ is not used. An automatic
    /// grid goes from λ_max down to λ_max / 100. A point that did not converge says so in its status and is no error.
    ///
    /// # Errors
    /// As [`fit`](Self::fit) and [`Grid::resolve`].
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let s = array![[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]];
    /// let path = GraphicalLasso::default().path_covariance(&s, Grid::auto(10))?;
    /// assert_eq!(path.models()[0].edge_count(), 0);
    /// assert_eq!(path.models()[9].edge_count(), 2);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn path<S: Data<Elem = f64>>(&self, samples: &ArrayBase<S, Ix2>, grid: Grid) -> Result<GraphicalPath> {
        self.check()?;
        self.path_of(&self.moments(samples, None)?, grid, &mut ())
    }

    /// [`path`](Self::path) for a covariance matrix.
    ///
    /// # Errors
    /// As [`fit_covariance`](Self::fit_covariance) and [`Grid::resolve`].
    pub fn path_covariance<S: Data<Elem = f64>>(
        &self,
        covariance: &ArrayBase<S, Ix2>,
        grid: Grid,
    ) -> Result<GraphicalPath> {
        self.check()?;
        self.path_of(&self.given(covariance)?, grid, &mut ())
    }

    /// [`path`](Self::path) with a watcher; a path that is cancelled ends with the point at which it was.
    ///
    /// # Errors
    /// As [`path`](Self::path).
    pub fn path_watched<S: Data<Elem = f64>>(
        &self,
        samples: &ArrayBase<S, Ix2>,
        grid: Grid,
        watch: &mut dyn Watch,
    ) -> Result<GraphicalPath> {
        self.check()?;
        self.path_of(&self.moments(samples, None)?, grid, watch)
    }

    pub(super) fn path_of(&self, covariance: &Covariance, grid: Grid, watch: &mut dyn Watch) -> Result<GraphicalPath> {
        let lambdas = self.grid(covariance, &grid)?;
        let mut models = Vec::with_capacity(lambdas.len());
        // Of a point that is finished at the very call that cancels, the status does not say so.
        let mut cancelled = false;
        for lambda in lambdas {
            let mut watch = |progress: &Progress| {
                let verdict = watch.progress(progress);
                cancelled |= verdict.is_break();
                verdict
            };
            models.push(self.solve_one(covariance, lambda, models.last(), &mut watch)?);
            if cancelled {
                break;
            }
        }
        Ok(GraphicalPath { models })
    }

    fn grid(&self, covariance: &Covariance, grid: &Grid) -> Result<Vec<f64>> {
        // A ratio of 1e-2, as where there are more features than observations.
        grid.resolve(self.lambda_max_of(covariance)?, 0, covariance.size)
    }
}
