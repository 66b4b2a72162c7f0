use super::*;

const SIZES: [usize; 9] = [1, 2, 3, 5, 16, 33, 57, 100, 200];

/// Uniform numbers in [-1, 1) from a fixed seed.
fn random(seed: u64, len: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        })
        .collect()
}

/// XᵀX / n + 0.1 I with n = p + 3, by plain loops.
fn spd(seed: u64, p: usize) -> Vec<f64> {
    let n = p + 3;
    let x = random(seed, n * p);
    let mut a = naive(&x, n, p, &x, n, p);
    a.iter_mut().for_each(|v| *v /= n as f64);
    (0..p).for_each(|j| a[j * p + j] += 0.1);
    a
}

/// AᵀB by plain loops, `rows` rows used of columns that start every `rows` values.
fn naive(a: &[f64], rows: usize, p: usize, b: &[f64], ldb: usize, m: usize) -> Vec<f64> {
    let mut out = vec![0.0; p * m];
    for j in 0..m {
        for i in 0..p {
            out[j * p + i] = (0..rows).map(|k| a[i * rows + k] * b[j * ldb + k]).sum();
        }
    }
    out
}

fn transpose(a: &[f64], n: usize, p: usize) -> Vec<f64> {
    (0..n * p).map(|k| a[(k % p) * n + k / p]).collect()
}

#[track_caller]
fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
    for (k, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "element {k}: {a} and {b}");
    }
}

#[test]
fn products_agree_with_plain_loops() {
    for n in [1, 2, 7, 8, 9, 50, 130] {
        for p in [1, 2, 3, 5, 16, 33] {
            let a = random(n as u64, n * p);
            let mut out = vec![f64::NAN; p * p];
            gram(&a, n, p, &mut out);
            assert_close(&out, &naive(&a, n, p, &a, n, p), 1e-13 * n as f64);
            for m in [1, 4, 21] {
                let b = random(1 + n as u64, n * m);
                let mut out = vec![f64::NAN; p * m];
                transpose_matmul(&a, &b, n, p, m, &mut out);
                assert_close(&out, &naive(&a, n, p, &b, n, m), 1e-13 * n as f64);
                let mut again = vec![f64::NAN; p * m];
                matmul(&transpose(&a, n, p), &b, p, n, m, &mut again);
                assert_close(&again, &out, 1e-13 * n as f64);
            }
        }
    }
}

#[test]
fn gram_of_many_rows_is_summed_piece_by_piece() {
    let (n, p) = (4 * GRAM_ROWS + 37, 5);
    let x = random(9, n * p);
    let mut out = vec![f64::NAN; p * p];
    gram(&x, n, p, &mut out);
    assert_close(&out, &naive(&x, n, p, &x, n, p), 1e-12);
    let mut twice = vec![0.0; p * p];
    add_gram(&x, n, n, p, &mut twice);
    add_gram(&x, n, n, p, &mut twice);
    mirror(&mut twice, p);
    twice.iter_mut().for_each(|v| *v /= 2.0);
    assert_close(&twice, &out, 1e-12);
}

#[test]
fn strided_products_use_only_the_first_rows() {
    for (n, ld, p, m) in [(3, 5, 2, 2), (40, 47, 9, 4), (1, 4, 3, 1)] {
        let cut = |x: &[f64], columns: usize| -> Vec<f64> {
            (0..columns).flat_map(|j| x[j * ld..j * ld + n].to_vec()).collect()
        };
        let (mut a, mut b) = (random(3, ld * p), random(4, ld * m));
        for x in [&mut a, &mut b] {
            for (k, v) in x.iter_mut().enumerate() {
                if k % ld >= n {
                    *v = f64::NAN;
                }
            }
        }
        let (a_cut, b_cut) = (cut(&a, p), cut(&b, m));
        let mut out = vec![f64::NAN; p * p];
        gram_strided(&a, ld, n, p, &mut out);
        assert_close(&out, &naive(&a_cut, n, p, &a_cut, n, p), 1e-13);
        let mut out = vec![f64::NAN; p * m];
        transpose_matmul_strided((&a, ld), (&b, ld), n, p, m, &mut out);
        assert_close(&out, &naive(&a_cut, n, p, &b_cut, n, m), 1e-13);
    }
}

