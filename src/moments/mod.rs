//! Moments.
mod rows;
pub(crate) use rows::{PRODUCT_ERROR, Rows, gap_error};
