//! Several complications of one illness, from the same measurements at admission: do they share risk factors? One logistic
//! regression for each complication, their coefficients in the columns of W. The joint fit asks for few rows, λ Σ_j ‖W_j‖₂,
//! the separate ones for few numbers, λ_t Σ_j │W_jt│. λ is chosen on 300 validation patients; the area under the ROC curve
//! (AUC) and the log-loss are those of the patients left.
//!
//! cargo run --release --example hospital_risks -- [mi_complications.csv] [--full]
//!
//! The file (UCI Machine Learning Repository, data set 579, Myocardial infarction complications) is not in this repository:
//! without it the patients are simulated. `--full` adds larger training sets.

mod support;

use ndarray::{Array2, Axis};
use sparsereg::prelude::*;
use support::{Outcome, Random, check, mean, read_table};

const VALIDATION: usize = 300;
const SPLITS: u64 = 4;
const LAMBDAS: usize = 20;
/// The last λ as a share of the first, for the joint fit and the separate ones.
const LAST: [f64; 2] = [0.1, 0.03];
/// Training patients, AUC of joint and separate fits to the same data by another program, on other splits.
const REFERENCE: [(usize, f64, f64); 3] = [(200, 0.658, 0.633), (400, 0.689, 0.655), (850, 0.719, 0.714)];
const NAMES: [&str; 4] = ["prevalence only", "joint", "separate, a λ for each", "separate, one λ"];

/// Patients × measurements known at admission, patients × complications (0 or 1).
fn read(path: &str) -> Outcome<(Array2<f64>, Array2<f64>)> {
    let (_, rows) = read_table(path)?;
    // Numbers from 1: 93 to 95 and 100 to 105 are measured in the days after admission.
    let inputs: Vec<usize> = (2..=112).filter(|j| !(93..=95).contains(j) && !(100..=105).contains(j)).collect();
    let mut columns = Vec::new();
    for j in inputs {
        let column: Vec<Option<f64>> = rows.iter().map(|row| row[j - 1].parse().ok()).collect();
        let mut known: Vec<f64> = column.iter().flatten().copied().collect();
        if 2 * known.len() >= rows.len() {
            known.sort_by(f64::total_cmp);
            let median = (known[(known.len() - 1) / 2] + known[known.len() / 2]) / 2.0;
            columns.push(column.iter().map(|v| v.unwrap_or(median)).collect::<Vec<f64>>());
        }
    }
    let mut labels = Vec::new();
    for j in 113..=124 {
        let column: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row[j - 1] != "0"))).collect();
        if column.iter().sum::<f64>() >= 42.0 {
            labels.push(column);
        }
    }
    let matrix = |columns: &[Vec<f64>]| Array2::from_shape_fn((rows.len(), columns.len()), |(i, j)| columns[j][i]);
    Ok((matrix(&columns), matrix(&labels)))
}

/// The same kind of data: 12 of 98 measurements matter to 11 complications, to each in its own way.
fn simulate() -> (Array2<f64>, Array2<f64>) {
    let (n, p, tasks) = (1700, 98, 11);
    let mut random = Random::new(2020);
    // Six unknown conditions make measurements correlated; two thirds of those are yes or no.
    let common = random.normals(n, 6);
    let mut x = random.normals(n, p);
    for j in 0..p {
        let cut = 0.3 + random.uniform();
        for i in 0..n {
            let value = 0.8 * x[[i, j]] + 0.6 * common[[i, j % 6]];
            x[[i, j]] = if j % 3 == 0 { value } else { f64::from(u8::from(value > cut)) };
        }
    }
    let factors = &random.permutation(p)[..12];
    let z = (&x - &x.mean_axis(Axis(0)).expect("patients")) / &x.std_axis(Axis(0), 0.0);
    let mut y = Array2::zeros((n, tasks));
    for t in 0..tasks {
        let mut eta = vec![0.0; n];
        for &j in factors {
            let strength = 0.4 * random.normal();
            eta.iter_mut().zip(z.column(j)).for_each(|(eta, z)| *eta += strength * z);
        }
        // 5 to 15 % of the patients
        let cases = 0.05 + 0.1 * t as f64 / (tasks - 1) as f64;
        let risk = |eta: f64| 1.0 / (1.0 + (-eta).exp());
        let (mut low, mut high) = (-20.0, 20.0);
        for _ in 0..60 {
            let b = (low + high) / 2.0;
            let expected = eta.iter().map(|eta| risk(eta + b)).sum::<f64>() / n as f64;
            if expected < cases { low = b } else { high = b }
        }
        y.column_mut(t).iter_mut().zip(eta).for_each(|(y, eta)| *y = f64::from(random.uniform() < risk(eta + low)));
    }
    (x, y)
}

/// Patients for training, validation and testing. One whose label is the same for all has no fit and no AUC: drawn anew.
fn draw(x: &Array2<f64>, y: &Array2<f64>, size: usize, seed: u64) -> [(Array2<f64>, Array2<f64>); 3] {
    let mut random = Random::new(seed);
    loop {
        let order = random.permutation(y.nrows());
        let (train, rest) = order.split_at(size);
        let (validation, test) = rest.split_at(VALIDATION);
        let parts = [train, validation, test].map(|rows| (x.select(Axis(0), rows), y.select(Axis(0), rows)));
        if parts.iter().all(|(_, y)| y.sum_axis(Axis(0)).iter().all(|&cases| cases >= 2.0)) {
            return parts;
        }
    }
}

