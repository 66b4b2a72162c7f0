//! Fits and paths of several tasks, for every estimator with the squared loss.

use std::sync::Arc;

use crate::constrained::{Bound, Constrained};
use crate::error::{Error, Result, check_scalar};
use crate::estimator::prepared::Prepared;
use crate::estimator::tasks::cross_validation::{TasksCrossValidation, cross_validate};
use crate::estimator::tasks::model::Kept;
use crate::estimator::tasks::problem::{Places, prepare};
use crate::estimator::{LeastSquares, Limited, Options, Tasks, TasksModel};
use crate::folds::Folds;
use crate::path::{Grid, Path};
use crate::solver::Watch;

/// [`Tasks`] with the penalty, λ and options of an estimator: intercept (one per task), standardisation (of each task's columns by
/// their own deviations), tolerance, solver. Sample weights and offsets are those of the tasks.
pub trait FitTasks: LeastSquares {
    /// Fits all tasks together; the objective is at [`Tasks`].
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let (x1, x2) = (array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2]], array![[1.0, 0.2], [2.0, 0.1]]);
    /// let tasks = Tasks::new().task("a", &x1, &array![1.0, 2.0, 3.0])?.task("b", &x2, &array![3.0, 5.0])?;
    /// assert_eq!(MultiTaskLasso::new(0.05).fit_tasks(&tasks)?.support(), vec![0]);
    /// // The features of a group in all tasks are one block.
    /// let group = GroupLasso::new(0.02, Groups::from_sizes(&[2])?).fit_tasks(&tasks)?;
    /// assert_eq!(group.support(), vec![0, 1]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Estimator::fit`](crate::estimator::Estimator::fit), inside of [`Error::Task`] where one task is to blame;
    /// tasks of different widths, lists of features that repeat one or do not fit the columns; [`Error::Unsupported`] if the
    /// estimator has sample weights or an offset of its own.
    fn fit_tasks(&self, tasks: &Tasks<'_>) -> Result<TasksModel> {
        self.fit_tasks_watched(tasks, &mut ())
    }

    /// [`fit_tasks`](Self::fit_tasks) with a watcher that sees the progress and may cancel.
    ///
    /// # Errors
    /// As [`fit_tasks`](Self::fit_tasks).
    fn fit_tasks_watched(&self, tasks: &Tasks<'_>, watch: &mut dyn Watch) -> Result<TasksModel> {
        check_scalar("lambda", self.lambda(), 0.0, f64::MAX, "a finite number >= 0")?;
        let joint = Joint::new(self, tasks)?;
        let model = joint.model(joint.prepared.solve(self.lambda(), self.options(), watch));
        self.options().accept(model)
    }

    /// `min Ω(W)` with `Σ_t c_t F_t ≤ ε`, or `min Σ_t c_t F_t` with `Ω(W) ≤ t`, as
    /// [`Constrain::fit_constrained`](crate::constrained::Constrain::fit_constrained); the estimator's λ is not used.
    /// [`Bound::SquaredResidual`] is the sum over the observations of all tasks, which the losses are if every task is one of
    /// least squares and they are [`pooled`](Tasks::pooled), with no other weights.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::{constrained::Bound, prelude::*};
    /// let (x1, x2) = (array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2]], array![[1.0, 0.2], [2.0, 0.1]]);
    /// let tasks = Tasks::new().task("a", &x1, &array![1.0, 2.0, 3.1])?.task("b", &x2, &array![3.0, 5.0])?.pooled();
    /// let fit = MultiTaskLasso::default().fit_tasks_constrained(&tasks, Bound::SquaredResidual(0.2))?;
    /// assert!(fit.squared_residual() <= 0.2 && fit.gap() <= 1e-6 * fit.penalty());
    /// let budget = MultiTaskLasso::default().fit_tasks_constrained(&tasks, Bound::Penalty(fit.penalty()))?;
    /// assert!((budget.lambda() - fit.lambda()).abs() < 1e-3 * fit.lambda());
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit_tasks`](Self::fit_tasks) and [`Constrain::fit_constrained`](crate::constrained::Constrain::fit_constrained).
    fn fit_tasks_constrained(&self, tasks: &Tasks<'_>, bound: Bound) -> Result<Constrained<TasksModel>> {
        let joint = Joint::new(self, tasks)?;
        let unit = tasks.residual_unit()?;
        let answer = joint.prepared.solve_limited(bound.limit(unit)?, self.options(), &mut ());
        let Limited { fitted, proven } = answer.map_err(|error| bound.restate(error, unit))?;
        let model = self.options().accept(joint.model(fitted))?;
        Ok(Constrained::new(model, bound, &proven, unit))
    }

    /// The smallest λ at which every penalised coefficient of every task is zero.
    ///
    /// # Errors
    /// As [`fit_tasks`](Self::fit_tasks).
    fn lambda_max_tasks(&self, tasks: &Tasks<'_>) -> Result<f64> {
        Ok(Joint::new(self, tasks)?.prepared.lambda_max())
    }

    /// The models along a path, as [`FitPath::path`](crate::path::FitPath::path).
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let (x1, x2) = (array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2]], array![[1.0, 0.2], [2.0, 0.1]]);
    /// let tasks = Tasks::new().task("a", &x1, &array![1.0, 2.0, 3.0])?.task("b", &x2, &array![3.0, 5.0])?;
    /// let path = MultiTaskLasso::default().path_tasks(&tasks, Grid::auto(20))?;
    /// assert_eq!(path.entry_order()[0].0, 0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit_tasks`](Self::fit_tasks) and [`Grid::resolve`].
    fn path_tasks(&self, tasks: &Tasks<'_>, grid: Grid) -> Result<Path<TasksModel>> {
        self.path_tasks_watched(tasks, grid, &mut ())
    }

    /// [`path_tasks`](Self::path_tasks) with a watcher; a path that is cancelled ends with the point at which it was.
    ///
    /// # Errors
    /// As [`path_tasks`](Self::path_tasks).
    fn path_tasks_watched(&self, tasks: &Tasks<'_>, grid: Grid, watch: &mut dyn Watch) -> Result<Path<TasksModel>> {
        let joint = Joint::new(self, tasks)?;
        let observations: usize = tasks.tasks.iter().map(|task| task.nrows()).sum();
        let lambdas =
            grid.resolve(joint.prepared.lambda_max(), observations / tasks.len().max(1), tasks.nfeatures()?)?;
        Ok(joint.path(&lambdas, self.options(), watch))
    }

    /// Cross-validates the automatic grid of 100 λs: [`cross_validate_tasks_on`](Self::cross_validate_tasks_on).
    ///
    /// ```
    /// use ndarray::{Array1, Array2};
    /// use sparsereg::prelude::*;
    /// let x = |n: usize, s: usize| Array2::from_shape_fn((n, 4), |(i, j)| ((i * i * (j + s) + 3 * i * j) % 11) as f64);
    /// let (x1, x2) = (x(30, 1), x(20, 2));
    /// let y1 = Array1::from_shape_fn(30, |i| 2.0 * x1[[i, 2]] + (i % 3) as f64);
    /// let y2 = Array1::from_shape_fn(20, |i| -1.5 * x2[[i, 2]] + (i % 5) as f64);
    /// let tasks = Tasks::new().task("a", &x1, &y1)?.task("b", &x2, &y2)?;
    /// let cv = MultiTaskLasso::default().cross_validate_tasks(&tasks, &KFold::new(5).seed(7))?;
    /// assert!(cv.one_standard_error().support().contains(&2));
    /// assert_eq!(cv.out_of_fold("b", 0)?.len(), 20);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`cross_validate_tasks_on`](Self::cross_validate_tasks_on).
    fn cross_validate_tasks(&self, tasks: &Tasks<'_>, folds: &(impl Folds + ?Sized)) -> Result<TasksCrossValidation> {
        self.cross_validate_tasks_on(tasks, folds, Grid::default())
    }

    /// Cross-validates a grid of λs that all tasks share. The observations of every task are split by `folds`, or by those
    /// of the task's own ([`Task::folds`](crate::estimator::Task::folds)); fold k leaves out the k-th part of every task at once.
    /// The error of a fold is `Σ_t c_t e_t / Σ_t c_t`, e_t the mean squared error of a task with the squared loss, the deviance
    /// for families, or what [`scoring`](crate::estimator::Configure::scoring) says for all; task weights c_t are those of
    /// all data. The error of every task is at hand, too.
    ///
    /// # Errors
    /// As [`path_tasks`](Self::path_tasks) and [`Folds::splits`]; [`Error::Unsupported`] for a score that does not fit
    /// a task; [`Error::IllPosed`] for folds that do not agree in number, or that leave a class out.
    fn cross_validate_tasks_on(
        &self,
        tasks: &Tasks<'_>,
        folds: &(impl Folds + ?Sized),
        grid: Grid,
    ) -> Result<TasksCrossValidation> {
        let each = |task: &crate::estimator::Task<'_>| match &task.splits {
            Some(splits) => Ok(splits.clone()),
            None => folds.splits(task.nrows()).map_err(|source| super::of_task(&task.name, source)),
        };
        let path = self.path_tasks(tasks, grid)?;
        let splits = tasks.tasks.iter().map(each).collect::<Result<Vec<_>>>()?;
        cross_validate(self, tasks, &splits, path)
    }
}

