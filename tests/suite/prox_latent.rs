//! The latent overlapping group norm against brute force: Dykstra, optimality conditions, random competitors, hard group structures.

use proptest::prelude::*;
use sparsereg::prox::{
    LatentOutcome, LatentScratch, LatentValue, block_soft_threshold, latent_overlap, latent_overlap_critical,
    latent_overlap_decomposition, latent_overlap_value, norm2,
};

const INF: f64 = f64::INFINITY;

#[derive(Debug, Clone)]
struct Groups {
    starts: Vec<usize>,
    members: Vec<usize>,
    weights: Vec<f64>,
}

impl Groups {
    fn new(groups: &[Vec<usize>], weights: &[f64]) -> Self {
        let mut starts = vec![0];
        for group in groups {
            starts.push(starts[starts.len() - 1] + group.len());
        }
        Self { starts, members: groups.concat(), weights: weights.to_vec() }
    }
    fn with_root_weights(groups: &[Vec<usize>]) -> Self {
        let weights: Vec<f64> = groups.iter().map(|g| (g.len() as f64).sqrt()).collect();
        Self::new(groups, &weights)
    }
    fn len(&self) -> usize {
        self.weights.len()
    }
    fn group(&self, g: usize) -> &[usize] {
        &self.members[self.starts[g]..self.starts[g + 1]]
    }
    fn norm(&self, g: usize, u: &[f64]) -> f64 {
        norm2(&self.group(g).iter().map(|&j| u[j]).collect::<Vec<_>>())
    }
    fn critical(&self, g: &[f64]) -> f64 {
        latent_overlap_critical(g, &self.starts, &self.members, &self.weights)
    }
    fn prox(&self, y: &[f64], t: f64) -> (Vec<f64>, LatentOutcome, LatentScratch) {
        let mut scratch = LatentScratch::new(y.len(), self.len());
        let mut w = y.to_vec();
        let outcome = latent_overlap(&mut w, t, &self.starts, &self.members, &self.weights, &mut scratch);
        (w, outcome, scratch)
    }
    fn value(&self, w: &[f64]) -> (LatentValue, LatentScratch) {
        let mut scratch = LatentScratch::new(w.len(), self.len());
        let value = latent_overlap_value(w, &self.starts, &self.members, &self.weights, &mut scratch);
        (value, scratch)
    }
    fn decomposition(&self, w: &[f64], scratch: &LatentScratch) -> Vec<f64> {
        let mut copies = vec![0.0; self.members.len()];
        latent_overlap_decomposition(w, &self.starts, &self.members, scratch, &mut copies);
        copies
    }
}

/// Dykstra's alternating projections onto the cylinders: slow, literal, independent. Goes on after these sweeps as long as
/// anything moves: small balls far from y take ten times as many.
fn project_by_dykstra(groups: &Groups, y: &[f64], t: f64, sweeps: usize) -> Vec<f64> {
    let mut u = y.to_vec();
    let mut corrections = vec![vec![0.0; y.len()]; groups.len()];
    let mut before = u.clone();
    for sweep in 0..100 * sweeps {
        let still = u.iter().zip(&before).all(|(u, before)| (u - before).abs() <= 1e-13);
        if sweep >= sweeps && still {
            break;
        }
        before.copy_from_slice(&u);
        for (g, correction) in corrections.iter_mut().enumerate() {
            for &j in groups.group(g) {
                u[j] += correction[j];
            }
            let (norm, radius) = (groups.norm(g, &u), t * groups.weights[g]);
            let factor = if norm > radius { radius / norm } else { 1.0 };
            for &j in groups.group(g) {
                correction[j] = u[j] * (1.0 - factor);
                u[j] *= factor;
            }
        }
    }
    u
}

