//! The registry: penalties, solvers and data on which every law and every equality runs, and what a certificate is
//! recomputed from. Nothing here calls the crate's own dual norms or conjugates.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2};
use sparsereg::design::Dense;
use sparsereg::estimator::Method;
use sparsereg::loss::Squared;
use sparsereg::partition::{Groups, Partition};
use sparsereg::penalty::{
    BlockPenalty, BoxL1, ElasticNetPenalty, Fused, GroupL2, GroupMax, L1, Penalty, SortedL1, SparseGroup, TraceNorm,
    TreeGroup,
};
use sparsereg::problem::Problem;
use sparsereg::smooth::{LinearPredictor, Smooth};
use sparsereg::solver::{BlockDescent, Fista, Form, Solution, Solver, Start, Stopping, Watch};

pub const INF: f64 = f64::INFINITY;

/// Seeded random numbers (splitmix64).
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    /// Standard normal, from twelve uniform numbers: bounded by 6, which is all the better here.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

/// X with neighbours correlated 0.5 and columns shifted by up to ±2, and q responses of a few features plus noise.
pub fn regression(seed: u64, n: usize, p: usize, q: usize) -> (Array2<f64>, Array2<f64>) {
    let mut rng = Rng::new(seed);
    let mut x = Array2::zeros((n, p));
    let shift: Vec<f64> = (0..p).map(|_| 4.0 * rng.uniform() - 2.0).collect();
    for i in 0..n {
        let mut last = rng.normal();
        for j in 0..p {
            last = 0.5 * last + 0.75f64.sqrt() * rng.normal();
            x[[i, j]] = last + shift[j];
        }
    }
    let mut w = Array2::zeros((p, q));
    for j in (0..p).step_by(3) {
        for t in 0..q {
            w[[j, t]] = 1.0 + rng.uniform() - if j % 2 == 0 { 0.0 } else { 3.0 };
        }
    }
    let mut y = x.dot(&w);
    y.iter_mut().for_each(|y| *y += 0.5 * rng.normal() + 1.0);
    (x, y)
}

/// [`regression`] with one response.
pub fn single(seed: u64, n: usize, p: usize) -> (Array2<f64>, Array1<f64>) {
    let (x, y) = regression(seed, n, p, 1);
    (x, y.column(0).to_owned())
}

pub type F = LinearPredictor<Dense<'static, f64>, Squared>;

/// The smooth term of a problem without an intercept.
pub fn smooth(x: &Array2<f64>, y: &Array2<f64>) -> F {
    let columns: Vec<f64> = x.t().iter().copied().collect();
    let tasks: Vec<f64> = y.t().iter().copied().collect();
    let design = Dense::from_columns(columns, x.nrows(), x.ncols()).expect("finite data");
    LinearPredictor::new(design, Squared::new(tasks, x.nrows()))
}

/// A penalty by its definition.
#[derive(Debug, Clone)]
pub enum Kind {
    /// `Σ ω_j ‖w_j‖₁`
    L1,
    /// `Σ ω_g ‖w_g‖₂`
    Group,
    /// `Σ ω_b (ρ‖w_b‖₂ + (1−ρ)/2 ‖w_b‖²)`
    ElasticNet(f64),
    /// `τ‖w‖₁ + (1−τ) Σ ω_g ‖w_g‖₂`, ω_g = ∞ excludes
    SparseGroup(f64),
    /// `Σ ω_g ‖w_g‖_∞`
    Max,
    /// `Σ_i ω_i ‖W‖_(i)` over the rows of one block, the weights in the entry's place
    SortedL1(Vec<f64>),
    /// `τ‖w‖₁ + (1−τ) Σ_j ω_j |w_{j+1} − w_j|` in one block
    Fused(f64, Vec<f64>),
    /// `Σ_g ω_g ‖w_g‖₂` over (from, to, ω) inside of the first block; the others are single groups
    Tree(Vec<(usize, usize, f64)>),
    /// `Σ_k σ_k(W)` for up to two responses
    Trace,
    /// `Σ ω_j |w_j|`, low ≤ w ≤ high
    Box(f64, f64),
}

