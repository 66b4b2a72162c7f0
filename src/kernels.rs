//! The inner loops: the only place in the crate that knows about SIMD.
//!
//! Sums may not be reordered by the compiler, so a plain summing loop runs at a fifth of the machine's speed; these loops
//! keep several accumulators by hand. The instruction set is chosen at run time by `pulp`, which costs about 7 ns: the
//! functions on *lines* (columns of a column-major matrix, rows of a row-major one) therefore keep the loop over the
//! lines inside one dispatch. Storage may be `f64` or `f32`; arithmetic and accumulation are always `f64`.
//!
//! The order of every sum depends on lengths and on the instruction set only: same machine, same bits.

// Register tiles are indexed by constants; iterators over arrays of arrays hide that from reader and compiler.
#![allow(clippy::needless_range_loop)]

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};

/// Numbers that are widened into a buffer at a time, where conversion on the fly is not enough: four lines take 16 KB.
const TILE: usize = 512;

/// How a stored number becomes an `f64`. Sealed: implemented for `f64` and `f32` only.
pub trait Store: Copy + Send + Sync + PartialEq + 'static {
    /// 0.
    #[doc(hidden)]
    const ZERO: Self;
    /// Rows that [`Store::widen`] can take at once.
    #[doc(hidden)]
    const TILE: usize;
    /// The number.
    #[doc(hidden)]
    fn to_f64(self) -> f64;
    /// Neither NaN nor infinite.
    #[doc(hidden)]
    fn finite(self) -> bool;
    /// The numbers as `f64`: themselves where possible, otherwise by way of `buffer`.
    #[doc(hidden)]
    fn widen<'x>(x: &'x [Self], buffer: &'x mut [f64; TILE]) -> &'x [f64];
    /// The numbers themselves if they are `f64`.
    #[doc(hidden)]
    fn as_f64(x: &[Self]) -> Option<&[f64]>;
}

impl Store for f64 {
    const ZERO: Self = 0.0;
    const TILE: usize = usize::MAX;
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn widen<'x>(x: &'x [Self], _: &'x mut [f64; TILE]) -> &'x [f64] {
        x
    }
    #[inline(always)]
    fn as_f64(x: &[Self]) -> Option<&[f64]> {
        Some(x)
    }
}

impl Store for f32 {
    const ZERO: Self = 0.0;
    const TILE: usize = TILE;
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn widen<'x>(x: &'x [Self], buffer: &'x mut [f64; TILE]) -> &'x [f64] {
        let wide = &mut buffer[..x.len()];
        for (w, &v) in wide.iter_mut().zip(x) {
            *w = f64::from(v);
        }
        wide
    }
    #[inline(always)]
    fn as_f64(_: &[Self]) -> Option<&[f64]> {
        None
    }
}

// ---------------------------------------------------------------------------------------------------------------- dot

/// `xᵀr`: the short way of [`dot_lines`] for one line, where at n = 100 every branch counts.
#[inline]
pub(crate) fn dot<T: Store>(x: &[T], r: &[f64]) -> f64 {
    struct Dot<'a, T>(&'a [T], &'a [f64]);
    impl<T: Store> WithSimd for Dot<'_, T> {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) -> f64 {
            long_dots::<S, T, 1, 4, 32>(s, [self.0], self.1)[0]
        }
    }
    let n = x.len().min(r.len());
    Arch::new().dispatch(Dot(x, &r[..n]))
}

/// `‖x‖²`.
pub(crate) fn sq_norm(x: &[f64]) -> f64 {
    dot(x, x)
}

/// `out[k·q + t] ← line(k)ᵀ r_t` for `count` lines of length `n` and the q = `out.len() / count` right-hand sides that
/// stand one after the other in `r`. The lines are read once, whatever q is.
pub(crate) fn dot_lines<'x, T: Store>(
    count: usize,
    n: usize,
    line: impl Fn(usize) -> &'x [T],
    r: &[f64],
    out: &mut [f64],
) {
    Arch::new().dispatch(DotLines { count, n, line, r, out, storage: PhantomData });
}

struct DotLines<'x, 'a, T, F> {
    count: usize,
    n: usize,
    line: F,
    r: &'a [f64],
    out: &'a mut [f64],
    storage: PhantomData<&'x T>,
}

impl<'x, T: Store, F: Fn(usize) -> &'x [T]> WithSimd for DotLines<'x, '_, T, F> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { count, n, line, r, out, .. } = self;
        let q = out.len().checked_div(count).unwrap_or(0);
        let quads = count / 4 * 4;
        if q == 1 {
            let r = &r[..n];
            for k in (0..quads).step_by(4) {
                let x = [line(k), line(k + 1), line(k + 2), line(k + 3)];
                out[k..k + 4].copy_from_slice(&long_dots::<S, T, 4, 2, 8>(s, x, r));
            }
            for k in quads..count {
                out[k] = long_dots::<S, T, 1, 4, 32>(s, [line(k)], r)[0];
            }
            return;
        }
        out.fill(0.0);
        let mut buffer = [[0.0; TILE]; 4];
        for k in (0..quads).step_by(4) {
            let x = [line(k), line(k + 1), line(k + 2), line(k + 3)];
            tiled_dots(s, n, x, r, &mut out[k * q..(k + 4) * q], &mut buffer);
        }
        let [buffer, ..] = &mut buffer;
        for k in quads..count {
            tiled_dots(s, n, [line(k)], r, &mut out[k * q..(k + 1) * q], std::array::from_mut(buffer));
        }
    }
}

