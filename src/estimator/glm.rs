//! Any estimator with the loss of a family in place of the squared one.

use ndarray::{ArrayView2, ArrayView3};

use crate::design::AnyDesign;
use crate::error::Result;
use crate::estimator::family::{
    Cox, Gamma, Huber, Logistic, Multinomial, Poisson, Quantile, Responses, Shapes, SquareRoot, SquaredHinge,
};
use crate::estimator::{
    Configure, ElasticNet, Estimator, Fitted, GlmModel, GroupLasso, Lasso, LatentGroupLasso, Layout, LeastSquares,
    MultiTaskElasticNet, MultiTaskLasso, Options, Prepared, Scoring, Shape, SparseGroupLasso, Training, Weighted,
    scoring,
};
use crate::partition::Groups;
use crate::solver::Watch;

/// `min_{W,b} F(XW + 1bᵀ) + λΩ(W)`: the penalty, λ and options of an estimator E, the loss of a
/// [family](crate::estimator::family) F. Made by [`WithLoss::loss`] or under one of the names for common pairs
/// ([`LogisticLasso`] …); `fit`, `path` and `cross_validate` are those of every [`Estimator`].
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 1.0, 0.2], [1.0, 0.0, 0.1], [2.0, 1.0, 0.0], [3.0, 0.0, 0.3], [4.0, 1.0, 0.1]];
/// let y = array![0.0, 0.0, 1.0, 0.0, 1.0];
/// let groups = Groups::from_sizes(&[2, 1])?;
/// let model = GroupLasso::new(0.05, groups).standardize(true).loss(Logistic::default()).fit(&x, &y)?;
/// assert!(model.support().starts_with(&[0, 1])); // a group is in as a whole
/// assert!(model.certificate().relative_gap() <= 1e-6);
/// # Ok::<(), sparsereg::Error>(())
/// ```
///
/// # Errors
/// `fit` has those of [`Estimator::fit`] and those that the family lists.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Glm<E, F> {
    estimator: E,
    family: F,
}

/// Gives an estimator another loss.
pub trait WithLoss: LeastSquares {
    /// The same penalty, λ and options with the loss of a family.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
    /// let model = ElasticNet::new(0.01, 0.5).loss(Poisson).fit(&x, &array![1.0, 2.0, 4.0, 8.0])?;
    /// assert!(model.deviance_explained() > 0.99);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    fn loss<F: Shapes<Self::Response>>(self, family: F) -> Glm<Self, F> {
        Glm { estimator: self, family }
    }
}

impl<E: LeastSquares> WithLoss for E {}

impl<E, F> Glm<E, F> {
    /// The family.
    pub fn family(&self) -> &F {
        &self.family
    }

    /// Changes what only the estimator has: `LogisticLasso::new(0.1).with(|lasso| lasso.nonnegative(true))`.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[0.0], [1.0], [2.0], [3.0]];
    /// let lasso = LogisticLasso::new(0.01).with(|lasso| lasso.nonnegative(true));
    /// assert!(lasso.fit(&x, &array![1.0, 1.0, 0.0, 0.0])?.support().is_empty());
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn with(self, change: impl FnOnce(E) -> E) -> Self {
        Self { estimator: change(self.estimator), family: self.family }
    }
}

impl<E: Configure, F> Configure for Glm<E, F> {
    fn options_mut(&mut self) -> &mut Options {
        self.estimator.options_mut()
    }
}

impl<E: LeastSquares, F: Shapes<E::Response>> Estimator for Glm<E, F> {
    type Penalty = E::Penalty;
    type Response = F::Response;
    type Model = GlmModel<F, E::Response>;

    fn options(&self) -> &Options {
        self.estimator.options()
    }

    fn lambda(&self) -> f64 {
        self.estimator.lambda()
    }

    fn with_lambda(&self, lambda: f64) -> Self {
        Self { estimator: self.estimator.with_lambda(lambda), family: self.family.clone() }
    }

    fn layout(&self, nfeatures: usize) -> Result<Layout<E::Penalty>> {
        self.estimator.layout(nfeatures)
    }

    fn model(&self, fitted: Fitted) -> Self::Model {
        GlmModel::new(fitted, self.family.clone())
    }