/// One entry of the registry: the crate's penalty, and what it should be.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: String,
    pub kind: Kind,
    pub sizes: Vec<usize>,
    pub weights: Vec<f64>,
    pub nonnegative: bool,
}

impl Entry {
    fn new(kind: Kind, sizes: &[usize], weights: &[f64], nonnegative: bool) -> Self {
        let plus = if nonnegative { "+" } else { "" };
        let name = format!("{kind:?}{plus} sizes {sizes:?} weights {weights:?}");
        Self { name, kind, sizes: sizes.to_vec(), weights: weights.to_vec(), nonnegative }
    }

    pub fn ncols(&self) -> usize {
        self.sizes.iter().sum()
    }

    pub fn nblocks(&self) -> usize {
        self.sizes.len()
    }

    pub fn block(&self, b: usize) -> Range<usize> {
        let start = self.sizes[..b].iter().sum();
        start..start + self.sizes[b]
    }

    /// The crate's implementation.
    pub fn build(&self) -> Boxed {
        let partition = Partition::from_sizes(&self.sizes).expect("sizes");
        let w = self.weights.clone();
        match self.kind {
            Kind::L1 => {
                let penalty = L1::new(self.ncols()).nonnegative(self.nonnegative);
                Boxed(Arc::new(penalty.with_weights(w).expect("weights")))
            }
            Kind::Group => {
                let penalty = GroupL2::new(partition).nonnegative(self.nonnegative);
                Boxed(Arc::new(penalty.with_weights(w).expect("weights")))
            }
            Kind::ElasticNet(rho) => {
                let penalty = ElasticNetPenalty::new(partition, rho).expect("ρ");
                let penalty = penalty.nonnegative(self.nonnegative);
                Boxed(Arc::new(penalty.with_weights(w).expect("weights")))
            }
            Kind::SparseGroup(tau) => {
                let penalty = SparseGroup::new(partition, tau).expect("τ").nonnegative(self.nonnegative);
                Boxed(Arc::new(penalty.with_weights(w).expect("weights")))
            }
            Kind::Max => Boxed(Arc::new(GroupMax::new(partition).with_weights(w).expect("weights"))),
            Kind::SortedL1(ref weights) => Boxed(Arc::new(SortedL1::new(weights.clone()).expect("weights"))),
            Kind::Fused(tau, ref edges) => {
                let penalty = Fused::new(self.ncols(), tau).expect("τ");
                Boxed(Arc::new(penalty.with_edge_weights(edges.clone()).expect("weights")))
            }
            Kind::Tree(ref inner) => {
                let mut groups: Vec<Vec<usize>> = (0..self.nblocks()).map(|b| self.block(b).collect()).collect();
                groups.extend(inner.iter().map(|&(from, to, _)| (from..to).collect()));
                let weights = w.into_iter().chain(inner.iter().map(|&(_, _, weight)| weight)).collect();
                let tree = TreeGroup::new(Groups::overlapping(&groups, self.ncols()).expect("groups"));
                let penalty = tree.with_weights(weights).expect("a tree");
                assert!(penalty.order().is_sorted(), "the blocks of {} are not in order", self.name);
                Boxed(Arc::new(penalty))
            }
            Kind::Trace => Boxed(Arc::new(TraceNorm::new(self.ncols()))),
            Kind::Box(low, high) => {
                let penalty = BoxL1::new(vec![low; self.ncols()], vec![high; self.ncols()]).expect("bounds");
                Boxed(Arc::new(penalty.with_weights(w).expect("weights")))
            }
        }
    }

