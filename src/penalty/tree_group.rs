//! Groups that are nested or disjoint: `Ω(w) = Σ_g ω_g ‖w_g‖₂` over a tree
//! (Jenatton, Mairal, Obozinski and Bach 2011, "Proximal methods for hierarchical sparse coding", JMLR 12).

use crate::error::{Error, Result, check_length, check_weights};
use crate::partition::{Groups, Partition};
use crate::penalty::group::norm_curvature;
use crate::penalty::{BlockPenalty, FEASIBLE, threshold};
use crate::prox;

/// `Ω(w) = Σ_g ω_g ‖w_g‖₂` over groups of which any two are nested or disjoint: a group is zero as soon as one that holds it
/// is. Weight 0 is no group, ∞ excludes one.
///
/// The penalty is one of the columns in [`order`](Self::order), in which every group is contiguous; its blocks are the groups
/// that no other holds.
///
/// ```
/// use sparsereg::{Error, partition::Groups, penalty::{BlockPenalty, TreeGroup}};
/// let tree = Groups::overlapping(&[vec![0, 1, 2], vec![2]], 3)?;
/// let penalty = TreeGroup::new(tree).with_weights(vec![1.0, 2.0])?;
/// assert_eq!(penalty.order(), [2, 0, 1]);
/// let mut v = [2.5, 3.0, 4.0];
/// penalty.prox_block(0, 1.0, 1.0, &mut v); // column 2 by 2, then all of them by 1
/// assert!((v[0] - 0.5 * (1.0 - 1.0 / 25.25f64.sqrt())).abs() < 1e-15);
/// let crossing = Groups::overlapping(&[vec![0, 1], vec![1, 2]], 3)?;
/// assert!(matches!(TreeGroup::new(crossing).with_weights(vec![1.0; 2]), Err(Error::NotNested { .. })));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TreeGroup {
    groups: Groups,
    partition: Partition,
    order: Vec<usize>,
    /// Per block, inner groups before the ones that hold them.
    nodes: Vec<Vec<Node>>,
    /// Two groups that are neither nested nor disjoint.
    crossing: Option<Crossing>,
}

#[derive(Debug, Clone)]
struct Node {
    /// First column after the start of the block.
    start: usize,
    len: usize,
    weight: f64,
}

#[derive(Debug, Clone, Copy)]
struct Crossing {
    first: usize,
    second: usize,
    feature: usize,
}

impl TreeGroup {
    /// Weights `ω_g = √|g|`. Whether the groups are a tree is checked by [`with_weights`](Self::with_weights) and
    /// [`check`](Self::check).
    pub fn new(groups: Groups) -> Self {
        let weights = groups.default_weights();
        Self::build(groups, &weights)
    }

    /// One weight ω_g ∈ [0, ∞] per group.
    ///
    /// # Errors
    /// A wrong length, a NaN or a negative weight; [`Error::NotNested`] as [`check`](Self::check).
    pub fn with_weights(self, weights: Vec<f64>) -> Result<Self> {
        check_length("weights", self.groups.len(), weights.len())?;
        check_weights("weights", &weights, true)?;
        Self::build(self.groups, &weights).check()
    }

    /// The penalty, if the groups are a tree.
    ///
    /// # Errors
    /// [`Error::NotNested`] names two groups that share a feature while neither holds the other.
    pub fn check(self) -> Result<Self> {
        match self.crossing {
            None => Ok(self),
            Some(Crossing { first, second, feature }) => Err(Error::NotNested { first, second, feature }),
        }
    }

    /// The feature of each column of the penalty.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    fn build(groups: Groups, weights: &[f64]) -> Self {
        let mut by_size: Vec<usize> = (0..groups.len()).collect();
        by_size.sort_by_key(|&g| (usize::MAX - groups.members(g).len(), g));
        let crossing = parents(&groups, &by_size).err();
        by_size.retain(|&g| weights[g] != 0.0);
        // Groups that cross have no order of columns in which both are contiguous: nothing more is made of them.
        let parents = if crossing.is_some() { Vec::new() } else { parents(&groups, &by_size).unwrap_or_default() };
        if crossing.is_some() {
            by_size.clear();
        }

