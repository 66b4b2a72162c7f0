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

use ndarray::{Array2, ArrayView2};
use sparsereg::prelude::*;
use support::{Outcome, Random, centred, check, read_csv, read_numbers};

fn main() -> Outcome {
    genes()?;
    brain()
}

// ------------------------------------------------------------------------------------------------------------- genes

fn genes() -> Outcome {
    let (genes, truth) = wiring()?;
    let factor = law(genes, &truth, &mut Random::new(37));
    println!("Genes: {genes} genes, {} true pairs of {}\n", truth.len(), genes * (genes - 1) / 2);
    for (n, clearly) in [(50, 1.0), (100, 1.1), (300, 1.25)] {
        let samples = draw(&factor, n, &mut Random::new(n as u64));
        let s = correlation(&samples);
        let path = GraphicalLasso::default()
            .variable_names((1..=genes).map(|g| format!("G{g}")))
            .path_covariance(&s, Grid::auto(25).ratio(0.05))?;

        println!("{n} samples\n{:>10} {:>6} {:>10} {:>7} {:>5}", "λ", "edges", "precision", "recall", "F1");
        for model in path.models().iter().step_by(3) {
            let found: Vec<(usize, usize)> = model.edges().iter().map(|e| (e.i, e.j)).collect();
            let (precision, recall, f1) = score(&found, &truth);
            println!("{:>10.4} {:>6} {precision:>10.2} {recall:>7.2} {f1:>5.2}", model.lambda(), found.len());
        }
        let quality = |m: &PrecisionModel| score(&m.edges().iter().map(|e| (e.i, e.j)).collect::<Vec<_>>(), &truth).2;
        let mut best = &path.models()[0];
        for model in path.models() {
            if quality(model) > quality(best) {
                best = model;
            }
        }
        let (lasso, (threshold, edges, marginal)) = (quality(best), marginal(&s, &truth));
        println!("best F1: {lasso:.3} at λ {:.4} ({} edges)", best.lambda(), best.edge_count());
        println!("         {marginal:.3} with |correlation| ≥ {threshold:.4} ({edges} edges)");
        check(lasso > clearly * marginal, format!("better than the best threshold of correlations by {clearly}"))?;
        theorems(&s, &path)?;
        println!();
        if n == 300 {
            pictures("genes", best, &path, Some(&truth))?;
        }
    }
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

/// A precision matrix with ±1 at the true pairs and a diagonal just large enough to make it positive definite; its Cholesky
/// factor.
fn law(p: usize, pairs: &[(usize, usize)], random: &mut Random) -> Array2<f64> {
    let mut theta = Array2::zeros((p, p));
    for &(i, j) in pairs {
        let sign = if random.uniform() < 0.5 { -1.0 } else { 1.0 };
        theta[[i, j]] = sign;
        theta[[j, i]] = sign;
    }
    let degrees = theta.map(|v: &f64| v.abs()).sum_axis(ndarray::Axis(1));
    for i in 0..p {
        theta[[i, i]] = DOMINANCE * degrees[i].max(1.0);
    }
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

/// Precision, recall and F1 of edges i < j; the truth is sorted.
fn score(found: &[(usize, usize)], truth: &[(usize, usize)]) -> (f64, f64, f64) {
    let hits = found.iter().filter(|pair| truth.binary_search(pair).is_ok()).count() as f64;
    let (found, known) = (found.len() as f64, truth.len() as f64);
    (if found > 0.0 { hits / found } else { 1.0 }, hits / known, 2.0 * hits / (found + known))
}

fn pairs_of(s: ArrayView2<'_, f64>) -> Vec<(f64, (usize, usize))> {
    (0..s.nrows()).flat_map(|j| (0..j).map(move |i| (i, j))).map(|(i, j)| (s[[i, j]].abs(), (i, j))).collect()
}

/// The best threshold of |correlation|: the threshold, its edges and its F1.
fn marginal(s: &Array2<f64>, truth: &[(usize, usize)]) -> (f64, usize, f64) {
    let mut pairs = pairs_of(s.view());
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut hits, mut best) = (0, (f64::INFINITY, 0, 0.0));
    for (k, (size, pair)) in pairs.iter().enumerate() {
        hits += usize::from(truth.binary_search(pair).is_ok());
        let f1 = 2.0 * hits as f64 / (k + 1 + truth.len()) as f64;
        if f1 > best.2 {
            best = (*size, k + 1, f1);
        }
    }
    best
}

/// What must hold for any data.
fn theorems(s: &Array2<f64>, path: &GraphicalPath) -> Outcome {
    let largest = pairs_of(s.view()).iter().fold(0.0f64, |m, pair| m.max(pair.0));
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
        for (i, j) in pairs_of(s.view()).into_iter().filter(|pair| pair.0 > lambda).map(|pair| pair.1) {
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
    let folder = std::env::args_os().nth(1).map_or_else(|| std::env::temp_dir().join("sparsereg"), Into::into);
    std::fs::create_dir_all(&folder)?;
    for (kind, svg) in [("network", plot::network(model, truth)?), ("path", plot::graphical_path(path, truth)?)] {
        let file = folder.join(format!("{name}_{kind}.svg"));
        std::fs::write(&file, svg)?;
        println!("picture: {}", file.display());
    }
    println!();
    Ok(())
}

#[cfg(not(feature = "plot"))]
fn pictures(name: &str, _: &PrecisionModel, _: &GraphicalPath, _: Option<&[(usize, usize)]>) -> Outcome {
    println!("Pictures of {name}: cargo run --features plot --example graphical_lasso -- <directory>\n");
    Ok(())
}

/// The diagonal of the precision matrix relative to the sum of the row beside it.
const DOMINANCE: f64 = 1.05;
