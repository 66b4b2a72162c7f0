//! λ as a sequence: grids, warm-started paths.

use std::fmt;

use ndarray::{ArrayBase, Data};

use crate::design::{AsDesign, LinearOperator};
use crate::error::Result;
use crate::estimator::{Estimator, LeastSquares, Model, Shape, Training};
pub use crate::grid::Grid;
use crate::moments::Moments;
use crate::solver::Watch;

/// The models along a path, λ falling. Every point carries its own certificate and status.
#[derive(Debug, Clone)]
pub struct Path<M> {
    models: Vec<M>,
}

impl<M: Model> Path<M> {
    pub(crate) fn new(models: Vec<M>) -> Self {
        Self { models }
    }

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
        let width = M::EXPLAINED.chars().count().max(8);
        writeln!(f, "{:>13} {:>9} {:>width$} {:>12}  status", "λ", "features", M::EXPLAINED, "rel. gap")?;
        for m in &self.models {
            let gap = m.certificate().relative_gap();
            writeln!(
                f,
                "{:>13.6e} {:>9} {:>width$.4} {:>12.2e}  {}",
                m.lambda(),
                m.support().len(),
                m.deviance_explained(),
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
        let training = self.training(design, Self::Response::matrix(y.view()), self.options())?;
        fit_path(self, training, (n, p), grid, watch)
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
    fn path_moments(&self, moments: &Moments, grid: Grid) -> Result<Path<Self::Model>>
    where
        Self: LeastSquares,
    {
        path_moments(self, moments, grid)
    }
}

impl<E: Estimator> FitPath for E {}

/// [`FitPath::path_moments`] of an estimator that is known to have the squared loss at run time only.
pub(crate) fn path_moments<E: Estimator>(estimator: &E, moments: &Moments, grid: Grid) -> Result<Path<E::Model>> {
    estimator.check_responses(moments)?;
    let training = Training::from_moments(moments, estimator.options())?;
    fit_path(estimator, training, (moments.nrows(), moments.nfeatures()), grid, &mut ())
}

/// The path of what is fitted to.
pub(crate) fn fit_path<E: Estimator>(
    estimator: &E,
    training: Training<'_>,
    (n, p): (usize, usize),
    grid: Grid,
    watch: &mut dyn Watch,
) -> Result<Path<E::Model>> {
    let prepared = training.arrange(estimator.layout(p)?)?;
    let lambdas = grid.resolve(prepared.lambda_max(), n, p)?;
    let fitted = prepared.solve_path(&lambdas, estimator.options(), watch);
    Ok(Path { models: fitted.into_iter().map(|fitted| estimator.model(fitted)).collect() })
}