    /// λΩ_b(w) by definition.
    pub fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        if w.iter().all(|&w| w == 0.0) {
            return 0.0;
        }
        let weight = self.weights[b];
        if weight == INF || (self.nonnegative && w.iter().any(|&w| w < 0.0)) {
            return INF;
        }
        let q = w.len() / self.sizes[b];
        let one: f64 = w.iter().map(|w| w.abs()).sum();
        let two: f64 = w.iter().map(|w| w * w).sum::<f64>();
        lambda
            * match self.kind {
                Kind::L1 => weight * one,
                Kind::Group => weight * two.sqrt(),
                Kind::ElasticNet(rho) => weight * (rho * two.sqrt() + (1.0 - rho) / 2.0 * two),
                Kind::SparseGroup(tau) => tau * one + (1.0 - tau) * weight * two.sqrt(),
                Kind::Max => weight * w.iter().fold(0.0, |m: f64, w| m.max(w.abs())),
                Kind::SortedL1(ref weights) => sorted_rows(w, q).iter().zip(weights).map(|(w, u)| w * u).sum(),
                Kind::Fused(tau, ref edges) => {
                    let steps = (q..w.len()).map(|i| edges[i / q - 1] * (w[i] - w[i - q]).abs());
                    tau * one + (1.0 - tau) * steps.sum::<f64>()
                }
                Kind::Tree(ref inner) if b == 0 => {
                    let part = |&(from, to, weight): &(usize, usize, f64)| match norm(&w[from * q..to * q]) {
                        0.0 => 0.0,
                        norm => weight * norm,
                    };
                    weight * two.sqrt() + inner.iter().map(part).sum::<f64>()
                }
                Kind::Tree(_) => weight * two.sqrt(),
                Kind::Trace => singular_values(w, q).iter().sum(),
                Kind::Box(low, high) => {
                    if w.iter().all(|&w| low <= w && w <= high) {
                        weight * one
                    } else {
                        INF
                    }
                }
            }
    }

    /// `(λΩ_b)*(z)`, by the textbook; `slack` is what may stick out of a dual ball.
    pub fn conjugate_block(&self, b: usize, lambda: f64, z: &[f64], slack: f64) -> f64 {
        let weight = self.weights[b];
        if weight == INF {
            return 0.0;
        }
        let z: Vec<f64> = (z.iter()).map(|&z| if self.nonnegative { z.max(0.0) } else { z }).collect();
        let norm = |z: &[f64]| z.iter().map(|z| z * z).sum::<f64>().sqrt();
        let inside = |yes: bool| if yes { 0.0 } else { INF };
        match self.kind {
            Kind::L1 => inside(z.iter().all(|z| z.abs() <= lambda * weight + slack)),
            Kind::Group => inside(norm(&z) <= lambda * weight + slack),
            Kind::ElasticNet(rho) => {
                let excess = norm(&z) - lambda * weight * rho;
                let quadratic = lambda * weight * (1.0 - rho);
                if quadratic == 0.0 { inside(excess <= slack) } else { excess.max(0.0).powi(2) / (2.0 * quadratic) }
            }
            Kind::SparseGroup(tau) => {
                let out: Vec<f64> = z.iter().map(|z| (z.abs() - lambda * tau).max(0.0)).collect();
                inside(norm(&out) <= lambda * (1.0 - tau) * weight + slack)
            }
            Kind::Max => inside(z.iter().map(|z| z.abs()).sum::<f64>() <= lambda * weight + slack),
            Kind::SortedL1(ref weights) => {
                let rows = sorted_rows(&z, z.len() / self.sizes[b]);
                let sum = |v: &[f64], k: usize| v[..k].iter().sum::<f64>();
                inside((1..=rows.len()).all(|k| sum(&rows, k) <= lambda * sum(weights, k) + slack))
            }
            Kind::Fused(tau, ref edges) => {
                let (p, q) = (self.sizes[b], z.len() / self.sizes[b]);
                let border = |i: usize| if i == 0 || i == p { 0.0 } else { edges[i - 1] };
                let segments =
                    (0..q).flat_map(|t| (0..p).flat_map(move |from| (from + 1..=p).map(move |to| (t, from, to))));
                inside(segments.into_iter().all(|(t, from, to)| {
                    let sum: f64 = (from..to).map(|j| z[j * q + t]).sum();
                    let perimeter = tau * (to - from) as f64 + (1.0 - tau) * (border(from) + border(to));
                    sum.abs() <= lambda * perimeter + slack
                }))
            }
            Kind::Tree(_) => f64::NAN, // no textbook has a formula
            Kind::Trace => inside(singular_values(&z, z.len() / self.sizes[b])[0] <= lambda + slack),
            Kind::Box(low, high) => {
                let ends = |z: &f64| [low, high].iter().map(|w| z * w - lambda * weight * w.abs()).fold(0.0, f64::max);
                z.iter().map(ends).sum()
            }
        }
    }

    pub fn is_free(&self, b: usize, lambda: f64) -> bool {
        let norm_free = match self.kind {
            Kind::SparseGroup(tau) => {
                lambda == 0.0 || (tau == 0.0 && self.weights[b] == 0.0) // τ‖w‖₁ has no weights
            }
            Kind::Box(..) => false,
            Kind::Tree(ref inner) if b == 0 && inner.iter().any(|node| node.2 == INF) => false,
            _ => lambda == 0.0 || self.weights[b] == 0.0,
        };
        norm_free && self.weights[b] != INF && !self.nonnegative
    }

    pub fn value(&self, lambda: f64, w: &[f64], q: usize) -> f64 {
        let value = |b| {
            let r = self.block(b);
            self.value_block(b, lambda, &w[r.start * q..r.end * q])
        };
        (0..self.nblocks()).map(value).sum()
    }

    pub fn conjugate(&self, lambda: f64, z: &[f64], q: usize, slack: f64) -> f64 {
        let value = |b| {
            let r = self.block(b);
            self.conjugate_block(b, lambda, &z[r.start * q..r.end * q], slack)
        };
        (0..self.nblocks()).map(value).sum()
    }
}

