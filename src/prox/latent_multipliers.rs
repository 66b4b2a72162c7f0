//! The multipliers of an intersection of cylinders, by projected Newton.
//!
//! Both the prox of the latent norm and the norm itself lead to the same conditions. With `s_j = Σ_{g∋j} μ_g` and
//! `u_j = y_j/(base + s_j)`, find μ ≥ 0 such that for every group
//!
//! ```text
//! ‖u_g‖₂ ≤ r_g   and   μ_g (r_g − ‖u_g‖₂) = 0        base = 1: Π_K(y);   base = 0: argmax { ⟨u, y⟩ : u ∈ K }
//! ```
//!
//! They are the optimality conditions of a smooth concave problem on μ ≥ 0:
//! `D(μ) = −½ Σ_j y_j²/(base + s_j) − ½ Σ_g μ_g r_g²`, with `∂_g D = ½(‖u_g‖² − r_g²)` and `−∂_g∂_h D = Σ_{j∈g∩h} u_j²/(base + s_j)`.
//! Dual and projected Newton: Mosci, Villa, Verri & Rosasco, "A primal-dual algorithm for group sparse regularization with overlapping
//! groups", NIPS 2010, §3.1; projection arc: Bertsekas, "Projected Newton methods", SIAM J. Control Optim. 20 (1982).
//! The one-dimensional steps are those of trust-region methods (`1/‖u_g‖` is concave and nearly linear in μ_g):
//! Moré & Sorensen, SIAM J. Sci. Stat. Comput. 4 (1983), §3.

/// Asked of [`Multipliers::residual`]; the rounding of a norm of a few thousand entries stays below.
pub(super) const TOLERANCE: f64 = 1e-13;
pub(super) const MAX_ITERATIONS: usize = 500;
/// One-dimensional sweeps before the first Newton step: they bring every multiplier to its scale.
const FIRST_SWEEPS: usize = 2;
/// Newton steps without a better residual, all of them within rounding, after which rounding has the word.
const PATIENCE: usize = 8;

/// The groups, unknowns and work space of one connected component. Slices by coordinate have length p, slices by group length G.
pub(super) struct Multipliers<'a> {
    /// The component's groups; all loops run over their members, nothing here costs O(p).
    pub groups: &'a [usize],
    pub starts: &'a [usize],
    pub members: &'a [usize],
    /// By coordinate: y, 0 where u_j is 0 anyway.
    pub y: &'a [f64],
    /// By group: r_g > 0.
    pub radius: &'a [f64],
    /// 1 for the projection, 0 for the norm.
    pub base: f64,
    pub mu: &'a mut [f64],
    pub s: &'a mut [f64],
    pub work: Work<'a>,
}

/// Work space of Newton's step: two slices by coordinate, the rest by group.
pub(super) struct Work<'a> {
    pub s_trial: &'a mut [f64],
    pub weight: &'a mut [f64],
    pub spread: &'a mut [f64],
    pub mu_trial: &'a mut [f64],
    pub step: &'a mut [f64],
    pub rest: &'a mut [f64],
    pub direction: &'a mut [f64],
    pub image: &'a mut [f64],
    pub diagonal: &'a mut [f64],
    pub free: &'a mut Vec<usize>,
}

/// What is known about one group at one point, in units of its radius.
struct Constraint {
    /// `‖u_g‖²/r_g²`.
    square: f64,
    /// `Σ_{j∈g} u_j²/(base + s_j)/r_g²`: half the fall of `square` per unit of μ_g.
    slope: f64,
    /// `min_{j∈g} base + s_j`.
    least: f64,
}

