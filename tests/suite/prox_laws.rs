//! Laws every proximal operator obeys, on random points.

use proptest::prelude::*;
use sparsereg::prox::*;

type InPlace = fn(&mut [f64], f64);
type Operator = (&'static str, fn(&mut [f64], f64), fn(&[f64], f64) -> f64);

fn l1(v: &[f64]) -> f64 {
    v.iter().map(|x| x.abs()).sum()
}
fn square(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum()
}
fn differences(v: &[f64]) -> f64 {
    (0..v.len()).map(|k| (0..k).map(|l| (v[k] - v[l]).abs()).sum::<f64>()).sum()
}
fn sorted_l1_by_ranks(v: &[f64], weights: &[f64]) -> f64 {
    let rank = |k: usize| (0..v.len()).filter(|&l| (v[l].abs(), k) > (v[k].abs(), l)).count();
    (0..v.len()).map(|k| weights[rank(k)] * v[k].abs()).sum()
}
fn only_if(condition: bool, value: f64) -> f64 {
    if condition { value } else { f64::INFINITY }
}
fn nonnegative(v: &[f64]) -> bool {
    v.iter().all(|&x| x >= 0.0)
}

/// Name, prox with parameter t, and the function it is the prox of.
const OPERATORS: [Operator; 18] = [
    ("l1", |v, t| soft_threshold_slice(v, t), |v, t| t * l1(v)),
    (
        "weighted l1",
        |v, t| soft_threshold_weighted(v, t, &[0.0, 0.5, 2.0, 1.0]),
        |v, t| t * (0.5 * v[1].abs() + 2.0 * v[2].abs() + v[3].abs()),
    ),
    ("nonnegative l1", |v, t| nonnegative_soft_threshold_slice(v, t), |v, t| only_if(nonnegative(v), t * l1(v))),
    ("elastic net", |v, t| elastic_net_slice(v, t, 0.7), |v, t| t * l1(v) + 0.35 * square(v)),
    ("block", |v, t| _ = block_soft_threshold(v, t), |v, t| t * norm2(v)),
    (
        "nonnegative block",
        |v, t| _ = nonnegative_block_soft_threshold(v, t),
        |v, t| only_if(nonnegative(v), t * norm2(v)),
    ),
    ("block elastic net", |v, t| _ = block_elastic_net(v, t, 0.7), |v, t| t * norm2(v) + 0.35 * square(v)),
    ("sparse group", |v, t| _ = sparse_group(v, 0.6 * t, 0.8 * t), |v, t| t * (0.6 * l1(v) + 0.8 * norm2(v))),
    ("pairwise fused", |v, t| pairwise_fused(v, 0.0, 0.4 * t, &mut [0; 4]), |v, t| 0.4 * t * differences(v)),
    (
        "sparse pairwise fused",
        |v, t| pairwise_fused(v, 0.6 * t, 0.3 * t, &mut [0; 4]),
        |v, t| t * (0.6 * l1(v) + 0.3 * differences(v)),
    ),
    (
        "sorted l1",
        |v, t| sorted_l1(v, t, &[1.5, 1.0, 0.4, 0.0], &mut SortedScratch::default()),
        |v, t| t * sorted_l1_by_ranks(v, &[1.5, 1.0, 0.4, 0.0]),
    ),
    (
        "total variation",
        |v, t| total_variation(v, 0.0, t, None, &mut ChainScratch::default()),
        |v, t| t * v.windows(2).map(|v| (v[1] - v[0]).abs()).sum::<f64>(),
    ),
    (
        "sparse total variation with weights",
        |v, t| total_variation(v, 0.4 * t, t, Some(&[0.5, 0.0, 2.0]), &mut ChainScratch::default()),
        |v, t| t * (0.4 * l1(v) + 0.5 * (v[1] - v[0]).abs() + 2.0 * (v[3] - v[2]).abs()),
    ),
    ("max norm", |v, t| max_norm(v, t, &mut [0.0; 4]), |v, t| t * v.iter().fold(0.0, |m: f64, x| m.max(x.abs()))),
    (
        "simplex",
        |v, t| project_simplex(v, t, &mut [0.0; 4]),
        |v, t| only_if(nonnegative(v) && (v.iter().sum::<f64>() - t).abs() <= 1e-12 * t, 0.0),
    ),
    ("box", |v, t| project_box(v, -t, 2.0 * t), |v, t| only_if(v.iter().all(|&x| -t <= x && x <= 2.0 * t), 0.0)),
    ("l1 ball", |v, t| project_l1_ball(v, t, &mut [0.0; 4]), |v, t| only_if(l1(v) <= t * (1.0 + 1e-14), 0.0)),
    ("l2 ball", |v, t| project_l2_ball(v, t), |v, t| only_if(norm2(v) <= t * (1.0 + 1e-14), 0.0)),
];

type Diagonal = (&'static str, fn(&mut [f64], &[f64], f64, f64), fn(&[f64], f64, f64) -> f64, fn(&mut [f64], f64, f64));

/// Name, prox in the metric of a diagonal matrix, the function it is the prox of, and the prox for h = 1.
const DIAGONAL: [Diagonal; 2] = [
    (
        "sparse group",
        sparse_group_diagonal,
        |v, t1, t2| t1 * l1(v) + t2 * norm2(v),
        |v, t1, t2| _ = sparse_group(v, t1, t2),
    ),
    (
        "sparse pairwise fused",
        |v, h, t1, t2| pairwise_fused_diagonal(v, h, t1, t2, &mut [0; 4]),
        |v, t1, t2| t1 * l1(v) + t2 * differences(v),
        |v, t1, t2| pairwise_fused(v, t1, t2, &mut [0; 4]),
    ),
];

fn apply(operator: &Operator, y: &[f64], t: f64) -> Vec<f64> {
    let mut w = y.to_vec();
    operator.1(&mut w, t);
    w
}

#[test]
fn finite_at_zero_and_at_the_ends_of_the_range() {
    for operator in &OPERATORS {
        for scale in [0.0, 1e-150, 1e150] {
            let w = apply(operator, &[scale, -2.0 * scale, 0.0, 3.0 * scale], 0.5 * scale.max(1e-200));
            assert!(w.iter().all(|x| x.is_finite()), "{} at {scale}: {w:?}", operator.0);
        }
    }
}

fn points() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(prop_oneof![5 => -3.0..3.0f64, 1 => Just(0.0)], 4)
}

/// Entries up to a million apart.
fn metrics() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec((-3.0..3.0f64).prop_map(|e| 10f64.powf(e)), 4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_competitor_is_better(y in points(), shift in points(), t in 0.01..3.0f64) {
        for operator in &OPERATORS {
            let objective = |w: &[f64]| {
                0.5 * w.iter().zip(&y).map(|(w, y)| (w - y) * (w - y)).sum::<f64>() + operator.2(w, t)
            };
            let w = apply(operator, &y, t);
            let best = objective(&w);
            prop_assert!(best.is_finite());
            for size in [1.0, 0.1, 1e-3] {
                let other: Vec<f64> = w.iter().zip(&shift).map(|(w, e)| w + size * e).collect();
                prop_assert!(best <= objective(&other) + 1e-12, "{}", operator.0);
            }
        }
    }

    #[test]
    fn firmly_nonexpansive(y in points(), z in points(), t in 0.01..3.0f64) {
        for operator in &OPERATORS {
            let (a, b) = (apply(operator, &y, t), apply(operator, &z, t));
            let (mut square, mut inner) = (0.0, 0.0);
            for j in 0..4 {
                square += (a[j] - b[j]) * (a[j] - b[j]);
                inner += (a[j] - b[j]) * (y[j] - z[j]);
            }
            prop_assert!(square <= inner + 1e-12, "{}", operator.0);
        }
    }

    #[test]
    fn moreau(y in points(), t in 0.01..3.0f64) {
        let pairs: [(InPlace, InPlace); 4] = [
            (|v, t| max_norm(v, t, &mut [0.0; 4]), |v, t| project_l1_ball(v, t, &mut [0.0; 4])),
            (soft_threshold_slice, project_linf_ball),
            (|v, t| _ = block_soft_threshold(v, t), project_l2_ball),
            // prox of t‖·‖_∞ by the ℓ₁ ball has to leave the simplex's threshold: |y − Π| is capped
            (|v, t| { let y = v.to_vec(); project_l1_ball(v, t, &mut [0.0; 4]); for (v, y) in v.iter_mut().zip(y) { *v = y - *v; } },
             |v, t| project_l1_ball(v, t, &mut [0.0; 4])),
        ];
        for (prox, project) in pairs {
            let (mut a, mut b) = (y.clone(), y.clone());
            prox(&mut a, t);
            project(&mut b, t);
            for j in 0..4 {
                prop_assert!((a[j] + b[j] - y[j]).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn critical_is_the_least_lambda_with_prox_zero(g in points(), tau in 0.0..=1.0f64, omega in 0.1..3.0f64) {
        let critical = sparse_group_critical(&g, tau, omega);
        let norm_at = |lambda: f64| sparse_group(&mut g.clone(), lambda * tau, lambda * (1.0 - tau) * omega);
        prop_assert_eq!(norm_at(critical * (1.0 + 1e-13)), 0.0);
        prop_assert!(critical == 0.0 || norm_at(critical * (1.0 - 1e-13)) > 0.0);
    }

    #[test]
    fn fused_critical_is_the_least_lambda_with_prox_zero(g in points(), l1 in 0.05..2.0f64, l2 in 0.0..2.0f64) {
        let critical = pairwise_fused_critical(&g, l1, l2, &mut [0; 4]);
        let zero_at = |lambda: f64| {
            let mut v = g.clone();
            pairwise_fused(&mut v, lambda * l1, lambda * l2, &mut [0; 4]);
            v.iter().all(|&v| v == 0.0)
        };
        prop_assert!(zero_at(critical * (1.0 + 1e-12)));
        prop_assert!(critical == 0.0 || !zero_at(critical * (1.0 - 1e-12)));
    }

    #[test]
    fn fused_values_do_not_depend_on_the_order_of_classes(y in points(), t1 in 0.0..2.0f64, t2 in 0.0..2.0f64) {
        let (mut a, mut b) = (y.clone(), y);
        b.reverse();
        pairwise_fused(&mut a, t1, t2, &mut [0; 4]);
        pairwise_fused(&mut b, t1, t2, &mut [0; 4]);
        b.reverse();
        for (a, b) in a.iter().zip(&b) {
            prop_assert!((a - b).abs() <= 1e-14);
        }
    }

    #[test]
    fn in_a_diagonal_metric_no_competitor_is_better(
        y in points(), shift in points(), h in metrics(), t1 in 0.0..2.0f64, t2 in 0.0..2.0f64
    ) {
        for operator in &DIAGONAL {
            let objective = |w: &[f64]| {
                0.5 * (0..4).map(|j| h[j] * (w[j] - y[j]) * (w[j] - y[j])).sum::<f64>() + operator.2(w, t1, t2)
            };
            let mut w = y.clone();
            operator.1(&mut w, &h, t1, t2);
            let best = objective(&w);
            for size in [1.0, 0.1, 1e-3] {
                let other: Vec<f64> = w.iter().zip(&shift).map(|(w, e)| w + size * e).collect();
                prop_assert!(best <= objective(&other) + 1e-12 * (1.0 + best), "{}", operator.0);
            }
        }
    }

    #[test]
    fn in_a_diagonal_metric_firmly_nonexpansive(
        y in points(), z in points(), h in metrics(), t1 in 0.0..2.0f64, t2 in 0.0..2.0f64
    ) {
        for operator in &DIAGONAL {
            let (mut a, mut b) = (y.clone(), z.clone());
            operator.1(&mut a, &h, t1, t2);
            operator.1(&mut b, &h, t1, t2);
            let (mut square, mut inner) = (0.0, 0.0);
            for j in 0..4 {
                square += h[j] * (a[j] - b[j]) * (a[j] - b[j]);
                inner += h[j] * (a[j] - b[j]) * (y[j] - z[j]);
            }
            prop_assert!(square <= inner + 1e-12 * (1.0 + square), "{}", operator.0);
        }
    }

    #[test]
    fn an_equal_metric_is_a_step(y in points(), h in 0.1..10.0f64, t1 in 0.0..2.0f64, t2 in 0.0..2.0f64) {
        for operator in &DIAGONAL {
            let (mut a, mut b) = (y.clone(), y.clone());
            operator.1(&mut a, &[h; 4], t1, t2);
            operator.3(&mut b, t1 / h, t2 / h);
            for j in 0..4 {
                prop_assert!((a[j] - b[j]).abs() <= 1e-13, "{}: {a:?} {b:?}", operator.0);
            }
        }
    }

    #[test]
    fn special_cases_and_direction(y in points(), t in 0.0..3.0f64) {
        let mut one = [y[0]];
        block_soft_threshold(&mut one, t);
        prop_assert!((one[0] - soft_threshold(y[0], t)).abs() <= 1e-15);
        let (mut a, mut b) = (y.clone(), y.clone());
        sparse_group(&mut a, t, 0.0);
        soft_threshold_slice(&mut b, t);
        prop_assert_eq!(&a, &b);
        let (mut a, mut b) = (y.clone(), y.clone());
        sparse_group(&mut a, 0.0, t);
        let norm = block_soft_threshold(&mut b, t);
        prop_assert_eq!(&a, &b);
        prop_assert!((norm - norm2(&b)).abs() <= 1e-15);
        if norm > 0.0 {
            let cosine = a.iter().zip(&y).map(|(a, y)| a * y).sum::<f64>() / norm2(&a) / norm2(&y);
            prop_assert!((cosine - 1.0).abs() <= 1e-15);
        }
    }
}