        // From large to small, each group takes its place in the one that holds it; what no smaller group takes follows.
        let mut cursor = vec![0; groups.len()];
        let mut start = vec![0; groups.len()];
        let mut root = vec![usize::MAX; groups.len()];
        let mut owner = vec![usize::MAX; groups.nfeatures()];
        let (mut end, mut sizes) = (0, Vec::new());
        let mut nodes: Vec<Vec<Node>> = Vec::new();
        let mut starts = Vec::new();
        for (&g, &parent) in by_size.iter().zip(&parents) {
            let len = groups.members(g).len();
            if parent == usize::MAX {
                root[g] = sizes.len();
                start[g] = end;
                starts.push(end);
                sizes.push(len);
                nodes.push(Vec::new());
                end += len;
            } else {
                root[g] = root[parent];
                start[g] = cursor[parent];
                cursor[parent] += len;
            }
            cursor[g] = start[g];
            nodes[root[g]].push(Node { start: start[g] - starts[root[g]], len, weight: weights[g] });
            groups.members(g).iter().for_each(|&j| owner[j] = g);
        }
        let mut order = vec![0; groups.nfeatures()];
        for (j, &g) in owner.iter().enumerate() {
            let place = if g == usize::MAX {
                sizes.push(1);
                nodes.push(Vec::new());
                end += 1;
                end - 1
            } else {
                cursor[g] += 1;
                cursor[g] - 1
            };
            order[place] = j;
        }
        nodes.iter_mut().for_each(|nodes| nodes.reverse());
        // No size is 0, as no group is empty.
        let partition = Partition::from_sizes(&sizes).unwrap_or_else(|_| Partition::singletons(groups.nfeatures()));
        Self { groups, partition, order, nodes, crossing }
    }

    /// The slice of a node in a block with q responses.
    fn range(&self, b: usize, node: &Node, len: usize) -> std::ops::Range<usize> {
        let q = len / self.partition.block(b).len();
        node.start * q..(node.start + node.len) * q
    }

    /// The prox; returns whether nothing is left.
    fn shrink(&self, b: usize, t: f64, v: &mut [f64]) -> bool {
        for node in &self.nodes[b] {
            let range = self.range(b, node, v.len());
            prox::block_soft_threshold(&mut v[range], threshold(t, node.weight));
        }
        v.iter().all(|&v| v == 0.0)
    }

    /// What sticks out at the root: `‖v‖ − λω` before its own threshold, where `v` is what the groups inside leave of g.
    fn excess(&self, b: usize, lambda: f64, g: &[f64], scratch: &mut Vec<f64>) -> f64 {
        scratch.clear();
        scratch.extend_from_slice(g);
        let Some((root, inner)) = self.nodes[b].split_last() else { return f64::INFINITY };
        for node in inner {
            let range = self.range(b, node, g.len());
            prox::block_soft_threshold(&mut scratch[range], threshold(lambda, node.weight));
        }
        prox::norm2(scratch) - threshold(lambda, root.weight)
    }
}

/// For each of the groups, which come with the largest first, the smallest one before that holds it (`usize::MAX` if none
/// does).
fn parents(groups: &Groups, by_size: &[usize]) -> std::result::Result<Vec<usize>, Crossing> {
    let mut owner = vec![usize::MAX; groups.nfeatures()];
    let mut parents = Vec::with_capacity(by_size.len());
    for &g in by_size {
        let members = groups.members(g);
        let parent = members.first().map_or(usize::MAX, |&j| owner[j]);
        if let Some(&other) = members.iter().find(|&&j| owner[j] != parent) {
            // Of the two owners one does not hold all of g, and none is smaller than it.
            for (h, feature) in [(parent, members[0]), (owner[other], other)] {
                if h != usize::MAX && !members.iter().all(|j| groups.members(h).contains(j)) {
                    return Err(Crossing { first: h.min(g), second: h.max(g), feature });
                }
            }
        }
        members.iter().for_each(|&j| owner[j] = g);
        parents.push(parent);
    }
    Ok(parents)
}

