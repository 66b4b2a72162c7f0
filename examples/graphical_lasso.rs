//! Who talks to whom? Two networks from data: genes, where the true edges are known, and brain regions, where the left and
//! the right half of the same region should be linked.
//!
//! Genes: the wiring of a DREAM4 benchmark (100 genes, 169 pairs), made into a Gaussian law with random signs, and samples
//! drawn from it. Two ways to guess the wiring are compared along their thresholds: the graphical lasso, which asks for
//! dependence given all other genes, and the plain correlation of two genes, which links a gene with its grandparents and
//! siblings, too. F1 is the harmonic mean of precision (how many of the edges are true) and recall (how many of the true ones
//! are found).
//!
//! Brain: fMRI time series (250 volumes, 28 regions, nuisance columns dropped). The expected edges are those of independent
//! implementations.
//!
//! The program fails if its figures do. With the feature `plot` it draws both networks and paths:
//!
//! ```console
//! cargo run --release --features plot --example graphical_lasso -- pictures
//! ```

mod support;

use ndarray::{Array1, Array2};
use sparsereg::prelude::*;
use support::{Outcome, Random, centred, check, mean, read_csv, read_numbers};

fn main() -> Outcome {
    genes()?;
    brain()
}

// ------------------------------------------------------------------------------------------------------------- genes

/// How often wiring signs and samples are drawn anew.
const DRAWS: u64 = 5;

fn genes() -> Outcome {
    let (genes, truth) = wiring()?;
    println!("Genes: {genes} genes, {} true pairs of {}", truth.len(), genes * (genes - 1) / 2);
    for (n, margin) in [(50, 1.0), (100, 1.1), (300, 1.25)] {
        println!("\n{n} samples: the path of the first of {DRAWS} data sets");
        let (mut lasso, mut correlations) = (Vec::new(), Vec::new());
        for seed in 0..DRAWS {
            let mut random = Random::new(37 + seed);
            let s = correlation(&draw(&law(genes, &truth, &mut random), n, &mut random));
            let path = GraphicalLasso::default()
                .variable_names((1..=genes).map(|g| format!("G{g}")))
                .path_covariance(&s, Grid::auto(25).ratio(0.05))?;
            let scores: Vec<[f64; 3]> = path.models().iter().map(|m| score(m, &truth)).collect();
            let best = (0..scores.len()).fold(0, |best, k| if scores[k][2] > scores[best][2] { k } else { best });
            lasso.push(scores[best][2]);
            correlations.push(best_threshold(&s, &truth));
            if seed == 0 {
                println!("{:>8} {:>6} {:>10} {:>7} {:>5}", "λ", "edges", "precision", "recall", "F1");
                for (k, (model, [precision, recall, f1])) in path.models().iter().zip(&scores).enumerate() {
                    if k % 3 == 0 || k == best {
                        let mark = if k == best { "  best" } else { "" };
                        let (lambda, edges) = (model.lambda(), model.edge_count());
                        println!("{lambda:>8.4} {edges:>6} {precision:>10.2} {recall:>7.2} {f1:>5.2}{mark}");
                    }
                }
                theorems(&s, &path)?;
                if n == 300 {
                    pictures("genes", &path.models()[best], &path, Some(&truth))?;
                }
            }
        }
        let (lasso, correlations) = (mean(&lasso), mean(&correlations));
        println!("mean best F1: graphical lasso {lasso:.3}, threshold of correlations {correlations:.3}");
        check(lasso > margin * correlations, format!("ratio {:.2} > {margin}", lasso / correlations))?;
    }
    println!();
    Ok(())
}

/// The number of genes, and the pairs that are wired in either direction.
fn wiring() -> Outcome<(usize, Vec<(usize, usize)>)> {
    let (_, rows) = read_csv("dream4_size100_net1_edges.csv")?;
    let gene = |cell: &str| -> Outcome<usize> {
        Ok(cell.strip_prefix('G').ok_or("not a gene")?.parse::<usize>()?.checked_sub(1).ok_or("genes count from 1")?)
    };
    let mut pairs = Vec::new();
    for row in &rows {
        let (i, j) = (gene(&row[0])?, gene(&row[1])?);
        pairs.push((i.min(j), i.max(j)));
    }
    pairs.sort_unstable();
    pairs.dedup();
    Ok((100, pairs))
}

