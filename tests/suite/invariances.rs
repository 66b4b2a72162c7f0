//! What may be changed without changing the answer, or changes it in a known way.

use crate::common::*;
use ndarray::{Array1, Array2, Axis, concatenate};
use sparsereg::design::{Dense, Design, LinearOperator};
use sparsereg::estimator::Method;
use sparsereg::loss::Squared;
use sparsereg::partition::Partition;
use sparsereg::penalty::GroupL2;
use sparsereg::prelude::*;
use sparsereg::problem::Problem;
use sparsereg::smooth::LinearPredictor;
use sparsereg::solver::{Progress, Solver, Start};

fn exact<E: Configure>(estimator: E) -> E {
    estimator.tolerance(0.0)
}

/// Both shapes, each kind of solver.
fn each(mut law: impl FnMut(&str, Array2<f64>, Array2<f64>, Method)) {
    for (n, p) in [(30, 9), (12, 20)] {
        let (x, y) = regression(31, n, p, 3);
        for (name, method) in main_solvers() {
            law(&format!("{name} {n}×{p}"), x.clone(), y.clone(), method);
        }
    }
}

/// Three groups of scattered features.
fn labels(p: usize) -> Vec<usize> {
    (0..p).map(|j| j * 5 % 7 % 3).collect()
}

macro_rules! fit {
    ($e:expr, $method:expr, $x:expr, $y:expr) => {
        exact($e.solver($method.clone())).fit($x, $y).unwrap()
    };
}

#[test]
fn order_of_features_and_rows() {
    each(|label, x, wide, method| {
        let (n, p) = x.dim();
        let mut rng = Rng::new(1);
        let (columns, rows) = (rng.permutation(p), rng.permutation(n));
        let moved = x.select(Axis(1), &columns).select(Axis(0), &rows);
        let y = wide.column(0).to_owned();
        let y_moved = y.select(Axis(0), &rows);
        let old_labels = labels(p);
        let new_labels: Vec<usize> = columns.iter().map(|&j| old_labels[j]).collect();
        let a = fit!(Lasso::new(0.1), method, &x, &y);
        let b = fit!(Lasso::new(0.1), method, &moved, &y_moved);
        assert!(!a.support().is_empty());
        assert_close(label, &a.coefficients().select(Axis(0), &columns), b.coefficients(), 1e-9);
        assert_close(label, [&a.intercept()], [&b.intercept()], 1e-8);
        let group = |l: &[usize]| GroupLasso::new(0.1, Groups::from_labels(l).unwrap());
        let a = fit!(group(&old_labels), method, &x, &y);
        let b = fit!(group(&new_labels), method, &moved, &y_moved);
        assert_close(label, &a.coefficients().select(Axis(0), &columns), b.coefficients(), 1e-7);
        let a = fit!(MultiTaskLasso::new(0.2), method, &x, &wide);
        let b = fit!(MultiTaskLasso::new(0.2), method, &moved, &wide.select(Axis(0), &rows));
        assert_close(label, &a.coefficients().select(Axis(0), &columns), b.coefficients(), 1e-7);
    });
}

/// `y → cy, λ → cλ` multiplies w by c; `X → cX, λ → cλ` divides it by c; `ω → cω, λ → λ/c` leaves it.
#[test]
fn scales() {
    each(|label, x, wide, method| {
        let y = wide.column(0).to_owned();
        let p = x.ncols();
        let groups = || Groups::from_labels(&labels(p)).unwrap();
        let weights: Vec<f64> = (0..p).map(|j| 0.5 + (j % 3) as f64).collect();
        let group_weights = [0.7, 1.0, 2.0];
        for c in [1e-3, -7.0, 1e5] {
            let size = f64::abs(c);
            let heavier = |w: &[f64]| -> Vec<f64> { w.iter().map(|w| size * w).collect() };
            macro_rules! law {
                ($new:expr, $y:expr, $weights:expr, $tolerance:expr) => {{
                    let new = $new;
                    let weights: &[f64] = $weights;
                    let base = fit!(new(0.1).weights(weights.to_vec()), method, &x, $y).coefficient_matrix();
                    assert!(base.iter().any(|&w| w != 0.0));
                    let scaled_y = fit!(new(0.1 * size).weights(weights.to_vec()), method, &x, &($y * c));
                    assert_close(&format!("{label} {c} y"), &(scaled_y.coefficient_matrix() / c), &base, $tolerance);
                    let scaled_x = fit!(new(0.1 * size).weights(weights.to_vec()), method, &(&x * c), $y);
                    assert_close(&format!("{label} {c} X"), &(scaled_x.coefficient_matrix() * c), &base, $tolerance);
                    let scaled_w = fit!(new(0.1 / size).weights(heavier(weights)), method, &x, $y);
                    assert_close(&format!("{label} {c} ω"), &scaled_w.coefficient_matrix(), &base, $tolerance);
                }};
            }
            law!(|l| Lasso::new(l), &y, &weights, 1e-8);
            law!(|l| GroupLasso::new(l, groups()), &y, &group_weights, 1e-7);
            law!(|l| MultiTaskLasso::new(l), &wide, &weights, 1e-7);
        }
        // The ridge part does not scale with y: w is linear in y at the same λ.
        let base = fit!(ElasticNet::new(0.1, 0.0), method, &x, &y);
        let scaled = fit!(ElasticNet::new(0.1, 0.0), method, &x, &(&y * 1e4));
        // Fits end where rounding hides the gap; one of 1e-14 leaves √(2·1e-14/0.1) between coefficients.
        assert_close(label, &(&scaled.coefficients() / 1e4), base.coefficients(), 5e-7);
        // Sample weights are rescaled to mean 1.
        let s: Vec<f64> = (0..x.nrows()).map(|i| 1.0 + (i % 4) as f64).collect();
        let base = fit!(Lasso::new(0.1).sample_weights(s.clone()), method, &x, &y);
        for c in [1e-200, 3.0, 1e300] {
            let s: Vec<f64> = s.iter().map(|s| s * c).collect();
            let scaled = fit!(Lasso::new(0.1).sample_weights(s), method, &x, &y);
            assert_close(&format!("{label} s {c:e}"), scaled.coefficients(), base.coefficients(), 1e-9);
        }
    });
}

