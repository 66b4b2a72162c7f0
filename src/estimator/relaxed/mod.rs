//! The relaxed lasso, for every penalty and loss: choose features with a penalty, fit them without.

use std::fmt;

use ndarray::{ArrayBase, ArrayView2, Data};

use crate::cross_validation::Folds;
use crate::design::{AnyDesign, AsDesign, LinearOperator};
use crate::error::{Error, Result, check_scalar};
use crate::estimator::prepared::Prepared;
use crate::estimator::training::Training;
use crate::estimator::{Configure, Estimator, Fitted, Model, Options, Shape};
use crate::path::{Grid, Path};
use crate::penalty::BlockPenalty;
use crate::solver::Watch;

mod constraint;
mod cross_validation;
mod refit;

pub use cross_validation::RelaxedCrossValidation;
use refit::OnSupport;

/// What is known of a fit without a penalty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefitStatus {
    /// The one best fit on the support: its columns are independent. (A loss with flat pieces, as the quantile loss and the squared
    /// hinge, may have others all the same; nobody looks for them.)
    Unique,
    /// A best fit, but not the only one: the columns of the support (with that of the intercept) depend linearly on each other,
    /// as always when there are more of them than observations. The coefficients are where the solver came to from
    /// the penalised ones; predictions on the training data are those of every best fit.
    NotUnique,
    /// There is no best fit: the loss falls for ever as coefficients grow, as that of classes which the support separates. They
    /// are finite because the solver stops within its tolerance of the least loss, and mean nothing.
    Divergent,
    /// A limit was reached first.
    Unconverged,
}

impl fmt::Display for RefitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unique => "unique",
            Self::NotUnique => "not unique",
            Self::Divergent => "divergent: the loss has no minimiser",
            Self::Unconverged => "not converged",
        })
    }
}

/// Gives every [`Estimator`] a relaxed form.
pub trait Relax: Estimator {
    /// Fits with the penalty, again without it on the features that have a coefficient then, and takes
    /// `(1 − φ)·refit + φ·penalised`, φ ∈ [0, 1]: see [`Relaxed`].
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
    /// let y = array![5.0, 7.0, 9.0, 11.0]; // 3 + 2 x₁
    /// let model = Lasso::new(0.1).relaxed(0.0).fit(&x, &y)?;
    /// assert!((model.refit().coefficients()[0] - 2.0).abs() < 1e-9); // not shrunk
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    fn relaxed(self, phi: f64) -> Relaxed<Self> {
        Relaxed { estimator: self, phi }
    }
}

impl<E: Estimator> Relax for E {}

/// The relaxed form of an estimator E (Meinshausen 2007, in the form of Hastie, Tibshirani & Tibshirani 2020 and of glmnet's
/// `relax = TRUE`, where φ is called γ): `Ŵ = (1 − φ) W_refit + φ W_λ`, and the same of the intercepts.
///
/// W_λ minimises `F + λΩ`; its support S are the features with a coefficient that is not zero (in any response or class), so for group penalties
/// the columns of the active groups, for multi-task penalties the active rows. W_refit minimises F alone over the features of S; constraints
/// such as signs and bounds stay, equal coefficients (fused lasso, SLOPE) and a low rank (trace norm) do not. φ = 1 is the penalised
/// fit, φ = 0 the one that is debiased by a refit.
///
/// A refit is a fit without a penalty, with all that this means: see [`RefitStatus`]. Where it is not unique or does not exist,
/// as with more features than observations or classes that are separated, it is finite all the same, and
/// [`RelaxedModel::refit_status`] says so; a blend with φ > 0 or a larger λ are what helps. Meinshausen's own estimator minimises
/// `F + φλΩ` on S: for the lasso it is this one as long as no sign changes on the way.
///
/// The certificates of both fits are those of their own problems. The certificate of a blend is that of a point of the refit's
/// problem: its gap is the loss that the shrinkage costs on S, not an error of a solver.
///
/// ```
/// use ndarray::{Array1, Array2};
/// use sparsereg::prelude::*;
/// let x = Array2::from_shape_fn((60, 8), |(i, j)| ((i * i * (j + 1) + 7 * i * j) % 23) as f64);
/// let y = Array1::from_shape_fn(60, |i| 4.0 + 3.0 * x[[i, 1]] - 2.0 * x[[i, 5]] + ((i * i * i) % 11) as f64);
/// let model = Lasso::new(8.0).relaxed(0.5).fit(&x, &y)?;
/// let (lasso, refit) = (model.penalized().coefficients()[1], model.refit().coefficients()[1]);
/// assert!(lasso < refit && (model.model().coefficients()[1] - 0.5 * (lasso + refit)).abs() < 1e-12);
/// assert_eq!(model.refit_status(), RefitStatus::Unique);
///
/// let cv = Lasso::default().relaxed(0.0).cross_validate(&x, &y, &KFold::new(5).seed(7))?; // λ and φ
/// assert_eq!(cv.best().support(), [1, 5]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Relaxed<E> {
    estimator: E,
    phi: f64,
}

