//! stub
#![deny(missing_docs)]
#![forbid(unsafe_code)]
pub mod design;
pub mod error;
pub mod linalg;
pub mod kernels;
pub mod parallel;
pub mod partition;
pub mod penalty;
pub mod problem;
pub mod prox;
pub mod solver;
pub use error::{Error, Result};
