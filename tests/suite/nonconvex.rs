//! Penalties that are not convex: proximal operators by brute force, answers whose stationarity is recomputed from the data,
//! closed forms, invariances, and paths of another library (`tests/golden/make_nonconvex_goldens.py`).

use std::path::Path as File;

use ndarray::{Array1, Array2, Axis};
use serde_json::Value;
use sparsereg::Error;
use sparsereg::design::Csc;
use sparsereg::estimator::Method;
use sparsereg::moments::Moments;
use sparsereg::partition::Partition;
use sparsereg::penalty::{BlockPenalty, Mcp, Scad};
use sparsereg::prelude::*;
use sparsereg::problem::Problem;
use sparsereg::solver::Start;

use crate::common::{INF, Rng, main_solvers, regression, single, smooth, solve_watched, solvers, stopping};

/// ρ'(r; t) by definition.
#[derive(Debug, Clone, Copy)]
enum Slope {
    Mcp(f64),
    Scad(f64),
}

impl Slope {
    fn at(self, t: f64, r: f64) -> f64 {
        match self {
            Self::Mcp(gamma) => (t - r / gamma).max(0.0),
            Self::Scad(_) if r <= t => t,
            Self::Scad(gamma) => (gamma * t - r).max(0.0) / (gamma - 1.0),
        }
    }

    /// ∫₀^r ρ' by parts that are linear, exactly.
    fn value(self, t: f64, r: f64) -> f64 {
        let kinks = match self {
            Self::Mcp(gamma) => vec![gamma * t],
            Self::Scad(gamma) => vec![t, gamma * t],
        };
        let (mut from, mut sum) = (0.0, 0.0);
        for to in kinks.into_iter().chain([INF]).map(|k| k.min(r)) {
            sum += 0.5 * (self.at(t, from) + self.at(t, to)) * (to - from);
            from = to;
        }
        sum
    }

    fn penalty(self, partition: Partition) -> Box<dyn BlockPenalty + Send> {
        match self {
            Self::Mcp(gamma) => Box::new(Mcp::new(partition, gamma).unwrap()),
            Self::Scad(gamma) => Box::new(Scad::new(partition, gamma).unwrap()),
        }
    }
}

const SLOPES: [Slope; 5] = [Slope::Mcp(1.2), Slope::Mcp(3.0), Slope::Mcp(30.0), Slope::Scad(2.1), Slope::Scad(3.7)];

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// `max_b dist(−g_b, ∂ρ(‖w_b‖))` over rows of W in blocks, from the definition.
fn violation(
    slope: Slope,
    lambda: f64,
    weights: &[f64],
    blocks: &[Vec<usize>],
    w: &Array2<f64>,
    g: &Array2<f64>,
) -> f64 {
    let each = blocks.iter().zip(weights).map(|(block, &omega)| {
        let of = |a: &Array2<f64>| block.iter().flat_map(|&j| a.row(j).to_vec()).collect::<Vec<f64>>();
        let (w, g, t) = (of(w), of(g), lambda * omega);
        let r = norm(&w);
        if omega == INF {
            r
        } else if r == 0.0 {
            (norm(&g) - t).max(0.0)
        } else {
            norm(&w.iter().zip(&g).map(|(w, g)| g + slope.at(t, r) * w / r).collect::<Vec<f64>>())
        }
    });
    each.fold(0.0, f64::max)
}

/// −Xᵀ(Y − XW − 1bᵀ)/n
fn least_squares_gradient(x: &Array2<f64>, y: &Array2<f64>, model: &impl Model) -> Array2<f64> {
    let residual = y - &x.dot(&model.coefficient_matrix()) - &model.intercepts();
    -x.t().dot(&residual) / x.nrows() as f64
}

fn singletons(p: usize) -> Vec<Vec<usize>> {
    (0..p).map(|j| vec![j]).collect()
}

