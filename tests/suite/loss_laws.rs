//! The laws of a loss, on every entry of a registry: values are those of the definition, derivatives those of the values,
//! and the conjugate that certificates rest on belongs to both.

use crate::common::{INF, Rng};
use proptest::prelude::*;
use sparsereg::Error;
use sparsereg::loss::*;

type AnyLoss = Box<dyn Loss>;
type Rows = [Vec<f64>];
/// From data, weights and offsets.
type Build = fn(&Rows, Option<&[f64]>, Option<Vec<f64>>) -> AnyLoss;

/// A loss, and what is known about it without asking the crate.
struct Entry {
    name: &'static str,
    /// Predictions of an observation.
    q: usize,
    /// The data of a random observation.
    row: fn(&mut Rng) -> Vec<f64>,
    build: Build,
    /// F as it is written down, the slow way.
    definition: fn(&Rows, &[f64], &[f64]) -> f64,
    /// inf F.
    least: fn(&Rows, &[f64]) -> f64,
    /// Predictions of response t at which a derivative jumps.
    kinks: fn(&[f64], usize) -> Vec<f64>,
    /// Whether the Hessian is the second derivative there.
    exact: fn(&[f64], usize, f64) -> bool,
    /// `F` of weights is (Σs/n)^power F of repeated observations.
    power: f64,
    /// Whether whole weights mean repetition.
    repeats: bool,
    /// Whether F* is exact; if not, it is a bound, at multiples of the gradient.
    closed: bool,
    /// Signs of large predictions at which F can be represented.
    signs: &'static [f64],
}

const DELTA: f64 = 0.8;
const TAU: f64 = 0.3;
const WIDTH: f64 = 0.9;

/// An entry for a sum of `value(y, η)` with its minimum `best(y)`.
macro_rules! pointwise {
    ($name:literal, $q:literal, $loss:expr, $row:expr, $value:expr, $best:expr) => {
        Entry {
            name: $name,
            q: $q,
            row: |rng| {
                let one: fn(&mut Rng) -> f64 = $row;
                (0..$q).map(|_| one(rng)).collect()
            },
            build: |rows, weights, offset| {
                let mut loss = Separable::new($loss, task_major(rows, $q), rows.len());
                if let Some(weights) = weights {
                    loss = loss.with_weights(weights);
                }
                if let Some(offset) = offset {
                    loss = loss.with_offset(offset);
                }
                Box::new(loss)
            },
            definition: |rows, s, eta| {
                let value: fn(f64, f64) -> f64 = $value;
                let n = rows.len();
                (0..n * $q).map(|k| weighted(s[k % n], || value(rows[k % n][k / n], eta[k]))).sum::<f64>() / n as f64
            },
            least: |rows, s| {
                let best: fn(f64) -> f64 = $best;
                let n = rows.len();
                (0..n * $q).map(|k| s[k % n] * best(rows[k % n][k / n])).sum::<f64>() / n as f64
            },
            kinks: |_, _| vec![],
            exact: |_, _, _| true,
            power: 1.0,
            repeats: true,
            closed: true,
            signs: &[1.0, -1.0],
        }
    };
}

fn weighted(s: f64, value: impl Fn() -> f64) -> f64 {
    if s == 0.0 { 0.0 } else { s * value() }
}

fn task_major(rows: &Rows, q: usize) -> Vec<f64> {
    (0..q).flat_map(|t| rows.iter().map(move |r| r[t])).collect()
}

fn log_sum_exp(terms: &[(f64, f64)]) -> f64 {
    let top = terms.iter().filter(|t| t.0 > 0.0).fold(-INF, |m, t| m.max(t.1));
    top + terms.iter().map(|(a, e)| weighted(*a, || (e - top).exp())).sum::<f64>().ln()
}

fn xlogx(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x * x.ln() }
}

fn root(rows: &Rows, s: &[f64], eta: &[f64]) -> f64 {
    let n = rows.len();
    let square = |k: usize| s[k % n] * (rows[k % n][k / n] - eta[k]).powi(2);
    ((0..eta.len()).map(square).sum::<f64>() / n as f64).sqrt()
}

/// Rows are (start, stop, status, stratum). The groups of tied deaths, as (those at risk, those dead).
fn event_sets(rows: &Rows, s: &[f64]) -> Vec<(Vec<usize>, Vec<usize>)> {
    let live: Vec<usize> = (0..rows.len()).filter(|&i| s[i] > 0.0).collect();
    let mut times: Vec<(f64, f64)> =
        live.iter().filter(|&&i| rows[i][2] == 1.0).map(|&i| (rows[i][3], rows[i][1])).collect();
    times.sort_by(|a, b| a.partial_cmp(b).unwrap());
    times.dedup();
    let of = |(b, t): (f64, f64)| {
        let risk = live.iter().copied().filter(|&i| rows[i][3] == b && rows[i][0] < t && t <= rows[i][1]);
        let risk: Vec<usize> = risk.collect();
        let dead = risk.iter().copied().filter(|&i| rows[i][1] == t && rows[i][2] == 1.0).collect();
        (risk, dead)
    };
    times.into_iter().map(of).collect()
}

fn cox(ties: Ties, rows: &Rows, s: &[f64], eta: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (risk, dead) in event_sets(rows, s) {
        let d: f64 = dead.iter().map(|&i| s[i]).sum();
        let m = if ties == Ties::Efron { dead.len() } else { 1 };
        sum -= dead.iter().map(|&i| s[i] * eta[i]).sum::<f64>();
        for k in 0..m {
            let factor = |i: usize| if dead.contains(&i) { 1.0 - k as f64 / m as f64 } else { 1.0 };
            let terms: Vec<(f64, f64)> = risk.iter().map(|&i| (s[i] * factor(i), eta[i])).collect();
            sum += d / m as f64 * log_sum_exp(&terms);
        }
    }
    sum / rows.len() as f64
}