impl BlockPenalty for TreeGroup {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn knows_columns(&self) -> bool {
        true
    }

    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        let term = |node: &Node| match prox::norm2(&w[self.range(b, node, w.len())]) {
            0.0 => 0.0,
            norm => threshold(lambda, node.weight) * norm,
        };
        self.nodes[b].iter().map(term).sum()
    }

    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        for node in &self.nodes[b] {
            let range = self.range(b, node, v.len());
            prox::block_soft_threshold(&mut v[range], threshold(lambda, node.weight) * step);
        }
    }

    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        let norm = prox::norm2(g);
        let Some(root) = self.nodes[b].last() else { return if norm == 0.0 { 0.0 } else { f64::INFINITY } };
        if norm == 0.0 || root.weight == f64::INFINITY || norm.is_nan() {
            return if norm.is_nan() { norm } else { 0.0 };
        }
        // The root alone: the inner groups can only make it less.
        let mut scratch = Vec::with_capacity(g.len());
        let (mut low, mut high) = (0.0, norm / root.weight);
        // Groups that are excluded may take all of g.
        let mut below = self.excess(b, low, g, &mut scratch);
        if below <= 0.0 {
            return 0.0;
        }
        let mut above = self.excess(b, high, g, &mut scratch);
        while above > 0.0 {
            high *= 1.0 + f64::EPSILON;
            above = self.excess(b, high, g, &mut scratch);
        }
        // The false position in which the end that stays is halved (Illinois): the excess falls strictly.
        let mut side = 0;
        for _ in 0..200 {
            if high - low <= 2.0 * f64::EPSILON * high {
                break;
            }
            let mut middle = low + (high - low) * (below / (below - above));
            if !(middle > low && middle < high) {
                middle = 0.5 * (low + high);
            }
            let excess = self.excess(b, middle, g, &mut scratch);
            if excess > 0.0 {
                (low, below) = (middle, excess);
                if side == 1 {
                    above *= 0.5;
                }
                side = 1;
            } else {
                (high, above) = (middle, excess);
                if side == -1 {
                    below *= 0.5;
                }
                side = -1;
            }
        }
        high
    }

    fn keeps_zero_block(&self, b: usize, lambda: f64, g: &[f64]) -> bool {
        self.shrink(b, lambda, &mut g.to_vec())
    }

    fn conjugate_block(&self, b: usize, lambda: f64, g: &[f64]) -> f64 {
        if self.shrink(b, lambda * (1.0 + FEASIBLE), &mut g.to_vec()) { 0.0 } else { f64::INFINITY }
    }

    fn curvature_block(&self, b: usize, lambda: f64, w: &[f64], grad: &mut [f64], hess: &mut [f64]) -> bool {
        let k = w.len();
        for node in &self.nodes[b] {
            let range = self.range(b, node, k);
            let (start, m) = (range.start, range.len());
            let mut own = vec![0.0; m * m];
            norm_curvature(threshold(lambda, node.weight), &w[range.clone()], &mut grad[range], &mut own);
            for (i, row) in own.chunks_exact(m).enumerate() {
                let to = (start + i) * k + start;
                hess[to..to + m].iter_mut().zip(row).for_each(|(h, o)| *h += o);
            }
        }
        true
    }

    fn screening_constant(&self, b: usize) -> Option<f64> {
        // Ω_b(w) ≥ ω_root ‖w‖₂.
        self.nodes[b].last().map(|root| 1.0 / root.weight)
    }

    fn is_free(&self, b: usize, lambda: f64) -> bool {
        self.nodes[b].iter().all(|node| threshold(lambda, node.weight) == 0.0)
    }
}
