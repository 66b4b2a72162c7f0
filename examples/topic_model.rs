//! Few topics, few key words of each: 20 topics of 30 words and 40 words of none; a document has 4 key words of each of two
//! topics. Its word weights (not negative) are recovered from 80 noisy readings by the lasso, the group lasso and both
//! together, the sparse group lasso; λ by 80 readings for validation. That the weights are not negative is
//! worth as much: with it the lasso finds as many key words.
//!
//! cargo run --release --example topic_model -- --full

mod support;

use ndarray::{Array1, Array2};
use sparsereg::prelude::*;
use support::{Outcome, Random, check, mean};

const TOPICS: usize = 20;
const WORDS: usize = 30;
const SHARED: usize = 40;
const KEYS: usize = 4;

/// Share of the truth among the strongest as many.
fn f1(strength: &[f64], truth: &[usize]) -> f64 {
    let mut order: Vec<usize> = (0..strength.len()).filter(|&j| strength[j] > 0.0).collect();
    order.sort_by(|&a, &b| strength[b].total_cmp(&strength[a]));
    let hits = order.iter().take(truth.len()).filter(|j| truth.contains(j)).count();
    hits as f64 / truth.len() as f64
}

/// Error, F1 of words and F1 of topics of the model of the path that predicts the validation readings best.
fn judge(
    path: &Path<LinearModel>,
    x: &Array2<f64>,
    y: &Array1<f64>,
    w: &Array1<f64>,
    topics: &[usize],
) -> Outcome<[f64; 3]> {
    let mut best: Option<(f64, &LinearModel)> = None;
    for model in path.models() {
        let error = (model.predict(x)? - y).mapv(|d| d * d).sum();
        if best.is_none_or(|(least, _)| error < least) {
            best = Some((error, model));
        }
    }
    let (_, model) = best.ok_or("an empty path")?;
    let found = model.coefficients().to_owned();
    let words: Vec<usize> = (0..w.len()).filter(|&j| w[j] > 0.0).collect();
    let strength: Vec<f64> = found.iter().map(|w| w.abs()).collect();
    let by_topic: Vec<f64> =
        strength[..TOPICS * WORDS].chunks(WORDS).map(|t| t.iter().map(|w| w * w).sum::<f64>()).collect();
    let error = (&found - w).mapv(|d| d * d).sum().sqrt() / w.dot(w).sqrt();
    Ok([error, f1(&strength, &words), f1(&by_topic, topics)])
}

fn main() -> Outcome {
    let full = std::env::args().any(|a| a == "--full");
    let seeds = if full { 20 } else { 6 };
    let p = TOPICS * WORDS + SHARED;
    let sizes: Vec<usize> = [vec![WORDS; TOPICS], vec![1; SHARED]].concat();
    let groups = Groups::from_sizes(&sizes)?;
    println!("{p} words, {} readings, {seeds} documents (--full: 20), signal power = 4 × noise power\n", 80);
    let mut all: [[Vec<f64>; 3]; 6] = Default::default();
    let mut gap = 0.0f64;
    for seed in 0..seeds {
        let mut random = Random::new(50 + seed);
        let topics = random.permutation(TOPICS)[..2].to_vec();
        let mut w = Array1::zeros(p);
        for &t in &topics {
            random.permutation(WORDS)[..KEYS].to_vec().iter().for_each(|&i| w[t * WORDS + i] = 0.5 + random.uniform());
        }
        let x = random.normals(160, p);
        let clean = x.dot(&w);
        let noise = 0.5 * (clean.dot(&clean) / 160.0).sqrt();
        let y = clean.mapv(|v| v + noise * random.normal());
        let (train, test) = x.view().split_at(ndarray::Axis(0), 80);
        let (train_y, test_y) = y.view().split_at(ndarray::Axis(0), 80);
        let (test, test_y) = (test.to_owned(), test_y.to_owned());
        let grid = || Grid::auto(40).ratio(0.02);
        let paths = [
            Lasso::default().path(&train, &train_y, grid())?,
            GroupLasso::new(0.0, groups.clone()).path(&train, &train_y, grid())?,
            SparseGroupLasso::new(0.0, 0.6, groups.clone()).path(&train, &train_y, grid())?,
            Lasso::default().nonnegative(true).path(&train, &train_y, grid())?,
            GroupLasso::new(0.0, groups.clone()).nonnegative(true).path(&train, &train_y, grid())?,
            SparseGroupLasso::new(0.0, 0.6, groups.clone()).nonnegative(true).path(&train, &train_y, grid())?,
        ];
        for (path, all) in paths.iter().zip(&mut all) {
            judge(path, &test, &test_y, &w, &topics)?.iter().zip(all).for_each(|(value, all)| all.push(*value));
            gap = path.models().iter().map(|m| m.certificate().relative_gap()).fold(gap, f64::max);
        }
    }
    println!("  {:<26} {:>8} {:>9} {:>10}", "", "error", "words F1", "topics F1");
    let table = all.map(|row| row.map(|values| mean(&values)));
    let names = [
        "lasso",
        "group lasso",
        "sparse group lasso",
        "lasso, w ≥ 0",
        "group lasso, w ≥ 0",
        "sparse group lasso, w ≥ 0",
    ];
    for (name, row) in names.iter().zip(&table) {
        println!("  {name:<26} {:>8.3} {:>9.3} {:>10.3}", row[0], row[1], row[2]);
    }
    let [lasso, group, both, ..] = table;
    for (label, [lasso, group, both]) in
        [("any sign", [table[0], table[1], table[2]]), ("w ≥ 0", [table[3], table[4], table[5]])]
    {
        check(
            both[1] > lasso[1].max(group[1]),
            format!("{label}: better key words, F1 {:.3}, lasso {:.3}, group lasso {:.3}", both[1], lasso[1], group[1]),
        )?;
        // Not better: with 80 readings two topics of twenty are found by all three.
        check(
            both[2] >= lasso[2].max(group[2]),
            format!("{label}: topics no worse, F1 {:.3}, {:.3}, {:.3}", both[2], lasso[2], group[2]),
        )?;
    }
    check(
        both[0] < group[0],
        "closer than the group lasso (not always closer than the lasso: over 20 documents it is not)",
    )?;
    check(
        table[3][0] < lasso[0] && table[4][0] < group[0] && table[5][0] < both[0],
        "and a sign that is known helps each",
    )?;
    check(gap <= 1e-6, format!("largest relative gap {gap:.1e}"))
}
