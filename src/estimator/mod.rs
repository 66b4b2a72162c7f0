//! Ŵ: the estimators that users fit, and what they return.
//!
//! Builder → `fit` → fitted model. Every estimator of a linear model is an [`Estimator`]: a penalty over the features, a
//! λ, and the options that all share ([`Options`]). Paths and cross-validation are in [`crate::path`] and
//! [`crate::cross_validation`] and work for every one.

use std::sync::Arc;
use std::time::Duration;

use ndarray::{ArrayBase, Data, Dimension};

use crate::design::{AnyDesign, AsDesign};
use crate::error::{Error, Result, Unconverged, check_length, check_scalar};
use crate::loss::Squared;
use crate::moments::Moments;
use crate::penalty::BlockPenalty;
use crate::problem::Problem;
use crate::smooth::LinearPredictor;
use crate::solver::{BlockDescent, Fista, Solution, Solver, Start, Status, Stopping, Watch};

/// What is the same in every [`Estimator`] that has the fields `lambda` and `options`.
macro_rules! shared_parameters {
    () => {
        fn options(&self) -> &Options {
            &self.options
        }

        fn lambda(&self) -> f64 {
            self.lambda
        }

        fn with_lambda(&self, lambda: f64) -> Self {
            Self { lambda, ..self.clone() }
        }
    };
}

mod coefficients;
mod elastic_net;
mod from_moments;
mod graphical_lasso;
mod group_lasso;
mod joint_graphical_lasso;
mod lasso;
mod latent_group_lasso;
mod model;
mod multi_task;
mod penalized;
mod sparse_group_lasso;
mod training;

pub use elastic_net::ElasticNet;
pub use graphical_lasso::{
    CovarianceEstimate, Criterion, Edge, Em, EmModel, GraphicalCrossValidation, GraphicalLasso, GraphicalMethod,
    GraphicalPath, GraphicalStability, PrecisionModel, Rank, Subsamples,
};
pub use group_lasso::GroupLasso;
pub use joint_graphical_lasso::{
    ClassWeights, Coupling, JointEdge, JointGraphicalLasso, JointGraphicalPath, JointPrecisionModel,
};
pub use lasso::Lasso;
pub use latent_group_lasso::LatentGroupLasso;
pub use model::{LinearModel, Model, MultiTaskModel};
pub use multi_task::{MultiTaskElasticNet, MultiTaskLasso};
pub use penalized::Penalized;
pub use sparse_group_lasso::SparseGroupLasso;
pub use training::{Layout, Training};

/// Which solver an estimator uses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// Block coordinate descent with working sets: the default, and the fastest.
    Descent(BlockDescent),
    /// Proximal gradient: the independent second route.
    Fista(Fista),
}

impl Method {
    /// The stopping rule of the solver.
    pub fn stopping(&self) -> &Stopping {
        match self {
            Self::Descent(s) => &s.stopping,
            Self::Fista(s) => &s.stopping,
        }
    }

    fn stopping_mut(&mut self) -> &mut Stopping {
        match self {
            Self::Descent(s) => &mut s.stopping,
            Self::Fista(s) => &mut s.stopping,
        }
    }
}

impl Default for Method {
    fn default() -> Self {
        Self::Descent(BlockDescent::default())
    }
}

impl From<BlockDescent> for Method {
    fn from(solver: BlockDescent) -> Self {
        Self::Descent(solver)
    }
}

impl From<Fista> for Method {
    fn from(solver: Fista) -> Self {
        Self::Fista(solver)
    }
}

/// What all estimators of linear models share. Set through the builder methods of the estimators.
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `intercept` | true | fit an unpenalised constant per response |
/// | `standardize` | false | divide columns by their standard deviation (weighted, /n); coefficients come back in the user's units |
/// | `sample_weights` | all 1 | s_i ≥ 0, rescaled to mean 1; a weight of 2 is a repeated row |
/// | `feature_names` | none | shown by `Display` |
/// | `solver` | block descent | [`Method`] |
/// | `tolerance` | 1e-6 | relative duality gap |
/// | `max_iterations` | 100,000 | of the solver |
/// | `time_limit` | none | of one fit |
/// | `accept_unconverged` | false | return a model instead of [`Error::NotConverged`] |
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub(crate) intercept: bool,
    pub(crate) standardize: bool,
    pub(crate) sample_weights: Option<Vec<f64>>,
    pub(crate) feature_names: Option<Arc<[String]>>,
    pub(crate) method: Method,
    pub(crate) accept_unconverged: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            intercept: true,
            standardize: false,
            sample_weights: None,
            feature_names: None,
            method: Method::default(),
            accept_unconverged: false,
        }
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<()> {
        let stopping = self.method.stopping();
        check_scalar("tolerance", stopping.tolerance, 0.0, f64::MAX, "a finite number >= 0")
    }

    /// Turns a solution into `Ok` or into the error that carries it.
    pub(crate) fn accept<M: Model>(&self, model: M) -> Result<M> {
        match model.status() {
            Status::Converged | Status::Stalled => Ok(model),
            _ if self.accept_unconverged => Ok(model),
            status => Err(Error::NotConverged(Box::new(Unconverged {
                status,
                certificate: *model.certificate(),
                coefficients: model.coefficient_matrix(),
                intercept: model.intercepts(),
                iterations: model.iterations(),
            }))),
        }
    }
}

