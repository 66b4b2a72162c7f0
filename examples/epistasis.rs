//! Which mutations act together? The brightness of a protein in two colours, for genotypes of 13 sites with two amino acids
//! each, regressed on all sets of up to four sites: 1092 columns of the Walsh–Hadamard matrix, none of which is stored.
//! The joint fit takes sets for both colours at once, λ Σ_j ‖W_j‖₂, the separate ones a lasso for each colour; baselines
//! are ridge regressions on single sites and on pairs. λ is chosen on 500 genotypes; R² is that of 4192 others.
//!
//! cargo run --release --example epistasis -- [folder or eqfp611_fitness_13site.csv] [--full]
//!
//! The file (Poelwijk, Socolich & Ranganathan, Nature Communications 10:4213, 2019, CC BY 4.0; columns: genotype as 13
//! characters 0 or 1, brightness red, blue, combined) is not in this repository: without it brightness is simulated.
//! `--full` adds larger training sets, and takes ten splits of the data in place of three: with 200 training genotypes R²
//! differs from split to split by more than the methods do. The references are means of three other splits.

mod support;

use ndarray::{Array1, Array2, Axis};
use sparsereg::design::{LinearOperator, WalshHadamard};
use sparsereg::prelude::*;
use support::{Outcome, Random, check, mean, read_table};

const SITES: usize = 13;
const GENOTYPES: usize = 1 << SITES;
const ORDER: usize = 4;
const VALIDATION: usize = 500;
const TEST: usize = 4192;
/// Splits that the references are means of.
const SPLITS: usize = 3;
const NAMES: [&str; 4] = ["joint", "separate", "ridge on pairs", "ridge on sites"];
/// Training genotypes, and R² of the same four on the measured data by another program, on other splits.
const REFERENCE: [(usize, [f64; 4]); 3] =
    [(200, [0.852, 0.839, 0.694, 0.450]), (500, [0.911, 0.904, 0.763, 0.475]), (1000, [0.931, 0.928, 0.790, 0.481])];

/// Brightness red, blue and combined of all genotypes, in the order of their numbers.
fn read(path: &str) -> Outcome<Array2<f64>> {
    let folder = std::path::Path::new(path).is_dir();
    let file = if folder { format!("{path}/eqfp611_fitness_13site.csv") } else { path.to_owned() };
    let (_, rows) = read_table(&file)?;
    let mut y = Array2::from_elem((GENOTYPES, 3), f64::NAN);
    for row in &rows {
        let genotype = usize::from_str_radix(&row[0], 2)?;
        for t in 0..3 {
            y[[genotype, t]] = row[1 + t].parse()?;
        }
    }
    check(y.iter().all(|v| v.is_finite()), format!("{} genotypes, all there are", rows.len()))?;
    Ok(y)
}

/// The same kind of data: 60 sets of one to four sites matter, to each colour in its own way.
fn simulate() -> Outcome<Array2<f64>> {
    let mut random = Random::new(611);
    let x = WalshHadamard::up_to_order(SITES, (0..GENOTYPES).collect(), ORDER)?;
    let mut w = vec![0.0; 2 * x.ncols()];
    for k in 0..60 {
        // a quarter single sites, half pairs
        let range = match k % 4 {
            0 => 0..13,
            3 => 91..x.ncols(),
            _ => 13..91,
        };
        let j = range.start + random.index(range.len());
        let size = 2.0 / (1.0 + 0.15 * k as f64);
        (0..2).for_each(|t| w[2 * j + t] += size * (1.0 + 0.3 * random.normal()));
    }
    let mut eta = vec![0.0; 2 * GENOTYPES];
    x.apply(&w, &mut eta);
    let noise = random.normals(GENOTYPES, 2);
    let y = |i: usize, t: usize| eta[t * GENOTYPES + i] + 0.3 * noise[[i, t]];
    Ok(Array2::from_shape_fn((GENOTYPES, 3), |(i, t)| if t < 2 { y(i, t) } else { y(i, 0) + y(i, 1) }))
}

/// How many coefficients of the whole transform hold these shares of the variance.
fn concentration(y: &Array1<f64>) -> Outcome<[usize; 3]> {
    let x = WalshHadamard::new(SITES, (0..GENOTYPES).collect(), (1..GENOTYPES).collect())?;
    let mut w = vec![0.0; x.ncols()];
    x.transpose_apply(&y.to_vec(), &mut w);
    let mut squares: Vec<f64> = w.iter().map(|w| w * w).collect();
    squares.sort_by(|a, b| b.total_cmp(a));
    let total: f64 = squares.iter().sum();
    Ok([0.8, 0.9, 0.95].map(|share| {
        let mut sum = 0.0;
        1 + squares
            .iter()
            .take_while(|v| {
                sum += **v;
                sum < share * total
            })
            .count()
    }))
}