/// Everybody dies alone: of those at risk, only the dead count, in proportion to their weights.
fn cox_least(ties: Ties, rows: &Rows, s: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (_, dead) in event_sets(rows, s) {
        let d: f64 = dead.iter().map(|&i| s[i]).sum();
        let m = if ties == Ties::Efron { dead.len() } else { 1 };
        sum += (0..m).map(|k| d / m as f64 * (d * (1.0 - k as f64 / m as f64)).ln()).sum::<f64>();
    }
    sum / rows.len() as f64
}

fn build_cox(ties: Ties, rows: &Rows, weights: Option<&[f64]>, offset: Option<Vec<f64>>) -> AnyLoss {
    let column = |k: usize| -> Vec<f64> { rows.iter().map(|r| r[k]).collect() };
    let strata: Vec<usize> = rows.iter().map(|r| 7 * r[3] as usize).collect();
    let mut loss = Cox::new(&column(1), &column(2)).unwrap().with_ties(ties).with_strata(&strata).unwrap();
    if rows.iter().any(|r| r[0] > 0.0) {
        loss = loss.with_start(&column(0)).unwrap();
    }
    if let Some(weights) = weights {
        loss = loss.with_weights(weights).unwrap();
    }
    if let Some(offset) = offset {
        loss = loss.with_offset(offset).unwrap();
    }
    Box::new(loss)
}

macro_rules! cox {
    ($name:literal, $ties:expr, $row:expr) => {
        Entry {
            name: $name,
            q: 1,
            row: $row,
            build: |rows, weights, offset| build_cox($ties, rows, weights, offset),
            definition: |rows, s, eta| cox($ties, rows, s, eta),
            least: |rows, s| cox_least($ties, rows, s),
            kinks: |_, _| vec![],
            exact: |_, _, _| true,
            power: 1.0,
            repeats: $ties == Ties::Breslow,
            closed: false,
            signs: &[1.0, -1.0],
        }
    };
}

fn status(rng: &mut Rng) -> f64 {
    f64::from(rng.uniform() < 0.7)
}

fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "squared",
            q: 2,
            row: |rng| vec![rng.normal(), rng.normal()],
            build: |rows, weights, offset| {
                // It has neither; the entry is for those laws that need none.
                assert!(weights.is_none() && offset.is_none());
                Box::new(Squared::new(task_major(rows, 2), rows.len()))
            },
            definition: |rows, s, eta| 0.5 * root(rows, s, eta).powi(2),
            ..pointwise!("", 2, Logistic, |rng| rng.normal(), |_, _| 0.0, |_| 0.0)
        },
        pointwise!(
            "logistic",
            2,
            Logistic,
            |rng| f64::from(rng.uniform() < 0.5),
            |y, eta| log_sum_exp(&[(1.0, 0.0), (1.0, eta)]) - y * eta,
            |_| 0.0
        ),
        pointwise!(
            "logistic, proportions",
            1,
            Logistic,
            |rng| rng.uniform(),
            |y, eta| log_sum_exp(&[(1.0, 0.0), (1.0, eta)]) - y * eta,
            |y| -xlogx(y) - xlogx(1.0 - y)
        ),
        Entry {
            signs: &[-1.0],
            ..pointwise!("poisson", 2, Poisson, |rng| rng.below(5) as f64, |y, eta| eta.exp() - y * eta, |y| y - xlogx(
                y
            ))
        },
        Entry {
            signs: &[1.0],
            ..pointwise!("gamma", 2, Gamma, |rng| rng.normal().exp(), |y, eta| eta + y * (-eta).exp(), |y| 1.0 + y.ln())
        },
        Entry {
            kinks: |row, t| vec![row[t] - DELTA, row[t] + DELTA],
            exact: |row, t, eta| (row[t] - eta).abs() < DELTA,
            ..pointwise!(
                "huber",
                2,
                Huber::new(DELTA).unwrap(),
                |rng| rng.normal(),
                |y, eta| {
                    let r = (y - eta).abs();
                    if r <= DELTA { 0.5 * r * r } else { DELTA * r - 0.5 * DELTA * DELTA }
                },
                |_| 0.0
            )
        },
        Entry {
            kinks: |row, t| vec![row[t]],
            ..pointwise!(
                "quantile",
                2,
                Quantile::new(TAU).unwrap(),
                |rng| rng.normal(),
                |y, eta| f64::max(TAU * (y - eta), (TAU - 1.0) * (y - eta)),
                |_| 0.0
            )
        },
        Entry {
            kinks: |row, t| vec![row[t] - WIDTH * TAU, row[t] - WIDTH * (TAU - 1.0)],
            exact: |row, t, eta| ((TAU - 1.0) * WIDTH..TAU * WIDTH).contains(&(row[t] - eta)),
            ..pointwise!(
                "smoothed quantile",
                2,
                SmoothedQuantile::new(TAU, WIDTH).unwrap(),
                |rng| rng.normal(),
                |y, eta| {
                    let r = y - eta;
                    let end = if r > 0.0 { TAU } else { TAU - 1.0 };
                    if r.abs() <= WIDTH * end.abs() { r * r / (2.0 * WIDTH) } else { end * r - 0.5 * WIDTH * end * end }
                },
                |_| 0.0
            )
        },
        Entry {
            kinks: |row, t| vec![row[t]],
            exact: |row, t, eta| row[t] * eta < 1.0,
            ..pointwise!(
                "squared hinge",
                2,
                SquaredHinge,
                |rng| if rng.uniform() < 0.5 { 1.0 } else { -1.0 },
                |y, eta| 0.5 * (1.0 - y * eta).max(0.0).powi(2),
                |_| 0.0
            )
        },
        Entry {
            name: "square root",
            build: |rows, weights, offset| {
                let mut loss = SquareRoot::new(task_major(rows, 2), rows.len());
                if let Some(weights) = weights {
                    loss = loss.with_weights(weights);
                }
                if let Some(offset) = offset {
                    loss = loss.with_offset(offset);
                }
                Box::new(loss)
            },
            definition: root,
            power: 0.5,
            ..pointwise!("", 2, Logistic, |rng| rng.normal(), |_, _| 0.0, |_| 0.0)
        },
        Entry {
            name: "multinomial",
            q: 3,
            row: |rng| vec![rng.below(3) as f64],
            build: |rows, weights, offset| {
                let classes = rows.iter().map(|r| r[0] as usize).collect();
                let mut loss = Multinomial::new(classes, 3, rows.len()).unwrap();
                if let Some(weights) = weights {
                    loss = loss.with_weights(weights);
                }
                if let Some(offset) = offset {
                    loss = loss.with_offset(offset);
                }
                Box::new(loss)
            },
            definition: |rows, s, eta| {
                let n = rows.len();
                let value = |i: usize| {
                    let all: Vec<(f64, f64)> = (0..3).map(|k| (1.0, eta[k * n + i])).collect();
                    log_sum_exp(&all) - all[rows[i][0] as usize].1
                };
                (0..n).map(|i| weighted(s[i], || value(i))).sum::<f64>() / n as f64
            },
            least: |_, _| 0.0,
            ..pointwise!("", 3, Logistic, |rng| rng.normal(), |_, _| 0.0, |_| 0.0)
        },
        cox!("cox, Breslow", Ties::Breslow, |rng| vec![0.0, 1.0 + rng.below(5) as f64, status(rng), 0.0]),
        cox!("cox, Efron", Ties::Efron, |rng| vec![0.0, 1.0 + rng.below(5) as f64, status(rng), 0.0]),
        cox!("cox, no ties", Ties::Efron, |rng| vec![0.0, rng.uniform(), status(rng), 0.0]),
        cox!("cox, Breslow, late entries, strata", Ties::Breslow, |rng| {
            let start = rng.below(5) as f64;
            vec![start, start + 1.0 + rng.below(4) as f64, status(rng), rng.below(2) as f64]
        }),
        cox!("cox, Efron, late entries, strata", Ties::Efron, |rng| {
            let start = rng.below(5) as f64;
            vec![start, start + 1.0 + rng.below(4) as f64, status(rng), rng.below(2) as f64]
        }),
    ]
}

