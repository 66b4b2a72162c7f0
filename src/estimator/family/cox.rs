//! Survival times.

use ndarray::{Array2, ArrayView1, ArrayView2, Ix1, Ix2};

use crate::error::{Error, Result, check_length};
use crate::estimator::Scoring;
use crate::estimator::family::{Family, Responses, Shapes};
use crate::loss::{self, Loss, Ties};

/// Cox's proportional hazards: F is the mean negative logarithm of the partial likelihood, that of those at risk the observed
/// ones have their events. y is n×2, time and status (1 event, 0 censored), or n×3, start, stop and status: at risk in
/// `(start, stop]`. There is no intercept; predictions are relative risks `e^η`.
///
/// Errors of its own: y without two or three columns, a status that is not 0 or 1, an interval that ends before it starts,
/// no event, not one stratum for each row.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [1.5, 0.5]];
/// let y = array![[9.0, 1.0], [6.0, 1.0], [4.0, 1.0], [2.0, 1.0], [5.0, 0.0]];
/// let model = CoxLasso::new(0.05).fit(&x, &y)?;
/// assert_eq!((model.support(), model.intercept()), (vec![0], 0.0));
/// assert!(model.predict(&x)?[3] > model.predict(&x)?[0]);
/// assert_eq!(model.score(&x, &y)?, 1.0); // all pairs in the right order
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cox {
    ties: Ties,
    strata: Option<Vec<usize>>,
}

impl Cox {
    /// What is made of events at the same time (default: [`Ties::default`]).
    pub fn ties(mut self, ties: Ties) -> Self {
        self.ties = ties;
        self
    }

    /// The stratum of every observation of the fit: each has a baseline hazard of its own, and observations are compared
    /// within it. Other observations are scored with theirs: [`with_strata`](crate::estimator::GlmModel::with_strata).
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
    /// let y = array![[2.0, 1.0], [1.0, 1.0], [20.0, 1.0], [10.0, 1.0]];
    /// let family = Cox::default().strata(vec![0, 0, 1, 1]);
    /// assert_eq!(Lasso::new(0.01).loss(family).fit(&x, &y)?.score(&x, &y)?, 1.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn strata(mut self, strata: impl Into<Vec<usize>>) -> Self {
        self.strata = Some(strata.into());
        self
    }
}

/// Start, stop and status.
struct Times {
    start: Option<Vec<f64>>,
    stop: Vec<f64>,
    status: Vec<f64>,
}

fn times(data: &Responses<'_>) -> Result<Times> {
    let columns = data.y.ncols();
    if columns != 2 && columns != 3 {
        return Err(Error::Length { argument: "y columns", expected: 2, found: columns });
    }
    let column = |t: usize| data.y.column(t).to_vec();
    let status = column(columns - 1);
    if let Some(i) = status.iter().position(|s| *s != 0.0 && *s != 1.0) {
        return Err(data.out_of_range((i, columns - 1), "0 (censored) or 1 (event)"));
    }
    let stop = column(columns - 2);
    let start = (columns == 3).then(|| column(0));
    if let Some(i) = start.iter().flatten().zip(&stop).position(|(a, b)| a >= b) {
        return Err(data.out_of_range((i, 0), "a start before the stop"));
    }
    Ok(Times { start, stop, status })
}

