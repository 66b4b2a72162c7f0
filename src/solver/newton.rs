//! The exact finish: Newton steps on the coefficients that are not zero, where the penalty is twice differentiable.
//!
//! For the lasso this is the solution of the normal equations on the support; sweeps mend what it cannot see. Taken
//! before the first sweep at a new λ it is the step of the homotopy (Osborne, Presnell and Turlach 2000): exact until
//! the support changes.

use std::time::Instant;

use crate::linalg::{Cholesky, NotPositiveDefinite, SubsetCholesky};
use crate::penalty::BlockPenalty;
use crate::smooth::{HessianView, Quadratic};
use crate::solver::descent::Descent;

/// When to try a Newton step. One that finds its factor almost ready costs as much as a few sweeps; a new factor costs as
/// much as many, and pays only once the support is nearly right: so the first waits for sweeps of about half its cost,
/// and each that could not go all the way doubles the wait.
pub(super) struct Schedule {
    enabled: bool,
    next: usize,
    wait: usize,
    /// The last step went all the way: the next is worth a new factor, too.
    trusted: bool,
}

/// Ridge for singular Hessians, relative to the largest diagonal element.
const RIDGE: f64 = 1e-10;

/// Components of a null vector below this share of its length are rounding errors.
const NULL: f64 = 1e-8;

/// Rounds in which coefficients that cross zero are dropped.
const PIVOTS: usize = 10;

/// Most dependent columns of a support that are dropped one by one, and a quarter of it.
const MOST_DEPENDENT: usize = 64;

/// How far a Newton step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// All the way; coefficients that would have crossed zero stopped there.
    Full,
    /// A part of the way: the support is still changing.
    Partial,
    /// Nowhere.
    Rejected,
}

impl Schedule {
    /// `at_once`: begin with a step, not with sweeps.
    pub(super) fn new(enabled: bool, at_once: bool) -> Self {
        Self { enabled, next: if at_once { 0 } else { 2 }, wait: 1, trusted: false }
    }

    pub(super) fn due(&self, sweeps: usize) -> bool {
        self.enabled && sweeps >= self.next
    }

    /// Sweeps that cost as much as a new factor for `support` coefficients of a model with `columns` columns:
    /// m³/3 flops at matrix speed against 2·m·columns at memory speed, about eight times slower.
    fn cost(support: usize, columns: usize) -> usize {
        support * support / (48 * columns.max(1))
    }

    /// Puts the step off if it is dear (the factor is not `near`) and sweeps have not yet done as much.
    pub(super) fn affordable(&mut self, sweeps: usize, near: bool, support: usize, columns: usize) -> bool {
        let earliest = if near || self.trusted { 0 } else { Self::cost(support, columns) / 2 };
        if sweeps < earliest {
            self.next = earliest;
            return false;
        }
        self.wait = self.wait.max(earliest);
        true
    }

    /// `follows`: the step came from a factor that follows the support.
    pub(super) fn report(&mut self, sweeps: usize, step: Step, follows: bool) {
        self.wait = match step {
            Step::Full => 1,
            Step::Partial if follows => 1,
            _ => (2 * self.wait).min(256),
        };
        self.next = sweeps + self.wait;
        self.trusted = follows && step == Step::Full;
    }
}

/// The factor of the Hessian on the support, kept from step to step and from λ to λ where the penalty adds the same
/// number to every diagonal element: local columns of the Gram form are its indices.
#[derive(Debug, Clone, Default)]
pub(super) struct Factor {
    cholesky: SubsetCholesky,
    shift: f64,
    /// It is that of all that was asked for, not of an independent part.
    complete: bool,
}

impl Factor {
    /// Follows the columns of the model to their new places.
    pub(super) fn rename(&mut self, new: impl Fn(usize) -> Option<usize>) {
        self.cholesky.rename(new);
    }

    /// Whether there is one: the penalty lets it follow the support.
    pub(super) fn follows(&self) -> bool {
        self.complete && !self.cholesky.index().is_empty()
    }

    /// Whether a few changes make it the factor for this support.
    pub(super) fn is_near(&self, support: &[usize]) -> bool {
        self.complete && self.cholesky.is_near(support)
    }

    /// Follows a Hessian that changes by `aaᵀ − rrᵀ`.
    pub(super) fn update(&mut self, a: &[f64], r: &[f64]) {
        let of_support = |v: &[f64]| -> Vec<f64> { self.cholesky.index().iter().map(|&j| v[j]).collect() };
        let (a, r) = (of_support(a), of_support(r));
        if self.cholesky.update(a, r).is_err() {
            self.cholesky.clear();
        }
    }

