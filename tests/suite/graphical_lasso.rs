//! The graphical lasso: goldens, two independent routes, invariances, edge cases and bad input.

use std::ops::ControlFlow;
use std::time::Duration;

use ndarray::{Array2, Axis, array};
use serde_json::Value;
use sparsereg::penalty::EntrywiseL1;
use sparsereg::prelude::*;
use sparsereg::problem::Problem;
use sparsereg::smooth::LogDet;
use sparsereg::solver::{Progress, Solver, Start};

// ------------------------------------------------------------------------------------------------------------- helpers

/// A fixed stream of numbers in [-1, 1).
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// n×p samples of correlated variables.
fn samples(n: usize, p: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream(seed);
    let mut x = Array2::zeros((n, p));
    for i in 0..n {
        let common = stream.next();
        let mut before = 0.0;
        for j in 0..p {
            before = 0.6 * before + stream.next() + 0.3 * common;
            x[[i, j]] = before;
        }
    }
    x
}

fn covariance(x: &Array2<f64>) -> Array2<f64> {
    let means = x.mean_axis(Axis(0)).unwrap();
    let centred = x - &means;
    centred.t().dot(&centred) / x.nrows() as f64
}

fn largest_difference<'a>(a: impl IntoIterator<Item = &'a f64>, b: impl IntoIterator<Item = &'a f64>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// `max |W Θ − I|`.
fn inverse_error(model: &PrecisionModel) -> f64 {
    let product = model.covariance().dot(&model.precision());
    largest_difference(&product, &Array2::eye(product.nrows()))
}

/// The optimality conditions in the user's units, computed from Θ alone.
fn kkt(model: &PrecisionModel, s: &Array2<f64>, thresholds: impl Fn(usize, usize) -> f64) -> f64 {
    let mut worst = 0.0f64;
    for ((i, j), &theta) in model.precision().indexed_iter() {
        let g = s[[i, j]] - model.covariance()[[i, j]];
        let t = thresholds(i, j);
        let violation = if theta != 0.0 { (g + t * theta.signum()).abs() } else { (g.abs() - t).max(0.0) };
        worst = worst.max(violation);
    }
    worst
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows = value.as_array().unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].as_array().unwrap().len()), |(i, j)| rows[i][j].as_f64().unwrap())
}

