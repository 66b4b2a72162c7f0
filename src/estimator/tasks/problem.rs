//! From tasks to one problem of the solver, and back.
//!
//! Every task is prepared as if it were alone: centred, scaled, weighted. The designs are then stacked
//! ([`TaskStack`]), the features of all tasks side by side, so that a block of the penalty is what it is for several responses:
//! its features × tasks. With squared losses alone the whole is one squared loss, the rows of task t being scaled by
//! `√(c_t N/n_t)`; otherwise losses are added up ([`PerTask`]) and intercepts are columns without a penalty.

use std::sync::Arc;

use ndarray::Array1;

use crate::design::{AnyDesign, Design, LinearOperator, TaskStack, WithOnes};
use crate::error::{Error, Result};
use crate::estimator::coefficients::Coefficients;
use crate::estimator::prepared::Prepared;
use crate::estimator::tasks::{Tasks, of_task};
use crate::estimator::training::{Layout, Units, check_kinks};
use crate::estimator::{Fitted, Options};
use crate::loss::{Loss, PerTask, Squared};
use crate::partition::Partition;
use crate::penalty::{BlockPenalty, WithFreeColumn};
use crate::smooth::LinearPredictor;

/// Where the solver's coefficients belong.
pub(super) struct Places {
    nfeatures: usize,
    /// (feature, task) of every penalised column.
    columns: Vec<(usize, usize)>,
    /// Task of every free column.
    free: Vec<usize>,
    /// Of every task; `None` for one that is left out.
    units: Vec<Option<Units>>,
    /// The feature of each column of a task, if these are not all in order.
    features: Vec<Option<Arc<[usize]>>>,
}

/// The problem of these tasks for a penalty over p features; `layout` is asked for p.
pub(super) fn prepare<'t, P: BlockPenalty>(
    tasks: &'t Tasks<'_>,
    options: &Options,
    layout: impl FnOnce(usize) -> Result<Layout<P>>,
) -> Result<(Prepared<'t, P>, Places)> {
    let weights = tasks.weights()?;
    let nfeatures = tasks.nfeatures()?;
    if let Some(names) = &options.feature_names {
        crate::error::check_length("feature_names", nfeatures, names.len())?;
    }
    let layout = layout(nfeatures)?;
    if layout.penalty.couples_columns() {
        let reason = "it couples all features, and is not defined over those of several tasks";
        return Err(Error::Unsupported { argument: "penalty", reason });
    }

    let mut trainings = Vec::with_capacity(tasks.len());
    for (task, &weight) in tasks.tasks.iter().zip(&weights) {
        let own = Options {
            sample_weights: task.sample_weights.clone(),
            offset: task.offset.clone(),
            feature_names: None,
            ..options.clone()
        };
        let training = task.family.training(task.design.reborrow(), task.y.view(), &own);
        let training = training.and_then(|training| {
            check_kinks(&training.loss, BlockPenalty::is_convex(&layout.penalty)).map(|()| training)
        });
        let training = training.map_err(|source| of_task(&task.name, source))?;
        // A task of weight 0 is checked like the others, and left out.
        trainings.push((weight > 0.0).then_some(training));
    }

    // The columns of a feature: those of the tasks that have it and for which it is not constant.
    let constants = |t: &Option<crate::estimator::Training<'_>>, j: usize| {
        t.as_ref().is_some_and(|t| t.units.scales.get(j).is_some_and(|s| s.is_infinite()))
    };
    let mut local: Vec<Vec<usize>> = Vec::with_capacity(tasks.len());
    let drop_constants = trainings
        .iter()
        .flatten()
        .any(|t| (0..t.units.nfeatures).any(|j| !t.units.scales.get(j).is_some_and(|s| s.is_infinite())));
    for (task, training) in tasks.tasks.iter().zip(&trainings) {
        let mut place = vec![usize::MAX; nfeatures];
        if training.is_some() {
            for k in 0..task.design.ncols() {
                // If all columns of all tasks are constant, they stay as columns of zeros: a problem has some.
                if !(drop_constants && constants(training, k)) {
                    place[task.features.as_ref().map_or(k, |list| list[k])] = k;
                }
            }
        }
        local.push(place);
    }
    let partition = layout.penalty.partition();
    let single = partition.is_singletons() && layout.penalty.is_entrywise();
    let feature = |position: usize| layout.order.as_ref().map_or(position, |order| order[position]);
    let (mut columns, mut places, mut sizes, mut blocks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (b, positions) in partition.iter().enumerate() {
        let before = places.len();
        let whole = positions.len() * trainings.iter().flatten().count();
        for j in positions.map(feature) {
            let own = local.iter().enumerate().filter(|(_, place)| place[j] != usize::MAX);
            own.for_each(|(t, place)| {
                columns.push((t, place[j]));
                places.push((j, t));
            });
        }
        let size = places.len() - before;
        if layout.penalty.knows_columns() && size < whole {
            let reason = "its groups are nested, and a feature in them is missing or constant in a task";
            return Err(Error::Unsupported { argument: "penalty", reason });
        }
        if single {
            // Nothing ties the coefficients of a row together.
            sizes.extend((0..size).map(|_| 1));
            blocks.extend((0..size).map(|_| b));
        } else if size > 0 {
            sizes.push(size);
            blocks.push(b);
        }
    }

    let total_rows: usize = trainings.iter().flatten().map(|t| t.design.nrows()).sum();
    let squared = trainings.iter().flatten().all(|t| t.loss.as_squared().is_some());
    let (mut designs, mut parts, mut factors) = (Vec::new(), Vec::new(), Vec::new());
    let (mut y, mut free, mut units, mut total) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
    let mut number = vec![usize::MAX; tasks.len()];
    for (t, (training, &c)) in trainings.into_iter().zip(&weights).enumerate() {
        let Some(training) = training else {
            units.push(None);
            continue;
        };
        number[t] = designs.len();
        let n = training.design.nrows() as f64;
        if squared {
            let f = (c * (total_rows as f64 / n)).sqrt();
            let own = training.loss.as_squared().map_or(&[][..], Squared::y);
            y.extend(own.iter().map(|y| f * y));
            factors.push(f);
            total += c * training.units.total;
        } else {
            factors.push(1.0);
            parts.push((c, training.loss));
        }
        if training.ones {
            free.push(t);
            columns.push((t, training.design.ncols()));
            designs.push(AnyDesign::Owned(Box::new(WithOnes::new(training.design))));
        } else {
            designs.push(training.design);
        }
        units.push(Some(training.units));
    }
    columns.iter_mut().for_each(|(t, _)| *t = number[*t]);
    let loss: Box<dyn Loss> =
        if squared { Box::new(Squared::new(y, total_rows)) } else { Box::new(PerTask::new(parts)) };
    let stack = TaskStack::with_columns(designs, columns)?.with_factors(factors)?;
    let smooth = LinearPredictor::new(AnyDesign::Owned(Box::new(stack) as Box<dyn Design>), loss);
    let free_columns: Vec<usize> = (places.len()..places.len() + free.len()).collect();
    let penalty = WithFreeColumn::over(layout.penalty, Partition::from_sizes(&sizes)?, blocks, free.len());
    let solver_units = Units {
        nfeatures: places.len(),
        nresponses: 1,
        ncolumns: tasks.len(),
        // The coefficients of the free columns come back as intercepts.
        y_means: vec![0.0; free.len()],
        total,
        nobservations: total_rows,
        ..Units::default()
    };
    let prepared = Prepared::new(smooth, penalty, solver_units, &free_columns);
    let features = tasks.tasks.iter().map(|task| task.features.clone()).collect();
    Ok((prepared, Places { nfeatures, columns: places, free, units, features }))
}

