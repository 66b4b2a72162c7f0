//! What feeds the graphical lasso other than clean samples: missing values, ranks, matrices that need repair.

use ndarray::{Array1, Array2, Axis, array};
use serde_json::Value;
use sparsereg::prelude::*;

use crate::common::Rng;

const NAN: f64 = f64::NAN;

// ------------------------------------------------------------------------------------------------------------- helpers

fn matrix(value: &Value) -> Array2<f64> {
    let rows = value.as_array().unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].as_array().unwrap().len()), |(i, j)| rows[i][j].as_f64().unwrap_or(NAN))
}

fn golden(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn largest_difference<'a>(a: impl IntoIterator<Item = &'a f64>, b: impl IntoIterator<Item = &'a f64>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// n samples of a chain: each variable depends on the one before.
fn chain(n: usize, p: usize, strength: f64, seed: u64) -> Array2<f64> {
    let mut rng = Rng::new(seed);
    let mut x = Array2::zeros((n, p));
    for i in 0..n {
        let mut last = rng.normal();
        for j in 0..p {
            last = strength * last + (1.0 - strength * strength).sqrt() * rng.normal();
            x[[i, j]] = last;
        }
    }
    x
}

fn with_holes(x: &Array2<f64>, share: f64, seed: u64) -> Array2<f64> {
    let mut rng = Rng::new(seed);
    x.mapv(|v| if rng.uniform() < share { NAN } else { v })
}

fn smallest_eigenvalue(estimate: &CovarianceEstimate) -> f64 {
    CovarianceEstimate::nearest(&estimate.covariance()).unwrap().smallest_eigenvalue()
}

const RANKS: [Rank; 3] = [Rank::Spearman, Rank::Kendall, Rank::NormalScores];

// ------------------------------------------------------------------------------------------------------------- goldens

#[test]
fn ranks_and_pairwise_covariances_are_those_of_other_programs() {
    let golden = golden("covariance_estimates");
    let half_turn = std::f64::consts::FRAC_PI_2;
    for data in ["complete", "incomplete"] {
        let (x, of) = (matrix(&golden[data]["x"]), &golden[data]["of"]);
        let expected = [
            matrix(&of["spearman"]).mapv(|r| if r == 1.0 { 1.0 } else { 2.0 * (half_turn / 3.0 * r).sin() }),
            matrix(&of["kendall"]).mapv(|t| (half_turn * t).sin()),
            matrix(&of["normal_scores"]),
        ];
        for (rank, expected) in RANKS.into_iter().zip(expected) {
            let found = CovarianceEstimate::nonparanormal(&x, rank).unwrap();
            let nearest = CovarianceEstimate::nearest(&expected).unwrap();
            let error = largest_difference(found.covariance(), nearest.covariance());
            assert!(error < 1e-9, "{data} {rank:?}: {error:e}");
            assert!((found.smallest_eigenvalue() - nearest.smallest_eigenvalue()).abs() < 1e-12);
            if found.shift() == 0.0 {
                assert!(largest_difference(found.covariance(), &expected) < 1e-12, "{data} {rank:?}");
            }
        }
        let found = CovarianceEstimate::pairwise(&x).unwrap();
        let expected = matrix(&of["covariance"]);
        assert!(largest_difference(found.covariance().diag(), expected.diag()) < 1e-11, "{data}");
        let nearest = CovarianceEstimate::nearest(&expected).unwrap();
        assert!(largest_difference(found.covariance(), nearest.covariance()) < 1e-9, "{data}");
        if found.shift() == 0.0 {
            assert!(largest_difference(found.covariance(), &expected) < 1e-11, "{data}");
        }
        let counts = matrix(&of["counts"]);
        let (i, j, rows) = found.smallest_pair().unwrap();
        let smallest = counts.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(counts[[i, j]] == smallest && rows as f64 == smallest);
        assert_eq!(found.observations(), Some(rows));
        assert_eq!(found.missing(), x.iter().filter(|v| v.is_nan()).count());
    }
}

#[test]
fn nearest_correlation_matrices_are_those_of_alternating_projections() {
    for case in golden("nearest_correlation").as_array().unwrap() {
        let (a, expected) = (matrix(&case["a"]), matrix(&case["nearest"]));
        let found = CovarianceEstimate::nearest(&a).unwrap();
        let distance = (&found.covariance() - &expected).mapv(|v| v * v).sum().sqrt();
        assert!(distance < 1e-9, "{distance:e}");
        assert!(distance <= found.accuracy() + 1e-12, "{distance:e} {:e}", found.accuracy());
        assert!((found.shift() - case["distance"].as_f64().unwrap()).abs() < 1e-9);
        // In other units: the same correlations, the variances as they were.
        let p = a.nrows();
        let units: Vec<f64> = (0..p).map(|i| 10f64.powi(3 * (i as i32 % 5) - 6)).collect();
        let scaled = Array2::from_shape_fn((p, p), |(i, j)| a[[i, j]] * units[i] * units[j]);
        let other = CovarianceEstimate::nearest(&scaled).unwrap();
        for ((i, j), v) in other.covariance().indexed_iter() {
            assert!((v / units[i] / units[j] - found.covariance()[[i, j]]).abs() < 1e-9);
        }
        assert!((0..p).all(|i| other.covariance()[[i, i]] == scaled[[i, i]]));
    }
}

// ---------------------------------------------------------------------------------------------------------------- laws

#[test]
fn without_missing_values_everything_is_the_ordinary_covariance() {
    let x = chain(50, 6, 0.6, 1) + &array![0.0, 1e3, -5.0, 0.0, 2.0, 1e-3];
    let means = x.mean_axis(Axis(0)).unwrap();
    let centred = &x - &means;
    let s = centred.t().dot(&centred) / 50.0;
    let found = CovarianceEstimate::pairwise(&x).unwrap();
    assert!(largest_difference(found.covariance(), &s) < 1e-12);
    assert!(largest_difference(found.mean(), &means) < 1e-12);
    assert_eq!((found.missing(), found.observations(), found.shift()), (0, Some(50), 0.0));
    let estimator = GraphicalLasso::new(0.1).tolerance(1e-13);
    let model = estimator.fit(&x).unwrap();
    let em = estimator.fit_em(&x, &Em::default()).unwrap();
    for other in [&estimator.fit_incomplete(&x).unwrap(), em.model()] {
        let error = largest_difference(model.precision(), other.precision());
        assert!(error < 1e-6, "{error:e}"); // about the root of the tolerance
        assert!(largest_difference(model.mean(), other.mean()) < 1e-12);
        assert_eq!(other.observations(), Some(50));
    }
    assert!((em.log_likelihood() - model.log_likelihood(&x).unwrap()).abs() < 1e-6);
    let (a, b) = (em.criterion(Criterion::Ebic(0.5)).unwrap(), model.criterion(Criterion::Ebic(0.5)).unwrap());
    assert!((a - b).abs() < 1e-6);
    let path = GraphicalLasso::default().path(&x, Grid::auto(5)).unwrap();
    let same = GraphicalLasso::default().path_estimate(&found, Grid::auto(5)).unwrap();
    assert!(largest_difference(&path.lambdas(), &same.lambdas()) < 1e-12);
    let lambda_max = GraphicalLasso::default().lambda_max_estimate(&found).unwrap();
    assert!((lambda_max - path.lambdas()[0]).abs() < 1e-12);
}

#[test]
fn weights_are_repeated_rows_with_holes_too() {
    let x = with_holes(&chain(40, 5, 0.6, 2), 0.2, 3);
    let weights: Vec<f64> = (0..40).map(|i| (i % 3) as f64).collect();
    let rows: Vec<usize> = (0..40).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
    let repeated = x.select(Axis(0), &rows);
    let a = CovarianceEstimate::pairwise_weighted(&x, &weights).unwrap();
    let b = CovarianceEstimate::pairwise(&repeated).unwrap();
    assert!(largest_difference(a.covariance(), b.covariance()) < 1e-12);
    assert!(largest_difference(a.mean(), b.mean()) < 1e-12);
    let estimator = GraphicalLasso::new(0.1).tolerance(1e-12);
    let em = Em::default().tolerance(1e-11).max_iterations(5000);
    let a = estimator.clone().sample_weights(weights.clone()).fit_em(&x, &em).unwrap();
    let b = estimator.clone().fit_em(&repeated, &em).unwrap();
    assert!(largest_difference(a.model().precision(), b.model().precision()) < 1e-5);
    let a = estimator.clone().sample_weights(weights).fit_incomplete(&x).unwrap();
    let b = estimator.fit_incomplete(&repeated).unwrap();
    assert!(largest_difference(a.precision(), b.precision()) < 1e-9);
}

#[test]
fn increasing_transforms_do_not_change_a_bit_of_ranks() {
    for share in [0.0, 0.2] {
        let x = with_holes(&chain(60, 5, 0.5, 4).mapv(|v| (8.0 * v).round() / 8.0), share, 5);
        let transforms: [fn(f64) -> f64; 5] =
            [f64::exp, |v| v * v * v, f64::atan, |v| 1e9 * v - 3.0, |v| v + v.powi(5)];
        let other = Array2::from_shape_fn(x.dim(), |(i, j)| transforms[j](x[[i, j]]));
        for rank in RANKS {
            let (a, b) = (
                CovarianceEstimate::nonparanormal(&x, rank).unwrap(),
                CovarianceEstimate::nonparanormal(&other, rank).unwrap(),
            );
            assert_eq!(a.covariance(), b.covariance(), "{rank:?} {share}");
            // … and a decreasing one changes signs only.
            let mut flipped = x.clone();
            flipped.column_mut(1).mapv_inplace(|v| -v);
            if rank != Rank::NormalScores {
                let c = CovarianceEstimate::nonparanormal(&flipped, rank).unwrap();
                for ((i, j), v) in c.covariance().indexed_iter() {
                    let sign = if (i == 1) != (j == 1) { -1.0 } else { 1.0 };
                    assert!((sign * v - a.covariance()[[i, j]]).abs() < 1e-9);
                }
            }
        }
    }
}

#[test]
fn indefinite_estimates_are_repaired_and_say_so() {
    // Few rows, many holes: pairwise covariances are far from positive semidefinite.
    let x = with_holes(&chain(20, 12, 0.9, 6), 0.4, 7);
    let estimate = CovarianceEstimate::pairwise(&x).unwrap();
    assert!(
        estimate.smallest_eigenvalue() < -0.05 && estimate.shift() > 0.05 && estimate.accuracy() < 1e-8,
        "{estimate}"
    );
    assert!(smallest_eigenvalue(&estimate) > -1e-12);
    assert_eq!(estimate.covariance(), estimate.covariance().t());
    assert!(estimate.to_string().contains("moved by"), "{estimate}");
    let model = GraphicalLasso::new(0.2).correlation_scale(true).fit_incomplete(&x).unwrap();
    assert_eq!(model.observations(), estimate.observations());
    assert!(model.impute(&x).unwrap().iter().all(|v| v.is_finite()));
    assert!(model.criterion(Criterion::Bic).unwrap().is_finite());
    for rank in RANKS {
        let estimate = CovarianceEstimate::nonparanormal(&x, rank).unwrap();
        assert!(smallest_eigenvalue(&estimate) > -1e-12, "{rank:?}");
        assert!(estimate.covariance().diag().iter().all(|&v| v == 1.0));
    }
}

#[test]
fn fewer_samples_than_variables_are_not_moved() {
    let x = chain(10, 30, 0.7, 8);
    let estimate = CovarianceEstimate::pairwise(&x).unwrap();
    assert_eq!(estimate.shift(), 0.0, "{estimate}");
    assert!(GraphicalLasso::new(0.2).fit_estimate(&estimate).is_ok());
    assert!(!estimate.to_string().contains("moved"));
}

#[test]
fn one_variable_and_two_rows() {
    let one = array![[1.0], [NAN], [4.0], [7.0]];
    let estimate = CovarianceEstimate::pairwise(&one).unwrap();
    assert_eq!(
        (estimate.covariance()[[0, 0]], estimate.mean()[0], estimate.smallest_pair()),
        (6.0, 4.0, Some((0, 0, 3)))
    );
    let em = GraphicalLasso::new(0.3).fit_em(&one, &Em::default()).unwrap();
    assert!((em.model().covariance()[[0, 0]] - 6.0).abs() < 1e-12);
    let two = array![[1.0, 5.0], [2.0, 3.0]];
    for rank in RANKS {
        let estimate = CovarianceEstimate::nonparanormal(&one, rank).unwrap();
        assert_eq!((estimate.covariance().to_owned(), estimate.smallest_pair()), (array![[1.0]], Some((0, 0, 3))));
        let estimate = CovarianceEstimate::nonparanormal(&two, rank).unwrap();
        assert!((estimate.covariance()[[0, 1]] + 1.0).abs() < 1e-12, "{rank:?}");
        assert!(GraphicalLasso::new(0.1).fit_estimate(&estimate).is_ok());
    }
    assert!((CovarianceEstimate::pairwise(&two).unwrap().covariance()[[0, 1]] + 0.5).abs() < 1e-12);
}

#[cfg(feature = "rayon")]
#[test]
fn threads_do_not_change_a_bit_of_estimates() {
    let x = chain(2500, 60, 0.5, 9);
    let holes = with_holes(&x, 0.1, 10);
    let all = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut found = vec![CovarianceEstimate::pairwise(&holes).unwrap().covariance().to_owned()];
            for rank in RANKS {
                found.push(CovarianceEstimate::nonparanormal(&x, rank).unwrap().covariance().to_owned());
            }
            found.push(CovarianceEstimate::nonparanormal(&holes, Rank::Spearman).unwrap().covariance().to_owned());
            let em = Em::default().max_iterations(3);
            let em = GraphicalLasso::new(0.1).accept_unconverged(true).fit_em(&holes, &em).unwrap();
            found.push(em.model().precision().to_owned());
            found
        })
    };
    assert_eq!(all(1), all(3));
}

