//! Fitted generalised linear models.

use std::fmt;
use std::marker::PhantomData;

use ndarray::{Array, Array2, ArrayBase, ArrayView, Axis, Data};

use crate::design::{AnyDesign, AsDesign, Dense};
use crate::error::{Error, Result, check_length};
use crate::estimator::family::{Cox, Family, Probabilistic, Responses, Shapes};
use crate::estimator::glm::responses;
use crate::estimator::model::Fitted;
use crate::estimator::{Model, Offset, Scoring, Shape, scoring};
use crate::smooth::{LinearPredictor, Smooth};
use crate::solver::null_model;

/// A fitted [`Glm`](crate::estimator::Glm) of the family F on an estimator whose responses have the dimensions D.
///
/// n observations, p features, q predictions for each (1; one per response; one per class for multinomial models). What
/// has the shape of η is a vector for q = 1 on estimators of one response, else a matrix.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
/// let y = array![0.0, 0.0, 1.0, 1.0];
/// let model = LogisticLasso::new(0.05).feature_names(["dose", "age"]).fit(&x, &y)?;
/// let eta = model.decision_function(&x)?;
/// assert!((eta[3] - 3.0 * model.coefficients()[0] - model.intercept()).abs() < 1e-12);
/// assert_eq!((model.predict(&x)?, model.score(&x, &y)?), (y, 1.0));
/// assert!((model.predict_proba(&x)?[[3, 1]] - 1.0 / (1.0 + (-eta[3]).exp())).abs() < 1e-12);
/// assert!(model.deviance_explained() > 0.5);
/// assert!(model.to_string().contains("dose"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub struct GlmModel<F, D> {
    fitted: Fitted,
    family: F,
    offset: Option<Offset>,
    shape: PhantomData<fn() -> D>,
}

impl<F: Clone, D> Clone for GlmModel<F, D> {
    fn clone(&self) -> Self {
        let (fitted, family, offset) = (self.fitted.clone(), self.family.clone(), self.offset.clone());
        Self { fitted, family, offset, shape: PhantomData }
    }
}

impl<F: fmt::Debug, D> fmt::Debug for GlmModel<F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GlmModel").field("fitted", &self.fitted).field("family", &self.family).finish_non_exhaustive()
    }
}

impl<F: Send, D> Model for GlmModel<F, D> {
    const EXPLAINED: &'static str = "deviance explained";
    const PREDICTS: &'static str = "η";

    fn fitted(&self) -> &Fitted {
        &self.fitted
    }
}

impl<F: Shapes<D>, D: Shape> GlmModel<F, D> {
    pub(super) fn new(fitted: Fitted, family: F) -> Self {
        Self { fitted, family, offset: None, shape: PhantomData }
    }