/// The model is stationary, says so, and the certificate's numbers are those of the data.
fn check_stationary(
    label: &str,
    slope: Slope,
    (weights, blocks): (&[f64], &[Vec<usize>]),
    (x, y): (&Array2<f64>, &Array2<f64>),
    model: &impl Model,
) {
    let c = model.certificate();
    assert_eq!(model.status(), Status::Converged, "{label}: {c}");
    assert!(!c.is_convex && c.gap.is_nan() && c.relative_gap().is_nan(), "{label}: {c}");
    let g = least_squares_gradient(x, y, model);
    let w = model.coefficient_matrix();
    let found = violation(slope, model.lambda(), weights, blocks, &w, &g);
    let centred = y - &y.mean_axis(Axis(0)).unwrap();
    let at_zero = -x.t().dot(&centred) / x.nrows() as f64;
    let sizes = blocks.iter().zip(weights).filter(|(_, w)| **w > 0.0 && **w < INF);
    let scale = sizes.map(|(b, _)| norm(&b.iter().flat_map(|&j| at_zero.row(j).to_vec()).collect::<Vec<f64>>()));
    let scale = scale.fold(0.0, f64::max);
    if weights.iter().all(|&w| w != 0.0) {
        assert!((c.scale / scale - 1.0).abs() < 1e-10, "{label}: scale {} {scale}", c.scale);
    }
    assert!((found - c.kkt).abs() <= 1e-11 * c.scale, "{label}: {found:e} {c}");
    assert!(found <= 1e-6 * c.scale + c.rounding, "{label}: {found:e} {c}");
    let omega: f64 = (blocks.iter().zip(weights).filter(|(_, w)| **w < INF))
        .map(|(b, omega)| {
            slope.value(model.lambda() * omega, norm(&b.iter().flat_map(|&j| w.row(j).to_vec()).collect::<Vec<f64>>()))
        })
        .sum();
    let residual = y - &x.dot(&w) - &model.intercepts();
    let objective = residual.iter().map(|r| r * r).sum::<f64>() / (2.0 * x.nrows() as f64) + omega;
    assert!((objective / c.objective - 1.0).abs() < 1e-10, "{label}: {objective} {c}");
}

/// The prox of a block against random competitors and itself scaled, and its optimality where the objective is convex.
#[test]
fn prox_of_a_block_is_the_best_of_many_points() {
    let mut rng = Rng::new(1);
    for slope in SLOPES {
        for k in [1, 3] {
            let penalty = slope.penalty(Partition::from_sizes(&[k]).unwrap());
            let omega = (k as f64).sqrt();
            for _ in 0..40 {
                let (lambda, step) = (0.1 + rng.uniform(), 6.0 * rng.uniform() * rng.uniform() + 0.05);
                let v: Vec<f64> = (0..k).map(|_| 3.0 * rng.normal()).collect();
                let mut x = v.clone();
                penalty.prox_block(0, lambda, step, &mut x);
                let value = |x: &[f64]| {
                    let far: f64 = x.iter().zip(&v).map(|(x, v)| (x - v) * (x - v)).sum();
                    0.5 * far + step * slope.value(lambda * omega, norm(x))
                };
                let own = value(&x);
                assert!((penalty.value_block(0, lambda, &x) - slope.value(lambda * omega, norm(&x))).abs() < 1e-12);
                let mut others: Vec<Vec<f64>> =
                    (0..300).map(|_| x.iter().map(|x| x + rng.normal()).collect()).collect();
                others.extend((0..400).map(|i| v.iter().map(|v| v * f64::from(i) / 390.0).collect()));
                let best = others.iter().map(|x| value(x)).fold(INF, f64::min);
                assert!(own <= best + 1e-12 * best, "{slope:?} {lambda} {step} {v:?}: {x:?}");
                // Stationary, too: the gradient of ½‖x − v‖²/step.
                let g: Vec<f64> = x.iter().zip(&v).map(|(x, v)| (x - v) / step).collect();
                assert!(penalty.kkt_block(0, lambda, &x, &g) < 1e-12 * (1.0 + norm(&g)), "{slope:?} {v:?}");
                // ρ(cr; ct) = c² ρ(r; t)
                let mut scaled: Vec<f64> = v.iter().map(|v| 8.0 * v).collect();
                penalty.prox_block(0, 8.0 * lambda, step, &mut scaled);
                assert!(scaled.iter().zip(&x).all(|(s, x)| (s - 8.0 * x).abs() < 1e-12 * (1.0 + s.abs())));
                // In the metric of a multiple of the identity.
                let mut metric = v.clone();
                assert!(penalty.prox_block_diagonal(0, lambda, &vec![1.0 / step; k], &mut metric));
                assert!(metric.iter().zip(&x).all(|(m, x)| (m - x).abs() < 1e-12 * (1.0 + x.abs())));
            }
        }
    }
}

