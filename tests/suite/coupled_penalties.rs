//! Penalties that couple all columns: SLOPE, fused lasso and their kin, against each other, against other penalties that they
//! contain, and against plain proximal gradient.

use crate::common::*;
use ndarray::{Array1, Array2, s};
use sparsereg::prelude::*;

/// Certified to a relative gap.
#[track_caller]
fn assert_certified(label: &str, certificate: &sparsereg::problem::Certificate, gap: f64) {
    assert!(certificate.relative_gap() <= gap, "{label}: {certificate}");
}

fn objective<E: Estimator<Response = ndarray::Ix1>>(estimator: &E, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    estimator.fit(x, y).expect("a fit").certificate().objective
}

#[test]
fn slope_with_equal_weights_is_the_lasso() {
    for (n, p) in [(40, 15), (30, 80)] {
        let (x, y) = single(1, n, p);
        for share in [0.5, 0.1, 0.01] {
            let lambda = share * Lasso::default().lambda_max(&x, &y).unwrap();
            let slope = Slope::new(lambda).weights(vec![1.0; p]).tolerance(1e-12).fit(&x, &y).unwrap();
            let lasso = Lasso::new(lambda).tolerance(1e-12).fit(&x, &y).unwrap();
            assert_close("coefficients", slope.coefficients(), lasso.coefficients(), 1e-7);
            assert_certified("slope", slope.certificate(), 1e-12);
        }
    }
}

#[test]
fn both_routes_agree_on_slope() {
    for (n, p) in [(40, 15), (30, 80)] {
        let (x, y) = single(2, n, p);
        let max = Slope::default().lambda_max(&x, &y).unwrap();
        let none = Slope::new(1.0001 * max).fit(&x, &y).unwrap();
        assert!(none.support().is_empty());
        assert!(!Slope::new(0.99 * max).fit(&x, &y).unwrap().support().is_empty());
        for share in [0.5, 0.05] {
            let slope = Slope::new(share * max).tolerance(1e-11);
            let sets = slope.fit(&x, &y).unwrap();
            let plain = Fista { newton: false, ..Fista::default() };
            let fista = slope.clone().solver(plain).tolerance(1e-9).fit(&x, &y).unwrap();
            assert_certified("sets", sets.certificate(), 1e-11);
            let scale = sets.certificate().scale;
            assert!((sets.certificate().objective - fista.certificate().objective).abs() <= 2e-9 * scale);
        }
    }
}

#[test]
fn paths_of_slope_are_those_of_single_fits() {
    let (x, y) = single(3, 40, 120);
    let slope = Slope::default().benjamini_hochberg(0.2).tolerance(1e-9);
    let path = slope.path(&x, &y, Grid::auto(20)).unwrap();
    for (model, lambda) in path.models().iter().zip(path.lambdas()).step_by(4) {
        assert_certified("path", model.certificate(), 1e-9);
        let alone = slope.with_lambda(lambda).fit(&x, &y).unwrap();
        let difference = (alone.certificate().objective - model.certificate().objective).abs();
        assert!(difference <= 2e-9 * alone.certificate().scale);
    }
}

#[test]
fn slope_with_other_losses_is_certified_and_agrees_with_plain_proximal_gradient() {
    let (x, y) = single(4, 50, 30);
    let labels = y.mapv(|v| if v > y.mean().unwrap() { 1.0 } else { 0.0 });
    let slope = Slope::default().loss(Logistic::default());
    let max = slope.lambda_max(&x, &labels).unwrap();
    for share in [0.5, 0.1] {
        let slope = slope.with_lambda(share * max).tolerance(1e-9);
        let sets = slope.fit(&x, &labels).unwrap();
        assert_certified("logistic", sets.certificate(), 1e-9);
        let plain = slope.clone().solver(Fista::default()).tolerance(1e-7).fit(&x, &labels).unwrap();
        let difference = (sets.certificate().objective - plain.certificate().objective).abs();
        assert!(difference <= 2e-7 * sets.certificate().scale, "{difference}");
        assert!((sets.intercept() - plain.intercept()).abs() < 1e-2);
    }
}

