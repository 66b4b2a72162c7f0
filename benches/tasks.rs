//! Tasks with designs of their own beside several responses to one design: the same X T times, which is T times the data
//! of the shared fit, and other data of the same size.

mod data;

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sparsereg::design::{AnyDesign, AsDesign, Dense, Design, TaskStack};
use sparsereg::loss::{Loss, Squared};
use sparsereg::partition::Partition;
use sparsereg::penalty::GroupL2;
use sparsereg::problem::Problem;
use sparsereg::smooth::LinearPredictor;
use sparsereg::solver::{BlockDescent, Solver, Start};

fn run<D: Design, L: Loss>(c: &mut Criterion, name: &str, smooth: &LinearPredictor<D, L>, penalty: &GroupL2) {
    let largest = Problem::new(smooth, penalty, 1.0).lambda_max();
    let solver = BlockDescent::default();
    let mut group = c.benchmark_group(name);
    for ratio in [0.1, 0.03] {
        let problem = Problem::new(smooth, penalty, ratio * largest);
        group.bench_with_input(BenchmarkId::new("single", ratio), &problem, |b, problem| {
            b.iter(|| solver.solve(black_box(problem), Start::Zero, &mut ()))
        });
    }
    let lambdas = data::lambdas(largest, 0.1, 10);
    let problem = Problem::new(smooth, penalty, largest);
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

fn compare(c: &mut Criterion, n: usize, p: usize, tasks: usize) {
    let x = data::dense(n, p, 0.6, 1);
    let y = data::response(&x, 20, tasks, 2);
    let size = format!("dense {n}x{p}, {tasks} tasks");
    let rows = GroupL2::new(Partition::singletons(p));
    run(c, &format!("tasks/one design, {size}"), &LinearPredictor::new(&x, Squared::new(y.clone(), n)), &rows);

    // As the estimators do: rows are scaled by √T, so that the mean over all rows is the sum of the tasks' means.
    let factor = (tasks as f64).sqrt();
    let scaled = |y: &[f64]| y.iter().map(|y| factor * y).collect::<Vec<f64>>();
    let blocks = Partition::from_sizes(&vec![tasks; p]).expect("sizes");
    let penalty = GroupL2::new(blocks).with_weights(vec![1.0; p]).expect("weights");
    let stack = |designs: Vec<AnyDesign<'_>>, y: Vec<f64>, c: &mut Criterion, name: &str| {
        let x = TaskStack::new(designs).expect("one width").with_factors(vec![factor; tasks]).expect("factors");
        run(c, &format!("tasks/{name}, {size}"), &LinearPredictor::new(x, Squared::new(y, n * tasks)), &penalty);
    };
    let same = (0..tasks).map(|_| x.as_design().expect("finite")).collect();
    stack(same, scaled(&y), c, "the same design for each");
    let others: Vec<Dense<'static>> = (0..tasks).map(|t| data::dense(n, p, 0.6, 10 + t as u64)).collect();
    let y: Vec<f64> = others.iter().enumerate().flat_map(|(t, x)| data::response(x, 20, 1, 2 + t as u64)).collect();
    stack(others.iter().map(|x| x.as_design().expect("finite")).collect(), scaled(&y), c, "designs of their own");
}

fn of_their_own(c: &mut Criterion) {
    compare(c, 200, 1000, 5);
    compare(c, 500, 2000, 10);
}

criterion_group! { name = benches; config = data::quick(); targets = of_their_own }
criterion_main!(benches);