fn golden(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// One value or a list of them.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

// ------------------------------------------------------------------------------------------------------------- goldens

#[test]
fn goldens_to_eight_digits_by_both_routes() {
    for name in ["glasso_p10", "glasso_n_lt_p", "glasso_components"] {
        let golden = golden(name);
        let s = matrix(&golden["covariance"]);
        let (lambdas, precisions) = match golden.get("lambdas") {
            Some(lambdas) => (list(lambdas), list(&golden["precision"])),
            None => (vec![golden["lambda"].clone()], vec![golden["precision"].clone()]),
        };
        let lambda_max = GraphicalLasso::default().lambda_max_covariance(&s).unwrap();
        assert!((lambda_max / golden["lambda_max"].as_f64().unwrap() - 1.0).abs() < 1e-12, "{name}");
        for (k, lambda) in lambdas.iter().enumerate() {
            let expected = matrix(&precisions[k]);
            let of = |key: &str| list(&golden[key])[k].clone();
            let size = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            // The objective is quadratic in the error of Θ: eight digits of the one are sixteen of the other.
            let newton = GraphicalLasso::new(lambda.as_f64().unwrap()).tolerance(1e-17);
            let fista = newton.clone().solver(Fista::default()).tolerance(1e-13);
            for (route, estimator) in [("newton", newton), ("fista", fista)] {
                let model = estimator.fit_covariance(&s).unwrap();
                let error = largest_difference(model.precision(), &expected) / size;
                assert!(error < 1e-8, "{name} {route}: {error:e}");
                let objective = of("objective").as_f64().unwrap();
                assert!((model.certificate().objective - objective).abs() < 1e-9 * objective.abs(), "{name} {route}");
                if route == "newton" {
                    assert_eq!(model.edge_count() as u64, of("edges").as_u64().unwrap(), "{name}");
                }
                assert_eq!(model.components().len() as u64, of("components").as_u64().unwrap(), "{name} {route}");
                assert!(inverse_error(&model) < 1e-10, "{name} {route}");
            }
        }
        if let Some(x) = golden.get("x") {
            let model = GraphicalLasso::new(lambdas[0].as_f64().unwrap()).tolerance(1e-17).fit(&matrix(x)).unwrap();
            assert!(largest_difference(model.precision(), &matrix(&precisions[0])) < 1e-8);
        }
    }
}

// --------------------------------------------------------------------------------------------------------------- routes

#[test]
fn both_routes_agree_and_meet_the_optimality_conditions() {
    for (n, p, lambda) in [(60, 12, 0.05), (60, 12, 0.2), (8, 15, 0.1)] {
        let x = samples(n, p, p as u64);
        let s = covariance(&x);
        let a = GraphicalLasso::new(lambda).tolerance(1e-12).fit(&x).unwrap();
        let b = GraphicalLasso::new(lambda).tolerance(1e-12).solver(Fista::default()).tolerance(1e-12).fit(&x).unwrap();
        assert!(largest_difference(a.precision(), b.precision()) < 1e-5);
        assert!((a.certificate().objective - b.certificate().objective).abs() < 1e-10 * p as f64);
        assert!(kkt(&a, &s, |i, j| if i == j { 0.0 } else { lambda }) < 1e-5);
        assert!(a.certificate().kkt < 1e-5);
        assert!(inverse_error(&a) < 1e-10);
    }
}

#[test]
fn the_gap_bounds_the_distance_to_the_optimum() {
    let s = covariance(&samples(20, 15, 3));
    let best = GraphicalLasso::new(0.05).tolerance(1e-13).fit_covariance(&s).unwrap().certificate().objective;
    for limit in 0..6 {
        let model = GraphicalLasso::new(0.05).tolerance(1e-13).max_iterations(limit).accept_unconverged(true);
        let model = model.fit_covariance(&s).unwrap();
        let c = model.certificate();
        assert!(c.gap >= c.objective - best - c.rounding, "{limit}: {c:?} {best}");
        assert!(c.gap.is_finite(), "{limit}: {c:?}");
    }
}

#[test]
fn ten_digits_are_reached_on_well_posed_data() {
    let s = covariance(&samples(200, 40, 9));
    for lambda in [0.3, 0.1, 0.03, 0.01] {
        let model = GraphicalLasso::new(lambda).tolerance(1e-10).fit_covariance(&s).unwrap();
        assert_eq!(model.status(), Status::Converged, "{lambda}");
        assert!(model.certificate().relative_gap() <= 1e-10);
    }
}

// ---------------------------------------------------------------------------------------------------------- invariances

#[test]
fn permuting_the_variables_permutes_the_answer() {
    let s = covariance(&samples(40, 10, 4));
    let order = [3, 7, 0, 9, 1, 8, 2, 5, 6, 4];
    let permuted = Array2::from_shape_fn((10, 10), |(i, j)| s[[order[i], order[j]]]);
    let a = GraphicalLasso::new(0.1).tolerance(1e-13).fit_covariance(&s).unwrap();
    let b = GraphicalLasso::new(0.1).tolerance(1e-13).fit_covariance(&permuted).unwrap();
    let back = Array2::from_shape_fn((10, 10), |(i, j)| a.precision()[[order[i], order[j]]]);
    assert!(largest_difference(&back, b.precision()) < 1e-6);
}

#[test]
fn units_do_not_matter_beyond_the_weights() {
    let x = samples(40, 6, 5);
    let units = [1e-6, 1.0, 1e6, 3.0, 1e-3, 100.0];
    let scaled = Array2::from_shape_fn(x.dim(), |(i, j)| x[[i, j]] * units[j] + 1e3 * units[j]);
    // One unit for all: Θ(c²S, c²λ) = Θ(S, λ)/c².
    let a = GraphicalLasso::new(0.1).tolerance(1e-12).fit(&x).unwrap();
    let b = GraphicalLasso::new(0.1 * 1e-20).tolerance(1e-12).fit(&(&x * 1e-10)).unwrap();
    let rescaled = &b.precision() * 1e-20;
    assert!(largest_difference(a.precision(), &rescaled) < 1e-8);
    // Different units: with correlation_scale only the units of the answer differ.
    let a = GraphicalLasso::new(0.1).correlation_scale(true).tolerance(1e-12).fit(&x).unwrap();
    let b = GraphicalLasso::new(0.1).correlation_scale(true).tolerance(1e-12).fit(&scaled).unwrap();
    assert!(largest_difference(&a.partial_correlations(), &b.partial_correlations()) < 1e-7);
    for ((i, j), v) in a.precision().indexed_iter() {
        assert!((b.precision()[[i, j]] * units[i] * units[j] - v).abs() < 1e-6);
    }
    // … and it is the graphical lasso of the correlation matrix.
    let s = covariance(&x);
    let r = Array2::from_shape_fn(s.dim(), |(i, j)| s[[i, j]] / (s[[i, i]] * s[[j, j]]).sqrt());
    let c = GraphicalLasso::new(0.1).tolerance(1e-12).fit_covariance(&r).unwrap();
    assert!(largest_difference(&a.partial_correlations(), &c.partial_correlations()) < 1e-7);
}

#[test]
fn sample_weights_are_repeated_rows() {
    let x = samples(20, 5, 6);
    let weights: Vec<f64> = (0..20).map(|i| (i % 3) as f64).collect();
    let rows: Vec<usize> = (0..20).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
    let a = GraphicalLasso::new(0.1).tolerance(1e-12).sample_weights(weights).fit(&x).unwrap();
    let b = GraphicalLasso::new(0.1).tolerance(1e-12).fit(&x.select(Axis(0), &rows)).unwrap();
    assert!(largest_difference(a.precision(), b.precision()) < 1e-9);
    assert!(largest_difference(a.mean(), b.mean()) < 1e-12);
}

#[test]
fn components_are_those_of_the_thresholded_covariance() {
    let s = covariance(&samples(30, 25, 7));
    for lambda in [0.05, 0.1, 0.15, 0.2, 0.3] {
        let model = GraphicalLasso::new(lambda).tolerance(1e-10).fit_covariance(&s).unwrap();
        // Union of labels until nothing changes.
        let mut label: Vec<usize> = (0..25).collect();
        for _ in 0..25 {
            for i in 0..25 {
                for j in 0..25 {
                    if i != j && s[[i, j]].abs() > lambda {
                        label[i] = label[i].min(label[j]);
                    }
                }
            }
        }
        let mut found = vec![0; 25];
        for component in model.components() {
            component.iter().for_each(|&i| found[i] = component[0]);
        }
        assert_eq!(label, found, "{lambda}");
    }
}

#[cfg(feature = "rayon")]
#[test]
fn threads_do_not_change_a_bit() {
    let p = 90;
    let parts: Vec<Array2<f64>> = (0..3).map(|k| covariance(&samples(40, p / 3, 20 + k))).collect();
    let block = |i: usize, j: usize| {
        if i / 30 == j / 30 { parts[i / 30][[i % 30, j % 30]] } else { 0.0 }
    };
    let s = Array2::from_shape_fn((p, p), |(i, j)| block(i, j));
    let fit = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| GraphicalLasso::new(0.05).fit_covariance(&s).unwrap())
    };
    assert_eq!(fit(1).precision(), fit(3).precision());
}

// ----------------------------------------------------------------------------------------------------------- edge cases