/// An entry with data, with or without weights (one of which is 0) and offsets.
struct Case {
    entry: Entry,
    rows: Vec<Vec<f64>>,
    weights: Option<Vec<f64>>,
    offset: Option<Vec<f64>>,
    loss: AnyLoss,
}

impl Case {
    fn new(entry: Entry, rng: &mut Rng, weighted: bool, shifted: bool) -> Self {
        let n = 3 + rng.below(8);
        let mut rows: Vec<Vec<f64>> = (0..n).map(|_| (entry.row)(rng)).collect();
        if !entry.closed {
            rows[0][2] = 1.0; // without an event there is no loss
        }
        let mut weights: Vec<f64> = (0..n).map(|_| 0.2 + 2.0 * rng.uniform()).collect();
        weights[n - 1] = 0.0;
        let weights = weighted.then_some(weights);
        let offset = shifted.then(|| (0..n * entry.q).map(|_| rng.normal()).collect::<Vec<f64>>());
        let loss = (entry.build)(&rows, weights.as_deref(), offset.clone());
        Self { entry, rows, weights, offset, loss }
    }

    fn n(&self) -> usize {
        self.rows.len()
    }

    fn len(&self) -> usize {
        self.n() * self.entry.q
    }

    fn s(&self) -> Vec<f64> {
        self.weights.clone().unwrap_or_else(|| vec![1.0; self.n()])
    }

    /// η + o.
    fn shifted(&self, eta: &[f64]) -> Vec<f64> {
        self.offset.as_ref().map_or(eta.to_vec(), |o| eta.iter().zip(o).map(|(e, o)| e + o).collect())
    }

    fn random(&self, rng: &mut Rng, scale: f64) -> Vec<f64> {
        (0..self.len()).map(|_| scale * rng.normal()).collect()
    }

    /// Predictions up to ±size, of those signs that leave F finite.
    fn extreme(&self, rng: &mut Rng, size: f64) -> Vec<f64> {
        let signs = self.entry.signs;
        (0..self.len()).map(|_| signs[rng.below(signs.len())] * size * rng.uniform().powi(2)).collect()
    }

    fn gradient(&self, eta: &[f64]) -> Vec<f64> {
        gradient(&self.loss, eta)
    }

    /// How large the numbers are that F + F* − ⟨u, η⟩ is a difference of.
    fn scale(&self, eta: &[f64], u: &[f64]) -> f64 {
        let eta = self.shifted(eta);
        1.0 + self.loss.value(&self.shifted(&vec![0.0; eta.len()])).abs()
            + (self.entry.definition)(&self.rows, &self.s(), &eta).abs()
            + u.iter().zip(&eta).map(|(u, e)| (u * e).abs()).sum::<f64>()
    }

    /// Whether prediction k is so close to a kink that differences see it.
    fn near_kink(&self, k: usize, eta: &[f64]) -> bool {
        let (i, t) = (k % self.n(), k / self.n());
        let at = self.shifted(eta)[k];
        (self.entry.kinks)(&self.rows[i], t).iter().any(|kink| (at - kink).abs() < 1e-3)
    }

    /// Points of the domain of F*: 0, multiples of gradients and, where F* is known everywhere, what is between them.
    fn dual_points(&self, rng: &mut Rng, eta: &[f64]) -> Vec<Vec<f64>> {
        let u = self.gradient(eta);
        let mut points: Vec<Vec<f64>> =
            [0.0, 0.3, 0.99, 1.0].iter().map(|s| u.iter().map(|u| s * u).collect()).collect();
        if self.entry.closed {
            let other = self.gradient(&self.random(rng, 1.5));
            points.push(u.iter().zip(&other).map(|(a, b)| 0.4 * a + 0.6 * b).collect());
            points.push(other);
        }
        points
    }

    fn hessian(&self, eta: &[f64], v: &[f64]) -> Vec<f64> {
        hessian(&self.loss, eta, v)
    }
}

fn gradient(loss: &AnyLoss, eta: &[f64]) -> Vec<f64> {
    let mut u = vec![f64::NAN; eta.len()];
    loss.gradient(eta, &mut u);
    u
}

