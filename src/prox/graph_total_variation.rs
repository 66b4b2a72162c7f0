//! Total variation over a graph: the proximal operator of `t Σ_{(i,j)} ω_ij |w_i − w_j|`, by maximum flows.
//!
//! A connected set of equal entries would have the mean of its values. Either no part of it gains by leaving, or the part that
//! gains most, a minimum cut, lies above the mean and the rest below, and the two are solved apart: Hochbaum, "An efficient
//! algorithm for image segmentation, Markov random fields and related problems", J. ACM 48 (2001); Chambolle & Darbon, "On total
//! variation minimization and surface evolution using parametric maximum flows", IJCV 84 (2009), §4. The flows are Dinic's.

/// The edges of a graph over the entries of a vector, as the operators here want them.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    edges: Vec<(usize, usize)>,
    weights: Vec<f64>,
    /// `links[starts[i]..starts[i + 1]]`: (neighbour, edge) of entry i.
    starts: Vec<usize>,
    links: Vec<(usize, usize)>,
}

impl Graph {
    /// A graph over `n` entries with one weight ≥ 0 for each edge; edges of weight 0 are none.
    ///
    /// # Panics
    /// If an edge leaves the graph.
    pub fn new(n: usize, edges: &[(usize, usize)], weights: &[f64]) -> Self {
        debug_assert_eq!(edges.len(), weights.len());
        let kept = edges.iter().zip(weights).filter(|(_, w)| **w > 0.0);
        let (edges, weights): (Vec<(usize, usize)>, Vec<f64>) = kept.map(|(e, w)| (*e, *w)).unzip();
        let mut starts = vec![0; n + 1];
        for &(i, j) in &edges {
            starts[i + 1] += 1;
            starts[j + 1] += 1;
        }
        (0..n).for_each(|i| starts[i + 1] += starts[i]);
        let mut next = starts.clone();
        let mut links = vec![(0, 0); 2 * edges.len()];
        for (e, &(i, j)) in edges.iter().enumerate() {
            for (from, to) in [(i, j), (j, i)] {
                links[next[from]] = (to, e);
                next[from] += 1;
            }
        }
        Self { edges, weights, starts, links }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The edges of weight > 0 and their weights.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        self.edges.iter().zip(&self.weights).map(|(&(i, j), &w)| (i, j, w))
    }

    /// The parts into which the graph falls when only edges count for which `keep` holds.
    pub fn components(&self, keep: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
        let mut seen = vec![false; self.len()];
        let mut parts = Vec::new();
        for root in 0..self.len() {
            if std::mem::replace(&mut seen[root], true) {
                continue;
            }
            let mut part = vec![root];
            let mut k = 0;
            while k < part.len() {
                let i = part[k];
                for &(j, _) in self.links_of(i) {
                    if !seen[j] && keep(i, j) {
                        seen[j] = true;
                        part.push(j);
                    }
                }
                k += 1;
            }
            part.sort_unstable();
            parts.push(part);
        }
        parts
    }

    fn links_of(&self, i: usize) -> &[(usize, usize)] {
        &self.links[self.starts[i]..self.starts[i + 1]]
    }

    fn other(&self, e: usize, i: usize) -> usize {
        let (a, b) = self.edges[e];
        if a == i { b } else { a }
    }
}

/// A flow inside one part of the graph: what leaves the entries that have too much for those that want it.
struct Flow<'a> {
    graph: &'a Graph,
    /// Which part each entry is in.
    part: Vec<usize>,
    /// Along the edge from its first entry to its second.
    flow: Vec<f64>,
    level: Vec<usize>,
    arc: Vec<usize>,
    /// Left to give (> 0) or to take (< 0).
    rest: Vec<f64>,
}

impl<'a> Flow<'a> {
    fn new(graph: &'a Graph) -> Self {
        let n = graph.len();
        Self {
            graph,
            part: vec![0; n],
            flow: vec![0.0; graph.edges.len()],
            level: vec![usize::MAX; n],
            arc: vec![0; n],
            rest: vec![0.0; n],
        }
    }

    /// What edge e can still carry away from i.
    fn residual(&self, e: usize, i: usize, t: f64) -> f64 {
        let capacity = t * self.graph.weights[e];
        if self.graph.edges[e].0 == i { capacity - self.flow[e] } else { capacity + self.flow[e] }
    }

    fn push(&mut self, e: usize, i: usize, amount: f64) {
        self.flow[e] += if self.graph.edges[e].0 == i { amount } else { -amount };
    }

