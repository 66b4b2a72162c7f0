//! Task weights from an estimate of the noise.

use crate::cross_validation::{CrossValidate, KFold};
use crate::error::{Error, Result};
use crate::estimator::tasks::{Tasks, of_task};
use crate::estimator::{Configure, Lasso, Model, Offset};
use crate::path::Grid;

/// Folds and λs of the lassos that the estimate comes from.
const FOLDS: usize = 10;
const POINTS: usize = 50;
/// Residuals below this share of the variance of y are rounding.
const PERFECT: f64 = 1e-12;

impl Tasks<'_> {
    /// Multiplies c_t by 1/σ̂_t² for tasks with the squared loss: their term of the objective is then the negative
    /// log-likelihood of Gaussian noise, a mean over the observations, in the same unit as those of counts and classes, which keep
    /// their c_t. With [`pooled`](Self::pooled) it is the likelihood of all observations.
    ///
    /// σ̂² is the residual variance of a lasso for the task alone, `‖y − ŷ‖² / (n − ŝ − 1)` with ŝ features at the λ that
    /// tenfold cross-validation picks (shuffled with seed 0, or leave-one-out below ten observations): the estimator that Reid,
    /// Tibshirani and Friedman ("A study of error variance estimation in lasso regression", Statistica Sinica 26, 2016)
    /// recommend. It is computed here and now, from all observations: cross-validations of the tasks keep it.
    ///
    /// ```
    /// use ndarray::{Array1, Array2};
    /// use sparsereg::prelude::*;
    /// let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * i * (j + 1) + 3 * i * j) % 11) as f64);
    /// let noise = |i: usize| ((i * 37 + 11) % 17) as f64 - 8.0; // variance 24
    /// let y = |size: f64| Array1::from_shape_fn(60, |i| x[[i, 1]] + size * noise(i));
    /// let tasks = Tasks::new().task("precise", &x, &y(0.1))?.task("noisy", &x, &y(1.0))?.noise_weighted()?;
    /// let weights = tasks.weights()?;
    /// assert!((weights[1] - 1.0 / 24.0).abs() < 0.02 && weights[0] / weights[1] > 50.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    ///
    /// # Errors
    /// Inside of [`Error::Task`]: those of the lasso's cross-validation; [`Error::IllPosed`] for a task without noise or
    /// with too few observations to see it.
    pub fn noise_weighted(mut self) -> Result<Self> {
        let mut precisions = Vec::with_capacity(self.len());
        for task in &self.tasks {
            if task.family.name() == "squared" && task.weight > 0.0 {
                precisions.push(1.0 / variance(task).map_err(|source| of_task(&task.name, source))?);
            } else {
                precisions.push(1.0);
            }
        }
        self.precisions = Some(precisions);
        Ok(self)
    }
}

fn variance(task: &crate::estimator::Task<'_>) -> Result<f64> {
    let n = task.nrows();
    let mut y = task.y.column(0).to_owned();
    if let Some(offset) = &task.offset {
        let offset: Vec<f64> = Offset::task_major(offset, n, 1)?;
        y.iter_mut().zip(offset).for_each(|(y, o)| *y -= o);
    }
    let weights = match &task.sample_weights {
        Some(weights) => crate::estimator::normalise(weights, n)?,
        None => vec![1.0; n],
    };
    let folds = KFold::new(FOLDS.min(n));
    let lasso = Lasso::default().standardize(true).sample_weights(weights.clone());
    let cv = lasso.cross_validate_on(&task.design, &y, &folds, Grid::auto(POINTS))?;
    let model = cv.best();
    let residuals = &y - &model.predict(&task.design)?;
    let squares: f64 = residuals.iter().zip(&weights).map(|(r, s)| s * r * r).sum();
    let mean = y.iter().zip(&weights).map(|(y, s)| s * y).sum::<f64>() / n as f64;
    let spread: f64 = y.iter().zip(&weights).map(|(y, s)| s * (y - mean) * (y - mean)).sum();
    let counted = weights.iter().filter(|s| **s > 0.0).count();
    let freedom = counted as f64 - model.support().len() as f64 - 1.0;
    if freedom < 1.0 || squares <= PERFECT * spread {
        let reason = format!(
            "no noise to be seen: {} features explain {counted} observations; give the task a weight",
            model.support().len()
        );
        return Err(Error::IllPosed { reason });
    }
    // Weights have the mean 1 over n; those of weight 0 are no observations.
    Ok(squares * (counted as f64 / n as f64) / freedom)
}
