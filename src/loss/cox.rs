//! Cox's partial likelihood: F is the mean negative log probability that, of those at risk, the observed ones have events.
//!
//! # The sum over event sets
//!
//! Let e run over the times with events (in each stratum), `D_e` be the deaths there, m in number and with weights that sum
//! to d, and `R_e ⊇ D_e` those at risk. Time e contributes terms k with a share w of d and positive numbers `a_kj`:
//!
//! ```text
//! n F(η) = Σ_e [ Σ_k w log S_k − Σ_{i∈D_e} s_i η_i ],   S_k = Σ_{j∈R_e} a_kj e^{η_j}
//! Breslow: one term, w = d, a_j = s_j          Efron: k = 0 … m−1, w = d/m, a_kj = s_j (1 − k/m for deaths)
//! ```
//!
//! With `π_k = a_k e^η / S_k`, a distribution on `R_e`, the gradient is `n∇F = Σ_k w π_k − c`, c being `s_i` for deaths and 0
//! for others, and the Hessian `Σ_k w (diag π_k − π_k π_kᵀ)/n`. All sums over risk sets are cumulative sums over time; those
//! who enter late are added to the O(log n) nodes of a tree over the event times that make up their stay, as subtracting
//! them when they leave again would leave nothing but rounding where they were the largest.
//!
//! # The certificate
//!
//! `log S_k` is the largest `⟨v, η⟩ − Σ_j v_j log(v_j/a_kj)` over distributions v on `R_e`, so that
//!
//! ```text
//! n F*(u) = min { Σ w Σ_j v_kj log(v_kj/a_kj) : v_k distributions on R_e,  Σ w v_k = n u + c }
//! ```
//!
//! There is no formula for it, but every choice of v is an upper bound of F*, which is all that a certificate needs, and makes
//! `F + F* − ⟨u, η⟩` at most `Σ w KL(v_k ‖ π_k)/n`. For `u = s∇F(η)` with s in [0, 1], the points that a solver scales,
//! `Σ w v_k` has to be `s Σ w π_k + (1 − s)c`. Outside of `D_e` take `v_k = s π_k`; on `D_e`, where `π_k = p_k θ` with a θ that is
//! the same for all k, take `v_k = q_k φ` with `q_k = s p_k + 1 − s` and, for κ = s_i/d,
//!
//! ```text
//! φ = (s P θ + m(1 − s) κ) / Q,   P = Σ_k p_k,   Q = Σ_k q_k
//! KL(v_k ‖ π_k) = (1 − p_k) s log s + q_k log(q_k/p_k) + q_k KL(φ ‖ θ)
//! ```

use crate::error::{Error, Result, check_finite, check_length, check_weights};
use crate::loss::wide::Wide;
use crate::loss::{Hessian, Loss, divergence, divergence_from};

/// What to make of events at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ties {
    /// All are drawn from the full risk set (Breslow 1974).
    Breslow,
    /// One after the other: in draw k of m, the dead count for 1 − k/m (Efron 1977). R's default, and the better one.
    #[default]
    Efron,
}

/// `F(η) = 1/n Σ_e [ Σ_k w log Σ_{j at risk} a_kj e^{η_j} − Σ_{i dead} s_i η_i ]`, the negative log partial likelihood (Cox 1972)
/// over the number n of rows, as R's `survival` defines it with ties, strata, late entries, weights and offsets. A
/// prediction is a log hazard; adding a number to all of a stratum changes nothing, so there is no intercept.
///
/// **The certificate is for multiples s∇F(η), s in [0, 1]**: there is no formula for F*, but a bound of it at these points, on
/// which [`fenchel_young`](Loss::fenchel_young) rests: it is 0 at ∇F(η), and never too small. At other points (further off
/// than 1e-9 of the gradient's norm) it is ∞, which is no certificate.
///
/// ```
/// use sparsereg::loss::{Cox, Loss};
/// // Events at 1 and 3, the second row is censored at 2.
/// let loss = Cox::new(&[1.0, 2.0, 3.0], &[1.0, 0.0, 1.0])?;
/// assert!((loss.value(&[0.0; 3]) - 3f64.ln() / 3.0).abs() < 1e-15);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cox {
    start: Option<Vec<f64>>,
    stop: Vec<f64>,
    dead: Vec<bool>,
    strata: Option<Vec<usize>>,
    weights: Vec<f64>,
    offset: Option<Vec<f64>>,
    ties: Ties,
    sets: RiskSets,
}

