//! The lasso: one λ and a path, dense and sparse.

mod data;

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sparsereg::design::Design;
use sparsereg::loss::Squared;
use sparsereg::penalty::L1;
use sparsereg::problem::Problem;
use sparsereg::smooth::LinearPredictor;
use sparsereg::solver::{BlockDescent, Solver, Start};

fn design(c: &mut Criterion, name: &str, x: &impl Design) {
    let y = data::response(x, 20, 1, 7);
    let penalty = L1::new(x.ncols());
    let smooth = LinearPredictor::new(x, Squared::new(y, x.nrows()));
    let largest = Problem::new(&smooth, &penalty, 1.0).lambda_max();
    let solver = BlockDescent::default();
    let mut group = c.benchmark_group(format!("lasso/{name}"));
    for ratio in [0.1, 0.01] {
        let problem = Problem::new(&smooth, &penalty, ratio * largest);
        group.bench_with_input(BenchmarkId::new("single", ratio), &problem, |b, problem| {
            b.iter(|| solver.solve(black_box(problem), Start::Zero, &mut ()))
        });
    }
    let lambdas = data::lambdas(largest, 0.01, 50);
    let problem = Problem::new(&smooth, &penalty, largest);
    group.bench_function("path of 50", |b| {
        b.iter(|| {
            let mut sink = |solution| {
                black_box(solution);
                ControlFlow::Continue(())
            };
            solver.solve_path(black_box(&problem), &lambdas, Start::Zero, &mut (), &mut sink);
        })
    });
}

fn lasso(c: &mut Criterion) {
    design(c, "dense 200x2000", &data::dense(200, 2000, 0.5, 1));
    design(c, "dense 5000x100", &data::dense(5000, 100, 0.5, 2));
    design(c, "sparse 2000x10000", &data::sparse(2000, 10_000, 3));
}

criterion_group! { name = benches; config = data::quick(); targets = lasso }
criterion_main!(benches);