#[test]
fn standardised_fits_do_not_know_units() {
    each(|label, x, wide, method| {
        let y = wide.column(0).to_owned();
        let units: Array1<f64> = (0..x.ncols()).map(|j| 10f64.powi(j as i32 % 7 - 3)).collect();
        let base = fit!(Lasso::new(0.2).standardize(true), method, &x, &y);
        let other = fit!(Lasso::new(0.2).standardize(true), method, &(&x * &units), &y);
        assert!(!base.support().is_empty());
        assert_close(label, &(&other.coefficients() * &units), base.coefficients(), 1e-8);
        assert_close(label, [&other.intercept()], [&base.intercept()], 1e-7);
    });
}

/// An orthogonal mixture of the tasks mixes the coefficients.
#[test]
fn rotations_of_tasks() {
    let (a, b) = (0.6, 0.8);
    let rotation = ndarray::array![[a, -b, 0.0], [b * a, a * a, -b], [b * b, a * b, a]];
    assert_close("orthogonal", &rotation.t().dot(&rotation), &Array2::eye(3), 1e-12);
    each(|label, x, y, method| {
        let base = fit!(MultiTaskLasso::new(0.3), method, &x, &y);
        assert!(!base.support().is_empty());
        let turned = fit!(MultiTaskLasso::new(0.3), method, &x, &y.dot(&rotation));
        assert_close(label, turned.coefficients(), &base.coefficients().dot(&rotation), 1e-7);
        let base = fit!(MultiTaskElasticNet::new(0.3, 0.5), method, &x, &y);
        let turned = fit!(MultiTaskElasticNet::new(0.3, 0.5), method, &x, &y.dot(&rotation));
        assert_close(label, turned.coefficients(), &base.coefficients().dot(&rotation), 1e-7);
    });
}

/// A second copy of the columns and columns of zeros leave the fit; with a quadratic part the copies share equally.
#[test]
fn copies_and_zeros() {
    each(|label, x, wide, method| {
        let y = wide.column(0).to_owned();
        let (n, p) = x.dim();
        let more = concatenate![Axis(1), x, Array2::zeros((n, 3)), x];
        let tight = |e: Lasso| e.solver(method.clone()).tolerance(1e-13);
        let base = tight(Lasso::new(0.1)).fit(&x, &y).unwrap();
        let twice = tight(Lasso::new(0.1)).fit(&more, &y).unwrap();
        let w = twice.coefficients();
        let sum: Vec<f64> = (0..p).map(|j| w[j] + w[j + p + 3]).collect();
        assert_close(label, base.coefficients(), &sum, 1e-5);
        assert!((p..p + 3).all(|j| w[j] == 0.0), "{label}");
        assert!(
            (base.certificate().objective - twice.certificate().objective).abs() <= 1e-10 * base.certificate().scale
        );
        let net = fit!(ElasticNet::new(0.1, 0.5), method, &more, &y);
        let w = net.coefficients();
        assert!((0..p).all(|j| (w[j] - w[j + p + 3]).abs() < 1e-8), "{label}: {w}");
    });
}

