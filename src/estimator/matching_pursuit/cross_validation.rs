//! How many atoms: by cross-validation.

use std::fmt;

use ndarray::{Array3, ArrayView2, ArrayView3, Axis};

use super::{OrthogonalMatchingPursuit, PursuitPath};
use crate::cross_validation::{Curve, Folds, Split, judge};
use crate::design::{AnyDesign, LinearOperator};
use crate::error::Result;
use crate::estimator::family::Responses;
use crate::estimator::{Model, Options, Scoring, Shape, Training, scoring};
use crate::parallel;
use crate::solver::Status;

/// The choice of the number of atoms: the curve, the models on all data, the out-of-fold predictions.
#[derive(Debug, Clone)]
pub struct PursuitCrossValidation<M> {
    path: PursuitPath<M>,
    curve: Curve,
    scoring: Scoring,
    out_of_fold: Array3<f64>,
}

impl<M: Model> PursuitCrossValidation<M> {
    /// The models on all data: model k has k atoms.
    pub fn path(&self) -> &PursuitPath<M> {
        &self.path
    }

    /// Mean errors and standard errors per number of atoms.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// What the errors are.
    pub fn scoring(&self) -> Scoring {
        self.scoring
    }

    /// The model on all data with the number of atoms that has the smallest mean error.
    pub fn best(&self) -> &M {
        &self.path.models()[self.curve.best]
    }

    /// The smallest model within one standard error of the best.
    pub fn one_standard_error(&self) -> &M {
        &self.path.models()[self.curve.one_standard_error]
    }

    /// Predictions of each observation by models with so many atoms that have not seen it, observations × responses. The mean if
    /// an observation was judged more than once, NaN if never.
    ///
    /// # Panics
    /// If the path is not so long.
    pub fn out_of_fold(&self, atoms: usize) -> ArrayView2<'_, f64> {
        self.out_of_fold.index_axis(Axis(0), atoms)
    }
}

impl<M: Model> fmt::Display for PursuitCrossValidation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>7} {:>13} {:>12}", "atoms", self.scoring, "std. error")?;
        for (k, (mean, error)) in self.curve.mean.iter().zip(&self.curve.standard_error).enumerate() {
            let mark = match k {
                k if k == self.curve.best => "  best",
                k if k == self.curve.one_standard_error => "  one standard error",
                _ => "",
            };
            writeln!(f, "{k:>7} {mean:>13.6e} {error:>12.4e}{mark}")?;
        }
        Ok(())
    }
}

pub(super) fn run<D: Shape>(
    pursuit: &OrthogonalMatchingPursuit,
    design: &AnyDesign<'_>,
    y: ArrayView2<'_, f64>,
    folds: &(impl Folds + ?Sized),
) -> Result<PursuitCrossValidation<D::Linear>> {
    let (n, p) = (design.nrows(), design.ncols());
    let scoring = pursuit.scoring();
    if !matches!(scoring, Scoring::Deviance | Scoring::MeanSquaredError | Scoring::MeanAbsoluteError) {
        return Err(scoring.unsupported());
    }
    let training = Training::new(design.reborrow(), y, D::ONE, &pursuit.options)?;
    let path: PursuitPath<D::Linear> = pursuit.run(training, false)?;
    let splits = folds.splits(n)?;
    let points = path.models().len();
    let work = splits.len() * n * p * size_of::<f64>();
    let fits = parallel::map_indexed(splits.len(), work, |k| predictions::<D>(pursuit, design, y, &splits[k], points));
    let weights = pursuit.options.sample_weights.clone().unwrap_or_else(|| vec![1.0; n]);
    let errors =
        |_: &[usize], truth: &Responses<'_>, fits: ArrayView3<'_, f64>| scoring::least_squares(truth, fits, scoring);
    let judged = judge(y, D::ONE, &weights, &splits, fits, (points, y.ncols()), errors)?;
    let sizes: Vec<usize> = path.models().iter().map(|m| m.support().len()).collect();
    let curve = Curve::new(judged.scores, &judged.fold_weights, &sizes);
    Ok(PursuitCrossValidation { path, curve, scoring, out_of_fold: judged.out_of_fold })
}

/// One fold's models on what it is judged on.
fn predictions<D: Shape>(
    pursuit: &OrthogonalMatchingPursuit,
    design: &AnyDesign<'_>,
    y: ArrayView2<'_, f64>,
    split: &Split,
    points: usize,
) -> Result<(Array3<f64>, Vec<Status>)> {
    let whole = &pursuit.options;
    let pick = |values: &[f64]| -> Vec<f64> { split.train.iter().map(|&i| values[i]).collect() };
    let options = Options {
        sample_weights: whole.sample_weights.as_deref().map(pick),
        offset: whole.offset.as_ref().map(|offset| offset.select(&split.train)),
        ..whole.clone()
    };
    let train_y = y.select(Axis(0), &split.train);
    let path = pursuit.fold::<D>(design.select_rows(&split.train)?, train_y.view(), points - 1, options)?;
    let (test, rows, q) = (design.select_rows(&split.test)?, split.test.len(), y.ncols());
    let offset = whole.offset.as_ref().map(|offset| offset.select(&split.test).task_major(rows, q)).transpose()?;
    let mut out = Array3::zeros((points, rows, q));
    let mut statuses = Vec::with_capacity(points);
    for (k, mut out) in out.outer_iter_mut().enumerate() {
        let model = path.models().get(k).unwrap_or_else(|| path.last());
        let fitted = model.fitted();
        let mut eta = vec![0.0; rows * q];
        let w: Vec<f64> = fitted.coefficients.iter().copied().collect();
        test.apply(&w, &mut eta);
        for ((i, t), out) in out.indexed_iter_mut() {
            *out = eta[t * rows + i] + fitted.intercept[t] + offset.as_ref().map_or(0.0, |o| o[t * rows + i]);
        }
        statuses.push(fitted.status);
    }
    Ok((out, statuses))
}
