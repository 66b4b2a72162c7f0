//! Several measurements of one support: when is it found? A is 20×64, k rows of W are Gaussian, Y = AW without noise. The
//! ℓ2,1 norm and simultaneous OMP against the number of measurements L, and the control: L copies of one measurement.
//!
//! The rates are held against those of another program, from 40 trials with other random numbers: within three standard
//! errors of the difference of two shares, one of which is from the trials made here. With the feature `plot` they are drawn,
//! into the folder or into target/pictures.
//!
//! cargo run --release --features plot --example mmv_phase -- [folder] [--full]

mod support;

use ndarray::{Array2, s};
use sparsereg::prelude::*;
use support::{Outcome, Random, check};

const MEASUREMENTS: [usize; 5] = [1, 2, 4, 8, 16];
/// k, and the shares for the ℓ2,1 norm by another program (proximal gradient, 40 trials).
const REFERENCE: [(usize, [f64; 5]); 3] =
    [(7, [0.38, 0.88, 0.98, 1.0, 1.0]), (9, [0.10, 0.40, 0.85, 1.0, 1.0]), (11, [0.0, 0.0, 0.45, 0.90, 1.0])];
const REFERENCE_TRIALS: f64 = 40.0;

/// Three standard errors of the difference of two shares of one probability. One hit and one failure more than were seen, or
/// shares of 0 and 1 would be known without error.
fn tolerance(share: f64, trials: f64, reference: f64) -> f64 {
    let p = (share * trials + reference * REFERENCE_TRIALS + 1.0) / (trials + REFERENCE_TRIALS + 2.0);
    3.0 * (p * (1.0 - p) * (1.0 / trials + 1.0 / REFERENCE_TRIALS)).sqrt()
}

/// The k rows with the largest norms are those of the truth.
fn found(model: &impl Model, truth: &[usize]) -> bool {
    let w = model.coefficient_matrix();
    let mut order: Vec<usize> = (0..w.nrows()).collect();
    let norm = |j: usize| w.row(j).dot(&w.row(j));
    order.sort_by(|&a, &b| norm(b).total_cmp(&norm(a)));
    let mut top = order[..truth.len()].to_vec();
    top.sort_unstable();
    top == truth
}

/// Whether either method finds the rows.
fn recover(a: &Array2<f64>, y: &Array2<f64>, truth: &[usize]) -> Outcome<[bool; 2]> {
    let joint = MultiTaskLasso::default().intercept(false);
    let lambda = 1e-3 * joint.lambda_max(a, y)?;
    let convex = joint.with_lambda(lambda).tolerance(1e-7).fit(a, y)?;
    let greedy = OrthogonalMatchingPursuit::new(truth.len()).intercept(false).fit(a, y)?;
    Ok([found(&convex, truth), found(&greedy, truth)])
}

fn main() -> Outcome {
    let full = std::env::args().any(|a| a == "--full");
    let trials = if full { 40 } else { 10 };
    println!("20 × 64 Gaussian columns of norm 1, {trials} trials (--full: 40): share of supports found\n");
    println!(
        "  {:>3} {:>14}  {}  8 copies of one",
        "k",
        "",
        MEASUREMENTS.map(|l| format!("{:>7}", format!("L={l}"))).concat()
    );
    let mut rates = Vec::new();
    for (k, reference) in REFERENCE {
        let mut hits = [[0usize; 6]; 2];
        let mut copies_differ = 0;
        for trial in 0..trials {
            let mut random = Random::new(1000 * k as u64 + trial);
            let mut a = random.normals(20, 64);
            a.columns_mut().into_iter().for_each(|mut c| c /= c.dot(&c).sqrt());
            let mut truth = random.permutation(64)[..k].to_vec();
            truth.sort_unstable();
            let mut w = Array2::zeros((64, 16));
            truth.iter().for_each(|&j| w.row_mut(j).iter_mut().for_each(|w| *w = random.normal()));
            let mut single = [false; 2];
            for (at, &l) in MEASUREMENTS.iter().enumerate() {
                let outcome = recover(&a, &a.dot(&w.slice(s![.., ..l])), &truth)?;
                (0..2).for_each(|m| hits[m][at] += usize::from(outcome[m]));
                if l == 1 {
                    single = outcome;
                }
            }
            let one = a.dot(&w.slice(s![.., ..1]));
            let copies = Array2::from_shape_fn((20, 8), |(i, _)| one[[i, 0]]);
            let outcome = recover(&a, &copies, &truth)?;
            (0..2).for_each(|m| hits[m][5] += usize::from(outcome[m]));
            copies_differ += usize::from(outcome != single);
        }
        let rate = hits.map(|h| h.map(|h| h as f64 / trials as f64));
        for (name, rate) in ["ℓ2,1 norm", "greedy (OMP)"].iter().zip(&rate) {
            let cells: String = rate[..5].iter().map(|r| format!("{r:>7.2}")).collect();
            println!("  {k:>3} {name:>14}  {cells}  {:>7.2}", rate[5]);
        }
        let cells: String = reference.iter().map(|r| format!("{r:>7.2}")).collect();
        println!("  {k:>3} {:>14}  {cells}  {:>7.2}", "(ref. ℓ2,1)", reference[0]);
        rates.push((rate, copies_differ));
    }
    println!();
    #[cfg(feature = "plot")]
    {
        let shares = Array2::from_shape_fn((3, 5), |(i, j)| rates[i].0[0][j]);
        let (rows, columns) = (REFERENCE.map(|r| r.0 as f64), MEASUREMENTS.map(|l| l as f64));
        let svg = sparsereg::plot::phase_diagram(("measurements", &columns), ("rows k", &rows), shares.view())?;
        support::picture("mmv_phase", &svg)?;
    }
    for ((k, reference), (rate, _)) in REFERENCE.iter().zip(&rates) {
        for ((l, reference), share) in MEASUREMENTS.iter().zip(reference).zip(rate[0]) {
            let allowed = tolerance(share, trials as f64, *reference);
            if (share - reference).abs() > allowed {
                return Err(format!("k {k}, L {l}: {share:.2} is not {reference:.2} ± {allowed:.2}").into());
            }
        }
    }
    check(true, "every share of the ℓ2,1 norm is within three standard errors of its reference")?;
    check(rates.iter().all(|r| r.1 == 0), "copies of one measurement find what one does: rank counts, not L")?;
    check(rates.iter().all(|(r, _)| r[0][4] >= 0.9), "16 measurements find at least 90 % at every k")?;
    check(rates[1].0[0][3] >= rates[1].0[0][0] + 0.5, "8 measurements find 9 rows where one does not")?;
    check(
        rates.iter().all(|(r, _)| r[0][..5].windows(2).all(|w| w[1] >= w[0])),
        "at no k does the ℓ2,1 norm find less with more measurements",
    )
}
