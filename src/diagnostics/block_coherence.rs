//! Coherence between groups of columns and inside them.

use super::coherence::first_largest;
use super::uniqueness::SparsityBound;
use super::unit_columns;
use crate::design::{AsDesign, LinearOperator};
use crate::error::{Error, Result, check_length};
use crate::linalg;
use crate::parallel;
use crate::partition::Groups;

/// The block coherence and the sub-coherence of a design.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BlockCoherence {
    /// `μ_B = max_{g≠h} σ_max(X_gᵀ X_h) / d`, columns of norm 1; 0 for a single group.
    pub value: f64,
    /// The groups `g < h` that attain it; `None` for a single group.
    pub pair: Option<(usize, usize)>,
    /// `ν = max_g max_{i≠j∈g} |⟨x_i, x_j⟩|`, columns of norm 1; 0 if all groups are single columns.
    pub sub_coherence: f64,
    /// The columns `i < j` that attain it.
    pub sub_pair: Option<(usize, usize)>,
    /// d, the size of the largest group.
    pub block_size: usize,
    /// Number of groups.
    pub groups: usize,
    /// What rounding can have done to `value` and to `sub_coherence`.
    pub rounding: f64,
}

/// The block coherence `μ_B = max_{g≠h} σ_max(X_gᵀ X_h) / d` and the sub-coherence
/// `ν = max_g max_{i≠j∈g} |⟨x_i, x_j⟩|` of columns divided by their norms.
///
/// `μ_B ≤ μ`, `ν ≤ μ`; with groups of one column μ_B is μ and ν is 0. The source has groups of one size d; for others d is
/// the size of the largest here, and what [`BlockCoherence::recovery_bound`] promises still holds.
/// Memory does not grow with p². Source: Eldar, Kuppinger & Bölcskei 2010, §II.
///
/// # Errors
/// As [`mutual_coherence`](super::mutual_coherence); [`Error::Length`] for groups of another number of columns,
/// [`Error::Unsupported`] for groups that overlap.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{diagnostics::block_coherence, partition::Groups};
/// let x = array![[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]];
/// let coherence = block_coherence(&x, &Groups::from_sizes(&[2, 1])?)?;
/// assert!((coherence.value - 0.5).abs() < 1e-15);         // σ_max = ‖(0.6, 0.8)‖ = 1, d = 2
/// assert_eq!(coherence.sub_coherence, 0.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn block_coherence<X: AsDesign + ?Sized>(x: &X, groups: &Groups) -> Result<BlockCoherence> {
    let x = unit_columns::design(x)?;
    let (n, p) = (x.nrows(), x.ncols());
    check_groups(groups, p)?;
    let norms = unit_columns::checked_norms(&x)?;
    let panels = panels(groups, unit_columns::tile_width(n));
    let parts = parallel::map_indexed(panels.len(), n * p * panels.len() * size_of::<f64>(), |right| {
        let (mut between, mut inside, mut tile) = (NOTHING, NOTHING, Vec::new());
        let cols = &panels[right];
        for (left, rows) in panels[..=right].iter().enumerate() {
            unit_columns::cosines(&x, &norms, &rows.columns, &cols.columns, &mut tile)?;
            for (h, at) in cols.blocks() {
                for (g, from) in rows.blocks().take_while(|(g, _)| *g < h) {
                    let block = Block { tile: &tile, height: rows.columns.len(), rows: from, cols: at.clone() };
                    // Few pairs are near the largest one: the Frobenius norm rules the others out.
                    if block.frobenius() > between.0 {
                        between = first_largest(between, (block.spectral_norm()?, (g, h)));
                    }
                }
                if left == right {
                    for (b, &j) in at.clone().zip(&cols.columns[at.clone()]) {
                        for (a, &i) in at.clone().zip(&cols.columns[at.clone()]).take_while(|(a, _)| *a < b) {
                            let cosine = tile[b * cols.columns.len() + a].abs();
                            inside = first_largest(inside, (cosine, (i.min(j), i.max(j))));
                        }
                    }
                }
            }
        }
        Ok((between, inside))
    });
    let (mut between, mut inside) = (NOTHING, NOTHING);
    for part in parts {
        let part = part?;
        between = first_largest(between, part.0);
        inside = first_largest(inside, part.1);
    }
    let d = (0..groups.len()).map(|g| groups.members(g).len()).max().unwrap_or(1);
    Ok(BlockCoherence {
        value: f64::clamp(between.0 / d as f64, 0.0, 1.0),
        pair: (between.0 >= 0.0).then_some(between.1),
        sub_coherence: f64::clamp(inside.0, 0.0, 1.0),
        sub_pair: (inside.0 >= 0.0).then_some(inside.1),
        block_size: d,
        groups: groups.len(),
        rounding: unit_columns::cosine_error(n + d),
    })
}

