//! One sweep of the engine in residual form against a loop written for the lasso alone, over contiguous columns.
//!
//! All coefficients start away from zero, so that every column is in the working set and every update moves. The engine
//! looks at no gap before its fifth sweep: a solve of four sweeps minus a solve of one is three sweeps and nothing else.
//! Times are CPU times of the thread (`RAYON_NUM_THREADS=1`, or the pass at the start is counted on one thread only).

mod data;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sparsereg::design::{Dense, LinearOperator};
use sparsereg::loss::Squared;
use sparsereg::penalty::L1;
use sparsereg::problem::Problem;
use sparsereg::smooth::LinearPredictor;
use sparsereg::solver::{BlockDescent, Form, Solver, Start, Stopping};

const LAMBDA: f64 = 1e-3;

/// What one would write by hand; eight sums, so that the compiler can vectorise.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for k in 0..8 {
            sums[k] += a[k] * b[k];
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

fn by_hand(x: &[f64], norms: &[f64], r: &mut [f64], w: &mut [f64]) {
    let n = r.len();
    for ((x, norm), w) in x.chunks_exact(n).zip(norms).zip(w) {
        let v = *w - dot(x, r) / norm;
        let new = v.signum() * (v.abs() - LAMBDA * n as f64 / norm).max(0.0);
        let delta = new - *w;
        if delta != 0.0 {
            for (r, x) in r.iter_mut().zip(x) {
                *r += delta * x;
            }
            *w = new;
        }
    }
}

fn size(c: &mut Criterion, n: usize, p: usize) {
    let design = data::dense(n, p, 0.5, 1);
    let x = design.columns_slice().expect("columns one after the other").to_vec();
    let y = data::response(&design, 100, 1, 2);
    let start: Vec<f64> = (0..p).map(|j| if j % 2 == 0 { 0.1 } else { -0.1 }).collect();
    let mut residual = vec![0.0; n];
    Dense::apply(&design, &start, &mut residual);
    residual.iter_mut().zip(&y).for_each(|(r, y)| *r -= y);
    let norms: Vec<f64> = x.chunks_exact(n).map(|x| dot(x, x)).collect();

    let mut group = c.benchmark_group(format!("sweep/{n}x{p}"));
    group.throughput(Throughput::Elements((n * p) as u64));
    group.bench_function("by hand", |b| {
        b.iter_custom(|iterations| {
            let mut total = Duration::ZERO;
            for _ in 0..iterations {
                let (mut w, mut r) = (start.clone(), residual.clone());
                by_hand(&x, &norms, &mut r, &mut w);
                let begin = data::clock();
                for _ in 0..3 {
                    by_hand(black_box(&x), &norms, &mut r, &mut w);
                }
                total += data::clock() - begin;
                black_box(&w);
            }
            total / 3
        })
    });
    let penalty = L1::new(p);
    let smooth = LinearPredictor::new(&design, Squared::new(y, n));
    let problem = Problem::new(&smooth, &penalty, LAMBDA);
    let solve = |max_iterations: usize| {
        let stopping = Stopping { tolerance: 1e-300, max_iterations, ..Stopping::default() };
        let solver =
            BlockDescent { stopping, form: Form::Residual, screening: false, anderson: 0, newton: false, batch: 1 };
        let begin = data::clock();
        let solution = solver.solve(black_box(&problem), Start::At(&start), &mut ());
        let time = data::clock() - begin;
        assert_eq!(black_box(solution).iterations, max_iterations);
        time
    };
    group.bench_function("engine", |b| {
        b.iter_custom(|iterations| {
            let (mut four, mut one) = (Duration::ZERO, Duration::ZERO);
            for _ in 0..iterations {
                four += solve(4);
                one += solve(1);
            }
            // Noise may be larger than the difference.
            four.saturating_sub(one).max(Duration::from_nanos(1)) / 3
        })
    });
    group.bench_function("engine, start and end", |b| {
        b.iter_custom(|iterations| (0..iterations).map(|_| solve(1)).sum())
    });
}

fn sweep(c: &mut Criterion) {
    size(c, 100, 1000);
    size(c, 1000, 1000);
    size(c, 10_000, 500);
    size(c, 100_000, 200);
}

criterion_group! { name = benches; config = data::quick(); targets = sweep }
criterion_main!(benches);
