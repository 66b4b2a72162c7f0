//! λ, a bound on the loss and a budget are three names of one fit.

use std::path::Path;

use crate::common::*;
use ndarray::{Array1, Array2};
use serde_json::Value;
use sparsereg::constrained::Constrained;
use sparsereg::estimator::Shape;
use sparsereg::prelude::*;

/// m = 12, n = 30, L = 4: A, Y and ‖E‖², from formulas.
fn instance() -> (Array2<f64>, Array2<f64>, f64) {
    let number = |k: usize| (k + 1) as f64;
    let mut a = Array2::from_shape_fn((12, 30), |(i, j)| {
        let (i, j) = (number(i), number(j));
        (1.3 * i * j + 0.7 * i).sin() + (0.9 * i + 2.1 * j).cos()
    });
    for mut column in a.columns_mut() {
        let norm = column.dot(&column).sqrt();
        column /= norm;
    }
    let mut x = Array2::zeros((30, 4));
    let rows = [(4, [1.0, -1.0, 0.5, 2.0]), (11, [-0.5, 1.5, 1.0, 0.25]), (22, [2.0, 0.5, -1.0, 1.0])];
    for (j, row) in rows {
        x.row_mut(j).assign(&Array1::from(row.to_vec()));
    }
    let e = Array2::from_shape_fn((12, 4), |(i, t)| 0.02 * (2.7 * number(4 * i + t)).sin());
    let y = a.dot(&x) + &e;
    (a, y, (&e * &e).sum())
}

/// Both sides of the proof, in order, closed to the tolerance.
#[track_caller]
fn assert_proven<M: Model>(label: &str, fit: &Constrained<M>, tolerance: f64) {
    let scale = match fit.bound() {
        Bound::Loss(e) => {
            assert!(fit.loss() <= e, "{label}: {} > {e}", fit.loss());
            fit.penalty()
        }
        Bound::SquaredResidual(e) => {
            assert!(fit.squared_residual() <= e * (1.0 + 1e-15), "{label}: {} > {e}", fit.squared_residual());
            fit.penalty()
        }
        Bound::Penalty(t) => {
            assert!(fit.penalty() <= t, "{label}: {} > {t}", fit.penalty());
            fit.certificate().scale
        }
    };
    assert!(fit.gap() >= -1e-13 * scale, "{label}: a bound above the answer, {:e}", fit.gap());
    assert!(fit.gap() <= tolerance * scale, "{label}: gap {:e} of {scale:e}, {}", fit.gap(), fit.status());
}

/// Digits from a conic solver and from FISTA with bisection.
#[test]
fn the_seed_free_instance_has_its_digits() {
    let (a, y, eps) = instance();
    assert!((eps - 0.009913362188).abs() < 1e-12);
    for (method, tolerance) in [(Method::from(BlockDescent::default()), 1e-9), (Fista::default().into(), 1e-6)] {
        let lasso = MultiTaskLasso::default().intercept(false).solver(method).tolerance(tolerance);
        let fit = lasso.fit_constrained(&a, &y, Bound::SquaredResidual(eps)).unwrap();
        assert_proven("rows", &fit, tolerance);
        assert!((fit.penalty() - 6.795_308_3).abs() < 1.01e-6 * 6.8, "{}", fit.penalty());
        assert!(fit.lower_bound() < 6.795_308_5);
        assert!(fit.squared_residual() > eps * (1.0 - 1e-5));
        // λ of ½‖AX − Y‖² + λ‖X‖₂,₁, and the multiplier of the squared norm.
        // An answer within a share τ of the optimum determines λ to √τ.
        let error = 1e-7 + 0.0414 * tolerance.sqrt();
        assert!((12.0 * fit.lambda() - 0.041_386_4).abs() < error, "{}", 12.0 * fit.lambda());
        assert!((fit.multiplier() - 12.08).abs() < 0.02 && fit.is_active());
        if tolerance < 1e-7 {
            assert_eq!(fit.support(), [0, 2, 4, 11, 19, 22, 24]);
        }
        let residual = a.dot(&fit.coefficient_matrix()) - &y;
        assert!(((&residual * &residual).sum() - fit.squared_residual()).abs() < 1e-12);
    }
}

