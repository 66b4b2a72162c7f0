//! One harness, every design: each verb against plain dense arithmetic, and the laws that bind the verbs together.

use std::ops::Range;

use ndarray::{Array2, ShapeBuilder, s};
use sparsereg::Error;
use sparsereg::design::{
    AnyDesign, AsDesign, Columns, Csc, Dense, Design, LinearOperator, RowScaled, Rows, Standardized, TaskStack,
    apply_by_columns,
};

/// A small generator, so that the figures are the same everywhere.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    pub(crate) fn vec(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.next()).collect()
    }

    /// About half zeros, column 0 empty where there are several; values that `f32` holds exactly.
    pub(crate) fn sparse(&mut self, n: usize, p: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, p), |(_, j)| {
            let (keep, v) = (self.next() > 0.0, f64::from(self.next() as f32));
            if keep && (j > 0 || p == 1) { v } else { 0.0 }
        })
    }
}

/// What a newcomer writes: four verbs over a formula, everything else by default.
pub(crate) struct Formula(pub(crate) Array2<f64>);

impl LinearOperator for Formula {
    fn nrows(&self) -> usize {
        self.0.nrows()
    }
    fn ncols(&self) -> usize {
        self.0.ncols()
    }
    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        apply_by_columns(self, w, eta);
    }
    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.dot(0..self.ncols(), r, out);
    }
}

impl Design for Formula {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let (n, q) = (self.nrows(), r.len() / self.nrows());
        for (k, j) in cols.enumerate() {
            for t in 0..q {
                out[k * q + t] = (0..n).map(|i| self.0[[i, j]] * r[t * n + i]).sum();
            }
        }
    }
    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let (n, q) = (self.nrows(), eta.len() / self.nrows());
        for (k, j) in cols.enumerate() {
            for t in 0..q {
                (0..n).for_each(|i| eta[t * n + i] += self.0[[i, j]] * delta[k * q + t]);
            }
        }
    }
    fn sq_norm(&self, col: usize) -> f64 {
        self.0.column(col).iter().map(|v| v * v).sum()
    }
}

#[track_caller]
pub(crate) fn close(name: &str, what: &str, found: &[f64], truth: &[f64]) {
    assert_eq!(found.len(), truth.len(), "{name}: {what}");
    let scale = truth.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
    for (k, (a, b)) in found.iter().zip(truth).enumerate() {
        assert!((a - b).abs() <= 1e-11 * scale, "{name}: {what}[{k}]: {a} instead of {b}");
    }
}