// ------------------------------------------------------------------------------------------------------------------ EM

#[test]
fn em_descends_to_a_stationary_point_of_the_observed_likelihood() {
    let x = with_holes(&(chain(60, 6, 0.7, 11) + 3.0), 0.25, 12);
    for estimator in [
        GraphicalLasso::new(0.1),
        GraphicalLasso::new(0.1).penalize_diagonal(true),
        GraphicalLasso::new(0.1).correlation_scale(true),
        GraphicalLasso::new(0.0),
        GraphicalLasso::new(0.1).assume_centered(true),
    ] {
        let em = Em::default().tolerance(1e-10).max_iterations(5000);
        let fit = estimator.tolerance(1e-12).fit_em(&x, &em).unwrap();
        assert!(fit.converged());
        assert!(fit.objective().windows(2).all(|w| w[1] <= w[0] + 1e-10), "{:?}", fit.objective());
        assert_eq!(fit.missing(), x.iter().filter(|v| v.is_nan()).count());
    }
    // The objective is that of the documentation, by dense algebra row by row.
    let lambda = 0.1;
    let em = Em::default().tolerance(1e-12).max_iterations(5000);
    let fit = GraphicalLasso::new(lambda).tolerance(1e-13).fit_em(&x, &em).unwrap();
    let objective = |sigma: &Array2<f64>, mean: &Array1<f64>| -> f64 {
        let row = |row: ndarray::ArrayView1<f64>| {
            let seen: Vec<usize> = (0..6).filter(|&j| !row[j].is_nan()).collect();
            let k = seen.len();
            let mut a = Array2::from_shape_fn((k, k + 1), |(i, j)| {
                if j < k { sigma[[seen[i], seen[j]]] } else { row[seen[i]] - mean[seen[i]] }
            });
            // Elimination: the pivots give the determinant, the last column the quadratic form.
            let (mut log_det, mut square) = (0.0, 0.0);
            for c in 0..k {
                let pivot = a[[c, c]];
                log_det += pivot.ln();
                square += a[[c, k]] * a[[c, k]] / pivot;
                for i in c + 1..k {
                    let factor = a[[i, c]] / pivot;
                    for j in c..=k {
                        a[[i, j]] -= factor * a[[c, j]];
                    }
                }
            }
            log_det + square
        };
        x.rows().into_iter().map(row).sum::<f64>() / 60.0
    };
    let model = fit.model();
    let l1: f64 = model.precision().indexed_iter().filter(|((i, j), _)| i != j).map(|(_, v)| v.abs()).sum();
    let (sigma, mean) = (model.covariance().to_owned(), model.mean().to_owned());
    let at = objective(&sigma, &mean);
    assert!((at + lambda * l1 - fit.objective().last().unwrap()).abs() < 1e-9);
    let seen = x.iter().filter(|v| !v.is_nan()).count() as f64;
    let log_likelihood = -0.5 * (60.0 * at + seen * (2.0 * std::f64::consts::PI).ln());
    assert!((fit.log_likelihood() - log_likelihood).abs() < 1e-7);
    // Stationary: central differences along the means, and along Σ, whose change −Σ(dΘ)Σ belongs to one of θ_ij.
    let h = 1e-4;
    for j in 0..6 {
        let moved = |t: f64| {
            let mut mean = mean.clone();
            mean[j] += t;
            objective(&sigma, &mean)
        };
        assert!((moved(h) - moved(-h)).abs() / (2.0 * h) < 1e-4);
        for i in 0..=j {
            let moved = |t: f64| {
                let mut e = Array2::zeros((6, 6));
                (e[[i, j]], e[[j, i]]) = (t, t);
                // Σ(Θ + tE) to the second order.
                let first = sigma.dot(&e).dot(&sigma);
                objective(&(&sigma - &first + &first.dot(&e).dot(&sigma)), &mean)
            };
            let slope = (moved(h) - moved(-h)) / (2.0 * h);
            let theta = model.precision()[[i, j]];
            let violation = if i == j {
                slope.abs()
            } else if theta == 0.0 {
                (slope.abs() - 2.0 * lambda).max(0.0)
            } else {
                (slope + 2.0 * lambda * theta.signum()).abs()
            };
            assert!(violation < 1e-4, "{i} {j}: {violation:e}");
        }
    }
}

