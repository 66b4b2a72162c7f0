//! The latent overlapping group norm: its prox, its value with a certificate, its dual norm.
//!
//! ```text
//! Ω(w) = min { Σ_g ω_g‖v_g‖₂ : Σ_g v_g = w, supp v_g ⊆ g }        Jacob, Obozinski & Vert, ICML 2009, (3)
//! Ω°(u) = max_g ‖u_g‖₂/ω_g                                         ibid., lemma 2
//! prox_{tΩ}(y) = y − Π_K(y),   K = { u : ‖u_g‖₂ ≤ tω_g for all g }    Mosci, Villa, Verri & Rosasco, NIPS 2010, (7)
//! Π_K(y)_j = y_j/(1 + s_j),    s_j = Σ_{g∋j} μ_g,  μ ≥ 0 the multipliers     ibid., (9)
//! ```
//!
//! Hence `prox_j = y_j s_j/(1 + s_j)`, and its optimal pieces come for free: `v_g = μ_g Π_K(y)_g`.
//!
//! *A group with ‖y_g‖ ≤ tω_g is never active*: whatever μ ≥ 0 the other groups have, `|u_j| = |y_j|/(1 + s_j) ≤ |y_j|`, so `‖u_g‖ ≤ ‖y_g‖`
//! and its constraint holds already with μ_g = 0. Dropping all such groups first is therefore exact, and K falls apart into the connected
//! components of the others, each solved alone and in its own units.
//!
//! Groups are lists of columns: group g is `members[starts[g]..starts[g + 1]]`, without repetition, weight `weights[g]`. They may overlap,
//! nest or coincide. Weight 0 leaves its columns unpenalised, weight ∞ counts as if the group was not there;
//! a column in no group of finite weight has Ω = ∞ unless it is 0, hence prox 0.

use super::latent_multipliers::{Multipliers, Work};
use super::{max_abs, power_of_two_near_inverse, threshold};

/// Memory for [`latent_overlap`] and its kin, made once for p columns and G groups: 6p + 11G numbers.
///
/// Holds no state between calls except for [`latent_overlap_decomposition`], which reads what the call before it left.
#[derive(Debug, Clone)]
pub struct LatentScratch {
    // By column.
    y: Vec<f64>,
    s: Vec<f64>,
    s_trial: Vec<f64>,
    weight: Vec<f64>,
    spread: Vec<f64>,
    /// The first group that leaves the column unpenalised, or NONE.
    pinned: Vec<usize>,
    /// The first group seen with the column, while components are made.
    first: Vec<usize>,
    // By group.
    mu: Vec<f64>,
    radius: Vec<f64>,
    mu_trial: Vec<f64>,
    step: Vec<f64>,
    rest: Vec<f64>,
    direction: Vec<f64>,
    image: Vec<f64>,
    diagonal: Vec<f64>,
    parent: Vec<usize>,
    /// The groups that matter, component after component.
    order: Vec<usize>,
    free: Vec<usize>,
}

const NONE: usize = usize::MAX;

/// A radius below this times the largest |y_j| of its component is raised to it: moves no entry by more than that
/// (far below rounding of the largest one) and keeps squares of quotients inside the range of f64.
const LEAST_RADIUS: f64 = 1e-80;

impl LatentScratch {
    /// Memory for `columns` columns and `groups` groups.
    ///
    /// ```
    /// let scratch = sparsereg::prox::LatentScratch::new(3, 2);
    /// ```
    pub fn new(columns: usize, groups: usize) -> Self {
        Self {
            y: vec![0.0; columns],
            s: vec![0.0; columns],
            s_trial: vec![0.0; columns],
            weight: vec![0.0; columns],
            spread: vec![0.0; columns],
            pinned: vec![NONE; columns],
            first: vec![NONE; columns],
            mu: vec![0.0; groups],
            radius: vec![0.0; groups],
            mu_trial: vec![0.0; groups],
            step: vec![0.0; groups],
            rest: vec![0.0; groups],
            direction: vec![0.0; groups],
            image: vec![0.0; groups],
            diagonal: vec![0.0; groups],
            parent: vec![NONE; groups],
            order: Vec::with_capacity(groups),
            free: Vec::with_capacity(groups),
        }
    }