/// Every verb of `x` against the plain matrix.
pub(crate) fn obeys(name: &str, x: &dyn Design, plain: &Array2<f64>) {
    let (n, p) = plain.dim();
    assert_eq!((x.nrows(), x.ncols()), (n, p), "{name}");
    let mut numbers = Numbers(77);
    for q in [1, 2, 3, 6] {
        let r = numbers.vec(n * q);
        let inner = |j: usize, t: usize| (0..n).map(|i| plain[[i, j]] * r[t * n + i]).sum::<f64>();
        let gradient: Vec<f64> = (0..p * q).map(|k| inner(k / q, k % q)).collect();
        let mut out = vec![f64::NAN; p * q];
        x.transpose_apply(&r, &mut out);
        close(name, "transpose_apply", &out, &gradient);

        // once dense, once with few non-zero columns
        for keep in [1, 11] {
            let w: Vec<f64> =
                (0..p * q).map(|k| numbers.next() * f64::from(u8::from((k / q).is_multiple_of(keep)))).collect();
            let prediction = |cols: Range<usize>, w: &[f64], i: usize, t: usize| {
                cols.clone().map(|j| plain[[i, j]] * w[(j - cols.start) * q + t]).sum::<f64>()
            };
            let truth: Vec<f64> = (0..n * q).map(|k| prediction(0..p, &w, k % n, k / n)).collect();
            let mut eta = vec![f64::NAN; n * q];
            x.apply(&w, &mut eta);
            close(name, "apply", &eta, &truth);
            let left: f64 = eta.iter().zip(&r).map(|(a, b)| a * b).sum();
            let right: f64 = w.iter().zip(&out).map(|(a, b)| a * b).sum();
            close(name, "⟨Xw, r⟩ = ⟨w, Xᵀr⟩", &[left], &[right]);

            for cols in [vec![], vec![p - 1], (0..p).rev().step_by(2).collect()] {
                let mut part = vec![f64::NAN; cols.len() * q];
                x.dot_scattered(&cols, &r, &mut part);
                let truth: Vec<f64> = cols.iter().flat_map(|&j| gradient[j * q..(j + 1) * q].to_vec()).collect();
                close(name, "dot_scattered", &part, &truth);
                let delta: Vec<f64> = cols.iter().flat_map(|&j| w[j * q..(j + 1) * q].to_vec()).collect();
                let mut eta = r.clone();
                x.axpy_scattered(&cols, &delta, &mut eta);
                let change = |i: usize, t: usize| cols.iter().map(|&j| plain[[i, j]] * w[j * q + t]).sum::<f64>();
                let truth: Vec<f64> = (0..n * q).map(|k| r[k] + change(k % n, k / n)).collect();
                close(name, "axpy_scattered", &eta, &truth);
            }
            for cols in [0..1, 0..p, p - 1..p, p / 3..(p / 3 + 5).min(p), 0..0] {
                let mut part = vec![f64::NAN; cols.len() * q];
                x.dot(cols.clone(), &r, &mut part);
                close(name, "dot", &part, &gradient[cols.start * q..cols.end * q]);
                let delta = &w[cols.start * q..cols.end * q];
                let mut eta = r.clone();
                x.axpy(cols.clone(), delta, &mut eta);
                let truth: Vec<f64> =
                    (0..n * q).map(|k| r[k] + prediction(cols.clone(), delta, k % n, k / n)).collect();
                close(name, "axpy", &eta, &truth);
            }
        }
    }
    for j in 0..p {
        let column = plain.column(j);
        close(name, "sq_norm", &[x.sq_norm(j)], &[column.iter().map(|v| v * v).sum()]);
        close(name, "column_sum", &[x.column_sum(j)], &[column.sum()]);
        let deviation = column.iter().map(|v| (v - 0.3) * (v - 0.3)).sum();
        close(name, "centred_sq_norm", &[x.centred_sq_norm(j, 0.3)], &[deviation]);
        let mut out = vec![f64::NAN; n];
        x.column(j, &mut out);
        close(name, "column", &out, &column.to_vec());
    }
    let weights: Vec<f64> = (0..n).map(|i| 2.0 * (i + 1) as f64 / (n + 1) as f64).collect();
    for weights in [None, Some(&weights[..])] {
        let Some(known) = x.means_and_deviations(weights) else { continue };
        let s = |i: usize| weights.map_or(1.0, |s| s[i]);
        let means: Vec<f64> = (0..p).map(|j| (0..n).map(|i| s(i) * plain[[i, j]]).sum::<f64>() / n as f64).collect();
        let deviation = |j: usize| (0..n).map(|i| s(i) * (plain[[i, j]] - means[j]).powi(2)).sum::<f64>();
        let (found, squares): (Vec<f64>, Vec<f64>) = known.into_iter().unzip();
        close(name, "means", &found, &means);
        close(name, "deviations", &squares, &(0..p).map(deviation).collect::<Vec<_>>());
    }
    if let Some(norms) = x.sq_norms() {
        close(name, "sq_norms", &norms, &(0..p).map(|j| x.sq_norm(j)).collect::<Vec<_>>());
    }
    for h in [&weights, &numbers.vec(n)] {
        let left: Vec<usize> = (0..p).rev().step_by(2).take(12).collect();
        let right: Vec<usize> = (p / 2..p).take(12).collect();
        for (a, b) in [(&left, &right), (&left, &left)] {
            let mut out = vec![f64::NAN; a.len() * b.len()];
            x.weighted_gram(a, b, h, &mut out);
            let product = |a: usize, b: usize| (0..n).map(|i| plain[[i, a]] * h[i] * plain[[i, b]]).sum::<f64>();
            let truth: Vec<f64> = b.iter().flat_map(|&b| a.iter().map(move |&a| product(a, b))).collect();
            close(name, "weighted_gram", &out, &truth);
        }
        if let Some(part) = x.scaled_columns(&left, h) {
            let mut out = vec![0.0; n];
            for (k, &j) in left.iter().enumerate() {
                part.column(k, &mut out);
                close(name, "scaled_columns", &out, &(0..n).map(|i| h[i] * plain[[i, j]]).collect::<Vec<_>>());
            }
        }
    }
    let some: Vec<usize> = (0..p).rev().step_by(2).collect();
    let run: Vec<usize> = (p / 2..p).collect();
    for (rows, cols) in [(&some, &some), (&some, &run), (&run, &run), (&vec![], &run)] {
        let mut out = vec![f64::NAN; rows.len() * cols.len()];
        x.cross_gram(rows, cols, &mut out);
        let truth: Vec<f64> = cols
            .iter()
            .flat_map(|&b| rows.iter().map(move |&a| (a, b)))
            .map(|(a, b)| plain.column(a).dot(&plain.column(b)))
            .collect();
        close(name, "cross_gram", &out, &truth);
    }
    assert!(x.column_cost() <= n as f64 && x.column_cost() >= 0.0, "{name}");
    for rows in [0..n, n / 3..n - n / 4] {
        let mut out = vec![f64::NAN; rows.len() * p];
        let cols: Vec<usize> = (0..p).rev().collect();
        if x.copy_block(rows.clone(), &cols, &mut out) {
            let truth: Vec<f64> = cols.iter().flat_map(|&j| plain.column(j).to_vec()[rows.clone()].to_vec()).collect();
            close(name, "copy_block", &out, &truth);
        }
    }
    let rows: Vec<usize> = (0..n).rev().chain([0]).collect();
    if let Some(part) = x.select_rows(&rows) {
        let mut out = vec![0.0; rows.len()];
        for j in 0..p {
            part.column(j, &mut out);
            let truth: Vec<f64> = rows.iter().map(|&i| plain[[i, j]]).collect();
            close(name, "select_rows", &out, &truth);
        }
    }
}

