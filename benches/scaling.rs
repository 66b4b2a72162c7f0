//! How the time grows with n and with p: one λ and a short path of the lasso, and the exponent of each curve (the slope of
//! the least-squares line through log time against log size). The support is 20 features plus what noise adds.
//!
//! CPU time of the thread, so `RAYON_NUM_THREADS=1`; the best of three. Needs 320 MB.

mod data;

use std::hint::black_box;
use std::ops::ControlFlow;

use sparsereg::design::{Dense, LinearOperator};
use sparsereg::loss::Squared;
use sparsereg::penalty::L1;
use sparsereg::problem::Problem;
use sparsereg::smooth::LinearPredictor;
use sparsereg::solver::{BlockDescent, Solver, Start};

const REPEATS: usize = 3;

/// Seconds of a pass over X, of one λ, of a path of 20 λs.
fn times(n: usize, p: usize) -> [f64; 3] {
    let x = data::dense(n, p, 0.5, 1);
    let y = data::response(&x, 20, 1, 7);
    let penalty = L1::new(p);
    let mut gradient = vec![0.0; p];
    let pass = best(|| x.transpose_apply(black_box(&y), &mut gradient));
    let smooth = LinearPredictor::new(&x, Squared::new(y, n));
    let solver = BlockDescent::default();
    let largest = Problem::new(&smooth, &penalty, 1.0).lambda_max();
    let problem: Problem<'_, LinearPredictor<&Dense<'_>, Squared>, L1> = Problem::new(&smooth, &penalty, 0.1 * largest);
    let single = best(|| {
        black_box(solver.solve(black_box(&problem), Start::Zero, &mut ()));
    });
    let lambdas = data::lambdas(largest, 0.1, 20);
    let path = best(|| {
        let mut sink = |solution| {
            black_box(solution);
            ControlFlow::Continue(())
        };
        solver.solve_path(black_box(&problem), &lambdas, Start::Zero, &mut (), &mut sink);
    });
    [pass, single, path]
}

fn best(mut f: impl FnMut()) -> f64 {
    let each = (0..REPEATS).map(|_| {
        let begin = data::clock();
        f();
        (data::clock() - begin).as_secs_f64()
    });
    each.fold(f64::INFINITY, f64::min)
}

/// Slope of log times against log sizes.
fn exponent(sizes: &[usize], times: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let x: Vec<f64> = sizes.iter().map(|&s| (s as f64).ln()).collect();
    let y: Vec<f64> = times.iter().map(|t| t.ln()).collect();
    let (mx, my) = (mean(&x), mean(&y));
    let cross: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    cross / x.iter().map(|x| (x - mx) * (x - mx)).sum::<f64>()
}

fn curve(name: &str, sizes: &[usize], run: impl Fn(usize) -> [f64; 3]) {
    println!("\n{name:>14} {:>12} {:>12} {:>12}   ms", "pass", "one λ", "path of 20");
    let times: Vec<[f64; 3]> = sizes.iter().map(|&size| run(size)).collect();
    for (size, t) in sizes.iter().zip(&times) {
        println!("{size:>14} {:>12.2} {:>12.2} {:>12.2}", 1e3 * t[0], 1e3 * t[1], 1e3 * t[2]);
    }
    let [pass, single, path] = [0, 1, 2].map(|k| {
        let column: Vec<f64> = times.iter().map(|t| t[k]).collect();
        exponent(sizes, &column)
    });
    println!("{:>14} {pass:>12.2} {single:>12.2} {path:>12.2}", "exponent");
}

fn main() {
    // `cargo test --benches` only wants to see that it runs.
    let small = std::env::args().any(|argument| argument == "--test");
    let (n, p): (&[usize], &[usize]) = match small {
        true => (&[50, 100], &[200, 400]),
        false => (&[250, 500, 1000, 2000, 4000], &[2500, 5000, 10_000, 20_000, 40_000]),
    };
    let (fixed_n, fixed_p) = if small { (50, 200) } else { (1000, 10_000) };
    curve(&format!("n, p = {fixed_p}"), n, |n| times(n, fixed_p));
    curve(&format!("p, n = {fixed_n}"), p, |p| times(fixed_n, p));
}
