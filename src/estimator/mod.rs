//! Ŵ: the estimators that users fit, and what they return.
//!
//! Builder → `fit` → fitted model. Every estimator of a linear model is an [`Estimator`]: a penalty over the features, a
//! λ, and the options that all share ([`Options`]). Paths and cross-validation are in [`crate::path`] and
//! [`crate::cross_validation`] and work for every one.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ndarray::{ArrayBase, ArrayView2, ArrayView3, Data};

use crate::design::{AnyDesign, AsDesign};
use crate::error::{Error, Result, Unconverged, check_length, check_scalar};
use crate::estimator::family::Responses;
use crate::moments::Moments;
use crate::penalty::BlockPenalty;
use crate::problem::Problem;
use crate::solver::{
    BlockDescent, Fista, Predictor, Solution, Solver, Start, Status, Stopping, Watch, solve_on_working_sets,
};

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

        fn model(&self, fitted: Fitted) -> Self::Model {
            fitted.into()
        }
    };
}

mod box_lasso;
mod coefficients;
mod constrained;
mod elastic_net;
pub mod family;
mod folded_concave;
mod from_moments;
mod fused_lasso;
mod glm;
mod glm_model;
mod graph_fused_lasso;
mod graphical_lasso;
mod group_lasso;
mod group_max_lasso;
mod joint_graphical_lasso;
mod labels;
mod lasso;
mod latent_group_lasso;
mod matching_pursuit;
mod model;
mod multi_task;
mod offset;
mod penalized;
mod prepared;
mod relaxed;
mod reweighted;
mod scoring;
mod shape;
mod slope;
mod sparse_group_lasso;
mod tasks;
mod trace_norm_regression;
mod training;
mod tree_group_lasso;

pub use box_lasso::BoxLasso;
pub(crate) use constrained::{Limited, Proven};
pub use elastic_net::ElasticNet;
pub use family::{Cox, Gamma, Huber, Logistic, Multinomial, Poisson, Quantile, SquareRoot, SquaredHinge};
pub use folded_concave::{GroupMcp, GroupScad, McpRegression, MultiTaskMcp, MultiTaskScad, ScadRegression};
pub use fused_lasso::FusedLasso;
pub use glm::{
    CoxElasticNet, CoxGroupLasso, CoxLasso, GammaLasso, Glm, GroupedMultinomialLasso, HuberLasso, LogisticElasticNet,
    LogisticGroupLasso, LogisticLasso, MultiTaskLogisticLasso, MultinomialLasso, PoissonElasticNet, PoissonGroupLasso,
    PoissonLasso, QuantileLasso, SquareRootLasso, SquaredHingeLasso, WithLoss,
};
pub use glm_model::GlmModel;
pub use graph_fused_lasso::GraphFusedLasso;
pub use graphical_lasso::{
    CovarianceEstimate, Criterion, Edge, Em, EmModel, GraphicalCrossValidation, GraphicalLasso, GraphicalMethod,
    GraphicalPath, GraphicalStability, PrecisionModel, Rank, Subsamples,
};
pub use group_lasso::GroupLasso;
pub use group_max_lasso::{GroupMaxLasso, MultiTaskMaxLasso};
pub use joint_graphical_lasso::{
    ClassWeights, Coupling, JointEdge, JointGraphicalLasso, JointGraphicalPath, JointPrecisionModel,
};
pub use labels::Labels;
pub use lasso::Lasso;
pub use latent_group_lasso::LatentGroupLasso;
pub use matching_pursuit::{
    CorrelationNorm, OrthogonalMatchingPursuit, PursuitCrossValidation, PursuitPath, PursuitStop,
};
pub use model::{Fitted, LinearModel, Model, MultiTaskModel};
pub use multi_task::{MultiTaskElasticNet, MultiTaskLasso};
pub use offset::Offset;
pub use penalized::Penalized;
use prepared::Prepared;
pub use relaxed::{RefitStatus, Relax, Relaxed, RelaxedCrossValidation, RelaxedModel};
pub use reweighted::{Reweighted, Reweighting, Weighted};
pub use scoring::Scoring;
pub use shape::Shape;
pub use slope::Slope;
pub use sparse_group_lasso::SparseGroupLasso;
pub use tasks::{FitTasks, Task, TaskId, Tasks, TasksCrossValidation, TasksModel};
pub use trace_norm_regression::TraceNormRegression;
pub(crate) use training::normalise;
pub use training::{Layout, Training};
pub use tree_group_lasso::TreeGroupLasso;

