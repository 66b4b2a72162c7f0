//! Proximal operators and projections: pure functions on slices.
//!
//! `prox_f(y) = argmin_w ½‖w − y‖² + f(w)`. Every function works in place, allocates nothing, keeps no state and does not panic in
//! release builds on finite data; slices of different lengths are a caller's mistake, caught by `debug_assert`
//! (or by the slice indexing of the compiler). Infinite thresholds and weights are legal, NaN in is NaN out.
//!
//! `S(x, t) = sign(x)·max(|x| − t, 0)` below; (·)₊ is the positive part.
//!
//! | function | f | result | source |
//! |---|---|---|---|
//! | [`soft_threshold`] | `t│x│` | `S(x, t)` | Donoho 1995 |
//! | [`soft_threshold_weighted`] | `t Σ ω_j│v_j│` | `S(v_j, tω_j)` | Zou 2006 |
//! | [`nonnegative_soft_threshold`] | `t x + [x ≥ 0]` | `(x − t)₊` | Parikh & Boyd 2014, §6.5 |
//! | [`elastic_net`] | `l1│x│ + l2/2 x²` | `S(x, l1)/(1 + l2)` | Zou & Hastie 2005 |
//! | [`block_soft_threshold`] | `t‖v‖₂` | `(1 − t/‖v‖₂)₊ v` | Yuan & Lin 2006 |
//! | [`nonnegative_block_soft_threshold`] | `t‖v‖₂ + [v ≥ 0]` | `(1 − t/‖v₊‖₂)₊ v₊` | Parikh & Boyd 2014, §6.5 |
//! | [`block_elastic_net`] | `l1‖v‖₂ + l2/2 ‖v‖²` | `(1 − l1/‖v‖₂)₊ v/(1 + l2)` | Zou & Hastie 2005 |
//! | [`sparse_group`] | `t1‖v‖₁ + t2‖v‖₂` | block of `S(v, t1)` by `t2` | Simon et al. 2013 |
//! | [`pairwise_fused`] | `t1‖v‖₁ + t2 Σ_{k<l}│v_k − v_l│` | sort, pool, `S(·, t1)` | Hocking et al. 2011 |
//! | [`latent_overlap`] | `t min Σ ω_g‖v_g‖₂` | `y_j s_j/(1 + s_j)` | Jacob et al. 2009, Mosci et al. 2010 |
//! | [`sorted_l1`] | `t Σ ω_i│v│_(i)` | sort, pool, cut at zero | Bogdan et al. 2015 |
//! | [`total_variation`] | `l1‖v‖₁ + t Σ ω_j│v_{j+1} − v_j│` | messages along the chain, `S(·, l1)` | Johnson 2013 |
//! | [`graph_total_variation`] | `l1‖v‖₁ + t Σ ω_ij│v_i − v_j│` | minimum cuts, `S(·, l1)` | Hochbaum 2001 |
//! | [`max_norm`] | `t‖v‖_∞` | `v − Π_{ℓ₁ ball}(v)` | Parikh & Boyd 2014, §6.5 |
//! | [`mcp`] | `t│x│ − x²/(2γ)`, flat from γt | firm threshold; a jump for long steps | Zhang 2010 |
//! | [`scad`] | slope t, falling to 0 from t to γt | soft, then steeper; a jump for long steps | Fan & Li 2001 |
//! | [`project_box`] | `[low ≤ v ≤ high]` | clamp | Parikh & Boyd 2014, §6.2.4 |
//! | [`project_l1_ball`], [`project_simplex`] | `[‖v‖₁ ≤ r]`, `[v ≥ 0, Σv = r]` | shift and clip | Held et al. 1974, Duchi et al. 2008 |
//! | [`project_l21_ball`] | `[Σ_g ‖v_g‖₂ ≤ r]` | the norms onto the ℓ₁ ball | van den Berg et al. 2008 |
//! | [`project_l2_ball`], [`project_linf_ball`] | `[‖v‖ ≤ r]` | shrink, clamp | Parikh & Boyd 2014, §6.5 |
//!
//! In the metric of a diagonal matrix h, `argmin_x ½ Σ h_k (x_k − v_k)² + f(x)`, where an entry each has a curvature of its own:
//!
//! | function | f | result | source |
//! |---|---|---|---|
//! | [`sparse_group_diagonal`] | `t1‖x‖₁ + t2‖x‖₂` | `S(h∘v, t1)`, one root | Yang & Hastie 2024, §3 |
//! | [`pairwise_fused_diagonal`] | `t1‖x‖₁ + t2 Σ_{k<l}│x_k − x_l│` | split by level sets | Hochbaum 2001 |
//!
//! The dual norms, from which λ_max and screening come, stand beside their operators: [`sparse_group_critical`],
//! [`pairwise_fused_critical`], [`latent_overlap_critical`], [`sorted_l1_critical`], [`total_variation_critical`],
//! [`graph_total_variation_critical`]; of the ℓ₁ norm and the group norm it is `‖g‖_∞` and [`norm2`].

