//! λ ↔ ε ↔ budget: the same fit asked for by a bound on the loss, a bound on the penalty, or λ.
//!
//! ```text
//! min Ω(W)  subject to  F(XW + 1bᵀ) ≤ ε          a bound on the loss: basis pursuit denoising
//! min F(XW + 1bᵀ)  subject to  Ω(W) ≤ t          a budget
//! min F(XW + 1bᵀ) + λ Ω(W)                       the penalised form
//! ```
//!
//! All three walk along one curve, the Pareto curve `φ(t) = min { F : Ω ≤ t }`. It is convex and falls, with
//! `φ'(t) = −λ`; F does not fall and Ω does not rise with λ. So each of ε, t and λ determines the others wherever the bound is
//! active, and a root find over λ turns a penalised solver into a constrained one (van den Berg and Friedlander 2008,
//! "Probing the Pareto frontier for basis pursuit solutions"; Aravkin, Burke, Drusvyatskiy, Friedlander and Roy 2019,
//! "Level-set methods for convex optimization"). Here the root find runs mostly inside the solver, on its working set.
//!
//! # What is proven
//!
//! The penalised problem at any λ > 0 has a dual value `d(λ)`, the objective minus the duality gap, with
//! `F(W) + λΩ(W) ≥ d(λ)` for *all* W. So every W with F ≤ ε has `Ω(W) ≥ (d(λ) − ε)/λ`, and every W with Ω ≤ t has
//! `F(W) ≥ d(λ) − λt`. Both ends are returned: the answer keeps its bound, its objective is an upper bound on the
//! optimum, and [`Constrained::lower_bound`] is a lower one. Rounding errors, as estimated, are counted in.

use std::fmt;
use std::ops::Deref;

use ndarray::{ArrayBase, Data};

use crate::design::{AsDesign, LinearOperator};
use crate::error::{Error, Result, check_scalar};
use crate::estimator::{Estimator, Limited, Model, Proven, Shape};
use crate::path::{FitPath, Grid};
use crate::solver::{Limit, Watch};

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// `F ≤ ε`, the loss in the crate's unit: a mean over the observations, `1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖²` for
    /// least squares, the mean loss of a [family](crate::estimator::family) otherwise. Those of counts and of
    /// [`Gamma`](crate::estimator::Gamma) leave out what does not depend on W, so that ε may be negative.
    Loss(f64),
    /// `Σ_i s_i ‖y_i − x_iᵀW − b‖² ≤ ε`, least squares only: `‖XW − Y‖²_F ≤ ε` without weights and intercept. The *squared* norm; for a
    /// bound σ on the norm itself (basis pursuit denoising) state `σ²`.
    SquaredResidual(f64),
    /// `Ω ≤ t`, Ω as the estimator documents it; with `standardize(true)` that of the coefficients of the standardised
    /// columns, as everywhere.
    Penalty(f64),
}

impl Bound {
    /// What the solver keeps; `unit` is the squared residual per unit of F, if F is proportional to it.
    pub(crate) fn limit(self, unit: Option<f64>) -> Result<Limit> {
        let (Self::Loss(value) | Self::SquaredResidual(value) | Self::Penalty(value)) = self;
        // Losses that leave constants out can be negative; what each can be is looked at later.
        let signed = matches!(self, Self::Loss(_)) && unit.is_none();
        check_scalar("bound", value, if signed { f64::MIN } else { 0.0 }, f64::MAX, "a finite number >= 0")?;
        match (self, unit) {
            (Self::Loss(loss), _) => Ok(Limit::Loss(loss)),
            (Self::SquaredResidual(residual), Some(unit)) => Ok(Limit::Loss(residual / unit)),
            (Self::SquaredResidual(_), None) => {
                let reason = "a squared residual is not the loss here; use Bound::Loss";
                Err(Error::Unsupported { argument: "bound", reason })
            }
            (Self::Penalty(t), _) => Ok(Limit::Penalty(t)),
        }
    }

    /// An error in the unit of the bound.
    pub(crate) fn restate(self, error: Error, unit: Option<f64>) -> Error {
        match (error, self, unit) {
            (Error::Unreachable { argument, least, proven, .. }, Self::SquaredResidual(bound), Some(unit)) => {
                Error::Unreachable { argument, bound, least: unit * least, proven: unit * proven }
            }
            (error, ..) => error,
        }
    }
}

