//! The restricted eigenvalue constant, between two bounds.

use super::subsets::{SplitMix, count};
use super::{mutual_coherence, unit_columns};
use crate::design::{AsDesign, LinearOperator};
use crate::error::{Error, Result, check_scalar};
use crate::{linalg, parallel, prox};

/// What is known of a restricted eigenvalue constant.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RestrictedEigenvalueBounds {
    /// κ(s, c) is not below this: from the mutual coherence, or the smallest eigenvalue of `XᵀX` if the columns are independent. 0 says
    /// nothing.
    pub lower: f64,
    /// κ(s, c) is not above this, as there is a δ in the cone with this ratio.
    pub upper: f64,
    /// The set J of that δ.
    pub columns: Vec<usize>,
    /// Whether all sets J were looked at. The upper bound is not the constant all the same: within a set the search for δ is a
    /// local one.
    pub all_sets: bool,
}

/// Steps of descent per set.
const STEPS: usize = 100;

/// Bounds on the restricted eigenvalue of Bickel, Ritov & Tsybakov 2009 (their assumption RE(s, c₀)),
///
/// ```text
/// κ(s, c) = min_{|J| ≤ s}  min_{δ ≠ 0, ‖δ_Jᶜ‖₁ ≤ c‖δ_J‖₁}  ‖Xδ‖₂ / ‖δ_J‖₂,   columns divided by their norms.
/// ```
///
/// κ > 0 with c = 3 is what error bounds of the lasso for s non-zeros ask of X. The minimum is over a cone that is not convex, and
/// to find it is NP-hard (Dobriban & Fan 2016), so these are bounds:
///
/// * below, `κ² ≥ 1 + μ − μ(1 + c)²s`, as `δᵀXᵀXδ ≥ (1 + μ)‖δ‖₂² − μ‖δ‖₁²` for unit columns of mutual coherence μ, and
///   `‖δ‖₁ ≤ (1 + c)‖δ_J‖₁ ≤ (1 + c)√s ‖δ_J‖₂`; and `κ² ≥ λ_min(XᵀX)`;
/// * above, from `sets` random sets J of s columns (all of them, if there are no more): descent inside the cone from the eigenvector
///   of `X_JᵀX_J` with the smallest eigenvalue.
///
/// The Gram matrix is formed: p² numbers. The same seed draws the same sets on every machine.
///
/// # Errors
/// Those of [`AsDesign::as_design`]; [`Error::OutOfRange`] for `sparsity` 0 or above p, a `cone` that is negative or not finite,
/// 0 `sets`, and a column of zeros.
///
/// ```
/// use ndarray::array;
/// use sparsereg::diagnostics::restricted_eigenvalue_bounds;
/// // The third column is the sum of the others (up to its norm): 1, 1, −√2 is in the cone of any two, and X takes it to zero.
/// let x = array![[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]];
/// let bounds = restricted_eigenvalue_bounds(&x, 2, 3.0, 10, 1)?;
/// assert!(bounds.lower == 0.0 && bounds.upper < 1e-6 && bounds.all_sets);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn restricted_eigenvalue_bounds<X: AsDesign + ?Sized>(
    x: &X,
    sparsity: usize,
    cone: f64,
    sets: usize,
    seed: u64,
) -> Result<RestrictedEigenvalueBounds> {
    let coherence = mutual_coherence(x)?;
    let x = x.as_design()?;
    let (n, p) = (x.nrows(), x.ncols());
    for (argument, value, most, expected) in [
        ("sparsity", sparsity, p, "at least 1, and not more than there are columns"),
        ("sets", sets, usize::MAX, "at least 1"),
    ] {
        if value == 0 || value > most {
            return Err(Error::OutOfRange { argument, index: vec![], value: value as f64, expected });
        }
    }
    check_scalar("cone", cone, 0.0, f64::MAX, "a finite number >= 0")?;
    let unit = unit_columns::dense(&x, &unit_columns::checked_norms(&x)?);
    let mut gram = vec![0.0; p * p];
    linalg::gram(&unit, n, p, &mut gram);
    let mu = coherence.at_most();
    let mut lower = 1.0 + mu - mu * (1.0 + cone) * (1.0 + cone) * sparsity as f64;
    let values = linalg::eigenvalues(&gram, p).unwrap_or_else(|_| vec![0.0]);
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    // What rounding can have done to an eigenvalue: the norm of XᵀX is at most p.
    lower = lower.max(smallest - (n + p) as f64 * f64::EPSILON * p as f64).max(0.0);

    let all_sets = count(p, sparsity) <= sets as f64;
    let draws: Vec<Vec<usize>> = if all_sets {
        combinations(p, sparsity)
    } else {
        (0..sets).map(|k| SplitMix::stream(seed, k).subset(p, sparsity)).collect()
    };
    let step = 1.0 / linalg::largest_eigenvalue(&gram, p).max(1.0);
    let work = draws.len() * STEPS * p * p * size_of::<f64>();
    let found = parallel::map_indexed(draws.len(), work, |k| ratio(&gram, p, &draws[k], cone, step));
    let best = (0..draws.len()).fold(0, |best, k| if found[k] < found[best] { k } else { best });
    Ok(RestrictedEigenvalueBounds { lower: lower.sqrt(), upper: found[best], columns: draws[best].clone(), all_sets })
}