    /// Forgets the last call; marks the columns some group leaves unpenalised; radii.
    fn begin(&mut self, t: f64, starts: &[usize], members: &[usize], weights: &[f64]) {
        debug_assert_eq!(starts.len(), weights.len() + 1);
        debug_assert_eq!(self.mu.len(), weights.len());
        self.s.fill(0.0);
        self.mu.fill(0.0);
        self.pinned.fill(NONE);
        self.first.fill(NONE);
        self.order.clear();
        for (g, &weight) in weights.iter().enumerate() {
            self.radius[g] = threshold(t, weight);
            if self.radius[g] == 0.0 {
                for &j in &members[starts[g]..starts[g + 1]] {
                    if self.pinned[j] == NONE {
                        self.pinned[j] = g;
                    }
                }
            }
        }
    }

    fn root(&mut self, mut g: usize) -> usize {
        while self.parent[g] != g {
            self.parent[g] = self.parent[self.parent[g]];
            g = self.parent[g];
        }
        g
    }

    /// Sorts `order` into connected components: union–find over shared columns with y_j ≠ 0.
    fn order_by_component(&mut self, starts: &[usize], members: &[usize]) {
        for i in 0..self.order.len() {
            let g = self.order[i];
            self.parent[g] = g;
        }
        for i in 0..self.order.len() {
            let g = self.order[i];
            for &j in &members[starts[g]..starts[g + 1]] {
                if self.y[j] == 0.0 {
                    continue;
                }
                if self.first[j] == NONE {
                    self.first[j] = g;
                } else {
                    let (a, b) = (self.root(self.first[j]), self.root(g));
                    self.parent[a.max(b)] = a.min(b);
                }
            }
        }
        for i in 0..self.order.len() {
            let root = self.root(self.order[i]);
            let g = self.order[i];
            self.parent[g] = root;
        }
        let parent = &self.parent;
        self.order.sort_unstable_by_key(|&g| (parent[g], g));
    }

    /// Where the component beginning at `order[begin]` ends.
    fn component_end(&self, begin: usize) -> usize {
        let root = self.parent[self.order[begin]];
        let rest = &self.order[begin..];
        begin + rest.iter().position(|&g| self.parent[g] != root).unwrap_or(rest.len())
    }

    fn multipliers<'a>(
        &'a mut self,
        component: (usize, usize),
        starts: &'a [usize],
        members: &'a [usize],
        base: f64,
    ) -> Multipliers<'a> {
        Multipliers {
            groups: &self.order[component.0..component.1],
            starts,
            members,
            y: &self.y,
            radius: &self.radius,
            base,
            mu: &mut self.mu,
            s: &mut self.s,
            work: Work {
                s_trial: &mut self.s_trial,
                weight: &mut self.weight,
                spread: &mut self.spread,
                mu_trial: &mut self.mu_trial,
                step: &mut self.step,
                rest: &mut self.rest,
                direction: &mut self.direction,
                image: &mut self.image,
                diagonal: &mut self.diagonal,
                free: &mut self.free,
            },
        }
    }

    /// `y` in the component's columns and its radii, multiplied by powers of two. Columns of several groups only once.
    fn rescale(
        &mut self,
        component: (usize, usize),
        (starts, members): (&[usize], &[usize]),
        y_scale: f64,
        radius_scale: f64,
        v: &[f64],
    ) {
        for i in component.0..component.1 {
            let g = self.order[i];
            self.radius[g] *= radius_scale;
            for &j in &members[starts[g]..starts[g + 1]] {
                if self.pinned[j] == NONE {
                    self.y[j] = v[j] * y_scale;
                }
            }
        }
    }

    fn largest_entry(&self, component: (usize, usize), starts: &[usize], members: &[usize]) -> f64 {
        self.order[component.0..component.1].iter().fold(0.0, |max, &g| {
            members[starts[g]..starts[g + 1]].iter().fold(max, |max, &j| f64::max(max, self.y[j].abs()))
        })
    }
}

/// How far [`latent_overlap`] got.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatentOutcome {
    /// Newton steps and sweeps of the component that took most; 0 if no group was active.
    pub iterations: usize,
    /// The largest violation of the optimality conditions, relative to tω_g: the excess `‖u_g‖/(tω_g) − 1`, or for a group inside its
    /// cylinder the smaller of its relative slack and of the relative change of u that dropping its multiplier would make.
    /// At most 1e-13 unless rounding or the iteration limit came first; NaN if `v` was not finite.
    pub residual: f64,
}

