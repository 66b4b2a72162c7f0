//! λ and φ together, by cross-validation.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array3, ArrayView2, ArrayView3, Axis, Slice};

use super::{Relaxed, RelaxedModel, check_phi, relax};
use crate::cross_validation::{CrossValidation, Folds, Judged, Split, fold_training, judge};
use crate::design::{AnyDesign, LinearOperator};
use crate::error::{Error, Result};
use crate::estimator::family::Responses;
use crate::estimator::{Estimator, Fitted, Model, Shape};
use crate::parallel;
use crate::path::{Grid, Path};
use crate::solver::Status;

/// The choice of λ and φ: one [`CrossValidation`] for each φ, on the same folds.
#[derive(Debug, Clone)]
pub struct RelaxedCrossValidation<M> {
    phis: Vec<f64>,
    each: Vec<CrossValidation<RelaxedModel<M>>>,
    best: (usize, usize),
    one_standard_error: (usize, usize),
}

impl<M: Model> RelaxedCrossValidation<M> {
    /// The φs, as they were given.
    pub fn phis(&self) -> &[f64] {
        &self.phis
    }

    /// The cross-validation of λ at φ number `index`.
    ///
    /// # Panics
    /// If there is no such φ.
    pub fn at(&self, index: usize) -> &CrossValidation<RelaxedModel<M>> {
        &self.each[index]
    }

    /// The model on all data at the λ and φ with the smallest mean error.
    pub fn best(&self) -> &RelaxedModel<M> {
        self.model(self.best)
    }

    /// The model on all data with the fewest features among those within one standard error of the best, and of these the
    /// one with the smallest error; never denser than [`best`](Self::best).
    pub fn one_standard_error(&self) -> &RelaxedModel<M> {
        self.model(self.one_standard_error)
    }

    fn model(&self, (phi, lambda): (usize, usize)) -> &RelaxedModel<M> {
        &self.each[phi].path().models()[lambda]
    }
}

impl<M: Model> fmt::Display for RelaxedCrossValidation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scoring = self.each.first().map_or(String::new(), |cv| cv.scoring().to_string());
        writeln!(f, "{:>6} {:>13} {:>9} {:>13} {:>12}", "φ", "λ", "features", scoring, "std. error")?;
        let mut line = |(phi, lambda): (usize, usize), mark: &str| {
            let (model, curve) = (self.model((phi, lambda)), self.each[phi].curve());
            let (mean, error) = (curve.mean[lambda], curve.standard_error[lambda]);
            let (value, features) = (model.lambda(), model.support().len());
            writeln!(f, "{:>6} {value:>13.6e} {features:>9} {mean:>13.6e} {error:>12.4e}{mark}", self.phis[phi])
        };
        for (phi, cv) in self.each.iter().enumerate() {
            line((phi, cv.curve().best), if phi == self.best.0 { "  best" } else { "" })?;
        }
        line(self.one_standard_error, "  one standard error")
    }
}

