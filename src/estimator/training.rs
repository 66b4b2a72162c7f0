//! From the user's data to the solver's problem and back: weights, centring, scaling, the order of columns.
//!
//! With sample weights s (mean 1) and an intercept, the squared loss is exactly that of
//! `√s_i (x_i − x̄)ᵀ / σ` against `√s_i (y_i − ȳ)` with weighted means: no solver ever sees an intercept, a weight or a unit.

use std::borrow::Cow;

use ndarray::{Array1, Array2, ArrayBase, Data, Dimension};

use crate::design::{AnyDesign, Columns, Dense, Design, LinearOperator, RowScaled, Standardized};
use crate::error::{Error, Result, check_length, check_weights};
use crate::estimator::Options;
use crate::estimator::model::Fitted;
use crate::loss::Squared;
use crate::moments::gap_error;
use crate::penalty::BlockPenalty;
use crate::smooth::{LinearPredictor, Smooth};
use crate::solver::Solution;

/// A penalty and the order in which it wants the features: groups become contiguous, shared features are repeated.
#[derive(Debug, Clone)]
pub struct Layout<P> {
    /// The penalty over the columns in the solver's order.
    pub penalty: P,
    /// Solver column → feature; `None` is the identity.
    order: Option<Vec<usize>>,
}

impl<P: BlockPenalty> Layout<P> {
    /// The features as they stand.
    pub fn in_order(penalty: P) -> Self {
        Self { penalty, order: None }
    }

    /// Solver column i is feature `order[i]`.
    pub fn new(penalty: P, order: Vec<usize>) -> Self {
        let identity = order.iter().enumerate().all(|(i, &j)| i == j);
        Self { penalty, order: (!identity).then_some(order) }
    }
}

/// Data that is ready for a solver.
#[derive(Debug)]
pub struct Training<'a> {
    pub(super) design: AnyDesign<'a>,
    pub(super) nfeatures: usize,
    /// √s-scaled, centred responses, task-major.
    pub(super) y: Vec<f64>,
    pub(super) nresponses: usize,
    /// Weighted mean of each column; empty without an intercept.
    pub(super) means: Vec<f64>,
    /// σ per column, ∞ for a constant one; empty if not standardised and nothing is constant.
    pub(super) scales: Vec<f64>,
    pub(super) y_means: Vec<f64>,
    /// Σ s_i ‖y_i − ȳ‖² / (2n): what R² compares with.
    pub(super) total: f64,
    pub(super) nobservations: usize,
    /// Error of the products relative to the norms of the columns, if this is made from [`Moments`](crate::moments::Moments).
    pub(super) product_error: f64,
}

/// Columns whose standard deviation is below this many ulps of their mean are constants.
pub(super) const CONSTANT: f64 = 16.0 * f64::EPSILON;

/// What y and the columns of x must be for a gap to mean something.
const REPRESENTABLE: &str = "values whose squares are representable (about 1e-150 to 1e150)";

