//! Orthogonal matching pursuit: features one at a time, by least squares on those that are in.

use std::fmt;

use ndarray::{ArrayBase, ArrayView2, Data};

use crate::certificate::{Plain, Status};
use crate::cross_validation::Folds;
use crate::design::{AnyDesign, AsDesign, LinearOperator};
use crate::error::{Error, Result, check_scalar};
use crate::estimator::{Configure, Model, Options, Scoring, Shape, Training};
use crate::moments::Moments;
use crate::partition::Groups;
use crate::solver::Solution;

mod correlations;
mod cross_validation;
mod pursuit;

pub use cross_validation::PursuitCrossValidation;
use pursuit::{Rules, pursue};

/// How the correlations of a feature with several residuals are made one number. They agree on one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum CorrelationNorm {
    /// `‖x_jᵀR‖₂`, which does not change if responses are rotated (Chen & Huo 2006).
    #[default]
    L2,
    /// `Σ_t |x_jᵀr_t|` (Tropp, Gilbert & Strauss 2006).
    L1,
    /// `max_t |x_jᵀr_t|`.
    Max,
}

/// Why a pursuit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PursuitStop {
    /// As many atoms are in as were wanted.
    Atoms,
    /// [`residual_norm`](OrthogonalMatchingPursuit::residual_norm)
    ResidualNorm,
    /// [`relative_residual`](OrthogonalMatchingPursuit::relative_residual)
    RelativeResidual,
    /// [`mean_loss`](OrthogonalMatchingPursuit::mean_loss)
    MeanLoss,
    /// [`correlation`](OrthogonalMatchingPursuit::correlation)
    Correlation,
    /// What is left of y is rounding.
    Exact,
    /// All features that are not in are linear combinations of those that are (or zero, or orthogonal to the residual).
    Exhausted,
    /// The time limit was reached.
    TimeLimit,
}

impl fmt::Display for PursuitStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Atoms => "as many atoms as wanted",
            Self::ResidualNorm => "residual norm reached",
            Self::RelativeResidual => "relative residual reached",
            Self::MeanLoss => "mean loss reached",
            Self::Correlation => "no atom is correlated enough",
            Self::Exact => "the residual is rounding",
            Self::Exhausted => "no atom is left",
            Self::TimeLimit => "time limit",
        })
    }
}

/// Orthogonal matching pursuit (Pati, Rezaiifar & Krishnaprasad 1993): starting from nothing, the feature with the largest
/// `|x_jᵀr| / ‖x_j‖` comes in, and all coefficients become those of least squares on the features that are in.
///
/// With several responses (y is n×q) a feature is in for all of them or for none: simultaneous OMP (Tropp, Gilbert & Strauss
/// 2006), with the [norm](CorrelationNorm) of a feature's q correlations in place of the absolute value. With
/// [`groups`](Self::groups) the columns of a group come in together: block OMP (Eldar, Kuppinger & Bölcskei 2010), with
/// `√(Σ_{j∈g} ‖x_jᵀR‖²/‖x_j‖²)`.
///
/// Data, options and objective are those of the other estimators: `1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖²`, with an intercept by
/// default. Correlations are those of the centred, weighted columns divided by their norms, so the units of the features play no part;
/// [`standardize`](Configure::standardize) changes nothing (but features that are constant are left out without an
/// intercept, too). Features that depend linearly on those that are in (to 13 digits of `XᵀX`) are left
/// out, and so never get a coefficient. Of the options for solvers only the time limit has a meaning.
///
/// The greedy choice is no convex problem. The [certificate](Model::certificate) of a model is that of least squares **on
/// its features**: `gap` is how far the loss is above the least that these features allow (exactly, `½gᵀH⁻¹g`), `kkt` the largest
/// gradient among them. It says nothing about other sets of features; when the greedy choice is the sparsest one is said by
/// [`Coherence::recovery_bound`](crate::diagnostics::Coherence::recovery_bound).
///
/// A step costs at most one pass over X. For dense X the products of chosen and likely columns with all others are kept and
/// the correlations updated from them where that is cheaper (Rubinstein, Zibulevsky & Elad 2008), in at most half as much memory
/// as X.
///
/// ```
/// use ndarray::{Array1, Array2};
/// use sparsereg::prelude::*;
/// let x = Array2::from_shape_fn((60, 8), |(i, j)| ((i * i * (j + 1) + 7 * i * j) % 23) as f64);
/// let y = Array1::from_shape_fn(60, |i| 4.0 + 3.0 * x[[i, 1]] - 2.0 * x[[i, 5]] + 0.1 * ((i * i * i) % 11) as f64);
///
/// let model = OrthogonalMatchingPursuit::new(2).fit(&x, &y)?;
/// assert_eq!(model.support(), [1, 5]);
/// assert!((model.coefficients()[1] - 3.0).abs() < 0.05);
///
/// let path = OrthogonalMatchingPursuit::default().relative_residual(0.1).path(&x, &y)?;
/// assert_eq!((path.features(), path.stop()), (&[1, 5][..], PursuitStop::RelativeResidual));
///
/// let cv = OrthogonalMatchingPursuit::default().cross_validate(&x, &y, &KFold::new(5).seed(7))?;
/// assert!(cv.one_standard_error().support().starts_with(&[1, 5]));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OrthogonalMatchingPursuit {
    atoms: usize,
    residual_norm: Option<f64>,
    relative_residual: Option<f64>,
    mean_loss: Option<f64>,
    correlation: Option<f64>,
    norm: CorrelationNorm,
    groups: Option<Groups>,
    options: Options,
}

