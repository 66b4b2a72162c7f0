//! The choice of λ by cross-validation, right by construction: folds are drawn once; weights, centring and
//! standardisation happen inside the folds; every λ is judged on the same folds.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, ArrayBase, ArrayView2, ArrayView3, Axis, Data};

use crate::design::{AnyDesign, AsDesign, Design, LinearOperator};
use crate::error::{Error, Result};
use crate::estimator::family::Responses;
use crate::estimator::{Estimator, Method, Model, Options, Scoring, Shape, Training, normalise};
pub use crate::folds::{Curve, FoldIds, Folds, GroupedKFold, KFold, Split, StratifiedKFold};
use crate::linalg;
use crate::moments::{FoldBlocks, Moments, Source, gather};
use crate::parallel;
use crate::path::{Grid, Path, fit_path, path_moments};
use crate::solver::{Form, Status};

/// The result of a cross-validation: the curve, the models refitted on all data, the out-of-fold predictions.
#[derive(Debug, Clone)]
pub struct CrossValidation<M> {
    path: Path<M>,
    curve: Curve,
    scoring: Scoring,
    out_of_fold: Array3<f64>,
    unconverged: Vec<usize>,
}

impl<M: Model> CrossValidation<M> {
    pub(crate) fn new(path: Path<M>, judged: Judged, sizes: &[usize], scoring: Scoring) -> Self {
        let Judged { scores, fold_weights, out_of_fold, unconverged } = judged;
        Self { path, curve: Curve::new(scores, &fold_weights, sizes), scoring, out_of_fold, unconverged }
    }

    /// The models on all data, one per λ.
    pub fn path(&self) -> &Path<M> {
        &self.path
    }

    /// Mean errors and standard errors per λ.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// What the errors are.
    pub fn scoring(&self) -> Scoring {
        self.scoring
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

    /// Predictions of each observation by models that have not seen it, observations × responses, at λ number `index`: η with
    /// the observation's offset, whatever the family makes of it. The mean if an observation was judged more than once, NaN if never.
    ///
    /// # Panics
    /// If there is no such λ.
    pub fn out_of_fold(&self, index: usize) -> ArrayView2<'_, f64> {
        self.out_of_fold.index_axis(Axis(0), index)
    }
}

impl<M: Model> fmt::Display for CrossValidation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>13} {:>9} {:>13} {:>12}", "λ", "features", self.scoring, "std. error")?;
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
    /// same bits for any number of threads), the score is the (weighted) error on its validation part that
    /// [`Configure::scoring`](crate::estimator::Configure::scoring) says, or the estimator's own: [`Scoring`].
    /// Keeps all out-of-fold predictions: λs × observations × responses numbers. Limits of iterations and time hold for each
    /// λ in each fold; a fit that was stopped is no error, but counted in [`CrossValidation::unconverged`] and marked by
    /// `Display`.
    ///
    /// With many more observations than features and folds that share them out, the [`Moments`] of each fold are taken once,
    /// and every training set is the sum of the other folds': about one pass over the data for all fits together.
    ///
    /// # Errors
    /// As [`FitPath::path`](crate::path::FitPath::path) and [`Folds::splits`].
    /// [`Error::Unsupported`] for a score that does not fit the estimator; [`Error::IllPosed`] for a fold without an
    /// observation of some class to train on ([`StratifiedKFold`] shares them out) and for one that cannot be judged.
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
        let design = x.as_design()?;
        let n = design.nrows();
        let scoring = self.options().scoring.unwrap_or_else(|| self.default_scoring());
        self.check_scoring(scoring)?;
        // Errors of the folds come after those of the data.
        let drawn = folds.splits(n);
        let tall = match &drawn {
            Ok(splits) => TallFolds::new(self, &design, Self::Response::matrix(y.view()), splits, grid.len()),
            Err(_) => None,
        };
        let path = match &tall {
            Some(tall) => path_moments(&tall.estimator, &tall.total(None), grid)?,
            None => {
                let training = self.training(design.reborrow(), Self::Response::matrix(y.view()), self.options())?;
                fit_path(self, training, (n, design.ncols()), grid, &mut ())?
            }
        };
        let lambdas = path.lambdas();
        let splits = drawn?;
        let y = Self::Response::matrix(y.view());
        // One number per prediction, all models alike; there is one for each λ.
        let (q, classes) = path.models().first().map_or((1, Arc::default()), |model| {
            (model.fitted().coefficients.dim().1, Arc::clone(&model.fitted().classes))
        });
        let weights = self.options().sample_weights.clone().unwrap_or_else(|| vec![1.0; n]);

        let fits = match &tall {
            Some(tall) => tall.predictions(&design, &splits, &lambdas),
            None => {
                let work = splits.len() * n * design.ncols() * size_of::<f64>();
                parallel::map_indexed(splits.len(), work, |k| {
                    predictions(self, &design, y, (k, &splits[k]), &lambdas, &classes)
                })
            }
        };
        let errors = |rows: &[usize], truth: &Responses<'_>, fit: ArrayView3<'_, f64>| {
            self.of_rows(rows).errors(truth, fit, &classes, scoring)
        };
        let judged = judge(y, Self::Response::ONE, &weights, &splits, fits, (lambdas.len(), q), errors)?;
        let sizes: Vec<usize> = path.models().iter().map(|m| m.support().len()).collect();
        Ok(CrossValidation::new(path, judged, &sizes, scoring))
    }
}

