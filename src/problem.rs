//! The problem `minimise f(w) + λΩ(w)`: objective, λ_max and the certificate of optimality.

pub use crate::certificate::Certificate;
use crate::penalty::{BlockPenalty, Penalty};
use crate::smooth::Smooth;

/// What is taken from a dual point that stands outside of the domain of f* by rounding or by the last digits of the free
/// coefficients.
const SHRINKING: [f64; 4] = [1e-14, 1e-12, 1e-10, 1e-8];

/// Error of a gradient relative to the largest at the null model: a few units in the last place, times what the sums of a
/// product lose.
const GRADIENT_ROUNDING: f64 = 64.0 * f64::EPSILON;

/// `minimise f(w) + λΩ(w)`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{design::Dense, loss::Squared, penalty::L1, problem::Problem, smooth::LinearPredictor};
/// let x = array![[1.0, 0.0], [0.0, 2.0]];
/// let f = LinearPredictor::new(Dense::new(x.view())?, Squared::new(vec![1.0, 2.0], 2));
/// let penalty = L1::new(2);
/// // max |Xᵀy|/n = max(1, 4)/2
/// assert_eq!(Problem::new(&f, &penalty, 0.1).lambda_max(), 2.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug)]
pub struct Problem<'a, S, P> {
    /// f.
    pub smooth: &'a S,
    /// Ω.
    pub penalty: &'a P,
    /// λ ≥ 0.
    pub lambda: f64,
}

impl<S, P> Clone for Problem<'_, S, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, P> Copy for Problem<'_, S, P> {}

impl<'a, S: Smooth, P: Penalty> Problem<'a, S, P> {
    /// The problem at one λ.
    ///
    /// # Panics
    /// If λ is negative or NaN, or the penalty is made for another number of columns than the smooth term has: mistakes of
    /// the program, not of the data. (The estimators check what users give them and return errors.)
    pub fn new(smooth: &'a S, penalty: &'a P, lambda: f64) -> Self {
        assert!(lambda >= 0.0, "λ = {lambda} is not a number >= 0");
        let (p, columns) = (smooth.ncols(), penalty.ncols());
        assert!(p == columns, "the penalty is for {columns} columns, the smooth term has {p}");
        Self { smooth, penalty, lambda }
    }
}

impl<S: Smooth, P: BlockPenalty> Problem<'_, S, P> {
    /// [`certify`](Self::certify) where the critical λ of every block at g is at hand: −g_b ∈ λ∂Ω_b(0) means that a block
    /// which is zero has no gap, at any multiplier up to 1, and violates nothing. So only the others are looked at.
    pub(crate) fn certify_blocks(
        &self,
        w: &[f64],
        (at, dual): (&S::Point, &S::Dual),
        scale: f64,
        g: &[f64],
        critical: &[f64],
    ) -> (Certificate, DualPoint) {
        let q = self.smooth.nresponses();
        let mut largest = 0.0f64;
        let mut visited = Vec::new();
        for (b, cols) in self.penalty.partition().iter().enumerate() {
            let range = cols.start * q..cols.end * q;
            // Written so that NaN is visited.
            let fits = critical[b] <= self.lambda;
            if !fits || w[range.clone()].iter().any(|&w| w != 0.0) {
                visited.push((b, range));
            }
            largest = critical[b].max(largest);
        }
        let unknown = critical.iter().any(|c| c.is_nan());
        let slices = || visited.iter().map(|(b, r)| (*b, &w[r.clone()], &g[r.clone()]));
        let penalty_gap = |s: f64| {
            let mut scratch = Vec::new();
            // Penalties may pass over NaN; nothing is proven by what they then say.
            let mut sum = if unknown { f64::INFINITY } else { 0.0 };
            for (b, w, g) in slices() {
                sum += self.penalty.fenchel_young_block(b, self.lambda, w, g, s, &mut scratch);
                if sum == f64::INFINITY {
                    break;
                }
            }
            sum
        };
        let kkt = slices().map(|(b, w, g)| self.penalty.kkt_block(b, self.lambda, w, g)).fold(0.0, f64::max);
        let value = slices().map(|(b, w, _)| self.penalty.value_block(b, self.lambda, w)).sum();
        if !BlockPenalty::is_convex(self.penalty) {
            let kkt = if unknown { f64::INFINITY } else { kkt };
            return (self.stationary(at, kkt, value, scale), DualPoint { scale: 1.0 });
        }
        let s = if largest <= self.lambda { 1.0 } else { self.lambda / largest };
        let best = self.scaled_gap(at, dual, s, penalty_gap);
        self.finish(at, best, kkt, value, scale)
    }
}

