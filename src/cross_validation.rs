//! The choice of λ by cross-validation, right by construction: folds are drawn once; weights, centring and
//! standardisation happen inside the folds; every λ is judged on the same folds.

use std::fmt;

use ndarray::{Array2, Array3, ArrayBase, ArrayView2, Axis, Data, Dimension};

use crate::design::{AnyDesign, AsDesign, LinearOperator};
use crate::error::{Error, Result};
use crate::estimator::{Estimator, Model, Options, Training};
pub use crate::folds::{Curve, FoldIds, Folds, GroupedKFold, KFold, Split};
use crate::parallel;
use crate::path::{FitPath, Grid, Path, fit_grid};
use crate::solver::Status;

/// The result of a cross-validation: the curve, the models refitted on all data, the out-of-fold predictions.
#[derive(Debug, Clone)]
pub struct CrossValidation<M> {
    path: Path<M>,
    curve: Curve,
    out_of_fold: Array3<f64>,
    unconverged: Vec<usize>,
}

impl<M: Model> CrossValidation<M> {
    /// The models on all data, one per λ.
    pub fn path(&self) -> &Path<M> {
        &self.path
    }

    /// Mean squared errors and standard errors per λ.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// The model on all data at the λ with the smallest mean error.
    pub fn best(&self) -> &M {
        &self.path.models()[self.curve.best]
    }

    /// The model on all data at the largest λ within one standard error of the best; never denser than [`best`](Self::best).
    pub fn one_standard_error(&self) -> &M {
        &self.path.models()[self.curve.one_standard_error]
    }

    /// In how many folds the fit at λ number `index` stopped before its tolerance.
    ///
    /// # Panics
    /// If there is no such λ.
    pub fn unconverged(&self, index: usize) -> usize {
        self.unconverged[index]
    }

    /// Predictions of each observation by models that have not seen it, observations × responses, at λ number `index`.
    /// The mean if an observation was judged more than once, NaN if never.
    ///
    /// # Panics
    /// If there is no such λ.
    pub fn out_of_fold(&self, index: usize) -> ArrayView2<'_, f64> {
        self.out_of_fold.index_axis(Axis(0), index)
    }
}

impl<M: Model> fmt::Display for CrossValidation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>13} {:>9} {:>13} {:>12}", "λ", "features", "mean sq. err", "std. error")?;
        for (k, model) in self.path.models().iter().enumerate() {
            let mut mark = match k {
                k if k == self.curve.best => "  best",
                k if k == self.curve.one_standard_error => "  one standard error",
                _ => "",
            }
            .to_string();
            if self.unconverged[k] > 0 {
                mark += &format!("  not converged in {} folds", self.unconverged[k]);
            }
            writeln!(
                f,
                "{:>13.6e} {:>9} {:>13.6e} {:>12.4e}{mark}",
                model.lambda(),
                model.support().len(),
                self.curve.mean[k],
                self.curve.standard_error[k]
            )?;
        }
        Ok(())
    }
}

