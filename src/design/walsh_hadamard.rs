//! The Walsh–Hadamard matrix: interactions of two-valued variables of any order.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::{Design, LinearOperator, Moments, by_columns, responses};
use crate::error::{Error, Result};

/// Largest number of sites: 2²⁶ values are half a gigabyte.
const MOST_SITES: usize = 26;

/// Rows and columns of the Walsh–Hadamard matrix `H_ij = (−1)^{popcount(i & j)}` of order 2^m, for m `sites` with two states
/// each.
///
/// A row is a genotype: bit s of i is the state of site s. A column is a set of sites, bit by bit; its entry is the product of
/// the signs ±1 of these sites, so columns with two bits are pairwise interactions and column 0 is the constant. With all
/// 2^m genotypes the columns are orthogonal: `H² = 2^m I`.
///
/// A pass is a fast transform, m·2^m additions, unless single columns are cheaper; products of columns are looked up,
/// as `x_a ∘ x_b = x_{a ⊕ b}`: all of them are in one transform of the weights of the rows.
///
/// ```
/// use sparsereg::design::{LinearOperator, WalshHadamard};
/// // three sites, all eight genotypes, interactions of up to two sites
/// let x = WalshHadamard::up_to_order(3, (0..8).collect(), 2)?;
/// assert_eq!(x.sets(), [0b001, 0b010, 0b100, 0b011, 0b101, 0b110]);
/// let y = [0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 4.0]; // sites 0 and 1 together
/// let mut w = [0.0; 6];
/// x.transpose_apply(&y, &mut w);
/// assert_eq!(w.map(|w| w / 8.0), [-1.0, -1.0, 0.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct WalshHadamard {
    sites: usize,
    rows: Vec<u32>,
    sets: Arc<[u32]>,
    /// `Σ_i x_ij` for all 2^m sets j.
    sums: OnceLock<Arc<[f64]>>,
}

impl WalshHadamard {
    /// The genotypes `rows` (repeats allowed) and the columns `sets`.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows or sets, [`Error::OutOfRange`] for no sites or more than 26, [`Error::Index`] for a
    /// genotype or set that does not exist.
    pub fn new(sites: usize, rows: Vec<usize>, sets: Vec<usize>) -> Result<Self> {
        if sites == 0 || sites > MOST_SITES {
            let expected = "1 to 26";
            return Err(Error::OutOfRange { argument: "sites", index: vec![], value: sites as f64, expected });
        }
        let narrow = |argument: &'static str, list: Vec<usize>| -> Result<Vec<u32>> {
            if list.is_empty() {
                return Err(Error::Empty { argument });
            }
            match list.iter().position(|&i| i >= 1 << sites) {
                Some(position) => Err(Error::Index { argument, position, index: list[position], len: 1 << sites }),
                None => Ok(list.into_iter().map(|i| i as u32).collect()),
            }
        };
        Ok(Self { sites, rows: narrow("rows", rows)?, sets: narrow("sets", sets)?.into(), sums: OnceLock::new() })
    }

    /// The genotypes `rows` and all sets of 1 to `order` sites, small ones first. The constant is not among them: it is the
    /// intercept.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::OutOfRange`] for order 0.
    pub fn up_to_order(sites: usize, rows: Vec<usize>, order: usize) -> Result<Self> {
        if order == 0 {
            return Err(Error::OutOfRange { argument: "order", index: vec![], value: 0.0, expected: "1, 2, …" });
        }
        let mut sets: Vec<usize> = (1..1usize << sites.min(MOST_SITES)).collect();
        sets.retain(|set| set.count_ones() as usize <= order);
        sets.sort_by_key(|set| (set.count_ones(), *set));
        Self::new(sites, rows, sets)
    }

    /// The same columns for other genotypes: what [`predict`](crate::estimator::LinearModel::predict) takes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// ```
    /// use sparsereg::design::{LinearOperator, WalshHadamard};
    /// let x = WalshHadamard::up_to_order(3, vec![0, 3, 5], 2)?;
    /// assert_eq!(x.on(vec![1, 2])?.ncols(), x.ncols());
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn on(&self, rows: Vec<usize>) -> Result<Self> {
        let Self { rows, .. } = Self::new(self.sites, rows, vec![0])?;
        Ok(Self { sites: self.sites, rows, sets: Arc::clone(&self.sets), sums: OnceLock::new() })
    }

    /// The set of sites of each column.
    pub fn sets(&self) -> &[u32] {
        &self.sets
    }

    /// `1`, `2·5`: the sites of each column, counted from 0 and named by `sites`.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is a name for each site.
    ///
    /// ```
    /// use sparsereg::design::WalshHadamard;
    /// let x = WalshHadamard::up_to_order(2, vec![0], 2)?;
    /// assert_eq!(x.names(&["A12V", "K30R"])?, ["A12V", "K30R", "A12V·K30R"]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn names<S: AsRef<str>>(&self, sites: &[S]) -> Result<Vec<String>> {
        crate::error::check_length("sites", self.sites, sites.len())?;
        let name = |set: &u32| match set {
            0 => "1".to_owned(),
            set => {
                let factors = (0..self.sites).filter(|s| set >> s & 1 == 1).map(|s| sites[s].as_ref());
                factors.collect::<Vec<_>>().join("·")
            }
        };
        Ok(self.sets.iter().map(name).collect())
    }

    /// The transform of values at the rows, those of repeated rows added.
    fn spectrum(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut all = vec![0.0; 1 << self.sites];
        self.rows.iter().zip(values).for_each(|(&i, v)| all[i as usize] += v);
        transform(&mut all);
        all
    }

    fn sums(&self) -> &[f64] {
        self.sums.get_or_init(|| self.spectrum(std::iter::repeat(1.0)).into())
    }

    /// Whether a transform costs less than so many single columns.
    fn transform_pays(&self, columns: usize) -> bool {
        columns * self.rows.len() > self.sites << self.sites
    }

    fn entry(&self, row: u32, set: u32) -> f64 {
        f64::from(1 - 2 * ((row & set).count_ones() & 1) as i32)
    }

    fn products(&self, spectrum: &[f64], rows: &[usize], cols: &[usize], out: &mut [f64]) {
        for (&b, out) in cols.iter().zip(out.chunks_exact_mut(rows.len().max(1))) {
            for (&a, out) in rows.iter().zip(out) {
                *out = spectrum[(self.sets[a] ^ self.sets[b]) as usize];
            }
        }
    }
}

