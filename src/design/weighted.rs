//! Products of columns under weights: what second-order models of a loss are made of.

use super::Design;
use crate::linalg::{self, GRAM_PIECES, GRAM_ROWS};
use crate::parallel;

/// Values of a piece: a megabyte.
const CACHED: usize = 1 << 17;

/// `out ← X_colsᵀ diag(h) X_others`, column-major, from blocks of rows that stay in the cache: one of whole columns would
/// cost more than the products. What [`Design::weighted_gram`] does by default.
pub(super) fn by_blocks<D: Design + ?Sized>(design: &D, cols: &[usize], others: &[usize], h: &[f64], out: &mut [f64]) {
    let (n, a, b) = (h.len(), cols.len(), others.len());
    if a == 0 || b == 0 {
        return;
    }
    let symmetric = cols == others && h.iter().all(|&h| h >= 0.0);
    let columns: Vec<usize> = if symmetric { cols.to_vec() } else { cols.iter().chain(others).copied().collect() };
    let width = columns.len();
    let in_place = design.reads_columns();
    let rows = if in_place { (CACHED / width).next_multiple_of(64).clamp(128, GRAM_ROWS) } else { n };
    // Together the sums take no more than a quarter of the columns, and their number depends on the shape alone.
    let count = if in_place { (n / (4 * width)).clamp(1, GRAM_PIECES) } else { 1 };
    let height = n.div_ceil(count).next_multiple_of(rows);
    let roots: Vec<f64> = if symmetric { h.iter().map(|h| h.sqrt()).collect() } else { Vec::new() };
    let add = |piece: usize, sum: &mut [f64]| {
        let mut block = vec![0.0; rows * width];
        let end = ((piece + 1) * height).min(n);
        for from in (piece * height..end).step_by(rows) {
            let m = rows.min(end - from);
            let block = &mut block[..m * width];
            if !(in_place && design.copy_block(from..from + m, &columns, block)) {
                let mut whole = vec![0.0; n];
                for (&j, x) in columns.iter().zip(block.chunks_exact_mut(m)) {
                    design.column(j, &mut whole);
                    x.copy_from_slice(&whole[from..from + m]);
                }
            }
            let scaled = |block: &mut [f64], by: &[f64]| {
                for x in block.chunks_exact_mut(m) {
                    x.iter_mut().zip(by).for_each(|(x, h)| *x *= h);
                }
            };
            if symmetric {
                scaled(block, &roots[from..from + m]);
                linalg::add_gram(block, m, m, a, sum);
            } else {
                let (left, right) = block.split_at_mut(a * m);
                scaled(right, &h[from..from + m]);
                linalg::add_transpose_matmul(left, right, m, a, b, sum);
            }
        }
    };
    out.fill(0.0);
    if n <= height {
        add(0, out);
    } else {
        let pieces = parallel::map_indexed(n.div_ceil(height), n * width * size_of::<f64>(), |piece| {
            let mut sum = vec![0.0; a * b];
            add(piece, &mut sum);
            sum
        });
        for piece in pieces {
            out.iter_mut().zip(&piece).for_each(|(o, v)| *o += v);
        }
    }
    if symmetric {
        linalg::mirror(out, a);
    }
}
