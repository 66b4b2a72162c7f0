//! Fitted linear models.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayBase, ArrayView1, ArrayView2, Axis, Data, Ix1, Ix2};

use crate::certificate::{Certificate, Plain};
use crate::design::{AsDesign, LinearOperator};
use crate::error::{Error, Result, check_length};
use crate::estimator::coefficients::Coefficients;
use crate::solver::Status;

/// The answer of a solver in the units of the data: what an [`Estimator`](crate::estimator::Estimator) makes its model of.
#[derive(Debug, Clone)]
pub struct Fitted {
    pub(crate) coefficients: Coefficients,
    pub(crate) intercept: Array1<f64>,
    pub(crate) lambda: f64,
    /// F.
    pub(crate) loss: f64,
    /// R², or the share of the deviance.
    pub(crate) explained: f64,
    pub(crate) certificate: Certificate,
    pub(crate) status: Status,
    pub(crate) iterations: usize,
    pub(crate) nobservations: usize,
    pub(crate) feature_names: Option<Arc<[String]>>,
    pub(crate) latent: Coefficients,
    /// Columns of y.
    pub(crate) ncolumns: usize,
    /// The classes of each response, if it has some.
    pub(crate) classes: Arc<[Vec<f64>]>,
}

/// What paths and cross-validation need of a fitted linear model.
pub trait Model: Sized + Send {
    /// What the share that is explained is called.
    #[doc(hidden)]
    const EXPLAINED: &'static str = "R²";
    /// What is predicted, for the units of coefficients.
    #[doc(hidden)]
    const PREDICTS: &'static str = "y";
    #[doc(hidden)]
    fn fitted(&self) -> &Fitted;

    /// λ of the fit.
    fn lambda(&self) -> f64 {
        self.fitted().lambda
    }

    /// The proof of how close the answer is to the optimum.
    fn certificate(&self) -> &Certificate {
        &self.fitted().certificate
    }

    /// How the solve ended.
    fn status(&self) -> Status {
        self.fitted().status
    }

    /// Iterations of the solver.
    fn iterations(&self) -> usize {
        self.fitted().iterations
    }

    /// Features with a coefficient that is not zero (for several responses: in any of them), in order.
    fn support(&self) -> Vec<usize> {
        self.fitted().coefficients.support()
    }

    /// `1 − (F(η̂) − inf F) / (F(η₀) − inf F)` on the training data, weighted if the fit was: the share of the deviance of
    /// the model η₀ with nothing but an intercept that the fit explains. R² over all responses together for least
    /// squares. NaN where η₀ leaves nothing to explain.
    fn deviance_explained(&self) -> f64 {
        self.fitted().explained
    }

    /// W, features × responses.
    fn coefficient_matrix(&self) -> Array2<f64> {
        self.fitted().coefficients.to_array()
    }

    /// One intercept per response (0 if none was fitted).
    fn intercepts(&self) -> Array1<f64> {
        self.fitted().intercept.clone()
    }

    /// `XW + 1bᵀ`, observations × responses.
    ///
    /// # Errors
    /// A wrong number of columns, NaN or infinity in x.
    fn predict_matrix<X: AsDesign + ?Sized>(&self, x: &X) -> Result<Array2<f64>> {
        let design = x.as_design()?;
        let fitted = self.fitted();
        let (p, q) = fitted.coefficients.dim();
        check_length("x columns", p, design.ncols())?;
        let n = design.nrows();
        let w: Vec<f64> = fitted.coefficients.iter().copied().collect();
        let mut eta = vec![0.0; n * q];
        design.apply(&w, &mut eta);
        Ok(Array2::from_shape_fn((n, q), |(i, t)| eta[t * n + i] + fitted.intercept[t]))
    }
}

/// A fitted model of one response: `ŷ = Xw + b`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0], [2.0], [3.0]];
/// let model = Lasso::new(0.0).feature_names(["dose"]).fit(&x, &array![2.0, 4.0, 6.0])?;
/// assert!((model.predict(&array![[4.0]])?[0] - 8.0).abs() < 1e-5);
/// assert!(model.to_string().contains("dose"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LinearModel {
    fitted: Fitted,
}

impl From<Fitted> for LinearModel {
    fn from(fitted: Fitted) -> Self {
        Self { fitted }
    }
}

impl Model for LinearModel {
    fn fitted(&self) -> &Fitted {
        &self.fitted
    }
}

impl LinearModel {
    /// R² on the training data (weighted if the fit was), over all responses together; NaN for a constant response.
    pub fn r_squared(&self) -> f64 {
        self.fitted.explained
    }

    /// w, one coefficient per feature; zeros are exact. A model stores only what is not zero until this is called.
    pub fn coefficients(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(self.fitted.coefficients.slice())
    }

    /// b (0 if none was fitted).
    pub fn intercept(&self) -> f64 {
        self.fitted.intercept[0]
    }

    /// The copies of the coefficients in the order in which the groups list their features, where the solver had them in
    /// an order of its own (scattered or overlapping groups); otherwise empty. For overlapping groups w is their sum.
    pub fn latent(&self) -> &[f64] {
        self.fitted.latent.slice()
    }

    /// `Xw + b`.
    ///
    /// # Errors
    /// A wrong number of columns, NaN or infinity in x.
    pub fn predict<X: AsDesign + ?Sized>(&self, x: &X) -> Result<Array1<f64>> {
        Ok(self.predict_matrix(x)?.index_axis_move(Axis(1), 0))
    }

