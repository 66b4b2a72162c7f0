//! Several tasks with data of their own, fitted together: a design, a response, a sample size, a loss and weights for each.

use std::sync::Arc;

use ndarray::{Array2, ArrayBase, Data, Ix1};

use crate::design::{AnyDesign, AsDesign, LinearOperator};
use crate::error::{Error, Result, check_length, check_scalar};
use crate::estimator::family::Shapes;
use crate::estimator::{Offset, Shape};
use crate::folds::{Folds, Split};

mod cross_validation;
mod family;
mod fit;
mod model;
mod noise;
mod problem;

pub use cross_validation::TasksCrossValidation;
use family::{Of, SquaredLoss, TaskFamily};
pub use fit::FitTasks;
pub use model::{TaskId, TasksModel};

/// One task of [`Tasks`]: X_t ∈ ℝ^{n_t×p}, its responses, and what is special about it.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let (x, counts) = (array![[0.0], [1.0], [2.0], [3.0]], array![1.0, 2.0, 4.0, 8.0]);
/// let task = Task::with_family("visits", &x, &counts, Poisson)?
///     .sample_weights(vec![1.0, 1.0, 2.0, 1.0])
///     .offset(vec![0.0, 0.1, 0.0, 0.0])
///     .weight(0.5);
/// assert_eq!(task.name(), "visits");
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug)]
pub struct Task<'a> {
    name: String,
    design: AnyDesign<'a>,
    /// Observations × columns.
    y: Array2<f64>,
    family: Arc<dyn TaskFamily>,
    sample_weights: Option<Vec<f64>>,
    offset: Option<Offset>,
    weight: f64,
    features: Option<Arc<[usize]>>,
    splits: Option<Vec<Split>>,
}

impl<'a> Task<'a> {
    /// A task with the squared loss `1/(2n_t) Σ_i s_i (y_i − η_i)²`. `x` is whatever [`fit`](crate::estimator::Estimator::fit) takes:
    /// dense, sparse, or a design of your own; tasks may differ in that, too.
    ///
    /// # Errors
    /// All inside of [`Error::Task`]: [`Error::Empty`] without rows or columns, [`Error::NotFinite`] with the place of a NaN
    /// or infinity, [`Error::Length`] unless y is as long as x.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let error = Task::new("gravity", &array![[1.0], [2.0]], &array![1.0]).unwrap_err();
    /// assert_eq!(error.to_string(), "task `gravity`: `y` has length 1, expected 2");
    /// ```
    pub fn new<X, S>(name: impl Into<String>, x: &'a X, y: &ArrayBase<S, Ix1>) -> Result<Self>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        Self::of(name.into(), x, Ix1::matrix(y.view()).to_owned(), Arc::new(SquaredLoss))
    }

    /// A task with the loss of a [family](crate::estimator::family) that has one prediction for each observation:
    /// all but [`Multinomial`](crate::estimator::Multinomial). y is a vector (times and status, n×2, for
    /// [`Cox`](crate::estimator::Cox)).
    ///
    /// # Errors
    /// As [`new`](Self::new); what the family makes of y is checked by the fit.
    pub fn with_family<X, S, F>(
        name: impl Into<String>,
        x: &'a X,
        y: &ArrayBase<S, F::Response>,
        family: F,
    ) -> Result<Self>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        F: Shapes<Ix1, Eta = Ix1, Prediction = Ix1> + 'static,
    {
        Self::of(name.into(), x, F::Response::matrix(y.view()).to_owned(), Arc::new(Of(family)))
    }

    fn of<X: AsDesign + ?Sized>(name: String, x: &'a X, y: Array2<f64>, family: Arc<dyn TaskFamily>) -> Result<Self> {
        let design = x.as_design().and_then(|design| check_length("y", design.nrows(), y.nrows()).map(|()| design));
        let place = |i: usize, t: usize| if family.one_dimensional() { vec![i] } else { vec![i, t] };
        let design = match y.indexed_iter().find(|(_, v)| !v.is_finite()) {
            Some(((i, t), &value)) => design.and(Err(Error::NotFinite { argument: "y", index: place(i, t), value })),
            None => design,
        };
        let design = design.map_err(|source| of_task(&name, source))?;
        let unset = (None, None, None, None);
        let (sample_weights, offset, features, splits) = unset;
        Ok(Self { name, design, y, family, sample_weights, offset, weight: 1.0, features, splits })
    }

