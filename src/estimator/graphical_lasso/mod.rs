//! The graphical lasso.

use std::time::Duration;

use ndarray::{Array2, ArrayBase, Data, Ix2};

use crate::error::{Error, Result, Unconverged, check_length, check_scalar};
use crate::penalty;
use crate::solver::{Fista, LogDetNewton, Status, Stopping, Watch};

mod acyclic;
pub(super) mod covariance;
mod cross_validation;
mod em;
mod estimate;
mod graph;
mod imputation;
mod incomplete;
mod information;
mod model;
mod nonparanormal;
mod path;
pub(super) mod screening;
pub(super) mod solve;
mod stability;
mod weights;

use covariance::Covariance;
use solve::Scaled;
use weights::Weights;

pub use cross_validation::GraphicalCrossValidation;
pub use em::{Em, EmModel};
pub use estimate::CovarianceEstimate;
pub use information::Criterion;
pub use model::{Edge, PrecisionModel};
pub use nonparanormal::Rank;
pub use path::GraphicalPath;
pub use stability::{GraphicalStability, Subsamples};

/// Which solver a graphical lasso uses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum GraphicalMethod {
    /// Proximal Newton on each connected component: the default, and the fastest.
    Newton(LogDetNewton),
    /// Proximal gradient on the whole matrix: the independent second route.
    Fista(Fista),
}

impl Default for GraphicalMethod {
    fn default() -> Self {
        Self::Newton(LogDetNewton::default())
    }
}

impl From<LogDetNewton> for GraphicalMethod {
    fn from(solver: LogDetNewton) -> Self {
        Self::Newton(solver)
    }
}

impl From<Fista> for GraphicalMethod {
    fn from(solver: Fista) -> Self {
        Self::Fista(solver)
    }
}

/// Graphical lasso: `min_{Θ ≻ 0} −log det Θ + ⟨S, Θ⟩ + λ Σ_{i≠j} Λ_ij |θ_ij|`, a sparse precision matrix
/// (Banerjee, El Ghaoui and d'Aspremont 2008; Friedman, Hastie and Tibshirani 2008).
///
/// λ is scikit-learn's `alpha` and `rho` of R's glasso with `penalize.diagonal = FALSE`. S is the covariance of the
/// samples divided by n (not n − 1).
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `weights` | all 1 | Λ, symmetric p×p; 0 = unpenalised, ∞ = θ_ij is zero; the diagonal counts only if it is penalised |
/// | `penalize_diagonal` | false | adds `λ Σ_i Λ_ii θ_ii`, which is S_ii + λΛ_ii instead of S_ii |
/// | `assume_centered` | false | do not remove the means of the samples |
/// | `correlation_scale` | false | penalise as if every variable had unit variance; answers stay in the units of the data |
/// | `sample_weights` | all 1 | s_i ≥ 0; a weight of 2 is a repeated row |
/// | `observations` | counted, unknown for a covariance | the number of samples, for information criteria |
/// | `variable_names` | none | shown by `Display` and in exports |
/// | `solver` | proximal Newton | [`GraphicalMethod`] |
/// | `tolerance` | 1e-6 | duality gap / p |
/// | `max_iterations` | 100,000 | of the solver |
/// | `time_limit` | none | of one fit |
/// | `accept_unconverged` | false | return a model instead of [`Error::NotConverged`] |
///
/// The answer is exact in the sense of its certificate: the gap is taken at a feasible dual point, a covariance whose distance
/// from S is λΛ on the edges and at most that elsewhere. Where rounding ends the progress before the tolerance is met, the
/// status is [`Status::Stalled`]; such a model is returned if its gap / p is below 1e-4, [`Error::IllPosed`] otherwise.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// // A chain: the first and the last variable are dependent only through the one between.
/// let s = array![[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]];
/// let model = GraphicalLasso::new(0.1).fit_covariance(&s)?;
/// assert_eq!(model.edges().len(), 2);
/// assert_eq!(model.precision()[[0, 2]], 0.0);
/// assert!(model.certificate().relative_gap() <= 1e-6);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GraphicalLasso {
    lambda: f64,
    weights: Option<Array2<f64>>,
    penalize_diagonal: bool,
    assume_centered: bool,
    correlation_scale: bool,
    sample_weights: Option<Vec<f64>>,
    observations: Option<usize>,
    variable_names: Option<Vec<String>>,
    method: GraphicalMethod,
    accept_unconverged: bool,
}

impl GraphicalLasso {
    /// A graphical lasso with penalty λ ≥ 0.
    pub fn new(lambda: f64) -> Self {
        Self { lambda, ..Self::default() }
    }

    /// Λ: one weight in [0, ∞] per entry, p×p and symmetric. 0 = unpenalised, ∞ = θ_ij is zero.
    pub fn weights(mut self, weights: Array2<f64>) -> Self {
        self.weights = Some(weights.as_standard_layout().into_owned());
        self
    }

