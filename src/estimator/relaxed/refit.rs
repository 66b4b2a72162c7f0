//! The fit without a penalty on the features that a penalised fit has chosen.

use ndarray::Array1;

use super::RefitStatus;
use super::constraint::Constraint;
use crate::certificate::Status;
use crate::design::{AnyDesign, Columns, Design, LinearOperator};
use crate::error::Result;
use crate::estimator::coefficients::Coefficients;
use crate::estimator::training::Prepared;
use crate::estimator::{Fitted, Options};
use crate::linalg::SubsetCholesky;
use crate::loss::Loss;
use crate::penalty::{BlockPenalty, WithFreeColumn};
use crate::problem::Problem;
use crate::smooth::{LinearPredictor, Smooth};
use crate::solver::{Kinked, Predictor, Solution, Start, Stopping, Watch};

/// Least squares are certain to this share of the wanted gap: it costs nothing there.
const SHARPER: f64 = 1e-3;
/// Predictions beyond this may be on the way to infinity; on the scale of a logarithm they are one chance in four hundred.
const LARGE: f64 = 6.0;
/// They are if a thousandth of the gap moves them by this much, and by this share.
const MOVED: f64 = 1.5;
const MOVED_SHARE: f64 = 0.1;

/// The problem of one support.
pub(super) struct OnSupport<'a, P> {
    whole: &'a Prepared<'a, P>,
    support: Vec<usize>,
    /// Their places in the order of the solver, and that of the intercept.
    columns: Vec<usize>,
    smooth: Predictor<'a>,
    penalty: Constraint<'a, WithFreeColumn<P>>,
}

impl<'a, P: BlockPenalty> OnSupport<'a, P> {
    /// `first[j]` is the first place of feature j in the order of the solver.
    pub(super) fn new(whole: &'a Prepared<'a, P>, support: Vec<usize>, first: Option<&[usize]>) -> Result<Self> {
        let mut columns: Vec<usize> = support.iter().map(|&j| first.map_or(j, |first| first[j])).collect();
        let all = whole.smooth.design().ncols();
        let own = whole.units.order.as_ref().map_or(whole.units.nfeatures, Vec::len);
        columns.extend(own..all);
        let view = Columns::new(whole.smooth.design().reborrow(), columns.clone())?;
        let loss: Box<dyn Loss + 'a> = Box::new(whole.smooth.loss());
        let smooth = LinearPredictor::new(AnyDesign::Owned(Box::new(view)), loss);
        let penalty = Constraint::new(&whole.penalty, &columns, support.len());
        Ok(Self { whole, support, columns, smooth, penalty })
    }