impl<E: Configure> Configure for Relaxed<E> {
    fn options_mut(&mut self) -> &mut Options {
        self.estimator.options_mut()
    }
}

impl<E: Estimator> Relaxed<E> {
    /// Fits the model.
    ///
    /// # Errors
    /// As [`Estimator::fit`]; [`Error::OutOfRange`](crate::Error::OutOfRange) for a φ outside of [0, 1].
    pub fn fit<X, S>(&self, x: &X, y: &ArrayBase<S, E::Response>) -> Result<RelaxedModel<E::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        self.fit_watched(x, y, &mut ())
    }

    /// [`fit`](Self::fit) with a watcher that sees the progress of both fits and may cancel.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_watched<X, S>(
        &self,
        x: &X,
        y: &ArrayBase<S, E::Response>,
        watch: &mut dyn Watch,
    ) -> Result<RelaxedModel<E::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        check_phi(self.phi)?;
        let estimator = &self.estimator;
        check_scalar("lambda", estimator.lambda(), 0.0, f64::MAX, "a finite number >= 0")?;
        let mut prepared = self.prepare(x.as_design()?, E::Response::matrix(y.view()), watch)?;
        let penalized = estimator.fit_prepared(&mut prepared, estimator.lambda(), estimator.options(), watch)?;
        let mut pairs = relax(&prepared, vec![penalized], estimator.options(), watch)?;
        let Some(pair) = pairs.pop() else { return Err(Error::Empty { argument: "lambda" }) };
        estimator.options().accept(pair.model(estimator, &prepared, self.phi)?)
    }

    /// Fits the whole grid; the estimator's own λ is not used. A point that did not converge says so in its status and is no error.
    ///
    /// # Errors
    /// As [`fit`](Self::fit) and [`Grid::resolve`].
    pub fn path<X, S>(&self, x: &X, y: &ArrayBase<S, E::Response>, grid: Grid) -> Result<Path<RelaxedModel<E::Model>>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        check_phi(self.phi)?;
        let design = x.as_design()?;
        let (n, p) = (design.nrows(), design.ncols());
        let mut prepared = self.prepare(design, E::Response::matrix(y.view()), &mut ())?;
        let pairs = self.pairs(&mut prepared, (n, p), grid)?;
        let models = pairs.iter().map(|pair| pair.model(&self.estimator, &prepared, self.phi));
        Ok(Path::new(models.collect::<Result<_>>()?))
    }

    /// Cross-validates the automatic grid of 100 λs together with φ = 0, ¼, ½, ¾, 1; the own φ is not used.
    ///
    /// # Errors
    /// As [`cross_validate_on`](Self::cross_validate_on).
    pub fn cross_validate<X, S>(
        &self,
        x: &X,
        y: &ArrayBase<S, E::Response>,
        folds: &(impl Folds + ?Sized),
    ) -> Result<RelaxedCrossValidation<E::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        self.cross_validate_on(x, y, folds, Grid::default(), &[0.0, 0.25, 0.5, 0.75, 1.0])
    }

    /// Cross-validates λ and φ together: both fits are made once for each λ and fold, and every φ is judged on the same ones.
    ///
    /// # Errors
    /// As [`CrossValidate::cross_validate_on`](crate::cross_validation::CrossValidate::cross_validate_on);
    /// [`Error::Empty`](crate::Error::Empty) without a φ.
    pub fn cross_validate_on<X, S>(
        &self,
        x: &X,
        y: &ArrayBase<S, E::Response>,
        folds: &(impl Folds + ?Sized),
        grid: Grid,
        phis: &[f64],
    ) -> Result<RelaxedCrossValidation<E::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        cross_validation::run(self, &x.as_design()?, E::Response::matrix(y.view()), folds, grid, phis)
    }

    fn prepare<'a>(
        &self,
        x: AnyDesign<'a>,
        y: ArrayView2<'_, f64>,
        watch: &mut dyn Watch,
    ) -> Result<Prepared<'a, E::Penalty>> {
        let training: Training<'a> = self.estimator.training(x, y, self.estimator.options())?;
        let prepared = self.estimator.prepare(training, watch)?;
        // What is left of it at λ = 0 is a constraint that is not one of single coefficients.
        let penalty = prepared.penalty();
        if penalty.couples_columns() && (0..penalty.partition().len()).any(|b| !penalty.is_free(b, 0.0)) {
            let reason = "it is a constraint that couples all features, and no refit keeps it";
            return Err(Error::Unsupported { argument: "penalty", reason });
        }
        Ok(prepared)
    }

    /// Both fits at every λ of the grid.
    fn pairs(&self, prepared: &mut Prepared<'_, E::Penalty>, (n, p): (usize, usize), grid: Grid) -> Result<Vec<Pair>> {
        let lambdas = grid.resolve(prepared.lambda_max(), n, p)?;
        let options = self.estimator.options();
        let path = self.estimator.path_prepared(prepared, &lambdas, options, &mut ())?;
        relax(prepared, path, options, &mut ())
    }
}

