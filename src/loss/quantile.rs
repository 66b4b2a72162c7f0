//! Quantile regression: the check loss, and a smooth one next to it.

use crate::error::{Error, Result, check_scalar};
use crate::loss::PointwiseLoss;
use crate::loss::huber::Envelope;

/// The check loss `ρ_τ(r) = τr` for `r ≥ 0`, `(τ − 1)r` below, with `r = y − η`: the mean is least where a share τ of the
/// responses lies below their predictions (Koenker and Bassett 1978, Regression quantiles). `ℓ*(u) = uy` for
/// `−u ∈ [τ − 1, τ]`, else ∞.
///
/// It is **not differentiable** at r = 0 and has no curvature elsewhere, so no solver gets anywhere on it alone. What is
/// minimised is a sequence of [`SmoothedQuantile`]s, whose dual points are as good for this loss, until the gap of this
/// loss itself is small enough.
///
/// ```
/// use sparsereg::loss::{PointwiseLoss, Quantile};
/// let upper = Quantile::new(0.9)?;
/// assert!((upper.value(2.0, 0.0) - 1.8).abs() < 1e-15 && (upper.value(-2.0, 0.0) - 0.2).abs() < 1e-15);
/// assert_eq!(upper.conjugate(2.0, -0.5), -1.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    tau: f64,
}

impl Quantile {
    /// τ in (0, 1): 1/2 is the median.
    ///
    /// # Errors
    /// If τ is none.
    pub fn new(tau: f64) -> Result<Self> {
        if tau > 0.0 && tau < 1.0 {
            Ok(Self { tau })
        } else {
            Err(Error::OutOfRange { argument: "tau", index: vec![], value: tau, expected: "a number in (0, 1)" })
        }
    }

    /// τ.
    pub fn tau(&self) -> f64 {
        self.tau
    }

    /// The smooth loss next to this one.
    ///
    /// # Errors
    /// If `width` is not a positive, finite number.
    pub fn smoothed(&self, width: f64) -> Result<SmoothedQuantile> {
        SmoothedQuantile::new(self.tau, width)
    }

    fn envelope(&self) -> Envelope {
        Envelope { low: self.tau - 1.0, high: self.tau, width: 0.0 }
    }
}

impl PointwiseLoss for Quantile {
    fn value(&self, y: f64, eta: f64) -> f64 {
        let r = y - eta;
        if r >= 0.0 { self.tau * r } else { (self.tau - 1.0) * r }
    }

    /// A subgradient; 0 at r = 0.
    fn slope(&self, y: f64, eta: f64) -> f64 {
        match y - eta {
            r if r > 0.0 => -self.tau,
            r if r < 0.0 => 1.0 - self.tau,
            _ => 0.0,
        }
    }

    /// 0.
    fn curvature(&self, _y: f64, _eta: f64) -> f64 {
        0.0
    }

    fn conjugate(&self, y: f64, u: f64) -> f64 {
        self.envelope().conjugate(-u) + u * y
    }

    /// ∞: the slope jumps.
    fn smoothness(&self, _y: f64) -> f64 {
        f64::INFINITY
    }

    fn smoothed(&self, width: f64) -> Option<Box<dyn PointwiseLoss>> {
        Some(Box::new(Quantile::smoothed(self, width).ok()?))
    }

    fn fenchel_young(&self, y: f64, eta: f64, u: f64) -> f64 {
        // ρ(r) + ur = (a + u)r with the end a of the interval to which r points.
        if self.envelope().conjugate(-u) == f64::INFINITY {
            return f64::INFINITY;
        }
        let r = y - eta;
        let end = if r >= 0.0 { self.tau } else { self.tau - 1.0 };
        match (end + u) * r {
            gap if gap < 0.0 => 0.0,
            gap => gap,
        }
    }
}

/// The Moreau envelope of the check loss ρ_τ with parameter `width` = μ:
/// `ρ_μ(r) = max { ar − μa²/2 : a ∈ [τ − 1, τ] }`, a parabola for r in `[(τ − 1)μ, τμ]` and ρ_τ up to a constant beyond
/// (Nesterov 2005, Smooth minimization of non-smooth functions; Yi and Huang 2017 for quantiles). The slope is
/// `−clip(r/μ, τ − 1, τ)` and `ℓ*(u) = uy + μu²/2` for `−u ∈ [τ − 1, τ]`, else ∞.
///
/// `0 ≤ ρ_τ − ρ_μ ≤ μ/2·max(τ, 1 − τ)²`: see [`error`](Self::error).
///
/// ```
/// use sparsereg::loss::{PointwiseLoss, Quantile};
/// let exact = Quantile::new(0.9)?;
/// let smooth = exact.smoothed(0.01)?;
/// let difference = exact.value(2.0, 0.0) - smooth.value(2.0, 0.0);
/// assert!(difference >= 0.0 && difference <= smooth.error());
/// assert_eq!(smooth.slope(2.0, 0.0), exact.slope(2.0, 0.0));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothedQuantile {
    tau: f64,
    width: f64,
}

impl SmoothedQuantile {
    /// τ in (0, 1); μ > 0 in units of the response.
    ///
    /// # Errors
    /// If one of them is none.
    pub fn new(tau: f64, width: f64) -> Result<Self> {
        Quantile::new(tau)?;
        check_scalar("width", width, f64::MIN_POSITIVE, f64::MAX, "a finite number > 0")?;
        Ok(Self { tau, width })
    }

    /// τ.
    pub fn tau(&self) -> f64 {
        self.tau
    }

    /// μ.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// `μ/2·max(τ, 1 − τ)²`: how far this loss can be below the check loss (it is never above). With weights of mean 1,
    /// the minimum of the mean is no further off.
    pub fn error(&self) -> f64 {
        let end = self.tau.max(1.0 - self.tau);
        0.5 * self.width * end * end
    }

    fn envelope(&self) -> Envelope {
        Envelope { low: self.tau - 1.0, high: self.tau, width: self.width }
    }
}

impl PointwiseLoss for SmoothedQuantile {
    fn value(&self, y: f64, eta: f64) -> f64 {
        self.envelope().value(y - eta)
    }

    fn slope(&self, y: f64, eta: f64) -> f64 {
        -self.envelope().slope(y - eta)
    }

    /// 1/μ inside; outside, as for [`Huber`](super::Huber), a small share of the slope over the residual.
    fn curvature(&self, y: f64, eta: f64) -> f64 {
        self.envelope().curvature(y - eta)
    }

    fn conjugate(&self, y: f64, u: f64) -> f64 {
        self.envelope().conjugate(-u) + u * y
    }

    fn smoothness(&self, _y: f64) -> f64 {
        1.0 / self.width
    }

    fn fenchel_young(&self, y: f64, eta: f64, u: f64) -> f64 {
        self.envelope().fenchel_young(y - eta, -u)
    }
}
