//! Blocks of coefficients: [`Partition`] is what the engine sees, [`Groups`] is what users have.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use crate::error::{Error, Result};

/// A division of the columns `0..p` into contiguous, non-empty blocks.
///
/// ```
/// use sparsereg::partition::Partition;
/// let partition = Partition::from_sizes(&[2, 1])?;
/// assert_eq!(partition.block(0), 0..2);
/// assert_eq!(partition.ncols(), 3);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// `starts[b]..starts[b + 1]` is block b; `None` means blocks of one column each.
    starts: Option<Vec<usize>>,
    ncols: usize,
}

impl Partition {
    /// Every column is a block of its own.
    pub fn singletons(ncols: usize) -> Self {
        Self { starts: None, ncols }
    }

    /// One block holds all columns (no block if there is none).
    pub fn whole(ncols: usize) -> Self {
        if ncols <= 1 {
            return Self::singletons(ncols);
        }
        Self { starts: Some(vec![0, ncols]), ncols }
    }

    /// Blocks of the given sizes, in order.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if a size is 0.
    pub fn from_sizes(sizes: &[usize]) -> Result<Self> {
        let mut starts = Vec::with_capacity(sizes.len() + 1);
        let mut end = 0;
        starts.push(0);
        for (i, &size) in sizes.iter().enumerate() {
            if size == 0 {
                return Err(Error::OutOfRange {
                    argument: "sizes",
                    index: vec![i],
                    value: 0.0,
                    expected: "a size of at least 1",
                });
            }
            end += size;
            starts.push(end);
        }
        Ok(Self { starts: Some(starts), ncols: end }.canonical())
    }

    /// One more column behind the others, a block of its own.
    pub(crate) fn with_last(&self) -> Self {
        let starts = self.starts.as_ref().map(|starts| starts.iter().copied().chain([self.ncols + 1]).collect());
        Self { starts, ncols: self.ncols + 1 }
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.starts.as_ref().map_or(self.ncols, |s| s.len() - 1)
    }

    /// Whether there is no block at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.ncols
    }

    /// The columns of block `b`.
    #[inline]
    pub fn block(&self, b: usize) -> Range<usize> {
        match &self.starts {
            None => b..b + 1,
            Some(s) => s[b]..s[b + 1],
        }
    }

    /// All blocks in order.
    pub fn iter(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        (0..self.len()).map(|b| self.block(b))
    }

    /// Whether every block has one column.
    pub fn is_singletons(&self) -> bool {
        self.starts.is_none()
    }
}

/// Groups of features as users have them: any index sets, each feature in exactly one group
/// ([`Groups::new`], [`Groups::from_labels`], [`Groups::from_sizes`]) or in one or more ([`Groups::overlapping`]).
///
/// ```
/// use sparsereg::partition::Groups;
/// let groups = Groups::from_labels(&["colour", "size", "colour"])?;
/// assert_eq!(groups.members(0), &[0, 2]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    members: Vec<Vec<usize>>,
    nfeatures: usize,
    overlap: bool,
}

impl Groups {
    /// Disjoint groups that cover the features `0..p`, where p is the number of listed features.
    ///
    /// # Errors
    /// [`Error::Empty`] for no groups or an empty group, [`Error::Overlap`] for a feature that occurs twice,
    /// [`Error::NotCovered`] for one that is missing.
    pub fn new<G: AsRef<[usize]>>(groups: &[G]) -> Result<Self> {
        let nfeatures = groups.iter().map(|g| g.as_ref().len()).sum();
        let parsed = Self::parse(groups, nfeatures, true)?;
        let mut owner = vec![usize::MAX; nfeatures];
        for (g, members) in parsed.members.iter().enumerate() {
            for &j in members {
                if owner[j] != usize::MAX {
                    return Err(Error::Overlap { feature: j, first: owner[j], second: g });
                }
                owner[j] = g;
            }
        }
        Ok(parsed)
    }

    /// Groups of consecutive features with the given sizes.
    ///
    /// # Errors
    /// [`Error::Empty`] if there is no group or a group is empty.
    pub fn from_sizes(sizes: &[usize]) -> Result<Self> {
        let mut end = 0;
        let groups: Vec<Vec<usize>> = sizes
            .iter()
            .map(|&s| {
                end += s;
                (end - s..end).collect()
            })
            .collect();
        Self::new(&groups)
    }