/// Every separable penalty over `p` ≥ 8 columns: blocks, weights 0 and ∞, signs, ρ ∈ {0, ½, 1}, τ ∈ {0, 0.3, 1}.
pub fn entries(p: usize) -> Vec<Entry> {
    assert!(p >= 8);
    let ones = vec![1; p];
    let groups = [&[1, 3, 2][..], &vec![2; (p - 6) / 2], &vec![1; (p - 6) % 2]].concat();
    let weights = |sizes: &[usize]| -> Vec<f64> { sizes.iter().map(|&s| (s as f64).sqrt()).collect() };
    let special = |mut w: Vec<f64>| -> Vec<f64> {
        (w[1], w[2], w[3]) = (0.0, INF, 0.3);
        w
    };
    let mut all = Vec::new();
    for nonnegative in [false, true] {
        all.push(Entry::new(Kind::L1, &ones, &weights(&ones), nonnegative));
        all.push(Entry::new(Kind::Group, &groups, &weights(&groups), nonnegative));
        for rho in [0.0, 0.5, 1.0] {
            let kind = Kind::ElasticNet(rho);
            all.push(Entry::new(kind.clone(), &ones, &weights(&ones), nonnegative));
            all.push(Entry::new(kind, &groups, &weights(&groups), nonnegative));
        }
    }
    for tau in [0.0, 0.3, 1.0] {
        let kind = Kind::SparseGroup(tau);
        all.push(Entry::new(kind.clone(), &groups, &weights(&groups), false));
        all.push(Entry::new(kind, &groups, &special(weights(&groups)), false));
    }
    all.push(Entry::new(Kind::L1, &ones, &special(weights(&ones)), false));
    all.push(Entry::new(Kind::Group, &ones, &special(weights(&ones)), false));
    all.push(Entry::new(Kind::Group, &groups, &special(weights(&groups)), false));
    for rho in [0.0, 0.5, 1.0] {
        let kind = Kind::ElasticNet(rho);
        all.push(Entry::new(kind, &groups, &special(weights(&groups)), false));
    }
    all
}

/// Penalties with a sign constraint and weight 0: a constraint and nothing else.
pub fn constrained_entries(p: usize) -> Vec<Entry> {
    let ones = vec![1; p];
    let mut weights = vec![1.0; p];
    (weights[0], weights[1]) = (0.0, 0.0);
    vec![
        Entry::new(Kind::L1, &ones, &weights, true),
        Entry::new(Kind::Group, &ones, &weights, true),
        Entry::new(Kind::ElasticNet(0.5), &ones, &weights, true),
    ]
}