fn check_phi(phi: f64) -> Result<()> {
    check_scalar("phi", phi, 0.0, 1.0, "a number in [0, 1]")
}

/// Both fits at one λ.
struct Pair {
    penalized: Fitted,
    refit: Fitted,
    status: RefitStatus,
}

impl Pair {
    fn model<E: Estimator>(
        &self,
        estimator: &E,
        prepared: &Prepared<'_, E::Penalty>,
        phi: f64,
    ) -> Result<RelaxedModel<E::Model>> {
        let support = self.penalized.coefficients.support();
        let blend = if support.is_empty() {
            self.penalized.clone()
        } else {
            let first = first_places(prepared);
            OnSupport::new(prepared, support, first.as_deref())?.blend(&self.penalized, &self.refit, phi)
        };
        Ok(RelaxedModel {
            phi,
            model: estimator.model(blend),
            penalized: estimator.model(self.penalized.clone()),
            refit: estimator.model(self.refit.clone()),
            refit_status: self.status,
        })
    }
}

/// The first place of each feature in the order of the solver, if that is not their own.
fn first_places<P: BlockPenalty>(prepared: &Prepared<'_, P>) -> Option<Vec<usize>> {
    let order = prepared.units.order.as_ref()?;
    let mut first = vec![0; prepared.units.nfeatures];
    order.iter().enumerate().rev().for_each(|(k, &j)| first[j] = k);
    Some(first)
}