/// `v ← H v`, in place, by the butterflies of Fino & Algazi (1976).
fn transform(v: &mut [f64]) {
    let mut half = 1;
    while half < v.len() {
        for block in v.chunks_exact_mut(2 * half) {
            let (a, b) = block.split_at_mut(half);
            for (a, b) in a.iter_mut().zip(b) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

impl LinearOperator for WalshHadamard {
    fn nrows(&self) -> usize {
        self.rows.len()
    }

    fn ncols(&self) -> usize {
        self.sets.len()
    }

    fn sq_norms(&self) -> Option<Vec<f64>> {
        Some(vec![self.nrows() as f64; self.ncols()])
    }

    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        let (n, q) = (self.nrows(), responses(eta, self.nrows()));
        let used = w.chunks_exact(q.max(1)).filter(|w| w.iter().any(|&w| w != 0.0)).count();
        if !self.transform_pays(used) {
            return super::apply_by_columns(self, w, eta);
        }
        let mut all = vec![0.0; 1 << self.sites];
        for (t, eta) in eta.chunks_exact_mut(n).enumerate() {
            all.fill(0.0);
            self.sets.iter().enumerate().for_each(|(j, &set)| all[set as usize] += w[j * q + t]);
            transform(&mut all);
            eta.iter_mut().zip(&self.rows).for_each(|(e, &i)| *e = all[i as usize]);
        }
    }

    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.dot(0..self.ncols(), r, out);
    }
}

impl Design for WalshHadamard {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let (n, q) = (self.nrows(), responses(r, self.nrows()));
        if !self.transform_pays(cols.len()) {
            return by_columns::dot(self, cols, r, out);
        }
        for (t, r) in r.chunks_exact(n).enumerate() {
            let spectrum = self.spectrum(r.iter().copied());
            let sets = &self.sets[cols.clone()];
            sets.iter().zip(out.chunks_exact_mut(q)).for_each(|(&set, out)| out[t] = spectrum[set as usize]);
        }
    }

    fn dot_scattered(&self, cols: &[usize], r: &[f64], out: &mut [f64]) {
        let (n, q) = (self.nrows(), responses(r, self.nrows()).max(1));
        if !self.transform_pays(cols.len()) {
            cols.iter().zip(out.chunks_exact_mut(q)).for_each(|(&j, out)| by_columns::dot(self, j..j + 1, r, out));
            return;
        }
        for (t, r) in r.chunks_exact(n).enumerate() {
            let spectrum = self.spectrum(r.iter().copied());
            cols.iter().zip(out.chunks_exact_mut(q)).for_each(|(&j, out)| out[t] = spectrum[self.sets[j] as usize]);
        }
    }

    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        by_columns::axpy(self, cols, delta, eta);
    }

    fn sq_norm(&self, _col: usize) -> f64 {
        self.nrows() as f64
    }

    fn column_sum(&self, col: usize) -> f64 {
        self.sums()[self.sets[col] as usize]
    }

    fn centred_sq_norm(&self, col: usize, centre: f64) -> f64 {
        let (n, sum) = (self.nrows() as f64, self.column_sum(col));
        let (plus, minus) = ((n + sum) / 2.0, (n - sum) / 2.0);
        plus * (1.0 - centre) * (1.0 - centre) + minus * (1.0 + centre) * (1.0 + centre)
    }

    fn means_and_deviations(&self, weights: Option<&[f64]>) -> Option<Vec<(f64, f64)>> {
        let n = self.nrows() as f64;
        let Some(weights) = weights else {
            let means = (0..self.ncols()).map(|j| self.column_sum(j) / n);
            return Some(means.enumerate().map(|(j, mean)| (mean, self.centred_sq_norm(j, mean))).collect());
        };
        let spectrum = self.spectrum(weights.iter().copied());
        let of = |(j, &set): (usize, &u32)| {
            let mean = spectrum[set as usize] / n;
            if mean.abs() < 0.999 {
                return (mean, n * (1.0 - mean * mean));
            }
            let mut x = vec![0.0; self.nrows()];
            self.column(j, &mut x);
            let Moments { mean, deviation } = Moments::of(&x, Some(weights));
            (mean, deviation)
        };
        Some(self.sets.iter().enumerate().map(of).collect())
    }

    fn column(&self, col: usize, out: &mut [f64]) {
        let set = self.sets[col];
        out.iter_mut().zip(&self.rows).for_each(|(o, &i)| *o = self.entry(i, set));
    }

    fn prefers_gather(&self) -> bool {
        true
    }

    fn reads_columns(&self) -> bool {
        true
    }

    fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        self.products(self.sums(), rows, cols, out);
    }

    fn weighted_gram(&self, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
        self.products(&self.spectrum(h.iter().copied()), cols, others, out);
    }

    fn copy_block(&self, rows: Range<usize>, cols: &[usize], out: &mut [f64]) -> bool {
        for (&j, out) in cols.iter().zip(out.chunks_exact_mut(rows.len().max(1))) {
            let set = self.sets[j];
            out.iter_mut().zip(&self.rows[rows.clone()]).for_each(|(o, &i)| *o = self.entry(i, set));
        }
        true
    }

    fn select_rows(&self, rows: &[usize]) -> Option<Box<dyn Design + '_>> {
        let rows = rows.iter().map(|&i| self.rows[i]).collect();
        Some(Box::new(Self { sites: self.sites, rows, sets: Arc::clone(&self.sets), sums: OnceLock::new() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_the_definition_and_its_own_inverse() {
        for sites in 1..8 {
            let size = 1 << sites;
            let v: Vec<f64> = (0..size).map(|i| ((i * i * 7 + 3 * i) % 11) as f64 - 5.0).collect();
            let mut found = v.clone();
            transform(&mut found);
            for (i, found) in found.iter().enumerate() {
                let sign = |j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
                assert_eq!(*found, v.iter().enumerate().map(|(j, v)| sign(j) * v).sum::<f64>());
            }
            transform(&mut found);
            assert!(found.iter().zip(&v).all(|(a, b)| *a == size as f64 * b));
        }
    }

    #[test]
    fn genotypes_and_sets_that_do_not_exist_are_refused() {
        let x = |sites, rows: &[usize], sets: &[usize]| WalshHadamard::new(sites, rows.to_vec(), sets.to_vec());
        assert!(matches!(x(0, &[0], &[0]), Err(Error::OutOfRange { argument: "sites", .. })));
        assert!(matches!(x(64, &[0], &[0]), Err(Error::OutOfRange { argument: "sites", .. })));
        assert!(matches!(x(2, &[0, 4], &[0]), Err(Error::Index { argument: "rows", position: 1, index: 4, len: 4 })));
        assert!(matches!(x(2, &[0], &[9]), Err(Error::Index { argument: "sets", .. })));
        assert!(matches!(x(2, &[], &[0]), Err(Error::Empty { argument: "rows" })));
        assert!(WalshHadamard::up_to_order(3, vec![0], 0).is_err());
        assert!(WalshHadamard::up_to_order(99, vec![0], 1).is_err());
    }
}
