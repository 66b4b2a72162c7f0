//! Paths of graphical lassos.

use std::fmt;

use ndarray::{Array2, ArrayBase, Data, Ix2};

use crate::cross_validation::Folds;
use crate::error::Result;
use crate::estimator::graphical_lasso::covariance::Covariance;
use crate::estimator::{GraphicalLasso, PrecisionModel};
use crate::parallel;
use crate::path::Grid;
use crate::solver::{Status, Watch};

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

    fn path_of(&self, covariance: &Covariance, grid: Grid, watch: &mut dyn Watch) -> Result<GraphicalPath> {
        let lambdas = self.grid(covariance, &grid)?;
        let mut models = Vec::with_capacity(lambdas.len());
        for lambda in lambdas {
            let model = self.solve_one(covariance, lambda, models.last(), watch)?;
            let cancelled = model.status() == Status::Cancelled;
            models.push(model);
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

    /// The held-out log-likelihoods of a grid: row k, column l is [`PrecisionModel::score`] on the test rows of split k of the
    /// model that was fitted to its training rows at the l-th λ. Returns the λs, falling, and the splits × λs matrix;
    /// the λ with the largest column mean is the choice of cross-validation. Splits run in parallel.
    ///
    /// # Errors
    /// As [`path`](Self::path), for every split; and those of the splits.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::prelude::*;
    /// let samples = Array2::from_shape_fn((30, 3), |(i, j)| ((i * (j + 3) * 7919) % 101) as f64);
    /// let (lambdas, scores) =
    ///     GraphicalLasso::default().cross_validate(&samples, &KFold::new(5).seed(1), Grid::auto(8))?;
    /// assert_eq!((lambdas.len(), scores.dim()), (8, (5, 8)));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn cross_validate<S>(
        &self,
        samples: &ArrayBase<S, Ix2>,
        folds: &(impl Folds + ?Sized),
        grid: Grid,
    ) -> Result<(Vec<f64>, Array2<f64>)>
    where
        S: Data<Elem = f64> + Sync,
    {
        self.check()?;
        let lambdas = self.grid(&self.moments(samples, None)?, &grid)?;
        let splits = folds.splits(samples.nrows())?;
        let p = samples.ncols();
        let rows = parallel::map_indexed(splits.len(), splits.len() * lambdas.len() * p * p * p, |k| {
            let split = &splits[k];
            let covariance = self.moments(samples, Some(&split.train))?;
            let path = self.path_of(&covariance, Grid::values(lambdas.clone()), &mut ())?;
            path.models.iter().map(|m| m.score_rows(samples, &split.test)).collect::<Result<Vec<f64>>>()
        });
        let mut scores = Array2::zeros((splits.len(), lambdas.len()));
        for (k, row) in rows.into_iter().enumerate() {
            for (l, value) in row?.into_iter().enumerate() {
                scores[[k, l]] = value;
            }
        }
        Ok((lambdas, scores))
    }
}
