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
            assert_close("coefficients", &slope.coefficients(), &lasso.coefficients(), 1e-7);
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
        assert_close("coefficients", &fused.coefficients(), &lasso.coefficients(), 1e-7);
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
                assert_close("coefficients", &model.coefficients(), &w, 1e-4);
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