pub(super) fn run<E: Estimator>(
    relaxed: &Relaxed<E>,
    design: &AnyDesign<'_>,
    y: ArrayView2<'_, f64>,
    folds: &(impl Folds + ?Sized),
    grid: Grid,
    phis: &[f64],
) -> Result<RelaxedCrossValidation<E::Model>> {
    if phis.is_empty() {
        return Err(Error::Empty { argument: "phis" });
    }
    for (k, &phi) in phis.iter().enumerate() {
        check_phi(phi).map_err(|_| Error::OutOfRange {
            argument: "phis",
            index: vec![k],
            value: phi,
            expected: "a number in [0, 1]",
        })?;
    }
    let estimator = &relaxed.estimator;
    let (n, p) = (design.nrows(), design.ncols());
    let scoring = estimator.options().scoring.unwrap_or_else(|| estimator.default_scoring());
    estimator.check_scoring(scoring)?;
    let mut prepared = relaxed.prepare(design.reborrow(), y, &mut ())?;
    let pairs = relaxed.pairs(&mut prepared, (n, p), grid)?;
    let lambdas: Vec<f64> = pairs.iter().map(|pair| pair.penalized.lambda).collect();
    let splits = folds.splits(n)?;
    let (q, classes) = pairs
        .first()
        .map_or((1, Arc::default()), |pair| (pair.penalized.coefficients.dim().1, Arc::clone(&pair.penalized.classes)));
    let work = splits.len() * n * p * size_of::<f64>();
    let fits = parallel::map_indexed(splits.len(), work, |k| {
        predictions(estimator, design, y, (k, &splits[k]), &lambdas, phis, &classes)
    });
    let weights = estimator.options().sample_weights.clone().unwrap_or_else(|| vec![1.0; n]);
    let errors = |rows: &[usize], truth: &Responses<'_>, fit: ArrayView3<'_, f64>| {
        estimator.of_rows(rows).errors(truth, fit, &classes, scoring)
    };
    let points = phis.len() * lambdas.len();
    let judged = judge(y, E::Response::ONE, &weights, &splits, fits, (points, q), errors)?;
    let mut each = Vec::with_capacity(phis.len());
    for (k, &phi) in phis.iter().enumerate() {
        let models: Vec<_> = pairs.iter().map(|pair| pair.model(estimator, &prepared, phi)).collect::<Result<_>>()?;
        let sizes: Vec<usize> = models.iter().map(|m| m.support().len()).collect();
        let own = k * lambdas.len()..(k + 1) * lambdas.len();
        let part = Judged {
            scores: judged.scores.slice_axis(Axis(0), Slice::from(own.clone())).to_owned(),
            fold_weights: judged.fold_weights.clone(),
            out_of_fold: judged.out_of_fold.slice_axis(Axis(0), Slice::from(own.clone())).to_owned(),
            unconverged: judged.unconverged[own].to_vec(),
        };
        each.push(CrossValidation::new(Path::new(models), part, &sizes, scoring));
    }
    let mean = |(phi, lambda): (usize, usize)| -> f64 { each[phi].curve().mean[lambda] };
    let size = |(phi, lambda): (usize, usize)| each[phi].path().models()[lambda].support().len();
    let mut best = (0, each[0].curve().best);
    for (phi, cv) in each.iter().enumerate() {
        if mean((phi, cv.curve().best)) < mean(best) {
            best = (phi, cv.curve().best);
        }
    }
    let limit = mean(best) + each[best.0].curve().standard_error[best.1];
    let mut smallest = best;
    for phi in 0..phis.len() {
        for lambda in 0..lambdas.len() {
            let at = (phi, lambda);
            let order = size(at).cmp(&size(smallest)).then(mean(at).total_cmp(&mean(smallest)));
            if mean(at) <= limit && order.is_lt() {
                smallest = at;
            }
        }
    }
    Ok(RelaxedCrossValidation { phis: phis.to_vec(), each, best, one_standard_error: smallest })
}

/// One fold's models on what it is judged on: (φs · λs) × rows × predictions.
fn predictions<E: Estimator>(
    estimator: &E,
    design: &AnyDesign<'_>,
    y: ArrayView2<'_, f64>,
    (fold, split): (usize, &Split),
    lambdas: &[f64],
    phis: &[f64],
    classes: &[Vec<f64>],
) -> Result<(Array3<f64>, Vec<Status>)> {
    let (training, options) = fold_training(estimator, design, y, (fold, split), classes)?;
    let own = estimator.of_rows(&split.train);
    let mut prepared = own.prepare(training, &mut ())?;
    let path = own.path_prepared(&mut prepared, lambdas, &options, &mut ())?;
    let pairs = relax(&prepared, path, &options, &mut ())?;
    let (test, rows) = (design.select_rows(&split.test)?, split.test.len());
    let q = pairs.first().map_or(1, |pair| pair.refit.coefficients.dim().1);
    let offset = &estimator.options().offset;
    let offset = offset.as_ref().map(|offset| offset.select(&split.test).task_major(rows, q)).transpose()?;
    let mut out = Array3::zeros((phis.len() * lambdas.len(), rows, q));
    let mut statuses = vec![Status::Converged; phis.len() * lambdas.len()];
    let predict = |fitted: &Fitted| {
        let w: Vec<f64> = fitted.coefficients.iter().copied().collect();
        let mut eta = vec![0.0; rows * q];
        test.apply(&w, &mut eta);
        for (t, eta) in eta.chunks_exact_mut(rows).enumerate() {
            eta.iter_mut().for_each(|eta| *eta += fitted.intercept[t]);
        }
        eta
    };
    for (k, pair) in pairs.iter().enumerate() {
        let (penalized, refit) = (predict(&pair.penalized), predict(&pair.refit));
        for (f, &phi) in phis.iter().enumerate() {
            let point = f * lambdas.len() + k;
            let used = |fitted: &Fitted, share: f64| {
                share > 0.0 && !matches!(fitted.status, Status::Converged | Status::Stalled)
            };
            if used(&pair.penalized, 1.0) {
                statuses[point] = pair.penalized.status;
            } else if used(&pair.refit, 1.0 - phi) {
                statuses[point] = pair.refit.status;
            }
            for i in 0..rows {
                for t in 0..q {
                    let at = t * rows + i;
                    let known = offset.as_ref().map_or(0.0, |o| o[at]);
                    out[[point, i, t]] = phi * penalized[at] + (1.0 - phi) * refit[at] + known;
                }
            }
        }
    }
    Ok((out, statuses))
}
