//! Every proximal operator and projection, on 1000 values (blocks of 10 where there are blocks).

mod data;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sparsereg::prox;

const LEN: usize = 1000;
const BLOCK: usize = 10;

fn operators(c: &mut Criterion) {
    let mut random = data::Random::new(1);
    let v: Vec<f64> = (0..LEN).map(|_| random.normal()).collect();
    let weights: Vec<f64> = (0..LEN).map(|_| random.uniform()).collect();
    let (low, high) = (vec![-0.5; LEN], vec![0.5; LEN]);
    let mut scratch = vec![0.0; LEN];
    let mut group = c.benchmark_group("prox");
    group.throughput(Throughput::Elements(LEN as u64));
    let mut bench = |name: &str, operator: &mut dyn FnMut(&mut [f64])| {
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                || v.clone(),
                |v| {
                    operator(black_box(&mut v[..]));
                },
                BatchSize::SmallInput,
            )
        });
    };
    let blocks = |v: &mut [f64], each: &dyn Fn(&mut [f64]) -> f64| {
        for block in v.chunks_exact_mut(BLOCK) {
            black_box(each(block));
        }
    };
    bench("soft threshold", &mut |v| prox::soft_threshold_slice(v, 0.5));
    bench("soft threshold, weighted", &mut |v| prox::soft_threshold_weighted(v, 0.5, &weights));
    bench("soft threshold, non-negative", &mut |v| prox::nonnegative_soft_threshold_slice(v, 0.5));
    bench("elastic net", &mut |v| prox::elastic_net_slice(v, 0.5, 0.5));
    bench("block soft threshold", &mut |v| blocks(v, &|v| prox::block_soft_threshold(v, 1.0)));
    bench("block soft threshold, non-negative", &mut |v| {
        blocks(v, &|v| prox::nonnegative_block_soft_threshold(v, 1.0));
    });
    bench("block elastic net", &mut |v| blocks(v, &|v| prox::block_elastic_net(v, 1.0, 0.5)));
    bench("sparse group", &mut |v| blocks(v, &|v| prox::sparse_group(v, 0.5, 0.5)));
    bench("sparse group, critical", &mut |v| {
        blocks(v, &|v| prox::sparse_group_critical(v, 0.5, 3.0));
    });
    bench("box", &mut |v| prox::project_box(v, -0.5, 0.5));
    bench("box, each", &mut |v| prox::project_box_each(v, &low, &high));
    bench("l2 ball", &mut |v| prox::project_l2_ball(v, 1.0));
    bench("linf ball", &mut |v| prox::project_linf_ball(v, 0.5));
    bench("l1 ball", &mut |v| prox::project_l1_ball(v, 10.0, &mut scratch));
    bench("simplex", &mut |v| prox::project_simplex(v, 1.0, &mut scratch));
}

/// Chains of groups of 10 that share 3 columns with the next.
fn latent(c: &mut Criterion) {
    let mut random = data::Random::new(2);
    let v: Vec<f64> = (0..LEN).map(|_| random.normal()).collect();
    let (mut starts, mut members) = (vec![0], Vec::new());
    let mut first = 0;
    while first + BLOCK <= LEN {
        members.extend(first..first + BLOCK);
        starts.push(members.len());
        first += BLOCK - 3;
    }
    let weights = vec![(BLOCK as f64).sqrt(); starts.len() - 1];
    let mut scratch = prox::LatentScratch::new(LEN, weights.len());
    let mut group = c.benchmark_group("prox/latent overlap");
    group.throughput(Throughput::Elements(LEN as u64));
    // Half of the groups active, a few of them.
    for t in [1.0, 1.25] {
        group.bench_function(format!("t = {t}"), |b| {
            b.iter_batched_ref(
                || v.clone(),
                |v| prox::latent_overlap(v, t, &starts, &members, &weights, &mut scratch),
                BatchSize::SmallInput,
            )
        });
    }
    group.bench_function("value", |b| {
        b.iter(|| prox::latent_overlap_value(black_box(&v), &starts, &members, &weights, &mut scratch))
    });
    group.bench_function("critical", |b| {
        b.iter(|| prox::latent_overlap_critical(black_box(&v), &starts, &members, &weights))
    });
}

criterion_group! { name = benches; config = data::quick(); targets = operators, latent }
criterion_main!(benches);
