//! Which of four kinds of tumour is it, and which genes tell? 63 tumours, 2308 genes (Khan et al. 2001): multinomial
//! regression, with genes chosen for each kind by itself (λ Σ_jk │W_jk│) or for all kinds together (λ Σ_j ‖W_j‖₂). λ comes
//! from stratified cross-validation of the 63; 20 other tumours are the test. The kinds are so distinct that the deviance
//! falls to the end of the grid: it is the number of genes that stays small.
//!
//! cargo run --release --example gene_selection

mod support;

use ndarray::{Array1, Array2, Axis, s};
use sparsereg::{cross_validation::CrossValidation, prelude::*};
use support::{Outcome, check, read_csv};

/// Burkitt lymphoma, Ewing sarcoma, neuroblastoma, rhabdomyosarcoma.
const KINDS: [&str; 4] = ["BL", "EWS", "NB", "RMS"];

/// Tumours whose class is wrong.
fn wrong(predicted: &Array1<f64>, y: &Array1<f64>) -> usize {
    predicted.iter().zip(y).filter(|(p, y)| p != y).count()
}

/// Prints the path and the chosen model; gives its test errors, its genes and the largest gap of the path.
fn report<D: Shape>(
    cv: &CrossValidation<GlmModel<Multinomial, D>>,
    x: &Array2<f64>,
    y: &Array1<f64>,
) -> Outcome<(usize, usize, f64)> {
    println!("{:>9} {:>7} {:>13} {:>12} {:>10}", "λ/λ_max", "genes", "CV deviance", "test errors", "rel. gap");
    let models = cv.path().models();
    let mut worst = 0.0f64;
    for (k, model) in models.iter().enumerate() {
        let gap = model.certificate().relative_gap();
        worst = worst.max(gap);
        if k % 4 == 0 || k == cv.curve().best {
            println!(
                "{:>9.3} {:>7} {:>13.4} {:>12} {gap:>10.1e}{}",
                model.lambda() / models[0].lambda(),
                model.support().len(),
                cv.curve().mean[k],
                wrong(&model.predict(x)?, y),
                if k == cv.curve().best { "  chosen" } else { "" }
            );
        }
    }
    let model = cv.best();
    println!("certificate: {}", model.certificate());
    let w = model.coefficient_matrix();
    for (k, kind) in KINDS.iter().enumerate() {
        let mut genes: Vec<usize> = (0..w.nrows()).filter(|&j| w[[j, k]] != 0.0).collect();
        genes.sort_by(|&a, &b| w[[b, k]].abs().total_cmp(&w[[a, k]].abs()));
        let strongest: Vec<String> = genes.iter().take(6).map(|j| format!("g{}", j + 1)).collect();
        println!(
            "  {kind:<4} {:>3} genes: {}{}",
            genes.len(),
            strongest.join(" "),
            if genes.len() > 6 { " …" } else { "" }
        );
    }
    Ok((wrong(&model.predict(x)?, y), model.support().len(), worst))
}

/// The baseline: the class whose mean over the training tumours is nearest, by all genes.
fn nearest_centroid(x: &Array2<f64>, y: &Array1<f64>, x_test: &Array2<f64>) -> Array1<f64> {
    let deviation = x.std_axis(Axis(0), 0.0);
    let centroids: Vec<Array1<f64>> = (1..=KINDS.len())
        .map(|class| {
            let rows: Vec<usize> = (0..y.len()).filter(|&i| y[i] == class as f64).collect();
            x.select(Axis(0), &rows).mean_axis(Axis(0)).expect("tumours of every kind")
        })
        .collect();
    x_test.map_axis(Axis(1), |x| {
        let distance = |c: &Array1<f64>| ((&x - c) / &deviation).mapv(|d| d * d).sum();
        let nearest = (0..KINDS.len()).min_by(|&a, &b| distance(&centroids[a]).total_cmp(&distance(&centroids[b])));
        nearest.map_or(f64::NAN, |k| (k + 1) as f64)
    })
}

fn main() -> Outcome {
    let (header, rows) = read_csv("khan_srbct.csv")?;
    let part = |name: &str| -> Outcome<(Array2<f64>, Array1<f64>)> {
        let rows: Vec<_> = rows.iter().filter(|row| row[0] == name).collect();
        let cells: Result<Vec<f64>, _> = rows.iter().flat_map(|row| &row[1..]).map(|cell| cell.parse()).collect();
        let table = Array2::from_shape_vec((rows.len(), header.len() - 1), cells?)?;
        Ok((table.slice(s![.., 1..]).to_owned(), table.column(0).to_owned()))
    };
    let ((x, y), (x_test, y_test)) = (part("train")?, part("test")?);
    println!("{} tumours for training, {} for testing, {} genes, 4 kinds", x.nrows(), x_test.nrows(), x.ncols());
    let majority = Array1::from_elem(y_test.len(), 2.0);
    println!("test errors of always EWS, the most frequent: {}", wrong(&majority, &y_test));
    let centroids = wrong(&nearest_centroid(&x, &y, &x_test), &y_test);
    println!("test errors of the nearest centroid, by all {} genes: {centroids}", x.ncols());

    let (folds, grid) = (StratifiedKFold::new(5, &y).seed(1), Grid::auto(30));
    println!("\nGenes for each kind by itself:");
    let cv = MultinomialLasso::new(0.0).standardize(true).cross_validate_on(&x, &y, &folds, grid.clone())?;
    let (errors, genes, worst) = report(&cv, &x_test, &y_test)?;
    println!("\nGenes for all kinds together:");
    let cv = GroupedMultinomialLasso::new(0.0).standardize(true).cross_validate_on(&x, &y, &folds, grid)?;
    let (errors_rows, genes_rows, worst_rows) = report(&cv, &x_test, &y_test)?;

    println!();
    check(errors == 0 && genes <= 80, format!("each by itself: {errors} of 20 wrong with {genes} genes"))?;
    check(
        errors_rows == 0 && genes_rows <= 80,
        format!("together: {errors_rows} of 20 wrong with {genes_rows} genes"),
    )?;
    let worst = worst.max(worst_rows);
    check(worst <= 1e-6, format!("largest relative gap: {worst:.1e}"))
}
