//! Cross-validation of several tasks: a part of every task is left out at once.

use std::fmt;

use ndarray::{Array2, Array3, ArrayView1, Axis};

use crate::design::AnyDesign;
use crate::error::{Error, Result};
use crate::estimator::family::Responses;
use crate::estimator::tasks::family::eta;
use crate::estimator::tasks::fit::Joint;
use crate::estimator::tasks::of_task;
use crate::estimator::{LeastSquares, Model, TaskId, Tasks, TasksModel, normalise};
use crate::folds::{Curve, Split};
use crate::parallel;
use crate::path::Path;
use crate::solver::Status;

/// The result of a cross-validation of [`Tasks`]: the curve, the curve of every task, the models on all data, the
/// out-of-fold predictions.
#[derive(Debug, Clone)]
pub struct TasksCrossValidation {
    path: Path<TasksModel>,
    curve: Curve,
    tasks: Vec<Curve>,
    /// λs × observations, for each task.
    out_of_fold: Vec<Array2<f64>>,
    unconverged: Vec<usize>,
}

impl TasksCrossValidation {
    /// The models on all data, one per λ.
    pub fn path(&self) -> &Path<TasksModel> {
        &self.path
    }

    /// Errors per λ, the mean over the tasks with their weights.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// The errors of one task per λ.
    ///
    /// # Errors
    /// As [`TasksModel::support_of`].
    pub fn curve_of<'s>(&self, task: impl Into<TaskId<'s>>) -> Result<&Curve> {
        Ok(&self.tasks[self.number(task.into())?])
    }

    /// The model on all data at the λ with the smallest mean error.
    pub fn best(&self) -> &TasksModel {
        &self.path.models()[self.curve.best]
    }

    /// The model on all data at the largest λ within one standard error of the best; never denser than [`best`](Self::best).
    pub fn one_standard_error(&self) -> &TasksModel {
        &self.path.models()[self.curve.one_standard_error]
    }

    /// η, with the offset, of each observation of a task by models that have not seen it, at λ number `index`. The mean if an
    /// observation was judged more than once, NaN if never.
    ///
    /// # Errors
    /// As [`TasksModel::support_of`]; [`Error::Index`] for a λ that does not exist.
    pub fn out_of_fold<'s>(&self, task: impl Into<TaskId<'s>>, index: usize) -> Result<ArrayView1<'_, f64>> {
        let all = &self.out_of_fold[self.number(task.into())?];
        if index >= all.nrows() {
            return Err(Error::Index { argument: "index", position: 0, index, len: all.nrows() });
        }
        Ok(all.row(index))
    }

    /// In how many folds the fit at λ number `index` stopped before its tolerance.
    ///
    /// # Panics
    /// If there is no such λ.
    pub fn unconverged(&self, index: usize) -> usize {
        self.unconverged[index]
    }

    fn number(&self, task: TaskId<'_>) -> Result<usize> {
        // There is a model for every λ, and at least one λ.
        self.path.models()[0].number(task)
    }
}

impl fmt::Display for TasksCrossValidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>13} {:>9} {:>13} {:>12}", "λ", "features", "error", "std. error")?;
        for (k, model) in self.path.models().iter().enumerate() {
            let mark = match k {
                k if k == self.curve.best => "  best",
                k if k == self.curve.one_standard_error => "  one standard error",
                _ => "",
            };
            let (mean, deviation) = (self.curve.mean[k], self.curve.standard_error[k]);
            write!(f, "{:>13.6e} {:>9} {mean:>13.6e} {deviation:>12.4e}{mark}", model.lambda(), model.support().len())?;
            match self.unconverged[k] {
                0 => writeln!(f)?,
                folds => writeln!(f, "  not converged in {folds} folds")?,
            }
        }
        Ok(())
    }
}

/// The errors of all tasks in one fold, λs × tasks, their predictions for its test part, and how the fits ended.
struct Judged {
    errors: Array2<f64>,
    predictions: Vec<Array2<f64>>,
    statuses: Vec<Status>,
}