impl Default for OrthogonalMatchingPursuit {
    /// No limit but those of the data: for paths, cross-validation, and the other rules.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl OrthogonalMatchingPursuit {
    /// At most so many features, or groups of them.
    pub fn new(atoms: usize) -> Self {
        Self {
            atoms,
            residual_norm: None,
            relative_residual: None,
            mean_loss: None,
            correlation: None,
            norm: CorrelationNorm::default(),
            groups: None,
            options: Options::default(),
        }
    }

    /// Ends as soon as `√(Σ_i s_i ‖r_i‖²) ≤ ε`, in the unit of y.
    pub fn residual_norm(mut self, epsilon: f64) -> Self {
        self.residual_norm = Some(epsilon);
        self
    }

    /// Ends as soon as the norm of the residual is at most this share of that of y (of y minus its mean, with an
    /// intercept).
    pub fn relative_residual(mut self, share: f64) -> Self {
        self.relative_residual = Some(share);
        self
    }

    /// Ends as soon as `1/(2n) Σ_i s_i ‖r_i‖² ≤ ε`, in the unit of y².
    pub fn mean_loss(mut self, epsilon: f64) -> Self {
        self.mean_loss = Some(epsilon);
        self
    }

    /// Ends as soon as no atom has `‖x_jᵀR‖ / (‖x_j‖ √n) > τ`, in the unit of y: the λ from which on a lasso on
    /// standardised columns would take nothing more in.
    pub fn correlation(mut self, tau: f64) -> Self {
        self.correlation = Some(tau);
        self
    }

    /// How correlations with several responses are compared (default [`CorrelationNorm::L2`]).
    pub fn correlation_norm(mut self, norm: CorrelationNorm) -> Self {
        self.norm = norm;
        self
    }

    /// Takes features in by groups, which may share some. Larger groups are the more correlated for it: their size is not divided
    /// out.
    pub fn groups(mut self, groups: Groups) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Fits the model: the last one of the [`path`](Self::path). A [`LinearModel`](crate::estimator::LinearModel) for y of
    /// length n, a [`MultiTaskModel`](crate::estimator::MultiTaskModel) for n×q; its `lambda()` is 0.
    ///
    /// # Errors
    /// Every bad input as an [`Error`] that names argument, index and value; [`Error::NotConverged`] with the partial
    /// answer when the time limit was hit first.
    pub fn fit<X, S, D>(&self, x: &X, y: &ArrayBase<S, D>) -> Result<D::Linear>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        D: Shape,
    {
        let training = Training::new(x.as_design()?, D::matrix(y.view()), D::ONE, &self.options)?;
        self.options.accept(self.run::<D::Linear>(training, true)?.last().clone())
    }

    /// [`fit`](Self::fit) with the models on the way.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), but for the time limit, which is a [`PursuitStop`].
    pub fn path<X, S, D>(&self, x: &X, y: &ArrayBase<S, D>) -> Result<PursuitPath<D::Linear>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        D: Shape,
    {
        self.run(Training::new(x.as_design()?, D::matrix(y.view()), D::ONE, &self.options)?, false)
    }

