//! F: the mean loss of a prediction η ∈ ℝ^{n×q} (task-major).
//!
//! A loss that is a sum over observations is a [`PointwiseLoss`]: a few functions of one response and one prediction.
//! [`Separable`] makes the mean over the observations of it, with weights and offsets. A loss that couples observations
//! (Cox's partial likelihood, the square root of a mean) or the responses of one observation (multinomial) implements
//! [`Loss`] directly.

mod cox;
mod gamma;
mod huber;
mod logistic;
mod multinomial;
mod poisson;
mod quantile;
mod separable;
mod square_root;
mod squared;
mod squared_hinge;
mod wide;

pub use cox::{Cox, Ties};
pub use gamma::Gamma;
pub use huber::Huber;
pub use logistic::Logistic;
pub(crate) use logistic::sigmoid;
pub use multinomial::Multinomial;
pub use poisson::Poisson;
pub use quantile::{Quantile, SmoothedQuantile};
pub use separable::{PointwiseLoss, Separable};
pub use square_root::SquareRoot;
pub use squared::Squared;
pub use squared_hinge::SquaredHinge;

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
    /// `F(η) + F*(u) − ⟨u, η⟩ ≥ 0`: how far u is from being the gradient at η; ∞ where F* is. At u = 0 it is
    /// `F(η) − inf F`.
    fn fenchel_young(&self, eta: &[f64], u: &[f64]) -> f64;
    /// ν with `‖∇F(a) − ∇F(b)‖ ≤ ν‖a − b‖`; F* is then 1/ν-strongly convex. ∞ if there is none.
    fn smoothness(&self) -> f64;
    /// `∇²F(η)`, or a larger matrix that is as good a model where there is no second derivative.
    fn hessian(&self, eta: &[f64]) -> Hessian<'_>;
    /// A smooth loss next to one with kinks: below it by no more than about `width`, with a domain of F* inside its own.
    /// `None`, the default, for a loss that is smooth. Solvers narrow the width until it is within the gap.
    fn smoothed(&self, _width: f64) -> Option<Box<dyn Loss>> {
        None
    }
    /// Whether a loss with a [`smoothed`](Self::smoothed) one next to it is to be minimised as it is first, as most answers
    /// are far from its kinks. False, the default, is for losses with kinks everywhere.
    fn kinks_are_rare(&self) -> bool {
        false
    }
    /// The squared loss itself, for which there are shorter ways: its Hessian is the same everywhere.
    #[doc(hidden)]
    fn as_squared(&self) -> Option<&Squared> {
        None
    }
}

/// `out ← ∇²F v`.
type Apply<'a> = Box<dyn Fn(&[f64], &mut [f64]) + Sync + 'a>;

/// A positive semidefinite matrix over predictions, in as much structure as it has.
pub enum Hessian<'a> {
    /// Diagonal: n·q numbers, task-major.
    Diagonal(Vec<f64>),
    /// One symmetric q×q matrix per observation: entry (s, t) of observation i is `[(s·q + t)·n + i]`.
    PerRow(Vec<f64>),
    /// `out ← ∇²F v` for n·q values, for losses that couple observations.
    Operator(Apply<'a>),
}

impl Hessian<'_> {
    /// `out ← ∇²F v` for n·q values, `nrows` = n.
    pub fn apply(&self, nrows: usize, v: &[f64], out: &mut [f64]) {
        match self {
            Self::Diagonal(h) => out.iter_mut().zip(h).zip(v).for_each(|((o, h), v)| *o = h * v),
            Self::PerRow(h) => {
                let q = v.len() / nrows.max(1);
                out.fill(0.0);
                for (s, out) in out.chunks_exact_mut(nrows).enumerate() {
                    for (t, v) in v.chunks_exact(nrows).enumerate() {
                        let h = &h[(s * q + t) * nrows..(s * q + t + 1) * nrows];
                        out.iter_mut().zip(h).zip(v).for_each(|((o, h), v)| *o += h * v);
                    }
                }
            }
            Self::Operator(apply) => apply(v, out),
        }
    }
}

impl std::fmt::Debug for Hessian<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Diagonal(h) => f.debug_tuple("Diagonal").field(h).finish(),
            Self::PerRow(h) => f.debug_tuple("PerRow").field(h).finish(),
            Self::Operator(_) => f.write_str("Operator"),
        }
    }
}

