//! How something spreads over a road graph: Y = XKᵀ + noise, K local and not negative. 60 neighbouring crossings of Minnesota, T pairs
//! of snapshots; each row of K is a non-negative lasso of its own, all in parallel. Compared with least squares (of the
//! smallest norm, where there are fewer pairs than crossings).
//!
//! cargo run --release --example diffusion_kernel -- --full

mod support;

use std::collections::{BTreeSet, VecDeque};

use ndarray::{Array1, Array2};
use rayon::prelude::*;
use sparsereg::prelude::*;
use support::{Outcome, Random, check, read_csv};

const NODES: usize = 60;
/// Pairs, noise, and relative errors of least squares and the non-negative lasso by another program, on another draw of K.
const REFERENCE: [(usize, f64, [f64; 2]); 6] = [
    (40, 0.05, [0.56, 0.03]),
    (40, 0.3, [0.72, 0.19]),
    (80, 0.05, [0.09, 0.02]),
    (80, 0.3, [0.52, 0.12]),
    (160, 0.05, [0.04, 0.01]),
    (160, 0.3, [0.24, 0.08]),
];

/// The first nodes that a breadth-first search from node 1000 meets, and the edges between them.
fn piece() -> Outcome<Vec<(usize, usize)>> {
    let (_, rows) = read_csv("minnesota_edges.csv")?;
    let mut neighbours: Vec<BTreeSet<usize>> = Vec::new();
    for row in rows {
        let (i, j): (usize, usize) = (row[0].parse()?, row[1].parse()?);
        neighbours.resize(neighbours.len().max(i.max(j) + 1), BTreeSet::new());
        neighbours[i].insert(j);
        neighbours[j].insert(i);
    }
    let (mut nodes, mut queue) = (vec![1000], VecDeque::from([1000]));
    while let Some(node) = queue.pop_front() {
        for &next in &neighbours[node] {
            if nodes.len() < NODES && !nodes.contains(&next) {
                nodes.push(next);
                queue.push_back(next);
            }
        }
    }
    let place = |node: usize| nodes.iter().position(|&n| n == node);
    let edges = nodes.iter().enumerate().flat_map(|(a, node)| {
        neighbours[*node].iter().filter_map(move |&n| place(n)).map(move |b| (a, b)).collect::<Vec<_>>()
    });
    Ok(edges.collect())
}

/// Solves a positive definite system (Cholesky).
fn solve(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    let mut l = Array2::<f64>::zeros((n, n));
    for j in 0..n {
        for i in j..n {
            let sum: f64 = (0..j).map(|k| l[[i, k]] * l[[j, k]]).sum();
            l[[i, j]] = if i == j { (a[[j, j]] - sum).sqrt() } else { (a[[i, j]] - sum) / l[[j, j]] };
        }
    }
    let mut x = b.clone();
    for mut column in x.columns_mut() {
        for i in 0..n {
            let sum: f64 = (0..i).map(|k| l[[i, k]] * column[k]).sum();
            column[i] = (column[i] - sum) / l[[i, i]];
        }
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n).map(|k| l[[k, i]] * column[k]).sum();
            column[i] = (column[i] - sum) / l[[i, i]];
        }
    }
    x
}

/// Kᵀ by least squares.
fn least_squares(x: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> {
    if x.nrows() < x.ncols() { x.t().dot(&solve(&x.dot(&x.t()), y)) } else { solve(&x.t().dot(x), &x.t().dot(y)) }
}

/// ‖K̂ − K‖/‖K‖, and the share of true edges among the as many strongest entries off the diagonal.
fn judge(found: &Array2<f64>, truth: &Array2<f64>) -> (f64, f64) {
    let norm = |k: &Array2<f64>| k.iter().map(|v| v * v).sum::<f64>().sqrt();
    let mut entries: Vec<(usize, usize)> =
        found.indexed_iter().map(|(at, _)| at).filter(|(i, j)| i != j && found[[*i, *j]] != 0.0).collect();
    entries.sort_by(|&a, &b| found[b].abs().total_cmp(&found[a].abs()));
    let edges = truth.indexed_iter().filter(|((i, j), v)| i != j && **v > 0.0).count();
    let hits = entries.iter().take(edges).filter(|&&at| truth[at] > 0.0).count();
    (norm(&(found - truth)) / norm(truth), hits as f64 / edges as f64)
}

fn main() -> Outcome {
    let full = std::env::args().any(|a| a == "--full");
    let edges = piece()?;
    let mut random = Random::new(40);
    // Column j of the transpose is row j of K: what node j takes from its neighbours.
    let mut kernel = Array2::<f64>::zeros((NODES, NODES));
    edges.iter().for_each(|&(a, b)| kernel[[b, a]] = 0.2 + random.uniform());
    for (j, mut column) in kernel.columns_mut().into_iter().enumerate() {
        let sum = column.sum();
        column *= 0.5 / sum;
        column[j] = 0.45;
    }
    println!("{NODES} crossings, {} directed edges; K = 0.45 I + 0.5 (random weights, rows of sum 1)\n", edges.len());
    println!(
        "  {:>4} {:>6} {:>22} {:>17} {:>22}",
        "T", "noise", "error LS / lasso", "(reference)", "edges F1 LS / lasso"
    );
    let settings = if full { 6 } else { 4 };
    let mut few = Vec::new();
    let (mut better, mut known) = (true, true);
    for &(t, noise, reference) in &REFERENCE[..settings] {
        let x = random.normals(t, NODES);
        let clean = x.dot(&kernel);
        let sd = (clean.iter().map(|v| v * v).sum::<f64>() / clean.len() as f64).sqrt();
        let y = &clean + &(noise * sd * random.normals(t, NODES));
        let plain = least_squares(&x, &y);
        let columns: Vec<Array1<f64>> = (0..NODES)
            .into_par_iter()
            .map(|j| {
                let lasso = Lasso::default().nonnegative(true).intercept(false);
                let grid = Grid::auto(25).ratio(0.003);
                let cv = lasso.cross_validate_on(&x, &y.column(j), &KFold::new(5).seed(j as u64), grid)?;
                Ok(cv.best().coefficients().to_owned())
            })
            .collect::<Result<_, Error>>()?;
        let mut sparse = Array2::zeros((NODES, NODES));
        columns.iter().enumerate().for_each(|(j, w)| sparse.column_mut(j).assign(w));
        let (a, b) = (judge(&plain, &kernel), judge(&sparse, &kernel));
        println!(
            "  {t:>4} {:>5.0}% {:>13.3} / {:<6.3} {:>10.2} / {:<4.2} {:>13.2} / {:<6.2}",
            100.0 * noise,
            a.0,
            b.0,
            reference[0],
            reference[1],
            a.1,
            b.1
        );
        better &= b.0 < 0.6 * a.0;
        known &= b.0 < 1.5 * reference[1] + 0.005;
        if t < NODES && noise < 0.1 {
            few = vec![a.1, b.1, b.0];
        }
    }
    println!();
    check(better, "the lasso's error is below 60 % of that of least squares everywhere")?;
    check(known, "and at most half as much again as the reference, which is rounded to two places")?;
    check(
        few[1] > 0.97 && few[2] < 0.1,
        "with 40 pairs for 60 crossings and 5 % noise it finds the edges: F1 1.00 in the reference",
    )?;
    check(few[1] > few[0] + 0.1, "which least squares do not: 0.81 in the reference")
}
