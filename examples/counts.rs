//! How many claims will a contract bring? Counts with an exposure: Poisson regression, E y = exposure · exp(xᵀw + b), where
//! the logarithm of the exposure is an offset. SIMULATED fleet insurance: contracts of 0.2 to 20 vehicle-years, 45 rating
//! variables, 9 of which matter. Compared on other contracts with one rate for all, with a fit that does not know the
//! exposure, and with a least-squares lasso for log(1 + y).
//!
//! cargo run --release --example counts

mod support;

use ndarray::{Array1, Array2, Axis, concatenate, s};
use sparsereg::prelude::*;
use support::{Outcome, Random, check};

const TRAIN: usize = 1500;
const TEST: usize = 3000;
const REGIONS: usize = 12;
const VARIABLES: usize = REGIONS + 33;

/// Rating variables, vehicle-years, claims; the number of the true variables.
fn simulate() -> (Array2<f64>, Array1<f64>, Array1<f64>, Vec<usize>) {
    let n = TRAIN + TEST;
    let mut random = Random::new(7);
    // Regions as 0 and 1, then drivers, vehicles and so on in units of their standard deviation.
    let mut x = Array2::zeros((n, VARIABLES));
    for mut row in x.rows_mut() {
        row[random.index(REGIONS)] = 1.0;
        row.slice_mut(s![REGIONS..]).mapv_inplace(|_: f64| random.normal());
    }
    let truth = [(2, 0.8), (7, -0.6), (8, 0.5), (12, 0.35), (13, -0.3), (14, 0.25), (15, -0.2), (16, 0.2), (17, 0.15)];
    let years = Array1::from_shape_simple_fn(n, || 0.2 * 100f64.powf(random.uniform()));
    let claims = Array1::from_shape_fn(n, |i| {
        let effects: f64 = truth.iter().map(|&(j, w)| w * x[[i, j]]).sum();
        random.poisson(years[i] * (effects - 1.2).exp())
    });
    (x, years, claims, truth.iter().map(|t| t.0).collect())
}

/// Mean deviance of expected counts μ: 2/n Σ (y log(y/μ) − y + μ).
fn deviance(y: &Array1<f64>, mu: &Array1<f64>) -> f64 {
    let each = |(&y, &mu): (&f64, &f64)| if y > 0.0 { y * (y / mu).ln() - y + mu } else { mu };
    2.0 * y.iter().zip(mu).map(each).sum::<f64>() / y.len() as f64
}