fn load(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("JSON")
}

fn matrix(v: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = (v.as_array().expect("rows").iter())
        .map(|row| row.as_array().expect("a row").iter().map(|v| v.as_f64().expect("a number")).collect())
        .collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("a matrix")
}

/// The value, and that no bound contradicts what a conic solver found (`tests/golden/make_constrained_goldens.py`).
#[track_caller]
fn assert_golden<M: Model>(label: &str, fit: &Constrained<M>, case: &Value) {
    assert_proven(label, fit, 1e-8);
    let value = case["value"].as_f64().unwrap();
    assert!((fit.objective() - value).abs() < 2e-6 * value, "{label}: {} for {value}", fit.objective());
    assert!(fit.lower_bound() <= value * (1.0 + 1e-6), "{label}: {} for {value}", fit.lower_bound());
    let multiplier = case["multiplier"].as_f64().unwrap();
    assert!((fit.multiplier() - multiplier).abs() < 1e-3 * multiplier, "{label}: {} {multiplier}", fit.multiplier());
    let distance = distance(&fit.coefficient_matrix(), &matrix(&case["w"]));
    assert!(distance < 2e-3, "{label}: {distance:e} apart");
}

#[test]
fn a_conic_solver_agrees() {
    let goldens = load("constrained.json");
    let (x, y) = (matrix(&goldens["x"]), matrix(&goldens["y"]));
    let first = y.column(0).to_owned();
    let labels = first.mapv(|v| f64::from(u8::from(v > 0.0)));
    let groups = || Groups::from_sizes(&[4; 5]).unwrap();
    let group = GroupLasso::new(0.0, groups()).tolerance(1e-8);
    let rows = MultiTaskLasso::default().tolerance(1e-8);
    let logistic = LogisticLasso::new(0.0).tolerance(1e-8);
    let nonnegative = Lasso::default().nonnegative(true).intercept(false).tolerance(1e-8);
    for (name, case) in goldens["cases"].as_object().unwrap() {
        let bound = case["bound"].as_f64().unwrap();
        let bound = match case["kind"].as_str().unwrap() {
            "loss" => Bound::Loss(bound),
            "residual" => Bound::SquaredResidual(bound),
            _ => Bound::Penalty(bound),
        };
        match case["model"].as_str().unwrap() {
            "group" => assert_golden(name, &group.fit_constrained(&x, &first, bound).unwrap(), case),
            "rows" => assert_golden(name, &rows.fit_constrained(&x, &y, bound).unwrap(), case),
            "logistic" => assert_golden(name, &logistic.fit_constrained(&x, &labels, bound).unwrap(), case),
            _ => assert_golden(name, &nonnegative.fit_constrained(&x, &first, bound).unwrap(), case),
        }
    }
}

/// Penalised at λ, then under its own ε, then within its own t: one W.
#[track_caller]
fn three_ways<E: Estimator>(
    label: &str,
    estimator: &E,
    x: &Array2<f64>,
    y: &ndarray::Array<f64, E::Response>,
    share: f64,
    error: f64,
) where
    E::Response: Shape,
{
    let max = estimator.lambda_max(x, y).unwrap();
    let lambda = share * if max.is_finite() { max } else { 1.0 };
    let path = estimator.path(x, y, Grid::values([lambda])).unwrap();
    let model = &path.models()[0];
    let w = model.coefficient_matrix();
    let size = w.iter().fold(0.0f64, |m, w| m.max(w.abs())).max(1e-3);
    // The attained loss, from the explained share of what one constrained fit reports at the null model.
    let budget = estimator.fit_budget(x, y, 0.0).unwrap();
    assert!(budget.support().len() <= model.support().len(), "{label}");
    // The scale of the certificate is F(null) − inf F, of which the model explains a share.
    let loss = budget.loss() - model.deviance_explained() * budget.certificate().scale;
    let within = estimator.fit_constrained(x, y, Bound::Loss(loss)).unwrap_or_else(|e| panic!("{label}: {e}"));
    assert_proven(&format!("{label} within"), &within, 1e-4);
    let apart = distance(&within.coefficient_matrix(), &w);
    assert!(apart <= error * size, "{label}: within, {apart:e} of {size}");
    let ratio = within.lambda() / lambda;
    assert!((ratio - 1.0).abs() < error.max(1e-5) * 10.0, "{label}: λ {} for {lambda}", within.lambda());
    let budget = estimator.fit_budget(x, y, within.penalty()).unwrap_or_else(|e| panic!("{label}: {e}"));
    assert_proven(&format!("{label} budget"), &budget, 1e-4);
    let apart = distance(&budget.coefficient_matrix(), &w);
    assert!(apart <= error * size, "{label}: budget, {apart:e} of {size}");
}

