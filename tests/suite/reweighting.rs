//! Convex fits in rounds: every round against the plain estimator with the weights of the definition.

use ndarray::{Array1, Array2, Axis};
use sparsereg::prelude::*;

use crate::common::{INF, main_solvers, regression, single};

fn close(a: ndarray::ArrayView2<'_, f64>, b: ndarray::ArrayView2<'_, f64>) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

fn weights(w: &Array2<f64>, blocks: &[Vec<usize>], rule: impl Fn(f64) -> f64) -> Vec<f64> {
    let norm = |b: &Vec<usize>| b.iter().flat_map(|&j| w.row(j).to_vec()).map(|w| w * w).sum::<f64>().sqrt();
    blocks.iter().map(|b| rule(norm(b))).collect()
}

#[test]
fn each_round_is_the_convex_fit_with_the_weights_of_the_definition() {
    let (x, y) = single(21, 60, 20);
    let blocks: Vec<Vec<usize>> = (0..20).map(|j| vec![j]).collect();
    let lambda = 0.15;
    let mcp = move |gamma: f64, r: f64| (1.0 - r / (gamma * lambda)).max(0.0);
    let scad =
        move |gamma: f64, r: f64| if r <= lambda { 1.0 } else { ((gamma - r / lambda) / (gamma - 1.0)).max(0.0) };
    type Rule = Box<dyn Fn(f64) -> f64>;
    let rules: [(Reweighting, Rule); 4] = [
        (Reweighting::Log { epsilon: 0.1 }, Box::new(|r| 0.1 / (r + 0.1))),
        (Reweighting::Power { exponent: 2.0, epsilon: 0.5 }, Box::new(|r| (r + 0.5).powi(-2))),
        (Reweighting::Mcp { gamma: 3.0 }, Box::new(move |r| mcp(3.0, r))),
        (Reweighting::Scad { gamma: 3.7 }, Box::new(move |r| scad(3.7, r))),
    ];
    for (name, method) in main_solvers() {
        for (rule, by_hand) in &rules {
            let lasso = Lasso::new(lambda).solver(method.clone()).tolerance(1e-12);
            let mut w = lasso.fit(&x, &y).unwrap().coefficient_matrix();
            for rounds in 1..4 {
                let model = Reweighted::new(lasso.clone(), *rule).rounds(rounds).fit(&x, &y).unwrap();
                let plain = lasso.clone().weights(weights(&w, &blocks, by_hand)).fit(&x, &y).unwrap();
                assert!(
                    close(model.coefficient_matrix().view(), plain.coefficient_matrix().view()),
                    "{name} {rule:?} {rounds}"
                );
                assert!(model.certificate().is_convex && model.certificate().relative_gap() <= 1e-10);
                assert!((model.certificate().objective - plain.certificate().objective).abs() < 1e-9);
                assert_eq!(model.lambda(), lambda);
                let before: Vec<bool> = w.iter().map(|w| *w == 0.0).collect();
                w = plain.coefficient_matrix();
                if w.iter().map(|w| *w == 0.0).collect::<Vec<_>>() == before {
                    // The support is that of the round before: further rounds change nothing.
                    let more = Reweighted::new(lasso.clone(), *rule).rounds(50).fit(&x, &y).unwrap();
                    assert!(close(more.coefficient_matrix().view(), w.view()), "{name} {rule:?}");
                    break;
                }
            }
        }
    }
}

#[test]
fn every_weighted_estimator_can_be_wrapped() {
    let (x, y) = single(22, 60, 12);
    let lambda = 0.2;
    let rule = |r: f64| 0.1 / (r + 0.1);
    let log = Reweighting::Log { epsilon: 0.1 };
    let each: Vec<Vec<usize>> = (0..12).map(|j| vec![j]).collect();
    let scattered: Vec<Vec<usize>> = (0..4).map(|g| vec![g, g + 4, g + 8]).collect();
    let groups = Groups::new(&scattered).unwrap();
    let root = |r: f64| 3f64.sqrt() * rule(r);
    macro_rules! check {
        ($estimator:expr, $blocks:expr, $rule:expr, $y:expr) => {{
            let estimator = $estimator.tolerance(1e-11);
            let w = estimator.fit(&x, $y).unwrap().coefficient_matrix();
            let plain = estimator.clone().weights(weights(&w, $blocks, $rule)).fit(&x, $y).unwrap();
            let model = Reweighted::new(estimator, log).rounds(1).fit(&x, $y).unwrap();
            assert!(close(model.coefficient_matrix().view(), plain.coefficient_matrix().view()));
            assert!(!close(model.coefficient_matrix().view(), w.view()));
        }};
    }
    check!(Lasso::new(lambda), &each, rule, &y);
    check!(ElasticNet::new(lambda, 0.7), &each, rule, &y);
    check!(GroupLasso::new(lambda, groups.clone()), &scattered, root, &y);
    check!(SparseGroupLasso::new(lambda, 0.3, groups.clone()), &scattered, root, &y);
    check!(LatentGroupLasso::new(lambda, groups.clone()), &scattered, root, &y);
    let classes = y.mapv(|v| f64::from(u8::from(v > y.mean().unwrap())));
    check!(Lasso::new(0.02).loss(Logistic::default()), &each, rule, &classes);
    check!(GroupLasso::new(0.02, groups.clone()).loss(Logistic::default()), &scattered, root, &classes);
    // The loss before or after makes no difference.
    let (a, b) = (
        Reweighted::new(Lasso::new(0.02).loss(Logistic::default()), log).fit(&x, &classes).unwrap(),
        Reweighted::new(Lasso::new(0.02), log).loss(Logistic::default()).fit(&x, &classes).unwrap(),
    );
    assert!(close(a.coefficient_matrix().view(), b.coefficient_matrix().view()));
    // A loss with kinks, which penalties that are not convex do not take.
    let quantile = Reweighted::new(Lasso::new(0.05).loss(Quantile::new(0.5)), Reweighting::Mcp { gamma: 3.0 });
    assert_eq!(quantile.tolerance(1e-4).fit(&x, &y).unwrap().status(), Status::Converged);
    let (x2, y2) = regression(23, 50, 12, 3);
    let estimator = MultiTaskLasso::new(0.3).tolerance(1e-11);
    let w = estimator.fit(&x2, &y2).unwrap().coefficient_matrix();
    let plain = estimator.clone().weights(weights(&w, &each, rule)).fit(&x2, &y2).unwrap();
    let model = Reweighted::new(estimator, log).rounds(1).fit(&x2, &y2).unwrap();
    assert!(close(model.coefficient_matrix().view(), plain.coefficient_matrix().view()));
    let net = Reweighted::new(MultiTaskElasticNet::new(0.3, 0.5), log).fit(&x2, &y2).unwrap();
    assert_eq!(net.status(), Status::Converged);
}

