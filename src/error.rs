//! The one error type of the crate.
//!
//! Every variant that rejects an input names the argument, the place in it and the offending value.

use std::fmt;

use ndarray::{Array1, Array2};

use crate::certificate::{Certificate, Status};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the argument, the index and the value that caused it.
///
/// ```
/// use sparsereg::{Error, prelude::*};
/// use ndarray::array;
/// let x = array![[1.0, 2.0], [f64::NAN, 4.0], [0.5, 1.0]];
/// match Lasso::new(0.1).fit(&x, &array![1.0, 2.0, 3.0]) {
///     Err(Error::NotFinite { argument: "x", index, .. }) => assert_eq!(index, vec![1, 0]),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument that needs at least one element has none.
    #[error("`{argument}` is empty")]
    Empty {
        /// Name of the argument.
        argument: &'static str,
    },
    /// Two lengths that must agree do not.
    #[error("`{argument}` has length {found}, expected {expected}")]
    Length {
        /// Name of the argument.
        argument: &'static str,
        /// The length that was needed.
        expected: usize,
        /// The length that was given.
        found: usize,
    },
    /// A value is NaN or infinite.
    #[error("`{argument}`{} is {value}, which is not finite", At(index))]
    NotFinite {
        /// Name of the argument.
        argument: &'static str,
        /// Row, column … of the first offending value; empty for a scalar.
        index: Vec<usize>,
        /// The value.
        value: f64,
    },
    /// A value lies outside the range that the argument documents.
    #[error("`{argument}`{} is {}, expected {expected}", At(index), Short(*value))]
    OutOfRange {
        /// Name of the argument.
        argument: &'static str,
        /// Place of the first offending value; empty for a scalar.
        index: Vec<usize>,
        /// The value.
        value: f64,
        /// The legal range in words.
        expected: &'static str,
    },
    /// An index points outside what it indexes.
    #[error("`{argument}`[{position}] is {index}, but there are only {len}")]
    Index {
        /// Name of the argument.
        argument: &'static str,
        /// Where in the argument the index stands.
        position: usize,
        /// The index.
        index: usize,
        /// The number of things that can be indexed.
        len: usize,
    },
    /// A factor has a level that its coding does not know.
    #[error("`{factor}` is `{level}` in row {row}, a level that it did not have before")]
    UnknownLevel {
        /// Name of the factor.
        factor: String,
        /// The first such row.
        row: usize,
        /// The level.
        level: String,
    },
    /// An operator whose transpose is not that of the operator: `⟨Xw, r⟩ ≠ ⟨w, Xᵀr⟩`.
    #[error("the transpose is not that of the operator: ⟨Xw, r⟩ = {forward:e}, ⟨w, Xᵀr⟩ = {backward:e}")]
    NotAdjoint {
        /// `⟨Xw, r⟩`.
        forward: f64,
        /// `⟨w, Xᵀr⟩`.
        backward: f64,
    },
    /// A feature belongs to no group.
    #[error("feature {feature} belongs to no group")]
    NotCovered {
        /// The feature.
        feature: usize,
    },
    /// A feature belongs to more than one group where groups must not overlap.
    #[error("feature {feature} belongs to group {first} and again to group {second}")]
    Overlap {
        /// The feature.
        feature: usize,
        /// The first group that holds it.
        first: usize,
        /// The second group that holds it (the same one if it is listed twice).
        second: usize,
    },
    /// Two groups of a tree share a feature, but neither holds the other.
    #[error("groups {first} and {second} are no tree: they share feature {feature}, but neither holds the other")]
    NotNested {
        /// One group.
        first: usize,
        /// The other group.
        second: usize,
        /// A feature that is in both.
        feature: usize,
    },
    /// A matrix that must be symmetric is not.
    #[error("`{argument}` is not symmetric: [{row}, {column}] and its mirror differ by {difference:e}")]
    NotSymmetric {
        /// Name of the argument.
        argument: &'static str,
        /// Row of the worst element.
        row: usize,
        /// Column of the worst element.
        column: usize,
        /// Absolute difference to the mirrored element.
        difference: f64,
    },
    /// A matrix that must be positive (semi-)definite is not.
    #[error("`{argument}` is not positive semidefinite: smallest eigenvalue {eigenvalue:e}")]
    NotPositiveDefinite {
        /// Name of the argument.
        argument: &'static str,
        /// The smallest eigenvalue, or the failing pivot.
        eigenvalue: f64,
    },
    /// Too few rows of incomplete samples hold what is needed.
    #[error("{}, expected at least {expected}", Observed(*first, *second, *found))]
    TooFewRows {
        /// A variable.
        first: usize,
        /// The variable that has to be observed in the same rows; `first` itself if it alone is observed too rarely.
        second: usize,
        /// The rows with a positive weight that there are.
        found: usize,
        /// The rows that are needed.
        expected: usize,
    },
    /// A variable is constant on the rows from which something is to be learned about it.
    #[error("variable {variable} is constant on {}", Rows(*variable, *other))]
    Constant {
        /// The variable.
        variable: usize,
        /// The variable that is observed in these rows, too; `variable` itself if they are all its observed rows.
        other: usize,
    },
    /// The problem has no solution, or none that is unique, for the reason given.
    #[error("the problem is not well posed: {reason}")]
    IllPosed {
        /// Why.
        reason: String,
    },
    /// A bound on the loss that no coefficients keep.
    #[error(
        "`{argument}` is {bound:e}, but the least that can be reached is {least:e} (nothing below {proven:e}: that is proven)"
    )]
    Unreachable {
        /// Name of the argument.
        argument: &'static str,
        /// The bound.
        bound: f64,
        /// What the best coefficients that were found reach, in the same unit.
        least: f64,
        /// A lower bound from the duality gap: no coefficients reach less. It is above `bound`.
        proven: f64,
    },
    /// A combination of options that has no meaning.
    #[error("`{argument}` cannot be used here: {reason}")]
    Unsupported {
        /// Name of the argument.
        argument: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// An exhaustive search would look at more subsets than its limit allows.
    #[error(
        "{} subsets of {size} out of {of} {} are more than the limit of {limit}{}: {instead}",
        Many(*subsets), argument, AtLeast(*lower_bound)
    )]
    TooManySubsets {
        /// What the subsets consist of: `columns` or `groups`.
        argument: &'static str,
        /// Members of a subset.
        size: usize,
        /// Members to choose from.
        of: usize,
        /// How many subsets the search would have looked at up to this size; rounded above 2⁵³.
        subsets: f64,
        /// How many it may look at.
        limit: u64,
        /// What is known without the search: the answer is at least this.
        lower_bound: Option<f64>,
        /// What can be done instead.
        instead: &'static str,
    },
    /// A file cannot be read.
    #[error("`{argument}` cannot be read: {source}")]
    Io {
        /// Name of the argument.
        argument: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The bytes of a file are not what they should be.
    #[error("`{argument}` has the wrong format: {reason}")]
    Format {
        /// Name of the argument.
        argument: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A picture could not be drawn (feature `plot`).
    #[error("the picture cannot be drawn: {reason}")]
    Drawing {
        /// What the plotting library says.
        reason: String,
    },
    /// What is wrong with one of several tasks.
    #[error("task `{task}`: {source}")]
    Task {
        /// Name of the task.
        task: String,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// The solver stopped before it reached the tolerance. Nothing is lost: the best answer is inside.
    /// `accept_unconverged(true)` on an estimator returns it as a model instead.
    #[error("{0}")]
    NotConverged(Box<Unconverged>),
}

/// The partial answer of a fit that stopped early, in the user's units.
#[derive(Debug, Clone)]
pub struct Unconverged {
    /// Why the solver stopped.
    pub status: Status,
    /// How far from the optimum the partial answer is.
    pub certificate: Certificate,
    /// Coefficients, features × responses; for a graphical lasso the precision matrix.
    pub coefficients: Array2<f64>,
    /// Intercepts, one per response (zero if none was asked for).
    pub intercept: Array1<f64>,
    /// Iterations made.
    pub iterations: usize,
}

impl fmt::Display for Unconverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not converged ({}) after {} iterations: {}", self.status, self.iterations, self.certificate)
    }
}