/// `v ← prox_{tΩ}(v)` for the latent overlapping group norm Ω, for t ≥ 0.
///
/// Exactly 0 at every column that no active group covers. Columns of a group of weight 0, and all covered columns at t = 0, are left alone.
/// The outcome says how accurate the result is; work stops at a residual of 1e-13.
///
/// `scratch` was made for `v.len()` columns and `weights.len()` groups. Entries of `v` whose norm over a group overflows are not supported.
///
/// ```
/// use sparsereg::prox::{LatentScratch, latent_overlap};
/// // groups {0, 1} and {1, 2}
/// let (starts, members, weights) = ([0, 2, 4], [0, 1, 1, 2], [1.0, 1.0]);
/// let mut v = [3.0, 4.0, 0.1];
/// let outcome = latent_overlap(&mut v, 2.5, &starts, &members, &weights, &mut LatentScratch::new(3, 2));
/// assert!((v[0] - 1.5).abs() < 1e-12 && (v[1] - 2.0).abs() < 1e-12);
/// assert_eq!(v[2], 0.0);
/// assert!(outcome.residual <= 1e-13);
/// ```
pub fn latent_overlap(
    v: &mut [f64],
    t: f64,
    starts: &[usize],
    members: &[usize],
    weights: &[f64],
    scratch: &mut LatentScratch,
) -> LatentOutcome {
    debug_assert!(t >= 0.0, "threshold {t} is negative");
    debug_assert_eq!(v.len(), scratch.y.len());
    scratch.begin(t, starts, members, weights);
    for ((y, &x), &pinned) in scratch.y.iter_mut().zip(v.iter()).zip(&scratch.pinned) {
        *y = if pinned == NONE { x } else { 0.0 };
    }
    for g in 0..weights.len() {
        let radius = scratch.radius[g];
        if radius > 0.0 && radius < f64::INFINITY {
            let norm = norm_over(&scratch.y, &members[starts[g]..starts[g + 1]]);
            if norm > radius {
                scratch.order.push(g);
            }
        }
    }
    scratch.order_by_component(starts, members);

    let mut outcome = LatentOutcome { iterations: 0, residual: 0.0 };
    let mut begin = 0;
    while begin < scratch.order.len() {
        let component = (begin, scratch.component_end(begin));
        let scale = power_of_two_near_inverse(scratch.largest_entry(component, starts, members));
        scratch.rescale(component, (starts, members), scale, scale, v);
        for i in component.0..component.1 {
            let g = scratch.order[i];
            scratch.radius[g] = scratch.radius[g].max(LEAST_RADIUS);
        }
        let (iterations, residual) = scratch.multipliers(component, starts, members, 1.0).solve();
        outcome.iterations = outcome.iterations.max(iterations);
        outcome.residual = outcome.residual.max(residual);
        begin = component.1;
    }

    let mut finite = true;
    for (j, x) in v.iter_mut().enumerate() {
        finite &= x.is_finite();
        if scratch.pinned[j] == NONE && !x.is_nan() {
            let s = scratch.s[j];
            *x = if s == 0.0 { 0.0 } else { *x * (s / (1.0 + s)) };
        }
    }
    if !finite {
        outcome.residual = f64::NAN;
    }
    outcome
}

/// `Ω°(g) = max_g ‖g_g‖₂/ω_g`, the dual norm: the smallest λ at which `prox_{λΩ}(g) = 0`.
///
/// Groups of weight ∞ do not count; a group of weight 0 gives ∞ unless g is 0 on it.
///
/// ```
/// use sparsereg::prox::latent_overlap_critical;
/// let critical = latent_overlap_critical(&[3.0, 4.0, 1.0], &[0, 2, 4], &[0, 1, 1, 2], &[2.0, 1e9]);
/// assert_eq!(critical, 2.5);
/// ```
pub fn latent_overlap_critical(g: &[f64], starts: &[usize], members: &[usize], weights: &[f64]) -> f64 {
    debug_assert_eq!(starts.len(), weights.len() + 1);
    let mut critical: f64 = 0.0;
    for (range, &weight) in starts.windows(2).zip(weights) {
        let norm = norm_over(g, &members[range[0]..range[1]]);
        if norm > 0.0 {
            critical = critical.max(norm / weight);
        }
    }
    critical
}

