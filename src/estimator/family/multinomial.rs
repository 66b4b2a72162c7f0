//! Several classes.

use ndarray::{Array2, Ix1, Ix2};

use crate::error::Result;
use crate::estimator::family::{Family, Probabilistic, Responses, Shapes};
use crate::estimator::{Scoring, Shape};
use crate::loss::{self, Loss};

/// Multinomial regression: `F(η) = 1/n Σ_i s_i (log Σ_k e^{η_ik} − η_{i,c_i})`, one prediction for each of the K classes, whose
/// probabilities are `e^{η_k} / Σ_l e^{η_l}`. The classes are the distinct values of y, sorted; predictions give them back.
///
/// All classes have coefficients (as in glmnet), W is p×K: adding a number to all K predictions changes nothing, and the
/// penalty chooses among these. Intercepts have the mean 0. What is zero together is up to the estimator: `Lasso` takes
/// coefficients one by one, `MultiTaskLasso` ([`GroupedMultinomialLasso`](crate::estimator::GroupedMultinomialLasso)),
/// `ElasticNet` and the estimators with groups take those of all classes together. Offsets are n×K.
///
/// Error of its own: one class.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 0.1], [0.2, 0.0], [5.0, 0.2], [5.1, 4.8], [0.3, 5.0], [4.9, 0.0], [0.0, 5.2], [5.2, 5.0]];
/// let y = array![1.0, 1.0, 2.0, 7.0, 7.0, 2.0, 7.0, 7.0];
/// let model = MultinomialLasso::new(0.02).fit(&x, &y)?;
/// assert_eq!((model.classes(), model.coefficients().dim()), (&[1.0, 2.0, 7.0][..], (2, 3)));
/// assert_eq!(model.predict(&x)?, y);
/// assert!((model.predict_proba(&x)?.row(0).sum() - 1.0).abs() < 1e-12);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Multinomial;

impl Family for Multinomial {
    fn name(&self) -> &'static str {
        "multinomial"
    }

    fn is_symmetric(&self) -> bool {
        true
    }

    fn width(&self, _columns: usize, classes: &[Vec<f64>]) -> usize {
        classes.first().map_or(1, Vec::len)
    }

    fn learn(&self, data: &Responses<'_>, _intercept: bool) -> Result<Vec<Vec<f64>>> {
        match &data.distinct(0)[..] {
            [(_, i)] => Err(data.out_of_range((*i, 0), "a second class: all observations have this one")),
            found => Ok(vec![found.iter().map(|(class, _)| *class).collect()]),
        }
    }

    fn loss(&self, data: &Responses<'_>, classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        let mut loss = loss::Multinomial::new(data.codes(classes)?, self.width(1, classes), data.y.nrows())?;
        if let Some(weights) = data.weights {
            loss = loss.with_weights(weights);
        }
        if let Some(offset) = data.offset {
            loss = loss.with_offset(offset.to_vec());
        }
        Ok(Box::new(loss))
    }

    fn mean(&self, mut eta: Array2<f64>) -> Array2<f64> {
        for mut row in eta.rows_mut() {
            let largest = row.fold(f64::NEG_INFINITY, |m, e| m.max(*e));
            row.mapv_inplace(|e| (e - largest).exp());
            row /= row.sum();
        }
        eta
    }

    fn observed(&self, data: &Responses<'_>, classes: &[Vec<f64>]) -> Result<Array2<f64>> {
        let codes = data.codes(classes)?;
        Ok(Array2::from_shape_fn((codes.len(), self.width(1, classes)), |(i, k)| f64::from(u8::from(codes[i] == k))))
    }

    fn predict(&self, eta: Array2<f64>, classes: &[Vec<f64>]) -> Array2<f64> {
        let best = |i: usize| {
            let row = eta.row(i);
            (1..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best })
        };
        Array2::from_shape_fn((eta.nrows(), 1), |(i, _)| classes[0][best(i)])
    }

    fn supports(&self, scoring: Scoring) -> bool {
        !matches!(scoring, Scoring::Auc | Scoring::Concordance)
    }
}

impl Probabilistic for Multinomial {
    fn probabilities(&self, eta: Array2<f64>, _one: bool) -> Array2<f64> {
        self.mean(eta)
    }
}

impl<D: Shape> Shapes<D> for Multinomial {
    type Response = Ix1;
    type Eta = Ix2;
    type Prediction = Ix1;
}
