//! Genes belong to several pathways: groups that overlap. The latent group lasso (Jacob, Obozinski, Vert 2009) selects
//! unions of groups. 100 features, 19 pathways of 10 that share 5 with the next, two of them active.
//!
//! cargo run --release --example overlapping_groups

mod support;

use ndarray::{Array1, Array2, Axis, concatenate};
use sparsereg::prelude::*;
use support::{Outcome, Random, check, mean};

const P: usize = 100;
const SEEDS: u64 = 10;

/// Harmonic mean of precision and recall.
fn f1(found: &[usize], truth: &[usize]) -> f64 {
    let right = found.iter().filter(|j| truth.contains(j)).count() as f64;
    2.0 * right / (found.len() + truth.len()) as f64
}

/// The model of the path with the smallest error on the validation data.
fn choose<'a>(path: &'a Path<LinearModel>, x: &Array2<f64>, y: &Array1<f64>) -> Outcome<&'a LinearModel> {
    let mut best = (f64::INFINITY, &path.models()[0]);
    for model in path.models() {
        let error = (&model.predict(x)? - y).mapv(|e| e * e).sum();
        if error < best.0 {
            best = (error, model);
        }
    }
    Ok(best.1)
}

fn main() -> Outcome {
    let pathways: Vec<Vec<usize>> = (0..19).map(|g| (5 * g..5 * g + 10).collect()).collect();
    let groups = Groups::overlapping(&pathways, P)?;
    let (mut error, mut score) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let (mut top_two, mut unions, mut fits, mut worst) = (Vec::new(), 0, 0, 0.0f64);
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let active = loop {
            let pair = [random.index(19), random.index(19)];
            if pair[0].abs_diff(pair[1]) > 1 {
                break pair;
            }
        };
        let truth: Vec<usize> =
            concatenate![Axis(0), Array1::from(pathways[active[0]].clone()), Array1::from(pathways[active[1]].clone())]
                .to_vec();
        let mut w = Array1::zeros(P);
        truth.iter().for_each(|&j| w[j] = random.normal());
        // 60 observations to fit, 60 to choose λ; signal variance nine times that of the noise.
        let sigma = (w.dot(&w) / 9.0f64).sqrt();
        let mut draw = || {
            let x = random.normals(60, P);
            let y = x.dot(&w) + random.normals(60, 1).column(0).mapv(|e| sigma * e);
            (x, y)
        };
        let ((x, y), (x_valid, y_valid)) = (draw(), draw());

        let latent = LatentGroupLasso::new(0.0, groups.clone()).path(&x, &y, Grid::auto(60).ratio(0.01))?;
        let lasso = Lasso::default().path(&x, &y, Grid::auto(60).ratio(0.01))?;
        for model in latent.models() {
            // Union of groups: every selected feature lies in a group that is selected as a whole.
            let support = model.support();
            let whole: Vec<&Vec<usize>> = pathways.iter().filter(|g| g.iter().all(|j| support.contains(j))).collect();
            unions += usize::from(support.iter().all(|j| whole.iter().any(|g| g.contains(j))));
            fits += 1;
            worst = worst.max(model.certificate().relative_gap());
        }
        for (k, path) in [&lasso, &latent].into_iter().enumerate() {
            let model = choose(path, &x_valid, &y_valid)?;
            let difference = &model.coefficients() - &w;
            error[k].push((difference.dot(&difference) / w.dot(&w)).sqrt());
            score[k].push(f1(&model.support(), &truth));
            if k == 1 {
                // The copies of the coefficients, ten for each pathway: rank the pathways by their norms.
                let norms: Vec<f64> = model.latent().chunks(10).map(|v| v.iter().map(|v| v * v).sum()).collect();
                let mut order: Vec<usize> = (0..19).collect();
                order.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
                top_two.push(f1(&order[..2], &active));
                if seed == 0 {
                    println!("first data set, λ by validation: {}\n", model.certificate());
                }
            }
        }
    }
    println!("means over {SEEDS} data sets, λ by validation   {:>7} {:>7}", "lasso", "latent");
    println!("{:<40} {:>7.3} {:>7.3}", "relative error ‖ŵ − w‖/‖w‖", mean(&error[0]), mean(&error[1]));
    println!("{:<40} {:>7.3} {:>7.3}", "F1 of the selected features", mean(&score[0]), mean(&score[1]));
    println!("{:<40} {:>7} {:>7.3}", "F1 of the two strongest pathways", "", mean(&top_two));
    println!(
        "At the λ that predicts best both methods select too much; the strongest pathways are the safer reading.\n"
    );
    check(unions == fits, format!("the support is a union of pathways in {unions} of {fits} fits"))?;
    check(mean(&error[1]) < mean(&error[0]), "the latent group lasso has the smaller error")?;
    check(worst <= 1e-6, format!("largest relative gap: {worst:.1e}"))
}
