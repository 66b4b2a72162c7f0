//! The lasso as a budget: min F(w) subject to ‖w‖₁ ≤ t, with t half of what least squares spends, on the diabetes data (Efron, Hastie,
//! Johnstone and Tibshirani 2004; columns standardised). The fit is the penalised one at λ, the multiplier of the budget.
//!
//! cargo run --release --features plot --example lasso_budget -- [folder]
//!
//! With the feature `plot` the Pareto curve is drawn, into the folder or into target/pictures.

mod support;

use ndarray::Axis;
use sparsereg::prelude::*;
use support::{Outcome, check, read_numbers};

fn main() -> Outcome {
    let (names, table) = read_numbers("diabetes.csv", 0)?;
    let p = table.ncols() - 1;
    let y = table.column(p).to_owned();
    let x = table.slice(ndarray::s![.., ..p]);
    let z = (&x - &x.mean_axis(Axis(0)).ok_or("no rows")?) / &x.std_axis(Axis(0), 0.0);

    let least = Lasso::new(0.0).tolerance(1e-14).fit(&z, &y)?;
    let spent: f64 = least.coefficients().iter().map(|w| w.abs()).sum();
    let t = 0.5 * spent;
    let lasso = Lasso::default().tolerance(1e-12).feature_names(names[..p].to_vec());
    let fit = lasso.fit_budget(&z, &y, t)?;
    println!("baseline: least squares spends {spent:.4}, loss {:.4}, {p} features", objective(&least));
    println!("budget  : t = {t:.4}, loss {:.4} (proven: not below {:.4})", fit.loss(), fit.lower_bound());
    println!("          {} features, multiplier {:.6}", fit.support().len(), fit.multiplier());
    println!("{}", fit.model());

    let penalised = Lasso::new(fit.lambda()).tolerance(1e-14).fit(&z, &y)?;
    let apart = (&penalised.coefficients() - &fit.coefficients()).iter().fold(0.0f64, |m, d| m.max(d.abs()));
    check(fit.penalty() <= t && fit.penalty() > (1.0 - 1e-6) * t, "the budget is kept and spent")?;
    check(fit.gap() <= 1e-10 * fit.loss(), "both sides of the loss are proven")?;
    check(apart < 1e-6 * t, format!("it is the penalised fit at λ = {:.6}: {apart:.1e} apart", fit.lambda()))?;

    // The multiplier is the price: what the loss falls by for one more unit of budget.
    let step = 1e-3 * t;
    let (less, more) = (lasso.fit_budget(&z, &y, t - step)?, lasso.fit_budget(&z, &y, t + step)?);
    let slope = (less.loss() - more.loss()) / (2.0 * step);
    check((slope - fit.multiplier()).abs() < 1e-3 * slope, format!("the loss falls by {slope:.6} per unit of t: λ"))?;
    let free = lasso.fit_budget(&z, &y, 2.0 * spent)?;
    check(!free.is_active() && free.lambda() == 0.0, "a budget beyond least squares binds nothing")?;
    #[cfg(feature = "plot")]
    {
        let curve = lasso.pareto(&z, &y, 40)?;
        support::picture("pareto_curve", &sparsereg::plot::pareto(&curve)?)?;
    }
    Ok(())
}

fn objective(model: &LinearModel) -> f64 {
    model.certificate().objective
}
