//! Correlations of Gaussian variables that are seen through unknown increasing functions.

use std::f64::consts::PI;

use ndarray::{ArrayBase, Data, Ix2};

use crate::error::{Error, Result};
use crate::estimator::CovarianceEstimate;
use crate::estimator::graphical_lasso::incomplete::{Incomplete, smallest_pair};
use crate::linalg;
use crate::parallel;
use crate::ranks::{self, Kendall, normal_quantile};

/// Which ranks correlations are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rank {
    /// `2 sin(π ρ̂ / 6)` with Spearman's ρ̂ of average ranks (Liu, Han, Yuan, Lafferty and Wasserman 2012).
    Spearman,
    /// `sin(π τ̂ / 2)` with Kendall's τ̂_b; the most robust, and the slowest: O(p² n log n) (the same; Knight 1966).
    Kendall,
    /// The correlation of normal scores `Φ⁻¹(r/n)` of the ranks r, with r/n kept within [δ, 1 − δ],
    /// `δ = 1 / (4 n^¼ √(π log n))` (Liu, Lafferty and Wasserman 2009). The most efficient if marginals are clean.
    NormalScores,
}

impl CovarianceEstimate {
    /// The correlation matrix of a nonparanormal distribution from n×p samples: `z_j = f_j(x_j)` is Gaussian for some
    /// increasing functions f_j, of which only ranks need to be known. It does not change by a bit when columns are
    /// transformed by increasing functions. The diagonal is one; the rest is made positive semidefinite.
    ///
    /// NaN stands for a missing value: if there is one, every pair is ranked anew on the rows that have both variables.
    ///
    /// A model of this estimate is one of z: means are 0 and variances 1, and [`PrecisionModel::score`] and
    /// [`PrecisionModel::impute`] would need z, not x. Its graph is that of x, too.
    ///
    /// # Errors
    /// No rows or columns, infinite values; [`Error::TooFewRows`] for a variable
    /// that is observed in no or one row, or two that have no or one row in common; [`Error::Constant`] for a variable all
    /// of whose values are tied, in all or in these rows.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::prelude::*;
    /// let samples = Array2::from_shape_fn((60, 3), |(i, j)| ((i * i * (j + 1) + 7 * i * j) % 23) as f64);
    /// let before = CovarianceEstimate::nonparanormal(&samples, Rank::Spearman)?;
    /// let after = CovarianceEstimate::nonparanormal(&samples.mapv(f64::exp), Rank::Spearman)?;
    /// assert_eq!(before.covariance(), after.covariance());
    /// let model = GraphicalLasso::new(0.1).fit_estimate(&before)?;
    /// assert_eq!(model.observations(), Some(60));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    ///
    /// [`PrecisionModel::score`]: crate::estimator::PrecisionModel::score
    /// [`PrecisionModel::impute`]: crate::estimator::PrecisionModel::impute
    pub fn nonparanormal<S: Data<Elem = f64>>(samples: &ArrayBase<S, Ix2>, rank: Rank) -> Result<Self> {
        let data = Incomplete::new(samples, None)?;
        let (n, p) = (data.rows, data.columns);
        let missing = data.values.iter().filter(|v| v.is_nan()).count();
        let bytes = n * p * size_of::<f64>();
        let variables = parallel::map_indexed(p, 16 * bytes, |j| Variable::new(&data.values[j * n..(j + 1) * n]));
        if let Some(j) = (0..p).find(|&j| variables[j].order.len() < 2) {
            let found = variables[j].order.len();
            return Err(Error::TooFewRows { first: j, second: j, found, expected: 2 });
        }
        if let Some(j) = (0..p).find(|&j| variables[j].levels() < 2) {
            return Err(Error::Constant { variable: j, other: j });
        }
        let (values, smallest) = if missing == 0 && rank != Rank::Kendall {
            (by_product(&variables, n, rank), (0, 1.min(p - 1), n))
        } else {
            by_pairs(&variables, n, rank)?
        };
        Self::assemble(values, vec![0.0; p], Some(smallest.2), missing, smallest)
    }
}

/// A column as ranks.
struct Variable {
    /// Its rows from the smallest value.
    order: Vec<u32>,
    dense: Vec<u32>,
}

impl Variable {
    fn new(column: &[f64]) -> Self {
        let order = ranks::order(column);
        let dense = ranks::dense_ranks(column, &order);
        Self { order, dense }
    }

    fn levels(&self) -> u32 {
        self.order.last().map_or(0, |&i| self.dense[i as usize] + 1)
    }
}

