//! Convex fits whose penalty weights come from the fit before.

use ndarray::{ArrayView2, ArrayView3};

use crate::design::AnyDesign;
use crate::error::{Error, Result, check_scalar};
use crate::estimator::family::Responses;
use crate::estimator::{
    Configure, ElasticNet, Estimator, Fitted, GroupLasso, Lasso, LatentGroupLasso, Layout, LeastSquares,
    MultiTaskElasticNet, MultiTaskLasso, Options, Prepared, Scoring, SparseGroupLasso, Training,
};
use crate::penalty::{BlockPenalty, Curve, McpCurve, ScadCurve};
use crate::prox::norm2;
use crate::solver::{Solution, Start, Status, Watch};

/// Estimators of a convex penalty with one weight per block (feature, group or row of W): what [`Reweighted`] wraps.
pub trait Weighted: Estimator {
    /// The weights that were given; `None` stands for √(columns of the block).
    fn block_weights(&self) -> Option<&[f64]>;
    /// The same estimator with other weights.
    fn with_block_weights(self, weights: Vec<f64>) -> Self;
}

macro_rules! weighted {
    ($($estimator:ty),* $(,)?) => {$(
        impl Weighted for $estimator {
            fn block_weights(&self) -> Option<&[f64]> {
                self.weights.as_deref()
            }

            fn with_block_weights(self, weights: Vec<f64>) -> Self {
                self.weights(weights)
            }
        }
    )*};
}

weighted!(Lasso, ElasticNet, GroupLasso, SparseGroupLasso, LatentGroupLasso, MultiTaskLasso, MultiTaskElasticNet);

/// The weight of a block whose coefficients have the norm r in the fit before, where its own weight is ω.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Reweighting {
    /// `ω / (r + ε)^γ`: the adaptive lasso (Zou 2006, with ε = 0: what is zero once is excluded from then on), and with γ = 1
    /// the weights of Candès, Wakin and Boyd (2008).
    Power {
        /// γ > 0.
        exponent: f64,
        /// ε ≥ 0, in the unit of the coefficients.
        epsilon: f64,
    },
    /// `ω ε / (r + ε)`: the local linear approximation of `λω ε log(1 + r/ε)`. The weights of Candès, Wakin and Boyd (2008)
    /// times ε, so that a block of norm 0 keeps its weight, and λ its meaning from round to round.
    Log {
        /// ε > 0, in the unit of the coefficients.
        epsilon: f64,
    },
    /// `ρ'(r; λω)/λ` with ρ of [`McpRegression`](crate::estimator::McpRegression): its local linear approximation (Zou and Li
    /// 2008).
    Mcp {
        /// γ > 1.
        gamma: f64,
    },
    /// The same with ρ of [`ScadRegression`](crate::estimator::ScadRegression).
    Scad {
        /// γ > 2.
        gamma: f64,
    },
}

impl Reweighting {
    fn check(self) -> Result<()> {
        let positive = |name, value| check_scalar(name, value, f64::MIN_POSITIVE, f64::MAX, "a finite number > 0");
        match self {
            Self::Power { exponent, epsilon } => {
                positive("exponent", exponent)?;
                check_scalar("epsilon", epsilon, 0.0, f64::MAX, "a finite number >= 0")
            }
            Self::Log { epsilon } => positive("epsilon", epsilon),
            Self::Mcp { gamma } => McpCurve::new(gamma).map(drop),
            Self::Scad { gamma } => ScadCurve::new(gamma).map(drop),
        }
    }

    /// Whether weights depend on λ, not on the coefficients alone.
    fn follows_lambda(self) -> bool {
        matches!(self, Self::Mcp { .. } | Self::Scad { .. })
    }

    /// The new weight; `omega` is neither 0 nor ∞, which stay what they are.
    fn weight(self, omega: f64, lambda: f64, r: f64) -> f64 {
        match self {
            _ if omega == 0.0 || omega == f64::INFINITY => omega,
            Self::Power { exponent, epsilon } => omega / (r + epsilon).powf(exponent),
            Self::Log { epsilon } => omega / (1.0 + r / epsilon),
            Self::Mcp { .. } | Self::Scad { .. } if r == 0.0 || lambda == 0.0 => omega,
            Self::Mcp { gamma } => McpCurve::new(gamma).map_or(omega, |c| c.slope(lambda * omega, r) / lambda),
            Self::Scad { gamma } => ScadCurve::new(gamma).map_or(omega, |c| c.slope(lambda * omega, r) / lambda),
        }
    }
}

