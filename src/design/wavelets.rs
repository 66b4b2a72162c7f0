//! Orthogonal wavelets.

use std::ops::Range;

use super::{Design, LinearOperator, by_operator, responses};
use crate::error::{Error, Result};

/// Families of orthogonal wavelets with compact support (Daubechies, Orthonormal bases of compactly supported wavelets,
/// Comm. Pure Appl. Math. 41, 1988, table 1), by the number of their filter's coefficients. With 2N coefficients details of
/// polynomials of degree below N vanish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wavelet {
    /// Two coefficients: steps.
    Haar,
    /// Four.
    #[default]
    Daubechies4,
    /// Six.
    Daubechies6,
    /// Eight.
    Daubechies8,
}

impl Wavelet {
    /// The low-pass filter, `Σ h = √2`.
    fn filter(self) -> &'static [f64] {
        match self {
            Self::Haar => &[std::f64::consts::FRAC_1_SQRT_2; 2],
            Self::Daubechies4 => {
                &[0.482_962_913_144_534_14, 0.836_516_303_737_807_9, 0.224_143_868_042_013_4, -0.129_409_522_551_260_38]
            }
            Self::Daubechies6 => &[
                0.332_670_552_950_082_6,
                0.806_891_509_311_092_6,
                0.459_877_502_118_491_57,
                -0.135_011_020_010_254_59,
                -0.085_441_273_882_026_66,
                0.035_226_291_885_709_54,
            ],
            Self::Daubechies8 => &[
                0.230_377_813_308_896_5,
                0.714_846_570_552_915_7,
                0.630_880_767_929_858_9,
                -0.027_983_769_416_859_854,
                -0.187_034_811_719_093_08,
                0.030_841_381_835_560_764,
                0.032_883_011_666_885_2,
                -0.010_597_401_785_069_032,
            ],
        }
    }
}

/// The orthogonal matrix Ψ whose columns are wavelets on n points, periodic: `Ψ w` is the signal with coefficients w, `Ψᵀ y`
/// the coefficients of y, both in O(n) (Mallat, 1989).
///
/// Columns come from coarse to fine: `n / 2^levels` averages, as many details of the coarsest level, then twice as many of
/// each next one.
///
/// ```
/// use sparsereg::design::{LinearOperator, Wavelet, Wavelets};
/// let x = Wavelets::new(Wavelet::Haar, 4, 2)?;
/// let mut w = [0.0; 4];
/// x.transpose_apply(&[2.0, 2.0, 2.0, 6.0], &mut w);
/// let truth = [6.0, -2.0, 0.0, -8f64.sqrt()];
/// assert!(w.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-14), "{w:?}");
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Wavelets {
    wavelet: Wavelet,
    n: usize,
    levels: usize,
}

impl Wavelets {
    /// Wavelets on n points down to `levels` levels; 0 is the identity.
    ///
    /// # Errors
    /// [`Error::Empty`] for n = 0, [`Error::OutOfRange`] unless n is a multiple of `2^levels`.
    pub fn new(wavelet: Wavelet, n: usize, levels: usize) -> Result<Self> {
        if n == 0 {
            return Err(Error::Empty { argument: "n" });
        }
        if levels > n.trailing_zeros() as usize {
            let expected = "so few levels that n is a multiple of 2^levels";
            return Err(Error::OutOfRange { argument: "levels", index: vec![], value: levels as f64, expected });
        }
        Ok(Self { wavelet, n, levels })
    }

    /// As many levels as n allows.
    ///
    /// # Errors
    /// [`Error::Empty`] for n = 0.
    ///
    /// ```
    /// use sparsereg::design::{Wavelet, Wavelets};
    /// assert_eq!(Wavelets::deepest(Wavelet::Haar, 96)?.levels(), 5);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn deepest(wavelet: Wavelet, n: usize) -> Result<Self> {
        Self::new(wavelet, n, if n == 0 { 0 } else { n.trailing_zeros() as usize })
    }

    /// The number of levels.
    pub fn levels(&self) -> usize {
        self.levels
    }

    /// `v ← Ψᵀ v`.
    fn analyse(&self, v: &mut [f64]) {
        let h = self.wavelet.filter();
        let mut coefficients = vec![0.0; self.n];
        for level in 0..self.levels {
            let len = self.n >> level;
            let (smooth, detail) = coefficients[..len].split_at_mut(len / 2);
            for (k, (smooth, detail)) in smooth.iter_mut().zip(detail).enumerate() {
                (*smooth, *detail) = (0.0, 0.0);
                for i in 0..h.len() {
                    let x = v[(2 * k + i) % len];
                    *smooth += h[i] * x;
                    *detail += mirror(h, i) * x;
                }
            }
            v[..len].copy_from_slice(&coefficients[..len]);
        }
    }

    /// `v ← Ψ v`.
    fn synthesise(&self, v: &mut [f64]) {
        let h = self.wavelet.filter();
        let mut signal = vec![0.0; self.n];
        for level in (0..self.levels).rev() {
            let len = self.n >> level;
            signal[..len].fill(0.0);
            let (smooth, detail) = v[..len].split_at(len / 2);
            for (k, (smooth, detail)) in smooth.iter().zip(detail).enumerate() {
                for i in 0..h.len() {
                    signal[(2 * k + i) % len] += h[i] * smooth + mirror(h, i) * detail;
                }
            }
            v[..len].copy_from_slice(&signal[..len]);
        }
    }
}