    /// [`path`](Self::path) from the [`Moments`] of the data: XᵀX and Xᵀy are all that it takes. The shape of the models is to be
    /// said: `path_moments::<ndarray::Ix1>(&moments)`.
    ///
    /// # Errors
    /// As [`path`](Self::path); sample weights and offsets are rejected, as they belong into the moments.
    pub fn path_moments<D: Shape>(&self, moments: &Moments) -> Result<PursuitPath<D::Linear>> {
        if D::ONE {
            crate::error::check_length("y columns", 1, moments.nresponses())?;
        }
        self.run(Training::from_moments(moments, &self.options)?, false)
    }

    /// Cross-validates the number of atoms, from none to as many as the [`path`](Self::path) on all data has; the other
    /// rules hold there, not in the folds. Weights, centring and the choice of features happen inside the folds; a fold whose
    /// pursuit ends early keeps its last model. [`Configure::scoring`] says how predictions are judged.
    ///
    /// # Errors
    /// As [`fit`](Self::fit) and [`Folds::splits`]; designs of your own need
    /// [`Design::select_rows`](crate::design::Design::select_rows). [`Error::Unsupported`] for a score that is not one of
    /// least squares.
    pub fn cross_validate<X, S, D>(
        &self,
        x: &X,
        y: &ArrayBase<S, D>,
        folds: &(impl Folds + ?Sized),
    ) -> Result<PursuitCrossValidation<D::Linear>>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        D: Shape,
    {
        cross_validation::run::<D>(self, &x.as_design()?, D::matrix(y.view()), folds)
    }

    /// The path, or the null model and the last one.
    fn run<M: Model + From<crate::estimator::Fitted>>(
        &self,
        training: Training<'_>,
        last_only: bool,
    ) -> Result<PursuitPath<M>> {
        let positive = "a finite number >= 0";
        for (argument, value) in [
            ("residual_norm", self.residual_norm),
            ("relative_residual", self.relative_residual),
            ("mean_loss", self.mean_loss),
            ("correlation", self.correlation),
        ] {
            check_scalar(argument, value.unwrap_or(0.0), 0.0, f64::MAX, positive)?;
        }
        let p = training.nfeatures();
        let groups: Option<Vec<Vec<usize>>> = match &self.groups {
            None => None,
            Some(groups) => {
                crate::error::check_length("features in groups", p, groups.nfeatures())?;
                Some((0..groups.len()).map(|g| groups.members(g).to_vec()).collect())
            }
        };
        let penalty = crate::penalty::L1::new(p);
        let prepared = training.arrange(crate::estimator::Layout::in_order(penalty))?;
        let smooth = &prepared.smooth;
        let Some(squared) = crate::loss::Loss::as_squared(smooth.loss()) else {
            let reason = "matching pursuit is one of least squares";
            return Err(Error::Unsupported { argument: "loss", reason });
        };
        let stopping = self.options.method.stopping();
        let (q, n) = (prepared.units.nresponses, prepared.units.nobservations as f64);
        // The rows that moments are made into stand for others: their squares have the same mean, not the same sum.
        let unit = (n / smooth.design().nrows() as f64).sqrt();
        let rules = Rules {
            atoms: self.atoms,
            residual_norm: self.residual_norm.map(|epsilon| epsilon / unit),
            relative_residual: self.relative_residual,
            mean_loss: self.mean_loss,
            correlation: self.correlation,
            norm: self.norm,
            tolerance: stopping.tolerance,
            time_limit: stopping.time_limit,
        };
        let trace = pursue(smooth.design(), squared.y(), groups.as_deref(), rules)?;
        let (mut models, mut correlations, mut norms) = (Vec::new(), Vec::new(), Vec::new());
        let count = trace.steps.len();
        for (number, step) in trace.steps.into_iter().enumerate() {
            correlations.push(step.correlation);
            norms.push((2.0 * n * step.certificate.objective).sqrt());
            if last_only && number + 1 < count {
                continue;
            }
            let mut coefficients = vec![0.0; p * q];
            for (i, &j) in trace.columns[..step.columns].iter().enumerate() {
                (0..q).for_each(|t| coefficients[j * q + t] = step.coefficients[t * step.columns + i]);
            }
            let timed_out = trace.stop == PursuitStop::TimeLimit && number + 1 == count;
            let solution = Solution {
                coefficients,
                certificate: step.certificate,
                status: if timed_out { Status::TimeLimit } else { step.status },
                iterations: number,
            };
            models.push(M::from(prepared.view().restore(0.0, solution, &self.options)));
        }
        Ok(PursuitPath {
            models,
            features: trace.columns,
            atoms: trace.atoms,
            residual_norms: norms,
            correlations,
            stop: trace.stop,
        })
    }