#[test]
fn em_mends_what_missing_at_random_biases() {
    // The second variable is seen only where the first is small: its mean over observed rows is far too small.
    let mut x = chain(2000, 3, 0.8, 13);
    for mut row in x.rows_mut() {
        if row[0] > 0.3 {
            row[1] = NAN;
        }
    }
    let em = GraphicalLasso::new(0.0).fit_em(&x, &Em::default()).unwrap();
    let pairwise = GraphicalLasso::new(0.0).fit_incomplete(&x).unwrap();
    let (a, b) = (em.model().mean()[1].abs(), pairwise.mean()[1].abs());
    assert!(a < 0.08 && b > 0.3, "mean of the second variable (truth 0): EM {a}, pairwise {b}");
    let (a, b) = (em.model().covariance()[[0, 1]], pairwise.covariance()[[0, 1]]);
    assert!((a - 0.8).abs() < 0.08 && (b - 0.8).abs() > 0.2, "covariance (truth 0.8): EM {a}, pairwise {b}");
}

#[test]
fn em_limits_and_rows_without_values() {
    let x = with_holes(&chain(40, 5, 0.7, 14), 0.3, 15);
    let short = Em::default().tolerance(0.0).max_iterations(2);
    match GraphicalLasso::new(0.05).fit_em(&x, &short) {
        Err(Error::NotConverged(partial)) => {
            assert_eq!((partial.status, partial.iterations), (Status::IterationLimit, 2));
        }
        other => panic!("{other:?}"),
    }
    let fit = GraphicalLasso::new(0.05).accept_unconverged(true).fit_em(&x, &short).unwrap();
    assert!(!fit.converged() && fit.iterations() == 2 && fit.to_string().contains("not converged"));
    let none = Em::default().max_iterations(0);
    let start = GraphicalLasso::new(0.05).accept_unconverged(true).fit_em(&x, &none).unwrap();
    assert_eq!((start.iterations(), start.objective().len()), (0, 1));
    // A row without values is no row.
    let empty = ndarray::concatenate(Axis(0), &[x.view(), Array2::from_elem((3, 5), NAN).view()]).unwrap();
    let (a, b) = (
        GraphicalLasso::new(0.05).fit_em(&x, &Em::default()).unwrap(),
        GraphicalLasso::new(0.05).fit_em(&empty, &Em::default()).unwrap(),
    );
    assert!(largest_difference(a.model().precision(), b.model().precision()) < 1e-8);
    assert_eq!((a.missing(), a.model().observations()), (b.missing(), b.model().observations()));
    // Two variables that are never seen together: no pairwise covariance, but a likelihood.
    let mut apart = chain(60, 3, 0.7, 16);
    for (i, mut row) in apart.rows_mut().into_iter().enumerate() {
        row[2 * (i % 2)] = NAN;
    }
    assert!(GraphicalLasso::new(0.1).fit_em(&apart, &Em::default()).unwrap().converged());
    assert!(matches!(
        GraphicalLasso::new(0.1).fit_incomplete(&apart),
        Err(Error::TooFewRows { first: 0, second: 2, found: 0, expected: 2 })
    ));
}

