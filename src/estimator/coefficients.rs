//! Coefficients of a fitted model: mostly zeros, and a path keeps a hundred of them.

use std::sync::OnceLock;

use ndarray::{Array2, ArrayView2};

/// The rows × columns matrix W by its non-zero values, row by row. All rows·columns numbers exist only once somebody has
/// asked for a slice of them.
#[derive(Debug, Clone)]
pub(crate) struct Coefficients {
    rows: usize,
    columns: usize,
    /// Place `row·columns + column` and value, places rising.
    nonzero: Vec<(usize, f64)>,
    dense: OnceLock<Vec<f64>>,
}

impl Coefficients {
    /// From `(place, value)` in any order; values of the same place are summed in the order in which they come.
    pub fn new(rows: usize, columns: usize, entries: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let mut nonzero: Vec<(usize, f64)> = entries.into_iter().filter(|e| e.1 != 0.0).collect();
        if !nonzero.is_sorted_by(|a, b| a.0 < b.0) {
            nonzero.sort_by_key(|e| e.0);
            nonzero.dedup_by(|later, first| {
                let same = later.0 == first.0;
                if same {
                    first.1 += later.1;
                }
                same
            });
            nonzero.retain(|e| e.1 != 0.0);
        }
        nonzero.shrink_to_fit();
        Self { rows, columns, nonzero, dense: OnceLock::new() }
    }

    /// Rows and columns.
    pub fn dim(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Rows.
    pub fn nrows(&self) -> usize {
        self.rows
    }

    /// `(row, column, value)` of what is not zero, row by row.
    pub fn nonzero(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        self.nonzero.iter().map(|&(place, value)| (place / self.columns, place % self.columns, value))
    }

    /// Rows that are not zero, in order.
    pub fn support(&self) -> Vec<usize> {
        let mut rows: Vec<usize> = self.nonzero().map(|(row, ..)| row).collect();
        rows.dedup();
        rows
    }

    /// All values, row by row, without making the matrix.
    pub fn iter(&self) -> impl Iterator<Item = &f64> + '_ {
        let mut next = self.nonzero.iter().peekable();
        (0..self.rows * self.columns).map(move |place| match next.next_if(|e| e.0 == place) {
            Some((_, value)) => value,
            None => &0.0,
        })
    }

    /// All values, row by row; kept from now on.
    pub fn slice(&self) -> &[f64] {
        self.dense.get_or_init(|| self.iter().copied().collect())
    }

    /// The matrix; kept from now on.
    pub fn view(&self) -> ArrayView2<'_, f64> {
        // rows·columns values by construction
        ArrayView2::from_shape(self.dim(), self.slice()).expect("one value per place")
    }

    /// A copy of the matrix.
    pub fn to_array(&self) -> Array2<f64> {
        let mut w = Array2::zeros(self.dim());
        self.nonzero().for_each(|(row, column, value)| w[[row, column]] = value);
        w
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_repeated_places_and_forgets_zeros() {
        let w = Coefficients::new(3, 2, [(5, 1.0), (0, 2.0), (5, 3.0), (2, 1.0), (2, -1.0), (3, 0.0)]);
        assert_eq!(w.nonzero().collect::<Vec<_>>(), [(0, 0, 2.0), (2, 1, 4.0)]);
        assert_eq!(w.support(), [0, 2]);
        assert_eq!(w.iter().copied().collect::<Vec<_>>(), [2.0, 0.0, 0.0, 0.0, 0.0, 4.0]);
        assert_eq!(w.view(), w.to_array());
        assert_eq!(w.slice().len(), 6);
    }

    #[test]
    fn nothing_dense_is_kept_before_it_is_asked_for() {
        let w = Coefficients::new(1 << 20, 1, [(7, 1.0)]);
        assert_eq!((w.support(), w.iter().count(), w.dim()), (vec![7], 1 << 20, (1 << 20, 1)));
        assert!(w.dense.get().is_none());
        assert_eq!(w.view()[[7, 0]], 1.0);
        assert!(w.dense.get().is_some());
    }
}
