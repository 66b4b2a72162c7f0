//! The minimiser of the quadratic model of several log det terms: sweeps find out which values are zero and which are fused; in small
//! models Newton steps on what is left, where Ω is smooth, finish what sweeps over nearly collinear variables would take for ever.

use std::time::Instant;

use crate::linalg::Cholesky;
use crate::penalty::{JointEntrywise, SmoothPiece};
use crate::smooth::{JointLogDetModel, Quadratic};
use crate::solver::descent::Descent;
use crate::solver::log_det_step::sweep_until;

/// Sweeps before the first Newton step; they double when a step was of no use.
const SWEEPS: usize = 10;

/// Up to so many unknowns a step costs no more than some hundred sweeps.
const MOST: usize = 400;

type JointDescent<'a> = Descent<'a, JointLogDetModel<'a>, JointEntrywise>;

/// Minimises the model from `w`, until a sweep gains less than a share of `accuracy`.
pub(super) fn finish(
    descent: &JointDescent<'_>,
    w: &mut [f64],
    accuracy: f64,
    max_sweeps: usize,
    deadline: Option<Instant>,
) {
    let mut state = descent.model.state();
    let (mut gained, mut left, mut wait) = (0.0, max_sweeps.max(1), SWEEPS);
    while left > 0 {
        let sweeps = wait.min(left);
        if sweep_until(descent, (w, &mut state), (accuracy, &mut gained), sweeps, deadline) {
            return;
        }
        left -= sweeps;
        let Some(mut unknowns) = unknowns(descent, w) else {
            // Too many: sweeps are all there is.
            wait = left;
            continue;
        };
        if !newton(descent, w, &mut state, &mut unknowns) {
            wait *= 2;
        }
    }
}

/// A coefficient or several that are fused, as one unknown.
struct Unknown {
    entry: usize,
    piece: SmoothPiece,
    value: f64,
    change: f64,
}

/// One Newton step on the values that are not zero, to the end or to where the first of them meets another or zero; returns whether
/// it lowers the objective.
fn newton(descent: &JointDescent<'_>, w: &mut [f64], state: &mut [f64], unknowns: &mut [Unknown]) -> bool {
    if !directions(descent, w, state, unknowns) {
        return false;
    }
    let (kink, meeting) = first_kink(descent, unknowns);
    let now = descent.objective(w, state);
    for (length, meeting) in [(1.0, None), (kink, meeting)] {
        if length > 1.0 {
            continue;
        }
        let (mut w_new, mut state_new) = (w.to_vec(), state.to_vec());
        for (a, unknown) in unknowns.iter().enumerate() {
            let mut value = unknown.value + length * unknown.change;
            match meeting {
                Some((b, None)) if a == b => value = 0.0,
                // To the last bit where the other one goes.
                Some((b, Some(c))) if a == b => value = unknowns[c].value + length * unknowns[c].change,
                _ => {}
            }
            let start = descent.blocks[unknown.entry].cols.start;
            unknown.piece.members.iter().for_each(|&k| w_new[start + k] = value);
        }
        let mut delta = Vec::new();
        for block in descent.blocks {
            let cols = block.cols.clone();
            delta.clear();
            delta.extend(w_new[cols.clone()].iter().zip(&w[cols.clone()]).map(|(new, old)| new - old));
            if delta.iter().any(|d| *d != 0.0) {
                descent.model.prepare(&mut state_new, cols.clone());
                descent.model.shift(&mut state_new, cols, &delta);
            }
        }
        if descent.objective(&w_new, &state_new) < now {
            w.copy_from_slice(&w_new);
            state.copy_from_slice(&state_new);
            return true;
        }
    }
    false
}

/// What is not zero, entry by entry; `None` if that is nothing, or too much.
fn unknowns(descent: &JointDescent<'_>, w: &[f64]) -> Option<Vec<Unknown>> {
    let mut unknowns = Vec::new();
    for (entry, block) in descent.blocks.iter().enumerate() {
        let w = &w[block.cols.clone()];
        for piece in descent.penalty.smooth_pieces(block.id, descent.lambda, w) {
            let value = piece.members.first().map_or(0.0, |&k| w[k]);
            unknowns.push(Unknown { entry, piece, value, change: 0.0 });
        }
        if unknowns.len() > MOST {
            return None;
        }
    }
    (!unknowns.is_empty()).then_some(unknowns)
}

/// The Newton direction along the unknowns; false if their Hessian is numerically singular.
fn directions(descent: &JointDescent<'_>, w: &[f64], state: &mut [f64], unknowns: &mut [Unknown]) -> bool {
    let (m, model) = (unknowns.len(), descent.model);
    let mut slopes = vec![0.0; m];
    let mut hessian = vec![0.0; m * m];
    let mut g = Vec::new();
    let mut first = 0;
    for (a, unknown) in unknowns.iter().enumerate() {
        let cols = descent.blocks[unknown.entry].cols.clone();
        if a == 0 || unknowns[a - 1].entry != unknown.entry {
            first = a;
            g.resize(cols.len(), 0.0);
            model.prepare(state, cols.clone());
            model.block_gradient(state, cols.clone(), &mut g);
        }
        let members = &unknown.piece.members;
        slopes[a] = -unknown.piece.slope - members.iter().map(|&k| g[k]).sum::<f64>();
        for (b, other) in unknowns[..=a].iter().enumerate() {
            let common = members.iter().filter(|k| other.piece.members.contains(k));
            let mut second: f64 = common.map(|&k| model.hessian(k, unknown.entry, other.entry)).sum();
            if b >= first {
                let block = &descent.blocks[unknown.entry];
                let both = (unknown.value, other.value);
                second += descent.penalty.piece_curvature(block.id, descent.lambda, &w[cols.clone()], both, a == b);
            }
            hessian[b * m + a] = second;
        }
    }
    let Ok(factor) = Cholesky::factor(&hessian, m) else { return false };
    factor.solve_in_place(&mut slopes);
    unknowns.iter_mut().zip(&slopes).for_each(|(unknown, change)| unknown.change = *change);
    slopes.iter().all(|change| change.is_finite())
}

/// The step length at which Ω has its first kink, and the unknown that is then zero or equal to another; ∞ if there is none.
fn first_kink(descent: &JointDescent<'_>, unknowns: &[Unknown]) -> (f64, Option<(usize, Option<usize>)>) {
    let (mut nearest, mut meeting) = (f64::INFINITY, None);
    let mut consider = |distance: f64, approach: f64, which| {
        let length = -distance / approach;
        if length > 0.0 && length < nearest {
            (nearest, meeting) = (length, Some(which));
        }
    };
    for (a, unknown) in unknowns.iter().enumerate() {
        let (at_zero, at_equal) = descent.penalty.kinks(descent.blocks[unknown.entry].id, descent.lambda);
        if at_zero {
            consider(unknown.value, unknown.change, (a, None));
        }
        if at_equal {
            for (b, other) in unknowns[..a].iter().enumerate().rev().take_while(|(_, o)| o.entry == unknown.entry) {
                consider(unknown.value - other.value, unknown.change - other.change, (a, Some(b)));
            }
        }
    }
    (nearest, meeting)
}
