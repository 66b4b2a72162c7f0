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
use crate::estimator::{Estimator, Limited, Model, Shape};
use crate::path::{FitPath, Grid};
use crate::solver::{Limit, Watch};

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// `F ≤ ε`, the loss in the crate's unit: a mean over the observations, `1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖²` for
    /// least squares, the mean deviance term of a [family](crate::estimator::family) otherwise.
    Loss(f64),
    /// `Σ_i s_i ‖y_i − x_iᵀW − b‖² ≤ ε`, least squares only: `‖XW − Y‖²_F ≤ ε` without weights and intercept. The *squared* norm; for a
    /// bound σ on the norm itself (basis pursuit denoising) state `σ²`.
    SquaredResidual(f64),
    /// `Ω ≤ t`, Ω as the estimator documents it; with `standardize(true)` that of the coefficients of the standardised
    /// columns, as everywhere.
    Penalty(f64),
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
    nobservations: usize,
}

impl<M> Deref for Constrained<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.model
    }
}

impl<M: Model> Constrained<M> {
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

    /// `Σ_i s_i ‖y_i − x_iᵀW − b‖²` of the answer if the loss is the squared one: `2n` times [`loss`](Self::loss).
    pub fn squared_residual(&self) -> f64 {
        2.0 * self.nobservations as f64 * self.loss
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
            Bound::SquaredResidual(_) => 0.5 / (self.nobservations as f64 * self.lambda()),
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
    /// As [`Estimator::fit`]; a bound that is negative, NaN or infinite; [`Error::Unreachable`] for a bound on the loss below the
    /// least one, with the proof; [`Error::Unsupported`] for [`Bound::SquaredResidual`] with another loss, and for penalties
    /// that are not proportional to λ.
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
        let (Bound::Loss(value) | Bound::SquaredResidual(value) | Bound::Penalty(value)) = bound;
        check_scalar("bound", value, 0.0, f64::MAX, "a finite number >= 0")?;
        self.check_one_problem()?;
        if matches!(bound, Bound::SquaredResidual(_)) && !self.is_least_squares() {
            let reason = "a squared residual is not the loss here; use Bound::Loss";
            return Err(Error::Unsupported { argument: "bound", reason });
        }
        let design = x.as_design()?;
        let (n, p) = (design.nrows(), design.ncols());
        let unit = 2.0 * n as f64;
        let limit = match bound {
            Bound::Loss(loss) => Limit::Loss(loss),
            Bound::SquaredResidual(residual) => Limit::Loss(residual / unit),
            Bound::Penalty(t) => Limit::Penalty(t),
        };
        let training = self.training(design, Self::Response::matrix(y.view()), self.options())?;
        let answer = training.arrange(self.layout(p)?)?.solve_limited(limit, self.options(), watch);
        let Limited { fitted, loss, penalty, lower, active } = answer.map_err(|error| match (error, bound) {
            (Error::Unreachable { argument, least, proven, .. }, Bound::SquaredResidual(bound)) => {
                Error::Unreachable { argument, bound, least: unit * least, proven: unit * proven }
            }
            (error, _) => error,
        })?;
        let model = self.options().accept(self.model(fitted))?;
        Ok(Constrained { model, bound, loss, penalty, lower, active, nobservations: n })
    }

    /// The Pareto curve at n points, from the path over [`Grid::auto`].
    ///
    /// # Errors
    /// As [`FitPath::path`]; [`Error::Unsupported`] for penalties that are not convex, which have no such curve.
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
        self.check_one_problem()?;
        let path = self.path(x, y, Grid::auto(n))?;
        if path.models().iter().any(|model| !model.certificate().is_convex) {
            let reason = "it is not convex, and neither is the curve: chords and tangents bound nothing";
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
}

impl<E: Estimator> Constrain for E {}
