//! Designs side by side.

use std::ops::Range;

use super::{AnyDesign, Design, LinearOperator, moments, responses};
use crate::error::{Error, Result, check_length};

/// `[X₁ X₂ …]`: the columns of several designs with the same rows, each in its own storage.
///
/// ```
/// use ndarray::array;
/// use sparsereg::design::{AsDesign, Concatenated, Csc, LinearOperator};
/// let measured = array![[1.0], [2.0], [3.0]];
/// let words = Csc::from_triplets(3, 2, &[(0, 0, 1.0), (2, 1, 1.0)])?;
/// let x = Concatenated::new(vec![measured.as_design()?, words.as_design()?])?;
/// let mut eta = [0.0; 3];
/// x.apply(&[10.0, 1.0, 2.0], &mut eta);
/// assert_eq!(eta, [11.0, 20.0, 32.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug)]
pub struct Concatenated<'a> {
    parts: Vec<AnyDesign<'a>>,
    /// Where each part starts, and the end.
    starts: Vec<usize>,
}

impl<'a> Concatenated<'a> {
    /// The parts from left to right.
    ///
    /// # Errors
    /// [`Error::Empty`] without parts, [`Error::Length`] unless all have the same number of rows.
    pub fn new(parts: Vec<AnyDesign<'a>>) -> Result<Self> {
        let n = parts.first().ok_or(Error::Empty { argument: "parts" })?.nrows();
        let mut starts = vec![0];
        for part in &parts {
            check_length("rows of parts", n, part.nrows())?;
            starts.push(starts[starts.len() - 1] + part.ncols());
        }
        Ok(Self { parts, starts })
    }

    /// The columns of a part.
    ///
    /// # Panics
    /// If there is no such part.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::design::{AsDesign, Concatenated};
    /// let (a, b) = (array![[1.0, 2.0]], array![[3.0]]);
    /// assert_eq!(Concatenated::new(vec![a.as_design()?, b.as_design()?])?.columns_of(1), 2..3);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn columns_of(&self, part: usize) -> Range<usize> {
        self.starts[part]..self.starts[part + 1]
    }

    /// The part that holds a column, and its place there.
    fn find(&self, col: usize) -> (usize, usize) {
        let part = self.starts.partition_point(|&start| start <= col) - 1;
        (part, col - self.starts[part])
    }

    /// Calls `f(part, columns there, place among cols)` for each part that a range meets.
    fn spans(&self, cols: Range<usize>, mut f: impl FnMut(&AnyDesign<'a>, Range<usize>, Range<usize>)) {
        for (part, span) in self.parts.iter().zip(self.starts.windows(2)) {
            let (from, to) = (cols.start.max(span[0]), cols.end.min(span[1]));
            if from < to {
                f(part, from - span[0]..to - span[0], from - cols.start..to - cols.start);
            }
        }
    }

    /// Columns of each part and their places in the list.
    fn shared_out(&self, cols: &[usize]) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut shares = vec![(Vec::new(), Vec::new()); self.parts.len()];
        for (place, &j) in cols.iter().enumerate() {
            let (part, own) = self.find(j);
            shares[part].0.push(own);
            shares[part].1.push(place);
        }
        shares
    }

    /// Products within a part are its own; between parts the columns of one are right-hand sides of the other.
    fn products(&self, rows: &[usize], cols: &[usize], h: Option<&[f64]>, out: &mut [f64]) {
        let (n, m) = (self.nrows(), rows.len());
        let (left, right) = (self.shared_out(rows), self.shared_out(cols));
        for (b, (own_cols, at_cols)) in right.iter().enumerate().filter(|(_, share)| !share.0.is_empty()) {
            let mut values = Vec::new();
            for (a, (own_rows, at_rows)) in left.iter().enumerate().filter(|(_, share)| !share.0.is_empty()) {
                let mut part = vec![0.0; own_rows.len() * own_cols.len()];
                if a == b {
                    match h {
                        Some(h) => self.parts[a].weighted_gram(own_rows, own_cols, h, &mut part),
                        None => self.parts[a].cross_gram(own_rows, own_cols, &mut part),
                    }
                    for (column, &c) in part.chunks_exact(own_rows.len()).zip(at_cols) {
                        column.iter().zip(at_rows).for_each(|(v, &r)| out[c * m + r] = *v);
                    }
                    continue;
                }
                if values.is_empty() {
                    values.resize(n * own_cols.len(), 0.0);
                    for (&j, x) in own_cols.iter().zip(values.chunks_exact_mut(n)) {
                        self.parts[b].column(j, x);
                        if let Some(h) = h {
                            x.iter_mut().zip(h).for_each(|(x, h)| *x *= h);
                        }
                    }
                }
                self.parts[a].dot_scattered(own_rows, &values, &mut part);
                for (line, &r) in part.chunks_exact(own_cols.len()).zip(at_rows) {
                    line.iter().zip(at_cols).for_each(|(v, &c)| out[c * m + r] = *v);
                }
            }
        }
    }
}