/// AUC and log-loss, means over the complications, in the order of [`NAMES`]; `gap` is the largest so far.
fn compare(parts: &[(Array2<f64>, Array2<f64>); 3], gap: &mut f64) -> Outcome<[[f64; 2]; 4]> {
    let [(x, y), (x_val, y_val), (x_test, y_test)] = parts;
    let mut scores = [[0.0; 2]; 4];

    let path = MultiTaskLogisticLasso::new(0.0).standardize(true).path(x, y, Grid::auto(LAMBDAS).ratio(LAST[0]))?;
    let mut errors = Vec::new();
    for model in path.models() {
        errors.push(model.error(x_val, y_val, Scoring::Deviance)?);
        *gap = gap.max(model.certificate().relative_gap());
    }
    // At λ_max there are intercepts and nothing else.
    for (scores, k) in scores.iter_mut().zip([0, smallest(&errors)]) {
        let model = &path.models()[k];
        scores[0] = 1.0 - model.error(x_test, y_test, Scoring::Auc)?;
        scores[1] = model.error(x_test, y_test, Scoring::Deviance)? / 2.0;
    }

    // All tasks on one grid, so that they can have one λ, too.
    let (lasso, tasks) = (LogisticLasso::new(0.0).standardize(true), y.ncols());
    let mut first = 0.0f64;
    for y in y.columns() {
        first = first.max(lasso.lambda_max(x, &y)?);
    }
    let grid: Vec<f64> = (0..LAMBDAS).map(|k| first * LAST[1].powf(k as f64 / (LAMBDAS - 1) as f64)).collect();
    let (mut paths, mut errors) = (Vec::new(), Array2::zeros((tasks, LAMBDAS)));
    for t in 0..tasks {
        let path = lasso.path(x, &y.column(t), Grid::values(grid.clone()))?;
        for (k, model) in path.models().iter().enumerate() {
            errors[[t, k]] = model.error(x_val, &y_val.column(t), Scoring::Deviance)?;
            *gap = gap.max(model.certificate().relative_gap());
        }
        paths.push(path);
    }
    let one = smallest(&errors.sum_axis(Axis(0)).to_vec());
    for (t, path) in paths.iter().enumerate() {
        for (scores, k) in scores[2..].iter_mut().zip([smallest(&errors.row(t).to_vec()), one]) {
            let (model, y) = (&path.models()[k], y_test.column(t));
            scores[0] += (1.0 - model.error(x_test, &y, Scoring::Auc)?) / tasks as f64;
            scores[1] += model.error(x_test, &y, Scoring::Deviance)? / (2 * tasks) as f64;
        }
    }
    Ok(scores)
}

/// Where the smallest value is.
fn smallest(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |best, k| if values[k] < values[best] { k } else { best })
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = arguments.iter().find(|a| !a.starts_with("--"));
    let (x, y) = match file {
        Some(path) => read(path)?,
        None => simulate(),
    };
    let cases: Vec<f64> = y.columns().into_iter().map(|y| y.sum()).collect();
    println!("{}", if file.is_some() { "measured data" } else { "no file given: SIMULATED data" });
    println!("{} patients, {} inputs, cases of {} complications: {cases:?}", x.nrows(), x.ncols(), y.ncols());

    let sizes = if arguments.iter().any(|a| a == "--full") { 3 } else { 1 };
    let (mut gains, mut gap) = (Vec::new(), 0.0);
    for (size, joint, separate) in &REFERENCE[..sizes] {
        let splits: Outcome<Vec<_>> = (0..SPLITS).map(|s| compare(&draw(&x, &y, *size, s), &mut gap)).collect();
        let splits = splits?;
        println!("\n{:<34} {:>6} {:>9}   AUC of each split", format!("{size} training patients"), "AUC", "log-loss");
        for (row, name) in NAMES.iter().enumerate() {
            let of = |what: usize| -> Vec<f64> { splits.iter().map(|scores| scores[row][what]).collect() };
            println!("{name:<34} {:>6.3} {:>9.4}   {:.3?}", mean(&of(0)), mean(&of(1)), of(0));
        }
        if file.is_some() {
            println!("reference, joint and separate       {joint:.3} {separate:>9.3}");
        }
        if gains.is_empty() {
            let auc = |row: usize| -> f64 { mean(&splits.iter().map(|s| s[row][0]).collect::<Vec<_>>()) };
            let best = if auc(3) > auc(2) { 3 } else { 2 };
            gains = splits.iter().map(|s| s[1][0] - s[best][0]).collect();
        }
    }
    let gain = mean(&gains);
    let spread = mean(&gains.iter().map(|g| (g - gain) * (g - gain)).collect::<Vec<_>>());
    let error = (spread / (SPLITS - 1) as f64).sqrt();
    println!();
    // The simulator is made so that sharing helps; of the measured data only that it does not harm is asked.
    let least = if file.is_some() { 0.0 } else { 0.015 };
    let what =
        format!("joint AUC {gain:.3} ± {error:.3} above the better separate one with 200 patients, at least {least}");
    check(gain >= least, what)?;
    check(gap <= 1e-6, format!("largest relative gap: {gap:.1e}"))
}
