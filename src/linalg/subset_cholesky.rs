//! A Cholesky factor that follows a changing set of rows and columns of one matrix.
//!
//! Along a path the support of a solution gains and loses a few coefficients at a time. Each costs O(m²) here, at the
//! speed of the cache, against the m³/3 flops of a new factor.

use super::{Cholesky, NotPositiveDefinite};
use crate::kernels;

/// `L Lᵀ = A_SS` for an ordered list S of indices into a symmetric positive definite matrix A.
///
/// L is packed by rows, so that both triangular solves and appended rows run over contiguous memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct SubsetCholesky {
    index: Vec<usize>,
    rows: Vec<f64>,
}

/// A new pivot below this share of its diagonal element is rounding: the matrix is singular to working precision.
const SINGULAR: f64 = 1e-13;

/// A pivot that loses this share by one downdate has lost as many of its digits, and there are more to come.
const CANCELLED: f64 = 1e-8;

/// Rows and columns that a new factor leaves out one by one.
const RETRIES: usize = 4;

/// Rows that are updated side by side.
const LINES: usize = 8;

/// What an update and a downdate do to one column: (cosine, sine) of each, and one over the cosines.
struct Rotations {
    up: (f64, f64),
    down: (f64, f64),
    inverse: (f64, f64),
}

impl Rotations {
    #[inline]
    fn apply(&self, l: f64, x: f64, y: f64) -> (f64, f64, f64) {
        let raised = (l + self.up.1 * x) * self.inverse.0;
        let lowered = (raised - self.down.1 * y) * self.inverse.1;
        (lowered, self.up.0 * x - self.up.1 * raised, self.down.0 * y - self.down.1 * lowered)
    }
}

/// Changes that cost as much as a new factor: m²/2 numbers from the cache each, against m³/3 flops.
fn worthwhile(changes: usize, size: usize) -> bool {
    changes <= (size / 12).max(4)
}

fn start(row: usize) -> usize {
    row * (row + 1) / 2
}