/// Fits in rounds, each with penalty weights from the coefficients of the round before ([`Reweighting`]): what is large is
/// penalised less, what is small more. Wraps every [`Weighted`] estimator, with any loss; `fit`, `path` and `cross_validate` are those of
/// every [`Estimator`], and the weights are made anew for every λ and in every fold.
///
/// Every round is a convex problem that is solved to its tolerance. The model is that of the last, and its certificate is the
/// duality gap of that problem: with the weights at hand the answer is optimal. That the weights have settled it does not
/// say, nor that the concave penalty behind them has no better optimum.
///
/// The first round has the estimator's own weights at the same λ, unless there is a [`pilot`](Self::pilot). Rounds end at
/// [`rounds`](Self::rounds) (default 5), or when the support is that of the round before. Norms are those that the solver
/// sees: with `standardize(true)` of coefficients of columns with standard deviation 1. Of a sparse group lasso only the
/// part of the groups has weights. Under a bound there is one round after a pilot with weights that do not depend on λ (the adaptive
/// form), and nothing else, as Ω has to be one; over [`Tasks`](crate::estimator::Tasks) there is no form of it. Both are errors.
///
/// ```
/// use ndarray::{Array1, Array2};
/// use sparsereg::prelude::*;
/// let x = Array2::from_shape_fn((60, 8), |(i, j)| ((i * i * (j + 1) + 7 * i * j) % 23) as f64);
/// let y = Array1::from_shape_fn(60, |i| 3.0 * x[[i, 1]] - 2.0 * x[[i, 5]] + ((i * i * i) % 11) as f64);
/// let lasso = Lasso::new(5.0).fit(&x, &y)?;
/// let model = Reweighted::new(Lasso::new(5.0), Reweighting::Log { epsilon: 0.5 }).fit(&x, &y)?;
/// assert!(model.certificate().relative_gap() <= 1e-6); // of the last round
/// assert_eq!(model.support(), lasso.support());
/// assert!((model.coefficients()[1] - 3.0).abs() < (lasso.coefficients()[1] - 3.0).abs());
///
/// // The adaptive lasso: weights 1/|ŵ| from least squares, then a path.
/// let adaptive = Reweighted::adaptive(Lasso::default(), 0.0, 1.0);
/// assert_eq!(adaptive.path(&x, &y, Grid::auto(20))?.entry_order()[0].0, 1);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Reweighted<E> {
    estimator: E,
    reweighting: Reweighting,
    rounds: usize,
    pilot: Option<f64>,
}

impl<E: Weighted> Reweighted<E> {
    /// Rounds of this estimator. Parameters out of range are errors of `fit`.
    pub fn new(estimator: E, reweighting: Reweighting) -> Self {
        Self { estimator, reweighting, rounds: 5, pilot: None }
    }

    /// The adaptive lasso and its kin (Zou 2006): one fit at `pilot_lambda` (0 is least squares), then one with weights
    /// `ω / r^exponent` at every λ. Blocks that are zero in the pilot are excluded.
    pub fn adaptive(estimator: E, pilot_lambda: f64, exponent: f64) -> Self {
        let reweighting = Reweighting::Power { exponent, epsilon: 0.0 };
        Self { estimator, reweighting, rounds: 1, pilot: Some(pilot_lambda) }
    }

    /// Most rounds after the first fit or the pilot, at least 1. One is the one-step estimator of Zou and Li (2008), from the lasso.
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// The first weights come from the coefficients of one fit at this λ, in place of a fit at the λ of the model. With
    /// [`Reweighting::Mcp`] or [`Reweighting::Scad`], one round and λ = 0 here it is the one-step estimator of Zou and Li (2008).
    pub fn pilot(mut self, lambda: f64) -> Self {
        self.pilot = Some(lambda);
        self
    }

    fn check(&self) -> Result<()> {
        self.reweighting.check()?;
        if let Some(pilot) = self.pilot {
            check_scalar("pilot", pilot, 0.0, f64::MAX, "a finite number >= 0")?;
        }
        if self.rounds == 0 {
            return Err(Error::OutOfRange { argument: "rounds", index: vec![], value: 0.0, expected: "at least 1" });
        }
        Ok(())
    }

    /// The penalty with weights from these coefficients.
    fn penalty(
        &self,
        prepared: &Prepared<'_, E::Penalty>,
        lambda: f64,
        coefficients: &[f64],
        q: usize,
    ) -> Result<E::Penalty> {
        let partition = prepared.penalty().partition();
        let own = self.estimator.block_weights();
        let weights = partition.iter().enumerate().map(|(b, cols)| {
            let omega = own.map_or((cols.len() as f64).sqrt(), |own| own[b]);
            self.reweighting.weight(omega, lambda, norm2(&coefficients[cols.start * q..cols.end * q]))
        });
        Ok(self.estimator.clone().with_block_weights(weights.collect()).layout(prepared.nfeatures())?.penalty)
    }