impl LinearOperator for Concatenated<'_> {
    fn nrows(&self) -> usize {
        self.parts[0].nrows()
    }

    fn ncols(&self) -> usize {
        self.starts[self.parts.len()]
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        let norms: Option<Vec<Vec<f64>>> = self.parts.iter().map(LinearOperator::sq_norms).collect();
        norms.map(|norms| norms.concat())
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows());
        let mut share = vec![0.0; eta.len()];
        eta.fill(0.0);
        for (part, span) in self.parts.iter().zip(self.starts.windows(2)) {
            let w = &w[span[0] * q..span[1] * q];
            if w.iter().any(|&w| w != 0.0) {
                part.apply(w, &mut share);
                eta.iter_mut().zip(&share).for_each(|(e, s)| *e += s);
            }
        }
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        for (part, span) in self.parts.iter().zip(self.starts.windows(2)) {
            part.transpose_apply(r, &mut out[span[0] * q..span[1] * q]);
        }
    }
}

impl Design for Concatenated<'_> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        self.spans(cols, |part, own, at| part.dot(own, r, &mut out[at.start * q..at.end * q]));
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows());
        self.spans(cols, |part, own, at| part.axpy(own, &delta[at.start * q..at.end * q], eta));
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        for (part, (own, places)) in self.parts.iter().zip(self.shared_out(cols)) {
            let mut found = vec![0.0; own.len() * q];
            if !own.is_empty() {
                part.dot_scattered(&own, r, &mut found);
            }
            for (found, at) in found.chunks_exact(q.max(1)).zip(places) {
                out[at * q..(at + 1) * q].copy_from_slice(found);
            }
        }
    }

    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        let q = responses(eta, self.nrows());
        for (part, (own, places)) in self.parts.iter().zip(self.shared_out(cols)) {
            let delta: Vec<f64> = places.iter().flat_map(|&at| &delta[at * q..(at + 1) * q]).copied().collect();
            if !own.is_empty() {
                part.axpy_scattered(&own, &delta, eta);
            }
        }
    }

    fn sq_norm(&self, col: usize) -> f64 {
        let (part, own) = self.find(col);
        self.parts[part].sq_norm(own)
    }

    fn column_sum(&self, col: usize) -> f64 {
        let (part, own) = self.find(col);
        self.parts[part].column_sum(own)
    }

    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        let (part, own) = self.find(col);
        self.parts[part].centred_sq_norm(own, centre)
    }

    fn means_and_deviations(&self, weights: Option<&[f64]>) -> Option<Vec<(f64, f64)>> {
        Some(self.parts.iter().flat_map(|part| moments(part, weights)).map(|m| (m.mean, m.deviation)).collect())
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        let (part, own) = self.find(col);
        self.parts[part].column(own, out);
    }

    fn column_cost(&self) -> f64 {
        self.parts.iter().map(|part| part.column_cost() * part.ncols() as f64).sum::<f64>() / self.ncols() as f64
    }

    fn prefers_gather(&self) -> bool {
        self.parts.iter().any(Design::prefers_gather)
    }

    fn reads_columns(&self) -> bool {
        self.parts.iter().all(Design::reads_columns)
    }

    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        self.products(rows, cols, None, out);
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        self.products(cols, others, Some(h), out);
    }

    fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
        let m = rows.len();
        // Nothing is written before every part has said that it can.
        let mut blocks = Vec::new();
        for (part, (own, places)) in self.parts.iter().zip(self.shared_out(cols)) {
            let mut block = vec![0.0; m * own.len()];
            if !own.is_empty() && !part.copy_block(rows.clone(), &own, &mut block) {
                return false;
            }
            blocks.push((block, places));
        }
        for (block, places) in blocks {
            for (x, at) in block.chunks_exact(m.max(1)).zip(places) {
                out[at * m..(at + 1) * m].copy_from_slice(x);
            }
        }
        true
    }

    fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        let parts: Option<Vec<AnyDesign<'_>>> = self.parts.iter().map(|part| part.select_rows(rows).ok()).collect();
        Some(Box::new(Concatenated::new(parts?).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::design::{AsDesign, Csc};

    #[test]
    fn a_block_is_copied_whole_or_not_at_all() {
        let (a, b) = (array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], array![[7.0], [8.0], [9.0]]);
        let sparse = Csc::from_triplets(3, 1, &[(0, 0, 1.0)]).unwrap();
        let dense = Concatenated::new(vec![a.as_design().unwrap(), b.as_design().unwrap()]).unwrap();
        let mut out = [0.0; 4];
        assert!(dense.copy_block(1..3, &[2, 0], &mut out));
        assert_eq!(out, [8.0, 9.0, 3.0, 5.0]);
        // Sparse columns cannot do that, wherever they stand.
        for (parts, cols) in
            [([a.as_design(), sparse.as_design()], [0, 2]), ([sparse.as_design(), a.as_design()], [1, 0])]
        {
            let mixed = Concatenated::new(parts.map(|part| part.unwrap()).into()).unwrap();
            let mut out = [-1.0; 4];
            assert!(!mixed.copy_block(1..3, &cols, &mut out));
            assert_eq!(out, [-1.0; 4]);
        }
    }
}