impl<E: Estimator> CrossValidate for E {}

/// What all folds say together.
pub(crate) struct Judged {
    /// Error of every point (rows) in every fold (columns).
    pub scores: Array2<f64>,
    /// What each fold holds.
    pub fold_weights: Vec<f64>,
    /// Points × observations × predictions.
    pub out_of_fold: Array3<f64>,
    /// In how many folds each point stopped before its tolerance.
    pub unconverged: Vec<usize>,
}

/// Judges every fold's predictions (points × rows × predictions) of what it has not seen, and collects them.
pub(crate) fn judge(
    y: ArrayView2<'_, f64>,
    one_dimensional: bool,
    weights: &[f64],
    splits: &[Split],
    fits: Vec<Result<(Array3<f64>, Vec<Status>)>>,
    (points, q): (usize, usize),
    errors: impl Fn(&[usize], &Responses<'_>, ArrayView3<'_, f64>) -> Result<Vec<f64>>,
) -> Result<Judged> {
    let n = y.nrows();
    let mut scores = Array2::zeros((points, splits.len()));
    let mut fold_weights = vec![0.0; splits.len()];
    let mut out_of_fold = Array3::zeros((points, n, q));
    let mut judged = vec![0.0; n];
    let mut unconverged = vec![0; points];
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
        let share: Vec<f64> = split.test.iter().map(|&i| weights[i]).collect();
        let share = normalise(&share, share.len())?;
        let judged_on = y.select(Axis(0), &split.test);
        let truth = Responses { y: judged_on.view(), one_dimensional, weights: Some(&share), offset: None };
        scores.column_mut(fold).assign(&Array1::from(errors(&split.test, &truth, fit.view())?));
        for (fit, mut kept) in fit.outer_iter().zip(out_of_fold.outer_iter_mut()) {
            for (fit, &i) in fit.outer_iter().zip(&split.test) {
                let mut kept = kept.row_mut(i);
                kept += &fit;
            }
        }
    }
    if judged.iter().any(|&times| times != 1.0) {
        for ((_, i, _), value) in out_of_fold.indexed_iter_mut() {
            *value = if judged[i] > 0.0 { *value / judged[i] } else { f64::NAN };
        }
    }
    Ok(Judged { scores, fold_weights, out_of_fold, unconverged })
}

/// Folds by their moments: for dense, tall data and splits that are a partition.
struct TallFolds<E> {
    /// The estimator without sample weights, which are in the moments.
    estimator: E,
    parts: Vec<Moments>,
    blocks: FoldBlocks,
}

impl<E: Estimator> TallFolds<E> {
    /// `None` where this is not the quicker way, and for data that deserve an error, which the other way finds.
    fn new(
        estimator: &E,
        design: &AnyDesign<'_>,
        y: ArrayView2<'_, f64>,
        splits: &[Split],
        points: usize,
    ) -> Option<Self> {
        let (n, p, k) = (design.nrows(), design.ncols(), splits.len());
        if !estimator.is_least_squares() || estimator.options().offset.is_some() {
            return None;
        }
        let auto = matches!(&estimator.options().method, Method::Descent(solver) if solver.form == Form::Auto);
        let dense = 4.0 * design.column_cost() > n as f64;
        let cheap = p <= COLUMNS_PER_PASS * (7 + points) * (k + 1);
        let shortest = splits.iter().map(|s| s.train.len()).min().unwrap_or(0);
        let few = k * k <= n / 8 && k * p <= n / 2;
        if !(auto && dense && cheap && few && n * p >= WORTHWHILE && shortest / 4 > p && is_partition(splits, n)) {
            return None;
        }
        let weights = estimator.options().sample_weights.as_deref();
        let weighted = |s: &[f64]| s.len() == n && s.iter().all(|w| *w >= 0.0 && w.is_finite());
        let square = |v: f64| v == 0.0 || (v * v >= f64::MIN_POSITIVE && (v * v).is_finite());
        let largest = y.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        if y.nrows() != n || !y.iter().all(|v| v.is_finite()) || !square(largest) || !weights.is_none_or(weighted) {
            return None;
        }
        let y: Vec<f64> = y.t().iter().copied().collect();
        let source = Source::new(design, &y, weights);
        if !source.representable() {
            return None;
        }
        let mut fold_of = vec![0; n];
        splits.iter().enumerate().for_each(|(k, split)| split.test.iter().for_each(|&i| fold_of[i] = k));
        let blocks = FoldBlocks::new(&fold_of, k);
        let parts = source.fold_moments(&blocks);
        let mut estimator = estimator.clone();
        estimator.options_mut().sample_weights = None;
        let tall = Self { estimator, parts, blocks };
        let sound = |without| {
            let total = tall.total(without);
            total.weight() > 0.0 && total.is_finite()
        };
        (0..k).map(Some).chain([None]).all(sound).then_some(tall)
    }