/// The views over one storage, and views over views.
pub(crate) fn views_obey<D: Design>(name: &str, x: &D, plain: &Array2<f64>) {
    let (n, p) = plain.dim();
    let mut numbers = Numbers(5);
    obeys(name, x, plain);

    let center = numbers.vec(p);
    let scale: Vec<f64> = numbers.vec(p).iter().map(|v| v.abs() + 0.5).collect();
    let standard = Array2::from_shape_fn((n, p), |(i, j)| (plain[[i, j]] - center[j]) / scale[j]);
    let view = Standardized::new(x, Some(center.clone()), Some(scale.clone())).unwrap();
    obeys(&format!("standardised {name}"), &view, &standard);
    obeys(&format!("materialised {name}"), &view.materialize().unwrap(), &standard);
    let only = Array2::from_shape_fn((n, p), |(i, j)| plain[[i, j]] / scale[j]);
    obeys(&format!("scaled {name}"), &Standardized::new(x, None, Some(scale)).unwrap(), &only);
    let only = Array2::from_shape_fn((n, p), |(i, j)| plain[[i, j]] - center[j]);
    obeys(&format!("centred {name}"), &Standardized::new(x, Some(center), None).unwrap(), &only);

    let maps: [(&str, Vec<usize>); 4] = [
        ("permuted", (0..p).map(|j| (j * 7 + 3) % p).collect()),
        ("repeated", (0..p).chain(0..p / 2).chain([p - 1]).collect()),
        ("restricted", (p / 2..p).collect()),
        ("one of", vec![p / 2]),
    ];
    for (how, map) in maps {
        let chosen = plain.select(ndarray::Axis(1), &map);
        obeys(&format!("{how} {name}"), &Columns::new(x, map.clone()).unwrap(), &chosen);
        let chosen = standard.select(ndarray::Axis(1), &map);
        obeys(&format!("{how} standardised {name}"), &Columns::new(&view, map).unwrap(), &chosen);
    }

    let chosen: Vec<usize> = (0..n).rev().step_by(2).chain([0, n / 2]).collect();
    let some = plain.select(ndarray::Axis(0), &chosen);
    obeys(&format!("rows of {name}"), &Rows::new(x, chosen.clone()).unwrap(), &some);
    let some = standard.select(ndarray::Axis(0), &chosen);
    obeys(&format!("rows of standardised {name}"), &Rows::new(&view, chosen).unwrap(), &some);

    let d = numbers.vec(n);
    let weighted = Array2::from_shape_fn((n, p), |(i, j)| d[i] * plain[[i, j]]);
    let rows = RowScaled::new(x, d.clone()).unwrap();
    obeys(&format!("row-scaled {name}"), &rows, &weighted);
    let twice = Array2::from_shape_fn((n, p), |(i, j)| d[i] * standard[[i, j]]);
    obeys(&format!("row-scaled standardised {name}"), &RowScaled::new(&view, d).unwrap(), &twice);
}

