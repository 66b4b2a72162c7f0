//! The certificate of `−log det Θ + ⟨S, Θ⟩ + λ Σ Λ_ij |θ_ij|` close to the optimum.
//!
//! [`Problem::certify`] clips the gradient into the dual box. Its gap is linear in the error of Θ: an entry that is not zero
//! ought to have its gradient at the very border of the box, and clipping leaves it where it is. Here it is put there, which
//! makes the gap quadratic in the error, as long as the dual point so made is positive definite; elsewhere clipping is the
//! better point.

use crate::penalty::EntrywiseL1;
use crate::problem::{Certificate, Problem};
use crate::smooth::{LogDet, LogDetPoint, Smooth};

/// Buffers of p² numbers.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    dual: Vec<f64>,
    product: Vec<f64>,
    gradient: Vec<f64>,
}

/// The certificate at Θ (with its inverse), relative to p: `f` at the diagonal solution in units of unit variance.
pub(super) fn certify(
    problem: &Problem<'_, LogDet, EntrywiseL1>,
    at: &LogDetPoint,
    buffers: &mut Buffers,
) -> Certificate {
    let (smooth, penalty, lambda) = (problem.smooth, problem.penalty, problem.lambda);
    let scale = smooth.size() as f64;
    let Buffers { dual, product, gradient } = buffers;
    let (theta, inverse) = (at.theta(), at.inverse());
    if inverse.len() == theta.len() {
        let (mut kkt, mut value) = (0.0f64, 0.0);
        dual.clear();
        dual.extend(smooth.covariance().iter().zip(inverse).zip(theta).enumerate().map(|(k, ((&s, &w), &x))| {
            let (g, t) = (s - w, penalty.threshold(lambda, k));
            if x == 0.0 {
                let projected = g.clamp(-t, t);
                kkt = kkt.max((g - projected).abs());
                s - projected
            } else if t == f64::INFINITY {
                value = f64::INFINITY; // a start that no penalty allows
                w
            } else {
                let border = -t * x.signum();
                kkt = kkt.max((g - border).abs());
                value += t * x.abs();
                s - border
            }
        }));
        if let Some(gap) = smooth.near_gap(at, dual, product).filter(|_| value.is_finite()) {
            let objective = smooth.value(at) + value;
            let rounding = smooth.rounding(at) + 16.0 * f64::EPSILON * value;
            return Certificate { objective, gap, rounding, kkt, scale, is_convex: true };
        }
    }
    gradient.resize(theta.len(), 0.0);
    problem.certify(theta, at, scale, gradient).0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of p variables with correlation 0.5, and Θ at its solution for λ = 0.1 moved by `error`.
    fn near_solution(p: usize, error: f64) -> (LogDet, EntrywiseL1, Vec<f64>) {
        let s: Vec<f64> = (0..p * p).map(|k| 0.5f64.powi((k / p).abs_diff(k % p) as i32)).collect();
        let w = 0.4;
        let det: f64 = (1.0 - w) * (1.0 + w);
        let theta = (0..p * p)
            .map(|k| {
                let (i, j) = (k % p, k / p);
                let exact = match i.abs_diff(j) {
                    0 if i == 0 || i + 1 == p => 1.0 / det,
                    0 => (1.0 + w * w) / det,
                    1 => -w / det,
                    _ => 0.0,
                };
                exact * (1.0 + error * ((i * j) as f64).sin())
            })
            .collect();
        (LogDet::new(p, s).unwrap(), EntrywiseL1::off_diagonal(p), theta)
    }

    #[test]
    fn the_gap_is_quadratic_in_the_error_and_bounds_it() {
        let (mut last, mut last_generic) = (f64::NAN, f64::NAN);
        for error in [1e-2, 1e-3, 1e-4] {
            let (smooth, penalty, theta) = near_solution(12, error);
            let problem = Problem::new(&smooth, &penalty, 0.1);
            let at = smooth.point(&theta);
            let certificate = certify(&problem, &at, &mut Buffers::default());
            let (generic, _) = problem.certify(&theta, &at, 12.0, &mut vec![0.0; 144]);
            let optimum = problem.objective(&near_solution(12, 0.0).2);
            let excess = certificate.objective - optimum;
            assert!(excess <= certificate.gap + 1e-13, "{error}: {excess:e} {:e}", certificate.gap);
            assert!(certificate.gap <= generic.gap || error > 1e-3, "{error}: {:e} {:e}", certificate.gap, generic.gap);
            assert!((certificate.objective - generic.objective).abs() < 1e-12);
            // The generic one does not look at the diagonal.
            assert!(certificate.kkt >= generic.kkt - 1e-12 && certificate.kkt < 20.0 * error);
            if !last.is_nan() {
                assert!(certificate.gap < 0.02 * last, "{:e} after {last:e}", certificate.gap);
                assert!(generic.gap > 0.05 * last_generic, "clipping has become quadratic, too");
            }
            (last, last_generic) = (certificate.gap, generic.gap);
        }
    }

    #[test]
    fn far_away_it_is_the_clipped_certificate() {
        let (smooth, penalty, _) = near_solution(6, 0.0);
        let problem = Problem::new(&smooth, &penalty, 0.1);
        let at = smooth.point(&smooth.origin());
        let certificate = certify(&problem, &at, &mut Buffers::default());
        let (generic, _) = problem.certify(at.theta(), &at, 6.0, &mut vec![0.0; 36]);
        assert_eq!(certificate, generic);
    }
}
