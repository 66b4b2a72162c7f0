//! Answers that lie at a kink, are far from the start, or have a loss without curvature on the way.

use ndarray::{Array1, Array2};
use sparsereg::design::Dense;
use sparsereg::loss::{self, Logistic, Loss, Separable};
use sparsereg::penalty::L1;
use sparsereg::prelude::*;
use sparsereg::problem::Problem;
use sparsereg::smooth::LinearPredictor;
use sparsereg::solver::{BlockDescent, Solver, Start, Status};

use crate::common::{Rng, single};

const TRUTH: [f64; 6] = [2.0, 0.0, -1.0, 0.0, 0.0, 0.5];

/// Features, and responses without noise.
fn exact_line() -> (Array2<f64>, Array1<f64>) {
    let (x, _) = single(3, 40, 6);
    let y = x.dot(&Array1::from(TRUTH.to_vec())) + 3.0;
    (x, y)
}

/// The residual is zero at the answer, where the root has no gradient: `‖w‖₁` is least among the w that fit y.
#[test]
fn the_square_root_lasso_fits_what_is_free_of_noise() {
    let (x, y) = exact_line();
    for lambda in [0.1, 1e-2, 1e-4] {
        let model = SquareRootLasso::new(lambda).fit(&x, &y).unwrap();
        let c = model.certificate();
        assert!(c.relative_gap() <= 1e-6, "{lambda}: {model}");
        let l1: f64 = TRUTH.iter().map(|w| w.abs()).sum();
        assert!((c.objective - lambda * l1).abs() <= 1e-6 * c.scale, "{lambda}: {model}");
        for (w, truth) in model.coefficients().iter().zip(TRUTH) {
            assert!((w - truth).abs() < 1e-4, "{lambda}: {model}");
        }
        assert!((model.intercept() - 3.0).abs() < 1e-4);
    }
    // Of several responses, with weights, and along a path that begins far from the kink.
    let two = Array2::from_shape_fn((40, 2), |(i, t)| if t == 0 { y[i] } else { 1.0 - x[[i, 1]] });
    let weights: Vec<f64> = (0..40).map(|i| (i % 3) as f64).collect();
    let both = MultiTaskLasso::new(1e-2).loss(SquareRoot).sample_weights(weights).fit(&x, &two).unwrap();
    assert!(both.certificate().relative_gap() <= 1e-6 && (both.coefficients()[[1, 1]] + 1.0).abs() < 1e-4, "{both}");
    let path = SquareRootLasso::default().path(&x, &y, Grid::auto(6).ratio(1e-3)).unwrap();
    for (k, model) in path.models().iter().enumerate() {
        assert!(model.certificate().relative_gap() <= 1e-6, "{k}: {model}");
        let alone = SquareRootLasso::new(model.lambda()).fit(&x, &y).unwrap();
        let (a, b) = (alone.certificate(), model.certificate());
        assert!((a.objective - b.objective).abs() <= 2e-6 * a.scale, "{k}: {a}\n{b}");
    }
}

/// The best intercept is at the kink, and no Newton step leads there: along it the root is a straight line.
#[test]
fn constant_responses_are_their_own_fit() {
    let (x, _) = exact_line();
    let weights: Vec<f64> = (0..40).map(|i| (i % 3) as f64).collect();
    for value in [3.7, -1e-9, 2e12, 0.0] {
        let y = Array1::from_elem(40, value);
        let lasso = SquareRootLasso::new(0.1);
        for lasso in [lasso.clone(), lasso.standardize(true).sample_weights(weights.clone())] {
            let model = lasso.fit(&x, &y).unwrap();
            assert!((model.intercept() - value).abs() <= 2.0 * f64::EPSILON * value.abs(), "{model}");
            assert!(model.support().is_empty() && model.certificate().gap <= 1e-15 * value.abs(), "{model}");
            assert_eq!(lasso.lambda_max(&x, &y).unwrap(), 0.0);
        }
        for model in [
            QuantileLasso::new(0.1, 0.3).fit(&x, &y).map(|m| (m.intercept(), m.support())).unwrap(),
            HuberLasso::new(0.1, 0.5).fit(&x, &y).map(|m| (m.intercept(), m.support())).unwrap(),
        ] {
            assert!((model.0 - value).abs() <= 1e-9 * value.abs() && model.1.is_empty(), "{value}: {model:?}");
        }
    }
}

