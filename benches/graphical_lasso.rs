//! The graphical lasso: one λ, from a sparse to a dense graph, and a path.

mod data;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use sparsereg::estimator::GraphicalLasso;
use sparsereg::path::Grid;

/// Samples of a Gaussian chain with neighbours correlated by 0.6.
fn samples(n: usize, p: usize) -> Array2<f64> {
    let mut random = data::Random::new(5);
    let mut x = Array2::zeros((n, p));
    for i in 0..n {
        let mut previous = 0.0;
        for j in 0..p {
            previous = 0.6 * previous + 0.8 * random.normal();
            x[[i, j]] = previous;
        }
    }
    x
}

fn graphical_lasso(c: &mut Criterion) {
    let mut group = c.benchmark_group("graphical_lasso");
    for p in [50, 100, 200] {
        let x = samples(2 * p, p);
        for lambda in [0.4, 0.2] {
            let estimator = GraphicalLasso::new(lambda);
            group.bench_with_input(BenchmarkId::new(format!("p {p}"), lambda), &x, |b, x| {
                b.iter(|| estimator.fit(black_box(x)))
            });
        }
    }
    let x = samples(100, 50);
    group.bench_function("p 50 path of 20", |b| {
        b.iter(|| GraphicalLasso::default().path(black_box(&x), Grid::auto(20).ratio(0.1)))
    });
    group.finish();
}

criterion_group! { name = benches; config = data::quick(); targets = graphical_lasso }
criterion_main!(benches);
