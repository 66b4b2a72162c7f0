//! How predictions of observations that a model has not seen are judged.

use std::fmt;

use ndarray::{Array2, ArrayView2, ArrayView3};

use crate::error::{Error, Result};
use crate::estimator::family::{Family, Responses};

/// An error of predictions, smaller is better; s_i are the sample weights, means are weighted by them and run over the
/// responses, too, if there are several.
///
/// | | error | of |
/// | --- | --- | --- |
/// | `Deviance` | `2 (F(η) − inf F)`: for least squares the mean squared error | everything (default, but for least squares) |
/// | `MeanSquaredError` | mean of `(y − μ)²` | least squares (default), whatever has a mean μ: for classes `Σ_k (1{y = k} − p_k)²` over the classes (Brier's score; for two classes of the second alone) |
/// | `MeanAbsoluteError` | mean of `│y − μ│`, for classes as above | the same |
/// | `Misclassification` | share of wrong classes | classes |
/// | `Auc` | 1 − area under the ROC curve: share of pairs of two classes that η puts in the wrong order, ties count half | two classes |
/// | `Concordance` | 1 − Harrell's C: share of comparable pairs in the wrong order | survival times |
///
/// ```
/// use ndarray::{Array1, Array2};
/// use sparsereg::prelude::*;
/// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((i * (j + 2)) % 7) as f64);
/// let y = Array1::from_shape_fn(40, |i| if x[[i, 1]] + ((i * 5) % 3) as f64 > 4.0 { 1.0 } else { 0.0 });
/// let lasso = LogisticLasso::default().scoring(Scoring::Auc);
/// let cv = lasso.cross_validate(&x, &y, &StratifiedKFold::new(5, &y))?;
/// assert!(cv.curve().mean[cv.curve().best] < 0.2 && cv.to_string().contains("1 − AUC"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scoring {
    /// Twice the mean loss above its smallest value.
    Deviance,
    /// Mean squared difference of response and mean.
    MeanSquaredError,
    /// Mean absolute difference of response and mean.
    MeanAbsoluteError,
    /// Share of wrong classes.
    Misclassification,
    /// One minus the area under the receiver operating characteristic.
    Auc,
    /// One minus Harrell's concordance index.
    Concordance,
}

impl fmt::Display for Scoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Deviance => "deviance",
            Self::MeanSquaredError => "mean sq. err",
            Self::MeanAbsoluteError => "mean abs. err",
            Self::Misclassification => "misclassified",
            Self::Auc => "1 − AUC",
            Self::Concordance => "1 − C",
        })
    }
}

impl Scoring {
    pub(crate) fn unsupported(self) -> Error {
        let reason = match self {
            Self::Misclassification => "only classes can be wrong: use Deviance, MeanSquaredError or MeanAbsoluteError",
            Self::Auc => "the area under the ROC curve is that of two classes",
            Self::Concordance => "concordance is that of survival times",
            _ => "these predictions have no mean: use Deviance, Misclassification or Auc",
        };
        Error::Unsupported { argument: "scoring", reason }
    }
}

/// The errors of predictions by least squares.
pub(crate) fn least_squares(
    truth: &Responses<'_>,
    predictions: ArrayView3<'_, f64>,
    scoring: Scoring,
) -> Result<Vec<f64>> {
    let y = truth.y.to_owned();
    match scoring {
        Scoring::Deviance | Scoring::MeanSquaredError => {
            Ok(predictions.outer_iter().map(|p| mean(truth, &y, p, |d| d * d) / y.ncols() as f64).collect())
        }
        Scoring::MeanAbsoluteError => {
            Ok(predictions.outer_iter().map(|p| mean(truth, &y, p, f64::abs) / y.ncols() as f64).collect())
        }
        _ => Err(scoring.unsupported()),
    }
}

