//! The lasso on real data: 442 diabetes patients, ten measurements, disease progression after one year
//! (Efron, Hastie, Johnstone, Tibshirani 2004). Path, one certified fit, and the choice of λ by cross-validation.
//!
//! cargo run --release --example lasso

mod support;

use ndarray::s;
use sparsereg::prelude::*;
use support::{Outcome, centred, check, read_numbers};

fn main() -> Outcome {
    let (names, data) = read_numbers("diabetes.csv", 0)?;
    let (n, p) = (data.nrows(), data.ncols() - 1);
    let names = &names[..p];
    let (x, y) = (data.slice(s![.., ..p]), data.column(p));
    println!("diabetes: {n} patients, {p} measurements, response = disease progression\n");

    // 1. The path, on centred columns of norm 1: the order in which measurements enter as λ falls.
    let unit = {
        let mut x = centred(x);
        x.columns_mut().into_iter().for_each(|mut c| c /= c.dot(&c).sqrt());
        x
    };
    let path = Lasso::default().path(&unit, &y, Grid::auto(200))?;
    println!("1. Path over 200 λs, columns centred and of norm 1");
    println!("   {:<6} {:>10} {:>10}", "enters", "at n·λ", "λ/λ_max");
    let (lambda_max, entries) = (path.lambdas()[0], path.entry_order());
    for &(j, lambda) in &entries {
        println!("   {:<6} {:>10.3} {:>10.4}", names[j], n as f64 * lambda, lambda / lambda_max);
    }
    let worst = path.models().iter().map(|m| m.certificate().relative_gap()).fold(0.0, f64::max);
    let order: Vec<&str> = entries.iter().map(|&(j, _)| names[j].as_str()).collect();
    let expected = ["bmi", "s5", "bp", "s3", "sex", "s6", "s1", "s4", "s2", "age"];
    check(order == expected, "order of entry as computed by an independent solver")?;
    check((n as f64 * lambda_max - 949.435).abs() < 1e-3, format!("n·λ_max = {:.3}", n as f64 * lambda_max))?;
    check(worst <= 1e-6, format!("largest relative gap of the 200 answers: {worst:.1e}"))?;

    // 2. One fit, certified. Columns are standardised inside; coefficients come back in the units of the data.
    let model = Lasso::new(0.5).standardize(true).feature_names(names.to_vec()).tolerance(1e-12).fit(&x, &y)?;
    println!("\n2. λ = 0.5, columns standardised inside\n\n{model}");
    // Coefficient × standard deviation = coefficient of the standardised column.
    let scaled: Vec<f64> = (0..p).map(|j| model.coefficients()[j] * x.column(j).std(0.0)).collect();
    let reference = [0.0, -10.28741, 24.98535, 14.66921, -7.77509, 0.0, -8.43218, 3.30242, 24.95505, 2.90694];
    let error = scaled.iter().zip(reference).map(|(w, r)| (w - r).abs()).fold(0.0, f64::max);
    let objective = model.certificate().objective;
    check((objective - 1486.83805623).abs() < 1e-5, format!("objective {objective:.8} (reference 1486.83805623)"))?;
    check(error < 1e-5, format!("standardised coefficients within {error:.1e} of an independent solver"))?;
    check(model.support().len() == 8 && scaled[0] == 0.0 && scaled[5] == 0.0, "age and s2 are exactly 0.0")?;

    // 3. λ by ten-fold cross-validation. Standardisation is redone inside every fold.
    let lasso = Lasso::default().standardize(true).feature_names(names.to_vec());
    let cv = lasso.cross_validate(&x, &y, &KFold::new(10).seed(7))?;
    let (curve, models) = (cv.curve(), cv.path().models());
    println!("\n3. Ten-fold cross-validation, 100 λs (every eighth shown)");
    println!("   {:>9} {:>9} {:>14} {:>11}", "λ", "features", "mean sq. error", "std. error");
    for (k, model) in models.iter().enumerate() {
        let mark = match k {
            _ if k == curve.best => "← smallest error",
            _ if k == curve.one_standard_error => "← one-standard-error rule",
            _ if k % 8 == 0 => "",
            _ => continue,
        };
        let (size, mse, se) = (model.support().len(), curve.mean[k], curve.standard_error[k]);
        println!("   {:>9.4} {size:>9} {mse:>14.1} {se:>11.1}  {mark}", model.lambda());
    }
    let (best, sparse) = (cv.best(), cv.one_standard_error());
    for (rule, model) in [("smallest error", best), ("one standard error", sparse)] {
        let kept: Vec<&str> = model.support().into_iter().map(|j| names[j].as_str()).collect();
        println!("   {rule:<18}: R² {:.3}, keeps {}", model.r_squared(), kept.join(" "));
    }
    check(sparse.support().len() <= best.support().len(), "the one-standard-error model is not larger")?;
    let out_of_fold = cv.out_of_fold(curve.best);
    let explained = 1.0 - (&y - &out_of_fold.column(0)).mapv(|r| r * r).sum() / (n as f64 * y.var(0.0));
    check(explained > 0.45, format!("R² on patients that the model has not seen: {explained:.3}"))
}