    /// Gives the problem the weights of a pilot at this λ, where they depend on it.
    fn take_pilot(&self, prepared: &mut Prepared<'_, E::Penalty>, lambda: f64) -> Result<()> {
        if let Some(coefficients) = prepared.pilot.take() {
            let penalty = self.penalty(prepared, lambda, &coefficients, prepared.nresponses());
            prepared.pilot = Some(coefficients);
            prepared.replace_penalty(penalty?);
        }
        Ok(())
    }

    /// The rounds at one λ after the first fit.
    fn refine(
        &self,
        prepared: &mut Prepared<'_, E::Penalty>,
        lambda: f64,
        first: Solution,
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Result<Fitted> {
        let (mut solution, q) = (first, prepared.nresponses());
        let mut original = None;
        // A pilot has had its round.
        for _ in usize::from(self.pilot.is_some())..self.rounds {
            if lambda == 0.0 || matches!(solution.status, Status::Cancelled | Status::TimeLimit) {
                break;
            }
            let penalty = self.penalty(prepared, lambda, &solution.coefficients, q)?;
            let before = prepared.replace_penalty(penalty);
            original.get_or_insert(before);
            let next = prepared.view().solve_from(lambda, Start::At(&solution.coefficients), options, watch);
            let zeros = |s: &Solution| s.coefficients.iter().map(|w| *w == 0.0).collect::<Vec<bool>>();
            let settled = zeros(&next) == zeros(&solution);
            solution = Solution { iterations: solution.iterations + next.iterations, ..next };
            if settled {
                break;
            }
        }
        let fitted = prepared.view().restore(lambda, solution, options);
        if let Some(original) = original {
            prepared.replace_penalty(original);
        }
        Ok(fitted)
    }
}

impl<E: Configure> Configure for Reweighted<E> {
    fn options_mut(&mut self) -> &mut Options {
        self.estimator.options_mut()
    }
}

impl<E: Weighted> Estimator for Reweighted<E> {
    type Penalty = E::Penalty;
    type Response = E::Response;
    type Model = E::Model;

    fn options(&self) -> &Options {
        self.estimator.options()
    }

    fn lambda(&self) -> f64 {
        self.estimator.lambda()
    }

    fn with_lambda(&self, lambda: f64) -> Self {
        Self { estimator: self.estimator.with_lambda(lambda), ..self.clone() }
    }

    fn layout(&self, nfeatures: usize) -> Result<Layout<E::Penalty>> {
        self.estimator.layout(nfeatures)
    }

    fn model(&self, fitted: Fitted) -> E::Model {
        self.estimator.model(fitted)
    }

    fn training<'a>(&self, x: AnyDesign<'a>, y: ArrayView2<'_, f64>, options: &Options) -> Result<Training<'a>> {
        self.estimator.training(x, y, options)
    }

    fn of_rows(&self, rows: &[usize]) -> Self {
        Self { estimator: self.estimator.of_rows(rows), ..self.clone() }
    }

    fn is_least_squares(&self) -> bool {
        self.estimator.is_least_squares()
    }

    fn makes_weights(&self) -> bool {
        true
    }

    fn has_one_penalty(&self) -> bool {
        let fixed = self.pilot.is_some() && self.rounds == 1 && !self.reweighting.follows_lambda();
        fixed && self.estimator.has_one_penalty()
    }

    fn errors(
        &self,
        truth: &Responses<'_>,
        predictions: ArrayView3<'_, f64>,
        classes: &[Vec<f64>],
        scoring: Scoring,
    ) -> Result<Vec<f64>> {
        self.estimator.errors(truth, predictions, classes, scoring)
    }

    fn check_scoring(&self, scoring: Scoring) -> Result<()> {
        self.estimator.check_scoring(scoring)
    }

    fn default_scoring(&self) -> Scoring {
        self.estimator.default_scoring()
    }