#[test]
fn the_fused_lasso_without_fusion_is_the_lasso() {
    let (x, y) = single(5, 40, 15);
    for share in [0.5, 0.05] {
        let lambda = share * Lasso::default().lambda_max(&x, &y).unwrap();
        let fused = FusedLasso::new(lambda, 1.0).tolerance(1e-12).fit(&x, &y).unwrap();
        let lasso = Lasso::new(lambda).tolerance(1e-12).fit(&x, &y).unwrap();
        assert_close("coefficients", fused.coefficients(), lasso.coefficients(), 1e-7);
    }
}

/// w_j = Σ_{i ≤ j} θ_i: total variation is the lasso on sums of columns, with the first one free.
#[test]
fn total_variation_is_a_lasso_of_differences() {
    for (n, p) in [(60, 12), (20, 30)] {
        let (x, y) = single(6, n, p);
        let mut sums = x.clone();
        for j in (0..p - 1).rev() {
            let next = sums.slice(s![.., j + 1]).to_owned();
            let mut column = sums.slice_mut(s![.., j]);
            column += &next;
        }
        let mut weights = vec![1.0; p];
        weights[0] = 0.0;
        let lasso = Lasso::default().weights(weights).tolerance(1e-11);
        let fused = FusedLasso::new(0.0, 0.0).tolerance(1e-11);
        let max = fused.lambda_max(&x, &y).unwrap();
        let wanted = lasso.lambda_max(&sums, &y).unwrap();
        assert!((max / wanted - 1.0).abs() < 1e-9, "{max} {wanted}");
        let flat = fused.with_lambda(max * 1.000001).fit(&x, &y).unwrap();
        let w = flat.coefficients();
        assert!(w.iter().all(|v| (v - w[0]).abs() < 1e-9 * w[0].abs()) && w[0] != 0.0, "{w}");
        for share in [0.7, 0.2, 0.02] {
            let model = fused.with_lambda(share * max).fit(&x, &y).unwrap();
            assert_certified("fused", model.certificate(), 1e-11);
            let reference = lasso.with_lambda(share * max).fit(&sums, &y).unwrap();
            let differences = (model.certificate().objective - reference.certificate().objective).abs();
            assert!(differences <= 1e-9 * model.certificate().scale, "{differences}");
            let mut w = reference.coefficients().to_vec();
            (1..p).for_each(|j| w[j] += w[j - 1]);
            if n > p {
                assert_close("coefficients", model.coefficients(), &w, 1e-4);
            }
        }
    }
}

#[test]
fn sparse_fused_paths_are_certified_with_weights_and_other_losses() {
    let (x, y) = single(7, 50, 40);
    let weights: Vec<f64> = (0..50).map(|i| 0.5 + (i % 3) as f64).collect();
    let edges: Vec<f64> = (0..39).map(|j| if j % 7 == 0 { 0.0 } else { 1.0 + (j % 2) as f64 }).collect();
    for tau in [0.0, 0.3] {
        let fused = FusedLasso::new(0.0, tau).edge_weights(edges.clone()).sample_weights(weights.clone());
        let path = fused.clone().standardize(true).tolerance(1e-8).path(&x, &y, Grid::auto(8)).unwrap();
        path.models().iter().for_each(|m| assert_certified("fused", m.certificate(), 1e-8));
        let counts = y.mapv(|v| v.abs().round());
        let poisson = fused.loss(Poisson);
        let max = poisson.lambda_max(&x, &counts).unwrap();
        assert!(max.is_finite() && max > 0.0);
        let model = poisson.with_lambda(0.2 * max).tolerance(1e-6).fit(&x, &counts).unwrap();
        assert_certified("Poisson", model.certificate(), 1e-6);
        let above = objective(&poisson.with_lambda(1.001 * max), &x, &counts);
        let far = objective(&poisson.with_lambda(2.0 * max), &x, &counts);
        assert!((above - far).abs() < 1e-5 * above.abs(), "{above} {far}");
    }
}