    /// Levels from the entries with something left; whether one that wants it was reached.
    fn levels(&mut self, nodes: &[usize], t: f64, slack: f64) -> bool {
        let mut queue = Vec::with_capacity(nodes.len());
        for &i in nodes {
            self.level[i] = usize::MAX;
            self.arc[i] = 0;
            if self.rest[i] > slack {
                self.level[i] = 0;
                queue.push(i);
            }
        }
        let mut reached = false;
        let mut k = 0;
        while k < queue.len() {
            let i = queue[k];
            k += 1;
            reached |= self.rest[i] < -slack;
            for &(j, e) in self.graph.links_of(i) {
                if self.part[j] == self.part[i] && self.level[j] == usize::MAX && self.residual(e, i, t) > slack {
                    self.level[j] = self.level[i] + 1;
                    queue.push(j);
                }
            }
        }
        reached
    }

    /// The maximum flow under capacities `t·ω` for the present `rest`; afterwards `level` is finite on what can still be reached from
    /// entries with something left: the minimum cut.
    fn maximise(&mut self, nodes: &[usize], t: f64) {
        let largest = nodes.iter().map(|&i| self.rest[i].abs()).fold(0.0, f64::max);
        let slack = 1e-15 * largest * (nodes.len() as f64).sqrt().max(4.0);
        let mut path: Vec<(usize, usize)> = Vec::new();
        while self.levels(nodes, t, slack) {
            for &source in nodes {
                if self.level[source] != 0 {
                    continue;
                }
                path.clear();
                let mut i = source;
                while self.rest[source] > slack {
                    if self.rest[i] < -slack {
                        let room = path.iter().map(|&(from, e)| self.residual(e, from, t));
                        let amount = room.fold(self.rest[source].min(-self.rest[i]), f64::min);
                        for &(from, e) in &path {
                            self.push(e, from, amount);
                        }
                        self.rest[source] -= amount;
                        self.rest[i] += amount;
                        path.clear();
                        i = source;
                        continue;
                    }
                    let links = self.graph.links_of(i);
                    let next = (self.arc[i]..links.len()).find(|&k| {
                        let (j, e) = links[k];
                        self.part[j] == self.part[i]
                            && self.level[j] == self.level[i].wrapping_add(1)
                            && self.residual(e, i, t) > slack
                    });
                    match next {
                        Some(k) => {
                            self.arc[i] = k;
                            path.push((i, links[k].1));
                            i = links[k].0;
                        }
                        None => {
                            // A dead end, for all of this round.
                            self.arc[i] = links.len();
                            let Some((from, _)) = path.pop() else { break };
                            self.arc[from] += 1;
                            i = from;
                        }
                    }
                }
            }
        }
    }
}

