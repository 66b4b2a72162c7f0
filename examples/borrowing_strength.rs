//! Ten experiments of their own, each with little data and as much noise as signal, in which the same ten of 200 features
//! matter, with other coefficients in each. The joint fit asks for few rows, λ Σ_j ‖W_j‖₂; separate lassos for few
//! numbers, each with a λ of its own. λ is chosen on as much validation data as there is training data.
//!
//! At that λ both keep features that do not matter, as the λ that predicts best is small: features are therefore judged by
//! the best support on the path, and by the ten largest rows of W.
//!
//! The negative control: where every experiment has features of its own, borrowing from the others hurts.
//!
//! cargo run --release --example borrowing_strength -- [--full]

mod support;

use ndarray::{Array1, Array2};
use sparsereg::prelude::*;
use support::{Outcome, Random, check, mean};

const FEATURES: usize = 200;
const SHARED: usize = 10;
const TASKS: usize = 10;
const CORRELATION: f64 = 0.3;
const POINTS: usize = 15;

/// Of another program, on other draws (8 seeds): best F1 on the path, F1 of the top ten, F1 of all rows, relative error.
fn reference(n: usize, disjoint: bool) -> [[&'static str; 4]; 2] {
    match (n, disjoint) {
        (50, false) => [["0.73", "0.83", "-", "0.67"], ["0.55", "0.69", "-", "0.87"]],
        (100, false) => [["0.92", "-", "0.33", "0.51"], ["0.74", "-", "0.17", "0.68"]],
        (100, true) => [["-", "-", "-", "0.78"], ["-", "-", "-", "0.61"]],
        _ => [["-"; 4]; 2],
    }
}

struct Experiment {
    x: Array2<f64>,
    y: Array1<f64>,
    validation: (Array2<f64>, Array1<f64>),
}

/// Experiments with n observations each, and W.
fn simulate(seed: u64, n: usize, disjoint: bool) -> (Vec<Experiment>, Array2<f64>) {
    let mut random = Random::new(seed);
    let order = random.permutation(FEATURES);
    let mut w = Array2::zeros((FEATURES, TASKS));
    for t in 0..TASKS {
        for k in 0..SHARED {
            w[[order[if disjoint { (t * SHARED + k) % FEATURES } else { k }], t]] = random.normal();
        }
    }
    let mut draw = |t: usize| {
        // Every pair of columns has the same correlation.
        let common = random.normals(n, 1);
        let x = random.normals(n, FEATURES) * (1.0 - CORRELATION).sqrt() + &common * CORRELATION.sqrt();
        let signal = x.dot(&w.column(t));
        let size = (signal.dot(&signal) / n as f64).sqrt();
        let y = signal.mapv(|v| v + size * random.normal());
        (x, y)
    };
    let experiments = (0..TASKS)
        .map(|t| {
            let ((x, y), validation) = (draw(t), draw(t));
            Experiment { x, y, validation }
        })
        .collect();
    (experiments, w)
}

fn f1(found: &[usize], w: &Array2<f64>) -> f64 {
    let truth: Vec<usize> = (0..FEATURES).filter(|&j| w.row(j).iter().any(|v| *v != 0.0)).collect();
    let right = found.iter().filter(|j| truth.contains(j)).count() as f64;
    2.0 * right / (found.len() + truth.len()) as f64
}

/// The rows with the largest norms.
fn top(w: &Array2<f64>, count: usize) -> Vec<usize> {
    let norms: Vec<f64> = w.outer_iter().map(|row| row.dot(&row)).collect();
    let mut order: Vec<usize> = (0..norms.len()).collect();
    order.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
    order.truncate(count);
    order
}

fn squares(v: impl Iterator<Item = f64>) -> f64 {
    v.map(|v| v * v).sum()
}

/// What is reported of a method.
#[derive(Default, Clone)]
struct Report {
    path_f1: Vec<f64>,
    top_f1: Vec<f64>,
    raw_f1: Vec<f64>,
    error: Vec<f64>,
}

impl Report {
    /// `supports` are those along the path, `chosen` is W at the λ (or λs) of the validation.
    fn add(&mut self, supports: &[Vec<usize>], chosen: &Array2<f64>, w: &Array2<f64>) {
        let raw: Vec<usize> = (0..FEATURES).filter(|&j| chosen.row(j).iter().any(|v| *v != 0.0)).collect();
        self.path_f1.push(supports.iter().map(|found| f1(found, w)).fold(0.0, f64::max));
        self.top_f1.push(f1(&top(chosen, SHARED), w));
        self.raw_f1.push(f1(&raw, w));
        self.error.push((squares((chosen - w).into_iter()) / squares(w.iter().copied())).sqrt());
    }

    fn print(&self, name: &str, [path, top, raw, error]: [&str; 4]) {
        println!(
            "  {name:<18} {:>12.2} {:>12.2} {:>18.2} {:>16.2}",
            mean(&self.path_f1),
            mean(&self.top_f1),
            mean(&self.raw_f1),
            mean(&self.error)
        );
        println!("  {:<18} {path:>12} {top:>12} {raw:>18} {error:>16}", "  (reference)");
    }
}

/// Joint and separate fits of some seeds.
fn compare(n: usize, disjoint: bool, seeds: u64) -> Outcome<[Report; 2]> {
    let [mut joint, mut separate] = [Report::default(), Report::default()];
    for seed in 0..seeds {
        let (experiments, w) = simulate(100 * n as u64 + seed, n, disjoint);
        let mut tasks = Tasks::new();
        for (t, e) in experiments.iter().enumerate() {
            tasks = tasks.task(format!("experiment {t}"), &e.x, &e.y)?;
        }
        let path = MultiTaskLasso::default().tolerance(1e-4).path_tasks(&tasks, Grid::auto(POINTS).ratio(0.05))?;
        let mut best = (f64::INFINITY, 0);
        for (k, model) in path.models().iter().enumerate() {
            let mut error = 0.0;
            for (t, e) in experiments.iter().enumerate() {
                error += squares((model.predict(t, &e.validation.0)? - &e.validation.1).into_iter());
            }
            if error < best.0 {
                best = (error, k);
            }
        }
        let supports: Vec<Vec<usize>> = path.models().iter().map(TasksModel::support).collect();
        joint.add(&supports, &path.models()[best.1].coefficients().to_owned(), &w);

        let mut supports = vec![Vec::new(); POINTS];
        let mut chosen = Array2::zeros((FEATURES, TASKS));
        for (t, e) in experiments.iter().enumerate() {
            let path = Lasso::default().tolerance(1e-4).path(&e.x, &e.y, Grid::auto(POINTS).ratio(0.05))?;
            let mut best = (f64::INFINITY, 0);
            for (k, model) in path.models().iter().enumerate() {
                let error = squares((model.predict(&e.validation.0)? - &e.validation.1).into_iter());
                if error < best.0 {
                    best = (error, k);
                }
                supports[k].extend(model.support());
            }
            chosen.column_mut(t).assign(&path.models()[best.1].coefficients());
        }
        for support in &mut supports {
            support.sort_unstable();
            support.dedup();
        }
        separate.add(&supports, &chosen, &w);
    }
    Ok([joint, separate])
}

fn main() -> Outcome {
    let full = std::env::args().any(|a| a == "--full");
    let (sizes, seeds): (&[usize], u64) = if full { (&[25, 50, 100, 200], 8) } else { (&[50, 100], 2) };
    println!("{TASKS} experiments, {FEATURES} features, {SHARED} matter, signal-to-noise ratio 1, {seeds} seeds");
    println!("(F1 of rows; ‖Ŵ − W‖/‖W‖ at the λ of the validation)\n");
    let header = || {
        println!(
            "  {:<18} {:>12} {:>12} {:>18} {:>16}",
            "", "best of path", "top ten", "all at this λ", "relative error"
        )
    };
    for &n in sizes {
        println!("n = {n} each, the same features");
        header();
        let [joint, separate] = compare(n, false, seeds)?;
        let [known, other] = reference(n, false);
        joint.print("joint", known);
        separate.print("union of lassos", other);
        if n >= 50 {
            check(
                mean(&joint.path_f1) > mean(&separate.path_f1) + 0.08,
                format!("n = {n}: the best support on the path is better with the others' help"),
            )?;
            check(mean(&joint.top_f1) > mean(&separate.top_f1), format!("n = {n}: and so are the ten largest rows"))?;
            check(
                mean(&joint.error) < 0.9 * mean(&separate.error),
                format!("n = {n}: the coefficients are closer to the truth"),
            )?;
            check(
                mean(&joint.top_f1) > mean(&joint.raw_f1),
                format!("n = {n}: the largest rows are a better answer than all that are not zero"),
            )?;
        }
        println!();
    }
    println!("n = 100 each, features of their own (control)");
    header();
    let [joint, separate] = compare(100, true, seeds)?;
    let [known, other] = reference(100, true);
    joint.print("joint", known);
    separate.print("union of lassos", other);
    check(mean(&joint.error) > mean(&separate.error), "where nothing is shared, the joint fit is the worse one")
}
