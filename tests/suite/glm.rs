//! Estimators with the loss of a family: what may be changed without changing the answer, what the answer has to satisfy,
//! what is judged, and what is refused.

use crate::common::*;
use ndarray::{Array1, Array2, ArrayView1, Axis, ShapeBuilder, array, concatenate};
use sparsereg::cross_validation::CrossValidation;
use sparsereg::design::{Csc, Dense};
use sparsereg::estimator::Method;
use sparsereg::estimator::family::Pointwise;
use sparsereg::loss;
use sparsereg::penalty::L1;
use sparsereg::prelude::*;

/// Classes 2 and 5 by a noisy linear rule.
fn classes(seed: u64, n: usize, p: usize) -> (Array2<f64>, Array1<f64>) {
    let (x, score) = single(seed, n, p);
    let middle = score.sum() / n as f64;
    let mut rng = Rng::new(seed + 1);
    let y = score.mapv(|s| if s - middle + 3.0 * rng.normal() > 0.0 { 5.0 } else { 2.0 });
    (x, y)
}

/// Counts with a mean of about 1 to 10.
fn counts(seed: u64, n: usize, p: usize) -> (Array2<f64>, Array1<f64>) {
    let (x, score) = single(seed, n, p);
    let middle = score.sum() / n as f64;
    let mut rng = Rng::new(seed + 1);
    let y = score.mapv(|s| (2.0 * (0.1 * (s - middle) + 0.3 * rng.normal()).exp() + rng.uniform()).floor());
    (x, y)
}

fn sigmoid(eta: f64) -> f64 {
    1.0 / (1.0 + (-eta).exp())
}

fn exact<E: Configure>(estimator: E) -> E {
    estimator.tolerance(1e-12).accept_unconverged(true)
}

fn logistic(lambda: f64) -> LogisticLasso {
    exact(LogisticLasso::new(lambda))
}

fn poisson(lambda: f64) -> PoissonLasso {
    exact(PoissonLasso::new(lambda))
}

/// Coefficients and intercept of two models of one response.
macro_rules! assert_same {
    ($label:expr, $a:expr, $b:expr, $tolerance:expr) => {{
        let (a, b) = (&$a, &$b);
        assert!(!a.support().is_empty(), "{}: nothing to compare", $label);
        assert_close(&format!("{} w", $label), a.coefficients(), b.coefficients(), $tolerance);
        assert_close(&format!("{} b", $label), [&a.intercept()], [&b.intercept()], 10.0 * $tolerance);
    }};
}

#[test]
fn the_answer_satisfies_the_conditions_of_an_optimum() {
    let (n, p) = (60, 8);
    let (x, y) = classes(3, n, p);
    let weights: Vec<f64> = (0..n).map(|i| 0.5 + (i % 3) as f64).collect();
    let mean = weights.iter().sum::<f64>() / n as f64;
    let (z, counts) = counts(3, n, p);
    let offset = Array1::from_shape_fn(n, |i| 0.3 * ((i % 5) as f64 - 2.0));
    let check = |label: &str, x: &Array2<f64>, slope: Array1<f64>, w: ArrayView1<'_, f64>, lambda: f64| {
        let slope: Array1<f64> = slope.iter().zip(&weights).map(|(u, s)| u * s / mean / n as f64).collect();
        assert!(slope.sum().abs() < 1e-8, "{label}: intercept {:e}", slope.sum());
        for (j, (g, w)) in x.t().dot(&slope).iter().zip(w).enumerate() {
            let slack = if *w == 0.0 { (g.abs() - lambda).max(0.0) } else { (g + lambda * w.signum()).abs() };
            assert!(slack < 1e-6, "{label}, feature {j}: {slack:e}");
        }
    };
    let model = logistic(0.03).sample_weights(weights.clone()).offset(&offset).fit(&x, &y).unwrap();
    assert!((2..p).contains(&model.support().len()));
    let eta = model.with_offset(&offset).decision_function(&x).unwrap();
    let slope = eta.iter().zip(&y).map(|(e, y)| sigmoid(*e) - f64::from(u8::from(*y == 5.0))).collect();
    check("logistic", &x, slope, model.coefficients(), 0.03);

    let model = poisson(0.1).sample_weights(weights.clone()).offset(&offset).fit(&z, &counts).unwrap();
    assert!(!model.support().is_empty());
    let mean = model.with_offset(&offset).predict(&z).unwrap();
    check("Poisson", &z, &mean - &counts, model.coefficients(), 0.1);
}

#[test]
fn means_and_units_of_features_do_not_matter() {
    let (x, y) = classes(5, 60, 9);
    let (z, counts) = counts(5, 60, 9);
    for shift in [100.0, -1e6] {
        assert_close_models(
            &logistic(0.03).fit(&x, &y).unwrap(),
            &logistic(0.03).fit(&(&x + shift), &y).unwrap(),
            1e-5,
        );
        assert_close_models(
            &poisson(0.1).fit(&z, &counts).unwrap(),
            &poisson(0.1).fit(&(&z + shift), &counts).unwrap(),
            1e-5,
        );
    }
    // A change of units is taken back by standardisation.
    let units = Array1::from_shape_fn(9, |j| 10f64.powi(j as i32 % 5 - 2));
    let a = logistic(0.05).standardize(true).fit(&x, &y).unwrap();
    let b = logistic(0.05).standardize(true).fit(&(&x * &units), &y).unwrap();
    assert_same!("units", a, rescaled(&b, &units), 1e-6);
    // A constant column is out, as the intercept is in.
    let mut constant = x.clone();
    constant.column_mut(2).fill(3.0);
    assert!(!logistic(0.0).fit(&constant, &y).unwrap().support().contains(&2));
}

struct Plain(Array1<f64>, f64);

impl Plain {
    fn coefficients(&self) -> &Array1<f64> {
        &self.0
    }
    fn intercept(&self) -> f64 {
        self.1
    }
}

fn rescaled<F: sparsereg::estimator::family::Shapes<ndarray::Ix1, Eta = ndarray::Ix1>>(
    model: &GlmModel<F, ndarray::Ix1>,
    units: &Array1<f64>,
) -> Plain {
    Plain(&model.coefficients() * units, model.intercepts()[0])
}

fn assert_close_models<M: Model>(a: &M, b: &M, tolerance: f64) {
    assert!(!a.support().is_empty());
    assert_close("coefficients", &a.coefficient_matrix(), &b.coefficient_matrix(), tolerance);
}

#[test]
fn weights_are_repetitions_and_weight_zero_is_no_observation() {
    let (x, y) = classes(7, 50, 6);
    let weights: Vec<f64> = (0..50).map(|i| (i % 3) as f64).collect();
    let rows: Vec<usize> = (0..50).flat_map(|i| vec![i; i % 3]).collect();
    let (long_x, long_y) = (x.select(Axis(0), &rows), y.select(Axis(0), &rows));
    let mut odd = y.clone();
    // Neither the label nor the count of an observation without weight is looked at.
    odd.iter_mut().step_by(3).for_each(|y| *y = 77.0);
    for standardize in [false, true] {
        let lasso = logistic(0.04).standardize(standardize);
        let short = lasso.clone().sample_weights(weights.clone());
        assert_same!("logistic", short.fit(&x, &odd).unwrap(), lasso.fit(&long_x, &long_y).unwrap(), 1e-6);
        let lasso = poisson(0.2).standardize(standardize);
        let short = lasso.clone().sample_weights(weights.clone());
        assert_same!("Poisson", short.fit(&x, &odd).unwrap(), lasso.fit(&long_x, &long_y).unwrap(), 1e-6);
    }
    let a = logistic(0.04).sample_weights(weights.clone()).fit(&x, &odd).unwrap();
    let b = logistic(0.04).fit(&long_x, &long_y).unwrap();
    assert!((a.deviance_explained() - b.deviance_explained()).abs() < 1e-9);
    assert_eq!(a.classes(), [2.0, 5.0]);
}