impl Cox {
    /// Row i is at risk until `time[i]`, where it has its event (`status[i]` = 1) or is last seen (0). Ties are Efron's.
    ///
    /// # Errors
    /// If lengths differ, a time is not finite, a status is neither 0 nor 1, or there is no event.
    pub fn new(time: &[f64], status: &[f64]) -> Result<Self> {
        check_length("status", time.len(), status.len())?;
        check_finite("time", time)?;
        if let Some(i) = status.iter().position(|&s| s != 0.0 && s != 1.0) {
            let expected = "0 (censored) or 1 (event)";
            return Err(Error::OutOfRange { argument: "status", index: vec![i], value: status[i], expected });
        }
        Self {
            start: None,
            stop: time.to_vec(),
            dead: status.iter().map(|&s| s == 1.0).collect(),
            strata: None,
            weights: vec![1.0; time.len()],
            offset: None,
            ties: Ties::default(),
            sets: RiskSets::default(),
        }
        .sorted()
    }

    /// Late entries: row i is at risk in `(start[i], time[i]]`; −∞ is from the beginning.
    ///
    /// # Errors
    /// If there is not one for each row, or one is NaN or not before the end.
    pub fn with_start(mut self, start: &[f64]) -> Result<Self> {
        check_length("start", self.stop.len(), start.len())?;
        if let Some(i) = start.iter().zip(&self.stop).position(|(a, b)| a.is_nan() || a >= b) {
            let expected = "a number below the time of the row";
            return Err(Error::OutOfRange { argument: "start", index: vec![i], value: start[i], expected });
        }
        self.start = Some(start.to_vec());
        self.sorted()
    }

    /// Strata, any numbers: nobody is at risk for an event in another stratum.
    ///
    /// # Errors
    /// If there is not one for each row.
    pub fn with_strata(mut self, strata: &[usize]) -> Result<Self> {
        check_length("strata", self.stop.len(), strata.len())?;
        self.strata = Some(strata.to_vec());
        self.sorted()
    }

    /// Weights s_i ≥ 0, one per row, taken as they are. Under Efron's ties all draws have the mean weight of the dead.
    ///
    /// # Errors
    /// If there is not one for each row, one is not a finite number ≥ 0, or no event has a weight.
    pub fn with_weights(mut self, weights: &[f64]) -> Result<Self> {
        check_length("weights", self.stop.len(), weights.len())?;
        check_weights("weights", weights, false)?;
        self.weights = weights.to_vec();
        self.sorted()
    }

    /// Offsets o: known parts of the prediction.
    ///
    /// # Errors
    /// If there is not one for each row, or one is not finite.
    pub fn with_offset(mut self, offset: Vec<f64>) -> Result<Self> {
        check_length("offset", self.stop.len(), offset.len())?;
        check_finite("offset", &offset)?;
        self.offset = Some(offset);
        Ok(self)
    }

    /// What to make of events at the same time.
    pub fn with_ties(mut self, ties: Ties) -> Self {
        self.ties = ties;
        self
    }

    /// With the risk sets of what it has come to hold.
    fn sorted(mut self) -> Result<Self> {
        self.sets = RiskSets::new(&self)?;
        Ok(self)
    }

    fn stratum(&self, i: usize) -> usize {
        self.strata.as_ref().map_or(0, |s| s[i])
    }

    fn prediction(&self, eta: &[f64], i: usize) -> f64 {
        eta[i] + self.offset.as_ref().map_or(0.0, |o| o[i])
    }

    /// The terms of an event time: their common share w, and the factors of the dead.
    fn terms(&self, event: &Event) -> (f64, impl Iterator<Item = f64> + use<>) {
        let m = match self.ties {
            Ties::Breslow => 1,
            Ties::Efron => event.deaths,
        };
        (event.weight / m as f64, (0..m).map(move |k| (m - k) as f64 / m as f64))
    }

    /// `s_j e^{η_j}` and their sums.
    fn sums(&self, eta: &[f64]) -> Sums {
        let row = |i| if self.weights[i] == 0.0 { Wide::ZERO } else { self.power(eta, i) * self.weights[i] };
        let power: Vec<Wide> = (0..eta.len()).map(row).collect();
        let (rest, dead) = self.sets.over_rows(|i| power[i]);
        Sums { power, rest, dead }
    }

    fn power(&self, eta: &[f64], i: usize) -> Wide {
        Wide::exp(self.prediction(eta, i))
    }

