//! F: the mean loss of a prediction η ∈ ℝ^{n×q} (task-major).

mod squared;

pub use squared::Squared;

/// A convex, differentiable mean loss `F(η)`.
///
/// `u` denotes a point of the dual space of predictions; `∇F(η)` is one.
pub trait Loss: Sync {
    /// n·q.
    fn len(&self) -> usize;
    /// Whether there are no observations.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Number of observations n.
    fn nrows(&self) -> usize;
    /// `F(η)`.
    fn value(&self, eta: &[f64]) -> f64;
    /// `u ← ∇F(η)`.
    fn gradient(&self, eta: &[f64], u: &mut [f64]);
    /// `F(η) + F*(u) − ⟨u, η⟩ ≥ 0`: how far u is from being the gradient at η.
    fn fenchel_young(&self, eta: &[f64], u: &[f64]) -> f64;
    /// ν with `‖∇F(a) − ∇F(b)‖ ≤ ν‖a − b‖`; F* is then 1/ν-strongly convex.
    fn smoothness(&self) -> f64;
}
