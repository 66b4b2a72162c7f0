//! Large graphical lassos: a path of 50 λs for 300 variables, one connected network of 2000 with ten edges each, and a
//! power-law tree of 5000 at a λ that takes it apart. Wall time, CPU time and peak memory.
//!
//! With `--data DIR` the samples that `networks.py` wrote there are used, which also times scikit-learn and R's glasso on the
//! path; otherwise others of the same kind. `--only SIZE` runs one of them, so that peak memory is its own.

mod data;

use std::path::Path;
use std::time::Instant;

use ndarray::{Array2, ShapeBuilder};
use sparsereg::prelude::*;

/// Samples in columns, of unit variance.
fn samples(n: usize, p: usize, folder: Option<&str>) -> Array2<f64> {
    let file = folder.map(|folder| Path::new(folder).join(format!("{p}.x")));
    if let Some(bytes) = file.and_then(|file| std::fs::read(file).ok()) {
        let values = bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        if let Ok(x) = Array2::from_shape_vec((n, p).f(), values) {
            return x;
        }
    }
    let mut random = data::Random::new(p as u64);
    let mut x = Array2::zeros((n, p).f());
    // A tree that grows where it has branches already; every variable follows its parent.
    let mut ends = vec![0];
    for j in 0..p {
        let parent = if j == 0 { None } else { Some(ends[random.below(ends.len())]) };
        ends.extend(parent.into_iter().chain([j]));
        for i in 0..n {
            let noise = random.normal();
            x[[i, j]] = parent.map_or(noise, |k| 0.5 * x[[i, k]] + 0.75f64.sqrt() * noise);
        }
    }
    x
}

/// The largest resident set so far, where the system tells.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".into(), |line| line.trim().to_string())
}

fn timed<T>(what: &str, f: impl Fn() -> T) -> T {
    let mut best = (f64::INFINITY, f64::INFINITY);
    let mut answer = None;
    for _ in 0..3 {
        let (wall, cpu) = (Instant::now(), data::clock());
        answer = Some(f());
        let cpu = (data::clock() - cpu).as_secs_f64();
        best = (best.0.min(wall.elapsed().as_secs_f64()), best.1.min(cpu));
    }
    println!("{what}: {:.3} s, CPU {:.3} s, peak memory {}", best.0, best.1, peak());
    let Some(answer) = answer else { unreachable!("it ran three times") };
    answer
}

fn main() -> sparsereg::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|k| arguments.get(k + 1));
    let folder = after("--data").map(String::as_str);
    let wanted = |p: usize| after("--only").is_none_or(|only| *only == p.to_string());
    if wanted(300) {
        let x = samples(600, 300, folder);
        for tolerance in [1e-6, 1e-10] {
            let lasso = GraphicalLasso::default().tolerance(tolerance);
            let path = timed(&format!("300 variables, path of 50, tolerance {tolerance:e}"), || {
                lasso.path(&x, Grid::auto(50).ratio(0.1))
            })?;
            let objectives = [10, 49].map(|k: usize| path.models()[k].certificate().objective / 300.0);
            println!("  edges at the end {}, objectives / p {objectives:?}", path.models()[49].edge_count());
        }
    }
    for (n, p, shares) in [(4000, 2000, [0.33, 0.14]), (2000, 5000, [0.6, 0.35])] {
        if !wanted(p) {
            continue;
        }
        let x = samples(n, p, folder);
        let lasso = GraphicalLasso::default();
        let largest = timed(&format!("{p} variables, covariance and its largest entry"), || lasso.lambda_max(&x))?;
        for share in shares {
            let at = lasso.with_lambda(share * largest);
            let model = timed(&format!("{p} variables, {share} λ_max"), || at.fit(&x))?;
            let parts = model.components();
            let (edges, gap) = (model.edge_count(), model.certificate().relative_gap());
            let widest = parts.iter().map(Vec::len).max().unwrap_or(0);
            println!("  {edges} edges, {} components, the largest of {widest}, gap / p {gap:.1e}", parts.len());
        }
    }
    Ok(())
}