    /// The name that errors and models go by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One weight s_i ≥ 0 per observation of this task, rescaled to mean 1.
    pub fn sample_weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.sample_weights = Some(weights.into());
        self
    }

    /// Known parts of the predictions of this task, one number per observation.
    pub fn offset(mut self, offset: impl Into<Offset>) -> Self {
        self.offset = Some(offset.into());
        self
    }

    /// The weight c_t ≥ 0 of the task's loss (1 by default), multiplied by what [`Tasks::pooled`] and
    /// [`Tasks::noise_weighted`] say. A task of weight 0 is left out: its coefficients and its intercept are 0.
    pub fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }

    /// Which of the p features the columns of x are, for a task that lacks some: column k is feature `features[k]`. The
    /// coefficients of the others are 0 for this task, and a row of W consists of the tasks that have the feature.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let (all, some) = (array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2]], array![[1.0], [2.0], [4.0]]);
    /// let tasks = Tasks::new()
    ///     .task("complete", &all, &array![1.0, 2.0, 3.0])?
    ///     .with(Task::new("without the second", &some, &array![2.0, 4.0, 8.0])?.features(&[0]));
    /// let model = MultiTaskLasso::new(0.1).fit_tasks(&tasks)?;
    /// assert_eq!(model.coefficients()[[1, 1]], 0.0);
    /// assert_eq!(model.predict(1, &some)?.len(), 3); // x as it was for the fit
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn features(mut self, features: &[usize]) -> Self {
        self.features = Some(features.into());
        self
    }

    /// Folds of this task alone, for cross-validations: stratified ones for classes, blocks for a series. All tasks need
    /// the same number of folds.
    ///
    /// # Errors
    /// As [`Folds::splits`].
    pub fn folds(mut self, folds: &(impl Folds + ?Sized)) -> Result<Self> {
        self.splits = Some(folds.splits(self.design.nrows()).map_err(|source| of_task(&self.name, source))?);
        Ok(self)
    }

    /// n_t.
    fn nrows(&self) -> usize {
        self.design.nrows()
    }

    /// Some of the observations, with a weight for the loss.
    fn select(&self, rows: &[usize], weight: f64) -> Result<Task<'_>> {
        let pick = |values: &Vec<f64>| rows.iter().map(|&i| values[i]).collect();
        Ok(Task {
            name: self.name.clone(),
            design: self.design.select_rows(rows)?,
            y: self.y.select(ndarray::Axis(0), rows),
            family: self.family.of_rows(rows),
            sample_weights: self.sample_weights.as_ref().map(pick),
            offset: self.offset.as_ref().map(|offset| offset.select(rows)),
            weight,
            features: self.features.clone(),
            splits: None,
        })
    }
}