/// Less than any norm.
const NOTHING: (f64, (usize, usize)) = (-1.0, (0, 0));

/// Rejects groups that overlap or belong to another matrix.
pub(super) fn check_groups(groups: &Groups, p: usize) -> Result<()> {
    check_length("groups", p, groups.nfeatures())?;
    if groups.is_overlapping() {
        return Err(Error::Unsupported { argument: "groups", reason: "groups that share a column are not incoherent" });
    }
    Ok(())
}

/// Whole groups, together about as many columns as a tile is wide.
struct Panel {
    /// The number of the first group.
    first: usize,
    /// Where the groups end among the columns.
    ends: Vec<usize>,
    columns: Vec<usize>,
}

impl Panel {
    /// Groups and where their columns stand in the panel.
    fn blocks(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + '_ {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).enumerate().map(|(k, (start, &end))| (self.first + k, start..end))
    }
}

fn panels(groups: &Groups, width: usize) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for g in 0..groups.len() {
        let members = groups.members(g);
        match panels.last_mut() {
            Some(panel) if panel.columns.len() + members.len() <= width => {
                panel.columns.extend_from_slice(members);
                panel.ends.push(panel.columns.len());
            }
            _ => panels.push(Panel { first: g, ends: vec![members.len()], columns: members.to_vec() }),
        }
    }
    panels
}

/// A block of a column-major tile.
struct Block<'a> {
    tile: &'a [f64],
    height: usize,
    rows: std::ops::Range<usize>,
    cols: std::ops::Range<usize>,
}

impl Block<'_> {
    fn columns(&self) -> impl Iterator<Item = &[f64]> {
        self.cols.clone().map(|j| &self.tile[j * self.height..][self.rows.clone()])
    }

    fn frobenius(&self) -> f64 {
        self.columns().flatten().map(|v| v * v).sum::<f64>().sqrt()
    }

    fn spectral_norm(&self) -> Result<f64> {
        let (a, b) = (self.rows.len(), self.cols.len());
        if a == 1 || b == 1 {
            return Ok(self.frobenius());
        }
        let values: Vec<f64> = self.columns().flatten().copied().collect();
        match linalg::singular_values(&values, a, b) {
            Ok(values) => Ok(values[0]),
            Err(_) => Err(Error::IllPosed { reason: "the singular values of a block did not converge".into() }),
        }
    }
}