fn main() -> Outcome {
    let (x, years, claims, truth) = simulate();
    let train = s![..TRAIN];
    let test = s![TRAIN..];
    let (x_train, x_test) = (x.slice(s![..TRAIN, ..]), x.slice(s![TRAIN.., ..]));
    let (y, y_test) = (claims.slice(train).to_owned(), claims.slice(test).to_owned());
    let (log_years, log_years_test) = (years.slice(train).ln(), years.slice(test).ln());
    println!("SIMULATED: {TRAIN} contracts for training, {TEST} for testing, {VARIABLES} rating variables");
    let none = y.iter().filter(|y| **y == 0.0).count();
    println!(
        "claims: mean {:.2}, largest {}, none in {none} contracts\n",
        y.mean().unwrap_or(0.0),
        y.fold(0.0f64, |m, y| m.max(*y))
    );

    let (folds, grid) = (KFold::new(5).seed(1), Grid::auto(40));
    let poisson = PoissonLasso::new(0.0).offset(&log_years);
    let cv = poisson.cross_validate_on(&x_train, &y, &folds, grid.clone())?;
    let model = cv.best();
    let sparse = cv.one_standard_error();
    println!("{sparse}");

    // λ_max has no rating variable: one rate for all.
    let expected = |model: &GlmModel<Poisson, ndarray::Ix1>| model.with_offset(&log_years_test).predict(&x_test);
    let one_rate = expected(&cv.path().models()[0])?;
    let blind_cv = PoissonLasso::new(0.0).cross_validate_on(&x_train, &y, &folds, grid.clone())?;
    let blind = blind_cv.best().predict(&x_test)?;

    // The least-squares lasso has the logarithm of the exposure as a variable without penalty.
    let with = |x: &ndarray::ArrayView2<f64>, log_years: &Array1<f64>| {
        concatenate![Axis(1), x.view(), log_years.view().insert_axis(Axis(1))]
    };
    let mut weights = vec![1.0; VARIABLES];
    weights.push(0.0);
    let (z, z_test) = (with(&x_train, &log_years), with(&x_test, &log_years_test));
    let log_cv = Lasso::default().weights(weights).cross_validate_on(&z, &y.mapv(f64::ln_1p), &folds, grid)?;
    // exp(η) − 1 may be negative, and is too small on average: also rescaled to the right total of the training claims.
    let counts = |z: &Array2<f64>| log_cv.best().predict(z).map(|eta| eta.mapv(|eta| eta.exp_m1().max(1e-3)));
    let log_counts = counts(&z_test)?;
    let rescaled = &log_counts * (y.sum() / counts(&z)?.sum());

    let null = deviance(&y_test, &one_rate);
    println!("{:<50} {:>9} {:>10} {:>10}", "other contracts", "deviance", "explained", "variables");
    let explained = |mu: &Array1<f64>| 1.0 - deviance(&y_test, mu) / null;
    for (name, mu, used) in [
        ("one rate for all (intercept and offset)", &one_rate, 0),
        ("Poisson, λ by cross-validated deviance", &expected(model)?, model.support().len()),
        ("Poisson, one standard error", &expected(sparse)?, sparse.support().len()),
        ("Poisson that does not know the exposure", &blind, blind_cv.best().support().len()),
        ("least squares for log(1 + y)", &log_counts, log_cv.best().support().len() - 1),
        ("  the same, rescaled to the training total", &rescaled, log_cv.best().support().len() - 1),
    ] {
        println!("{name:<50} {:>9.4} {:>9.1}% {used:>10}", deviance(&y_test, mu), 100.0 * explained(mu));
    }
    let found = sparse.support().iter().filter(|j| truth.contains(j)).count();
    println!(
        "one standard error: {found} of {} true variables, {} others\n",
        truth.len(),
        sparse.support().len() - found
    );

    let (ours, best_log) = (explained(&expected(model)?), explained(&rescaled).max(explained(&log_counts)));
    check(ours > 0.0, format!("deviance explained beyond one rate: {:.1} %", 100.0 * ours))?;
    check(ours > best_log, format!("least squares for log(1 + y): {:.1} %", 100.0 * best_log))?;
    let twice = model.with_offset((2.0 * &years.slice(test)).ln()).predict(&x_test)?;
    let off = (&twice / &expected(model)? - 2.0).fold(0.0f64, |m, d| m.max(d.abs()));
    check(off < 1e-12, format!("twice the exposure, twice the claims: off by at most {off:.0e}"))?;
    let fit = |offset: Array1<f64>| {
        poisson.clone().offset(offset).with_lambda(model.lambda()).tolerance(1e-10).fit(&x_train, &y)
    };
    let (by_year, by_month) = (fit(log_years.clone())?, fit(&log_years + 12f64.ln())?);
    let shift = by_year.intercept() - by_month.intercept() - 12f64.ln();
    let moved = (&by_year.coefficients() - &by_month.coefficients()).fold(shift.abs(), |m, d| m.max(d.abs()));
    check(moved < 1e-5, format!("exposure in months: intercept less by log 12, the rest the same up to {moved:.0e}"))?;
    let same = model.with_offset(&log_years_test).error(&x_test, &y_test, Scoring::Deviance)?;
    check((same - deviance(&y_test, &expected(model)?)).abs() < 1e-12, "the library's deviance is the textbook's")?;
    let gap = cv.path().models().iter().map(|m| m.certificate().relative_gap()).fold(0.0f64, f64::max);
    check(gap <= 1e-6, format!("largest relative gap: {gap:.1e}"))
}