#[test]
fn a_tree_of_leaves_is_a_group_lasso_and_a_tree_of_two_levels_a_sparse_one() {
    let (x, y) = single(8, 40, 12);
    let sizes = [3, 4, 5];
    let groups = Groups::from_sizes(&sizes).unwrap();
    let lambda = 0.2 * GroupLasso::new(0.0, groups.clone()).lambda_max(&x, &y).unwrap();
    let tree = TreeGroupLasso::new(lambda, groups.clone()).tolerance(1e-12).fit(&x, &y).unwrap();
    let group = GroupLasso::new(lambda, groups.clone()).tolerance(1e-12).fit(&x, &y).unwrap();
    assert_close("groups", tree.coefficients(), group.coefficients(), 1e-7);

    let tau = 0.3;
    let mut all: Vec<Vec<usize>> = (0..3).map(|g| groups.members(g).to_vec()).collect();
    let mut weights: Vec<f64> = sizes.iter().map(|&s| (1.0 - tau) * (s as f64).sqrt()).collect();
    all.extend((0..12).map(|j| vec![j]));
    weights.extend([tau; 12]);
    let nested = Groups::overlapping(&all, 12).unwrap();
    let tree = TreeGroupLasso::new(0.0, nested).weights(weights).tolerance(1e-12);
    let sparse = SparseGroupLasso::new(0.0, tau, groups).tolerance(1e-12);
    let (max, wanted) = (tree.lambda_max(&x, &y).unwrap(), sparse.lambda_max(&x, &y).unwrap());
    assert!((max / wanted - 1.0).abs() < 1e-12, "{max} {wanted}");
    for share in [0.5, 0.05] {
        let a = tree.with_lambda(share * max).fit(&x, &y).unwrap();
        let b = sparse.with_lambda(share * max).fit(&x, &y).unwrap();
        assert_close("sparse groups", a.coefficients(), b.coefficients(), 1e-7);
    }
}

#[test]
fn groups_that_cross_are_named() {
    let groups = Groups::overlapping(&[vec![0, 1, 2, 3], vec![3, 4], vec![0, 1], vec![4]], 5).unwrap();
    let (x, y) = single(9, 10, 5);
    let error = TreeGroupLasso::new(0.1, groups.clone()).fit(&x, &y).unwrap_err();
    assert!(matches!(error, Error::NotNested { first: 0, second: 1, feature: 3 }), "{error}");
    // A group without weight is checked all the same.
    let error = TreeGroupLasso::new(0.1, groups).weights(vec![1.0, 0.0, 1.0, 1.0]).fit(&x, &y).unwrap_err();
    assert!(matches!(error, Error::NotNested { .. }), "{error}");
}

#[test]
fn the_maximum_norm_of_single_coefficients_is_the_lasso() {
    let (x, y) = single(10, 40, 12);
    let lambda = 0.1 * Lasso::default().lambda_max(&x, &y).unwrap();
    let lasso = Lasso::new(lambda).tolerance(1e-12).fit(&x, &y).unwrap();
    let max = GroupMaxLasso::new(lambda, Groups::from_sizes(&[1; 12]).unwrap()).tolerance(1e-12).fit(&x, &y).unwrap();
    assert_close("coefficients", max.coefficients(), lasso.coefficients(), 1e-7);
    let bounded = BoxLasso::new(lambda).bounds(-1e3, 1e3).tolerance(1e-12).fit(&x, &y).unwrap();
    assert_close("far bounds", bounded.coefficients(), lasso.coefficients(), 1e-7);
    let positive = Lasso::new(lambda).nonnegative(true).tolerance(1e-12).fit(&x, &y).unwrap();
    let bounded = BoxLasso::new(lambda).bounds(0.0, f64::INFINITY).tolerance(1e-12).fit(&x, &y).unwrap();
    assert_close("signs", bounded.coefficients(), positive.coefficients(), 1e-7);
}