    /// For each event time: the sum over its terms of w·f(time, factor of the dead, S_k), and the same with each term
    /// times the factor of the dead.
    fn rates(&self, sums: &Sums, mut f: impl FnMut(usize, f64, Wide) -> Wide) -> (Vec<Wide>, Vec<Wide>) {
        let none = vec![Wide::ZERO; self.sets.events.len()];
        let (mut rest, mut dead) = (none.clone(), none);
        for (g, event) in self.sets.events.iter().enumerate() {
            let (w, factors) = self.terms(event);
            for factor in factors {
                let all = sums.rest[g] + sums.dead[g] * factor;
                let term = f(g, factor, all) * w;
                rest[g] = rest[g] + term;
                dead[g] = dead[g] + term * factor;
            }
        }
        (rest, dead)
    }

    /// n times the share of row i in all events: `Σ w π_ki`.
    fn expected(&self, sums: &Sums) -> Vec<f64> {
        let one = Wide::from(1.0);
        let (rest, dead) = self.rates(sums, |_, _, all| one.over(all));
        let rates = self.sets.over_events(&rest, &dead);
        rates.into_iter().zip(&sums.power).map(|(rate, power)| (rate * *power).get()).collect()
    }

    /// The s in [0, 1] with `u = s∇F(η)`, if there is one.
    fn multiple(&self, eta: &[f64], u: &[f64]) -> Option<f64> {
        let mut gradient = vec![0.0; eta.len()];
        self.gradient(eta, &mut gradient);
        let largest = gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
        if largest == 0.0 {
            return u.iter().all(|&u| u == 0.0).then_some(1.0);
        }
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a / largest) * (b / largest)).sum::<f64>();
        let square = dot(&gradient, &gradient);
        let s = dot(&gradient, u) / square;
        let off: f64 = u.iter().zip(&gradient).map(|(u, g)| (u - s * g) / largest).map(|d| d * d).sum();
        let near = off <= 1e-18 * square && (-1e-9..=1.0 + 1e-9).contains(&s);
        near.then(|| s.clamp(0.0, 1.0))
    }
}

impl Loss for Cox {
    fn len(&self) -> usize {
        self.stop.len()
    }

    fn nrows(&self) -> usize {
        self.stop.len()
    }

    fn value(&self, eta: &[f64]) -> f64 {
        let sums = self.sums(eta);
        // Relative to the largest prediction of the dead: Σ s_i (top − η_i) + Σ_k w log(S_k e^−top), nothing cancels.
        let mut top = vec![f64::NEG_INFINITY; self.sets.events.len()];
        let deaths = || self.sets.rows.iter().enumerate().filter_map(|(i, row)| row.death.map(|g| (i, g)));
        deaths().for_each(|(i, g)| top[g] = top[g].max(self.prediction(eta, i)));
        let below: f64 = deaths().map(|(i, g)| self.weights[i] * (top[g] - self.prediction(eta, i))).sum();
        let mut sum = below;
        for (g, event) in self.sets.events.iter().enumerate() {
            let (w, factors) = self.terms(event);
            let unit = Wide::exp(top[g]);
            let (rest, dead) = (sums.rest[g].over(unit).get(), sums.dead[g].over(unit).get());
            for factor in factors {
                let more = rest + (dead * factor - 1.0);
                let log = match more {
                    more if more.abs() < 0.5 => more.ln_1p(),
                    more if more < 1e300 => (rest + dead * factor).ln(),
                    _ => (sums.rest[g] + sums.dead[g] * factor).ln() - top[g],
                };
                sum += w * log;
            }
        }
        sum / self.stop.len() as f64
    }

    fn gradient(&self, eta: &[f64], u: &mut [f64]) {
        let n = self.stop.len() as f64;
        let expected = self.expected(&self.sums(eta));
        for (i, (u, expected)) in u.iter_mut().zip(expected).enumerate() {
            let observed = if self.sets.rows[i].death.is_some() { self.weights[i] } else { 0.0 };
            *u = (expected - observed) / n;
        }
    }

