//! Designs on top of each other.

use std::ops::Range;

use super::{AnyDesign, Design, LinearOperator, responses};
use crate::error::{Error, Result, check_length};

/// The rows of several designs with the same columns, one design after the other, each in its own storage: more data, or
/// the rows of a penalty as in `‖y − Xw‖² + ‖√κ Dw‖²`.
///
/// ```
/// use ndarray::array;
/// use sparsereg::design::{AsDesign, LinearOperator, Stacked};
/// let (a, b) = (array![[1.0, 2.0]], array![[3.0, 4.0], [5.0, 6.0]]);
/// let x = Stacked::new(vec![a.as_design()?, b.as_design()?])?;
/// let mut eta = [0.0; 3];
/// x.apply(&[1.0, 10.0], &mut eta);
/// assert_eq!(eta, [21.0, 43.0, 65.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug)]
pub struct Stacked<'a> {
    parts: Vec<AnyDesign<'a>>,
    /// Where each part starts, and the end.
    starts: Vec<usize>,
}

impl<'a> Stacked<'a> {
    /// The parts from top to bottom.
    ///
    /// # Errors
    /// [`Error::Empty`] without parts, [`Error::Length`] unless all have the same number of columns.
    pub fn new(parts: Vec<AnyDesign<'a>>) -> Result<Self> {
        let p = parts.first().ok_or(Error::Empty { argument: "parts" })?.ncols();
        let mut starts = vec![0];
        for part in &parts {
            check_length("columns of parts", p, part.ncols())?;
            starts.push(starts[starts.len() - 1] + part.nrows());
        }
        Ok(Self { parts, starts })
    }

    /// Calls `f(part, rows)` for all parts.
    fn each(&self, mut f: impl FnMut(&AnyDesign<'a>, Range<usize>)) {
        self.parts.iter().zip(self.starts.windows(2)).for_each(|(part, span)| f(part, span[0]..span[1]));
    }

    /// The rows of a part in a task-major list.
    fn part_of(&self, r: &[f64], rows: &Range<usize>) -> Vec<f64> {
        r.chunks_exact(self.nrows()).flat_map(|r| &r[rows.clone()]).copied().collect()
    }

    fn put(&self, part: &[f64], rows: &Range<usize>, out: &mut [f64]) {
        for (part, out) in part.chunks_exact(rows.len()).zip(out.chunks_exact_mut(self.nrows())) {
            out[rows.clone()].copy_from_slice(part);
        }
    }

    /// `out ← Σ f(part, r of the part)`.
    fn sum(&self, r: &[f64], out: &mut [f64], f: impl Fn(&AnyDesign<'a>, &[f64], &mut [f64])) {
        let mut share = vec![0.0; out.len()];
        out.fill(0.0);
        self.each(|part, rows| {
            f(part, &self.part_of(r, &rows), &mut share);
            out.iter_mut().zip(&share).for_each(|(o, s)| *o += s);
        });
    }

    /// `f(part, η of the part)` for all parts.
    fn update(&self, eta: &mut [f64], f: impl Fn(&AnyDesign<'a>, &mut [f64])) {
        self.each(|part, rows| {
            let mut share = self.part_of(eta, &rows);
            f(part, &mut share);
            self.put(&share, &rows, eta);
        });
    }
}

impl LinearOperator for Stacked<'_> {
    fn nrows(&self) -> usize {
        self.starts[self.parts.len()]
    }

    fn ncols(&self) -> usize {
        self.parts[0].ncols()
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        let mut sum = vec![0.0; self.ncols()];
        for part in &self.parts {
            sum.iter_mut().zip(part.sq_norms()?).for_each(|(s, v)| *s += v);
        }
        Some(sum)
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        self.update(eta, |part, eta| part.apply(w, eta));
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.sum(r, out, |part, r, out| part.transpose_apply(r, out));
    }
}

impl Design for Stacked<'_> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        self.sum(r, out, |part, r, out| part.dot(cols.clone(), r, out));
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        if responses(eta, self.nrows()) > 0 {
            self.update(eta, |part, eta| part.axpy(cols.clone(), delta, eta));
        }
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        self.sum(r, out, |part, r, out| part.dot_scattered(cols, r, out));
    }

    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        self.update(eta, |part, eta| part.axpy_scattered(cols, delta, eta));
    }

    fn sq_norm(&self, col: usize) -> f64 {
        self.parts.iter().map(|part| part.sq_norm(col)).sum()
    }

    fn column_sum(&self, col: usize) -> f64 {
        self.parts.iter().map(|part| part.column_sum(col)).sum()
    }

    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        self.parts.iter().map(|part| part.centred_sq_norm(col, centre)).sum()
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        self.each(|part, rows| part.column(col, &mut out[rows]));
    }

    fn column_cost(&self) -> f64 {
        self.parts.iter().map(Design::column_cost).sum()
    }

    fn prefers_gather(&self) -> bool {
        self.parts.iter().any(Design::prefers_gather)
    }

    fn reads_columns(&self) -> bool {
        self.parts.iter().all(Design::reads_columns)
    }

    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        let mut share = vec![0.0; out.len()];
        out.fill(0.0);
        for part in &self.parts {
            part.cross_gram(rows, cols, &mut share);
            out.iter_mut().zip(&share).for_each(|(o, s)| *o += s);
        }
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        self.sum(h, out, |part, h, out| part.weighted_gram(cols, others, h, out));
    }
}