#[test]
fn derivatives_are_those_of_the_value() {
    let mut rng = Rng::new(2);
    for slope in SLOPES {
        let penalty = slope.penalty(Partition::from_sizes(&[3]).unwrap());
        for _ in 0..50 {
            let lambda = 0.2 + rng.uniform();
            let w: Vec<f64> = (0..3).map(|_| 2.0 * rng.normal()).collect();
            let (mut grad, mut hess) = (vec![0.0; 3], vec![0.0; 9]);
            assert!(penalty.curvature_block(0, lambda, &w, &mut grad, &mut hess));
            let at = |i: usize, h: f64| {
                let mut w = w.clone();
                w[i] += h;
                w
            };
            for i in 0..3 {
                let value = |h| penalty.value_block(0, lambda, &at(i, h));
                assert!(((value(1e-5) - value(-1e-5)) / 2e-5 - grad[i]).abs() < 1e-4, "{slope:?} {w:?}");
                let gradient = |h| {
                    let mut grad = vec![0.0; 3];
                    penalty.curvature_block(0, lambda, &at(i, h), &mut grad, &mut [0.0; 9]);
                    grad
                };
                // The slope has kinks: no second derivative within the width of the difference.
                let r = norm(&w);
                let t = lambda * 3f64.sqrt();
                let kinks = match slope {
                    Slope::Mcp(gamma) => [gamma * t, INF],
                    Slope::Scad(gamma) => [t, gamma * t],
                };
                if kinks.iter().any(|k| (k - r).abs() < 1e-4) {
                    continue;
                }
                for (j, (a, b)) in gradient(1e-5).iter().zip(gradient(-1e-5)).enumerate() {
                    assert!(((a - b) / 2e-5 - hess[3 * i + j]).abs() < 1e-4, "{slope:?} {w:?}");
                }
            }
        }
        // Continuous slope, and its end at zero.
        let one = slope.penalty(Partition::singletons(1));
        let gradient = |w: f64| {
            let mut grad = [0.0];
            one.curvature_block(0, 1.0, &[w], &mut grad, &mut [0.0]);
            grad[0]
        };
        assert!((gradient(1e-9) - 1.0).abs() < 1e-8);
        for k in 1..4000 {
            let r = f64::from(k) * 0.01;
            assert!((gradient(r) - gradient(r + 1e-7)).abs() < 1e-6, "{slope:?} at {r}");
            assert!(gradient(r) >= 0.0);
        }
        assert_eq!(gradient(100.0), 0.0);
    }
}

#[test]
fn extreme_sizes_and_weights_are_finite() {
    for slope in SLOPES {
        let penalty = slope.penalty(Partition::singletons(2));
        for size in [0.0, 1e-150, 1.0, 1e150] {
            for lambda in [0.0, 1e-150, 1.0, 1e150] {
                for step in [1e-150, 1.0, 1e150] {
                    let mut v = [size];
                    penalty.prox_block(0, lambda, step, &mut v);
                    assert!(
                        v[0].is_finite() && (0.0..=size).contains(&v[0]),
                        "{slope:?} {size} {lambda} {step}: {v:?}"
                    );
                    assert!(!penalty.value_block(0, lambda, &[size]).is_nan());
                    assert!(!penalty.kkt_block(0, lambda, &[size], &[size]).is_nan());
                }
            }
        }
    }
    let penalty = Mcp::new(Partition::singletons(2), 3.0).unwrap().with_weights(vec![0.0, INF]).unwrap();
    let mut v = [2.0];
    penalty.prox_block(0, 5.0, 1.0, &mut v);
    assert_eq!((v, penalty.is_free(0, 5.0)), ([2.0], true));
    penalty.prox_block(1, 0.0, 1.0, &mut v);
    assert_eq!((v, penalty.value_block(1, 0.0, &[1.0])), ([0.0], INF));
}