impl<'a> Training<'a> {
    /// Checks and prepares.
    ///
    /// # Errors
    /// Lengths that do not fit, NaN or infinity in y, squares that overflow or vanish, weights that are negative, not
    /// finite or all zero.
    pub fn new<S, R>(x: AnyDesign<'a>, y: &ArrayBase<S, R>, options: &Options) -> Result<Self>
    where
        S: Data<Elem = f64>,
        R: Dimension,
    {
        options.check()?;
        let (n, p) = (x.nrows(), x.ncols());
        let nresponses = if y.ndim() > 1 { y.shape()[1] } else { 1 };
        check_length("y", n, y.shape()[0])?;
        if nresponses == 0 {
            return Err(Error::Empty { argument: "y" });
        }
        if let Some(names) = &options.feature_names {
            check_length("feature_names", p, names.len())?;
        }
        let mut responses = vec![0.0; n * nresponses];
        for (k, &value) in y.iter().enumerate() {
            // Logical order of an ndarray: row by row.
            let (i, t) = (k / nresponses, k % nresponses);
            if !value.is_finite() {
                let index = if y.ndim() > 1 { vec![i, t] } else { vec![i] };
                return Err(Error::NotFinite { argument: "y", index, value });
            }
            responses[t * n + i] = value;
        }
        // Squares that overflow or vanish would make every gap look closed.
        let largest =
            responses.iter().enumerate().fold((0, 0.0f64), |m, (k, y)| if y.abs() > m.1 { (k, y.abs()) } else { m });
        let square = largest.1 * largest.1;
        if largest.1 > 0.0 && !(square >= f64::MIN_POSITIVE && (8.0 * responses.len() as f64 * square).is_finite()) {
            let (i, t) = (largest.0 % n, largest.0 / n);
            let index = if y.ndim() > 1 { vec![i, t] } else { vec![i] };
            return Err(Error::OutOfRange {
                argument: "y",
                index,
                value: responses[largest.0],
                expected: REPRESENTABLE,
            });
        }
        let weights = options.sample_weights.as_deref().map(|s| normalise(s, n)).transpose()?;
        let roots: Option<Vec<f64>> = weights.as_ref().map(|s| s.iter().map(|s| s.sqrt()).collect());

        let mut total = 0.0;
        let mut y_means = vec![0.0; nresponses];
        for (y, kept) in responses.chunks_exact_mut(n).zip(&mut y_means) {
            let mean = mean(y, weights.as_deref());
            total += deviation(y, mean, weights.as_deref()) / (2.0 * n as f64);
            if options.intercept {
                *kept = mean;
                y.iter_mut().for_each(|y| *y -= mean);
            }
            if let Some(roots) = &roots {
                y.iter_mut().zip(roots).for_each(|(y, r)| *y *= r);
            }
        }

        let mut training = Self {
            design: x,
            nfeatures: p,
            y: responses,
            nresponses,
            means: Vec::new(),
            scales: Vec::new(),
            y_means,
            total,
            nobservations: n,
            product_error: 0.0,
        };
        training.prepare_design(options, weights.as_deref(), roots)?;
        Ok(training)
    }

    fn prepare_design(&mut self, options: &Options, weights: Option<&[f64]>, roots: Option<Vec<f64>>) -> Result<()> {
        if !options.intercept && !options.standardize && roots.is_none() {
            return Ok(());
        }
        // Means and standard deviations in two passes over each column: exact for means far from zero.
        let (n, p) = (self.design.nrows(), self.nfeatures);
        let dense = match &self.design {
            AnyDesign::Dense(x) => Some(x.to_column_major()),
            AnyDesign::DenseF32(x) => Some(x.to_column_major()),
            _ => None,
        };
        let mut means = vec![0.0; p];
        let mut scales = vec![1.0; p];
        let mut constant = false;
        if options.intercept || options.standardize {
            let mut buffer = vec![0.0; n];
            for j in 0..p {
                let column = match dense.as_ref().and_then(|d| d.columns_slice()) {
                    Some(values) => &values[j * n..(j + 1) * n],
                    None => {
                        self.design.column(j, &mut buffer);
                        &buffer[..]
                    }
                };
                means[j] = mean(column, weights);
                let sd = (deviation(column, means[j], weights) / n as f64).sqrt();
                let far = |x: &&f64| (**x - means[j]).abs() > CONSTANT * means[j].abs();
                if !sd.is_finite() || (sd == 0.0 && weights.is_none() && column.iter().any(|x| far(&x))) {
                    let expected = REPRESENTABLE;
                    return Err(Error::OutOfRange { argument: "x", index: vec![0, j], value: column[0], expected });
                }
                if sd <= CONSTANT * means[j].abs() && (options.intercept || sd == 0.0) {
                    // Division by ∞ makes the column zero, and a zero column keeps coefficient 0.
                    scales[j] = f64::INFINITY;
                    constant = true;
                } else if options.standardize {
                    scales[j] = sd;
                }
            }
        }
        if !options.intercept {
            means.clear();
        }
        if !options.standardize && !constant {
            scales.clear();
        }
        let design = std::mem::replace(&mut self.design, AnyDesign::Dense(Dense::from_columns(vec![0.0], 1, 1)?));
        self.design = match dense {
            // A lazily centred dense matrix loses digits when means are large: the copy is worth it.
            Some(copy) => {
                let mut values = copy.into_values();
                for (j, column) in values.chunks_exact_mut(n).enumerate() {
                    let mean = means.get(j).copied().unwrap_or(0.0);
                    let scale = scales.get(j).copied().unwrap_or(1.0);
                    match &roots {
                        Some(roots) => {
                            column.iter_mut().zip(roots).for_each(|(x, r)| *x = (*x - mean) / scale * r);
                        }
                        None if scale == 1.0 => column.iter_mut().for_each(|x| *x -= mean),
                        None => column.iter_mut().for_each(|x| *x = (*x - mean) / scale),
                    }
                }
                AnyDesign::Dense(Dense::from_columns(values, n, p)?)
            }
            None => {
                let center = (!means.is_empty()).then(|| means.clone());
                let scale = (!scales.is_empty()).then(|| scales.clone());
                match (design, center.is_some() || scale.is_some(), roots) {
                    (AnyDesign::Csc(x), false, Some(roots)) => AnyDesign::Csc(Cow::Owned(x.scale_rows(&roots)?)),
                    (x, false, Some(roots)) => AnyDesign::Owned(Box::new(RowScaled::new(x, roots)?)),
                    (x, true, None) => AnyDesign::Owned(Box::new(Standardized::new(x, center, scale)?)),
                    (x, true, Some(roots)) => {
                        let view = Standardized::new(x, center, scale)?;
                        AnyDesign::Owned(Box::new(RowScaled::new(view, roots)?))
                    }
                    (x, false, None) => x,
                }
            }
        };
        self.means = means;
        self.scales = scales;
        Ok(())
    }

    /// p.
    pub fn nfeatures(&self) -> usize {
        self.nfeatures
    }

    /// Runs `f` on the smooth term in the layout's order of columns.
    pub(crate) fn with_predictor<P, R>(
        &self,
        layout: &Layout<P>,
        f: impl FnOnce(&LinearPredictor<AnyDesign<'_>, Squared>) -> Result<R>,
    ) -> Result<R> {
        let loss = Squared::new(self.y.clone(), self.design.nrows());
        let direct = match &layout.order {
            None => self.design.reborrow(),
            Some(order) => AnyDesign::Owned(Box::new(Columns::new(self.design.reborrow(), order.clone())?)),
        };
        f(&LinearPredictor::new(direct, loss))
    }

    /// The answer in the user's features and units.
    pub(crate) fn restore<P: BlockPenalty>(
        &self,
        smooth: &LinearPredictor<AnyDesign<'_>, Squared>,
        layout: &Layout<P>,
        lambda: f64,
        mut solution: Solution,
        options: &Options,
    ) -> Fitted {
        let q = self.nresponses;
        if self.product_error > 0.0 {
            let at = (&solution.coefficients[..], solution.certificate.gap);
            solution.certificate.rounding += gap_error(smooth, &layout.penalty, lambda, at, self.product_error);
        }
        let residual = smooth.value(&smooth.point(&solution.coefficients));
        let mut coefficients = Array2::zeros((self.nfeatures, q));
        let mut latent = Vec::new();
        for (i, w) in solution.coefficients.chunks_exact(q).enumerate() {
            let j = layout.order.as_ref().map_or(i, |order| order[i]);
            let scale = self.scales.get(j).copied().unwrap_or(1.0);
            for (t, w) in w.iter().enumerate() {
                let value = if *w == 0.0 { 0.0 } else { w / scale };
                coefficients[[j, t]] += value;
                if layout.order.is_some() {
                    latent.push(value);
                }
            }
        }
        let intercept = Array1::from_iter((0..q).map(|t| {
            let shift: f64 = self.means.iter().enumerate().map(|(j, m)| m * coefficients[[j, t]]).sum();
            self.y_means[t] - shift
        }));
        Fitted {
            coefficients,
            intercept,
            lambda,
            r_squared: if self.total > 0.0 { 1.0 - residual / self.total } else { f64::NAN },
            certificate: solution.certificate,
            status: solution.status,
            iterations: solution.iterations,
            nobservations: self.nobservations,
            feature_names: options.feature_names.clone(),
            latent,
        }
    }
}

/// Weights with mean 1.
fn normalise(weights: &[f64], n: usize) -> Result<Vec<f64>> {
    check_length("sample_weights", n, weights.len())?;
    check_weights("sample_weights", weights, false)?;
    // Relative to the largest, so that the sum of huge weights cannot overflow.
    let largest = weights.iter().fold(0.0f64, |m, w| m.max(*w));
    if largest == 0.0 {
        return Err(Error::OutOfRange {
            argument: "sample_weights",
            index: vec![],
            value: 0.0,
            expected: "at least one weight > 0",
        });
    }
    let sum: f64 = weights.iter().map(|w| w / largest).sum();
    Ok(weights.iter().map(|w| w / largest * (n as f64 / sum)).collect())
}

/// The (weighted) mean, corrected by the mean of the residuals.
fn mean(x: &[f64], weights: Option<&[f64]>) -> f64 {
    let n = x.len() as f64;
    let average = |shift: f64| match weights {
        Some(s) => x.iter().zip(s).map(|(x, s)| s * ((x - shift) / n)).sum::<f64>(),
        None => x.iter().map(|x| (x - shift) / n).sum::<f64>(),
    };
    let first = average(0.0);
    first + average(first)
}

/// `Σ s_i (x_i − mean)²`.
fn deviation(x: &[f64], mean: f64, weights: Option<&[f64]>) -> f64 {
    match weights {
        Some(s) => x.iter().zip(s).map(|(x, s)| s * (x - mean) * (x - mean)).sum(),
        None => x.iter().map(|x| (x - mean) * (x - mean)).sum(),
    }
}