impl<E: LeastSquares> FitTasks for E {}

/// The problem of all tasks, and what its models keep of them.
pub(super) struct Joint<'t, P> {
    pub prepared: Prepared<'t, P>,
    places: Places,
    kept: Arc<[Kept]>,
}

impl<'t, P: crate::penalty::BlockPenalty> Joint<'t, P> {
    pub fn new<E: LeastSquares<Penalty = P>>(estimator: &E, tasks: &'t Tasks<'_>) -> Result<Self> {
        let options = estimator.options();
        options.check()?;
        if estimator.makes_weights() {
            let reason = "its weights come from fits to one design: give the estimator weights of your own";
            return Err(Error::Unsupported { argument: "estimator", reason });
        }
        let of_tasks = "observations belong to tasks: give it to each Task";
        for (argument, given) in
            [("sample_weights", options.sample_weights.is_some()), ("offset", options.offset.is_some())]
        {
            if given {
                return Err(Error::Unsupported { argument, reason: of_tasks });
            }
        }
        let (prepared, places) = prepare(tasks, options, |p| estimator.layout(p))?;
        let parts = tasks.tasks.iter().zip(tasks.weights()?).zip(places.classes());
        let kept = parts.map(|((task, weight), classes)| Kept {
            name: task.name.clone(),
            family: Arc::clone(&task.family),
            nobservations: task.nrows(),
            weight,
            features: task.features.clone(),
            classes,
        });
        Ok(Self { prepared, places, kept: kept.collect() })
    }