#[test]
fn parameters_out_of_range_are_errors() {
    let (x, y) = single(3, 20, 4);
    let is_gamma =
        |e: Error, gamma: f64| matches!(e, Error::OutOfRange { argument: "gamma", value, .. } if value == gamma);
    for gamma in [1.0, 0.0, -2.0, INF] {
        assert!(is_gamma(McpRegression::new(0.1, gamma).fit(&x, &y).unwrap_err(), gamma));
        let reweighted = Reweighted::new(Lasso::new(0.1), Reweighting::Mcp { gamma });
        assert!(is_gamma(reweighted.fit(&x, &y).unwrap_err(), gamma));
    }
    assert!(matches!(McpRegression::new(0.1, f64::NAN).fit(&x, &y), Err(Error::OutOfRange { argument: "gamma", .. })));
    assert!(is_gamma(ScadRegression::new(0.1, 2.0).fit(&x, &y).unwrap_err(), 2.0));
    assert!(is_gamma(Scad::new(Partition::singletons(2), 1.5).unwrap_err(), 1.5));
    let overlap = Groups::overlapping(&[vec![0, 1], vec![1, 2, 3]], 4).unwrap();
    assert!(matches!(GroupMcp::new(0.1, 3.0, overlap).fit(&x, &y), Err(Error::Unsupported { argument: "groups", .. })));
    let weights = McpRegression::new(0.1, 3.0).weights(vec![1.0, -1.0, 1.0, 1.0]).fit(&x, &y);
    assert!(matches!(weights, Err(Error::OutOfRange { argument: "weights", .. })));
    let kinked = McpRegression::new(0.1, 3.0).loss(Quantile::new(0.5)).fit(&x, &y);
    assert!(matches!(kinked, Err(Error::Unsupported { argument: "loss", .. })));
    let lasso = || Lasso::new(0.1);
    let argument = |r: Reweighted<Lasso>| match r.fit(&x, &y) {
        Err(Error::OutOfRange { argument, .. }) => argument,
        other => panic!("{other:?}"),
    };
    assert_eq!(argument(Reweighted::new(lasso(), Reweighting::Log { epsilon: 0.0 })), "epsilon");
    assert_eq!(argument(Reweighted::new(lasso(), Reweighting::Power { exponent: 0.0, epsilon: 0.0 })), "exponent");
    assert_eq!(argument(Reweighted::new(lasso(), Reweighting::Log { epsilon: 1.0 }).rounds(0)), "rounds");
    assert_eq!(argument(Reweighted::adaptive(lasso(), -1.0, 1.0)), "pilot");
}

#[test]
fn answers_are_stationary_for_every_solver_and_unit() {
    let (x, y) = single(4, 60, 30);
    let y2 = y.clone().insert_axis(Axis(1));
    let groups = Groups::new(&(0..10).map(|g| vec![g, g + 10, g + 20]).collect::<Vec<_>>()).unwrap();
    let scattered: Vec<Vec<usize>> = (0..10).map(|g| vec![g, g + 10, g + 20]).collect();
    let roots = vec![3f64.sqrt(); 10];
    let max = McpRegression::new(0.0, 3.0).lambda_max(&x, &y).unwrap();
    for (name, method) in main_solvers() {
        for share in [0.5, 0.1] {
            let label = format!("{name} {share}");
            let model = McpRegression::new(share * max, 3.0).solver(method.clone()).fit(&x, &y).unwrap();
            let all = singletons(30);
            check_stationary(&label, Slope::Mcp(3.0), (&[1.0; 30], &all), (&x, &y2), &model);
            let model = ScadRegression::new(share * max, 3.7).solver(method.clone()).fit(&x, &y).unwrap();
            check_stationary(&label, Slope::Scad(3.7), (&[1.0; 30], &all), (&x, &y2), &model);
            let mut weights = vec![1.0; 30];
            (weights[0], weights[1], weights[2], weights[5]) = (0.0, INF, 0.5, 2.0);
            let model = McpRegression::new(share * max, 3.0).weights(weights.clone()).solver(method.clone());
            let model = model.fit(&x, &y).unwrap();
            assert!(model.coefficients()[0] != 0.0 && model.coefficients()[1] == 0.0);
            check_stationary(&label, Slope::Mcp(3.0), (&weights, &all), (&x, &y2), &model);
            let model = GroupMcp::new(share * max, 3.0, groups.clone()).solver(method.clone()).fit(&x, &y).unwrap();
            check_stationary(&label, Slope::Mcp(3.0), (&roots, &scattered), (&x, &y2), &model);
            let model = GroupScad::new(share * max, 3.7, groups.clone()).solver(method.clone()).fit(&x, &y).unwrap();
            check_stationary(&label, Slope::Scad(3.7), (&roots, &scattered), (&x, &y2), &model);
        }
    }
    let (x, y) = regression(5, 50, 24, 3);
    let max = MultiTaskMcp::new(0.0, 3.0).lambda_max(&x, &y).unwrap();
    for (name, method) in main_solvers() {
        let all = singletons(24);
        let model = MultiTaskMcp::new(0.2 * max, 3.0).solver(method.clone()).fit(&x, &y).unwrap();
        check_stationary(name, Slope::Mcp(3.0), (&[1.0; 24], &all), (&x, &y), &model);
        let model = MultiTaskScad::new(0.2 * max, 3.7).solver(method).fit(&x, &y).unwrap();
        check_stationary(name, Slope::Scad(3.7), (&[1.0; 24], &all), (&x, &y), &model);
    }
}