impl SubsetCholesky {
    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.index.clear();
        self.rows.clear();
    }

    /// S, in the order of the factor.
    pub(crate) fn index(&self) -> &[usize] {
        &self.index
    }

    /// Renames the indices after the matrix was permuted or cut; `None` for one that is gone forgets the factor.
    pub(crate) fn rename(&mut self, new: impl Fn(usize) -> Option<usize>) {
        match self.index.iter().map(|&i| new(i)).collect::<Option<Vec<usize>>>() {
            Some(index) => self.index = index,
            None => self.clear(),
        }
    }

    /// Whether following is cheaper than factoring anew.
    pub(crate) fn is_near(&self, wanted: &[usize]) -> bool {
        let mut known = self.index.clone();
        known.sort_unstable();
        let common = wanted.iter().filter(|j| known.binary_search(j).is_ok()).count();
        worthwhile(known.len() + wanted.len() - 2 * common, wanted.len())
    }

    /// Makes S equal to `wanted` (ascending, without repeats) for the matrix with the given columns; S itself may be in
    /// another order.
    ///
    /// # Errors
    /// If A_SS is not positive definite to working precision; the factor is that of a part of `wanted` then.
    pub(crate) fn follow<'m>(
        &mut self,
        wanted: &[usize],
        column: impl Fn(usize) -> &'m [f64],
        shift: f64,
    ) -> Result<(), NotPositiveDefinite> {
        let gone: Vec<usize> =
            (0..self.index.len()).filter(|&k| wanted.binary_search(&self.index[k]).is_err()).collect();
        let kept = self.index.len() - gone.len();
        if !worthwhile(gone.len() + wanted.len() - kept, wanted.len()) {
            return self.refactor(wanted, column, shift);
        }
        for &k in gone.iter().rev() {
            self.remove(k);
        }
        let mut known = self.index.clone();
        known.sort_unstable();
        let mut singular = Ok(());
        for &j in wanted {
            // One that depends on the others is left out; those after it need not be.
            if known.binary_search(&j).is_err()
                && let Err(error) = self.append(j, column(j), shift)
            {
                singular = singular.and(Err(error));
            }
        }
        singular
    }

    fn refactor<'m>(
        &mut self,
        wanted: &[usize],
        column: impl Fn(usize) -> &'m [f64],
        shift: f64,
    ) -> Result<(), NotPositiveDefinite> {
        self.clear();
        let mut kept = wanted.to_vec();
        let mut singular = None;
        let mut rest = Vec::new();
        loop {
            let m = kept.len();
            let mut a = vec![0.0; m * m];
            for (c, &j) in kept.iter().enumerate() {
                let from = column(j);
                for (r, &i) in kept.iter().enumerate().skip(c) {
                    a[c * m + r] = from[i];
                }
                a[c * m + c] += shift;
            }
            let pivot = match Cholesky::factor(&a, m) {
                Ok(factor) => {
                    let dependent = |&i: &usize| factor.lower(i, i).powi(2) <= SINGULAR * a[i * m + i];
                    let pivot = (0..m).find(dependent);
                    if pivot.is_none() {
                        self.rows.resize(start(m), 0.0);
                        for c in 0..m {
                            for r in c..m {
                                self.rows[start(r) + c] = factor.lower(r, c);
                            }
                        }
                        self.index.clone_from(&kept);
                    }
                    pivot
                }
                Err(NotPositiveDefinite { pivot }) => Some(pivot),
            };
            let Some(pivot) = pivot else { break };
            // One that depends on those before is left out; where that happens again and again, what comes after is
            // added one by one.
            singular.get_or_insert(NotPositiveDefinite { pivot });
            if wanted.len() - kept.len() < RETRIES {
                kept.remove(pivot);
            } else {
                let mut tail = kept.split_off(pivot);
                tail.append(&mut rest);
                rest = tail;
            }
        }
        for &j in &rest {
            let _ = self.append(j, column(j), shift);
        }
        singular.map_or(Ok(()), Err)
    }

    /// Adds j to S.
    ///
    /// # Errors
    /// If A is not positive definite then; nothing changes.
    pub(crate) fn append(&mut self, j: usize, column: &[f64], shift: f64) -> Result<(), NotPositiveDefinite> {
        let m = self.index.len();
        let mut row: Vec<f64> = self.index.iter().map(|&i| column[i]).collect();
        self.forward(&mut row);
        let diagonal = column[j] + shift;
        let pivot = diagonal - kernels::sq_norm(&row);
        if pivot <= SINGULAR * diagonal || pivot.is_nan() {
            return Err(NotPositiveDefinite { pivot: m });
        }
        self.rows.extend_from_slice(&row);
        self.rows.push(pivot.sqrt());
        self.index.push(j);
        Ok(())
    }

    /// Takes the k-th of S out: the rows below lose a column, and rotations bring them back to triangular form.
    pub(crate) fn remove(&mut self, k: usize) {
        let m = self.index.len();
        self.index.remove(k);
        let mut rotations: Vec<(f64, f64)> = Vec::with_capacity(m - k);
        let mut to = start(k);
        for r in k + 1..m {
            let from = start(r);
            // Row r has entries 0..=r; the rotations so far act on the pairs (k, k+1), (k+1, k+2), … of its entries.
            let mut carried = self.rows[from + k];
            for (i, &(c, s)) in rotations.iter().enumerate() {
                let right = self.rows[from + k + 1 + i];
                self.rows[from + k + i] = c * carried + s * right;
                carried = c * right - s * carried;
            }
            let last = self.rows[from + r];
            let length = carried.hypot(last);
            rotations.push((carried / length, last / length));
            self.rows[from + r - 1] = length;
            self.rows.copy_within(from..from + r, to);
            to += r;
        }
        self.rows.truncate(start(m - 1));
    }

    /// Follows a change `A_SS + aaᵀ − rrᵀ`, both in the order of [`index`](Self::index) (Gill, Golub, Murray and Saunders
    /// 1974, method C1, both at once).
    ///
    /// # Errors
    /// If the matrix is not positive definite then; the factor is of no use any more.
    pub(crate) fn update(&mut self, mut a: Vec<f64>, mut r: Vec<f64>) -> Result<(), NotPositiveDefinite> {
        let m = self.index.len();
        let mut steps: Vec<Rotations> = Vec::with_capacity(m);
        for first in (0..m).step_by(LINES) {
            let last = (first + LINES).min(m);
            // Rows depend on those before through the rotations alone: several at once hide the latency of each.
            if last - first == LINES {
                let mut rest = &mut self.rows[start(first)..];
                let lines: [&mut [f64]; LINES] = std::array::from_fn(|k| {
                    let (line, after) = std::mem::take(&mut rest).split_at_mut(first + k + 1);
                    rest = after;
                    &mut line[..first]
                });
                let mut x: [f64; LINES] = std::array::from_fn(|k| a[first + k]);
                let mut y: [f64; LINES] = std::array::from_fn(|k| r[first + k]);
                for (j, step) in steps.iter().enumerate() {
                    for k in 0..LINES {
                        (lines[k][j], x[k], y[k]) = step.apply(lines[k][j], x[k], y[k]);
                    }
                }
                a[first..last].copy_from_slice(&x);
                r[first..last].copy_from_slice(&y);
            }
            for i in first..last {
                let line = &mut self.rows[start(i)..start(i + 1)];
                let from = if last - first == LINES { first } else { 0 };
                for (l, step) in line[from..i].iter_mut().zip(&steps[from..]) {
                    (*l, a[i], r[i]) = step.apply(*l, a[i], r[i]);
                }
                let (before, longer) = (line[i], line[i].hypot(a[i]));
                let square = (longer - r[i]) * (longer + r[i]);
                if square.is_nan() || square <= CANCELLED * longer * longer {
                    return Err(NotPositiveDefinite { pivot: i });
                }
                let after = square.sqrt();
                line[i] = after;
                let up = (longer / before, a[i] / before);
                let down = (after / longer, r[i] / longer);
                steps.push(Rotations { up, down, inverse: (1.0 / up.0, 1.0 / down.0) });
            }
        }
        Ok(())
    }

    fn forward(&self, b: &mut [f64]) {
        for i in 0..b.len() {
            let row = &self.rows[start(i)..start(i + 1)];
            let (done, rest) = b.split_at_mut(i);
            rest[0] = (rest[0] - kernels::dot(&row[..i], done)) / row[i];
        }
    }

    /// `b ← A_SS⁻¹ b`, in the order of [`index`](Self::index).
    pub(crate) fn solve_in_place(&self, b: &mut [f64]) {
        self.forward(b);
        for i in (0..b.len()).rev() {
            let row = &self.rows[start(i)..start(i + 1)];
            let (before, rest) = b.split_at_mut(i);
            rest[0] /= row[i];
            kernels::axpy(-rest[0], &row[..i], before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A well-conditioned symmetric matrix, column-major.
    fn matrix(p: usize) -> Vec<f64> {
        let mut a = vec![0.0; p * p];
        for i in 0..p {
            for j in 0..p {
                a[i * p + j] = 0.7f64.powi(i.abs_diff(j) as i32) + if i == j { 0.5 } else { 0.0 };
            }
        }
        a
    }

    fn check(factor: &SubsetCholesky, a: &[f64], p: usize, shift: f64) {
        let index = factor.index().to_vec();
        let b: Vec<f64> = index.iter().map(|&i| (i as f64).sin() + 1.0).collect();
        let mut x = b.clone();
        factor.solve_in_place(&mut x);
        for (r, &i) in index.iter().enumerate() {
            let product: f64 = index.iter().zip(&x).map(|(&j, x)| a[i * p + j] * x).sum::<f64>() + shift * x[r];
            assert!((product - b[r]).abs() < 1e-11, "{product} {}", b[r]);
        }
    }

    #[test]
    fn follows_a_set_that_grows_and_shrinks() {
        let p = 60;
        let a = matrix(p);
        let column = |j: usize| &a[j * p..(j + 1) * p];
        for shift in [0.0, 0.25] {
            let mut factor = SubsetCholesky::default();
            let sets: Vec<Vec<usize>> = vec![
                (0..p).step_by(2).collect(),
                (0..p).step_by(2).filter(|j| j % 14 != 0).collect(),
                (0..p).step_by(2).filter(|j| j % 14 != 0).chain([1, 3]).collect(),
                vec![59],
                (0..p).collect(),
                (1..p).collect(),
                (0..p - 1).collect(),
                vec![],
            ];
            for mut set in sets {
                set.sort_unstable();
                factor.follow(&set, column, shift).unwrap();
                let mut sorted = factor.index().to_vec();
                sorted.sort_unstable();
                assert_eq!(sorted, set);
                check(&factor, &a, p, shift);
            }
        }
    }

    #[test]
    fn follows_a_change_of_the_matrix() {
        let p = 61;
        let a = matrix(p);
        let set: Vec<usize> = (0..p).filter(|j| j % 7 != 3).collect();
        let mut factor = SubsetCholesky::default();
        factor.follow(&set, |j| &a[j * p..(j + 1) * p], 0.25).unwrap();
        let up: Vec<f64> = (0..p).map(|i| (i as f64 * 0.7).sin()).collect();
        let down: Vec<f64> = (0..p).map(|i| 0.1 * (i as f64 * 0.3).cos()).collect();
        let of = |v: &[f64], factor: &SubsetCholesky| -> Vec<f64> { factor.index().iter().map(|&i| v[i]).collect() };
        factor.update(of(&up, &factor), of(&down, &factor)).unwrap();
        let mut changed = a.clone();
        for i in 0..p {
            for j in 0..p {
                changed[i * p + j] += up[i] * up[j] - down[i] * down[j];
            }
        }
        check(&factor, &changed, p, 0.25);
        let large = vec![3.0; factor.index().len()];
        assert!(factor.update(vec![0.0; large.len()], large).is_err());
    }

    #[test]
    fn says_when_the_matrix_is_singular_and_starts_anew() {
        let p = 20;
        let mut a = matrix(p);
        for i in 0..p {
            a[19 * p + i] = a[18 * p + i]; // a repeated column
        }
        for i in 0..p {
            a[i * p + 19] = a[i * p + 18];
        }
        let column = |j: usize| &a[j * p..(j + 1) * p];
        let mut factor = SubsetCholesky::default();
        factor.follow(&(0..19).collect::<Vec<_>>(), column, 0.0).unwrap();
        assert!(factor.follow(&(0..20).collect::<Vec<_>>(), column, 0.0).is_err());
        assert_eq!(factor.index(), (0..19).collect::<Vec<_>>());
        check(&factor, &a, p, 0.0);
        factor.clear();
        assert!(factor.follow(&(0..20).collect::<Vec<_>>(), column, 0.0).is_err());
        assert_eq!(factor.index(), (0..19).collect::<Vec<_>>());
        check(&factor, &a, p, 0.0);
        factor.follow(&[3, 19], column, 0.0).unwrap();
        check(&factor, &a, p, 0.0);
        // One that depends on others does not keep those after it out.
        let mut b = matrix(p);
        (0..p).for_each(|i| b[3 * p + i] = b[2 * p + i]);
        (0..p).for_each(|i| b[i * p + 3] = b[i * p + 2]);
        let twins = |j: usize| &b[j * p..(j + 1) * p];
        let mut factor = SubsetCholesky::default();
        factor.follow(&[0, 2], twins, 0.0).unwrap();
        assert!(factor.follow(&[0, 2, 3, 8], twins, 0.0).is_err());
        assert_eq!(factor.index(), [0, 2, 8]);
        check(&factor, &b, p, 0.0);
        let mut factor = SubsetCholesky::default();
        factor.follow(&[3, 19], column, 0.0).unwrap();
        factor.rename(|i| Some(i + 1));
        assert_eq!(factor.index(), [4, 20]);
        factor.rename(|i| (i != 4).then_some(i));
        assert!(factor.index().is_empty());
    }
}
