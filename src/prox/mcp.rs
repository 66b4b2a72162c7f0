//! The minimax concave penalty of a number r ≥ 0 or of the norm of a block: `ρ(x) = tx − x²/(2γ)` up to γt, flat beyond.

/// `argmin_{x ≥ 0} ½(x − r)² + step·ρ(x)`, r ≥ 0: firm thresholding (Gao and Bruce 1997; Zhang 2010).
///
/// For step < γ: 0 up to `step·t`, `(r − step·t)/(1 − step/γ)` up to γt, r beyond. For step ≥ γ the function that is minimised
/// is concave up to γt, and the global minimiser jumps from 0 to r at `t√(γ·step)`. The smaller one where there are two.
///
/// ```
/// use sparsereg::prox::mcp;
/// assert_eq!([mcp(1.0, 1.0, 2.0, 1.0), mcp(1.5, 1.0, 2.0, 1.0), mcp(3.0, 1.0, 2.0, 1.0)], [0.0, 1.0, 3.0]);
/// assert_eq!([mcp(5.9, 1.0, 3.0, 12.0), mcp(6.1, 1.0, 3.0, 12.0)], [0.0, 6.1]); // √(3·12) = 6
/// ```
#[inline]
pub fn mcp(r: f64, t: f64, gamma: f64, step: f64) -> f64 {
    let end = gamma * t;
    if step >= gamma {
        return if r <= t * (gamma * step).sqrt() { 0.0 } else { r };
    }
    if r <= step * t {
        0.0
    } else if r < end {
        // The quotient may round beyond γt where step is close to γ.
        ((r - step * t) / (1.0 - step / gamma)).min(end)
    } else {
        r
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_best_point_of_a_grid() {
        for gamma in [1.01, 1.5, 3.0, 20.0] {
            let rho = |x: f64, t: f64| if x < gamma * t { t * x - x * x / (2.0 * gamma) } else { gamma * t * t / 2.0 };
            crate::prox::tests::best_of_a_grid(gamma, &rho, &|r, t, step| mcp(r, t, gamma, step));
        }
    }

    #[test]
    fn is_soft_thresholding_in_the_limit() {
        for r in [0.3, 1.1, 4.0] {
            assert!((mcp(r, 1.0, 1e12, 0.7) - (r - 0.7f64).max(0.0)).abs() < 1e-11);
        }
    }
}
