//! Where in the brain is the activity? 61 EEG electrodes, 262 possible sources with three orientations each, 20 samples
//! in time. The joint fit asks for few sources that stay the same over time: Ω(W) = Σ_s ω_s ‖W_s‖_F over 3 × 20 blocks
//! (the mixed-norm estimate of Gramfort, Kowalski, Hämäläinen 2012). Compared with fits of a single instant.
//!
//! cargo run --release --example multi_task

mod support;

use std::f64::consts::TAU;

use ndarray::{Array2, Axis, s};
use sparsereg::{partition::Partition, penalty::GroupL2, prelude::*};
use support::{Outcome, Random, check, mean, median, read_numbers};

const SAMPLES: usize = 20;
const SEEDS: u64 = 15;
/// λ as a share of λ_max, the same for all methods.
const SHARE: f64 = 0.3;

fn distance(place: &Array2<f64>, a: usize, b: usize) -> f64 {
    (&place.row(a) - &place.row(b)).mapv(|d| d * d).sum().sqrt()
}

/// The two strongest sources at least 30 mm apart; their mean distance in mm to the true two, matched as well as possible.
fn error(w: &Array2<f64>, truth: [usize; 2], place: &Array2<f64>) -> f64 {
    let power: Vec<f64> = w.axis_chunks_iter(Axis(0), 3).map(|b| b.iter().map(|w| w * w).sum()).collect();
    let mut order: Vec<usize> = (0..power.len()).filter(|&s| power[s] > 0.0).collect();
    order.sort_by(|&a, &b| power[b].total_cmp(&power[a]));
    let first = order[0];
    // A fit with a single source is charged for the second one.
    let second = order.into_iter().find(|&s| distance(place, first, s) >= 30.0).unwrap_or(first);
    let d = |a, b| distance(place, a, b);
    let straight = d(first, truth[0]) + d(second, truth[1]);
    straight.min(d(first, truth[1]) + d(second, truth[0])) / 2.0
}

fn main() -> Outcome {
    let (_, lead) = read_numbers("eeg_leadfield_sphere.csv", 1)?;
    let (_, place) = read_numbers("eeg_leadfield_sources.csv", 1)?;
    let (electrodes, sources) = (lead.nrows(), place.nrows());
    println!("{electrodes} electrodes, {sources} sources × 3 orientations, {SAMPLES} samples, two active sources");
    println!("signal power = 5 × noise power, λ = {SHARE} λ_max, {SEEDS} data sets\n");

    // Deep sources reach the electrodes weakly: ω_s = ‖X_s‖_F makes the penalty fair.
    let norm = |block: ndarray::ArrayView2<'_, f64>| block.iter().map(|v| v * v).sum::<f64>().sqrt();
    let block_norms: Vec<f64> = lead.axis_chunks_iter(Axis(1), 3).map(norm).collect();
    let column_norms: Vec<f64> = lead.axis_chunks_iter(Axis(1), 1).map(norm).collect();
    let blocks = GroupL2::new(Partition::from_sizes(&vec![3; sources])?).with_weights(block_norms)?;
    let joint = Penalized::new(0.0, blocks).multi_response().intercept(false);
    let lasso = Lasso::default().weights(column_norms).intercept(false);

    let mut errors = [Vec::new(), Vec::new(), Vec::new()];
    let mut worst = 0.0f64;
    for seed in 0..SEEDS {
        let mut random = Random::new(100 + seed);
        let truth = loop {
            let pair = [random.index(sources), random.index(sources)];
            if distance(&place, pair[0], pair[1]) >= 40.0 {
                break pair;
            }
        };
        // A fixed orientation and an oscillation of its own for each source.
        let mut w = Array2::zeros((3 * sources, SAMPLES));
        for s in truth {
            let (frequency, phase) = (0.5 + 2.0 * random.uniform(), random.uniform());
            let orientation = random.normals(3, 1);
            let length = orientation.mapv(|v| v * v).sum().sqrt();
            for t in 0..SAMPLES {
                let a = (TAU * (frequency * t as f64 / SAMPLES as f64 + phase)).sin() / length;
                w.slice_mut(s![3 * s..3 * s + 3, t]).assign(&(&orientation.column(0) * a));
            }
        }
        let signal = lead.dot(&w);
        let noise = random.normals(electrodes, SAMPLES);
        let power = |m: &Array2<f64>| m.iter().map(|v| v * v).sum::<f64>();
        let y = &signal + &(&noise * (power(&signal) / power(&noise) / 5.0).sqrt());

        let instant = (0..SAMPLES)
            .max_by(|&a, &b| y.column(a).dot(&y.column(a)).total_cmp(&y.column(b).dot(&y.column(b))))
            .unwrap_or(0);
        let (now, now_matrix) = (y.column(instant), y.slice(s![.., instant..=instant]));
        let all = joint.with_lambda(SHARE * joint.lambda_max(&lead, &y)?).fit(&lead, &y)?;
        let one = joint.with_lambda(SHARE * joint.lambda_max(&lead, &now_matrix)?).fit(&lead, &now_matrix)?;
        let plain = lasso.with_lambda(SHARE * lasso.lambda_max(&lead, &now)?).fit(&lead, &now)?;
        if seed == 0 {
            println!("first data set, joint fit: {}", all.certificate());
            println!("active sources: {} of {sources}\n", all.support().len() / 3);
        }
        for (k, (w, c)) in [
            (all.coefficient_matrix(), all.certificate()),
            (one.coefficient_matrix(), one.certificate()),
            (plain.coefficient_matrix(), plain.certificate()),
        ]
        .iter()
        .enumerate()
        {
            errors[k].push(error(w, truth, &place));
            worst = worst.max(c.relative_gap());
        }
    }
    println!("{:<46} {:>9} {:>9}", "distance to the true sources, mm", "median", "mean");
    let names = [
        "all samples, orientations grouped (joint)",
        "strongest instant, orientations grouped",
        "strongest instant, lasso",
    ];
    for (name, errors) in names.iter().zip(&errors) {
        println!("{name:<46} {:>9.1} {:>9.1}", median(errors), mean(errors));
    }
    let (joint, lasso) = (median(&errors[0]), median(&errors[2]));
    check(
        joint < 0.7 * lasso,
        format!("median error of the joint fit is {:.0} % of the lasso's", 100.0 * joint / lasso),
    )?;
    check(worst <= 1e-6, format!("largest relative gap: {worst:.1e}"))
}
