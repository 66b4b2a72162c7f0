//! Categories as groups: 60 positions of DNA, each one of four letters, one-hot coded as a group of four columns.
//! Which positions tell a splice junction (EI or IE) from other sequences (N)?
//!
//! This is least squares on 0/1 labels, a linear classifier, not a model of probabilities.
//!
//! cargo run --release --example group_lasso

mod support;

use std::collections::HashSet;

use ndarray::{Array1, Array2, Axis};
use sparsereg::prelude::*;
use support::{Outcome, Random, check, read_csv};

const POSITIONS: usize = 60;
const TRAIN: usize = 800;

fn main() -> Outcome {
    // Repeated sequences would stand in the training and in the test part: keep the first of each.
    let (_, rows) = read_csv("splice.csv")?;
    let mut seen = HashSet::new();
    let rows: Vec<_> = rows.iter().filter(|row| seen.insert(&row[0])).collect();
    let x = Array2::from_shape_fn((rows.len(), 4 * POSITIONS), |(i, j)| {
        // Ambiguity codes are none of the four letters: all zero.
        f64::from(u8::from(rows[i][0].as_bytes()[j / 4] == b"ACGT"[j % 4]))
    });
    let y = Array1::from_shape_fn(rows.len(), |i| f64::from(u8::from(rows[i][1] != "N")));
    let order = Random::new(1).permutation(rows.len());
    let part = |rows: &[usize]| (x.select(Axis(0), rows), y.select(Axis(0), rows));
    let ((x_train, y_train), (x_test, y_test)) = (part(&order[..TRAIN]), part(&order[TRAIN..]));
    println!("{} distinct sequences, {TRAIN} for training, {} for testing", rows.len(), y_test.len());

    let groups = Groups::from_sizes(&[4; POSITIONS])?;
    let path = GroupLasso::new(0.0, groups).path(&x_train, &y_train, Grid::auto(60).ratio(0.05))?;
    let lambda_max = path.lambdas()[0];

    // The junction lies between positions 30 and 31 (counted from 1).
    let mut entered: Vec<usize> = Vec::new();
    println!("\n{:>9} {:>9} {:>9} {:>10}  positions that enter", "λ/λ_max", "positions", "accuracy", "rel. gap");
    let (mut best, mut worst) = (0.0f64, 0.0f64);
    let mut partly = false;
    for (k, model) in path.models().iter().enumerate() {
        let w = model.coefficients();
        let active: Vec<usize> =
            (0..POSITIONS).filter(|g| (4 * g..4 * g + 4).any(|j| w[j] != 0.0)).map(|g| g + 1).collect();
        partly |= w.exact_chunks(4).into_iter().any(|g| (1..4).contains(&g.iter().filter(|&&w| w != 0.0).count()));
        let new: Vec<usize> = active.iter().copied().filter(|g| !entered.contains(g)).collect();
        entered.extend(&new);
        let prediction = model.predict(&x_test)?;
        let right = prediction.iter().zip(&y_test).filter(|(p, y)| (**p > 0.5) == (**y > 0.5)).count();
        let accuracy = right as f64 / y_test.len() as f64;
        (best, worst) = (best.max(accuracy), worst.max(model.certificate().relative_gap()));
        if entered.len() <= 10 && !new.is_empty() || k % 10 == 9 {
            let gap = model.certificate().relative_gap();
            let shown = if entered.len() <= 10 { format!("{new:?}") } else { String::new() };
            println!(
                "{:>9.3} {:>9} {:>8.1}% {:>10.1e}  {shown}",
                model.lambda() / lambda_max,
                active.len(),
                100.0 * accuracy,
                gap
            );
        }
    }
    let share = y_test.mean().unwrap_or(f64::NAN);
    let majority = share.max(1.0 - share);
    println!("\nalways guessing the larger class: {:.1} %", 100.0 * majority);
    let mut first = entered[..4].to_vec();
    first.sort_unstable();
    check(first == [29, 30, 31, 32], format!("first to enter: {:?}, around the junction", &entered[..4]))?;
    check(!partly, "no position is ever partly zero")?;
    check(best > 0.9, format!("best test accuracy on the path {:.1} %", 100.0 * best))?;
    check(worst <= 1e-6, format!("largest relative gap: {worst:.1e}"))
}
