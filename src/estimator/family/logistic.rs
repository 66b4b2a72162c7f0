//! Two classes.

use ndarray::{Array2, Axis, concatenate};

use crate::error::{Error, Result};
use crate::estimator::Scoring;
use crate::estimator::family::{Family, Probabilistic, Responses};
use crate::loss::{self, Loss, sigmoid};

/// Logistic regression: `F(η) = 1/n Σ_i s_i (log(1 + e^{η_i}) − y_i η_i)`, the probability of the positive class is
/// `1/(1 + e^−η)`. For several responses the sum runs over all of them.
///
/// y holds exactly two distinct labels, any two numbers, which predictions give back; the larger is the positive class.
/// With [`proportions`](Self::proportions) y ∈ [0, 1] is the probability itself, or the share of so many trials as the
/// sample weight says.
///
/// Errors of its own: one label, or a third one; proportions outside of [0, 1], or all 0 or all 1 with an intercept, which
/// would be infinite.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
/// let model = Lasso::new(0.05).loss(Logistic::default()).fit(&x, &array![-1.0, -1.0, 1.0, 1.0])?;
/// assert_eq!((model.classes(), model.support()), (&[-1.0, 1.0][..], vec![0]));
/// assert_eq!(model.predict(&x)?, array![-1.0, -1.0, 1.0, 1.0]);
/// assert!(model.predict_proba(&x)?[[3, 1]] > 0.9);
/// let shares = Lasso::new(0.01).loss(Logistic::proportions()).fit(&x, &array![0.1, 0.2, 0.4, 0.8])?;
/// assert!((shares.predict(&x)?[0] - 0.1).abs() < 0.05);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Logistic {
    proportions: bool,
}

impl Logistic {
    /// For y ∈ [0, 1] in place of labels: what is predicted is the probability.
    pub fn proportions() -> Self {
        Self { proportions: true }
    }
}

/// Two labels in every column.
pub(super) fn two_classes(data: &Responses<'_>) -> Result<Vec<Vec<f64>>> {
    let each = |t: usize| {
        let mut found = data.distinct(t);
        match found[..] {
            [(a, _), (b, _)] => return Ok(vec![a, b]),
            [(_, i)] => return Err(data.out_of_range((i, t), "a second class: all observations have this one")),
            _ => {}
        }
        // The third value in the order of the rows.
        found.sort_by_key(|(_, row)| *row);
        Err(data.out_of_range((found[2].1, t), "one of two classes, which others have before it"))
    };
    (0..data.y.ncols()).map(each).collect()
}

/// The second class where η speaks for it.
pub(super) fn by_sign(mut eta: Array2<f64>, classes: &[Vec<f64>]) -> Array2<f64> {
    for (mut eta, classes) in eta.columns_mut().into_iter().zip(classes) {
        eta.mapv_inplace(|eta| classes[usize::from(eta > 0.0)]);
    }
    eta
}

/// 0 and 1, observations × responses.
pub(super) fn zero_one(data: &Responses<'_>, classes: &[Vec<f64>]) -> Result<Array2<f64>> {
    let codes = data.codes(classes)?;
    let n = data.y.nrows();
    Ok(Array2::from_shape_fn(data.y.dim(), |(i, t)| codes[t * n + i] as f64))
}

const PROPORTION: &str = "a number in [0, 1]";

impl Family for Logistic {
    fn name(&self) -> &'static str {
        "logistic"
    }

    fn learn(&self, data: &Responses<'_>, intercept: bool) -> Result<Vec<Vec<f64>>> {
        if !self.proportions {
            return two_classes(data);
        }
        data.check(PROPORTION, |y| (0.0..=1.0).contains(&y))?;
        for (t, column) in data.y.columns().into_iter().enumerate() {
            for end in [0.0, 1.0] {
                if intercept && column.iter().enumerate().all(|(i, y)| *y == end || !data.counts(i)) {
                    let index = if data.one_dimensional { vec![] } else { vec![t] };
                    let expected = "proportions that are not all 0 or all 1: the best intercept is infinite";
                    return Err(Error::OutOfRange { argument: "y", index, value: end, expected });
                }
            }
        }
        Ok(Vec::new())
    }

    fn loss(&self, data: &Responses<'_>, classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        let y = if self.proportions {
            data.check(PROPORTION, |y| (0.0..=1.0).contains(&y))?;
            data.task_major()
        } else {
            data.codes(classes)?.into_iter().map(|code| code as f64).collect()
        };
        Ok(data.separable(loss::Logistic, y))
    }

    fn mean(&self, eta: Array2<f64>) -> Array2<f64> {
        eta.mapv_into(sigmoid)
    }

    fn observed(&self, data: &Responses<'_>, classes: &[Vec<f64>]) -> Result<Array2<f64>> {
        if self.proportions { Ok(data.y.to_owned()) } else { zero_one(data, classes) }
    }

    fn predict(&self, eta: Array2<f64>, classes: &[Vec<f64>]) -> Array2<f64> {
        if self.proportions { self.mean(eta) } else { by_sign(eta, classes) }
    }

    fn supports(&self, scoring: Scoring) -> bool {
        match scoring {
            Scoring::Deviance | Scoring::MeanSquaredError | Scoring::MeanAbsoluteError => true,
            Scoring::Misclassification | Scoring::Auc => !self.proportions,
            Scoring::Concordance => false,
        }
    }
}

impl Probabilistic for Logistic {
    fn probabilities(&self, eta: Array2<f64>, one: bool) -> Array2<f64> {
        if !one {
            return self.mean(eta);
        }
        // Both to relative accuracy.
        let both = [(-&eta).mapv_into(sigmoid), eta.mapv_into(sigmoid)];
        // Two columns of one length.
        concatenate(Axis(1), &[both[0].view(), both[1].view()]).unwrap_or_default()
    }
}
