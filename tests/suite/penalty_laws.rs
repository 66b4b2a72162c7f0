//! The laws of a penalty, on every entry of the registry: the operators are what their definitions say, and the dual
//! figures belong to the primal ones.

use crate::common::{Rng, *};
use proptest::prelude::*;
use sparsereg::partition::Groups;
use sparsereg::penalty::{BlockPenalty, LatentOverlap, Penalty, Step};

const P: usize = 8;

/// A vector over all columns with some zeros in it.
fn vector(rng: &mut Rng, len: usize, scale: f64) -> Vec<f64> {
    (0..len).map(|_| if rng.uniform() < 0.25 { 0.0 } else { scale * rng.normal() }).collect()
}

fn prox(penalty: &Boxed, b: usize, lambda: f64, step: f64, v: &[f64]) -> Vec<f64> {
    let mut w = v.to_vec();
    penalty.prox_block(b, lambda, step, &mut w);
    w
}

/// Runs a law on every block of every entry, with q = 1 and q = 2 responses.
fn each_block(seed: u64, mut law: impl FnMut(&mut Rng, &Entry, &Boxed, usize, usize)) {
    for entry in entries(P).iter().chain(&constrained_entries(P)).chain(&coupled_entries()) {
        let penalty = entry.build();
        for q in [1, 2] {
            for b in 0..entry.nblocks() {
                let mut rng = Rng::new(seed ^ (1000 * b + q) as u64);
                law(&mut rng, entry, &penalty, b, entry.sizes[b] * q);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_are_those_of_the_definition(seed: u64, lambda in 0.0..3.0) {
        each_block(seed, |rng, entry, penalty, b, len| {
            let w = vector(rng, len, 2.0);
            let (found, wanted) = (penalty.value_block(b, lambda, &w), entry.value_block(b, lambda, &w));
            assert!(found == wanted || (found - wanted).abs() <= 1e-13 * wanted, "{}: {found} {wanted}", entry.name);
            assert_eq!(penalty.value_block(b, lambda, &vec![0.0; len]), 0.0, "{}", entry.name);
            assert_eq!(penalty.is_free(b, lambda), entry.is_free(b, lambda), "{}", entry.name);
            assert_eq!(penalty.is_free(b, 0.0), entry.is_free(b, 0.0), "{}", entry.name);
        });
    }

    /// `w = prox(v)` minimises `½‖x − v‖² + step·λΩ(x)`, which is 1-strongly convex: a competitor at distance d is worse
    /// by at least d²/2.
    #[test]
    fn prox_minimises_its_definition(seed: u64, lambda in 0.0..2.0, step in 0.1..3.0f64) {
        each_block(seed, |rng, entry, penalty, b, len| {
            let v = vector(rng, len, 2.0);
            let w = prox(penalty, b, lambda, step, &v);
            let objective = |x: &[f64]| {
                let d: f64 = x.iter().zip(&v).map(|(x, v)| (x - v) * (x - v)).sum();
                0.5 * d + entry.value_block(b, step * lambda, x)
            };
            let at = objective(&w);
            assert!(at.is_finite(), "{}: prox {v:?} = {w:?}", entry.name);
            for k in 0..30 {
                let size = [1.0, 1e-2, 1e-4][k % 3];
                let mut other: Vec<f64> = w.iter().map(|w| w + size * rng.normal()).collect();
                match k / 3 {
                    0 => other = vec![0.0; len],
                    1 => other = v.clone(),
                    2 | 3 => { let i = rng.below(len); other[i] = 0.0; }
                    4 | 5 => other.iter_mut().for_each(|o| *o = o.max(0.0)),
                    6 => other = w.iter().map(|w| w * (1.0 + size)).collect(),
                    _ => {}
                }
                let d: f64 = other.iter().zip(&w).map(|(a, b)| (a - b) * (a - b)).sum();
                assert!(objective(&other) >= at + 0.5 * d - 1e-12 * (1.0 + at), "{}: λ {lambda} step {step} v {v:?}: {w:?} is beaten by {other:?}", entry.name);
            }
        });
    }

    /// The same in the metric of a diagonal matrix, where the penalty has that prox: the objective grows by `½ Σ h_i d_i²`.
    #[test]
    fn prox_in_a_diagonal_metric_minimises_its_definition(seed: u64, lambda in 0.0..2.0, spread in 0.0..3.0f64) {
        each_block(seed, |rng, entry, penalty, b, len| {
            let h: Vec<f64> = (0..len).map(|_| (spread * rng.normal()).exp()).collect();
            let v = vector(rng, len, 2.0);
            let mut w = v.clone();
            if !penalty.prox_block_diagonal(b, lambda, &h, &mut w) {
                assert_eq!(w, v, "{}", entry.name);
                return;
            }
            let distance = |x: &[f64], y: &[f64]| (0..len).map(|i| h[i] * (x[i] - y[i]) * (x[i] - y[i])).sum::<f64>();
            let objective = |x: &[f64]| 0.5 * distance(x, &v) + entry.value_block(b, lambda, x);
            let at = objective(&w);
            assert!(at.is_finite(), "{}: prox {v:?} = {w:?}", entry.name);
            for k in 0..30 {
                let size = [1.0, 1e-2, 1e-4][k % 3];
                let mut other: Vec<f64> = w.iter().map(|w| w + size * rng.normal()).collect();
                match k / 3 {
                    0 => other = vec![0.0; len],
                    1 => other = v.clone(),
                    2 | 3 => { let i = rng.below(len); other[i] = 0.0; }
                    4 | 5 => other.iter_mut().for_each(|o| *o = o.max(0.0)),
                    6 => other = w.iter().map(|w| w * (1.0 + size)).collect(),
                    _ => {}
                }
                // Squares times h are large, and so are their rounding errors.
                let found = objective(&other);
                let worse = at + 0.5 * distance(&other, &w) - 1e-12 * (1.0 + found);
                assert!(found >= worse, "{}: λ {lambda} h {h:?} v {v:?}: {w:?} is beaten by {other:?}", entry.name);
            }
            // Equal h are a step.
            let mut equal = v.clone();
            penalty.prox_block_diagonal(b, lambda, &vec![0.8; len], &mut equal);
            let step = prox(penalty, b, lambda, 1.25, &v);
            assert!(equal.iter().zip(&step).all(|(a, b)| (a - b).abs() <= 1e-13), "{}: {equal:?} {step:?}", entry.name);
        });
    }

    #[test]
    fn prox_is_firmly_nonexpansive(seed: u64, lambda in 0.0..2.0, step in 0.1..3.0f64) {
        each_block(seed, |rng, entry, penalty, b, len| {
            let (u, v) = (vector(rng, len, 2.0), vector(rng, len, 2.0));
            let (pu, pv) = (prox(penalty, b, lambda, step, &u), prox(penalty, b, lambda, step, &v));
            let square: f64 = pu.iter().zip(&pv).map(|(a, b)| (a - b) * (a - b)).sum();
            let inner: f64 = (0..len).map(|i| (pu[i] - pv[i]) * (u[i] - v[i])).sum();
            assert!(square <= inner + 1e-12, "{}: {square} {inner}", entry.name);
        });
    }

    #[test]
    fn critical_lambda_is_where_prox_becomes_zero(seed: u64, step in 0.1..3.0f64) {
        each_block(seed, |rng, entry, penalty, b, len| {
            let g = vector(rng, len, 2.0);
            let critical = penalty.critical_lambda_block(b, &g);
            assert!(critical >= 0.0, "{}", entry.name);
            let v: Vec<f64> = g.iter().map(|g| -step * g).collect();
            let zero = |lambda: f64| prox(penalty, b, lambda, step, &v).iter().all(|&w| w == 0.0);
            if critical.is_finite() {
                assert!(zero(critical * (1.0 + 1e-9)), "{}: {g:?} above {critical}", entry.name);
                assert!(critical == 0.0 || !zero(critical * (1.0 - 1e-9)), "{}: {g:?} below {critical}", entry.name);
            } else {
                assert!(!zero(1e6), "{}: {g:?}", entry.name);
            }
        });
    }

    /// Fenchel–Young, its equality case `−g ∈ λ∂Ω(w)` (which w = prox(v), g = w − v is), the KKT measure there, and both
    /// away from it.
    #[test]
    fn fenchel_young_and_kkt_vanish_at_optimal_pairs_only(seed: u64, lambda in 0.01..2.0) {
        each_block(seed, |rng, entry, penalty, b, len| {
            let v = vector(rng, len, 2.0);
            let w = prox(penalty, b, lambda, 1.0, &v);
            let g: Vec<f64> = w.iter().zip(&v).map(|(w, v)| w - v).collect();
            let mut scratch = Vec::new();
            let size = 1.0 + norm(&v) * norm(&v);
            // The last bit may stand outside of the dual ball, where the conjugate is infinite.
            let scale = 1.0 - 1e-11;
            let gap = penalty.fenchel_young_block(b, lambda, &w, &g, scale, &mut scratch);
            let constraint_only = entry.nonnegative && entry.weights[b] == 0.0;
            if !constraint_only && !(entry.is_free(b, lambda)) {
                assert!((0.0..=1e-9 * size).contains(&gap), "{}: {gap} at {w:?} {g:?}", entry.name);
            }
            let kkt = penalty.kkt_block(b, lambda, &w, &g);
            assert!((0.0..=1e-12 * size).contains(&kkt), "{}: {kkt} at {w:?} {g:?}", entry.name);

            let other = prox(penalty, b, lambda, 1.0, &vector(rng, len, 2.0));
            let h = vector(rng, len, 1.0);
            let gap = penalty.fenchel_young_block(b, lambda, &other, &h, 1.0, &mut scratch);
            assert!(gap >= 0.0, "{}: {gap}", entry.name);
            let fixed: Vec<f64> = other.iter().zip(&h).map(|(w, h)| w - h).collect();
            let moved = distance(&prox(penalty, b, lambda, 1.0, &fixed), &other);
            let kkt = penalty.kkt_block(b, lambda, &other, &h);
            assert!(moved <= (1.0 + 1e-12) * kkt + 1e-13, "{}: moves by {moved}, KKT violation {kkt}", entry.name);
            assert!(kkt == 0.0 || moved > 1e-9 * kkt.min(1.0), "{}: moves by {moved}, KKT violation {kkt}", entry.name);
        });
    }

    /// `(λΩ)*(−g) = sup_w ⟨−g, w⟩ − λΩ(w)`: never below what a w attains, attained at the w that belongs to it.
    #[test]
    fn conjugates_are_suprema(seed: u64, lambda in 0.01..2.0) {
        each_block(seed, |rng, entry, penalty, b, len| {
            let g = vector(rng, len, 1.0);
            let found = penalty.conjugate_block(b, lambda, &g);
            let attained = |w: &[f64]| {
                let inner: f64 = g.iter().zip(w).map(|(g, w)| -g * w).sum();
                inner - entry.value_block(b, lambda, w)
            };
            // The direction in which the supremum is sought: a long gradient step and its prox.
            let mut best = 0.0f64;
            for length in [1e-3, 0.1, 1.0, 10.0, 1e3, 1e6] {
                let v: Vec<f64> = g.iter().map(|g| -length * g).collect();
                best = best.max(attained(&prox(penalty, b, lambda, length, &v)));
            }
            for _ in 0..20 {
                best = best.max(attained(&vector(rng, len, 1.0)));
            }
            if found.is_finite() {
                assert!(best <= found + 1e-9 * (1.0 + found), "{}: {best} > {found} at {g:?}", entry.name);
                assert!(found <= best + 1e-4 * (1.0 + best), "{}: {best} < {found} at {g:?}", entry.name);
                let wanted = entry.conjugate_block(b, lambda, &g.iter().map(|g| -g).collect::<Vec<_>>(), 1e-12);
                let agrees = wanted.is_nan() || (found - wanted).abs() <= 1e-12 * (1.0 + wanted);
                assert!(agrees, "{}: {found} {wanted}", entry.name);
            } else {
                // A norm is homogeneous: one w above 0 makes the supremum infinite.
                assert!(best > 0.0 || penalty.critical_lambda_block(b, &g) < lambda * 1.01, "{}: ∞, but {best} at {g:?}", entry.name);
            }
        });
    }

    #[test]
    fn screening_constants_bound_the_slope_of_the_critical_lambda(seed: u64) {
        each_block(seed, |rng, entry, penalty, b, len| {
            let Some(c) = penalty.screening_constant(b) else { return };
            assert!(c >= 0.0, "{}: {c}", entry.name);
            for size in [1.0, 1e-3] {
                let g = vector(rng, len, 1.0);
                let h: Vec<f64> = g.iter().map(|g| g + size * rng.normal()).collect();
                let (a, b) = (penalty.critical_lambda_block(b, &g), penalty.critical_lambda_block(b, &h));
                let d = norm(&g.iter().zip(&h).map(|(g, h)| g - h).collect::<Vec<_>>());
                if c.is_finite() {
                    assert!((a - b).abs() <= c * d * (1.0 + 1e-10) + 1e-13, "{}: |{a} − {b}| > {c}·{d}", entry.name);
                }
            }
        });
    }

    #[test]
    fn curvature_is_that_of_finite_differences(seed: u64, lambda in 0.1..2.0) {
        each_block(seed, |rng, entry, penalty, b, len| {
            let none = matches!(entry.kind, Kind::Max | Kind::SortedL1(_) | Kind::Fused(..) | Kind::Trace | Kind::Box(..));
            if none || entry.name.contains("inf") {
                return;
            }
            let w: Vec<f64> = (0..len).map(|_| {
                let v = 0.5 + rng.uniform();
                if entry.nonnegative || rng.uniform() < 0.5 { v } else { -v }
            }).collect();
            let (mut grad, mut hess) = (vec![7.0; len], vec![7.0; len * len]);
            assert!(penalty.curvature_block(b, lambda, &w, &mut grad, &mut hess), "{}", entry.name);
            let h = 1e-4;
            let value = |shift: &[(usize, f64)]| {
                let mut w = w.clone();
                shift.iter().for_each(|&(i, d)| w[i] += d);
                entry.value_block(b, lambda, &w)
            };
            for i in 0..len {
                let slope = (value(&[(i, h)]) - value(&[(i, -h)])) / (2.0 * h);
                assert!(f64::abs(grad[i] - 7.0 - slope) < 1e-6, "{}: {} {slope}", entry.name, grad[i] - 7.0);
                for j in 0..len {
                    let bend = (value(&[(i, h), (j, h)]) - value(&[(i, h), (j, -h)]) - value(&[(i, -h), (j, h)])
                        + value(&[(i, -h), (j, -h)])) / (4.0 * h * h);
                    assert!(f64::abs(hess[i * len + j] - 7.0 - bend) < 1e-5, "{}: {} {bend}", entry.name, hess[i * len + j] - 7.0);
                }
            }
        });
    }

    /// Whole penalties, LatentOverlap among them: `dual_scale` makes any g feasible and is the largest such factor.
    #[test]
    fn dual_scale_reaches_the_boundary_of_the_feasible_set(seed: u64, lambda in 0.01..2.0) {
        let mut rng = Rng::new(seed);
        let latent = LatentOverlap::new(Groups::overlapping(&[vec![0, 1, 2], vec![2, 3, 4], vec![4, 5, 6, 7], vec![1, 6]], P).unwrap());
        let mut g = vector(&mut rng, P, 1.0);
        check_scale("latent", &latent, lambda, &g);
        for entry in entries(P) {
            let penalty = entry.build();
            for j in penalty.free_columns(lambda) {
                g[j] = 0.0;
            }
            check_scale(&entry.name, &penalty, lambda, &g);
        }
    }

    /// The latent norm has no block form: its prox against random competitors in the latent variables, its value against
    /// the dual norm, and both on the copies of the columns.
    #[test]
    fn latent_overlap_obeys_the_same_laws(seed: u64, lambda in 0.01..2.0, step in 0.1..3.0f64, free in 0..4usize) {
        let mut rng = Rng::new(seed);
        let groups = vec![vec![0, 1, 2], vec![2, 3, 4], vec![4, 5, 6, 7], vec![1, 6]];
        let mut weights: Vec<f64> = groups.iter().map(|g| (g.len() as f64).sqrt()).collect();
        if free == 3 { weights[3] = 0.0; }
        let penalty = LatentOverlap::new(Groups::overlapping(&groups, P).unwrap()).with_weights(weights.clone()).unwrap();
        let v = vector(&mut rng, P, 2.0);
        let mut w = v.clone();
        penalty.prox(lambda, Step::Uniform(step), &mut w);
        let objective = |x: &[f64]| {
            let d: f64 = x.iter().zip(&v).map(|(x, v)| (x - v) * (x - v)).sum();
            0.5 * d + step * penalty.value(lambda, x)
        };
        let at = objective(&w);
        for k in 0..30 {
            let size = [1.0, 1e-2, 1e-3][k % 3];
            let other: Vec<f64> = w.iter().map(|w| w + size * rng.normal()).collect();
            let d: f64 = other.iter().zip(&w).map(|(a, b)| (a - b) * (a - b)).sum();
            assert!(objective(&other) >= at + 0.5 * d - 1e-9, "{w:?} {at} is beaten by {other:?} {}", objective(&other));
        }
        // A decomposition is an upper bound of the value, a dual point a lower one.
        let mut sum = vec![0.0; P];
        let mut upper = 0.0;
        for (members, weight) in groups.iter().zip(&weights) {
            let part = vector(&mut rng, members.len(), 1.0);
            upper += weight * norm(&part);
            members.iter().zip(&part).for_each(|(&j, p)| sum[j] += p);
        }
        assert!(penalty.value(1.0, &sum) <= upper * (1.0 + 1e-10), "{} > {upper}", penalty.value(1.0, &sum));
        let mut z = vector(&mut rng, P, 1.0);
        penalty.free_columns(lambda).into_iter().for_each(|j| z[j] = 0.0);
        let dual = penalty.critical_lambda(&z);
        let wanted = groups.iter().zip(&weights).map(|(m, w)| {
            let size = norm(&m.iter().map(|&j| z[j]).collect::<Vec<_>>());
            if size == 0.0 { 0.0 } else { size / w }
        }).fold(0.0, f64::max);
        assert!((dual - wanted).abs() <= 1e-12 * wanted, "{dual} {wanted}");
        let inner: f64 = z.iter().zip(&sum).map(|(z, w)| z * w).sum();
        assert!(inner <= dual * penalty.value(1.0, &sum) * (1.0 + 1e-9) + 1e-12);
        // The equality case: (v − w)/step ∈ λ∂Ω(w).
        let g: Vec<f64> = w.iter().zip(&v).map(|(w, v)| (w - v) / step).collect();
        assert!(penalty.kkt_violation(lambda, &w, &g) <= 1e-8 * (1.0 + norm(&v)), "{}", penalty.kkt_violation(lambda, &w, &g));
        if free != 3 {
            let gap = penalty.fenchel_young(lambda, &w, &g, 1.0 - 1e-9);
            assert!((0.0..1e-7 * (1.0 + norm(&v))).contains(&gap), "{gap}");
        }
    }
}

#[track_caller]
fn check_scale(name: &str, penalty: &impl Penalty, lambda: f64, g: &[f64]) {
    let zero = vec![0.0; g.len()];
    let s = penalty.dual_scale(lambda, g);
    assert!((0.0..=1.0).contains(&s), "{name}: {s}");
    let scaled: Vec<f64> = g.iter().map(|g| s * g).collect();
    assert!(penalty.critical_lambda(&scaled) <= lambda * (1.0 + 1e-12), "{name}: {s} is infeasible");
    assert!(penalty.fenchel_young(lambda, &zero, g, s) <= 1e-24, "{name}: {s}");
    if 0.0 < s && s < 1.0 {
        let beyond: Vec<f64> = g.iter().map(|g| 1.001 * s * g).collect();
        assert!(penalty.critical_lambda(&beyond) > lambda, "{name}: {s} is too small");
    }
}

#[test]
fn free_columns_are_the_columns_of_free_blocks() {
    for entry in entries(P) {
        let penalty = entry.build();
        for lambda in [0.0, 0.7] {
            let wanted: Vec<usize> =
                (0..entry.nblocks()).filter(|&b| entry.is_free(b, lambda)).flat_map(|b| entry.block(b)).collect();
            assert_eq!(penalty.free_columns(lambda), wanted, "{} at {lambda}", entry.name);
        }
    }
    let groups = Groups::overlapping(&[vec![0, 1], vec![1, 2], vec![3]], 4).unwrap();
    let latent = LatentOverlap::new(groups).with_weights(vec![1.0, 0.0, INF]).unwrap();
    assert_eq!(latent.free_columns(0.5), [1, 2]);
    assert_eq!(latent.free_columns(0.0), [0, 1, 2]);
}

/// No NaN, no panic and no overflow that the definition does not ask for, at 0 and at 1e±150.
#[test]
fn everything_is_finite_at_extreme_sizes() {
    each_block(3, |rng, entry, penalty, b, len| {
        for size in [0.0, 1e-150, 1e150] {
            let mut v: Vec<f64> = (0..len).map(|_| size * (0.5 + rng.uniform())).collect();
            for (lambda, step) in [(0.0, 1.0), (1.0, 1.0), (size, 1.0), (1.0, f64::max(size, 1e-150))] {
                let context = format!("{} size {size:e} λ {lambda:e} step {step:e}", entry.name);
                let w = prox(penalty, b, lambda, step, &v);
                assert!(w.iter().all(|w| w.is_finite()), "{context}: prox {w:?}");
                assert!(!penalty.value_block(b, lambda, &v).is_nan(), "{context}: value");
                assert!(!penalty.critical_lambda_block(b, &v).is_nan(), "{context}: critical λ");
                assert!(!penalty.conjugate_block(b, lambda, &v).is_nan(), "{context}: conjugate");
                assert!(penalty.kkt_block(b, lambda, &vec![0.0; len], &v).is_finite(), "{context}: KKT at 0");
                assert!(!penalty.kkt_block(b, lambda, &w, &v).is_nan(), "{context}: KKT");
                let gap = penalty.fenchel_young_block(b, lambda, &w, &v, 1.0, &mut Vec::new());
                assert!(!gap.is_nan(), "{context}: Fenchel–Young");
            }
            v.fill(-size);
            let critical = penalty.critical_lambda_block(b, &v);
            let wanted = size * penalty.critical_lambda_block(b, &vec![-1.0; len]);
            if size > 0.0 && wanted.is_finite() {
                assert!(
                    (critical / wanted - 1.0).abs() < 1e-12 || critical == wanted,
                    "{}: {critical:e} {wanted:e}",
                    entry.name
                );
            }
        }
    });
}