impl BlockCoherence {
    /// `k < (1 + (1 − (d − 1)ν)/(dμ_B))/2`: a w with k non-zero groups is the only one with so few and Xw = y, and both
    /// `min Σ_g ‖w_g‖ s.t. Xw = y` and block orthogonal matching pursuit find it (for columns of norm 1).
    ///
    /// At most ½, and so void, unless `(d − 1)ν < 1`. Source: Eldar, Kuppinger & Bölcskei 2010 (there as a bound on
    /// kd). Uniqueness and the statement on the norm hold for groups of different sizes, too:
    /// `Xv = 0` gives `X_gᵀX_g v_g = −Σ_{h≠g} X_gᵀX_h v_h`, hence `(1 − (d−1)ν) ‖v_g‖ ≤ dμ_B Σ_{h≠g} ‖v_h‖`, so that k groups
    /// hold less than half of `Σ_h ‖v_h‖`.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::{diagnostics::block_coherence, partition::Groups};
    /// // Two orthonormal bases in groups of two.
    /// let x = Array2::from_shape_fn((4, 8), |(i, j)| match j {
    ///     0..4 => f64::from(i == j),
    ///     _ => 0.5 * if (i & (j - 4)).count_ones() % 2 == 0 { 1.0 } else { -1.0 },
    /// });
    /// let coherence = block_coherence(&x, &Groups::from_sizes(&[2; 4])?)?;
    /// assert_eq!(coherence.sub_coherence, 0.0);
    /// assert!((coherence.recovery_bound().bound - (1.0 + 1.0 / (2.0 * coherence.value)) / 2.0).abs() < 1e-15);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn recovery_bound(&self) -> SparsityBound {
        let d = self.block_size as f64;
        let bound = |value: f64, sub: f64| {
            let inside = 1.0 - (d - 1.0) * sub;
            if value == 0.0 && inside <= 0.0 { 0.5 } else { (1.0 + inside / (d * value)) / 2.0 }
        };
        SparsityBound::new(
            bound(self.value, self.sub_coherence),
            bound(self.value + self.rounding, self.sub_coherence + self.rounding),
            self.groups,
        )
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis};
    use proptest::prelude::*;

    use super::super::mutual_coherence;
    use super::super::test_matrices::{hadamard_identity, random};
    use super::*;

    fn unit(x: &Array2<f64>) -> Array2<f64> {
        let mut x = x.clone();
        x.columns_mut().into_iter().for_each(|mut c| c /= c.dot(&c).sqrt());
        x
    }

    #[test]
    fn groups_of_one_column_are_columns() {
        let x = random(4, 5, 300);
        let blocks = block_coherence(&x, &Groups::from_sizes(&[1; 300]).unwrap()).unwrap();
        let columns = mutual_coherence(&x).unwrap();
        assert!((blocks.value - columns.value).abs() < 1e-15 && blocks.pair == columns.pair);
        assert_eq!((blocks.sub_coherence, blocks.sub_pair), (0.0, None));
        assert_eq!(blocks.recovery_bound().largest, columns.recovery_bound().largest);
    }

    #[test]
    fn kronecker_products_scale_the_block_coherence() {
        // X = A ⊗ I_d: X_gᵀX_h = ⟨a_g, a_h⟩ I_d, so dμ_B = μ(A) and ν = 0. Here A has μ = 1/4, so k < 2.5 groups.
        let (a, d) = (hadamard_identity(16), 3);
        let x = Array2::from_shape_fn((48, 96), |(i, j)| if i % d == j % d { a[[i / d, j / d]] } else { 0.0 });
        let coherence = block_coherence(&x, &Groups::from_sizes(&[3; 32]).unwrap()).unwrap();
        assert!((coherence.value - 0.25 / 3.0).abs() < 1e-15);
        assert_eq!((coherence.pair.unwrap().0, coherence.sub_coherence), (0, 0.0));
        let bound = coherence.recovery_bound();
        assert!((bound.bound - 2.5).abs() < 1e-13 && bound.largest == 2);
    }

    #[test]
    fn coherence_inside_groups_lowers_the_bound() {
        // X = A ⊗ B, BᵀB = (1 − ν)I + ν11ᵀ: dμ_B = μ(A)(1 + (d − 1)ν), so k < (1 + (1 − (d−1)ν)/(μ(1 + (d−1)ν)))/2.
        let (a, d, nu) = (hadamard_identity(16), 3, 0.2);
        let gram: Vec<f64> = (0..d * d).map(|k| if k % (d + 1) == 0 { 1.0 } else { nu }).collect();
        let factor = linalg::Cholesky::factor(&gram, d).unwrap();
        let b = |i: usize, j: usize| if i <= j { factor.lower(j, i) } else { 0.0 };
        let x = Array2::from_shape_fn((48, 96), |(i, j)| a[[i / d, j / d]] * b(i % d, j % d));
        let coherence = block_coherence(&x, &Groups::from_sizes(&[3; 32]).unwrap()).unwrap();
        assert!((coherence.sub_coherence - nu).abs() < 1e-15);
        assert!((coherence.value - 0.25 * 1.4 / 3.0).abs() < 1e-15);
        let bound = coherence.recovery_bound();
        assert!((bound.bound - (1.0 + 0.6 / 0.35) / 2.0).abs() < 1e-13 && bound.largest == 1);
    }

    #[test]
    fn scattered_groups_of_several_sizes_in_several_tiles() {
        let x = random(8, 7, 400);
        let labels: Vec<usize> = (0..400).map(|j| (j * 7 + j * j / 3) % 90).collect();
        let groups = Groups::from_labels(&labels).unwrap();
        let found = block_coherence(&x, &groups).unwrap();
        let unit = unit(&x);
        let (mut between, mut inside) = (0.0_f64, 0.0_f64);
        for g in 0..groups.len() {
            let left = unit.select(Axis(1), groups.members(g));
            let own = left.t().dot(&left);
            own.indexed_iter().filter(|((i, j), _)| i != j).for_each(|(_, v)| inside = inside.max(v.abs()));
            for h in 0..g {
                let product = left.t().dot(&unit.select(Axis(1), groups.members(h)));
                let (a, b) = product.dim();
                let values: Vec<f64> = product.t().iter().copied().collect();
                between = between.max(linalg::singular_values(&values, a, b).unwrap()[0]);
            }
        }
        assert!((found.value * found.block_size as f64 - between).abs() < 1e-13);
        assert!((found.sub_coherence - inside).abs() < 1e-14);
        let (i, j) = found.sub_pair.unwrap();
        assert!(labels[i] == labels[j]);
        assert!((unit.column(i).dot(&unit.column(j)).abs() - inside).abs() < 1e-14);
    }

    #[test]
    fn bad_groups_are_named() {
        let x = random(1, 3, 4);
        let short = Groups::from_sizes(&[2, 1]).unwrap();
        assert!(matches!(
            block_coherence(&x, &short),
            Err(Error::Length { argument: "groups", expected: 4, found: 3 })
        ));
        let shared = Groups::overlapping(&[vec![0, 1, 2], vec![2, 3]], 4).unwrap();
        assert!(matches!(block_coherence(&x, &shared), Err(Error::Unsupported { argument: "groups", .. })));
        let one = block_coherence(&x.select(Axis(1), &[0]), &Groups::from_sizes(&[1]).unwrap()).unwrap();
        assert_eq!((one.value, one.pair, one.recovery_bound().largest), (0.0, None, 1));
        // Dependent columns in one group: nothing is unique.
        let twice = ndarray::array![[1.0, 2.0], [1.0, 2.0]];
        let one = block_coherence(&twice, &Groups::from_sizes(&[2]).unwrap()).unwrap();
        assert_eq!(one.recovery_bound().largest, 0);
    }

    proptest! {
        #[test]
        fn never_above_the_coherence(seed in 0u64..1000, n in 1usize..8, sizes in prop::collection::vec(1usize..5, 2..8)) {
            let groups = Groups::from_sizes(&sizes).unwrap();
            let x = random(seed, n, groups.nfeatures());
            let (blocks, columns) = (block_coherence(&x, &groups).unwrap(), mutual_coherence(&x).unwrap());
            prop_assert!(blocks.value <= columns.value + 1e-14 && blocks.sub_coherence <= columns.value + 1e-14);
        }
    }
}
