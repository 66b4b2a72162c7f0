//! Orthogonal matching pursuit against its definition (least squares at every step, by QR here) and scikit-learn.

use std::path::Path;

use ndarray::{Array1, Array2, Axis, concatenate, s};
use serde_json::Value;
use sparsereg::design::Csc;
use sparsereg::moments::Moments;
use sparsereg::prelude::*;

use crate::common::{regression, single};

pub fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

pub fn matrix(v: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = v.as_array().expect("rows").iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("a matrix")
}

/// `tests/golden/make_greedy_goldens.py`
pub fn load(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("JSON")
}

/// Least squares by Gram–Schmidt, twice: independent of the crate's normal equations.
pub fn least_squares(x: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> {
    let k = x.ncols();
    let (mut q, mut r) = (x.clone(), Array2::<f64>::eye(k));
    for j in 0..k {
        let mut column = q.column(j).to_owned();
        let mut upper = Array1::<f64>::zeros(k);
        for _ in 0..2 {
            for i in 0..j {
                let c = q.column(i).dot(&column);
                upper[i] += c;
                column.scaled_add(-c, &q.column(i));
            }
        }
        upper[j] = column.dot(&column).sqrt();
        q.column_mut(j).assign(&(&column / upper[j]));
        r.column_mut(j).assign(&upper);
    }
    let mut w = q.t().dot(y);
    for i in (0..k).rev() {
        for t in 0..y.ncols() {
            let rest: f64 = (i + 1..k).map(|j| r[[i, j]] * w[[j, t]]).sum();
            w[[i, t]] = (w[[i, t]] - rest) / r[[i, i]];
        }
    }
    w
}

fn centred(x: &Array2<f64>, weights: &[f64]) -> Array2<f64> {
    let weights = Array1::from(weights.to_vec());
    let means = weights.dot(x) / weights.sum();
    (x - &means) * &weights.mapv(f64::sqrt).insert_axis(Axis(1))
}

/// The definition: the order of the features, and W after each.
fn naive(x: &Array2<f64>, y: &Array2<f64>, steps: usize, norm: CorrelationNorm) -> (Vec<usize>, Vec<Array2<f64>>) {
    let (mut order, mut all) = (Vec::new(), Vec::new());
    let mut residual = y.clone();
    for _ in 0..steps {
        let score = |j: usize| {
            let column = x.column(j);
            let c = residual.t().dot(&column).mapv(f64::abs);
            let size = match norm {
                CorrelationNorm::L1 => c.sum(),
                CorrelationNorm::Max => c.fold(0.0f64, |m, v| m.max(*v)),
                _ => c.dot(&c).sqrt(),
            };
            size / column.dot(&column).sqrt()
        };
        let free = (0..x.ncols()).filter(|j| !order.contains(j));
        order.push(free.max_by(|&a, &b| score(a).total_cmp(&score(b))).expect("a feature is left"));
        let chosen = x.select(Axis(1), &order);
        let w = least_squares(&chosen, y);
        residual = y - &chosen.dot(&w);
        let mut full = Array2::zeros((x.ncols(), y.ncols()));
        order.iter().zip(w.rows()).for_each(|(&j, w)| full.row_mut(j).assign(&w));
        all.push(full);
    }
    (order, all)
}

fn close(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) {
    let size = b.fold(0.0f64, |m, v| m.max(v.abs()));
    let error = (a - b).fold(0.0f64, |m, v| m.max(v.abs()));
    assert!(error <= tolerance * size, "{error:e} of {size:e}");
}

#[test]
fn every_step_is_least_squares_on_the_most_correlated_features() {
    for (n, p, q, steps) in [(60, 150, 1, 35), (40, 30, 3, 15), (30, 12, 2, 12)] {
        let (x, y) = regression(7 + n as u64, n, p, q);
        let weights: Vec<f64> = (0..n).map(|i| 0.25 + (i % 5) as f64).collect();
        let (wx, wy) = (centred(&x, &weights), centred(&y, &weights));
        for norm in [CorrelationNorm::L2, CorrelationNorm::L1, CorrelationNorm::Max] {
            let (order, expected) = naive(&wx, &wy, steps, norm);
            let pursuit = OrthogonalMatchingPursuit::new(steps).correlation_norm(norm).sample_weights(weights.clone());
            let path = pursuit.path(&x, &y).unwrap();
            assert_eq!(path.features(), order, "{n} × {p}, {norm:?}");
            for (model, w) in path.models()[1..].iter().zip(&expected) {
                close(&model.coefficients().to_owned(), w, 1e-10);
                let residual = &wy - &wx.dot(w);
                let loss = residual.iter().map(|r| r * r).sum::<f64>() / weights.iter().sum::<f64>() / 2.0;
                assert!((model.certificate().objective - loss).abs() <= 1e-12 * model.certificate().scale);
                assert!(model.certificate().gap <= 1e-20 * model.certificate().scale);
            }
            // The fit is the end of the path, and predicts means where x is at its mean.
            let last = pursuit.fit(&x, &y).unwrap();
            assert_eq!(last.coefficients(), path.last().coefficients());
            let weights = Array1::from(weights.clone());
            let means = (weights.dot(&x) / weights.sum()).insert_axis(Axis(0));
            let at = last.predict(&means).unwrap();
            let mean = weights.dot(&y) / weights.sum();
            assert!(at.row(0).iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }
}

#[test]
fn correlations_that_are_updated_are_those_of_a_pass() {
    // Large enough for products that are kept, and more steps than one batch of them serves.
    let mut rng = crate::common::Rng::new(5);
    let x = Array2::from_shape_simple_fn((100, 10_600), || rng.uniform() - 0.5);
    let mut y = Array2::from_shape_simple_fn((100, 2), || 0.3 * rng.uniform());
    for k in 0..12 {
        for t in 0..2 {
            y.column_mut(t).scaled_add(1.0 + rng.uniform(), &x.column(700 * k + 3));
        }
    }
    let ones = vec![1.0; 100];
    let (order, expected) = naive(&centred(&x, &ones), &centred(&y, &ones), 30, CorrelationNorm::L2);
    let path = OrthogonalMatchingPursuit::new(30).path(&x, &y).unwrap();
    assert_eq!(path.features(), order);
    close(&path.last().coefficients().to_owned(), &expected[29], 1e-9);
}

#[test]
fn scikit_learn_takes_the_same_steps() {
    let golden = load("greedy_omp");
    let (x, y) = (matrix(&golden["x"]), Array1::from(numbers(&golden["y"])));
    let order: Vec<usize> = numbers(&golden["order"]).iter().map(|v| *v as usize).collect();
    let path = OrthogonalMatchingPursuit::new(8).path(&x, &y).unwrap();
    assert_eq!(path.features(), order);
    for (model, w) in path.models()[1..].iter().zip(golden["path"].as_array().unwrap()) {
        for (found, w) in model.coefficients().iter().zip(numbers(w)) {
            assert!((found - w).abs() <= 1e-9 * w.abs(), "{found} {w}");
        }
    }
    // Its tolerance is one on the squared norm of the residual.
    let tol = golden["tol"].as_f64().unwrap();
    let model = OrthogonalMatchingPursuit::default().residual_norm(tol.sqrt()).fit(&x, &y).unwrap();
    let support: Vec<usize> = numbers(&golden["tol_support"]).iter().map(|v| *v as usize).collect();
    assert_eq!(model.support(), support);
}

#[test]
fn one_column_of_responses_is_one_response() {
    let (x, y) = single(3, 40, 25);
    let pursuit = OrthogonalMatchingPursuit::new(9);
    let one = pursuit.path(&x, &y).unwrap();
    let several = pursuit.path(&x, &y.clone().insert_axis(Axis(1))).unwrap();
    assert_eq!(one.features(), several.features());
    assert_eq!(one.last().coefficients(), several.last().coefficients().column(0));
    assert_eq!(one.residual_norms(), several.residual_norms());
}

#[test]
fn weights_are_repeated_rows() {
    let (x, y) = regression(5, 30, 20, 2);
    let weights: Vec<f64> = (0..30).map(|i| (i % 3) as f64).collect();
    let rows: Vec<usize> = (0..30).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
    let weighted = OrthogonalMatchingPursuit::new(6).sample_weights(weights).path(&x, &y).unwrap();
    let repeated =
        OrthogonalMatchingPursuit::new(6).path(&x.select(Axis(0), &rows), &y.select(Axis(0), &rows)).unwrap();
    assert_eq!(weighted.features(), repeated.features());
    close(&weighted.last().coefficients().to_owned(), &repeated.last().coefficients().to_owned(), 1e-11);
    assert!((weighted.last().r_squared() - repeated.last().r_squared()).abs() < 1e-12);
}

#[test]
fn every_storage_gives_the_same_path() {
    let (x, y) = single(11, 40, 60);
    let x = x.mapv(|v| if v.abs() < 1.5 { 0.0 } else { (v * 8.0).round() / 8.0 });
    let pursuit = OrthogonalMatchingPursuit::new(12);
    let columns: Vec<(usize, usize, f64)> =
        x.indexed_iter().filter(|(_, v)| **v != 0.0).map(|((i, j), v)| (i, j, *v)).collect();
    let sparse = Csc::from_triplets(40, 60, &columns).unwrap();
    for pursuit in [pursuit.clone(), pursuit.clone().intercept(false), pursuit.standardize(true)] {
        let expected = pursuit.path(&x, &y).unwrap();
        assert_eq!(expected.features().len(), 12);
        let rows = x.as_standard_layout().to_owned();
        let by_columns = x.t().as_standard_layout().to_owned().reversed_axes();
        let others = [
            pursuit.path(&rows, &y).unwrap(),
            pursuit.path(&by_columns, &y).unwrap(),
            pursuit.path(&x.mapv(|v| v as f32), &y).unwrap(),
            pursuit.path(&sparse, &y).unwrap(),
        ];
        for path in others {
            assert_eq!(path.features(), expected.features());
            for (a, b) in path.models().iter().zip(expected.models()) {
                assert!((&a.coefficients() - &b.coefficients()).iter().all(|d| d.abs() < 1e-10));
                assert!((a.intercept() - b.intercept()).abs() < 1e-9);
            }
        }
    }
    let moments = Moments::new(&x, &y).unwrap();
    let path = OrthogonalMatchingPursuit::new(12).path_moments::<ndarray::Ix1>(&moments).unwrap();
    assert_eq!(path.features(), OrthogonalMatchingPursuit::new(12).path(&x, &y).unwrap().features());
}

#[test]
fn rules_stop_where_they_say() {
    let (x, y) = single(2, 50, 20);
    let whole = OrthogonalMatchingPursuit::default().path(&x, &y).unwrap();
    assert_eq!((whole.features().len(), whole.stop()), (20, PursuitStop::Exhausted));
    let (norms, left) = (whole.residual_norms(), whole.correlations());
    assert!(norms.windows(2).all(|w| w[1] <= w[0]));
    let total = y.mapv(|v| v - y.mean().unwrap()).mapv(|v| v * v).sum().sqrt();
    assert!((norms[0] - total).abs() < 1e-10 * total);
    for k in 1..10 {
        let between = 0.5 * (norms[k] + norms[k - 1]);
        let rules = [
            (OrthogonalMatchingPursuit::new(k), PursuitStop::Atoms),
            (OrthogonalMatchingPursuit::default().residual_norm(between), PursuitStop::ResidualNorm),
            (OrthogonalMatchingPursuit::default().relative_residual(between / total), PursuitStop::RelativeResidual),
            (OrthogonalMatchingPursuit::default().mean_loss(between * between / 100.0), PursuitStop::MeanLoss),
        ];
        for (pursuit, stop) in rules {
            let path = pursuit.path(&x, &y).unwrap();
            assert_eq!((path.features(), path.stop()), (&whole.features()[..k], stop));
        }
    }
    // Correlations need not fall from step to step: the first that is small enough ends it.
    for tau in [0.5 * left[0], 0.5 * (left[3] + left[4]), 1e-3 * left[0]] {
        let path = OrthogonalMatchingPursuit::default().correlation(tau).path(&x, &y).unwrap();
        let first = left.iter().position(|&c| c <= tau).unwrap_or(20);
        assert_eq!(path.features().len(), first);
        if first < 20 {
            assert_eq!(path.stop(), PursuitStop::Correlation);
        }
        // That is what it says: largest normalised gradient.
        let last = path.last();
        let r = &y - &last.predict(&x).unwrap();
        let largest = x.columns().into_iter().map(|c| {
            let c = &c - c.mean().unwrap();
            c.dot(&r).abs() / (c.dot(&c) * 50.0).sqrt()
        });
        let largest = largest.fold(0.0, f64::max);
        assert!(first == 20 || (largest <= tau * (1.0 + 1e-12) && (largest - left[first]).abs() < 1e-10));
    }
    // As soon as y is in the span of what is in, the rest is rounding.
    let exact = 1.0 + 2.0 * &x.column(3) - x.column(7);
    let path = OrthogonalMatchingPursuit::default().path(&x, &exact).unwrap();
    assert_eq!(path.stop(), PursuitStop::Exact);
    assert!((path.last().coefficients()[3] - 2.0).abs() < 1e-12 && (path.last().intercept() - 1.0).abs() < 1e-10);
    let constant = OrthogonalMatchingPursuit::default().path(&x, &Array1::from_elem(50, 3.0)).unwrap();
    assert_eq!((constant.stop(), constant.features().len()), (PursuitStop::Exact, 0));
    let late = OrthogonalMatchingPursuit::default().time_limit(std::time::Duration::ZERO);
    assert_eq!(late.path(&x, &y).unwrap().stop(), PursuitStop::TimeLimit);
    assert!(matches!(late.fit(&x, &y), Err(Error::NotConverged(_))));
    for (pursuit, name) in [
        (OrthogonalMatchingPursuit::default().correlation(-1.0), "correlation"),
        (OrthogonalMatchingPursuit::default().mean_loss(f64::NAN), "mean_loss"),
        (OrthogonalMatchingPursuit::default().residual_norm(f64::INFINITY), "residual_norm"),
    ] {
        assert!(matches!(pursuit.fit(&x, &y), Err(Error::OutOfRange { argument, .. }) if argument == name));
    }
}

#[test]
fn dependent_columns_are_left_out() {
    let (x, y) = single(4, 30, 8);
    // Column 8 repeats 3, 9 is a sum, 10 is zero, 11 constant.
    let sum = &x.column(1) + &x.column(2);
    let mut wide = Array2::zeros((30, 12));
    wide.slice_mut(s![.., ..8]).assign(&x);
    wide.column_mut(8).assign(&x.column(3));
    wide.column_mut(9).assign(&sum);
    wide.column_mut(11).fill(7.0);
    let path = OrthogonalMatchingPursuit::default().path(&wide, &y).unwrap();
    assert_eq!((path.features().len(), path.stop()), (8, PursuitStop::Exhausted));
    assert!(!path.features().contains(&8) && !path.features().contains(&10) && !path.features().contains(&11));
    let plain = OrthogonalMatchingPursuit::default().fit(&x, &y).unwrap();
    let (a, b) = (path.last().predict(&wide).unwrap(), plain.predict(&x).unwrap());
    assert!((&a - &b).iter().all(|d| d.abs() < 1e-9));
    // More features than observations: as many as there is room for, and the fit is exact.
    let (x, y) = single(6, 12, 40);
    let path = OrthogonalMatchingPursuit::default().path(&x, &y).unwrap();
    assert!(path.features().len() <= 11 && path.residual_norms().last().unwrap() < &1e-9);
    assert_eq!(path.stop(), PursuitStop::Exact);
    // Nearly dependent ones are in, and the refit keeps its digits.
    let (x, y) = single(8, 30, 3);
    let mut near = concatenate![Axis(1), x, x.slice(s![.., ..1])];
    for i in 0..30 {
        near[[i, 3]] += 1e-5 * ((i * i) % 7) as f64;
    }
    let path = OrthogonalMatchingPursuit::default().path(&near, &y).unwrap();
    assert_eq!(path.features().len(), 4);
    let ones = vec![1.0; 30];
    let w = least_squares(&centred(&near, &ones), &centred(&y.insert_axis(Axis(1)), &ones));
    close(&path.last().coefficients().to_owned().insert_axis(Axis(1)), &w, 1e-6);
}

#[test]
fn groups_come_in_together() {
    let (x, y) = regression(9, 50, 24, 2);
    let members: Vec<Vec<usize>> = (0..8).map(|g| vec![g, g + 8, g + 16]).collect();
    let groups = Groups::new(&members).unwrap();
    let path = OrthogonalMatchingPursuit::new(3).groups(groups).path(&x, &y).unwrap();
    let ones = vec![1.0; 50];
    let (cx, cy) = (centred(&x, &ones), centred(&y, &ones));
    let mut residual = cy.clone();
    let mut columns: Vec<usize> = Vec::new();
    for (k, &g) in path.atoms().iter().enumerate() {
        let score = |g: usize| -> f64 {
            let each = members[g].iter().map(|&j| {
                let c = cx.column(j);
                residual.t().dot(&c).mapv(|v| v * v).sum() / c.dot(&c)
            });
            each.sum()
        };
        assert!((0..8).filter(|h| !path.atoms()[..k].contains(h)).all(|h| score(h) <= score(g)));
        columns.extend(&members[g]);
        let chosen = cx.select(Axis(1), &columns);
        residual = &cy - &chosen.dot(&least_squares(&chosen, &cy));
        assert_eq!(path.models()[k + 1].support().len(), 3 * (k + 1));
    }
    // Groups of one are features; groups that share some do not count them twice.
    let ones = Groups::from_sizes(&[1; 24]).unwrap();
    let single = OrthogonalMatchingPursuit::new(5).path(&x, &y).unwrap();
    assert_eq!(OrthogonalMatchingPursuit::new(5).groups(ones).path(&x, &y).unwrap().atoms(), single.atoms());
    let shared = Groups::overlapping(&[(0..13).collect::<Vec<_>>(), (12..24).collect()], 24).unwrap();
    let path = OrthogonalMatchingPursuit::default().groups(shared).path(&x, &y).unwrap();
    assert_eq!((path.atoms().len(), path.features().len()), (2, 24));
    let short = OrthogonalMatchingPursuit::default().groups(Groups::from_sizes(&[3]).unwrap());
    assert!(matches!(short.fit(&x, &y), Err(Error::Length { .. })));
}

#[test]
fn units_and_order_of_the_data_play_no_part() {
    let (x, y) = single(12, 40, 30);
    let pursuit = OrthogonalMatchingPursuit::new(10);
    let base = pursuit.path(&x, &y).unwrap();
    let mut scaled = x.clone();
    for (j, mut column) in scaled.columns_mut().into_iter().enumerate() {
        let unit = 10f64.powi(j as i32 % 13 - 6);
        column.mapv_inplace(|v| unit * (v + 3.0));
    }
    let path = pursuit.path(&scaled, &(&y * -2.0 + 100.0)).unwrap();
    assert_eq!(path.features(), base.features());
    for &j in base.features() {
        let unit = 10f64.powi(j as i32 % 13 - 6);
        let (a, b) = (path.last().coefficients()[j] * unit, -2.0 * base.last().coefficients()[j]);
        assert!((a - b).abs() < 1e-8 * b.abs(), "{a} {b}");
    }
    let backwards: Vec<usize> = (0..30).rev().collect();
    let path = pursuit.path(&x.select(Axis(1), &backwards), &y).unwrap();
    assert_eq!(path.features().iter().map(|j| 29 - j).collect::<Vec<_>>(), base.features());
    let offset: Vec<f64> = (0..40).map(|i| i as f64).collect();
    let moved = &y + &Array1::from(offset.clone());
    let path = pursuit.clone().offset(offset).path(&x, &moved).unwrap();
    assert_eq!(path.features(), base.features());
    // Rotated responses keep the order of the ℓ2 norm.
    let (x, y) = regression(13, 40, 30, 2);
    let (c, s) = (0.6, 0.8);
    let turn = ndarray::array![[c, -s], [s, c]];
    let (plain, turned) = (pursuit.path(&x, &y).unwrap(), pursuit.path(&x, &y.dot(&turn)).unwrap());
    assert_eq!(plain.features(), turned.features());
    close(&turned.last().coefficients().to_owned(), &plain.last().coefficients().dot(&turn), 1e-9);
}

#[test]
fn cross_validation_is_fits_by_hand() {
    let (x, y) = single(14, 60, 15);
    let pursuit = OrthogonalMatchingPursuit::new(6);
    let folds: Vec<usize> = (0..60).map(|i| i * 7 % 4).collect();
    let cv = pursuit.cross_validate(&x, &y, &FoldIds::new(folds.clone())).unwrap();
    assert_eq!(cv.curve().mean.len(), 7);
    for fold in 0..4 {
        let (test, train): (Vec<usize>, Vec<usize>) = (0..60).partition(|&i| folds[i] == fold);
        let path = pursuit.path(&x.select(Axis(0), &train), &y.select(Axis(0), &train)).unwrap();
        for (k, model) in path.models().iter().enumerate() {
            let predicted = model.predict(&x.select(Axis(0), &test)).unwrap();
            let error = (&predicted - &y.select(Axis(0), &test)).mapv(|d| d * d).mean().unwrap();
            assert!((cv.curve().scores[[k, fold]] - error).abs() < 1e-10 * error);
            for (&i, p) in test.iter().zip(&predicted) {
                assert!((cv.out_of_fold(k)[[i, 0]] - p).abs() < 1e-10);
            }
        }
    }
    assert!(cv.one_standard_error().support().len() <= cv.best().support().len());
    assert_eq!(cv.best().support().len(), cv.curve().best);
    assert!(cv.to_string().contains("best"));
    let auc = pursuit.scoring(Scoring::Auc).cross_validate(&x, &y, &KFold::new(4));
    assert!(matches!(auc, Err(Error::Unsupported { .. })));
}