    fn problem(&self) -> Problem<'_, Predictor<'_>, Constraint<'_, WithFreeColumn<P>>> {
        Problem::new(&self.smooth, &self.penalty, 0.0)
    }

    /// A fitted model in the solver's columns and units.
    fn arrange(&self, fitted: &Fitted) -> Vec<f64> {
        let units = &self.whole.units;
        let q = units.nresponses;
        let mut w = vec![0.0; self.columns.len() * q];
        let mut shift: Vec<f64> = fitted.intercept.iter().zip(&units.y_means).map(|(b, mean)| b - mean).collect();
        for (j, t, value) in fitted.coefficients.nonzero() {
            if let Ok(i) = self.support.binary_search(&j) {
                w[i * q + t] = value * units.scales.get(j).copied().unwrap_or(1.0);
                if units.intercept {
                    shift[t] += units.means.get(j).copied().unwrap_or(0.0) * value;
                }
            }
        }
        // The intercept, where it is a column.
        if self.columns.len() > self.support.len() {
            w[self.support.len() * q..].copy_from_slice(&shift);
        }
        w
    }

    fn solve(&self, start: &[f64], stopping: Stopping, options: &Options, watch: &mut dyn Watch) -> Solution {
        let start = Start::At(start);
        match Kinked::new(&self.smooth, &self.penalty) {
            Some(kinked) => {
                kinked.solve(0.0, start, stopping, &|p, from, s, w| options.method.solve(p, from, s, w), watch)
            }
            None => options.method.solve(&self.problem(), start, stopping, watch),
        }
    }

    /// The fit without penalty, from the penalised one.
    pub(super) fn refit(&self, penalized: &Fitted, options: &Options, watch: &mut dyn Watch) -> (Fitted, RefitStatus) {
        let stopping = *options.method.stopping();
        let sharper = Stopping { tolerance: SHARPER * stopping.tolerance, ..stopping };
        let start = self.arrange(penalized);
        let mut solution;
        let mut diverges = false;
        if self.smooth.loss().as_squared().is_some() {
            solution = self.solve(&start, sharper, options, watch);
        } else {
            solution = self.solve(&start, stopping, options, watch);
            let at = self.smooth.point(&solution.coefficients);
            let size = largest(at.eta.iter().copied());
            if size > LARGE || !size.is_finite() {
                let achieved = (solution.certificate.relative_gap()).clamp(0.0, stopping.tolerance);
                diverges = self.falls_beyond(&solution.coefficients, self.smooth.excess(&at));
                if !diverges && achieved > 0.0 {
                    let sharper = Stopping { tolerance: SHARPER * achieved, ..stopping };
                    let further = self.solve(&solution.coefficients, sharper, options, watch);
                    let beyond = self.smooth.point(&further.coefficients).eta;
                    let moved = largest(beyond.iter().zip(&at.eta).map(|(a, b)| a - b));
                    diverges = moved > MOVED.max(MOVED_SHARE * size) || !moved.is_finite();
                }
            }
        }
        if solution.coefficients.iter().any(|w| !w.is_finite()) {
            // Nothing better is known than where it began.
            (solution.coefficients, diverges) = (start, true);
        }
        let unfinished = !matches!(solution.status, Status::Converged | Status::Stalled);
        let status = match self.rank() {
            _ if diverges => RefitStatus::Divergent,
            _ if unfinished => RefitStatus::Unconverged,
            rank if rank < self.columns.len() => RefitStatus::NotUnique,
            _ => RefitStatus::Unique,
        };
        (self.restore(solution, penalized.lambda, options), status)
    }

    /// Whether twice the coefficients are better still, and best is nowhere yet: what separates all classes is no minimiser.
    fn falls_beyond(&self, w: &[f64], excess: f64) -> bool {
        let twice: Vec<f64> = w.iter().map(|w| 2.0 * w).collect();
        excess > 0.0 && self.smooth.excess(&self.smooth.point(&twice)) < excess
    }

    fn restore(&self, solution: Solution, lambda: f64, options: &Options) -> Fitted {
        let q = self.whole.units.nresponses;
        let mut all = vec![0.0; self.whole.smooth.design().ncols() * q];
        for (&k, w) in self.columns.iter().zip(solution.coefficients.chunks_exact(q)) {
            all[k * q..(k + 1) * q].copy_from_slice(w);
        }
        let fitted = self.whole.restore(0.0, Solution { coefficients: all, ..solution }, options);
        // Copies of shared features have no meaning without a penalty.
        Fitted { lambda, latent: Coefficients::new(0, 1, []), ..fitted }
    }

    /// `(1 − φ)·refit + φ·penalised`, with the certificate of a point of the refit's problem.
    pub(super) fn blend(&self, penalized: &Fitted, refit: &Fitted, phi: f64) -> Fitted {
        if phi == 1.0 {
            return penalized.clone();
        } else if phi == 0.0 {
            return refit.clone();
        }
        let (p, q) = refit.coefficients.dim();
        let entries = (penalized.coefficients.nonzero().map(|(j, t, w)| (j * q + t, phi * w)))
            .chain(refit.coefficients.nonzero().map(|(j, t, w)| (j * q + t, (1.0 - phi) * w)));
        let mut fitted = Fitted {
            coefficients: Coefficients::new(p, q, entries.collect::<Vec<_>>()),
            intercept: Array1::from_iter(
                penalized.intercept.iter().zip(&refit.intercept).map(|(a, b)| phi * a + (1.0 - phi) * b),
            ),
            status: worse(penalized.status, refit.status),
            iterations: penalized.iterations + refit.iterations,
            ..refit.clone()
        };
        let w = self.arrange(&fitted);
        let at = self.smooth.point(&w);
        let mut gradient = vec![0.0; w.len()];
        fitted.certificate = self.problem().certify(&w, &at, refit.certificate.scale, &mut gradient).0;
        let units = &self.whole.units;
        if units.total > 0.0 {
            fitted.explained = 1.0 - (self.smooth.value(&at) - units.floor) / units.total;
        }
        fitted
    }

    /// Columns that do not depend on those before; no more than there are rows.
    fn rank(&self) -> usize {
        let (n, k) = (self.smooth.design().nrows(), self.columns.len());
        if k > n {
            return n;
        }
        let columns: Vec<usize> = (0..k).collect();
        let mut gram = vec![0.0; k * k];
        self.smooth.design().cross_gram(&columns, &columns, &mut gram);
        let mut factor = SubsetCholesky::default();
        columns.iter().filter(|&&j| factor.append(j, &gram[j * k..(j + 1) * k], 0.0).is_ok()).count()
    }
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |m: f64, v| if v.is_nan() { f64::INFINITY } else { m.max(v.abs()) })
}

/// The one of two that has not come to its end.
fn worse(a: Status, b: Status) -> Status {
    match (a, b) {
        (Status::Converged, b) => b,
        (Status::Stalled, Status::Converged) => Status::Stalled,
        (Status::Stalled, b) => b,
        (a, _) => a,
    }
}