/// Several tasks that share features but not data: what [`FitTasks::fit_tasks`] takes.
///
/// The objective of every estimator with the squared loss becomes
///
/// ```text
/// Σ_t c_t · 1/n_t Σ_i s_ti ℓ_t(y_ti, x_tiᵀ w_t + b_t + o_ti)  +  λ Ω(W),      W = [w_1 … w_T] ∈ ℝ^{p×T}
/// ```
///
/// with X_t ∈ ℝ^{n_t×p}, ℓ_t = (y − η)²/2 or the loss of a family, intercepts b_t, sample weights s_t with mean 1, offsets o_t
/// and task weights c_t, 1 by default. Ω is what it is for several responses to one design: rows of W for
/// [`MultiTaskLasso`](crate::estimator::MultiTaskLasso) and [`MultiTaskElasticNet`](crate::estimator::MultiTaskElasticNet),
/// the features of a group in all tasks for [`GroupLasso`](crate::estimator::GroupLasso) and
/// [`SparseGroupLasso`](crate::estimator::SparseGroupLasso), every coefficient for itself for
/// [`Lasso`](crate::estimator::Lasso) (Obozinski, Taskar and Jordan 2010; Lounici, Pontil, van de Geer and Tsybakov 2011).
///
/// With one X, equally many observations and c_t = 1 that is the objective of
/// [`fit`](crate::estimator::Estimator::fit) with several responses.
///
/// A penalty couples the tasks in their units: a task whose y is in smaller units, or that is noisier, has smaller gradients
/// or worse ones. Put responses on one scale, or weight the tasks by their noise ([`noise_weighted`](Self::noise_weighted)).
/// Joint sparsity helps where tasks share features; where they do not, it hurts.
///
/// ```
/// use ndarray::{Array1, Array2};
/// use sparsereg::prelude::*;
/// let x = |n: usize, s: usize| Array2::from_shape_fn((n, 4), |(i, j)| ((i * i * (j + s) + 3 * i * j) % 11) as f64);
/// let (x1, x2) = (x(30, 1), x(20, 2));
/// let y1 = Array1::from_shape_fn(30, |i| 2.0 * x1[[i, 2]] + (i % 3) as f64);
/// let y2 = Array1::from_shape_fn(20, |i| -1.5 * x2[[i, 2]] + (i % 5) as f64);
/// let tasks = Tasks::new().task("gravity", &x1, &y1)?.task("magnetics", &x2, &y2)?;
/// let model = MultiTaskLasso::new(3.0).fit_tasks(&tasks)?;
/// assert_eq!(model.support(), vec![2]);
/// assert!(model.coefficients()[[2, 1]] < 0.0 && model.certificate().relative_gap() <= 1e-6);
/// assert!(model.score("gravity", &x1, &y1)? > 0.9);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Tasks<'a> {
    tasks: Vec<Task<'a>>,
    pooled: bool,
    /// 1/σ̂² per task.
    precisions: Option<Vec<f64>>,
}

impl<'a> Tasks<'a> {
    /// No task yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more task with the squared loss: [`Task::new`].
    ///
    /// # Errors
    /// As [`Task::new`].
    pub fn task<X, S>(self, name: impl Into<String>, x: &'a X, y: &ArrayBase<S, Ix1>) -> Result<Self>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
    {
        Ok(self.with(Task::new(name, x, y)?))
    }

    /// One more task with the loss of a family: [`Task::with_family`].
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
    /// let tasks = Tasks::new()
    ///     .task("length", &x, &array![1.0, 2.1, 2.9, 4.0])?
    ///     .task_with_family("count", &x, &array![1.0, 2.0, 4.0, 8.0], Poisson)?;
    /// let model = MultiTaskLasso::new(0.05).fit_tasks(&tasks)?;
    /// assert_eq!(model.support(), vec![0]);
    /// assert!((model.predict("count", &x)?[3] - 8.0).abs() < 1.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Task::with_family`].
    pub fn task_with_family<X, S, F>(
        self,
        name: impl Into<String>,
        x: &'a X,
        y: &ArrayBase<S, F::Response>,
        family: F,
    ) -> Result<Self>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        F: Shapes<Ix1, Eta = Ix1, Prediction = Ix1> + 'static,
    {
        Ok(self.with(Task::with_family(name, x, y, family)?))
    }

    /// One more task. Noise that has been estimated before is forgotten.
    pub fn with(mut self, task: Task<'a>) -> Self {
        self.tasks.push(task);
        self.precisions = None;
        self
    }

    /// Multiplies every c_t by n_t/Σn: all observations count the same, whichever task they belong to.
    pub fn pooled(mut self) -> Self {
        self.pooled = true;
        self
    }

    /// Number of tasks T.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> Vec<&str> {
        self.tasks.iter().map(|task| &*task.name).collect()
    }