    fn scoring(&self) -> Scoring {
        self.options.scoring.unwrap_or(Scoring::MeanSquaredError)
    }

    /// The same pursuit of some observations, for as long as it can go on.
    fn fold<D: Shape>(
        &self,
        x: AnyDesign<'_>,
        y: ArrayView2<'_, f64>,
        atoms: usize,
        options: Options,
    ) -> Result<PursuitPath<D::Linear>> {
        let training = Training::new(x, y, D::ONE, &options)?;
        let unlimited = Self { norm: self.norm, groups: self.groups.clone(), options, ..Self::new(atoms) };
        unlimited.run(training, false)
    }
}

impl Configure for OrthogonalMatchingPursuit {
    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }
}

/// The models of a pursuit, from none to the last feature.
#[derive(Debug, Clone)]
pub struct PursuitPath<M> {
    models: Vec<M>,
    features: Vec<usize>,
    atoms: Vec<usize>,
    residual_norms: Vec<f64>,
    correlations: Vec<f64>,
    stop: PursuitStop,
}

impl<M: Model> PursuitPath<M> {
    /// Model k has k atoms: features, or groups.
    pub fn models(&self) -> &[M] {
        &self.models
    }

    /// The last model.
    pub fn last(&self) -> &M {
        // The null model is always there.
        &self.models[self.models.len() - 1]
    }

    /// The features in the order in which they came in.
    pub fn features(&self) -> &[usize] {
        &self.features
    }

    /// The features, or the groups, in the order in which they came in.
    pub fn atoms(&self) -> &[usize] {
        &self.atoms
    }

    /// `√(Σ_i s_i ‖r_i‖²)` of each model; never rises.
    pub fn residual_norms(&self) -> &[f64] {
        &self.residual_norms
    }

    /// The largest `‖x_jᵀR‖ / (‖x_j‖ √n)` that each model leaves; NaN for the last one unless it was needed there.
    pub fn correlations(&self) -> &[f64] {
        &self.correlations
    }

    /// Why it ended.
    pub fn stop(&self) -> PursuitStop {
        self.stop
    }
}

impl<M: Model> fmt::Display for PursuitPath<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>7} {:>7} {:>14} {:>14} {:>8}",
            "atoms",
            "enters",
            "residual norm",
            "correlation",
            M::EXPLAINED
        )?;
        for (k, model) in self.models.iter().enumerate() {
            let enters = k.checked_sub(1).map_or(String::new(), |k| self.atoms[k].to_string());
            let (norm, left) = (Plain(self.residual_norms[k], 6), Plain(self.correlations[k], 6));
            let explained = model.deviance_explained();
            writeln!(f, "{k:>7} {enters:>7} {norm:>14} {left:>14} {explained:>8.4}")?;
        }
        writeln!(f, "{}", self.stop)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, Ix1};

    use super::*;

    #[test]
    fn residual_norms_of_moments_are_those_of_the_rows() {
        let x = Array2::from_shape_fn((40, 5), |(i, j)| ((i * i * (j + 2) + 5 * i * j) % 17) as f64);
        let y = Array1::from_shape_fn(40, |i| 2.0 * x[[i, 0]] - x[[i, 2]] + ((i * i * i) % 7) as f64);
        let pursuit = OrthogonalMatchingPursuit::default().residual_norm(20.0);
        let rows = pursuit.path(&x, &y).unwrap();
        let moments = pursuit.path_moments::<Ix1>(&Moments::new(&x, &y).unwrap()).unwrap();
        assert_eq!(rows.atoms(), moments.atoms());
        for (a, b) in rows.residual_norms().iter().zip(moments.residual_norms()) {
            assert!((a - b).abs() < 1e-9 * a);
        }
    }
}
