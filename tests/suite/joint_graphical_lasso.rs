//! The joint graphical lasso: goldens, an independent route, reductions to one class, invariances and bad input.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::common::Rng;
use ndarray::{Array2, Axis, array};
use serde_json::Value;
use sparsereg::penalty::JointEntrywise;
use sparsereg::prelude::*;
use sparsereg::problem::Problem;
use sparsereg::smooth::{JointLogDet, Smooth};
use sparsereg::solver::{Progress, Solver, Start, Stopping};

// ------------------------------------------------------------------------------------------------------------- helpers

/// Samples of a chain whose links differ between classes.
fn samples(n: usize, p: usize, class: usize) -> Array2<f64> {
    let mut rng = Rng::new(100 + class as u64);
    let mut x = Array2::zeros((n, p));
    for i in 0..n {
        let mut before = 0.0;
        for j in 0..p {
            let link = if (j + class).is_multiple_of(4) { 0.0 } else { 0.6 };
            before = link * before + rng.normal();
            x[[i, j]] = before;
        }
    }
    x
}

fn covariance(x: &Array2<f64>) -> Array2<f64> {
    let centred = x - &x.mean_axis(Axis(0)).unwrap();
    centred.t().dot(&centred) / x.nrows() as f64
}

fn three(p: usize) -> Vec<Array2<f64>> {
    [40, 60, 25].iter().enumerate().map(|(k, &n)| samples(n, p, k)).collect()
}

fn distance<'a>(a: impl IntoIterator<Item = &'a f64>, b: impl IntoIterator<Item = &'a f64>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[track_caller]
fn close<'a>(a: impl IntoIterator<Item = &'a f64>, b: impl IntoIterator<Item = &'a f64>, limit: f64) {
    let error = distance(a, b);
    assert!(error < limit, "{error:e}");
}

/// The largest difference between two models, class by class.
fn difference(a: &JointPrecisionModel, b: &JointPrecisionModel) -> f64 {
    assert_eq!(a.classes().len(), b.classes().len());
    let pairs = a.classes().iter().zip(b.classes());
    pairs.map(|(a, b)| distance(a.precision(), b.precision())).fold(0.0, f64::max)
}

fn both() -> [JointGraphicalLasso; 2] {
    [Coupling::Group, Coupling::Fused].map(|c| JointGraphicalLasso::default().coupling(c).tolerance(0.0))
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows = value.as_array().unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].as_array().unwrap().len()), |(i, j)| rows[i][j].as_f64().unwrap())
}

fn matrices(value: &Value) -> Vec<Array2<f64>> {
    value.as_array().unwrap().iter().map(matrix).collect()
}

// ------------------------------------------------------------------------------------------------------------- goldens

#[test]
fn goldens_to_eight_digits() {
    for name in ["joint_group", "joint_fused", "joint_fused_wide"] {
        let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let number = |key: &str| golden[key].as_f64().unwrap();
        let weights: Vec<f64> = golden["weights"].as_array().unwrap().iter().map(|w| w.as_f64().unwrap()).collect();
        let coupling = if golden["coupling"] == "fused" { Coupling::Fused } else { Coupling::Group };
        let model = JointGraphicalLasso::new(number("lambda1"), number("lambda2"))
            .coupling(coupling)
            .class_weights(weights)
            .couple_diagonal(golden["couple_diagonal"].as_bool().unwrap())
            .tolerance(0.0)
            .fit_covariances(&matrices(&golden["covariances"]))
            .unwrap();
        for (found, wanted) in model.classes().iter().zip(matrices(&golden["precision"])) {
            let size = wanted.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let error = distance(found.precision(), &wanted) / size;
            assert!(error < 1e-8, "{name}: {error:e}");
            for (a, b) in found.precision().iter().zip(&wanted) {
                assert_eq!(*a == 0.0, *b == 0.0, "{name}");
            }
        }
        let objective = number("objective");
        assert!((model.certificate().objective - objective).abs() < 1e-10 * objective.abs(), "{name}");
        assert!(model.certificate().kkt < 1e-6, "{name}: {:e}", model.certificate().kkt);
    }
}

// --------------------------------------------------------------------------------------------------------------- routes

