//! Which gene regulates which, from a few samples under each of five conditions? Every gene is explained by all others; the
//! joint fit has a design for each condition and asks that a regulator acts under all of them or none, with coefficients
//! that may differ. An edge is as credible as the largest λ at which it is in (of its two directions), and the ranking
//! is judged by its average precision against the edges of the DREAM4 network 1.
//!
//! If effects are the same under all conditions, pooling the samples is as good. If they change sign, pooling them is
//! worse than anything, and the joint fit is the best.
//!
//! cargo run --release --example regulators -- [--full]

mod support;

use ndarray::{Array1, Array2, Axis, concatenate};
use sparsereg::prelude::*;
use support::{Outcome, Random, check, mean, read_csv};

const GENES: usize = 100;
const CONDITIONS: usize = 5;
const POINTS: usize = 12;

/// Average precision of joint, separate and pooled fits by another program, on other draws (2 seeds).
fn reference(n: usize, signs_differ: bool) -> &'static str {
    match (n, signs_differ) {
        (30, false) => "0.690, 0.560, 0.693",
        (60, false) => "0.761, 0.658, 0.759",
        (30, true) => "0.824, 0.571, 0.236",
        _ => "-",
    }
}

/// The (target, regulator) pairs of the network.
fn network() -> Outcome<Vec<(usize, usize)>> {
    let (_, rows) = read_csv("dream4_size100_net1_edges.csv")?;
    let gene = |cell: &str| -> Outcome<usize> { Ok(cell.trim_start_matches('G').parse::<usize>()? - 1) };
    rows.iter().map(|row| Ok((gene(&row[1])?, gene(&row[0])?))).collect()
}

/// Samples × genes for each condition, columns with mean 0 and variance 1: `x = Bx + noise`.
fn simulate(seed: u64, edges: &[(usize, usize)], n: usize, signs_differ: bool) -> Vec<Array2<f64>> {
    let mut random = Random::new(seed);
    let mut in_degree = [0usize; GENES];
    edges.iter().for_each(|(target, _)| in_degree[*target] += 1);
    let base: Vec<f64> = edges.iter().map(|_| if random.uniform() < 0.5 { 1.0 } else { -1.0 }).collect();
    let one = |random: &mut Random| {
        let strengths: Vec<f64> = (edges.iter().zip(&base))
            .map(|((target, _), sign)| {
                let sign = if signs_differ && random.uniform() < 0.5 { -sign } else { *sign };
                sign * (0.5 + 0.4 * random.uniform()) / (in_degree[*target] as f64).sqrt()
            })
            .collect();
        let noise = random.normals(n, GENES);
        let mut x = noise.clone();
        // Signals travel along the edges until nothing changes; loops damp them.
        for _ in 0..60 {
            let mut next = noise.clone();
            for ((target, regulator), strength) in edges.iter().zip(&strengths) {
                let flow = x.column(*regulator).to_owned() * *strength;
                let mut column = next.column_mut(*target);
                column += &flow;
            }
            x = next;
        }
        for mut column in x.columns_mut() {
            let mean = column.sum() / n as f64;
            let sd = (column.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n as f64).sqrt();
            column.mapv_inplace(|v| (v - mean) / sd);
        }
        x
    };
    (0..CONDITIONS).map(|_| one(&mut random)).collect()
}

/// The other genes as a design, the gene as the response.
fn of_gene(x: &Array2<f64>, gene: usize) -> (Array2<f64>, Array1<f64>) {
    let others: Vec<usize> = (0..GENES).filter(|&j| j != gene).collect();
    (x.select(Axis(1), &others), x.column(gene).to_owned())
}

/// The larger of the scores of both directions.
fn undirected(scores: &Array2<f64>) -> Vec<((usize, usize), f64)> {
    let pairs = (0..GENES).flat_map(|a| (0..a).map(move |b| (a, b)));
    pairs.map(|(a, b)| ((a, b), scores[[a, b]].max(scores[[b, a]]))).collect()
}