/// Which solver an estimator uses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// Block coordinate descent with working sets: the default, and the fastest. Where the penalty couples all columns (SLOPE,
    /// fused lasso, trace norm …) there is nothing to descend over: then it stands for proximal gradient on working sets
    /// with a second-order finish.
    Descent(BlockDescent),
    /// Proximal gradient on all columns: the independent second route.
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

    /// Solves a problem of an estimator under another stopping rule.
    fn solve<P: BlockPenalty>(
        &self,
        problem: &Problem<'_, Predictor<'_>, P>,
        start: Start<'_>,
        stopping: Stopping,
        watch: &mut dyn Watch,
    ) -> Solution {
        match self.clone() {
            Self::Descent(_) if problem.penalty.couples_columns() => {
                let mut answer = None;
                let mut sink = |solution| {
                    answer = Some(solution);
                    ControlFlow::Break(())
                };
                solve_on_working_sets(stopping, problem, &[problem.lambda], start, watch, &mut sink);
                // There is an answer for every λ; without one, this is what there is.
                answer.unwrap_or_else(|| Fista { stopping, ..Fista::default() }.solve(problem, start, watch))
            }
            Self::Descent(solver) => BlockDescent { stopping, ..solver }.solve(problem, start, watch),
            Self::Fista(solver) => Fista { stopping, ..solver }.solve(problem, start, watch),
        }
    }

    /// Solves a path of an estimator.
    fn solve_path<P: BlockPenalty>(
        &self,
        problem: &Problem<'_, Predictor<'_>, P>,
        lambdas: &[f64],
        watch: &mut dyn Watch,
        sink: &mut dyn FnMut(Solution) -> ControlFlow<()>,
    ) {
        match self {
            Self::Descent(solver) if problem.penalty.couples_columns() => {
                solve_on_working_sets(solver.stopping, problem, lambdas, Start::Zero, watch, sink);
            }
            Self::Descent(solver) => solver.solve_path(problem, lambdas, Start::Zero, watch, sink),
            Self::Fista(solver) => solver.solve_path(problem, lambdas, Start::Zero, watch, sink),
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
/// | `offset` | none | known parts of the predictions, in the unit of XW |
/// | `scoring` | by the loss | how cross-validation judges: [`Scoring`] |
/// | `feature_names` | none | shown by `Display` |
/// | `solver` | block descent | [`Method`] |
/// | `tolerance` | 1e-6 | relative duality gap; relative KKT violation where the penalty is not convex |
/// | `max_iterations` | 100,000 | of the solver |
/// | `time_limit` | none | of one fit |
/// | `accept_unconverged` | false | return a model instead of [`Error::NotConverged`] |
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub(crate) intercept: bool,
    pub(crate) standardize: bool,
    pub(crate) sample_weights: Option<Vec<f64>>,
    pub(crate) offset: Option<Offset>,
    pub(crate) scoring: Option<Scoring>,
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
            offset: None,
            scoring: None,
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

    /// Known parts o of the predictions: `η = XW + 1bᵀ + o`, one number per observation (the same for all its predictions), or observations × responses
    /// where there are several (observations × classes for [`family::Multinomial`]). The logarithm of the exposure, for
    /// counts; for least squares it is subtracted from y. Models predict without it: see [`GlmModel::with_offset`].
    fn offset(mut self, offset: impl Into<Offset>) -> Self {
        self.options_mut().offset = Some(offset.into());
        self
    }

    /// How [`CrossValidate`](crate::cross_validation::CrossValidate) judges predictions (default: the deviance, for least
    /// squares the mean squared error).
    fn scoring(mut self, scoring: Scoring) -> Self {
        self.options_mut().scoring = Some(scoring);
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

/// An estimator of a linear model: minimise `F(XW + 1bᵀ) + λΩ(W)`, where F is the mean squared loss
/// `1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖²` if the estimator is not a [`Glm`].
pub trait Estimator: Configure + Clone + Sync {
    /// Ω in the solver's order of columns.
    type Penalty: BlockPenalty;
    /// `Ix1` for one response, `Ix2` for several.
    type Response: Shape;
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
    /// What `fit` returns, made from the answer of the solver: `fitted.into()` for a [`LinearModel`] or
    /// [`MultiTaskModel`].
    fn model(&self, fitted: Fitted) -> Self::Model;

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
        let training = self.training(x.as_design()?, Self::Response::matrix(y.view()), self.options())?;
        self.solve(training, watch)
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
    fn fit_moments(&self, moments: &Moments) -> Result<Self::Model>
    where
        Self: LeastSquares,
    {
        check_scalar("lambda", self.lambda(), 0.0, f64::MAX, "a finite number >= 0")?;
        self.check_responses(moments)?;
        self.solve(Training::from_moments(moments, self.options())?, &mut ())
    }

    /// Rejects moments of several responses where the model is one of one.
    #[doc(hidden)]
    fn check_responses(&self, moments: &Moments) -> Result<()> {
        if Self::Response::ONE { check_length("y columns", 1, moments.nresponses()) } else { Ok(()) }
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
        let training = self.training(x.as_design()?, Self::Response::matrix(y.view()), self.options())?;
        Ok(self.prepare(training, &mut ())?.lambda_max())
    }

    /// What is fitted to: least squares, unless the estimator knows better. `y` is observations × columns.
    #[doc(hidden)]
    fn training<'a>(&self, x: AnyDesign<'a>, y: ArrayView2<'_, f64>, options: &Options) -> Result<Training<'a>> {
        Training::new(x, y, Self::Response::ONE, options)
    }

    /// The same estimator for some of the observations.
    #[doc(hidden)]
    fn of_rows(&self, _rows: &[usize]) -> Self {
        self.clone()
    }

    /// Whether the loss is the squared one.
    #[doc(hidden)]
    fn is_least_squares(&self) -> bool {
        true
    }

    /// Whether the penalty is that of [`layout`](Self::layout), or becomes another one on the way.
    #[doc(hidden)]
    fn makes_weights(&self) -> bool {
        false
    }

    /// Whether the penalty is the same at every λ, so that bounds on it mean something.
    #[doc(hidden)]
    fn has_one_penalty(&self) -> bool {
        true
    }

    /// The errors of several predictions of the same responses, which include the offsets.
    #[doc(hidden)]
    fn errors(
        &self,
        truth: &Responses<'_>,
        predictions: ArrayView3<'_, f64>,
        _classes: &[Vec<f64>],
        scoring: Scoring,
    ) -> Result<Vec<f64>> {
        scoring::least_squares(truth, predictions, scoring)
    }

    /// Rejects a score that does not fit before anything is computed.
    #[doc(hidden)]
    fn check_scoring(&self, scoring: Scoring) -> Result<()> {
        match scoring {
            Scoring::Deviance | Scoring::MeanSquaredError | Scoring::MeanAbsoluteError => Ok(()),
            _ => Err(scoring.unsupported()),
        }
    }

    /// How cross-validation judges if nothing is said.
    #[doc(hidden)]
    fn default_scoring(&self) -> Scoring {
        Scoring::MeanSquaredError
    }

    #[doc(hidden)]
    fn solve(&self, training: Training<'_>, watch: &mut dyn Watch) -> Result<Self::Model> {
        let mut prepared = self.prepare(training, watch)?;
        let model = self.model(self.fit_prepared(&mut prepared, self.lambda(), self.options(), watch)?);
        self.options().accept(model)
    }

    /// The problem of the first fit.
    #[doc(hidden)]
    fn prepare<'a>(&self, training: Training<'a>, _watch: &mut dyn Watch) -> Result<Prepared<'a, Self::Penalty>> {
        let layout = self.layout(training.nfeatures())?;
        training.arrange(layout)
    }

    /// Fits at one λ.
    #[doc(hidden)]
    fn fit_prepared(
        &self,
        prepared: &mut Prepared<'_, Self::Penalty>,
        lambda: f64,
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Result<Fitted> {
        Ok(prepared.solve(lambda, options, watch))
    }

    /// Fits at falling λs; a path that is cancelled ends with the point at which it was.
    #[doc(hidden)]
    fn path_prepared(
        &self,
        prepared: &mut Prepared<'_, Self::Penalty>,
        lambdas: &[f64],
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Fitted>> {
        Ok(prepared.solve_path(lambdas, options, watch))
    }
}

/// Estimators with the squared loss: what can be fitted to [`Moments`], and what a [`family`] can
/// take the loss of ([`WithLoss::loss`]). A marker: `impl LeastSquares for MyEstimator {}`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an estimator with the squared loss",
    note = "moments (XᵀX, Xᵀy) determine the squared loss only, and a loss can be given to an estimator once"
)]
pub trait LeastSquares: Estimator {}