#[test]
fn empty_matrices() {
    let mut out = [f64::NAN; 4];
    gram(&[], 0, 2, &mut out);
    assert_eq!(out, [0.0; 4]);
    gram(&[], 5, 0, &mut []);
    transpose_matmul(&[], &[], 5, 0, 0, &mut []);
    let mut out = [f64::NAN; 6];
    transpose_matmul(&[], &[], 0, 2, 3, &mut out);
    assert_eq!(out, [0.0; 6]);
    out.fill(f64::NAN);
    matmul(&[], &[], 2, 0, 3, &mut out);
    assert_eq!(out, [0.0; 6]);
    let cholesky = Cholesky::factor(&[], 0).unwrap();
    assert_eq!(cholesky.log_det(), 0.0);
    cholesky.solve_in_place(&mut []);
    cholesky.inverse(&mut []);
    assert_eq!(eigh(&[], 0), Ok(Eigen { values: vec![], vectors: vec![] }));
    assert_eq!(largest_eigenvalue(&[], 0), 0.0);
}

#[test]
fn cholesky_reconstructs_solves_inverts() {
    for p in SIZES {
        let a = spd(p as u64, p);
        // Only the lower triangle may be read.
        let mut lower = a.clone();
        for j in 0..p {
            lower[j * p..j * p + j].fill(f64::NAN);
        }
        let cholesky = Cholesky::factor(&lower, p).unwrap();
        let product: Vec<f64> = (0..p * p)
            .map(|k| {
                let (i, j) = (k % p, k / p);
                (0..=i.min(j)).map(|t| cholesky.lower(i, t) * cholesky.lower(j, t)).sum()
            })
            .collect();
        assert_close(&product, &a, 1e-14 * p as f64);

        let mut inverse = vec![f64::NAN; p * p];
        cholesky.inverse(&mut inverse);
        assert_eq!(inverse, transpose(&inverse, p, p), "exactly symmetric");
        let mut identity = vec![0.0; p * p];
        (0..p).for_each(|j| identity[j * p + j] = 1.0);
        assert_close(&naive(&a, p, p, &inverse, p, p), &identity, 1e-12 * p as f64);

        let values = eigenvalues(&a, p).unwrap();
        let log_det: f64 = values.iter().map(|v| v.ln()).sum();
        assert!((cholesky.log_det() - log_det).abs() <= 1e-12 * p as f64);

        for columns in [1, 3, 4, 9] {
            let x = random(7, p * columns);
            let mut b = naive(&a, p, p, &x, p, columns);
            cholesky.solve_in_place(&mut b);
            assert_close(&b, &x, 1e-12 * p as f64);
        }
    }
}

#[test]
fn cholesky_names_the_failing_pivot_and_recovers() {
    for p in SIZES {
        for bad in [0, p / 2, p - 1] {
            for value in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
                // Off-diagonal zeros keep the failing minor at exactly `bad`.
                let mut a = vec![0.0; p * p];
                (0..p).for_each(|j| a[j * p + j] = 2.0);
                a[bad * p + bad] = value;
                let error = NotPositiveDefinite { pivot: bad };
                assert_eq!(Cholesky::factor(&a, p).unwrap_err(), error, "p = {p}, {value}");
                let mut cholesky = Cholesky::factor(&spd(1, p), p).unwrap();
                assert_eq!(cholesky.refactor(&a, p), Err(error));
                cholesky.refactor(&spd(2, p), p).unwrap();
                let fresh = Cholesky::factor(&spd(2, p), p).unwrap();
                assert_eq!(cholesky.log_det(), fresh.log_det());
            }
        }
        if p > 1 {
            // An indefinite matrix without a zero in it: the last minor fails.
            let mut a = spd(3, p);
            let cholesky = Cholesky::factor(&a, p).unwrap();
            a[p * p - 1] -= cholesky.lower(p - 1, p - 1).powi(2) + 1e-3;
            let error = NotPositiveDefinite { pivot: p - 1 };
            assert_eq!(Cholesky::factor(&a, p).unwrap_err(), error);
        }
    }
}

#[test]
fn eigenvectors_reconstruct_and_are_orthonormal() {
    for p in SIZES {
        let mut a = spd(p as u64, p);
        (0..p).for_each(|j| a[j * p + j] -= 0.3); // indefinite is fine
        let Eigen { values, vectors } = eigh(&a, p).unwrap();
        assert!(values.is_sorted());
        assert_close(&eigenvalues(&a, p).unwrap(), &values, 1e-13 * p as f64);
        let mut identity = vec![0.0; p * p];
        (0..p).for_each(|j| identity[j * p + j] = 1.0);
        assert_close(&naive(&vectors, p, p, &vectors, p, p), &identity, 1e-13 * p as f64);
        let rows = transpose(&vectors, p, p);
        let scaled: Vec<f64> = rows.iter().enumerate().map(|(k, v)| v * values[k % p]).collect();
        assert_close(&naive(&rows, p, p, &scaled, p, p), &a, 1e-13 * p as f64);
    }
}

#[test]
fn eigenvalues_refuse_what_is_not_finite() {
    for p in [1, 3, 40] {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut a = spd(1, p);
            a[p * p - 1] = value;
            assert_eq!(eigh(&a, p), Err(NoConvergence));
            assert_eq!(eigenvalues(&a, p), Err(NoConvergence));
        }
    }
}