    /// Penalise the diagonal, too (default false).
    pub fn penalize_diagonal(mut self, yes: bool) -> Self {
        self.penalize_diagonal = yes;
        self
    }

    /// The samples have mean zero: do not remove it (default false).
    pub fn assume_centered(mut self, yes: bool) -> Self {
        self.assume_centered = yes;
        self
    }

    /// Penalise as if every variable were divided by its standard deviation (default false): Λ_ij is multiplied by
    /// `√(S_ii S_jj)`. Precision and covariance are reported in the units of the data all the same; partial correlations do
    /// not depend on units.
    pub fn correlation_scale(mut self, yes: bool) -> Self {
        self.correlation_scale = yes;
        self
    }

    /// One weight s_i ≥ 0 per observation; only their ratios matter.
    pub fn sample_weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.sample_weights = Some(weights.into());
        self
    }

    /// Of how many samples the covariance is that will be fitted, or how many weighted samples are worth: for information
    /// criteria.
    pub fn observations(mut self, n: usize) -> Self {
        self.observations = Some(n);
        self
    }

    /// Names of the variables, for display.
    pub fn variable_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.variable_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The solver: [`LogDetNewton`] (default) or [`Fista`], with their own fields. Its stopping rule replaces what
    /// `tolerance`, `max_iterations` and `time_limit` have set before.
    pub fn solver(mut self, solver: impl Into<GraphicalMethod>) -> Self {
        self.method = solver.into();
        self
    }

    /// Largest relative duality gap, gap / p.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.stopping_mut().tolerance = tolerance;
        self
    }

    /// Iteration limit of the solver.
    pub fn max_iterations(mut self, limit: usize) -> Self {
        self.stopping_mut().max_iterations = limit;
        self
    }

    /// Time limit of one fit (of one λ on a path).
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.stopping_mut().time_limit = Some(limit);
        self
    }

    /// Return the best answer so far as a model instead of [`Error::NotConverged`].
    pub fn accept_unconverged(mut self, yes: bool) -> Self {
        self.accept_unconverged = yes;
        self
    }

    /// The same estimator at another λ.
    pub fn with_lambda(&self, lambda: f64) -> Self {
        Self { lambda, ..self.clone() }
    }

    fn stopping_mut(&mut self) -> &mut Stopping {
        match &mut self.method {
            GraphicalMethod::Newton(s) => &mut s.stopping,
            GraphicalMethod::Fista(s) => &mut s.stopping,
        }
    }

    fn stopping(&self) -> &Stopping {
        match &self.method {
            GraphicalMethod::Newton(s) => &s.stopping,
            GraphicalMethod::Fista(s) => &s.stopping,
        }
    }

    /// Fits to n×p samples: observations in rows.
    ///
    /// # Errors
    /// No rows or columns, NaN or infinity, weights or names that do not fit, a variable without variance
    /// ([`Error::OutOfRange`] with its index), λ that is negative or not finite; [`Error::IllPosed`] if there is no
    /// solution (variables that are collinear and not penalised, λ = 0 with a singular covariance);
    /// [`Error::NotConverged`] with the partial answer when a limit was hit first.
    pub fn fit<S: Data<Elem = f64>>(&self, samples: &ArrayBase<S, Ix2>) -> Result<PrecisionModel> {
        self.fit_watched(samples, &mut ())
    }

    /// [`fit`](Self::fit) with a watcher that sees the progress and may cancel.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_watched<S: Data<Elem = f64>>(
        &self,
        samples: &ArrayBase<S, Ix2>,
        watch: &mut dyn Watch,
    ) -> Result<PrecisionModel> {
        self.check()?;
        self.accept(self.solve_one(&self.moments(samples, None)?, self.lambda, None, watch)?)
    }

    /// Fits to a p×p covariance (or correlation) matrix.
    ///
    /// # Errors
    /// A matrix that is empty, not square, not symmetric, not positive semidefinite, holds NaN or infinity or a variance
    /// that is not positive; and as [`fit`](Self::fit). Sample weights have no meaning here ([`Error::Unsupported`]).
    pub fn fit_covariance<S: Data<Elem = f64>>(&self, covariance: &ArrayBase<S, Ix2>) -> Result<PrecisionModel> {
        self.fit_covariance_watched(covariance, &mut ())
    }

    /// [`fit_covariance`](Self::fit_covariance) with a watcher that sees the progress and may cancel.
    ///
    /// # Errors
    /// As [`fit_covariance`](Self::fit_covariance).
    pub fn fit_covariance_watched<S: Data<Elem = f64>>(
        &self,
        covariance: &ArrayBase<S, Ix2>,
        watch: &mut dyn Watch,
    ) -> Result<PrecisionModel> {
        self.check()?;
        self.accept(self.solve_one(&self.given(covariance)?, self.lambda, None, watch)?)
    }

    fn check(&self) -> Result<()> {
        if self.observations == Some(0) {
            let expected = "at least 1";
            return Err(Error::OutOfRange { argument: "observations", index: vec![], value: 0.0, expected });
        }
        check_scalar("lambda", self.lambda, 0.0, f64::MAX, "a finite number >= 0")?;
        check_scalar("tolerance", self.stopping().tolerance, 0.0, f64::MAX, "a finite number >= 0")
    }

    fn moments<S: Data<Elem = f64>>(&self, samples: &ArrayBase<S, Ix2>, rows: Option<&[usize]>) -> Result<Covariance> {
        let found = Covariance::of_samples(samples, rows, self.sample_weights.as_deref(), self.assume_centered)?;
        let given = self.observations.filter(|_| rows.is_none());
        Ok(Covariance { nobservations: given.or(found.nobservations), ..found })
    }

    fn given<S: Data<Elem = f64>>(&self, covariance: &ArrayBase<S, Ix2>) -> Result<Covariance> {
        if self.sample_weights.is_some() {
            let reason = "a covariance matrix has no samples to weight";
            return Err(Error::Unsupported { argument: "sample_weights", reason });
        }
        Ok(Covariance { nobservations: self.observations, ..Covariance::given(covariance)? })
    }

    /// One λ, whatever the status.
    fn solve_one(
        &self,
        covariance: &Covariance,
        lambda: f64,
        warm: Option<&PrecisionModel>,
        watch: &mut dyn Watch,
    ) -> Result<PrecisionModel> {
        let p = covariance.size;
        if let Some(names) = &self.variable_names {
            check_length("variable_names", p, names.len())?;
        }
        let scaled = Scaled::new(self, covariance, Weights::of(self, covariance)?, lambda)?;
        let answer = scaled.solve(warm.and_then(PrecisionModel::values), watch)?;
        PrecisionModel::assemble(answer, covariance, lambda, self.variable_names.clone())
    }

    /// Turns a model into `Ok` or into the error that carries it.
    fn accept(&self, model: PrecisionModel) -> Result<PrecisionModel> {
        match model.status() {
            Status::Converged | Status::Stalled => Ok(model),
            _ if self.accept_unconverged => Ok(model),
            status => Err(Error::NotConverged(Box::new(Unconverged {
                status,
                certificate: *model.certificate(),
                coefficients: model.precision().to_owned(),
                intercept: model.mean().to_owned(),
                iterations: model.iterations(),
            }))),
        }
    }

    /// The smallest λ at which no penalised pair is an edge, of n×p samples: `max |S_ij| / Λ_ij`, or, if some pairs are
    /// not penalised, the same with `S − Θ⁻¹` of the model of these pairs (without the penalty on the diagonal).
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn lambda_max<S: Data<Elem = f64>>(&self, samples: &ArrayBase<S, Ix2>) -> Result<f64> {
        self.check()?;
        self.lambda_max_of(&self.moments(samples, None)?)
    }

    /// [`lambda_max`](Self::lambda_max) of a covariance matrix.
    ///
    /// # Errors
    /// As [`fit_covariance`](Self::fit_covariance).
    pub fn lambda_max_covariance<S: Data<Elem = f64>>(&self, covariance: &ArrayBase<S, Ix2>) -> Result<f64> {
        self.check()?;
        self.lambda_max_of(&self.given(covariance)?)
    }

    fn lambda_max_of(&self, covariance: &Covariance) -> Result<f64> {
        let p = covariance.size;
        let weights = Weights::of(self, covariance)?;
        let pairs = || (0..p).flat_map(|j| (0..j).map(move |i| (i, j)));
        let at = |i: usize, j: usize| covariance.values[j * p + i];
        let largest = |residual: &dyn Fn(usize, usize) -> f64| {
            let penalised = pairs().map(|(i, j)| (i, j, weights.at(i, j))).filter(|(_, _, w)| *w != 0.0);
            penalised.map(|(i, j, w)| penalty::ratio(residual(i, j).abs(), w)).fold(0.0, f64::max)
        };
        if !pairs().any(|(i, j)| weights.at(i, j) == 0.0 && at(i, j) != 0.0) {
            return Ok(largest(&at));
        }
        let only_free = |w: f64| if w == 0.0 { 0.0 } else { f64::INFINITY };
        let free = Array2::from_shape_fn((p, p), |(i, j)| only_free(weights.at(i, j)));
        let mut estimator = Self {
            weights: Some(free),
            penalize_diagonal: false,
            correlation_scale: false,
            accept_unconverged: false,
            ..self.clone()
        };
        // The residual is as exact as the root of the gap.
        let stopping = estimator.stopping_mut();
        stopping.tolerance = stopping.tolerance.min(1e-14);
        let model = estimator.accept(estimator.solve_one(covariance, 1.0, None, &mut ())?)?;
        Ok(largest(&|i, j| at(i, j) - model.covariance()[[i, j]]))
    }
}