    fn training<'a>(&self, x: AnyDesign<'a>, y: ArrayView2<'_, f64>, options: &Options) -> Result<Training<'a>> {
        Training::with_family(x, y, F::Response::ONE, &self.family, options)
    }

    fn of_rows(&self, rows: &[usize]) -> Self {
        Self { estimator: self.estimator.clone(), family: self.family.select(rows) }
    }

    fn prepare<'a>(&self, training: Training<'a>, watch: &mut dyn Watch) -> Result<Prepared<'a, E::Penalty>> {
        self.estimator.prepare(training, watch)
    }

    fn fit_prepared(
        &self,
        prepared: &mut Prepared<'_, E::Penalty>,
        lambda: f64,
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Result<Fitted> {
        self.estimator.fit_prepared(prepared, lambda, options, watch)
    }

    fn path_prepared(
        &self,
        prepared: &mut Prepared<'_, E::Penalty>,
        lambdas: &[f64],
        options: &Options,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Fitted>> {
        self.estimator.path_prepared(prepared, lambdas, options, watch)
    }

    fn is_least_squares(&self) -> bool {
        false
    }

    fn makes_weights(&self) -> bool {
        self.estimator.makes_weights()
    }

    fn has_one_penalty(&self) -> bool {
        self.estimator.has_one_penalty()
    }

    fn errors(
        &self,
        truth: &Responses<'_>,
        predictions: ArrayView3<'_, f64>,
        classes: &[Vec<f64>],
        scoring: Scoring,
    ) -> Result<Vec<f64>> {
        scoring::family(
            &self.family,
            truth,
            predictions,
            classes,
            scoring,
            responses::<F, E::Response>(truth.y.ncols()),
        )
    }

    fn check_scoring(&self, scoring: Scoring) -> Result<()> {
        if self.family.supports(scoring) { Ok(()) } else { Err(scoring.unsupported()) }
    }

    fn default_scoring(&self) -> Scoring {
        Scoring::Deviance
    }
}

impl<E: LeastSquares + Weighted, F: Shapes<E::Response>> Weighted for Glm<E, F> {
    fn block_weights(&self) -> Option<&[f64]> {
        self.estimator.block_weights()
    }

    fn with_block_weights(self, weights: Vec<f64>) -> Self {
        self.with(|estimator| estimator.with_block_weights(weights))
    }
}

/// What errors are means over, besides the observations.
pub(super) fn responses<F: Shapes<D>, D: Shape>(columns: usize) -> usize {
    if F::Prediction::ONE { 1 } else { columns }
}

macro_rules! constructors {
    ($($estimator:ty: $new:literal ($($argument:ident: $type:ty),*)),* $(,)?) => {$(
        impl<F: Default> Glm<$estimator, F> {
            #[doc = $new]
            pub fn new($($argument: $type),*) -> Self {
                Self { estimator: <$estimator>::new($($argument),*), family: F::default() }
            }
        }

        impl<F> Glm<$estimator, F> {
            /// The penalty weights of the estimator.
            pub fn weights(self, weights: impl Into<Vec<f64>>) -> Self {
                self.with(|estimator| estimator.weights(weights))
            }
        }
    )*};
}

constructors! {
    Lasso: "At λ ≥ 0." (lambda: f64),
    ElasticNet: "At λ ≥ 0, with the share ρ ∈ [0, 1] of the ℓ1 norm." (lambda: f64, rho: f64),
    GroupLasso: "At λ ≥ 0, over disjoint groups." (lambda: f64, groups: Groups),
    SparseGroupLasso: "At λ ≥ 0, with the share τ ∈ [0, 1] of the ℓ1 norm, over disjoint groups."
        (lambda: f64, tau: f64, groups: Groups),
    LatentGroupLasso: "At λ ≥ 0, over groups that may share features." (lambda: f64, groups: Groups),
    MultiTaskLasso: "At λ ≥ 0." (lambda: f64),
    MultiTaskElasticNet: "At λ ≥ 0, with the share ρ ∈ [0, 1] of the norm." (lambda: f64, rho: f64),
}

impl HuberLasso {
    /// At λ ≥ 0, with the δ > 0 at which costs become linear, in the unit of y.
    pub fn new(lambda: f64, delta: f64) -> Self {
        Lasso::new(lambda).loss(Huber::new(delta))
    }
}

impl QuantileLasso {
    /// At λ ≥ 0, for the quantile at τ ∈ (0, 1).
    pub fn new(lambda: f64, tau: f64) -> Self {
        Lasso::new(lambda).loss(Quantile::new(tau))
    }
}

/// Sparse logistic regression: two classes, `1/n Σ_i s_i (log(1 + e^{η_i}) − y_i η_i) + λ‖w‖₁`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
/// let model = LogisticLasso::new(0.05).fit(&x, &array![1.0, 1.0, 2.0, 2.0])?;
/// assert_eq!(model.predict(&x)?, array![1.0, 1.0, 2.0, 2.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub type LogisticLasso = Glm<Lasso, Logistic>;

/// [`LogisticLasso`] with the elastic net's penalty.
pub type LogisticElasticNet = Glm<ElasticNet, Logistic>;

/// [`LogisticLasso`] with features that are zero in groups.
pub type LogisticGroupLasso = Glm<GroupLasso, Logistic>;

/// Several responses of two classes each, on the same features: `1/n Σ_it s_i ℓ(y_it, η_it) + λ Σ_j ω_j ‖W_j‖₂`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
/// let y = array![[0.0, 5.0], [0.0, 5.0], [1.0, 4.0], [1.0, 4.0]];
/// let model = MultiTaskLogisticLasso::new(0.05).fit(&x, &y)?;
/// assert_eq!((model.predict(&x)?, model.support()), (y, vec![0]));
/// assert_eq!(model.classes()[1], [4.0, 5.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub type MultiTaskLogisticLasso = Glm<MultiTaskLasso, Logistic>;

/// Sparse Poisson regression: counts, `1/n Σ_i s_i (e^{η_i} − y_i η_i) + λ‖w‖₁`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
/// let model = PoissonLasso::new(0.05).fit(&x, &array![1.0, 2.0, 4.0, 8.0])?;
/// assert_eq!(model.support(), vec![0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub type PoissonLasso = Glm<Lasso, Poisson>;

/// [`PoissonLasso`] with the elastic net's penalty.
pub type PoissonElasticNet = Glm<ElasticNet, Poisson>;

/// [`PoissonLasso`] with features that are zero in groups.
pub type PoissonGroupLasso = Glm<GroupLasso, Poisson>;

/// Sparse gamma regression: [`Gamma`] with the lasso's penalty.
pub type GammaLasso = Glm<Lasso, Gamma>;

/// Sparse robust regression: [`Huber`] with the lasso's penalty.
pub type HuberLasso = Glm<Lasso, Huber>;

/// Sparse quantile regression: [`Quantile`] with the lasso's penalty.
pub type QuantileLasso = Glm<Lasso, Quantile>;

/// The square-root lasso: [`SquareRoot`].
pub type SquareRootLasso = Glm<Lasso, SquareRoot>;

/// The sparse support vector machine: [`SquaredHinge`] with the lasso's penalty.
pub type SquaredHingeLasso = Glm<Lasso, SquaredHinge>;

/// Sparse multinomial regression: [`Multinomial`], every coefficient of every class for itself.
pub type MultinomialLasso = Glm<Lasso, Multinomial>;

/// Sparse multinomial regression in which a feature is in for all classes or for none: `λ Σ_j ω_j ‖W_j‖₂`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 0.3], [0.2, 0.0], [2.0, 0.2], [2.1, 0.1], [4.2, 0.0], [4.0, 0.2]];
/// let y = array![1.0, 1.0, 2.0, 2.0, 3.0, 3.0];
/// let model = GroupedMultinomialLasso::new(0.01).fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// assert!(model.coefficients().row(0).iter().all(|w| *w != 0.0));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub type GroupedMultinomialLasso = Glm<MultiTaskLasso, Multinomial>;

/// Sparse proportional hazards: [`Cox`] with the lasso's penalty.
pub type CoxLasso = Glm<Lasso, Cox>;

/// [`CoxLasso`] with the elastic net's penalty.
pub type CoxElasticNet = Glm<ElasticNet, Cox>;

/// [`CoxLasso`] with features that are zero in groups.
pub type CoxGroupLasso = Glm<GroupLasso, Cox>;