/// Nearly all residuals are 1e10 times as large as δ: what is minimised is the absolute loss, but for a few parabolas
/// as narrow as kinks.
#[test]
fn a_delta_that_is_tiny_beside_the_responses() {
    for (seed, size) in (0..6).flat_map(|seed| [1e3, 1e6, 1e10].map(|size| (seed, size))) {
        let (x, y) = single(seed, 60, 8);
        for share in [0.3, 0.05, 0.005] {
            let lasso = HuberLasso::new(0.0, 0.5);
            let lasso = lasso.with_lambda(share * lasso.lambda_max(&x, &(&y * size)).unwrap());
            let model = lasso.fit(&x, &(&y * size));
            let model = model.unwrap_or_else(|error| panic!("{seed}, {size:e}, {share}: {error}"));
            let c = model.certificate();
            assert!(c.relative_gap() <= 1e-6 && !model.support().is_empty(), "{seed}, {size:e}, {share}: {model}");
        }
    }
}

/// Coefficients of ±50 say 0 and 1 for sure: neither curvature nor, for the right side, a gradient is left.
#[test]
fn a_saturated_start_is_left() {
    let (n, p) = (50, 5);
    let (x, y) = single(9, n, p);
    let labels: Vec<f64> = y.iter().map(|y| f64::from(u8::from(*y > 0.0))).collect();
    let columns: Vec<f64> = x.t().iter().copied().collect();
    let loss: Box<dyn Loss> = Box::new(Separable::new(Logistic, labels, n));
    let smooth = LinearPredictor::new(Dense::from_columns(columns, n, p).unwrap(), loss);
    let penalty = L1::new(p);
    let solver = BlockDescent::default();
    for share in [0.3, 1e-3] {
        let lambda = share * Problem::new(&smooth, &penalty, 0.0).lambda_max();
        let problem = Problem::new(&smooth, &penalty, lambda);
        let best = solver.solve(&problem, Start::Zero, &mut ());
        for size in [50.0, -50.0, 1e3, 1e6, f64::NAN] {
            let alternating: Vec<f64> = (0..p).map(|j| if j % 2 == 0 { size } else { -size }).collect();
            for start in [vec![size; p], alternating] {
                let solution = solver.solve(&problem, Start::At(&start), &mut ());
                assert_eq!(solution.status, Status::Converged, "{share}, {size}: {}", solution.certificate);
                let apart = (solution.certificate.objective - best.certificate.objective).abs();
                assert!(apart <= 2e-6 * best.certificate.scale, "{share}, {size}: {apart:e}");
            }
        }
    }
}

/// Labels that one feature tells apart: far along it nothing is left of the loss, less than at zero, and its penalty pulls back.
#[test]
fn a_start_without_curvature_that_is_better_than_zero_is_left() {
    let (n, p) = (40, 3);
    let (x, _) = single(11, n, p);
    let labels: Vec<f64> = x.column(0).iter().map(|x| f64::from(u8::from(*x > 0.0))).collect();
    let columns: Vec<f64> = x.t().iter().copied().collect();
    let loss: Box<dyn Loss> = Box::new(Separable::new(Logistic, labels, n));
    let smooth = LinearPredictor::new(Dense::from_columns(columns, n, p).unwrap(), loss);
    let penalty = L1::new(p);
    let solver = BlockDescent::default();
    for lambda in [1e-5, 1e-7, 1e-9] {
        let problem = Problem::new(&smooth, &penalty, lambda);
        let best = solver.solve(&problem, Start::Zero, &mut ());
        assert_eq!(best.status, Status::Converged, "{}", best.certificate);
        for size in [1e3, 1e5, 1e7, 1e8] {
            let solution = solver.solve(&problem, Start::At(&[size, 0.0, 0.0]), &mut ());
            assert_eq!(solution.status, Status::Converged, "{lambda}, {size}: {}", solution.certificate);
            let apart = (solution.certificate.objective - best.certificate.objective).abs();
            assert!(apart <= 2e-6 * best.certificate.scale, "{lambda}, {size}: {apart:e}");
        }
    }
}