#[test]
fn every_penalty_three_ways() {
    let (x, y) = single(31, 30, 10);
    for entry in entries(10) {
        let free = (0..entry.nblocks()).any(|b| entry.is_free(b, 1.0));
        if free {
            // The share that is explained is one of a model without the free columns; the laws below cover them.
            continue;
        }
        let estimator = Penalized::new(0.0, entry.build()).tolerance(1e-9);
        three_ways(&entry.name, &estimator, &x, &y, 0.2, 1e-4);
    }
}

#[test]
fn several_responses_weights_and_offsets_three_ways() {
    let (x, y) = regression(32, 30, 12, 3);
    three_ways("rows", &MultiTaskLasso::default().tolerance(1e-9), &x, &y, 0.1, 1e-4);
    three_ways("rows, p > n", &MultiTaskElasticNet::new(0.0, 0.7).tolerance(1e-9), &x, &y, 0.02, 1e-4);
    let (x, y) = single(33, 20, 30);
    let weights: Vec<f64> = (0..20).map(|i| 0.5 + (i % 3) as f64).collect();
    let offset: Vec<f64> = (0..20).map(|i| (i % 5) as f64 / 5.0).collect();
    let lasso = Lasso::default().tolerance(1e-9);
    three_ways("p > n", &lasso, &x, &y, 0.05, 1e-4);
    three_ways("weights", &lasso.clone().sample_weights(weights).offset(offset), &x, &y, 0.1, 1e-4);
    three_ways("standardised", &lasso.standardize(true), &x, &y, 0.1, 1e-4);
    let groups = Groups::overlapping(&[vec![0, 1, 2, 3], vec![3, 4, 5], (5..30).collect()], 30).unwrap();
    three_ways("latent", &LatentGroupLasso::new(0.0, groups).tolerance(1e-9), &x, &y, 0.2, 1e-3);
}

#[test]
fn every_loss_three_ways() {
    let (x, y) = single(34, 40, 8);
    let scaled = y.mapv(|v| v / 4.0);
    let counts = scaled.mapv(|v| v.exp().min(20.0).round());
    let labels = scaled.mapv(|v| f64::from(u8::from(v > 0.3)));
    let noisy = Array1::from_shape_fn(40, |i| if i % 5 == 0 { 1.0 - labels[i] } else { labels[i] });
    three_ways("logistic", &LogisticLasso::new(0.0).tolerance(1e-9), &x, &noisy, 0.2, 1e-3);
    three_ways("Poisson", &PoissonLasso::new(0.0).tolerance(1e-9), &x, &counts, 0.2, 1e-3);
    three_ways("gamma", &GammaLasso::new(0.0).tolerance(1e-9), &x, &scaled.mapv(f64::exp), 0.2, 1e-3);
    three_ways("Huber", &Lasso::default().loss(Huber::new(0.5)).tolerance(1e-9), &x, &scaled, 0.2, 1e-3);
    three_ways("hinge", &Lasso::default().loss(SquaredHinge).tolerance(1e-9), &x, &noisy, 0.2, 1e-3);
    let classes = Array1::from_shape_fn(40, |i| if i % 7 == 0 { 2.0 } else { noisy[i] });
    three_ways("multinomial", &MultinomialLasso::new(0.0).tolerance(1e-9), &x, &classes, 0.2, 2e-3);
}