#[test]
fn the_trace_norm_of_one_response_is_a_single_group() {
    let (x, y) = single(11, 40, 12);
    let matrix = y.view().insert_axis(ndarray::Axis(1)).to_owned();
    let trace = TraceNormRegression::default().tolerance(1e-10);
    let group = GroupLasso::new(0.0, Groups::from_sizes(&[12]).unwrap()).weights(vec![1.0]).tolerance(1e-12);
    let max = trace.lambda_max(&x, &matrix).unwrap();
    assert!((max / group.lambda_max(&x, &y).unwrap() - 1.0).abs() < 1e-12);
    let a = trace.with_lambda(0.2 * max).fit(&x, &matrix).unwrap();
    let b = group.with_lambda(0.2 * max).fit(&x, &y).unwrap();
    assert_close("coefficients", a.coefficients(), b.coefficients(), 1e-4);
    let difference = (a.certificate().objective - b.certificate().objective).abs();
    assert!(difference <= 2e-10 * b.certificate().scale);
}

#[test]
fn paths_of_the_trace_norm_rise_in_rank_and_are_certified() {
    let (x, y) = regression(12, 40, 15, 4);
    let path = TraceNormRegression::default().tolerance(1e-8).path(&x, &y, Grid::auto(10)).unwrap();
    path.models().iter().for_each(|m| assert_certified("trace norm", m.certificate(), 1e-8));
    assert!(path.models()[0].coefficients().iter().all(|&w| w == 0.0));
    // Between the first λ and the second there is one direction only: all 2×2 minors are zero.
    let w = path.models()[1].coefficients();
    let size = w.iter().fold(0.0, |m: f64, w| m.max(w.abs()));
    assert!(size > 0.0);
    let minor = (w[[0, 0]] * w[[3, 1]] - w[[0, 1]] * w[[3, 0]]) / (size * size);
    assert!(minor.abs() < 1e-6, "{minor}");
    let wide = TraceNormRegression::default().tolerance(1e-7).path(
        &regression(13, 12, 30, 3).0,
        &regression(13, 12, 30, 3).1,
        Grid::auto(5),
    );
    wide.unwrap().models().iter().for_each(|m| assert_certified("wide", m.certificate(), 1e-7));
}

#[test]
fn groups_of_the_maximum_norm_and_trees_are_certified_with_other_losses_and_several_responses() {
    let (x, y) = regression(14, 40, 12, 3);
    let max = MultiTaskMaxLasso::default().lambda_max(&x, &y).unwrap();
    let model = MultiTaskMaxLasso::new(0.2 * max).tolerance(1e-9).fit(&x, &y).unwrap();
    assert_certified("rows", model.certificate(), 1e-9);
    let tree =
        Groups::overlapping(&[(0..12).collect::<Vec<_>>(), (0..4).collect(), vec![0, 1], vec![4, 5]], 12).unwrap();
    let counts = y.column(0).mapv(|v| v.abs().round());
    let poisson = TreeGroupLasso::new(0.0, tree.clone()).loss(Poisson);
    let max = poisson.lambda_max(&x, &counts).unwrap();
    let model = poisson.with_lambda(0.1 * max).tolerance(1e-8).fit(&x, &counts).unwrap();
    assert_certified("tree", model.certificate(), 1e-8);
    let penalty = sparsereg::penalty::TreeGroup::new(tree).check().unwrap();
    assert!(penalty.order().is_sorted());
    let model = Penalized::new(0.05, penalty).multi_response().tolerance(1e-9).fit(&x, &y).unwrap();
    assert_certified("tree of rows", model.certificate(), 1e-9);
    let slope = sparsereg::penalty::SortedL1::benjamini_hochberg(12, 0.1).unwrap();
    let model = Penalized::new(0.2, slope).multi_response().tolerance(1e-8).fit(&x, &y).unwrap();
    assert_certified("SLOPE of rows", model.certificate(), 1e-8);
}