/// Wide data, small γ and columns whose curvature is far below 1/γ: blocks jump, Hessians are indefinite.
#[test]
fn hard_problems_end_at_stationary_points_and_never_rise() {
    let (x, y) = single(6, 30, 60);
    let x = x * 0.3;
    let y2 = y.clone().insert_axis(Axis(1));
    for slope in [Slope::Mcp(1.05), Slope::Mcp(2.0), Slope::Scad(2.05)] {
        let path = match slope {
            Slope::Mcp(gamma) => McpRegression::new(0.0, gamma).path(&x, &y, Grid::auto(20).ratio(0.02)).unwrap(),
            Slope::Scad(gamma) => ScadRegression::new(0.0, gamma).path(&x, &y, Grid::auto(20).ratio(0.02)).unwrap(),
        };
        for model in path.models() {
            check_stationary(&format!("{slope:?}"), slope, (&[1.0; 60], &singletons(60)), (&x, &y2), model);
        }
    }
    // Every outer iteration of every solver, from zero and from a bad start.
    let f = smooth(&x, &y2);
    let penalty = Mcp::new(Partition::from_sizes(&[3; 20]).unwrap(), 1.5).unwrap();
    let lambda = 0.1 * Problem::new(&f, &penalty, 0.0).lambda_max();
    let problem = Problem::new(&f, &penalty, lambda);
    let mut rng = Rng::new(7);
    let far: Vec<f64> = (0..60).map(|_| 5.0 * rng.normal()).collect();
    for (name, method) in solvers() {
        for start in [Start::Zero, Start::At(&far)] {
            let mut last = INF;
            let mut watch = |p: &sparsereg::solver::Progress| {
                let now = p.certificate.objective;
                assert!(
                    now <= last * (1.0 + 1e-12) || name.starts_with("descent") && last == INF,
                    "{name}: {now} after {last}"
                );
                last = now;
                std::ops::ControlFlow::Continue(())
            };
            let solution = solve_watched(&method, stopping(1e-6, 20_000), &problem, start, &mut watch);
            assert_eq!(solution.status, Status::Converged, "{name}: {}", solution.certificate);
        }
    }
}

#[test]
fn an_orthonormal_design_has_the_closed_form() {
    // Hadamard columns: XᵀX = n I.
    let n = 16;
    let x = Array2::from_shape_fn((n, 15), |(i, j)| if (i & (j + 1)).count_ones() % 2 == 0 { 1.0 } else { -1.0 });
    let mut rng = Rng::new(8);
    let y = Array1::from_shape_fn(n, |_| 2.0 * rng.normal());
    let z = x.t().dot(&y) / n as f64;
    let (lambda, gamma) = (0.4, 2.5);
    let mcp = McpRegression::new(lambda, gamma).tolerance(1e-12).fit(&x, &y).unwrap();
    let scad = ScadRegression::new(lambda, gamma).tolerance(1e-12).fit(&x, &y).unwrap();
    for j in 0..15 {
        let r = z[j].abs();
        let firm = if r <= lambda {
            0.0
        } else if r <= gamma * lambda {
            (r - lambda) / (1.0 - 1.0 / gamma)
        } else {
            r
        };
        assert!((mcp.coefficients()[j] - firm.copysign(z[j]) * f64::from(u8::from(firm > 0.0))).abs() < 1e-11);
        let clipped = if r <= 2.0 * lambda {
            (r - lambda).max(0.0)
        } else if r <= gamma * lambda {
            ((gamma - 1.0) * r - gamma * lambda) / (gamma - 2.0)
        } else {
            r
        };
        assert!((scad.coefficients()[j].abs() - clipped).abs() < 1e-10);
    }
    assert!(mcp.support().len() > 2 && mcp.support().len() < 15);
    // Groups of it: firm thresholding of the norm at √3 λ.
    let groups =
        GroupMcp::new(lambda, gamma, Groups::from_sizes(&[3; 5]).unwrap()).tolerance(1e-12).fit(&x, &y).unwrap();
    for g in 0..5 {
        let own = &z.as_slice().unwrap()[3 * g..3 * g + 3];
        let (r, t) = (norm(own), lambda * 3f64.sqrt());
        let firm = if r <= t {
            0.0
        } else if r <= gamma * t {
            (r - t) / (1.0 - 1.0 / gamma)
        } else {
            r
        };
        for (k, z) in own.iter().enumerate() {
            assert!((groups.coefficients()[3 * g + k] - firm / r * z).abs() < 1e-10);
        }
    }
}

