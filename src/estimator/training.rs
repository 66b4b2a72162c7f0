//! From the user's data to the solver's problem and back: weights, centring, scaling, the order of columns.
//!
//! With sample weights s (mean 1) and an intercept, the squared loss is exactly that of
//! `√s_i (x_i − x̄)ᵀ / σ` against `√s_i (y_i − ȳ)` with weighted means: no solver ever sees an intercept, a weight or a unit.

use std::borrow::Cow;
use std::sync::Arc;

use ndarray::{Array1, ArrayBase, Data, Dimension};

use crate::design::{AnyDesign, Columns, Dense, Design, LinearOperator, RowScaled, Standardized, moments};
use crate::error::{Error, Result, check_length, check_weights};
use crate::estimator::Options;
use crate::estimator::coefficients::Coefficients;
use crate::estimator::model::Fitted;
use crate::loss::Squared;
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
    design: AnyDesign<'a>,
    nfeatures: usize,
    /// √s-scaled, centred responses, task-major.
    y: Vec<f64>,
    nresponses: usize,
    /// Weighted mean of each column; empty without an intercept.
    means: Arc<[f64]>,
    /// σ per column, ∞ for a constant one; empty if not standardised and nothing is constant.
    scales: Arc<[f64]>,
    y_means: Vec<f64>,
    /// Σ s_i ‖y_i − ȳ‖² / (2n): what R² compares with.
    total: f64,
}

/// Columns whose standard deviation is below this many ulps of their mean are constants.
const CONSTANT: f64 = 16.0 * f64::EPSILON;

/// Dense designs of at most this many bytes are centred in a copy: SEE.
const SMALL: usize = 0;