fn every_storage(n: usize, p: usize) {
    let plain = Numbers(n as u64 * 1000 + p as u64).sparse(n, p);
    let mut columns = Array2::zeros((n, p).f());
    columns.assign(&plain);
    views_obey("column-major", &Dense::new(columns.view()).unwrap(), &plain);
    views_obey("row-major", &Dense::new(plain.view()).unwrap(), &plain);

    let mut wide = Array2::from_elem((n + 3, 2 * p).f(), f64::NAN);
    wide.slice_mut(s![1..n + 1, ..;2]).assign(&plain);
    let part = wide.slice(s![1..n + 1, ..;2]);
    views_obey("columns of a larger array", &Dense::new(part).unwrap(), &plain);
    let mut tall = Array2::from_elem((2 * n, p + 2), f64::NAN);
    tall.slice_mut(s![..;2, 1..p + 1]).assign(&plain);
    views_obey("rows of a larger array", &Dense::new(tall.slice(s![..;2, 1..p + 1])).unwrap(), &plain);
    let mut loose = Array2::from_elem((2 * n, 2 * p), f64::NAN);
    loose.slice_mut(s![..;2, ..;-2]).assign(&plain);
    views_obey("any strides", &Dense::new(loose.slice(s![..;2, ..;-2])).unwrap(), &plain);

    let narrow = plain.mapv(|v| v as f32);
    views_obey("f32 row-major", &Dense::new(narrow.view()).unwrap(), &plain);
    let mut narrow_columns = Array2::zeros((n, p).f());
    narrow_columns.assign(&narrow);
    views_obey("f32 column-major", &Dense::new(narrow_columns.view()).unwrap(), &plain);

    let sparse = Csc::from_dense(&Dense::new(plain.view()).unwrap()).unwrap();
    views_obey("sparse", &sparse, &plain);
    let d: Vec<f64> = (0..n).map(|i| i as f64 - 1.5).collect();
    let weighted = Array2::from_shape_fn((n, p), |(i, j)| d[i] * plain[[i, j]]);
    obeys("scale_rows", &sparse.scale_rows(&d).unwrap(), &weighted);

    let formula = Formula(plain.clone());
    views_obey("custom", &formula, &plain);
    views_obey("any of custom", &formula.as_design().unwrap(), &plain);
    views_obey("any of sparse", &sparse.as_design().unwrap(), &plain);
    views_obey("any of dense", &plain.as_design().unwrap(), &plain);
    views_obey("any of f32", &narrow.view().as_design().unwrap(), &plain);
}

#[test]
fn every_storage_and_every_view_equals_its_dense_form() {
    every_storage(13, 9);
}

#[test]
fn one_row_or_one_column() {
    every_storage(1, 6);
    every_storage(7, 1);
    every_storage(1, 1);
}

