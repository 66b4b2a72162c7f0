//! The joint graphical lasso.

use std::time::Duration;

use ndarray::{Array1, Array2, ArrayBase, Axis, Data, Ix2, concatenate};

use crate::error::{Error, Result, Unconverged, check_length, check_scalar};
use crate::estimator::graphical_lasso::covariance::Covariance;
use crate::solver::{JointLogDetNewton, Status, Watch};

mod class_weights;
mod model;
mod path;
mod solve;

use solve::Scaled;

pub use crate::penalty::Coupling;
pub use class_weights::ClassWeights;
pub use model::{JointEdge, JointPrecisionModel};
pub use path::JointGraphicalPath;

/// Joint graphical lasso: sparse precision matrices of K classes that share zeros or values (Danaher, Wang and Witten 2014),
///
/// ```text
/// min over Θ⁽¹⁾ … Θ⁽ᴷ⁾ ≻ 0   Σ_k ω_k (−log det Θ⁽ᵏ⁾ + ⟨S⁽ᵏ⁾, Θ⁽ᵏ⁾⟩) + Σ_{i≠j} (λ₁ Σ_k |θ_ij⁽ᵏ⁾| + λ₂ C(θ_ij))
///
/// group: C = ‖(θ_ij⁽¹⁾ … θ_ij⁽ᴷ⁾)‖₂          fused: C = Σ_{k<l} |θ_ij⁽ᵏ⁾ − θ_ij⁽ˡ⁾|
/// ```
///
/// With λ₂ = 0 and equal weights this is a [`GraphicalLasso`](crate::estimator::GraphicalLasso) with λ₁ for each class. The
/// covariances are divided by n_k (not n_k − 1). The paper's objective has weights n_k: with
/// [`ClassWeights::SampleSize`] its λ₁ and λ₂ are these times `Σ_k n_k / K`, and its fused form couples the diagonal, too.
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `group`, `fused`, `coupling` | group | the form of C |
/// | `class_weights` | equal | ω, rescaled to mean 1 |
/// | `penalize_diagonal` | false | adds `λ₁ Σ_k Σ_i θ_ii⁽ᵏ⁾` |
/// | `couple_diagonal` | false | adds `λ₂ Σ_i C(θ_ii)` |
/// | `assume_centered` | false | do not remove the means of the samples, class by class |
/// | `correlation_scale` | false | penalise as if every variable had unit variance in every class; answers stay in the units of the data |
/// | `observations` | counted, unknown for covariances | n_k, for weights and information criteria |
/// | `variable_names`, `class_names` | none | shown by `Display` and in exports |
/// | `tolerance` | 1e-6 | duality gap / (pK) |
/// | `max_iterations` | 100,000 | Newton steps |
/// | `time_limit` | none | of one fit |
/// | `accept_unconverged` | false | return a model instead of [`Error::NotConverged`] |
///
/// Variables that no solution connects are found in advance and fitted apart: i and j are linked if the prox of the penalty at
/// `ω_k S_ij⁽ᵏ⁾` is not zero, and the answer is block-diagonal on the components of that graph (theorems 1 to 4 of the paper,
/// for any number of classes). The certificate is a duality gap at a feasible dual point.
///
/// Classes are meant to be in the same units: λ₁ and λ₂ see the entries of Θ, which are small where variances are large. Where they
/// differ by orders of magnitude a penalty that fits one class leaves another without edges, or without zeros; use
/// `correlation_scale` then.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// // The first pair is dependent in both classes, the second in one.
/// let a = array![[1.0, 0.5, 0.0], [0.5, 1.0, 0.4], [0.0, 0.4, 1.0]];
/// let b = array![[1.0, 0.45, 0.0], [0.45, 1.0, 0.0], [0.0, 0.0, 1.0]];
/// let model = JointGraphicalLasso::new(0.1, 0.05).fused().fit_covariances(&[a, b])?;
/// assert!(model.edges()[0].equal && model.shared_edges().len() == 1);
/// assert_eq!(model.specific_edges()[0].j, 2);
/// assert!(model.certificate().relative_gap() <= 1e-6);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JointGraphicalLasso {
    lambda1: f64,
    lambda2: f64,
    coupling: Coupling,
    class_weights: ClassWeights,
    penalize_diagonal: bool,
    couple_diagonal: bool,
    assume_centered: bool,
    correlation_scale: bool,
    observations: Option<Vec<usize>>,
    variable_names: Option<Vec<String>>,
    class_names: Option<Vec<String>>,
    solver: JointLogDetNewton,
    accept_unconverged: bool,
}

