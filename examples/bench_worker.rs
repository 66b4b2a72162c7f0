//! A worker for comparisons with other packages: solves problems that a harness hands over in files.
//!
//! ```text
//! cargo build --release --example bench_worker
//! target/release/examples/bench_worker CONFIG.json
//! ```
//!
//! `CONFIG.json` holds `family` (lasso, enet, wlasso, group, sgl, overlap, multitask), `kind` (`single` with `lam`, `path`
//! with `lams`), `dir` (where the `.npy` files of the problem are), `out` (where answers go) and the parameters of the
//! family. The worker answers in lines of JSON: `ready`, or `skip` if it does not serve the family; then, for each
//! tolerance that it reads from standard input, `fit` with wall time, CPU time and the file of the coefficients. Each fit
//! starts cold; loading and conversion of layouts are not timed, all else is.

use std::error::Error;
use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray::Array2;
use serde_json::{Value, json};
use sparsereg::design::{Csc, Dense, Design};
use sparsereg::estimator::GraphicalLasso;
use sparsereg::loss::{Logistic, Loss, Poisson, Separable, Squared};
use sparsereg::partition::Partition;
use sparsereg::penalty::{BlockPenalty, ElasticNetPenalty, GroupL2, L1, SparseGroup};
use sparsereg::problem::Problem;
use sparsereg::smooth::LinearPredictor;
use sparsereg::solver::{BlockDescent, Progress, Solution, Solver, Start, Stopping};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What a fit answers: a sparse matrix, compressed by columns.
struct Answer {
    nrows: usize,
    tasks: usize,
    starts: Vec<i32>,
    rows: Vec<i32>,
    values: Vec<f64>,
}

/// A loaded problem: fits at a tolerance, from nothing but the data.
type Fit = Box<dyn Fn(f64) -> Outcome<Answer>>;

fn main() {
    let path = std::env::args().nth(1).unwrap_or_default();
    let (fit, out) = match prepare(&path) {
        Ok((Some(fit), out)) => (fit, out),
        Ok((None, _)) => return emit(&json!({ "event": "skip" })),
        Err(error) => return emit(&json!({ "event": "error", "error": error.to_string() })),
    };
    emit(&json!({ "event": "ready", "version": env!("CARGO_PKG_VERSION") }));
    for (k, line) in std::io::stdin().lock().lines().enumerate() {
        let Some(tol) = line.ok().and_then(|line| line.trim().parse::<f64>().ok()) else {
            return;
        };
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        let answer = fit(tol);
        let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        let prefix = out.join(k.to_string());
        emit(&match answer.and_then(|answer| answer.write(&prefix)) {
            Ok(coef) => json!({ "event": "fit", "tol": tol, "t": wall, "cpu": cpu, "coef": coef }),
            Err(error) => json!({ "event": "fit", "tol": tol, "error": error.to_string() }),
        });
    }
}

/// One protocol line, at once.
fn emit(message: &Value) {
    let mut out = std::io::stdout().lock();
    // The harness has gone away if this fails, and there is nobody left to tell.
    let _ = writeln!(out, "{message}").and_then(|()| out.flush());
}

/// CPU time of this process so far, all threads.
#[cfg(unix)]
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// Where there is no such clock the wall has to do.
#[cfg(not(unix))]
fn cpu_seconds() -> f64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}

/// Loads a problem; no fit means that the family is not served.
fn prepare(path: &str) -> Outcome<(Option<Fit>, PathBuf)> {
    let config: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let text = |key: &str| config[key].as_str().unwrap_or_default();
    let out = PathBuf::from(text("out"));
    let dir = PathBuf::from(text("dir"));
    let family = text("family");
    let lambdas: Vec<f64> = match text("kind") {
        "single" => config["lam"].as_f64().into_iter().collect(),
        "path" => (config["lams"].as_array().into_iter().flatten()).filter_map(Value::as_f64).collect(),
        _ => Vec::new(),
    };
    if lambdas.is_empty() {
        return Ok((None, out));
    }
    let fit = if family == "glasso" {
        graphical_lasso(&dir, lambdas)?
    } else {
        let number = |key: &str| config[key].as_f64().ok_or(format!("no `{key}`"));
        regression(&dir, family, lambdas, number)?
    };
    Ok((fit, out))
}

