//! Paths of 60 λs of SLOPE with Benjamini–Hochberg weights (q = 0.1), few rows and many columns, and the other way round.
//!
//! With `--data DIR` the data that `slope.py` wrote there are used, which also times the reference (C++) of SLOPE.

mod data;

use std::path::Path;
use std::time::Instant;

use ndarray::{Array1, Array2, ShapeBuilder};
use sparsereg::prelude::*;

/// A file of little-endian numbers.
fn read(folder: Option<&str>, name: &str) -> Option<Vec<f64>> {
    let bytes = std::fs::read(Path::new(folder?).join(name)).ok()?;
    Some(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|k| arguments.get(k + 1));
    let folder = after("--data").map(String::as_str);
    for (name, n, p) in [("wide", 200, 20_000), ("tall", 10_000, 500), ("square", 1000, 1000)] {
        if after("--only").is_some_and(|only| only != name) {
            continue;
        }
        let mut random = data::Random::new(p as u64);
        let mut x = Array2::zeros((n, p).f());
        x.iter_mut().for_each(|x| *x = random.normal());
        if let Some(values) = read(folder, &format!("{name}.x")) {
            x = Array2::from_shape_vec((n, p).f(), values).unwrap_or(x);
        }
        let mut y = Array1::from_shape_fn(n, |i| (0..20).map(|k| x[[i, k * (p / 20)]]).sum::<f64>() + random.normal());
        if let Some(values) = read(folder, &format!("{name}.y")) {
            y = Array1::from(values);
        }
        for tolerance in [1e-4, 1e-6, 1e-10] {
            let slope = Slope::default().tolerance(tolerance);
            let (mut best, mut told) = (f64::INFINITY, String::new());
            for _ in 0..3 {
                let (cpu, wall) = (data::clock(), Instant::now());
                let path = match slope.path(&x, &y, Grid::auto(60).ratio(0.05)) {
                    Ok(path) => path,
                    Err(error) => return println!("{name}: {error}"),
                };
                let cpu = (data::clock() - cpu).as_secs_f64();
                if cpu < best {
                    best = cpu;
                    let gap = path.models().iter().map(|m| m.certificate().relative_gap()).fold(0.0, f64::max);
                    let [half, end] = [29, 59].map(|k: usize| path.models()[k].certificate().objective);
                    let iterations: usize = path.models().iter().map(|m| m.iterations()).sum();
                    told = format!(
                        "wall {:.3} s, objectives {half:.10} {end:.10}, {} features at the end, {iterations} iterations, largest gap {gap:.1e}",
                        wall.elapsed().as_secs_f64(),
                        path.models()[59].support().len()
                    );
                }
            }
            println!("{name} {n} × {p}, tolerance {tolerance:e}: CPU {best:.3} s, {told}");
        }
    }
}
