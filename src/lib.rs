//! stub
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod cross_validation;
pub mod design;
pub mod error;
pub mod estimator;
mod kernels;
mod linalg;
pub mod loss;
mod parallel;
pub mod partition;
pub mod path;
pub mod penalty;
pub mod problem;
pub mod prox;
pub mod smooth;
pub mod solver;

pub use error::{Error, Result};

/// Everything that a fit needs.
pub mod prelude {
    pub use crate::cross_validation::{CrossValidate, FoldIds, Folds, GroupedKFold, KFold, Split};
    pub use crate::error::Error;
    pub use crate::estimator::*;
    pub use crate::partition::Groups;
    pub use crate::path::{FitPath, Grid, Path};
    pub use crate::solver::{BlockDescent, Fista, Form, LogDetNewton, Status};
}
