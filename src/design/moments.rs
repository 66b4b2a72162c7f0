//! Means and standard deviations of columns, in one pass over each storage.

use super::{AnyDesign, Design, LinearOperator};

/// What centring and scaling need to know of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Moments {
    /// `Σ s_i x_i / n`.
    pub mean: f64,
    /// `Σ s_i (x_i − mean)²`.
    pub deviation: f64,
}

impl Moments {
    /// From a first `mean`, the mean of what it leaves, and the squares about it: what rounding did to the first mean is
    /// taken back, so that a constant column far from zero has the deviation 0.
    pub(super) fn corrected(mean: f64, left: f64, squares: f64, n: usize) -> Self {
        Self { mean: mean + left, deviation: (squares - n as f64 * (left * left)).max(0.0) }
    }

    /// Of the n values of a column; weights have the mean 1.
    pub(crate) fn of(x: &[f64], weights: Option<&[f64]>) -> Self {
        // each term is divided, so that no sum overflows that has a mean
        let n = x.len() as f64;
        let weight = |i: usize| weights.map_or(1.0, |s| s[i]);
        let average = |shift: f64| x.iter().enumerate().map(|(i, x)| weight(i) * ((x - shift) / n)).sum::<f64>();
        let first = average(0.0);
        let mean = first + average(first);
        let deviation = x.iter().enumerate().map(|(i, x)| weight(i) * (x - mean) * (x - mean)).sum();
        Self { mean, deviation }
    }
}

/// The moments of all columns. `weights` have the mean 1.
pub(crate) fn moments(x: &AnyDesign<'_>, weights: Option<&[f64]>) -> Vec<Moments> {
    match x {
        AnyDesign::Dense(x) => x.moments(weights),
        AnyDesign::DenseF32(x) => x.moments(weights),
        AnyDesign::Csc(x) => x.moments(weights),
        x => {
            if let Some(known) = x.means_and_deviations(weights) {
                return known.into_iter().map(|(mean, deviation)| Moments { mean, deviation }).collect();
            }
            let mut column = vec![0.0; x.nrows()];
            let each = |j| {
                x.column(j, &mut column);
                Moments::of(&column, weights)
            };
            (0..x.ncols()).map(each).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ShapeBuilder};

    use super::*;
    use crate::design::{AsDesign, Csc};

    fn storages(x: &Array2<f64>) -> Vec<(&'static str, Vec<Moments>, Vec<Moments>)> {
        let n = x.nrows();
        let by_columns = Array2::from_shape_fn(x.dim().f(), |at| x[at]);
        let narrow = x.mapv(|v| v as f32);
        let narrow_columns = by_columns.mapv(|v| v as f32);
        let sparse = Csc::from_dense(&crate::design::Dense::view(x.view())).unwrap();
        let weights: Vec<f64> = (0..n).map(|i| 2.0 * (i + 1) as f64 / (n + 1) as f64).collect();
        let both = |x: &dyn Fn(Option<&[f64]>) -> Vec<Moments>| (x(None), x(Some(&weights)));
        let list: [(&str, &dyn AsDesign); 5] = [
            ("rows", x),
            ("columns", &by_columns),
            ("f32 rows", &narrow),
            ("f32 columns", &narrow_columns),
            ("sparse", &sparse),
        ];
        list.iter()
            .map(|(name, x)| {
                let x = x.as_design().unwrap();
                let (plain, weighted) = both(&|w| moments(&x, w));
                (*name, plain, weighted)
            })
            .collect()
    }

    #[test]
    fn every_storage_gives_the_moments_of_its_columns() {
        let n = 37;
        let x = Array2::from_shape_fn((n, 5), |(i, j)| match j {
            0 => 1000.0 + ((i * 7) % 11) as f64,
            1 => 0.0,
            2 => f64::from(((i * i) % 13) as f32 * 0.25),
            3 => 4096.0 + 1.0 / 3.0f32 as f64, // constant, f32 rounds it to another constant
            _ => {
                if i % 5 == 0 {
                    -2.5
                } else {
                    0.0
                }
            }
        });
        let weights: Vec<f64> = (0..n).map(|i| 2.0 * (i + 1) as f64 / (n + 1) as f64).collect();
        for (name, plain, weighted) in storages(&x) {
            for j in 0..5 {
                for (found, weights) in [(plain[j], None), (weighted[j], Some(&weights[..]))] {
                    let column: Vec<f64> = match name.starts_with("f32") {
                        true => x.column(j).iter().map(|&v| f64::from(v as f32)).collect(),
                        false => x.column(j).to_vec(),
                    };
                    let truth = Moments::of(&column, weights);
                    assert!(
                        (found.mean - truth.mean).abs() <= 1e-14 * truth.mean.abs(),
                        "{name} {j} {found:?} {truth:?}"
                    );
                    let slack = 1e-12 * truth.deviation + 1e-24 * truth.mean * truth.mean;
                    assert!((found.deviation - truth.deviation).abs() <= slack, "{name} {j} {found:?} {truth:?}");
                }
            }
        }
    }

    #[test]
    fn a_sum_that_overflows_still_has_a_mean() {
        let x = Array2::from_elem((8, 1).f(), 1e308);
        let found = moments(&x.as_design().unwrap(), None)[0];
        assert!((found.mean / 1e308 - 1.0).abs() < 1e-15 && found.deviation < f64::INFINITY, "{found:?}");
    }
}