#[test]
fn newton_without_screening_and_proximal_gradient_agree() {
    let (p, covariances): (usize, Vec<Array2<f64>>) = (8, three(8).iter().map(covariance).collect());
    let values = covariances.iter().map(|s| s.iter().copied().collect()).collect();
    let smooth = JointLogDet::new(p, values, vec![1.0; 3]).unwrap();
    for estimator in both() {
        for (l1, l2) in [(0.1, 0.05), (0.3, 0.3), (0.05, 0.4), (0.02, 0.0)] {
            let coupling = if estimator == both()[0] { Coupling::Group } else { Coupling::Fused };
            let penalty = JointEntrywise::off_diagonal(p, 3, coupling, l1, l2).unwrap();
            let problem = Problem::new(&smooth, &penalty, 1.0);
            let stopping = Stopping { tolerance: 1e-11, max_iterations: 20_000, ..Stopping::default() };
            let newton = JointLogDetNewton { stopping, ..JointLogDetNewton::default() };
            let newton = newton.solve(&problem, Start::Zero, &mut ());
            let fista = Fista { stopping, ..Fista::default() }.solve(&problem, Start::Zero, &mut ());
            let model = estimator.with_lambdas(l1, l2).fit_covariances(&covariances).unwrap();
            assert!(distance(&newton.coefficients, &fista.coefficients) < 1e-5, "{coupling:?} {l1} {l2}");
            assert!(fista.certificate.gap < 1e-9, "{coupling:?} {l1} {l2}: {:?}", fista.certificate);
            for (k, class) in model.classes().iter().enumerate() {
                let whole = newton.coefficients.iter().skip(k).step_by(3);
                let error = class.precision().t().iter().zip(whole).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(error < 1e-5, "{coupling:?} {l1} {l2}: screening changes the answer by {error:e}");
            }
            let objective = model.certificate().objective;
            assert!((newton.certificate.objective - objective).abs() < 1e-9);
            assert!((problem.objective(&fista.coefficients) - objective).abs() < 1e-8);
            assert!(
                (smooth.value(&smooth.point(&newton.coefficients)) - newton.certificate.objective) < 0.0 || l1 == 0.0
            );
        }
    }
}

// ----------------------------------------------------------------------------------------------------------- reductions

#[test]
fn without_coupling_every_class_is_a_graphical_lasso() {
    let data = three(10);
    for estimator in both() {
        let model = estimator.with_lambdas(0.15, 0.0).fit(&data).unwrap();
        for (class, x) in model.classes().iter().zip(&data) {
            let alone = GraphicalLasso::new(0.15).tolerance(0.0).fit(x).unwrap();
            close(class.precision(), alone.precision(), 1e-7);
            assert_eq!(class.edge_count(), alone.edge_count());
            close(class.covariance(), alone.covariance(), 1e-7);
            assert!((class.log_det() - alone.log_det()).abs() < 1e-7);
            assert_eq!(class.mean(), alone.mean());
        }
    }
    // Weights are a matter of λ: ω_k f + λ|·| is f + λ/ω_k |·|.
    let weighted = both()[0].with_lambdas(0.15, 0.0).class_weights(ClassWeights::SampleSize).fit(&data).unwrap();
    for (k, (class, x)) in weighted.classes().iter().zip(&data).enumerate() {
        let weight = 3.0 * x.nrows() as f64 / 125.0;
        assert!((weighted.class_weights()[k] - weight).abs() < 1e-14);
        let alone = GraphicalLasso::new(0.15 / weight).tolerance(0.0).fit(x).unwrap();
        close(class.precision(), alone.precision(), 1e-7);
    }
}

#[test]
fn one_class_is_a_graphical_lasso() {
    let x = samples(40, 9, 0);
    // The norm of one value is its size, and it does not differ from itself.
    for (estimator, lambda) in both().into_iter().zip([0.25, 0.15]) {
        for scale in [false, true] {
            let model =
                estimator.with_lambdas(0.15, 0.1).correlation_scale(scale).fit(std::slice::from_ref(&x)).unwrap();
            let alone = GraphicalLasso::new(lambda).tolerance(0.0).correlation_scale(scale).fit(&x).unwrap();
            close(model.classes()[0].precision(), alone.precision(), 1e-7);
        }
    }
}

