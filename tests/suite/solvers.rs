//! Every solver on every penalty: the acceptance criterion (relative gap 1e-10), and certificates recomputed from the
//! definitions.

use crate::common::*;
use sparsereg::problem::Problem;
use sparsereg::solver::Status;

/// The certificate must be what the definitions say, and the gap must bound the distance to `optimum`.
fn check(
    label: &str,
    data: (&ndarray::Array2<f64>, &ndarray::Array2<f64>),
    entry: &Entry,
    lambda: f64,
    solution: &sparsereg::solver::Solution,
    optimum: f64,
) {
    let (x, y) = data;
    let c = &solution.certificate;
    let (primal, dual) = primal_dual(x, y, entry, lambda, &solution.coefficients);
    assert!((primal - c.objective).abs() <= 1e-12 * c.scale, "{label}: objective {} is not {primal}", c.objective);
    assert!(c.gap >= 0.0, "{label}: {c}");
    // With a constraint and no penalty one wrong ulp of the gradient makes every multiple of it infeasible: the dual
    // point of the definitions proves nothing there, the best of thirteen solvers has to do.
    let scalable = !(entry.nonnegative && entry.weights.contains(&0.0));
    assert!(
        !scalable || primal - dual <= c.gap + 1e-9 * c.gap + 1e-12 * c.scale,
        "{label}: recomputed gap {:e}, {c}",
        primal - dual
    );
    assert!(
        primal - optimum <= c.gap + c.rounding + 1e-13 * c.scale,
        "{label}: {:e} above the optimum, {c}",
        primal - optimum
    );
}

/// Runs all solvers on all entries; returns what does not converge.
fn failures(entries: impl Fn(usize) -> Vec<Entry>) -> Vec<String> {
    let mut failures = Vec::new();
    for (n, p, q, share) in [(40, 12, 1, 0.1), (12, 20, 1, 0.2), (30, 9, 3, 0.1), (9, 14, 2, 0.2)] {
        let (x, y) = regression(1 + n as u64, n, p, q);
        let f = smooth(&x, &y);
        for entry in entries(p) {
            let penalty = entry.build();
            let lambda = some_lambda(&f, &penalty, share);
            let problem = Problem::new(&f, &penalty, lambda);
            let solutions: Vec<_> = (solvers().iter())
                .map(|(name, method)| (*name, solve(method, stopping(1e-10, 20_000), &problem)))
                .collect();
            let optimum = (solutions.iter()).map(|(_, s)| s.certificate.objective).fold(INF, f64::min);
            for (name, s) in &solutions {
                let label = format!("{name} on {} n {n} p {p} q {q} λ {lambda}", entry.name);
                if s.status == Status::Converged && s.certificate.relative_gap() <= 1e-10 {
                    check(&label, (&x, &y), &entry, lambda, s, optimum);
                } else {
                    let (c, i) = (s.certificate, s.iterations);
                    failures.push(format!("{label}: {} {c} after {i}", s.status));
                }
            }
        }
    }
    failures
}

#[test]
fn every_solver_reaches_1e_10_on_every_penalty() {
    let failures = failures(entries);
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_solver_reaches_1e_10_on_constraints_without_a_penalty() {
    let failures = failures(constrained_entries);
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