/// There is a dual point of a partial likelihood only at multiples of its gradient: with features that are not penalised
/// the gap is proven where their coefficients are fitted to the last digits.
#[test]
fn survival_models_with_unpenalised_features_are_certified() {
    let (n, p) = (60, 8);
    let weights: Vec<f64> = (0..p).map(|j| if j % 3 == 1 { 0.0 } else { 1.0 }).collect();
    for seed in 0..4 {
        let (x, score) = single(20 + seed, n, p);
        let y = Array2::from_shape_fn((n, 2), |(i, t)| match t {
            0 => (5.0 * (-0.2 * score[i]).exp() + (i % 5) as f64).ceil(),
            _ => f64::from(u8::from(i % 4 != 0)),
        });
        let lasso = CoxLasso::default().weights(weights.clone()).tolerance(1e-8);
        let lasso = lasso.with_lambda(0.0);
        let largest = lasso.lambda_max(&x, &y).unwrap();
        for share in [0.9, 0.1, 0.01] {
            for nonnegative in [false, true] {
                let lasso = lasso.with_lambda(share * largest).with(|lasso| lasso.nonnegative(nonnegative));
                let model = lasso.fit(&x, &y).unwrap_or_else(|e| panic!("{seed}, {share}, {nonnegative}: {e}"));
                assert!(model.certificate().relative_gap() <= 1e-8, "{seed}, {share}, {nonnegative}: {model}");
            }
        }
    }
}

/// A rounded loss is below the loss by no more than the width, its gap is 0 at its gradient and what the definition says
/// elsewhere, and its dual points are dual points of the loss.
#[test]
fn rounded_losses_are_next_to_theirs() {
    let (n, mut rng) = (12, Rng::new(71));
    let mut numbers = |size: f64| -> Vec<f64> { (0..n).map(|_| size * rng.normal()).collect() };
    let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
    let (y, offset) = (numbers(1.0), numbers(0.3));
    let root = loss::SquareRoot::new(y.clone(), n).with_weights(&weights).with_offset(offset.clone());
    let huber = Separable::new(loss::Huber::new(0.5).unwrap(), y, n).with_weights(&weights).with_offset(offset);
    for exact in [Box::new(root) as Box<dyn Loss>, Box::new(huber)] {
        for width in [3.0, 0.1, 1e-6] {
            let rounded = exact.smoothed(width).expect("a rounded loss");
            for size in [1e-3, 1.0, 30.0] {
                let (eta, other) = (numbers(size), numbers(1.0));
                let below = exact.value(&eta) - rounded.value(&eta);
                // A mean of weight 1.5, where the loss is a sum.
                assert!((-1e-14 * size..=1.5 * width + 1e-14 * size).contains(&below), "{width}, {size}: {below:e}");
                let at = |eta: &[f64]| {
                    let mut u = vec![0.0; n];
                    rounded.gradient(eta, &mut u);
                    u
                };
                let (u, v) = (at(&eta), at(&other));
                assert!(rounded.fenchel_young(&eta, &u).abs() <= 1e-14 * size.max(1.0), "{width}, {size}");
                assert!(exact.fenchel_young(&eta, &u).is_finite() && exact.fenchel_young(&eta, &v).is_finite());
                // F*(v) = ⟨v, η'⟩ − F(η') at the gradient v of η'.
                let dot = |v: &[f64], eta: &[f64]| -> f64 { v.iter().zip(eta).map(|(v, e)| v * e).sum() };
                let gap = rounded.value(&eta) - rounded.value(&other) + dot(&v, &other) - dot(&v, &eta);
                let found = rounded.fenchel_young(&eta, &v);
                assert!((found - gap).abs() <= 1e-12 * size.max(1.0), "{width}, {size}: {found} {gap}");
                // The gradient, by differences.
                for i in 0..n {
                    let step = 1e-5 * width.min(1.0);
                    let (mut up, mut down) = (eta.clone(), eta.clone());
                    up[i] += step;
                    down[i] -= step;
                    let slope = (rounded.value(&up) - rounded.value(&down)) / (up[i] - down[i]);
                    assert!((slope - u[i]).abs() <= 1e-3, "{width}, {size}, {i}: {slope} {}", u[i]);
                }
            }
        }
    }
}
