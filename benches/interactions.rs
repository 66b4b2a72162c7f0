//! All pairs of 300 features, 45 150 columns, against the same matrix formed: a pass, one λ, a path of 100 λs.
//!
//! CPU time of the thread, so `RAYON_NUM_THREADS=1`; the best of three. One way per process, so that peak memory is its own:
//!
//!     cargo bench --bench interactions -- implicit
//!     cargo bench --bench interactions -- formed
//!
//! With `--data FOLDER` the base and the response are those that `interactions.py FOLDER` wrote.

mod data;

use std::hint::black_box;

use ndarray::{Array1, Array2, ShapeBuilder};
use sparsereg::design::{AsDesign, Dense, Design, Interactions, LinearOperator};
use sparsereg::prelude::*;

const REPEATS: usize = 3;

fn best(what: &str, mut f: impl FnMut()) {
    let each = (0..REPEATS).map(|_| {
        let begin = data::clock();
        f();
        (data::clock() - begin).as_secs_f64()
    });
    println!("{what:<24} {:9.1} ms", 1e3 * each.fold(f64::INFINITY, f64::min));
}

/// Peak memory of the process in MB, where the system tells.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1024.0)
}

fn fits(x: &impl AsDesign, y: &Array1<f64>, standardize: bool) {
    let name = |what: &str| format!("{what}{}", if standardize { ", standardised" } else { "" });
    let lasso = Lasso::default().standardize(standardize);
    let largest = lasso.lambda_max(x, y).expect("data");
    best(&name("fit at 0.1 λ_max"), || {
        black_box(Lasso::new(0.1 * largest).standardize(standardize).fit(x, y).expect("fit"));
    });
    let grid: Vec<f64> = data::lambdas(largest, 0.01, 100);
    let mut last = 0;
    best(&name("path of 100, to 0.01"), || {
        let path = lasso.path(x, y, Grid::values(grid.clone())).expect("path");
        last = path.models().last().map_or(0, |model| model.support().len());
    });
    println!("{:<24} {last}", "non-zeros at the end");
}

fn main() {
    let (n, p) = (1000, 300);
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let formed = arguments.next().is_some_and(|mode| mode == "formed");
    let folder = arguments.find(|a| a == "--data").and_then(|_| arguments.next());
    let (base, y) = match folder {
        Some(folder) => {
            let read = |name: &str| -> Vec<f64> {
                let bytes = std::fs::read(format!("{folder}/{name}")).expect("interactions.py has not been run");
                bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes"))).collect()
            };
            (Array2::from_shape_vec((n, p).f(), read("base.bin")).expect("1000 × 300 values"), read("y.bin"))
        }
        None => {
            let base = data::dense(n, p, 0.3, 1);
            let x = Interactions::pairs(&base).expect("finite");
            let chosen: Vec<usize> = (0..40).map(|k| k * 1109 + 3).collect();
            let mut y = data::response(&base, 10, 1, 7);
            x.axpy_scattered(&chosen, &[1.0; 40], &mut y);
            (Array2::from_shape_vec((n, p).f(), base.columns_slice().expect("columns").to_vec()).expect("shape"), y)
        }
    };
    let y = Array1::from_vec(y);
    let start = peak();
    let implicit = Interactions::pairs(&base).expect("finite");
    let residual = y.to_vec();
    let mut gradient = vec![0.0; implicit.ncols()];
    println!("{} × {}, base of {:.1} MB", n, implicit.ncols(), (n * p * 8) as f64 / 1e6);
    if formed {
        let form = || -> Vec<f64> {
            let mut values = vec![0.0; n * implicit.ncols()];
            values.chunks_exact_mut(n).enumerate().for_each(|(j, x)| implicit.column(j, x));
            values
        };
        best("forming", || drop(black_box(form())));
        let x = Dense::from_columns(form(), n, implicit.ncols()).expect("finite");
        best("pass", || x.transpose_apply(black_box(&residual), &mut gradient));
        fits(&x, &y, false);
        fits(&x, &y, true);
    } else {
        best("making", || drop(black_box(Interactions::pairs(&base).expect("finite"))));
        best("pass", || implicit.transpose_apply(black_box(&residual), &mut gradient));
        best("means and deviations", || drop(black_box(implicit.means_and_deviations(None))));
        fits(&implicit, &y, false);
        fits(&implicit, &y, true);
    }
    println!("{:<24} {:9.1} MB above {start:.1}", "peak memory", peak() - start);
}
