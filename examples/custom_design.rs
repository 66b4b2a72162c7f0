//! A matrix that is never stored: X w = running sums of w. The lasso on it finds the jumps of a step function (the fused
//! lasso): w_j is the jump before observation j. `LinearOperator` is enough for FISTA, `Design` adds descent and `fit`.
//!
//! cargo run --release --example custom_design

mod support;

use std::ops::Range;

use ndarray::Array1;
use sparsereg::design::{Design, LinearOperator};
use sparsereg::solver::{Solver, Start};
use sparsereg::{loss::Squared, penalty::L1, prelude::*, problem::Problem, smooth::LinearPredictor};
use support::{Outcome, Random, check};

/// Column j is 0 before row j and 1 from there on; n numbers stand for n² of them.
struct RunningSum {
    n: usize,
}

impl LinearOperator for RunningSum {
    fn nrows(&self) -> usize {
        self.n
    }
    fn ncols(&self) -> usize {
        self.n
    }
    // Coefficients have the q values of a feature together, predictions the n values of a response.
    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        let q = eta.len() / self.n;
        for (t, eta) in eta.chunks_exact_mut(self.n).enumerate() {
            let mut sum = 0.0;
            for (i, eta) in eta.iter_mut().enumerate() {
                sum += w[i * q + t];
                *eta = sum;
            }
        }
    }
    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.dot(0..self.n, r, out);
    }
}

impl Design for RunningSum {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let q = r.len() / self.n;
        for (t, r) in r.chunks_exact(self.n).enumerate() {
            let mut sum: f64 = r[cols.end..].iter().sum();
            for j in cols.clone().rev() {
                sum += r[j];
                out[(j - cols.start) * q + t] = sum;
            }
        }
    }
    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let q = eta.len() / self.n;
        for (t, eta) in eta.chunks_exact_mut(self.n).enumerate() {
            for j in cols.clone() {
                let d = delta[(j - cols.start) * q + t];
                eta[j..].iter_mut().for_each(|e| *e += d);
            }
        }
    }
    fn sq_norm(&self, col: usize) -> f64 {
        (self.n - col) as f64
    }
}

fn difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn main() -> Outcome {
    let (n, lambda) = (300, 0.06);
    let mut random = Random::new(3);
    let level = |i: usize| match i {
        0..80 => 1.0,
        80..140 => 3.0,
        140..230 => 0.0,
        _ => 2.0,
    };
    let y = Array1::from_shape_fn(n, |i| level(i) + 0.4 * random.normal());

    // The first column is the level of the whole series: not penalised.
    let mut weights = vec![1.0; n];
    weights[0] = 0.0;
    let penalty = L1::new(n).with_weights(weights.clone())?;
    let smooth = LinearPredictor::new(RunningSum { n }, Squared::new(y.to_vec(), n));
    let problem = Problem::new(&smooth, &penalty, lambda);
    let (mut fista, mut descent) = (Fista::default(), BlockDescent::default());
    fista.stopping.tolerance = 1e-10;
    descent.stopping.tolerance = 1e-10;
    let fista = fista.solve(&problem, Start::Zero, &mut ());
    let descent = descent.solve(&problem, Start::Zero, &mut ());
    for (name, s) in [("Fista", &fista), ("BlockDescent", &descent)] {
        println!("{name}: {} in {} iterations", s.status, s.iterations);
        println!("  {}", s.certificate);
    }

    // The same problem through the estimator: the level is a column, so no intercept is fitted on top.
    let lasso = Lasso::new(lambda).weights(weights).intercept(false).tolerance(1e-10);
    let model = lasso.fit(&RunningSum { n }, &y)?;
    println!("Lasso::fit: {}", model.status());
    println!("  {}", model.certificate());
    println!("\n{:>8} {:>9}", "jump at", "size");
    for j in model.support().into_iter().filter(|&j| j > 0) {
        println!("{j:>8} {:>9.4}", model.coefficients()[j]);
    }
    println!("(true jumps: 2 at 80, −3 at 140, 2 at 230; the penalty shrinks them)\n");

    let w = model.coefficients().to_vec();
    let (a, b) = (difference(&fista.coefficients, &w), difference(&descent.coefficients, &w));
    check(a < 1e-4 && b < 1e-4, format!("the three answers agree to {:.0e}", a.max(b)))?;
    let gap = (fista.certificate.objective - descent.certificate.objective).abs();
    check(gap <= 1e-9 * descent.certificate.scale, format!("objectives of the two solvers differ by {gap:.0e}"))?;
    let near = |place: usize| model.support().iter().any(|j| j.abs_diff(place) <= 2);
    check(near(80) && near(140) && near(230), "every true jump is found to within two observations")
}
