//! Threads, if there are any: the only place besides the `rayon` feature that knows about them.
//!
//! Work is cut into chunks whose size depends on the problem alone, so the bits of a result do not depend on the number of
//! threads. The global rayon pool is used, hence `RAYON_NUM_THREADS` and `ThreadPool::install` work as ever.

/// Bytes that a pass must touch before it is shared out. Below, waking a thread (5–20 µs, and more on a busy machine)
/// costs as much as it saves: 4 MB is about 200 µs at 20 GB/s.
#[cfg(any(feature = "rayon", test))]
pub(crate) const PARALLEL_BYTES: usize = 4 << 20;

/// Whether a pass over that many bytes is shared out: there are threads and it is worth their while.
pub(crate) fn is_shared(bytes: usize) -> bool {
    #[cfg(feature = "rayon")]
    return bytes >= PARALLEL_BYTES && rayon::current_num_threads() > 1;
    #[cfg(not(feature = "rayon"))]
    {
        let _ = bytes;
        false
    }
}

/// Calls `f(k, piece)` for the `k`-th piece of `out`, all `chunk` long but the last; `bytes` is what all calls together
/// read and write.
pub(crate) fn for_each_chunk<T: Send>(
    out: &mut [T],
    chunk: usize,
    bytes: usize,
    f: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    let chunk = chunk.max(1);
    #[cfg(feature = "rayon")]
    if out.len() > chunk && is_shared(bytes) {
        use rayon::prelude::*;
        out.par_chunks_mut(chunk).enumerate().for_each(|(k, piece)| f(k, piece));
        return;
    }
    let _ = bytes;
    for (k, piece) in out.chunks_mut(chunk).enumerate() {
        f(k, piece);
    }
}

/// `[f(0), …, f(len − 1)]`: for cross-validation folds and the components of a graphical lasso.
pub(crate) fn map_indexed<T: Send>(len: usize, bytes: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(feature = "rayon")]
    if len > 1 && is_shared(bytes) {
        use rayon::prelude::*;
        return (0..len).into_par_iter().map(f).collect();
    }
    let _ = bytes;
    (0..len).map(f).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_visited_once_large_or_small() {
        for bytes in [0, PARALLEL_BYTES] {
            let mut out = vec![0; 1001];
            for_each_chunk(&mut out, 64, bytes, |k, piece| {
                for (i, v) in piece.iter_mut().enumerate() {
                    *v += k * 64 + i + 1;
                }
            });
            assert!(out.iter().enumerate().all(|(i, &v)| v == i + 1));
            assert_eq!(map_indexed(5, bytes, |i| i * i), [0, 1, 4, 9, 16]);
        }
    }
}
