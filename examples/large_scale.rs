//! A path of the lasso with an intercept on data of any size, and the memory that it took.
//!
//! cargo run --release --example large_scale                                             # small, in memory
//! cargo run --release --features mmap --example large_scale -- mapped 1000 200000       # f64 columns in a .npy file
//! cargo run --release --features mmap --example large_scale -- mapped-f32 1000 200000
//! cargo run --release --example large_scale -- memory 1000 200000                       # f64 columns in memory
//! cargo run --release --example large_scale -- sparse 20000 1000000                     # 30 values per column
//!
//! `rows` and `mapped-rows` are the same by rows. A fourth number is the count of λs (20), a fifth λ_min / λ_max (0.1).
//! The data is made on the fly: what the program holds is X, and what fitting needs.

mod support;

use std::io::Write;
use std::time::Instant;

use ndarray::{Array1, Array2, ShapeBuilder};
use sparsereg::design::{AsDesign, Csc, Design, LinearOperator, Npy, Order, Precision};
use sparsereg::prelude::*;
use support::{Outcome, Random, check};

const ACTIVE: usize = 20;
/// Stored values in a sparse column.
const STORED: usize = 30;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |k: usize, default: f64| arguments.get(k).map_or(Ok(default), |a| a.parse::<f64>());
    let storage = arguments.first().map_or("memory", String::as_str);
    let (n, p) = (number(1, 500.0)? as usize, number(2, 10_000.0)? as usize);
    let (points, ratio) = (number(3, 20.0)? as usize, number(4, 0.1)?);

    let order = if storage.ends_with("rows") { Order::Rows } else { Order::Columns };
    let mut random = Random::new(1);
    match storage {
        "memory" | "rows" => {
            let values = (0..n * p).map(|_| random.normal()).collect();
            let x = Array2::from_shape_vec((n, p).set_f(order == Order::Columns), values)?;
            run(storage, &x, n * p * 8, points, ratio)
        }
        "sparse" => {
            let x = sparse(n, p, &mut random)?;
            run(storage, &x, x.nnz() * 12 + (p + 1) * 8, points, ratio)
        }
        "mapped" | "mapped-rows" => mapped(storage, (n, p), Precision::F64, order, points, ratio),
        "mapped-f32" => mapped(storage, (n, p), Precision::F32, order, points, ratio),
        other => Err(format!("unknown storage {other}").into()),
    }
}

/// Writes the matrix to a file without ever holding it, then fits it from there.
fn mapped(
    storage: &str,
    (n, p): (usize, usize),
    precision: Precision,
    order: Order,
    points: usize,
    ratio: f64,
) -> Outcome {
    let path = std::env::temp_dir().join(format!("sparsereg-{}.npy", std::process::id()));
    let start = Instant::now();
    let mut random = Random::new(1);
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    file.write_all(&Npy::header(n, p, precision, order))?;
    for _ in 0..n * p {
        match precision {
            Precision::F32 => file.write_all(&(random.normal() as f32).to_le_bytes())?,
            Precision::F64 => file.write_all(&random.normal().to_le_bytes())?,
        }
    }
    file.flush()?;
    println!("written in {:.1} s", start.elapsed().as_secs_f64());
    let bytes = n * p * if precision == Precision::F32 { 4 } else { 8 };
    let outcome = from_file(storage, &path, bytes, points, ratio);
    std::fs::remove_file(path)?;
    outcome
}

#[cfg(feature = "mmap")]
fn from_file(storage: &str, path: &std::path::Path, bytes: usize, points: usize, ratio: f64) -> Outcome {
    // SAFETY: the file is this process's own, and it does not write to it any more.
    let x = unsafe { sparsereg::design::MappedMatrix::open_npy(path)? };
    run(storage, &x, bytes, points, ratio)
}

#[cfg(not(feature = "mmap"))]
fn from_file(_: &str, _: &std::path::Path, _: usize, _: usize, _: f64) -> Outcome {
    Err("this needs --features mmap".into())
}

/// Columns with `STORED` ones and twos in places of their own.
fn sparse(n: usize, p: usize, random: &mut Random) -> Outcome<Csc> {
    let stored = STORED.min(n);
    let (mut indptr, mut indices) = (Vec::with_capacity(p + 1), Vec::with_capacity(p * stored));
    let mut values = Vec::with_capacity(p * stored);
    indptr.push(0);
    for _ in 0..p {
        let mut rows: Vec<u32> = Vec::with_capacity(stored);
        while rows.len() < stored {
            let row = random.index(n) as u32;
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
        rows.sort_unstable();
        indices.extend(rows);
        values.extend((0..stored).map(|_| 1.0 + random.index(2) as f64));
        indptr.push(indices.len());
    }
    Ok(Csc::from_parts(n, p, indptr, indices, values)?)
}

fn run(storage: &str, x: &dyn AsDesign, bytes: usize, points: usize, ratio: f64) -> Outcome {
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    let start = Instant::now();
    let design = x.as_design()?;
    let (n, p) = (design.nrows(), design.ncols());
    println!("{storage}: n {n}, p {p}, X has {:.1} MB, checked in {:.0} ms", megabytes(bytes), milliseconds(start));

    let mut random = Random::new(2);
    let mut y: Array1<f64> = (0..n).map(|_| random.normal()).collect();
    let mut column = vec![0.0; n];
    for k in 0..ACTIVE {
        design.column(k * (p / ACTIVE.min(p)), &mut column);
        let size = (column.iter().map(|x| x * x).sum::<f64>() / n as f64).sqrt();
        y.iter_mut().zip(&column).for_each(|(y, x)| *y += x / size * if k % 2 == 0 { 1.0 } else { -1.0 });
    }
    let residual = y.to_vec();
    let mut gradient = vec![0.0; p];
    let mut pass = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        design.transpose_apply(&residual, &mut gradient);
        pass = pass.min(milliseconds(start));
    }
    println!("a pass over X: {pass:.1} ms, {:.1} GB/s", bytes as f64 / pass / 1e6);
    drop((design, gradient));
    let before = peak();

    let start = Instant::now();
    let path = Lasso::default().path(x, &y, Grid::auto(points).ratio(ratio))?;
    let time = milliseconds(start);
    let models = path.models();
    let worst = models.iter().map(|m| m.certificate().relative_gap()).fold(0.0, f64::max);
    let last = models.last().map_or(0, |m| m.support().len());
    println!("path of {} λs to {ratio} λ_max: {time:.0} ms, {:.1} passes", models.len(), time / pass);
    println!("non-zeros at the end: {last}");
    if let (Some(before), Some(after)) = (before, peak()) {
        println!("peak memory: {:.1} MB before the fit, {:.1} MB after", megabytes(before), megabytes(after));
        println!("           = {:.3} X and {:.3} X", before as f64 / bytes as f64, after as f64 / bytes as f64);
    }
    check(worst <= 1e-6, format!("largest relative gap {worst:.1e}"))
}

fn milliseconds(start: Instant) -> f64 {
    1e3 * start.elapsed().as_secs_f64()
}

/// The most memory that the process has had at any time, mapped pages included; known on Linux.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
