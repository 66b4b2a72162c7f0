//! Seeded problems for the benches: the same bits on every machine, no dependency.

#![allow(dead_code, reason = "each bench uses its own part")]

use std::time::Duration;

use criterion::Criterion;
use sparsereg::design::{Csc, Dense, LinearOperator};

/// Short runs: these benches are for ratios within one run, not for the third digit.
pub fn quick() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
}

/// CPU time of this thread: differences of it do not see what else the machine is doing.
#[cfg(unix)]
pub fn clock() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Where there is no such clock the wall has to do.
#[cfg(not(unix))]
pub fn clock() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// splitmix64 (Steele, Lea & Flood 2014).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In (0, 1].
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box & Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }
}

/// Columns one after the other, each correlated by `rho` with the one before.
pub fn dense(n: usize, p: usize, rho: f64, seed: u64) -> Dense<'static> {
    let mut random = Random::new(seed);
    let mut x: Vec<f64> = (0..n * p).map(|_| random.normal()).collect();
    let fresh = (1.0 - rho * rho).sqrt();
    for k in n..n * p {
        x[k] = rho * x[k - n] + fresh * x[k];
    }
    Dense::from_columns(x, n, p).expect("finite values")
}

/// Columns whose numbers of values fall like a power law, as those of a bag of words do.
pub fn sparse(n: usize, p: usize, seed: u64) -> Csc {
    let mut random = Random::new(seed);
    let mut entries = Vec::new();
    for j in 0..p {
        let count = ((n / 2) as f64 / (1.0 + j as f64).powf(0.6)).max(2.0) as usize;
        for _ in 0..count {
            entries.push((random.below(n), j, random.uniform()));
        }
    }
    Csc::from_triplets(n, p, &entries).expect("entries inside")
}

/// `y` (task-major) of `tasks` responses from every (p / active)-th feature with noise, mean square 1 in all.
pub fn response(x: &impl LinearOperator, active: usize, tasks: usize, seed: u64) -> Vec<f64> {
    let (n, p) = (x.nrows(), x.ncols());
    let mut random = Random::new(seed);
    let mut w = vec![0.0; p * tasks];
    for j in (0..p).step_by((p / active).max(1)) {
        w[j * tasks..(j + 1) * tasks].iter_mut().for_each(|w| *w = random.normal());
    }
    let mut y = vec![0.0; n * tasks];
    x.apply(&w, &mut y);
    let spread = (y.iter().map(|y| y * y).sum::<f64>() / y.len() as f64).sqrt();
    y.iter_mut().for_each(|y| *y += spread / 3f64.sqrt() * random.normal());
    let size = (y.iter().map(|y| y * y).sum::<f64>() / n as f64).sqrt();
    y.iter_mut().for_each(|y| *y /= size);
    y
}

/// `count` λs, geometric from `largest` to `last · largest`.
pub fn lambdas(largest: f64, last: f64, count: usize) -> Vec<f64> {
    let step = last.ln() / (count - 1) as f64;
    (0..count).map(|k| largest * (step * k as f64).exp()).collect()
}
