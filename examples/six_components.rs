//! Six components in two groups of three: what the ℓ1 norm and the group norm do to the same data.
//!
//! cargo run --release --example six_components

mod support;

use ndarray::{Array1, Array2, array};
use sparsereg::prelude::*;
use support::{Outcome, Random, check, mean};

/// ½‖y − w‖² + λΩ(w): with X = I and n = 6 the mean loss needs λ/6.
fn denoise(y: &Array1<f64>, lambda: f64) -> Outcome<(LinearModel, LinearModel)> {
    let x = Array2::<f64>::eye(6);
    let lambda = lambda / 6.0;
    // The group weights default to √3; weights of 1 are needed to see the same λ.
    let lasso = Lasso::new(lambda).intercept(false).tolerance(1e-14).fit(&x, y)?;
    let group = GroupLasso::new(lambda, Groups::from_sizes(&[3, 3])?).intercept(false).tolerance(1e-14).fit(&x, y)?;
    println!("  lasso  {:.4}", lasso.coefficients());
    println!("  group  {:.4}   relative gap {:.0e}", group.coefficients(), group.certificate().relative_gap());
    Ok((lasso, group))
}

fn close(w: &LinearModel, expected: [f64; 6]) -> bool {
    w.coefficients().iter().zip(expected).all(|(w, e)| (w - e).abs() < 5e-5)
}

/// Whether some group of three is neither all zero nor all non-zero.
fn partly_zero(w: &LinearModel) -> bool {
    let w = w.coefficients();
    w.exact_chunks(3).into_iter().any(|g| (1..3).contains(&g.iter().filter(|&&w| w != 0.0).count()))
}

/// The model of the path that is closest to the truth, and its distance.
fn closest<M>(path: &Path<M>, truth: &Array1<f64>) -> (usize, f64)
where
    M: Model,
{
    let distance = |m: &M| (&m.coefficient_matrix().column(0) - truth).mapv(|d| d * d).sum().sqrt();
    let distances: Vec<f64> = path.models().iter().map(distance).collect();
    let best = (0..distances.len()).min_by(|&a, &b| distances[a].total_cmp(&distances[b])).unwrap_or(0);
    (best, distances[best])
}

fn main() -> Outcome {
    println!("(a) equal entries, y = [.6 .6 .6 0 0 0], λ = 0.2 (√3 on the group)");
    let (lasso, group) = denoise(&array![0.6, 0.6, 0.6, 0.0, 0.0, 0.0], 0.2)?;
    let same = [0.4, 0.4, 0.4, 0.0, 0.0, 0.0];
    check(close(&lasso, same) && close(&group, same), "no difference: the lasso treats equal entries alike")?;

    println!("\n(b) unequal entries, y = [.9 .6 .15 0 0 0]");
    let (lasso, group) = denoise(&array![0.9, 0.6, 0.15, 0.0, 0.0, 0.0], 0.2)?;
    check(close(&lasso, [0.7, 0.4, 0.0, 0.0, 0.0, 0.0]), "the lasso cuts the group: [.7 .4 0]")?;
    check(
        close(&group, [0.6145, 0.4097, 0.1024, 0.0, 0.0, 0.0]),
        "the group norm keeps or drops it as a whole: [.6145 .4097 .1024]",
    )?;

    println!("\n(c) regression, n = 20, ten groups of three, correlation .6 within a group, noise .5, 60 data sets;");
    println!("    truth .6 on the first group; λ closest to the truth for either method");
    let truth = Array1::from_shape_fn(30, |j| if j < 3 { 0.6 } else { 0.0 });
    let (mut errors, mut cut) = ([Vec::new(), Vec::new()], [0, 0]);
    let mut worst = 0.0f64;
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let (own, common) = (random.normals(20, 30), random.normals(20, 10));
        let x =
            Array2::from_shape_fn((20, 30), |(i, j)| 0.4f64.sqrt() * own[[i, j]] + 0.6f64.sqrt() * common[[i, j / 3]]);
        let y = x.dot(&truth) + random.normals(20, 1).column(0).mapv(|e| 0.5 * e);
        let grid = || Grid::auto(60).ratio(0.005);
        let lasso = Lasso::default().path(&x, &y, grid())?;
        let group = GroupLasso::new(0.0, Groups::from_sizes(&[3; 10])?).path(&x, &y, grid())?;
        for (k, path) in [lasso, group].iter().enumerate() {
            let (best, error) = closest(path, &truth);
            errors[k].push(error);
            cut[k] += usize::from(partly_zero(&path.models()[best]));
            worst = worst.max(path.models()[best].certificate().relative_gap());
        }
    }
    println!("  {:<18} {:>7} {:>7}", "", "lasso", "group");
    println!("  {:<18} {:>7.3} {:>7.3}", "mean ‖ŵ − w‖₂", mean(&errors[0]), mean(&errors[1]));
    println!("  {:<18} {:>6.0}% {:>6.0}%", "a group cut", cut[0] as f64 / 0.6, cut[1] as f64 / 0.6);
    check(cut[1] == 0, "the group lasso never left a group partly zero")?;
    check(cut[0] > 30, "the lasso did in more than half of the data sets")?;
    check(mean(&errors[1]) < 0.8 * mean(&errors[0]), "the group lasso's error is at least 20 % smaller")?;
    check(worst <= 1e-6, format!("largest relative gap: {worst:.1e}"))
}
