//! Total variation over a graph of columns, with an ℓ1 part as an option (Tibshirani et al. 2005, §7; Hoefling 2010).

use crate::error::{Error, Result, check_length, check_scalar, check_weights};
use crate::partition::Partition;
use crate::penalty::{BlockPenalty, Pattern};
use crate::prox::{self, Graph};

/// `Ω(w) = τ‖w‖₁ + (1−τ) Σ_{(i,j)} ω_ij |w_i − w_j|` over the edges of a graph. Each response has its own copy of it. At τ = 0 the
/// constants of the graph's components are free.
///
/// ```
/// use sparsereg::penalty::{GraphFused, Penalty};
/// let triangle = GraphFused::new(3, &[(0, 1), (1, 2), (2, 0)], 0.0)?;
/// assert_eq!(triangle.value(0.5, &[1.0, 1.0, 3.0]), 2.0); // 0.5 · (0 + 2 + 2)
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GraphFused {
    partition: Partition,
    tau: f64,
    edges: Vec<(usize, usize)>,
    graph: Graph,
}

impl GraphFused {
    /// The edges between `ncols` columns, all of weight 1; `tau` ∈ [0, 1] is the share of the ℓ1 norm.
    ///
    /// # Errors
    /// `tau` outside [0, 1], an edge of a column that does not exist or of a column to itself.
    pub fn new(ncols: usize, edges: &[(usize, usize)], tau: f64) -> Result<Self> {
        check_scalar("tau", tau, 0.0, 1.0, "a number in [0, 1]")?;
        for (position, &(i, j)) in edges.iter().enumerate() {
            if let Some(&index) = [i, j].iter().find(|&&k| k >= ncols) {
                return Err(Error::Index { argument: "edges", position, index, len: ncols });
            }
            if i == j {
                let expected = "two different columns";
                return Err(Error::OutOfRange { argument: "edges", index: vec![position], value: i as f64, expected });
            }
        }
        let graph = Graph::new(ncols, edges, &vec![1.0; edges.len()]);
        Ok(Self { partition: Partition::whole(ncols), tau, edges: edges.to_vec(), graph })
    }

    /// One weight ω ∈ [0, ∞) for each edge; 0 takes it out.
    ///
    /// # Errors
    /// A wrong length, a weight that is negative or not finite.
    pub fn with_edge_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        check_length("edge_weights", self.edges.len(), weights.len())?;
        check_weights("edge_weights", &weights, false)?;
        self.graph = Graph::new(self.partition.ncols(), &self.edges, &weights);
        Ok(self)
    }

    /// (λτ, λ(1−τ)).
    fn parts(&self, lambda: f64) -> (f64, f64) {
        (lambda * self.tau, lambda * (1.0 - self.tau))
    }

    fn responses(&self, v: &[f64]) -> usize {
        v.len() / self.partition.ncols().max(1)
    }
}

impl BlockPenalty for GraphFused {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, _b: usize, lambda: f64, w: &[f64]) -> f64 {
        let (l1, fused) = self.parts(lambda);
        let q = self.responses(w);
        let size: f64 = if l1 > 0.0 { w.iter().map(|w| w.abs()).sum() } else { 0.0 };
        let step = |(i, j, weight): (usize, usize, f64)| {
            weight * (0..q).map(|t| (w[i * q + t] - w[j * q + t]).abs()).sum::<f64>()
        };
        let variation: f64 = self.graph.edges().map(step).sum();
        if size == 0.0 && variation == 0.0 { 0.0 } else { l1 * size + fused * variation }
    }

    fn prox_block(&self, _b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let (l1, fused) = self.parts(lambda);
        let q = self.responses(v);
        for t in 0..q {
            let mut own: Vec<f64> = v.iter().skip(t).step_by(q).copied().collect();
            prox::graph_total_variation(&mut own, step * l1, step * fused, &self.graph);
            own.iter().enumerate().for_each(|(j, o)| v[j * q + t] = *o);
        }
    }

    fn critical_lambda_block(&self, _b: usize, g: &[f64]) -> f64 {
        let q = self.responses(g);
        let one = |t: usize| {
            let own: Vec<f64> = g.iter().skip(t).step_by(q).copied().collect();
            prox::graph_total_variation_critical(&own, self.tau, 1.0 - self.tau, &self.graph)
        };
        (0..q).map(one).fold(0.0, |m: f64, c| if c > m || c.is_nan() { c } else { m })
    }

    fn couples_columns(&self) -> bool {
        self.partition.ncols() > 1
    }

    fn free_directions(&self) -> Vec<Vec<(usize, f64)>> {
        if self.tau > 0.0 {
            return Vec::new();
        }
        let parts = self.graph.components(|_, _| true);
        parts.into_iter().map(|part| part.into_iter().map(|j| (j, 1.0)).collect()).collect()
    }

    fn linear_pattern(&self, lambda: f64, w: &[f64]) -> Option<Pattern> {
        let (l1, fused) = self.parts(lambda);
        let q = self.responses(w);
        let mut pattern = Pattern::new();
        for t in 0..q {
            let at = |j: usize| w[j * q + t];
            // The slope of Ω at each coefficient, from the edges along which w steps.
            let mut slopes: Vec<f64> = (0..self.partition.ncols()).map(|j| l1 * at(j).signum()).collect();
            for (i, j, weight) in self.graph.edges().filter(|&(i, j, _)| at(i) != at(j)) {
                let pull = fused * weight * (at(i) - at(j)).signum();
                slopes[i] += pull;
                slopes[j] -= pull;
            }
            for piece in self.graph.components(|i, j| fused > 0.0 && at(i) == at(j)) {
                // Zero is a kink of the ℓ1 part, and no direction.
                if at(piece[0]) != 0.0 || l1 == 0.0 {
                    let slope = piece.iter().map(|&j| slopes[j]).sum();
                    pattern.push(piece.iter().map(|&j| (j * q + t, 1.0)), slope);
                }
            }
        }
        Some(pattern)
    }
}