    /// Becomes the factor for this support.
    fn follow(&mut self, hessian: HessianView<'_>, shift: f64, support: &[usize]) -> Result<(), NotPositiveDefinite> {
        if shift != self.shift {
            self.cholesky.clear();
            self.shift = shift;
        }
        let column = |j: usize| &hessian.values[j * hessian.stride..(j + 1) * hessian.stride];
        let mut sorted = support.to_vec();
        sorted.sort_unstable();
        let outcome = self.cholesky.follow(&sorted, column, shift);
        self.complete = outcome.is_ok();
        outcome
    }

    /// `H_SS⁻¹ slope`, in the order of `support`; `None` if H is singular there.
    fn solve(&mut self, hessian: HessianView<'_>, shift: f64, support: &[usize], slope: &[f64]) -> Option<Vec<f64>> {
        self.follow(hessian, shift, support).ok()?;
        let mut order: Vec<usize> = (0..support.len()).collect();
        order.sort_unstable_by_key(|&k| support[k]);
        let place = |j: &usize| order.binary_search_by_key(j, |&k| support[k]).map(|k| order[k]);
        let places: Vec<usize> = self.cholesky.index().iter().map(place).collect::<Result<_, _>>().ok()?;
        let mut b: Vec<f64> = places.iter().map(|&k| slope[k]).collect();
        self.cholesky.solve_in_place(&mut b);
        let mut direction = vec![0.0; support.len()];
        for (&k, b) in places.iter().zip(b) {
            direction[k] = b;
        }
        Some(direction)
    }
}

/// The coefficients that a Newton step moves.
#[derive(Default)]
pub(super) struct Support {
    pub(super) columns: Vec<usize>,
    /// Whether the coefficient may stick at zero.
    kinked: Vec<bool>,
    /// Minus the gradient of the objective.
    pub(super) slope: Vec<f64>,
    /// (first, its Hessian of Ω) for every block.
    blocks: Vec<(usize, Vec<f64>)>,
}

impl Support {
    /// `None` where the penalty has no second derivative.
    pub(super) fn new<M: Quadratic, P: BlockPenalty + ?Sized>(
        inner: &Descent<'_, M, P>,
        w: &[f64],
        state: &[f64],
    ) -> Option<Self> {
        let mut support = Self::default();
        let coordinate_kinks = inner.penalty.has_coordinate_kinks();
        let (mut grad, mut hess, mut scratch) = (Vec::new(), Vec::new(), [0.0]);
        for active in inner.blocks {
            let cols = active.cols.clone();
            let wb = &w[cols.clone()];
            if wb.iter().all(|&w| w == 0.0) {
                continue;
            }
            let k = cols.len();
            grad.clear();
            grad.resize(k, 0.0);
            hess.clear();
            hess.resize(k * k, 0.0);
            if !inner.penalty.curvature_block(active.id, inner.lambda, wb, &mut grad, &mut hess) {
                return None;
            }
            let kinked = (coordinate_kinks || k == 1) && !inner.penalty.is_free(active.id, inner.lambda);
            let first = support.columns.len();
            let local: Vec<usize> = (0..k).filter(|&i| wb[i] != 0.0 || !kinked).collect();
            for &i in &local {
                let c = cols.start + i;
                inner.model.block_gradient(state, c..c + 1, &mut scratch);
                support.columns.push(c);
                support.kinked.push(kinked);
                support.slope.push(-(scratch[0] + grad[i]));
            }
            let reduced = local.iter().flat_map(|&i| local.iter().map(move |&j| (i, j))).map(|(i, j)| hess[i * k + j]);
            support.blocks.push((first, reduced.collect()));
        }
        (!support.columns.is_empty()).then_some(support)
    }

    /// For single coordinates: the diagonal of the Hessian, and what Ω adds to it.
    pub(super) fn diagonal<M: Quadratic, P: BlockPenalty + ?Sized>(
        &self,
        inner: &Descent<'_, M, P>,
    ) -> Vec<(f64, f64)> {
        let mut own = vec![0.0; self.columns.len()];
        for (first, block) in &self.blocks {
            own[*first] = block.first().copied().unwrap_or(0.0);
        }
        let mut h = [0.0];
        let each = self.columns.iter().zip(own).map(|(&j, own)| {
            inner.model.block_hessian(j..j + 1, &mut h);
            (h[0] + own, own)
        });
        each.collect()
    }

