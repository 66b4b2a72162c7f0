//! A design for each task, under one another: the columns of one feature in all tasks stand side by side.

use std::ops::Range;

use super::{AnyDesign, Csc, Dense, Design, LinearOperator, responses};
use crate::error::{Error, Result};

/// The block-diagonal matrix of T designs `X_t ∈ ℝ^{n_t×p_t}`: its rows are those of all tasks, one task after the other, a
/// column is one of some task's, times the factor of that task, and zero in the rows of the others. [`new`](Self::new) puts the columns in the order
/// (feature 0, task 0), (feature 0, task 1) …, so that a row of W ∈ ℝ^{p×T} is a block of the solver; any other list of
/// columns serves tasks that lack some features.
///
/// Every verb is the same verb of the tasks' own designs, at their own speed; nothing is copied, and zeros are not
/// multiplied.
///
/// ```
/// use sparsereg::design::{AsDesign, Csc, Design, LinearOperator, TaskStack};
/// use ndarray::array;
/// let (first, second) = (array![[1.0, 2.0]], Csc::from_triplets(2, 2, &[(0, 0, 3.0), (1, 1, 4.0)])?);
/// let x = TaskStack::new(vec![first.as_design()?, second.as_design()?])?;
/// // ⎡1 · 2 ·⎤
/// // ⎢· 3 · ·⎥
/// // ⎣· · · 4⎦
/// let mut eta = [0.0; 3];
/// x.apply(&[1.0, 1.0, 10.0, 10.0], &mut eta);
/// assert_eq!(eta, [21.0, 3.0, 40.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug)]
pub struct TaskStack<'a> {
    designs: Vec<AnyDesign<'a>>,
    /// Rows of task t begin at `starts[t]`; one more number for the end.
    starts: Vec<usize>,
    factors: Vec<f64>,
    /// Task of every column.
    task: Vec<usize>,
    /// Its column there.
    column: Vec<usize>,
    /// (column here, column there) of every task.
    own: Vec<Vec<(usize, usize)>>,
}

impl<'a> TaskStack<'a> {
    /// All columns of designs of the same width: column `j·T + t` is column j of task t.
    ///
    /// # Errors
    /// [`Error::Empty`] without a design, [`Error::Length`] for one that is wider or narrower than the first.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::design::{AsDesign, TaskStack};
    /// let (first, second) = (array![[1.0, 2.0]], array![[1.0]]);
    /// assert!(TaskStack::new(vec![first.as_design()?, second.as_design()?]).is_err());
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn new(designs: Vec<AnyDesign<'a>>) -> Result<Self> {
        let Some(first) = designs.first() else { return Err(Error::Empty { argument: "designs" }) };
        let (width, tasks) = (first.ncols(), designs.len());
        for design in &designs {
            crate::error::check_length("designs", width, design.ncols())?;
        }
        let columns = (0..width * tasks).map(|k| (k % tasks, k / tasks)).collect();
        Self::with_columns(designs, columns)
    }