/// Two sides of Ω(w): `dual ≤ Ω(w) ≤ primal` up to the rounding of the sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatentValue {
    /// `Σ_g ω_g‖v_g‖₂` of a decomposition that [`latent_overlap_decomposition`] writes out.
    pub primal: f64,
    /// `⟨u, w⟩` of a u with `‖u_g‖₂ ≤ ω_g` for all g.
    pub dual: f64,
    /// Newton steps and sweeps of the component that took most.
    pub iterations: usize,
}

/// Ω(w), the latent overlapping group norm, between two bounds. Look at them: they are 1e-10 apart (relatively) or closer for
/// entries of similar size, but where the non-zero |w_j| of one component span many decades (ten and more) the iteration limit may come
/// first, and then they are valid but far apart.
///
/// ∞ on both sides if w is not 0 at a column that no group of finite weight covers. Columns of groups of weight 0 cost nothing.
///
/// Solved in the variational form `Ω(w) = min_{μ≥0} ½ Σ_j w_j²/s_j + ½ Σ_g μ_g ω_g²`, with `v_g = μ_g u_g`, `u_j = w_j/s_j`
/// (Obozinski, Jacob & Vert, "Group lasso with overlaps: the latent group lasso approach", 2011, lemma 4).
///
/// ```
/// use sparsereg::prox::{LatentScratch, latent_overlap_value};
/// // {0, 1} alone is dearer than {0} plus {1}: 3·5 against 3 + 4
/// let (starts, members, weights) = ([0, 2, 3, 4], [0, 1, 0, 1], [3.0, 1.0, 1.0]);
/// let value = latent_overlap_value(&[3.0, 4.0], &starts, &members, &weights, &mut LatentScratch::new(2, 3));
/// assert!((value.primal - 7.0).abs() < 1e-11 && (value.dual - 7.0).abs() < 1e-11);
/// ```
pub fn latent_overlap_value(
    w: &[f64],
    starts: &[usize],
    members: &[usize],
    weights: &[f64],
    scratch: &mut LatentScratch,
) -> LatentValue {
    debug_assert_eq!(w.len(), scratch.y.len());
    scratch.begin(1.0, starts, members, weights);
    // A column without a group keeps its y; covered ones lose it below.
    scratch.y.copy_from_slice(w);
    for g in 0..weights.len() {
        if weights[g] < f64::INFINITY {
            for &j in &members[starts[g]..starts[g + 1]] {
                scratch.y[j] = 0.0;
            }
        }
    }
    if max_abs(&scratch.y) > 0.0 {
        return LatentValue { primal: f64::INFINITY, dual: f64::INFINITY, iterations: 0 };
    }
    for ((y, &x), &pinned) in scratch.y.iter_mut().zip(w).zip(&scratch.pinned) {
        *y = if pinned == NONE { x } else { 0.0 };
    }
    for g in 0..weights.len() {
        let radius = scratch.radius[g];
        let touches = members[starts[g]..starts[g + 1]].iter().any(|&j| scratch.y[j] != 0.0);
        if radius > 0.0 && radius < f64::INFINITY && touches {
            scratch.order.push(g);
        }
    }
    scratch.order_by_component(starts, members);

    let mut value = LatentValue { primal: 0.0, dual: 0.0, iterations: 0 };
    let mut begin = 0;
    while begin < scratch.order.len() {
        let component = (begin, scratch.component_end(begin));
        let y_scale = power_of_two_near_inverse(scratch.largest_entry(component, starts, members));
        let groups = component.0..component.1;
        let largest_radius = groups.clone().map(|i| scratch.radius[scratch.order[i]]).fold(0.0, f64::max);
        let radius_scale = power_of_two_near_inverse(largest_radius);
        scratch.rescale(component, (starts, members), y_scale, radius_scale, w);
        // Every group alone would have this multiplier: positive, so that every u_j is finite from the start.
        for i in groups {
            let g = scratch.order[i];
            let of_group = &members[starts[g]..starts[g + 1]];
            scratch.mu[g] = norm_over(&scratch.y, of_group) / scratch.radius[g];
            for &j in of_group {
                scratch.s[j] += scratch.mu[g];
            }
        }
        let (iterations, _) = scratch.multipliers(component, starts, members, 0.0).solve();
        let (primal, dual) = scratch.bounds(component, starts, members);
        value.primal += primal / y_scale / radius_scale;
        value.dual += dual / y_scale / radius_scale;
        value.iterations = value.iterations.max(iterations);
        begin = component.1;
    }
    value
}