    /// One label per feature; features with equal labels form a group, in order of first appearance.
    ///
    /// # Errors
    /// [`Error::Empty`] if there is no label.
    pub fn from_labels<L: Eq + Hash>(labels: &[L]) -> Result<Self> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (j, g) in number_labels(labels).into_iter().enumerate() {
            if g == groups.len() {
                groups.push(Vec::new());
            }
            groups[g].push(j);
        }
        Self::new(&groups)
    }

    /// Groups that may share features; every feature of `0..nfeatures` must be in at least one.
    ///
    /// # Errors
    /// [`Error::Index`] for a feature outside the range, [`Error::Overlap`] for a feature listed twice in one group,
    /// [`Error::NotCovered`] and [`Error::Empty`] as in [`Groups::new`].
    pub fn overlapping<G: AsRef<[usize]>>(groups: &[G], nfeatures: usize) -> Result<Self> {
        let mut parsed = Self::parse(groups, nfeatures, false)?;
        let mut last = vec![usize::MAX; nfeatures];
        for (g, members) in parsed.members.iter().enumerate() {
            for &j in members {
                if last[j] == g {
                    return Err(Error::Overlap { feature: j, first: g, second: g });
                }
                parsed.overlap |= last[j] != usize::MAX;
                last[j] = g;
            }
        }
        Ok(parsed)
    }

    fn parse<G: AsRef<[usize]>>(groups: &[G], nfeatures: usize, disjoint: bool) -> Result<Self> {
        if groups.is_empty() || groups.iter().any(|g| g.as_ref().is_empty()) {
            return Err(Error::Empty { argument: "groups" });
        }
        let members: Vec<Vec<usize>> = groups.iter().map(|g| g.as_ref().to_vec()).collect();
        let mut covered = vec![false; nfeatures];
        for (position, &j) in members.iter().flatten().enumerate() {
            if j >= nfeatures {
                // With disjoint groups an index that is too large means that a smaller one is missing.
                return Err(Error::Index { argument: "groups", position, index: j, len: nfeatures });
            }
            covered[j] = true;
        }
        let repeated = members.iter().map(Vec::len).sum::<usize>() > covered.iter().filter(|&&c| c).count();
        // A repetition is the cause when disjoint groups leave a gap: reported in `new`.
        match covered.iter().position(|&c| !c) {
            Some(feature) if !(disjoint && repeated) => Err(Error::NotCovered { feature }),
            _ => Ok(Self { members, nfeatures, overlap: false }),
        }
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no group (never true for a parsed value).
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Number of features.
    pub fn nfeatures(&self) -> usize {
        self.nfeatures
    }

    /// The features of group `g`.
    pub fn members(&self, g: usize) -> &[usize] {
        &self.members[g]
    }

    /// Whether some feature is in more than one group.
    pub fn is_overlapping(&self) -> bool {
        self.overlap
    }

    /// The default weights `ω_g = √|g|`.
    pub fn default_weights(&self) -> Vec<f64> {
        self.members.iter().map(|m| (m.len() as f64).sqrt()).collect()
    }

    /// The order in which the features must stand (shared ones repeated) for the groups to be contiguous blocks,
    /// and the blocks.
    pub fn flatten(&self) -> (Vec<usize>, Partition) {
        let order: Vec<usize> = self.members.iter().flatten().copied().collect();
        let mut starts = vec![0];
        for m in &self.members {
            starts.push(starts[starts.len() - 1] + m.len());
        }
        let ncols = order.len();
        (order, Partition { starts: Some(starts), ncols }.canonical())
    }
}

/// The labels as numbers 0, 1, 2 … in the order of first appearance.
pub(crate) fn number_labels<L: Eq + Hash>(labels: &[L]) -> Vec<usize> {
    let mut numbers = HashMap::new();
    labels
        .iter()
        .map(|label| {
            let next = numbers.len();
            *numbers.entry(label).or_insert(next)
        })
        .collect()
}

impl Partition {
    /// Blocks of one column each have one form only.
    fn canonical(self) -> Self {
        match &self.starts {
            Some(s) if s.len() == self.ncols + 1 => Self::singletons(self.ncols),
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattered_groups_flatten_to_blocks() {
        let g = Groups::new(&[vec![0, 2], vec![1]]).unwrap();
        let (order, partition) = g.flatten();
        assert_eq!(order, vec![0, 2, 1]);
        assert_eq!(partition, Partition::from_sizes(&[2, 1]).unwrap());
    }

    #[test]
    fn bad_groups_are_named() {
        assert!(matches!(Groups::new(&[vec![0, 1], vec![1]]), Err(Error::Overlap { feature: 1, first: 0, second: 1 })));
        assert!(matches!(Groups::overlapping(&[vec![0, 2]], 3), Err(Error::NotCovered { feature: 1 })));
        assert!(matches!(Groups::new(&[vec![0, 3]]), Err(Error::Index { index: 3, len: 2, .. })));
        assert!(matches!(Groups::new::<Vec<usize>>(&[]), Err(Error::Empty { .. })));
        assert!(matches!(Groups::new(&[vec![0], vec![]]), Err(Error::Empty { .. })));
        assert!(matches!(
            Groups::overlapping(&[vec![0, 0]], 1),
            Err(Error::Overlap { feature: 0, first: 0, second: 0 })
        ));
    }

    #[test]
    fn ones_are_singletons() {
        assert!(Partition::from_sizes(&[1, 1]).unwrap().is_singletons());
        assert!(Groups::new(&[vec![1], vec![0]]).unwrap().flatten().1.is_singletons());
    }
}
