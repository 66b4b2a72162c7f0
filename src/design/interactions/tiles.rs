//! Terms in tiles that are matrix products.

use std::ops::Range;

use crate::design::Terms;

/// Columns on the left of a product: enough for its speed, few enough for 1024 rows of them to stay in the cache.
const LEFT: usize = 32;
/// A tile with fewer terms than this share of its matrix is left to single columns.
const FILLED: usize = 8;

/// Neighbouring terms `prefix × a × b` of the same prefix, a among the `left` and b among the `right` columns.
#[derive(Debug)]
pub(super) struct Tile {
    pub prefix: Vec<u32>,
    pub left: Vec<u32>,
    pub right: Vec<u32>,
    pub terms: Range<usize>,
}

impl Tile {
    /// Whether forming all products of left and right is worth it.
    pub fn is_filled(&self) -> bool {
        !self.right.is_empty() && FILLED * self.terms.len() >= self.left.len() * self.right.len()
    }

    /// The right columns if they are neighbours.
    pub fn run(&self) -> Option<usize> {
        let first = *self.right.first()?;
        self.right.iter().zip(first..).all(|(&j, expected)| j == expected).then_some(first as usize)
    }

    /// Calls `f(term, left, right)` with the place of the last two factors of every term among left and right.
    pub fn places(&self, terms: &Terms, mut f: impl FnMut(usize, usize, usize)) {
        let (mut a, mut b) = (0, 0);
        for k in self.terms.clone() {
            let [.., left, right] = *terms.factors(k) else { continue };
            if self.left[a] != left {
                (a, b) = (a + 1, 0);
            }
            b += self.right[b..].partition_point(|&j| j < right);
            f(k, a, b);
        }
    }
}

/// All terms of two factors and more.
pub(super) fn tiles(terms: &Terms) -> Vec<Tile> {
    let mut tiles: Vec<Tile> = Vec::new();
    for degree in terms.degrees().iter().filter(|d| d.degree >= 2) {
        let first = tiles.len();
        for (k, term) in degree.factors.chunks_exact(degree.degree).enumerate() {
            let (prefix, pair) = term.split_at(degree.degree - 2);
            let (a, b, k) = (pair[0], pair[1], degree.first + k);
            let open = tiles[first..]
                .last_mut()
                .filter(|tile| tile.prefix == prefix && (tile.left.last() == Some(&a) || tile.left.len() < LEFT));
            match open {
                Some(tile) => {
                    if tile.left.last() != Some(&a) {
                        tile.left.push(a);
                    }
                    tile.right.push(b);
                    tile.terms.end = k + 1;
                }
                None => {
                    tiles.push(Tile { prefix: prefix.to_vec(), left: vec![a], right: vec![b], terms: k..k + 1 });
                }
            }
        }
        for tile in &mut tiles[first..] {
            tile.right.sort_unstable();
            tile.right.dedup();
            tile.right.shrink_to_fit();
        }
    }
    tiles
}