    fn prepare<'a>(&self, training: Training<'a>, watch: &mut dyn Watch) -> Result<Prepared<'a, E::Penalty>> {
        self.check()?;
        let mut prepared = self.estimator.prepare(training, watch)?;
        if let Some(pilot) = self.pilot {
            let solution = prepared.view().solve_from(pilot, Start::Zero, self.options(), watch);
            if self.reweighting.follows_lambda() {
                prepared.pilot = Some(solution.coefficients);
            } else {
                let penalty = self.penalty(&prepared, pilot, &solution.coefficients, prepared.nresponses())?;
                prepared.replace_penalty(penalty);
            }
        }
        Ok(prepared)
    }

    fn fit_prepared(
        &self,
        prepared: &mut Prepared<'_, E::Penalty>,
        lambda: f64,
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Result<Fitted> {
        self.take_pilot(prepared, lambda)?;
        let first = prepared.view().solve_from(lambda, Start::Zero, options, watch);
        self.refine(prepared, lambda, first, options, watch)
    }

    fn path_prepared(
        &self,
        prepared: &mut Prepared<'_, E::Penalty>,
        lambdas: &[f64],
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Fitted>> {
        if prepared.pilot.is_some() {
            // Each λ has a penalty of its own from the start.
            let mut fitted = Vec::with_capacity(lambdas.len());
            for &lambda in lambdas {
                fitted.push(self.fit_prepared(prepared, lambda, options, watch)?);
                if fitted.last().is_some_and(|model: &Fitted| model.status == Status::Cancelled) {
                    break;
                }
            }
            return Ok(fitted);
        }
        // The first fits as a path, which is quicker than one by one, without their zeros.
        let mut firsts = Vec::with_capacity(lambdas.len());
        prepared.view().walk(lambdas, options, watch, &mut |lambda, mut solution| {
            let coefficients = std::mem::take(&mut solution.coefficients);
            let (length, nonzero) =
                (coefficients.len(), coefficients.into_iter().enumerate().filter(|(_, w)| *w != 0.0));
            firsts.push((lambda, length, nonzero.collect::<Vec<_>>(), solution));
        });
        let mut fitted = Vec::with_capacity(firsts.len());
        for (lambda, length, nonzero, solution) in firsts {
            let mut coefficients = vec![0.0; length];
            nonzero.into_iter().for_each(|(k, w)| coefficients[k] = w);
            let model = self.refine(prepared, lambda, Solution { coefficients, ..solution }, options, watch)?;
            let cancelled = model.status == Status::Cancelled;
            fitted.push(model);
            if cancelled {
                break;
            }
        }
        Ok(fitted)
    }
}

impl<E: Weighted + LeastSquares> LeastSquares for Reweighted<E> {}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;
    use crate::constrained::Constrain;
    use crate::estimator::{FitTasks, Tasks};
    use crate::path::{FitPath, Grid};

    fn data() -> (Array2<f64>, Array1<f64>) {
        let x = Array2::from_shape_fn((40, 5), |(i, j)| ((i * i * (j + 2) + 5 * i * j) % 17) as f64 / 8.0 - 1.0);
        let y = Array1::from_shape_fn(40, |i| 2.0 * x[[i, 0]] - x[[i, 2]] + 0.1 * ((i * i * i) % 7) as f64);
        (x, y)
    }

    #[test]
    fn a_pilot_gives_the_weights_of_the_curve_at_the_lambda_of_the_model() {
        let (x, y) = data();
        let (lambda, gamma) = (0.3, 3.0);
        let pilot = Lasso::new(0.0).tolerance(1e-12).fit(&x, &y).unwrap();
        let weights = pilot.coefficients().mapv(|w| (1.0 - w.abs() / (gamma * lambda)).max(0.0)).to_vec();
        let by_hand = Lasso::new(lambda).weights(weights).tolerance(1e-10).fit(&x, &y).unwrap();
        let one_step = Reweighted::new(Lasso::new(lambda), Reweighting::Mcp { gamma }).pilot(0.0).rounds(1);
        let one_step = one_step.tolerance(1e-10);
        let path = one_step.path(&x, &y, Grid::values(vec![0.5, lambda])).unwrap();
        for model in [&one_step.fit(&x, &y).unwrap(), &path.models()[1]] {
            assert!((&model.coefficients() - &by_hand.coefficients()).iter().all(|d| d.abs() < 1e-6));
        }
    }

    #[test]
    fn rounds_have_no_bound_and_no_tasks() {
        let (x, y) = data();
        let rounds = Reweighted::new(Lasso::new(0.1), Reweighting::Log { epsilon: 0.1 });
        let refused = |error: Error| matches!(error, Error::Unsupported { argument: "estimator", .. });
        assert!(refused(rounds.fit_budget(&x, &y, 1.0).unwrap_err()));
        assert!(refused(rounds.pareto(&x, &y, 5).unwrap_err()));
        let tasks = Tasks::new().task("a", &x, &y).unwrap();
        assert!(refused(rounds.fit_tasks(&tasks).unwrap_err()));
    }
}