/// Losses with kinks have gaps of 1e-7 at best: what is proven is looked at, not W.
#[test]
fn losses_with_kinks_keep_their_bounds() {
    let (x, y) = single(35, 40, 6);
    for half in [false, true] {
        let check = |label: &str, null: f64, scale: f64, fit: &dyn Fn(Bound) -> (f64, f64, f64, f64)| {
            let (loss, penalty, gap, _) = fit(Bound::Loss(null - 0.6 * scale));
            assert!(loss <= null - 0.6 * scale && gap <= 1e-4 * penalty, "{label}: {loss} {penalty} {gap:e}");
            let (again, spent, gap, lower) = fit(Bound::Penalty(penalty));
            assert!(spent <= penalty && gap <= 1e-4 * scale, "{label}: {spent} {gap:e}");
            assert!((again - loss).abs() <= 2e-4 * scale && lower <= loss, "{label}: {again} {loss}");
        };
        let run = |fit: Result<(f64, f64, f64, f64), Error>| fit.unwrap_or_else(|e| panic!("{e}"));
        if half {
            let estimator = QuantileLasso::new(0.0, 0.5).tolerance(1e-5).accept_unconverged(true);
            let null = estimator.fit_budget(&x, &y, 0.0).unwrap();
            check("quantile", null.loss(), null.certificate().scale, &|bound| {
                run(estimator.fit_constrained(&x, &y, bound).map(|f| (f.loss(), f.penalty(), f.gap(), f.lower_bound())))
            });
        } else {
            let estimator = SquareRootLasso::new(0.0).tolerance(1e-5);
            let null = estimator.fit_budget(&x, &y, 0.0).unwrap();
            check("square root", null.loss(), null.certificate().scale, &|bound| {
                run(estimator.fit_constrained(&x, &y, bound).map(|f| (f.loss(), f.penalty(), f.gap(), f.lower_bound())))
            });
        }
    }
}

/// Weights 0 and ∞: the null model fits the free columns, and excluded ones stay out.
#[test]
fn free_and_excluded_columns() {
    let (x, y) = single(36, 30, 8);
    let mut weights = vec![1.0; 8];
    (weights[1], weights[2]) = (0.0, INF);
    let lasso = Lasso::default().weights(weights).tolerance(1e-9);
    let null = lasso.fit_budget(&x, &y, 0.0).unwrap();
    assert_eq!(null.support(), [1]);
    assert_proven("null", &null, 1e-8);
    let easy = lasso.fit_constrained(&x, &y, Bound::Loss(null.loss() * (1.0 + 1e-9))).unwrap();
    assert!(!easy.is_active() && easy.support() == [1] && easy.penalty() == 0.0 && easy.multiplier() == 0.0);
    let fit = lasso.fit_constrained(&x, &y, Bound::Loss(0.3 * null.loss())).unwrap();
    assert_proven("within", &fit, 1e-8);
    assert!(fit.support().contains(&1) && !fit.support().contains(&2) && fit.support().len() > 2);
    let again = lasso.with_lambda(fit.lambda()).fit(&x, &y).unwrap();
    assert_close("penalised", again.coefficients(), fit.coefficients(), 1e-5);
}

/// More features than observations, no noise: min ‖w‖₁ with Xw = y is the sparse truth.
#[test]
fn basis_pursuit_recovers_and_proves_it() {
    for seed in 0..8 {
        let mut rng = Rng::new(seed);
        let x = Array2::from_shape_simple_fn((40, 100), || rng.normal());
        let mut truth = Array1::zeros(100);
        for k in 0..6 {
            truth[(17 * k + seed as usize) % 100] = rng.normal() + if k % 2 == 0 { 2.0 } else { -2.0 };
        }
        let y = x.dot(&truth);
        let fit = Lasso::default().intercept(false).fit_constrained(&x, &y, Bound::SquaredResidual(0.0)).unwrap();
        let norm: f64 = truth.iter().map(|w: &f64| w.abs()).sum();
        assert_close("truth", fit.coefficients(), &truth, 1e-10);
        assert!((fit.penalty() - norm).abs() < 1e-10 && fit.gap() < 1e-6 * norm && fit.lower_bound() <= norm);
        assert_eq!((fit.lambda(), fit.multiplier()), (0.0, INF));
        // A tiny bound is between.
        let near = Lasso::default().intercept(false).fit_constrained(&x, &y, Bound::SquaredResidual(1e-12)).unwrap();
        assert!(near.squared_residual() <= 1e-12 && near.penalty() <= norm && near.gap() < 1e-6 * norm);
    }
    // Blocks of rows.
    let mut rng = Rng::new(99);
    let x = Array2::from_shape_simple_fn((30, 60), || rng.normal());
    let mut truth = Array2::zeros((60, 3));
    for j in [3, 20, 41, 55] {
        truth.row_mut(j).iter_mut().for_each(|w| *w = rng.normal());
    }
    let y = x.dot(&truth);
    let fit = MultiTaskLasso::default().intercept(false).fit_constrained(&x, &y, Bound::Loss(0.0)).unwrap();
    assert_close("rows", fit.coefficients(), &truth, 1e-9);
    assert!(fit.gap() < 1e-6 * fit.penalty());
}