impl JointGraphicalLasso {
    /// A joint graphical lasso with λ₁ ≥ 0 (sparsity) and λ₂ ≥ 0 (coupling), in the group form.
    pub fn new(lambda1: f64, lambda2: f64) -> Self {
        Self { lambda1, lambda2, ..Self::default() }
    }

    /// The group form: classes share zeros.
    pub fn group(self) -> Self {
        self.coupling(Coupling::Group)
    }

    /// The fused form: classes share values.
    pub fn fused(self) -> Self {
        self.coupling(Coupling::Fused)
    }

    /// Either form.
    pub fn coupling(mut self, coupling: Coupling) -> Self {
        self.coupling = coupling;
        self
    }

    /// How much each class counts: a [`ClassWeights`], or one positive number per class.
    pub fn class_weights(mut self, weights: impl Into<ClassWeights>) -> Self {
        self.class_weights = weights.into();
        self
    }

    /// Penalise the size of the diagonal by λ₁, too (default false).
    pub fn penalize_diagonal(mut self, yes: bool) -> Self {
        self.penalize_diagonal = yes;
        self
    }

    /// Couple the diagonal by λ₂, too (default false).
    pub fn couple_diagonal(mut self, yes: bool) -> Self {
        self.couple_diagonal = yes;
        self
    }

    /// The samples of every class have mean zero: do not remove it (default false).
    pub fn assume_centered(mut self, yes: bool) -> Self {
        self.assume_centered = yes;
        self
    }

    /// Penalise as if every variable were divided by its standard deviation in the class (default false): λ₁ and λ₂ see
    /// `θ_ij⁽ᵏ⁾ √(S_ii⁽ᵏ⁾ S_jj⁽ᵏ⁾)`, and it is these that are equal where the fused form fuses. Answers are in the units of the data all
    /// the same.
    pub fn correlation_scale(mut self, yes: bool) -> Self {
        self.correlation_scale = yes;
        self
    }

    /// Of how many samples each covariance is.
    pub fn observations(mut self, n: impl Into<Vec<usize>>) -> Self {
        self.observations = Some(n.into());
        self
    }

    /// Names of the variables, for display.
    pub fn variable_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.variable_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Names of the classes, for display.
    pub fn class_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.class_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The solver with its own fields. Its stopping rule replaces what `tolerance`, `max_iterations` and `time_limit` have set
    /// before.
    pub fn solver(mut self, solver: JointLogDetNewton) -> Self {
        self.solver = solver;
        self
    }