#[test]
fn largest_eigenvalue_is_a_tight_upper_bound() {
    for p in SIZES.into_iter().chain([230, 320]) {
        for scale in [1.0, 1e-150, 1e150] {
            let a: Vec<f64> = spd(p as u64, p).iter().map(|v| v * scale).collect();
            let exact = eigenvalues(&a, p).unwrap()[p - 1];
            let bound = largest_eigenvalue(&a, p);
            assert!(bound >= exact, "p = {p}: {bound} < {exact}");
            let slack = if p <= EXACT_EIGENVALUE { 1e-11 } else { 0.8 };
            assert!(bound <= exact * (1.0 + slack), "p = {p}: {bound} against {exact}");
        }
    }
    for p in [1, 2, 3, 250] {
        assert_eq!(largest_eigenvalue(&vec![0.0; p * p], p), 0.0);
        // All ones, the worst correlation: λ = p exactly.
        let bound = largest_eigenvalue(&vec![1.0; p * p], p);
        assert!(bound >= p as f64 && bound <= p as f64 * (1.0 + 1e-11));
    }
    let mut a = spd(1, 250);
    a[77] = f64::NAN;
    assert_eq!(largest_eigenvalue(&a, 250), f64::INFINITY);
    assert_eq!(largest_eigenvalue(&a[..9 * 9], 9), f64::INFINITY);
    assert!(norm(&[1.0, f64::NAN, 2.0]).is_nan());
    assert!((norm(&[3e200, -4e200]) / 5e200 - 1.0).abs() < 1e-15);
}

#[test]
fn power_iteration_rises_to_the_spectral_norm() {
    let (n, p) = (30, 12);
    let x = random(5, n * p);
    let rows = transpose(&x, n, p);
    let run = |iterations: usize| {
        spectral_norm_squared(
            n,
            p,
            |w, eta| matmul(&x, w, n, p, 1, eta),
            |r, out| matmul(&rows, r, p, n, 1, out),
            1e-14,
            iterations,
        )
    };
    let exact = eigenvalues(&naive(&x, n, p, &x, n, p), p).unwrap()[p - 1];
    let (few, many) = (run(3), run(1000));
    assert!(few <= many && many <= exact * (1.0 + 1e-13));
    assert!(many >= exact * (1.0 - 1e-9), "{many} against {exact}");
    let zero = |_: &[f64], out: &mut [f64]| out.fill(0.0);
    assert_eq!(spectral_norm_squared(n, p, zero, zero, 1e-6, 10), 0.0);
    let nan = |_: &[f64], out: &mut [f64]| out.fill(f64::NAN);
    assert_eq!(spectral_norm_squared(n, p, nan, nan, 1e-6, 10), f64::INFINITY);
}

#[cfg(feature = "lapack")]
#[test]
fn lapack_agrees_with_faer() {
    for p in SIZES {
        let a = spd(p as u64, p);
        let (mut l, mut r) = (a.clone(), a.clone());
        super::lapack::cholesky(&mut l, &a, p).unwrap();
        super::faer::cholesky(&mut r, &a, p).unwrap();
        let lower = |x: &[f64]| -> Vec<f64> { (0..p).flat_map(|j| x[j * p + j..(j + 1) * p].to_vec()).collect() };
        assert_close(&lower(&l), &lower(&r), 1e-11 * p as f64);
        let (mut x, mut y) = (vec![0.0; p * p], vec![0.0; p * p]);
        super::lapack::inverse_lower(&l, p, &mut x);
        super::faer::inverse_lower(&r, p, &mut y);
        assert_close(&lower(&x), &lower(&y), 1e-11 * p as f64);
    }
}

#[test]
fn singular_values_are_roots_of_eigenvalues() {
    for (n, p) in [(1, 1), (1, 4), (5, 1), (3, 8), (8, 3), (40, 33)] {
        let x = random((n * p) as u64, n * p);
        let mut a = vec![0.0; p * p];
        gram(&x, n, p, &mut a);
        let expected: Vec<f64> = eigenvalues(&a, p).unwrap().iter().rev().take(n).map(|v| v.max(0.0).sqrt()).collect();
        assert_close(&singular_values(&x, n, p).unwrap(), &expected, 1e-7);
        assert_close(&singular_values(&transpose(&x, n, p), p, n).unwrap(), &singular_values(&x, n, p).unwrap(), 1e-13);
    }
    assert_eq!(singular_values(&[], 0, 3), Ok(vec![]));
    assert_eq!(singular_values(&[1.0, f64::NAN], 2, 1), Err(NoConvergence));
}