/// Family "glasso": `S.npy`, one λ, diagonal not penalised.
fn graphical_lasso(dir: &Path, lambdas: Vec<f64>) -> Outcome<Option<Fit>> {
    let [lambda] = lambdas[..] else { return Ok(None) };
    let s = Npy::read(&dir.join("S.npy"))?;
    let p = s.shape[0];
    let s = Array2::from_shape_vec((p, p), s.values)?; // symmetric: either order will do
    Ok(Some(Box::new(move |tol| {
        let estimator = GraphicalLasso::new(lambda).tolerance(tol).accept_unconverged(true);
        let model = estimator.fit_covariance(&s)?;
        let mut answer = Answer { nrows: p, tasks: 1, starts: vec![0], rows: Vec::new(), values: Vec::new() };
        for column in model.precision().columns() {
            for (i, &value) in column.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                answer.rows.push(i as i32);
                answer.values.push(value);
            }
            answer.starts.push(answer.rows.len() as i32);
        }
        Ok(answer)
    })))
}

/// The families with a design matrix.
fn regression(
    dir: &Path,
    family: &str,
    lambdas: Vec<f64>,
    number: impl Fn(&str) -> Result<f64, String>,
) -> Outcome<Option<Fit>> {
    let known = ["lasso", "enet", "wlasso", "group", "sgl", "overlap", "multitask", "logistic", "poisson"];
    if !known.contains(&family) {
        return Ok(None);
    }
    let x = design(dir)?;
    let (n, p) = match &x {
        Matrix::Dense(_, n, p) => (*n, *p),
        Matrix::Sparse(_, n, p) => (*n, *p),
    };
    let mut y = Npy::read(&dir.join("y.npy"))?.into_columns();
    if n == 0 || y.len() % n != 0 {
        return Err("y does not fit to X".into());
    }
    let groups = || -> Outcome<Partition> {
        let ends = Npy::read(&dir.join("grp_ptr.npy"))?.values;
        let sizes: Vec<usize> = ends.windows(2).map(|w| (w[1] - w[0]) as usize).collect();
        Ok(Partition::from_sizes(&sizes)?)
    };
    let loss: fn(&Data) -> Box<dyn Loss> = match family {
        "logistic" => {
            y.iter_mut().for_each(|y| *y = 0.5 * (*y + 1.0));
            |data| Box::new(Separable::new(Logistic, data.y.clone(), data.n))
        }
        "poisson" => |data| Box::new(Separable::new(Poisson, data.y.clone(), data.n)),
        _ => |data| Box::new(Squared::new(data.y.clone(), data.n)),
    };
    let data = Data { x, y, n, p, lambdas, loss };
    let singletons = Partition::singletons(p);
    Ok(Some(match family {
        "lasso" | "logistic" | "poisson" => data.fit(L1::new(p)),
        "wlasso" => data.fit(L1::new(p).with_weights(Npy::read(&dir.join("weights.npy"))?.values)?),
        "enet" => data.fit(ElasticNetPenalty::new(singletons, number("rho")?)?),
        "multitask" => data.fit(GroupL2::new(singletons)),
        "sgl" => data.fit(SparseGroup::new(groups()?, number("tau")?)?),
        _ => data.fit(GroupL2::new(groups()?)),
    }))
}

/// X and its shape.
enum Matrix {
    Dense(Dense<'static>, usize, usize),
    Sparse(Csc, usize, usize),
}

fn design(dir: &Path) -> Outcome<Matrix> {
    let read = |name: &str| Npy::read(&dir.join(name));
    if !dir.join("X_indptr.npy").exists() {
        let x = read("X.npy")?;
        let &[n, p] = &x.shape[..] else {
            return Err("X is not a matrix".into());
        };
        return Ok(Matrix::Dense(Dense::from_columns(x.into_columns(), n, p)?, n, p));
    }
    let meta: Value = serde_json::from_slice(&std::fs::read(dir.join("meta.json"))?)?;
    let n = meta["n"].as_u64().ok_or("no `n` in meta.json")? as usize;
    let starts: Vec<usize> = read("X_indptr.npy")?.values.iter().map(|&v| v as usize).collect();
    let rows = read("X_indices.npy")?.values.iter().map(|&v| v as u32).collect();
    let p = starts.len() - 1;
    Ok(Matrix::Sparse(Csc::from_parts(n, p, starts, rows, read("X_data.npy")?.values)?, n, p))
}

/// A problem without its penalty; `y` is task-major.
struct Data {
    x: Matrix,
    y: Vec<f64>,
    n: usize,
    p: usize,
    lambdas: Vec<f64>,
    loss: fn(&Self) -> Box<dyn Loss>,
}

impl Data {
    fn fit<P: BlockPenalty + 'static>(self, penalty: P) -> Fit {
        Box::new(move |tol| {
            Ok(match &self.x {
                Matrix::Dense(x, ..) => self.solve(x, &penalty, tol),
                Matrix::Sparse(x, ..) => self.solve(x, &penalty, tol),
            })
        })
    }