/// Cross-validation for every [`Estimator`].
pub trait CrossValidate: Estimator {
    /// Cross-validates the automatic grid of 100 λs.
    ///
    /// # Errors
    /// As [`cross_validate_on`](Self::cross_validate_on).
    ///
    /// ```
    /// use ndarray::{Array1, Array2};
    /// use sparsereg::prelude::*;
    /// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((i * (j + 2)) % 7) as f64);
    /// let y = Array1::from_shape_fn(40, |i| 2.0 * x[[i, 1]] + ((i * 5) % 3) as f64);
    /// let cv = Lasso::default().cross_validate(&x, &y, &KFold::new(5).seed(7))?;
    /// assert!(cv.one_standard_error().support().len() <= cv.best().support().len());
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    fn cross_validate<X, S>(
        &self,
        x: &X,
        y: &ArrayBase<S, Self::Response>,
        folds: &(impl Folds + ?Sized),
    ) -> Result<CrossValidation<Self::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        self.cross_validate_on(x, y, folds, Grid::default())
    }

    /// Cross-validates a grid: the λs come from all data, every fold walks them on its training part (folds in parallel,
    /// same bits for any number of threads), the score is the (weighted) mean squared error on its validation part.
    /// Keeps all out-of-fold predictions: λs × observations × responses numbers. Limits of iterations and time hold for each
    /// λ in each fold; a fit that was stopped is no error, but counted in [`CrossValidation::unconverged`] and marked by
    /// `Display`.
    ///
    /// # Errors
    /// As [`FitPath::path`] and [`Folds::splits`]; designs of your own need
    /// [`Design::select_rows`](crate::design::Design::select_rows).
    fn cross_validate_on<X, S>(
        &self,
        x: &X,
        y: &ArrayBase<S, Self::Response>,
        folds: &(impl Folds + ?Sized),
        grid: Grid,
    ) -> Result<CrossValidation<Self::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        let path = self.path(x, y, grid)?;
        let lambdas = path.lambdas();
        let design = x.as_design()?;
        let n = design.nrows();
        let y = responses(y);
        let q = y.ncols();
        let splits = folds.splits(n)?;
        let weights = self.options().sample_weights.clone().unwrap_or_else(|| vec![1.0; n]);

        let work = splits.len() * n * design.ncols() * size_of::<f64>();
        let fits =
            parallel::map_indexed(splits.len(), work, |fold| predictions(self, &design, &y, &splits[fold], &lambdas));
        let mut scores = Array2::zeros((lambdas.len(), splits.len()));
        let mut fold_weights = vec![0.0; splits.len()];
        let mut out_of_fold = Array3::zeros((lambdas.len(), n, q));
        let mut judged = vec![0.0; n];
        let mut unconverged = vec![0; lambdas.len()];
        for (fold, (split, fit)) in splits.iter().zip(fits).enumerate() {
            let (fit, statuses) = fit?;
            for (count, status) in unconverged.iter_mut().zip(statuses) {
                *count += usize::from(!matches!(status, Status::Converged | Status::Stalled));
            }
            let total: f64 = split.test.iter().map(|&i| weights[i]).sum();
            if total == 0.0 {
                let reason = format!("all observations of fold {fold} have weight 0");
                return Err(Error::IllPosed { reason });
            }
            fold_weights[fold] = total;
            split.test.iter().for_each(|&i| judged[i] += 1.0);
            for k in 0..lambdas.len() {
                let mut error = 0.0;
                for (row, &i) in split.test.iter().enumerate() {
                    for t in 0..q {
                        let prediction = fit[[k, row, t]];
                        error += weights[i] * (y[[i, t]] - prediction) * (y[[i, t]] - prediction);
                        out_of_fold[[k, i, t]] += prediction;
                    }
                }
                scores[[k, fold]] = error / (total * q as f64);
            }
        }
        for ((_, i, _), value) in out_of_fold.indexed_iter_mut() {
            *value = if judged[i] > 0.0 { *value / judged[i] } else { f64::NAN };
        }
        let sizes: Vec<usize> = path.models().iter().map(|m| m.support().len()).collect();
        Ok(CrossValidation { curve: Curve::new(scores, &fold_weights, &sizes), path, out_of_fold, unconverged })
    }
}

impl<E: Estimator> CrossValidate for E {}

/// Observations × responses.
fn responses<S: Data<Elem = f64>, R: Dimension>(y: &ArrayBase<S, R>) -> Array2<f64> {
    let q = if y.ndim() > 1 { y.shape()[1] } else { 1 };
    let mut values = y.iter();
    // The shape was checked by the path over all data.
    Array2::from_shape_simple_fn((y.shape()[0], q), || values.next().copied().unwrap_or(f64::NAN))
}

/// Fits one fold's path and predicts its validation part: λs × rows × responses, and how each fit ended.
fn predictions<E: Estimator>(
    estimator: &E,
    design: &AnyDesign<'_>,
    y: &Array2<f64>,
    split: &Split,
    lambdas: &[f64],
) -> Result<(Array3<f64>, Vec<Status>)> {
    let pick = |values: &[f64]| -> Vec<f64> { split.train.iter().map(|&i| values[i]).collect() };
    let options = Options {
        sample_weights: estimator.options().sample_weights.as_deref().map(pick),
        ..estimator.options().clone()
    };
    let q = y.ncols();
    let train_y = Array2::from_shape_fn((split.train.len(), q), |(r, t)| y[[split.train[r], t]]);
    let training = Training::new(design.select_rows(&split.train)?, &train_y, &options)?;
    let layout = estimator.layout(design.ncols())?;
    let test = design.select_rows(&split.test)?;
    let rows = split.test.len();
    training.with_predictor(&layout, |smooth| {
        let models = fit_grid(estimator, &training, smooth, &layout, lambdas, &mut ());
        let mut out = Array3::zeros((lambdas.len(), rows, q));
        let mut eta = vec![0.0; rows * q];
        for (k, model) in models.iter().enumerate() {
            let fitted = model.fitted();
            let w: Vec<f64> = fitted.coefficients.iter().copied().collect();
            test.apply(&w, &mut eta);
            for row in 0..rows {
                for t in 0..q {
                    out[[k, row, t]] = eta[t * rows + row] + fitted.intercept[t];
                }
            }
        }
        Ok((out, models.iter().map(Model::status).collect()))
    })
}
