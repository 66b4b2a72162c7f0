//! Relaxed fits: glmnet's, unpenalised fits of other libraries, least squares by QR, and the limits of refitting.

use ndarray::{Array1, Array2, Axis};
use sparsereg::prelude::*;

use crate::common::{regression, single};
use crate::matching_pursuit::{least_squares, load, matrix, numbers};

fn centred(x: &Array2<f64>) -> Array2<f64> {
    x - &x.mean_axis(Axis(0)).expect("rows")
}

fn check(found: &impl Model, expected: &[f64], tolerance: f64) {
    assert!((found.intercepts()[0] - expected[0]).abs() <= tolerance, "{} {}", found.intercepts()[0], expected[0]);
    for (found, w) in found.coefficient_matrix().column(0).iter().zip(&expected[1..]) {
        assert!((found - w).abs() <= tolerance, "{found} {w}");
    }
}

#[test]
fn glmnet_blends_the_same_fits_and_others_give_the_refit() {
    let golden = load("relaxed_glmnet");
    let x = matrix(&golden["x"]);
    let gammas = numbers(&golden["gammas"]);
    fn run<E: Estimator<Response = ndarray::Ix1>>(
        make: impl Fn(f64) -> E,
        x: &Array2<f64>,
        part: &serde_json::Value,
        gammas: &[f64],
    ) {
        let y = Array1::from(numbers(&part["y"]));
        for (k, lambda) in numbers(&part["lambdas"]).into_iter().enumerate() {
            for (g, &gamma) in gammas.iter().enumerate() {
                let model = make(lambda).tolerance(1e-12).relaxed(gamma).fit(x, &y).unwrap();
                // glmnet stops 1e-5 from the unpenalised fit.
                check(&model, &numbers(&part["glmnet"][g][k]), 5e-5);
                check(model.refit(), &numbers(&part["unpenalised"][k]), 1e-6);
                assert_eq!(model.refit_status(), RefitStatus::Unique);
                assert!(model.refit().certificate().relative_gap() <= 1e-12);
                assert_eq!((model.lambda(), model.phi()), (lambda, gamma));
            }
        }
    }
    run(Lasso::new, &x, &golden["squared"], &gammas);
    run(LogisticLasso::new, &x, &golden["logistic"], &gammas);
}

#[test]
fn the_ends_are_the_penalised_fit_and_least_squares_on_its_support() {
    let (x, y) = single(1, 50, 30);
    let groups = Groups::from_sizes(&[3; 10]).unwrap();
    let twice: Vec<Vec<usize>> = (0..9).map(|g| (3 * g..3 * g + 6).collect()).collect();
    let shared = Groups::overlapping(&twice, 30).unwrap();
    fn run<E: Estimator<Response = ndarray::Ix1>>(estimator: E, x: &Array2<f64>, y: &Array1<f64>) {
        let estimator = estimator.with_lambda(0.6 * estimator.lambda_max(x, y).unwrap());
        let penalized = estimator.fit(x, y).unwrap();
        let one = estimator.clone().relaxed(1.0).fit(x, y).unwrap();
        assert_eq!(one.coefficient_matrix(), penalized.coefficient_matrix());
        assert_eq!(one.certificate(), penalized.certificate());
        let support = penalized.support();
        assert!(!support.is_empty() && support.len() < 30, "{support:?}");
        let chosen = centred(&x.select(Axis(1), &support));
        let target = (y - y.mean().unwrap()).insert_axis(Axis(1));
        let w = least_squares(&chosen, &target);
        let zero = estimator.clone().relaxed(0.0).fit(x, y).unwrap();
        assert_eq!(zero.support(), support);
        for (&j, w) in support.iter().zip(&w) {
            let found = zero.coefficient_matrix()[[j, 0]];
            assert!((found - w).abs() < 1e-6 * w.abs().max(1.0), "{found} {w}");
        }
        assert!(zero.certificate().relative_gap() <= 1e-9);
        let r = &target - &chosen.dot(&w);
        let explained = 1.0 - r.iter().map(|r| r * r).sum::<f64>() / target.iter().map(|r| r * r).sum::<f64>();
        assert!((zero.deviance_explained() - explained).abs() < 1e-8);
        // In between, all is linear but the loss, which is a parabola with its end at the refit.
        let half = estimator.clone().relaxed(0.25).fit(x, y).unwrap();
        let expected = 0.75 * &zero.coefficient_matrix() + 0.25 * &penalized.coefficient_matrix();
        assert!((&half.coefficient_matrix() - &expected).iter().all(|d| d.abs() < 1e-12));
        let parabola = explained - 0.0625 * (explained - penalized.deviance_explained());
        assert!((half.deviance_explained() - parabola).abs() < 1e-8);
        // The certificate of a blend is the loss that shrinkage costs.
        let cost = half.certificate().objective - zero.certificate().objective;
        assert!((half.certificate().gap - cost).abs() <= 1e-9 * half.certificate().scale);
        // As its predictions have it.
        let predicted = half.predict_matrix(x).unwrap();
        let loss = (&predicted.column(0) - y).mapv(|d| d * d).mean().unwrap() / 2.0;
        assert!((half.certificate().objective - loss).abs() < 1e-10 * loss);
    }
    run(Lasso::new(0.3), &x, &y);
    run(Lasso::new(0.3).standardize(true), &x, &y);
    run(ElasticNet::new(0.4, 0.7), &x, &y);
    run(GroupLasso::new(0.3, groups.clone()), &x, &y);
    run(SparseGroupLasso::new(0.3, 0.5, groups), &x, &y);
    run(LatentGroupLasso::new(0.4, shared), &x, &y);
    let mut weights = vec![1.0; 30];
    (weights[0], weights[3]) = (0.0, f64::INFINITY);
    run(Lasso::new(0.3).weights(weights), &x, &y);
}