    /// The one number that Ω adds to all diagonal elements of the Hessian, if that is all it does.
    fn shift(&self) -> Option<f64> {
        let first = *self.blocks.first()?.1.first()?;
        self.blocks.iter().all(|(_, h)| h.len() == 1 && h[0] == first).then_some(first)
    }

    /// Leaves out coefficients without a kink that the others of the support make superfluous, such as the intercept of one
    /// class beside those of the others: where they stand, the minimum is the same.
    fn leave_out_redundant(&mut self, hessian: HessianView<'_>, factor: &mut Factor) {
        let Some(shift) = self.shift() else { return };
        if !self.kinked.contains(&false) || factor.follow(hessian, shift, &self.columns).is_ok() {
            return;
        }
        let mut known = factor.cholesky.index().to_vec();
        known.sort_unstable();
        let independent: Vec<bool> = self.columns.iter().map(|j| known.binary_search(j).is_ok()).collect();
        let column = |j: usize| &hessian.values[j * hessian.stride..(j + 1) * hessian.stride];
        let place: std::collections::BTreeMap<usize, usize> =
            self.columns.iter().enumerate().map(|(k, &j)| (j, k)).collect();
        // Along the combination that makes it superfluous nothing may move that Ω sees.
        let is_redundant = |k: usize| {
            let from = column(self.columns[k]);
            let mut null: Vec<f64> = factor.cholesky.index().iter().map(|&i| from[i]).collect();
            factor.cholesky.solve_in_place(&mut null);
            let negligible = NULL * from[self.columns[k]].abs().sqrt();
            let mut moves = factor.cholesky.index().iter().zip(&null);
            !self.kinked[k]
                && moves.all(|(&i, v)| !self.kinked[place[&i]] || v.abs() * column(i)[i].sqrt() < negligible)
        };
        if known.is_empty() || !(0..independent.len()).all(|k| independent[k] || is_redundant(k)) {
            return;
        }
        fn keep<T>(list: &mut Vec<T>, which: &[bool]) {
            let mut which = which.iter();
            list.retain(|_| which.next() == Some(&true));
        }
        keep(&mut self.columns, &independent);
        keep(&mut self.kinked, &independent);
        keep(&mut self.slope, &independent);
        keep(&mut self.blocks, &independent);
        self.blocks.iter_mut().enumerate().for_each(|(k, block)| block.0 = k);
    }

    /// H_SS of model and penalty, column-major.
    fn hessian(&self, hessian: HessianView<'_>) -> Vec<f64> {
        let m = self.columns.len();
        let mut h = vec![0.0; m * m];
        for (to, &j) in h.chunks_exact_mut(m).zip(&self.columns) {
            let column = &hessian.values[j * hessian.stride..];
            for (h, &i) in to.iter_mut().zip(&self.columns) {
                *h = column[i];
            }
        }
        for (first, block) in &self.blocks {
            let k = block.len().isqrt();
            for a in 0..k {
                for b in 0..k {
                    h[(first + a) * m + first + b] += block[a * k + b];
                }
            }
        }
        h
    }
}

/// One damped Newton step on the support, taken if the objective falls; one that promises less than `least` counts as taken.
pub(super) fn step<M: Quadratic, P: BlockPenalty + ?Sized>(
    inner: &Descent<'_, M, P>,
    w: &mut [f64],
    state: &mut [f64],
    least: f64,
    factor: &mut Factor,
    deadline: Option<Instant>,
) -> Step {
    let Some(hessian) = inner.model.hessian() else { return Step::Rejected };
    let Some(mut support) = Support::new(inner, w, state) else { return Step::Rejected };
    support.leave_out_redundant(hessian, factor);
    let moved =
        support.shift() == Some(0.0) && make_independent(inner, (&mut *w, &mut *state), factor, &support, deadline);
    if moved {
        support = match Support::new(inner, w, state) {
            Some(support) => support,
            None => return Step::Partial,
        };
        support.leave_out_redundant(hessian, factor);
    }
    if let Some(shift) = support.shift()
        && let Some(direction) = factor.solve(hessian, shift, &support.columns, &support.slope)
        && direction.iter().all(|d| d.is_finite())
    {
        let promised: f64 = 0.5 * support.slope.iter().zip(&direction).map(|(s, d)| s * d).sum::<f64>();
        if promised <= least {
            return Step::Full;
        }
        if pivot(inner, (&mut *w, &mut *state), factor, &support, direction.clone()) {
            return Step::Full;
        }
        return search(inner, w, state, &support, &direction);
    }
    let m = support.columns.len();
    let mut h = support.hessian(hessian);
    // Where the rows cannot tell the coefficients of the support apart, h is singular, and a factor of it may be noise. With
    // a small ridge the step is long along the null space, down the slope of Ω, and ends where the first of them is zero.
    let largest = (0..m).map(|i| h[i * m + i]).fold(0.0, f64::max);
    for ridge in [0.0, RIDGE * largest] {
        (0..m).for_each(|i| h[i * m + i] += ridge);
        let Ok(cholesky) = Cholesky::factor(&h, m) else { continue };
        let mut direction = support.slope.clone();
        cholesky.solve_in_place(&mut direction);
        if direction.iter().all(|d| d.is_finite()) {
            let step = search(inner, w, state, &support, &direction);
            if step != Step::Rejected {
                return step;
            }
        }
    }
    if moved { Step::Partial } else { Step::Rejected }
}