/// A fit under a bound: the model, λ, and both sides of the proof. Derefs to the model.
#[derive(Debug, Clone)]
pub struct Constrained<M> {
    model: M,
    bound: Bound,
    loss: f64,
    penalty: f64,
    lower: f64,
    active: bool,
    /// The squared residual per unit of the loss; NaN if the loss is another one.
    unit: f64,
}

impl<M> Deref for Constrained<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.model
    }
}

impl<M: Model> Constrained<M> {
    /// `model` is what became of the answer's coefficients.
    pub(crate) fn new(model: M, bound: Bound, answer: &Proven, unit: Option<f64>) -> Self {
        let &Proven { loss, penalty, lower, active } = answer;
        Self { model, bound, loss, penalty, lower, active, unit: unit.unwrap_or(f64::NAN) }
    }

    /// The model; its certificate is that of the penalised problem at [`lambda`](Self::lambda).
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model without what proves it.
    pub fn into_model(self) -> M {
        self.model
    }

    /// The bound that was asked for.
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// λ of the penalised problem with the same answer, λ_max where the answer is zero. It is 0 where a budget binds nothing,
    /// and in the limit `ε = 0` of basis pursuit, which no positive λ reaches.
    pub fn lambda(&self) -> f64 {
        self.model.lambda()
    }

    /// F of the answer, in the unit of [`Bound::Loss`].
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// `Σ_i s_i ‖y_i − x_iᵀW − b‖²` of the answer, `2n` times [`loss`](Self::loss); NaN if the loss is not the squared one.
    pub fn squared_residual(&self) -> f64 {
        self.unit * self.loss
    }

    /// Ω of the answer.
    pub fn penalty(&self) -> f64 {
        self.penalty
    }

    /// What was minimised: Ω under a bound on the loss, F under a budget.
    pub fn objective(&self) -> f64 {
        match self.bound {
            Bound::Loss(_) | Bound::SquaredResidual(_) => self.penalty,
            Bound::Penalty(_) => self.loss,
        }
    }

    /// No coefficients that keep the bound have an objective below this; proven by weak duality.
    pub fn lower_bound(&self) -> f64 {
        self.lower
    }

    /// [`objective`](Self::objective) − [`lower_bound`](Self::lower_bound): the answer is at most this far above the optimum.
    pub fn gap(&self) -> f64 {
        self.objective() - self.lower
    }

    /// The Lagrange multiplier of the bound in its own unit, the rate at which the optimum falls as the bound is relaxed:
    /// `1/λ` for the loss, `1/(2nλ)` for the squared residual, λ for a budget; 0 where the bound is not active, ∞ for
    /// basis pursuit.
    pub fn multiplier(&self) -> f64 {
        if !self.active {
            return 0.0;
        }
        match self.bound {
            Bound::Loss(_) => 1.0 / self.lambda(),
            Bound::SquaredResidual(_) => 1.0 / (self.unit * self.lambda()),
            Bound::Penalty(_) => self.lambda(),
        }
    }

    /// Whether the bound is what keeps the objective from being smaller.
    pub fn is_active(&self) -> bool {
        self.active
    }
}

impl<M: Model + fmt::Display> fmt::Display for Constrained<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (asked, what) = match self.bound {
            Bound::Loss(e) => (format!("loss ≤ {e}"), "Ω"),
            Bound::SquaredResidual(e) => (format!("squared residual ≤ {e}"), "Ω"),
            Bound::Penalty(t) => (format!("Ω ≤ {t}"), "loss"),
        };
        let active = if self.active { "" } else { " (not active)" };
        writeln!(f, "{asked}{active}   {what} in [{}, {}]", self.lower, self.objective())?;
        writeln!(f, "loss {}   Ω {}   multiplier {:.6e}", self.loss, self.penalty, self.multiplier())?;
        self.model.fmt(f)
    }
}