    /// The model that a solver's answer is.
    pub fn model(&self, solved: crate::estimator::Fitted) -> TasksModel {
        TasksModel::new(self.places.restore(solved), Arc::clone(&self.kept))
    }

    pub fn path(&self, lambdas: &[f64], options: &Options, watch: &mut dyn Watch) -> Path<TasksModel> {
        let solved = self.prepared.solve_path(lambdas, options, watch);
        Path::new(solved.into_iter().map(|solved| self.model(solved)).collect())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use crate::prelude::*;

    #[test]
    fn what_tasks_cannot_do_is_refused() {
        let x = Array2::from_shape_fn((20, 3), |(i, j)| ((i * i * (j + 1) + 5 * i * j) % 17) as f64);
        let y = Array1::from_shape_fn(20, |i| x[[i, 1]] + (i % 3) as f64);
        let tasks = Tasks::new().task("a", &x, &y).unwrap();
        let adaptive = Reweighted::adaptive(Lasso::new(0.1), 0.0, 1.0).fit_tasks(&tasks);
        assert!(matches!(adaptive, Err(Error::Unsupported { argument: "estimator", .. })));
        let residual = Bound::SquaredResidual(20.0);
        assert!(Lasso::default().fit_tasks_constrained(&tasks, residual).is_ok());
        let mixed = tasks.task_with_family("b", &x, &y, Quantile::new(0.5)).unwrap();
        let concave = MultiTaskMcp::new(0.1, 3.0).fit_tasks(&mixed);
        assert!(concave.unwrap_err().to_string().starts_with("task `b`: `loss` cannot be used here"));
        let error = Lasso::default().fit_tasks_constrained(&mixed, residual).unwrap_err();
        assert!(matches!(error, Error::Unsupported { argument: "bound", .. }));
    }
}