    /// R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)² on other data; NaN if y is constant.
    ///
    /// # Errors
    /// Lengths that do not fit, NaN or infinity.
    pub fn score<X, S>(&self, x: &X, y: &ArrayBase<S, Ix1>) -> Result<f64>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        let prediction = self.predict(x)?;
        check_length("y", prediction.len(), y.len())?;
        if let Some((i, &value)) = y.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite { argument: "y", index: vec![i], value });
        }
        Ok(r_squared(prediction.view(), y.view()))
    }
}

/// A fitted model of several responses: `Ŷ = XW + 1bᵀ`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[1.0], [2.0], [3.0]];
/// let model = MultiTaskLasso::new(0.0).fit(&x, &array![[2.0, 1.0], [4.0, 2.0], [6.0, 3.0]])?;
/// assert!((model.predict(&array![[4.0]])?[[0, 1]] - 4.0).abs() < 1e-5);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MultiTaskModel {
    fitted: Fitted,
}

impl From<Fitted> for MultiTaskModel {
    fn from(fitted: Fitted) -> Self {
        Self { fitted }
    }
}

impl Model for MultiTaskModel {
    fn fitted(&self) -> &Fitted {
        &self.fitted
    }
}

impl MultiTaskModel {
    /// R² on the training data (weighted if the fit was), over all responses together; NaN for a constant response.
    pub fn r_squared(&self) -> f64 {
        self.fitted.explained
    }

    /// W, features × responses; zeros are exact. A model stores only what is not zero until this is called.
    pub fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.fitted.coefficients.view()
    }

    /// b, one per response (0 if none was fitted).
    pub fn intercept(&self) -> ArrayView1<'_, f64> {
        self.fitted.intercept.view()
    }

    /// `XW + 1bᵀ`, observations × responses.
    ///
    /// # Errors
    /// A wrong number of columns, NaN or infinity in x.
    pub fn predict<X: AsDesign + ?Sized>(&self, x: &X) -> Result<Array2<f64>> {
        self.predict_matrix(x)
    }

    /// The mean over the responses of R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)², as in scikit-learn.
    ///
    /// # Errors
    /// Shapes that do not fit, NaN or infinity.
    pub fn score<X, S>(&self, x: &X, y: &ArrayBase<S, Ix2>) -> Result<f64>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        let prediction = self.predict(x)?;
        check_length("y", prediction.nrows(), y.nrows())?;
        check_length("y columns", prediction.ncols(), y.ncols())?;
        if let Some(((i, t), &value)) = y.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite { argument: "y", index: vec![i, t], value });
        }
        let each = prediction.axis_iter(Axis(1)).zip(y.axis_iter(Axis(1))).map(|(p, y)| r_squared(p, y));
        Ok(each.sum::<f64>() / y.ncols() as f64)
    }
}

fn r_squared(prediction: ArrayView1<'_, f64>, y: ArrayView1<'_, f64>) -> f64 {
    let mean = y.sum() / y.len() as f64;
    let total: f64 = y.iter().map(|y| (y - mean) * (y - mean)).sum();
    let residual: f64 = y.iter().zip(prediction).map(|(y, p)| (y - p) * (y - p)).sum();
    if total > 0.0 { 1.0 - residual / total } else { f64::NAN }
}

/// Most rows of coefficients that `Display` shows.
const SHOWN: usize = 20;

impl Fitted {
    /// λ, features, what is explained, certificate and the largest coefficients.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, explained: &str) -> fmt::Result {
        let (p, q) = self.coefficients.dim();
        // feature, norm and coefficients of the rows that are not zero
        let mut rows: Vec<(usize, f64, Vec<f64>)> = Vec::new();
        for (j, t, value) in self.coefficients.nonzero() {
            match rows.last_mut() {
                Some((last, _, row)) if *last == j => row[t] = value,
                _ => {
                    let mut row = vec![0.0; q];
                    row[t] = value;
                    rows.push((j, 0.0, row));
                }
            }
        }
        rows.iter_mut().for_each(|(_, norm, row)| *norm = row.iter().map(|w| w * w).sum::<f64>().sqrt());
        let nonzero = rows.len();
        writeln!(
            f,
            "λ {}   {nonzero} of {p} features   n {}   {explained} {:.4}   {}",
            Plain(self.lambda, 6),
            self.nobservations,
            self.explained,
            self.status
        )?;
        writeln!(f, "{}", self.certificate)?;
        rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let name = |j: usize| match &self.feature_names {
            Some(names) => names[j].clone(),
            None => format!("x{j}"),
        };
        let width = rows.iter().take(SHOWN).map(|row| name(row.0).chars().count()).max().unwrap_or(0).max(11);
        let line = |f: &mut fmt::Formatter<'_>, name: &str, values: &mut dyn Iterator<Item = f64>| {
            write!(f, "  {name:<width$}")?;
            for value in values.take(8) {
                let plain = value == 0.0 || (1e-4..1e7).contains(&value.abs());
                if plain { write!(f, " {value:>13.6}")? } else { write!(f, " {value:>13.5e}")? }
            }
            writeln!(f, "{}", if q > 8 { " …" } else { "" })
        };
        if let [classes] = &*self.classes
            && classes.len() == q
        {
            line(f, "class", &mut classes.iter().copied())?;
        }
        line(f, "(intercept)", &mut self.intercept.iter().copied())?;
        for (j, _, row) in rows.iter().take(SHOWN) {
            line(f, &name(*j), &mut row.iter().copied())?;
        }
        if nonzero > SHOWN {
            writeln!(f, "  … and {} more", nonzero - SHOWN)?;
        }
        Ok(())
    }
}

impl fmt::Display for LinearModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fitted.write(f, Self::EXPLAINED)
    }
}

impl fmt::Display for MultiTaskModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fitted.write(f, Self::EXPLAINED)
    }
}
