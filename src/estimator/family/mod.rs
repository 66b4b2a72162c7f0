//! What a [`Glm`](crate::estimator::Glm) minimises and predicts: how responses are read, their loss, and what a prediction η
//! means.
//!
//! | family | y | loss | predicts | intercept |
//! | --- | --- | --- | --- | --- |
//! | [`Logistic`] | two labels, or proportions | `log(1 + e^η) − yη` | the likelier label | yes |
//! | [`SquaredHinge`] | two labels | `max(0, 1 − yη)²/2`, y = ±1 | the label by the sign of η | yes |
//! | [`Multinomial`] | labels | `log Σ_k e^{η_k} − η_c` | the likeliest label | one per class |
//! | [`Poisson`] | counts | `e^η − yη` | `e^η` | yes |
//! | [`Gamma`] | numbers > 0 | `η + y e^−η` | `e^η` | yes |
//! | [`Huber`] | numbers | `r²/2` up to δ, then linear | η | yes |
//! | [`Quantile`] | numbers | `τr` above, `(τ − 1)r` below | η | yes |
//! | [`SquareRoot`] | numbers | `√(mean of r²)` | η | yes |
//! | [`Cox`] | times and status | partial likelihood | the relative risk `e^η` | no |
//! | [`Pointwise`] | what your [`PointwiseLoss`] takes | yours | η | yes |
//!
//! Every family goes with every estimator: `Lasso::new(0.1).loss(Logistic::default())`; [`Cox`] with those of one response.
//!
//! A test fits them all, on dense columns, dense rows, f32 and sparse columns, each plain, with weights and standardised
//! features, with an offset, and with weights but no intercept. ✓: every relative duality gap is at most 1e-6, and
//! coefficients do not depend on how the features are stored.
//!
#![doc = include_str!("combinations.md")]

mod cox;
mod gamma;
mod huber;
mod logistic;
mod multinomial;
mod pointwise;
mod poisson;
mod quantile;
mod square_root;
mod squared_hinge;

pub use cox::Cox;
pub use gamma::Gamma;
pub use huber::Huber;
pub use logistic::Logistic;
pub use multinomial::Multinomial;
use ndarray::{Array2, ArrayView2};
pub use pointwise::Pointwise;
pub use poisson::Poisson;
pub use quantile::Quantile;
pub use square_root::SquareRoot;
pub use squared_hinge::SquaredHinge;

use crate::error::{Error, Result};
use crate::estimator::{Scoring, Shape};
use crate::loss::{Loss, PointwiseLoss, Separable};

/// Observations as the user has them, with the weights and offsets that go into the loss.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Responses<'a> {
    /// Observations × columns; finite.
    pub y: ArrayView2<'a, f64>,
    /// Whether the user's y is a vector, for the places that errors name.
    pub one_dimensional: bool,
    /// s_i with mean 1.
    pub weights: Option<&'a [f64]>,
    /// o, task-major: n numbers for each prediction.
    pub offset: Option<&'a [f64]>,
}

impl Responses<'_> {
    /// Observation i's column t is not what it has to be.
    pub fn out_of_range(&self, (i, t): (usize, usize), expected: &'static str) -> Error {
        let index = if self.one_dimensional { vec![i] } else { vec![i, t] };
        Error::OutOfRange { argument: "y", index, value: self.y[[i, t]], expected }
    }

    /// Rejects the first value, of an observation that counts, that is not what it has to be.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] with the place and the value.
    pub fn check(&self, expected: &'static str, fits: impl Fn(f64) -> bool) -> Result<()> {
        match self.y.indexed_iter().find(|((i, _), y)| self.counts(*i) && !fits(**y)) {
            Some((at, _)) => Err(self.out_of_range(at, expected)),
            None => Ok(()),
        }
    }

    /// Whether observation i counts.
    pub fn counts(&self, i: usize) -> bool {
        self.weights.is_none_or(|s| s[i] > 0.0)
    }

    /// The distinct values of column t among the observations that count, sorted, each with the first row that has it.
    pub fn distinct(&self, t: usize) -> Vec<(f64, usize)> {
        let column = self.y.column(t);
        let mut values: Vec<(f64, usize)> =
            column.iter().enumerate().filter(|(i, _)| self.counts(*i)).map(|(i, y)| (*y, i)).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        values.dedup_by(|later, first| later.0 == first.0);
        values
    }

    /// The number of the class of every response, task-major; 0 for what does not count.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a label that is none of the classes.
    pub fn codes(&self, classes: &[Vec<f64>]) -> Result<Vec<usize>> {
        let mut codes = Vec::with_capacity(self.y.len());
        for (t, (column, classes)) in self.y.columns().into_iter().zip(classes).enumerate() {
            for (i, y) in column.iter().enumerate() {
                codes.push(match classes.iter().position(|class| class == y) {
                    Some(k) => k,
                    None if !self.counts(i) => 0,
                    None => {
                        return Err(self.out_of_range((i, t), "one of the classes that the model has been fitted to"));
                    }
                });
            }
        }
        Ok(codes)
    }

    /// The mean of a pointwise loss over these observations, for values that are task-major.
    pub fn separable<L: PointwiseLoss + 'static>(&self, loss: L, y: Vec<f64>) -> Box<dyn Loss> {
        let mut loss = Separable::new(loss, y, self.y.nrows());
        if let Some(weights) = self.weights {
            loss = loss.with_weights(weights);
        }
        if let Some(offset) = self.offset {
            loss = loss.with_offset(offset.to_vec());
        }
        Box::new(loss)
    }

    /// y, task-major.
    pub fn task_major(&self) -> Vec<f64> {
        self.y.t().iter().copied().collect()
    }
}