#[test]
fn identical_classes_have_identical_answers() {
    let x = samples(50, 9, 1);
    for (estimator, lambda) in both().into_iter().zip([0.1 + 0.1 / 3f64.sqrt(), 0.1]) {
        let model = estimator.with_lambdas(0.1, 0.1).fit(&[x.clone(), x.clone(), x.clone()]).unwrap();
        let alone = GraphicalLasso::new(lambda).tolerance(0.0).fit(&x).unwrap();
        for class in model.classes() {
            close(class.precision(), alone.precision(), 1e-7);
        }
    }
}

#[test]
fn strong_fusion_is_a_graphical_lasso_of_the_pooled_covariance() {
    let data = three(8);
    let s: Vec<_> = data.iter().map(covariance).collect();
    let weights = [40.0 / 125.0, 60.0 / 125.0, 25.0 / 125.0];
    let pooled = s.iter().zip(weights).fold(Array2::zeros((8, 8)), |sum: Array2<f64>, (s, w)| sum + s * w);
    let base = JointGraphicalLasso::new(0.1, 50.0).fused().class_weights(ClassWeights::SampleSize).tolerance(0.0);
    // With the diagonal all of Θ is equal, and its objective is K times that of the pooled covariance.
    let model = base.clone().couple_diagonal(true).fit(&data).unwrap();
    let alone = GraphicalLasso::new(0.1).tolerance(0.0).fit_covariance(&pooled).unwrap();
    for class in model.classes() {
        close(class.precision(), alone.precision(), 1e-6);
    }
    assert!((model.certificate().objective - 3.0 * alone.certificate().objective).abs() < 1e-8);
    // Without it the off-diagonal entries are equal to the last bit.
    let model = base.fit(&data).unwrap();
    assert!(model.differing_edges().is_empty() && !model.shared_edges().is_empty());
    for edge in model.edges() {
        assert!(edge.equal && edge.precision.iter().all(|v| *v == edge.precision[0]));
    }
    // Only fusion, no sparsity: all the more so.
    let model = JointGraphicalLasso::new(0.0, 50.0).fused().couple_diagonal(true).tolerance(1e-12).fit(&data).unwrap();
    let equal = s.iter().fold(Array2::zeros((8, 8)), |sum: Array2<f64>, s| sum + s / 3.0);
    for class in model.classes() {
        close(&class.precision().dot(&equal), &Array2::eye(8), 1e-5);
    }
}

// ---------------------------------------------------------------------------------------------------------- invariances

#[test]
fn classes_and_variables_have_no_order_and_variables_no_units() {
    let data = three(9);
    let order = [4, 0, 8, 2, 6, 1, 3, 7, 5];
    for estimator in both() {
        let estimator = estimator.with_lambdas(0.12, 0.08);
        let model = estimator.fit(&data).unwrap();
        let turned = estimator.fit(&[data[2].clone(), data[0].clone(), data[1].clone()]).unwrap();
        for (k, other) in [(2, 0), (0, 1), (1, 2)] {
            close(model.classes()[k].precision(), turned.classes()[other].precision(), 1e-7);
        }
        let shuffled: Vec<_> = data.iter().map(|x| x.select(Axis(1), &order)).collect();
        let shuffled = estimator.fit(&shuffled).unwrap();
        for (a, b) in model.classes().iter().zip(shuffled.classes()) {
            let a = a.precision().select(Axis(0), &order).select(Axis(1), &order);
            close(&a, b.precision(), 1e-7);
        }
        // On the scale of correlations units do not matter, however different.
        let scaled: Vec<_> = data
            .iter()
            .enumerate()
            .map(|(k, x)| Array2::from_shape_fn(x.dim(), |(i, j)| x[[i, j]] * 10f64.powi(j as i32 - 4 + k as i32)))
            .collect();
        let (a, b) = (estimator.clone().correlation_scale(true), data.clone());
        let (a, b) = (a.fit(&scaled).unwrap(), a.fit(&b).unwrap());
        for (a, b) in a.classes().iter().zip(b.classes()) {
            close(&a.partial_correlations(), &b.partial_correlations(), 1e-6);
        }
        assert_eq!(a.edges().len(), b.edges().len());
    }
}