/// A point of the Pareto curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParetoPoint {
    /// λ: minus the slope of the curve.
    pub lambda: f64,
    /// t = Ω.
    pub penalty: f64,
    /// F.
    pub loss: f64,
    /// The point is at most this far above the line `d − λΩ` that the curve stays above: the gap and its rounding error.
    pub gap: f64,
}

/// The Pareto curve `φ(t) = min { F : Ω ≤ t }` between bounds: chords above it, tangents below.
#[derive(Debug, Clone, PartialEq)]
pub struct ParetoCurve {
    points: Vec<ParetoPoint>,
}

impl ParetoCurve {
    /// The points, λ falling, Ω rising.
    pub fn points(&self) -> &[ParetoPoint] {
        &self.points
    }

    /// A proven lower bound of φ(t): the highest of the lines `d(λ) − λt`.
    pub fn lower_bound(&self, t: f64) -> f64 {
        self.points.iter().map(|p| p.loss + p.lambda * (p.penalty - t) - p.gap).fold(f64::NEG_INFINITY, f64::max)
    }

    /// An upper bound of φ(t) for t ≥ 0: the curve is convex, so the chord between two attained points is above it. ∞ left of the
    /// first point.
    pub fn upper_bound(&self, t: f64) -> f64 {
        // Never above what a smaller t reaches.
        let mut best = f64::INFINITY;
        for (k, p) in self.points.iter().enumerate() {
            if p.penalty <= t {
                best = best.min(p.loss);
            }
            if let Some(next) = self.points.get(k + 1)
                && p.penalty <= t
                && t < next.penalty
            {
                let share = (t - p.penalty) / (next.penalty - p.penalty);
                best = best.min(p.loss + share * (next.loss - p.loss));
            }
        }
        best
    }
}

