//! Paths of 100 λs for losses that are not quadratic: logistic, Poisson, multinomial, Cox, and logistic with groups.
//!
//! With `--data DIR` the data that `losses.py` wrote there are used, which also times glmnet, adelie and skglm; otherwise
//! others of the same kind. `--only NAME` runs one of them.

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

/// X with neighbours correlated 0.5, and a signal of 20 features with a standard deviation of about 2.
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
    let signal = Array1::from_shape_fn(n, |i| (0..20).map(|k| 0.45 * x[[i, k * (p / 20)]]).sum());
    (x, signal, random)
}

/// Fits the path twice and tells the better time, the objective half way and at the end, and the largest gap.
fn run<E: Estimator>(name: &str, estimator: &E, x: &Array2<f64>, y: &ndarray::Array<f64, E::Response>)
where
    E::Model: Model,
{
    for tolerance in [1e-6, 1e-10] {
        let estimator = estimator.clone().tolerance(tolerance);
        let (mut best, mut told) = (f64::INFINITY, String::new());
        for _ in 0..2 {
            let (cpu, wall) = (data::clock(), Instant::now());
            let path = match estimator.path(x, y, Grid::auto(100).ratio(0.01)) {
                Ok(path) => path,
                Err(error) => return println!("{name}: {error}"),
            };
            let cpu = (data::clock() - cpu).as_secs_f64();
            if cpu < best {
                best = cpu;
                let gap = path.models().iter().map(|m| m.certificate().relative_gap()).fold(0.0, f64::max);
                let [half, end] = [49, 99].map(|k: usize| path.models()[k].certificate().objective);
                let features = path.models()[99].support().len();
                told = format!(
                    "wall {:.3} s, objectives {half:.10} {end:.10}, {features} features at the end, largest gap {gap:.1e}",
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
    if wanted("logistic") || wanted("poisson") {
        let (x, signal, mut random) = features(10_000, 1000, folder, "tall");
        if wanted("logistic") {
            let y = signal.mapv(|s| f64::from(u8::from(random.uniform() < 1.0 / (1.0 + (-s).exp()))));
            run("logistic 10,000 × 1,000", &LogisticLasso::new(0.0), &x, &given("logistic", y));
        }
        if wanted("poisson") {
            let y = signal.mapv(|s| ((0.3 * s).exp() + random.uniform()).floor());
            run("Poisson 10,000 × 1,000", &PoissonLasso::new(0.0), &x, &given("poisson", y));
        }
    }
    if wanted("cox") {
        let (x, signal, mut random) = features(2000, 1000, folder, "cox");
        let mut y = Array2::zeros((2000, 2));
        for i in 0..2000 {
            let time = -random.uniform().max(1e-12).ln() * (-signal[i]).exp();
            let censored = -random.uniform().max(1e-12).ln() * 2.0;
            y[[i, 0]] = time.min(censored);
            y[[i, 1]] = f64::from(u8::from(time <= censored));
        }
        if let Some(values) = read(folder, "cox.y") {
            y = Array2::from_shape_vec((2000, 2).f(), values).unwrap_or(y);
        }
        run("Cox 2,000 × 1,000", &Lasso::new(0.0).loss(Cox::default().ties(sparsereg::loss::Ties::Breslow)), &x, &y);
    }
    if wanted("multinomial") || wanted("multinomialrows") {
        let (x, signal, mut random) = features(600, 2000, folder, "multinomial");
        let y = signal.mapv(|s| (s + 0.5 * random.normal()).clamp(-1.5, 1.49).round());
        let y = given("multinomial", y);
        if wanted("multinomial") {
            run("multinomial 600 × 2,000", &MultinomialLasso::new(0.0), &x, &y);
        }
        if wanted("multinomialrows") {
            run("multinomial 600 × 2,000, rows", &GroupedMultinomialLasso::new(0.0), &x, &y);
        }
    }
    if wanted("groups") {
        let (x, signal, mut random) = features(1000, 5000, folder, "groups");
        let y = signal.mapv(|s| f64::from(u8::from(random.uniform() < 1.0 / (1.0 + (-s).exp()))));
        if let Ok(groups) = Groups::from_sizes(&[5; 1000]) {
            run("logistic 1,000 × 5,000, groups of 5", &LogisticGroupLasso::new(0.0, groups), &x, &given("groups", y));
        }
    }
}