/// Everything that must hold at a prox, in units of y: u feasible, pieces that add up, and ⟨u_g, v_g⟩ = tω_g‖v_g‖.
fn optimality_gap(groups: &Groups, y: &[f64], t: f64) -> (f64, LatentOutcome) {
    let (w, outcome, scratch) = groups.prox(y, t);
    let u: Vec<f64> = y.iter().zip(&w).map(|(y, w)| y - w).collect();
    let copies = groups.decomposition(&w, &scratch);
    let unit = norm2(y).max(f64::MIN_POSITIVE);
    let mut sums = vec![0.0; y.len()];
    let (mut worst, mut gap) = (0.0f64, 0.0);
    for g in 0..groups.len() {
        let radius = t * groups.weights[g];
        worst = worst.max((groups.norm(g, &u) - radius) / unit);
        let piece = &copies[groups.starts[g]..groups.starts[g + 1]];
        let inner: f64 = piece.iter().zip(groups.group(g)).map(|(v, &j)| v * u[j]).sum();
        gap += (radius * norm2(piece) - inner).abs() / unit / unit;
        for (v, &j) in piece.iter().zip(groups.group(g)) {
            sums[j] += v;
        }
    }
    for (sum, w) in sums.iter().zip(&w) {
        worst = worst.max((sum - w).abs() / unit);
    }
    (worst.max(gap), outcome)
}

fn chain(count: usize, size: usize, step: usize) -> (usize, Vec<Vec<usize>>) {
    let p = (count - 1) * step + size;
    (p, (0..count).map(|g| (g * step..g * step + size).collect()).collect())
}

/// Reproducible numbers, near normal, without a dependency.
fn noise(seed: u64, n: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    (0..n).map(|_| 1.7 * (draw() + draw() + draw() + draw())).collect()
}

/// Noise spread over so many decades (a standard deviation each way).
fn spread_noise(seed: u64, n: usize, decades: f64) -> Vec<f64> {
    let exponents = noise(seed + 100, n);
    noise(seed, n).iter().zip(&exponents).map(|(y, e)| y * 10f64.powf(decades * e)).collect()
}

/// Chosen to be hard: chains, nests, coinciding groups, trees, dense random overlap.
fn structures() -> Vec<(&'static str, usize, Groups)> {
    let mut list = Vec::new();
    let (p, groups) = chain(100, 10, 5);
    list.push(("chain, half", p, Groups::with_root_weights(&groups)));
    let (p, groups) = chain(200, 20, 1);
    list.push(("chain, dense", p, Groups::with_root_weights(&groups)));
    let nested: Vec<Vec<usize>> = (1..=60).map(|k| (0..k).collect()).collect();
    list.push(("nest", 60, Groups::with_root_weights(&nested)));
    list.push(("nest, equal weights", 60, Groups::new(&nested, &[1.0; 60])));
    let triplets: Vec<Vec<usize>> = (0..30).map(|g| (g / 3 * 4..g / 3 * 4 + 6).collect()).collect();
    let weights: Vec<f64> = (0..30).map(|g| 1.0 + 1e-3 * (g % 3) as f64).collect();
    list.push(("triplets a thousandth apart", 42, Groups::new(&triplets, &weights)));
    list.push(("triplets", 42, Groups::new(&triplets, &[1.0; 30])));
    let tree: Vec<Vec<usize>> =
        (0..7).flat_map(|d| (0..1 << d).map(move |k| (k << (6 - d)..(k + 1) << (6 - d)).collect())).collect();
    list.push(("tree", 64, Groups::with_root_weights(&tree)));
    let picks = noise(5, 80 * 200);
    let random: Vec<Vec<usize>> =
        (0..80).map(|g| (0..200).filter(|&j| j == g || picks[g * 200 + j] > 0.6).collect()).collect();
    list.push(("random, dense", 200, Groups::with_root_weights(&random)));
    let pairs: Vec<Vec<usize>> = (0..16).flat_map(|i| (0..i).map(move |j| vec![j, i])).collect();
    list.push(("all pairs", 16, Groups::with_root_weights(&pairs)));
    list
}