impl Rank {
    /// What stands for an average rank among n ≥ 2, for which δ < ½.
    fn score(self, n: usize) -> impl Fn(f64) -> f64 {
        let size = n as f64;
        let delta = 1.0 / (4.0 * size.powf(0.25) * (PI * size.ln()).sqrt());
        move |rank| match self {
            Self::Spearman | Self::Kendall => rank,
            Self::NormalScores => normal_quantile((rank / size).clamp(delta, 1.0 - delta)),
        }
    }

    /// From the measure of dependence to the correlation of the Gaussian variables.
    fn correlation(self, measure: f64) -> f64 {
        match self {
            Self::Spearman => 2.0 * (PI / 6.0 * measure).sin(),
            Self::Kendall => (PI / 2.0 * measure).sin(),
            Self::NormalScores => measure,
        }
    }
}

/// All pairs at once: ranks of complete columns, one product.
fn by_product(variables: &[Variable], n: usize, rank: Rank) -> Vec<f64> {
    let p = variables.len();
    let mut scores = vec![0.0; n * p];
    parallel::for_each_chunk(&mut scores, n, 16 * n * p, |j, column| {
        ranks::average_ranks(&variables[j].order, &variables[j].dense, |_| true, column);
        standardize(column, rank.score(n));
    });
    let mut values = vec![0.0; p * p];
    linalg::gram(&scores, n, p, &mut values);
    values.iter_mut().for_each(|v| *v = rank.correlation(v.clamp(-1.0, 1.0)));
    (0..p).for_each(|j| values[j * p + j] = 1.0);
    values
}

/// Replaces ranks by their scores, centred and of norm one.
fn standardize(column: &mut [f64], score: impl Fn(f64) -> f64) {
    let n = column.len() as f64;
    column.iter_mut().for_each(|r| *r = score(*r));
    let mean = column.iter().sum::<f64>() / n;
    column.iter_mut().for_each(|r| *r -= mean);
    let norm = column.iter().map(|r| r * r).sum::<f64>().sqrt();
    column.iter_mut().for_each(|r| *r /= norm);
}

/// Pair by pair, each on its common rows. Also the smallest pair.
fn by_pairs(variables: &[Variable], n: usize, rank: Rank) -> Result<(Vec<f64>, (usize, usize, usize))> {
    let p = variables.len();
    let columns = parallel::map_indexed(p, 64 * n * p * p, |j| {
        let mut kendall = Kendall::default();
        let mut buffers = [vec![0.0; n], vec![0.0; n]];
        let measure = |i: usize| {
            let (x, y) = (&variables[i], &variables[j]);
            match rank {
                Rank::Kendall => kendall.tau(&x.order, &x.dense, &y.dense),
                Rank::Spearman | Rank::NormalScores => common_ranks([x, y], rank, &mut buffers),
            }
        };
        (0..j).map(measure).collect::<Vec<_>>()
    });
    let count = |i: usize, j: usize| if i == j { variables[i].order.len() } else { columns[j][i].1 };
    let smallest = smallest_pair(p, count)?;
    let mut values = vec![0.0; p * p];
    for (j, column) in columns.iter().enumerate() {
        values[j * p + j] = 1.0;
        for (i, &(measure, _, constant)) in column.iter().enumerate() {
            match constant {
                [true, _] => return Err(Error::Constant { variable: i, other: j }),
                [_, true] => return Err(Error::Constant { variable: j, other: i }),
                _ => {}
            }
            let value = rank.correlation(measure);
            (values[j * p + i], values[i * p + j]) = (value, value);
        }
    }
    Ok((values, smallest))
}

/// The correlation of the scores of two variables on their common rows, the number of these, and which is constant.
fn common_ranks(pair: [&Variable; 2], rank: Rank, buffers: &mut [Vec<f64>; 2]) -> (f64, usize, [bool; 2]) {
    let mut constant = [false; 2];
    let mut found = 0;
    for (k, buffer) in buffers.iter_mut().enumerate() {
        let (own, other) = (pair[k], pair[1 - k]);
        let keep = |i: u32| other.dense[i as usize] != u32::MAX;
        (found, constant[k]) = ranks::average_ranks(&own.order, &own.dense, keep, buffer);
    }
    if constant[0] || constant[1] {
        return (0.0, found, constant);
    }
    let both = |i: usize| pair[0].dense[i] != u32::MAX && pair[1].dense[i] != u32::MAX;
    let [mut x, mut y] =
        [0, 1].map(|k| buffers[k].iter().enumerate().filter(|(i, _)| both(*i)).map(|(_, r)| *r).collect::<Vec<_>>());
    standardize(&mut x, rank.score(found));
    standardize(&mut y, rank.score(found));
    let measure: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
    (measure.clamp(-1.0, 1.0), found, constant)
}