    fn solve<D: Design>(&self, x: &D, penalty: &impl BlockPenalty, tol: f64) -> Answer {
        let smooth = LinearPredictor::new(x, (self.loss)(self));
        let problem = Problem::new(&smooth, penalty, self.lambdas[0]);
        // The harness asks for a gap relative to the objective at zero, the crate for one relative to what a fit can gain.
        let tolerance = tol * problem.objective(&vec![0.0; problem.len()]) / problem.scale();
        let solver =
            BlockDescent { stopping: Stopping { tolerance, ..Stopping::default() }, ..BlockDescent::default() };
        let mut path: Vec<Vec<(usize, f64)>> = Vec::with_capacity(self.lambdas.len());
        // What a slow answer did: one line per outer iteration on standard error.
        let tell = std::env::var_os("BENCH_WORKER_VERBOSE").is_some();
        let mut watch = |progress: &Progress| {
            if tell {
                eprintln!(
                    "{:8.3} s  lambda {:.3e}  {:4} sweeps  set {:5}  relative gap {:.2e}",
                    progress.elapsed.as_secs_f64(),
                    progress.lambda,
                    progress.iterations,
                    progress.working_set,
                    progress.certificate.relative_gap()
                );
            }
            ControlFlow::Continue(())
        };
        let sink = &mut |solution: Solution| {
            if tell {
                eprintln!("{}: {}", solution.status, solution.certificate);
            }
            let nonzero = solution.coefficients.into_iter().enumerate().filter(|(_, w)| *w != 0.0);
            path.push(nonzero.collect());
            ControlFlow::Continue(())
        };
        solver.solve_path(&problem, &self.lambdas, Start::Zero, &mut watch, sink);
        let tasks = self.y.len() / self.n;
        let mut answer = Answer { nrows: self.p, tasks, starts: vec![0], rows: Vec::new(), values: Vec::new() };
        for task in 0..tasks {
            for coefficients in &path {
                for &(i, w) in coefficients.iter().filter(|(i, _)| i % tasks == task) {
                    answer.rows.push((i / tasks) as i32);
                    answer.values.push(w);
                }
                answer.starts.push(answer.rows.len() as i32);
            }
        }
        answer
    }
}

impl Answer {
    /// Writes `prefix`.p, .i and .x; the message that tells where they are.
    fn write(&self, prefix: &Path) -> Outcome<Value> {
        let bytes32 = |v: &[i32]| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        std::fs::write(prefix.with_extension("p"), bytes32(&self.starts))?;
        std::fs::write(prefix.with_extension("i"), bytes32(&self.rows))?;
        let values: Vec<u8> = self.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        std::fs::write(prefix.with_extension("x"), values)?;
        let ncol = self.starts.len() - 1;
        Ok(json!({ "f": prefix, "nrow": self.nrows, "ncol": ncol, "T": self.tasks }))
    }
}

/// An array from a `.npy` file (format 1 and 2; little-endian f8, i4 and i8, all held as f64).
struct Npy {
    shape: Vec<usize>,
    fortran: bool,
    values: Vec<f64>,
}

impl Npy {
    fn read(path: &Path) -> Outcome<Self> {
        let name = path.display();
        let bytes = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
        Self::parse(&bytes).ok_or(format!("{name}: not an array of f8, i4 or i8").into())
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"\x93NUMPY")?;
        let (version, rest) = (*rest.first()?, rest.get(2..)?);
        let (length, rest) = if version == 1 {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (u16::from_le_bytes(*length) as usize, rest)
        } else {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*length) as usize, rest)
        };
        let header = std::str::from_utf8(rest.get(..length)?).ok()?;
        let data = rest.get(length..)?;
        // {'descr': '<f8', 'fortran_order': True, 'shape': (200, 2000), }
        let field = |name: &str| Some(header.split_once(&format!("'{name}':"))?.1.trim_start());
        let shape = field("shape")?.strip_prefix('(')?.split_once(')')?.0;
        let shape: Vec<usize> = (shape.split(','))
            .map(str::trim)
            .filter(|size| !size.is_empty())
            .map(|size| size.parse().ok())
            .collect::<Option<_>>()?;
        let values: Vec<f64> = match field("descr")?.get(..5)? {
            "'<f8'" => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            "'<i8'" => data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
            "'<i4'" => data.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b) as f64).collect(),
            _ => return None,
        };
        let fortran = field("fortran_order")?.starts_with("True");
        (values.len() == shape.iter().product::<usize>()).then_some(Self { shape, fortran, values })
    }

    /// The values of a matrix (or vector), column after column.
    fn into_columns(self) -> Vec<f64> {
        match self.shape[..] {
            [n, p] if !self.fortran => (0..n * p).map(|k| self.values[(k % n) * p + k / n]).collect(),
            _ => self.values,
        }
    }
}