/// C lines with one right-hand side; the accumulators live through the whole length.
#[inline(always)]
fn long_dots<S: Simd, T: Store, const C: usize, const U: usize, const L: usize>(
    s: S,
    x: [&[T]; C],
    r: &[f64],
) -> [f64; C] {
    let lines = x.map(|x| &x[..r.len()]);
    let mut as_stored: [&[f64]; C] = [&[]; C];
    for (stored, x) in as_stored.iter_mut().zip(lines) {
        match T::as_f64(x) {
            Some(x) => *stored = x,
            None => return widening_dots::<T, C, L>(lines, r),
        }
    }
    let sums = accumulate::<S, C, 1, U>(s, as_stored, [r], [[[s.splat_f64s(0.0); 1]; C]; U]);
    finish(s, sums).map(|[dot]| dot)
}

/// The same for numbers that have to be widened: with L accumulators per line the compiler vectorises this by itself,
/// conversion included, for whatever instruction set the caller was dispatched to.
#[inline(always)]
fn widening_dots<T: Store, const C: usize, const L: usize>(x: [&[T]; C], r: &[f64]) -> [f64; C] {
    let (r, r_tail) = r.as_chunks::<L>();
    let x = x.map(|x| x.as_chunks::<L>());
    let heads = x.map(|x| &x.0[..r.len()]);
    let mut sums = [[0.0; L]; C];
    for (i, r) in r.iter().enumerate() {
        for c in 0..C {
            for l in 0..L {
                sums[c][l] += heads[c][i][l].to_f64() * r[l];
            }
        }
    }
    let mut out = [0.0; C];
    for c in 0..C {
        let tail: f64 = x[c].1.iter().zip(r_tail).map(|(x, r)| x.to_f64() * r).sum();
        out[c] = sums[c].iter().sum::<f64>() + tail;
    }
    out
}

/// C lines with all right-hand sides, two at a time, rows tile by tile: adds to `out` (line-major).
#[inline(always)]
fn tiled_dots<S: Simd, T: Store, const C: usize>(
    s: S,
    n: usize,
    x: [&[T]; C],
    r: &[f64],
    out: &mut [f64],
    buffer: &mut [[f64; TILE]; C],
) {
    let q = out.len() / C;
    let zero = s.splat_f64s(0.0);
    let mut from = 0;
    while from < n {
        let to = (from + T::TILE.min(1024)).min(n);
        let wide = widen_all(x, from, to, buffer);
        let response = |t: usize| &r[t * n + from..t * n + to];
        let mut t = 0;
        if C == 1 {
            // one line leaves registers for four right-hand sides, and needs them: two sums would wait for each other
            while t + 4 <= q {
                let r = [response(t), response(t + 1), response(t + 2), response(t + 3)];
                for (k, dots) in finish(s, accumulate::<S, C, 4, 2>(s, wide, r, [[[zero; 4]; C]; 2])).iter().enumerate()
                {
                    (0..4).for_each(|i| out[k * q + t + i] += dots[i]);
                }
                t += 4;
            }
        }
        while t + 2 <= q {
            let r = [response(t), response(t + 1)];
            for (k, dots) in finish(s, accumulate::<S, C, 2, 1>(s, wide, r, [[[zero; 2]; C]])).iter().enumerate() {
                (0..2).for_each(|i| out[k * q + t + i] += dots[i]);
            }
            t += 2;
        }
        if t < q {
            let sums = accumulate::<S, C, 1, 2>(s, wide, [response(t)], [[[zero; 1]; C]; 2]);
            for (k, [dot]) in finish(s, sums).into_iter().enumerate() {
                out[k * q + t] += dot;
            }
        }
        from = to;
    }
}

#[inline(always)]
fn widen_all<'x, T: Store, const C: usize>(
    x: [&'x [T]; C],
    from: usize,
    to: usize,
    buffer: &'x mut [[f64; TILE]; C],
) -> [&'x [f64]; C] {
    let mut wide: [&[f64]; C] = [&[]; C];
    for ((w, x), b) in wide.iter_mut().zip(x).zip(buffer) {
        *w = T::widen(&x[from..to], b);
    }
    wide
}

/// The register tile: C lines by R right-hand sides, U vectors deep. Everything has the same length.
#[inline(always)]
fn accumulate<S: Simd, const C: usize, const R: usize, const U: usize>(
    s: S,
    x: [&[f64]; C],
    r: [&[f64]; R],
    mut sums: [[[S::f64s; R]; C]; U],
) -> [[[S::f64s; R]; C]; U] {
    let n = r[0].len();
    let x = x.map(|x| S::as_simd_f64s(&x[..n]));
    let r = r.map(|r| S::as_simd_f64s(&r[..n]));
    let vectors = r[0].0.len();
    let xv = x.map(|x| pulp::as_arrays::<U, _>(&x.0[..vectors]));
    let rv = r.map(|r| pulp::as_arrays::<U, _>(&r.0[..vectors]));
    let steps = rv[0].0.len();
    let (xs, rs) = (xv.map(|x| &x.0[..steps]), rv.map(|r| &r.0[..steps]));
    for i in 0..steps {
        for u in 0..U {
            for c in 0..C {
                for t in 0..R {
                    sums[u][c][t] = s.mul_add_e_f64s(xs[c][i][u], rs[t][i][u], sums[u][c][t]);
                }
            }
        }
    }
    let rest = rv[0].1.len();
    let (xs, rs) = (xv.map(|x| &x.1[..rest]), rv.map(|r| &r.1[..rest]));
    for i in 0..rest {
        for c in 0..C {
            for t in 0..R {
                sums[0][c][t] = s.mul_add_e_f64s(xs[c][i], rs[t][i], sums[0][c][t]);
            }
        }
    }
    if !r[0].1.is_empty() {
        let r = r.map(|r| s.partial_load_f64s(r.1));
        for c in 0..C {
            let x = s.partial_load_f64s(x[c].1);
            for t in 0..R {
                sums[0][c][t] = s.mul_add_e_f64s(x, r[t], sums[0][c][t]);
            }
        }
    }
    sums
}

