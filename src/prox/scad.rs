//! The smoothly clipped absolute deviation of a number r ≥ 0 or of the norm of a block: slope t up to t, falling to 0 at γt.

/// `argmin_{x ≥ 0} ½(x − r)² + step·ρ(x)`, r ≥ 0 (Fan and Li 2001, equation 2.8, for step = 1).
///
/// For step < γ − 1: `(r − step·t)₊` up to `t(1 + step)`, `((γ − 1)r − step·γt)/(γ − 1 − step)` up to γt, r beyond. For larger
/// steps the function that is minimised is concave between t and γt, and the global minimiser jumps over that to r: from
/// `r − step·t` at `t(γ + 1 + step)/2`, or, if step > γ + 1, from 0 at `t√(step(γ + 1))`. The smaller one where there are two.
///
/// ```
/// use sparsereg::prox::scad;
/// assert_eq!([scad(1.5, 1.0, 3.0, 1.0), scad(2.5, 1.0, 3.0, 1.0), scad(3.0, 1.0, 3.0, 1.0)], [0.5, 2.0, 3.0]);
/// assert_eq!([scad(7.9, 1.0, 3.0, 16.0), scad(8.1, 1.0, 3.0, 16.0)], [0.0, 8.1]); // √(16·4) = 8
/// ```
#[inline]
pub fn scad(r: f64, t: f64, gamma: f64, step: f64) -> f64 {
    let (soft, end) = ((r - step * t).max(0.0), gamma * t);
    if step >= gamma - 1.0 {
        let jump = if step <= gamma + 1.0 { 0.5 * t * (gamma + 1.0 + step) } else { t * (step * (gamma + 1.0)).sqrt() };
        return if r <= jump { soft } else { r };
    }
    if r <= t * (1.0 + step) {
        soft
    } else if r < end {
        // From the end of the soft part, so that the two agree there.
        (t + (r - t * (1.0 + step)) / (1.0 - step / (gamma - 1.0))).min(end)
    } else {
        r
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_best_point_of_a_grid() {
        for gamma in [2.01, 2.5, 3.7, 20.0] {
            let rho = |x: f64, t: f64| {
                if x <= t {
                    t * x
                } else if x <= gamma * t {
                    (2.0 * gamma * t * x - x * x - t * t) / (2.0 * (gamma - 1.0))
                } else {
                    t * t * (gamma + 1.0) / 2.0
                }
            };
            crate::prox::tests::best_of_a_grid(gamma, &rho, &|r, t, step| scad(r, t, gamma, step));
        }
    }

    #[test]
    fn is_soft_thresholding_in_the_limit() {
        for r in [0.3, 1.1, 4.0] {
            assert!((scad(r, 1.0, 1e12, 0.7) - (r - 0.7f64).max(0.0)).abs() < 1e-11);
        }
    }
}