    /// The moments of all folds but one: a sum, as in a difference small training parts would lose digits.
    fn total(&self, without: Option<usize>) -> Moments {
        let mut parts = self.parts.iter().enumerate().filter(|(fold, _)| Some(*fold) != without);
        let mut total = parts.next().map_or_else(|| self.parts[0].clone(), |(_, first)| first.clone());
        parts.for_each(|(_, part)| total.add(part, 1.0));
        total
    }

    /// Every fold's models on what it is judged on, and how the fits ended.
    fn predictions(
        &self,
        design: &AnyDesign<'_>,
        splits: &[Split],
        lambdas: &[f64],
    ) -> Vec<Result<(Array3<f64>, Vec<Status>)>> {
        let (p, q) = (design.ncols(), self.parts[0].nresponses());
        let width = lambdas.len() * q;
        let work = splits.len() * p * p * size_of::<f64>() * lambdas.len();
        let fits = parallel::map_indexed(splits.len(), work, |fold| self.fit(fold, lambdas));
        let mut predictions: Vec<Vec<f64>> = splits.iter().map(|s| vec![0.0; s.test.len() * width]).collect();
        let mut done = vec![0; splits.len()];
        let (mut x, zero) = (Vec::new(), vec![0.0; p]);
        for (rows, ends) in &self.blocks.blocks {
            gather(design, rows, &zero, &mut x);
            parallel::for_each_chunk(&mut predictions, 1, x.len() * size_of::<f64>(), |fold, out| {
                let from = if fold == 0 { 0 } else { ends[fold - 1] };
                let (m, total) = (ends[fold] - from, splits[fold].test.len());
                let Ok((models, _)) = &fits[fold] else { return };
                if m == 0 {
                    return;
                }
                let mut eta = vec![0.0; m * width];
                linalg::matmul_strided((&x[from..], rows.len()), &models.w, m, p, width, &mut eta);
                for (c, (eta, b)) in eta.chunks_exact(m).zip(&models.intercepts).enumerate() {
                    let first = (c / q * total + done[fold]) * q + c % q;
                    out[0][first..].iter_mut().step_by(q).zip(eta).for_each(|(o, eta)| *o = eta + b);
                }
            });
            done.iter_mut().enumerate().for_each(|(k, d)| *d += ends[k] - if k == 0 { 0 } else { ends[k - 1] });
        }
        let arrays = fits.into_iter().zip(predictions).zip(splits).map(|((fit, values), split)| {
            let (_, statuses) = fit?;
            let (argument, expected, found) = ("predictions", split.test.len() * width, values.len());
            let array = Array3::from_shape_vec((lambdas.len(), split.test.len(), q), values);
            Ok((array.map_err(|_| Error::Length { argument, expected, found })?, statuses))
        });
        arrays.collect()
    }

    /// The models of one fold.
    fn fit(&self, fold: usize, lambdas: &[f64]) -> Result<(SideBySide, Vec<Status>)> {
        let training = Training::from_moments(&self.total(Some(fold)), self.estimator.options())?;
        let (p, q) = (training.nfeatures(), self.parts[0].nresponses());
        let mut prepared = self.estimator.prepare(training, &mut ())?;
        let models = self.estimator.path_prepared(&mut prepared, lambdas, self.estimator.options(), &mut ())?;
        let width = lambdas.len() * q;
        let mut all = SideBySide { w: vec![0.0; p * width], intercepts: vec![0.0; width] };
        for (k, fitted) in models.iter().enumerate() {
            for (j, t, v) in fitted.coefficients.nonzero() {
                all.w[(k * q + t) * p + j] = v;
            }
            fitted.intercept.iter().enumerate().for_each(|(t, &b)| all.intercepts[k * q + t] = b);
        }
        Ok((all, models.iter().map(|model| model.status).collect()))
    }
}