#[test]
fn offsets_are_parts_of_the_prediction() {
    let (x, y) = counts(9, 60, 7);
    // A constant goes into the intercept.
    let plain = poisson(0.1).fit(&x, &y).unwrap();
    let shifted = poisson(0.1).offset(vec![2.0; 60]).fit(&x, &y).unwrap();
    assert_close("w", plain.coefficients(), shifted.coefficients(), 1e-7);
    assert!((plain.intercept() - shifted.intercept() - 2.0).abs() < 1e-7);
    // The fit of what is already known finds nothing more, and the share that is explained is that of the rest.
    let eta = plain.decision_function(&x).unwrap();
    let max = poisson(0.0).offset(&eta).lambda_max(&x, &y).unwrap();
    assert!(max < 0.1 + 1e-6, "{max}");
    assert_eq!(plain.with_offset(vec![1.0; 60]).decision_function(&x).unwrap(), &eta + 1.0);
    // Least squares with an offset is least squares of the rest.
    let o = Array1::from_shape_fn(60, |i| (i % 7) as f64);
    let a = Lasso::new(0.1).offset(o.clone()).fit(&x, &(&y + &o)).unwrap();
    assert_close("least squares", a.coefficients(), Lasso::new(0.1).fit(&x, &y).unwrap().coefficients(), 1e-12);
    let two = concatenate![Axis(1), y.view().insert_axis(Axis(1)), y.view().insert_axis(Axis(1))];
    let moved = &two + &o.view().insert_axis(Axis(1));
    let both = concatenate![Axis(1), o.view().insert_axis(Axis(1)), o.view().insert_axis(Axis(1))];
    let a = MultiTaskLasso::new(0.1).offset(&both).fit(&x, &moved).unwrap();
    let b = MultiTaskLasso::new(0.1).fit(&x, &two).unwrap();
    assert_close("several", a.coefficients(), b.coefficients(), 1e-12);
    let a = MultiTaskLasso::new(0.1).offset(&o).fit(&x, &moved).unwrap();
    assert_close("one for all", a.coefficients(), b.coefficients(), 1e-12);
}

#[test]
fn labels_are_kept() {
    let (x, y) = classes(11, 60, 6);
    let model = logistic(0.02).fit(&x, &y).unwrap();
    assert_eq!(model.classes(), [2.0, 5.0]);
    let (eta, labels, p) =
        (model.decision_function(&x).unwrap(), model.predict(&x).unwrap(), model.predict_proba(&x).unwrap());
    for i in 0..60 {
        assert_eq!(labels[i], if eta[i] > 0.0 { 5.0 } else { 2.0 });
        assert!((p[[i, 1]] - sigmoid(eta[i])).abs() < 1e-15 && (p.row(i).sum() - 1.0).abs() < 1e-15);
    }
    let right = labels.iter().zip(&y).filter(|(a, b)| a == b).count() as f64 / 60.0;
    assert!((model.score(&x, &y).unwrap() - right).abs() < 1e-15);
    // Other names of the classes, in the other order: signs change.
    let renamed = y.mapv(|y| if y == 5.0 { -7.5 } else { 0.0 });
    let other = logistic(0.02).fit(&x, &renamed).unwrap();
    assert_eq!(other.classes(), [-7.5, 0.0]);
    assert_close("mirrored", &(-&other.coefficients()), model.coefficients(), 1e-7);
    // Proportions 0 and 1 are classes.
    let shares = exact(Lasso::new(0.02).loss(Logistic::proportions()));
    let shares = shares.fit(&x, &y.mapv(|y| (y - 2.0) / 3.0)).unwrap();
    assert_same!("proportions", model, shares, 1e-7);
    assert!((shares.predict(&x).unwrap()[7] - p[[7, 1]]).abs() < 1e-6);
    // A share is so many observations of each class.
    let share = Array1::from_shape_fn(60, |i| (i % 4) as f64 / 3.0);
    let a = exact(Lasso::new(0.01).loss(Logistic::proportions())).fit(&x, &share).unwrap();
    let rows: Vec<usize> = (0..60).flat_map(|i| [i; 3]).collect();
    let long = Array1::from_shape_fn(180, |k| f64::from(u8::from(k % 3 < k / 3 % 4)));
    assert_same!("shares", a, logistic(0.01).fit(&x.select(Axis(0), &rows), &long).unwrap(), 1e-6);
}

#[test]
fn every_storage_has_the_same_fit() {
    let (x, y) = classes(13, 50, 12);
    let x = x.mapv(|v| if v.abs() < 1.0 { 0.0 } else { f64::from(v as f32) });
    let (_, counts) = counts(13, 50, 12);
    let csc = Csc::from_dense(&Dense::new(x.view()).unwrap()).unwrap();
    let columns = Array2::from_shape_fn(x.dim().f(), |at| x[at]);
    let narrow = x.mapv(|v| v as f32);
    let weights: Vec<f64> = (0..50).map(|i| 0.5 + (i % 4) as f64).collect();
    for (standardize, intercept) in [(false, true), (true, true), (false, false), (true, false)] {
        let set =
            |lasso: LogisticLasso| lasso.standardize(standardize).intercept(intercept).sample_weights(weights.clone());
        let truth = set(logistic(0.03)).fit(&x, &y).unwrap();
        let label = format!("standardize {standardize}, intercept {intercept}");
        assert!(truth.status() == Status::Converged || truth.status() == Status::Stalled);
        assert_same!(&label, truth, set(logistic(0.03)).fit(&csc, &y).unwrap(), 1e-6);
        assert_same!(&label, truth, set(logistic(0.03)).fit(&columns, &y).unwrap(), 1e-6);
        assert_same!(&label, truth, set(logistic(0.03)).fit(&narrow, &y).unwrap(), 1e-6);
        assert_eq!(truth.intercept() == 0.0, !intercept);
        let count = |x: &dyn Fn(PoissonLasso) -> GlmModel<Poisson, ndarray::Ix1>| {
            x(poisson(0.1).standardize(standardize).intercept(intercept))
        };
        let dense = count(&|l| l.fit(&x, &counts).unwrap());
        assert_same!(&label, dense, count(&|l| l.fit(&csc, &counts).unwrap()), 1e-6);
        assert_same!(&label, dense, count(&|l| l.fit(&narrow, &counts).unwrap()), 1e-6);
    }
}