/// The wiring A with random signs as a precision matrix, `A + (0.1 − λ_min(A)) I`, whose smallest eigenvalue is 0.1; its
/// Cholesky factor. Nearer to singular, dependence reaches further than one edge; with a diagonal that dominates, it does not,
/// and a threshold of correlations does as well as the graphical lasso. The shift 0.1 is a choice: with 0.3 the two are level
/// at n = 50.
fn law(p: usize, pairs: &[(usize, usize)], random: &mut Random) -> Array2<f64> {
    let mut theta = Array2::zeros((p, p));
    let mut degrees = vec![0.0; p];
    for &(i, j) in pairs {
        let sign = if random.uniform() < 0.5 { -1.0 } else { 1.0 };
        (theta[[i, j]], theta[[j, i]]) = (sign, sign);
        (degrees[i], degrees[j]) = (degrees[i] + 1.0, degrees[j] + 1.0);
    }
    // Power iteration for the largest eigenvalue of `cI − A`; c bounds those of A.
    let c = degrees.iter().copied().fold(0.0, f64::max);
    let mut v = Array1::from_shape_simple_fn(p, || random.normal());
    let mut largest = 0.0;
    for _ in 0..3000 {
        v /= v.dot(&v).sqrt();
        v = &v * c - theta.dot(&v);
        largest = v.dot(&v).sqrt();
    }
    theta.diag_mut().fill(0.1 + largest - c);
    cholesky(&theta)
}

/// L with `A = LLᵀ`.
fn cholesky(a: &Array2<f64>) -> Array2<f64> {
    let p = a.nrows();
    let mut l = Array2::<f64>::zeros((p, p));
    for j in 0..p {
        for i in j..p {
            let inner: f64 = (0..j).map(|k| l[[i, k]] * l[[j, k]]).sum();
            l[[i, j]] = if i == j { (a[[i, i]] - inner).sqrt() } else { (a[[i, j]] - inner) / l[[j, j]] };
        }
    }
    l
}

/// n samples of N(0, Θ⁻¹), Θ = LLᵀ: `x = L⁻ᵀz` for standard normal z.
fn draw(l: &Array2<f64>, n: usize, random: &mut Random) -> Array2<f64> {
    let mut x = random.normals(n, l.nrows());
    for mut row in x.rows_mut() {
        for j in (0..l.nrows()).rev() {
            let inner: f64 = (j + 1..l.nrows()).map(|k| l[[k, j]] * row[k]).sum();
            row[j] = (row[j] - inner) / l[[j, j]];
        }
    }
    x
}

fn correlation(samples: &Array2<f64>) -> Array2<f64> {
    let x = centred(samples.view());
    let s = x.t().dot(&x) / x.nrows() as f64;
    Array2::from_shape_fn(s.dim(), |(i, j)| if i == j { 1.0 } else { s[[i, j]] / (s[[i, i]] * s[[j, j]]).sqrt() })
}

/// Precision, recall and F1 of a model; the truth is sorted.
fn score(model: &PrecisionModel, truth: &[(usize, usize)]) -> [f64; 3] {
    let hits = model.edges().iter().filter(|e| truth.binary_search(&(e.i, e.j)).is_ok()).count() as f64;
    let (found, known) = (model.edge_count() as f64, truth.len() as f64);
    [if found > 0.0 { hits / found } else { 1.0 }, hits / known, 2.0 * hits / (found + known)]
}

/// |S_ij| of all pairs i < j.
fn sizes(s: &Array2<f64>) -> Vec<(f64, (usize, usize))> {
    (0..s.nrows()).flat_map(|j| (0..j).map(move |i| (s[[i, j]].abs(), (i, j)))).collect()
}

/// F1 of the pairs with |correlation| ≥ t, for the best t.
fn best_threshold(s: &Array2<f64>, truth: &[(usize, usize)]) -> f64 {
    let mut pairs = sizes(s);
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut hits, mut best) = (0.0, 0.0f64);
    for (k, (_, pair)) in pairs.iter().enumerate() {
        hits += f64::from(u8::from(truth.binary_search(pair).is_ok()));
        best = best.max(2.0 * hits / (k + 1 + truth.len()) as f64);
    }
    best
}

/// What must hold for any data.
fn theorems(s: &Array2<f64>, path: &GraphicalPath) -> Outcome {
    let largest = sizes(s).iter().fold(0.0f64, |m, pair| m.max(pair.0));
    let edges = |lambda: f64| GraphicalLasso::new(lambda).fit_covariance(s).map(|model| model.edge_count());
    let around = [edges(1.001 * largest)?, edges(largest)?, edges(0.999 * largest)?];
    check(around[..2] == [0, 0] && around[2] > 0, "no edge from the largest |correlation| on, and one just below")?;
    let same = path.models().iter().all(|m| m.components() == components(s, m.lambda()));
    check(same, "at every λ the components are those of |correlation| > λ")?;
    let identity =
        |m: &PrecisionModel| (m.covariance().dot(&m.precision()) - Array2::<f64>::eye(s.nrows())).map(|v| v.abs());
    let worst = path.models().iter().flat_map(identity).fold(0.0f64, f64::max);
    check(worst < 1e-6, format!("covariance times precision is the identity to {worst:.0e}"))?;
    let gap = path.models().iter().map(|m| m.certificate().relative_gap()).fold(0.0f64, f64::max);
    check(gap <= 1e-6, format!("proved optimal at every λ: gap / p at most {gap:.0e}"))
}