impl Family for Cox {
    fn name(&self) -> &'static str {
        "Cox"
    }

    fn has_intercept(&self) -> bool {
        false
    }

    fn select(&self, rows: &[usize]) -> Self {
        let pick = |strata: &Vec<usize>| rows.iter().filter_map(|&i| strata.get(i).copied()).collect();
        Self { ties: self.ties, strata: self.strata.as_ref().map(pick) }
    }

    fn width(&self, _columns: usize, _classes: &[Vec<f64>]) -> usize {
        1
    }

    fn learn(&self, data: &Responses<'_>, _intercept: bool) -> Result<Vec<Vec<f64>>> {
        let status = times(data)?.status;
        if !status.iter().enumerate().any(|(i, s)| *s == 1.0 && data.counts(i)) {
            let (index, expected) = (vec![data.y.ncols() - 1], "at least one event");
            return Err(Error::OutOfRange { argument: "y", index, value: 0.0, expected });
        }
        Ok(Vec::new())
    }

    fn loss(&self, data: &Responses<'_>, _classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
        let Times { start, stop, status } = times(data)?;
        let mut loss = loss::Cox::new(&stop, &status)?.with_ties(self.ties);
        if let Some(start) = start {
            loss = loss.with_start(&start)?;
        }
        if let Some(strata) = &self.strata {
            loss = loss.with_strata(strata)?;
        }
        if let Some(weights) = data.weights {
            loss = loss.with_weights(weights)?;
        }
        if let Some(offset) = data.offset {
            loss = loss.with_offset(offset.to_vec())?;
        }
        Ok(Box::new(loss))
    }

    fn predict(&self, eta: Array2<f64>, _classes: &[Vec<f64>]) -> Array2<f64> {
        eta.mapv_into(f64::exp)
    }

    fn supports(&self, scoring: Scoring) -> bool {
        matches!(scoring, Scoring::Deviance | Scoring::Concordance)
    }

    /// Of the pairs of an event and an observation at risk then that goes on longer, the share with the larger η for the
    /// event; ties of η count half.
    fn concordance(&self, data: &Responses<'_>, eta: ArrayView2<'_, f64>) -> Result<f64> {
        let times = times(data)?;
        let eta = eta.column(0);
        let n = times.stop.len();
        let strata = self.strata.as_deref();
        check_length("strata", n, strata.map_or(n, <[usize]>::len))?;
        let mut order: Vec<usize> = (0..n).filter(|&i| data.counts(i)).collect();
        let stratum = |i: usize| strata.map_or(0, |s| s[i]);
        order.sort_by_key(|&i| stratum(i));
        let (mut right, mut all) = (0.0, 0.0);
        for rows in order.chunk_by(|&a, &b| stratum(a) == stratum(b)) {
            let pairs = pairs(&times, eta, data.weights, rows.to_vec());
            right += pairs.0;
            all += pairs.1;
        }
        if all <= 0.0 {
            let reason = "no two observations whose times can be compared";
            return Err(Error::IllPosed { reason: reason.into() });
        }
        Ok(right / all)
    }
}

/// The weight of the comparable pairs in the right order, and of all of them.
fn pairs(times: &Times, eta: ArrayView1<'_, f64>, weights: Option<&[f64]>, mut by_eta: Vec<usize>) -> (f64, f64) {
    let Times { start, stop, status } = times;
    let weight = |i: usize| weights.map_or(1.0, |s| s[i]);
    let mut by_stop = by_eta.clone();
    by_eta.sort_by(|&a, &b| eta[a].total_cmp(&eta[b]));
    let mut rank = vec![0; stop.len()];
    let mut last = 0;
    for pair in by_eta.windows(2) {
        last += usize::from(eta[pair[0]] != eta[pair[1]]);
        rank[pair[1]] = last;
    }
    // From the last time to the first; who is censored at a time is at risk at it, and goes on longer.
    by_stop.sort_by(|&a, &b| stop[b].total_cmp(&stop[a]).then(status[a].total_cmp(&status[b])));
    let mut by_start: Vec<usize> = if start.is_some() { by_stop.clone() } else { Vec::new() };
    if let Some(start) = start {
        by_start.sort_by(|&a, &b| start[b].total_cmp(&start[a]));
    }
    let mut at_risk = Sums::new(last + 1);
    let (mut entered, mut all, mut right) = (0, 0.0, 0.0);
    let mut rest = &by_stop[..];
    while let Some(&first) = rest.first() {
        let (time, event) = (stop[first], status[first]);
        let same = rest.iter().take_while(|&&i| stop[i] == time && status[i] == event).count();
        if event == 1.0 {
            if let Some(start) = start {
                while entered < by_start.len() && start[by_start[entered]] >= time {
                    let i = by_start[entered];
                    at_risk.add(rank[i], -weight(i));
                    entered += 1;
                }
            }
            for &i in &rest[..same] {
                let (below, upto) = (at_risk.below(rank[i]), at_risk.below(rank[i] + 1));
                all += weight(i) * at_risk.below(last + 1);
                right += weight(i) * 0.5 * (below + upto);
            }
        }
        rest[..same].iter().for_each(|&i| at_risk.add(rank[i], weight(i)));
        rest = &rest[same..];
    }
    (right, all)
}

impl Shapes<Ix1> for Cox {
    type Response = Ix2;
    type Eta = Ix1;
    type Prediction = Ix1;
}

/// Sums over the first of some numbers that change (Fenwick 1994).
struct Sums(Vec<f64>);

impl Sums {
    fn new(len: usize) -> Self {
        Self(vec![0.0; len + 1])
    }

    fn add(&mut self, place: usize, value: f64) {
        let mut k = place + 1;
        while k < self.0.len() {
            self.0[k] += value;
            k += k & k.wrapping_neg();
        }
    }

    /// The sum over places < `end`.
    fn below(&self, end: usize) -> f64 {
        let (mut k, mut sum) = (end, 0.0);
        while k > 0 {
            sum += self.0[k];
            k &= k - 1;
        }
        sum
    }
}
