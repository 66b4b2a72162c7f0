//! Models of several tasks.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array1, ArrayBase, ArrayView1, ArrayView2, Data, Dimension, Ix1};

use crate::design::{AsDesign, LinearOperator};
use crate::error::{Error, Result};
use crate::estimator::coefficients::Coefficients;
use crate::estimator::tasks::family::{TaskFamily, eta};
use crate::estimator::tasks::of_task;
use crate::estimator::{Fitted, Model, Offset};

/// A task by its number or its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskId<'s> {
    /// In the order in which tasks were added, from 0.
    Number(usize),
    /// The first task of this name.
    Name(&'s str),
}

impl From<usize> for TaskId<'_> {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

impl<'s> From<&'s str> for TaskId<'s> {
    fn from(name: &'s str) -> Self {
        Self::Name(name)
    }
}

impl<'s> From<&'s String> for TaskId<'s> {
    fn from(name: &'s String) -> Self {
        Self::Name(name)
    }
}

/// What a model keeps of a task besides coefficients.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub name: String,
    pub family: Arc<dyn TaskFamily>,
    pub nobservations: usize,
    /// c_t.
    pub weight: f64,
    pub features: Option<Arc<[usize]>>,
    pub classes: Arc<[Vec<f64>]>,
}

/// A fitted model of [`Tasks`](crate::estimator::Tasks): `η_t = X_t w_t + b_t`.
///
/// ```
/// use ndarray::{array, Axis};
/// use sparsereg::prelude::*;
/// let (x1, x2) = (array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2]], array![[1.0, 0.2], [2.0, 0.1]]);
/// let tasks = Tasks::new().task("a", &x1, &array![1.0, 2.0, 3.0])?.task("b", &x2, &array![3.0, 5.0])?;
/// let model = MultiTaskLasso::new(0.01).fit_tasks(&tasks)?;
/// assert_eq!(model.coefficients().dim(), (2, 2));
/// let by_hand = x2.dot(&model.coefficients().index_axis(Axis(1), 1)) + model.intercept()[1];
/// assert!((model.predict("b", &x2)? - by_hand).iter().all(|d| d.abs() < 1e-12));
/// assert!(model.to_string().contains("b: squared loss, n 2"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TasksModel {
    fitted: Fitted,
    tasks: Arc<[Kept]>,
}

impl Model for TasksModel {
    const EXPLAINED: &'static str = "deviance explained";
    const PREDICTS: &'static str = "η";

    fn fitted(&self) -> &Fitted {
        &self.fitted
    }
}

impl TasksModel {
    pub(super) fn new(fitted: Fitted, tasks: Arc<[Kept]>) -> Self {
        Self { fitted, tasks }
    }

