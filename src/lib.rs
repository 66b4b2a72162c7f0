//! stub
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod design;
pub mod error;
pub mod estimator;
mod kernels;
mod linalg;
pub mod loss;
mod parallel;
pub mod partition;
pub mod penalty;
pub mod problem;
pub mod prox;
pub mod smooth;
pub mod solver;

pub use error::{Error, Result};

/// Everything that a fit needs.
pub mod prelude {
    pub use crate::error::Error;
    pub use crate::estimator::*;
    pub use crate::partition::Groups;
    pub use crate::solver::{BlockDescent, Fista, Form, Status};
}
