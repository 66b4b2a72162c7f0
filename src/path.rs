//! λ as a sequence: grids, warm-started paths.

use std::fmt;
use std::ops::ControlFlow;

use ndarray::{ArrayBase, Data};

use crate::design::{AnyDesign, AsDesign, LinearOperator};
use crate::error::Result;
use crate::estimator::{Estimator, Layout, Model, Training, solve_path};
pub use crate::grid::Grid;
use crate::loss::Squared;
use crate::moments::Moments;
use crate::problem::Problem;
use crate::smooth::LinearPredictor;
use crate::solver::Watch;

/// The models along a path, λ falling. Every point carries its own certificate and status.
#[derive(Debug, Clone)]
pub struct Path<M> {
    models: Vec<M>,
}

impl<M: Model> Path<M> {
    /// One model per λ.
    pub fn models(&self) -> &[M] {
        &self.models
    }

    /// The λs, falling.
    pub fn lambdas(&self) -> Vec<f64> {
        self.models.iter().map(Model::lambda).collect()
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether there is no point (a path that was cancelled at once).
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// The features in the order in which they enter as λ falls, with the largest λ of the grid at which each is in.
    /// Features that enter at the same λ are in the order of their numbers.
    pub fn entry_order(&self) -> Vec<(usize, f64)> {
        let mut order = Vec::new();
        let mut entered = vec![false; self.models.first().map_or(0, |m| m.fitted().coefficients.nrows())];
        for model in &self.models {
            for j in model.support() {
                if !std::mem::replace(&mut entered[j], true) {
                    order.push((j, model.lambda()));
                }
            }
        }
        order
    }
}

impl<M: Model> fmt::Display for Path<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>13} {:>9} {:>8} {:>12}  status", "λ", "features", "R²", "rel. gap")?;
        for m in &self.models {
            let gap = m.certificate().relative_gap();
            writeln!(
                f,
                "{:>13.6e} {:>9} {:>8.4} {:>12.2e}  {}",
                m.lambda(),
                m.support().len(),
                m.r_squared(),
                gap,
                m.status()
            )?;
        }
        Ok(())
    }
}

/// Paths for every [`Estimator`].
pub trait FitPath: Estimator {
    /// Fits the whole grid, each λ from the answer before; the estimator's own λ is not used. A point that did not
    /// converge says so in its status and is no error.
    ///
    /// # Errors
    /// As [`Estimator::fit`] and [`Grid::resolve`].
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
    /// let path = Lasso::default().path(&x, &array![5.0, 7.0, 9.0, 11.0], Grid::auto(20))?;
    /// assert!(path.models()[0].support().is_empty());
    /// assert_eq!(path.entry_order()[0].0, 0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    fn path<X, S>(&self, x: &X, y: &ArrayBase<S, Self::Response>, grid: Grid) -> Result<Path<Self::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        self.path_watched(x, y, grid, &mut ())
    }

    /// [`path`](Self::path) with a watcher; a path that is cancelled ends with the point at which it was.
    ///
    /// # Errors
    /// As [`path`](Self::path).
    fn path_watched<X, S>(
        &self,
        x: &X,
        y: &ArrayBase<S, Self::Response>,
        grid: Grid,
        watch: &mut dyn Watch,
    ) -> Result<Path<Self::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        let design = x.as_design()?;
        let (n, p) = (design.nrows(), design.ncols());
        let training = Training::new(design, y, self.options())?;
        let layout = self.layout(p)?;
        training.with_predictor(&layout, |smooth| {
            let lambda_max = Problem::new(smooth, &layout.penalty, 0.0).lambda_max();
            let lambdas = grid.resolve(lambda_max, n, p)?;
            Ok(Path { models: fit_grid(self, &training, smooth, &layout, &lambdas, watch) })
        })
    }

    /// [`path`](Self::path) from the [`Moments`] of the data.
    ///
    /// # Errors
    /// As [`Estimator::fit_moments`] and [`Grid::resolve`].
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::{moments::Moments, prelude::*};
    /// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
    /// let moments = Moments::new(&x, &array![5.0, 7.0, 9.0, 11.0])?;
    /// assert_eq!(Lasso::default().path_moments(&moments, Grid::auto(20))?.entry_order()[0].0, 0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    fn path_moments(&self, moments: &Moments, grid: Grid) -> Result<Path<Self::Model>> {
        self.check_responses(moments)?;
        let (n, p) = (moments.nrows(), moments.nfeatures());
        let training = Training::from_moments(moments, self.options())?;
        let layout = self.layout(p)?;
        training.with_predictor(&layout, |smooth| {
            let lambda_max = Problem::new(smooth, &layout.penalty, 0.0).lambda_max();
            let lambdas = grid.resolve(lambda_max, n, p)?;
            Ok(Path { models: fit_grid(self, &training, smooth, &layout, &lambdas, &mut ()) })
        })
    }
}

impl<E: Estimator> FitPath for E {}

/// The models at the given, falling λs.
pub(crate) fn fit_grid<E: Estimator>(
    estimator: &E,
    training: &Training<'_>,
    smooth: &LinearPredictor<AnyDesign<'_>, Squared>,
    layout: &Layout<E::Penalty>,
    lambdas: &[f64],
    watch: &mut dyn Watch,
) -> Vec<E::Model> {
    let mut models = Vec::with_capacity(lambdas.len());
    let problem = Problem::new(smooth, &layout.penalty, 0.0);
    solve_path(&estimator.options().method, &problem, lambdas, watch, &mut |solution| {
        let cancelled = solution.status == crate::solver::Status::Cancelled;
        models.push(estimator.model(training, smooth, layout, lambdas[models.len()], solution));
        if cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    models
}