/// Fits under a bound, for every [`Estimator`]; its own λ is not used.
pub trait Constrain: Estimator {
    /// `min Ω(W)` with `F ≤ ε`, or `min F` with `Ω(W) ≤ t`: see [`Bound`].
    ///
    /// The answer keeps the bound. It is accepted when its objective is within the estimator's `tolerance` of the
    /// [lower bound](Constrained::lower_bound): relative to Ω itself under a bound on the loss, relative to
    /// [`Certificate::scale`](crate::problem::Certificate::scale) under a budget. Where rounding errors forbid that, the status is
    /// `Stalled`, and the lower bound says what is known.
    ///
    /// A bound on the loss that zero coefficients (an intercept, columns of weight 0) keep gives those, at λ_max; `ε = 0` is basis
    /// pursuit, `min Ω` with `XW = Y`, where the answer fits to rounding errors. A budget beyond what the unpenalised solution
    /// spends gives that solution, at λ = 0.
    ///
    /// # Errors
    /// As [`Estimator::fit`]; a bound that is NaN, infinite, or negative where the loss cannot be; [`Error::Unreachable`] for a bound on the loss below the
    /// least one, with the proof; [`Error::Unsupported`] for [`Bound::SquaredResidual`] with another loss, and for penalties
    /// that are not proportional to λ: concave ones, and [`Reweighted`](crate::estimator::Reweighted) but with one round after
    /// a pilot, whose Ω is that with the pilot's weights.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::{constrained::Bound, prelude::*};
    /// let x = array![[1.0, 0.3, 0.1], [2.0, -0.1, 0.4], [3.0, 0.2, 0.2], [4.0, -0.3, 0.5]];
    /// let y = array![5.1, 6.9, 9.0, 11.0];
    /// let fit = Lasso::default().fit_constrained(&x, &y, Bound::SquaredResidual(0.5))?;
    /// assert!(fit.squared_residual() <= 0.5 && fit.gap() <= 1e-6 * fit.penalty());
    /// // The same fit by its λ and by its budget.
    /// let budget = Lasso::default().fit_budget(&x, &y, fit.penalty())?;
    /// assert!((budget.lambda() - fit.lambda()).abs() < 1e-4 * fit.lambda());
    /// assert_eq!(fit.support(), Lasso::new(fit.lambda()).fit(&x, &y)?.support());
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    fn fit_constrained<X, S>(
        &self,
        x: &X,
        y: &ArrayBase<S, Self::Response>,
        bound: Bound,
    ) -> Result<Constrained<Self::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        self.fit_constrained_watched(x, y, bound, &mut ())
    }

    /// `min F` with `Ω(W) ≤ t`: [`fit_constrained`](Self::fit_constrained) with [`Bound::Penalty`].
    ///
    /// # Errors
    /// As [`fit_constrained`](Self::fit_constrained).
    fn fit_budget<X, S>(&self, x: &X, y: &ArrayBase<S, Self::Response>, t: f64) -> Result<Constrained<Self::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        self.fit_constrained(x, y, Bound::Penalty(t))
    }

    /// [`fit_constrained`](Self::fit_constrained) with a watcher that sees the progress of every solve and may cancel.
    ///
    /// # Errors
    /// As [`fit_constrained`](Self::fit_constrained).
    fn fit_constrained_watched<X, S>(
        &self,
        x: &X,
        y: &ArrayBase<S, Self::Response>,
        bound: Bound,
        watch: &mut dyn Watch,
    ) -> Result<Constrained<Self::Model>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        self.check_one_penalty()?;
        let design = x.as_design()?;
        let unit = self.is_least_squares().then_some(2.0 * design.nrows() as f64);
        let limit = bound.limit(unit)?;
        let training = self.training(design, Self::Response::matrix(y.view()), self.options())?;
        let answer = self.prepare(training, watch)?.solve_limited(limit, self.options(), watch);
        let Limited { fitted, proven } = answer.map_err(|error| bound.restate(error, unit))?;
        let model = self.options().accept(self.model(fitted))?;
        Ok(Constrained::new(model, bound, &proven, unit))
    }

    /// The Pareto curve at n points, from the path over [`Grid::auto`].
    ///
    /// # Errors
    /// As [`FitPath::path`]; [`Error::Unsupported`] for the penalties that [`fit_constrained`](Self::fit_constrained) rejects.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
    /// let curve = Lasso::default().pareto(&x, &array![5.0, 7.0, 9.0, 11.0], 20)?;
    /// let t = 1.0;
    /// let fit = Lasso::default().fit_budget(&x, &array![5.0, 7.0, 9.0, 11.0], t)?;
    /// assert!(curve.lower_bound(t) <= fit.loss() && fit.lower_bound() <= curve.upper_bound(t));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    fn pareto<X, S>(&self, x: &X, y: &ArrayBase<S, Self::Response>, n: usize) -> Result<ParetoCurve>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        self.check_one_penalty()?;
        let path = self.path(x, y, Grid::auto(n))?;
        if path.models().iter().any(|model| !model.certificate().is_convex) {
            let reason = "its penalty is not convex and proportional to λ, so there is no such curve";
            return Err(Error::Unsupported { argument: "penalty", reason });
        }
        let points = path.models().iter().map(|model| {
            let (fitted, certificate) = (model.fitted(), model.certificate());
            let penalty = ((certificate.objective - fitted.loss) / fitted.lambda).max(0.0);
            let gap = certificate.gap + certificate.rounding;
            ParetoPoint { lambda: fitted.lambda, penalty, loss: fitted.loss, gap }
        });
        Ok(ParetoCurve { points: points.collect() })
    }

    #[doc(hidden)]
    fn check_one_penalty(&self) -> Result<()> {
        if self.has_one_penalty() {
            return Ok(());
        }
        let reason =
            "it makes a penalty of its own at every λ; one round after a pilot (the adaptive form) has only one";
        Err(Error::Unsupported { argument: "estimator", reason })
    }
}