    /// c_t, in order: what the tasks say, times n_t/Σn if [`pooled`](Self::pooled), times 1/σ̂_t² if
    /// [`noise_weighted`](Self::noise_weighted).
    ///
    /// # Errors
    /// [`Error::Empty`] without a task; [`Error::OutOfRange`] for weights that are neither 0 nor between 1e-100 and 1e100,
    /// or all 0.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let (long, short) = (array![[1.0], [2.0], [4.0]], array![[1.0]]);
    /// let tasks = Tasks::new()
    ///     .with(Task::new("long", &long, &array![1.0, 2.0, 3.0])?.weight(2.0))
    ///     .task("short", &short, &array![1.0])?
    ///     .pooled();
    /// assert_eq!(tasks.weights()?, [1.5, 0.25]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn weights(&self) -> Result<Vec<f64>> {
        if self.tasks.is_empty() {
            return Err(Error::Empty { argument: "tasks" });
        }
        let total: f64 = self.tasks.iter().map(|task| task.nrows() as f64).sum();
        let mut weights = Vec::with_capacity(self.len());
        for (t, task) in self.tasks.iter().enumerate() {
            if task.weight != 0.0 {
                // Beyond, squares of gradients are not representable.
                check_scalar("weight", task.weight, 1e-100, 1e100, "0 or a number between 1e-100 and 1e100")
                    .map_err(|source| of_task(&task.name, source))?;
            }
            let share = if self.pooled { task.nrows() as f64 / total } else { 1.0 };
            let precision = self.precisions.as_ref().map_or(1.0, |all| all[t]);
            weights.push(task.weight * share * precision);
        }
        if weights.iter().all(|&c| c == 0.0) {
            let expected = "at least one task of weight > 0";
            return Err(Error::OutOfRange { argument: "weight", index: vec![], value: 0.0, expected });
        }
        Ok(weights)
    }

    /// `Σ_t Σ_i s_ti r_ti²` per unit of the objective's loss, if all losses are squared and one number is that for all tasks.
    fn residual_unit(&self) -> Result<Option<f64>> {
        let mut unit: Option<f64> = None;
        for (task, c) in self.tasks.iter().zip(self.weights()?).filter(|(_, c)| *c > 0.0) {
            let own = 2.0 * task.nrows() as f64 / c;
            if task.family.name() != "squared" || unit.is_some_and(|unit| (own - unit).abs() > 1e-12 * unit) {
                return Ok(None);
            }
            unit.get_or_insert(own);
        }
        Ok(unit)
    }

    /// p, after a look at the features of every task.
    fn nfeatures(&self) -> Result<usize> {
        let mut width = None;
        for task in &self.tasks {
            let own = task.design.ncols();
            let checked = match (&task.features, width) {
                (Some(features), _) => check_length("features", own, features.len()),
                (None, Some(width)) => check_length("x columns", width, own),
                (None, None) => {
                    width = Some(own);
                    Ok(())
                }
            };
            checked.map_err(|source| of_task(&task.name, source))?;
        }
        let lists = self.tasks.iter().filter_map(|task| task.features.as_deref().map(|list| (task, list)));
        let last = lists.clone().flat_map(|(_, list)| list.iter().copied()).max();
        let len = width.unwrap_or_else(|| last.map_or(0, |last| last.saturating_add(1)));
        for (task, list) in lists {
            let mut seen = std::collections::HashSet::new();
            for (position, &index) in list.iter().enumerate() {
                let error = if index >= len {
                    Error::Index { argument: "features", position, index, len }
                } else if !seen.insert(index) {
                    let expected = "a feature that is not in the list before";
                    Error::OutOfRange { argument: "features", index: vec![position], value: index as f64, expected }
                } else {
                    continue;
                };
                return Err(of_task(&task.name, error));
            }
        }
        Ok(len)
    }
}

/// Says which task an error is about.
fn of_task(name: &str, source: Error) -> Error {
    Error::Task { task: name.to_owned(), source: Box::new(source) }
}
