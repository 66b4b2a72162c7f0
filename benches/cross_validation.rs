//! Ten-fold cross-validation of the lasso over 100 λs, CPU time: tall data, whose folds are fitted from moments, and wide.
//!
//! Problems and grid are those of `cross_validation.py`, which times scikit-learn and glmnet; with `--data DIR` the data that it
//! wrote there are used, otherwise others of the same kind.

mod data;

use std::hint::black_box;
use std::path::PathBuf;

use ndarray::{Array1, Array2, ShapeBuilder};
use sparsereg::design::LinearOperator;
use sparsereg::prelude::*;

/// Numbers as they lie in memory.
fn read(file: PathBuf) -> Option<Vec<f64>> {
    let bytes = std::fs::read(file).ok()?;
    Some(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

fn problem(n: usize, p: usize, folder: Option<&str>) -> (Array2<f64>, Array1<f64>) {
    let values = |kind: &str| read(PathBuf::from(folder?).join(format!("{n}x{p}.{kind}")));
    if let (Some(x), Some(y)) = (values("x"), values("y"))
        && let (Ok(x), Ok(y)) = (Array2::from_shape_vec((n, p).f(), x), Array1::from_shape_vec(n, y))
    {
        return (x, y);
    }
    let x = data::dense(n, p, 0.5, 1);
    let y = data::response(&x, 20.min(p), 1, 7);
    let columns = (0..p).flat_map(|j| {
        let mut unit = vec![0.0; p];
        unit[j] = 1.0;
        let mut column = vec![0.0; n];
        x.apply(&unit, &mut column);
        column
    });
    let Ok(x) = Array2::from_shape_vec((n, p).f(), columns.collect()) else { unreachable!("n·p values") };
    (x, Array1::from(y))
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = arguments.iter().position(|a| a == "--data").and_then(|k| arguments.get(k + 1));
    for (n, p) in [(20_000, 100), (50_000, 200), (200, 2000)] {
        let (x, y) = problem(n, p, folder.map(String::as_str));
        let folds = FoldIds::new((0..n).map(|i| i % 10).collect::<Vec<_>>());
        let grid = Grid::auto(100).ratio(1e-2);
        for tolerance in [1e-4, 1e-6] {
            let lasso = Lasso::default().tolerance(tolerance);
            let mut best = std::time::Duration::MAX;
            let mut chosen = 0.0;
            for _ in 0..5 {
                let from = data::clock();
                let cv = lasso.cross_validate_on(black_box(&x), &y, &folds, grid.clone());
                best = best.min(data::clock() - from);
                chosen = cv.map_or(f64::NAN, |cv| cv.best().lambda());
            }
            println!("{n}x{p}, tolerance {tolerance:e}: {:.1} ms, λ {chosen:.6e}", best.as_secs_f64() * 1e3);
        }
    }
}