/// Dense columns are centred in a view up to this ratio of mean and standard deviation. With κ = |mean|/sd the view
/// computes x̃ᵀr as xᵀr − mean·Σr from terms κ times as large as those of a copy, so rounding errors are κ times as
/// large: 1e-13 of the size of the residual at this bound, where a copy has 1e-16, and tolerances of 1e-10 do not notice.
const LOSS: f64 = 1e3;

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
        Self::prepare(x, y, options, std::env::var("SR_SMALL").ok().and_then(|v| v.parse().ok()).unwrap_or(SMALL)) // TEMP
    }

    fn prepare<S, R>(x: AnyDesign<'a>, y: &ArrayBase<S, R>, options: &Options, small: usize) -> Result<Self>
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
            means: Arc::default(),
            scales: Arc::default(),
            y_means,
            total,
        };
        training.prepare_design(options, weights.as_deref(), roots, small)?;
        Ok(training)
    }

    /// Centres, scales and weights the columns: in a copy if that is `small`, in a view of the user's numbers otherwise.
    fn prepare_design(
        &mut self,
        options: &Options,
        weights: Option<&[f64]>,
        roots: Option<Vec<f64>>,
        small: usize,
    ) -> Result<()> {
        if !options.intercept && !options.standardize && roots.is_none() {
            return Ok(());
        }
        let (n, p) = (self.design.nrows(), self.nfeatures);
        let dense = matches!(self.design, AnyDesign::Dense(_) | AnyDesign::DenseF32(_));
        let (mut means, mut scales) = (vec![0.0; p], vec![1.0; p]);
        let mut sq_norms = Vec::new();
        let mut constant = false;
        // max |mean|/sd: how many times the rounding error of a view is that of a copy
        let mut loss = 0.0f64;
        if options.intercept || options.standardize {
            for (j, moments) in moments(&self.design, weights).into_iter().enumerate() {
                let mean = moments.mean;
                means[j] = mean;
                let sd = (moments.deviation / n as f64).sqrt();
                if !sd.is_finite() || (sd == 0.0 && weights.is_none()) {
                    let mut column = vec![0.0; n];
                    self.design.column(j, &mut column);
                    let far = |x: &f64| (x - mean).abs() > CONSTANT * mean.abs();
                    if !sd.is_finite() || column.iter().any(far) {
                        let expected = REPRESENTABLE;
                        return Err(Error::OutOfRange { argument: "x", index: vec![0, j], value: column[0], expected });
                    }
                }
                if sd <= CONSTANT * mean.abs() && (options.intercept || sd == 0.0) {
                    // Division by ∞ makes the column zero, and a zero column keeps coefficient 0.
                    scales[j] = f64::INFINITY;
                    constant = true;
                } else {
                    loss = loss.max(mean.abs() / sd);
                    if options.standardize {
                        scales[j] = sd;
                    }
                }
                // Known from the moments; for a dense design another pass over X.
                if dense && options.intercept && weights.is_none() {
                    sq_norms.push(moments.deviation / (scales[j] * scales[j]));
                }
            }
        }
        let means: Arc<[f64]> = if options.intercept { means.into() } else { Arc::default() };
        let scales: Arc<[f64]> = if options.standardize || constant { scales.into() } else { Arc::default() };
        let design = std::mem::replace(&mut self.design, AnyDesign::Dense(Dense::from_columns(vec![0.0], 1, 1)?));
        let center = (!means.is_empty()).then(|| Arc::clone(&means));
        let scale = (!scales.is_empty()).then(|| Arc::clone(&scales));
        let lossy = center.is_some() && loss > LOSS;
        let roots_or_one = roots.as_deref();
        self.design = match design {
            AnyDesign::Dense(x) if lossy || x.bytes() <= small => {
                AnyDesign::Dense(x.standardized(&means, &scales, roots_or_one)?)
            }
            AnyDesign::DenseF32(x) if lossy || x.bytes() <= small => {
                AnyDesign::Dense(x.standardized(&means, &scales, roots_or_one)?)
            }
            AnyDesign::Csc(x) if center.is_none() && scale.is_none() => match &roots {
                Some(roots) => AnyDesign::Csc(Cow::Owned(x.scale_rows(roots)?)),
                None => AnyDesign::Csc(x),
            },
            x => {
                let centred = if center.is_some() || scale.is_some() {
                    let view = Standardized::shared(x, center, scale)?;
                    AnyDesign::Owned(Box::new(if sq_norms.is_empty() { view } else { view.with_sq_norms(sq_norms) }))
                } else {
                    x
                };
                match roots {
                    Some(roots) => AnyDesign::Owned(Box::new(RowScaled::new(centred, roots)?)),
                    None => centred,
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
    pub(crate) fn restore<P>(
        &self,
        smooth: &LinearPredictor<AnyDesign<'_>, Squared>,
        layout: &Layout<P>,
        lambda: f64,
        solution: Solution,
        options: &Options,
    ) -> Fitted {
        let q = self.nresponses;
        let residual = smooth.value(&smooth.point(&solution.coefficients));
        let mut latent = Vec::new();
        let coefficients = Coefficients::new(
            self.nfeatures,
            q,
            solution.coefficients.iter().enumerate().filter(|(_, w)| **w != 0.0).map(|(k, w)| {
                let (i, t) = (k / q, k % q);
                let j = layout.order.as_ref().map_or(i, |order| order[i]);
                let value = w / self.scales.get(j).copied().unwrap_or(1.0);
                if layout.order.is_some() {
                    latent.push((k, value));
                }
                (j * q + t, value)
            }),
        );
        let latent = Coefficients::new(if layout.order.is_some() { solution.coefficients.len() } else { 0 }, 1, latent);
        let mut intercept = Array1::from(self.y_means.clone());
        if !self.means.is_empty() {
            let mut shift = vec![0.0; q];
            coefficients.nonzero().for_each(|(j, t, w)| shift[t] += self.means[j] * w);
            intercept.iter_mut().zip(shift).for_each(|(b, shift)| *b -= shift);
        }
        Fitted {
            coefficients,
            intercept,
            lambda,
            r_squared: if self.total > 0.0 { 1.0 - residual / self.total } else { f64::NAN },
            certificate: solution.certificate,
            status: solution.status,
            iterations: solution.iterations,
            nobservations: self.y.len() / q,
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