impl LatentScratch {
    /// `Σ r_g μ_g‖u_g‖` and `⟨u′, y⟩` of one component, where `u′_j = u_j/max(1, max_{g∋j} ‖u_g‖/r_g)`: feasible, and a group
    /// still outside its cylinder costs only its own columns.
    fn bounds(&mut self, component: (usize, usize), starts: &[usize], members: &[usize]) -> (f64, f64) {
        let (mut primal, mut dual) = (0.0, 0.0);
        let groups = &self.order[component.0..component.1];
        for &g in groups {
            for &j in &members[starts[g]..starts[g + 1]] {
                self.spread[j] = 1.0;
            }
        }
        for &g in groups {
            let mut square = 0.0;
            for &j in &members[starts[g]..starts[g + 1]] {
                if self.y[j] != 0.0 {
                    let u = self.y[j] / self.s[j] / self.radius[g];
                    square += u * u;
                }
            }
            let ratio = square.sqrt();
            primal += self.radius[g] * self.mu[g] * (ratio * self.radius[g]);
            for &j in &members[starts[g]..starts[g + 1]] {
                self.spread[j] = self.spread[j].max(ratio);
            }
        }
        for &g in groups {
            for &j in &members[starts[g]..starts[g + 1]] {
                if self.y[j] != 0.0 {
                    // Every group takes its share of u_j y_j; the shares μ_g/s_j add up to 1.
                    let share = self.mu[g] / self.s[j];
                    dual += self.y[j] / self.s[j] / self.spread[j] * self.y[j] * share;
                }
            }
        }
        (primal, dual)
    }
}

/// The optimal pieces: `copies[k]` is entry `members[k]` of the v_g of its group, `Σ_g v_g = w`.
///
/// To be called right after [`latent_overlap`] (then `w` is its result) or [`latent_overlap_value`] (then `w` is its argument), with the
/// same groups and scratch; `copies` has the length of `members`. `v_{g,j} = w_j μ_g/s_j`; an unpenalised column goes to its first
/// group of weight 0 (at t = 0: of finite weight).
///
/// ```
/// use sparsereg::prox::{LatentScratch, latent_overlap, latent_overlap_decomposition};
/// let (starts, members, weights) = ([0, 2, 4], [0, 1, 1, 2], [1.0, 1.0]);
/// let (mut w, mut copies) = ([3.0, 4.0, 2.0], [0.0; 4]);
/// let mut scratch = LatentScratch::new(3, 2);
/// latent_overlap(&mut w, 1.0, &starts, &members, &weights, &mut scratch);
/// latent_overlap_decomposition(&w, &starts, &members, &scratch, &mut copies);
/// assert_eq!(copies[0], w[0]);
/// assert!((copies[1] + copies[2] - w[1]).abs() < 1e-15);
/// ```
pub fn latent_overlap_decomposition(
    w: &[f64],
    starts: &[usize],
    members: &[usize],
    scratch: &LatentScratch,
    copies: &mut [f64],
) {
    debug_assert_eq!(copies.len(), members.len());
    for (g, range) in starts.windows(2).enumerate() {
        for k in range[0]..range[1] {
            let j = members[k];
            copies[k] = if scratch.pinned[j] != NONE {
                if scratch.pinned[j] == g { w[j] } else { 0.0 }
            } else if scratch.mu[g] == 0.0 || w[j] == 0.0 {
                0.0
            } else {
                w[j] * (scratch.mu[g] / scratch.s[j])
            };
        }
    }
}

/// ‖v_g‖₂ over scattered members, safe as [`norm2`](super::norm2).
fn norm_over(v: &[f64], members: &[usize]) -> f64 {
    let square: f64 = members.iter().map(|&j| v[j] * v[j]).sum();
    if (1e-280..=1e300).contains(&square) {
        return square.sqrt();
    }
    let max = members.iter().fold(0.0, |max, &j| f64::max(max, v[j].abs()));
    if max == 0.0 || max == f64::INFINITY {
        return max;
    }
    let scale = power_of_two_near_inverse(max);
    let square: f64 = members.iter().map(|&j| (v[j] * scale) * (v[j] * scale)).sum();
    square.sqrt() / scale
}