/// The options of an estimator as builder methods.
pub trait Configure: Sized {
    /// Where the options live.
    fn options_mut(&mut self) -> &mut Options;

    /// Fit an unpenalised constant per response (default true).
    fn intercept(mut self, yes: bool) -> Self {
        self.options_mut().intercept = yes;
        self
    }

    /// Divide the columns by their (weighted) standard deviation before penalising; coefficients come back in the user's
    /// units. A column that is constant relative to its mean gets coefficient 0. Default false.
    fn standardize(mut self, yes: bool) -> Self {
        self.options_mut().standardize = yes;
        self
    }

    /// One weight s_i ≥ 0 per observation, rescaled to mean 1.
    fn sample_weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.options_mut().sample_weights = Some(weights.into());
        self
    }

    /// Names of the features, for display.
    fn feature_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.options_mut().feature_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The solver: [`BlockDescent`] (default) or [`Fista`], with their own fields. Its stopping rule replaces what
    /// `tolerance`, `max_iterations` and `time_limit` have set before.
    fn solver(mut self, solver: impl Into<Method>) -> Self {
        self.options_mut().method = solver.into();
        self
    }

    /// Largest relative duality gap: gap ≤ tolerance · (objective at zero; of the best constant with an intercept).
    fn tolerance(mut self, tolerance: f64) -> Self {
        self.options_mut().method.stopping_mut().tolerance = tolerance;
        self
    }

    /// Iteration limit of the solver.
    fn max_iterations(mut self, limit: usize) -> Self {
        self.options_mut().method.stopping_mut().max_iterations = limit;
        self
    }

    /// Time limit of one fit (of one λ on a path).
    fn time_limit(mut self, limit: Duration) -> Self {
        self.options_mut().method.stopping_mut().time_limit = Some(limit);
        self
    }

    /// Return the best answer so far as a model instead of [`Error::NotConverged`].
    fn accept_unconverged(mut self, yes: bool) -> Self {
        self.options_mut().accept_unconverged = yes;
        self
    }
}

/// An estimator of a linear model: minimise `1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖² + λΩ(W)`.
pub trait Estimator: Configure + Clone + Sync {
    /// Ω in the solver's order of columns.
    type Penalty: BlockPenalty;
    /// `Ix1` for one response, `Ix2` for several.
    type Response: Dimension;
    /// What `fit` returns.
    type Model: Model;

    /// The shared options.
    fn options(&self) -> &Options;
    /// λ.
    fn lambda(&self) -> f64;
    /// The same estimator at another λ.
    fn with_lambda(&self, lambda: f64) -> Self;
    /// The penalty for p features, and the order (with repeats) in which it wants the columns.
    ///
    /// # Errors
    /// Parameters that do not fit p features.
    fn layout(&self, nfeatures: usize) -> Result<Layout<Self::Penalty>>;

