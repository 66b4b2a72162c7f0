//! Basis pursuit denoising, min ‖W‖₁ (rows: ‖W‖₂,₁) with ‖XW − Y‖ ≤ σ: one response, 600 × 2,560 with 60 non-zeros, and ten responses,
//! 200 × 1,000 with 25 rows.
//!
//! With `--data DIR` the data that `constrained.py` wrote there are used, which also times spgl1; otherwise others of the same
//! kind. `--only NAME` runs one of them.

mod data;

use std::path::Path;
use std::time::Instant;

use ndarray::{Array, Array2, Axis, ShapeBuilder};
use sparsereg::prelude::*;

/// A file of little-endian numbers.
fn read(folder: Option<&str>, name: &str) -> Option<Vec<f64>> {
    let bytes = std::fs::read(Path::new(folder?).join(name)).ok()?;
    Some(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

/// Gaussian X/√n, `rows` active rows of W, noise of 5 %; X, Y and σ.
fn problem(
    name: &str,
    (n, p, q): (usize, usize, usize),
    rows: usize,
    folder: Option<&str>,
) -> (Array2<f64>, Array2<f64>, f64) {
    let mut random = data::Random::new(p as u64);
    let x = Array2::from_shape_simple_fn((n, p).f(), || random.normal() / (n as f64).sqrt());
    let mut w = Array2::zeros((p, q));
    for k in 0..rows {
        w.row_mut(k * (p / rows)).iter_mut().for_each(|w| *w = random.normal());
    }
    let y = x.dot(&w);
    let mut e = Array2::from_shape_simple_fn((n, q), || random.normal());
    e *= 0.05 * ((&y * &y).sum() / (&e * &e).sum()).sqrt();
    let (y, sigma) = (y + &e, (&e * &e).sum().sqrt());
    let given = |file: &str, shape| Array2::from_shape_vec(shape, read(folder, &format!("{name}.{file}"))?).ok();
    let sigma = read(folder, &format!("{name}.s")).map_or(sigma, |s| s[0]);
    (given("x", (n, p).f()).unwrap_or(x), given("y", (n, q).f()).unwrap_or(y), sigma)
}

/// Fits ten times and tells the best time, the norm, its bounds, and the residual.
fn run<E: Estimator>(name: &str, estimator: &E, x: &Array2<f64>, y: &Array<f64, E::Response>, sigma: f64) {
    for tolerance in [1e-6, 1e-10] {
        let estimator = estimator.clone().tolerance(tolerance);
        let (mut best, mut told) = (f64::INFINITY, String::new());
        for _ in 0..10 {
            let (cpu, wall) = (data::clock(), Instant::now());
            let fit = match estimator.fit_constrained(x, y, Bound::SquaredResidual(sigma * sigma)) {
                Ok(fit) => fit,
                Err(error) => return println!("{name}: {error}"),
            };
            let cpu = (data::clock() - cpu).as_secs_f64();
            if cpu < best {
                best = cpu;
                told = format!(
                    "wall {:.4} s, norm {:.12}, gap {:.1e} of it, residual {:.1e} of sigma below, lambda {:.6e}, {} features",
                    wall.elapsed().as_secs_f64(),
                    fit.penalty(),
                    fit.gap() / fit.penalty(),
                    1.0 - fit.squared_residual().sqrt() / sigma,
                    fit.lambda(),
                    fit.support().len()
                );
            }
        }
        println!("{name}, tolerance {tolerance:e}: CPU {:.2} ms, {told}", 1e3 * best);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|k| arguments.get(k + 1));
    let folder = after("--data").map(String::as_str);
    let wanted = |name: &str| after("--only").is_none_or(|only| only == name);
    if wanted("one") {
        let (x, y, sigma) = problem("one", (600, 2560, 1), 60, folder);
        let y = y.index_axis_move(Axis(1), 0);
        run("one response 600 × 2,560", &Lasso::default().intercept(false), &x, &y, sigma);
    }
    if wanted("ten") {
        let (x, y, sigma) = problem("ten", (200, 1000, 10), 25, folder);
        run("ten responses 200 × 1,000", &MultiTaskLasso::default().intercept(false), &x, &y, sigma);
    }
}