#[test]
fn longer_than_every_tile() {
    let plain = Numbers(3).sparse(2100, 140);
    let mut columns = Array2::zeros((2100, 140).f());
    columns.assign(&plain);
    let narrow = plain.mapv(|v| v as f32);
    obeys("column-major", &Dense::new(columns.view()).unwrap(), &plain);
    obeys("row-major", &Dense::new(plain.view()).unwrap(), &plain);
    obeys("f32", &Dense::new(narrow.t()).unwrap(), &plain.t().to_owned());
    let wide = plain.t().to_owned();
    obeys("wide row-major", &Dense::new(wide.view()).unwrap(), &wide);
    obeys("sparse", &Csc::from_dense(&Dense::new(plain.view()).unwrap()).unwrap(), &plain);
}

/// Bits of all the verbs that use threads.
fn bits(x: &dyn Design) -> Vec<u64> {
    let (n, p) = (x.nrows(), x.ncols());
    let mut all = vec![];
    for q in [1, 3] {
        let mut numbers = Numbers(11);
        let (r, w) = (numbers.vec(n * q), numbers.vec(p * q));
        let (mut out, mut eta) = (vec![0.0; p * q], vec![0.0; n * q]);
        x.transpose_apply(&r, &mut out);
        x.apply(&w, &mut eta);
        all.extend(out.iter().chain(&eta).map(|v| v.to_bits()));
    }
    all
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    // large enough to be shared out
    let (n, p) = (700, 3000);
    let plain = Numbers(9).sparse(n, p);
    let mut columns = Array2::zeros((n, p).f());
    columns.assign(&plain);
    let narrow = plain.mapv(|v| v as f32);
    let sparse = Csc::from_dense(&Dense::new(plain.view()).unwrap()).unwrap();
    let map: Vec<usize> = (0..p).step_by(3).collect();
    let column_major = Dense::new(columns.view()).unwrap();
    let all: [&dyn Design; 7] = [
        &column_major,
        &Dense::new(plain.view()).unwrap(),
        &Dense::new(narrow.view()).unwrap(),
        &sparse,
        &Standardized::new(&sparse, Some(vec![0.1; p]), Some(vec![2.0; p])).unwrap(),
        &Columns::new(&column_major, map).unwrap(),
        &RowScaled::new(&column_major, vec![0.5; n]).unwrap(),
    ];
    let with = |threads: usize| -> Vec<Vec<u64>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| all.iter().map(|x| bits(*x)).collect())
    };
    let one = with(1);
    assert!(one == with(2) && one == with(4));
}

#[test]
fn layouts_are_borrowed_where_they_can_be() {
    let x = Array2::<f64>::zeros((4, 3).f());
    let design = Dense::new(x.view()).unwrap();
    assert_eq!(design.columns_slice().unwrap().as_ptr(), x.as_ptr());
    assert!(!design.prefers_gather());
    let x = Array2::<f64>::zeros((4, 3));
    assert!(Dense::new(x.view()).unwrap().prefers_gather());
    // one column or one row is both; columns are what descent wants
    assert!(!Dense::new(x.slice(s![..1, ..])).unwrap().prefers_gather());
    assert!(matches!(x.as_design().unwrap().select_rows(&[1, 2]).unwrap(), AnyDesign::Dense(d) if !d.prefers_gather()));
}

#[test]
fn dense_says_what_is_wrong_and_where() {
    for order in [false, true] {
        let mut x = Array2::<f32>::zeros((300, 400).set_f(order));
        x[[299, 7]] = f32::NAN;
        match Dense::new(x.view()) {
            Err(Error::NotFinite { argument: "x", index, value }) => {
                assert_eq!(index, [299, 7]);
                assert!(value.is_nan());
            }
            other => panic!("{other:?}"),
        }
    }
    let wide = Array2::from_shape_fn((5, 5), |(i, j)| if (i, j) == (2, 3) { f64::INFINITY } else { 1.0 });
    assert!(matches!(Dense::new(wide.slice(s![1..4, 1..4])), Err(Error::NotFinite { index, .. }) if index == [1, 2]));
    // unchecked views are checked when they are handed to a fit
    assert!(matches!(Dense::view(wide.view()).as_design(), Err(Error::NotFinite { .. })));
    for shape in [(0, 3), (3, 0)] {
        assert!(matches!(Array2::<f64>::zeros(shape).as_design(), Err(Error::Empty { argument: "x" })));
    }
    assert!(matches!(Dense::from_columns(vec![1.0; 5], 2, 3), Err(Error::Length { expected: 6, found: 5, .. })));
    let x = Dense::from_columns(vec![1.0; 6], 2, 3).unwrap();
    assert!(matches!(x.select_rows(&[0, 2]), Err(Error::Index { argument: "rows", position: 1, index: 2, len: 2 })));
    assert!(matches!(x.select_rows(&[]), Err(Error::Empty { argument: "rows" })));
}