#[inline(always)]
fn finish<S: Simd, const C: usize, const R: usize, const U: usize>(
    s: S,
    sums: [[[S::f64s; R]; C]; U],
) -> [[f64; R]; C] {
    let mut out = [[0.0; R]; C];
    for c in 0..C {
        for t in 0..R {
            let mut sum = sums[0][c][t];
            for deeper in &sums[1..] {
                sum = s.add_f64s(sum, deeper[c][t]);
            }
            out[c][t] = s.reduce_sum_f64s(sum);
        }
    }
    out
}

/// `(w − o)ᵀ(g + h)`, the sum that the value of a quadratic model is.
pub(crate) fn dot_of_differences(w: &[f64], o: &[f64], g: &[f64], h: &[f64]) -> f64 {
    let (w8, w_rest) = w.as_chunks::<8>();
    let (o8, o_rest) = o.as_chunks::<8>();
    let (g8, g_rest) = g.as_chunks::<8>();
    let (h8, h_rest) = h.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for ((w, o), (g, h)) in w8.iter().zip(o8).zip(g8.iter().zip(h8)) {
        for u in 0..8 {
            sums[u] += (w[u] - o[u]) * (g[u] + h[u]);
        }
    }
    let rest = w_rest.iter().zip(o_rest).zip(g_rest.iter().zip(h_rest));
    sums.iter().sum::<f64>() + rest.map(|((w, o), (g, h))| (w - o) * (g + h)).sum::<f64>()
}

// --------------------------------------------------------------------------------------------------------------- axpy

/// `y ← y + αx`.
#[inline]
pub(crate) fn axpy<T: Store>(alpha: f64, x: &[T], y: &mut [f64]) {
    struct Axpy<'a>(f64, &'a [f64], &'a mut [f64]);
    impl WithSimd for Axpy<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) {
            let alpha = s.splat_f64s(self.0);
            let (x, x_tail) = S::as_simd_f64s(self.1);
            let (y, y_tail) = S::as_mut_simd_f64s(self.2);
            for (y, x) in y.iter_mut().zip(x) {
                *y = s.mul_add_e_f64s(alpha, *x, *y);
            }
            if !y_tail.is_empty() {
                let sum = s.mul_add_e_f64s(alpha, s.partial_load_f64s(x_tail), s.partial_load_f64s(y_tail));
                s.partial_store_f64s(y_tail, sum);
            }
        }
    }
    let n = x.len().min(y.len());
    match T::as_f64(x) {
        Some(x) => Arch::new().dispatch(Axpy(alpha, &x[..n], &mut y[..n])),
        None => axpy_lines(1, n, |_| &x[..n], |_, _| alpha, &mut y[..n]),
    }
}

/// `y_t ← y_t + Σ_k coefficient(k, t) · line(k)` for lines of length `n` and the q = `y.len() / n` vectors that stand one
/// after the other in `y`. Lines are added four at a time, so that `y` is read and written once per four; with q = 1 those
/// with coefficient zero are not touched.
pub(crate) fn axpy_lines<'x, T: Store>(
    count: usize,
    n: usize,
    line: impl Fn(usize) -> &'x [T],
    coefficient: impl Fn(usize, usize) -> f64,
    y: &mut [f64],
) {
    Arch::new().dispatch(AxpyLines { count, n, line, coefficient, y, storage: PhantomData });
}

struct AxpyLines<'x, 'a, T, F, G> {
    count: usize,
    n: usize,
    line: F,
    coefficient: G,
    y: &'a mut [f64],
    storage: PhantomData<&'x T>,
}

impl<'x, T: Store, F: Fn(usize) -> &'x [T], G: Fn(usize, usize) -> f64> WithSimd for AxpyLines<'x, '_, T, F, G> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { count, n, line, coefficient, y, .. } = self;
        let q = y.len().checked_div(n).unwrap_or(0);
        let mut held = [0; 4];
        let mut holding = 0;
        for k in 0..count {
            // with several responses callers leave such lines out: which lines make four must not depend on how many
            // responses a task has
            if q == 1 && coefficient(k, 0) == 0.0 {
                continue;
            }
            held[holding] = k;
            holding += 1;
            if holding == 4 {
                let x = held.map(&line);
                for (t, y) in y.chunks_exact_mut(n.max(1)).enumerate() {
                    long_axpy::<S, T, 4, 1>(s, held.map(|k| coefficient(k, t)), x, y);
                }
                holding = 0;
            }
        }
        for &k in &held[..holding] {
            let x = line(k);
            for (t, y) in y.chunks_exact_mut(n.max(1)).enumerate() {
                let alpha = coefficient(k, t);
                if alpha != 0.0 {
                    long_axpy::<S, T, 1, 4>(s, [alpha], [x], y);
                }
            }
        }
    }
}

