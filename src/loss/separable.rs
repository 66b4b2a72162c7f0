//! Losses that are a sum over observations: one function of a response and its prediction, and the mean over all.

use crate::loss::{Hessian, Loss};

/// A convex loss `ℓ(y, η)` of one response and its prediction. Five methods make a loss of your own: weights, offsets,
/// several responses, every penalty, design and solver, paths and certificates come with [`Separable`].
pub trait PointwiseLoss: Send + Sync {
    /// `ℓ(y, η)`.
    fn value(&self, y: f64, eta: f64) -> f64;
    /// `∂ℓ/∂η`.
    fn slope(&self, y: f64, eta: f64) -> f64;
    /// `∂²ℓ/∂η²`; where it is zero or jumps, a larger number that makes as good a model (steps are searched along, so
    /// any number ≥ 0 is safe, but zeros everywhere leave nothing to go by).
    fn curvature(&self, y: f64, eta: f64) -> f64;
    /// `ℓ*(y, u) = sup_η uη − ℓ(y, η)`; ∞ outside of its domain.
    fn conjugate(&self, y: f64, u: f64) -> f64;
    /// The largest `∂²ℓ/∂η²` for this y; ∞ if there is none.
    fn smoothness(&self, y: f64) -> f64;

    /// A smooth loss next to one with kinks, see [`Loss::smoothed`]; `None`, the default, if there are none.
    fn smoothed(&self, _width: f64) -> Option<Box<dyn PointwiseLoss>> {
        None
    }

    /// See [`Loss::kinks_are_rare`].
    fn kinks_are_rare(&self) -> bool {
        false
    }

    /// `ℓ(y, η) + ℓ*(y, u) − uη ≥ 0`; worth a formula of its own where the three terms cancel.
    fn fenchel_young(&self, y: f64, eta: f64, u: f64) -> f64 {
        let conjugate = self.conjugate(y, u);
        // −∞ + ∞ would prove nothing; what rounding leaves below zero is no evidence either, and NaN has to stay what it is.
        match self.value(y, eta) + conjugate - u * eta {
            _ if conjugate == f64::INFINITY => conjugate,
            gap if gap < 0.0 => 0.0,
            gap => gap,
        }
    }
}

impl<L: PointwiseLoss + ?Sized> PointwiseLoss for Box<L>
where
    Box<L>: Send + Sync,
{
    fn value(&self, y: f64, eta: f64) -> f64 {
        (**self).value(y, eta)
    }
    fn slope(&self, y: f64, eta: f64) -> f64 {
        (**self).slope(y, eta)
    }
    fn curvature(&self, y: f64, eta: f64) -> f64 {
        (**self).curvature(y, eta)
    }
    fn conjugate(&self, y: f64, u: f64) -> f64 {
        (**self).conjugate(y, u)
    }
    fn smoothness(&self, y: f64) -> f64 {
        (**self).smoothness(y)
    }
    fn smoothed(&self, width: f64) -> Option<Box<dyn PointwiseLoss>> {
        (**self).smoothed(width)
    }
    fn kinks_are_rare(&self) -> bool {
        (**self).kinks_are_rare()
    }
    fn fenchel_young(&self, y: f64, eta: f64, u: f64) -> f64 {
        (**self).fenchel_young(y, eta, u)
    }
}

/// `F(η) = 1/n Σ_it s_i ℓ(y_it, η_it + o_it)`: weights s, offsets o.
///
/// ```
/// use sparsereg::loss::{Logistic, Loss, Separable};
/// let loss = Separable::new(Logistic, vec![1.0, 0.0], 2);
/// assert!((loss.value(&[0.0, 0.0]) - 2f64.ln()).abs() < 1e-15);
/// ```
#[derive(Debug, Clone)]
pub struct Separable<L> {
    pointwise: L,
    y: Vec<f64>,
    nrows: usize,
    /// s_i / n.
    share: Vec<f64>,
    offset: Option<Vec<f64>>,
}

