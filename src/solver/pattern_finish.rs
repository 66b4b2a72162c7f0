//! Newton's method where a penalty is linear: signs, clusters or pieces as they are now, the problem is a small smooth one.

use crate::penalty::Penalty;
use crate::problem::Problem;
use crate::smooth::{Smooth, regularised};

/// Patterns with more directions are no small problem.
const DIRECTIONS: usize = 2000;
/// Times that a step is halved until the objective falls.
const HALVINGS: usize = 6;

/// One Newton step on the pattern of w, as long as the objective falls; `None` if there is no pattern, no Hessian or no such
/// step. A step that changes the objective by rounding errors only is let pass: the caller judges it by its certificate.
pub(super) fn newton_on_pattern<S: Smooth, P: Penalty>(
    problem: &Problem<'_, S, P>,
    w: &[f64],
    at: &S::Point,
    objective: f64,
) -> Option<(Vec<f64>, S::Point)> {
    let (smooth, penalty, lambda) = (problem.smooth, problem.penalty, problem.lambda);
    let pattern = penalty.pattern(lambda, w)?;
    let k = pattern.len();
    if k == 0 || k > DIRECTIONS {
        return None;
    }
    let mut hessian = smooth.hessian_along(at, &pattern)?;
    let mut g = vec![0.0; w.len()];
    smooth.gradient(at, &mut g);
    let mut step: Vec<f64> = (0..k).map(|i| -pattern.inner(i, &g) - pattern.slope(i)).collect();
    regularised(&mut hessian, k)?.solve_in_place(&mut step);
    if step.iter().any(|s| !s.is_finite()) {
        return None;
    }
    let slack = smooth.rounding(at).abs() + 16.0 * f64::EPSILON * objective.abs();
    let mut length = 1.0;
    for _ in 0..=HALVINGS {
        let mut v = w.to_vec();
        for (i, s) in step.iter().enumerate() {
            pattern.direction(i).iter().for_each(|&(j, z)| v[j] += length * s * z);
        }
        let v_at = smooth.point(&v);
        let reached = smooth.value(&v_at) + penalty.value(lambda, &v);
        let enough = if length == 1.0 { objective + slack } else { objective - slack };
        if reached <= enough {
            return Some((v, v_at));
        }
        length *= 0.5;
    }
    None
}