/// How responses are read, the loss of predictions η = XW + 1bᵀ + o, and what η means. With [`Shapes`], all that a
/// [`Glm`](crate::estimator::Glm) needs; a loss that is a function of one response and one prediction has a family already:
/// [`Pointwise`].
pub trait Family: Clone + std::fmt::Debug + Send + Sync {
    /// For `Display`.
    fn name(&self) -> &'static str;

    /// Whether there is an intercept. False says that a number added to all η changes nothing.
    fn has_intercept(&self) -> bool {
        true
    }

    /// Whether a number added to all predictions of one observation changes nothing: intercepts then have the mean 0.
    fn is_symmetric(&self) -> bool {
        false
    }

    /// Predictions per observation, for so many columns of y.
    fn width(&self, columns: usize, _classes: &[Vec<f64>]) -> usize {
        columns
    }

    /// The family for some of the observations, if it holds something of each.
    fn select(&self, _rows: &[usize]) -> Self {
        self.clone()
    }

    /// What has to be known of the responses of a fit: the sorted classes of each response, nothing for other families.
    ///
    /// # Errors
    /// Responses without a best model (for which the best `intercept` would be infinite).
    fn learn(&self, _data: &Responses<'_>, _intercept: bool) -> Result<Vec<Vec<f64>>> {
        Ok(Vec::new())
    }

    /// F for these observations: those of the fit, or others with the same classes.
    ///
    /// # Errors
    /// Responses that the loss is not defined for.
    fn loss(&self, data: &Responses<'_>, classes: &[Vec<f64>]) -> Result<Box<dyn Loss>>;

    /// The means of the responses (probabilities, for classes) at η, observations × predictions.
    fn mean(&self, eta: Array2<f64>) -> Array2<f64> {
        eta
    }

    /// The responses in the terms of [`mean`](Self::mean): 0 and 1 for classes.
    ///
    /// # Errors
    /// As [`loss`](Self::loss).
    fn observed(&self, data: &Responses<'_>, _classes: &[Vec<f64>]) -> Result<Array2<f64>> {
        Ok(data.y.to_owned())
    }

    /// What a model predicts at η: the mean, or a class.
    fn predict(&self, eta: Array2<f64>, _classes: &[Vec<f64>]) -> Array2<f64> {
        self.mean(eta)
    }

    /// Whether predictions can be judged so.
    fn supports(&self, scoring: Scoring) -> bool {
        matches!(scoring, Scoring::Deviance | Scoring::MeanSquaredError | Scoring::MeanAbsoluteError)
    }

    /// Harrell's C of the predictions.
    ///
    /// # Errors
    /// Responses that are no survival times (the default).
    fn concordance(&self, _data: &Responses<'_>, _eta: ArrayView2<'_, f64>) -> Result<f64> {
        Err(Scoring::Concordance.unsupported())
    }
}

/// The dimensions of what a family takes and gives where it takes the place of the squared loss in an estimator whose
/// responses have the dimensions D.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not go with an estimator of `{D}` responses",
    note = "Cox's model has one prediction: use an estimator of one response (Lasso, ElasticNet, GroupLasso …)"
)]
pub trait Shapes<D: Shape>: Family {
    /// Of y.
    type Response: Shape;
    /// Of η and the coefficients.
    type Eta: Shape;
    /// Of what is predicted.
    type Prediction: Shape;
}

/// Families of classes with probabilities.
pub trait Probabilistic: Family {
    /// The probabilities at η: of all classes, if there is `one` response, of the second class of each otherwise.
    fn probabilities(&self, eta: Array2<f64>, one: bool) -> Array2<f64>;
}

macro_rules! keeps_the_shape {
    ($($family:ty),*) => {$(
        impl<D: Shape> Shapes<D> for $family {
            type Response = D;
            type Eta = D;
            type Prediction = D;
        }
    )*};
}

keeps_the_shape!(Gamma, Huber, Logistic, Poisson, Quantile, SquareRoot, SquaredHinge);

impl<D: Shape, L: PointwiseLoss + Clone + std::fmt::Debug + Send + 'static> Shapes<D> for Pointwise<L> {
    type Response = D;
    type Eta = D;
    type Prediction = D;
}