#[test]
fn a_fifth_of_the_values_missing_costs_little() {
    let (n, p) = (400, 15);
    let x = chain(n, p, 0.6, 17);
    let holes = with_holes(&x, 0.2, 18);
    let estimator = GraphicalLasso::new(0.05);
    let full = estimator.fit(&x).unwrap();
    let truth = Array2::from_shape_fn((p, p), |(i, j)| 0.6f64.powi((i as i32 - j as i32).abs()));
    let relative = |a: &Array2<f64>, b: &Array2<f64>| ((a - b).mapv(|v| v * v).sum() / b.mapv(|v| v * v).sum()).sqrt();
    let error = |m: &PrecisionModel| relative(&m.precision().to_owned(), &full.precision().to_owned());
    let from_truth = |m: &PrecisionModel| relative(&m.covariance().to_owned(), &truth);
    let em = estimator.fit_em(&holes, &Em::default()).unwrap();
    let pairwise = estimator.fit_incomplete(&holes).unwrap();
    let complete: Vec<usize> = (0..n).filter(|&i| holes.row(i).iter().all(|v| !v.is_nan())).collect();
    let (a, b) = (error(em.model()), error(&pairwise));
    let message = format!(
        "relative error of Θ to that of complete data: EM {a:.4} ({} iterations), pairwise {b:.4}; of Σ to the truth: complete \
         {:.4}, EM {:.4}, pairwise {:.4}; {} of {n} rows are complete",
        em.iterations(),
        from_truth(&full),
        from_truth(em.model()),
        from_truth(&pairwise),
        complete.len()
    );
    assert!(a < 0.12 && b < 0.12, "{message}");
}