/// Penalties that tie the coefficients of a block in other ways than by ‖·‖₂, or bound them; two of the rows of W are equal in
/// some. Over 8 columns.
pub fn coupled_entries() -> Vec<Entry> {
    let sizes = [1, 3, 2, 2];
    let falling = vec![2.0, 2.0, 1.5, 1.1, 1.0, 0.4, 0.1, 0.0];
    let edges = vec![1.0, 0.5, 2.0, 0.0, 1.0, 1.0, 0.1];
    let inner = vec![(0, 3, 0.5), (0, 1, 2.0), (1, 2, 0.3), (3, 4, 1.0), (3, 4, 0.2)];
    vec![
        Entry::new(Kind::Max, &sizes, &[1.0, 3.0, 0.0, INF], false),
        Entry::new(Kind::SortedL1(falling), &[8], &[1.0], false),
        Entry::new(Kind::SortedL1(vec![1.0; 8]), &[8], &[1.0], false),
        Entry::new(Kind::Fused(0.3, edges.clone()), &[8], &[1.0], false),
        Entry::new(Kind::Fused(1.0, edges.clone()), &[8], &[1.0], false),
        Entry::new(Kind::Fused(0.0, edges), &[8], &[1.0], false),
        Entry::new(Kind::Tree(inner.clone()), &[5, 2, 1], &[1.0, 1.3, 0.7], false),
        Entry::new(Kind::Tree(vec![(0, 3, INF)]), &[5, 3], &[1.0, 0.5], false),
        Entry::new(Kind::Trace, &[8], &[1.0], false),
        Entry::new(Kind::Box(-0.5, 1.5), &[1; 8], &[1.0, 0.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0], false),
        Entry::new(Kind::Box(0.0, 1.0), &[1; 8], &[1.0; 8], false),
        Entry::new(Kind::SparseGroup(0.3), &sizes, &[1.0, 1.7, 0.0, INF], true),
    ]
}

/// Norms of the rows of W, descending.
fn sorted_rows(w: &[f64], q: usize) -> Vec<f64> {
    let mut rows: Vec<f64> = w.chunks_exact(q).map(norm).collect();
    rows.sort_by(|a, b| b.total_cmp(a));
    rows
}

/// Singular values of a matrix of one or two columns, by rows: from the trace and the determinant of WᵀW.
fn singular_values(w: &[f64], q: usize) -> Vec<f64> {
    if q == 1 {
        return vec![norm(w)];
    }
    let size = w.iter().fold(f64::MIN_POSITIVE, |m, w| m.max(w.abs()));
    let entry = |s: usize, t: usize| w.chunks_exact(2).map(|r| r[s] / size * (r[t] / size)).sum::<f64>();
    let (a, b, c) = (entry(0, 0), entry(0, 1), entry(1, 1));
    let root = ((a - c) * (a - c) + 4.0 * b * b).sqrt();
    let first = (0.5 * (a + c + root)).sqrt();
    // det WᵀW = Σ of the squares of all 2×2 minors: no cancellation.
    let n = w.len() / 2;
    let minor = |i: usize, j: usize| (w[2 * i] * w[2 * j + 1] - w[2 * i + 1] * w[2 * j]) / size / size;
    let det: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| minor(i, j).powi(2)).sum();
    vec![size * first, if first > 0.0 { size * det.sqrt() / first } else { 0.0 }]
}

/// Any block penalty behind one type, so that lists can hold them.
#[derive(Clone)]
pub struct Boxed(pub Arc<dyn BlockPenalty + Send + Sync>);