    /// The columns (task, column of its design) in this order.
    ///
    /// # Errors
    /// [`Error::Empty`] without a design or a column, [`Error::Index`] for a task or a column that does not exist.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::design::{AsDesign, LinearOperator, TaskStack};
    /// let (first, second) = (array![[1.0, 2.0]], array![[3.0]]);
    /// let x = TaskStack::with_columns(vec![first.as_design()?, second.as_design()?], vec![(0, 0), (1, 0), (0, 1)])?;
    /// assert_eq!((x.nrows(), x.ncols()), (2, 3));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn with_columns(designs: Vec<AnyDesign<'a>>, columns: Vec<(usize, usize)>) -> Result<Self> {
        for (argument, empty) in [("designs", designs.is_empty()), ("columns", columns.is_empty())] {
            if empty {
                return Err(Error::Empty { argument });
            }
        }
        let mut own = vec![Vec::new(); designs.len()];
        for (position, &(t, j)) in columns.iter().enumerate() {
            let width = designs.get(t).map(|design| design.ncols());
            for (index, len) in [(t, designs.len()), (j, width.unwrap_or(0))] {
                if index >= len {
                    return Err(Error::Index { argument: "columns", position, index, len });
                }
            }
            own[t].push((position, j));
        }
        let mut starts = vec![0];
        designs.iter().for_each(|design| starts.push(starts[starts.len() - 1] + design.nrows()));
        let factors = vec![1.0; designs.len()];
        let (task, column) = columns.into_iter().unzip();
        Ok(Self { designs, starts, factors, task, column, own })
    }

    /// The columns of task t times `factors[t]`: a weight c of a task in the squared loss is a factor √c.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one for each task, [`Error::NotFinite`].
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::design::{AsDesign, Design, TaskStack};
    /// let (first, second) = (array![[1.0]], array![[1.0]]);
    /// let x = TaskStack::new(vec![first.as_design()?, second.as_design()?])?.with_factors(vec![2.0, 3.0])?;
    /// assert_eq!((x.sq_norm(0), x.sq_norm(1)), (4.0, 9.0));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn with_factors(mut self, factors: Vec<f64>) -> Result<Self> {
        crate::error::check_length("factors", self.designs.len(), factors.len())?;
        crate::error::check_finite("factors", &factors)?;
        self.factors = factors;
        Ok(self)
    }

    /// The rows of task t.
    fn rows(&self, t: usize) -> Range<usize> {
        self.starts[t]..self.starts[t + 1]
    }

    /// The rows of task t, of all right-hand sides.
    fn part(&self, t: usize, r: &[f64], part: &mut Vec<f64>) {
        part.clear();
        r.chunks_exact(self.nrows()).for_each(|r| part.extend_from_slice(&r[self.rows(t)]));
    }

    /// Those of some columns that belong to each task: places in the list and columns of its design, for tasks that have any.
    fn by_task(&self, cols: impl Iterator<Item = usize>) -> Vec<(usize, Vec<usize>, Vec<usize>)> {
        let mut lists: Vec<(usize, Vec<usize>, Vec<usize>)> =
            (0..self.designs.len()).map(|t| (t, Vec::new(), Vec::new())).collect();
        for (place, c) in cols.enumerate() {
            let (_, places, columns) = &mut lists[self.task[c]];
            places.push(place);
            columns.push(self.column[c]);
        }
        lists.retain(|(_, places, _)| !places.is_empty());
        lists
    }

    /// Products of two lists of columns, task by task, the others being zero.
    fn products(
        &self,
        rows: &[usize],
        cols: &[usize],
        out: &mut [f64],
        product: impl Fn(usize, &[usize], &[usize], &mut [f64]),
    ) {
        out.fill(0.0);
        let left = self.by_task(rows.iter().copied());
        let right = if rows == cols { None } else { Some(self.by_task(cols.iter().copied())) };
        let mut part = Vec::new();
        for (t, places, columns) in &left {
            let same = || left.iter().find(|other| other.0 == *t);
            let Some((_, others, other_columns)) = right.as_ref().map_or_else(same, |r| r.iter().find(|o| o.0 == *t))
            else {
                continue;
            };
            part.clear();
            part.resize(places.len() * others.len(), 0.0);
            product(*t, columns, other_columns, &mut part);
            let square = self.factors[*t] * self.factors[*t];
            for (part, &b) in part.chunks_exact(places.len()).zip(others) {
                let out = &mut out[b * rows.len()..(b + 1) * rows.len()];
                part.iter().zip(places).for_each(|(v, &a)| out[a] = square * v);
            }
        }
    }
}

