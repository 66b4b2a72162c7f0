//! From the user's data to the solver's problem and back: weights, centring, scaling, the order of columns.
//!
//! With sample weights s (mean 1) and an intercept, the squared loss is exactly that of
//! `√s_i (x_i − x̄)ᵀ / σ` against `√s_i (y_i − ȳ)` with weighted means: no solver ever sees an intercept, a weight or a unit.
//! For other losses weights are the loss's own, and the intercept is a column of ones without a penalty.

use std::borrow::Cow;
use std::sync::Arc;

use ndarray::ArrayView2;

use crate::design::{AnyDesign, Columns, Dense, Design, LinearOperator, RowScaled, Standardized, WithOnes, moments};
use crate::error::{Error, Result, check_length, check_weights};
use crate::estimator::Options;
use crate::estimator::family::{Family, Responses};
use crate::estimator::prepared::Prepared;
use crate::loss::{Loss, Squared};
use crate::penalty::{BlockPenalty, Penalty, WithFreeColumn};
use crate::smooth::LinearPredictor;

/// A penalty and the order in which it wants the features: groups become contiguous, shared features are repeated.
#[derive(Debug, Clone)]
pub struct Layout<P> {
    /// The penalty over the columns in the solver's order.
    pub penalty: P,
    /// Solver column → feature; `None` is the identity.
    pub(super) order: Option<Vec<usize>>,
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
pub struct Training<'a> {
    pub(super) design: AnyDesign<'a>,
    pub(super) loss: Box<dyn Loss>,
    /// A column of ones is to be appended.
    pub(super) ones: bool,
    pub(super) units: Units,
}

/// What leads back from the solver's coefficients to the user's.
#[derive(Debug, Clone, Default)]
pub(super) struct Units {
    pub nfeatures: usize,
    /// Predictions per observation.
    pub nresponses: usize,
    /// Columns of y.
    pub ncolumns: usize,
    /// Weighted mean of each column; empty if they are not centred.
    pub means: Arc<[f64]>,
    /// σ per column, ∞ for a constant one; empty if not standardised and nothing is constant.
    pub scales: Arc<[f64]>,
    /// Intercepts of the centred columns, if they are known before the fit.
    pub y_means: Vec<f64>,
    /// Whether there is an intercept at all, into which the means of the columns go.
    pub intercept: bool,
    /// Whether a number added to all intercepts changes nothing.
    pub symmetric: bool,
    /// F of the model with nothing but an intercept, above the least that F can be: what the explained share is one of.
    pub total: f64,
    /// The least that F can be.
    pub floor: f64,
    pub nobservations: usize,
    /// Error of the products relative to the norms of the columns, if this is made from [`Moments`](crate::moments::Moments).
    pub product_error: f64,
    /// The classes of each response, if it has some.
    pub classes: Arc<[Vec<f64>]>,
    /// Solver column → feature.
    pub order: Option<Vec<usize>>,
}

/// Columns whose standard deviation is below this many ulps of their mean are constants.
pub(super) const CONSTANT: f64 = 16.0 * f64::EPSILON;

/// Dense columns are centred in a view up to this ratio κ of mean and standard deviation, in a copy beyond. The view
/// computes x̃ᵀr as xᵀr − mean·Σr and x̃w as xw − mean·w, from terms κ times as large as those of the copy, so rounding
/// errors are κ times as large. The bound of rounding errors that certificates and step sizes go by
/// ([`Smooth::rounding`]) is 16 times what a copy makes: κ = 16, a loss of 1.2 digits, stays inside. At κ = 1000 descent
/// still reached gaps of 1e-12, but [`Fista`](crate::solver::Fista) stopped at 1e-7, as it compares objective values.
/// Products X_AᵀX_A lose nothing: they are formed from centred columns.
///
/// The view is the faster, as making a copy costs ten passes over X. CPU time of a fit at 0.1 λ_max and of a path of
/// 20 λs, n×p, view against copy in ms: 1000×20000 103 and 694 against 314 and 885; 50000×200 49 and 381 against 154 and
/// 476; 200×2000 1 and 20 against 3 and 22.
const LOSS: f64 = 16.0;

/// What y and the columns of x must be for a gap to mean something.
const REPRESENTABLE: &str = "values whose squares are representable (about 1e-150 to 1e150)";