impl BlockPenalty for Boxed {
    fn partition(&self) -> &Partition {
        self.0.partition()
    }
    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        self.0.value_block(b, lambda, w)
    }
    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        self.0.prox_block(b, lambda, step, v);
    }
    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        self.0.critical_lambda_block(b, g)
    }
    fn conjugate_block(&self, b: usize, lambda: f64, g: &[f64]) -> f64 {
        self.0.conjugate_block(b, lambda, g)
    }
    fn kkt_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        self.0.kkt_block(b, lambda, w, g)
    }
    fn fenchel_young_block(
        &self,
        b: usize,
        lambda: f64,
        w: &[f64],
        g: &[f64],
        scale: f64,
        scratch: &mut Vec<f64>,
    ) -> f64 {
        self.0.fenchel_young_block(b, lambda, w, g, scale, scratch)
    }
    fn screening_constant(&self, b: usize) -> Option<f64> {
        self.0.screening_constant(b)
    }
    fn curvature_block(&self, b: usize, lambda: f64, w: &[f64], grad: &mut [f64], hess: &mut [f64]) -> bool {
        self.0.curvature_block(b, lambda, w, grad, hess)
    }
    fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
        self.0.prox_block_diagonal(b, lambda, h, v)
    }
    fn radial(&self, b: usize, lambda: f64) -> Option<(f64, f64)> {
        self.0.radial(b, lambda)
    }
    fn has_coordinate_kinks(&self) -> bool {
        self.0.has_coordinate_kinks()
    }
    fn is_free(&self, b: usize, lambda: f64) -> bool {
        self.0.is_free(b, lambda)
    }
}

/// Every solver with the switches that change its path.
pub fn solvers() -> Vec<(&'static str, Method)> {
    let d = BlockDescent::default();
    let f = Fista::default();
    let fixed = |form| BlockDescent { form, ..d.clone() };
    vec![
        ("descent", d.clone().into()),
        ("descent gram", fixed(Form::Gram).into()),
        ("descent residual", fixed(Form::Residual).into()),
        ("descent no newton", BlockDescent { newton: false, ..fixed(Form::Gram) }.into()),
        ("descent no anderson", BlockDescent { anderson: 0, ..fixed(Form::Gram) }.into()),
        ("descent residual no anderson", BlockDescent { anderson: 0, ..fixed(Form::Residual) }.into()),
        ("descent no screening", BlockDescent { screening: false, ..d.clone() }.into()),
        ("descent plain", BlockDescent { screening: false, newton: false, anderson: 0, ..d }.into()),
        ("fista", f.clone().into()),
        ("fista no precondition", Fista { precondition: false, ..f.clone() }.into()),
        ("fista no restart", Fista { restart: false, ..f.clone() }.into()),
        ("fista no backtracking", Fista { backtracking: false, ..f }.into()),
        ("ista", Fista::ista().into()),
    ]
}

/// The few that differ most.
pub fn main_solvers() -> Vec<(&'static str, Method)> {
    let keep = ["descent gram", "descent residual", "fista"];
    solvers().into_iter().filter(|(name, _)| keep.contains(name)).collect()
}

/// Relative gap `tolerance`, at most `max_iterations`.
pub fn stopping(tolerance: f64, max_iterations: usize) -> Stopping {
    Stopping { tolerance, max_iterations, time_limit: None }
}

/// A low-level solve with any method of the registry.
pub fn solve_watched<P: BlockPenalty>(
    method: &Method,
    stopping: Stopping,
    problem: &Problem<'_, F, P>,
    start: Start<'_>,
    watch: &mut dyn Watch,
) -> Solution {
    match method.clone() {
        Method::Descent(mut s) => {
            s.stopping = stopping;
            s.solve(problem, start, watch)
        }
        Method::Fista(mut s) => {
            s.stopping = stopping;
            s.solve(problem, start, watch)
        }
        other => panic!("the registry does not know {other:?}"),
    }
}

pub fn solve<P: BlockPenalty>(method: &Method, stopping: Stopping, problem: &Problem<'_, F, P>) -> Solution {
    solve_watched(method, stopping, problem, Start::Zero, &mut ())
}

/// A λ that leaves some, but not all, of the penalised coefficients: a share of λ_max, or `share` itself for a ridge.
pub fn some_lambda<S: Smooth, P: Penalty>(smooth: &S, penalty: &P, share: f64) -> f64 {
    let max = Problem::new(smooth, penalty, 0.0).lambda_max();
    share * if max.is_finite() { max } else { 1.0 }
}