#[inline(always)]
fn long_axpy<S: Simd, T: Store, const C: usize, const U: usize>(s: S, alpha: [f64; C], x: [&[T]; C], y: &mut [f64]) {
    let lines = x.map(|x| &x[..y.len()]);
    let mut as_stored: [&[f64]; C] = [&[]; C];
    for (stored, x) in as_stored.iter_mut().zip(lines) {
        match T::as_f64(x) {
            Some(x) => *stored = x,
            // vectorised by the compiler: nothing is summed across lanes
            None => {
                for (i, y) in y.iter_mut().enumerate() {
                    for c in 0..C {
                        *y += alpha[c] * lines[c][i].to_f64();
                    }
                }
                return;
            }
        }
    }
    axpy_tile::<S, C, U>(s, alpha.map(|a| s.splat_f64s(a)), as_stored, y);
}

#[inline(always)]
fn axpy_tile<S: Simd, const C: usize, const U: usize>(s: S, alpha: [S::f64s; C], x: [&[f64]; C], y: &mut [f64]) {
    let n = y.len();
    let x = x.map(|x| S::as_simd_f64s(&x[..n]));
    let (yv, y_tail) = S::as_mut_simd_f64s(y);
    let vectors = yv.len();
    let xv = x.map(|x| pulp::as_arrays::<U, _>(&x.0[..vectors]));
    let (ys, y_rest) = pulp::as_arrays_mut::<U, _>(yv);
    let steps = ys.len();
    let xs = xv.map(|x| &x.0[..steps]);
    for i in 0..steps {
        for u in 0..U {
            let mut sum = ys[i][u];
            for c in 0..C {
                sum = s.mul_add_e_f64s(alpha[c], xs[c][i][u], sum);
            }
            ys[i][u] = sum;
        }
    }
    let rest = y_rest.len();
    let xs = xv.map(|x| &x.1[..rest]);
    for i in 0..rest {
        for c in 0..C {
            y_rest[i] = s.mul_add_e_f64s(alpha[c], xs[c][i], y_rest[i]);
        }
    }
    if !y_tail.is_empty() {
        let mut sum = s.partial_load_f64s(y_tail);
        for c in 0..C {
            sum = s.mul_add_e_f64s(alpha[c], s.partial_load_f64s(x[c].1), sum);
        }
        s.partial_store_f64s(y_tail, sum);
    }
}

/// `y_s ← y_s + x ∘ Σ_t delta_t h_st` for q = `delta.len()` vectors as long as x, one after the other in `y`, and q² in `h`, of
/// which those with t ≤ s are read. Returns whether there is a loop for this q; nothing happens otherwise.
pub(crate) fn coupled_axpy(x: &[f64], h: &[f64], delta: &[f64], y: &mut [f64]) -> bool {
    let q = delta.len();
    if h.len() < q * q * x.len() || y.len() < q * x.len() {
        return false;
    }
    let arch = Arch::new();
    match q {
        2 => arch.dispatch(CoupledAxpy::<2>(x, h, delta, y)),
        3 => arch.dispatch(CoupledAxpy::<3>(x, h, delta, y)),
        4 => arch.dispatch(CoupledAxpy::<4>(x, h, delta, y)),
        5 => arch.dispatch(CoupledAxpy::<5>(x, h, delta, y)),
        6 => arch.dispatch(CoupledAxpy::<6>(x, h, delta, y)),
        _ => return false,
    }
    true
}

struct CoupledAxpy<'a, const Q: usize>(&'a [f64], &'a [f64], &'a [f64], &'a mut [f64]);

impl<const Q: usize> WithSimd for CoupledAxpy<'_, Q> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self(x, h, delta, y) = self;
        let n = x.len();
        let line = |a: usize, b: usize| &h[(a.max(b) * Q + a.min(b)) * n..][..n];
        let (xs, tail) = S::as_simd_f64s(x);
        for i in n - tail.len()..n {
            for a in 0..Q {
                y[a * n + i] += x[i] * (0..Q).map(|b| delta[b] * line(a, b)[i]).sum::<f64>();
            }
        }
        let vectors = xs.len();
        let lines: [[&[S::f64s]; Q]; Q] =
            std::array::from_fn(|a| std::array::from_fn(|b| &S::as_simd_f64s(line(a, b)).0[..vectors]));
        let mut each = y.chunks_exact_mut(n);
        let y: [&mut [S::f64s]; Q] =
            std::array::from_fn(|_| &mut S::as_mut_simd_f64s(each.next().unwrap_or_default()).0[..vectors]);
        let delta: [S::f64s; Q] = std::array::from_fn(|b| s.splat_f64s(delta[b]));
        for i in 0..vectors {
            for a in 0..Q {
                let mut sum = s.mul_f64s(delta[0], lines[a][0][i]);
                for b in 1..Q {
                    sum = s.mul_add_e_f64s(delta[b], lines[a][b][i], sum);
                }
                y[a][i] = s.mul_add_e_f64s(xs[i], sum, y[a][i]);
            }
        }
    }
}

