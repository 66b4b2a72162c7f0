//! The choice of λ by cross-validation, right by construction: folds are drawn once; weights, centring and
//! standardisation happen inside the folds; every λ is judged on the same folds.

use std::fmt;

use ndarray::{Array2, Array3, ArrayBase, ArrayView2, Axis, Data, Dimension};

use crate::design::{AnyDesign, AsDesign, LinearOperator};
use crate::error::{Error, Result, check_length};
use crate::estimator::{Estimator, Model, Options, Training};
use crate::parallel;
use crate::path::{FitPath, Grid, Path, fit_grid};

/// Observations to fit on and observations to judge on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows of the training part.
    pub train: Vec<usize>,
    /// Rows of the validation part.
    pub test: Vec<usize>,
}

/// A way to split n observations.
pub trait Folds: Sync {
    /// The splits; every part is non-empty.
    ///
    /// # Errors
    /// Parameters that do not fit n observations.
    fn splits(&self, n: usize) -> Result<Vec<Split>>;
}

/// K folds of (nearly) equal size, shuffled once from a seed.
///
/// ```
/// use sparsereg::cross_validation::{Folds, KFold};
/// let splits = KFold::new(3).seed(7).splits(10)?;
/// assert_eq!(splits.iter().map(|s| s.test.len()).sum::<usize>(), 10);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KFold {
    folds: usize,
    seed: u64,
    shuffle: bool,
}

impl KFold {
    /// `folds` ≥ 2 folds, shuffled with seed 0.
    pub fn new(folds: usize) -> Self {
        Self { folds, seed: 0, shuffle: true }
    }

    /// The seed of the shuffle.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Contiguous blocks in the order of the observations, for data with neighbours (series, profiles).
    pub fn blocked(folds: usize) -> Self {
        Self { folds, seed: 0, shuffle: false }
    }
}

impl Folds for KFold {
    fn splits(&self, n: usize) -> Result<Vec<Split>> {
        let mut order: Vec<usize> = (0..n).collect();
        if self.shuffle {
            shuffle(&mut order, self.seed);
        }
        let k = check_folds(self.folds, n)?;
        let mut owner = vec![0; n];
        for fold in 0..k {
            order[fold * n / k..(fold + 1) * n / k].iter().for_each(|&i| owner[i] = fold);
        }
        FoldIds::new(owner).splits(n)
    }
}

/// K folds that never separate observations with the same label (one patient's visits, one site's samples).
///
/// ```
/// use sparsereg::cross_validation::{Folds, GroupedKFold};
/// let splits = GroupedKFold::new(2, &["a", "b", "a", "c"]).splits(4)?;
/// for split in splits {
///     assert_eq!(split.test.contains(&0), split.test.contains(&2));
/// }
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupedKFold {
    folds: usize,
    labels: Vec<usize>,
    seed: u64,
}

impl GroupedKFold {
    /// `folds` ≥ 2 folds; `labels[i]` is the group of observation i.
    pub fn new<L: PartialEq>(folds: usize, labels: &[L]) -> Self {
        let mut seen: Vec<&L> = Vec::new();
        let labels = (labels.iter())
            .map(|label| {
                seen.iter().position(|&s| s == label).unwrap_or_else(|| {
                    seen.push(label);
                    seen.len() - 1
                })
            })
            .collect();
        Self { folds, labels, seed: 0 }
    }

    /// The seed by which ties between groups of one size are broken.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Folds for GroupedKFold {
    fn splits(&self, n: usize) -> Result<Vec<Split>> {
        check_length("labels", n, self.labels.len())?;
        let groups = self.labels.iter().max().map_or(0, |m| m + 1);
        let k = check_folds(self.folds, groups)?;
        let mut sizes = vec![0usize; groups];
        self.labels.iter().for_each(|&g| sizes[g] += 1);
        // Largest group first, always into the emptiest fold.
        let mut order: Vec<usize> = (0..groups).collect();
        shuffle(&mut order, self.seed);
        order.sort_by(|&a, &b| sizes[b].cmp(&sizes[a]));
        let mut filled = vec![0usize; k];
        let mut fold_of = vec![0; groups];
        for g in order {
            let fold = (0..k).min_by_key(|&f| filled[f]).unwrap_or(0);
            filled[fold] += sizes[g];
            fold_of[g] = fold;
        }
        FoldIds::new(self.labels.iter().map(|&g| fold_of[g]).collect::<Vec<_>>()).splits(n)
    }
}

/// The user's own folds: observation i is judged in fold `ids[i]`.
///
/// ```
/// use sparsereg::cross_validation::{FoldIds, Folds};
/// assert_eq!(FoldIds::new(vec![0, 1, 0]).splits(3)?[0].test, vec![0, 2]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldIds {
    ids: Vec<usize>,
}

impl FoldIds {
    /// One fold number per observation.
    pub fn new(ids: impl Into<Vec<usize>>) -> Self {
        Self { ids: ids.into() }
    }
}