impl<L: PointwiseLoss> Separable<L> {
    /// `y` is task-major: the `nrows` values of the first response, then those of the second …
    pub fn new(pointwise: L, y: Vec<f64>, nrows: usize) -> Self {
        Self { pointwise, y, nrows, share: vec![1.0 / nrows as f64; nrows], offset: None }
    }

    /// Weights s_i ≥ 0, one per observation, taken as they are (mean 1 makes F a mean).
    ///
    /// # Panics
    /// If there is not one for each observation.
    pub fn with_weights(mut self, weights: &[f64]) -> Self {
        assert!(weights.len() == self.nrows, "{} weights for {} observations", weights.len(), self.nrows);
        self.share = weights.iter().map(|s| s / self.nrows as f64).collect();
        self
    }

    /// Offsets o, task-major as y: known parts of the prediction.
    ///
    /// # Panics
    /// If there is not one for each response.
    pub fn with_offset(mut self, offset: Vec<f64>) -> Self {
        assert!(offset.len() == self.y.len(), "{} offsets for {} responses", offset.len(), self.y.len());
        self.offset = Some(offset);
        self
    }

    /// ℓ.
    pub fn pointwise(&self) -> &L {
        &self.pointwise
    }

    /// The responses, task-major.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    /// (s_i/n, y, η + o) for all responses.
    #[inline]
    fn each<'a>(&'a self, eta: &'a [f64]) -> impl Iterator<Item = (f64, f64, f64)> + 'a {
        let n = self.nrows;
        let offset = self.offset.as_deref();
        eta.iter().zip(&self.y).enumerate().map(move |(k, (&eta, &y))| {
            let share = self.share[if k < n { k } else { k % n }];
            (share, y, offset.map_or(eta, |o| eta + o[k]))
        })
    }
}

impl<L: PointwiseLoss> Loss for Separable<L> {
    fn len(&self) -> usize {
        self.y.len()
    }

    fn nrows(&self) -> usize {
        self.nrows
    }

    fn value(&self, eta: &[f64]) -> f64 {
        // A weight of zero is no observation, however far off.
        let terms = self.each(eta).map(|(s, y, eta)| if s == 0.0 { 0.0 } else { s * self.pointwise.value(y, eta) });
        terms.sum()
    }

    fn gradient(&self, eta: &[f64], u: &mut [f64]) {
        for (u, (s, y, eta)) in u.iter_mut().zip(self.each(eta)) {
            *u = if s == 0.0 { 0.0 } else { s * self.pointwise.slope(y, eta) };
        }
    }

    fn fenchel_young(&self, eta: &[f64], u: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (u, (s, y, eta)) in u.iter().zip(self.each(eta)) {
            // F* of an observation without weight is that of the constant 0.
            sum += match (s == 0.0, *u == 0.0) {
                (true, true) => 0.0,
                (true, false) => f64::INFINITY,
                (false, _) => s * self.pointwise.fenchel_young(y, eta, u / s),
            };
        }
        sum
    }

    fn smoothness(&self) -> f64 {
        let n = self.nrows;
        let terms = self.y.iter().enumerate().map(|(k, &y)| (self.share[k % n], y));
        terms.map(|(s, y)| if s == 0.0 { 0.0 } else { s * self.pointwise.smoothness(y) }).fold(0.0, f64::max)
    }

    fn hessian(&self, eta: &[f64]) -> Hessian<'_> {
        let curvature =
            |(s, y, eta): (f64, f64, f64)| if s == 0.0 { 0.0 } else { s * self.pointwise.curvature(y, eta) };
        Hessian::Diagonal(self.each(eta).map(curvature).collect())
    }

    fn smoothed(&self, width: f64) -> Option<Box<dyn Loss>> {
        let pointwise = self.pointwise.smoothed(width)?;
        let (y, share, offset) = (self.y.clone(), self.share.clone(), self.offset.clone());
        Some(Box::new(Separable { pointwise, y, nrows: self.nrows, share, offset }))
    }

    fn kinks_are_rare(&self) -> bool {
        self.pointwise.kinks_are_rare()
    }
}