/// Where the columns of the support depend on each other, moves along their null space, on which the fit stays as it is and Ω
/// falls, until the coefficient of one of them is zero, and so on until they are independent. Returns whether anything
/// moved.
fn make_independent<M: Quadratic, P: BlockPenalty + ?Sized>(
    inner: &Descent<'_, M, P>,
    (w, state): (&mut [f64], &mut [f64]),
    factor: &mut Factor,
    support: &Support,
    deadline: Option<Instant>,
) -> bool {
    let Some(hessian) = inner.model.hessian() else { return false };
    if factor.follow(hessian, 0.0, &support.columns).is_ok() {
        return false;
    }
    let column = |j: usize| &hessian.values[j * hessian.stride..(j + 1) * hessian.stride];
    let mut place = vec![usize::MAX; w.len()];
    support.columns.iter().enumerate().for_each(|(k, &j)| place[j] = k);
    let mut known = vec![false; w.len()];
    factor.cholesky.index().iter().for_each(|&j| known[j] = true);
    let (mut w_new, before) = (w.to_vec(), inner.objective(w, state));
    let dependent = support.columns.len() - factor.cholesky.index().len();
    if !before.is_finite() || dependent > MOST_DEPENDENT + support.columns.len() / 4 {
        return false; // sweeps thin out such a start sooner
    }
    'columns: for &j in support.columns.iter().filter(|&&j| !known[j]) {
        if deadline.is_some_and(|d| Instant::now() >= d) {
            break;
        }
        while factor.cholesky.append(j, column(j), 0.0).is_err() {
            // x_j = X_C a up to rounding
            let mut null: Vec<f64> = factor.cholesky.index().iter().map(|&i| column(j)[i]).collect();
            factor.cholesky.solve_in_place(&mut null);
            null.iter_mut().for_each(|a| *a = -*a);
            null.push(1.0);
            let columns = || factor.cholesky.index().iter().copied().chain([j]);
            let gain: f64 = columns().zip(&null).map(|(i, v)| support.slope[place[i]] * v).sum();
            // Components that are rounding errors move nothing.
            let negligible = NULL * column(j)[j].sqrt();
            let shortest = |towards: f64| {
                let lengths = columns().zip(&null).enumerate().filter_map(|(k, (i, v))| {
                    let length = -w_new[i] / (towards * v);
                    let moves = support.kinked[place[i]] && v.abs() * column(i)[i].sqrt() >= negligible;
                    (moves && length >= 0.0 && length.is_finite()).then_some((length, k))
                });
                lengths.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(length, k)| (towards, length, k))
            };
            // The other way is as good where Ω stays the same, and is judged with the rest where it rises.
            let sign = if gain < 0.0 { -1.0 } else { 1.0 };
            let Some((towards, length, first)) = shortest(sign).or_else(|| shortest(-sign)) else { continue 'columns };
            columns().zip(&null).for_each(|(i, v)| w_new[i] += length * towards * v);
            let gone = factor.cholesky.index().get(first).copied().unwrap_or(j);
            w_new[gone] = 0.0;
            if gone == j {
                break;
            }
            factor.cholesky.remove(first);
        }
    }
    let deltas: Vec<f64> = support.columns.iter().map(|&j| w_new[j] - w[j]).collect();
    let mut state_new = state.to_vec();
    inner.model.shift_all(&mut state_new, &support.columns, &deltas);
    let changed = deltas.iter().any(|&d| d != 0.0);
    let falls = changed && inner.objective(&w_new, &state_new) <= before + 4.0 * f64::EPSILON * before.abs();
    if falls {
        w.copy_from_slice(&w_new);
        state.copy_from_slice(&state_new);
    }
    falls
}