impl Multipliers<'_> {
    /// Ascends to the maximum of D. Returns the number of iterations and the residual reached.
    pub(super) fn solve(&mut self) -> (usize, f64) {
        let (mut best, mut since_best, mut moved) = (f64::INFINITY, 0, true);
        for iteration in 1..=MAX_ITERATIONS {
            if iteration <= FIRST_SWEEPS || !moved {
                self.sweep();
            }
            let residual = self.residual();
            if residual < best {
                (best, since_best) = (residual, 0);
            } else {
                since_best += 1;
            }
            let hopeless = residual.is_nan() || (residual < 1e-11 && since_best >= PATIENCE);
            if residual <= TOLERANCE || hopeless || iteration == MAX_ITERATIONS {
                return (iteration, residual);
            }
            moved = self.newton(residual);
        }
        (MAX_ITERATIONS, best)
    }

    fn members_of(&self, g: usize) -> &[usize] {
        &self.members[self.starts[g]..self.starts[g + 1]]
    }

    /// The largest violation of the conditions, dimensionless: the excess `‖u_g‖/r_g − 1`, or for a group inside its cylinder the
    /// smaller of its slack and of the largest relative change of u that dropping μ_g would make.
    pub(super) fn residual(&self) -> f64 {
        let mut worst: f64 = 0.0;
        for &g in self.groups {
            let at = self.constraint(g, self.mu[g]);
            let ratio = at.square.sqrt();
            let violation = if ratio > 1.0 { ratio - 1.0 } else { (1.0 - ratio).min(self.mu[g] / at.least) };
            // NaN has to show.
            if violation > worst || violation.is_nan() {
                worst = violation;
            }
        }
        worst
    }

    /// The constraint of group g with `mu` in the place of μ_g. Not with a shift of μ_g: the sum would lose a small `mu`.
    fn constraint(&self, g: usize, mu: f64) -> Constraint {
        let radius = self.radius[g];
        let (mut square, mut slope, mut least) = (0.0, 0.0, f64::INFINITY);
        for &j in self.members_of(g) {
            let y = self.y[j];
            if y == 0.0 {
                continue;
            }
            let divisor = self.base + ((self.s[j] - self.mu[g]).max(0.0) + mu);
            let u = y / divisor / radius;
            square += u * u;
            slope += u * u / divisor;
            least = divisor.min(least);
        }
        Constraint { square, slope, least }
    }

    /// Cyclic block ascent: each μ_g in turn to its own maximum, by Newton on the concave `1/‖u_g‖ = 1/r_g`.
    fn sweep(&mut self) {
        for &g in self.groups {
            let (old, new) = (self.mu[g], self.best_multiplier(g));
            if new == old {
                continue;
            }
            for k in self.starts[g]..self.starts[g + 1] {
                let s = &mut self.s[self.members[k]];
                *s = (*s - old).max(0.0) + new;
            }
            self.mu[g] = new;
        }
        // Afresh, so that sums of zeros are 0 and the rounding of the moves does not pile up.
        sum_multipliers(self.groups, self.starts, self.members, self.mu, self.s);
    }

    fn best_multiplier(&self, g: usize) -> f64 {
        let mut mu = self.mu[g];
        let mut zero_is_feasible = None;
        for _ in 0..100 {
            let at = self.constraint(g, mu);
            let ratio = at.square.sqrt();
            if (ratio - 1.0).abs() <= 2.0 * f64::EPSILON || ratio.is_nan() {
                break;
            }
            let next = mu + (ratio - 1.0) * at.square / at.slope;
            // From the right the tangent may pass 0 (u_g = 0 makes it NaN).
            if next > 0.0 {
                if next == mu {
                    break;
                }
                mu = next;
            } else {
                if *zero_is_feasible.get_or_insert_with(|| self.constraint(g, 0.0).square <= 1.0) {
                    // For the norm (base 0) a rounded 0 could leave a column with no multiplier, u_j = ∞: only Newton's
                    // step, which sums afresh, may set exact zeros there.
                    return if self.base == 0.0 { 1e-3 * self.mu[g] } else { 0.0 };
                }
                mu *= 0.1;
            }
        }
        mu
    }

    /// One projected Newton step on the free groups. False if it found nothing to gain.
    fn newton(&mut self, residual: f64) -> bool {
        self.choose_free();
        if self.work.free.is_empty() {
            return false;
        }
        self.conjugate_gradients(residual);
        self.search_arc()
    }

    /// Free are the groups off their bound or pushing away from it; leaves the gradient in `rest`, the Hessian's diagonal, its weights.
    fn choose_free(&mut self) {
        self.work.free.clear();
        for &g in self.groups {
            let at = self.constraint(g, self.mu[g]);
            let square_radius = self.radius[g] * self.radius[g];
            for k in self.starts[g]..self.starts[g + 1] {
                let j = self.members[k];
                let u = quotient(self.y[j], self.base + self.s[j]);
                self.work.weight[j] = quotient(u * u, self.base + self.s[j]);
            }
            self.work.rest[g] = 0.5 * (at.square - 1.0) * square_radius;
            self.work.diagonal[g] = at.slope * square_radius;
            self.work.step[g] = 0.0;
            // Curvature lost to underflow belongs to groups whose scale is 1e-100 of the component's: sweeps serve them.
            if (self.mu[g] > 0.0 || self.work.rest[g] > 0.0) && self.work.diagonal[g] > 1e-250 {
                self.work.free.push(g);
            }
        }
    }

    /// `step ← (M + εdiag M)⁻¹ ∇D` on the free groups, preconditioned by the diagonal, to a relative residual that falls with ours.
    /// Matrix-free: a product costs one pass over the members, and there is no G×G matrix to store.
    fn conjugate_gradients(&mut self, residual: f64) {
        // Coinciding groups make M singular: ε > 0 bounds the step along the null space, and vanishes with the residual.
        let damping = (1e-3 * residual).clamp(1e-14, 1e-6);
        let goal = (0.1 * residual).clamp(1e-10, 1e-2);
        let work = &mut self.work;
        let mut energy = 0.0;
        for &g in work.free.iter() {
            work.direction[g] = work.rest[g] / work.diagonal[g];
            energy += work.rest[g] * work.direction[g];
        }
        let first_energy = energy;
        for _ in 0..2 * work.free.len() + 20 {
            for &g in work.free.iter() {
                for k in self.starts[g]..self.starts[g + 1] {
                    work.spread[self.members[k]] = 0.0;
                }
            }
            for &g in work.free.iter() {
                for k in self.starts[g]..self.starts[g + 1] {
                    work.spread[self.members[k]] += work.direction[g];
                }
            }
            let mut curvature = 0.0;
            for &g in work.free.iter() {
                let mut image = damping * work.diagonal[g] * work.direction[g];
                for k in self.starts[g]..self.starts[g + 1] {
                    let j = self.members[k];
                    image += work.weight[j] * work.spread[j];
                }
                work.image[g] = image;
                curvature += image * work.direction[g];
            }
            let length = energy / curvature;
            if !(length.is_finite() && length > 0.0) {
                break;
            }
            let mut next_energy = 0.0;
            for &g in work.free.iter() {
                work.step[g] += length * work.direction[g];
                work.rest[g] -= length * work.image[g];
                next_energy += work.rest[g] * work.rest[g] / work.diagonal[g];
            }
            if next_energy <= goal * goal * first_energy {
                break;
            }
            let ratio = next_energy / energy;
            energy = next_energy;
            for &g in work.free.iter() {
                work.direction[g] = work.rest[g] / work.diagonal[g] + ratio * work.direction[g];
            }
        }
    }

    /// Backtracks along `max(μ + α step, 0)`: α = 1, then the first breakpoint (or 1), then its halves, until D rises enough.
    fn search_arc(&mut self) -> bool {
        let mut breakpoint: f64 = 1.0;
        for &g in self.work.free.iter() {
            if self.work.step[g] < 0.0 && self.mu[g] > 0.0 {
                breakpoint = breakpoint.min(-self.mu[g] / self.work.step[g]);
            }
        }
        let mut alpha = 1.0;
        for attempt in 0..50 {
            if self.rises(alpha) {
                for &g in self.groups {
                    self.mu[g] = self.work.mu_trial[g];
                }
                sum_multipliers(self.groups, self.starts, self.members, self.mu, self.s);
                return true;
            }
            alpha = if attempt == 0 && breakpoint < 1.0 { breakpoint } else { 0.5 * alpha };
        }
        false
    }

    /// Armijo's condition at step length alpha; leaves the point in `mu_trial`.
    fn rises(&mut self, alpha: f64) -> bool {
        let work = &mut self.work;
        for &g in self.groups {
            work.mu_trial[g] = (self.mu[g] + alpha * work.step[g]).max(0.0);
        }
        sum_multipliers(self.groups, self.starts, self.members, work.mu_trial, work.s_trial);
        // D(μ′) − D(μ) = ½ Σ_g (μ′_g − μ_g)(⟨u_g, u′_g⟩ − r_g²) holds exactly and keeps its digits where the difference of two
        // values of D would have none left: the search can be trusted down to the last iteration.
        let (mut rise, mut promise) = (0.0, 0.0);
        for &g in self.groups {
            let delta = work.mu_trial[g] - self.mu[g];
            if delta == 0.0 {
                continue;
            }
            let square_radius = self.radius[g] * self.radius[g];
            let (mut inner, mut square) = (0.0, 0.0);
            for &j in &self.members[self.starts[g]..self.starts[g + 1]] {
                let u = quotient(self.y[j], self.base + self.s[j]);
                inner += u * quotient(self.y[j], self.base + work.s_trial[j]);
                square += u * u;
            }
            rise += delta * (inner - square_radius);
            promise += delta * (square - square_radius);
        }
        promise > 0.0 && rise >= 1e-4 * promise
    }
}

/// y/d with 0/0 = 0: where y_j = 0 and nothing weighs on it, u_j = 0.
fn quotient(y: f64, divisor: f64) -> f64 {
    if y == 0.0 { 0.0 } else { y / divisor }
}

/// `s_j ← Σ_{g∋j} μ_g` on the members of the groups.
fn sum_multipliers(groups: &[usize], starts: &[usize], members: &[usize], mu: &[f64], s: &mut [f64]) {
    for &g in groups {
        for &j in &members[starts[g]..starts[g + 1]] {
            s[j] = 0.0;
        }
    }
    for &g in groups {
        for &j in &members[starts[g]..starts[g + 1]] {
            s[j] += mu[g];
        }
    }
}