/// `v ← argmin_x ½‖x − v‖² + t Σ ω_ij |x_i − x_j| + l1 ‖x‖₁` over the edges of a graph. Returns the duality gap of the answer (before
/// the ℓ₁ part, which is exact): of the size of rounding errors.
///
/// ```
/// use sparsereg::prox::{Graph, graph_total_variation};
/// let star = Graph::new(4, &[(0, 1), (0, 2), (0, 3)], &[1.0; 3]);
/// let mut v = [0.0, 3.0, 3.0, -3.0];
/// let gap = graph_total_variation(&mut v, 0.0, 1.0, &star);
/// assert_eq!(v, [1.0, 2.0, 2.0, -2.0]);
/// assert!(gap < 1e-14);
/// ```
pub fn graph_total_variation(v: &mut [f64], l1: f64, t: f64, graph: &Graph) -> f64 {
    debug_assert_eq!(v.len(), graph.len());
    // Beyond the sum of all sizes no edge gives way.
    let enough = 2.0 * v.iter().map(|v| v.abs()).sum::<f64>();
    let least = graph.weights.iter().copied().fold(f64::INFINITY, f64::min);
    let t = t.min(enough / least.min(1.0));
    let y = v.to_vec();
    // What edges to parts that are settled to be above or below add.
    let mut pull = vec![0.0; v.len()];
    let mut flow = Flow::new(graph);
    let mut parts = if t > 0.0 { graph.components(|_, _| true) } else { Vec::new() };
    let mut names = 0;
    for part in &parts {
        names += 1;
        part.iter().for_each(|&i| flow.part[i] = names);
    }
    while let Some(part) = parts.pop() {
        let first = y[part[0]];
        let sum: f64 = part.iter().map(|&i| (y[i] - first) + pull[i]).sum();
        let mean = sum / part.len() as f64;
        part.iter().for_each(|&i| flow.rest[i] = (y[i] - first) + pull[i] - mean);
        flow.maximise(&part, t);
        let (above, below): (Vec<usize>, Vec<usize>) = part.iter().partition(|&&i| flow.level[i] != usize::MAX);
        if above.is_empty() || below.is_empty() {
            part.iter().for_each(|&i| v[i] = first + mean);
            continue;
        }
        names += 1;
        above.iter().for_each(|&i| flow.part[i] = names);
        for &i in &above {
            for &(j, e) in graph.links_of(i) {
                if flow.part[j] == flow.part[below[0]] {
                    let capacity = t * graph.weights[e];
                    pull[i] -= capacity;
                    pull[j] += capacity;
                    // The dual variable of an edge that is cut stands at its bound for good.
                    flow.flow[e] = if graph.edges[e].0 == i { capacity } else { -capacity };
                }
            }
        }
        // The flows inside start again.
        for &i in &part {
            for &(j, e) in graph.links_of(i) {
                if flow.part[j] == flow.part[i] {
                    flow.flow[e] = 0.0;
                }
            }
        }
        parts.extend(split(graph, above, &mut flow.part, &mut names));
        parts.extend(split(graph, below, &mut flow.part, &mut names));
    }
    // ½‖x − (y − Dᵀz)‖² + Σ_e (tω_e|x_i − x_j| − z_e(x_i − x_j))
    let mut rest: Vec<f64> = y.iter().zip(v.iter()).map(|(y, v)| y - v).collect();
    let mut gap = 0.0;
    for ((&(i, j), w), z) in graph.edges.iter().zip(&graph.weights).zip(&flow.flow) {
        rest[i] -= z;
        rest[j] += z;
        gap += (t * w * (v[i] - v[j]).abs() - z * (v[i] - v[j])).max(0.0);
    }
    gap += 0.5 * rest.iter().map(|r| r * r).sum::<f64>();
    if l1 > 0.0 {
        super::soft_threshold_slice(v, l1);
    }
    gap
}

/// The connected parts of a set of entries, each under a name of its own.
fn split(graph: &Graph, nodes: Vec<usize>, part: &mut [usize], names: &mut usize) -> Vec<Vec<usize>> {
    let Some(&first) = nodes.first() else { return Vec::new() };
    let old = part[first];
    let mut parts = Vec::new();
    for &root in &nodes {
        if part[root] != old {
            continue;
        }
        *names += 1;
        part[root] = *names;
        let mut own = vec![root];
        let mut k = 0;
        while k < own.len() {
            for &(j, _) in graph.links_of(own[k]) {
                if part[j] == old {
                    part[j] = *names;
                    own.push(j);
                }
            }
            k += 1;
        }
        parts.push(own);
    }
    parts
}