#[test]
fn own_weights_stay_and_zero_and_infinity_with_them() {
    let (x, y) = single(24, 60, 10);
    let mut own = vec![2.0; 10];
    (own[1], own[2]) = (0.0, INF);
    let lasso = Lasso::new(0.1).weights(own.clone()).tolerance(1e-11);
    let w = lasso.fit(&x, &y).unwrap().coefficient_matrix();
    let blocks: Vec<Vec<usize>> = (0..10).map(|j| vec![j]).collect();
    let mut by_hand = weights(&w, &blocks, |r| 2.0 * 0.2 / (r + 0.2));
    (by_hand[1], by_hand[2]) = (0.0, INF);
    let plain = lasso.clone().weights(by_hand).fit(&x, &y).unwrap();
    let model = Reweighted::new(lasso, Reweighting::Log { epsilon: 0.2 }).rounds(1).fit(&x, &y).unwrap();
    assert!(close(model.coefficient_matrix().view(), plain.coefficient_matrix().view()));
}

#[test]
fn the_adaptive_lasso_has_the_weights_of_its_pilot_on_the_whole_path_and_in_every_fold() {
    let (x, y) = single(25, 60, 10);
    let pilot = |x: &Array2<f64>, y: &Array1<f64>| {
        let w = Lasso::new(0.0).tolerance(1e-13).fit(x, y).unwrap().coefficients().to_owned();
        w.iter().map(|w| 1.0 / w.abs()).collect::<Vec<f64>>()
    };
    let base = Lasso::default().tolerance(1e-11);
    let adaptive = Reweighted::adaptive(base.clone(), 0.0, 1.0);
    let path = adaptive.path(&x, &y, Grid::auto(12)).unwrap();
    let plain = base.clone().weights(pilot(&x, &y)).path(&x, &y, Grid::auto(12)).unwrap();
    assert!((adaptive.lambda_max(&x, &y).unwrap() / path.lambdas()[0] - 1.0).abs() < 1e-12);
    for (a, b) in path.models().iter().zip(plain.models()) {
        assert!((a.lambda() / b.lambda() - 1.0).abs() < 1e-5, "{} {}", a.lambda(), b.lambda());
        assert!((&a.coefficients() - &b.coefficients()).iter().all(|d| d.abs() < 1e-4));
    }
    let lambdas = path.lambdas();
    let ids: Vec<usize> = (0..60).map(|i| i % 3).collect();
    type Fit<'a> = &'a dyn Fn(&Array2<f64>, &Array1<f64>, f64) -> LinearModel;
    let check = |cv: sparsereg::cross_validation::CrossValidation<LinearModel>, fit: Fit<'_>| {
        for fold in 0..3 {
            let pick = |inside: bool| (0..60).filter(|i| (ids[*i] == fold) == inside).collect::<Vec<_>>();
            let (train, test) = (pick(false), pick(true));
            let model = fit(&x.select(Axis(0), &train), &y.select(Axis(0), &train), lambdas[6]);
            let predicted = model.predict(&x.select(Axis(0), &test)).unwrap();
            for (i, p) in test.iter().zip(predicted) {
                assert!((cv.out_of_fold(6)[[*i, 0]] - p).abs() < 1e-4, "fold {fold}");
            }
        }
    };
    let folds = FoldIds::new(ids.clone());
    let grid = || Grid::values(lambdas.clone());
    check(adaptive.cross_validate_on(&x, &y, &folds, grid()).unwrap(), &|x, y, lambda| {
        base.clone().with_lambda(lambda).weights(pilot(x, y)).fit(x, y).unwrap()
    });
    let rounds = Reweighted::new(base.clone(), Reweighting::Mcp { gamma: 3.0 }).rounds(2);
    check(rounds.cross_validate_on(&x, &y, &folds, grid()).unwrap(), &|x, y, lambda| {
        rounds.with_lambda(lambda).fit(x, y).unwrap()
    });
}

#[test]
fn moments_give_the_same_rounds() {
    let (x, y) = single(26, 400, 8);
    let moments = sparsereg::moments::Moments::new(&x, &y).unwrap();
    let estimator = Reweighted::new(Lasso::new(0.2), Reweighting::Log { epsilon: 0.3 }).tolerance(1e-9);
    let (a, b) = (estimator.fit(&x, &y).unwrap(), estimator.fit_moments(&moments).unwrap());
    assert!(close(a.coefficient_matrix().view(), b.coefficient_matrix().view()));
    let cv = estimator.cross_validate(&x, &y, &KFold::new(3)).unwrap();
    assert_eq!(cv.unconverged(20), 0);
}