impl<E: Estimator> Constrain for E {}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::Bound;
    use crate::prelude::*;

    fn data() -> (Array2<f64>, Array1<f64>) {
        let x = Array2::from_shape_fn((30, 4), |(i, j)| ((i * i * (j + 1) + 5 * i * j) % 17) as f64 / 8.0 - 1.0);
        let y = Array1::from_shape_fn(30, |i| 2.0 * x[[i, 1]] + (i % 3) as f64);
        (x, y)
    }

    #[test]
    fn a_loss_that_leaves_constants_out_is_bounded_below_zero() {
        let (x, y) = data();
        let (poisson, counts) = (PoissonLasso::new(0.0), y.mapv(|y| (9.0 + y).round()));
        let null = poisson.fit_budget(&x, &counts, 0.0).unwrap();
        let least = poisson.fit_budget(&x, &counts, 1e3).unwrap();
        assert!(null.loss() < 0.0 && !least.is_active());
        let bound = 0.5 * (null.loss() + least.loss());
        let fit = poisson.fit_constrained(&x, &counts, Bound::Loss(bound)).unwrap();
        assert!(fit.loss() <= bound && fit.is_active() && fit.gap() <= 1e-6 * fit.penalty());
        assert!(!poisson.fit_constrained(&x, &counts, Bound::Loss(null.loss())).unwrap().is_active());
        let error = |loss| poisson.fit_constrained(&x, &counts, Bound::Loss(loss)).unwrap_err();
        assert!(matches!(error(least.loss() - 1e-3), Error::Unreachable { .. }));
        assert!(matches!(error(-1e3), Error::OutOfRange { argument: "bound", .. }));
    }

    #[test]
    fn only_one_convex_penalty_has_a_curve() {
        let (x, y) = data();
        let log = Reweighted::new(Lasso::default(), Reweighting::Log { epsilon: 0.1 });
        assert!(matches!(log.fit_budget(&x, &y, 1.0), Err(Error::Unsupported { argument: "estimator", .. })));
        assert!(matches!(log.pareto(&x, &y, 5), Err(Error::Unsupported { argument: "estimator", .. })));
        let mcp = McpRegression::new(0.0, 3.0);
        assert!(matches!(mcp.fit_budget(&x, &y, 0.0), Err(Error::Unsupported { argument: "bound", .. })));
        assert!(matches!(mcp.pareto(&x, &y, 5), Err(Error::Unsupported { argument: "penalty", .. })));
        // The adaptive lasso is a lasso with the pilot's weights.
        let pilot = Lasso::new(0.0).fit(&x, &y).unwrap();
        let weights: Vec<f64> = pilot.coefficients().iter().map(|w| 1.0 / w.abs()).collect();
        let adaptive = Reweighted::adaptive(Lasso::default(), 0.0, 1.0).fit_budget(&x, &y, 0.5).unwrap();
        let same = Lasso::default().weights(weights).fit_budget(&x, &y, 0.5).unwrap();
        assert!((adaptive.lambda() / same.lambda() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn what_the_penalty_forbids_is_out_of_reach() {
        let x = Array2::from_shape_fn((4, 6), |(i, j)| if i == j { 1.0 } else { 0.1 * ((i + 2 * j) % 3) as f64 });
        let y = Array1::from(vec![5.0, -4.0, 3.0, 6.0]);
        // Without bounds y is fitted exactly.
        assert!(Lasso::default().intercept(false).fit_constrained(&x, &y, Bound::Loss(0.0)).is_ok());
        let lasso = BoxLasso::new(0.0).bounds(-0.01, 0.01).intercept(false);
        let least = lasso.fit_budget(&x, &y, 1.0).unwrap();
        let tight = lasso.fit_constrained(&x, &y, Bound::Loss(0.9 * least.loss()));
        assert!(matches!(tight, Err(Error::Unreachable { .. })), "{tight:?}");
        let excluded = Lasso::default().weights(vec![f64::INFINITY; 6]).fit_constrained(&x, &y, Bound::Loss(0.1));
        assert!(matches!(excluded, Err(Error::Unreachable { .. })), "{excluded:?}");
    }

    #[test]
    fn a_walk_that_is_given_up_does_not_misplace_the_root() {
        let (x, y) = data();
        let labels = y.mapv(|y| f64::from(u8::from(y > 1.0)));
        let fit = LogisticLasso::new(0.0).fit_constrained(&x, &labels, Bound::Loss(1e-3));
        assert!(fit.is_ok() || matches!(fit, Err(Error::Unreachable { .. })), "{fit:?}");
        let net = ElasticNet::new(0.0, 0.5).intercept(false);
        let fit = net.fit_constrained(
            &x.select(ndarray::Axis(0), &[0, 1, 2]),
            &y.select(ndarray::Axis(0), &[0, 1, 2]),
            Bound::Loss(0.0),
        );
        assert!(fit.unwrap().gap() < 1e-5);
    }
}