/// R² of each colour, averaged.
fn r_squared(y: &Array2<f64>, predicted: &Array2<f64>) -> f64 {
    let each = y.columns().into_iter().zip(predicted.columns()).map(|(y, p)| {
        let centre = y.mean().unwrap_or(0.0);
        1.0 - (&y - &p).mapv(|d| d * d).sum() / y.mapv(|v| (v - centre) * (v - centre)).sum()
    });
    each.sum::<f64>() / y.ncols() as f64
}

/// The operator against the matrix that it stands for, entry `(−1)^{sites of the set that are mutated}`: products, and a joint fit.
fn dense(y: &Array2<f64>, rows: &[usize]) -> Outcome {
    let x = WalshHadamard::up_to_order(SITES, rows.to_vec(), ORDER)?;
    let sign =
        |i: usize, j: usize| if (rows[i] as u32 & x.sets()[j]).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
    let matrix = Array2::from_shape_fn((x.nrows(), x.ncols()), |(i, j)| sign(i, j));
    let mut random = Random::new(5);
    let (w, r) = (random.normals(x.ncols(), 1), random.normals(x.nrows(), 1));
    let (mut eta, mut back) = (vec![0.0; x.nrows()], vec![0.0; x.ncols()]);
    x.apply(&w.iter().copied().collect::<Vec<_>>(), &mut eta);
    x.transpose_apply(&r.iter().copied().collect::<Vec<_>>(), &mut back);
    let off = |a: &[f64], b: &Array2<f64>| a.iter().zip(b).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
    let off = off(&eta, &matrix.dot(&w)).max(off(&back, &matrix.t().dot(&r)));
    check(off < 1e-11, format!("the operator's products are those of the dense matrix, to {off:.0e}"))?;
    let y = y.select(Axis(0), rows);
    let lambda = 0.1 * MultiTaskLasso::default().lambda_max(&x, &y)?;
    let lasso = MultiTaskLasso::new(lambda).tolerance(1e-12);
    let (fast, plain) = (lasso.fit(&x, &y)?, lasso.fit(&matrix, &y)?);
    let apart = (&fast.coefficients() - &plain.coefficients()).iter().fold(0.0f64, |m, d| m.max(d.abs()));
    let largest = plain.coefficients().iter().fold(0.0f64, |m, w| m.max(w.abs()));
    check(
        fast.support() == plain.support() && apart < 1e-5 * largest,
        format!("and so is the fit: {} sets, coefficients {apart:.0e} apart", plain.support().len()),
    )
}

struct Split {
    train: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
}