/// `y ← y + x ∘ Σ_c alpha_c h_c` for pairs (alpha, h) of vectors as long as y; four of them at a time.
pub(crate) fn weighted_axpy(x: &[f64], terms: &[(f64, &[f64])], y: &mut [f64]) {
    struct WeightedAxpy<'a>(&'a [f64], &'a [(f64, &'a [f64])], &'a mut [f64]);
    impl WithSimd for WeightedAxpy<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) {
            let Self(x, terms, y) = self;
            let mut rest = terms;
            while let Some((four, left)) = rest.split_first_chunk::<4>() {
                weighted_tile::<S, 4>(s, x, four, y);
                rest = left;
            }
            match rest {
                [a, b, c] => weighted_tile::<S, 3>(s, x, &[*a, *b, *c], y),
                [a, b] => weighted_tile::<S, 2>(s, x, &[*a, *b], y),
                [a] => weighted_tile::<S, 1>(s, x, &[*a], y),
                _ => {}
            }
        }
    }
    Arch::new().dispatch(WeightedAxpy(x, terms, y));
}

#[inline(always)]
fn weighted_tile<S: Simd, const C: usize>(s: S, x: &[f64], terms: &[(f64, &[f64]); C], y: &mut [f64]) {
    let n = y.len();
    let (x, x_tail) = S::as_simd_f64s(&x[..n]);
    let h = terms.map(|(_, h)| S::as_simd_f64s(&h[..n]));
    let alpha = terms.map(|(alpha, _)| s.splat_f64s(alpha));
    let (y, y_tail) = S::as_mut_simd_f64s(y);
    let vectors = y.len();
    let (x, lines) = (&x[..vectors], h.map(|(h, _)| &h[..vectors]));
    for i in 0..vectors {
        let mut sum = s.mul_f64s(alpha[0], lines[0][i]);
        for c in 1..C {
            sum = s.mul_add_e_f64s(alpha[c], lines[c][i], sum);
        }
        y[i] = s.mul_add_e_f64s(x[i], sum, y[i]);
    }
    if !y_tail.is_empty() {
        let mut sum = s.mul_f64s(alpha[0], s.partial_load_f64s(h[0].1));
        for c in 1..C {
            sum = s.mul_add_e_f64s(alpha[c], s.partial_load_f64s(h[c].1), sum);
        }
        let sum = s.mul_add_e_f64s(s.partial_load_f64s(x_tail), sum, s.partial_load_f64s(y_tail));
        s.partial_store_f64s(y_tail, sum);
    }
}

/// Rows of such a length are a whole number of vectors, unless vectors hold eight numbers: what [`rank_one`] is fast for.
pub(crate) const ROW_MULTIPLE: usize = 4;

/// `Y ← Y + h δᵀ` for a row-major Y with `h.len()` rows as long as δ; best if that is a multiple of [`ROW_MULTIPLE`].
pub(crate) fn rank_one(h: &[f64], delta: &[f64], y: &mut [f64]) {
    struct RankOne<'a>(&'a [f64], &'a [f64], &'a mut [f64]);
    impl WithSimd for RankOne<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) {
            let Self(h, delta, y) = self;
            let (d, d_tail) = S::as_simd_f64s(delta);
            if !d_tail.is_empty() {
                let tail = s.partial_load_f64s(d_tail);
                for (y, &h) in y.chunks_exact_mut(delta.len()).zip(h) {
                    let h = s.splat_f64s(h);
                    let (y, y_tail) = S::as_mut_simd_f64s(y);
                    y.iter_mut().zip(d).for_each(|(y, &d)| *y = s.mul_add_e_f64s(h, d, *y));
                    let sum = s.mul_add_e_f64s(h, tail, s.partial_load_f64s(y_tail));
                    s.partial_store_f64s(y_tail, sum);
                }
                return;
            }
            let (rows, _) = S::as_mut_simd_f64s(y);
            // δ stays in registers
            match d.len() {
                1 => short_rows::<S, 1>(s, h, d, rows),
                2 => short_rows::<S, 2>(s, h, d, rows),
                3 => short_rows::<S, 3>(s, h, d, rows),
                4 => short_rows::<S, 4>(s, h, d, rows),
                5 => short_rows::<S, 5>(s, h, d, rows),
                6 => short_rows::<S, 6>(s, h, d, rows),
                7 => short_rows::<S, 7>(s, h, d, rows),
                8 => short_rows::<S, 8>(s, h, d, rows),
                len => {
                    for (y, &h) in rows.chunks_exact_mut(len.max(1)).zip(h) {
                        let h = s.splat_f64s(h);
                        y.iter_mut().zip(d).for_each(|(y, &d)| *y = s.mul_add_e_f64s(h, d, *y));
                    }
                }
            }
        }
    }
    Arch::new().dispatch(RankOne(h, delta, y));
}