#[test]
fn rows_and_classes_are_refitted_as_a_whole() {
    let (x, y) = regression(2, 40, 15, 3);
    let model = MultiTaskLasso::new(1.0).relaxed(0.0).fit(&x, &y).unwrap();
    let support = model.support();
    assert!(!support.is_empty() && support.len() < 15);
    let w = least_squares(&centred(&x.select(Axis(1), &support)), &centred(&y));
    for (&j, w) in support.iter().zip(w.rows()) {
        let found = model.model().coefficients().row(j).to_owned();
        assert!((&found - &w).iter().all(|d| d.abs() < 1e-8));
    }
    let label = y.column(0).mapv(|v| {
        if v < -2.0 {
            0.0
        } else if v < 3.0 {
            1.0
        } else {
            2.0
        }
    });
    let noisy = Array1::from_shape_fn(40, |i| if i % 4 == 0 { (i % 3) as f64 } else { label[i] });
    let lasso = MultinomialLasso::new(0.08).tolerance(1e-10);
    let model = lasso.clone().relaxed(0.0).fit(&x, &noisy).unwrap();
    let rows = model.support();
    // The same model by a penalty that frees these features and excludes the others.
    let weights: Vec<f64> = (0..15).map(|j| if rows.contains(&j) { 0.0 } else { f64::INFINITY }).collect();
    let direct = MultinomialLasso::new(1.0).weights(weights).tolerance(1e-12).fit(&x, &noisy).unwrap();
    assert!((direct.certificate().objective - model.refit().certificate().objective).abs() < 1e-9);
    assert!((direct.deviance_explained() - model.deviance_explained()).abs() < 1e-8);
    assert!((&direct.coefficients() - &model.refit().coefficients()).iter().all(|d| d.abs() < 1e-3));
}