mod ball;
mod block_soft_threshold;
mod box_constraint;
mod elastic_net;
mod graph_total_variation;
mod latent_multipliers;
mod latent_overlap;
mod max_norm;
mod mcp;
mod norm_root;
mod pairwise_fused;
mod pairwise_fused_diagonal;
mod scad;
mod soft_threshold;
mod sorted_l1;
mod sparse_group;
mod sparse_group_diagonal;
mod total_variation;

pub use ball::{project_l1_ball, project_l2_ball, project_l21_ball, project_linf_ball, project_simplex};
pub use block_soft_threshold::{block_soft_threshold, nonnegative_block_soft_threshold, norm2};
pub use box_constraint::{project_box, project_box_each};
pub use elastic_net::{block_elastic_net, elastic_net, elastic_net_slice};
pub use graph_total_variation::{Graph, graph_total_variation, graph_total_variation_critical};
pub use latent_overlap::{
    LatentOutcome, LatentScratch, LatentValue, latent_overlap, latent_overlap_critical, latent_overlap_decomposition,
    latent_overlap_value,
};
pub use max_norm::max_norm;
pub use mcp::mcp;
pub(crate) use norm_root::norm_root;
pub use pairwise_fused::{pairwise_fused, pairwise_fused_critical};
pub use pairwise_fused_diagonal::pairwise_fused_diagonal;
pub use scad::scad;
pub use soft_threshold::{
    nonnegative_soft_threshold, nonnegative_soft_threshold_slice, soft_threshold, soft_threshold_slice,
    soft_threshold_weighted,
};
pub(crate) use sorted_l1::sorted_l1_candidates;
pub use sorted_l1::{SortedScratch, sorted_l1, sorted_l1_critical, sorted_l1_value};
pub use sparse_group::{sparse_group, sparse_group_critical};
pub use sparse_group_diagonal::sparse_group_diagonal;
pub use total_variation::{ChainScratch, total_variation, total_variation_critical};

/// `t·ω` where weight 0 means unpenalised even at t = ∞, and weight ∞ excluded even at t = 0: never `0·∞ = NaN`.
#[inline]
pub(crate) fn threshold(t: f64, weight: f64) -> f64 {
    if weight == 0.0 || weight == f64::INFINITY { weight } else { t * weight }
}

/// max_j |v_j|, NaN entries ignored.
fn max_abs(v: &[f64]) -> f64 {
    v.iter().fold(0.0, |max, x| f64::max(max, x.abs()))
}

/// A power of two `f` with `f·max` near 1, so that multiplying by it rounds nothing. Clamped to 2^±1000, where 1/f still is finite.
fn power_of_two_near_inverse(max: f64) -> f64 {
    // The exponent field; 0 for denormals, which the clamp turns into 2^1000.
    let exponent = 1023 - ((max.to_bits() >> 52) & 0x7ff) as i64;
    f64::from_bits(((1023 + exponent.clamp(-1000, 1000)) as u64) << 52)
}

#[cfg(test)]
mod tests {
    /// Brute force: no point of a fine grid is better than the prox, for steps on both sides of where it starts to jump, and
    /// points on both sides of every piece.
    pub(super) fn best_of_a_grid(gamma: f64, rho: &dyn Fn(f64, f64) -> f64, prox: &dyn Fn(f64, f64, f64) -> f64) {
        for t in [0.0, 0.3, 1.0] {
            for step in
                [0.1, 0.9, 1.0, gamma - 1.0, 0.99 * gamma, gamma, 1.01 * gamma, gamma + 1.0, gamma + 1.5, 9.0 * gamma]
            {
                let far = t * (gamma + 2.0 + 2.0 * step) + 1.0;
                for k in 0..=60 {
                    let r = far * f64::from(k) / 60.0;
                    let x = prox(r, t, step);
                    let cost = |x: f64| 0.5 * (x - r) * (x - r) + step * rho(x, t);
                    let best =
                        (0..=2000).map(|i| cost(1.2 * far * f64::from(i) / 2000.0)).fold(f64::INFINITY, f64::min);
                    assert!(
                        x >= 0.0 && cost(x) <= best + 1e-12 * (1.0 + best),
                        "γ {gamma} t {t} step {step} r {r}: {x}"
                    );
                }
            }
        }
    }
}
