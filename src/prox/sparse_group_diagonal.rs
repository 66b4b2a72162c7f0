//! The prox of the sparse-group norm `t1‖x‖₁ + t2‖x‖₂` in the metric of a diagonal matrix.
//!
//! In the gradients `u = S(h∘v, t1)` the threshold of the entries comes first as for h = 1: the signs of x are those of u, so that
//! `h∘x − u + t2 x/‖x‖ = 0` is all that is left to solve where `‖u‖ > t2` (compare Simon, Friedman, Hastie & Tibshirani, "A
//! sparse-group lasso", JCGS 22 (2013), for h = 1; Yang & Hastie, "A fast and scalable pathwise solver for group lasso and
//! elastic net penalized regression via block coordinate descent", 2024, section 3, for t1 = 0).

use super::norm_root::norm_root;
use super::{norm2, soft_threshold};

/// `v ← argmin_x ½ Σ_i h_i (x_i − v_i)² + t1‖x‖₁ + t2‖x‖₂` for h ≥ 0: with `u_i = S(h_i v_i, t1)` zero if `‖u‖₂ ≤ t2`, else
/// `x_i = u_i r/(h_i r + t2)` where r = ‖x‖₂ is the root of `Σ u_i²/(h_i r + t2)² = 1`. Equal h are a step of 1/h in
/// [`sparse_group`](super::sparse_group). An entry with h_i = 0 becomes 0.
///
/// ```
/// use sparsereg::prox::sparse_group_diagonal;
/// let mut v = [5.0, 0.5];
/// sparse_group_diagonal(&mut v, &[2.0, 0.1], 1.0, 3.0);
/// // 2·5 − 1 = 9 is above t2 = 3, 0.1·0.5 is below t1: the first stands alone, 5 − (1 + 3)/2
/// assert_eq!(v, [3.0, 0.0]);
/// ```
pub fn sparse_group_diagonal(v: &mut [f64], h: &[f64], t1: f64, t2: f64) {
    debug_assert_eq!(v.len(), h.len());
    debug_assert!(h.iter().all(|&h| h >= 0.0), "a negative entry in {h:?}");
    let largest = h.iter().copied().fold(0.0, f64::max);
    v.iter_mut().zip(h).for_each(|(v, h)| *v = soft_threshold(h * *v, t1));
    let norm = norm2(v);
    if norm <= t2 {
        v.fill(0.0);
        return;
    }
    // Without the norm x = u/h.
    let (numerator, t) = if t2 > 0.0 {
        let root = norm_root(h.iter().copied().zip(v.iter().copied()), (norm, t2), largest);
        (root, t2)
    } else {
        (1.0, 0.0)
    };
    for (u, h) in v.iter_mut().zip(h) {
        if *u != 0.0 {
            *u *= numerator / (h * numerator + t);
        }
    }
}
