//! The norm of the minimiser of a diagonal quadratic plus a Euclidean norm.

/// Newton steps for the root: it converges monotonically, the limit is for NaN only.
const STEPS: usize = 60;

/// ρ = ‖x‖ of `x = argmin ½ Σ h_i x_i² − Σ z_i x_i + t‖x‖₂` for `norm` = ‖z‖ > t > 0: as `x_i = z_i ρ/(h_i ρ + t)`, the root of
/// `Σ z_i²/(h_i ρ + t)² = 1`. `terms` gives the pairs (h_i, z_i), `largest` is the largest h.
///
/// `φ(ρ)^{−½}`, φ the sum, is a power mean of affine functions with exponent −2, thus concave: from the left of the root
/// Newton's method rises monotonically (compare Moré and Sorensen, "Computing a trust region step", SISSC 4 (1983)).
pub(crate) fn norm_root(terms: impl Iterator<Item = (f64, f64)> + Clone, (norm, t): (f64, f64), largest: f64) -> f64 {
    let mut rho = (norm - t) / largest;
    for _ in 0..STEPS {
        let (mut phi, mut slope) = (0.0, 0.0);
        for (h, z) in terms.clone() {
            if z != 0.0 {
                let below = h * rho + t;
                let ratio = z / below;
                phi += ratio * ratio;
                slope += ratio * ratio * h / below;
            }
        }
        // φ^{−½} − 1 has the derivative φ^{−3/2} · slope.
        let change = (phi.sqrt() - 1.0) * phi / slope;
        if change.is_nan() || change <= 1e-15 * rho {
            break;
        }
        rho += change;
    }
    rho
}