    /// Largest relative duality gap, gap / (pK).
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.solver.stopping.tolerance = tolerance;
        self
    }

    /// Iteration limit of the solver.
    pub fn max_iterations(mut self, limit: usize) -> Self {
        self.solver.stopping.max_iterations = limit;
        self
    }

    /// Time limit of one fit (of one λ₁ on a path).
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.solver.stopping.time_limit = Some(limit);
        self
    }

    /// Return the best answer so far as a model instead of [`Error::NotConverged`].
    pub fn accept_unconverged(mut self, yes: bool) -> Self {
        self.accept_unconverged = yes;
        self
    }

    /// The same estimator at other λ.
    pub fn with_lambdas(&self, lambda1: f64, lambda2: f64) -> Self {
        Self { lambda1, lambda2, ..self.clone() }
    }

    /// Fits to the samples of the classes, n_k×p each: observations in rows.
    ///
    /// # Errors
    /// No class, classes with different numbers of variables, no rows or columns, NaN or infinity, a variable without variance in
    /// a class, names or weights that do not fit, weights that are not positive, λ₁ or λ₂ negative or not finite (indices are
    /// those of the class, then of the place in it); [`Error::IllPosed`] if there is no solution (collinear variables and too
    /// small a penalty); [`Error::NotConverged`] with the partial answer, one precision matrix below the other, when a limit was
    /// hit first.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::prelude::*;
    /// let noise = |i: usize, j: usize| ((i * 7919 + j * 104729 + i * i * 31) % 1009) as f64 / 1009.0 - 0.5;
    /// let class = |k: usize| Array2::from_shape_fn((60, 3), |(i, j)| noise(i + 60 * k, j) + if j == 1 { noise(i + 60 * k, 0) } else { 0.0 });
    /// let model = JointGraphicalLasso::new(0.01, 0.01).fit(&[class(0), class(1)])?;
    /// assert_eq!(model.classes().len(), 2);
    /// assert_eq!((model.edges()[0].i, model.edges()[0].j), (0, 1));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn fit<S: Data<Elem = f64>>(&self, samples: &[ArrayBase<S, Ix2>]) -> Result<JointPrecisionModel> {
        self.fit_watched(samples, &mut ())
    }

    /// [`fit`](Self::fit) with a watcher that sees the progress and may cancel.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_watched<S: Data<Elem = f64>>(
        &self,
        samples: &[ArrayBase<S, Ix2>],
        watch: &mut dyn Watch,
    ) -> Result<JointPrecisionModel> {
        let data = self.moments(samples)?;
        self.accept(self.solve_one(&data, (self.lambda1, self.lambda2), LAMBDAS, None, watch)?)
    }

    /// Fits to one p×p covariance (or correlation) matrix per class.
    ///
    /// # Errors
    /// A matrix that is empty, not square, not symmetric, not positive semidefinite, holds NaN or infinity or a variance
    /// that is not positive; and as [`fit`](Self::fit).
    pub fn fit_covariances<S: Data<Elem = f64>>(
        &self,
        covariances: &[ArrayBase<S, Ix2>],
    ) -> Result<JointPrecisionModel> {
        self.fit_covariances_watched(covariances, &mut ())
    }

    /// [`fit_covariances`](Self::fit_covariances) with a watcher that sees the progress and may cancel.
    ///
    /// # Errors
    /// As [`fit_covariances`](Self::fit_covariances).
    pub fn fit_covariances_watched<S: Data<Elem = f64>>(
        &self,
        covariances: &[ArrayBase<S, Ix2>],
        watch: &mut dyn Watch,
    ) -> Result<JointPrecisionModel> {
        let data = self.given(covariances)?;
        self.accept(self.solve_one(&data, (self.lambda1, self.lambda2), LAMBDAS, None, watch)?)
    }

    /// The smallest λ₁ at which, with λ₂ = ratio · λ₁, no class has an edge.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); a ratio that is negative or not finite.
    pub fn lambda_max<S: Data<Elem = f64>>(&self, samples: &[ArrayBase<S, Ix2>], ratio: f64) -> Result<f64> {
        self.lambda_max_of(&self.moments(samples)?, ratio)
    }

    /// [`lambda_max`](Self::lambda_max) of covariance matrices.
    ///
    /// # Errors
    /// As [`fit_covariances`](Self::fit_covariances); a ratio that is negative or not finite.
    pub fn lambda_max_covariances<S: Data<Elem = f64>>(
        &self,
        covariances: &[ArrayBase<S, Ix2>],
        ratio: f64,
    ) -> Result<f64> {
        self.lambda_max_of(&self.given(covariances)?, ratio)
    }

    fn lambda_max_of(&self, data: &[Covariance], ratio: f64) -> Result<f64> {
        check_ratio(ratio)?;
        Scaled::new(self, data, (1.0, ratio), ("samples", "ratio"))?.lambda_max()
    }

    fn moments<S: Data<Elem = f64>>(&self, samples: &[ArrayBase<S, Ix2>]) -> Result<Vec<Covariance>> {
        self.each("samples", samples, |x| Covariance::of_samples(x, None, None, self.assume_centered))
    }

    fn given<S: Data<Elem = f64>>(&self, covariances: &[ArrayBase<S, Ix2>]) -> Result<Vec<Covariance>> {
        self.each("covariances", covariances, Covariance::given)
    }

    /// The data of every class, and all that can be checked without λ.
    fn each<T>(
        &self,
        argument: &'static str,
        classes: &[T],
        one: impl Fn(&T) -> Result<Covariance>,
    ) -> Result<Vec<Covariance>> {
        check_scalar("lambda1", self.lambda1, 0.0, f64::MAX, "a finite number >= 0")?;
        check_scalar("lambda2", self.lambda2, 0.0, f64::MAX, "a finite number >= 0")?;
        check_scalar("tolerance", self.solver.stopping.tolerance, 0.0, f64::MAX, "a finite number >= 0")?;
        if classes.is_empty() {
            return Err(Error::Empty { argument });
        }
        let found = classes.iter().enumerate().map(|(k, class)| one(class).map_err(|error| in_class(k, error)));
        let mut data = found.collect::<Result<Vec<_>>>()?;
        let p = data[0].size;
        for class in &data {
            check_length(if argument == "samples" { "samples columns" } else { "covariance columns" }, p, class.size)?;
        }
        if let Some(n) = &self.observations {
            check_length("observations", data.len(), n.len())?;
            if let Some(k) = n.iter().position(|&n| n == 0) {
                let expected = "at least 1";
                return Err(Error::OutOfRange { argument: "observations", index: vec![k], value: 0.0, expected });
            }
            data.iter_mut().zip(n).for_each(|(class, &n)| class.nobservations = Some(n));
        }
        if let Some(names) = &self.variable_names {
            check_length("variable_names", p, names.len())?;
        }
        if let Some(names) = &self.class_names {
            check_length("class_names", data.len(), names.len())?;
        }
        Ok(data)
    }

    /// One pair of λ, whatever the status.
    fn solve_one(
        &self,
        data: &[Covariance],
        lambdas: (f64, f64),
        names: (&'static str, &'static str),
        warm: Option<&JointPrecisionModel>,
        watch: &mut dyn Watch,
    ) -> Result<JointPrecisionModel> {
        let scaled = Scaled::new(self, data, lambdas, names)?;
        let answer = scaled.solve(warm, watch)?;
        JointPrecisionModel::assemble(self, answer, data, lambdas)
    }

    /// Turns a model into `Ok` or into the error that carries it.
    fn accept(&self, model: JointPrecisionModel) -> Result<JointPrecisionModel> {
        match model.status() {
            Status::Converged | Status::Stalled => Ok(model),
            _ if self.accept_unconverged => Ok(model),
            status => {
                let views: Vec<_> = model.classes().iter().map(|m| m.precision()).collect();
                let p = views.first().map_or(0, |v| v.ncols());
                Err(Error::NotConverged(Box::new(Unconverged {
                    status,
                    certificate: *model.certificate(),
                    coefficients: concatenate(Axis(0), &views).unwrap_or_else(|_| Array2::zeros((0, p))),
                    intercept: model.classes().iter().flat_map(|m| m.mean().to_vec()).collect::<Array1<f64>>(),
                    iterations: model.iterations(),
                })))
            }
        }
    }
}

/// What a fit calls λ₁ and λ₂.
const LAMBDAS: (&str, &str) = ("lambda1", "lambda2");

fn check_ratio(ratio: f64) -> Result<()> {
    check_scalar("ratio", ratio, 0.0, f64::MAX, "a finite number >= 0")
}

/// Puts the number of the class before the place in it.
fn in_class(k: usize, error: Error) -> Error {
    let within = |index: Vec<usize>| [vec![k], index].concat();
    match error {
        Error::NotFinite { argument, index, value } => Error::NotFinite { argument, index: within(index), value },
        Error::OutOfRange { argument, index, value, expected } => {
            Error::OutOfRange { argument, index: within(index), value, expected }
        }
        other => other,
    }
}
