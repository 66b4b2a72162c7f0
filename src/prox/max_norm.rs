//! Proximal operator of `t‖v‖_∞`, by Moreau's decomposition: what the projection onto the ℓ₁ ball of radius t leaves of v
//! (Parikh & Boyd, "Proximal algorithms" (2014), §6.5.2).

use super::ball::excess;
use super::max_abs;

/// `v ← argmin_x ½‖x − v‖² + t‖x‖_∞`: the largest sizes are cut down to a common one. `scratch` has the length of `v`.
///
/// ```
/// use sparsereg::prox::max_norm;
/// let mut v = [3.0, -2.5, 1.0];
/// max_norm(&mut v, 1.0, &mut [0.0; 3]);
/// assert_eq!(v, [2.25, -2.25, 1.0]);
/// ```
pub fn max_norm(v: &mut [f64], t: f64, scratch: &mut [f64]) {
    debug_assert!(t >= 0.0);
    if t == 0.0 {
        return;
    }
    if v.iter().map(|v| v.abs()).sum::<f64>() <= t {
        v.fill(0.0);
        return;
    }
    let max = max_abs(v);
    let level = max + excess(v.iter().map(|v| v.abs()), max, t, scratch);
    for v in v {
        // Not through a difference: what is cut is cut to exactly the same size.
        if v.abs() > level {
            *v = level.max(0.0).copysign(*v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prox::project_l1_ball;

    #[test]
    fn it_is_what_the_projection_leaves() {
        for t in [0.0, 0.3, 1.0, 2.0, 5.0, 6.4, 6.5, 9.0] {
            let v = [3.0, -2.5, 1.0, 0.0];
            let (mut prox, mut ball) = (v, v);
            max_norm(&mut prox, t, &mut [0.0; 4]);
            project_l1_ball(&mut ball, t, &mut [0.0; 4]);
            for j in 0..4 {
                assert!((prox[j] + ball[j] - v[j]).abs() < 1e-15, "{t}");
            }
        }
    }
}