impl<'a> Training<'a> {
    /// Checks and prepares least squares. `y` is observations × responses; `one_dimensional` says whether the user's y is a vector.
    ///
    /// # Errors
    /// Lengths that do not fit, NaN or infinity in y, squares that overflow or vanish, weights that are negative, not
    /// finite or all zero.
    pub(crate) fn new(
        x: AnyDesign<'a>,
        y: ArrayView2<'_, f64>,
        one_dimensional: bool,
        options: &Options,
    ) -> Result<Self> {
        check_data(&x, y, one_dimensional, options)?;
        let (n, p, nresponses) = (x.nrows(), x.ncols(), y.ncols());
        let mut responses: Vec<f64> = y.t().iter().copied().collect();
        if let Some(offset) = &options.offset {
            let offset = offset.task_major(n, nresponses)?;
            responses.iter_mut().zip(offset).for_each(|(y, o)| *y -= o);
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
        let units = Units {
            nfeatures: p,
            nresponses,
            ncolumns: y.ncols(),
            y_means,
            intercept: options.intercept,
            total,
            nobservations: n,
            ..Units::default()
        };
        let mut training = Self { design: x, loss: Box::new(Squared::new(responses, n)), ones: false, units };
        let about = About { constants: options.intercept, center: options.intercept, standardize: options.standardize };
        training.prepare_design(about, weights.as_deref(), roots)?;
        Ok(training)
    }

    /// Checks and prepares the loss of a family: weights are those of the observations, the intercept is a column of ones,
    /// and dense columns are centred all the same, so that they do not speak for the intercept.
    ///
    /// # Errors
    /// As [`new`](Self::new), and what the family makes of y.
    pub(crate) fn with_family<F: Family>(
        x: AnyDesign<'a>,
        y: ArrayView2<'_, f64>,
        one_dimensional: bool,
        family: &F,
        options: &Options,
    ) -> Result<Self> {
        check_data(&x, y, one_dimensional, options)?;
        let (n, p) = (x.nrows(), x.ncols());
        let weights = options.sample_weights.as_deref().map(|s| normalise(s, n)).transpose()?;
        let ones = options.intercept && family.has_intercept();
        let mut data = Responses { y, one_dimensional, weights: weights.as_deref(), offset: None };
        let classes = family.learn(&data, ones)?;
        let nresponses = family.width(y.ncols(), &classes);
        let offset = options.offset.as_ref().map(|o| o.task_major(n, nresponses)).transpose()?;
        data.offset = offset.as_deref();
        let loss = family.loss(&data, &classes)?;
        let units = Units {
            nfeatures: p,
            nresponses,
            ncolumns: y.ncols(),
            y_means: vec![0.0; nresponses],
            intercept: ones,
            symmetric: family.is_symmetric(),
            nobservations: n,
            classes: classes.into(),
            ..Units::default()
        };
        // Where the loss does not feel constants, constant columns and the means of others are nothing to it.
        let constants = ones || !family.has_intercept();
        let dense = x.column_cost() >= n as f64;
        let about = About { constants, center: constants && dense, standardize: options.standardize };
        let mut training = Self { design: x, loss, ones, units };
        training.prepare_design(about, weights.as_deref(), None)?;
        Ok(training)
    }

    /// Centres, scales and weights the columns: in a view of the user's numbers if that does not cost digits.
    fn prepare_design(&mut self, about: About, weights: Option<&[f64]>, roots: Option<Vec<f64>>) -> Result<()> {
        let About { constants, center, standardize } = about;
        if !constants && !standardize && roots.is_none() {
            return Ok(());
        }
        let (n, p) = (self.design.nrows(), self.units.nfeatures);
        let sparse = matches!(self.design, AnyDesign::Csc(_));
        let (mut means, mut scales) = (vec![0.0; p], vec![1.0; p]);
        let mut sq_norms = Vec::new();
        let mut constant = false;
        // max |mean|/sd: how many times the rounding error of a view is that of a copy
        let mut loss = 0.0f64;
        if constants || standardize {
            for (j, moments) in moments(&self.design, weights).into_iter().enumerate() {
                let mean = moments.mean;
                means[j] = mean;
                let sd = (moments.deviation / n as f64).sqrt();
                if !sd.is_finite() || (sd == 0.0 && weights.is_none()) {
                    let mut column = vec![0.0; n];
                    self.design.column(j, &mut column);
                    let far = |x: &f64| (x - mean).abs() > CONSTANT * mean.abs();
                    if !sd.is_finite() || column.iter().any(far) {
                        // The value that is to blame: in a design of the user's own it may be no number.
                        let worst = |best: usize, i: usize| {
                            let further = (column[i] - mean).abs() > (column[best] - mean).abs();
                            let better = column[best].is_finite() && (further || !column[i].is_finite());
                            if better { i } else { best }
                        };
                        let at = (0..n).fold(0, worst);
                        let (argument, index, value) = ("x", vec![at, j], column[at]);
                        return Err(if value.is_finite() {
                            Error::OutOfRange { argument, index, value, expected: REPRESENTABLE }
                        } else {
                            Error::NotFinite { argument, index, value }
                        });
                    }
                }
                if sd <= CONSTANT * mean.abs() {
                    // Division by ∞ makes the column zero, and a zero column keeps coefficient 0.
                    scales[j] = f64::INFINITY;
                    constant = true;
                } else {
                    loss = loss.max(mean.abs() / sd);
                    if standardize {
                        scales[j] = sd;
                    }
                }
                // Known from the moments; for all but sparse columns another pass over X.
                if !sparse && center && weights.is_none() {
                    sq_norms.push(moments.deviation / (scales[j] * scales[j]));
                }
            }
        }
        let means: Arc<[f64]> = if center { means.into() } else { Arc::default() };
        let scales: Arc<[f64]> = if standardize || constant { scales.into() } else { Arc::default() };
        let design = std::mem::replace(&mut self.design, AnyDesign::Dense(Dense::from_columns(vec![0.0], 1, 1)?));
        let center = (!means.is_empty()).then(|| Arc::clone(&means));
        let scale = (!scales.is_empty()).then(|| Arc::clone(&scales));
        let lossy = center.is_some() && loss > LOSS;
        self.design = match design {
            AnyDesign::Dense(x) if lossy => AnyDesign::Dense(x.standardized(&means, &scales, roots.as_deref())?),
            AnyDesign::DenseF32(x) if lossy => AnyDesign::Dense(x.standardized(&means, &scales, roots.as_deref())?),
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
        self.units.means = means;
        self.units.scales = scales;
        Ok(())
    }

    /// p.
    pub fn nfeatures(&self) -> usize {
        self.units.nfeatures
    }

    /// The problem in the layout's order of columns.
    ///
    /// # Errors
    /// A loss with kinks beside a penalty that is not convex.
    pub(crate) fn arrange<P: BlockPenalty>(self, layout: Layout<P>) -> Result<Prepared<'a, P>> {
        let Self { design, loss, ones, mut units } = self;
        let design = match &layout.order {
            None => design,
            Some(order) => AnyDesign::Owned(Box::new(Columns::new(design, order.clone())?)),
        };
        let design = if ones { AnyDesign::Owned(Box::new(WithOnes::new(design))) } else { design };
        let penalty = WithFreeColumn::new(layout.penalty, ones);
        let smooth = LinearPredictor::new(design, loss).with_free_directions(penalty.free_directions());
        check_kinks(smooth.loss(), Penalty::is_convex(&penalty))?;
        let free: Vec<usize> = if ones { vec![smooth.design().ncols() - 1] } else { Vec::new() };
        units.order = layout.order;
        Ok(Prepared::new(smooth, penalty, units, &free))
    }
}

/// Kinks are rounded off in convex problems only.
pub(super) fn check_kinks(loss: &dyn Loss, convex: bool) -> Result<()> {
    if convex || loss.smoothed(1.0).is_none() {
        return Ok(());
    }
    let reason = "a loss with kinks needs a convex penalty: Reweighted approximates others by convex ones";
    Err(Error::Unsupported { argument: "loss", reason })
}

/// What is to be done to the columns.
struct About {
    /// Make constant columns zero.
    constants: bool,
    center: bool,
    standardize: bool,
}

/// What every y, its shape and the names of the features have to be.
fn check_data(x: &AnyDesign<'_>, y: ArrayView2<'_, f64>, one_dimensional: bool, options: &Options) -> Result<()> {
    options.check()?;
    check_length("y", x.nrows(), y.nrows())?;
    if y.ncols() == 0 {
        return Err(Error::Empty { argument: "y" });
    }
    if let Some(names) = &options.feature_names {
        check_length("feature_names", x.ncols(), names.len())?;
    }
    let place = |(i, t): (usize, usize)| if one_dimensional { vec![i] } else { vec![i, t] };
    if let Some((at, &value)) = y.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(Error::NotFinite { argument: "y", index: place(at), value });
    }
    // Squares that overflow or vanish would make every gap look closed.
    let (mut at, mut largest) = ((0, 0), 0.0f64);
    for (i, y) in y.indexed_iter() {
        if y.abs() > largest {
            (at, largest) = (i, y.abs());
        }
    }
    let square = largest * largest;
    if largest > 0.0 && !(square >= f64::MIN_POSITIVE && (8.0 * y.len() as f64 * square).is_finite()) {
        return Err(Error::OutOfRange { argument: "y", index: place(at), value: y[at], expected: REPRESENTABLE });
    }
    Ok(())
}