#[test]
fn one_two_and_unrelated_variables() {
    let one = GraphicalLasso::new(0.5).fit_covariance(&array![[4.0]]).unwrap();
    assert_eq!(one.precision(), array![[0.25]]);
    let two = GraphicalLasso::new(0.5).fit_covariance(&array![[2.0, -1.5], [-1.5, 3.0]]).unwrap();
    let det = 2.0 * 3.0 - 1.0;
    let expected = array![[3.0 / det, 1.0 / det], [1.0 / det, 2.0 / det]];
    assert!(largest_difference(two.precision(), &expected) < 1e-15);
    assert_eq!(two.iterations(), 0);
    let identity = GraphicalLasso::new(0.1).fit_covariance(&Array2::<f64>::eye(3)).unwrap();
    assert_eq!(identity.precision(), Array2::<f64>::eye(3));
    assert_eq!((identity.edges().len(), identity.components().len()), (0, 3));
    assert_eq!(identity.status(), Status::Converged);
    let diagonal = GraphicalLasso::new(0.0).fit_covariance(&Array2::from_diag(&array![1.0, 4.0, 0.25])).unwrap();
    assert!(largest_difference(diagonal.precision(), &Array2::from_diag(&array![1.0, 0.25, 4.0])) < 1e-15);
}

#[test]
fn lambda_max_gives_the_diagonal_and_less_an_edge() {
    let x = samples(50, 8, 8);
    let s = covariance(&x);
    let lambda_max = GraphicalLasso::default().lambda_max(&x).unwrap();
    let largest = s.indexed_iter().filter(|((i, j), _)| i != j).map(|(_, v)| v.abs()).fold(0.0, f64::max);
    assert!((lambda_max - largest).abs() < 1e-14);
    let empty = GraphicalLasso::new(lambda_max).fit(&x).unwrap();
    assert_eq!(empty.edge_count(), 0);
    for i in 0..8 {
        assert!((empty.precision()[[i, i]] * s[[i, i]] - 1.0).abs() < 1e-13);
    }
    assert_eq!(GraphicalLasso::new(0.999 * lambda_max).fit(&x).unwrap().edge_count(), 1);
}

#[test]
fn lambda_zero_inverts_the_covariance_or_says_why_not() {
    let s = covariance(&samples(100, 6, 10));
    let model = GraphicalLasso::new(0.0).fit_covariance(&s).unwrap();
    let product = s.dot(&model.precision());
    assert!(largest_difference(&product, &Array2::eye(6)) < 1e-12);
    assert!(matches!(GraphicalLasso::new(0.0).fit(&samples(4, 6, 10)), Err(Error::IllPosed { .. })));
    let fista = GraphicalLasso::new(0.0).solver(Fista::default());
    assert!(matches!(fista.fit(&samples(4, 6, 10)), Err(Error::IllPosed { .. })));
}

#[test]
fn duplicated_variables_and_two_observations() {
    let x = samples(30, 4, 11);
    let twice = ndarray::concatenate(Axis(1), &[x.view(), x.view()]).unwrap();
    for lambda in [1e-5, 1e-3, 0.05] {
        let model = GraphicalLasso::new(lambda).tolerance(1e-9).fit(&twice).unwrap();
        // At the smallest λ the condition of Θ, 1e5, leaves fewer digits: the fit says so.
        let limit = if model.status() == Status::Stalled { 1e-6 } else { 1e-9 };
        assert!(model.certificate().relative_gap() <= limit, "{lambda} {}", model.certificate());
        assert!(model.precision().iter().all(|v| v.is_finite()));
    }
    let model = GraphicalLasso::new(0.05).fit(&samples(2, 10, 12)).unwrap();
    assert!(model.certificate().relative_gap() <= 1e-6);
    assert!(model.precision().iter().all(|v| v.is_finite()));
}

#[test]
fn weights_free_and_exclude_entries() {
    let s = covariance(&samples(60, 6, 13));
    let mut weights = Array2::ones((6, 6));
    for (i, j, w) in [(0, 1, f64::INFINITY), (2, 5, 0.0), (3, 4, 2.5), (0, 4, 0.0)] {
        weights[[i, j]] = w;
        weights[[j, i]] = w;
    }
    let lambda = 0.08;
    let estimator = GraphicalLasso::new(lambda).weights(weights.clone()).tolerance(1e-12);
    let model = estimator.fit_covariance(&s).unwrap();
    assert_eq!(model.precision()[[0, 1]], 0.0);
    assert!((model.covariance()[[2, 5]] - s[[2, 5]]).abs() < 1e-5); // moments of free pairs are matched
    let finite = |i: usize, j: usize| {
        if i == j { 0.0 } else { lambda * weights[[i, j]] }
    };
    let thresholds = |i, j| {
        if weights[[i, j]] == f64::INFINITY { 1e300 } else { finite(i, j) }
    };
    assert!(kkt(&model, &s, thresholds) < 1e-5);
    let other = estimator.clone().solver(Fista::default()).tolerance(1e-12).fit_covariance(&s).unwrap();
    assert!(largest_difference(model.precision(), other.precision()) < 1e-5);
    // λ_max: only the free pairs are left.
    let lambda_max = estimator.lambda_max_covariance(&s).unwrap();
    let at = |l: f64| estimator.with_lambda(l).fit_covariance(&s).unwrap().edge_count();
    assert_eq!((at(lambda_max * 1.001), at(lambda_max * 0.98)), (2, 3));
    // Everything excluded: the diagonal, even at λ = 0.
    let none = GraphicalLasso::new(0.0).weights(Array2::from_elem((6, 6), f64::INFINITY)).fit_covariance(&s).unwrap();
    assert_eq!(none.edge_count(), 0);
    // Weights are a scaling of λ.
    let a =
        GraphicalLasso::new(0.04).weights(Array2::from_elem((6, 6), 2.0)).tolerance(1e-12).fit_covariance(&s).unwrap();
    let b = GraphicalLasso::new(0.08).tolerance(1e-12).fit_covariance(&s).unwrap();
    assert!(largest_difference(a.precision(), b.precision()) < 1e-9);
}

