//! Data and parameters at the edge of what is legal: what other crates get wrong.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::common::*;
use ndarray::{Array1, Array2, Axis, array};
use sparsereg::Error;
use sparsereg::design::{AsDesign, Csc, Dense};
use sparsereg::error::Unconverged;
use sparsereg::estimator::Method;
use sparsereg::penalty::LatentOverlap;
use sparsereg::prelude::*;
use sparsereg::problem::{Certificate, Problem};
use sparsereg::solver::{Progress, Solver, Start};

/// `1/(2n) Σ (y − Xw − b)² + λ Σ |w_j|`, by definition.
fn lasso_objective(x: &Array2<f64>, y: &Array1<f64>, lambda: f64, w: &Array1<f64>, b: f64) -> f64 {
    let r = y - &x.dot(w) - b;
    r.dot(&r) / (2.0 * y.len() as f64) + lambda * w.iter().map(|w| w.abs()).sum::<f64>()
}

/// The certificate of a lasso with an intercept, recomputed from x, y and the answer in the user's units: the objective,
/// and that the reported gap is one that a feasible dual point proves.
#[track_caller]
fn check_lasso(label: &str, x: &Array2<f64>, y: &Array1<f64>, lambda: f64, w: &Array1<f64>, b: f64, c: &Certificate) {
    let n = y.len() as f64;
    let primal = lasso_objective(x, y, lambda, w, b);
    let constant = y.sum() / n;
    let scale = lasso_objective(x, y, lambda, &Array1::zeros(w.len()), constant);
    assert!((c.scale - scale).abs() <= 1e-9 * scale, "{label}: scale {} is not {scale}", c.scale);
    assert!((c.objective - primal).abs() <= 1e-9 * scale, "{label}: objective {} is not {primal}", c.objective);
    // θ = residual/n without its mean is feasible for the intercept; scaled into |Xᵀθ| ≤ λ for the rest.
    let mut theta = (y - &x.dot(w)) / n;
    theta -= theta.sum() / n;
    let means = x.mean_axis(Axis(0)).unwrap();
    let size = (x - &means).t().dot(&theta).iter().fold(0.0, |m: f64, z| m.max(z.abs()));
    let theta = if size > lambda { theta * (lambda / size) } else { theta };
    let dual = theta.dot(&(y - constant)) - n / 2.0 * theta.dot(&theta);
    assert!(c.gap >= 0.0, "{label}: {c}");
    assert!(
        (primal - dual - c.gap).abs() <= 1e-9 * scale + 1e-6 * c.gap,
        "{label}: gap {} is not {}",
        c.gap,
        primal - dual
    );
}

fn check_model(label: &str, x: &Array2<f64>, y: &Array1<f64>, model: &LinearModel) {
    let w = model.coefficients().to_owned();
    check_lasso(label, x, y, model.lambda(), &w, model.intercept(), model.certificate());
}

