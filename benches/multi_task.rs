//! The multi-task lasso: rows of coefficients, one λ and a path.

mod data;

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sparsereg::loss::Squared;
use sparsereg::partition::Partition;
use sparsereg::penalty::GroupL2;
use sparsereg::problem::Problem;
use sparsereg::smooth::LinearPredictor;
use sparsereg::solver::{BlockDescent, Solver, Start};

fn tasks(c: &mut Criterion, n: usize, p: usize, tasks: usize) {
    let x = data::dense(n, p, 0.6, 1);
    let y = data::response(&x, 20, tasks, 2);
    let smooth = LinearPredictor::new(&x, Squared::new(y, n));
    let penalty = GroupL2::new(Partition::singletons(p));
    let largest = Problem::new(&smooth, &penalty, 1.0).lambda_max();
    let solver = BlockDescent::default();
    let mut group = c.benchmark_group(format!("multi-task lasso/dense {n}x{p}, {tasks} tasks"));
    for ratio in [0.1, 0.03] {
        let problem = Problem::new(&smooth, &penalty, ratio * largest);
        group.bench_with_input(BenchmarkId::new("single", ratio), &problem, |b, problem| {
            b.iter(|| solver.solve(black_box(problem), Start::Zero, &mut ()))
        });
    }
    let lambdas = data::lambdas(largest, 0.1, 10);
    let problem = Problem::new(&smooth, &penalty, largest);
    group.bench_function("path of 10", |b| {
        b.iter(|| {
            let mut sink = |solution| {
                black_box(solution);
                ControlFlow::Continue(())
            };
            solver.solve_path(black_box(&problem), &lambdas, Start::Zero, &mut (), &mut sink);
        })
    });
}

fn multi_task(c: &mut Criterion) {
    tasks(c, 200, 1000, 5);
    tasks(c, 200, 1000, 20);
}

criterion_group! { name = benches; config = data::quick(); targets = multi_task }
criterion_main!(benches);
