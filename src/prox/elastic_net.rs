//! The prox of the elastic net, for a number and for a block.
//!
//! `prox(x) = S(x, l1)/(1 + l2)`: Zou & Hastie, "Regularization and variable selection via the elastic net", JRSS B 67 (2005), (6).

use super::{block_soft_threshold, soft_threshold};

/// `S(x, l1)/(1 + l2)`, the prox of `l1|x| + l2/2 x²` for l1, l2 ≥ 0.
///
/// ```
/// use sparsereg::prox::elastic_net;
/// assert_eq!(elastic_net(-5.0, 1.0, 3.0), -1.0);
/// ```
#[inline]
pub fn elastic_net(x: f64, l1: f64, l2: f64) -> f64 {
    debug_assert!(l2 >= 0.0, "ridge {l2} is negative");
    soft_threshold(x, l1) / (1.0 + l2)
}

/// `v_j ← S(v_j, l1)/(1 + l2)`, the prox of `l1‖v‖₁ + l2/2 ‖v‖²`.
///
/// ```
/// use sparsereg::prox::elastic_net_slice;
/// let mut v = [5.0, -0.5];
/// elastic_net_slice(&mut v, 1.0, 3.0);
/// assert_eq!(v, [1.0, 0.0]);
/// ```
#[inline]
pub fn elastic_net_slice(v: &mut [f64], l1: f64, l2: f64) {
    for x in v {
        *x = elastic_net(*x, l1, l2);
    }
}

/// `v ← (1 − l1/‖v‖₂)₊ v/(1 + l2)`, the prox of `l1‖v‖₂ + l2/2 ‖v‖²`. Returns the norm of the result.
///
/// ```
/// use sparsereg::prox::block_elastic_net;
/// let mut v = [3.0, 4.0];
/// assert_eq!(block_elastic_net(&mut v, 2.5, 4.0), 0.5);
/// assert_eq!(v, [0.3, 0.4]);
/// ```
#[inline]
pub fn block_elastic_net(v: &mut [f64], l1: f64, l2: f64) -> f64 {
    debug_assert!(l2 >= 0.0, "ridge {l2} is negative");
    let norm = block_soft_threshold(v, l1);
    if norm > 0.0 && l2 > 0.0 {
        for x in v {
            *x /= 1.0 + l2;
        }
    }
    norm / (1.0 + l2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinite_ridge_is_zero() {
        assert_eq!(elastic_net(3.0, 1.0, f64::INFINITY), 0.0);
        let mut v = [3.0, 4.0];
        assert_eq!(block_elastic_net(&mut v, 1.0, f64::INFINITY), 0.0);
        assert_eq!(v, [0.0, 0.0]);
    }

    #[test]
    fn without_ridge_it_is_the_lasso() {
        assert_eq!(elastic_net(0.7, 0.2, 0.0), soft_threshold(0.7, 0.2));
    }
}