#[test]
fn no_edge_at_lambda_max_and_one_below() {
    let data = three(9);
    for estimator in both() {
        for (ratio, scale) in [(0.0, false), (0.5, true), (3.0, false)] {
            let estimator = estimator.clone().correlation_scale(scale).class_weights(vec![1.0, 2.0, 0.5]);
            let top = estimator.lambda_max(&data, ratio).unwrap();
            let edges = |l: f64| estimator.with_lambdas(l, ratio * l).fit(&data).unwrap().edges().len();
            assert_eq!(edges(top), 0);
            assert_eq!(edges(0.999 * top), 1);
        }
    }
}

#[test]
fn components_of_the_graph_are_those_of_the_screening_rule() {
    // Two blocks that nothing links, in one class each.
    let s = array![[1.0, 0.6, 0.05, 0.0], [0.6, 1.0, 0.0, 0.05], [0.05, 0.0, 1.0, 0.02], [0.0, 0.05, 0.02, 1.0]];
    let r = array![[1.0, 0.02, 0.05, 0.0], [0.02, 1.0, 0.0, 0.05], [0.05, 0.0, 1.0, -0.5], [0.0, 0.05, -0.5, 1.0]];
    for estimator in both() {
        let model = estimator.with_lambdas(0.06, 0.04).fit_covariances(&[s.clone(), r.clone()]).unwrap();
        assert_eq!(model.classes()[0].components(), [vec![0, 1], vec![2], vec![3]]);
        assert_eq!(model.classes()[1].components(), [vec![0], vec![1], vec![2, 3]]);
        assert_eq!(model.specific_edges().len(), 2);
        assert!(model.shared_edges().is_empty());
    }
}

// ---------------------------------------------------------------------------------------------------------------- steps

/// Classes with variances far apart: an entry has a curvature of its own in each class.
#[test]
fn classes_of_different_scale_take_few_newton_steps() {
    for (spread, classes) in [(30.0, 2), (30.0, 3), (1000.0, 2), (1000.0, 3)] {
        let scale = |k: usize| f64::powf(spread, k as f64 / (classes - 1) as f64);
        let data: Vec<_> = (0..classes).map(|k| covariance(&samples(60, 20, k)) * scale(k)).collect();
        for estimator in both() {
            let estimator = estimator.tolerance(1e-9);
            let top = estimator.lambda_max_covariances(&data, 0.5).unwrap();
            // Where all classes have edges.
            for share in [1.0, 0.2] {
                let lambda = share / spread * top;
                let model = estimator.with_lambdas(lambda, 0.5 * lambda).fit_covariances(&data).unwrap();
                assert!(model.classes().iter().all(|class| class.edge_count() > 0));
                assert!(model.iterations() <= 30, "{spread} {classes} {share}: {}", model.iterations());
                assert!(model.certificate().relative_gap() <= 1e-9);
            }
        }
    }
}

/// Two copies of a variable with little noise between them: fusion says nothing of what both classes have in common, where sweeps over
/// the entries would creep.
#[test]
fn nearly_collinear_variables_take_few_newton_steps() {
    let copies = |k: usize| {
        let mut x = samples(60, 6, k);
        let mut rng = Rng::new(7 + k as u64);
        (0..60).for_each(|i| x[[i, 1]] = x[[i, 0]] + 0.01 * rng.normal());
        covariance(&x)
    };
    let data = [copies(0), copies(1)];
    for lambda in [0.1, 1.0] {
        let model = JointGraphicalLasso::new(0.0, lambda).fused().tolerance(1e-8).fit_covariances(&data).unwrap();
        assert!(model.certificate().relative_gap() <= 1e-8 && model.iterations() <= 40, "{}", model.iterations());
    }
}

// ------------------------------------------------------------------------------------------------------ paths and models

#[test]
fn a_path_is_its_points_and_can_be_selected_from() {
    let data = three(8);
    for estimator in both() {
        let path = estimator.path(&data, 0.5, Grid::auto(8).ratio(0.05)).unwrap();
        assert_eq!(path.models().len(), 8);
        for model in path.models() {
            assert!(model.certificate().relative_gap() < 1e-12, "{path}");
            let alone = estimator.with_lambdas(model.lambda1(), model.lambda2()).fit(&data).unwrap();
            assert!(difference(model, &alone) < 1e-5);
        }
        let best = path.select(Criterion::Bic).unwrap();
        let sum: f64 = best.classes().iter().map(|m| m.criterion(Criterion::Bic).unwrap()).sum();
        assert_eq!(best.criterion(Criterion::Bic).unwrap(), sum);
        assert!(path.to_string().lines().count() == 9);
    }
}

