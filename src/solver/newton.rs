//! The exact finish: Newton steps on the coefficients that are not zero, where the penalty is twice differentiable.
//!
//! For the lasso this is the solution of the normal equations on the support; sweeps mend what it cannot see.

use crate::linalg::Cholesky;
use crate::penalty::BlockPenalty;
use crate::smooth::Quadratic;
use crate::solver::descent::Descent;

/// When to try a Newton step. A factorisation costs as much as many sweeps, and pays only once the support is nearly
/// right: so the first waits for sweeps of about half its cost, and each that could not go all the way doubles the wait.
pub(super) struct Schedule {
    enabled: bool,
    next: usize,
    wait: usize,
}

/// Ridge for singular Hessians, relative to the largest diagonal element.
const RIDGE: f64 = 1e-10;

/// How far a Newton step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// All the way: the next one may finish.
    Full,
    /// A part of the way: the support is still changing.
    Partial,
    /// Nowhere.
    Rejected,
}

impl Schedule {
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, next: 2, wait: 2 }
    }

    pub(super) fn due(&self, sweeps: usize) -> bool {
        self.enabled && sweeps >= self.next
    }

    /// Sweeps that cost as much as a Newton step on `support` coefficients of a model with `columns` columns:
    /// m³/3 flops at matrix speed against 2·m·columns at memory speed, about eight times slower.
    fn cost(support: usize, columns: usize) -> usize {
        support * support / (48 * columns.max(1))
    }

    /// Puts the step off if it is dear and sweeps have not yet done as much.
    pub(super) fn affordable(&mut self, sweeps: usize, support: usize, columns: usize) -> bool {
        let earliest = Self::cost(support, columns) / 2;
        if sweeps < earliest {
            self.next = earliest;
            return false;
        }
        self.wait = self.wait.max(earliest);
        true
    }

    pub(super) fn report(&mut self, sweeps: usize, step: Step) {
        self.wait = if step == Step::Full { 1 } else { (2 * self.wait).min(256) };
        self.next = sweeps + self.wait;
    }
}

/// One damped Newton step on the support, taken if the objective falls.
pub(super) fn step<M: Quadratic, P: BlockPenalty + ?Sized>(
    inner: &Descent<'_, M, P>,
    w: &mut [f64],
    state: &mut [f64],
) -> Step {
    let Some(hessian) = inner.model.hessian() else { return Step::Rejected };
    let mut support = Vec::new();
    let mut kinked = Vec::new();
    let mut slope = Vec::new();
    let mut blocks = Vec::new(); // (first, last) in `support` and the block's Hessian of Ω
    let mut scratch = vec![0.0];
    let coordinate_kinks = inner.penalty.has_coordinate_kinks();
    for active in inner.blocks {
        let cols = active.cols.clone();
        let wb = &w[cols.clone()];
        if wb.iter().all(|&w| w == 0.0) {
            continue;
        }
        let k = cols.len();
        let mut grad = vec![0.0; k];
        let mut hess = vec![0.0; k * k];
        if !inner.penalty.curvature_block(active.id, inner.lambda, wb, &mut grad, &mut hess) {
            return Step::Rejected;
        }
        let free = inner.penalty.is_free(active.id, inner.lambda);
        let first = support.len();
        let mut local = Vec::new();
        for (i, c) in cols.enumerate() {
            if wb[i] != 0.0 || !(coordinate_kinks || k == 1) || free {
                inner.model.block_gradient(state, c..c + 1, &mut scratch);
                support.push(c);
                kinked.push((coordinate_kinks || k == 1) && !free);
                slope.push(-(scratch[0] + grad[i]));
                local.push(i);
            }
        }
        if k > 1 {
            let m = local.len();
            let mut reduced = vec![0.0; m * m];
            for (a, &i) in local.iter().enumerate() {
                for (b, &j) in local.iter().enumerate() {
                    reduced[a * m + b] = hess[i * k + j];
                }
            }
            blocks.push((first, reduced));
        } else {
            blocks.push((first, hess));
        }
    }
    let m = support.len();
    if m == 0 {
        return Step::Rejected;
    }
    let mut h = vec![0.0; m * m];
    for (c, &j) in support.iter().enumerate() {
        let column = &hessian.values[j * hessian.stride..];
        for (r, &i) in support.iter().enumerate() {
            h[c * m + r] = column[i];
        }
    }
    for (first, block) in &blocks {
        let k = block.len().isqrt();
        for a in 0..k {
            for b in 0..k {
                h[(first + a) * m + first + b] += block[a * k + b];
            }
        }
    }
    // Where the rows cannot tell the coefficients of the support apart, h is singular, and a factor of it may be noise. With
    // a small ridge the step is long along the null space, down the slope of Ω, and ends where the first of them is zero.
    let largest = (0..m).map(|i| h[i * m + i]).fold(0.0, f64::max);
    for ridge in [0.0, RIDGE * largest] {
        (0..m).for_each(|i| h[i * m + i] += ridge);
        let Ok(factor) = Cholesky::factor(&h, m) else { continue };
        let mut direction = slope.clone();
        factor.solve_in_place(&mut direction);
        if direction.iter().all(|d| d.is_finite()) {
            let step = search(inner, w, state, &support, &kinked, &direction);
            if step != Step::Rejected {
                return step;
            }
        }
    }
    Step::Rejected
}

/// Takes as much of the direction as lets the objective fall.
fn search<M: Quadratic, P: BlockPenalty + ?Sized>(
    inner: &Descent<'_, M, P>,
    w: &mut [f64],
    state: &mut [f64],
    support: &[usize],
    kinked: &[bool],
    direction: &[f64],
) -> Step {
    let before = inner.objective(w, state);
    // Shorter and shorter steps, on which coefficients that would change sign stop at zero; then the step to the first of
    // them, up to which the objective is smooth and falls for certain.
    let mut to_first = 1.0f64;
    for ((&j, d), kinked) in support.iter().zip(direction).zip(kinked) {
        if *kinked && d * w[j] < 0.0 {
            to_first = to_first.min(-w[j] / d);
        }
    }
    for length in [1.0, 0.5, 0.25, 0.125, to_first.min(0.1)] {
        let mut w_new = w.to_vec();
        let mut crossed = false;
        for ((&j, d), kinked) in support.iter().zip(direction).zip(kinked) {
            let moved = w[j] + length * d;
            let crosses = *kinked && (moved == 0.0 || (moved > 0.0) != (w[j] > 0.0) || length * d == -w[j]);
            w_new[j] = if crosses { 0.0 } else { moved };
            crossed |= crosses;
        }
        let mut state_new = state.to_vec();
        for &j in support {
            let delta = w_new[j] - w[j];
            if delta != 0.0 {
                inner.model.shift(&mut state_new, j..j + 1, &[delta]);
            }
        }
        if inner.objective(&w_new, &state_new) < before {
            w.copy_from_slice(&w_new);
            state.copy_from_slice(&state_new);
            return if length == 1.0 && !crossed { Step::Full } else { Step::Partial };
        }
    }
    Step::Rejected
}