fn hessian(loss: &AnyLoss, eta: &[f64], v: &[f64]) -> Vec<f64> {
    let mut out = vec![f64::NAN; v.len()];
    loss.hessian(eta).apply(loss.nrows(), v, &mut out);
    out
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Runs a law on every entry, with and without weights and offsets.
fn each(seed: u64, mut law: impl FnMut(&mut Rng, &Case)) {
    for variant in 0..4u64 {
        for entry in entries() {
            if entry.name == "squared" && variant > 0 {
                continue;
            }
            let mut rng = Rng::new(seed ^ variant);
            let case = Case::new(entry, &mut rng, variant & 1 == 1, variant & 2 == 2);
            law(&mut rng, &case);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_are_those_of_the_definition(seed: u64) {
        each(seed, |rng, case| {
            let name = case.entry.name;
            assert_eq!((case.loss.nrows(), case.loss.len()), (case.n(), case.len()), "{name}");
            for eta in [case.random(rng, 1.5), case.extreme(rng, 1e3), case.extreme(rng, 1e4)] {
                let shifted = case.shifted(&eta);
                let (found, wanted) = (case.loss.value(&eta), (case.entry.definition)(&case.rows, &case.s(), &shifted));
                let size = 1.0 + shifted.iter().fold(0.0, |m: f64, e| m.max(e.abs())).max(wanted);
                assert!((found - wanted).abs() <= 1e-13 * size, "{name}: {found} {wanted} at {eta:?}");
            }
        });
    }

    #[test]
    fn gradients_are_those_of_values(seed: u64) {
        each(seed, |rng, case| {
            let eta = case.random(rng, 1.5);
            let (u, scale) = (case.gradient(&eta), case.scale(&eta, &[]));
            for k in (0..case.len()).filter(|&k| !case.near_kink(k, &eta)) {
                let h = 1e-5;
                let at = |step: f64| {
                    let mut eta = eta.clone();
                    eta[k] += step;
                    case.loss.value(&eta)
                };
                let difference = (at(h) - at(-h)) / (2.0 * h);
                assert!((difference - u[k]).abs() <= 1e-8 * scale, "{}: {k}: {} {difference}", case.entry.name, u[k]);
            }
        });
    }

    #[test]
    fn hessians_are_those_of_gradients_where_they_claim_it(seed: u64) {
        each(seed, |rng, case| {
            let eta = case.random(rng, 1.5);
            let scale = case.scale(&eta, &[]);
            for k in (0..case.len()).filter(|&k| !case.near_kink(k, &eta)) {
                if !(case.entry.exact)(&case.rows[k % case.n()], k / case.n(), case.shifted(&eta)[k]) {
                    continue;
                }
                let h = 1e-5;
                let at = |step: f64| {
                    let mut eta = eta.clone();
                    eta[k] += step;
                    case.gradient(&eta)
                };
                let mut v = vec![0.0; case.len()];
                v[k] = 1.0;
                let column = case.hessian(&eta, &v);
                for (i, ((a, b), c)) in at(h).iter().zip(at(-h)).zip(column).enumerate() {
                    let difference = (a - b) / (2.0 * h);
                    assert!((difference - c).abs() <= 1e-7 * scale, "{}: ({i}, {k}): {c} {difference}", case.entry.name);
                }
            }
        });
    }

    #[test]
    fn hessians_are_symmetric_semidefinite_and_no_larger_than_smoothness(seed: u64) {
        each(seed, |rng, case| {
            let name = case.entry.name;
            let nu = case.loss.smoothness();
            for eta in [case.random(rng, 1.5), case.extreme(rng, 1e3), case.extreme(rng, 1e4)] {
                let (v, w) = (case.random(rng, 1.0), case.random(rng, 1.0));
                let (hv, hw) = (case.hessian(&eta, &v), case.hessian(&eta, &w));
                // Of those whom others dominate, rounding of what cancels is all that is left.
                let (norm, floor) = (|v: &[f64]| dot(v, v).sqrt(), 1e-15 * nu.min(1.0));
                let size = 1e-13 * (norm(&hv) * norm(&w) + norm(&hw) * norm(&v)) + floor * norm(&v) * norm(&w);
                assert!((dot(&hv, &w) - dot(&hw, &v)).abs() <= size, "{name}: {} {}", dot(&hv, &w), dot(&hw, &v));
                let bend = dot(&hv, &v);
                assert!(bend >= -1e-14 * dot(&v, &v) && bend <= nu * dot(&v, &v) * (1.0 + 1e-12), "{name}: {bend}");
                // The best direction against ν is that of the largest eigenvalue.
                let mut v = v;
                for _ in 0..20 {
                    let hv = case.hessian(&eta, &v);
                    let size = dot(&hv, &hv).sqrt();
                    if size == 0.0 {
                        break;
                    }
                    v = hv.iter().map(|h| h / size).collect();
                }
                assert!(dot(&case.hessian(&eta, &v), &v) <= nu * dot(&v, &v) * (1.0 + 1e-12), "{name}");
                let other = case.random(rng, 1.5);
                let change: f64 = case.gradient(&eta).iter().zip(case.gradient(&other)).map(|(a, b)| (a - b).powi(2)).sum();
                let distance: f64 = eta.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum();
                assert!(nu == INF || change.sqrt() <= nu * distance.sqrt() * (1.0 + 1e-12), "{name}");
            }
        });
    }

    /// Every observation that pulls gives the model of its prediction some curvature.
    #[test]
    fn models_do_not_vanish(seed: u64) {
        each(seed, |rng, case| {
            if case.entry.name == "quantile" {
                return;
            }
            let eta = case.random(rng, 4.0);
            let u = case.gradient(&eta);
            for k in (0..case.len()).filter(|&k| u[k].abs() > 1e-12) {
                let mut v = vec![0.0; case.len()];
                v[k] = 1.0;
                assert!(case.hessian(&eta, &v)[k] > 0.0, "{}: {k}", case.entry.name);
            }
        });
    }

    #[test]
    fn fenchel_young_vanishes_at_the_gradient(seed: u64) {
        each(seed, |rng, case| {
            for eta in [case.random(rng, 1.5), case.random(rng, 20.0), case.extreme(rng, 1e3), case.extreme(rng, 1e4)] {
                let u = case.gradient(&eta);
                let (gap, scale) = (case.loss.fenchel_young(&eta, &u), case.scale(&eta, &u));
                assert!((0.0..=1e-15 * scale).contains(&gap), "{}: {gap:e} of {scale:e} at {eta:?}", case.entry.name);
            }
        });
    }

    /// `F*(u)`, which no η is part of, is the same from every η and at least `⟨u, η'⟩ − F(η')`; where it is a bound, only
    /// the latter.
    #[test]
    fn fenchel_young_belongs_to_one_conjugate(seed: u64) {
        each(seed, |rng, case| {
            let name = case.entry.name;
            let eta = case.random(rng, 1.5);
            for u in case.dual_points(rng, &eta) {
                let gap = case.loss.fenchel_young(&eta, &u);
                let conjugate = gap - case.loss.value(&eta) + dot(&u, &eta);
                assert!(gap >= 0.0 && gap.is_finite(), "{name}: {gap}");
                for k in 0..8 {
                    let other = match k {
                        0 => case.extreme(rng, 1e3),
                        1 => vec![0.0; case.len()],
                        k if k % 2 == 0 => case.random(rng, 2.0),
                        _ => eta.iter().map(|e| e + 0.1 * rng.normal()).collect(),
                    };
                    let below = dot(&u, &other) - case.loss.value(&other);
                    let scale = case.scale(&eta, &u) + case.scale(&other, &u);
                    assert!(conjugate >= below - 1e-13 * scale, "{name}: {conjugate} {below}");
                    if case.entry.closed {
                        let again = case.loss.fenchel_young(&other, &u);
                        assert!(again >= 0.0 && (below + again - conjugate).abs() <= 1e-13 * scale, "{name}: {conjugate} {}", below + again);
                    }
                }
            }
        });
    }

    #[test]
    fn fenchel_young_at_zero_is_the_distance_from_the_infimum(seed: u64) {
        each(seed, |rng, case| {
            let least = (case.entry.least)(&case.rows, &case.s());
            let zero = vec![0.0; case.len()];
            for eta in [case.random(rng, 1.5), case.extreme(rng, 1e3), case.extreme(rng, 1e4)] {
                let (gap, wanted) = (case.loss.fenchel_young(&eta, &zero), case.loss.value(&eta) - least);
                assert!((gap - wanted).abs() <= 1e-13 * case.scale(&eta, &zero), "{}: {gap} {wanted}", case.entry.name);
            }
        });
    }

    /// The infimum of the partial likelihood is approached where those who die are sure to: the earlier, the larger.
    #[test]
    fn the_infimum_of_cox_is_where_the_dead_come_in_order(seed: u64) {
        each(seed, |_, case| {
            if case.entry.closed {
                return;
            }
            let rank = |time: f64| case.rows.iter().filter(|row| row[1] < time).count() as f64;
            let one = |row: &Vec<f64>| if row[2] == 1.0 { -500.0 * rank(row[1]) } else { -1e4 };
            let mut eta: Vec<f64> = case.rows.iter().map(one).collect();
            if let Some(offset) = &case.offset {
                eta.iter_mut().zip(offset).for_each(|(eta, o)| *eta -= o);
            }
            // Among the dead of one time, η + o is the same: their shares are their weights.
            let above = case.loss.value(&eta) - (case.entry.least)(&case.rows, &case.s());
            assert!(above.abs() <= 1e-10, "{}: {above}", case.entry.name);
        });
    }

    #[test]
    fn everything_is_finite_far_out(seed: u64) {
        each(seed, |rng, case| {
            for size in [1e3, 1e4] {
                let eta = case.extreme(rng, size);
                let u = case.gradient(&eta);
                assert!(case.loss.value(&eta).is_finite() && u.iter().all(|u| u.is_finite()), "{}", case.entry.name);
                assert!(case.hessian(&eta, &u).iter().all(|h| h.is_finite()), "{}", case.entry.name);
                for s in [0.0, 0.5, 1.0] {
                    let u: Vec<f64> = u.iter().map(|u| s * u).collect();
                    assert!(case.loss.fenchel_young(&eta, &u).is_finite(), "{}: {s}, {eta:?}", case.entry.name);
                }
                if case.entry.closed {
                    let u = case.gradient(&case.random(rng, 1.5));
                    assert!(case.loss.fenchel_young(&eta, &u).is_finite(), "{}: {eta:?}", case.entry.name);
                }
            }
        });
    }

    #[test]
    fn nothing_is_certified_without_a_number(seed: u64) {
        each(seed, |rng, case| {
            let mut eta = case.random(rng, 1.5);
            let u = case.gradient(&eta);
            eta[0] = f64::NAN;
            assert!(case.loss.value(&eta).is_nan(), "{}", case.entry.name);
            for u in [vec![0.0; case.len()], u.clone(), case.gradient(&eta)] {
                let gap = case.loss.fenchel_young(&eta, &u);
                assert!(gap.is_nan() || gap == INF, "{}: {gap}", case.entry.name);
            }
        });
    }

    /// A weight of 2 is an observation twice, a weight of 0 none.
    #[test]
    fn weights_are_repetitions(seed: u64) {
        each(seed, |rng, case| {
            let entry = &case.entry;
            if entry.name == "squared" || case.weights.is_some() {
                return;
            }
            let (n, q) = (case.n(), entry.q);
            let most = if entry.repeats { 4 } else { 2 };
            let mut counts: Vec<usize> = (0..n).map(|_| rng.below(most)).collect();
            counts[0] = 1;
            let s: Vec<f64> = counts.iter().map(|&c| c as f64).collect();
            let copies: Vec<usize> = (0..n).flat_map(|i| std::iter::repeat_n(i, counts[i])).collect();
            let rows: Vec<Vec<f64>> = copies.iter().map(|&i| case.rows[i].clone()).collect();
            let spread = |v: &[f64]| -> Vec<f64> { (0..q).flat_map(|t| copies.iter().map(move |&i| v[t * n + i])).collect() };
            let weighted = (entry.build)(&case.rows, Some(&s), case.offset.clone());
            let repeated = (entry.build)(&rows, None, case.offset.as_deref().map(spread));
            let c = (copies.len() as f64 / n as f64).powf(entry.power);
            let close = |a: f64, b: f64| (a - c * b).abs() <= 1e-12 * (1.0 + a.abs());

            let (eta, v) = (case.random(rng, 1.5), case.random(rng, 1.0));
            assert!(close(weighted.value(&eta), repeated.value(&spread(&eta))), "{}", entry.name);
            let (u, each) = (gradient(&weighted, &eta), gradient(&repeated, &spread(&eta)));
            let (hv, each_hv) = (hessian(&weighted, &eta, &v), hessian(&repeated, &spread(&eta), &spread(&v)));
            for i in 0..n {
                for t in 0..q {
                    let sum = |each: &[f64]| -> f64 { (0..copies.len()).filter(|&k| copies[k] == i).map(|k| each[t * copies.len() + k]).sum() };
                    assert!(close(u[t * n + i], sum(&each)), "{}: {} {}", entry.name, u[t * n + i], sum(&each));
                    assert!(close(hv[t * n + i], sum(&each_hv)), "{}", entry.name);
                }
            }
            for scale in [0.0, 0.4, 1.0] {
                let scaled = |u: &[f64]| -> Vec<f64> { u.iter().map(|u| scale * u).collect() };
                let (a, b) = (weighted.fenchel_young(&eta, &scaled(&u)), repeated.fenchel_young(&spread(&eta), &scaled(&each)));
                assert!(close(a, b), "{}: {a} {}", entry.name, c * b);
            }
            // An observation that is not there has no dual.
            if let Some(i) = (0..n).find(|&i| counts[i] == 0) {
                let mut u = u;
                u[i] = 1e-3;
                assert_eq!(weighted.fenchel_young(&eta, &u), INF, "{}", entry.name);
            }
        });
    }

    #[test]
    fn offsets_are_shifts(seed: u64) {
        each(seed, |rng, case| {
            let Some(_) = &case.offset else { return };
            let plain = (case.entry.build)(&case.rows, case.weights.as_deref(), None);
            let (eta, v) = (case.random(rng, 1.5), case.random(rng, 1.0));
            let shifted = case.shifted(&eta);
            assert_eq!(case.loss.value(&eta), plain.value(&shifted), "{}", case.entry.name);
            let u = case.gradient(&eta);
            assert_eq!(&u, &gradient(&plain, &shifted), "{}", case.entry.name);
            assert_eq!(case.hessian(&eta, &v), hessian(&plain, &shifted, &v), "{}", case.entry.name);
            let half: Vec<f64> = u.iter().map(|u| 0.5 * u).collect();
            assert_eq!(case.loss.fenchel_young(&eta, &half), plain.fenchel_young(&shifted, &half), "{}", case.entry.name);
        });
    }

    #[test]
    fn smoothing_a_quantile_costs_no_more_than_it_says(tau in 0.01..0.99, width in 0.001..2.0, y in -3.0..3.0, eta in -3.0..3.0) {
        let exact = Quantile::new(tau).unwrap();
        let smooth = exact.smoothed(width).unwrap();
        let cost = exact.value(y, eta) - smooth.value(y, eta);
        prop_assert!(cost >= -1e-15 && cost <= smooth.error() * (1.0 + 1e-12) + 1e-15);
        // A dual point of the one is as good for the other.
        prop_assert!(exact.fenchel_young(y, eta, smooth.slope(y, eta)).is_finite());
        let far = y + if tau > 0.5 { -1.0 } else { 1.0 } * (width + 1.0);
        let most = exact.value(y, far) - smooth.value(y, far);
        prop_assert!((most - smooth.error()).abs() <= 1e-14, "{most} {}", smooth.error());
    }

    /// The gap from a scaled dual point bounds how far a lasso is above its minimum, and closes there.
    #[test]
    fn the_gap_of_a_cox_lasso_bounds_suboptimality(seed: u64, share in 0.2..0.9f64) {
        each(seed, |rng, case| {
            if case.entry.closed {
                return;
            }
            let (n, p) = (case.n(), 3);
            let x: Vec<f64> = (0..n * p).map(|_| rng.normal()).collect();
            let predict = |w: &[f64]| -> Vec<f64> { (0..n).map(|i| (0..p).map(|j| x[j * n + i] * w[j]).sum()).collect() };
            let adjoint = |u: &[f64]| -> Vec<f64> { (0..p).map(|j| dot(&x[j * n..(j + 1) * n], u)).collect() };
            let largest = |g: &[f64]| -> f64 { g.iter().fold(0.0, |m: f64, g| m.max(g.abs())) };
            let lambda = share * largest(&adjoint(&case.gradient(&vec![0.0; n])));
            if lambda < 1e-6 {
                return;
            }
            let objective = |w: &[f64]| case.loss.value(&predict(w)) + lambda * w.iter().map(|w| w.abs()).sum::<f64>();
            let gap = |w: &[f64]| {
                let eta = predict(w);
                let u = case.gradient(&eta);
                let s = (lambda / largest(&adjoint(&u))).min(1.0);
                let u: Vec<f64> = u.iter().map(|u| s * u).collect();
                case.loss.fenchel_young(&eta, &u) + lambda * w.iter().map(|w| w.abs()).sum::<f64>() + dot(&adjoint(&u), w)
            };
            // Proximal gradient with a step that grows until it overshoots: where those who die are nearly sure to, F is
            // flatter than its smoothness by orders of magnitude.
            let mut step = 1.0 / (case.loss.smoothness() * dot(&x, &x));
            let mut w = vec![0.0; p];
            let mut visited = vec![w.clone()];
            for k in 0..5_000 {
                let (g, at) = (adjoint(&case.gradient(&predict(&w))), case.loss.value(&predict(&w)));
                step *= 1.5;
                w = loop {
                    let soft = |v: f64| v.signum() * (v.abs() - step * lambda).max(0.0);
                    let next: Vec<f64> = w.iter().zip(&g).map(|(w, g)| soft(w - step * g)).collect();
                    let d: Vec<f64> = next.iter().zip(&w).map(|(a, b)| a - b).collect();
                    if case.loss.value(&predict(&next)) <= at + dot(&g, &d) + dot(&d, &d) / (2.0 * step) + 1e-15 {
                        break next;
                    }
                    step *= 0.5;
                };
                if k < 20 {
                    visited.push(w.clone());
                }
                if k % 20 == 0 && gap(&w) < 1e-10 {
                    break;
                }
            }
            let least = objective(&w);
            visited.extend((0..20).map(|_| (0..p).map(|_| rng.normal()).collect::<Vec<f64>>()));
            for v in &visited {
                let (gap, above) = (gap(v), objective(v) - least);
                assert!(gap >= above - 1e-12, "{}: {gap} {above}", case.entry.name);
            }
            // It closes as fast as the conditions of the optimum are met, which a search on values cannot do to the last digit.
            let g = adjoint(&case.gradient(&predict(&w)));
            let soft = |v: f64| v.signum() * (v.abs() - lambda).max(0.0);
            let unmet = w.iter().zip(&g).map(|(w, g)| (w - soft(w - g)).abs()).fold(0.0, f64::max);
            let size = 1.0 + w.iter().map(|w| w.abs()).sum::<f64>();
            let bound = 1e-10 + 10.0 * unmet / lambda * size;
            assert!(gap(&w) <= bound, "{}: {} {bound}", case.entry.name, gap(&w));
        });
    }
}

/// What `coxph` of R's survival 3.5-3 says: `-loglik` of `0.8 x`, by ties, without and with late entries and strata.
#[test]
fn cox_agrees_with_r() {
    let start = [0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 1.0, 0.0];
    let stop = [3.0, 5.0, 5.0, 6.0, 2.0, 5.0, 4.0, 6.0];
    let status = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
    let weights = [1.0, 2.0, 0.5, 1.0, 3.0, 1.0, 1.0, 1.5];
    let strata = [0, 1, 0, 1, 0, 1, 0, 1];
    let eta: Vec<f64> = [0.5, -1.0, 0.3, 2.0, 0.1, -0.7, 1.2, 0.0].iter().map(|x| 0.8 * x).collect();
    for (ties, plain, late, both) in [
        (Ties::Breslow, 22.5508842708606, 21.2253772675528, 17.9695796287032),
        (Ties::Efron, 22.2420706478549, 20.916563644547, 17.8235561301488),
    ] {
        let loss = Cox::new(&stop, &status).unwrap().with_ties(ties).with_weights(&weights).unwrap();
        let check = |loss: &Cox, wanted: f64| {
            let found = 8.0 * loss.value(&eta);
            assert!((found - wanted).abs() <= 1e-12 * wanted, "{ties:?}: {found} {wanted}");
        };
        check(&loss, plain);
        let loss = loss.with_start(&start).unwrap();
        check(&loss, late);
        check(&loss.with_strata(&strata).unwrap(), both);
    }
}

#[test]
fn cox_does_not_depend_on_the_level_of_a_stratum() {
    let mut rng = Rng::new(5);
    let n = 40;
    let stop: Vec<f64> = (0..n).map(|_| 1.0 + rng.below(9) as f64).collect();
    let start: Vec<f64> = stop.iter().map(|t| t - 1.0 - rng.below(4) as f64).collect();
    let status: Vec<f64> = (0..n).map(|_| status(&mut rng)).collect();
    let strata: Vec<usize> = (0..n).map(|i| i % 3).collect();
    let loss = Cox::new(&stop, &status).unwrap().with_start(&start).unwrap().with_strata(&strata).unwrap();
    // Sums of dyadic fractions, so that the shift is exact.
    let eta: Vec<f64> = (0..n).map(|_| (64.0 * rng.normal()).round() / 64.0).collect();
    let shifted: Vec<f64> = eta.iter().zip(&strata).map(|(e, b)| e + [0.0, 8192.0, -8192.0][*b]).collect();
    let (mut a, mut b) = (vec![0.0; n], vec![0.0; n]);
    assert!((loss.value(&eta) - loss.value(&shifted)).abs() < 1e-13);
    loss.gradient(&eta, &mut a);
    loss.gradient(&shifted, &mut b);
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-14));
}

/// One row is larger than all others by e^800 and leaves before they have their events.
#[test]
fn cox_forgets_those_who_have_left() {
    let loss = Cox::new(&[1.0, 2.0, 3.0, 4.0], &[1.0, 1.0, 1.0, 0.0]).unwrap();
    let loss = loss.with_start(&[0.0, 0.0, 1.5, 1.5]).unwrap();
    let eta = [800.0, 0.0, 0.5, -0.5];
    let [one, two, three] = [0.0, 0.5, -0.5].map(f64::exp);
    let wanted = ((one + two + three).ln() + (two + three).ln() - 0.5) / 4.0;
    assert!((loss.value(&eta) - wanted).abs() < 1e-15);
}

#[test]
fn outside_of_its_domain_the_conjugate_is_infinite() {
    let one = |loss: AnyLoss, eta: &[f64], u: &[f64]| loss.fenchel_young(eta, u);
    fn point<L: PointwiseLoss + 'static>(loss: L, y: f64) -> AnyLoss {
        Box::new(Separable::new(loss, vec![y], 1))
    }
    assert_eq!(one(point(Logistic, 1.0), &[0.0], &[0.01]), INF);
    assert_eq!(one(point(Logistic, 0.0), &[0.0], &[1.01]), INF);
    assert_eq!(one(point(Poisson, 2.0), &[0.0], &[-2.01]), INF);
    assert_eq!(one(point(Gamma, 2.0), &[0.0], &[1.01]), INF);
    assert_eq!(one(point(Huber::new(DELTA).unwrap(), 2.0), &[0.0], &[-DELTA - 0.01]), INF);
    for u in [-TAU - 0.01, 1.0 - TAU + 0.01] {
        assert_eq!(one(point(Quantile::new(TAU).unwrap(), 2.0), &[0.0], &[u]), INF);
        assert_eq!(one(point(SmoothedQuantile::new(TAU, WIDTH).unwrap(), 2.0), &[0.0], &[u]), INF);
    }
    assert_eq!(one(point(SquaredHinge, -1.0), &[0.0], &[-0.01]), INF);
    assert_eq!(one(Box::new(SquareRoot::new(vec![1.0, 2.0], 2)), &[0.0; 2], &[0.6, 0.4]), INF);
    let multinomial = || Box::new(Multinomial::new(vec![1], 3, 1).unwrap());
    assert_eq!(one(multinomial(), &[0.0; 3], &[0.2, -0.3, 0.1 + 1e-12]), INF);
    assert_eq!(one(multinomial(), &[0.0; 3], &[0.2, -0.1, -0.1]), INF);
    assert_eq!(one(multinomial(), &[0.0; 3], &[0.7, -1.1, 0.4]), INF);
    assert!(one(multinomial(), &[0.0; 3], &[0.2, -0.3, 0.1]).is_finite());
    let cox = || Box::new(Cox::new(&[1.0, 2.0, 3.0], &[1.0, 1.0, 0.0]).unwrap());
    assert_eq!(one(cox(), &[0.0; 3], &[0.1, -0.1, 0.0]), INF);
    let mut u = [0.0; 3];
    cox().gradient(&[0.0; 3], &mut u);
    assert_eq!(one(cox(), &[0.0; 3], &u.map(|u| 1.01 * u)), INF);
    assert_eq!(one(cox(), &[0.0; 3], &u.map(|u| -0.01 * u)), INF);
    assert!(one(cox(), &[0.0; 3], &u.map(|u| 0.99 * u)).is_finite());
}

