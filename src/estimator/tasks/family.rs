//! The loss of a task: the squared one, or that of a family.

use std::fmt::Debug;
use std::sync::Arc;

use ndarray::{Array1, ArrayView2, ArrayView3, Axis, Ix1};

use crate::design::AnyDesign;
use crate::error::Result;
use crate::estimator::family::{Responses, Shapes};
use crate::estimator::{Fitted, GlmModel, LinearModel, Model, Offset, Options, Scoring, Shape, Training, scoring};

/// What tasks need of losses of different types. `Fitted` is that of the task alone.
pub(super) trait TaskFamily: Debug + Send + Sync {
    fn name(&self) -> &'static str;
    /// Whether y is a vector.
    fn one_dimensional(&self) -> bool;
    fn training<'a>(&self, x: AnyDesign<'a>, y: ArrayView2<'_, f64>, options: &Options) -> Result<Training<'a>>;
    fn of_rows(&self, rows: &[usize]) -> Arc<dyn TaskFamily>;
    fn default_scoring(&self) -> Scoring;
    fn supports(&self, scoring: Scoring) -> bool;
    fn errors(
        &self,
        truth: &Responses<'_>,
        eta: ArrayView3<'_, f64>,
        classes: &[Vec<f64>],
        scoring: Scoring,
    ) -> Result<Vec<f64>>;
    fn predict(&self, fitted: Fitted, x: &AnyDesign<'_>, offset: Option<Offset>) -> Result<Array1<f64>>;
    fn score(&self, fitted: Fitted, x: &AnyDesign<'_>, y: ArrayView2<'_, f64>, offset: Option<Offset>) -> Result<f64>;
}

/// The squared loss.
#[derive(Debug, Clone, Copy)]
pub(super) struct SquaredLoss;

impl TaskFamily for SquaredLoss {
    fn name(&self) -> &'static str {
        "squared"
    }

    fn one_dimensional(&self) -> bool {
        true
    }

    fn training<'a>(&self, x: AnyDesign<'a>, y: ArrayView2<'_, f64>, options: &Options) -> Result<Training<'a>> {
        Training::new(x, y, true, options)
    }

    fn of_rows(&self, _rows: &[usize]) -> Arc<dyn TaskFamily> {
        Arc::new(Self)
    }

    fn default_scoring(&self) -> Scoring {
        Scoring::MeanSquaredError
    }

    fn supports(&self, scoring: Scoring) -> bool {
        matches!(scoring, Scoring::Deviance | Scoring::MeanSquaredError | Scoring::MeanAbsoluteError)
    }

    fn errors(
        &self,
        truth: &Responses<'_>,
        eta: ArrayView3<'_, f64>,
        _classes: &[Vec<f64>],
        scoring: Scoring,
    ) -> Result<Vec<f64>> {
        scoring::least_squares(truth, eta, scoring)
    }

    fn predict(&self, fitted: Fitted, x: &AnyDesign<'_>, offset: Option<Offset>) -> Result<Array1<f64>> {
        let mut prediction = LinearModel::from(fitted).predict(x)?;
        if let Some(offset) = offset {
            let offset = offset.task_major(prediction.len(), 1)?;
            prediction.iter_mut().zip(offset).for_each(|(p, o)| *p += o);
        }
        Ok(prediction)
    }

    fn score(&self, fitted: Fitted, x: &AnyDesign<'_>, y: ArrayView2<'_, f64>, offset: Option<Offset>) -> Result<f64> {
        let mut y = y.index_axis_move(Axis(1), 0).to_owned();
        if let Some(offset) = offset {
            let offset = offset.task_major(y.len(), 1)?;
            y.iter_mut().zip(offset).for_each(|(y, o)| *y -= o);
        }
        LinearModel::from(fitted).score(x, &y)
    }
}

/// The loss of a family F with one prediction per observation.
#[derive(Debug, Clone)]
pub(super) struct Of<F>(pub F);

impl<F: Shapes<Ix1, Eta = Ix1, Prediction = Ix1> + 'static> Of<F> {
    fn model(&self, fitted: Fitted, offset: Option<Offset>) -> GlmModel<F, Ix1> {
        let model = GlmModel::new(fitted, self.0.clone());
        match offset {
            Some(offset) => model.with_offset(offset),
            None => model,
        }
    }
}

impl<F: Shapes<Ix1, Eta = Ix1, Prediction = Ix1> + 'static> TaskFamily for Of<F> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn one_dimensional(&self) -> bool {
        F::Response::ONE
    }

    fn training<'a>(&self, x: AnyDesign<'a>, y: ArrayView2<'_, f64>, options: &Options) -> Result<Training<'a>> {
        Training::with_family(x, y, F::Response::ONE, &self.0, options)
    }

    fn of_rows(&self, rows: &[usize]) -> Arc<dyn TaskFamily> {
        Arc::new(Self(self.0.select(rows)))
    }

    fn default_scoring(&self) -> Scoring {
        Scoring::Deviance
    }

    fn supports(&self, scoring: Scoring) -> bool {
        self.0.supports(scoring)
    }

    fn errors(
        &self,
        truth: &Responses<'_>,
        eta: ArrayView3<'_, f64>,
        classes: &[Vec<f64>],
        scoring: Scoring,
    ) -> Result<Vec<f64>> {
        scoring::family(&self.0, truth, eta, classes, scoring, 1)
    }

    fn predict(&self, fitted: Fitted, x: &AnyDesign<'_>, offset: Option<Offset>) -> Result<Array1<f64>> {
        self.model(fitted, offset).predict(x)
    }

    fn score(&self, fitted: Fitted, x: &AnyDesign<'_>, y: ArrayView2<'_, f64>, offset: Option<Offset>) -> Result<f64> {
        self.model(fitted, offset).score(x, &F::Response::of_view(y))
    }
}

/// η of a task's model, without an offset.
pub(super) fn eta(fitted: Fitted, x: &AnyDesign<'_>) -> Result<Array1<f64>> {
    Ok(LinearModel::from(fitted).predict_matrix(x)?.index_axis_move(Axis(1), 0))
}