#[test]
fn the_limit_of_a_large_gamma_is_the_lasso() {
    let (x, y) = single(9, 50, 20);
    let lasso = Lasso::new(0.1).tolerance(1e-12).fit(&x, &y).unwrap();
    for w in [
        McpRegression::new(0.1, 1e9).tolerance(1e-10).fit(&x, &y).unwrap().coefficients().to_owned(),
        ScadRegression::new(0.1, 1e9).tolerance(1e-10).fit(&x, &y).unwrap().coefficients().to_owned(),
    ] {
        assert!((&w - &lasso.coefficients()).iter().all(|d| d.abs() < 1e-6));
    }
}

#[test]
fn order_units_and_storage_do_not_matter() {
    let (x, y) = single(10, 60, 24);
    let estimator = McpRegression::new(0.2, 3.0).tolerance(1e-10);
    let w = estimator.fit(&x, &y).unwrap().coefficients().to_owned();
    let close = |a: &Array1<f64>, b: &Array1<f64>| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-7);
    let order = Rng::new(1).permutation(24);
    let permuted = estimator.fit(&x.select(Axis(1), &order), &y).unwrap().coefficients().to_owned();
    assert!(close(&permuted, &w.select(Axis(0), &order)));
    let scaled = McpRegression::new(2.0, 3.0).tolerance(1e-10).fit(&x, &(10.0 * &y)).unwrap();
    assert!(close(&(&scaled.coefficients() / 10.0), &w));
    assert!(close(&estimator.fit(&(&x + 100.0), &y).unwrap().coefficients().to_owned(), &w));
    let sparse = Csc::from_dense(&sparsereg::design::Dense::new(x.view()).unwrap()).unwrap();
    assert!(close(&estimator.fit(&sparse, &y).unwrap().coefficients().to_owned(), &w));
    let moments = Moments::new(&x, &y).unwrap();
    assert!(close(&estimator.fit_moments(&moments).unwrap().coefficients().to_owned(), &w));
    let standardized = estimator.clone().standardize(true);
    let units = Array1::from_shape_fn(24, |j| 10f64.powi(j as i32 % 5 - 2));
    let (a, b) = (standardized.fit(&x, &y).unwrap(), standardized.fit(&(&x * &units), &y).unwrap());
    assert!(close(&(&b.coefficients() * &units), &a.coefficients().to_owned()));
    let twice = x.select(Axis(0), &(0..120).map(|i| i / 2).collect::<Vec<_>>());
    let y_twice = y.select(Axis(0), &(0..120).map(|i| i / 2).collect::<Vec<_>>());
    assert!(close(&estimator.fit(&twice, &y_twice).unwrap().coefficients().to_owned(), &w));
    let weighted = estimator.clone().sample_weights(vec![2.0; 60]).fit(&x, &y).unwrap();
    assert!(close(&weighted.coefficients().to_owned(), &w));
}

#[test]
fn both_solvers_find_the_same_objective_on_well_conditioned_data() {
    let (x, y) = single(11, 200, 15);
    let classes = y.mapv(|v| f64::from(u8::from(v > y.mean().unwrap())));
    let counts = y.mapv(|v| (0.2 * v).exp().floor());
    for share in [0.5, 0.05] {
        let objectives =
            |fit: &dyn Fn(Method) -> f64| -> Vec<f64> { main_solvers().into_iter().map(|(_, m)| fit(m)).collect() };
        let check = |label: &str, all: Vec<f64>| {
            let spread = all.iter().fold(0.0f64, |m, v| m.max((v - all[0]).abs()));
            assert!(spread <= 1e-9 * all[0].abs(), "{label} {share}: {all:?}");
        };
        let base = McpRegression::new(0.0, 3.0).standardize(true).tolerance(1e-8);
        let max = base.lambda_max(&x, &y).unwrap();
        let at = |m: Method, max: f64, gamma: f64| {
            let estimator = McpRegression::new(share * max, gamma).standardize(true).solver(m);
            estimator.tolerance(1e-8)
        };
        check("least squares", objectives(&|m| at(m, max, 3.0).fit(&x, &y).unwrap().certificate().objective));
        let max = base.clone().loss(Logistic::default()).lambda_max(&x, &classes).unwrap();
        let logistic = |m| at(m, max, 30.0).loss(Logistic::default()).fit(&x, &classes).unwrap();
        check("logistic", objectives(&|m| logistic(m).certificate().objective));
        let max = base.clone().loss(Poisson).lambda_max(&x, &counts).unwrap();
        let poisson = |m| at(m, max, 10.0).loss(Poisson).fit(&x, &counts).unwrap();
        check("Poisson", objectives(&|m| poisson(m).certificate().objective));
    }
}