#[test]
fn hard_structures_reach_the_stated_accuracy() {
    let (mut most, mut worst, mut worst_gap) = (0, 0.0f64, 0.0f64);
    for (_, p, groups) in structures() {
        for seed in 1..=10 {
            for decades in [0.0, 3.0, 12.0] {
                let y = spread_noise(seed, p, decades);
                for fraction in [0.999, 0.7, 0.3, 0.1, 1e-2, 1e-4, 1e-8] {
                    let (gap, outcome) = optimality_gap(&groups, &y, fraction * groups.critical(&y));
                    most = most.max(outcome.iterations);
                    worst = worst.max(outcome.residual);
                    worst_gap = worst_gap.max(gap);
                }
            }
        }
    }
    assert!(worst <= 1e-11, "residual {worst:e}");
    assert!(worst_gap <= 1e-12, "gap {worst_gap:e}");
    assert!(most <= 499, "{most} iterations");
}

#[test]
fn value_is_certified_on_hard_structures() {
    let mut worst = 0.0f64;
    for (name, p, groups) in structures() {
        for seed in 1..=10 {
            for decades in [0.0, 1.0, 3.0] {
                let mut w = spread_noise(seed, p, decades);
                for (j, x) in w.iter_mut().enumerate() {
                    if !groups.members.contains(&j) {
                        *x = 0.0;
                    }
                }
                let (value, scratch) = groups.value(&w);
                let gap = (value.primal - value.dual) / value.primal;
                // Known limit: entries over many decades end at the iteration limit; the bounds stay valid and say so.
                if decades < 3.0 {
                    worst = worst.max(gap);
                }
                assert!(gap >= -1e-13, "{name}: {gap:e}");
                // The decomposition costs what is claimed.
                let copies = groups.decomposition(&w, &scratch);
                let piece = |g: usize| &copies[groups.starts[g]..groups.starts[g + 1]];
                let cost: f64 = (0..groups.len()).map(|g| groups.weights[g] * norm2(piece(g))).sum();
                assert!((cost / value.primal - 1.0).abs() < 1e-12);
            }
        }
    }
    assert!(worst <= 1e-10, "gap {worst:e}");
}

#[test]
fn infinite_and_zero_weights() {
    let groups = Groups::new(&[vec![0, 1], vec![1, 2], vec![2, 3], vec![4]], &[0.0, 1.0, INF, 2.0]);
    let y = [1.0, -2.0, 3.0, 4.0, 1.5];
    let (w, outcome, scratch) = groups.prox(&y, 1.0);
    // 0 and 1 are free; u_1 = 0 leaves column 2 alone in its cylinder; 3 is in no finite group; 4 is below its threshold.
    for (w, e) in w.iter().zip([1.0, -2.0, 2.0, 0.0, 0.0]) {
        assert!((w - e).abs() < 1e-15);
    }
    assert!(w[3] == 0.0 && w[4] == 0.0 && outcome.residual <= 1e-15);
    assert_eq!(groups.decomposition(&w, &scratch), [1.0, -2.0, 0.0, w[2], 0.0, 0.0, 0.0]);
    assert_eq!(groups.prox(&y, 0.0).0, [1.0, -2.0, 3.0, 0.0, 1.5]);
    assert_eq!(groups.prox(&y, INF).0, [1.0, -2.0, 0.0, 0.0, 0.0]);
    assert_eq!((groups.value(&y).0.primal, groups.value(&y).0.dual), (INF, INF));
    let finite = groups.value(&[1.0, -2.0, 3.0, 0.0, 1.5]).0;
    assert!((finite.primal - 6.0).abs() < 1e-12 && (finite.dual - 6.0).abs() < 1e-12);
    assert_eq!(groups.value(&[0.0; 5]).0.primal, 0.0);
    assert_eq!(groups.critical(&y), INF);
    assert_eq!(groups.critical(&[0.0, 0.0, 3.0, 100.0, 1.0]), 3.0);
}

