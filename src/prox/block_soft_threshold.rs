//! Block soft thresholding, the prox of the Euclidean norm.
//!
//! `prox_{t‖·‖₂}(v) = (1 − t/‖v‖₂)₊ v`: Yuan & Lin, "Model selection and estimation in regression with grouped variables",
//! JRSS B 68 (2006), (2.4).

use super::{max_abs, power_of_two_near_inverse};

/// `‖v‖₂`, without overflow or underflow: exact to rounding whenever the norm itself is a finite number.
///
/// ```
/// use sparsereg::prox::norm2;
/// assert_eq!(norm2(&[3.0, -4.0]), 5.0);
/// assert_eq!(norm2(&[3e-200, 4e-200]), 5e-200);
/// assert_eq!(norm2(&[]), 0.0);
/// ```
#[inline]
pub fn norm2(v: &[f64]) -> f64 {
    let square = sum_of_squares(v);
    // Above 1e-280 the squares lost to underflow are below one rounding even for a billion entries.
    if (1e-280..=1e300).contains(&square) { square.sqrt() } else { scaled_norm2(v) }
}

/// Four accumulators: one would wait for its own additions.
fn sum_of_squares(v: &[f64]) -> f64 {
    let (chunks, rest) = v.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x * x;
        }
    }
    let tail: f64 = rest.iter().map(|x| x * x).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

#[cold]
fn scaled_norm2(v: &[f64]) -> f64 {
    let max = max_abs(v);
    if max == 0.0 || max == f64::INFINITY {
        // A lone NaN has max 0: the sum shows it.
        return v.iter().map(|x| x.abs()).sum();
    }
    let scale = power_of_two_near_inverse(max);
    let square: f64 = v.iter().map(|x| (x * scale) * (x * scale)).sum();
    square.sqrt() / scale
}

/// `v ← (1 − t/‖v‖₂)₊ v`, the prox of `t‖v‖₂` for t ≥ 0 (∞ allowed). Returns the norm of the result, `(‖v‖₂ − t)₊`.
///
/// ```
/// use sparsereg::prox::block_soft_threshold;
/// let mut v = [3.0, 4.0];
/// assert_eq!(block_soft_threshold(&mut v, 2.5), 2.5);
/// assert_eq!(v, [1.5, 2.0]);
/// assert_eq!(block_soft_threshold(&mut v, 2.5), 0.0);
/// assert_eq!(v, [0.0, 0.0]);
/// ```
#[inline]
pub fn block_soft_threshold(v: &mut [f64], t: f64) -> f64 {
    debug_assert!(t >= 0.0, "threshold {t} is negative");
    let norm = norm2(v);
    // Tested before dividing: v = 0 never reaches the quotient.
    if norm <= t {
        v.fill(0.0);
        return 0.0;
    }
    if t == 0.0 {
        return norm;
    }
    // Finite entries whose norm is not: the same in units of 2^64, exactly.
    if norm == f64::INFINITY && max_abs(v) < f64::INFINITY {
        const UNIT: f64 = (1u128 << 64) as f64;
        v.iter_mut().for_each(|x| *x /= UNIT);
        let norm = block_soft_threshold(v, t / UNIT);
        v.iter_mut().for_each(|x| *x *= UNIT);
        return norm * UNIT;
    }
    let factor = (norm - t) / norm;
    for x in v {
        *x *= factor;
    }
    norm - t
}

/// `v ← (1 − t/‖v₊‖₂)₊ v₊`, the prox of `t‖v‖₂` on `v ≥ 0`. Returns the norm of the result.
///
/// Clipping first is exact because the norm is absolutely monotone: a negative entry can only be worth 0.
///
/// ```
/// use sparsereg::prox::nonnegative_block_soft_threshold;
/// let mut v = [3.0, -9.0, 4.0];
/// assert_eq!(nonnegative_block_soft_threshold(&mut v, 2.5), 2.5);
/// assert_eq!(v, [1.5, 0.0, 2.0]);
/// ```
#[inline]
pub fn nonnegative_block_soft_threshold(v: &mut [f64], t: f64) -> f64 {
    for x in v.iter_mut() {
        if *x <= 0.0 {
            *x = 0.0;
        }
    }
    block_soft_threshold(v, t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_over_the_whole_range() {
        for scale in [1e-320, 1e-300, 1e-160, 1e-154, 1e-140, 1.0, 1e150, 1e154, 1e300, 3e307] {
            let norm = norm2(&[3.0 * scale, -4.0 * scale, 0.0, 0.0, 0.0]);
            let step = 5e-324;
            assert!((norm - 5.0 * scale).abs() <= 4e-16 * norm + 3.0 * step, "{scale}: {norm}");
        }
        assert_eq!(norm2(&[0.0, 0.0]), 0.0);
        assert_eq!(norm2(&[1.0, -f64::INFINITY]), f64::INFINITY);
        assert!(norm2(&[f64::NAN, 0.0]).is_nan());
        assert!(norm2(&[f64::NAN, 1e300, 1.0]).is_nan());
    }

    #[test]
    fn threshold_equal_to_the_norm_gives_exact_zero() {
        for scale in [1e-320, 1e-200, 0.7, 1e200] {
            let mut v = [1.1 * scale, -2.3 * scale, 0.3 * scale];
            let norm = norm2(&v);
            assert_eq!(block_soft_threshold(&mut v, norm), 0.0);
            assert_eq!(v, [0.0; 3]);
        }
    }

    #[test]
    fn shrinks_without_overflow() {
        let mut v = [1.5e308, 1.5e308];
        let norm = block_soft_threshold(&mut v, 1.5e308);
        let expected = 1.5e308 * (1.0 - 0.5f64.sqrt());
        assert!((v[0] / expected - 1.0).abs() < 1e-15 && v[0] == v[1]);
        assert!((norm / (expected * 2f64.sqrt()) - 1.0).abs() < 1e-15);
        let mut v = [1e308; 2];
        assert_eq!(block_soft_threshold(&mut v, f64::INFINITY), 0.0);
    }

    #[test]
    fn nothing_positive_is_nothing() {
        let mut v = [-1.0, -0.0];
        assert_eq!(nonnegative_block_soft_threshold(&mut v, 0.0), 0.0);
        assert_eq!(v, [0.0, 0.0]);
    }
}
