//! Projections onto the balls of the ℓ₁, ℓ₂, ℓ₂,₁ and ℓ_∞ norm and onto the simplex.
//!
//! `Π_simplex(v) = (v − θ)₊` with the θ that makes the sum right: Held, Wolfe & Crowder, "Validation of subgradient optimization",
//! Math. Program. 6 (1974); the ℓ₁ ball from it: Duchi, Shalev-Shwartz, Singer & Chandra, ICML 2008, figure 1.

use super::box_constraint::clamp;
use super::{max_abs, norm2};

/// Projects onto `{ v ≥ 0, Σ v_j = radius }`, for radius > 0. `scratch` has the length of `v`.
///
/// ```
/// use sparsereg::prox::project_simplex;
/// let mut v = [1.0, 0.5, -1.0];
/// project_simplex(&mut v, 1.0, &mut [0.0; 3]);
/// assert_eq!(v, [0.75, 0.25, 0.0]);
/// ```
pub fn project_simplex(v: &mut [f64], radius: f64, scratch: &mut [f64]) {
    debug_assert!(radius > 0.0);
    let max = v.iter().fold(f64::NEG_INFINITY, |max, &x| max.max(x));
    let theta = excess(v.iter().copied(), max, radius, scratch);
    for x in v {
        // x − max is exact where it matters; x − (max + θ) would lose the digits of a small radius far from the origin.
        let y = (*x - max) - theta;
        *x = if y <= 0.0 { 0.0 } else { y };
    }
}

/// Projects onto `{ ‖v‖₁ ≤ radius }`, for radius ≥ 0. `scratch` has the length of `v`.
///
/// ```
/// use sparsereg::prox::project_l1_ball;
/// let mut v = [1.0, -0.5, 0.1];
/// project_l1_ball(&mut v, 1.0, &mut [0.0; 3]);
/// assert_eq!(v, [0.75, -0.25, 0.0]);
/// ```
pub fn project_l1_ball(v: &mut [f64], radius: f64, scratch: &mut [f64]) {
    debug_assert!(radius >= 0.0);
    if v.iter().map(|x| x.abs()).sum::<f64>() <= radius {
        return;
    }
    if radius == 0.0 {
        v.fill(0.0);
        return;
    }
    let max = max_abs(v);
    let theta = excess(v.iter().map(|x| x.abs()), max, radius, scratch);
    for x in v {
        let y = (x.abs() - max) - theta;
        *x = if y <= 0.0 { 0.0 } else { y.copysign(*x) };
    }
}

/// Projects onto `{ Σ_g ‖v_g‖₂ ≤ radius }`, the ball of the group norm ℓ₂,₁, for radius ≥ 0: the norms of the groups, which lie one
/// after the other and have these sizes, are projected onto the ℓ₁ ball, and each group is shortened to its new norm.
/// `scratch` has twice the length of `sizes`.
///
/// ```
/// use sparsereg::prox::project_l21_ball;
/// let mut v = [3.0, 4.0, 0.0, 0.5];
/// project_l21_ball(&mut v, &[2, 2], 2.5, &mut [0.0; 4]);
/// assert_eq!(v, [1.5, 2.0, 0.0, 0.0]);
/// ```
pub fn project_l21_ball(v: &mut [f64], sizes: &[usize], radius: f64, scratch: &mut [f64]) {
    debug_assert_eq!(sizes.iter().sum::<usize>(), v.len());
    let (norms, scratch) = scratch.split_at_mut(sizes.len());
    let mut rest = &v[..];
    for (norm, &size) in norms.iter_mut().zip(sizes) {
        let (group, after) = rest.split_at(size);
        (*norm, rest) = (norm2(group), after);
    }
    project_l1_ball(norms, radius, scratch);
    let mut rest = v;
    for (&target, &size) in norms.iter().zip(sizes) {
        let (group, after) = rest.split_at_mut(size);
        project_l2_ball(group, target);
        rest = after;
    }
}

/// The θ with `Σ (v_j − max − θ)₊ = radius`.
pub(super) fn excess(v: impl Iterator<Item = f64>, max: f64, radius: f64, scratch: &mut [f64]) -> f64 {
    let mut len = 0;
    for (slot, x) in scratch.iter_mut().zip(v) {
        *slot = x - max;
        len += 1;
    }
    let sorted = &mut scratch[..len];
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    // θ rises with each entry above the present one: the last that counts leaves the right θ.
    let mut sum = -radius;
    let mut theta = sum;
    for (k, &x) in sorted.iter().enumerate() {
        if k > 0 && x <= theta {
            break;
        }
        sum += x;
        theta = sum / (k + 1) as f64;
    }
    theta
}

/// Projects onto `{ ‖v‖₂ ≤ radius }`, for radius ≥ 0: `v ← v·min(1, radius/‖v‖₂)`.
///
/// ```
/// use sparsereg::prox::project_l2_ball;
/// let mut v = [3.0, 4.0];
/// project_l2_ball(&mut v, 2.5);
/// assert_eq!(v, [1.5, 2.0]);
/// ```
#[inline]
pub fn project_l2_ball(v: &mut [f64], radius: f64) {
    debug_assert!(radius >= 0.0);
    let norm = norm2(v);
    if norm <= radius {
        return;
    }
    let factor = radius / norm;
    for x in v {
        *x *= factor;
    }
}

/// Projects onto `{ ‖v‖_∞ ≤ radius }`, for radius ≥ 0: `v_j ← min(max(v_j, −radius), radius)`.
///
/// ```
/// use sparsereg::prox::project_linf_ball;
/// let mut v = [3.0, -4.0, 0.5];
/// project_linf_ball(&mut v, 2.0);
/// assert_eq!(v, [2.0, -2.0, 0.5]);
/// ```
#[inline]
pub fn project_linf_ball(v: &mut [f64], radius: f64) {
    for x in v {
        *x = clamp(*x, -radius, radius);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_from_the_origin_no_digit_is_lost() {
        let mut v = [1e15 + 0.5, 1e15, -1e15];
        project_simplex(&mut v, 1.0, &mut [0.0; 3]);
        assert_eq!(v, [0.75, 0.25, 0.0]);
        let mut v = [-1e15 - 0.5, 1e15, 3.0];
        project_l1_ball(&mut v, 1.0, &mut [0.0; 3]);
        assert_eq!(v, [-0.75, 0.25, 0.0]);
    }

    #[test]
    fn ties_and_radius_zero() {
        let mut v = [2.0; 4];
        project_simplex(&mut v, 1.0, &mut [0.0; 4]);
        assert_eq!(v, [0.25; 4]);
        let mut v = [2.0, -1.0];
        project_l1_ball(&mut v, 0.0, &mut [0.0; 2]);
        assert_eq!(v, [0.0; 2]);
        project_l2_ball(&mut v, 0.0);
        assert_eq!(v, [0.0; 2]);
    }

    #[test]
    fn inside_means_untouched() {
        let mut v = [0.3, -0.2];
        project_l1_ball(&mut v, 0.5, &mut [0.0; 2]);
        project_l2_ball(&mut v, 0.5);
        project_linf_ball(&mut v, 0.5);
        assert_eq!(v, [0.3, -0.2]);
    }
}