// ------------------------------------------------------------------------------------------------------------ recovery

/// F1 of the best λ on a path, edges against those of a chain.
fn best_f1(path: &GraphicalPath) -> f64 {
    let f1 = |m: &PrecisionModel| {
        let edges = m.edges();
        let p = m.precision().nrows();
        let right = edges.iter().filter(|e| e.j == e.i + 1).count();
        2.0 * right as f64 / (edges.len() + p - 1) as f64
    };
    path.models().iter().map(f1).fold(0.0, f64::max)
}

#[test]
fn ranks_find_the_graph_behind_transformed_variables() {
    let z = chain(200, 20, 0.5, 19);
    let transformed =
        Array2::from_shape_fn(z.dim(), |(i, j)| if j % 2 == 0 { (2.0 * z[[i, j]]).exp() } else { z[[i, j]].powi(3) });
    let estimator = GraphicalLasso::default().correlation_scale(true);
    let plain = best_f1(&estimator.path(&transformed, Grid::auto(30)).unwrap());
    let gaussian = best_f1(&estimator.path(&z, Grid::auto(30)).unwrap());
    for rank in RANKS {
        let estimate = CovarianceEstimate::nonparanormal(&transformed, rank).unwrap();
        let found = best_f1(&estimator.path_estimate(&estimate, Grid::auto(30)).unwrap());
        assert!(
            found > plain + 0.05 && found > gaussian - 0.1,
            "F1: {rank:?} {found:.3}, covariance {plain:.3}, before the transforms {gaussian:.3}"
        );
    }
}

