//! Ranks, and what is computed from them: nothing here changes when a variable is transformed by an increasing function.

mod kendall;
mod normal_quantile;

pub(crate) use kendall::Kendall;
pub(crate) use normal_quantile::normal_quantile;

/// The rows of a column from the smallest value to the largest; NaN are left out.
pub(crate) fn order(column: &[f64]) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..column.len() as u32).filter(|&i| !column[i as usize].is_nan()).collect();
    rows.sort_unstable_by(|&a, &b| column[a as usize].total_cmp(&column[b as usize]).then(a.cmp(&b)));
    rows
}

/// Dense ranks: equal values get equal numbers 0, 1, 2, … in order; `u32::MAX` where a value is missing. −0 equals 0.
pub(crate) fn dense_ranks(column: &[f64], order: &[u32]) -> Vec<u32> {
    let mut ranks = vec![u32::MAX; column.len()];
    let mut rank = 0;
    for (k, &i) in order.iter().enumerate() {
        if k > 0 && column[i as usize] != column[order[k - 1] as usize] {
            rank += 1;
        }
        ranks[i as usize] = rank;
    }
    ranks
}

/// Writes the average ranks (1 = smallest; ties share the mean of their places) of those rows of `order` that `keep`
/// accepts into `out`; other places stay as they are. Returns how many there are, and whether all are tied.
pub(crate) fn average_ranks(
    order: &[u32],
    dense: &[u32],
    keep: impl Fn(u32) -> bool,
    out: &mut [f64],
) -> (usize, bool) {
    let mut run: Vec<u32> = Vec::new();
    let mut before = 0;
    let mut runs = 0;
    let mut close = |run: &mut Vec<u32>| {
        if !run.is_empty() {
            let rank = before as f64 + 0.5 * (run.len() + 1) as f64;
            run.iter().for_each(|&i| out[i as usize] = rank);
            before += run.len();
            runs += 1;
            run.clear();
        }
    };
    for &i in order.iter().filter(|&&i| keep(i)) {
        if run.first().is_some_and(|&first| dense[first as usize] != dense[i as usize]) {
            close(&mut run);
        }
        run.push(i);
    }
    close(&mut run);
    (before, runs <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_places_and_missing_values_have_none() {
        let x = [3.0, 1.0, f64::NAN, 3.0, -0.0, 0.0, 9.0];
        let order = order(&x);
        let dense = dense_ranks(&x, &order);
        assert_eq!(dense, [2, 1, u32::MAX, 2, 0, 0, 3]);
        let mut ranks = [0.0; 7];
        assert_eq!(average_ranks(&order, &dense, |_| true, &mut ranks), (6, false));
        assert_eq!(ranks, [4.5, 3.0, 0.0, 4.5, 1.5, 1.5, 6.0]);
        let mut some = [0.0; 7];
        assert_eq!(average_ranks(&order, &dense, |i| i == 0 || i == 3, &mut some), (2, true));
        assert_eq!(some, [1.5, 0.0, 0.0, 1.5, 0.0, 0.0, 0.0]);
    }
}