/// The high-pass filter: `(−1)^i h_{L − 1 − i}`.
fn mirror(h: &[f64], i: usize) -> f64 {
    let value = h[h.len() - 1 - i];
    if i.is_multiple_of(2) { value } else { -value }
}

impl LinearOperator for Wavelets {
    fn nrows(&self) -> usize {
        self.n
    }

    fn ncols(&self) -> usize {
        self.n
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        Some(vec![1.0; self.n])
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        super::transpose(w, responses(eta, self.n), eta);
        eta.chunks_exact_mut(self.n).for_each(|eta| self.synthesise(eta));
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        let mut all = r.to_vec();
        all.chunks_exact_mut(self.n).for_each(|r| self.analyse(r));
        super::transpose(&all, self.n, out);
    }
}

impl Design for Wavelets {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        by_operator::dot(self, cols, r, out);
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        by_operator::dot(self, cols.iter().copied(), r, out);
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        by_operator::axpy(self, cols, delta, eta);
    }

    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        by_operator::axpy(self, cols.iter().copied(), delta, eta);
    }

    fn sq_norm(&self, _col: usize) -> f64 {
        1.0
    }

    /// Details add up to nothing, averages are all alike.
    fn column_sum(&self, col: usize) -> f64 {
        if col < self.n >> self.levels { 2f64.powf(self.levels as f64 / 2.0) } else { 0.0 }
    }

    fn means_and_deviations(&self, weights: Option<&[f64]>) -> Option<Vec<(f64, f64)>> {
        if weights.is_some() || self.n >> self.levels <= 1 {
            return None; // of one average alone, a constant, the deviation has to be exact
        }
        let n = self.n as f64;
        let mean = |j| self.column_sum(j) / n;
        Some((0..self.n).map(|j| (mean(j), 1.0 - n * mean(j) * mean(j))).collect())
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        out.fill(0.0);
        out[col] = 1.0;
        self.synthesise(out);
    }

    fn prefers_gather(&self) -> bool {
        true
    }

    fn reads_columns(&self) -> bool {
        false
    }

    /// Columns are orthonormal.
    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        for (&b, out) in cols.iter().zip(out.chunks_exact_mut(rows.len().max(1))) {
            rows.iter().zip(out).for_each(|(&a, o)| *o = f64::from(u8::from(a == b)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(Wavelet, usize); 4] =
        [(Wavelet::Haar, 1), (Wavelet::Daubechies4, 2), (Wavelet::Daubechies6, 3), (Wavelet::Daubechies8, 4)];

    #[test]
    fn columns_are_orthonormal_also_where_filters_are_longer_than_the_level() {
        for (wavelet, _) in ALL {
            for (n, levels) in [(64, 3), (32, 5), (24, 3), (6, 1), (1, 0), (2, 1)] {
                let x = Wavelets::new(wavelet, n, levels).unwrap();
                let columns: Vec<Vec<f64>> = (0..n)
                    .map(|j| {
                        let mut column = vec![0.0; n];
                        x.column(j, &mut column);
                        column
                    })
                    .collect();
                for (a, x) in columns.iter().enumerate() {
                    for (b, y) in columns.iter().enumerate() {
                        let product: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
                        assert!((product - f64::from(u8::from(a == b))).abs() < 1e-13, "{wavelet:?} {n}: {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn details_of_polynomials_vanish_away_from_the_border() {
        for (wavelet, moments) in ALL {
            let n = 64;
            let x = Wavelets::new(wavelet, n, 1).unwrap();
            for degree in 0..=moments {
                let mut v: Vec<f64> = (0..n).map(|i| (i as f64 / n as f64).powi(degree as i32)).collect();
                x.analyse(&mut v);
                let largest = v[n / 2..n - moments].iter().fold(0.0f64, |m, d| m.max(d.abs()));
                assert_eq!(largest < 1e-13, degree < moments, "{wavelet:?}, degree {degree}: {largest:e}");
            }
        }
    }

    #[test]
    fn levels_that_do_not_divide_are_refused() {
        assert!(matches!(Wavelets::new(Wavelet::Haar, 12, 3), Err(Error::OutOfRange { argument: "levels", .. })));
        assert!(matches!(Wavelets::new(Wavelet::Haar, 0, 0), Err(Error::Empty { .. })));
        assert!(Wavelets::deepest(Wavelet::Haar, 0).is_err());
    }
}
