//! Huber's loss: quadratic for small residuals, linear for large ones.

use crate::error::{Result, check_scalar};
use crate::loss::PointwiseLoss;

/// `ℓ(y, η) = r²/2` for `|r| ≤ δ`, `δ|r| − δ²/2` beyond, with `r = y − η` (Huber 1964, Robust estimation of a location
/// parameter). `ℓ*(u) = uy + u²/2` for `|u| ≤ δ`, else ∞.
///
/// ```
/// use sparsereg::loss::{Huber, PointwiseLoss};
/// let huber = Huber::new(2.0)?;
/// assert_eq!((huber.value(1.0, 0.0), huber.value(10.0, 0.0)), (0.5, 18.0));
/// assert_eq!((huber.slope(1.0, 0.0), huber.slope(10.0, 0.0)), (-1.0, -2.0));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    delta: f64,
}

impl Huber {
    /// δ > 0: the largest residual that counts in full.
    ///
    /// # Errors
    /// If δ is not a positive, finite number.
    pub fn new(delta: f64) -> Result<Self> {
        check_scalar("delta", delta, f64::MIN_POSITIVE, f64::MAX, "a finite number > 0")?;
        Ok(Self { delta })
    }

    /// δ.
    pub fn delta(&self) -> f64 {
        self.delta
    }

    fn envelope(&self) -> Envelope {
        Envelope { low: -self.delta, high: self.delta, width: 1.0 }
    }
}

impl PointwiseLoss for Huber {
    fn value(&self, y: f64, eta: f64) -> f64 {
        self.envelope().value(y - eta)
    }

    fn slope(&self, y: f64, eta: f64) -> f64 {
        -self.envelope().slope(y - eta)
    }

    fn curvature(&self, y: f64, eta: f64) -> f64 {
        self.envelope().curvature(y - eta)
    }

    fn conjugate(&self, y: f64, u: f64) -> f64 {
        self.envelope().conjugate(-u) + u * y
    }

    fn smoothness(&self, _y: f64) -> f64 {
        1.0
    }

    /// The parabola wider by as much as lowers what is linear by `width`. Where nearly all residuals are beyond a δ that is
    /// tiny beside them, the loss is the absolute one for all that Newton's steps can see.
    fn smoothed(&self, width: f64) -> Option<Box<dyn PointwiseLoss>> {
        let parameter = 1.0 + 2.0 * (width / self.delta) / self.delta;
        parameter.is_finite().then(|| Box::new(WideHuber(Envelope { width: parameter, ..self.envelope() })) as Box<_>)
    }

    fn kinks_are_rare(&self) -> bool {
        true
    }

    fn fenchel_young(&self, y: f64, eta: f64, u: f64) -> f64 {
        self.envelope().fenchel_young(y - eta, -u)
    }
}

/// Huber's loss with a parabola of another curvature; the domain of the conjugate is the same.
struct WideHuber(Envelope);

impl PointwiseLoss for WideHuber {
    fn value(&self, y: f64, eta: f64) -> f64 {
        self.0.value(y - eta)
    }

    fn slope(&self, y: f64, eta: f64) -> f64 {
        -self.0.slope(y - eta)
    }

    fn curvature(&self, y: f64, eta: f64) -> f64 {
        self.0.curvature(y - eta)
    }

    fn conjugate(&self, y: f64, u: f64) -> f64 {
        self.0.conjugate(-u) + u * y
    }

    fn smoothness(&self, _y: f64) -> f64 {
        1.0 / self.0.width
    }

    fn fenchel_young(&self, y: f64, eta: f64, u: f64) -> f64 {
        self.0.fenchel_young(y - eta, -u)
    }
}

/// `e(r) = max { ar − μa²/2 : a ∈ [low, high] }`, the Moreau envelope with parameter μ of `max(low·r, high·r)`; `e*(a)`
/// is `μa²/2` on the interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope {
    pub low: f64,
    pub high: f64,
    /// μ.
    pub width: f64,
}

impl Envelope {
    /// Far out the second derivative is zero. A model without curvature has no minimum, and one in which most of the
    /// observations count for nothing takes its steps on the evidence of the few others. The weight `a/r` of iteratively
    /// reweighted least squares majorises the loss, but makes slow steps; a small share of it keeps models bounded and
    /// all but leaves Newton's steps what they are.
    const SHARE: f64 = 0.1;

    /// The maximiser a.
    pub fn slope(&self, r: f64) -> f64 {
        (r / self.width).clamp(self.low, self.high)
    }

    pub fn value(&self, r: f64) -> f64 {
        let a = self.slope(r);
        // a(r − μa) + μa²/2: both terms ≥ 0.
        a * (r - self.width * a) + 0.5 * self.width * a * a
    }

    pub fn curvature(&self, r: f64) -> f64 {
        let a = r / self.width;
        if (self.low..=self.high).contains(&a) { 1.0 / self.width } else { Self::SHARE * self.slope(r) / r }
    }

    pub fn conjugate(&self, a: f64) -> f64 {
        self.forgiven(a).map_or(f64::INFINITY, |a| 0.5 * self.width * a * a)
    }

    /// `e(r) + e*(b) − br` as a sum of two terms ≥ 0: r − μa is not zero at the ends of the interval only, where it and
    /// a − b point outwards.
    pub fn fenchel_young(&self, r: f64, b: f64) -> f64 {
        let Some(b) = self.forgiven(b) else { return f64::INFINITY };
        let a = self.slope(r);
        let outside = if a == self.low || a == self.high { r - self.width * a } else { 0.0 };
        ((a - b) * outside).max(0.0) + 0.5 * self.width * (a - b) * (a - b)
    }

    /// The point of the interval that is meant by b: the slope at one of its ends, times a weight and divided by it
    /// again, can stand an ulp outside.
    fn forgiven(&self, b: f64) -> Option<f64> {
        let slack = 4.0 * f64::EPSILON * self.high.max(-self.low);
        (self.low - slack..=self.high + slack).contains(&b).then(|| b.clamp(self.low, self.high))
    }
}