#[test]
fn a_penalised_diagonal_is_added_to_the_covariance() {
    let s = covariance(&samples(10, 12, 14));
    let ridge = &s + &(Array2::<f64>::eye(12) * 0.1);
    let a = GraphicalLasso::new(0.1).penalize_diagonal(true).tolerance(1e-12).fit_covariance(&s).unwrap();
    let b = GraphicalLasso::new(0.1).tolerance(1e-12).fit_covariance(&ridge).unwrap();
    assert!(largest_difference(a.precision(), b.precision()) < 1e-12);
    let sum: f64 = a.precision().iter().map(|v| v.abs()).sum();
    let by_hand = (&s * &a.precision()).sum() - a.log_det() + 0.1 * sum;
    assert!((by_hand - a.certificate().objective).abs() < 1e-10);
}

/// Descent on the inverse is known to fail from warm starts when S is close to singular (Mazumder and Hastie 2012):
/// from small λ to large and back.
#[test]
fn near_singular_covariances_in_any_order_of_lambda() {
    let x = samples(6, 20, 15);
    let mut s = covariance(&x);
    (0..20).for_each(|i| s[[i, i]] += 1e-9);
    let lambdas = [5e-3, 0.5, 2e-2, 0.2, 1e-2, 0.05];
    let path = GraphicalLasso::default().tolerance(1e-9).path_covariance(&s, Grid::values(lambdas)).unwrap();
    for model in path.models() {
        let cold = GraphicalLasso::new(model.lambda()).tolerance(1e-9).fit_covariance(&s).unwrap();
        assert!(model.certificate().relative_gap() <= 1e-9);
        let difference = (cold.certificate().objective - model.certificate().objective).abs();
        assert!(difference <= 2e-9 * 20.0, "{} {difference:e}", model.lambda());
    }
}