#[test]
fn models_say_what_they_are() {
    let model = JointGraphicalLasso::new(0.1, 0.05)
        .fused()
        .variable_names(["a", "b", "c", "d"])
        .class_names(["young", "old", "third"])
        .fit(&three(4))
        .unwrap();
    let text = model.to_string();
    assert!(text.contains("young") && text.contains("third") && text.contains("converged"), "{text}");
    assert_eq!(model.class_name(1), "old");
    assert_eq!(model.coupling(), Coupling::Fused);
    assert_eq!(model.classes()[0].observations(), Some(40));
    let edges = model.edges();
    assert_eq!(edges.len(), model.shared_edges().len() + model.specific_edges().len());
    let strongest = |e: &JointEdge| e.partial_correlation.iter().fold(0.0f64, |m, r| m.max(r.abs()));
    assert!(edges.windows(2).all(|e| strongest(&e[0]) >= strongest(&e[1])));
    assert!(model.certificate().relative_gap() <= 1e-6);
}

// ------------------------------------------------------------------------------------------------------------ bad input

#[test]
fn bad_input_is_an_error() {
    let good = three(4);
    let s = || vec![Array2::eye(3), Array2::eye(3)];
    let j = || JointGraphicalLasso::new(0.1, 0.1);
    assert!(matches!(j().fit::<ndarray::OwnedRepr<f64>>(&[]), Err(Error::Empty { argument: "samples" })));
    assert!(matches!(
        j().fit_covariances::<ndarray::OwnedRepr<f64>>(&[]),
        Err(Error::Empty { argument: "covariances" })
    ));
    assert!(matches!(j().fit(&[good[0].clone(), samples(9, 5, 0)]), Err(Error::Length { expected: 4, found: 5, .. })));
    assert!(matches!(j().fit_covariances(&[Array2::eye(3), Array2::eye(2)]), Err(Error::Length { .. })));
    assert!(matches!(j().fit(&[good[0].clone(), Array2::zeros((0, 4))]), Err(Error::Empty { .. })));
    let mut bad = good.clone();
    bad[1][[2, 3]] = f64::NAN;
    assert!(matches!(j().fit(&bad), Err(Error::NotFinite { argument: "samples", index, .. }) if index == [1, 2, 3]));
    bad[1].column_mut(3).fill(7.0);
    assert!(matches!(j().fit(&bad), Err(Error::OutOfRange { index, .. }) if index == [1, 3]));
    for wrong in [-0.1, f64::NAN, f64::INFINITY] {
        for estimator in
            [JointGraphicalLasso::new(wrong, 0.1), JointGraphicalLasso::new(0.1, wrong), j().tolerance(wrong)]
        {
            assert!(matches!(estimator.fit(&good), Err(Error::OutOfRange { .. })));
        }
        assert!(matches!(j().lambda_max(&good, wrong), Err(Error::OutOfRange { argument: "ratio", .. })));
        assert!(matches!(j().path(&good, wrong, Grid::auto(3)), Err(Error::OutOfRange { .. })));
        let weights = j().class_weights(vec![1.0, wrong, 1.0]).fit(&good);
        assert!(matches!(weights, Err(Error::OutOfRange { argument: "class_weights", index, .. }) if index == [1]));
    }
    for weights in [vec![0.0; 3], vec![1.0, 1.0, 0.0]] {
        assert!(matches!(j().class_weights(weights).fit(&good), Err(Error::OutOfRange { .. })));
    }
    assert!(matches!(j().class_weights(vec![1.0; 2]).fit(&good), Err(Error::Length { .. })));
    let sizes = j().class_weights(ClassWeights::SampleSize);
    assert!(matches!(sizes.fit_covariances(&s()), Err(Error::Unsupported { .. })));
    assert!(sizes.clone().observations([10, 20]).fit_covariances(&s()).is_ok());
    assert!(matches!(sizes.observations([10, 0]).fit_covariances(&s()), Err(Error::OutOfRange { .. })));
    assert!(matches!(j().observations([1]).fit(&good), Err(Error::Length { .. })));
    assert!(matches!(j().variable_names(["a"]).fit(&good), Err(Error::Length { .. })));
    assert!(matches!(j().class_names(["a"]).fit(&good), Err(Error::Length { .. })));
    let mut indefinite = s();
    (indefinite[1][[0, 1]], indefinite[1][[1, 0]]) = (2.0, 2.0);
    assert!(matches!(j().fit_covariances(&indefinite), Err(Error::NotPositiveDefinite { .. })));
    indefinite[1][[0, 1]] = 0.5;
    assert!(matches!(j().fit_covariances(&indefinite), Err(Error::NotSymmetric { .. })));
    assert!(matches!(j().path(&good, 0.5, Grid::values([])), Err(Error::Empty { .. })));
}