/// ‖Xδ‖/‖δ_J‖ of a δ in the cone of J.
fn ratio(gram: &[f64], p: usize, set: &[usize], cone: f64, step: f64) -> f64 {
    let s = set.len();
    let mut block = vec![0.0; s * s];
    for (a, &i) in set.iter().enumerate() {
        for (b, &j) in set.iter().enumerate() {
            block[a * s + b] = gram[i * p + j];
        }
    }
    // A unit vector where there is no eigenvector: as good a member of the cone as any.
    let direction = linalg::eigh(&block, s).map_or_else(
        |_| (0..s).map(|i| f64::from(u8::from(i == 0))).collect(),
        |eigen| {
            let least = (0..s).fold(0, |m, k| if eigen.values[k] < eigen.values[m] { k } else { m });
            eigen.vectors[least * s..(least + 1) * s].to_vec()
        },
    );
    let mut delta = vec![0.0; p];
    set.iter().zip(&direction).for_each(|(&j, d)| delta[j] = *d);
    let outside: Vec<usize> = (0..p).filter(|j| set.binary_search(j).is_err()).collect();
    let (mut v, mut scratch) = (vec![0.0; outside.len()], vec![0.0; outside.len()]);
    let mut least = f64::INFINITY;
    for _ in 0..=STEPS {
        // The ratio of a member of the cone with ‖δ_J‖ = 1, and a step down from it that stays inside.
        let g: Vec<f64> = gram.chunks_exact(p).map(|line| crate::kernels::dot(line, &delta)).collect();
        let value = crate::kernels::dot(&g, &delta);
        least = least.min(value);
        set.iter().for_each(|&j| delta[j] -= step * (g[j] - value * delta[j]));
        let norm = set.iter().map(|&j| delta[j] * delta[j]).sum::<f64>().sqrt();
        if norm == 0.0 {
            break;
        }
        set.iter().for_each(|&j| delta[j] /= norm);
        let radius = cone * set.iter().map(|&j| delta[j].abs()).sum::<f64>();
        v.iter_mut().zip(&outside).for_each(|(v, &j)| *v = delta[j] - step * g[j]);
        prox::project_l1_ball(&mut v, radius, &mut scratch);
        outside.iter().zip(&v).for_each(|(&j, v)| delta[j] = *v);
    }
    least.max(0.0).sqrt()
}

/// All sets of `k` out of `p`, in lexicographic order.
fn combinations(p: usize, k: usize) -> Vec<Vec<usize>> {
    let mut all = vec![(0..k).collect::<Vec<usize>>()];
    loop {
        let mut next = all[all.len() - 1].clone();
        let Some(i) = (0..k).rev().find(|&i| next[i] < p - k + i) else { return all };
        next[i] += 1;
        (i + 1..k).for_each(|l| next[l] = next[l - 1] + 1);
        all.push(next);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::test_matrices::random;
    use super::*;

    #[test]
    fn orthogonal_columns_have_one() {
        let bounds = restricted_eigenvalue_bounds(&Array2::<f64>::eye(5), 2, 3.0, 100, 1).unwrap();
        assert!(bounds.all_sets && (bounds.upper - 1.0).abs() < 1e-12 && (bounds.lower - 1.0).abs() < 1e-12);
        assert_eq!(combinations(5, 2).len(), 10);
        assert_eq!(combinations(3, 3), [[0, 1, 2]]);
    }

    #[test]
    fn two_columns_have_a_closed_form() {
        // One column in J, the other at most c times as large: min over |t| ≤ c of 1 + 2tr + t² is 1 − r² for c ≥ r.
        let r: f64 = 0.6;
        let x = ndarray::array![[1.0, r], [0.0, (1.0 - r * r).sqrt()]];
        for (c, expected) in [(3.0, 1.0 - r * r), (0.25, 1.0 - 0.5 * r + 0.0625), (0.0, 1.0)] {
            let bounds = restricted_eigenvalue_bounds(&x, 1, c, 5, 1).unwrap();
            assert!((bounds.upper * bounds.upper - expected).abs() < 1e-6, "{c}: {bounds:?}");
            assert!(bounds.lower <= bounds.upper);
        }
    }

    #[test]
    fn bad_arguments_are_named() {
        let x = Array2::<f64>::eye(3);
        for (s, c, sets, name) in
            [(0, 3.0, 1, "sparsity"), (4, 3.0, 1, "sparsity"), (1, -1.0, 1, "cone"), (1, 3.0, 0, "sets")]
        {
            let found = restricted_eigenvalue_bounds(&x, s, c, sets, 1);
            assert!(matches!(found, Err(Error::OutOfRange { argument, .. }) if argument == name));
        }
    }

    proptest! {
        #[test]
        fn members_of_the_cone_are_not_below_the_lower_bound(seed in 0u64..500, n in 4usize..25, p in 3usize..8, c in 0.0f64..4.0) {
            let mut x = random(seed, n, p);
            x.columns_mut().into_iter().for_each(|mut c| c /= c.dot(&c).sqrt());
            let s = 1 + seed as usize % 2;
            let bounds = restricted_eigenvalue_bounds(&x, s, c, 1000, seed).unwrap();
            prop_assert!(bounds.lower <= bounds.upper + 1e-9);
            let mut numbers = SplitMix::stream(seed, 7);
            let mut uniform = || (numbers.next() >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
            for _ in 0..20 {
                let delta = ndarray::Array1::from_shape_fn(p, |_| uniform());
                let (inside, outside): (f64, f64) =
                    (delta.iter().take(s).map(|d| d.abs()).sum(), delta.iter().skip(s).map(|d| d.abs()).sum());
                let shrink = (c * inside / outside).min(1.0);
                let delta = ndarray::Array1::from_shape_fn(p, |j| if j < s { delta[j] } else { shrink * delta[j] });
                let (top, bottom) = (x.dot(&delta), delta.iter().take(s).map(|d| d * d).sum::<f64>());
                prop_assert!(top.dot(&top).sqrt() >= (bounds.lower - 1e-9) * bottom.sqrt());
            }
        }
    }
}