// ----------------------------------------------------------------------------------------------------------- bad input

#[test]
fn bad_samples_are_named() {
    type Estimate = fn(&Array2<f64>) -> Result<(), Error>;
    let ways: [Estimate; 5] = [
        |x| CovarianceEstimate::pairwise(x).map(|_| ()),
        |x| CovarianceEstimate::nonparanormal(x, Rank::Spearman).map(|_| ()),
        |x| CovarianceEstimate::nonparanormal(x, Rank::Kendall).map(|_| ()),
        |x| CovarianceEstimate::nonparanormal(x, Rank::NormalScores).map(|_| ()),
        |x| GraphicalLasso::new(0.1).fit_em(x, &Em::default()).map(|_| ()),
    ];
    for (k, way) in ways.into_iter().enumerate() {
        let fail = |x: Array2<f64>| way(&x).unwrap_err();
        assert!(matches!(fail(Array2::zeros((0, 2))), Error::Empty { argument: "samples" }));
        assert!(matches!(fail(Array2::zeros((2, 0))), Error::Empty { argument: "samples columns" }));
        match fail(array![[1.0, 2.0], [NAN, f64::INFINITY]]) {
            Error::NotFinite { argument: "samples", index, .. } => assert_eq!(index, [1, 1]),
            other => panic!("{k}: {other:?}"),
        }
        let unseen = array![[1.0, NAN], [2.0, NAN], [3.0, NAN]];
        assert!(matches!(fail(unseen), Error::TooFewRows { first: 1, second: 1, found: 0, expected: 2 }));
        let once = fail(array![[1.0, NAN], [2.0, 5.0], [3.0, NAN]]);
        assert_eq!(once.to_string(), "variable 1 is observed in 1 rows, expected at least 2");
        assert!(matches!(fail(Array2::from_elem((3, 2), NAN)), Error::TooFewRows { first: 0, second: 0, .. }));
        let constant = fail(array![[1.0, 7.1], [2.0, NAN], [3.0, 7.1], [5.0, 7.1]]);
        assert!(matches!(constant, Error::Constant { variable: 1, other: 1 }), "{k}: {constant:?}");
        assert_eq!(constant.to_string(), "variable 1 is constant on its observed rows");
        assert!(fail(array![[1.0, 7.1]]).to_string().contains("observed in 1 rows"));
        if k < 4 {
            let apart = fail(array![[1.0, NAN], [2.0, 5.0], [3.0, NAN], [NAN, 2.0]]);
            assert!(matches!(apart, Error::TooFewRows { first: 0, second: 1, found: 1, expected: 2 }));
            assert_eq!(apart.to_string(), "variables 0 and 1 are observed together in 1 rows, expected at least 2");
        }
        if (1..4).contains(&k) {
            let tied = fail(array![[1.0, 5.0], [1.0, 6.0], [3.0, NAN], [NAN, 2.0], [1.0, 8.0]]);
            assert!(matches!(tied, Error::Constant { variable: 0, other: 1 }), "{k}: {tied:?}");
            assert!(tied.to_string().contains("variable 1 is observed, too"), "{tied}");
        }
    }
    // Squares that overflow.
    let huge = array![[1e200, 1.0], [-1e200, 2.0], [NAN, 0.0]];
    for way in [ways[0], ways[4]] {
        assert!(matches!(way(&huge), Err(Error::OutOfRange { argument: "samples", .. })));
    }
    assert!(CovarianceEstimate::nonparanormal(&huge, Rank::Spearman).is_ok());
}

