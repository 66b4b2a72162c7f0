//! Orthogonal matching pursuit: 100 atoms of a dense design, of one with several responses, and of a sparse one.
//!
//! With `--data DIR` the data that `omp.py` wrote there are used, which also times scikit-learn; otherwise others of the same
//! kind.

mod data;

use std::path::Path;
use std::time::Instant;

use ndarray::{Array1, Array2, ShapeBuilder};
use sparsereg::design::AsDesign;
use sparsereg::prelude::*;

/// A file of little-endian numbers.
fn read(folder: Option<&str>, name: &str) -> Option<Vec<f64>> {
    let bytes = std::fs::read(Path::new(folder?).join(name)).ok()?;
    Some(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

/// Columns of norm 1, and responses of 60 of them with as much noise as signal.
fn problem(name: &str, n: usize, p: usize, q: usize, folder: Option<&str>) -> (Array2<f64>, Array2<f64>) {
    let mut random = data::Random::new(p as u64);
    let mut x = Array2::from_shape_simple_fn((n, p).f(), || random.normal());
    x.columns_mut().into_iter().for_each(|mut c| c /= c.dot(&c).sqrt());
    if let Some(values) = read(folder, &format!("{name}.x")) {
        x = Array2::from_shape_vec((n, p).f(), values).unwrap_or(x);
    }
    let mut w = Array2::zeros((p, q));
    (0..60).for_each(|k| w.row_mut(k * (p / 60)).iter_mut().for_each(|w| *w = random.normal()));
    let mut y = x.dot(&w);
    let spread = (y.iter().map(|y| y * y).sum::<f64>() / y.len() as f64).sqrt();
    y.iter_mut().for_each(|y| *y += spread * random.normal());
    if let Some(values) = read(folder, &format!("{name}.y")) {
        y = Array2::from_shape_vec((n, q).f(), values).unwrap_or(y);
    }
    (x, y)
}

/// Fits five times and tells the best.
fn run<X: AsDesign>(name: &str, x: &X, y: &Array2<f64>, atoms: usize) {
    let pursuit = OrthogonalMatchingPursuit::new(atoms).intercept(false);
    let (mut cpu, mut wall, mut told) = (f64::INFINITY, f64::INFINITY, String::new());
    for _ in 0..5 {
        let (start, clock) = (Instant::now(), data::clock());
        let norm = if y.ncols() == 1 {
            let y: Array1<f64> = y.column(0).to_owned();
            pursuit.path(x, &y).map(|path| (path.features().len(), path.residual_norms().last().copied()))
        } else {
            pursuit.path(x, y).map(|path| (path.features().len(), path.residual_norms().last().copied()))
        };
        cpu = cpu.min((data::clock() - clock).as_secs_f64());
        wall = wall.min(start.elapsed().as_secs_f64());
        told = match norm {
            Ok((features, norm)) => format!("{features} features, residual norm {:.10}", norm.unwrap_or(f64::NAN)),
            Err(error) => error.to_string(),
        };
    }
    println!("{name}: CPU {:.1} ms, wall {:.1} ms, {told}", cpu * 1e3, wall * 1e3);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|k| arguments.get(k + 1));
    let folder = after("--data").map(String::as_str);
    for (name, n, p, q, atoms) in [
        ("wide", 1000, 5000, 1, 100),
        ("square", 2000, 2000, 1, 100),
        ("dictionary", 200, 1000, 1, 30),
        ("tall", 20_000, 500, 1, 50),
        ("joint", 1000, 5000, 8, 100),
    ] {
        let (x, y) = problem(name, n, p, q, folder);
        run(&format!("{name}, {n} × {p}, {q} responses, {atoms} atoms"), &x, &y, atoms);
    }
    let x = data::sparse(5000, 20_000, 1);
    let y = Array2::from_shape_vec((5000, 1), data::response(&x, 60, 1, 2)).expect("one value per row");
    run("sparse, 5000 × 20000, 1 response, 100 atoms", &x, &y, 100);
}