#[inline(always)]
fn short_rows<S: Simd, const V: usize>(s: S, h: &[f64], delta: &[S::f64s], rows: &mut [S::f64s]) {
    let Some(&delta) = delta.first_chunk::<V>() else { return };
    for (y, &h) in pulp::as_arrays_mut::<V, _>(rows).0.iter_mut().zip(h) {
        let h = s.splat_f64s(h);
        for v in 0..V {
            y[v] = s.mul_add_e_f64s(h, delta[v], y[v]);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------ moments

/// `Σ x_i`.
pub(crate) fn sum<T: Store>(x: &[T]) -> f64 {
    moments(x, 0.0).0
}

/// `Σ (x_i − centre)²`; with centre 0 the squared norm.
pub(crate) fn sq_deviation<T: Store>(x: &[T], centre: f64) -> f64 {
    moments(x, centre).1
}

/// `Σ (x_i − centre)` and `Σ (x_i − centre)²`.
pub(crate) fn moments<T: Store>(x: &[T], centre: f64) -> (f64, f64) {
    Arch::new().dispatch(Moments { x, centre })
}

struct Moments<'a, T> {
    x: &'a [T],
    centre: f64,
}

impl<T: Store> WithSimd for Moments<'_, T> {
    type Output = (f64, f64);
    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> (f64, f64) {
        let Self { x, centre } = self;
        let mut buffer = [0.0; TILE];
        let c = s.splat_f64s(centre);
        let (mut sums, mut squares) = ([s.splat_f64s(0.0); 4], [s.splat_f64s(0.0); 4]);
        let (mut sum, mut square) = (0.0, 0.0);
        let mut from = 0;
        while from < x.len() {
            let to = from.saturating_add(T::TILE).min(x.len());
            let (head, tail) = S::as_simd_f64s(T::widen(&x[from..to], &mut buffer));
            let (head, rest) = pulp::as_arrays::<4, _>(head);
            for v in head {
                for u in 0..4 {
                    let d = s.sub_f64s(v[u], c);
                    sums[u] = s.add_f64s(sums[u], d);
                    squares[u] = s.mul_add_e_f64s(d, d, squares[u]);
                }
            }
            for &v in rest {
                let d = s.sub_f64s(v, c);
                sums[0] = s.add_f64s(sums[0], d);
                squares[0] = s.mul_add_e_f64s(d, d, squares[0]);
            }
            for &v in tail {
                let d = v - centre;
                sum += d;
                square += d * d;
            }
            from = to;
        }
        let fold = |v: [S::f64s; 4]| s.reduce_sum_f64s(s.add_f64s(s.add_f64s(v[0], v[1]), s.add_f64s(v[2], v[3])));
        (fold(sums) + sum, fold(squares) + square)
    }
}

/// Whether no value is NaN or infinite, at the speed of memory; who needs to know where searches afterwards.
pub(crate) fn all_finite<T: Store>(x: &[T]) -> bool {
    // without an early exit inside a piece the loop vectorises
    Arch::new().dispatch(|| x.chunks(4096).all(|piece| piece.iter().fold(true, |good, v| good & v.finite())))
}

// ------------------------------------------------------------------------------------------------------------- sparse

/// `Σ_k values[k] · r[indices[k]]`, four accumulators.
pub(crate) fn sparse_dot<T: Store>(indices: &[u32], values: &[f64], r: &[T]) -> f64 {
    let (index4, index_rest) = indices.as_chunks::<4>();
    let (value4, value_rest) = values.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (i, v) in index4.iter().zip(value4) {
        for u in 0..4 {
            sums[u] += v[u] * r[i[u] as usize].to_f64();
        }
    }
    let rest: f64 = index_rest.iter().zip(value_rest).map(|(&i, &v)| v * r[i as usize].to_f64()).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// Columns of a sparse matrix one after the other: column k has the values `values[indptr[k]..indptr[k + 1]]` in the rows
/// of the same places of `indices`. The last two are those of the whole matrix, so that reading on past the end of a
/// column meets the next one.
#[derive(Clone, Copy)]
pub(crate) struct SparseColumns<'a> {
    pub indptr: &'a [usize],
    pub indices: &'a [u32],
    pub values: &'a [f64],
}

/// Right-hand sides as [`sparse_dot_lines`] wants them.
pub(crate) struct SparseRhs {
    nresponses: usize,
    /// Length of a row, for several responses; see [`ROW_MULTIPLE`].
    width: usize,
    /// One response: zeros up to a power of two, so that a mask replaces the bounds check. Several: row after row, so that
    /// a stored entry meets numbers that stand together.
    values: Vec<f64>,
}

impl SparseRhs {
    /// From task-major values with `n` rows.
    pub(crate) fn new(r: &[f64], n: usize) -> Self {
        let nresponses = r.len().checked_div(n).unwrap_or(0);
        if nresponses <= 1 {
            let mut values = Vec::with_capacity(n.next_power_of_two());
            values.extend_from_slice(r);
            values.resize(n.next_power_of_two(), 0.0);
            return Self { nresponses, width: 1, values };
        }
        let width = nresponses.next_multiple_of(ROW_MULTIPLE);
        let mut values = vec![0.0; n * width];
        // a row is written whole: reading from q places at once is the cheaper side
        for (i, row) in values.chunks_exact_mut(width).enumerate() {
            for (value, r) in row.iter_mut().zip(r.chunks_exact(n)) {
                *value = r[i];
            }
        }
        Self { nresponses, width, values }
    }
}

/// `out[k·q + t] ← column(k)ᵀ r_t`.
pub(crate) fn sparse_dot_lines(columns: SparseColumns<'_>, r: &SparseRhs, out: &mut [f64]) {
    struct Lines<'a>(SparseColumns<'a>, &'a SparseRhs, &'a mut [f64]);
    impl WithSimd for Lines<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) {
            let Self(columns, r, out) = self;
            if r.nresponses <= 1 {
                return single_sparse_dots(columns, &r.values, out);
            }
            let (rows, rest) = S::as_simd_f64s(&r.values);
            let lanes = size_of::<S::f64s>() / size_of::<f64>();
            if !rest.is_empty() || r.width % lanes != 0 {
                return plain_sparse_dots(columns, r, out);
            }
            let vectors = r.width / lanes;
            for from in (0..vectors).step_by(8) {
                let at = Rows { rows, stride: vectors, from, lanes, nresponses: r.nresponses };
                match vectors - from {
                    1 => at.dots::<S, 1>(s, columns, out),
                    2 => at.dots::<S, 2>(s, columns, out),
                    3 => at.dots::<S, 3>(s, columns, out),
                    4 => at.dots::<S, 4>(s, columns, out),
                    5 => at.dots::<S, 5>(s, columns, out),
                    6 => at.dots::<S, 6>(s, columns, out),
                    7 => at.dots::<S, 7>(s, columns, out),
                    _ => at.dots::<S, 8>(s, columns, out),
                }
            }
        }
    }
    Arch::new().dispatch(Lines(columns, r, out));
}