#[test]
fn every_loss_is_refitted_to_its_certificate() {
    let (x, y) = single(3, 80, 12);
    let x = (&x - &x.mean_axis(Axis(0)).unwrap()) / 2.0;
    let counts = Array1::from_shape_fn(80, |i| (0.3 * y[i]).exp().min(20.0).floor());
    let weights: Vec<f64> = (0..80).map(|i| 0.5 + (i % 3) as f64).collect();
    fn run<E: Estimator<Response = ndarray::Ix1>>(name: &str, estimator: E, x: &Array2<f64>, y: &Array1<f64>) {
        let top = estimator.lambda_max(x, y).unwrap();
        let at = |share: f64| estimator.with_lambda(share * top).relaxed(0.5).fit(x, y).unwrap();
        let some = [0.5, 0.3, 0.2, 0.1, 0.05].map(at).into_iter().find(|m| (2..12).contains(&m.support().len()));
        let model = some.expect("a model of some features");
        assert_eq!(model.refit_status(), RefitStatus::Unique, "{name}");
        assert!(model.refit().certificate().relative_gap() <= 1e-6, "{name}: {}", model.refit().certificate());
        let (loose, tight) = (model.penalized(), model.refit());
        assert!(tight.deviance_explained() >= loose.deviance_explained(), "{name}");
        let between = model.deviance_explained();
        // Convex: a blend is no worse than the chord.
        let chord = 0.5 * (tight.deviance_explained() + loose.deviance_explained());
        assert!(between >= chord - 1e-6, "{name}: {between} {chord}");
    }
    run("poisson", PoissonLasso::new(0.2).sample_weights(weights), &x, &counts);
    run("gamma", GammaLasso::new(0.1), &x, &counts.mapv(|c| c + 0.5));
    run("huber", HuberLasso::new(0.2, 0.5), &x, &y);
    run("quantile", QuantileLasso::new(0.1, 0.3), &x, &y);
    run("square root", SquareRootLasso::new(0.2), &x, &y);
}

#[test]
fn signs_stay() {
    let (x, y) = single(4, 40, 20);
    let lasso = Lasso::new(0.05).nonnegative(true);
    let model = lasso.clone().relaxed(0.0).fit(&x, &y).unwrap();
    let w = model.refit().coefficients().to_owned();
    assert!(w.iter().all(|&w| w >= 0.0) && w.sum() > 0.0);
    // Stationary: what is positive has no gradient, what is zero none that points inside.
    let r = &y - &model.refit().predict(&x).unwrap();
    for &j in &lasso.fit(&x, &y).unwrap().support() {
        let g = x.column(j).dot(&r) / 40.0;
        assert!(if w[j] > 0.0 { g.abs() < 1e-4 } else { g < 1e-4 }, "{j}: {g:e}");
    }
}

#[test]
fn refits_that_are_not_unique_or_do_not_exist_say_so_and_are_finite() {
    // Twice the same column, both taken by the elastic net.
    let (x, y) = single(5, 30, 6);
    let mut twins = x.clone();
    let first = x.column(0).to_owned();
    twins.column_mut(1).assign(&first);
    let model = ElasticNet::new(0.1, 0.5).relaxed(0.0).fit(&twins, &y).unwrap();
    assert!(model.support().contains(&0) && model.support().contains(&1));
    assert_eq!(model.refit_status(), RefitStatus::NotUnique);
    let kept: Vec<usize> = model.support().into_iter().filter(|&j| j != 1).collect();
    let chosen = centred(&twins.select(Axis(1), &kept));
    let w = least_squares(&chosen, &(&y - y.mean().unwrap()).insert_axis(Axis(1)));
    let (a, b) = (model.predict_matrix(&twins).unwrap(), chosen.dot(&w) + y.mean().unwrap());
    assert!((&a - &b).iter().all(|d| d.abs() < 1e-4));
    // More features than observations: exact, and not the only one.
    let (x, y) = single(6, 10, 40);
    let model = ElasticNet::new(0.01, 0.1).relaxed(0.0).fit(&x, &y).unwrap();
    assert!(model.support().len() > 10);
    assert_eq!(model.refit_status(), RefitStatus::NotUnique);
    assert!(model.deviance_explained() > 1.0 - 1e-6);
    // Classes that the support separates.
    let (x, y) = single(7, 40, 10);
    let separated = y.mapv(|v| f64::from(u8::from(v > 0.0)));
    let x = Array2::from_shape_fn((40, 10), |(i, j)| if j == 2 { y[i] } else { x[[i, j]] });
    let lasso = LogisticLasso::new(0.05);
    let model = lasso.clone().relaxed(0.0).fit(&x, &separated).unwrap();
    assert_eq!(model.refit_status(), RefitStatus::Divergent);
    assert!(model.refit().coefficients().iter().all(|w| w.is_finite()));
    assert!(model.to_string().contains("divergent"));
    // Separated in one direction only: half of the labels do not depend on it.
    let partly = Array1::from_shape_fn(40, |i| if i % 2 == 0 { (i / 2 % 2) as f64 } else { separated[i] });
    let x2 = Array2::from_shape_fn((40, 2), |(i, j)| match (j, i % 2) {
        (0, 0) => 0.0,
        (0, _) => 2.0 * separated[i] - 1.0,
        _ => x[[i, 4]],
    });
    let model = LogisticLasso::new(1e-3).relaxed(0.0).fit(&x2, &partly).unwrap();
    assert_eq!(model.refit_status(), RefitStatus::Divergent);
    // Large predictions alone are no divergence: proportions that are known to be small.
    let far = Array1::from_shape_fn(40, |i| 1.0 / (1.0 + (8.0 + 0.5 * x[[i, 4]]).exp()));
    let shares = Lasso::new(1e-6).loss(Logistic::proportions()).tolerance(1e-10);
    let model = shares.relaxed(0.0).fit(&x, &far).unwrap();
    assert_ne!(model.refit_status(), RefitStatus::Divergent);
    // A path goes on through all that.
    let path = lasso.relaxed(0.3).path(&x, &separated, Grid::auto(20)).unwrap();
    assert_eq!(path.len(), 20);
    assert!(path.models().iter().all(|m| m.coefficient_matrix().iter().all(|w| w.is_finite())));
    assert!(path.models()[0].support().is_empty());
}

