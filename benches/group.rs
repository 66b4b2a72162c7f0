//! Group and sparse group lasso: one λ and a path, groups of 10.

mod data;

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sparsereg::loss::Squared;
use sparsereg::partition::Partition;
use sparsereg::penalty::{BlockPenalty, GroupL2, SparseGroup};
use sparsereg::problem::Problem;
use sparsereg::smooth::LinearPredictor;
use sparsereg::solver::{BlockDescent, Solver, Start};

const SHAPE: (usize, usize) = (300, 2000);

fn penalty(c: &mut Criterion, name: &str, penalty: &impl BlockPenalty) {
    let x = data::dense(SHAPE.0, SHAPE.1, 0.6, 1);
    let y = data::response(&x, 20, 1, 2);
    let smooth = LinearPredictor::new(&x, Squared::new(y, SHAPE.0));
    let largest = Problem::new(&smooth, penalty, 1.0).lambda_max();
    let solver = BlockDescent::default();
    let mut group = c.benchmark_group(format!("{name}/dense {}x{}", SHAPE.0, SHAPE.1));
    for ratio in [0.1, 0.01] {
        let problem = Problem::new(&smooth, penalty, ratio * largest);
        group.bench_with_input(BenchmarkId::new("single", ratio), &problem, |b, problem| {
            b.iter(|| solver.solve(black_box(problem), Start::Zero, &mut ()))
        });
    }
    let lambdas = data::lambdas(largest, 0.05, 20);
    let problem = Problem::new(&smooth, penalty, largest);
    group.bench_function("path of 20", |b| {
        b.iter(|| {
            let mut sink = |solution| {
                black_box(solution);
                ControlFlow::Continue(())
            };
            solver.solve_path(black_box(&problem), &lambdas, Start::Zero, &mut (), &mut sink);
        })
    });
}

fn groups(c: &mut Criterion) {
    let partition = Partition::from_sizes(&vec![10; SHAPE.1 / 10]).expect("sizes above 0");
    penalty(c, "group lasso", &GroupL2::new(partition.clone()));
    penalty(c, "sparse group lasso", &SparseGroup::new(partition, 0.5).expect("tau in [0, 1]"));
}

criterion_group! { name = benches; config = data::quick(); targets = groups }
criterion_main!(benches);