impl Places {
    /// The answer of the solver as coefficients and intercepts of all tasks, in the user's units.
    pub(super) fn restore(&self, solved: Fitted) -> Fitted {
        let tasks = self.units.len();
        let column_of = |j: usize, t: usize| match &self.features[t] {
            Some(list) => list.iter().position(|&feature| feature == j),
            None => Some(j),
        };
        let mut intercept = Array1::zeros(tasks);
        self.free.iter().zip(&solved.intercept).for_each(|(&t, b)| intercept[t] = *b);
        for (b, units) in intercept.iter_mut().zip(&self.units) {
            *b += units.as_ref().and_then(|units| units.y_means.first()).copied().unwrap_or(0.0);
        }
        let mut entries = Vec::new();
        for (k, _, value) in solved.coefficients.nonzero() {
            let (j, t) = self.columns[k];
            let (Some(units), Some(column)) = (&self.units[t], column_of(j, t)) else { continue };
            let value = value / units.scales.get(column).copied().unwrap_or(1.0);
            if units.intercept {
                intercept[t] -= units.means.get(column).copied().unwrap_or(0.0) * value;
            }
            entries.push((j * tasks + t, value));
        }
        Fitted {
            coefficients: Coefficients::new(self.nfeatures, tasks, entries),
            intercept,
            ncolumns: tasks,
            latent: Coefficients::new(0, 1, []),
            classes: Arc::default(),
            ..solved
        }
    }

    /// The classes of each task.
    pub(super) fn classes(&self) -> Vec<Arc<[Vec<f64>]>> {
        let each = self.units.iter().map(|units| units.as_ref().map_or_else(Arc::default, |u| Arc::clone(&u.classes)));
        each.collect()
    }
}