#[test]
fn errors_name_what_the_user_has_given() {
    let tiny = [Array2::eye(3) * 1e-6, Array2::from_diag(&array![1e-6, 2e-6, 3e-6])];
    let huge = f64::MAX;
    for (l1, l2, name) in [(huge, 0.1, "lambda1"), (0.1, huge, "lambda2")] {
        let error = JointGraphicalLasso::new(l1, l2).fit_covariances(&tiny);
        assert!(matches!(&error, Err(Error::OutOfRange { argument, .. }) if *argument == name), "{error:?}");
    }
    let base = JointGraphicalLasso::default();
    let error = base.path_covariances(&tiny, 2.0, Grid::values([huge]));
    assert!(matches!(error, Err(Error::OutOfRange { argument: "grid", .. })), "{error:?}");
    let error = base.path_covariances(&tiny, 1e10, Grid::values([1e299]));
    assert!(matches!(error, Err(Error::OutOfRange { argument: "ratio", .. })), "{error:?}");
    // No pair is correlated: λ_max is 0.
    let error = base.path_covariances(&tiny, 0.5, Grid::auto(5)).unwrap_err().to_string();
    assert!(error.contains("λ_max is 0") && !error.contains("response"), "{error}");
}

#[test]
fn collinear_variables_without_a_penalty_are_ill_posed() {
    let wide: Vec<_> = (0..2).map(|k| samples(4, 6, k)).collect();
    for estimator in both() {
        let error = estimator.with_lambdas(0.0, 0.0).fit(&wide);
        assert!(matches!(error, Err(Error::IllPosed { .. })), "{error:?}");
        assert!(estimator.with_lambdas(0.1, 0.1).fit(&wide).is_ok());
    }
}

#[test]
fn limits_and_watchers_end_a_fit() {
    let data = three(10);
    let hard = JointGraphicalLasso::new(0.01, 0.01).fused().tolerance(1e-12);
    let Err(Error::NotConverged(partial)) = hard.clone().max_iterations(1).fit(&data) else {
        panic!("one step is not enough");
    };
    assert_eq!((partial.status, partial.coefficients.dim()), (Status::IterationLimit, (30, 10)));
    let model = hard.clone().max_iterations(0).accept_unconverged(true).fit(&data).unwrap();
    assert!(model.certificate().gap > 0.0 && model.iterations() == 0);
    let late = hard.clone().time_limit(Duration::ZERO).accept_unconverged(true).fit(&data).unwrap();
    assert_eq!(late.status(), Status::TimeLimit);
    let mut gaps = Vec::new();
    let mut watch = |progress: &Progress| {
        gaps.push(progress.certificate.gap);
        if gaps.len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let stopped = hard.accept_unconverged(true).fit_watched(&data, &mut watch).unwrap();
    assert_eq!(stopped.status(), Status::Cancelled);
}

/// Two null vectors that agree off the diagonal: the objective falls without end, and the fit says so in time.
#[test]
fn a_problem_without_solution_ends() {
    let third = [
        array![[1.0, 1.0, 0.3], [1.0, 1.0, 0.3], [0.3, 0.3, 1.0]],
        array![[1.0, 2.0, 0.3], [2.0, 4.0, 0.6], [0.3, 0.6, 1.0]],
    ];
    let fit = JointGraphicalLasso::new(0.0, 1.0).fused().fit_covariances(&third);
    assert!(matches!(fit, Err(Error::IllPosed { .. })), "{fit:?}");
}