/// Prints an index as `[1, 2]`, and nothing for a scalar.
struct At<'a>(&'a [usize]);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{:?}", self.0) }
    }
}

/// Prints a number; one of many digits before or zeros behind the point in powers of ten.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if size == 0.0 || size.is_nan() || (1e-5..1e17).contains(&size) {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:e}", self.0)
        }
    }
}

/// Prints a number of things, large ones with three digits.
struct Many(f64);

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1e9 { write!(f, "{}", self.0) } else { write!(f, "{:.2e}", self.0) }
    }
}

/// Prints a lower bound, if there is one.
struct AtLeast(Option<f64>);

impl fmt::Display for AtLeast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |bound| write!(f, " (the answer is at least {bound})"))
    }
}

/// Says where one or two variables are observed.
struct Observed(usize, usize, usize);

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(first, second, found) = self;
        if first == second {
            write!(f, "variable {first} is observed in {found} rows")
        } else {
            write!(f, "variables {first} and {second} are observed together in {found} rows")
        }
    }
}

/// Says which rows are meant.
struct Rows(usize, usize);

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 {
            write!(f, "its observed rows")
        } else {
            write!(f, "the rows in which variable {} is observed, too", self.1)
        }
    }
}

/// Rejects the first NaN or infinity in a list.
pub(crate) fn check_finite(argument: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(Error::NotFinite { argument, index: vec![i], value: values[i] }),
        None => Ok(()),
    }
}

/// Rejects a wrong length.
pub(crate) fn check_length(argument: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::Length { argument, expected, found }) }
}

/// Rejects NaN and negative weights; +∞ (excluded) is legal where `infinite` says so.
pub(crate) fn check_weights(argument: &'static str, values: &[f64], infinite: bool) -> Result<()> {
    let expected = if infinite { "a number in [0, inf]" } else { "a finite number >= 0" };
    match values.iter().position(|&v| !(v >= 0.0 && (infinite || v.is_finite()))) {
        Some(i) => Err(Error::OutOfRange { argument, index: vec![i], value: values[i], expected }),
        None => Ok(()),
    }
}

/// Rejects a scalar outside [low, high].
pub(crate) fn check_scalar(
    argument: &'static str,
    value: f64,
    low: f64,
    high: f64,
    expected: &'static str,
) -> Result<()> {
    if value >= low && value <= high {
        Ok(())
    } else {
        Err(Error::OutOfRange { argument, index: vec![], value, expected })
    }
}