#[test]
fn every_penalty_takes_a_loss_and_both_solvers_agree() {
    let (n, p) = (40, 9);
    let (x, y) = classes(17, n, p);
    let (z, counts) = counts(17, n, p);
    let groups = || Groups::from_labels(&(0..p).map(|j| j * 5 % 7 % 3).collect::<Vec<_>>()).unwrap();
    let overlap = || Groups::overlapping(&[vec![0, 1, 2, 3], vec![3, 4, 5], vec![5, 6, 7, 8]], p).unwrap();
    macro_rules! agree {
        ($label:expr, $estimator:expr, $x:expr, $y:expr) => {{
            let estimator = $estimator.accept_unconverged(true);
            let descent = estimator.clone().tolerance(1e-9).fit($x, $y).unwrap();
            let fista = Fista { stopping: stopping(1e-9, 200_000), ..Fista::default() };
            let fista = estimator.solver(Method::from(fista)).fit($x, $y).unwrap();
            let (a, b) = (descent.certificate(), fista.certificate());
            assert!(!descent.support().is_empty(), "{}", $label);
            for c in [a, b] {
                assert!(c.gap <= 1e-9 * c.scale || c.gap <= 10.0 * c.rounding, "{}: {c}", $label);
            }
            let apart = (a.objective - b.objective).abs();
            assert!(apart <= 2e-9 * a.scale, "{}: {apart:e}", $label);
        }};
    }
    macro_rules! both {
        ($label:expr, $logistic:expr, $poisson:expr) => {{
            agree!(concat!($label, " logistic"), $logistic.loss(Logistic::default()), &x, &y);
            agree!(concat!($label, " Poisson"), $poisson.loss(Poisson), &z, &counts);
        }};
    }
    both!("lasso", Lasso::new(0.02), Lasso::new(0.1));
    both!("nonnegative", Lasso::new(0.01).nonnegative(true), Lasso::new(0.1).nonnegative(true));
    let mut some = vec![1.0; p];
    (some[0], some[4]) = (0.0, INF);
    both!("weights", Lasso::new(0.02).weights(some.clone()), Lasso::new(0.1).weights(some));
    both!("elastic net", ElasticNet::new(0.02, 0.5), ElasticNet::new(0.1, 0.5));
    both!("group", GroupLasso::new(0.01, groups()), GroupLasso::new(0.05, groups()));
    both!("sparse group", SparseGroupLasso::new(0.02, 0.5, groups()), SparseGroupLasso::new(0.05, 0.5, groups()));
    both!("latent", LatentGroupLasso::new(0.01, overlap()), LatentGroupLasso::new(0.05, overlap()));
    both!("penalized", Penalized::new(0.02, L1::new(p)), Penalized::new(0.1, L1::new(p)));
    let shuffled = y.select(Axis(0), &Rng::new(5).permutation(n));
    let wide = concatenate![Axis(1), y.view().insert_axis(Axis(1)), shuffled.view().insert_axis(Axis(1))];
    agree!("multi-task", MultiTaskLasso::new(0.03).loss(Logistic::default()), &x, &wide);
    agree!("multi-task net", MultiTaskElasticNet::new(0.03, 0.5).loss(Logistic::default()), &x, &wide);
    agree!("own loss", Lasso::new(0.05).loss(Pointwise(loss::Poisson)), &z, &counts);

    // Responses that nothing couples are models of their own.
    let together = exact(Penalized::new(0.02, L1::new(p)).multi_response().loss(Logistic::default()));
    let together = together.fit(&x, &wide).unwrap();
    for t in 0..2 {
        let alone = logistic(0.02).fit(&x, &wide.column(t)).unwrap();
        assert_close("uncoupled", together.coefficients().column(t), alone.coefficients(), 1e-6);
        assert!((together.intercept()[t] - alone.intercept()).abs() < 1e-6);
    }
}

#[test]
fn a_path_is_its_single_fits() {
    let (x, y) = classes(19, 50, 14);
    let lasso = logistic(0.0);
    let path = lasso.path(&x, &y, Grid::auto(8)).unwrap();
    assert!(path.models()[0].support().is_empty());
    assert!(path.models()[1..].iter().any(|m| !m.support().is_empty()));
    for model in path.models() {
        let single = lasso.with_lambda(model.lambda()).fit(&x, &y).unwrap();
        assert_close("path", &model.coefficient_matrix(), &single.coefficient_matrix(), 1e-5);
        assert!((model.deviance_explained() - single.deviance_explained()).abs() < 1e-7);
    }
    let shares: Vec<f64> = path.models().iter().map(Model::deviance_explained).collect();
    assert!(shares[0].abs() < 1e-9 && shares.windows(2).all(|s| s[0] <= s[1] + 1e-9), "{shares:?}");
    assert!(path.to_string().contains("deviance explained"));
    // λ_max is the smallest λ without a feature.
    let max = lasso.lambda_max(&x, &y).unwrap();
    assert!(lasso.with_lambda(1.001 * max).fit(&x, &y).unwrap().support().is_empty());
    assert_eq!(lasso.with_lambda(0.98 * max).fit(&x, &y).unwrap().support().len(), 1);
}

#[test]
fn the_share_that_is_explained_is_that_of_the_deviance() {
    let (x, y) = classes(23, 60, 6);
    let model = logistic(0.02).fit(&x, &y).unwrap();
    let positive = y.mapv(|y| f64::from(u8::from(y == 5.0)));
    let loss = |p: &dyn Fn(usize) -> f64| -> f64 {
        (0..60).map(|i| if positive[i] == 1.0 { -p(i).ln() } else { -(1.0 - p(i)).ln() }).sum()
    };
    let (p, rate) = (model.predict_proba(&x).unwrap(), positive.sum() / 60.0);
    let share = 1.0 - loss(&|i| p[[i, 1]]) / loss(&|_| rate);
    assert!((model.deviance_explained() - share).abs() < 1e-9, "{share} {model}");

    let (x, y) = counts(23, 60, 6);
    let model = poisson(0.05).fit(&x, &y).unwrap();
    let deviance = |mean: &dyn Fn(usize) -> f64| -> f64 {
        (0..60).map(|i| mean(i) - y[i] + if y[i] > 0.0 { y[i] * (y[i] / mean(i)).ln() } else { 0.0 }).sum()
    };
    let (fit, all) = (model.predict(&x).unwrap(), y.sum() / 60.0);
    let share = 1.0 - deviance(&|i| fit[i]) / deviance(&|_| all);
    assert!((model.deviance_explained() - share).abs() < 1e-9, "{share} {model}");
    assert!((model.score(&x, &y).unwrap() - share).abs() < 1e-9);
    assert!((model.error(&x, &y, Scoring::Deviance).unwrap() - 2.0 * deviance(&|i| fit[i]) / 60.0).abs() < 1e-9);
    // An offset is part of both.
    let o = x.column(0).mapv(|v| 0.1 * v);
    let model = poisson(0.05).offset(&o).fit(&x, &y).unwrap();
    let score = model.with_offset(&o).score(&x, &y).unwrap();
    assert!((model.deviance_explained() - score).abs() < 1e-8, "{score} {model}");
}

/// An error of weights, classes 0 and 1, and predictions.
type Judge<'a> = &'a dyn Fn(&[(f64, f64, f64)]) -> f64;

