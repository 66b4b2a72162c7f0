//! Classes that are not numbers.

use ndarray::Array1;

use crate::error::{Error, Result};

/// Labels of any ordered type as numbers and back: class k in sorted order is the number k.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let (labels, y) = Labels::new(&["no", "yes", "no", "yes"]);
/// assert_eq!((labels.classes(), &y), (&["no", "yes"][..], &array![0.0, 1.0, 0.0, 1.0]));
/// let x = array![[0.0], [2.0], [1.0], [3.0]];
/// let model = LogisticLasso::new(0.01).fit(&x, &y)?;
/// assert_eq!(labels.decode(&model.predict(&array![[5.0], [-5.0]])?)?, [&"yes", &"no"]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels<T> {
    classes: Vec<T>,
}

impl<T: Ord + Clone> Labels<T> {
    /// The distinct labels, sorted, and the number of each label.
    pub fn new(labels: &[T]) -> (Self, Array1<f64>) {
        let mut classes = labels.to_vec();
        classes.sort();
        classes.dedup();
        let codes = labels.iter().filter_map(|label| classes.binary_search(label).ok()).map(|k| k as f64).collect();
        (Self { classes }, codes)
    }

    /// The numbers of other labels.
    ///
    /// # Errors
    /// [`Error::IllPosed`] for a label that is none of the classes.
    pub fn encode(&self, labels: &[T]) -> Result<Array1<f64>> {
        let code = |(position, label)| match self.classes.binary_search(label) {
            Ok(k) => Ok(k as f64),
            Err(_) => {
                let reason = format!("label number {position} is none of the {} classes", self.classes.len());
                Err(Error::IllPosed { reason })
            }
        };
        labels.iter().enumerate().map(code).collect::<Result<Vec<f64>>>().map(Array1::from)
    }

    /// The labels, sorted: class k is the number k.
    pub fn classes(&self) -> &[T] {
        &self.classes
    }

    /// The labels of numbers, such as those that a classifier predicts.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a number that is no class.
    pub fn decode<'a>(&self, codes: impl IntoIterator<Item = &'a f64>) -> Result<Vec<&T>> {
        let label = |(i, &value): (usize, &f64)| {
            let known = value >= 0.0 && value.fract() == 0.0;
            let expected = "the number of a class";
            let error = || Error::OutOfRange { argument: "codes", index: vec![i], value, expected };
            self.classes.get(value as usize).filter(|_| known).ok_or_else(error)
        };
        codes.into_iter().enumerate().map(label).collect()
    }
}