impl LinearOperator for TaskStack<'_> {
    fn nrows(&self) -> usize {
        self.starts[self.designs.len()]
    }

    fn ncols(&self) -> usize {
        self.task.len()
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        let mut norms = vec![0.0; self.ncols()];
        for ((design, own), f) in self.designs.iter().zip(&self.own).zip(&self.factors) {
            let each = design.sq_norms()?;
            own.iter().for_each(|&(here, there)| norms[here] = f * f * each[there]);
        }
        Some(norms)
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        let n = self.nrows();
        let q = responses(eta, n);
        let (mut own_w, mut own_eta) = (Vec::new(), Vec::new());
        for (t, design) in self.designs.iter().enumerate() {
            own_w.clear();
            own_w.resize(design.ncols() * q, 0.0);
            for &(here, there) in &self.own[t] {
                // A column may stand in the list twice.
                let to = own_w[there * q..(there + 1) * q].iter_mut();
                to.zip(&w[here * q..(here + 1) * q]).for_each(|(to, w)| *to += self.factors[t] * w);
            }
            let rows = self.rows(t);
            if q == 1 {
                design.apply(&own_w, &mut eta[rows]);
                continue;
            }
            own_eta.resize(rows.len() * q, 0.0);
            design.apply(&own_w, &mut own_eta);
            for (eta, own) in eta.chunks_exact_mut(n).zip(own_eta.chunks_exact(rows.len())) {
                eta[rows.clone()].copy_from_slice(own);
            }
        }
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        let (mut part, mut own_out) = (Vec::new(), Vec::new());
        for (t, design) in self.designs.iter().enumerate() {
            own_out.resize(design.ncols() * q, 0.0);
            if q == 1 {
                design.transpose_apply(&r[self.rows(t)], &mut own_out);
            } else {
                self.part(t, r, &mut part);
                design.transpose_apply(&part, &mut own_out);
            }
            let f = self.factors[t];
            for &(here, there) in &self.own[t] {
                let from = &own_out[there * q..(there + 1) * q];
                out[here * q..(here + 1) * q].iter_mut().zip(from).for_each(|(o, v)| *o = f * v);
            }
        }
    }
}

/// Columns from which a range of them is sorted by task.
const SORTED: usize = 64;