/// Connected components of `|S_ij| > λ`, each sorted, ordered by their first variable.
fn components(s: &Array2<f64>, lambda: f64) -> Vec<Vec<usize>> {
    let p = s.nrows();
    // Every variable takes the smallest label among its neighbours' until none changes.
    let mut label: Vec<usize> = (0..p).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for (i, j) in sizes(s).into_iter().filter(|pair| pair.0 > lambda).map(|pair| pair.1) {
            let least = label[i].min(label[j]);
            changed |= label[i] != label[j];
            (label[i], label[j]) = (least, least);
        }
    }
    let members = |v: usize| (0..p).filter(|&u| label[u] == v).collect::<Vec<_>>();
    (0..p).map(members).filter(|m| !m.is_empty()).collect()
}

// ------------------------------------------------------------------------------------------------------------- brain

fn brain() -> Outcome {
    let (names, samples) = read_numbers("fmri_roi.csv", 3)?;
    // Left–right pairs: names that differ only in the first letter, as LPut and RPut.
    let homologous =
        |i: usize, j: usize| names[i].strip_prefix('L').is_some_and(|l| names[j].strip_prefix('R') == Some(l));
    let (p, all) = (names.len(), names.len() * (names.len() - 1) / 2);
    let twins = (0..p).flat_map(|i| (0..p).map(move |j| (i, j))).filter(|&(i, j)| homologous(i, j)).count();
    let chance = twins as f64 / all as f64;
    println!(
        "Brain: {p} regions, {} volumes; {twins} of {all} pairs are left–right, {:.1} %\n",
        samples.nrows(),
        100.0 * chance
    );

    // As if the regions were z-scored.
    let estimator = GraphicalLasso::default().correlation_scale(true).variable_names(names.iter().cloned());
    println!("{:>5} {:>6} {:>11} {:>6} {:>12}", "λ", "edges", "left–right", "share", "times chance");
    let expected = [(0.6, 16, 5), (0.5, 24, 6), (0.4, 40, 8), (0.3, 62, 11), (0.2, 96, 12)];
    let path = estimator.path(&samples, Grid::values(expected.map(|e| e.0)))?;
    let mut found = Vec::new();
    for model in path.models() {
        let edges = model.edges();
        let pairs = edges.iter().filter(|e| homologous(e.i, e.j)).count();
        let share = pairs as f64 / edges.len() as f64;
        println!(
            "{:>5} {:>6} {pairs:>11} {:>4.0} % {:>12.1}",
            model.lambda(),
            edges.len(),
            100.0 * share,
            share / chance
        );
        found.push((model.lambda(), edges.len(), pairs));
    }
    let lift = |k: usize| found[k].2 as f64 / found[k].1 as f64 / chance;
    check(lift(0) > 8.0, "at λ 0.6 left–right pairs are more than 8 times as frequent as by chance")?;
    check((0..5).all(|k| lift(k) > 3.0), "and more than 3 times at every λ")?;
    check(found == expected, "the edges are those of independent implementations")?;
    println!("\n{}", path.models()[1]);
    pictures("brain", &path.models()[2], &estimator.path(&samples, Grid::auto(25).ratio(0.1))?, None)
}

// ---------------------------------------------------------------------------------------------------------- pictures

/// Writes the network of a model and its path to the directory that the command line names.
#[cfg(feature = "plot")]
fn pictures(name: &str, model: &PrecisionModel, path: &GraphicalPath, truth: Option<&[(usize, usize)]>) -> Outcome {
    use sparsereg::plot;
    support::picture(&format!("{name}_network"), &plot::network(model, truth)?)?;
    support::picture(&format!("{name}_path"), &plot::graphical_path(path, truth)?)?;
    println!();
    Ok(())
}

#[cfg(not(feature = "plot"))]
fn pictures(name: &str, _: &PrecisionModel, _: &GraphicalPath, _: Option<&[(usize, usize)]>) -> Outcome {
    println!("Pictures of {name}: cargo run --features plot --example graphical_lasso -- <directory>\n");
    Ok(())
}