    /// W: p, or p×q. Zeros are exact. A model stores only what is not zero until this is called.
    pub fn coefficients(&self) -> ArrayView<'_, f64, F::Eta> {
        F::Eta::of_view(self.fitted.coefficients.view())
    }

    /// b: a number, or one for each prediction (0 if none was fitted).
    pub fn intercept(&self) -> <F::Eta as Shape>::Intercept<'_> {
        F::Eta::intercept(&self.fitted.intercept)
    }

    /// As [`LinearModel::latent`](crate::estimator::LinearModel::latent).
    pub fn latent(&self) -> &[f64] {
        self.fitted.latent.slice()
    }

    /// The family.
    pub fn family(&self) -> &F {
        &self.family
    }

    /// The classes, sorted (those of each response, if there are several); empty for families without.
    pub fn classes(&self) -> <F::Prediction as Shape>::Classes<'_> {
        F::Prediction::classes(&self.fitted.classes)
    }

    /// The same model for observations with these known parts of η, n or n×q: what follows is for x with as many rows.
    pub fn with_offset(&self, offset: impl Into<Offset>) -> Self {
        Self { offset: Some(offset.into()), ..self.clone() }
    }

    /// `η = XW + 1bᵀ`, n or n×q, plus the [offset](Self::with_offset).
    ///
    /// # Errors
    /// A wrong number of columns, NaN or infinity in x; an offset of another shape.
    pub fn decision_function<X: AsDesign + ?Sized>(&self, x: &X) -> Result<Array<f64, F::Eta>> {
        Ok(F::Eta::of_matrix(self.eta(x)?))
    }

    /// What the family makes of η: the likeliest class, the mean, the relative risk; n or n × responses.
    ///
    /// # Errors
    /// As [`decision_function`](Self::decision_function).
    pub fn predict<X: AsDesign + ?Sized>(&self, x: &X) -> Result<Array<f64, F::Prediction>> {
        Ok(F::Prediction::of_matrix(self.family.predict(self.eta(x)?, &self.fitted.classes)))
    }

    /// The probabilities of the classes in the order of [`classes`](Self::classes), n × 2 or n × classes; for several
    /// responses those of the second class of each, n × responses.
    ///
    /// # Errors
    /// As [`decision_function`](Self::decision_function).
    pub fn predict_proba<X: AsDesign + ?Sized>(&self, x: &X) -> Result<Array2<f64>>
    where
        F: Probabilistic,
    {
        Ok(self.family.probabilities(self.eta(x)?, F::Prediction::ONE))
    }

    /// How well other data are predicted, larger is better: the share of right classes, the concordance of survival times,
    /// for other families `1 − (F(η) − inf F)/(F(η₀) − inf F)` with the best constant η₀, plus the offset if there is one.
    ///
    /// # Errors
    /// As [`decision_function`](Self::decision_function); a y that does not fit x or the family.
    pub fn score<X, S>(&self, x: &X, y: &ArrayBase<S, F::Response>) -> Result<f64>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        for scoring in [Scoring::Misclassification, Scoring::Concordance] {
            if self.family.supports(scoring) {
                return Ok(1.0 - self.error(x, y, scoring)?);
            }
        }
        let eta = self.eta(x)?;
        let (n, q) = eta.dim();
        let offset = self.offset.as_ref().map(|o| o.task_major(n, q)).transpose()?;
        let truth = Responses { offset: offset.as_deref(), ..self.truth(F::Response::matrix(y.view()), n)? };
        let loss = self.family.loss(&truth, &self.fitted.classes)?;
        let constant = LinearPredictor::new(AnyDesign::Dense(Dense::from_columns(vec![1.0; n], n, 1)?), loss);
        let free: &[usize] = if self.family.has_intercept() { &[0] } else { &[] };
        let null = constant.excess(&constant.point(&null_model(&constant, free)));
        // The loss adds the offset itself.
        let mut eta: Vec<f64> = eta.t().iter().copied().collect();
        eta.iter_mut().zip(offset.iter().flatten()).for_each(|(eta, o)| *eta -= o);
        let excess = crate::loss::Loss::fenchel_young(constant.loss(), &eta, &vec![0.0; eta.len()]);
        Ok(if null > 0.0 { 1.0 - excess / null } else { f64::NAN })
    }

    /// An error of the predictions for other data, smaller is better.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let (x, y) = (array![[0.0], [1.0], [2.0], [3.0]], array![0.0, 1.0, 0.0, 1.0]);
    /// let model = LogisticLasso::new(0.01).fit(&x, &y)?;
    /// assert_eq!(model.error(&x, &y, Scoring::Auc)?, 0.25); // one of four pairs
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`score`](Self::score); [`Error::Unsupported`] if the family cannot be judged so.
    pub fn error<X, S>(&self, x: &X, y: &ArrayBase<S, F::Response>, scoring: Scoring) -> Result<f64>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        let eta = self.eta(x)?;
        let truth = self.truth(F::Response::matrix(y.view()), eta.nrows())?;
        let (responses, classes) = (responses::<F, D>(truth.y.ncols()), &self.fitted.classes);
        let errors =
            scoring::family(&self.family, &truth, eta.view().insert_axis(Axis(0)), classes, scoring, responses);
        Ok(errors?[0])
    }

    fn truth<'a>(&self, y: ndarray::ArrayView2<'a, f64>, n: usize) -> Result<Responses<'a>> {
        check_length("y", n, y.nrows())?;
        let columns = self.fitted.ncolumns;
        check_length("y columns", columns, y.ncols())?;
        let one_dimensional = F::Response::ONE;
        if let Some(((i, t), &value)) = y.indexed_iter().find(|(_, v)| !v.is_finite()) {
            let index = if one_dimensional { vec![i] } else { vec![i, t] };
            return Err(Error::NotFinite { argument: "y", index, value });
        }
        Ok(Responses { y, one_dimensional, weights: None, offset: None })
    }

    /// η with the offset.
    fn eta<X: AsDesign + ?Sized>(&self, x: &X) -> Result<Array2<f64>> {
        let mut eta = self.predict_matrix(x)?;
        if let Some(offset) = &self.offset {
            let (n, q) = eta.dim();
            let offset = offset.task_major(n, q)?;
            eta.indexed_iter_mut().for_each(|((i, t), eta)| *eta += offset[t * n + i]);
        }
        Ok(eta)
    }
}

impl<D> GlmModel<Cox, D> {
    /// The same model for observations of these strata, which those of the fit need not have: what follows is for x with as
    /// many rows. Coefficients are those of all strata, and who is compared with whom is all that strata say, so that it
    /// does not take a stratum's baseline hazard to score its observations. A model that is fitted to strata scores only
    /// the rows of the fit without this.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
    /// let y = array![[2.0, 1.0], [1.0, 1.0], [20.0, 1.0], [10.0, 1.0]];
    /// let model = Lasso::new(0.01).loss(Cox::default().strata(vec![0, 0, 1, 1])).fit(&x, &y)?;
    /// let (new, times) = (array![[1.0, 1.0], [0.0, 0.0], [5.0, 0.0]], array![[3.0, 1.0], [4.0, 1.0], [9.0, 1.0]]);
    /// // The first two are compared, the third with nobody.
    /// assert_eq!(model.with_strata(vec![7, 7, 8]).score(&new, &times)?, 1.0);
    /// assert!(model.score(&new, &times).is_err());
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn with_strata(&self, strata: impl Into<Vec<usize>>) -> Self {
        Self { family: self.family.clone().strata(strata), ..self.clone() }
    }
}

impl<F: Family, D> fmt::Display for GlmModel<F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}   ", self.family.name())?;
        self.fitted.write(f, Self::EXPLAINED)
    }
}