/// The errors of the folds at every λ, from fits by hand.
fn by_hand(
    x: &Array2<f64>,
    y: &Array1<f64>,
    weights: &[f64],
    cv: &CrossValidation<GlmModel<Logistic, ndarray::Ix1>>,
    splits: &[Split],
    error: Judge<'_>,
) {
    for (k, model) in cv.path().models().iter().enumerate() {
        for (fold, split) in splits.iter().enumerate() {
            let pick = |rows: &[usize]| -> Vec<f64> { rows.iter().map(|&i| weights[i]).collect() };
            let train = logistic(model.lambda()).sample_weights(pick(&split.train));
            let train = train.fit(&x.select(Axis(0), &split.train), &y.select(Axis(0), &split.train)).unwrap();
            let eta = train.decision_function(&x.select(Axis(0), &split.test)).unwrap();
            let judged: Vec<(f64, f64, f64)> = (split.test.iter().zip(&eta))
                .map(|(&i, eta)| (weights[i], f64::from(u8::from(y[i] == 5.0)), *eta))
                .collect();
            for (&i, eta) in split.test.iter().zip(&eta) {
                assert!((cv.out_of_fold(k)[[i, 0]] - eta).abs() < 1e-4);
            }
            let (found, truth) = (cv.curve().scores[[k, fold]], error(&judged));
            assert!((found - truth).abs() < 1e-4, "{}: {found} {truth}", cv.scoring());
        }
    }
}