/// `splits[t]` are those of task t; the path is that of all data.
pub(super) fn cross_validate<E: LeastSquares>(
    estimator: &E,
    tasks: &Tasks<'_>,
    splits: &[Vec<Split>],
    path: Path<TasksModel>,
) -> Result<TasksCrossValidation> {
    let weights = tasks.weights()?;
    let folds = splits.first().map_or(0, Vec::len);
    for (task, own) in tasks.tasks.iter().zip(splits) {
        if let Some(scoring) = estimator.options().scoring
            && !task.family.supports(scoring)
        {
            return Err(of_task(&task.name, scoring.unsupported()));
        }
        if own.len() != folds {
            let reason = format!("{} folds, but {folds} for task `{}`", own.len(), tasks.tasks[0].name);
            return Err(of_task(&task.name, Error::IllPosed { reason }));
        }
    }
    let lambdas = path.lambdas();
    let classes: Vec<_> = (0..tasks.len()).map(|t| path.models()[0].of(t).classes).collect();
    let rows: usize = tasks.tasks.iter().map(|task| task.nrows()).sum();
    let work = folds * rows * path.models()[0].fitted().coefficients.nrows() * size_of::<f64>();
    let judged = parallel::map_indexed(folds, work, |k| {
        let parts: Vec<&Split> = splits.iter().map(|own| &own[k]).collect();
        judge(estimator, tasks, (&parts, &weights), &lambdas, &classes)
    });

    let (ntasks, total) = (tasks.len(), weights.iter().sum::<f64>());
    let mut scores = Array2::zeros((lambdas.len(), folds));
    let mut each: Vec<Array2<f64>> = vec![Array2::zeros((lambdas.len(), folds)); ntasks];
    let shape = |task: &crate::estimator::Task<'_>| Array2::zeros((lambdas.len(), task.nrows()));
    let mut out_of_fold: Vec<Array2<f64>> = tasks.tasks.iter().map(shape).collect();
    let mut times: Vec<Vec<f64>> = tasks.tasks.iter().map(|task| vec![0.0; task.nrows()]).collect();
    let mut unconverged = vec![0; lambdas.len()];
    for (fold, judged) in judged.into_iter().enumerate() {
        let judged = judged?;
        for (count, status) in unconverged.iter_mut().zip(judged.statuses) {
            *count += usize::from(!matches!(status, Status::Converged | Status::Stalled));
        }
        for (t, (predictions, split)) in judged.predictions.iter().zip(splits.iter().map(|own| &own[fold])).enumerate()
        {
            each[t].column_mut(fold).assign(&judged.errors.column(t));
            scores.column_mut(fold).scaled_add(weights[t] / total, &judged.errors.column(t));
            for (column, &i) in predictions.columns().into_iter().zip(&split.test) {
                let mut kept = out_of_fold[t].column_mut(i);
                kept += &column;
                times[t][i] += 1.0;
            }
        }
    }
    for (predictions, times) in out_of_fold.iter_mut().zip(&times) {
        for ((_, i), value) in predictions.indexed_iter_mut() {
            *value = if times[i] > 0.0 { *value / times[i] } else { f64::NAN };
        }
    }
    // A fold counts as much as the observations that it holds.
    let sizes: Vec<usize> = path.models().iter().map(|model| model.support().len()).collect();
    let held = |t: usize| -> Vec<f64> { splits[t].iter().map(|split| split.test.len() as f64).collect() };
    let mut all = vec![0.0; folds];
    for t in 0..ntasks {
        all.iter_mut().zip(held(t)).for_each(|(all, own)| *all += own);
    }
    let curves = each.into_iter().enumerate().map(|(t, scores)| Curve::new(scores, &held(t), &sizes)).collect();
    Ok(TasksCrossValidation { curve: Curve::new(scores, &all, &sizes), path, tasks: curves, out_of_fold, unconverged })
}

fn judge<E: LeastSquares>(
    estimator: &E,
    tasks: &Tasks<'_>,
    (splits, weights): (&[&Split], &[f64]),
    lambdas: &[f64],
    classes: &[std::sync::Arc<[Vec<f64>]>],
) -> Result<Judged> {
    let mut training = Tasks::new();
    for ((task, split), &weight) in tasks.tasks.iter().zip(splits).zip(weights) {
        training = training.with(task.select(&split.train, weight).map_err(|source| of_task(&task.name, source))?);
    }
    let joint = Joint::new(estimator, &training)?;
    let path = joint.path(lambdas, estimator.options(), &mut ());
    let mut errors = Array2::zeros((lambdas.len(), tasks.len()));
    let mut all = Vec::with_capacity(tasks.len());
    for (t, (task, split)) in tasks.tasks.iter().zip(splits).enumerate() {
        let judged = || -> Result<(Vec<f64>, Array2<f64>)> {
            let test = task.select(&split.test, 1.0)?;
            let found = path.models()[0].of(t).classes;
            if weights[t] > 0.0 && found != classes[t] {
                let reason = "a class is missing in the training part of a fold: use folds with strata".into();
                return Err(Error::IllPosed { reason });
            }
            let rows = split.test.len();
            let offset = test.offset.as_ref().map(|offset| offset.task_major(rows, 1)).transpose()?;
            let mut predictions = Array3::zeros((lambdas.len(), rows, 1));
            let design: &AnyDesign<'_> = &test.design;
            for (model, mut to) in path.models().iter().zip(predictions.outer_iter_mut()) {
                let mut eta = eta(model.of(t), design)?;
                eta.iter_mut().zip(offset.iter().flatten()).for_each(|(eta, o)| *eta += o);
                to.column_mut(0).assign(&eta);
            }
            let share = test.sample_weights.as_ref().map(|s| normalise(s, rows)).transpose()?;
            let one_dimensional = task.family.one_dimensional();
            let truth = Responses { y: test.y.view(), one_dimensional, weights: share.as_deref(), offset: None };
            let scoring = estimator.options().scoring.unwrap_or_else(|| task.family.default_scoring());
            // A task of weight 0 was not fitted.
            let errors = match weights[t] > 0.0 {
                true => test.family.errors(&truth, predictions.view(), &classes[t], scoring)?,
                false => vec![0.0; lambdas.len()],
            };
            Ok((errors, predictions.index_axis_move(Axis(2), 0)))
        };
        let (own, predictions) = judged().map_err(|source| of_task(&task.name, source))?;
        errors.column_mut(t).assign(&ArrayView1::from(&own));
        all.push(predictions);
    }
    let statuses = path.models().iter().map(Model::status).collect();
    Ok(Judged { errors, predictions: all, statuses })
}