/// R² of the four ways on the test genotypes, and the sets in the joint model.
fn compare(y: &Array2<f64>, split: &Split, gap: &mut f64) -> Outcome<([f64; 4], usize)> {
    let design = |order| WalshHadamard::up_to_order(SITES, split.train.clone(), order);
    let part = |rows: &[usize]| y.select(Axis(0), rows);
    let (y_train, y_val, y_test) = (part(&split.train), part(&split.validation), part(&split.test));
    let x = design(ORDER)?;
    let (x_val, x_test) = (x.on(split.validation.clone())?, x.on(split.test.clone())?);
    let mut scores = [0.0; 4];

    let path = MultiTaskLasso::default().path(&x, &y_train, Grid::auto(40).ratio(0.01))?;
    let mut best = (f64::NEG_INFINITY, 0);
    for (k, model) in path.models().iter().enumerate() {
        *gap = gap.max(model.certificate().relative_gap());
        let score = r_squared(&y_val, &model.predict(&x_val)?);
        if score > best.0 {
            best = (score, k);
        }
    }
    let model = &path.models()[best.1];
    scores[0] = r_squared(&y_test, &model.predict(&x_test)?);
    let sets = model.support().len();

    // For each colour on its own: a lasso on all sets, ridge regressions on few.
    for (row, order, share) in [(1, ORDER, 1.0), (2, 2, 0.0), (3, 1, 0.0)] {
        let x = design(order)?;
        let (x_val, x_test) = (x.on(split.validation.clone())?, x.on(split.test.clone())?);
        for t in 0..2 {
            let column = |y: &Array2<f64>| y.column(t).to_owned();
            let (y_train, y_val) = (column(&y_train), column(&y_val));
            let grid = if share == 1.0 {
                Grid::auto(40).ratio(0.01)
            } else {
                Grid::values((0..16).map(|k| 100.0 * 0.5f64.powi(k)).collect::<Vec<_>>())
            };
            let path = ElasticNet::new(0.0, share).path(&x, &y_train, grid)?;
            let mut best = (f64::NEG_INFINITY, 0);
            for (k, model) in path.models().iter().enumerate() {
                *gap = gap.max(model.certificate().relative_gap());
                let score = model.score(&x_val, &y_val)?;
                if score > best.0 {
                    best = (score, k);
                }
            }
            scores[row] += path.models()[best.1].score(&x_test, &column(&y_test))? / 2.0;
        }
    }
    Ok((scores, sets))
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = arguments.iter().find(|a| !a.starts_with("--"));
    println!("{}", if file.is_some() { "measured data" } else { "no file given: SIMULATED data" });
    let all = match file {
        Some(path) => read(path)?,
        None => simulate()?,
    };
    let held = concentration(&all.column(2).to_owned())?;
    println!(
        "80, 90 and 95 % of the variance of the combined brightness are in {held:?} of {} coefficients",
        GENOTYPES - 1
    );

    // Both colours in units of their spread, so that neither rules the joint fit.
    let mut y = all.slice(ndarray::s![.., ..2]).to_owned();
    y.columns_mut().into_iter().for_each(|mut y| {
        let spread = y.std(0.0);
        y.mapv_inplace(|v| v / spread);
    });
    let (sizes, splits) = if arguments.iter().any(|a| a == "--full") { (3, 10) } else { (1, SPLITS) };
    let mut gap = 0.0;
    for (size, reference) in &REFERENCE[..sizes] {
        let mut results = Vec::new();
        for seed in 0..splits as u64 {
            let order = Random::new(100 + seed).permutation(GENOTYPES);
            let split = Split {
                test: order[..TEST].to_vec(),
                validation: order[TEST..TEST + VALIDATION].to_vec(),
                train: order[TEST + VALIDATION..TEST + VALIDATION + size].to_vec(),
            };
            if seed == 0 && *size == REFERENCE[0].0 {
                println!();
                dense(&y, &split.train)?;
            }
            results.push(compare(&y, &split, &mut gap)?);
        }
        let sets: Vec<usize> = results.iter().map(|(_, sets)| *sets).collect();
        println!("\n{:<28} {:>6}   R² of each split", format!("{size} training genotypes"), "R²");
        let mut means = [0.0; 4];
        let mut strange = None;
        for (row, name) in NAMES.iter().enumerate() {
            let each: Vec<f64> = results.iter().map(|(scores, _)| scores[row]).collect();
            means[row] = mean(&each);
            // Three standard errors of the difference of two means over splits.
            let variance = each.iter().map(|r| (r - means[row]).powi(2)).sum::<f64>() / (each.len() - 1) as f64;
            let allowed = 3.0 * (variance * (1.0 / splits as f64 + 1.0 / SPLITS as f64)).sqrt();
            let known = if file.is_some() {
                format!("   reference {:.3} ± {allowed:.3}", reference[row])
            } else {
                String::new()
            };
            println!("{name:<28} {:>6.3}   {each:.3?}{known}", means[row]);
            if file.is_some() && (means[row] - reference[row]).abs() > allowed {
                strange = Some(*name);
            }
        }
        println!("sets of sites in the joint model: {sets:?} of 1092");
        let [joint, separate, pairs, sites] = means;
        if file.is_some() {
            check(
                strange.is_none(),
                format!("within three standard errors of the references {}", strange.unwrap_or("")),
            )?;
        }
        check(joint >= separate, format!("{size} genotypes: joint R² {joint:.3}, separate {separate:.3}"))?;
        check(
            separate >= pairs + 0.05,
            format!("separate R² {separate:.3}, ridge on pairs {pairs:.3}, on sites {sites:.3}"),
        )?;
    }
    println!();
    if file.is_some() {
        check(held == [5, 17, 57], format!("coefficients that hold 80, 90, 95 %: {held:?}, expected 5, 17, 57"))?;
    }
    check(gap <= 1e-6, format!("largest relative gap: {gap:.1e}"))
}