/// The models of a path as one with λs × responses: prediction is a matrix product.
struct SideBySide {
    /// p × (λs · responses).
    w: Vec<f64>,
    intercepts: Vec<f64>,
}

/// Values of X below which moments are not worth it.
const WORTHWHILE: usize = 1 << 15;
/// Columns whose Gram matrix costs a pass over X, as in descent.
const COLUMNS_PER_PASS: usize = 36;
/// Whether every observation is judged once, in rising order, and trained on in all other splits.
fn is_partition(splits: &[Split], n: usize) -> bool {
    let mut judged = vec![false; n];
    let mut seen = vec![usize::MAX; n];
    splits.iter().enumerate().all(|(k, split)| {
        split.train.len() + split.test.len() == n
            && split.test.is_sorted()
            && split.test.iter().all(|&i| i < n && !std::mem::replace(&mut judged[i], true))
            && split.train.iter().chain(&split.test).all(|&i| i < n && std::mem::replace(&mut seen[i], k) != k)
    }) && judged.into_iter().all(|j| j)
}

/// What one fold is fitted to, and with which options.
///
/// # Errors
/// A class that nobody in the fold has; those of the estimator.
pub(crate) fn fold_training<'a, E: Estimator>(
    estimator: &E,
    design: &'a AnyDesign<'_>,
    y: ArrayView2<'_, f64>,
    (fold, split): (usize, &Split),
    classes: &[Vec<f64>],
) -> Result<(Training<'a>, Options)> {
    let pick = |values: &[f64]| -> Vec<f64> { split.train.iter().map(|&i| values[i]).collect() };
    let whole = estimator.options();
    let options = Options {
        sample_weights: whole.sample_weights.as_deref().map(pick),
        offset: whole.offset.as_ref().map(|offset| offset.select(&split.train)),
        ..whole.clone()
    };
    // A class that nobody in the fold has would have no coefficients, or an infinite intercept.
    for (t, classes) in classes.iter().enumerate() {
        for class in classes {
            let has = |&i: &usize| y[[i, t]] == *class && whole.sample_weights.as_ref().is_none_or(|s| s[i] > 0.0);
            if !split.train.iter().any(has) {
                let response =
                    if classes.len() > 1 && y.ncols() > 1 { format!(" of response {t}") } else { String::new() };
                let reason = format!(
                    "no observation of class {class}{response} is left to train fold {fold} on; StratifiedKFold shares \
                     the classes out (of_responses, those of several responses)"
                );
                return Err(Error::IllPosed { reason });
            }
        }
    }
    let train_y = y.select(Axis(0), &split.train);
    let training =
        estimator.of_rows(&split.train).training(design.select_rows(&split.train)?, train_y.view(), &options)?;
    Ok((training, options))
}

/// Fits one fold's path and predicts its validation part: λs × rows × predictions, and how each fit ended.
fn predictions<E: Estimator>(
    estimator: &E,
    design: &AnyDesign<'_>,
    y: ArrayView2<'_, f64>,
    (fold, split): (usize, &Split),
    lambdas: &[f64],
    classes: &[Vec<f64>],
) -> Result<(Array3<f64>, Vec<Status>)> {
    let whole = estimator.options();
    let (training, options) = fold_training(estimator, design, y, (fold, split), classes)?;
    let estimator = estimator.of_rows(&split.train);
    let test = design.select_rows(&split.test)?;
    let rows = split.test.len();
    let mut prepared = estimator.prepare(training, &mut ())?;
    let models = estimator.path_prepared(&mut prepared, lambdas, &options, &mut ())?;
    let q = models.first().map_or(1, |model| model.coefficients.dim().1);
    let offset = whole.offset.as_ref().map(|offset| offset.select(&split.test).task_major(rows, q)).transpose()?;
    let mut out = Array3::zeros((lambdas.len(), rows, q));
    let mut eta = vec![0.0; rows * q];
    for (k, model) in models.iter().enumerate() {
        let w: Vec<f64> = model.coefficients.iter().copied().collect();
        test.apply(&w, &mut eta);
        for row in 0..rows {
            for t in 0..q {
                let known = offset.as_ref().map_or(0.0, |o| o[t * rows + row]);
                out[[k, row, t]] = eta[t * rows + row] + model.intercept[t] + known;
            }
        }
    }
    Ok((out, models.iter().map(|model| model.status).collect()))
}