/// Ones and zeros: from place 8 − k on, eight of them keep the first k.
static KEEP: [u64; 16] =
    [u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0, 0, 0, 0, 0, 0, 0, 0];

/// One right-hand side. Most columns are short, and how long one is cannot be foreseen: the last entries are taken eight
/// at a time as well, with what follows the column masked, so that one branch a column is mispredicted and not two.
#[inline(always)]
fn single_sparse_dots(columns: SparseColumns<'_>, r: &[f64], out: &mut [f64]) {
    let SparseColumns { indptr, indices, values } = columns;
    if r.is_empty() {
        return out.fill(0.0);
    }
    let mask = r.len() - 1;
    for (o, span) in out.iter_mut().zip(indptr.windows(2)) {
        let (start, end) = (span[0], span[1]);
        let (index8, rest) = indices[start..end].as_chunks::<8>();
        let (value8, _) = values[start..end].as_chunks::<8>();
        let mut sums = [0.0; 8];
        for (i, v) in index8.iter().zip(value8) {
            for u in 0..8 {
                sums[u] += v[u] * r[i[u] as usize & mask];
            }
        }
        let from = end - rest.len();
        let ahead = (indices[from..].first_chunk::<8>(), values[from..].first_chunk::<8>());
        match (ahead, KEEP[8 - rest.len()..].first_chunk::<8>()) {
            _ if rest.is_empty() => {}
            ((Some(i), Some(v)), Some(keep)) => {
                for u in 0..8 {
                    sums[u] += f64::from_bits(v[u].to_bits() & keep[u]) * r[i[u] as usize & mask];
                }
            }
            _ => {
                for (&i, &v) in indices[from..end].iter().zip(&values[from..end]) {
                    sums[0] += v * r[i as usize & mask];
                }
            }
        }
        *o = ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
    }
}

/// Rows of right-hand sides, `stride` vectors each, of which those from `from` on are used.
struct Rows<'a, V> {
    rows: &'a [V],
    stride: usize,
    from: usize,
    lanes: usize,
    nresponses: usize,
}

impl<X: Copy> Rows<'_, X> {
    #[inline(always)]
    fn dots<S: Simd<f64s = X>, const V: usize>(&self, s: S, columns: SparseColumns<'_>, out: &mut [f64]) {
        let SparseColumns { indptr, indices, values } = columns;
        let first = self.from * self.lanes;
        let count = (self.nresponses - first).min(V * self.lanes);
        let mut buffer = [0.0; 64];
        for (o, span) in out.chunks_exact_mut(self.nresponses).zip(indptr.windows(2)) {
            let mut sums = [s.splat_f64s(0.0); V];
            for (&i, &v) in indices[span[0]..span[1]].iter().zip(&values[span[0]..span[1]]) {
                let row = &self.rows[i as usize * self.stride + self.from..][..V];
                let v = s.splat_f64s(v);
                for u in 0..V {
                    sums[u] = s.mul_add_e_f64s(v, row[u], sums[u]);
                }
            }
            S::as_mut_simd_f64s(&mut buffer[..V * self.lanes]).0.copy_from_slice(&sums);
            o[first..first + count].copy_from_slice(&buffer[..count]);
        }
    }
}

/// For vectors that hold more numbers than a row has.
#[inline(always)]
fn plain_sparse_dots(columns: SparseColumns<'_>, r: &SparseRhs, out: &mut [f64]) {
    let SparseColumns { indptr, indices, values } = columns;
    for (o, span) in out.chunks_exact_mut(r.nresponses).zip(indptr.windows(2)) {
        o.fill(0.0);
        for (&i, &v) in indices[span[0]..span[1]].iter().zip(&values[span[0]..span[1]]) {
            let row = &r.values[i as usize * r.width..][..r.nresponses];
            o.iter_mut().zip(row).for_each(|(o, r)| *o += v * r);
        }
    }
}

