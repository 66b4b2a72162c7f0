//! Joint sparsity under a bound on the residual: min ‖X‖₂,₁ subject to ‖AX − Y‖²_F ≤ ε (the squared norm), on an instance without
//! random numbers. The answer is that of a penalised problem, and both sides of its value are proven.
//!
//! cargo run --release --example mmv_constrained

mod support;

use ndarray::{Array2, array};
use sparsereg::prelude::*;
use support::{Outcome, check};

/// From a conic solver (CVXPY with Clarabel): the smallest ‖X‖₂,₁; and λ of ½‖AX − Y‖²_F + λ‖X‖₂,₁, from FISTA with bisection.
const REFERENCE: f64 = 6.795308;
const LAMBDA: f64 = 0.0413864;
const M: usize = 12;

fn main() -> Outcome {
    let number = |k: usize| (k + 1) as f64;
    let mut a = Array2::from_shape_fn((M, 30), |(i, j)| {
        let (i, j) = (number(i), number(j));
        (1.3 * i * j + 0.7 * i).sin() + (0.9 * i + 2.1 * j).cos()
    });
    for mut column in a.columns_mut() {
        let norm = column.dot(&column).sqrt();
        column /= norm;
    }
    let rows = array![[1.0, -1.0, 0.5, 2.0], [-0.5, 1.5, 1.0, 0.25], [2.0, 0.5, -1.0, 1.0]];
    let mut truth = Array2::zeros((30, 4));
    for (j, row) in [4, 11, 22].into_iter().zip(rows.rows()) {
        truth.row_mut(j).assign(&row);
    }
    let noise = Array2::from_shape_fn((M, 4), |(i, t)| 0.02 * (2.7 * number(4 * i + t)).sin());
    let y = a.dot(&truth) + &noise;
    let eps = (&noise * &noise).sum();

    let estimator = MultiTaskLasso::default().intercept(false).tolerance(1e-9);
    let fit = estimator.fit_constrained(&a, &y, Bound::SquaredResidual(eps))?;
    println!("eps = {eps:.12}, the squared norm of the noise");
    println!("baseline: the true X has norm {:.6}, a conic solver found {REFERENCE}", norm21(&truth));
    println!("here    : {:.9}, proven: not below {:.9}", fit.penalty(), fit.lower_bound());
    println!("          squared residual {:.12}, multiplier {:.4}", fit.squared_residual(), fit.multiplier());
    println!("          active rows {:?}", fit.support().iter().map(|j| j + 1).collect::<Vec<_>>());

    check((eps - 0.009913362188).abs() < 1e-12, "eps is the published one")?;
    check((fit.penalty() - REFERENCE).abs() < 2e-6, "the value is the published one to its digits")?;
    check(fit.lower_bound() <= REFERENCE + 1e-6 && fit.gap() <= 1e-8 * fit.penalty(), "both sides are proven")?;
    let residual = a.dot(&fit.coefficients()) - &y;
    let residual = (&residual * &residual).sum();
    check(residual <= eps * (1.0 + 1e-12) && residual > eps - 1e-7, "the bound is active, and kept")?;
    check((M as f64 * fit.lambda() - LAMBDA).abs() < 2e-6, "λ of the sum form is 0.0413864")?;
    check((fit.multiplier() - 12.08).abs() < 0.01, "the multiplier of the squared norm is 1/(2λ) = 12.08")?;
    let active = fit.support();
    check([4, 11, 22].iter().all(|j| active.contains(j)) && active.len() == 7, "the true rows, and four small ones")?;

    // The three names of this fit.
    let penalised = MultiTaskLasso::new(fit.lambda()).intercept(false).tolerance(1e-12).fit(&a, &y)?;
    let budget = estimator.fit_budget(&a, &y, fit.penalty())?;
    let apart = |w: ndarray::ArrayView2<'_, f64>| (&w - &fit.coefficients()).iter().fold(0.0f64, |m, d| m.max(d.abs()));
    check(apart(penalised.coefficients()) < 1e-3, "the penalised fit at its λ is the same X")?;
    check(apart(budget.coefficients()) < 1e-3, "the fit within its budget is the same X")?;

    // The ends.
    let zero = estimator.fit_constrained(&a, &y, Bound::SquaredResidual((&y * &y).sum()))?;
    check(zero.support().is_empty(), "eps = ‖Y‖² asks for nothing: the answer is zero")?;
    let few = a.slice(ndarray::s![.., ..4]);
    match estimator.fit_constrained(&few, &y, Bound::SquaredResidual(eps)) {
        Err(Error::Unreachable { least, proven, .. }) => {
            check(proven > eps, format!("four columns cannot: at least {least:.4}, proven {proven:.4}"))
        }
        other => Err(format!("no error: {other:?}").into()),
    }
}

fn norm21(x: &Array2<f64>) -> f64 {
    x.rows().into_iter().map(|row| row.dot(&row).sqrt()).sum()
}