    /// W, features × tasks; zeros are exact, and 0 stands where a task lacks the feature. A model stores only what is not zero
    /// until this is called.
    pub fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.fitted.coefficients.view()
    }

    /// b, one per task (0 if none was fitted).
    pub fn intercept(&self) -> ArrayView1<'_, f64> {
        self.fitted.intercept.view()
    }

    /// The names of the tasks.
    pub fn names(&self) -> Vec<&str> {
        self.tasks.iter().map(|task| &*task.name).collect()
    }

    /// c_t of every task.
    pub fn weights(&self) -> Vec<f64> {
        self.tasks.iter().map(|task| task.weight).collect()
    }

    /// Features with a coefficient of this task that is not zero.
    ///
    /// # Errors
    /// [`Error::Index`] or [`Error::IllPosed`] for a task that does not exist.
    pub fn support_of<'s>(&self, task: impl Into<TaskId<'s>>) -> Result<Vec<usize>> {
        let t = self.number(task.into())?;
        Ok(self.fitted.coefficients.nonzero().filter(|entry| entry.1 == t).map(|entry| entry.0).collect())
    }

    /// What the task's family makes of η for new observations of one task: the mean, or the likelier class. `x` has the
    /// columns that the task's design had.
    ///
    /// # Errors
    /// As [`support_of`](Self::support_of); a wrong number of columns, NaN or infinity in x, inside of [`Error::Task`].
    pub fn predict<'s, X: AsDesign + ?Sized>(&self, task: impl Into<TaskId<'s>>, x: &X) -> Result<Array1<f64>> {
        self.predict_with(task.into(), x, None)
    }

    /// [`predict`](Self::predict) for observations with known parts of η.
    ///
    /// # Errors
    /// As [`predict`](Self::predict); an offset of another length.
    pub fn predict_with_offset<'s, X: AsDesign + ?Sized>(
        &self,
        task: impl Into<TaskId<'s>>,
        x: &X,
        offset: impl Into<Offset>,
    ) -> Result<Array1<f64>> {
        self.predict_with(task.into(), x, Some(offset.into()))
    }

    fn predict_with<X: AsDesign + ?Sized>(
        &self,
        task: TaskId<'_>,
        x: &X,
        offset: Option<Offset>,
    ) -> Result<Array1<f64>> {
        let t = self.number(task)?;
        let predict = || self.tasks[t].family.predict(self.of(t), &x.as_design()?, offset);
        predict().map_err(|source| of_task(&self.tasks[t].name, source))
    }

    /// `X_t w_t + b_t` for new observations of one task.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn decision_function<'s, X>(&self, task: impl Into<TaskId<'s>>, x: &X) -> Result<Array1<f64>>
    where
        X: AsDesign + ?Sized,
    {
        let t = self.number(task.into())?;
        let eta = || eta(self.of(t), &x.as_design()?);
        eta().map_err(|source| of_task(&self.tasks[t].name, source))
    }

    /// How well other observations of one task are predicted, larger is better: R² for the squared loss, the score of
    /// [`GlmModel`](crate::estimator::GlmModel::score) for a family. y is a vector (n×2 for survival times).
    ///
    /// # Errors
    /// As [`predict`](Self::predict); a y that does not fit x or the family.
    pub fn score<'s, X, S, D>(&self, task: impl Into<TaskId<'s>>, x: &X, y: &ArrayBase<S, D>) -> Result<f64>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        D: Dimension,
    {
        self.score_with(task.into(), x, y, None)
    }

    /// [`score`](Self::score) for observations with known parts of η.
    ///
    /// # Errors
    /// As [`score`](Self::score); an offset of another length.
    pub fn score_with_offset<'s, X, S, D>(
        &self,
        task: impl Into<TaskId<'s>>,
        x: &X,
        y: &ArrayBase<S, D>,
        offset: impl Into<Offset>,
    ) -> Result<f64>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        D: Dimension,
    {
        self.score_with(task.into(), x, y, Some(offset.into()))
    }

    fn score_with<X, S, D>(&self, task: TaskId<'_>, x: &X, y: &ArrayBase<S, D>, offset: Option<Offset>) -> Result<f64>
    where
        X: AsDesign + ?Sized,
        S: Data<Elem = f64>,
        D: Dimension,
    {
        let t = self.number(task)?;
        let kept = &self.tasks[t];
        let score = || {
            let (dimensions, wanted) = (y.ndim(), if kept.family.one_dimensional() { 1 } else { 2 });
            let y = match (dimensions == wanted, y.view().into_dimensionality::<Ix1>(), y.view().into_dimensionality())
            {
                (true, Ok(y), _) => y.insert_axis(ndarray::Axis(1)),
                (true, _, Ok(y)) => y,
                _ => return Err(Error::Length { argument: "y dimensions", expected: wanted, found: dimensions }),
            };
            let y: ArrayView2<'_, f64> = y;
            let design = x.as_design()?;
            crate::error::check_length("y", design.nrows(), y.nrows())?;
            kept.family.score(self.of(t), &design, y, offset)
        };
        score().map_err(|source| of_task(&kept.name, source))
    }

    /// The number of a task.
    pub(super) fn number(&self, task: TaskId<'_>) -> Result<usize> {
        match task {
            TaskId::Number(index) if index < self.tasks.len() => Ok(index),
            TaskId::Number(index) => Err(Error::Index { argument: "task", position: 0, index, len: self.tasks.len() }),
            TaskId::Name(name) => self.tasks.iter().position(|task| task.name == name).ok_or_else(|| Error::IllPosed {
                reason: format!("there is no task `{name}`: there are {}", self.names().join(", ")),
            }),
        }
    }

    /// The model of one task, over its own columns.
    pub(super) fn of(&self, t: usize) -> Fitted {
        let kept = &self.tasks[t];
        let own = self.fitted.coefficients.nonzero().filter(|entry| entry.1 == t);
        let coefficients = match &kept.features {
            None => Coefficients::new(self.fitted.coefficients.nrows(), 1, own.map(|(j, _, w)| (j, w))),
            Some(list) => {
                let place = |j: usize| list.iter().position(|&feature| feature == j);
                Coefficients::new(list.len(), 1, own.filter_map(|(j, _, w)| place(j).map(|k| (k, w))))
            }
        };
        Fitted {
            coefficients,
            intercept: Array1::from_elem(1, self.fitted.intercept[t]),
            nobservations: kept.nobservations,
            feature_names: None,
            ncolumns: if kept.family.one_dimensional() { 1 } else { 2 },
            classes: Arc::clone(&kept.classes),
            ..self.fitted.clone()
        }
    }
}

impl fmt::Display for TasksModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fitted.write(f, Self::EXPLAINED)?;
        let mut counts = vec![0usize; self.tasks.len()];
        self.fitted.coefficients.nonzero().for_each(|(_, t, _)| counts[t] += 1);
        for (task, count) in self.tasks.iter().zip(counts) {
            writeln!(
                f,
                "  {}: {} loss, n {}, weight {}, {count} coefficients",
                task.name,
                task.family.name(),
                task.nobservations,
                task.weight
            )?;
        }
        Ok(())
    }
}