#[track_caller]
fn unconverged<M>(result: Result<M, Error>) -> Box<Unconverged> {
    match result {
        Err(Error::NotConverged(partial)) => partial,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn shapes_at_the_edge() {
    for (n, p) in [(5, 20), (2, 3), (1, 1), (1, 4), (2, 1), (20, 1), (3, 3), (4, 3)] {
        let (x, y) = single(n as u64, n, p);
        for intercept in [true, false] {
            for (name, method) in solvers() {
                let model = Lasso::new(0.05).solver(method).intercept(intercept).tolerance(1e-10).fit(&x, &y);
                let model = model.unwrap_or_else(|e| panic!("{name} {n}×{p} intercept {intercept}: {e}"));
                assert!(model.coefficients().iter().all(|w| w.is_finite()) && model.intercept().is_finite());
                if intercept {
                    check_model(&format!("{name} {n}×{p}"), &x, &y, &model);
                }
                if n == 1 && intercept {
                    // One observation is its own mean.
                    assert!(model.support().is_empty());
                    assert_eq!(model.intercept(), y[0]);
                }
            }
        }
    }
}

/// Features with means of 10 and of 1e4: one popular crate returns 2.4 and −2.4 here.
#[test]
fn shifted_features_keep_their_coefficients() {
    for shift in [10.0, 1e4, 1e7] {
        let mut rng = Rng::new(5);
        let x = Array2::from_shape_fn((50, 2), |_| shift + rng.normal());
        let y: Array1<f64> = x.rows().into_iter().map(|r| 3.0 * r[0] - 2.0 * r[1] + 7.0).collect();
        for (name, method) in solvers() {
            for standardize in [false, true] {
                let e = Lasso::new(0.0).solver(method.clone()).standardize(standardize).tolerance(0.0);
                let model = e.fit(&x, &y).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_close(&format!("{name} {shift}"), model.coefficients(), &[3.0, -2.0], 1e-12 * shift + 1e-8);
                assert!(
                    (model.intercept() - 7.0).abs() < 1e-13 * shift * shift + 1e-7,
                    "{name} {shift}: {}",
                    model.intercept()
                );
            }
        }
    }
}

#[test]
fn constant_and_duplicate_columns() {
    let (mut x, y) = single(6, 30, 8);
    let plain = Lasso::new(0.1).tolerance(0.0).fit(&x, &y).unwrap();
    x.column_mut(1).fill(0.1); // its mean is not a sum of thirty exact terms
    x.column_mut(2).fill(0.0);
    x.column_mut(3).fill(1e8);
    let copy = x.column(0).to_owned();
    x.column_mut(4).assign(&copy);
    x.column_mut(5).assign(&(-&copy));
    for (name, method) in solvers() {
        for standardize in [false, true] {
            for sparse in [false, true] {
                let e = Lasso::new(0.1).solver(method.clone()).standardize(standardize).tolerance(1e-10);
                let csc = Csc::from_dense(&Dense::new(x.view()).unwrap()).unwrap();
                let model = if sparse { e.fit(&csc, &y) } else { e.fit(&x, &y) };
                let model = model.unwrap_or_else(|e| panic!("{name} standardize {standardize} sparse {sparse}: {e}"));
                let w = model.coefficients();
                assert_eq!((w[1], w[2], w[3]), (0.0, 0.0, 0.0), "{name} standardize {standardize} sparse {sparse}");
                if !standardize {
                    check_model(name, &x, &y, &model);
                }
            }
        }
    }
    assert!(plain.coefficients()[0] != 0.0);
    // Nothing but constants.
    let x = Array2::from_elem((5, 2), 3.0);
    let model = Lasso::new(0.0).fit(&x, &array![1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    assert_eq!((model.coefficients().to_vec(), model.intercept()), (vec![0.0; 2], 3.0));
}

#[test]
fn constant_responses() {
    let (x, _) = single(7, 20, 6);
    for value in [0.0, 0.1, -3.0, 1e10, 1e-10] {
        let y = Array1::from_elem(20, value);
        for (name, method) in solvers() {
            for lambda in [1e-3, 1.0] {
                let e = Lasso::new(lambda * f64::max(value, 1e-3)).solver(method.clone());
                let model = e.fit(&x, &y).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert!(model.support().is_empty(), "{name} {value}");
                assert!(
                    (model.intercept() - value).abs() <= 1e-15 * value.abs(),
                    "{name} {value}: {}",
                    model.intercept()
                );
                assert!(model.certificate().relative_gap() <= 1e-6 && model.certificate().gap >= 0.0);
                assert!(model.to_string().contains("0 of 6"), "{model}");
            }
            let model = MultiTaskLasso::new(0.1).solver(method).fit(&x, &Array2::zeros((20, 2))).unwrap();
            assert!(model.support().is_empty() && model.intercepts() == array![0.0, 0.0], "{name}");
        }
    }
}

/// Columns in units from 1e-10 to 1e10 (and to 1e±150): with weights in the same units the problem is the same.
#[test]
fn units_of_columns_do_not_matter() {
    let (x, y) = single(8, 30, 5);
    let units = [[1e-10, 1.0, 1e10, 1e-5, 1e5], [1e-150, 1.0, 1e150, 1e-100, 1e100]];
    let reference = Lasso::new(0.2).tolerance(0.0).fit(&x, &y).unwrap();
    assert!(reference.support().len() > 1);
    for units in units.map(Array1::from_iter) {
        let scaled = &x * &units;
        for (name, method) in solvers() {
            if name == "fista no precondition" {
                continue; // what the precondition is for
            }
            for standardize in [false, true] {
                let same = Lasso::new(0.2).solver(method.clone()).standardize(standardize).tolerance(1e-13);
                let same = if standardize { same } else { same.weights(units.to_vec()) };
                let found = same.fit(&scaled, &y).unwrap_or_else(|e| panic!("{name} {units}: {e}"));
                let label = format!(
                    "{name} standardize {standardize} units {units}: {} {}",
                    found.status(),
                    found.certificate()
                );
                let reference = if standardize {
                    Lasso::new(0.2).standardize(true).tolerance(0.0).fit(&x, &y).unwrap()
                } else {
                    reference.clone()
                };
                assert_close(&label, &(&found.coefficients() * &units), reference.coefficients(), 1e-6);
            }
        }
    }
}

#[test]
fn units_of_the_response_do_not_matter() {
    let (x, y) = single(9, 30, 5);
    let reference = Lasso::new(0.2).tolerance(0.0).fit(&x, &y).unwrap();
    for unit in [1e-150, 1e-100, 1e-10, 1e10, 1e100, 1e150] {
        for (name, method) in solvers() {
            let model = Lasso::new(0.2 * unit).solver(method).tolerance(1e-13).fit(&x, &(&y * unit));
            let model = model.unwrap_or_else(|e| panic!("{name} {unit:e}: {e}"));
            assert_close(&format!("{name} {unit:e}"), &(&model.coefficients() / unit), reference.coefficients(), 1e-6);
            assert!((model.intercept() / unit - reference.intercept()).abs() < 1e-5, "{name} {unit:e}");
        }
    }
}

/// Where squares overflow or vanish, the answer is an error or right, never silently wrong.
#[test]
fn overflow_is_never_an_answer() {
    let (x, y) = single(10, 30, 5);
    let reference = Lasso::new(0.2).tolerance(0.0).fit(&x, &y).unwrap();
    for unit in [1e-250, 1e-200, 1e-170, 1e155, 1e170, 1e200, 1e300] {
        for (name, method) in main_solvers() {
            if let Ok(model) = Lasso::new(0.2 * unit).solver(method.clone()).max_iterations(1000).fit(&x, &(&y * unit))
            {
                let w = &model.coefficients() / unit;
                assert_close(
                    &format!("{name} y in {unit:e}: {}", model.certificate()),
                    &w,
                    reference.coefficients(),
                    1e-3,
                );
            }
            let e = Lasso::new(0.2 * unit).weights(vec![1.0, 1.0 / unit, 1.0 / unit, 1.0 / unit, 1.0 / unit]);
            let mut scaled = x.clone();
            scaled.column_mut(0).mapv_inplace(|v| v * unit);
            if unit < 1e300
                && let Ok(model) = e.solver(method).max_iterations(1000).fit(&scaled, &y)
            {
                let mut w = model.coefficients().to_owned();
                w[0] *= unit;
                assert_close(
                    &format!("{name} x in {unit:e}: {}", model.certificate()),
                    &w,
                    reference.coefficients(),
                    1e-3,
                );
            }
        }
    }
}

#[test]
fn lambda_zero_is_least_squares() {
    // n > p: the normal equations hold.
    let (x, y) = single(11, 30, 6);
    let groups = || Groups::from_sizes(&[2, 3, 1]).unwrap();
    for (name, method) in solvers() {
        macro_rules! normal_equations {
            ($estimator:expr) => {{
                let model = $estimator
                    .solver(method.clone())
                    .tolerance(1e-14)
                    .fit(&x, &y)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
                let r = &y - &model.predict(&x).unwrap();
                assert!(r.sum().abs() < 1e-6, "{name}: {}", r.sum());
                assert!(x.t().dot(&r).iter().all(|g| g.abs() < 1e-5), "{name}: {}", x.t().dot(&r));
                let c = model.certificate();
                assert!((c.objective - r.dot(&r) / 60.0).abs() < 1e-9 * c.scale, "{name}: {c}");
            }};
        }
        normal_equations!(Lasso::new(0.0));
        normal_equations!(ElasticNet::new(0.0, 0.5));
        normal_equations!(ElasticNet::new(0.0, 0.0));
        normal_equations!(GroupLasso::new(0.0, groups()));
        normal_equations!(SparseGroupLasso::new(0.0, 0.5, groups()));
        normal_equations!(Lasso::new(0.7).weights(vec![0.0; 6]));
        normal_equations!(GroupLasso::new(0.7, groups()).weights(vec![0.0; 3]));
    }
    // n < p: interpolation. Collinear columns: the same fit.
    let (x, y) = single(12, 10, 25);
    let (mut twins, y_twins) = single(13, 30, 6);
    let copy = &twins.column(0) * 2.0 - twins.column(1);
    twins.column_mut(2).assign(&copy);
    for (name, method) in solvers() {
        let model = Lasso::new(0.0)
            .solver(method.clone())
            .tolerance(1e-10)
            .fit(&x, &y)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(model.r_squared() > 1.0 - 1e-9, "{name}: {}", model.r_squared());
        assert!(model.score(&x, &y).unwrap() > 1.0 - 1e-9, "{name}");
        let model = Lasso::new(0.0)
            .solver(method)
            .tolerance(1e-12)
            .fit(&twins, &y_twins)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let r = &y_twins - &model.predict(&twins).unwrap();
        assert!(twins.t().dot(&r).iter().all(|g| g.abs() < 1e-3), "{name}: {}", twins.t().dot(&r));
    }
}

#[test]
fn excluded_features_stay_out_even_at_lambda_zero() {
    let (x, y) = single(14, 30, 6);
    let without = x.select(Axis(1), &[0, 1, 2, 4]);
    for (name, method) in solvers() {
        for lambda in [0.0, 0.05] {
            let fit = |x: &Array2<f64>, w: Vec<f64>| {
                let e = Lasso::new(lambda).weights(w).solver(method.clone()).tolerance(1e-13);
                e.fit(x, &y).unwrap_or_else(|e| panic!("{name} λ {lambda}: {e}"))
            };
            let full = fit(&x, vec![1.0, 0.0, 1.0, INF, 1.0, INF]);
            let short = fit(&without, vec![1.0, 0.0, 1.0, 1.0]);
            assert_eq!((full.coefficients()[3], full.coefficients()[5]), (0.0, 0.0), "{name}");
            let w = full.coefficients().select(Axis(0), &[0, 1, 2, 4]);
            assert_close(&format!("{name} λ {lambda}"), &w, short.coefficients(), 1e-6);
            let nothing = fit(&x, vec![INF; 6]);
            assert!(
                nothing.support().is_empty() && nothing.certificate().gap == 0.0,
                "{name}: {}",
                nothing.certificate()
            );
        }
    }
    let max = Lasso::new(0.0).weights(vec![INF; 6]).lambda_max(&x, &y).unwrap();
    assert_eq!(max, 0.0);
    let max = Lasso::new(0.0).weights(vec![0.0; 6]).lambda_max(&x, &y).unwrap();
    assert!(max == 0.0, "{max}");
}

/// From λ_max on everything penalised is exactly zero, just below it something is not; free features are fitted.
#[test]
fn lambda_max_is_sharp() {
    let (x, y) = single(15, 30, 9);
    let (_, wide) = regression(15, 30, 9, 2);
    let groups = || Groups::new(&[vec![8, 0, 3], vec![1, 2], vec![4, 5, 6, 7]]).unwrap();
    let overlap = || Groups::overlapping(&[vec![8, 0, 3], vec![1, 2, 3], vec![4, 5, 6, 7, 1]], 9).unwrap();
    let free = vec![1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, INF, 0.5];
    for (name, method) in solvers() {
        macro_rules! sharp {
            ($new:expr, $y:expr, $free:expr) => {{
                let new = $new;
                let fit = |lambda: f64, tolerance: f64| new(lambda).solver(method.clone()).tolerance(tolerance).fit(&x, $y).unwrap();
                let max: f64 = new(0.0).lambda_max(&x, $y).unwrap();
                let free: &[usize] = $free;
                // With something free to be fitted first, only a distance from λ_max makes zeros certain at any finite gap.
                let above = if free.is_empty() { 1e-12 } else { 0.1 };
                for lambda in [max * (1.0 + above), 2.0 * max, 1e6 * max] {
                    assert_eq!(fit(lambda, 1e-10).support(), free, "{name} {} λ {lambda}", stringify!($new));
                }
                let below = fit(max * 0.999, 1e-12);
                assert!(below.support().len() > free.len(), "{name} {} {}", stringify!($new), below.certificate());
            }};
        }
        sharp!(|l| Lasso::new(l), &y, &[]);
        sharp!(|l| Lasso::new(l).nonnegative(true), &y, &[]);
        sharp!(|l| Lasso::new(l).weights(free.clone()), &y, &[2]);
        sharp!(|l| ElasticNet::new(l, 0.5), &y, &[]);
        sharp!(|l| GroupLasso::new(l, groups()), &y, &[]);
        sharp!(|l| GroupLasso::new(l, groups()).weights(vec![1.0, 0.0, 2.0]), &y, &[1, 2]);
        sharp!(|l| SparseGroupLasso::new(l, 0.3, groups()), &y, &[]);
        sharp!(|l| LatentGroupLasso::new(l, overlap()), &y, &[]);
        sharp!(|l| MultiTaskLasso::new(l), &wide, &[]);
        sharp!(|l| MultiTaskElasticNet::new(l, 0.2), &wide, &[]);
        sharp!(|l| Lasso::new(l).standardize(true), &y, &[]);
    }
    // At λ_max itself, with nothing free, the start is the answer.
    let max = Lasso::new(0.0).lambda_max(&x, &y).unwrap();
    let model = Lasso::new(max).fit(&x, &y).unwrap();
    assert!(model.support().is_empty() && model.iterations() == 0 && model.certificate().gap == 0.0);
    assert_eq!(ElasticNet::new(0.0, 0.0).lambda_max(&x, &y).unwrap(), INF);
}

#[test]
fn tolerance_zero_ends_stalled() {
    for (n, p) in [(30, 8), (8, 30)] {
        let (x, y) = single(16, n, p);
        for (name, method) in solvers() {
            for lambda in [0.0, 0.01, 0.1, 1.0] {
                if n < p && lambda == 0.0 && name.contains("ista") {
                    continue; // first order methods creep there
                }
                let e = Lasso::new(lambda).solver(method.clone()).tolerance(0.0);
                let model = e.fit(&x, &y).unwrap_or_else(|e| panic!("{name} {n}×{p} λ {lambda}: {e}"));
                let c = model.certificate();
                assert!(matches!(model.status(), Status::Stalled | Status::Converged), "{name}: {}", model.status());
                assert!(model.status() == Status::Stalled || c.gap == 0.0, "{name}: {c}");
                assert!(c.gap <= 1e-12 * c.scale, "{name} {n}×{p} λ {lambda}: {c}");
            }
        }
    }
}

#[test]
fn every_estimator_reaches_1e_10() {
    for (n, p) in [(40, 12), (15, 30)] {
        let (x, wide) = regression(17, n, p, 3);
        let y = wide.column(1).to_owned();
        let lists: Vec<Vec<usize>> = (0..p).step_by(3).map(|j| (j..p.min(j + 4)).rev().collect()).collect();
        let overlap = || Groups::overlapping(&lists, p).unwrap();
        let labels: Vec<usize> = (0..p).map(|j| j * 7 % 4).collect();
        let groups = || Groups::from_labels(&labels).unwrap();
        for (name, method) in solvers() {
            macro_rules! reaches {
                ($new:expr, $y:expr) => {{
                    for standardize in [false, true] {
                        let e = $new.solver(method.clone()).standardize(standardize).tolerance(1e-10);
                        let model =
                            e.fit(&x, $y).unwrap_or_else(|e| panic!("{name} {} {n}×{p}: {e}", stringify!($new)));
                        let c = model.certificate();
                        assert!(
                            model.status() == Status::Converged && (0.0..=1e-10).contains(&c.relative_gap()),
                            "{name}: {c}"
                        );
                        assert!(!model.support().is_empty());
                    }
                }};
            }
            reaches!(Lasso::new(0.1), &y);
            reaches!(Lasso::new(0.1).nonnegative(true), &y);
            reaches!(ElasticNet::new(0.1, 0.3), &y);
            reaches!(ElasticNet::new(0.1, 0.0), &y);
            reaches!(GroupLasso::new(0.05, groups()), &y);
            reaches!(GroupLasso::new(0.05, groups()).nonnegative(true), &y);
            reaches!(SparseGroupLasso::new(0.1, 0.4, groups()), &y);
            reaches!(LatentGroupLasso::new(0.05, overlap()), &y);
            reaches!(MultiTaskLasso::new(0.1), &wide);
            reaches!(MultiTaskElasticNet::new(0.1, 0.3), &wide);
        }
        // The latent norm by its prox has solvers of its own.
        let f = smooth(&x, &y.clone().insert_axis(Axis(1)));
        let penalty = LatentOverlap::new(overlap());
        let lambda = some_lambda(&f, &penalty, 0.1);
        for (name, method) in solvers() {
            if let Method::Fista(mut fista) = method {
                fista.stopping = stopping(1e-10, 100_000);
                let s = fista.solve(&Problem::new(&f, &penalty, lambda), Start::Zero, &mut ());
                assert!(
                    s.status == Status::Converged && s.certificate.relative_gap() <= 1e-10,
                    "{name}: {} {}",
                    s.status,
                    s.certificate
                );
            }
        }
    }
}

/// Least squares with w ≥ 0.
#[test]
fn nonnegative_least_squares_converges() {
    for seed in 0..5 {
        let (x, y) = single(20 + seed, 30, 8);
        for (name, method) in main_solvers() {
            let model = Lasso::new(0.0).nonnegative(true).solver(method).max_iterations(10_000).fit(&x, &y);
            let model = model.unwrap_or_else(|e| panic!("{name}: {e}"));
            let r = &y - &model.predict(&x).unwrap();
            for (g, w) in x.t().dot(&r).iter().zip(model.coefficients()) {
                assert!(*w >= 0.0 && *g < 1e-2 && (*w == 0.0 || g.abs() < 1e-2), "{name}: {g} {w}");
            }
        }
    }
}

#[test]
fn limits_return_the_partial_answer_and_its_true_gap() {
    let (x, y) = single(18, 40, 15);
    let lambda = 0.01;
    let best = Lasso::new(lambda).tolerance(0.0).fit(&x, &y).unwrap().certificate().objective;
    for (name, method) in solvers() {
        for limit in [0, 1, 2] {
            let e = Lasso::new(lambda).solver(method.clone()).max_iterations(limit).tolerance(1e-14);
            let partial = unconverged(e.fit(&x, &y));
            assert_eq!((partial.status, partial.iterations), (Status::IterationLimit, limit), "{name}");
            let w = partial.coefficients.column(0).to_owned();
            let c = partial.certificate;
            check_lasso(&format!("{name} after {limit}"), &x, &y, lambda, &w, partial.intercept[0], &c);
            assert!(c.objective - best <= c.gap * (1.0 + 1e-9), "{name} after {limit}: {c}");
            assert!(limit > 0 || w.iter().all(|&w| w == 0.0), "{name}");
            assert!(limit == 0 || w.iter().any(|&w| w != 0.0), "{name}");

            let model = e.accept_unconverged(true).fit(&x, &y).unwrap();
            assert_eq!((model.status(), model.iterations()), (Status::IterationLimit, limit));
            assert_eq!(model.coefficients(), w);
            assert_eq!(*model.certificate(), c);
            assert!(model.to_string().contains("iteration limit"), "{model}");
        }
        let e = Lasso::new(lambda).solver(method).time_limit(Duration::ZERO).tolerance(1e-14);
        let partial = unconverged(e.fit(&x, &y));
        assert_eq!(partial.status, Status::TimeLimit, "{name}");
        let w = partial.coefficients.column(0).to_owned();
        check_lasso(&format!("{name} without time"), &x, &y, lambda, &w, partial.intercept[0], &partial.certificate);
    }
    // A problem that is solved at the start needs neither iterations nor time.
    let e = Lasso::new(1e6).max_iterations(0).time_limit(Duration::ZERO);
    assert_eq!(e.fit(&x, &y).unwrap().status(), Status::Converged);
}

#[test]
fn a_watcher_sees_the_progress_and_may_cancel() {
    let (x, y) = single(19, 40, 15);
    for (name, method) in solvers() {
        let mut seen: Vec<Progress> = Vec::new();
        let mut watch = |p: &Progress| {
            seen.push(*p);
            ControlFlow::Continue(())
        };
        let model = Lasso::new(0.01).solver(method.clone()).fit_watched(&x, &y, &mut watch).unwrap();
        let last = seen.last().unwrap();
        assert_eq!((last.certificate, last.iterations), (*model.certificate(), model.iterations()), "{name}");
        assert!(seen.windows(2).all(|w| w[0].iterations <= w[1].iterations && w[0].elapsed <= w[1].elapsed), "{name}");
        assert!(last.lambda == 0.01 && seen.iter().all(|p| p.lambda >= 0.01 && p.working_set <= 15), "{name}");
        assert!(seen.len() >= 2, "{name}: {}", seen.len());
        for calls in [1, 2] {
            let mut left = calls;
            let mut watch = |_: &Progress| {
                left -= 1;
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let e = Lasso::new(0.01).solver(method.clone()).tolerance(1e-14);
            let partial = unconverged(e.fit_watched(&x, &y, &mut watch));
            assert_eq!(partial.status, Status::Cancelled, "{name}");
            let w = partial.coefficients.column(0).to_owned();
            check_lasso(name, &x, &y, 0.01, &w, partial.intercept[0], &partial.certificate);
        }
    }
}

/// A watcher that says stop once, anywhere: on the way to the first λ, between λs that are certified together, at a pass.
#[test]
fn a_path_that_is_cancelled_keeps_what_is_proven() {
    let (x, y) = single(23, 40, 30);
    let classes = y.mapv(|y| f64::from(u8::from(y > 0.0)));
    fn cancelled_at<E: Estimator>(
        e: &E,
        x: &Array2<f64>,
        y: &ndarray::Array<f64, E::Response>,
        at: usize,
    ) -> Option<usize> {
        let mut calls = 0;
        let mut watch = |_: &Progress| {
            calls += 1;
            assert!(calls <= at, "asked again");
            if calls == at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let path = e.path_watched(x, y, Grid::auto(60), &mut watch).unwrap();
        let models = path.models();
        let (last, before) = models.split_last().unwrap();
        assert!(before.iter().all(|m| m.status() == Status::Converged), "{at}");
        let ended = last.status() == Status::Cancelled;
        assert!(ended || last.status() == Status::Converged, "{at}: {}", last.status());
        (ended || models.len() < 60 || calls == at).then_some(models.len())
    }
    for at in (1..200).step_by(3) {
        let lasso = cancelled_at(&Lasso::default().accept_unconverged(true), &x, &y, at);
        let logistic = cancelled_at(&LogisticLasso::default().accept_unconverged(true), &x, &classes, at);
        // Nothing is done after the stop but to say what is known at the λ it was for.
        assert!(
            at > 60 || (lasso.is_some_and(|n| n <= at + 1) && logistic.is_some_and(|n| n <= at + 1)),
            "{at}: {lasso:?} {logistic:?}"
        );
    }
}

/// The default tolerance means what it says, for all of the way.
#[test]
fn certificates_are_those_of_the_definition_all_along_the_path() {
    for (n, p) in [(30, 10), (10, 30)] {
        let (mut x, y) = single(21, n, p);
        x += 50.0;
        let max = Lasso::new(0.0).lambda_max(&x, &y).unwrap();
        for k in 0..20 {
            let lambda = max * 0.7f64.powi(k);
            for (name, method) in main_solvers() {
                let model = Lasso::new(lambda).solver(method).fit(&x, &y).unwrap();
                assert!(model.certificate().relative_gap() <= 1e-6);
                check_model(&format!("{name} λ {lambda}"), &x, &y, &model);
            }
        }
    }
}

/// A design that breaks its contract with NaN ends as an error, not as an answer and not as an endless loop.
#[test]
fn nan_behind_a_user_design_is_not_an_answer() {
    let x =
        sparsereg::design::Columns::new(Dense::view(ndarray::aview2(&[[1.0], [f64::NAN], [2.0]])), vec![0]).unwrap();
    assert!(x.as_design().is_ok());
    for (name, method) in main_solvers() {
        let result = Lasso::new(0.01).solver(method).max_iterations(100).fit(&x, &array![1.0, 2.0, 3.0]);
        assert!(result.is_err(), "{name}: {}", result.unwrap());
    }
}

/// A group that is wider than the rows can tell apart has directions in which the gradient is rounding only; a λ of about
/// that size once turned it into NaN.
#[test]
fn null_directions_of_a_group_stay_out_of_the_answer() {
    for lambda in [1e-16, 1e-24, 1e-33] {
        for seed in 0..10 {
            let (x, y) = single(seed, 3, 8);
            let groups = Groups::from_sizes(&[8]).unwrap();
            let model = GroupLasso::new(lambda, groups)
                .tolerance(1e-10)
                .fit(&x, &y)
                .unwrap_or_else(|e| panic!("λ {lambda} seed {seed}: {e}"));
            let c = model.certificate();
            assert!(c.objective.is_finite() && c.relative_gap() <= 1e-10);
        }
    }
}

/// Non-negative least squares in blocks: of a block that is partly at zero only the columns that point below zero may be
/// projected out of the dual point.
#[test]
fn nonnegative_groups_without_a_penalty_are_certified() {
    for seed in 0..30 {
        let (x, y) = single(seed, 6, 4);
        for (name, method) in solvers() {
            let groups = Groups::from_sizes(&[3, 1]).unwrap();
            let model = GroupLasso::new(0.0, groups)
                .nonnegative(true)
                .intercept(false)
                .solver(method)
                .tolerance(1e-10)
                .fit(&x, &y);
            model.unwrap_or_else(|e| panic!("{name} seed {seed}: {e}"));
        }
    }
}

/// A support as large as the rank of X makes the Hessian singular; the second-order finish has to get past it.
#[test]
fn a_support_beyond_the_rank_is_left_again() {
    for (seed, n, p) in [(1, 18, 19), (2, 19, 28), (3, 12, 30), (4, 10, 10)] {
        let (x, y) = single(seed, n, p);
        let lambda = 1e-6 * Lasso::default().lambda_max(&x, &y).unwrap();
        for form in [Form::Auto, Form::Gram] {
            let solver = BlockDescent { form, ..BlockDescent::default() };
            let model = Lasso::new(lambda)
                .solver(solver)
                .tolerance(1e-10)
                .fit(&x, &y)
                .unwrap_or_else(|e| panic!("{n}×{p} {form:?}: {e}"));
            check_model(&format!("{n}×{p} {form:?}"), &x, &y, &model);
        }
    }
}

/// More active columns than rows, neighbours nearly the same: hopeless for sweeps over a residual, not for second-order
/// steps.
#[test]
fn correlated_columns_with_a_wide_support() {
    let mut rng = Rng::new(8);
    let mut x = Array2::zeros((60, 400));
    for i in 0..60 {
        let mut last = rng.normal();
        for j in 0..400 {
            last = 0.99 * last + (1.0f64 - 0.99 * 0.99).sqrt() * rng.normal();
            x[[i, j]] = last;
        }
    }
    let y = Array1::from_shape_fn(60, |i| x[[i, 0]] - x[[i, 200]] + rng.normal());
    let sgl = |lambda| {
        let groups = Groups::from_sizes(&[5; 80]).unwrap();
        SparseGroupLasso::new(lambda, 0.5, groups)
    };
    let lambda = 1e-3 * sgl(0.0).lambda_max(&x, &y).unwrap();
    let model = sgl(lambda).tolerance(1e-10).max_iterations(5_000).fit(&x, &y).unwrap();
    assert!(model.support().len() > 60, "not the case meant");
}

/// Nothing is penalised, columns have means of 1e4 and some are nearly the same: sweeps would crawl, least squares is exact.
#[test]
fn least_squares_of_several_responses_is_solved_at_once() {
    let (x, y) = regression(77, 27, 21, 2);
    let x = Array2::from_shape_fn(x.dim(), |(i, j)| {
        let near = if j % 5 == 4 { x[[i, j - 1]] + 1e-4 * x[[i, j]] } else { x[[i, j]] };
        1e4 + near * 10f64.powi(j as i32 % 3)
    });
    let model = MultiTaskLasso::new(0.0).tolerance(1e-10).max_iterations(1000).fit(&x, &y).unwrap();
    assert!(model.certificate().relative_gap() <= 1e-10);
    let latent = Groups::overlapping(&[(0..12).collect::<Vec<_>>(), (8..21).collect()], 21).unwrap();
    let single = LatentGroupLasso::new(0.0, latent).standardize(true).tolerance(1e-10).max_iterations(1000);
    let model = single.fit(&x, &y.column(0).to_owned()).unwrap();
    assert!(model.certificate().relative_gap() <= 1e-10);
}

/// λs above the critical one have empty working sets, alone and in batches; so have folds that lack the one large response.
#[test]
fn paths_above_the_critical_lambda_are_zero() {
    let (x, y) = regression(5, 30, 8, 2);
    let first = y.column(0).to_owned();
    let critical = Lasso::default().lambda_max(&x, &first).unwrap();
    let lambdas: Vec<f64> = [4.0, 3.9, 3.8, 3.7, 1.5, 0.5].iter().map(|s| s * critical).collect();
    let path = Lasso::default().path(&x, &first, Grid::values(lambdas)).unwrap();
    let sizes: Vec<usize> = path.models().iter().map(|m| m.support().len()).collect();
    assert_eq!(sizes[..5], [0; 5]);
    assert!(sizes[5] > 0 && path.models().iter().all(|m| m.status() == Status::Converged));
    let critical = MultiTaskLasso::default().lambda_max(&x, &y).unwrap();
    let lambdas: Vec<f64> = [4.0, 3.9, 3.8, 3.7, 1.5].iter().map(|s| s * critical).collect();
    let path = MultiTaskLasso::default().path(&x, &y, Grid::values(lambdas)).unwrap();
    assert!(path.models().iter().all(|m| m.support().is_empty()));

    let mut spike = Array1::from_elem(30, 1.0);
    spike[7] = 100.0;
    let cv = Lasso::default().cross_validate(&x, &spike, &KFold::new(5).seed(1)).unwrap();
    assert!((0..cv.path().len()).all(|k| cv.unconverged(k) == 0));
}