/// The primal objective `1/(2n)‖Y − XW‖² + λΩ(W)` and the best dual objective that this file can find from the residual,
/// both by definition. w is feature-major.
pub fn primal_dual(x: &Array2<f64>, y: &Array2<f64>, entry: &Entry, lambda: f64, w: &[f64]) -> (f64, f64) {
    let (n, p) = x.dim();
    let q = y.ncols();
    let w_matrix = Array2::from_shape_vec((p, q), w.to_vec()).expect("shape");
    let residual = y - &x.dot(&w_matrix);
    let nf = n as f64;
    let primal = residual.iter().map(|r| r * r).sum::<f64>() / (2.0 * nf) + entry.value(lambda, w, q);

    // θ = residual/n, orthogonal to the free columns; D(θ) = ⟨Y, θ⟩ − n/2 ‖θ‖² − (λΩ)*(Xᵀθ).
    let mut theta = residual / nf;
    let mut basis: Vec<Array1<f64>> = Vec::new();
    let mut free = vec![false; p];
    for b in (0..entry.nblocks()).filter(|&b| entry.is_free(b, lambda)) {
        for j in entry.block(b) {
            free[j] = true;
            let mut v = x.column(j).to_owned();
            let before = v.dot(&v).sqrt();
            for _ in 0..3 {
                for z in &basis {
                    let c = z.dot(&v);
                    v.scaled_add(-c, z);
                }
            }
            let norm = v.dot(&v).sqrt();
            if norm > 1e-10 * before {
                basis.push(v / norm);
            }
        }
    }
    for mut task in theta.columns_mut() {
        for z in basis.iter().chain(&basis) {
            let c = z.dot(&task);
            task.scaled_add(-c, z);
        }
    }
    let mut z = x.t().dot(&theta); // p×q, feature-major
    for (j, mut row) in z.rows_mut().into_iter().enumerate() {
        if free[j] {
            row.fill(0.0);
        }
    }
    let z: Vec<f64> = z.iter().copied().collect();
    let inner = (&theta * y).sum();
    let square = theta.iter().map(|t| t * t).sum::<f64>();
    let dual = |s: f64, slack: f64| {
        let scaled: Vec<f64> = z.iter().map(|z| s * z).collect();
        s * inner - nf / 2.0 * s * s * square - entry.conjugate(lambda, &scaled, q, slack)
    };
    let feasible = |s: f64| dual(s, 1e-14 * lambda).is_finite();
    let mut best = dual(1.0, 1e-14 * lambda);
    if !feasible(1.0) {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if feasible(middle) { low = middle } else { high = middle }
        }
        best = dual(low, 1e-14 * lambda);
    } else {
        // A finite conjugate: scaling into the dual ball of the norm may still be better, the crate tries it.
        for k in 0..=200 {
            best = best.max(dual(f64::from(k) / 200.0, 1e-14 * lambda));
        }
    }
    (primal, best)
}

pub fn norm(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

pub fn distance<'a>(a: impl IntoIterator<Item = &'a f64>, b: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (a, b): (Vec<_>, Vec<_>) = (a.into_iter().collect(), b.into_iter().collect());
    assert_eq!(a.len(), b.len());
    a.iter().zip(&b).map(|(a, b)| (*a - *b).abs()).fold(0.0, |m, d| if d.is_nan() { f64::NAN } else { m.max(d) })
}

/// Element by element within `tolerance`.
#[track_caller]
pub fn assert_close<'a>(
    label: &str,
    a: impl IntoIterator<Item = &'a f64>,
    b: impl IntoIterator<Item = &'a f64>,
    tolerance: f64,
) {
    let (a, b): (Vec<f64>, Vec<f64>) = (a.into_iter().copied().collect(), b.into_iter().copied().collect());
    let distance = distance(&a, &b);
    assert!(distance <= tolerance, "{label}: {distance:e} apart\n{a:?}\n{b:?}");
}
