//! Cross-validated errors over λ.

use super::lambda_axis::LambdaAxis;
use super::panel::{Panel, Series};
use super::theme;
use crate::cross_validation::{CrossValidation, Curve};
use crate::error::{Error, Result};
use crate::estimator::{GraphicalCrossValidation, Model, Scoring};

/// A cross-validation of a linear model as an SVG: the error of the held-out observations over λ (the mean squared error in
/// the unit of y, squared, or what the scoring says), bars of one standard error to each side, and lines at the λ with the smallest error and at that of the
/// one-standard-error rule, with the features that are in.
///
/// # Errors
/// No positive λ ([`Error::Empty`]).
///
/// ```
/// use ndarray::{Array1, Array2};
/// use sparsereg::{plot, prelude::*};
/// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((i * (j + 2)) % 7) as f64);
/// let y = Array1::from_shape_fn(40, |i| 2.0 * x[[i, 1]] + ((i * 5) % 3) as f64);
/// let cv = Lasso::default().cross_validate(&x, &y, &KFold::new(5).seed(7))?;
/// assert!(plot::cross_validation(&cv)?.contains("smallest error"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn cross_validation<M: Model>(cv: &CrossValidation<M>) -> Result<String> {
    let models = cv.path().models();
    let size = |k: usize| format!("{} features", models[k].support().len());
    let error = match cv.scoring() {
        Scoring::MeanSquaredError => "mean squared error (unit of y, squared)",
        Scoring::MeanAbsoluteError => "mean absolute error (unit of y)",
        Scoring::Deviance => "mean deviance",
        Scoring::Misclassification => "share of wrong classes",
        Scoring::Auc => "1 − area under the ROC curve",
        Scoring::Concordance => "1 − concordance",
    };
    draw(&cv.path().lambdas(), cv.curve(), error, size)
}

/// A cross-validation of a graphical lasso as an SVG: the negative log-likelihood of a held-out sample over λ (in nats), as
/// [`cross_validation`] draws errors.
///
/// # Errors
/// No positive λ ([`Error::Empty`]).
///
/// ```
/// use ndarray::Array2;
/// use sparsereg::{plot, prelude::*};
/// let samples = Array2::from_shape_fn((30, 3), |(i, j)| ((i * (j + 3) * 7919) % 101) as f64);
/// let cv = GraphicalLasso::default().cross_validate(&samples, &KFold::new(5).seed(1))?;
/// assert!(plot::graphical_cross_validation(&cv)?.contains("log-likelihood"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn graphical_cross_validation(cv: &GraphicalCrossValidation) -> Result<String> {
    let models = cv.path().models();
    let size = |k: usize| format!("{} edges", models[k].edge_count());
    draw(&cv.path().lambdas(), cv.curve(), "−log-likelihood (nats per sample)", size)
}

fn draw(lambdas: &[f64], curve: &Curve, y_label: &str, size: impl Fn(usize) -> String) -> Result<String> {
    let axis = LambdaAxis::of(lambdas.iter().copied()).ok_or(Error::Empty { argument: "cross-validation" })?;
    let mark = |k: usize, what: &str| (lambdas[k], format!("{what}: λ = {}, {}", theme::number(lambdas[k]), size(k)));
    let points: Vec<(f64, f64)> = lambdas.iter().copied().zip(curve.mean.iter().copied()).collect();
    let panel = Panel {
        title: format!("Cross-validation, {} folds: mean ± one standard error", curve.scores.ncols()),
        y_label: y_label.into(),
        axis,
        bars: points.iter().zip(&curve.standard_error).map(|(&(l, mean), &error)| (l, mean, error)).collect(),
        series: vec![Series { name: None, colour: theme::BLUE, points }],
        marks: vec![mark(curve.best, "smallest error"), mark(curve.one_standard_error, "one standard error")],
        range: None,
        dots: false,
    };
    theme::paint(theme::CHART, |area| panel.draw(area))
}