impl Design for TaskStack<'_> {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let n = self.nrows();
        let q = responses(r, n);
        if cols.len() >= SORTED {
            return self.dot_scattered(&cols.collect::<Vec<_>>(), r, out);
        }
        let mut value = [0.0];
        for (c, out) in cols.zip(out.chunks_exact_mut(q.max(1))) {
            let (t, j) = (self.task[c], self.column[c]);
            for (r, out) in r.chunks_exact(n).zip(out) {
                self.designs[t].dot(j..j + 1, &r[self.rows(t)], &mut value);
                *out = self.factors[t] * value[0];
            }
        }
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        let q = responses(r, self.nrows());
        let (mut part, mut own_out) = (Vec::new(), Vec::new());
        for (t, places, columns) in self.by_task(cols.iter().copied()) {
            own_out.clear();
            own_out.resize(columns.len() * q, 0.0);
            if q == 1 {
                self.designs[t].dot_scattered(&columns, &r[self.rows(t)], &mut own_out);
            } else {
                self.part(t, r, &mut part);
                self.designs[t].dot_scattered(&columns, &part, &mut own_out);
            }
            let f = self.factors[t];
            for (&place, from) in places.iter().zip(own_out.chunks_exact(q.max(1))) {
                out[place * q..(place + 1) * q].iter_mut().zip(from).for_each(|(o, v)| *o = f * v);
            }
        }
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let n = self.nrows();
        let q = responses(eta, n);
        for (c, delta) in cols.zip(delta.chunks_exact(q.max(1))) {
            let (t, j) = (self.task[c], self.column[c]);
            for (eta, d) in eta.chunks_exact_mut(n).zip(delta).filter(|(_, d)| **d != 0.0) {
                self.designs[t].axpy(j..j + 1, &[self.factors[t] * d], &mut eta[self.rows(t)]);
            }
        }
    }

    fn axpy_scattered(&self, cols: &[usize], delta: &[f64], eta: &mut [f64]) {
        let n = self.nrows();
        let q = responses(eta, n);
        let (mut own_delta, mut part) = (Vec::new(), Vec::new());
        for (t, places, columns) in self.by_task(cols.iter().copied()) {
            own_delta.clear();
            let f = self.factors[t];
            places.iter().for_each(|&k| own_delta.extend(delta[k * q..(k + 1) * q].iter().map(|d| f * d)));
            let rows = self.rows(t);
            if q == 1 {
                self.designs[t].axpy_scattered(&columns, &own_delta, &mut eta[rows]);
                continue;
            }
            self.part(t, eta, &mut part);
            self.designs[t].axpy_scattered(&columns, &own_delta, &mut part);
            for (eta, part) in eta.chunks_exact_mut(n).zip(part.chunks_exact(rows.len())) {
                eta[rows.clone()].copy_from_slice(part);
            }
        }
    }

    fn sq_norm(&self, col: usize) -> f64 {
        let t = self.task[col];
        self.factors[t] * self.factors[t] * self.designs[t].sq_norm(self.column[col])
    }

    fn column_sum(&self, col: usize) -> f64 {
        let t = self.task[col];
        self.factors[t] * self.designs[t].column_sum(self.column[col])
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        out.fill(0.0);
        let t = self.task[col];
        let out = &mut out[self.rows(t)];
        self.designs[t].column(self.column[col], out);
        out.iter_mut().for_each(|x| *x *= self.factors[t]);
    }

    fn column_cost(&self) -> f64 {
        let sum: f64 = self.designs.iter().zip(&self.own).map(|(x, own)| x.column_cost() * own.len() as f64).sum();
        sum / self.ncols() as f64
    }

    fn prefers_gather(&self) -> bool {
        self.designs.iter().any(Design::prefers_gather)
    }

    fn reads_columns(&self) -> bool {
        self.designs.iter().all(Design::reads_columns)
    }

    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        self.products(rows, cols, out, |t, a, b, part| self.designs[t].cross_gram(a, b, part));
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        self.products(cols, others, out, |t, a, b, part| self.designs[t].weighted_gram(a, b, &h[self.rows(t)], part));
    }

    fn scaled_columns(&self, cols: &[usize], d: &[f64]) -> Option<Csc> {
        u32::try_from(self.nrows()).ok()?;
        // Dense columns, too: with the zeros of the other tasks they would be longer.
        let mut parts: Vec<Option<Csc>> = self.designs.iter().map(|_| None).collect();
        for (t, _, columns) in self.by_task(cols.iter().copied()) {
            parts[t] = self.designs[t].scaled_columns(&columns, &d[self.rows(t)]);
        }
        let mut next = vec![0; self.designs.len()];
        let mut whole = Csc::builder(self.nrows());
        let mut x = Vec::new();
        for &c in cols {
            let t = self.task[c];
            let (rows, f) = (self.rows(t), self.factors[t]);
            match &parts[t] {
                Some(part) => {
                    let (indices, values) = part.entries(next[t]);
                    next[t] += 1;
                    let shifted = indices.iter().map(|&i| i + rows.start as u32);
                    whole.push(shifted.zip(values.iter().map(|v| f * v)));
                }
                None => {
                    x.resize(rows.len(), 0.0);
                    self.designs[t].column(self.column[c], &mut x);
                    let scaled = x.iter().zip(&d[rows.clone()]).map(|(x, d)| f * x * d);
                    whole.push((rows.start as u32..rows.end as u32).zip(scaled));
                }
            }
        }
        Some(whole.finish())
    }

    fn parts(&self) -> Option<&[usize]> {
        Some(&self.task)
    }

    fn gathered(&self, cols: &[usize]) -> Option<AnyDesign<'static>> {
        let mut designs: Vec<AnyDesign<'static>> = Vec::new();
        let mut columns = vec![(0, 0); cols.len()];
        let mut lists = self.by_task(cols.iter().copied()).into_iter().peekable();
        for (t, design) in self.designs.iter().enumerate() {
            let n = design.nrows();
            let mut values = Vec::new();
            if let Some((_, places, list)) = lists.next_if(|list| list.0 == t) {
                values.resize(n * list.len(), 0.0);
                for (&j, x) in list.iter().zip(values.chunks_exact_mut(n)) {
                    design.column(j, x);
                }
                places.iter().enumerate().for_each(|(k, &place)| columns[place] = (t, k));
            } else {
                values.resize(n, 0.0);
            }
            let width = values.len() / n;
            designs.push(AnyDesign::Dense(Dense::from_gathered(values, n, width)));
        }
        let stack = TaskStack::with_columns(designs, columns).ok()?;
        Some(AnyDesign::Owned(Box::new(TaskStack { factors: self.factors.clone(), ..stack })))
    }
}