/// `X → X + 1aᵀ` and `y → y + b` move the intercept only; 1e4 standard deviations away eight digits are left.
#[test]
fn translations() {
    each(|label, x, wide, method| {
        let y = wide.column(0).to_owned();
        let p = x.ncols();
        for shift in [1.0, 1e4] {
            let by: Array1<f64> = (0..p).map(|j| shift * ((j % 3) as f64 - 1.2)).collect();
            macro_rules! law {
                ($e:expr, $y:expr) => {{
                    let base = fit!($e, method, &x, $y);
                    let moved = fit!($e, method, &(&x + &by), &($y + 100.0 * shift));
                    let tolerance = 1e-11 * shift + 1e-8;
                    assert!(!base.support().is_empty());
                    assert_close(
                        &format!("{label} {shift}"),
                        &moved.coefficient_matrix(),
                        &base.coefficient_matrix(),
                        tolerance,
                    );
                    let expected = base.intercepts() + 100.0 * shift - by.dot(&base.coefficient_matrix());
                    assert_close(
                        &format!("{label} {shift}"),
                        &moved.intercepts(),
                        &expected,
                        tolerance * shift * p as f64,
                    );
                    assert!((moved.certificate().scale / base.certificate().scale - 1.0).abs() < 1e-9);
                }};
            }
            law!(Lasso::new(0.1), &y);
            law!(Lasso::new(0.1).standardize(true), &y);
            law!(ElasticNet::new(0.1, 0.5), &y);
            law!(GroupLasso::new(0.1, Groups::from_labels(&labels(p)).unwrap()), &y);
            law!(MultiTaskLasso::new(0.2), &wide);
        }
    });
}

#[test]
fn a_start_at_the_solution_is_the_end() {
    for (n, p, q) in [(40, 12, 1), (12, 20, 1), (30, 9, 3)] {
        let (x, y) = regression(32, n, p, q);
        let f = smooth(&x, &y);
        for entry in entries(p) {
            let penalty = entry.build();
            let lambda = some_lambda(&f, &penalty, 0.1);
            let problem = Problem::new(&f, &penalty, lambda);
            let exact = solve(&solvers()[0].1, stopping(1e-13, 20_000), &problem);
            for (name, method) in solvers() {
                let start = Start::At(&exact.coefficients);
                let mut seen = 0;
                let mut watch = |_: &Progress| {
                    seen += 1;
                    std::ops::ControlFlow::Continue(())
                };
                let again = solve_watched(&method, stopping(1e-10, 100), &problem, start, &mut watch);
                assert_eq!(again.iterations, 0, "{name} on {}: {}", entry.name, again.certificate);
                assert_eq!(again.coefficients, exact.coefficients, "{name} on {}", entry.name);
                assert!(seen == 1 && again.certificate.gap <= 1e-10 * again.certificate.scale);
            }
        }
    }
}

/// A start anywhere ends at the same solution, also from coefficients that are zero or forbidden at the optimum and from
/// a column of zeros that has one.
#[test]
fn a_start_anywhere_ends_at_the_solution() {
    let (mut x, y) = regression(33, 30, 10, 1);
    x.column_mut(6).fill(0.0);
    let f = smooth(&x, &y);
    for entry in entries(10) {
        let penalty = entry.build();
        let lambda = some_lambda(&f, &penalty, 0.2);
        let problem = Problem::new(&f, &penalty, lambda);
        let exact = solve(&solvers()[0].1, stopping(1e-13, 20_000), &problem);
        for (name, method) in solvers() {
            for size in [1.0, -100.0] {
                let start = vec![size; 10];
                let found = solve_watched(&method, stopping(1e-10, 20_000), &problem, Start::At(&start), &mut ());
                let c = found.certificate;
                assert!(
                    c.gap <= 1e-10 * c.scale,
                    "{name} on {} from {size}: {} {c} {:?}",
                    entry.name,
                    found.status,
                    found.coefficients
                );
                assert!(c.objective <= exact.certificate.objective + 2e-10 * c.scale);
            }
        }
    }
}

/// The same bits twice, and the same bits whatever the number of threads: the data are large enough for passes to be
/// shared out.
#[test]
fn threads_do_not_change_a_bit() {
    let (n, p) = (400, 2000);
    let mut rng = Rng::new(34);
    let values = (0..n * p).map(|_| rng.uniform() - 0.5).collect::<Vec<f64>>();
    let design = Dense::from_columns(values, n, p).unwrap();
    let mut y = vec![0.0; n];
    design.axpy(10..14, &[1.0, -2.0, 1.5, 0.5], &mut y);
    y.iter_mut().for_each(|y| *y += 0.1 * rng.normal());
    assert!(design.nrows() * design.ncols() * 8 > 4 << 20);
    let f = LinearPredictor::new(design, Squared::new(y, n));
    let penalty = GroupL2::new(Partition::from_sizes(&[2; 1000]).unwrap());
    let lambda = some_lambda(&f, &penalty, 0.1);
    let problem = Problem::new(&f, &penalty, lambda);
    for form in [Form::Auto, Form::Gram, Form::Residual] {
        let solver = BlockDescent { form, ..BlockDescent::default() };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let s = pool.install(|| solver.solve(&problem, Start::Zero, &mut ()));
            (s.coefficients.iter().map(|w| w.to_bits()).collect::<Vec<_>>(), s.iterations, s.certificate)
        };
        let one = run(1);
        assert!(one.0.iter().any(|&w| w != 0));
        for threads in [1, 2, 3, 4] {
            assert!(run(threads) == one, "{form:?} with {threads} threads");
        }
    }
}