#[test]
fn extreme_magnitudes_give_the_same_digits() {
    let (p, list) = chain(6, 4, 2);
    let groups = Groups::new(&list, &[1.0; 6]);
    let y = noise(3, p);
    let (w, _, _) = groups.prox(&y, 0.4);
    let value = groups.value(&y).0;
    for power in [-990, -500, 500, 990] {
        let f = 2f64.powi(power);
        let far: Vec<f64> = y.iter().map(|x| x * f).collect();
        let (v, outcome, _) = groups.prox(&far, 0.4 * f);
        assert!(outcome.residual <= 1e-13);
        for (v, w) in v.iter().zip(&w) {
            assert_eq!(*v, w * f);
        }
        assert_eq!(groups.value(&far).0.primal, value.primal * f);
    }
    // t far below the data: y to rounding, and finite
    for t in [1e-300, 1e-150, 1e-20] {
        let (v, outcome, _) = groups.prox(&y, t);
        assert!(outcome.residual <= 1e-12, "{t}: {outcome:?}");
        for (v, y) in v.iter().zip(&y) {
            assert!((v - y).abs() <= 4e-16 * y.abs() + 2.0 * t, "{t}: {v} {y}");
        }
    }
    assert_eq!(groups.prox(&vec![0.0; p], 0.0).0, vec![0.0; p]);
    assert_eq!(groups.prox(&vec![0.0; p], 1.0).0, vec![0.0; p]);
    let mut bad = y.clone();
    bad[2] = f64::NAN;
    let (v, outcome, _) = groups.prox(&bad, 0.1);
    assert!(v[2].is_nan() && outcome.residual.is_nan());
    bad[2] = INF;
    assert!(groups.prox(&bad, 0.1).1.residual.is_nan());
}

#[test]
fn at_the_critical_value_everything_is_exactly_zero() {
    for (name, p, groups) in structures() {
        let y = noise(9, p);
        let (w, outcome, _) = groups.prox(&y, groups.critical(&y) * (1.0 + 1e-15));
        assert!(w.iter().all(|&x| x == 0.0), "{name}");
        assert_eq!(outcome, LatentOutcome { iterations: 0, residual: 0.0 });
        let (w, _, _) = groups.prox(&y, groups.critical(&y) * (1.0 - 1e-9));
        assert!(w.iter().any(|&x| x != 0.0), "{name}");
    }
}