/// `y[indices[k]] ← y[indices[k]] + α · values[k]`.
pub(crate) fn sparse_axpy(alpha: f64, indices: &[u32], values: &[f64], y: &mut [f64]) {
    for (&i, &v) in indices.iter().zip(values) {
        y[i as usize] += alpha * v;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: u64) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        (0..n)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
            })
            .collect()
    }

    fn close(a: f64, b: f64, size: usize) {
        assert!((a - b).abs() <= 1e-14 * (size as f64 + 1.0), "{a} {b}");
    }

    #[test]
    fn dots_and_sums_agree_with_plain_loops_for_every_tail() {
        for n in (0..70).chain([511, 512, 513, 1030]) {
            for count in [1, 3, 4, 9] {
                for q in [1, 2, 3, 4, 5, 7, 9] {
                    let x = numbers(n * count, 1);
                    let narrow: Vec<f32> = x.iter().map(|&v| v as f32).collect();
                    let r = numbers(n * q, 2);
                    let mut out = vec![f64::NAN; count * q];
                    let mut out32 = out.clone();
                    dot_lines(count, n, |k| &x[k * n..(k + 1) * n], &r, &mut out);
                    dot_lines(count, n, |k| &narrow[k * n..(k + 1) * n], &r, &mut out32);
                    for k in 0..count {
                        for t in 0..q {
                            let plain: f64 = (0..n).map(|i| x[k * n + i] * r[t * n + i]).sum();
                            let plain32: f64 = (0..n).map(|i| f64::from(narrow[k * n + i]) * r[t * n + i]).sum();
                            close(out[k * q + t], plain, n);
                            close(out32[k * q + t], plain32, n);
                        }
                    }
                }
            }
            let x = numbers(n, 3);
            close(sum(&x), x.iter().sum(), n);
            close(sq_deviation(&x, 0.25), x.iter().map(|v| (v - 0.25) * (v - 0.25)).sum(), n);
        }
    }

    #[test]
    fn axpys_agree_with_plain_loops_for_every_tail() {
        for n in (0..70).chain([511, 512, 513, 1030]) {
            for count in [1, 3, 4, 9] {
                let x = numbers(n * count, 4);
                let narrow: Vec<f32> = x.iter().map(|&v| v as f32).collect();
                let mut a = numbers(count, 5);
                a[count / 2] = 0.0;
                let start = numbers(n, 6);
                let (mut y, mut y32) = (start.clone(), start.clone());
                axpy_lines(count, n, |k| &x[k * n..(k + 1) * n], |k, _| a[k], &mut y);
                axpy_lines(count, n, |k| &narrow[k * n..(k + 1) * n], |k, _| a[k], &mut y32);
                for i in 0..n {
                    let plain: f64 = (0..count).map(|k| a[k] * x[k * n + i]).sum();
                    let plain32: f64 = (0..count).map(|k| a[k] * f64::from(narrow[k * n + i])).sum();
                    close(y[i], start[i] + plain, count);
                    close(y32[i], start[i] + plain32, count);
                }
            }
        }
    }

    #[test]
    fn finds_what_is_not_finite() {
        let mut x = vec![1.0; 10_000];
        assert!(all_finite(&x));
        x[9_999] = f64::NAN;
        assert!(!all_finite(&x));
        x[9_999] = f64::NEG_INFINITY;
        assert!(!all_finite(&x));
        assert!(!all_finite(&[1.0f32, f32::INFINITY]));
    }

    #[test]
    fn sparse_loops_agree_with_plain_loops() {
        let r = numbers(100, 7);
        for nnz in 0..20 {
            let indices: Vec<u32> = (0..nnz).map(|k| (k * 5) as u32).collect();
            let values = numbers(nnz, 8);
            let plain: f64 = (0..nnz).map(|k| values[k] * r[5 * k]).sum();
            close(sparse_dot(&indices, &values, &r), plain, nnz);
            let mut y = r.clone();
            sparse_axpy(2.0, &indices, &values, &mut y);
            for k in 0..nnz {
                close(y[5 * k], r[5 * k] + 2.0 * values[k], 1);
            }
        }
    }

    #[test]
    fn passes_over_sparse_columns_agree_with_plain_loops() {
        let n = 50;
        let lengths = [0, 1, 7, 8, 9, 0, 20, 3, 16, 5];
        let (mut indptr, mut indices) = (vec![0], Vec::new());
        for (k, &len) in lengths.iter().enumerate() {
            indices.extend((0..len).map(|i| (2 * i + k % 3) as u32));
            indptr.push(indices.len());
        }
        let values = numbers(indices.len(), 9);
        for q in [1, 2, 3, 4, 5, 8, 11, 32, 33, 70] {
            let r = numbers(n * q, 10);
            let rhs = SparseRhs::new(&r, n);
            for first in [0, 4] {
                let count = lengths.len() - first;
                let mut out = vec![f64::NAN; count * q];
                let columns = SparseColumns { indptr: &indptr[first..], indices: &indices, values: &values };
                sparse_dot_lines(columns, &rhs, &mut out);
                for k in 0..count {
                    let span = indptr[first + k]..indptr[first + k + 1];
                    for t in 0..q {
                        let plain = span.clone().map(|e| values[e] * r[t * n + indices[e] as usize]).sum();
                        close(out[k * q + t], plain, span.len());
                    }
                }
            }
        }
    }

    #[test]
    fn rank_one_updates_agree_with_plain_loops() {
        for (rows, q) in
            [(0, 4), (1, 1), (5, 3), (7, 4), (9, 8), (6, 12), (5, 20), (3, 32), (4, 36), (2, 100), (3, 101)]
        {
            let (h, delta, start) = (numbers(rows, 11), numbers(q, 12), numbers(rows * q, 13));
            let mut y = start.clone();
            rank_one(&h, &delta, &mut y);
            for i in 0..rows * q {
                close(y[i], start[i] + h[i / q] * delta[i % q], 1);
            }
        }
    }

    #[test]
    fn axpys_with_several_responses_agree_with_plain_loops() {
        for (n, count, q) in [(5, 1, 2), (17, 4, 3), (64, 9, 5), (33, 6, 20)] {
            let (x, start) = (numbers(n * count, 14), numbers(n * q, 15));
            let mut a = numbers(count * q, 16);
            a[..q].fill(0.0);
            let mut y = start.clone();
            axpy_lines(count, n, |k| &x[k * n..(k + 1) * n], |k, t| a[k * q + t], &mut y);
            for (i, y) in y.iter().enumerate() {
                let plain: f64 = (0..count).map(|k| a[k * q + i / n] * x[k * n + i % n]).sum();
                close(*y, start[i] + plain, count);
            }
        }
    }
}