#[test]
fn other_losses_are_stationary_along_their_paths() {
    let (x, y) = single(12, 80, 40);
    let classes = y.mapv(|v| f64::from(u8::from(v > y.mean().unwrap())));
    let counts = y.mapv(|v| (0.15 * v).exp().floor());
    let check = |label: &str,
                 gamma: f64,
                 g: &dyn Fn(&Array1<f64>) -> Array1<f64>,
                 y: &Array1<f64>,
                 model: &dyn Fn(
        usize,
    )
        -> (Array1<f64>, f64, Array1<f64>, f64, sparsereg::problem::Certificate, Status)| {
        for k in 0..15 {
            let (w, b, eta, lambda, c, status) = model(k);
            assert_eq!(status, Status::Converged, "{label} {k}: {c}");
            let u = (g(&eta) - y) / 80.0;
            let gradient = x.t().dot(&u).insert_axis(Axis(1));
            let found =
                violation(Slope::Mcp(gamma), lambda, &[1.0; 40], &singletons(40), &w.insert_axis(Axis(1)), &gradient);
            let found = found.max(u.sum().abs());
            assert!(!c.is_convex && (found - c.kkt).abs() < 1e-10 * c.scale, "{label} {k}: {found:e} {c} {b}");
        }
    };
    // γ both above and far below what would keep a block convex: curvatures are at most 1/4.
    for gamma in [1.5, 20.0] {
        let path = McpRegression::new(0.0, gamma)
            .loss(Logistic::default())
            .path(&x, &classes, Grid::auto(15).ratio(0.1))
            .unwrap();
        let of = |k: usize| {
            let m = &path.models()[k];
            let (w, b) = (m.coefficient_matrix().column(0).to_owned(), m.intercepts()[0]);
            (w.clone(), b, x.dot(&w) + b, m.lambda(), *m.certificate(), m.status())
        };
        check("logistic", gamma, &|eta| eta.mapv(|e| 1.0 / (1.0 + (-e).exp())), &classes, &of);
        let path = McpRegression::new(0.0, gamma).loss(Poisson).path(&x, &counts, Grid::auto(15).ratio(0.1)).unwrap();
        let of = |k: usize| {
            let m = &path.models()[k];
            let (w, b) = (m.coefficient_matrix().column(0).to_owned(), m.intercepts()[0]);
            (w.clone(), b, x.dot(&w) + b, m.lambda(), *m.certificate(), m.status())
        };
        check("Poisson", gamma, &|eta| eta.mapv(f64::exp), &counts, &of);
    }
    // Rows of W, three classes: what no scalar penalty meets.
    let three = y.mapv(|v| (v - y.mean().unwrap()).clamp(-1.4, 1.4).round());
    let path = MultiTaskMcp::new(0.0, 20.0).loss(Multinomial).path(&x, &three, Grid::auto(8).ratio(0.2));
    for (k, m) in path.unwrap().models().iter().enumerate() {
        assert_eq!(m.status(), Status::Converged, "rows {k}: {}", m.certificate());
    }
    let groups = Groups::from_sizes(&[4; 10]).unwrap();
    let path = GroupMcp::new(0.0, 20.0, groups).loss(Logistic::default()).path(&x, &classes, Grid::auto(8).ratio(0.2));
    for (k, m) in path.unwrap().models().iter().enumerate() {
        assert_eq!(m.status(), Status::Converged, "groups {k}: {}", m.certificate());
    }
}

