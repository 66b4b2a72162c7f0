//! Which blocks to work on: the support, and the blocks that violate optimality most.

/// Scores are critical λs; a block that is zero violates optimality when its score exceeds λ.
pub(super) struct Choice<'a> {
    /// Critical λ of every block at the current gradient.
    pub scores: &'a [f64],
    /// Blocks that may be non-zero.
    pub alive: &'a [usize],
    /// λ, or the strong-rule threshold 2λ − λ_previous at the start of a path step (Tibshirani et al. 2012).
    pub threshold: f64,
    /// Most blocks to add.
    pub limit: usize,
}

/// Appends the worst violators that are not in the set yet; returns how many.
pub(super) fn grow(set: &mut Vec<usize>, member: &mut [bool], choice: &Choice<'_>) -> usize {
    let mut violators: Vec<usize> =
        (choice.alive.iter().copied()).filter(|&b| !member[b] && choice.scores[b] > choice.threshold).collect();
    if violators.len() > choice.limit {
        violators.select_nth_unstable_by(choice.limit, |&a, &b| {
            choice.scores[b].total_cmp(&choice.scores[a]).then(a.cmp(&b))
        });
        violators.truncate(choice.limit);
    }
    // In the order of columns: memory is then read in order, and the result does not depend on the selection.
    violators.sort_unstable();
    for &b in &violators {
        member[b] = true;
        set.push(b);
    }
    violators.len()
}