/// The errors of predictions η by a model of a family; `width` is the number of responses.
pub(crate) fn family<F: Family>(
    family: &F,
    truth: &Responses<'_>,
    eta: ArrayView3<'_, f64>,
    classes: &[Vec<f64>],
    scoring: Scoring,
    width: usize,
) -> Result<Vec<f64>> {
    if !family.supports(scoring) {
        return Err(scoring.unsupported());
    }
    let width = width as f64;
    match scoring {
        Scoring::Deviance => {
            let loss = family.loss(truth, classes)?;
            let zero = vec![0.0; loss.len()];
            let each = |eta: ArrayView2<'_, f64>| {
                let eta: Vec<f64> = eta.t().iter().copied().collect();
                2.0 * loss.fenchel_young(&eta, &zero) / width
            };
            Ok(eta.outer_iter().map(each).collect())
        }
        Scoring::MeanSquaredError | Scoring::MeanAbsoluteError => {
            let y = family.observed(truth, classes)?;
            let size = if scoring == Scoring::MeanSquaredError { |d: f64| d * d } else { f64::abs };
            Ok(eta.outer_iter().map(|e| mean(truth, &y, family.mean(e.to_owned()).view(), size) / width).collect())
        }
        Scoring::Misclassification => {
            let y = truth.y.to_owned();
            let wrong = |d: f64| f64::from(u8::from(d != 0.0));
            let each = |e: ArrayView2<'_, f64>| {
                let labels = family.predict(e.to_owned(), classes);
                mean(truth, &y, labels.view(), wrong) / width
            };
            Ok(eta.outer_iter().map(each).collect())
        }
        Scoring::Auc => {
            let y = family.observed(truth, classes)?;
            let each = |e: ArrayView2<'_, f64>| -> Result<f64> {
                let columns = e.columns().into_iter().zip(y.columns());
                let wrong = columns.map(|(e, y)| auc(&e.to_vec(), &y.to_vec(), truth.weights));
                Ok(wrong.sum::<Result<f64>>()? / width)
            };
            eta.outer_iter().map(each).collect()
        }
        Scoring::Concordance => eta.outer_iter().map(|e| family.concordance(truth, e).map(|c| 1.0 - c)).collect(),
    }
}

/// `Σ_i s_i Σ_t size(y_it − p_it) / Σ_i s_i`.
fn mean(truth: &Responses<'_>, y: &Array2<f64>, prediction: ArrayView2<'_, f64>, size: impl Fn(f64) -> f64) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (i, (y, p)) in y.outer_iter().zip(prediction.outer_iter()).enumerate() {
        let share = truth.weights.map_or(1.0, |s| s[i]);
        total += share;
        if share > 0.0 {
            sum += share * y.iter().zip(p).map(|(y, p)| size(y - p)).sum::<f64>();
        }
    }
    sum / total
}

/// One minus the area under the ROC curve of scores for y ∈ {0, 1}.
fn auc(scores: &[f64], y: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let mut order: Vec<usize> = (0..y.len()).filter(|&i| weights.is_none_or(|s| s[i] > 0.0)).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    // The pairs in the wrong order: positives below negatives.
    let (mut positives, mut negatives, mut wrong) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let weight = |class: f64| -> f64 {
            tied.iter().filter(|&&i| y[i] == class).map(|&i| weights.map_or(1.0, |s| s[i])).sum()
        };
        let (up, down) = (weight(1.0), weight(0.0));
        wrong += positives * down + 0.5 * up * down;
        positives += up;
        negatives += down;
    }
    if positives == 0.0 || negatives == 0.0 {
        let reason = "observations of one class have no ROC curve; StratifiedKFold keeps both classes in every fold \
                      (of_responses, for several responses)";
        return Err(Error::IllPosed { reason: reason.into() });
    }
    Ok(wrong / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs() {
        let (scores, y) = ([0.1, 0.4, 0.35, 0.8, 0.4], [0.0, 0.0, 1.0, 1.0, 1.0]);
        // positives .35 .8 .4, negatives .1 .4: of six pairs one is wrong (.35 < .4) and one is a tie
        assert_eq!(auc(&scores, &y, None).unwrap(), 1.5 / 6.0);
        let weights = [1.0, 2.0, 0.0, 1.0, 3.0];
        // weights of pairs: (.8,.1) 1 (.8,.4) 2 (.4,.1) 3 (.4,.4) 6 tied
        assert_eq!(auc(&scores, &y, Some(&weights)).unwrap(), 3.0 / 12.0);
        assert!(auc(&scores[..2], &y[..2], None).is_err());
    }
}