/// Area under the curve of precision against recall; pairs of one score share their places.
fn average_precision(scores: &Array2<f64>, edges: &[(usize, usize)]) -> f64 {
    let truth = |(a, b): (usize, usize)| edges.iter().any(|&(c, d)| (c, d) == (a, b) || (d, c) == (a, b));
    let mut ranked = undirected(scores);
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let total = ranked.iter().filter(|(pair, _)| truth(*pair)).count() as f64;
    let (mut found, mut seen, mut sum) = (0.0, 0.0, 0.0);
    for tied in ranked.chunk_by(|a, b| a.1 == b.1) {
        let right = tied.iter().filter(|(pair, _)| truth(*pair)).count() as f64;
        found += right;
        seen += tied.len() as f64;
        sum += right / total * (found / seen);
    }
    sum
}

/// Writes the λs at which the regulators of a gene enter.
fn enter(scores: &mut Array2<f64>, gene: usize, order: &[(usize, f64)]) {
    for &(j, lambda) in order {
        let regulator = if j < gene { j } else { j + 1 };
        scores[[gene, regulator]] = scores[[gene, regulator]].max(lambda);
    }
}

/// Average precision of joint, separate and pooled fits.
fn compare(data: &[Array2<f64>], edges: &[(usize, usize)]) -> Outcome<[f64; 3]> {
    let grid = || Grid::auto(POINTS).ratio(0.08);
    let mut scores: [Array2<f64>; 3] = std::array::from_fn(|_| Array2::zeros((GENES, GENES)));
    for gene in 0..GENES {
        let parts: Vec<(Array2<f64>, Array1<f64>)> = data.iter().map(|x| of_gene(x, gene)).collect();
        let mut tasks = Tasks::new();
        for (condition, (x, y)) in parts.iter().enumerate() {
            tasks = tasks.task(format!("condition {condition}"), x, y)?;
        }
        let joint = MultiTaskLasso::default().intercept(false).tolerance(1e-4).path_tasks(&tasks, grid())?;
        enter(&mut scores[0], gene, &joint.entry_order());
        let lasso = Lasso::default().intercept(false).tolerance(1e-4);
        for (x, y) in &parts {
            enter(&mut scores[1], gene, &lasso.path(x, y, grid())?.entry_order());
        }
        let x: Vec<_> = parts.iter().map(|(x, _)| x.view()).collect();
        let y: Vec<_> = parts.iter().map(|(_, y)| y.view()).collect();
        let pooled = lasso.path(&concatenate(Axis(0), &x)?, &concatenate(Axis(0), &y)?, grid())?;
        enter(&mut scores[2], gene, &pooled.entry_order());
    }
    Ok(scores.map(|scores| average_precision(&scores, edges)))
}

fn main() -> Outcome {
    let full = std::env::args().any(|a| a == "--full");
    let edges = network()?;
    let (sizes, seeds): (&[usize], u64) = if full { (&[30, 60, 120], 2) } else { (&[30], 1) };
    println!("{GENES} genes, {} edges, {CONDITIONS} conditions; average precision of undirected edges", edges.len());
    println!("(pairs in random order: 0.034)");
    println!("{:<22} {:>4} {:>8} {:>9} {:>8}   reference", "effects", "n", "joint", "separate", "pooled");
    for (label, signs_differ) in [("the same", false), ("differ in sign", true)] {
        for &n in sizes {
            let mut results: [Vec<f64>; 3] = Default::default();
            for seed in 0..seeds {
                let found = compare(&simulate(seed, &edges, n, signs_differ), &edges)?;
                results.iter_mut().zip(found).for_each(|(all, one)| all.push(one));
            }
            let [joint, separate, pooled] = results.map(|all| mean(&all));
            let known = reference(n, signs_differ);
            println!("{label:<22} {n:>4} {joint:>8.3} {separate:>9.3} {pooled:>8.3}   {known}");
            check(joint > separate + 0.05, "the joint ranking is better than that of separate fits")?;
            if signs_differ {
                check(joint > pooled + 0.2, "and much better than that of pooled samples")?;
            } else {
                check(pooled > joint - 0.1, "pooling the samples is as good where nothing differs")?;
            }
        }
    }
    Ok(())
}