#[test]
fn sparse_says_what_is_wrong_and_where() {
    let parts = |n, p, indptr: &[usize], indices: &[u32], values: &[f64]| {
        Csc::from_parts(n, p, indptr.to_vec(), indices.to_vec(), values.to_vec())
    };
    assert!(parts(3, 2, &[0, 2, 3], &[0, 2, 1], &[1.0, 2.0, 3.0]).is_ok());
    assert!(matches!(parts(0, 2, &[0, 0, 0], &[], &[]), Err(Error::Empty { .. })));
    assert!(matches!(parts(3, 2, &[0, 3], &[0, 2, 1], &[1.0; 3]), Err(Error::Length { argument: "indptr", .. })));
    assert!(matches!(parts(3, 1, &[0, 1], &[0, 2], &[1.0]), Err(Error::Length { argument: "indices", .. })));
    assert!(matches!(parts(3, 1, &[0, 2], &[0], &[1.0]), Err(Error::Length { argument: "values", .. })));
    assert!(matches!(parts(3, 1, &[1, 1], &[0], &[1.0]), Err(Error::OutOfRange { argument: "indptr", .. })));
    let falling = parts(3, 2, &[0, 2, 1], &[0], &[1.0]);
    assert!(matches!(falling, Err(Error::OutOfRange { argument: "indptr", index, .. }) if index == [2]));
    for rows in [[1, 1], [1, 0]] {
        let wrong = parts(3, 1, &[0, 2], &rows, &[1.0, 2.0]);
        assert!(matches!(wrong, Err(Error::OutOfRange { argument: "indices", index, .. }) if index == [1]));
    }
    assert!(matches!(parts(3, 1, &[0, 1], &[3], &[1.0]), Err(Error::Index { index: 3, len: 3, .. })));
    assert!(matches!(parts(3, 1, &[0, 1], &[1], &[f64::NAN]), Err(Error::NotFinite { index, .. }) if index == [0]));
    assert!(matches!(Csc::from_triplets(2, 2, &[(0, 2, 1.0)]), Err(Error::Index { position: 0, index: 2, .. })));
    let huge = [(0, 0, f64::MAX), (0, 0, f64::MAX)];
    assert!(matches!(Csc::from_triplets(1, 1, &huge), Err(Error::NotFinite { .. })));
    let x = Csc::from_triplets(2, 2, &[]).unwrap();
    assert!(matches!(x.scale_rows(&[1.0]), Err(Error::Length { expected: 2, found: 1, .. })));
    assert!(matches!(x.select_rows(&[5]), Err(Error::Index { index: 5, len: 2, .. })));
}

#[test]
fn views_say_what_is_wrong_and_where() {
    let x = Dense::from_columns(vec![1.0; 6], 2, 3).unwrap();
    let scaled = |scale: &[f64]| Standardized::new(&x, None, Some(scale.to_vec()));
    assert!(matches!(scaled(&[1.0]), Err(Error::Length { argument: "scale", expected: 3, found: 1 })));
    assert!(matches!(scaled(&[1.0, 0.0, 1.0]), Err(Error::OutOfRange { index, .. }) if index == [1]));
    assert!(matches!(scaled(&[1.0, 1.0, f64::NAN]), Err(Error::NotFinite { index, .. }) if index == [2]));
    assert!(matches!(Columns::new(&x, vec![3]), Err(Error::Index { argument: "map", index: 3, len: 3, .. })));
    assert!(
        matches!(RowScaled::new(&x, vec![1.0, f64::INFINITY]), Err(Error::NotFinite { index, .. }) if index == [1])
    );
    let custom = Formula(Array2::zeros((2, 2)));
    let any = custom.as_design().unwrap();
    assert!(matches!(any, AnyDesign::Custom(_)));
    assert_eq!(any.select_rows(&[1]).unwrap().nrows(), 1); // a view
    assert!(matches!(any.select_rows(&[2]), Err(Error::Index { argument: "rows", .. })));
    assert!(matches!(Rows::new(&x, vec![0, 2]), Err(Error::Index { argument: "rows", position: 1, index: 2, len: 2 })));
    assert!(matches!(Rows::new(&x, vec![]), Err(Error::Empty { argument: "rows" })));
}