/// A truth that ℓ1 does not find: the optimum of the linear program by enumeration of its bases.
#[test]
fn basis_pursuit_is_the_linear_program() {
    for seed in 0..6 {
        let mut rng = Rng::new(100 + seed);
        let x = Array2::from_shape_simple_fn((2, 6), || rng.normal());
        let y = Array1::from_shape_simple_fn(2, || rng.normal());
        let mut best = INF;
        for i in 0..6 {
            for j in i + 1..6 {
                let det = x[[0, i]] * x[[1, j]] - x[[0, j]] * x[[1, i]];
                let a = (y[0] * x[[1, j]] - x[[0, j]] * y[1]) / det;
                let b = (x[[0, i]] * y[1] - y[0] * x[[1, i]]) / det;
                best = f64::min(best, a.abs() + b.abs());
            }
        }
        let fit = Lasso::default().intercept(false).fit_constrained(&x, &y, Bound::Loss(0.0)).unwrap();
        assert!((fit.penalty() - best).abs() < 1e-9 * best, "{seed}: {} {best}", fit.penalty());
        assert!(fit.lower_bound() <= best * (1.0 + 1e-12) && fit.gap() < 1e-6 * best);
    }
}

#[test]
fn bounds_that_are_no_bounds() {
    let (x, y) = single(37, 30, 5);
    let lasso = Lasso::default().tolerance(1e-9);
    for bad in [f64::NAN, -1.0, INF] {
        for bound in [Bound::Loss(bad), Bound::SquaredResidual(bad), Bound::Penalty(bad)] {
            let error = lasso.fit_constrained(&x, &y, bound).unwrap_err();
            assert!(matches!(error, Error::OutOfRange { argument: "bound", .. }), "{error}");
        }
    }
    let labels = y.mapv(|v| f64::from(u8::from(v > 0.0)));
    let error = LogisticLasso::new(0.0).fit_constrained(&x, &labels, Bound::SquaredResidual(1.0)).unwrap_err();
    assert!(matches!(error, Error::Unsupported { argument: "bound", .. }), "{error}");
    // Below the residual of least squares: the least one, and a proof.
    let least = Lasso::new(0.0).tolerance(1e-12).fit(&x, &y).unwrap();
    let residual = (&least.predict(&x).unwrap() - &y).mapv(|r| r * r).sum();
    for share in [0.0, 0.5, 0.999] {
        match lasso.fit_constrained(&x, &y, Bound::SquaredResidual(share * residual)) {
            Err(Error::Unreachable { argument: "bound", bound, least, proven }) => {
                assert_eq!(bound, share * residual);
                assert!(proven <= residual && proven > bound && (least - residual).abs() < 1e-6 * residual);
            }
            other => panic!("{share}: {other:?}"),
        }
    }
    // Just above it is not.
    let tight = lasso.fit_constrained(&x, &y, Bound::SquaredResidual(1.0001 * residual)).unwrap();
    assert_proven("tight", &tight, 1e-6);
    // A budget beyond what least squares spends binds nothing.
    let spent: f64 = least.coefficients().iter().map(|w| w.abs()).sum();
    let free = lasso.fit_budget(&x, &y, 1.5 * spent).unwrap();
    assert!(!free.is_active() && free.lambda() == 0.0 && free.multiplier() == 0.0);
    // A relative gap of 1e-9 leaves 3e-5 to the coefficients.
    assert_close("least squares", free.coefficients(), least.coefficients(), 1e-4);
    let zero = lasso.fit_budget(&x, &y, 0.0).unwrap();
    assert!(zero.support().is_empty() && zero.penalty() == 0.0);
    // A constant response has nothing to fit.
    let constant = Array1::from_elem(30, 2.0);
    let fit = lasso.fit_constrained(&x, &constant, Bound::Loss(0.0)).unwrap();
    assert!(fit.support().is_empty() && (fit.intercept() - 2.0).abs() < 1e-12);
    assert!(lasso.fit_budget(&x, &constant, 1.0).unwrap().support().is_empty());
}