/// At y the square root has no gradient, and every point of the dual ball belongs to it.
#[test]
fn the_square_root_survives_a_perfect_fit() {
    let loss = SquareRoot::new(vec![1.0, 2.0], 2);
    let mut u = [1.0; 2];
    loss.gradient(&[1.0, 2.0], &mut u);
    assert_eq!((u, loss.value(&[1.0, 2.0])), ([0.0; 2], 0.0));
    assert_eq!(loss.fenchel_young(&[1.0, 2.0], &[0.3, -0.5]), 0.0);
    let mut out = [0.0; 2];
    loss.hessian(&[1.0, 2.0]).apply(2, &[1.0, -1.0], &mut out);
    assert!(out[0] > 0.0 && out[1] < 0.0 && out[0].is_finite());
    // A residual whose square underflows still has a direction.
    let tiny = SquareRoot::new(vec![3e-200, 4e-200], 2);
    tiny.gradient(&[0.0, 0.0], &mut u);
    assert!((u[0] + 0.6 / 2f64.sqrt()).abs() < 1e-15 && (u[1] + 0.8 / 2f64.sqrt()).abs() < 1e-15);
}

#[test]
fn bad_losses_are_rejected_with_their_place() {
    assert!(matches!(Huber::new(0.0), Err(Error::OutOfRange { argument: "delta", .. })));
    assert!(Huber::new(f64::NAN).is_err() && Huber::new(INF).is_err());
    assert!(matches!(Quantile::new(1.0), Err(Error::OutOfRange { argument: "tau", .. })));
    assert!(matches!(SmoothedQuantile::new(0.5, -1.0), Err(Error::OutOfRange { argument: "width", .. })));
    assert!(SmoothedQuantile::new(f64::NAN, 1.0).is_err());
    assert!(matches!(Multinomial::new(vec![0, 3], 3, 2), Err(Error::Index { position: 1, index: 3, len: 3, .. })));
    assert!(matches!(Multinomial::new(vec![0], 3, 2), Err(Error::Length { expected: 2, found: 1, .. })));

    let (time, status) = ([1.0, 2.0, 3.0], [1.0, 0.0, 1.0]);
    let nan = Cox::new(&[1.0, f64::NAN, 2.0], &status);
    assert!(matches!(nan, Err(Error::NotFinite { argument: "time", index, .. }) if index == [1]));
    assert!(matches!(Cox::new(&time, &[1.0]), Err(Error::Length { argument: "status", expected: 3, found: 1 })));
    let two = Cox::new(&time, &[0.0, 2.0, 1.0]);
    assert!(matches!(two, Err(Error::OutOfRange { argument: "status", index, .. }) if index == [1]));
    assert!(Cox::new(&time, &[0.0, f64::NAN, 1.0]).is_err());
    assert!(matches!(Cox::new(&time, &[0.0; 3]), Err(Error::IllPosed { .. })));
    assert!(matches!(Cox::new(&[], &[]), Err(Error::IllPosed { .. })));
    let cox = || Cox::new(&time, &status).unwrap();
    let late = cox().with_start(&[0.0, 2.0, 1.0]);
    assert!(matches!(late, Err(Error::OutOfRange { argument: "start", index, .. }) if index == [1]));
    assert!(cox().with_start(&[0.0, f64::NAN, 1.0]).is_err());
    assert!(cox().with_start(&[-INF, 0.0, 1.0]).is_ok());
    assert!(matches!(cox().with_weights(&[0.0, 1.0, 0.0]), Err(Error::IllPosed { .. })));
    assert!(matches!(cox().with_weights(&[0.0, -1.0, 0.0]), Err(Error::OutOfRange { argument: "weights", .. })));
    assert!(matches!(cox().with_strata(&[0]), Err(Error::Length { argument: "strata", .. })));
    assert!(matches!(cox().with_offset(vec![0.0, INF, 0.0]), Err(Error::NotFinite { argument: "offset", .. })));
}