    fn fenchel_young(&self, eta: &[f64], u: &[f64]) -> f64 {
        let Some(s) = self.multiple(eta, u) else { return f64::INFINITY };
        let sums = self.sums(eta);
        let outside = divergence(s, 1.0);
        let mut total = 0.0;
        // Of each event time: (1 − s)m/Q and wQ.
        let mut mixes = Vec::with_capacity(self.sets.events.len());
        for (g, event) in self.sets.events.iter().enumerate() {
            let (w, factors) = self.terms(event);
            let (mut mass, mut drawn) = (0.0, 0.0);
            for factor in factors {
                let dead = sums.dead[g] * factor;
                let all = sums.rest[g] + dead;
                let (p, rest) = (dead.over(all).get(), sums.rest[g].over(all).get());
                let q = s * p + (1.0 - s);
                mass += q;
                drawn += 1.0 - s;
                total += w * (rest * outside + divergence_from(q, p, || dead.ln() - all.ln()));
            }
            mixes.push((if mass > 0.0 { drawn / mass } else { 0.0 }, w * mass));
        }
        for (i, row) in self.sets.rows.iter().enumerate() {
            let Some(g) = row.death.filter(|&g| self.sets.events[g].deaths > 1) else { continue };
            let (mix, weight) = mixes[g];
            let theta = sums.power[i].over(sums.dead[g]).get();
            let phi = (1.0 - mix) * theta + mix * (self.weights[i] / self.sets.events[g].weight);
            total += weight * divergence_from(phi, theta, || sums.power[i].ln() - sums.dead[g].ln());
        }
        total / self.stop.len() as f64
    }

    /// The eigenvalues of `diag π − ππᵀ` are at most 1/2: half the weight of the events of the row that is at risk for most.
    fn smoothness(&self) -> f64 {
        let weights: Vec<Wide> = self.sets.events.iter().map(|e| Wide::from(e.weight)).collect();
        let most = self.sets.over_events(&weights, &weights).into_iter().map(Wide::get).fold(0.0, f64::max);
        0.5 * most / self.stop.len() as f64
    }

    fn hessian(&self, eta: &[f64]) -> Hessian<'_> {
        let n = self.stop.len() as f64;
        let sums = self.sums(eta);
        let expected = self.expected(&sums);
        Hessian::Operator(Box::new(move |v, out| {
            let (rest, dead) = self.sets.over_rows(|i| sums.power[i] * v[i]);
            // w/S_k times the mean of v under π_k.
            let mean = |g: usize, factor: f64, all: Wide| (rest[g] + dead[g] * factor).over(all).over(all);
            let (rest, dead) = self.rates(&sums, mean);
            let means = self.sets.over_events(&rest, &dead);
            for (i, (out, mean)) in out.iter_mut().zip(means).enumerate() {
                *out = (expected[i] * v[i] - (mean * sums.power[i]).get()) / n;
            }
        }))
    }
}

/// Sums of `s_j e^{η_j}` at each event time.
struct Sums {
    power: Vec<Wide>,
    /// Over those at risk who do not have the event.
    rest: Vec<Wide>,
    /// Over those who have it.
    dead: Vec<Wide>,
}

/// Who is at risk at which event time, the event times being numbered by stratum, then time.
#[derive(Debug, Clone, Default)]
struct RiskSets {
    events: Vec<Event>,
    /// The event times of stratum b are `strata[b]..strata[b + 1]`.
    strata: Vec<usize>,
    rows: Vec<Row>,
    /// Whether a row enters after the first event time of its stratum.
    late: bool,
}

#[derive(Debug, Clone)]
struct Event {
    /// Number of deaths with a weight.
    deaths: usize,
    /// Sum of their weights.
    weight: f64,
}

/// At risk without the event at the times `first..end`, with it at `death`, which is `end` then.
#[derive(Debug, Clone)]
struct Row {
    first: usize,
    end: usize,
    late: bool,
    death: Option<usize>,
}

impl RiskSets {
    fn new(data: &Cox) -> Result<Self> {
        let n = data.stop.len();
        let counts = |i: usize| data.dead[i] && data.weights[i] > 0.0;
        let mut times: Vec<(usize, f64)> =
            (0..n).filter(|&i| counts(i)).map(|i| (data.stratum(i), data.stop[i])).collect();
        times.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        times.dedup();
        if times.is_empty() {
            return Err(Error::IllPosed { reason: "there is no event with a positive weight".into() });
        }
        let before =
            |stratum: usize, time: f64| times.partition_point(|&(s, t)| s < stratum || s == stratum && t < time);
        let until =
            |stratum: usize, time: f64| times.partition_point(|&(s, t)| s < stratum || s == stratum && t <= time);
        let mut events = vec![Event { deaths: 0, weight: 0.0 }; times.len()];
        let mut rows = Vec::with_capacity(n);
        for i in 0..n {
            let (stratum, stop) = (data.stratum(i), data.stop[i]);
            let opening = before(stratum, f64::NEG_INFINITY);
            let first = data.start.as_ref().map_or(opening, |start| until(stratum, start[i]));
            let death = counts(i).then(|| before(stratum, stop));
            if let Some(g) = death {
                events[g].deaths += 1;
                events[g].weight += data.weights[i];
            }
            let end = if data.weights[i] > 0.0 { death.unwrap_or_else(|| until(stratum, stop)) } else { first };
            rows.push(Row { first, end, late: first > opening && first < end, death });
        }
        let mut strata: Vec<usize> = (0..times.len()).filter(|&g| g == 0 || times[g].0 != times[g - 1].0).collect();
        strata.push(times.len());
        let late = rows.iter().any(|row| row.late);
        Ok(Self { events, strata, rows, late })
    }