/// The refits of a path; neighbours with the same support share theirs.
fn relax<P: BlockPenalty>(
    prepared: &Prepared<'_, P>,
    path: Vec<Fitted>,
    options: &Options,
    watch: &mut dyn Watch,
) -> Result<Vec<Pair>> {
    let first = first_places(prepared);
    let mut pairs: Vec<Pair> = Vec::with_capacity(path.len());
    let mut last: Vec<usize> = Vec::new();
    for penalized in path {
        let support = penalized.coefficients.support();
        let (refit, status) = if support.is_empty() {
            (penalized.clone(), RefitStatus::Unique)
        } else if let Some(pair) = pairs.last().filter(|_| support == last) {
            (Fitted { lambda: penalized.lambda, ..pair.refit.clone() }, pair.status)
        } else {
            OnSupport::new(prepared, support.clone(), first.as_deref())?.refit(&penalized, options, watch)
        };
        last = support;
        pairs.push(Pair { penalized, refit, status });
    }
    Ok(pairs)
}

/// A fitted [`Relaxed`] estimator; as a [`Model`] it is the blend.
#[derive(Debug, Clone)]
pub struct RelaxedModel<M> {
    phi: f64,
    model: M,
    penalized: M,
    refit: M,
    refit_status: RefitStatus,
}

impl<M: Model> Model for RelaxedModel<M> {
    const EXPLAINED: &'static str = M::EXPLAINED;
    const PREDICTS: &'static str = M::PREDICTS;

    fn fitted(&self) -> &Fitted {
        self.model.fitted()
    }
}

impl<M> RelaxedModel<M> {
    /// φ.
    pub fn phi(&self) -> f64 {
        self.phi
    }

    /// The blend: what predicts.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The fit with the penalty, which has chosen the features.
    pub fn penalized(&self) -> &M {
        &self.penalized
    }

    /// The fit without on the same features, φ = 0.
    pub fn refit(&self) -> &M {
        &self.refit
    }

    /// What is known of it.
    pub fn refit_status(&self) -> RefitStatus {
        self.refit_status
    }
}

impl<M: Model + fmt::Display> fmt::Display for RelaxedModel<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "φ {}   refit {}", self.phi, self.refit_status)?;
        write!(f, "{}", self.model)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, Axis};

    use super::*;
    use crate::estimator::{BoxLasso, Lasso, Penalized, Reweighted, Reweighting};
    use crate::penalty::Simplex;

    fn data() -> (Array2<f64>, Array1<f64>) {
        let x = Array2::from_shape_fn((30, 4), |(i, j)| ((i * i * (j + 2) + 5 * i * j) % 17) as f64 / 8.0 - 1.0);
        let y = Array1::from_shape_fn(30, |i| 2.0 * x[[i, 0]] - x[[i, 2]] + 0.1 * ((i * i * i) % 7) as f64);
        (x, y)
    }

    #[test]
    fn bounds_stay_where_they_hold_against_the_gradient() {
        let (x, y) = data();
        let model = BoxLasso::new(0.05).bounds(-0.5, 1.0).tolerance(1e-10).relaxed(0.0).fit(&x, &y).unwrap();
        let chosen = x.select(Axis(1), &model.penalized().support());
        let alone = BoxLasso::new(0.0).bounds(-0.5, 1.0).tolerance(1e-10).fit(&chosen, &y).unwrap();
        assert_eq!(model.refit().coefficients()[0], 1.0);
        for (&j, w) in model.penalized().support().iter().zip(alone.coefficients()) {
            assert!((model.refit().coefficients()[j] - w).abs() < 1e-5);
        }
        let simplex = Penalized::new(1.0, Simplex::new(4, 1.0).unwrap()).relaxed(0.0);
        assert!(matches!(simplex.fit(&x, &y), Err(Error::Unsupported { argument: "penalty", .. })));
    }

    #[test]
    fn the_penalised_fit_is_that_of_the_estimator() {
        let (x, y) = data();
        for estimator in [
            Reweighted::new(Lasso::new(0.2), Reweighting::Log { epsilon: 0.1 }),
            Reweighted::adaptive(Lasso::new(0.2), 0.0, 1.0),
        ] {
            let (model, alone) = (estimator.clone().relaxed(1.0).fit(&x, &y).unwrap(), estimator.fit(&x, &y).unwrap());
            assert_eq!(model.model().coefficients(), alone.coefficients());
        }
    }
}