/// Up to 6 groups on up to 8 columns, some of them the same set; y with zeros; t.
fn problems() -> impl Strategy<Value = (Groups, Vec<f64>, f64)> {
    (2usize..9).prop_flat_map(|p| {
        let group = proptest::collection::btree_set(0..p, 1..=p);
        let entry = prop_oneof![4 => -3.0..3.0f64, 1 => Just(0.0)];
        (proptest::collection::vec((group, 0.3..3.0f64), 1..7), proptest::collection::vec(entry, p), 0.05..2.0f64)
            .prop_map(|(groups, y, t)| {
                let (sets, weights): (Vec<_>, Vec<_>) = groups.into_iter().unzip();
                let sets: Vec<Vec<usize>> = sets.into_iter().map(|s| s.into_iter().collect()).collect();
                (Groups::new(&sets, &weights), y, t)
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_dykstra((groups, y, t) in problems()) {
        let (w, outcome, _) = groups.prox(&y, t);
        prop_assert!(outcome.residual <= 1e-13, "{outcome:?}");
        let u = project_by_dykstra(&groups, &y, t, 3000);
        for j in 0..y.len() {
            prop_assert!((y[j] - w[j] - u[j]).abs() < 1e-6, "{j}: {} {}", y[j] - w[j], u[j]);
            let active = (0..groups.len())
                .any(|g| groups.group(g).contains(&j) && groups.norm(g, &y) > t * groups.weights[g]);
            prop_assert!(active || w[j] == 0.0);
        }
    }

    #[test]
    fn satisfies_its_optimality_conditions((groups, y, t) in problems()) {
        let (gap, outcome) = optimality_gap(&groups, &y, t);
        prop_assert!(gap < 1e-12, "{gap:e} {outcome:?}");
    }

    #[test]
    fn no_competitor_is_better((groups, y, t) in problems(), seed in 1u64..1000) {
        let objective = |w: &[f64]| {
            let distance: f64 = w.iter().zip(&y).map(|(w, y)| (w - y) * (w - y)).sum();
            0.5 * distance + t * groups.value(w).0.primal
        };
        let w = groups.prox(&y, t).0;
        let best = objective(&w);
        for (k, size) in [1.0, 0.1, 1e-2, 1e-4].into_iter().enumerate() {
            let shift = noise(seed * 7 + k as u64, y.len());
            let other: Vec<f64> = w.iter().zip(shift).map(|(w, e)| w + size * e).collect();
            prop_assert!(best <= objective(&other) + 1e-11);
        }
    }

    #[test]
    fn value_is_certified((groups, w, _t) in problems()) {
        let value = groups.value(&w).0;
        if value.primal == INF {
            prop_assert!((0..w.len()).any(|j| w[j] != 0.0 && !groups.members.contains(&j)));
        } else {
            prop_assert!(value.primal - value.dual <= 1e-11 * value.primal, "{value:?}");
            prop_assert!(value.primal - value.dual >= -1e-13 * value.primal, "{value:?}");
        }
    }

    #[test]
    fn firmly_nonexpansive((groups, y, t) in problems(), seed in 1u64..1000) {
        let z: Vec<f64> = y.iter().zip(noise(seed, y.len())).map(|(y, e)| y + 0.5 * e).collect();
        let (a, b) = (groups.prox(&y, t).0, groups.prox(&z, t).0);
        let (mut square, mut inner) = (0.0, 0.0);
        for j in 0..y.len() {
            square += (a[j] - b[j]) * (a[j] - b[j]);
            inner += (a[j] - b[j]) * (y[j] - z[j]);
        }
        prop_assert!(square <= inner + 1e-12);
    }

    #[test]
    fn disjoint_groups_are_block_soft_thresholding(
        y in proptest::collection::vec(-3.0..3.0f64, 6),
        t in 0.0..2.0f64,
    ) {
        let groups = Groups::new(&[vec![0, 1, 2], vec![3], vec![4, 5]], &[1.7, 1.0, 0.6]);
        let (w, outcome, _) = groups.prox(&y, t);
        let mut expected = y.clone();
        block_soft_threshold(&mut expected[..3], 1.7 * t);
        block_soft_threshold(&mut expected[3..4], t);
        block_soft_threshold(&mut expected[4..], 0.6 * t);
        for (w, e) in w.iter().zip(&expected) {
            prop_assert!((w - e).abs() <= 1e-13);
        }
        prop_assert!(outcome.iterations <= 1);
        let sum = 1.7 * norm2(&y[..3]) + y[3].abs() + 0.6 * norm2(&y[4..]);
        prop_assert!((groups.value(&y).0.primal - sum).abs() <= 1e-12 * (1.0 + sum));
    }

    #[test]
    fn a_smaller_group_that_costs_as_much_changes_nothing(
        y in proptest::collection::vec(-3.0..3.0f64, 4),
        t in 0.01..2.0f64,
    ) {
        let groups = Groups::new(&[vec![0, 1], vec![0, 1, 2, 3]], &[1.0, 1.0]);
        let mut expected = y.clone();
        block_soft_threshold(&mut expected, t);
        for (w, e) in groups.prox(&y, t).0.iter().zip(&expected) {
            prop_assert!((w - e).abs() <= 1e-12);
        }
    }
}