/// Weights with mean 1.
pub(crate) fn normalise(weights: &[f64], n: usize) -> Result<Vec<f64>> {
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

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, ShapeBuilder};

    use super::*;
    use crate::prelude::*;

    /// 40 × 30 normal-like numbers with mean `ratio` and standard deviation about 1, exact in both places.
    fn data(ratio: f64, by_rows: bool) -> (Array2<f64>, Array1<f64>) {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // multiples of 2⁻²⁰ below 2 in size: adding a mean up to 2³⁰ loses nothing
            ((state >> 43) as f64 - (1u64 << 20) as f64) / (1u64 << 20) as f64 * 1.75
        };
        let mut x = Array2::zeros((40, 30).set_f(!by_rows));
        x.iter_mut().for_each(|x| *x = next());
        let y = Array1::from_shape_fn(40, |i| 2.0 * x[[i, 3]] - x[[i, 17]] + 0.5 * next());
        x += ratio;
        (x, y)
    }

    fn is_view(x: &Array2<f64>, y: &Array1<f64>, options: &Options) -> bool {
        use crate::design::AsDesign;
        let y = y.view().insert_axis(ndarray::Axis(1));
        let training = Training::new(x.as_design().unwrap(), y, true, options).unwrap();
        !matches!(training.design, AnyDesign::Dense(_))
    }

    #[test]
    fn the_view_is_taken_below_the_bound_and_the_copy_above_and_both_keep_their_digits() {
        let bound = LOSS.round();
        for by_rows in [false, true] {
            // The same columns without a mean: what every fit has to give.
            let (x, y) = data(0.0, by_rows);
            let lasso = Lasso::new(0.05).tolerance(1e-12);
            let truth = lasso.fit(&x, &y).unwrap();
            assert!(truth.support().len() > 2);
            for (ratio, view) in [(0.3 * bound, true), (0.7 * bound, true), (2.0 * bound, false), (1e5 * bound, false)]
            {
                let (x, y) = data(ratio.round(), by_rows);
                assert_eq!(is_view(&x, &y, &Options::default()), view, "{ratio}");
                let model = lasso.fit(&x, &y).unwrap();
                assert_eq!(model.status(), Status::Converged);
                let error = (&model.coefficients() - &truth.coefficients()).fold(0.0f64, |m, d| m.max(d.abs()));
                assert!(error < 1e-7, "{ratio}: {error:e}");
                // The objective of the answer, computed from centred columns, is within the certificate of the truth's.
                let excess = model.certificate().objective - truth.certificate().objective;
                assert!(excess.abs() <= 2e-12 * truth.certificate().scale, "{ratio}: {excess:e}");
            }
        }
    }

    #[test]
    fn the_view_loses_as_many_digits_as_the_bound_says() {
        use crate::design::Design;
        let (exact, y) = data(0.0, false);
        let means: Vec<f64> = exact.columns().into_iter().map(|c| c.sum() / 40.0).collect();
        let centred =
            Standardized::new(Dense::view(exact.view()), Some(means.clone()), None).unwrap().materialize().unwrap();
        let r = y.to_vec();
        let mut truth = vec![0.0; 30];
        centred.dot(0..30, &r, &mut truth);
        let size = (crate::kernels::sq_norm(&r) * 40.0).sqrt();
        let error = |ratio: f64| {
            let (x, _) = data(ratio, false);
            let shifted = means.iter().map(|m| m + ratio).collect();
            let view = Standardized::new(Dense::view(x.view()), Some(shifted), None).unwrap();
            let mut out = vec![0.0; 30];
            view.transpose_apply(&r, &mut out);
            out.iter().zip(&truth).fold(0.0f64, |m, (a, b)| m.max((a - b).abs())) / size
        };
        assert!(error(LOSS) < 1e-14, "{:e}", error(LOSS));
        assert!(error(1e6 * LOSS) > 1e-11, "a bound without need: {:e}", error(1e6 * LOSS));
    }

    #[test]
    fn every_storage_and_option_gives_the_fit_of_the_copy() {
        let (x, y) = data(3.0, false);
        let rows = Array2::from_shape_fn((40, 30), |at| x[at]);
        let narrow = x.mapv(|v| v as f32); // exact
        let weights: Vec<f64> = (0..40).map(|i| 0.5 + (i % 4) as f64).collect();
        let plain = Lasso::new(0.05).tolerance(1e-12);
        let all = [
            plain.clone(),
            plain.clone().standardize(true),
            plain.clone().intercept(false).standardize(true),
            plain.clone().sample_weights(weights.clone()),
            plain.clone().sample_weights(weights).standardize(true),
        ];
        for lasso in all {
            // What centring in a copy gives: far from zero there is no view.
            let far = lasso.options().intercept.then(|| lasso.fit(&(&x + 1e5), &y).unwrap());
            let truth = lasso.fit(&x, &y).unwrap();
            assert!(truth.support().len() > 2);
            for other in [lasso.fit(&rows, &y).unwrap(), lasso.fit(&narrow, &y).unwrap()].iter().chain(&far) {
                let error = (&other.coefficients() - &truth.coefficients()).fold(0.0f64, |m, d| m.max(d.abs()));
                assert!(error < 1e-6, "{:?}: {error:e}", lasso.options());
            }
        }
    }
}