/// What a certificate was computed from, for screening: `−scale·g` is dual feasible.
#[derive(Debug, Clone, Copy)]
pub struct DualPoint {
    /// The multiplier that moves the dual candidate into the dual ball.
    pub scale: f64,
}

impl<S: Smooth, P: Penalty> Problem<'_, S, P> {
    /// Length of a coefficient vector, p·q.
    pub fn len(&self) -> usize {
        self.smooth.ncols() * self.smooth.nresponses()
    }

    /// Whether there are no coefficients.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `f(w) + λΩ(w)`.
    pub fn objective(&self, w: &[f64]) -> f64 {
        self.smooth.value(&self.smooth.point(w)) + self.penalty.value(self.lambda, w)
    }

    /// The smallest λ at which all penalised coefficients are zero (the free ones are fitted); ∞ if there is none.
    pub fn lambda_max(&self) -> f64 {
        let free = self.penalty.free_columns(1.0);
        let at = self.smooth.point(&self.smooth.null(&free));
        let mut g = vec![0.0; self.len()];
        self.smooth.dual(&at, &free, &mut g);
        self.zero_free(&free, &mut g);
        self.penalty.critical_lambda(&g)
    }

    /// What tolerances are relative to: [`Smooth::excess`] of the model without penalised columns ([`Smooth::null`]), which
    /// is f(0) for the squared loss. If the penalty is not convex, the largest gradient of a penalised block there.
    pub fn scale(&self) -> f64 {
        let free = self.penalty.free_columns(1.0);
        let null = self.smooth.null(&free);
        let at = self.smooth.point(&null);
        if self.penalty.is_convex() {
            return self.smooth.excess(&at);
        }
        let mut g = vec![0.0; self.len()];
        self.smooth.gradient(&at, &mut g);
        self.zero_free(&free, &mut g);
        self.penalty.kkt_violation(0.0, &vec![0.0; g.len()], &g)
    }

    /// The one place where optimality is proven: `gap = FY_f + FY_Ω`, two Fenchel–Young gaps that are sums of
    /// non-negative terms, at the dual point `s·u` where u is the loss gradient made orthogonal to the free columns
    /// (so the KKT violation is the one that is left when the free coefficients are at their best).
    /// Writes the gradient at u into `g`.
    ///
    /// If the penalty is not convex there is no gap, and the certificate is the KKT violation at ∇f(w).
    pub fn certify(&self, w: &[f64], at: &S::Point, scale: f64, g: &mut [f64]) -> (Certificate, DualPoint) {
        if !self.penalty.is_convex() {
            self.smooth.gradient(at, g);
            // Penalties may pass over NaN.
            let unknown = g.iter().any(|g| g.is_nan());
            let kkt = if unknown { f64::INFINITY } else { self.penalty.kkt_violation(self.lambda, w, g) };
            let value = self.penalty.value(self.lambda, w);
            return (self.stationary(at, kkt, value, scale), DualPoint { scale: 1.0 });
        }
        let mut free = self.penalty.free_columns(self.lambda);
        let mut dual = self.smooth.dual(at, &free, g);
        while self.extend_free(w, &mut free, g) {
            dual = self.smooth.dual(at, &free, g);
        }
        self.certify_at(w, at, &dual, scale, &free, g)
    }

    /// Adds the columns whose gradient no λ can balance (constrained but not penalised ones, at the wrong side of zero
    /// by however little) to those that the dual point is made orthogonal to: a gradient of zero is always feasible.
    /// Returns whether there were any; the dual point then has to be made anew.
    pub(crate) fn extend_free(&self, w: &[f64], free: &mut Vec<usize>, g: &mut [f64]) -> bool {
        self.zero_free(free, g);
        let critical = self.penalty.critical_lambda(g);
        if (critical.is_finite() && (self.lambda > 0.0 || critical == 0.0))
            || self.penalty.fenchel_young(self.lambda, w, g, 1.0).is_finite()
        {
            return false;
        }
        let before = free.len();
        free.extend(self.penalty.unbalanced_columns(self.lambda, g));
        free.sort_unstable();
        free.dedup();
        free.len() > before
    }

    /// [`certify`](Self::certify) for a dual point and its gradient that are already there.
    pub(crate) fn certify_at(
        &self,
        w: &[f64],
        at: &S::Point,
        dual: &S::Dual,
        scale: f64,
        free: &[usize],
        g: &mut [f64],
    ) -> (Certificate, DualPoint) {
        self.zero_free(free, g);
        let kkt = self.penalty.kkt_violation(self.lambda, w, g);
        let best = match self.projected_gap(w, at, free, g) {
            Some(gap) => (gap, 1.0),
            None => self.scaled_gap(at, dual, self.penalty.dual_scale(self.lambda, g), |s| {
                self.penalty.fenchel_young(self.lambda, w, g, s)
            }),
        };
        self.finish(at, best, kkt, self.penalty.value(self.lambda, w), scale)
    }

    /// The smaller of the gaps at the dual candidate and at the candidate times s ≤ 1, and its multiplier: penalties with a
    /// finite conjugate are feasible everywhere, and there no scaling is often the better point.
    ///
    /// What makes a candidate orthogonal to the free columns may put it outside of the domain of f* by as little as it
    /// moves it: then a multiple that is smaller by as little is inside.
    fn scaled_gap(&self, at: &S::Point, dual: &S::Dual, s: f64, penalty_gap: impl Fn(f64) -> f64) -> (f64, f64) {
        let gap_at = |s: f64| {
            let gap = penalty_gap(s);
            if gap.is_finite() { gap + self.smooth.fenchel_young(at, dual, s) } else { gap }
        };
        let mut best = (gap_at(1.0), 1.0);
        if s < 1.0 {
            let scaled = gap_at(s);
            if scaled < best.0 || best.0.is_nan() {
                best = (scaled, s);
            }
        }
        let s = s.min(1.0);
        if best.0 == f64::INFINITY && penalty_gap(s).is_finite() {
            let inside = SHRINKING.iter().map(|by| (gap_at(s * (1.0 - by)), s * (1.0 - by)));
            return inside.into_iter().find(|(gap, _)| gap.is_finite()).unwrap_or(best);
        }
        best
    }

    /// The certificate of a problem that is not convex.
    fn stationary(&self, at: &S::Point, kkt: f64, penalty: f64, scale: f64) -> Certificate {
        let objective = self.smooth.value(at) + penalty;
        Certificate { objective, gap: f64::NAN, rounding: GRADIENT_ROUNDING * scale, kkt, scale, is_convex: false }
    }

    fn finish(
        &self,
        at: &S::Point,
        (gap, s): (f64, f64),
        kkt: f64,
        penalty: f64,
        scale: f64,
    ) -> (Certificate, DualPoint) {
        let objective = self.smooth.value(at) + penalty;
        let rounding = self.smooth.rounding(at) + 16.0 * f64::EPSILON * penalty;
        // The largest of numbers that are none would be 0.
        let kkt = if objective.is_nan() { f64::NAN } else { kkt };
        (Certificate { objective, gap, rounding, kkt, scale, is_convex: true }, DualPoint { scale: s })
    }

    /// The gap at the dual candidate that is projected instead of scaled, where smooth term and penalty allow it. If the
    /// candidate is outside the dual domain of f, it is mixed with the scaled one at the origin.
    fn projected_gap(&self, w: &[f64], at: &S::Point, free: &[usize], g: &[f64]) -> Option<f64> {
        self.smooth.dual_at(g)?;
        let mut projected = g.to_vec();
        if !self.penalty.project_dual(self.lambda, &mut projected) {
            return None;
        }
        let gap_at = |g: &[f64]| {
            let dual = self.smooth.dual_at(g)?;
            let smooth = self.smooth.fenchel_young(at, &dual, 1.0);
            Some(if smooth.is_finite() { smooth + self.penalty.fenchel_young(self.lambda, w, g, 1.0) } else { smooth })
        };
        let gap = gap_at(&projected)?;
        if gap.is_finite() {
            return Some(gap);
        }
        let origin = self.smooth.point(&self.smooth.origin());
        let mut inside = vec![0.0; g.len()];
        self.smooth.dual(&origin, free, &mut inside);
        self.zero_free(free, &mut inside);
        let scale = self.penalty.dual_scale(self.lambda, &inside);
        for share in [0.5, 1.0] {
            let mixed: Vec<f64> = projected.iter().zip(&inside).map(|(g, i)| g + share * (scale * i - g)).collect();
            let gap = gap_at(&mixed)?;
            if gap.is_finite() {
                return Some(gap);
            }
        }
        Some(gap)
    }

    /// After the projection the gradient on the free columns is zero up to rounding: make it exactly so, as the dual
    /// norm of a free column has no slack.
    fn zero_free(&self, free: &[usize], g: &mut [f64]) {
        let q = self.smooth.nresponses();
        for &j in free {
            g[j * q..(j + 1) * q].fill(0.0);
        }
    }
}