#[test]
fn bad_parameters_are_named() {
    use sparsereg::penalty::{BoxL1, Fused, Simplex, SortedL1};
    let (x, y) = single(15, 10, 3);
    let error = Slope::new(0.1).weights(vec![2.0, 1.0, 1.5]).fit(&x, &y).unwrap_err();
    assert!(
        matches!(&error, Error::OutOfRange { argument: "weights", index, value: 1.5, .. } if index == &[2]),
        "{error}"
    );
    let error = Slope::new(0.1).weights(vec![2.0, 1.0]).fit(&x, &y).unwrap_err();
    assert!(matches!(error, Error::Length { argument: "weights", expected: 3, found: 2 }), "{error}");
    for q in [0.0, 1.0, f64::NAN] {
        let error = Slope::new(0.1).benjamini_hochberg(q).fit(&x, &y).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { argument: "q", .. }), "{error}");
    }
    assert!(matches!(SortedL1::new(vec![]), Err(Error::Empty { .. })));
    let error = FusedLasso::new(0.1, 0.5).edge_weights(vec![1.0; 3]).fit(&x, &y).unwrap_err();
    assert!(matches!(error, Error::Length { argument: "edge_weights", expected: 2, found: 3 }), "{error}");
    assert!(Fused::new(3, 1.5).is_err() && Fused::new(3, 0.0).unwrap().with_edge_weights(vec![1.0, -1.0]).is_err());
    let error = BoxLasso::new(0.1).bounds_each(vec![0.0, 0.5, 0.0], vec![1.0; 3]).fit(&x, &y).unwrap_err();
    assert!(matches!(&error, Error::OutOfRange { argument: "lower bounds", index, .. } if index == &[1]), "{error}");
    assert!(BoxL1::new(vec![0.0], vec![f64::NAN]).is_err() && Simplex::new(3, 0.0).is_err());
    let error = BoxLasso::new(0.1).bounds(-1.0, 1.0).standardize(true).fit(&x, &y).unwrap_err();
    assert!(matches!(error, Error::Unsupported { argument: "bounds", .. }), "{error}");
}

#[test]
fn a_graph_that_is_a_chain_is_the_fused_lasso_and_bad_edges_are_named() {
    let (x, y) = single(16, 30, 12);
    let edges: Vec<(usize, usize)> = (1..12).map(|j| (j, j - 1)).collect();
    for tau in [0.0, 0.4] {
        let (chain, graph) = (FusedLasso::new(0.0, tau), GraphFusedLasso::new(0.0, tau, edges.clone()));
        let max = chain.lambda_max(&x, &y).unwrap();
        assert!((graph.lambda_max(&x, &y).unwrap() / max - 1.0).abs() < 1e-9);
        let a = chain.with_lambda(0.2 * max).tolerance(1e-11).fit(&x, &y).unwrap();
        let b = graph.with_lambda(0.2 * max).tolerance(1e-11).fit(&x, &y).unwrap();
        assert_certified("graph", b.certificate(), 1e-11);
        assert_close("coefficients", a.coefficients(), b.coefficients(), 1e-6);
    }
    let fit = |edges: [(usize, usize); 2]| GraphFusedLasso::new(0.1, 0.0, edges).fit(&x, &y).unwrap_err();
    assert!(matches!(fit([(0, 1), (2, 12)]), Error::Index { argument: "edges", position: 1, index: 12, len: 12 }));
    assert!(matches!(fit([(3, 3), (0, 1)]), Error::OutOfRange { argument: "edges", value: 3.0, .. }));
    let error = GraphFusedLasso::new(0.1, 0.0, [(0, 1)]).edge_weights(vec![-1.0]).fit(&x, &y).unwrap_err();
    assert!(matches!(&error, Error::OutOfRange { argument: "edge_weights", index, .. } if index == &[0]), "{error}");
}