/// The least λ at which the prox of −g under `λ(l1‖·‖₁ + fused Σ ω_ij|x_i − x_j|)` is zero: the largest
/// `|Σ_{i∈A} g_i| / (l1|A| + fused·cut(A))` over all sets A, by Dinkelbach's method with a minimum cut a step. Constants of components
/// as in [`total_variation_critical`](super::total_variation_critical).
///
/// ```
/// use sparsereg::prox::{Graph, graph_total_variation_critical};
/// let chain = Graph::new(2, &[(0, 1)], &[1.0]);
/// assert_eq!(graph_total_variation_critical(&[1.0, -1.0], 0.0, 1.0, &chain), 1.0);
/// ```
pub fn graph_total_variation_critical(g: &[f64], l1: f64, fused: f64, graph: &Graph) -> f64 {
    debug_assert_eq!(g.len(), graph.len());
    if g.iter().any(|g| g.is_nan()) {
        return f64::NAN;
    }
    let joined = fused > 0.0;
    let mut critical = 0.0f64;
    let mut flow = Flow::new(graph);
    for part in graph.components(|_, _| joined) {
        let total: f64 = part.iter().map(|&i| g[i]).sum();
        let size: f64 = part.iter().map(|&i| g[i].abs()).sum();
        if size == 0.0 {
            continue;
        }
        if l1 == 0.0 && total.abs() > super::total_variation::BALANCED * size {
            return f64::INFINITY;
        }
        let mean = if l1 > 0.0 { 0.0 } else { total / part.len() as f64 };
        part.iter().for_each(|&i| flow.part[i] = part[0] + 1);
        // The whole component, and every set that turns out to be worse.
        let mut lambda = if l1 > 0.0 { total.abs() / (l1 * part.len() as f64) } else { 0.0 };
        loop {
            let mut worst = lambda;
            for sign in [1.0, -1.0] {
                part.iter().for_each(|&i| flow.rest[i] = sign * (g[i] - mean) - lambda * l1);
                flow.flow.fill(0.0);
                flow.maximise(&part, lambda * fused);
                let (mut sum, mut perimeter, mut count) = (0.0, 0.0, 0);
                for &i in part.iter().filter(|&&i| flow.level[i] != usize::MAX) {
                    sum += sign * (g[i] - mean);
                    perimeter += l1;
                    count += 1;
                    for &(_, e) in graph.links_of(i) {
                        if flow.level[graph.other(e, i)] == usize::MAX {
                            perimeter += fused * graph.weights[e];
                        }
                    }
                }
                if count > 0 && perimeter > 0.0 {
                    worst = worst.max(sum / perimeter);
                }
            }
            if worst <= lambda * (1.0 + 4.0 * f64::EPSILON) {
                break;
            }
            lambda = worst;
        }
        critical = critical.max(lambda);
        part.iter().for_each(|&i| (flow.part[i], flow.level[i]) = (0, usize::MAX));
    }
    critical
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prox::{ChainScratch, total_variation, total_variation_critical};

    fn numbers(seed: u64, n: usize) -> Vec<f64> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as f64 / (1u64 << 31) as f64 * 4.0 - 2.0
            })
            .collect()
    }

    #[test]
    fn a_chain_is_a_graph() {
        for seed in 0..60 {
            let n = 2 + seed as usize % 25;
            let v = numbers(seed, n);
            let weights: Vec<f64> = numbers(seed + 500, n - 1).iter().map(|w| (0.5 * w + 0.7).max(0.0)).collect();
            let edges: Vec<(usize, usize)> = (1..n).map(|j| if j % 2 == 0 { (j - 1, j) } else { (j, j - 1) }).collect();
            let graph = Graph::new(n, &edges, &weights);
            for (l1, t) in [(0.0, 0.1), (0.2, 0.5), (0.0, 3.0)] {
                let (mut a, mut b) = (v.clone(), v.clone());
                total_variation(&mut a, l1, t, Some(&weights), &mut ChainScratch::default());
                let gap = graph_total_variation(&mut b, l1, t, &graph);
                assert!(gap < 1e-13, "{seed}: {gap}");
                for (a, b) in a.iter().zip(&b) {
                    assert!((a - b).abs() < 1e-12, "{seed}: {a} {b}");
                }
            }
            let wanted = total_variation_critical(&v, 0.3, 1.0, Some(&weights));
            let found = graph_total_variation_critical(&v, 0.3, 1.0, &graph);
            assert!((found / wanted - 1.0).abs() < 1e-12, "{seed}: {found} {wanted}");
        }
    }

    #[test]
    fn the_gap_is_closed_on_any_graph_and_the_critical_lambda_is_where_all_is_flat() {
        for seed in 0..60 {
            let n = 4 + seed as usize % 12;
            let picks = numbers(seed + 900, 6 * n);
            let place = |v: f64| (((v + 2.0) / 4.0 * n as f64) as usize).min(n - 1);
            let edges: Vec<(usize, usize)> =
                picks.chunks_exact(2).map(|p| (place(p[0]), place(p[1]))).filter(|(i, j)| i != j).collect();
            let graph = Graph::new(n, &edges, &vec![0.7; edges.len()]);
            let mut g = numbers(seed, n);
            for t in [0.05, 0.3, 1.0] {
                let mut v = g.clone();
                let gap = graph_total_variation(&mut v, 0.0, t, &graph);
                assert!(gap < 1e-13, "{seed} at {t}: {gap}");
            }
            for part in graph.components(|_, _| true) {
                let mean = part.iter().map(|&i| g[i]).sum::<f64>() / part.len() as f64;
                part.iter().for_each(|&i| g[i] -= mean);
            }
            let critical = graph_total_variation_critical(&g, 0.0, 1.0, &graph);
            let flat = |lambda: f64| {
                let mut v = g.clone();
                graph_total_variation(&mut v, 0.0, lambda, &graph);
                v.iter().all(|v| v.abs() < 1e-12)
            };
            assert!(flat(critical * (1.0 + 1e-9)) && !flat(critical * (1.0 - 1e-6)), "{seed}: {critical}");
        }
    }
}