#[test]
fn paths_cross_validation_and_limits_are_those_of_every_estimator() {
    let (x, y) = single(13, 60, 20);
    let cv = McpRegression::new(0.0, 3.0).cross_validate(&x, &y, &KFold::new(4).seed(1)).unwrap();
    assert!(cv.one_standard_error().support().len() <= cv.best().support().len());
    let lasso = Lasso::default().cross_validate(&x, &y, &KFold::new(4).seed(1)).unwrap();
    assert!(cv.best().support().len() < lasso.best().support().len());
    assert!(cv.path().to_string().contains("rel. KKT"));
    assert!((cv.path().lambdas()[0] - lasso.path().lambdas()[0]).abs() < 1e-12);
    // A certificate is that of the λ that was asked for, wherever the way there ended.
    let stopped = McpRegression::new(0.05, 3.0).max_iterations(0).fit(&x, &y);
    assert!(matches!(stopped, Err(Error::NotConverged(_))));
    let mut watch = |_: &sparsereg::solver::Progress| std::ops::ControlFlow::Break(());
    let cancelled = McpRegression::new(0.01, 3.0).accept_unconverged(true).fit_watched(&x, &y, &mut watch).unwrap();
    assert_eq!(cancelled.status(), Status::Cancelled);
    let y2 = y.clone().insert_axis(Axis(1));
    let g = least_squares_gradient(&x, &y2, &cancelled);
    let w = cancelled.coefficient_matrix();
    let found = violation(Slope::Mcp(3.0), 0.01, &[1.0; 20], &singletons(20), &w, &g);
    assert!((found - cancelled.certificate().kkt).abs() < 1e-10);
    // No penalty: least squares, whatever the penalty's name.
    let free = McpRegression::new(0.0, 3.0).tolerance(1e-10).fit(&x, &y).unwrap();
    let ols = Lasso::new(0.0).tolerance(1e-14).fit(&x, &y).unwrap();
    assert!((&free.coefficients() - &ols.coefficients()).iter().all(|d| d.abs() < 1e-6));
    let flat = McpRegression::new(0.1, 3.0).fit(&x, &Array1::from_elem(60, 2.0)).unwrap();
    assert!(flat.support().is_empty() && flat.status() == Status::Converged);
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().expect("a list").iter().flat_map(|v| v.as_f64().map_or_else(|| numbers(v), |v| vec![v])).collect()
}

fn golden(name: &str) -> (Value, Array2<f64>, Array2<f64>) {
    let path = File::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("nonconvex_{name}.json"));
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("JSON");
    let n = golden["x"].as_array().expect("rows").len();
    let matrix = |v: &Value| {
        let v = numbers(v);
        Array2::from_shape_vec((n, v.len() / n), v).expect("a matrix")
    };
    let (x, y) = (matrix(&golden["x"]), matrix(&golden["y"]));
    (golden, x, y)
}

fn check_golden(name: &str, golden: &Value, path: &Path<impl Model>) {
    for (k, (w, b)) in numbers(&golden["kept"])
        .into_iter()
        .zip(golden["coefficients"].as_array().unwrap().iter().zip(golden["intercepts"].as_array().unwrap()))
    {
        let model = &path.models()[k as usize];
        assert_eq!(model.status(), Status::Converged, "{name} {k}: {}", model.certificate());
        for (found, wanted) in model.coefficient_matrix().iter().zip(numbers(w)) {
            assert!((found - wanted).abs() < 1e-7, "{name} {k}: {found} {wanted}");
        }
        for (found, wanted) in model.intercepts().iter().zip(numbers(b)) {
            // The columns of the files are centred to six digits only.
            assert!((found - wanted).abs() < 1e-6, "{name} {k}: intercept {found} {wanted}");
        }
    }
}

#[test]
fn paths_are_those_of_another_library() {
    let set = |golden: &Value| (golden["gamma"].as_f64().unwrap(), Grid::values(numbers(&golden["lambdas"])));
    let single = |y: &Array2<f64>| y.column(0).to_owned();
    let (g, x, y) = golden("mcp");
    let (gamma, grid) = set(&g);
    check_golden("mcp", &g, &McpRegression::new(0.0, gamma).tolerance(1e-10).path(&x, &single(&y), grid).unwrap());
    let (g, x, y) = golden("scad");
    let (gamma, grid) = set(&g);
    check_golden("scad", &g, &ScadRegression::new(0.0, gamma).tolerance(1e-10).path(&x, &single(&y), grid).unwrap());
    let (g, x, y) = golden("multitask_mcp");
    let (gamma, grid) = set(&g);
    check_golden("multitask mcp", &g, &MultiTaskMcp::new(0.0, gamma).tolerance(1e-10).path(&x, &y, grid).unwrap());
    let (g, x, y) = golden("multitask_scad");
    let (gamma, grid) = set(&g);
    check_golden("multitask scad", &g, &MultiTaskScad::new(0.0, gamma).tolerance(1e-10).path(&x, &y, grid).unwrap());
    let (g, x, y) = golden("logistic_mcp");
    let (gamma, grid) = set(&g);
    let logistic = McpRegression::new(0.0, gamma).tolerance(1e-10).loss(Logistic::default());
    check_golden("logistic", &g, &logistic.path(&x, &single(&y), grid).unwrap());
    let (g, x, y) = golden("poisson_mcp");
    let (gamma, grid) = set(&g);
    let poisson = McpRegression::new(0.0, gamma).tolerance(1e-10).intercept(false).loss(Poisson);
    check_golden("Poisson", &g, &poisson.path(&x, &single(&y), grid).unwrap());
}