/// References and boxes are losses, too.
macro_rules! forward {
    ($pointer:ty $(, $lifetime:lifetime)?) => {
        impl<$($lifetime,)? L: Loss + ?Sized> Loss for $pointer
        where
            $pointer: Sync,
        {
            fn len(&self) -> usize {
                (**self).len()
            }
            fn nrows(&self) -> usize {
                (**self).nrows()
            }
            fn value(&self, eta: &[f64]) -> f64 {
                (**self).value(eta)
            }
            fn gradient(&self, eta: &[f64], u: &mut [f64]) {
                (**self).gradient(eta, u);
            }
            fn fenchel_young(&self, eta: &[f64], u: &[f64]) -> f64 {
                (**self).fenchel_young(eta, u)
            }
            fn smoothness(&self) -> f64 {
                (**self).smoothness()
            }
            fn hessian(&self, eta: &[f64]) -> Hessian<'_> {
                (**self).hessian(eta)
            }
            fn smoothed(&self, width: f64) -> Option<Box<dyn Loss>> {
                (**self).smoothed(width)
            }
            fn kinks_are_rare(&self) -> bool {
                (**self).kinks_are_rare()
            }
            fn as_squared(&self) -> Option<&Squared> {
                (**self).as_squared()
            }
        }
    };
}
forward!(&'l L, 'l);
forward!(Box<L>);

/// `x log(x/y) − x + y ≥ 0` for x, y ≥ 0, the generalised Kullback–Leibler divergence of two numbers, without
/// cancellation where they are close; ∞ for a negative x.
pub(crate) fn divergence(x: f64, y: f64) -> f64 {
    if x < 0.0 {
        return f64::INFINITY;
    }
    if x == 0.0 {
        return y;
    }
    if y == 0.0 || y == f64::INFINITY {
        return f64::INFINITY;
    }
    let d = (x - y) / y;
    if d.abs() > 0.25 {
        return (x * (x / y).ln() - x + y).max(0.0);
    }
    if d.abs() > 1e-3 {
        // Of terms of size d, d²/2 is left: digits are lost, but no more than three or four.
        return (y * ((1.0 + d) * d.ln_1p() - d)).max(0.0);
    }
    // (1 + d) log(1 + d) − d = d² (1/2 − d/6 + d²/12 − …), term k being (−d)^k / ((k + 1)(k + 2))
    let series = [1.0 / 2.0, -1.0 / 6.0, 1.0 / 12.0, -1.0 / 20.0, 1.0 / 30.0, -1.0 / 42.0];
    y * d * d * series.iter().rev().fold(0.0, |sum, term| term + d * sum)
}

/// [`divergence`] of x from `y = e^l` where l is at hand: y may have no digits left, or none at all, while log(x/y) has.
pub(crate) fn divergence_from(x: f64, y: f64, log_y: impl Fn() -> f64) -> f64 {
    if x > 0.0 && y < 1e-290 { (x * (x.ln() - log_y()) - x + y).max(0.0) } else { divergence(x, y) }
}

/// v, or 0 if it is negative by no more than rounding of numbers of this size: the gradient at the end of a domain, times
/// a weight and divided by it again, may stand an ulp outside.
pub(crate) fn forgive(v: f64, size: f64) -> f64 {
    if v < 0.0 && v >= -4.0 * f64::EPSILON * size { 0.0 } else { v }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divergence_keeps_its_digits_where_numbers_are_close() {
        let exact = |x: f64, y: f64| x * (x / y).ln() - x + y;
        for (x, y) in [(3.0, 2.0), (0.1, 5.0), (2.2, 2.0), (1.9, 2.0), (2.6, 2.0)] {
            approx::assert_relative_eq!(divergence(x, y), exact(x, y), max_relative = 1e-12);
        }
        // At d = ±1e-3 the two ways of small differences meet.
        let below = divergence(2.0 * (1.0 + 0.999e-3), 2.0) / (0.999e-3 * 0.999e-3);
        let above = divergence(2.0 * (1.0 + 1.001e-3), 2.0) / (1.001e-3 * 1.001e-3);
        approx::assert_relative_eq!(below, above, max_relative = 1e-6);
        approx::assert_relative_eq!(above, 1.0 - 1.001e-3 / 3.0 + 1.001e-3 * 1.001e-3 / 6.0, max_relative = 1e-9);
        // d²/2 − d³/6 for a small d
        let d = 1e-7;
        approx::assert_relative_eq!(divergence(1.0 + d, 1.0), 0.5 * d * d - d * d * d / 6.0, max_relative = 1e-8);
        assert_eq!(divergence(0.0, 2.0), 2.0);
        assert_eq!(divergence(-1e-300, 2.0), f64::INFINITY);
        assert_eq!((divergence(2.0, 2.0), divergence(1.0, 0.0)), (0.0, f64::INFINITY));
        assert_eq!(divergence(2.0, f64::INFINITY), f64::INFINITY);
    }

    #[test]
    fn a_divergence_from_what_underflows_is_finite() {
        approx::assert_relative_eq!(divergence_from(0.5, 0.0, || -2000.0), 0.5 * (0.5f64.ln() + 2000.0) - 0.5);
        let (x, y) = (0.5, 1e-200);
        approx::assert_relative_eq!(divergence_from(x, y, || unreachable!()), divergence(x, y));
        assert_eq!(divergence_from(0.0, 0.0, || -2000.0), 0.0);
        assert_eq!((forgive(-1e-16, 1.0), forgive(-1e-14, 1.0), forgive(1e-16, 1.0)), (0.0, -1e-14, 1e-16));
    }
}