#[test]
fn cross_validation_judges_by_every_score() {
    let (x, y) = classes(29, 60, 5);
    let weights: Vec<f64> = (0..60).map(|i| 0.5 + (i % 3) as f64).collect();
    let folds = StratifiedKFold::new(4, &y).seed(3);
    let splits = folds.splits(60).unwrap();
    let mean = |rows: &[(f64, f64, f64)], f: &dyn Fn(f64, f64) -> f64| {
        rows.iter().map(|(s, y, eta)| s * f(*y, *eta)).sum::<f64>() / rows.iter().map(|r| r.0).sum::<f64>()
    };
    let deviance = |y: f64, eta: f64| -2.0 * if y == 1.0 { sigmoid(eta).ln() } else { sigmoid(-eta).ln() };
    let pairs = |rows: &[(f64, f64, f64)]| {
        let (mut wrong, mut all) = (0.0, 0.0);
        for (s, _, a) in rows.iter().filter(|r| r.1 == 1.0) {
            for (t, _, b) in rows.iter().filter(|r| r.1 == 0.0) {
                all += s * t;
                wrong += s
                    * t
                    * if a < b {
                        1.0
                    } else if a == b {
                        0.5
                    } else {
                        0.0
                    };
            }
        }
        wrong / all
    };
    let errors: [(Scoring, Judge<'_>); 5] = [
        (Scoring::Deviance, &|r| mean(r, &deviance)),
        (Scoring::MeanSquaredError, &|r| mean(r, &|y, eta| (y - sigmoid(eta)).powi(2))),
        (Scoring::MeanAbsoluteError, &|r| mean(r, &|y, eta| (y - sigmoid(eta)).abs())),
        (Scoring::Misclassification, &|r| mean(r, &|y, eta| f64::from(u8::from((eta > 0.0) != (y == 1.0))))),
        (Scoring::Auc, &pairs),
    ];
    for (scoring, error) in errors {
        let lasso = logistic(0.0).sample_weights(weights.clone()).scoring(scoring);
        let cv = lasso.cross_validate_on(&x, &y, &folds, Grid::values(vec![0.1, 0.03, 0.01])).unwrap();
        assert_eq!(cv.scoring(), scoring);
        assert!(cv.to_string().contains(&scoring.to_string()), "{cv}");
        by_hand(&x, &y, &weights, &cv, &splits, error);
    }
    let cv = LogisticLasso::default().cross_validate_on(&x, &y, &folds, Grid::auto(5)).unwrap();
    assert_eq!(cv.scoring(), Scoring::Deviance);

    // Counts with an offset: it is part of what is judged.
    let (x, y) = counts(29, 60, 5);
    let o = Array1::from_shape_fn(60, |i| 0.2 * (i % 4) as f64);
    let cv = poisson(0.0).offset(&o).cross_validate_on(&x, &y, &KFold::new(3), Grid::values(vec![0.2, 0.05])).unwrap();
    let split = &KFold::new(3).splits(60).unwrap()[1];
    let rows = |v: &Array1<f64>, rows: &[usize]| v.select(Axis(0), rows);
    let train = poisson(0.05).offset(rows(&o, &split.train));
    let train = train.fit(&x.select(Axis(0), &split.train), &rows(&y, &split.train)).unwrap();
    let (test, truth) = (x.select(Axis(0), &split.test), rows(&y, &split.test));
    let error = train.with_offset(rows(&o, &split.test)).error(&test, &truth, Scoring::Deviance).unwrap();
    assert!((cv.curve().scores[[1, 1]] - error).abs() < 1e-5, "{error} {cv}");

    // Least squares by the absolute error, and with an offset.
    let cv =
        Lasso::default().scoring(Scoring::MeanAbsoluteError).cross_validate_on(&x, &y, &KFold::new(3), Grid::auto(3));
    assert!(cv.unwrap().to_string().contains("mean abs. err"));
    let plain = Lasso::default().cross_validate_on(&x, &y, &KFold::new(3), Grid::auto(4)).unwrap();
    let moved = Lasso::default().offset(&o).cross_validate_on(&x, &(&y + &o), &KFold::new(3), Grid::auto(4)).unwrap();
    assert_close("offset", &plain.curve().mean, &moved.curve().mean, 1e-9);
    assert!((moved.out_of_fold(2)[[3, 0]] - plain.out_of_fold(2)[[3, 0]] - o[3]).abs() < 1e-8);
}

#[test]
fn stratified_folds_share_the_classes_out() {
    let labels: Vec<&str> = (0..23).map(|i| if i % 5 == 0 { "rare" } else { "common" }).collect();
    let splits = StratifiedKFold::new(4, &labels).seed(2).splits(23).unwrap();
    for split in &splits {
        let rare = split.test.iter().filter(|&&i| labels[i] == "rare").count();
        assert!((1..=2).contains(&rare) && (5..=6).contains(&split.test.len()), "{split:?}");
    }
    assert_ne!(splits, StratifiedKFold::new(4, &labels).seed(3).splits(23).unwrap());
    assert!(StratifiedKFold::new(4, &labels).splits(22).is_err());

    // A class that is in one fold only cannot be learnt there.
    let (x, _) = classes(31, 30, 3);
    let y = Array1::from_shape_fn(30, |i| f64::from(u8::from(i < 4)));
    let blocked = LogisticLasso::default().cross_validate(&x, &y, &KFold::blocked(3));
    let Err(Error::IllPosed { reason }) = blocked else { panic!("{blocked:?}") };
    assert!(reason.contains("class 1") && reason.contains("fold 0") && reason.contains("StratifiedKFold"), "{reason}");
    // Nor can a curve be drawn where there is one class only.
    let y = Array1::from_shape_fn(30, |i| f64::from(u8::from(i < 4 || i == 15)));
    let auc = LogisticLasso::default().scoring(Scoring::Auc).cross_validate(&x, &y, &KFold::blocked(3));
    assert!(matches!(auc, Err(Error::IllPosed { .. })), "{auc:?}");
    assert!(LogisticLasso::default().cross_validate_on(&x, &y, &StratifiedKFold::new(3, &y), Grid::auto(5)).is_ok());
}

#[test]
fn separable_classes_have_a_finite_answer() {
    let x = Array2::from_shape_fn((20, 3), |(i, j)| if j == 0 { i as f64 - 9.5 } else { ((i * 7 + j) % 5) as f64 });
    let y = Array1::from_shape_fn(20, |i| f64::from(u8::from(i >= 10)));
    for lambda in [1e-1, 1e-3, 1e-5] {
        let model = LogisticLasso::new(lambda).fit(&x, &y).unwrap();
        assert!(model.coefficients().iter().all(|w| w.is_finite()) && model.coefficients()[0] > 0.0);
        assert_eq!(model.score(&x, &y).unwrap(), 1.0);
        assert!(model.certificate().relative_gap() <= 1e-6, "{lambda}: {model}");
    }
}

/// Beyond the margin the squared hinge has no curvature at all: with every class on its side, most of the model is flat.
#[test]
fn separable_classes_are_fitted_by_a_flat_loss_at_a_tiny_penalty() {
    let mut rng = Rng::new(3);
    let x = Array2::from_shape_fn((40, 8), |_| rng.normal());
    let y = Array1::from_shape_fn(40, |i| f64::from(u8::from(3.0 * x[[i, 1]] - 2.0 * x[[i, 4]] > 0.2)));
    for lambda in [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8] {
        let model = SquaredHingeLasso::new(lambda).max_iterations(3000).fit(&x, &y).unwrap();
        assert_eq!(model.status(), Status::Converged, "{lambda}: {model}");
        assert_eq!(model.score(&x, &y).unwrap(), 1.0);
    }
}

#[test]
fn what_cannot_be_fitted_is_said_so() {
    let (x, y) = classes(37, 12, 3);
    macro_rules! refused {
        ($result:expr, $pattern:pat $(if $guard:expr)?) => {{
            let result = $result;
            assert!(matches!(&result, Err($pattern) $(if $guard)?), "{result:?}");
        }};
    }
    use Error::{Length, NotFinite, OutOfRange, Unsupported};
    let lasso = LogisticLasso::new(0.1);
    refused!(lasso.fit(&x, &array![1.0, 2.0]), Length { argument: "y", expected: 12, found: 2 });
    refused!(lasso.fit(&x, &Array1::from_elem(12, 3.0)), OutOfRange { argument: "y", index, value: 3.0, .. } if *index == [0]);
    let mut three = y.clone();
    (three[0], three[1], three[2], three[7]) = (2.0, 5.0, 2.0, 0.5);
    refused!(lasso.fit(&x, &three), OutOfRange { argument: "y", index, value: 0.5, .. } if *index == [7]);
    three[7] = f64::NAN;
    refused!(lasso.fit(&x, &three), NotFinite { argument: "y", index, .. } if *index == [7]);
    let wide = concatenate![Axis(1), y.view().insert_axis(Axis(1)), Array2::ones((12, 1))];
    refused!(MultiTaskLogisticLasso::new(0.1).fit(&x, &wide), OutOfRange { argument: "y", index, .. } if *index == [0, 1]);
    let shares = Lasso::new(0.1).loss(Logistic::proportions());
    refused!(shares.fit(&x, &y), OutOfRange { argument: "y", index, .. } if *index == [0]);
    refused!(shares.fit(&x, &Array1::ones(12)), OutOfRange { argument: "y", value: 1.0, .. });
    let counts = PoissonLasso::new(0.1);
    let mut negative = Array1::ones(12);
    negative[4] = -1.0;
    refused!(counts.fit(&x, &negative), OutOfRange { argument: "y", index, value: -1.0, .. } if *index == [4]);
    refused!(counts.fit(&x, &Array1::zeros(12)), OutOfRange { argument: "y", value: 0.0, .. });
    assert!(counts.clone().intercept(false).fit(&x, &Array1::zeros(12)).is_ok());
    refused!(counts.clone().offset(vec![0.0; 3]).fit(&x, &y), Length { argument: "offset", expected: 12, found: 3 });
    refused!(counts.clone().offset(Array2::zeros((12, 2))).fit(&x, &y), Length { argument: "offset columns", .. });
    refused!(counts.clone().offset(vec![INF; 12]).fit(&x, &y), NotFinite { argument: "offset", index, .. } if *index == [0]);
    refused!(Lasso::new(0.1).offset(vec![0.0; 3]).fit(&x, &y), Length { argument: "offset", .. });
    let moments = sparsereg::moments::Moments::new(&x, &y).unwrap();
    refused!(Lasso::new(0.1).offset(vec![0.0; 12]).fit_moments(&moments), Unsupported { argument: "offset", .. });
    for (scoring, error) in [
        (Scoring::Auc, counts.clone().scoring(Scoring::Auc).cross_validate(&x, &y, &KFold::new(3)).err()),
        (Scoring::Misclassification, {
            Lasso::new(0.1).scoring(Scoring::Misclassification).cross_validate(&x, &y, &KFold::new(3)).err()
        }),
        (Scoring::Concordance, {
            lasso.clone().scoring(Scoring::Concordance).cross_validate(&x, &y, &KFold::new(3)).err()
        }),
    ] {
        assert!(matches!(error, Some(Unsupported { argument: "scoring", .. })), "{scoring}: {error:?}");
    }
    let model = lasso.fit(&x, &y).unwrap();
    assert_eq!(model.score(&x, &Array1::from_elem(12, 9.0)).unwrap(), 0.0);
    refused!(model.error(&x, &Array1::from_elem(12, 9.0), Scoring::Deviance), OutOfRange { value: 9.0, .. });
    refused!(model.with_offset(vec![1.0]).predict(&x), Length { argument: "offset", .. });
}

/// Three classes by the largest of three scores.
fn three_classes(seed: u64, n: usize, p: usize) -> (Array2<f64>, Array1<f64>) {
    let (x, score) = single(seed, n, p);
    let mut rng = Rng::new(seed + 2);
    let third = |i: usize| (score[i] + 2.0 * rng.normal()).rem_euclid(12.0);
    let y = (0..n)
        .map(third)
        .map(|s| {
            if s < 4.0 {
                -1.0
            } else if s < 8.0 {
                3.0
            } else {
                10.0
            }
        })
        .collect();
    (x, y)
}

#[test]
fn several_classes() {
    let (n, p) = (80, 6);
    let (x, y) = three_classes(41, n, p);
    let model = exact(MultinomialLasso::new(0.02)).fit(&x, &y).unwrap();
    assert_eq!(model.classes(), [-1.0, 3.0, 10.0]);
    assert_eq!((model.coefficients().dim(), model.intercept().len()), ((p, 3), 3));
    assert!(model.intercept().sum().abs() < 1e-12 && !model.support().is_empty());
    let (eta, proba, labels) =
        (model.decision_function(&x).unwrap(), model.predict_proba(&x).unwrap(), model.predict(&x).unwrap());
    let mut loss = 0.0;
    for i in 0..n {
        let sum: f64 = eta.row(i).iter().map(|e| e.exp()).sum();
        for (k, class) in model.classes().iter().enumerate() {
            assert!((proba[[i, k]] - eta[[i, k]].exp() / sum).abs() < 1e-12);
            assert!(labels[i] != *class || eta.row(i).iter().all(|e| *e <= eta[[i, k]]));
            loss -= if y[i] == *class { proba[[i, k]].ln() } else { 0.0 };
        }
    }
    assert!((model.error(&x, &y, Scoring::Deviance).unwrap() - 2.0 * loss / n as f64).abs() < 1e-9);
    let penalty: f64 = model.coefficients().iter().map(|w| w.abs()).sum();
    assert!((model.certificate().objective - loss / n as f64 - 0.02 * penalty).abs() < 1e-9);
    let right = labels.iter().zip(&y).filter(|(a, b)| a == b).count() as f64 / n as f64;
    assert!((model.score(&x, &y).unwrap() - right).abs() < 1e-12);
    assert!(model.to_string().contains("multinomial") && model.to_string().contains("class"), "{model}");
    // Where rows are zero together, and with means far off.
    let grouped = exact(GroupedMultinomialLasso::new(0.05));
    let (near, far) = (grouped.fit(&x, &y).unwrap(), grouped.fit(&(&x + 1e3), &y).unwrap());
    assert_close("shifted", near.coefficients(), far.coefficients(), 1e-5);
    assert!(near.support().len() < p);
    for row in near.coefficients().rows() {
        assert!(row.iter().all(|w| *w == 0.0) || row.iter().all(|w| *w != 0.0));
    }
    // An offset of the classes goes into their intercepts.
    let offset = Array2::from_shape_fn((n, 3), |(_, k)| [0.5, 0.0, -1.0][k]);
    let moved = exact(MultinomialLasso::new(0.02)).offset(&offset).fit(&x, &y).unwrap();
    assert_close("offset w", moved.coefficients(), model.coefficients(), 1e-6);
    assert!((moved.intercept()[0] - model.intercept()[0] + 0.5 + 0.5 / 3.0).abs() < 1e-6);
    for scoring in
        [Scoring::Deviance, Scoring::MeanSquaredError, Scoring::MeanAbsoluteError, Scoring::Misclassification]
    {
        let cv = MultinomialLasso::default().scoring(scoring);
        let cv = cv.cross_validate_on(&x, &y, &StratifiedKFold::new(3, &y), Grid::values(vec![0.5, 0.05])).unwrap();
        assert!(cv.curve().mean[1] < cv.curve().mean[0], "{cv}");
        assert_eq!(cv.out_of_fold(0).dim(), (n, 3));
    }
    let auc = MultinomialLasso::default().scoring(Scoring::Auc).cross_validate(&x, &y, &KFold::new(3));
    assert!(matches!(auc, Err(Error::Unsupported { argument: "scoring", .. })));
    let lost = Array1::from_shape_fn(n, |i| if i < 5 { 7.0 } else { (i % 2) as f64 });
    let lost = MultinomialLasso::default().cross_validate(&x, &lost, &KFold::blocked(4));
    assert!(matches!(&lost, Err(Error::IllPosed { reason }) if reason.contains("class 7")), "{lost:?}");
    assert!(matches!(
        MultinomialLasso::new(0.1).fit(&x, &Array1::ones(n)),
        Err(Error::OutOfRange { argument: "y", value: 1.0, .. })
    ));
}

#[test]
fn survival_times() {
    let (n, p) = (60, 5);
    let (x, score) = single(43, n, p);
    let mut rng = Rng::new(44);
    let mut y = Array2::zeros((n, 2));
    for i in 0..n {
        y[[i, 0]] = (10.0 * (-0.2 * score[i] + 0.3 * rng.normal()).exp()).ceil(); // with ties
        y[[i, 1]] = f64::from(u8::from(rng.uniform() < 0.7));
    }
    let weights: Vec<f64> = (0..n).map(|i| (i % 3) as f64).collect();
    let cox = exact(CoxLasso::new(0.02));
    let model = cox.fit(&x, &y).unwrap();
    assert!(!model.support().is_empty() && model.intercept() == 0.0);
    assert_close("shift", model.coefficients(), cox.fit(&(&x + 1e4), &y).unwrap().coefficients(), 1e-5);
    let eta = model.decision_function(&x).unwrap();
    assert_close("risk", &model.predict(&x).unwrap(), &eta.mapv(f64::exp), 1e-12);
    // Pairs one by one: with late entries and strata, too.
    let strata: Vec<usize> = (0..n).map(|i| i % 2).collect();
    let start = Array1::from_shape_fn(n, |i| (y[[i, 0]] - 1.0 - (i % 7) as f64).max(0.0));
    let late = concatenate![Axis(1), start.view().insert_axis(Axis(1)), y];
    for (stratified, entry) in [(false, false), (true, false), (false, true), (true, true)] {
        let family = if stratified { Cox::default().strata(strata.clone()) } else { Cox::default() };
        let responses = if entry { &late } else { &y };
        let model = exact(Lasso::new(0.02).loss(family)).fit(&x, responses).unwrap();
        let eta = model.decision_function(&x).unwrap();
        let (mut right, mut all) = (0.0, 0.0);
        for i in (0..n).filter(|&i| y[[i, 1]] == 1.0) {
            for j in (0..n).filter(|&j| !stratified || strata[i] == strata[j]) {
                let longer = y[[j, 0]] > y[[i, 0]] || (y[[j, 0]] == y[[i, 0]] && y[[j, 1]] == 0.0);
                if longer && (!entry || start[j] < y[[i, 0]]) {
                    all += 1.0;
                    right += if eta[i] > eta[j] {
                        1.0
                    } else if eta[i] == eta[j] {
                        0.5
                    } else {
                        0.0
                    };
                }
            }
        }
        let score = model.score(&x, responses).unwrap();
        assert!((score - right / all).abs() < 1e-12, "{score} {}", right / all);
    }
    let rows: Vec<usize> = (0..n).flat_map(|i| vec![i; i % 3]).collect();
    let breslow = exact(Lasso::new(0.02).loss(Cox::default().ties(loss::Ties::Breslow)));
    let short = breslow.clone().sample_weights(weights).fit(&x, &y).unwrap();
    let long = breslow.fit(&x.select(Axis(0), &rows), &y.select(Axis(0), &rows)).unwrap();
    assert_close("weights", short.coefficients(), long.coefficients(), 1e-6);
    for scoring in [Scoring::Deviance, Scoring::Concordance] {
        let family = Cox::default().strata(strata.clone());
        let lasso = Lasso::default().loss(family).scoring(scoring);
        let cv = lasso.cross_validate_on(&x, &y, &KFold::new(3), Grid::values(vec![1.0, 0.02])).unwrap();
        assert!(cv.curve().mean[1] < cv.curve().mean[0], "{cv}");
    }
    assert!((cox.with_lambda(9.0).fit(&x, &y).unwrap().score(&x, &y).unwrap() - 0.5).abs() < 1e-12);
    let mut odd = y.clone();
    odd[[4, 1]] = 2.0;
    assert!(matches!(cox.fit(&x, &odd), Err(Error::OutOfRange { argument: "y", index, .. }) if index == [4, 1]));
    odd.column_mut(1).fill(0.0);
    assert!(matches!(cox.fit(&x, &odd), Err(Error::OutOfRange { argument: "y", index, .. }) if index == [1]));
    assert!(matches!(cox.fit(&x, &y.slice(ndarray::s![.., ..1])), Err(Error::Length { argument: "y columns", .. })));
    let mut early = late;
    early[[3, 0]] = early[[3, 1]];
    assert!(matches!(cox.fit(&x, &early), Err(Error::OutOfRange { argument: "y", index, .. }) if index == [3, 0]));
}

#[test]
fn other_losses_by_their_laws() {
    let (n, p) = (60, 7);
    let (x, y) = single(47, n, p);
    let (z, labels) = classes(47, n, p);
    let positive = y.mapv(|y| (0.1 * y).exp());
    let rows: Vec<usize> = (0..n).flat_map(|i| vec![i; i % 3]).collect();
    let weights: Vec<f64> = (0..n).map(|i| (i % 3) as f64).collect();
    let o = Array1::from_shape_fn(n, |i| 0.2 * (i % 5) as f64);
    macro_rules! laws {
        ($label:expr, $estimator:expr, $x:expr, $y:expr, $accuracy:expr) => {{
            let (estimator, x, y) = (exact($estimator), $x, $y);
            let model = estimator.fit(x, y).unwrap();
            assert!(!model.support().is_empty(), "{}", $label);
            let c = model.certificate();
            assert!(c.gap <= 1e-9 * c.scale, "{}: {model}", $label);
            let far = estimator.fit(&(x + 1e3), y).unwrap();
            assert_close($label, model.coefficients(), far.coefficients(), $accuracy);
            let short = estimator.clone().sample_weights(weights.clone()).fit(x, y).unwrap();
            let long = estimator.fit(&x.select(Axis(0), &rows), &y.select(Axis(0), &rows)).unwrap();
            assert_close(concat!($label, " weights"), short.coefficients(), long.coefficients(), $accuracy);
            let whole = estimator.clone().offset(&o).fit(x, y).unwrap();
            let score = (whole.deviance_explained(), whole.with_offset(&o).error(x, y, Scoring::Deviance).unwrap());
            assert!(score.0 > 0.0 && score.1.is_finite(), "{}", $label);
            let cv = estimator.cross_validate_on(x, y, &KFold::new(3), Grid::auto(4)).unwrap();
            assert!(cv.curve().mean.iter().all(|e| e.is_finite()), "{}: {cv}", $label);
        }};
    }
    laws!("gamma", GammaLasso::new(0.02), &x, &positive, 1e-5);
    laws!("Huber", HuberLasso::new(0.1, 1.5), &x, &y, 1e-4);
    laws!("square root", SquareRootLasso::new(0.1), &x, &y, 1e-5);
    laws!("squared hinge", SquaredHingeLasso::new(0.03), &z, &labels, 1e-5);
    // Of large residuals only the sign counts, of small ones the square.
    let wide = exact(HuberLasso::new(0.1, 1e6)).fit(&x, &y).unwrap();
    assert_same!("Huber", wide, exact(Lasso::new(0.1)).fit(&x, &y).unwrap(), 1e-6);
    assert!((wide.deviance_explained() - Lasso::new(0.1).fit(&x, &y).unwrap().r_squared()).abs() < 1e-5);
    // The square root is the lasso at another λ.
    let root = exact(SquareRootLasso::new(0.1)).fit(&x, &y).unwrap();
    let eta = root.decision_function(&x).unwrap();
    let sigma = ((&y - &eta).mapv(|r| r * r).sum() / n as f64).sqrt();
    assert_same!("root", root, exact(Lasso::new(0.1 * sigma)).fit(&x, &y).unwrap(), 1e-6);
    // A quarter above, three below.
    let quantile = QuantileLasso::new(1e-3, 0.75).fit(&x, &y).unwrap();
    let below = quantile.predict(&x).unwrap().iter().zip(&y).filter(|(q, y)| y < q).count();
    assert!((40..=50).contains(&below), "{below}");
    assert_eq!(exact(SquaredHingeLasso::new(0.03)).fit(&z, &labels).unwrap().classes(), [2.0, 5.0]);
    let nothing = positive.mapv(|y| if y > 1.0 { y } else { 0.0 });
    let refused = |error: Option<Error>, name: &str| {
        assert!(matches!(&error, Some(Error::OutOfRange { argument, .. }) if *argument == name), "{error:?}");
    };
    refused(GammaLasso::new(0.1).fit(&x, &nothing).err(), "y");
    refused(HuberLasso::new(0.1, -1.0).fit(&x, &y).err(), "delta");
    refused(QuantileLasso::new(0.1, 1.0).fit(&x, &y).err(), "tau");
    refused(SquaredHingeLasso::new(0.1).fit(&x, &y).err(), "y");
}

/// Three tasks of two classes that share two features and have one of their own.
fn tasks(seed: u64) -> (Array2<f64>, Array2<f64>) {
    let (n, p, q) = (60, 30, 3);
    let mut rng = Rng::new(seed);
    let x = Array2::from_shape_simple_fn((n, p), || rng.normal());
    let y = Array2::from_shape_fn((n, q), |(i, t)| {
        f64::from(u8::from(x[[i, 0]] + x[[i, t + 1]] - x[[i, 5]] + 2.0 * rng.normal() > 1.0))
    });
    (x, y)
}

/// Models of the loss grow and are made anew with other strides: responses that are not coupled must stay so.
#[test]
fn tasks_converge_at_every_size_of_the_model() {
    for seed in 0..5 {
        let (x, y) = tasks(seed);
        let joint = MultiTaskLogisticLasso::new(0.0).max_iterations(2000);
        let path = joint.path(&x, &y, Grid::auto(8).ratio(0.05)).unwrap();
        for model in path.models() {
            assert_eq!(model.status(), Status::Converged, "seed {seed}, {} rows", model.support().len());
        }
        let last = joint.with_lambda(0.05 * path.lambdas()[0]).fit(&x, &y).unwrap();
        let fista = joint.with_lambda(last.lambda()).solver(Fista::default()).fit(&x, &y).unwrap();
        let (a, b) = (last.certificate(), fista.certificate());
        assert!((a.objective - b.objective).abs() <= 2e-6 * a.scale, "{a}\n{b}");
    }
}

/// The unpenalised fit to classes that can be told apart is infinite: no path may begin there.
#[test]
fn paths_of_separable_classes_begin_at_the_intercept() {
    let (x, _) = tasks(7);
    let y = x.column(0).mapv(|x| if x > 1.3 { 1.0 } else { 0.0 });
    let path = LogisticLasso::default().max_iterations(2000).path(&x, &y, Grid::auto(8).ratio(0.05)).unwrap();
    let features: Vec<usize> = path.models().iter().map(|m| m.support().len()).collect();
    assert!(path.models().iter().all(|m| m.status() == Status::Converged), "{path}");
    assert!(features[0] == 0 && features[7] > 0 && path.models()[7].deviance_explained() > 0.8, "{path}");
}

/// At λ = 0 no multiple of a gradient that points out of the constraint is feasible: the gap is unknown until steps are made.
#[test]
fn constraints_without_a_penalty_are_fitted() {
    let (x, y) = tasks(3);
    let y = y.column(0).to_owned();
    let lasso = |lambda: f64| LogisticLasso::new(lambda).with(|lasso| lasso.nonnegative(true));
    let none = lasso(0.0).fit(&x, &y).unwrap();
    let little = lasso(1e-9).fit(&x, &y).unwrap();
    assert_eq!(none.status(), Status::Converged);
    assert!(none.coefficients().iter().all(|w| *w >= 0.0) && !none.support().is_empty());
    let (a, b) = (none.certificate(), little.certificate());
    assert!((a.objective - b.objective).abs() <= 2e-6 * a.scale, "{a}\n{b}");
}

/// Folds of several responses: the rare classes of all of them are dealt out, where those of the first alone would not be.
#[test]
fn folds_of_several_responses_have_all_classes() {
    let mut rng = Rng::new(61);
    let n = 90;
    // 6 of 90, 9 of 90 and about 45; the rare ones come in runs.
    let y = Array2::from_shape_fn((n, 3), |(i, t)| {
        f64::from(u8::from(match t {
            0 => i < 6,
            1 => (40..49).contains(&i),
            _ => rng.uniform() < 0.5,
        }))
    });
    for seed in 0..5 {
        let splits = StratifiedKFold::of_responses(3, &y).seed(seed).splits(n).unwrap();
        let mut seen: Vec<usize> = splits.iter().flat_map(|s| s.test.clone()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..n).collect::<Vec<_>>());
        for split in &splits {
            let positives = |t: usize| split.test.iter().filter(|&&i| y[[i, t]] == 1.0).count();
            assert_eq!((positives(0), positives(1)), (2, 3));
            let share = positives(2) as f64 - y.column(2).sum() / 3.0;
            assert!(share.abs() <= 2.0 && split.test.len().abs_diff(n / 3) <= 2, "{share} {}", split.test.len());
        }
    }
    assert_ne!(
        StratifiedKFold::of_responses(3, &y).splits(n).unwrap(),
        StratifiedKFold::of_responses(3, &y).seed(1).splits(n).unwrap()
    );
    // One column is what `new` does.
    let first = y.column(0).to_owned();
    let matrix = y.slice(ndarray::s![.., ..1]);
    let (one, new) = (StratifiedKFold::of_responses(3, &matrix), StratifiedKFold::new(3, &first));
    assert_eq!(one.splits(n).unwrap(), new.splits(n).unwrap());
    // More folds than some class has members; and every label its own class.
    assert_eq!(StratifiedKFold::of_responses(8, &y).splits(n).unwrap().len(), 8);
    let unique = Array2::from_shape_fn((7, 2), |(i, t)| 10 * i + t);
    assert_eq!(StratifiedKFold::of_responses(7, &unique).splits(7).unwrap().len(), 7);
    let length = StratifiedKFold::of_responses(3, &y).splits(n - 1);
    assert!(matches!(length, Err(Error::Length { argument: "labels", .. })), "{length:?}");

    // Cross-validation by every measure, which folds in runs do not allow.
    let x = Array2::from_shape_fn((n, 6), |(i, j)| rng.normal() + if j < 3 { y[[i, j]] } else { 0.0 });
    for scoring in [Scoring::Auc, Scoring::Misclassification, Scoring::Deviance, Scoring::MeanSquaredError] {
        let lasso = MultiTaskLogisticLasso::default().scoring(scoring);
        let grid = Grid::values(vec![1.0, 0.02]);
        let cv = lasso.cross_validate_on(&x, &y, &StratifiedKFold::of_responses(3, &y), grid.clone()).unwrap();
        let mean = &cv.curve().mean;
        match scoring {
            Scoring::Auc => assert!(mean[0] == 0.5 && mean[1] < 0.45, "{cv}"),
            _ => assert!(mean.iter().all(|m| m.is_finite()), "{cv}"),
        }
        let runs = lasso.cross_validate_on(&x, &y, &KFold::blocked(3), grid);
        assert!(matches!(&runs, Err(Error::IllPosed { reason }) if reason.contains("of_responses")), "{runs:?}");
    }
    // The area is the mean of those of the responses.
    let model = MultiTaskLogisticLasso::new(0.02).fit(&x, &y).unwrap();
    let eta = model.decision_function(&x).unwrap();
    let mut wrong = 0.0;
    for t in 0..3 {
        let (mut pairs, mut bad) = (0.0, 0.0);
        for i in (0..n).filter(|&i| y[[i, t]] == 1.0) {
            for j in (0..n).filter(|&j| y[[j, t]] == 0.0) {
                pairs += 1.0;
                bad += f64::from(u8::from(eta[[i, t]] < eta[[j, t]]))
                    + 0.5 * f64::from(u8::from(eta[[i, t]] == eta[[j, t]]));
            }
        }
        wrong += bad / pairs / 3.0;
    }
    assert!((model.error(&x, &y, Scoring::Auc).unwrap() - wrong).abs() < 1e-12);
}

