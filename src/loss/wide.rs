//! Numbers with the precision of an `f64` and an exponent that does not run out: sums of e^η for η up to 1e11.

use std::ops::{Add, Mul};

/// `value · 2^(512·exponent)`, with `2^−256 ≤ |value| < 2^256` or 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wide {
    value: f64,
    exponent: i32,
}

/// 2^256, 2^512 and their reciprocals.
const HALF: f64 = f64::from_bits((1023 + 256) << 52);
const UNIT: f64 = f64::from_bits((1023 + 512) << 52);
const INVERSE: f64 = f64::from_bits((1023 - 512) << 52);

/// 512 log 2 in two parts; whole multiples of the first are exact.
const LOG_HIGH: f64 = 512.0 * 6.931_471_803_691_238e-1;
const LOG_LOW: f64 = 512.0 * 1.908_214_929_270_587_7e-10;

impl Wide {
    pub const ZERO: Self = Self { value: 0.0, exponent: 0 };

    #[inline]
    fn new(mut value: f64, mut exponent: i32) -> Self {
        while value.abs() >= HALF && value.abs() < f64::INFINITY {
            value *= INVERSE;
            exponent += 1;
        }
        while value.abs() < 1.0 / HALF && value != 0.0 {
            value *= UNIT;
            exponent -= 1;
        }
        Self { value, exponent }
    }

    /// `e^x`.
    pub fn exp(x: f64) -> Self {
        let x = x.clamp(-1e11, 1e11);
        let k = (x / (LOG_HIGH + LOG_LOW)).round();
        // The difference is exact; a second one would be rounded to the digits of a number of up to 177.
        let power = (x - k * LOG_HIGH).exp();
        Self::new(if k == 0.0 { power } else { power * (-k * LOG_LOW).exp() }, k as i32)
    }

    /// Its logarithm.
    pub fn ln(self) -> f64 {
        let k = f64::from(self.exponent);
        self.value.ln() + k * LOG_LOW + k * LOG_HIGH
    }

    /// As an `f64`: 0 or ∞ where that has no such exponent.
    #[inline]
    pub fn get(self) -> f64 {
        match self.exponent {
            0 => self.value,
            e @ -3..=3 => (0..e.abs()).fold(self.value, |v, _| v * if e > 0 { UNIT } else { INVERSE }),
            e if e < 0 || self.value == 0.0 => 0.0 * self.value,
            _ => self.value * f64::INFINITY,
        }
    }

    #[inline]
    pub fn over(self, other: Self) -> Self {
        Self::new(self.value / other.value, self.exponent - other.exponent)
    }
}

impl From<f64> for Wide {
    #[inline]
    fn from(value: f64) -> Self {
        Self::new(value, 0)
    }
}

impl Add for Wide {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        if self.exponent == other.exponent {
            return Self::new(self.value + other.value, self.exponent);
        }
        if self.value == 0.0 {
            return other;
        }
        if other.value == 0.0 {
            return self;
        }
        let (large, small) = if self.exponent > other.exponent { (self, other) } else { (other, self) };
        // Two units apart, the smaller number is below the last digit of the larger one.
        if large.exponent - small.exponent == 1 {
            Self::new(large.value + small.value * INVERSE, large.exponent)
        } else {
            large
        }
    }
}

impl Mul for Wide {
    type Output = Self;

    #[inline]
    fn mul(self, other: Self) -> Self {
        Self::new(self.value * other.value, self.exponent + other.exponent)
    }
}

impl Mul<f64> for Wide {
    type Output = Self;

    #[inline]
    fn mul(self, other: f64) -> Self {
        self * Self::from(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_f64_where_that_suffices() {
        for (a, b) in [(3.0, -5.0), (1e100, 1e90), (-1e-200, 1e-190), (1e300, 1e-300), (0.0, 2.0), (1e150, 1e160)] {
            let (x, y) = (Wide::from(a), Wide::from(b));
            approx::assert_relative_eq!((x + y).get(), a + b, max_relative = 1e-15);
            approx::assert_relative_eq!((x * y).get(), a * b, max_relative = 1e-15);
            approx::assert_relative_eq!(x.over(y).get(), a / b, max_relative = 1e-15);
            assert_eq!(x.get(), a);
        }
        for x in [-700.0, -300.0, -1.0, 0.0, 0.5, 177.0, 178.0, 700.0] {
            approx::assert_relative_eq!(Wide::exp(x).get(), x.exp(), max_relative = 1e-15);
        }
    }

    #[test]
    fn goes_on_where_f64_ends() {
        for x in [-1e10, -1e4, 1e4, 1e4 + 1.0, 1e10] {
            approx::assert_relative_eq!(Wide::exp(x).ln(), x, max_relative = 1e-15);
        }
        let ratio = Wide::exp(1e4 + 1.0).over(Wide::exp(1e4)).get();
        approx::assert_relative_eq!(ratio, 1f64.exp(), max_relative = 1e-14);
        let sum = Wide::exp(1e4) + Wide::exp(1e4 - 300.0) + Wide::exp(-1e4);
        approx::assert_relative_eq!(sum.ln(), 1e4, max_relative = 1e-15);
        assert_eq!((Wide::exp(1e4).get(), Wide::exp(-1e4).get()), (f64::INFINITY, 0.0));
        assert!(Wide::exp(f64::NAN).get().is_nan() && (Wide::exp(1.0) + Wide::from(f64::NAN)).get().is_nan());
        assert_eq!(Wide::ZERO.ln(), f64::NEG_INFINITY);
    }
}