#[test]
fn paths_and_folds_are_fits_one_by_one() {
    let (x, y) = single(8, 60, 20);
    let lasso = Lasso::default().tolerance(1e-10);
    let grid = || Grid::auto(8).ratio(0.05);
    let path = lasso.clone().relaxed(0.3).path(&x, &y, grid()).unwrap();
    for model in path.models() {
        let alone = Lasso::new(model.lambda()).tolerance(1e-10).relaxed(0.3).fit(&x, &y).unwrap();
        assert_eq!(alone.support(), model.support());
        assert!((&alone.coefficient_matrix() - &model.coefficient_matrix()).iter().all(|d| d.abs() < 1e-5));
    }
    let folds: Vec<usize> = (0..60).map(|i| i * 7 % 3).collect();
    let phis = [0.0, 0.5, 1.0];
    let relaxed = lasso.clone().relaxed(0.0);
    let cv = relaxed.cross_validate_on(&x, &y, &FoldIds::new(folds.clone()), grid(), &phis).unwrap();
    let plain = lasso.cross_validate_on(&x, &y, &FoldIds::new(folds.clone()), grid()).unwrap();
    for fold in 0..3 {
        let (test, train): (Vec<usize>, Vec<usize>) = (0..60).partition(|&i| folds[i] == fold);
        for (k, lambda) in path.lambdas().into_iter().enumerate() {
            for (f, &phi) in phis.iter().enumerate() {
                let model = Lasso::new(lambda).tolerance(1e-10).relaxed(phi);
                let model = model.fit(&x.select(Axis(0), &train), &y.select(Axis(0), &train)).unwrap();
                let predicted = model.model().predict(&x.select(Axis(0), &test)).unwrap();
                let error = (&predicted - &y.select(Axis(0), &test)).mapv(|d| d * d).mean().unwrap();
                assert!((cv.at(f).curve().scores[[k, fold]] - error).abs() < 1e-5 * error);
            }
            let (a, b) = (cv.at(2).curve().scores[[k, fold]], plain.curve().scores[[k, fold]]);
            assert!((a - b).abs() < 1e-6 * b, "φ = 1 is the lasso");
        }
    }
    let least = (0..3).map(|f| cv.at(f).curve().mean[cv.at(f).curve().best]).fold(f64::INFINITY, f64::min);
    let at = cv.phis().iter().position(|&phi| phi == cv.best().phi()).unwrap();
    assert_eq!(cv.at(at).curve().mean[cv.at(at).curve().best], least);
    assert!(cv.one_standard_error().support().len() <= cv.best().support().len());
    assert!(cv.to_string().contains("one standard error"));
    for phi in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(Lasso::new(1.0).relaxed(phi).fit(&x, &y), Err(Error::OutOfRange { argument: "phi", .. })));
        let cv = relaxed.cross_validate_on(&x, &y, &KFold::new(3), grid(), &[0.0, phi]);
        assert!(matches!(cv, Err(Error::OutOfRange { argument: "phis", index, .. }) if index == [1]));
    }
    assert!(matches!(
        relaxed.cross_validate_on(&x, &y, &KFold::new(3), grid(), &[]),
        Err(Error::Empty { argument: "phis" })
    ));
}