/// The answers have more columns than there are rows: no λ > 0 has a support on which y is met.
#[test]
fn basis_pursuit_over_groups_ends_for_every_number_of_groups() {
    let groups = Groups::from_sizes(&[4; 10]).unwrap();
    for seed in 0..6 {
        let mut rng = Rng::new(50 + seed);
        let x = Array2::from_shape_simple_fn((20, 40), || rng.normal());
        let w = Array1::from_shape_fn(40, |j| if j < 4 + 4 * seed as usize { rng.normal() } else { 0.0 });
        let y = x.dot(&w);
        let lasso = GroupLasso::new(0.0, groups.clone()).intercept(false);
        let fit = lasso.fit_constrained(&x, &y, Bound::SquaredResidual(0.0)).unwrap();
        assert!(fit.gap() <= 1e-6 * fit.penalty(), "{seed}: {fit}");
        assert!(fit.squared_residual() <= 1e-20 * y.dot(&y));
    }
}

#[test]
fn the_curve_is_convex_and_between_its_bounds() {
    let (x, y) = single(38, 40, 12);
    let lasso = Lasso::default().tolerance(1e-9);
    let curve = lasso.pareto(&x, &y, 25).unwrap();
    let points = curve.points();
    for pair in points.windows(2) {
        assert!(pair[1].lambda < pair[0].lambda && pair[1].loss <= pair[0].loss && pair[1].penalty >= pair[0].penalty);
        // The slope of a chord lies between the slopes at its ends.
        let slope = (pair[0].loss - pair[1].loss) / (pair[1].penalty - pair[0].penalty);
        assert!(slope <= pair[0].lambda * (1.0 + 1e-6) && slope >= pair[1].lambda * (1.0 - 1e-6));
    }
    let last = points[points.len() - 1];
    let (mut previous, mut previous_lambda) = (INF, INF);
    for share in [0.05, 0.2, 0.4, 0.6, 0.8, 0.95] {
        let t = share * last.penalty;
        let fit = lasso.fit_budget(&x, &y, t).unwrap();
        assert_proven("budget", &fit, 1e-8);
        assert!(fit.loss() < previous && fit.lambda() < previous_lambda);
        assert!(curve.lower_bound(t) <= fit.loss() && fit.lower_bound() <= curve.upper_bound(t));
        assert!(curve.upper_bound(t) - curve.lower_bound(t) < 0.05 * points[0].loss);
        (previous, previous_lambda) = (fit.loss(), fit.lambda());
    }
}

/// Tall data are solved on products of their columns.
#[test]
fn tall_data_keep_the_bound() {
    let (x, y) = single(39, 4000, 12);
    let null = Lasso::default().fit_budget(&x, &y, 0.0).unwrap().loss();
    let fit = Lasso::default().tolerance(1e-9).fit_constrained(&x, &y, Bound::Loss(0.2 * null)).unwrap();
    assert_proven("tall", &fit, 1e-8);
    let again = Lasso::new(fit.lambda()).tolerance(1e-10).fit(&x, &y).unwrap();
    assert_close("penalised", again.coefficients(), fit.coefficients(), 1e-6);
}

/// A watcher that cancels gets the partial answer in the error.
#[test]
fn a_cancelled_search_says_so() {
    use std::ops::ControlFlow;
    let (x, y) = single(40, 30, 40);
    let mut stop = |_: &sparsereg::solver::Progress| ControlFlow::Break(());
    let bound = Bound::Loss(0.01);
    let error = Lasso::default().fit_constrained_watched(&x, &y, bound, &mut stop).unwrap_err();
    assert!(matches!(error, Error::NotConverged(_)), "{error}");
}