#[test]
fn bad_weights_matrices_and_options_are_named() {
    let x = chain(10, 3, 0.5, 20);
    let fail = |w: &[f64]| CovarianceEstimate::pairwise_weighted(&x, w).unwrap_err();
    assert!(matches!(fail(&[1.0; 9]), Error::Length { argument: "sample_weights", expected: 10, found: 9 }));
    assert!(matches!(fail(&[0.0; 10]), Error::OutOfRange { argument: "sample_weights", .. }));
    let mut weights = [1.0; 10];
    weights[4] = -1.0;
    assert!(matches!(fail(&weights), Error::OutOfRange { argument: "sample_weights", value: -1.0, .. }));
    weights[4] = NAN;
    assert!(matches!(fail(&weights), Error::OutOfRange { argument: "sample_weights", .. }));
    // Rows of weight 0 are no rows.
    let mut few = [0.0; 10];
    few[3] = 1.0;
    assert!(matches!(fail(&few), Error::TooFewRows { found: 1, .. }));

    let fail = |m: Array2<f64>| CovarianceEstimate::nearest(&m).unwrap_err();
    assert!(matches!(fail(Array2::zeros((0, 0))), Error::Empty { argument: "covariance" }));
    assert!(matches!(fail(Array2::zeros((2, 3))), Error::Length { expected: 2, found: 3, .. }));
    assert!(matches!(fail(array![[1.0, NAN], [0.0, 1.0]]), Error::NotFinite { argument: "covariance", .. }));
    assert!(matches!(fail(array![[1.0, 0.1], [0.2, 1.0]]), Error::NotSymmetric { row: 1, column: 0, .. }));
    assert!(matches!(fail(array![[1.0, 0.0], [0.0, 0.0]]), Error::OutOfRange { argument: "covariance", .. }));

    let estimate = CovarianceEstimate::pairwise(&x).unwrap();
    let weighted = GraphicalLasso::new(0.1).sample_weights(vec![1.0; 10]);
    assert!(matches!(weighted.fit_estimate(&estimate), Err(Error::Unsupported { argument: "sample_weights", .. })));
    assert!(matches!(
        GraphicalLasso::new(-1.0).fit_estimate(&estimate),
        Err(Error::OutOfRange { argument: "lambda", .. })
    ));
    assert!(matches!(GraphicalLasso::new(NAN).fit_incomplete(&x), Err(Error::OutOfRange { argument: "lambda", .. })));
    let named = GraphicalLasso::new(0.1).variable_names(["a"]);
    assert!(matches!(named.fit_estimate(&estimate), Err(Error::Length { argument: "variable_names", .. })));
    assert!(matches!(named.fit_em(&x, &Em::default()), Err(Error::Length { argument: "variable_names", .. })));
    let em = Em::default().tolerance(NAN);
    assert!(matches!(
        GraphicalLasso::new(0.1).fit_em(&x, &em),
        Err(Error::OutOfRange { argument: "em tolerance", .. })
    ));
    // The number of observations can be said.
    let model = GraphicalLasso::new(0.1).observations(7).fit_estimate(&estimate).unwrap();
    assert_eq!(model.observations(), Some(7));
}

#[test]
fn an_iteration_whose_maximisation_met_its_limit_is_not_convergence() {
    let x = array![[1.0, 2.0], [2.0, f64::NAN], [3.0, 5.0], [f64::NAN, 1.0], [0.0, 0.5], [4.0, 4.0]];
    for lasso in
        [GraphicalLasso::new(0.1).max_iterations(1), GraphicalLasso::new(0.1).time_limit(std::time::Duration::ZERO)]
    {
        let em = lasso.accept_unconverged(true).fit_em(&x, &Em::default()).unwrap();
        let settled = matches!(em.model().status(), Status::Converged | Status::Stalled);
        assert!(!em.converged() || settled, "{:?}", em.model().status());
        assert!(em.objective().windows(2).all(|w| w[1] <= w[0] + 1e-9), "{:?}", em.objective());
    }
}

#[test]
fn what_is_beyond_projection_is_said_to_be() {
    for v in [1e20, 1e50, 1e140] {
        let found = CovarianceEstimate::nearest(&array![[1.0, v, 0.0], [v, 1.0, -v], [0.0, -v, 1.0]]);
        assert!(matches!(found, Err(Error::OutOfRange { argument: "covariance", .. })), "{v}");
    }
}
