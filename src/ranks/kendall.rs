//! Kendall's τ_b in O(n log n): discordant pairs are the exchanges of a merge sort (Knight 1966).

/// Buffers for one pair of variables after the other.
#[derive(Debug, Default)]
pub(crate) struct Kendall {
    values: Vec<u32>,
    spare: Vec<u32>,
}

impl Kendall {
    /// `τ_b = (P − Q) / √((n₀ − n₁)(n₀ − n₂))` of the rows that both variables have: P concordant and Q discordant
    /// pairs of n₀, n₁ and n₂ of them tied in x and in y. `order` lists the rows of x from the smallest, `x` and `y` are
    /// dense ranks (`u32::MAX` = missing). Also the number of rows, and whether x and y are constant on them.
    pub(crate) fn tau(&mut self, order: &[u32], x: &[u32], y: &[u32]) -> (f64, usize, [bool; 2]) {
        self.values.clear();
        let pairs = |n: usize| n as u64 * (n as u64).saturating_sub(1) / 2;
        let (mut tied_x, mut tied_both, mut start, mut last) = (0, 0, 0, u32::MAX);
        let mut close = |run: &mut [u32]| {
            run.sort_unstable();
            tied_x += pairs(run.len());
            tied_both += tied(run);
        };
        for &i in order.iter().filter(|&&i| y[i as usize] != u32::MAX) {
            if x[i as usize] != last {
                close(&mut self.values[start..]);
                start = self.values.len();
                last = x[i as usize];
            }
            self.values.push(y[i as usize]);
        }
        close(&mut self.values[start..]);
        let n = self.values.len();
        let discordant = self.exchanges();
        let (all, tied_y) = (pairs(n), tied(&self.values));
        let difference = (all + tied_both) as f64 - (tied_x + tied_y) as f64 - 2.0 * discordant as f64;
        let scale = ((all - tied_x) as f64).sqrt() * ((all - tied_y) as f64).sqrt();
        let tau = (difference / scale).clamp(-1.0, 1.0);
        (tau, n, [tied_x == all, tied_y == all])
    }

    /// Sorts `values`; returns by how many exchanges of neighbours.
    fn exchanges(&mut self) -> u64 {
        /// Runs up to this length are sorted by insertion.
        const RUN: usize = 8;
        let n = self.values.len();
        let mut count = 0;
        for run in self.values.chunks_mut(RUN) {
            for k in 1..run.len() {
                let value = run[k];
                let mut place = k;
                while place > 0 && run[place - 1] > value {
                    run[place] = run[place - 1];
                    place -= 1;
                }
                run[place] = value;
                count += (k - place) as u64;
            }
        }
        self.spare.resize(n, 0);
        let mut width = RUN;
        while width < n {
            for (from, to) in self.values.chunks(2 * width).zip(self.spare.chunks_mut(2 * width)) {
                let (left, right) = from.split_at(width.min(from.len()));
                let (mut a, mut b) = (0, 0);
                for out in to.iter_mut() {
                    if b == right.len() || (a < left.len() && left[a] <= right[b]) {
                        *out = left[a];
                        a += 1;
                    } else {
                        *out = right[b];
                        count += (left.len() - a) as u64;
                        b += 1;
                    }
                }
            }
            std::mem::swap(&mut self.values, &mut self.spare);
            width *= 2;
        }
        count
    }
}

/// Pairs of equal values in a sorted list.
fn tied(sorted: &[u32]) -> u64 {
    sorted.chunk_by(|a, b| a == b).map(|run| run.len() as u64 * (run.len() as u64 - 1) / 2).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::{dense_ranks, order};

    #[test]
    fn counts_what_the_definition_counts() {
        for (n, levels) in [(2, 9), (7, 3), (8, 50), (40, 4), (100, 1000), (129, 20)] {
            let column = |a: usize, b: usize| -> Vec<f64> {
                let value = |i: usize| {
                    if (i * b + a).is_multiple_of(11) { f64::NAN } else { ((i * i * a + i * b) % levels) as f64 }
                };
                (0..n).map(value).collect()
            };
            let (x, y) = (column(7919, 104_729), column(31, 1_299_709));
            let (mut balance, mut untied) = (0.0f64, [0.0f64; 2]);
            for i in 0..n {
                for j in 0..i {
                    let (dx, dy) = (x[i] - x[j], y[i] - y[j]);
                    if !dx.is_nan() && !dy.is_nan() {
                        balance += if dx * dy == 0.0 { 0.0 } else { (dx * dy).signum() };
                        untied[0] += f64::from(dx != 0.0);
                        untied[1] += f64::from(dy != 0.0);
                    }
                }
            }
            let order_x = order(&x);
            let ranks = [dense_ranks(&x, &order_x), dense_ranks(&y, &order(&y))];
            let (tau, common, constant) = Kendall::default().tau(&order_x, &ranks[0], &ranks[1]);
            assert_eq!(common, (0..n).filter(|&i| !x[i].is_nan() && !y[i].is_nan()).count());
            assert_eq!(constant, [untied[0] == 0.0, untied[1] == 0.0]);
            if !constant[0] && !constant[1] {
                let expected = balance / (untied[0] * untied[1]).sqrt();
                assert!((tau - expected).abs() < 1e-14, "{n}: {tau} {expected}");
            }
        }
    }
}