#[test]
fn the_norm_of_a_sparse_column_far_from_zero_keeps_its_digits() {
    // 1e8 + {0, 1}: the variance is lost in Σx² − nμ², not in Σ(x − μ)²
    let entries: Vec<_> = (0..1000).map(|i| (i, 0, 1e8 + (i % 2) as f64)).collect();
    let x = Csc::from_triplets(1000, 1, &entries).unwrap();
    let view = Standardized::new(x, Some(vec![1e8 + 0.5]), None).unwrap();
    assert_eq!(view.sq_norm(0), 250.0);
}

#[cfg(feature = "sprs")]
#[test]
fn both_orientations_of_sprs_are_read() {
    let plain = Numbers(21).sparse(8, 5);
    let rows = sprs::CsMat::csr_from_dense(plain.view(), 0.0);
    obeys("sprs rows", &Csc::from_sprs(&rows).unwrap(), &plain);
    obeys("sprs columns", &Csc::from_sprs(&rows.to_csc()).unwrap(), &plain);
    obeys("sprs transposed view", &Csc::from_sprs(&rows.transpose_view()).unwrap(), &plain.t().to_owned());
}

#[test]
fn stacks_of_tasks_obey_whatever_is_in_them() {
    let mut numbers = Numbers(77);
    let (a, b, c) = (numbers.sparse(7, 4), numbers.sparse(5, 4), numbers.sparse(9, 4));
    let entries: Vec<_> = b.indexed_iter().map(|((i, j), &v)| (i, j, v)).filter(|e| e.2 != 0.0).collect();
    let (sparse, formula) = (Csc::from_triplets(5, 4, &entries).unwrap(), Formula(c.clone()));
    let designs = || vec![a.as_design().unwrap(), sparse.as_design().unwrap(), formula.as_design().unwrap()];
    let plain = |columns: &[(usize, usize)], factors: &[f64]| {
        let mut all = Array2::zeros((21, columns.len()));
        for (k, &(t, j)) in columns.iter().enumerate() {
            let (x, start) = [(&a, 0), (&b, 7), (&c, 12)][t];
            all.slice_mut(s![start..start + x.nrows(), k]).assign(&(&x.column(j) * factors[t]));
        }
        all
    };
    let every: Vec<(usize, usize)> = (0..12).map(|k| (k % 3, k / 3)).collect();
    views_obey("stack", &TaskStack::new(designs()).unwrap(), &plain(&every, &[1.0; 3]));
    let factors = vec![0.5, 3.0, -2.0];
    let some = vec![(2, 1), (0, 3), (1, 0), (0, 0), (2, 1), (0, 2)];
    let stack = TaskStack::with_columns(designs(), some.clone()).unwrap().with_factors(factors.clone()).unwrap();
    views_obey("part of a stack", &stack, &plain(&some, &factors));

    assert!(TaskStack::new(vec![]).is_err());
    assert!(matches!(
        TaskStack::with_columns(designs(), vec![(0, 0), (1, 4)]),
        Err(Error::Index { argument: "columns", position: 1, index: 4, len: 4 })
    ));
    assert!(TaskStack::with_columns(designs(), vec![(3, 0)]).is_err());
    assert!(TaskStack::new(designs()).unwrap().with_factors(vec![1.0]).is_err());
}