    /// Fits the model.
    ///
    /// `x` is n×p: an array or view of f64 or f32 in any memory order, a [`Csc`](crate::design::Csc), or any
    /// [`Design`](crate::design::Design). `y` has length n (n×q for several responses).
    ///
    /// # Errors
    /// Every bad input as an [`Error`] that names argument, index and value; [`Error::NotConverged`] with the partial
    /// answer when a limit was hit first.
    fn fit<X, S>(&self, x: &X, y: &ArrayBase<S, Self::Response>) -> Result<Self::Model>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        self.fit_watched(x, y, &mut ())
    }

    /// [`fit`](Self::fit) with a watcher that sees the progress and may cancel.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    fn fit_watched<X, S>(&self, x: &X, y: &ArrayBase<S, Self::Response>, watch: &mut dyn Watch) -> Result<Self::Model>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        check_scalar("lambda", self.lambda(), 0.0, f64::MAX, "a finite number >= 0")?;
        let design = x.as_design()?;
        let training = Training::new(design, y, self.options())?;
        let layout = self.layout(training.nfeatures())?;
        training.with_predictor(&layout, |smooth| {
            let problem = Problem::new(smooth, &layout.penalty, self.lambda());
            let solution = solve(&self.options().method, &problem, Start::Zero, watch);
            self.options().accept(self.model(&training, smooth, &layout, self.lambda(), solution))
        })
    }

    /// Fits the model to the [`Moments`] of the data: the answer is that of [`fit`](Self::fit) up to what the certificate's
    /// `rounding` says, which includes the rounding errors of the moments.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); sample weights are rejected, as they belong into the moments.
    ///
    /// ```
    /// use ndarray::{array, s};
    /// use sparsereg::{moments::Moments, prelude::*};
    /// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
    /// let y = array![5.0, 7.0, 9.0, 11.0];
    /// let mut moments = Moments::new(&x.slice(s![..2, ..]), &y.slice(s![..2]))?;
    /// moments.merge(&Moments::new(&x.slice(s![2.., ..]), &y.slice(s![2..]))?)?;
    /// let (parts, whole) = (Lasso::new(0.01).fit_moments(&moments)?, Lasso::new(0.01).fit(&x, &y)?);
    /// assert!((parts.coefficients()[0] - whole.coefficients()[0]).abs() < 1e-4);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    fn fit_moments(&self, moments: &Moments) -> Result<Self::Model> {
        check_scalar("lambda", self.lambda(), 0.0, f64::MAX, "a finite number >= 0")?;
        self.check_responses(moments)?;
        let training = Training::from_moments(moments, self.options())?;
        let layout = self.layout(training.nfeatures())?;
        training.with_predictor(&layout, |smooth| {
            let problem = Problem::new(smooth, &layout.penalty, self.lambda());
            let solution = solve(&self.options().method, &problem, Start::Zero, &mut ());
            self.options().accept(self.model(&training, smooth, &layout, self.lambda(), solution))
        })
    }

    /// Rejects moments of several responses where the model is one of one.
    #[doc(hidden)]
    fn check_responses(&self, moments: &Moments) -> Result<()> {
        if Self::Response::NDIM == Some(1) { check_length("y columns", 1, moments.nresponses()) } else { Ok(()) }
    }

    /// The smallest λ at which every penalised coefficient is zero.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    fn lambda_max<X, S>(&self, x: &X, y: &ArrayBase<S, Self::Response>) -> Result<f64>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        let training = Training::new(x.as_design()?, y, self.options())?;
        let layout = self.layout(training.nfeatures())?;
        training.with_predictor(&layout, |smooth| Ok(Problem::new(smooth, &layout.penalty, 0.0).lambda_max()))
    }

    /// The fitted model in the user's units.
    #[doc(hidden)]
    fn model(
        &self,
        training: &Training<'_>,
        smooth: &LinearPredictor<AnyDesign<'_>, Squared>,
        layout: &Layout<Self::Penalty>,
        lambda: f64,
        solution: Solution,
    ) -> Self::Model {
        Self::Model::assemble(training.restore(smooth, layout, lambda, solution, self.options()))
    }
}

/// Runs the chosen solver.
pub(crate) fn solve<D, P>(
    method: &Method,
    problem: &Problem<'_, LinearPredictor<D, Squared>, P>,
    start: Start<'_>,
    watch: &mut dyn Watch,
) -> Solution
where
    D: crate::design::Design,
    P: BlockPenalty,
{
    match method {
        Method::Descent(solver) => solver.solve(problem, start, watch),
        Method::Fista(solver) => solver.solve(problem, start, watch),
    }
}

/// Runs the chosen solver over a path.
pub(crate) fn solve_path<D, P>(
    method: &Method,
    problem: &Problem<'_, LinearPredictor<D, Squared>, P>,
    lambdas: &[f64],
    watch: &mut dyn Watch,
    sink: &mut dyn FnMut(Solution) -> std::ops::ControlFlow<()>,
) where
    D: crate::design::Design,
    P: BlockPenalty,
{
    match method {
        Method::Descent(solver) => solver.solve_path(problem, lambdas, Start::Zero, watch, sink),
        Method::Fista(solver) => solver.solve_path(problem, lambdas, Start::Zero, watch, sink),
    }
}