/// The two published matrices on which block descent from a start outside of the dual box does not converge (Mazumder and
/// Hastie 2012, "The graphical lasso: new insights and alternatives"; samples as shared by the authors of skggm).
#[test]
fn the_published_matrices_on_which_block_descent_fails() {
    for (name, alpha, n) in [("mazumder_hastie_1", 0.004, 2.0), ("mazumder_hastie_2", 0.02, 10.0)] {
        let path = format!("{}/tests/golden/{name}.csv", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let values: Vec<f64> = text.split([',', '\n']).filter_map(|v| v.trim().parse().ok()).collect();
        let x = Array2::from_shape_vec((n as usize, values.len() / n as usize), values).unwrap();
        let s = covariance(&x) * (n / (n - 1.0)); // as they took it
        let largest =
            (0..s.nrows()).flat_map(|i| (0..i).map(move |j| (i, j))).map(|at| s[at].abs()).fold(0.0, f64::max);
        for lambda in [alpha, 0.009 * largest, 0.1 * largest] {
            let estimator = GraphicalLasso::new(lambda).tolerance(1e-9);
            let without = LogDetNewton { columns: false, ..LogDetNewton::default() };
            let models = [
                estimator.fit_covariance(&s).unwrap(),
                estimator.clone().solver(without).tolerance(1e-9).fit_covariance(&s).unwrap(),
                estimator.path_covariance(&s, Grid::values([2.0 * lambda, lambda])).unwrap().models()[1].clone(),
                estimator.path_covariance(&s, Grid::values([0.5 * largest, lambda])).unwrap().models()[1].clone(),
            ];
            for (k, model) in models.iter().enumerate() {
                let gap = model.certificate().relative_gap();
                assert!(gap <= 1e-9, "{name} {lambda} {k}: {gap:e} {}", model.status());
                let difference = model.certificate().objective - models[0].certificate().objective;
                assert!(difference.abs() <= 2e-9 * s.nrows() as f64, "{name} {lambda} {k}: {difference:e}");
                assert!(inverse_error(model) < 1e-8, "{name} {lambda} {k}");
            }
        }
    }
}

/// Free pairs on a nearly singular S: models of the second order are so ill-conditioned that their minimisers need more
/// digits than the outer gap seems to ask for.
#[test]
fn free_pairs_on_a_nearly_singular_covariance() {
    let s = array![
        [0.8229803778569705, 0.29199320621253216, 0.04321690178947685, -0.1263509475213362, -0.2113886050337098],
        [0.29199320621253216, 0.5961672971360115, 0.3510349104192218, 0.25302037320696874, 0.1417792852041661],
        [0.04321690178947685, 0.3510349104192218, 0.340453968844187, 0.1669808079313117, 0.12852159557816528],
        [-0.1263509475213362, 0.25302037320696874, 0.1669808079313117, 0.6478725625725675, 0.16676864980587788],
        [-0.2113886050337098, 0.1417792852041661, 0.12852159557816528, 0.16676864980587788, 0.15030715573861747]
    ];
    let mut weights = Array2::zeros((5, 5));
    (weights[[2, 4]], weights[[4, 2]]) = (f64::INFINITY, f64::INFINITY);
    let estimator = GraphicalLasso::new(0.0).weights(weights);
    let fista = estimator.clone().solver(Fista::default()).fit_covariance(&s).unwrap();
    for columns in [true, false] {
        let newton = estimator.clone().solver(LogDetNewton { columns, ..LogDetNewton::default() });
        let model = newton.fit_covariance(&s).unwrap();
        assert!(model.iterations() < 200, "{}", model.iterations());
        let difference = model.certificate().objective - fista.certificate().objective;
        assert!(difference.abs() <= 2e-5, "{difference:e}");
    }
}

/// What has no solution is said to have none, soon.
#[test]
fn free_pairs_of_equal_variables_are_ill_posed_wherever_they_are() {
    let s = array![[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 1.0]];
    let inf = f64::INFINITY;
    let weights = array![[0.0, 0.0, inf], [0.0, 0.0, 0.0], [inf, 0.0, 0.0]];
    let fit = GraphicalLasso::new(0.1).weights(weights).fit_covariance(&s);
    assert!(matches!(fit, Err(Error::IllPosed { .. })), "{fit:?}");
}

#[test]
fn any_layout_of_a_covariance_is_read_as_it_is() {
    let base = array![[1.0, 0.5, 0.1], [0.5, 4.0, 0.3], [0.1, 0.3, 9.0]];
    let lasso = GraphicalLasso::new(0.05);
    let fit = |s: ndarray::ArrayView2<'_, f64>| lasso.fit_covariance(&s).unwrap().precision().to_owned();
    let reversed = base.slice(ndarray::s![..;-1, ..;-1]);
    assert_eq!(fit(reversed), fit(reversed.to_owned().view()));
    let flipped = array![[0.1, 0.3, 9.0], [0.5, 4.0, 0.3], [1.0, 0.5, 0.1]];
    assert_eq!(fit(flipped.slice(ndarray::s![..;-1, ..])), fit(base.view()));
    let wide = ndarray::concatenate(Axis(1), &[base.view(), base.view()]).unwrap();
    assert_eq!(fit(wide.slice(ndarray::s![.., 3..])), fit(base.view()));
    assert_eq!(fit(base.t()), fit(base.view()));
}

#[test]
fn a_path_ends_where_it_is_cancelled_even_by_a_single_call() {
    let x = samples(60, 8, 21);
    for stop in [1, 3, 6, 9] {
        let mut calls = 0;
        let mut once = |_: &Progress| {
            calls += 1;
            if calls == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let path = GraphicalLasso::default().path_watched(&x, Grid::auto(10), &mut once).unwrap();
        assert!(path.models().len() < 10, "{stop}");
        assert!(calls == stop, "{calls} calls, cancelled at {stop}");
        assert!(path.models().iter().all(|m| m.certificate().gap.is_finite()));
    }
}

/// The log det term by itself: what it takes, and starts that are of no use.
#[test]
fn the_solver_rejects_what_is_not_a_problem_and_repairs_starts() {
    for bad in [vec![1.0, 0.9, 0.1, 1.0], vec![-1.0, 0.5, 0.5, 1.0], vec![0.0, 0.0, 0.0, 1.0]] {
        assert!(LogDet::new(2, bad).is_err());
    }
    assert!(matches!(LogDet::new(0, vec![]), Err(Error::Empty { .. })));
    let smooth = LogDet::new(2, vec![1.0, 0.5, 0.5, 1.0]).unwrap();
    let free = EntrywiseL1::off_diagonal(2);
    let excluded = EntrywiseL1::with_weights(2, vec![0.0, f64::INFINITY, f64::INFINITY, 0.0]).unwrap();
    let starts = [[1.0, 0.9, -0.4761, 1.0], [1.0, 2.0, 2.0, 1.0], [1.0, f64::NAN, f64::NAN, 1.0], [1.0, 0.5, 0.5, 1.0]];
    for (penalty, optimum) in [(&free, 2.0 + 0.84f64.ln()), (&excluded, 2.0)] {
        for start in starts {
            for columns in [true, false] {
                let solver = LogDetNewton { columns, max_sweeps: usize::MAX, ..LogDetNewton::default() };
                let problem = Problem::new(&smooth, penalty, 0.1);
                let solution = solver.solve(&problem, Start::At(&start), &mut ());
                assert_eq!(solution.status, Status::Converged, "{start:?}");
                let excess = solution.certificate.objective - optimum;
                assert!((-1e-9..2e-6).contains(&excess), "{start:?} {excess:e}");
                assert_eq!(solution.coefficients[1], solution.coefficients[2]);
            }
        }
    }
}

// -------------------------------------------------------------------------------------------------- model, path, folds

#[test]
fn the_model_describes_itself() {
    let x = samples(80, 6, 16);
    let model = GraphicalLasso::new(0.05).variable_names(["a", "b", "c", "d", "e", "f"]).fit(&x).unwrap();
    let edges = model.edges();
    assert_eq!(edges.len(), model.edge_count());
    assert!(edges.windows(2).all(|e| e[0].partial_correlation.abs() >= e[1].partial_correlation.abs()));
    for e in &edges {
        assert!(e.i < e.j && e.partial_correlation.abs() < 1.0);
        assert_eq!(model.partial_correlations()[[e.j, e.i]], e.partial_correlation);
    }
    let text = model.to_string();
    assert!(text.contains("6 variables") && text.contains("partial corr.") && text.contains("converged"), "{text}");
    assert_eq!(model.precision(), model.precision().t());
    assert_eq!(model.observations(), Some(80));
}

#[test]
fn the_score_is_the_gaussian_log_likelihood() {
    let x = array![[1.0], [2.0], [6.0]];
    let model = GraphicalLasso::new(0.0).fit(&x).unwrap();
    let (mean, variance) = (3.0, 14.0 / 3.0);
    let density = |x: f64| -0.5 * ((2.0 * std::f64::consts::PI * variance).ln() + (x - mean) * (x - mean) / variance);
    let expected = (density(0.0) + density(5.0)) / 2.0;
    assert!((model.score(&array![[0.0], [5.0]]).unwrap() - expected).abs() < 1e-14);
    assert!((model.log_likelihood(&array![[0.0], [5.0]]).unwrap() - 2.0 * expected).abs() < 1e-14);
    assert!(matches!(model.score(&array![[0.0, 1.0]]), Err(Error::Length { expected: 1, found: 2, .. })));
    assert!(matches!(model.score(&array![[f64::NAN]]), Err(Error::NotFinite { .. })));
    assert!(matches!(model.score(&Array2::zeros((0, 1))), Err(Error::Empty { .. })));
}

#[test]
fn paths_warm_start_and_certify_every_point() {
    let x = samples(60, 20, 17);
    let path = GraphicalLasso::default().path(&x, Grid::auto(30)).unwrap();
    assert_eq!(path.models().len(), 30);
    assert_eq!(path.models()[0].edge_count(), 0);
    assert!((path.lambdas()[29] / path.lambdas()[0] - 1e-2).abs() < 1e-12);
    for model in path.models() {
        assert_eq!(model.status(), Status::Converged);
        assert!(model.certificate().relative_gap() <= 1e-6);
        let cold = GraphicalLasso::new(model.lambda()).fit(&x).unwrap();
        assert!((cold.certificate().objective - model.certificate().objective).abs() <= 2e-6 * 20.0);
    }
    assert_eq!(path.to_string().lines().count(), 31);
    // A warm start at the solution takes no step.
    let same = GraphicalLasso::default().path(&x, Grid::values([0.05, 0.05])).unwrap();
    assert_eq!(same.models()[1].iterations(), 0);
}

#[test]
fn cross_validation_scores_every_fold_and_lambda() {
    let x = samples(60, 8, 18);
    let folds = KFold::new(4).seed(3);
    let estimator = GraphicalLasso::default().tolerance(1e-12);
    let cv = estimator.cross_validate_on(&x, &folds, Grid::auto(10)).unwrap();
    assert_eq!(cv.curve().scores.dim(), (10, 4));
    let split = &sparsereg::cross_validation::Folds::splits(&folds, 60).unwrap()[2];
    let model = estimator.with_lambda(cv.path().lambdas()[6]).fit(&x.select(Axis(0), &split.train)).unwrap();
    let score = model.score(&x.select(Axis(0), &split.test)).unwrap();
    assert!((score + cv.curve().scores[[6, 2]]).abs() < 1e-5);
    // The choice is the smallest mean, the one-standard-error model is sparser and within reach.
    let curve = cv.curve();
    assert!(curve.mean.iter().all(|&m| m >= curve.mean[curve.best]));
    assert!(curve.one_standard_error <= curve.best);
    assert!(curve.mean[curve.one_standard_error] <= curve.mean[curve.best] + curve.standard_error[curve.best]);
    assert!(cv.one_standard_error().edge_count() <= cv.best().edge_count());
    // Equal weights change nothing.
    let weighted =
        estimator.clone().sample_weights(vec![2.0; 60]).cross_validate_on(&x, &folds, Grid::auto(10)).unwrap();
    assert!((weighted.curve().mean[6] - curve.mean[6]).abs() < 1e-5);
}

// -------------------------------------------------------------------------------------------------------------- limits

#[test]
fn limits_and_watchers_end_a_fit_with_the_partial_answer() {
    let s = covariance(&samples(20, 15, 19));
    match GraphicalLasso::new(0.05).max_iterations(1).fit_covariance(&s) {
        Err(Error::NotConverged(partial)) => {
            assert_eq!((partial.status, partial.iterations), (Status::IterationLimit, 1));
            assert_eq!(partial.coefficients.dim(), (15, 15));
        }
        other => panic!("{other:?}"),
    }
    let none = GraphicalLasso::new(0.05).max_iterations(0).accept_unconverged(true).fit_covariance(&s).unwrap();
    assert_eq!((none.status(), none.iterations()), (Status::IterationLimit, 0));
    let limited = GraphicalLasso::new(0.05).time_limit(Duration::ZERO).accept_unconverged(true);
    assert_eq!(limited.fit_covariance(&s).unwrap().status(), Status::TimeLimit);
    for estimator in [GraphicalLasso::new(0.05), GraphicalLasso::new(0.05).solver(Fista::default())] {
        let mut calls = 0;
        let mut watch = |progress: &Progress| {
            assert_eq!(progress.lambda, 0.05);
            calls += 1;
            if calls == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let model = estimator.accept_unconverged(true).fit_covariance_watched(&s, &mut watch).unwrap();
        assert_eq!(model.status(), Status::Cancelled);
    }
    // A tolerance that arithmetic cannot certify ends, and says so.
    let exact = GraphicalLasso::new(0.05).tolerance(0.0).fit_covariance(&s).unwrap();
    assert!(matches!(exact.status(), Status::Stalled | Status::Converged));
    assert!(exact.certificate().relative_gap() < 1e-13);
}

// ----------------------------------------------------------------------------------------------------------- bad input

#[test]
fn bad_input_is_named() {
    let fit = |s: Array2<f64>| GraphicalLasso::new(0.1).fit_covariance(&s).unwrap_err();
    assert!(matches!(fit(Array2::zeros((0, 0))), Error::Empty { argument: "covariance" }));
    assert!(matches!(fit(Array2::zeros((2, 3))), Error::Length { expected: 2, found: 3, .. }));
    assert!(matches!(fit(array![[1.0, 0.2], [0.3, 1.0]]), Error::NotSymmetric { row: 1, column: 0, .. }));
    match fit(array![[1.0, f64::NAN], [0.3, 1.0]]) {
        Error::NotFinite { argument: "covariance", index, .. } => assert_eq!(index, [0, 1]),
        other => panic!("{other:?}"),
    }
    match fit(array![[1.0, 2.0], [2.0, 1.0]]) {
        Error::NotPositiveDefinite { argument: "covariance", eigenvalue } => assert!((eigenvalue + 1.0).abs() < 1e-12),
        other => panic!("{other:?}"),
    }
    for variance in [0.0, -1.0] {
        match fit(array![[1.0, 0.0], [0.0, variance]]) {
            Error::OutOfRange { argument: "covariance", index, value, .. } => {
                assert_eq!((index, value), (vec![1, 1], variance));
            }
            other => panic!("{other:?}"),
        }
    }
    let x = array![[1.0, 2.0], [3.0, 2.0], [4.0, 2.0]];
    match GraphicalLasso::new(0.1).fit(&x) {
        Err(Error::OutOfRange { argument: "samples", index, value, .. }) => assert_eq!((index, value), (vec![1], 0.0)),
        other => panic!("{other:?}"),
    }
    assert!(matches!(GraphicalLasso::new(0.1).fit(&Array2::<f64>::zeros((0, 3))), Err(Error::Empty { .. })));
    assert!(matches!(GraphicalLasso::new(0.1).fit(&Array2::<f64>::zeros((3, 0))), Err(Error::Empty { .. })));
    match GraphicalLasso::new(0.1).fit(&array![[1.0, 2.0], [f64::INFINITY, 0.0]]) {
        Err(Error::NotFinite { argument: "samples", index, .. }) => assert_eq!(index, [1, 0]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(GraphicalLasso::new(0.1).fit(&array![[1.0, 2.0]]), Err(Error::OutOfRange { .. })));
    let s = array![[1.0, 0.5], [0.5, 1.0]];
    for lambda in [-1.0, f64::NAN, f64::INFINITY] {
        let error = GraphicalLasso::new(lambda).fit_covariance(&s).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { argument: "lambda", .. }));
    }
    let error = GraphicalLasso::new(0.1).tolerance(f64::NAN).fit_covariance(&s).unwrap_err();
    assert!(matches!(error, Error::OutOfRange { argument: "tolerance", .. }));
    let weighted = |w: Array2<f64>| GraphicalLasso::new(0.1).weights(w).fit_covariance(&s).unwrap_err();
    assert!(matches!(weighted(Array2::ones((3, 3))), Error::Length { argument: "weights", .. }));
    assert!(matches!(weighted(array![[0.0, -1.0], [-1.0, 0.0]]), Error::OutOfRange { argument: "weights", .. }));
    assert!(matches!(weighted(array![[0.0, f64::NAN], [1.0, 0.0]]), Error::OutOfRange { argument: "weights", .. }));
    assert!(matches!(weighted(array![[0.0, 1.0], [2.0, 0.0]]), Error::NotSymmetric { argument: "weights", .. }));
    let error = GraphicalLasso::new(0.1).variable_names(["a"]).fit_covariance(&s).unwrap_err();
    assert!(matches!(error, Error::Length { argument: "variable_names", expected: 2, found: 1 }));
    let error = GraphicalLasso::new(0.1).sample_weights([1.0]).fit_covariance(&s).unwrap_err();
    assert!(matches!(error, Error::Unsupported { argument: "sample_weights", .. }));
    let error = GraphicalLasso::new(0.1).sample_weights([1.0]).fit(&x).unwrap_err();
    assert!(matches!(error, Error::Length { argument: "sample_weights", .. }));
    let error = GraphicalLasso::new(0.1).sample_weights([0.0, 0.0, 0.0]).fit(&x).unwrap_err();
    assert!(matches!(error, Error::OutOfRange { argument: "sample_weights", .. }));
}

#[test]
fn collinear_variables_need_a_penalty_between_them() {
    let x = samples(30, 3, 21);
    let twice = ndarray::concatenate(Axis(1), &[x.view(), x.view()]).unwrap();
    let mut weights = Array2::ones((6, 6));
    (weights[[1, 4]], weights[[4, 1]]) = (0.0, 0.0);
    let error = GraphicalLasso::new(0.1).weights(weights).fit(&twice).unwrap_err();
    assert!(matches!(&error, Error::IllPosed { reason } if reason.contains("1, 4")), "{error}");
    // x₂ = x₀ + x₁, all three pairs free, embedded in penalised ones.
    let mut x = samples(30, 6, 22);
    for i in 0..30 {
        x[[i, 2]] = x[[i, 0]] + x[[i, 1]];
    }
    let mut weights = Array2::ones((6, 6));
    for (i, j) in [(0, 1), (0, 2), (1, 2)] {
        (weights[[i, j]], weights[[j, i]]) = (0.0, 0.0);
    }
    let error = GraphicalLasso::new(0.1).weights(weights).fit(&x).unwrap_err();
    assert!(matches!(error, Error::IllPosed { .. }), "{error}");
}

// ------------------------------------------------------------------------------------ selection, exports, missing values

#[test]
fn criteria_are_likelihoods_and_edges() {
    let x = samples(60, 6, 3);
    let path = GraphicalLasso::default().path(&x, Grid::auto(12)).unwrap();
    for model in path.models() {
        let likelihood = -2.0 * model.log_likelihood(&x).unwrap();
        let edges = model.edge_count() as f64;
        for (criterion, cost) in
            [(Criterion::Aic, 2.0), (Criterion::Bic, 60f64.ln()), (Criterion::Ebic(0.5), 60f64.ln() + 2.0 * 6f64.ln())]
        {
            let found = model.criterion(criterion).unwrap();
            assert!((found - likelihood - edges * cost).abs() < 1e-9 * likelihood.abs(), "{criterion:?}");
        }
        assert_eq!(model.criterion(Criterion::Ebic(0.0)).unwrap(), model.criterion(Criterion::Bic).unwrap());
    }
    let edges = |c| path.select(c).unwrap().edge_count();
    assert!(edges(Criterion::Ebic(1.0)) <= edges(Criterion::Bic));
    assert!(edges(Criterion::Bic) <= edges(Criterion::Aic));

    let s = covariance(&x);
    let unknown = GraphicalLasso::new(0.1).fit_covariance(&s).unwrap();
    assert!(matches!(unknown.criterion(Criterion::Bic), Err(Error::Unsupported { argument: "criterion", .. })));
    for gamma in [-1.0, f64::NAN, f64::INFINITY] {
        let wrong = path.select(Criterion::Ebic(gamma));
        assert!(matches!(wrong, Err(Error::OutOfRange { argument: "gamma", .. } | Error::NotFinite { .. })), "{gamma}");
    }
    let nothing = GraphicalLasso::new(0.1).observations(0).fit_covariance(&s);
    assert!(matches!(nothing, Err(Error::OutOfRange { argument: "observations", .. })));
    // Rows of weight 0 are no samples.
    let weights: Vec<f64> = (0..60).map(|i| if i < 40 { 1.0 } else { 0.0 }).collect();
    let weighted = GraphicalLasso::new(0.1).sample_weights(weights).fit(&x).unwrap();
    let part = GraphicalLasso::new(0.1).fit(&x.slice(ndarray::s![..40, ..])).unwrap();
    let bic = |m: &PrecisionModel| m.criterion(Criterion::Bic).unwrap();
    assert!((bic(&weighted) - bic(&part)).abs() < 1e-3 * bic(&part).abs());
    let known = GraphicalLasso::new(0.1).observations(60).fit_covariance(&s).unwrap();
    let fitted = GraphicalLasso::new(0.1).fit(&x).unwrap();
    let (a, b) = (known.criterion(Criterion::Bic).unwrap(), fitted.criterion(Criterion::Bic).unwrap());
    assert!((a - b).abs() < 1e-3 * b.abs());
}

#[test]
fn missing_values_are_conditional_means() {
    let x = samples(80, 5, 9);
    let model = GraphicalLasso::new(0.05).fit(&x).unwrap();
    let mut holes = x.clone();
    for (i, j) in [(0, 2), (1, 0), (1, 4), (2, 0), (2, 1), (2, 2), (2, 3), (2, 4)] {
        holes[[i, j]] = f64::NAN;
    }
    let filled = model.impute(&holes).unwrap();
    // The conditional mean makes the gradient of the density vanish in the missing values: (Θ(x − μ))_M = 0.
    for i in 0..3 {
        let gradient = model.precision().dot(&(&filled.row(i) - &model.mean()));
        for j in (0..5).filter(|&j| holes[[i, j]].is_nan()) {
            assert!(gradient[j].abs() < 1e-12, "{i} {j}");
        }
    }
    assert!(largest_difference(filled.row(2), model.mean()) < 1e-12); // nothing is known of that row
    for (value, hole) in filled.iter().zip(&holes) {
        assert!(hole.is_nan() || value == hole);
    }
    assert!(matches!(model.impute(&array![[1.0]]), Err(Error::Length { .. })));
    let infinite = array![[1.0, f64::INFINITY, 0.0, 0.0, 0.0]];
    assert!(
        matches!(model.impute(&infinite), Err(Error::NotFinite { argument: "samples", index, .. }) if index == [0, 1])
    );
}

#[test]
fn exports_hold_every_edge_and_any_name() {
    let x = samples(50, 4, 5);
    let names = ["plain", "with \"quotes\", comma", "<tag> & \u{1}", "line\nbreak \\"];
    let model = GraphicalLasso::new(0.02).variable_names(names).fit(&x).unwrap();
    let edges = model.edge_count();
    assert!(edges > 2);
    assert_eq!(model.degrees().iter().sum::<usize>(), 2 * edges);
    let list = model.to_edge_list();
    assert!(list.contains("\"with \"\"quotes\"\", comma\""));
    let graphml = model.to_graphml();
    assert_eq!((graphml.matches("<node ").count(), graphml.matches("<edge ").count()), (4, edges));
    assert!(graphml.contains("&lt;tag&gt; &amp; \u{FFFD}<"));
    let dot = model.to_dot();
    assert_eq!((dot.matches(" -- ").count(), dot.matches("label=").count()), (edges, 4));
    assert!(dot.contains("line\\nbreak \\\\\"") && dot.contains("\\\"quotes\\\""));
}

#[test]
fn stability_counts_edges_on_subsamples() {
    let x = samples(100, 6, 11);
    let estimator = GraphicalLasso::default().correlation_scale(true);
    let grid = || Grid::values([0.8, 0.4, 0.2, 0.1, 0.05]);
    let run = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| estimator.stability(&x, &Subsamples::new(12).size(50).seed(seed), grid()).unwrap())
    };
    let stability = run(1, 4);
    let frequencies: Vec<_> = (0..5).map(|k| stability.frequencies(k).unwrap()).collect();
    assert_eq!(frequencies, (0..5).map(|k| run(3, 4).frequencies(k).unwrap()).collect::<Vec<_>>());
    assert_ne!(frequencies, (0..5).map(|k| run(1, 5).frequencies(k).unwrap()).collect::<Vec<_>>());
    assert!(stability.frequencies(5).is_none());
    // The definition, from the frequencies
    let mut worst = 0.0f64;
    for (k, frequency) in frequencies.iter().enumerate() {
        let disagreement = frequency.iter().map(|t| 2.0 * t * (1.0 - t)).sum::<f64>() / 30.0;
        worst = worst.max(disagreement);
        assert!((stability.instability()[k] - worst).abs() < 1e-12);
        assert_eq!(frequency, &frequency.t());
    }
    // Larger limits, denser graphs; neighbours of the chain come first.
    let sizes: Vec<usize> = [0.0, 0.05, 0.2, 0.5].map(|limit| stability.stars(limit).edge_count()).to_vec();
    assert!(sizes.is_sorted() && sizes[3] > 0);
    let stable = stability.stable_edges(0.9);
    assert!((0..5).all(|i| stable.iter().any(|e| (e.0, e.1) == (i, i + 1))), "{stable:?}");
    assert!(stability.false_edges(0.9) < stability.false_edges(0.6));
    assert_eq!(stability.false_edges(0.5), f64::INFINITY);
    let usual = estimator.stability(&x, &Subsamples::new(4), grid()).unwrap();
    assert_eq!(usual.false_edges(0.9), f64::INFINITY); // 80 of 100: no two of them are disjoint
    // A pair that is no question does not count.
    let free = Array2::from_shape_fn((6, 6), |(i, j)| if i.abs_diff(j) == 1 { 1.0 } else { f64::INFINITY });
    let chain = estimator.clone().weights(free).stability(&x, &Subsamples::new(4).size(50), grid()).unwrap();
    let among = |frequency: Array2<f64>| frequency.iter().map(|t| 2.0 * t * (1.0 - t)).sum::<f64>() / 10.0;
    let largest = (0..5).map(|k| among(chain.frequencies(k).unwrap())).fold(0.0, f64::max);
    assert!((chain.instability()[4] - largest).abs() < 1e-12);
    let limited = estimator.clone().max_iterations(1);
    assert!(matches!(limited.stability(&x, &Subsamples::new(4), grid()), Err(Error::NotConverged(_))));
    let huge = Subsamples::new(usize::MAX);
    for wrong in [huge, Subsamples::new(1), Subsamples::new(5).size(1), Subsamples::new(5).size(100)] {
        assert!(matches!(estimator.stability(&x, &wrong, grid()), Err(Error::OutOfRange { .. })));
    }
}