impl Folds for FoldIds {
    fn splits(&self, n: usize) -> Result<Vec<Split>> {
        check_length("fold ids", n, self.ids.len())?;
        let mut used: Vec<usize> = self.ids.clone();
        used.sort_unstable();
        used.dedup();
        check_folds(used.len(), n)?;
        let part = |fold: usize, inside: bool| (0..n).filter(|&i| (self.ids[i] == fold) == inside).collect();
        Ok(used.into_iter().map(|fold| Split { train: part(fold, false), test: part(fold, true) }).collect())
    }
}

/// Ready-made splits, which need not partition the observations (expanding windows, repeated folds).
impl Folds for Vec<Split> {
    fn splits(&self, n: usize) -> Result<Vec<Split>> {
        if self.is_empty() {
            return Err(Error::Empty { argument: "splits" });
        }
        for split in self {
            for (argument, rows) in [("train", &split.train), ("test", &split.test)] {
                if rows.is_empty() {
                    return Err(Error::Empty { argument });
                }
                if let Some(position) = rows.iter().position(|&i| i >= n) {
                    return Err(Error::Index { argument, position, index: rows[position], len: n });
                }
            }
        }
        Ok(self.clone())
    }
}

fn check_folds(folds: usize, n: usize) -> Result<usize> {
    if folds < 2 || folds > n {
        let expected = "at least 2 folds, and not more than there are observations (or groups of them)";
        return Err(Error::OutOfRange { argument: "folds", index: vec![], value: folds as f64, expected });
    }
    Ok(folds)
}

/// Fisher–Yates with splitmix64: the same order on every machine.
fn shuffle(order: &mut [usize], seed: u64) {
    let mut state = seed;
    for i in (1..order.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        order.swap(i, (z % (i as u64 + 1)) as usize);
    }
}

/// Mean and standard error of a score over folds for every λ, and the two choices that follow. Smaller is better.
#[derive(Debug, Clone)]
pub struct Curve {
    /// Score of every λ (rows) in every fold (columns).
    pub scores: Array2<f64>,
    /// Mean over the folds, weighted by what they hold.
    pub mean: Vec<f64>,
    /// Standard error of the mean.
    pub standard_error: Vec<f64>,
    /// Index of the smallest mean (of the largest such λ).
    pub best: usize,
    /// Index of the largest λ whose mean is within one standard error of the best and whose model is not larger.
    pub one_standard_error: usize,
}

impl Curve {
    /// From scores (λ × folds), the weight of each fold and the size of each λ's model.
    pub(crate) fn new(scores: Array2<f64>, weights: &[f64], sizes: &[usize]) -> Self {
        let total: f64 = weights.iter().sum();
        let folds = weights.len() as f64;
        let weighted = |row: usize, f: &dyn Fn(f64) -> f64| -> f64 {
            scores.row(row).iter().zip(weights).map(|(s, w)| w * f(*s)).sum::<f64>() / total
        };
        let mean: Vec<f64> = (0..scores.nrows()).map(|k| weighted(k, &|s| s)).collect();
        let standard_error: Vec<f64> = (0..scores.nrows())
            .map(|k| (weighted(k, &|s| (s - mean[k]) * (s - mean[k])) / (folds - 1.0).max(1.0)).sqrt())
            .collect();
        let best = (0..mean.len()).fold(0, |best, k| if mean[k] < mean[best] { k } else { best });
        let limit = mean[best] + standard_error[best];
        let one_standard_error = (0..=best).find(|&k| mean[k] <= limit && sizes[k] <= sizes[best]).unwrap_or(best);
        Self { scores, mean, standard_error, best, one_standard_error }
    }
}

/// The result of a cross-validation: the curve, the models refitted on all data, the out-of-fold predictions.
#[derive(Debug, Clone)]
pub struct CrossValidation<M> {
    path: Path<M>,
    curve: Curve,
    out_of_fold: Array3<f64>,
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

    /// Predictions of each observation by models that have not seen it, observations × responses, at λ number `index`.
    /// The mean if an observation was judged more than once, NaN if never.
    pub fn out_of_fold(&self, index: usize) -> ArrayView2<'_, f64> {
        self.out_of_fold.index_axis(Axis(0), index)
    }
}

impl<M: Model> fmt::Display for CrossValidation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>13} {:>9} {:>13} {:>12}", "λ", "features", "mean sq. err", "std. error")?;
        for (k, model) in self.path.models().iter().enumerate() {
            let mark = match k {
                k if k == self.curve.best => "  best",
                k if k == self.curve.one_standard_error => "  one standard error",
                _ => "",
            };
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
    /// Keeps all out-of-fold predictions: λs × observations × responses numbers.
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
        for (fold, (split, fit)) in splits.iter().zip(fits).enumerate() {
            let fit = fit?;
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
        Ok(CrossValidation { curve: Curve::new(scores, &fold_weights, &sizes), path, out_of_fold })
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

/// Fits one fold's path and predicts its validation part: λs × rows × responses.
fn predictions<E: Estimator>(
    estimator: &E,
    design: &AnyDesign<'_>,
    y: &Array2<f64>,
    split: &Split,
    lambdas: &[f64],
) -> Result<Array3<f64>> {
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
        Ok(out)
    })
}