    /// For each event time: the sums of x over those at risk without the event, and with it.
    fn over_rows(&self, x: impl Fn(usize) -> Wide) -> (Vec<Wide>, Vec<Wide>) {
        let none = vec![Wide::ZERO; self.events.len()];
        let (mut rest, mut dead) = (none.clone(), none);
        let mut tree = Tree::new(if self.late { self.events.len() } else { 0 });
        for (i, row) in self.rows.iter().enumerate() {
            if row.death.is_none() && row.first >= row.end {
                continue;
            }
            let x = x(i);
            if let Some(g) = row.death {
                dead[g] = dead[g] + x;
            }
            if row.late {
                tree.nodes(row.first, row.end, |node| *node = *node + x);
            } else if row.first < row.end {
                // Added up from the end below.
                rest[row.end - 1] = rest[row.end - 1] + x;
            }
        }
        for stratum in self.strata.windows(2) {
            for g in (stratum[0] + 1..stratum[1]).rev() {
                rest[g - 1] = rest[g - 1] + rest[g];
            }
        }
        if self.late {
            tree.push_down();
            rest.iter_mut().zip(tree.leaves()).for_each(|(rest, late)| *rest = *rest + *late);
        }
        (rest, dead)
    }

    /// The transpose: for each row, the sum of `rest` over the events that it is at risk for, and `dead` of its own.
    fn over_events(&self, rest: &[Wide], dead: &[Wide]) -> Vec<Wide> {
        let mut tree = Tree::new(0);
        if self.late {
            tree = Tree::new(rest.len());
            tree.leaves().copy_from_slice(rest);
            tree.gather();
        }
        let mut until = rest.to_vec();
        for stratum in self.strata.windows(2) {
            for g in stratum[0] + 1..stratum[1] {
                until[g] = until[g - 1] + until[g];
            }
        }
        let one = |row: &Row| {
            let mut sum = row.death.map_or(Wide::ZERO, |g| dead[g]);
            if row.late {
                tree.nodes(row.first, row.end, |node| sum = sum + *node);
            } else if row.first < row.end {
                sum = sum + until[row.end - 1];
            }
            sum
        };
        self.rows.iter().map(one).collect()
    }
}

/// A tree over a sequence, whose ranges are each made up of O(log n) of its nodes: node i is above 2i and 2i + 1, the
/// leaves come last.
struct Tree(Vec<Wide>);

impl Tree {
    fn new(len: usize) -> Self {
        Self(vec![Wide::ZERO; 2 * len])
    }

    fn leaves(&mut self) -> &mut [Wide] {
        let half = self.0.len() / 2;
        &mut self.0[half..]
    }

    /// Visits the nodes that make up `first..end`.
    fn nodes(&mut self, first: usize, end: usize, mut visit: impl FnMut(&mut Wide)) {
        let len = self.0.len() / 2;
        let (mut a, mut b) = (first + len, end + len);
        while a < b {
            if a % 2 == 1 {
                visit(&mut self.0[a]);
                a += 1;
            }
            if b % 2 == 1 {
                b -= 1;
                visit(&mut self.0[b]);
            }
            a /= 2;
            b /= 2;
        }
    }

    /// Adds each node to those below.
    fn push_down(&mut self) {
        for i in 1..self.0.len() / 2 {
            self.0[2 * i] = self.0[2 * i] + self.0[i];
            self.0[2 * i + 1] = self.0[2 * i + 1] + self.0[i];
        }
    }

    /// Makes each node the sum of those below.
    fn gather(&mut self) {
        for i in (1..self.0.len() / 2).rev() {
            self.0[i] = self.0[2 * i] + self.0[2 * i + 1];
        }
    }
}