/// Observations of strata that the fit has not seen are compared within them.
#[test]
fn survival_models_score_strata_that_they_have_not_seen() {
    let (n, p) = (60, 4);
    let (x, score) = single(67, n, p);
    let y = Array2::from_shape_fn((n, 2), |(i, t)| if t == 0 { (-0.2 * score[i]).exp() } else { 1.0 });
    let strata: Vec<usize> = (0..n).map(|i| i % 2).collect();
    let model = Lasso::new(0.02).loss(Cox::default().strata(strata)).fit(&x, &y).unwrap();
    let half = (x.slice(ndarray::s![..20, ..]), y.slice(ndarray::s![..20, ..]));
    let length = model.score(&half.0, &half.1);
    assert!(matches!(length, Err(Error::Length { argument: "strata", expected: 20, found: 60 })), "{length:?}");
    // Two new strata are two data sets, weighted by their pairs.
    let new: Vec<usize> = (0..20).map(|i| 5 + usize::from(i < 8)).collect();
    let both = model.with_strata(new);
    let part = |rows: std::ops::Range<usize>| {
        let len = rows.len();
        let of = |a: &Array2<f64>| a.slice(ndarray::s![rows.clone(), ..]).to_owned();
        let c = model.with_strata(vec![3; len]).score(&of(&x), &of(&y)).unwrap();
        (c, (len * (len - 1) / 2) as f64)
    };
    let (first, second) = (part(0..8), part(8..20));
    let expected = (first.0 * first.1 + second.0 * second.1) / (first.1 + second.1);
    assert!((both.score(&half.0, &half.1).unwrap() - expected).abs() < 1e-12 && expected < 1.0, "{expected}");
    assert!(both.error(&half.0, &half.1, Scoring::Deviance).unwrap().is_finite());
    // Nobody to compare with.
    let alone = model.with_strata((0..20).collect::<Vec<_>>()).score(&half.0, &half.1);
    assert!(matches!(alone, Err(Error::IllPosed { .. })), "{alone:?}");
}
