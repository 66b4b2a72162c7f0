//! Paths of 100 λs down to 0.05 λ_max with MCP and SCAD, and the lasso beside them; least squares and logistic.
//!
//! With `--data DIR` the data that `nonconvex.py` wrote there are used, which also times skglm; otherwise others of the same
//! kind. `--only NAME` runs one of them.

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

/// X with neighbours correlated 0.5, and a signal of 50 features.
fn features(n: usize, p: usize, folder: Option<&str>, name: &str) -> (Array2<f64>, Array1<f64>, data::Random) {
    let mut random = data::Random::new(p as u64);
    let mut x = Array2::zeros((n, p).f());
    for i in 0..n {
        let mut last = random.normal();
        for j in 0..p {
            x[[i, j]] = last;
            last = 0.5 * last + 0.75f64.sqrt() * random.normal();
        }
    }
    if let Some(values) = read(folder, &format!("{name}.x")) {
        x = Array2::from_shape_vec((n, p).f(), values).unwrap_or(x);
    }
    let signal = Array1::from_shape_fn(n, |i| (0..50).map(|k| x[[i, k * (p / 50)]]).sum());
    (x, signal, random)
}

/// Fits the path twice and tells the better time, the objective half way and at the end, and the largest KKT violation.
fn run<E: Estimator>(name: &str, estimator: &E, x: &Array2<f64>, y: &ndarray::Array<f64, E::Response>)
where
    E::Model: Model,
{
    for tolerance in [1e-4, 1e-6] {
        let estimator = estimator.clone().tolerance(tolerance).intercept(false);
        let (mut best, mut told) = (f64::INFINITY, String::new());
        for _ in 0..2 {
            let (cpu, wall) = (data::clock(), Instant::now());
            let path = match estimator.path(x, y, Grid::auto(100).ratio(0.05)) {
                Ok(path) => path,
                Err(error) => return println!("{name}: {error}"),
            };
            let cpu = (data::clock() - cpu).as_secs_f64();
            if cpu < best {
                best = cpu;
                let error = path.models().iter().map(|m| m.certificate().relative_error()).fold(0.0, f64::max);
                let unconverged = path.models().iter().filter(|m| m.status() != Status::Converged).count();
                let [half, end] = [49, 99].map(|k: usize| path.models()[k].certificate().objective);
                let features = [49, 99].map(|k: usize| path.models()[k].support().len());
                told = format!(
                    "wall {:.3} s, objectives {half:.10} {end:.10}, features {features:?}, largest error {error:.1e}, {unconverged} not converged",
                    wall.elapsed().as_secs_f64()
                );
            }
        }
        println!("{name}, tolerance {tolerance:e}: CPU {best:.3} s, {told}");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|k| arguments.get(k + 1));
    let folder = after("--data").map(String::as_str);
    let wanted = |name: &str| after("--only").is_none_or(|only| only == name);
    let given = |name: &str, y: Array1<f64>| read(folder, &format!("{name}.y")).map_or(y, Array1::from);
    let (x, signal, mut random) = features(1000, 10_000, folder, "wide");
    let y = given("wide", signal.mapv(|s| s + 2.0 * random.normal()));
    if wanted("lasso") {
        run("lasso 1,000 × 10,000", &Lasso::default(), &x, &y);
    }
    if wanted("mcp") {
        run("MCP 1,000 × 10,000", &McpRegression::new(0.0, 3.0), &x, &y);
    }
    if wanted("scad") {
        run("SCAD 1,000 × 10,000", &ScadRegression::new(0.0, 3.7), &x, &y);
    }
    if wanted("groups")
        && let Ok(groups) = Groups::from_sizes(&[5; 2000])
    {
        run("group MCP 1,000 × 10,000", &GroupMcp::new(0.0, 3.0, groups), &x, &y);
    }
    if wanted("logistic") {
        let y = given("logistic", signal.mapv(|s| f64::from(u8::from(random.uniform() < 1.0 / (1.0 + (-s).exp())))));
        run("logistic MCP 1,000 × 10,000", &McpRegression::new(0.0, 20.0).loss(Logistic::default()), &x, &y);
    }
    if wanted("reweighted") {
        let reweighted = Reweighted::new(Lasso::default(), Reweighting::Mcp { gamma: 3.0 });
        run("lasso in rounds of MCP 1,000 × 10,000", &reweighted, &x, &y);
    }
}