/// Takes the whole step: the coefficients that it would carry across zero are set to zero and the others solved for anew, until
/// none crosses (block principal pivoting, without the way back: sweeps bring in what should not have gone). Returns whether
/// the objective fell; nothing changes otherwise.
fn pivot<M: Quadratic, P: BlockPenalty + ?Sized>(
    inner: &Descent<'_, M, P>,
    (w, state): (&mut [f64], &mut [f64]),
    factor: &mut Factor,
    support: &Support,
    mut direction: Vec<f64>,
) -> bool {
    let Some(hessian) = inner.model.hessian() else { return false };
    let shift = factor.shift;
    let mut kept: Vec<usize> = (0..support.columns.len()).collect();
    for _ in 0..PIVOTS {
        let before = kept.len();
        kept.retain(|&k| {
            let old = w[support.columns[k]];
            let crosses = support.kinked[k] && (old + direction[k]) * old <= 0.0;
            if crosses {
                direction[k] = -old;
            }
            !crosses
        });
        if kept.len() == before {
            let columns = &support.columns;
            let mut w_new = w.to_vec();
            columns.iter().zip(&direction).for_each(|(&j, d)| w_new[j] = if *d == -w[j] { 0.0 } else { w[j] + d });
            let mut state_new = state.to_vec();
            inner.model.shift_all(&mut state_new, columns, &direction);
            let falls = inner.objective(&w_new, &state_new) < inner.objective(w, state);
            if falls {
                w.copy_from_slice(&w_new);
                state.copy_from_slice(&state_new);
            }
            return falls;
        }
        if kept.is_empty() {
            return false;
        }
        // The slope of the kept ones, where the others are already at zero.
        let columns: Vec<usize> = kept.iter().map(|&k| support.columns[k]).collect();
        let mut slope: Vec<f64> = kept.iter().map(|&k| support.slope[k]).collect();
        let mut gone = vec![true; support.columns.len()];
        kept.iter().for_each(|&k| gone[k] = false);
        for (k, &j) in support.columns.iter().enumerate().filter(|(k, _)| gone[*k]) {
            let column = &hessian.values[j * hessian.stride..];
            slope.iter_mut().zip(&columns).for_each(|(s, &i)| *s -= direction[k] * column[i]);
        }
        let Some(solution) = factor.solve(hessian, shift, &columns, &slope) else { return false };
        kept.iter().zip(solution).for_each(|(&k, d)| direction[k] = d);
    }
    false
}

/// Takes as much of the direction as lets the objective fall.
pub(super) fn search<M: Quadratic, P: BlockPenalty + ?Sized>(
    inner: &Descent<'_, M, P>,
    w: &mut [f64],
    state: &mut [f64],
    support: &Support,
    direction: &[f64],
) -> Step {
    let before = inner.objective(w, state);
    // The state is affine: all lengths share one product with the Hessian, and what stops at zero is mended.
    let mut slope = vec![0.0; state.len()];
    inner.model.shift_all(&mut slope, &support.columns, direction);
    // Shorter and shorter steps, on which coefficients that would change sign stop at zero; then the step to the first of
    // them, up to which the objective is smooth and falls for certain.
    let mut to_first = 1.0f64;
    for ((&j, d), kinked) in support.columns.iter().zip(direction).zip(&support.kinked) {
        if *kinked && d * w[j] < 0.0 {
            to_first = to_first.min(-w[j] / d);
        }
    }
    let mut w_new = w.to_vec();
    let mut state_new = vec![0.0; state.len()];
    let (mut stopped, mut excess) = (Vec::new(), Vec::new());
    for length in [1.0, 0.5, 0.25, 0.125, to_first.min(0.1)] {
        stopped.clear();
        excess.clear();
        for ((&j, d), kinked) in support.columns.iter().zip(direction).zip(&support.kinked) {
            let moved = w[j] + length * d;
            if *kinked && (moved == 0.0 || (moved > 0.0) != (w[j] > 0.0) || length * d == -w[j]) {
                w_new[j] = 0.0;
                stopped.push(j);
                excess.push(-w[j] - length * d);
            } else {
                w_new[j] = moved;
            }
        }
        for ((new, old), s) in state_new.iter_mut().zip(&*state).zip(&slope) {
            *new = old + length * s;
        }
        inner.model.shift_all(&mut state_new, &stopped, &excess);
        if inner.objective(&w_new, &state_new) < before {
            w.copy_from_slice(&w_new);
            state.copy_from_slice(&state_new);
            return if length == 1.0 { Step::Full } else { Step::Partial };
        }
    }
    Step::Rejected
}
