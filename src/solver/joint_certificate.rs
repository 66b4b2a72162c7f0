//! The certificate of `Σ_k ω_k (−log det Θ⁽ᵏ⁾ + ⟨S⁽ᵏ⁾, Θ⁽ᵏ⁾⟩) + λΩ(Θ)` close to the optimum, as that of
//! [one class](super::log_det_certificate): where an entry is not zero its gradient is put where Ω wants it, and into the dual
//! ball elsewhere, which makes the gap quadratic in the error of Θ.

use crate::penalty::{BlockPenalty, JointEntrywise, Penalty};
use crate::problem::{Certificate, Problem};
use crate::smooth::{JointLogDet, JointLogDetPoint, Smooth};

/// The certificate at Θ (with its inverses), whose entry-vectors are `theta`, relative to p Σ_k ω_k. `gradient` is that of the
/// smooth term; it is overwritten.
pub(super) fn certify(
    problem: &Problem<'_, JointLogDet, JointEntrywise>,
    theta: &[f64],
    at: &JointLogDetPoint,
    gradient: &mut Vec<f64>,
) -> Certificate {
    let (smooth, penalty, lambda) = (problem.smooth, problem.penalty, problem.lambda);
    let scale = smooth.size() as f64 * smooth.weights().iter().sum::<f64>();
    gradient.resize(theta.len(), 0.0);
    smooth.gradient(at, gradient);
    // Where Ω wants it; farther away, where that may not be positive definite, as near to the gradient as is feasible.
    for border in [true, false] {
        let Candidate { duals, slack, kkt } = candidate(problem, theta, gradient, border);
        let mut product = Vec::new();
        let terms = smooth.terms().iter().zip(at.classes()).zip(&duals).zip(smooth.weights());
        let gaps = terms.map(|(((f, at), dual), weight)| {
            let near = f.near_gap(at, dual, &mut product);
            let gap = if border { near } else { near.or_else(|| f.far_gap(at, dual, &product)) };
            Some(weight * gap?)
        });
        if let Some(gap) = gaps.sum::<Option<f64>>().filter(|gap| gap.is_finite()) {
            let value = penalty.value(lambda, theta);
            let objective = smooth.value(at) + value;
            let rounding = smooth.rounding(at) + 16.0 * f64::EPSILON * value;
            return Certificate { objective, gap: gap + slack, rounding, kkt, scale, is_convex: true };
        }
    }
    problem.certify(theta, at, scale, gradient).0
}

/// A dual point, what is between it and Ω, and how far the gradient is from being one itself.
struct Candidate {
    /// W⁽ᵏ⁾.
    duals: Vec<Vec<f64>>,
    slack: f64,
    kkt: f64,
}

/// The dual point next to the gradient: among the subgradients of λΩ at Θ (`border`), or anywhere in the dual ball.
fn candidate(
    problem: &Problem<'_, JointLogDet, JointEntrywise>,
    theta: &[f64],
    gradient: &[f64],
    border: bool,
) -> Candidate {
    let (smooth, penalty, lambda) = (problem.smooth, problem.penalty, problem.lambda);
    let (p, classes) = (smooth.size(), smooth.nresponses());
    let (mut kkt, mut slack) = (0.0f64, 0.0);
    let mut duals: Vec<Vec<f64>> = smooth.terms().iter().map(|f| f.covariance().to_vec()).collect();
    let (zero, mut z, mut u) = (vec![0.0; classes], vec![0.0; classes], vec![0.0; classes]);
    let distance = |z: &[f64], u: &[f64]| z.iter().zip(u).map(|(z, u)| (z - u) * (z - u)).sum::<f64>().sqrt();
    for j in 0..p {
        for i in 0..=j {
            let (e, mirror) = (j * p + i, i * p + j);
            let (w, g) = (&theta[e * classes..(e + 1) * classes], &gradient[e * classes..(e + 1) * classes]);
            z.iter_mut().zip(g).for_each(|(z, g)| *z = -g);
            let nonzero = w.iter().any(|w| *w != 0.0);
            penalty.nearest_subgradient(e, lambda, w, &z, &mut u);
            kkt = kkt.max(distance(&z, &u));
            if nonzero && !border {
                penalty.nearest_subgradient(e, lambda, &zero, &z, &mut u);
            }
            for ((dual, u), weight) in duals.iter_mut().zip(&u).zip(smooth.weights()) {
                dual[e] += u / weight;
                dual[mirror] = dual[e];
            }
            if nonzero {
                // At the border zero, but that rounding says so.
                let pairs = if i == j { 1.0 } else { 2.0 };
                let inner: f64 = w.iter().zip(&u).map(|(w, u)| w * u).sum();
                slack += pairs * (penalty.value_block(e, lambda, w) - inner).abs();
            }
        }
    }
    Candidate { duals, slack, kkt }
}
