//! What mutual coherence promises about several measurements, and what it does not: the bound on the number of rows is
//! (1/μ + rank Y)/2, with the rank of Y, not its number of columns, and it is about the sparsest W, not about the one of
//! a convex norm.
//!
//! cargo run --release --example coherence

mod support;

use ndarray::{Array1, Array2, Axis, concatenate};
use sparsereg::diagnostics::{mutual_coherence, numeric_rank, welch_bound};
use sparsereg::prelude::*;
use support::{Outcome, Random, check};

/// Walsh functions of length 16 with norm 1.
fn walsh() -> Array2<f64> {
    Array2::from_shape_fn((16, 16), |(i, j)| if (i & j).count_ones() % 2 == 0 { 0.25 } else { -0.25 })
}

fn main() -> Outcome {
    let a = concatenate![Axis(1), Array2::eye(16), walsh()];
    let coherence = mutual_coherence(&a)?;
    let welch = welch_bound(16, 32)?;
    let (one, four) = (coherence.recovery_bound(), coherence.joint_uniqueness_bound(4)?);
    println!("spikes and Walsh functions, 16 × 32: μ = {}, Welch's least possible {welch:.3}", coherence.value);
    println!("  k < {} for one measurement, k < {} if rank Y = 4", one.bound, four.bound);
    check(coherence.value == 0.25 && welch < 0.25, "μ = 1/4")?;
    check(one.bound == 2.5 && four.bound == 4.0, "bounds 2.5 and 4")?;

    println!("\nbelow the bound, k = 2, all 496 supports:");
    let (mut greedy, mut convex) = (0, 0);
    for first in 0..32 {
        for second in 0..first {
            let mut w = Array1::zeros(32);
            (w[first], w[second]) = (1.0, if (first + second) % 2 == 0 { 0.7 } else { -0.7 });
            let y = a.dot(&w);
            let omp = OrthogonalMatchingPursuit::new(2).intercept(false).fit(&a, &y)?;
            greedy += usize::from(omp.support() == [second, first]);
            let lasso = Lasso::new(1e-4).intercept(false).fit(&a, &y)?;
            convex += usize::from(lasso.support() == [second, first]);
        }
    }
    println!("  found by orthogonal matching pursuit {greedy}, by the lasso at a small λ {convex}");
    check(greedy == 496 && convex == 496, "both find all of them")?;

    println!("\nabove it, k = 4: a comb of 4 spikes is also 4 Walsh functions");
    let comb = Array1::from_shape_fn(32, |j| if j < 16 && j % 4 == 0 { 1.0 } else { 0.0 });
    let y = a.dot(&comb);
    let other = a.t().dot(&y).iter().enumerate().filter(|(j, c)| *j >= 16 && c.abs() > 0.5).count();
    let twin = Array1::from_shape_fn(32, |j| if j >= 16 { a.column(j).dot(&y) } else { 0.0 });
    let difference = (a.dot(&twin) - &y).mapv(f64::abs).sum();
    check(other == 4 && difference < 1e-12, "two different w with 4 non-zeros explain the same y")?;
    let repeated = Array2::from_shape_fn((16, 8), |(i, _)| y[i]);
    let rank = numeric_rank(&repeated, None)?.rank;
    let bound = coherence.joint_uniqueness_bound(rank)?;
    println!(
        "  eight copies of that y: rank {rank}, bound {} (with L = 8 in its place it would say {})",
        bound.bound, 6.0
    );
    check(rank == 1 && bound == one, "copies leave the bound where it was: k = 4 is as ambiguous as before")?;

    let mut random = Random::new(7);
    let gaussian = mutual_coherence(&random.normals(20, 64))?;
    let welch = welch_bound(20, 64)?;
    println!(
        "\nGaussian 20 × 64: μ = {:.3}, Welch {welch:.3}, k < {:.2}",
        gaussian.value,
        gaussian.recovery_bound().bound
    );
    check(gaussian.value > welch, "no matrix of this size is below Welch's bound")?;
    check(
        gaussian.recovery_bound().largest == 1,
        "the promise for random columns is k = 1, far from what works (see mmv_phase): sufficient, not necessary",
    )
}
