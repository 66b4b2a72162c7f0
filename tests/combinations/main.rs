//! Every loss with every penalty, each on every kind of design with weights, offsets and without an intercept: the table
//! in the docs of [`sparsereg::estimator::family`] says what this test has found, and nothing else.
//!
//! A program of its own, as it compiles every penalty's solver: families stand behind one type ([`AnyFamily`]) and designs
//! behind another ([`AnyDesign`]), so that it does so once each.

#[allow(dead_code)] // of the registry only the random numbers
#[path = "../suite/common/mod.rs"]
mod common;
mod hard_answers;

use std::fmt::Write;

use common::Rng;
use ndarray::{Array, Array1, Array2, ArrayView2, Axis, Ix2, ShapeBuilder, stack};
use sparsereg::design::{AnyDesign, AsDesign, Csc};
use sparsereg::error::Result;
use sparsereg::estimator::family::{
    Cox, Family, Gamma, Huber, Logistic, Multinomial, Pointwise, Poisson, Quantile, Responses, Shapes, SquareRoot,
    SquaredHinge,
};
use sparsereg::estimator::{
    ElasticNet, Estimator, GroupLasso, Lasso, LatentGroupLasso, Model, MultiTaskLasso, Scoring, Shape,
    SparseGroupLasso, WithLoss,
};
use sparsereg::loss::{Loss, PointwiseLoss};
use sparsereg::partition::Groups;
use sparsereg::solver::Status;

/// The relative gap that counts as a proof: the default tolerance. Asked for is [`WANTED`], which kinks do not allow.
const PROVEN: f64 = 1e-6;
const WANTED: f64 = 1e-9;
/// How far apart coefficients may be that are proven to this gap.
const APART: f64 = 2e-3;
const N: usize = 60;
const P: usize = 9;
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/estimator/family/combinations.md");

/// √(1 + r²) − 1: a loss that the crate does not know.
#[derive(Debug, Clone)]
struct PseudoHuber;

impl PointwiseLoss for PseudoHuber {
    fn value(&self, y: f64, eta: f64) -> f64 {
        (y - eta).hypot(1.0) - 1.0
    }
    fn slope(&self, y: f64, eta: f64) -> f64 {
        (eta - y) / (y - eta).hypot(1.0)
    }
    fn curvature(&self, y: f64, eta: f64) -> f64 {
        (y - eta).hypot(1.0).powi(-3)
    }
    fn conjugate(&self, y: f64, u: f64) -> f64 {
        if u.abs() <= 1.0 { u * y + 1.0 - (1.0 - u * u).sqrt() } else { f64::INFINITY }
    }
    fn smoothness(&self, _y: f64) -> f64 {
        1.0
    }
}

/// Families behind one type, whose responses are matrices.
macro_rules! families {
    ($($name:ident($family:ty)),*) => {
        #[derive(Debug, Clone)]
        enum AnyFamily { $($name($family)),* }

        macro_rules! each {
            ($of:expr, $f:ident => $value:expr) => { match $of { $(AnyFamily::$name($f) => $value),* } };
        }

        impl Family for AnyFamily {
            fn name(&self) -> &'static str {
                each!(self, f => f.name())
            }
            fn has_intercept(&self) -> bool {
                each!(self, f => f.has_intercept())
            }
            fn is_symmetric(&self) -> bool {
                each!(self, f => f.is_symmetric())
            }
            fn width(&self, columns: usize, classes: &[Vec<f64>]) -> usize {
                each!(self, f => f.width(columns, classes))
            }
            fn select(&self, rows: &[usize]) -> Self {
                match self { $(AnyFamily::$name(f) => AnyFamily::$name(f.select(rows))),* }
            }
            fn learn(&self, data: &Responses<'_>, intercept: bool) -> Result<Vec<Vec<f64>>> {
                each!(self, f => f.learn(data, intercept))
            }
            fn loss(&self, data: &Responses<'_>, classes: &[Vec<f64>]) -> Result<Box<dyn Loss>> {
                each!(self, f => f.loss(data, classes))
            }
            fn mean(&self, eta: Array2<f64>) -> Array2<f64> {
                each!(self, f => f.mean(eta))
            }
            fn observed(&self, data: &Responses<'_>, classes: &[Vec<f64>]) -> Result<Array2<f64>> {
                each!(self, f => f.observed(data, classes))
            }
            fn predict(&self, eta: Array2<f64>, classes: &[Vec<f64>]) -> Array2<f64> {
                each!(self, f => f.predict(eta, classes))
            }
            fn supports(&self, scoring: Scoring) -> bool {
                each!(self, f => f.supports(scoring))
            }
            fn concordance(&self, data: &Responses<'_>, eta: ArrayView2<'_, f64>) -> Result<f64> {
                each!(self, f => f.concordance(data, eta))
            }
        }
    };
}

families! {
    Logistic(Logistic), Multinomial(Multinomial), Poisson(Poisson), Gamma(Gamma),
    Huber(Huber), Quantile(Quantile), SquareRoot(SquareRoot), SquaredHinge(SquaredHinge), Cox(Cox),
    Own(Pointwise<PseudoHuber>)
}

impl<D: Shape> Shapes<D> for AnyFamily {
    type Response = Ix2;
    type Eta = Ix2;
    type Prediction = Ix2;
}

/// A row of the table: a loss and responses for it.
struct Entry {
    name: &'static str,
    family: AnyFamily,
    y: Array2<f64>,
    /// Predictions per observation.
    width: usize,
}

/// A design matrix in all the ways in which it can be stored.
struct Designs {
    by_columns: Array2<f64>,
    by_rows: Array2<f64>,
    narrow: Array2<f32>,
    sparse: Csc,
}

const DESIGNS: [&str; 4] = ["by columns", "by rows", "f32", "sparse"];

impl Designs {
    /// A third of the values is zero; column means are up to 2; all are the same numbers in both precisions.
    fn new() -> Self {
        let mut rng = Rng::new(11);
        let value = |j: usize, rng: &mut Rng| if rng.below(3) == 0 { 0.0 } else { rng.normal() + j as f64 / 4.0 };
        let narrow = Array2::from_shape_fn((N, P), |(_, j)| value(j, &mut rng) as f32);
        let x = narrow.mapv(f64::from);
        let by_rows = Array2::from_shape_vec((N, P), x.iter().copied().collect()).expect("n × p");
        let by_columns = Array2::from_shape_vec((N, P).f(), x.t().iter().copied().collect()).expect("n × p");
        let triplets: Vec<_> = x.indexed_iter().filter(|(_, v)| **v != 0.0).map(|((i, j), v)| (i, j, *v)).collect();
        let sparse = Csc::from_triplets(N, P, &triplets).expect("a matrix");
        Self { by_columns, by_rows, narrow, sparse }
    }

    /// As one type, so that what is generic is compiled once.
    fn each(&self) -> [AnyDesign<'_>; 4] {
        let all =
            [self.by_columns.as_design(), self.by_rows.as_design(), self.narrow.as_design(), self.sparse.as_design()];
        all.map(|x| x.expect("a design"))
    }
}

/// What a combination has come to: the largest relative gap, and the largest distance of coefficients between designs.
#[derive(Debug, Clone, Copy)]
struct Found {
    gap: f64,
    apart: f64,
}

const OPTIONS: [&str; 4] = ["plain", "weighted, standardised", "offset", "weighted, no intercept"];

/// Fits on every design: plain, with weights and standardised, with an offset, and without an intercept.
fn worst<E: Estimator>(
    estimator: &dyn Fn() -> E,
    designs: &Designs,
    label: &str,
    y: &Array<f64, E::Response>,
    width: usize,
) -> Found {
    let weights: Vec<f64> = (0..N).map(|i| 0.5 + (i % 3) as f64).collect();
    let offset = Array2::from_shape_fn((N, width), |(i, t)| 0.1 * ((i + t) % 5) as f64);
    let mut worst = Found { gap: 0.0, apart: 0.0 };
    for (k, options) in OPTIONS.iter().enumerate() {
        let estimator = estimator().tolerance(WANTED).accept_unconverged(true);
        let estimator = match k {
            0 => estimator,
            1 => estimator.sample_weights(weights.clone()).standardize(true),
            2 => estimator.offset(offset.clone()),
            _ => estimator.intercept(false).sample_weights(weights.clone()),
        };
        let lambda = estimator.lambda_max(&designs.each()[0], y).expect("λ_max");
        assert!(lambda > 0.0 && lambda.is_finite(), "{label}, {options}: {lambda}");
        let estimator = estimator.with_lambda(0.2 * lambda);
        let mut first: Option<Array2<f64>> = None;
        for (design, x) in DESIGNS.iter().zip(designs.each()) {
            let model = estimator.fit(&x, y).expect("a fit");
            let w = model.coefficient_matrix();
            assert!(w.iter().any(|w| *w != 0.0), "{label}, {options}, {design}: nothing is in the model");
            let first = first.get_or_insert_with(|| w.clone());
            let apart = (&w - &*first).fold(0.0f64, |m, d| m.max(d.abs()));
            let gap = Some(model.certificate().relative_gap()).filter(|gap| !gap.is_nan()).unwrap_or(f64::INFINITY);
            if gap > PROVEN || apart > APART || !matches!(model.status(), Status::Converged | Status::Stalled) {
                println!("{label}, {options}, {design}: gap {gap:.1e}, {apart:.1e} apart, {}", model.status());
            }
            worst.gap = worst.gap.max(gap);
            worst.apart = worst.apart.max(apart);
        }
    }
    worst
}

fn groups() -> Groups {
    Groups::from_sizes(&[2, 3, 4]).expect("groups")
}

fn overlapping() -> Groups {
    Groups::overlapping(&[vec![0, 1, 2, 3], vec![3, 4, 5], vec![5, 6, 7, 8]], P).expect("groups")
}

const PENALTIES: [&str; 9] = [
    "ℓ1",
    "ℓ1, weights 0 and 2",
    "ℓ1, w ≥ 0",
    "elastic net",
    "group",
    "group, w ≥ 0",
    "sparse group",
    "overlapping groups",
    "rows ℓ2,1",
];

/// Every penalty, with a loss in place of the squared one or without.
macro_rules! penalties {
    (($name:expr, $designs:expr, $width:expr, $one:expr, $several:expr) $($with_loss:tt)*) => {{
        let weights: Vec<f64> = (0..P).map(|j| [1.0, 0.0, 2.0][j % 3]).collect();
        let mut labels = PENALTIES.iter().map(|penalty| format!("{} with {penalty}", $name));
        let mut label = || labels.next().expect("a name for every penalty");
        let (one, width) = ($one, $width);
        let group = || GroupLasso::new(0.0, groups());
        vec![
            worst(&|| Lasso::default() $($with_loss)*, $designs, &label(), one, width),
            worst(&|| Lasso::default().weights(weights.clone()) $($with_loss)*, $designs, &label(), one, width),
            worst(&|| Lasso::default().nonnegative(true) $($with_loss)*, $designs, &label(), one, width),
            worst(&|| ElasticNet::new(0.0, 0.5) $($with_loss)*, $designs, &label(), one, width),
            worst(&|| group() $($with_loss)*, $designs, &label(), one, width),
            worst(&|| group().nonnegative(true) $($with_loss)*, $designs, &label(), one, width),
            worst(&|| SparseGroupLasso::new(0.0, 0.5, groups()) $($with_loss)*, $designs, &label(), one, width),
            worst(&|| LatentGroupLasso::new(0.0, overlapping()) $($with_loss)*, $designs, &label(), one, width),
            match $several {
                // Their types do not go together.
                None => Found { gap: f64::NAN, apart: 0.0 },
                Some((y, width)) => worst(&|| MultiTaskLasso::default() $($with_loss)*, $designs, &label(), y, width),
            },
        ]
    }};
}

/// The rows of the table.
fn entries(x: &Array2<f64>) -> Vec<Entry> {
    let mut rng = Rng::new(5);
    let signal = x.map_axis(Axis(1), |x| 0.8 * x[1] - 0.6 * x[4] + 0.5 * x[7]);
    let y = signal.mapv(|s| s + 0.7 * rng.normal());
    let other = Array1::from_shape_fn(N, |i| 0.7 * signal[i] + 0.5 * x[[i, 2]] + 0.1 * (i % 7) as f64);
    let label = |y: f64, bound: f64| f64::from(u8::from(y > bound));
    let labels = y.mapv(|y| label(y, 0.2));
    let proportions = y.mapv(|y| (4.0 / (1.0 + (0.2 - y).exp())).round() / 4.0);
    let classes = y.mapv(|y| label(y, 1.0) + label(y, 0.0));
    let counts = y.mapv(|y| (1.0 + 2.0 * y.exp()).floor().min(30.0));
    let positive = other.mapv(|y| y.exp() + 0.1);
    let status = Array1::from_shape_fn(N, |i| label((i % 4) as f64, 0.5));
    let survival = [y.mapv(|y| (10.0 * (-y).exp()).ceil()), status]; // with ties
    let entry = |name, family, columns: &[&Array1<f64>]| {
        let columns: Vec<_> = columns.iter().map(|c| c.view()).collect();
        let y = stack(Axis(1), &columns).expect("columns of one length");
        let width = match &family {
            AnyFamily::Multinomial(_) => 3,
            AnyFamily::Cox(_) => 1,
            _ => y.ncols(),
        };
        Entry { name, family, y, width }
    };
    use AnyFamily as A;
    vec![
        entry("logistic", A::Logistic(Logistic::default()), &[&labels]),
        entry("logistic, proportions", A::Logistic(Logistic::proportions()), &[&proportions]),
        entry("logistic, two responses", A::Logistic(Logistic::default()), &[&labels, &other.mapv(|y| label(y, 0.1))]),
        entry("multinomial", A::Multinomial(Multinomial), &[&classes]),
        entry("Poisson", A::Poisson(Poisson), &[&counts]),
        entry("gamma", A::Gamma(Gamma), &[&positive]),
        entry("Huber", A::Huber(Huber::new(0.7)), &[&y]),
        entry("quantile", A::Quantile(Quantile::new(0.7)), &[&y]),
        entry("square root", A::SquareRoot(SquareRoot), &[&y]),
        entry("square root, two responses", A::SquareRoot(SquareRoot), &[&y, &other]),
        entry("squared hinge", A::SquaredHinge(SquaredHinge), &[&labels]),
        entry("Cox", A::Cox(Cox::default()), &[&survival[0], &survival[1]]),
        entry("your own", A::Own(Pointwise(PseudoHuber)), &[&y]),
    ]
}

#[test]
fn every_loss_with_every_penalty_is_certified_and_the_table_says_so() {
    let designs = Designs::new();
    let mut text = format!("| loss | {} |\n|{}\n", PENALTIES.join(" | "), " --- |".repeat(PENALTIES.len() + 1));
    let mut failures = Vec::new();
    let mut add = |name: &str, row: Vec<Found>| {
        write!(text, "| {name} |").expect("text");
        for (penalty, found) in PENALTIES.iter().zip(row) {
            let cell = match found {
                Found { gap, .. } if gap.is_nan() => "–",
                Found { gap, apart } if gap <= PROVEN && apart <= APART => "✓",
                found => {
                    failures.push(format!("{name} with {penalty}: {found:?}"));
                    "✗"
                }
            };
            write!(text, " {cell} |").expect("text");
        }
        text.push('\n');
    };
    let entries = entries(&designs.by_columns);
    // Numbers in one column, and in two.
    let numbers = |columns: usize| entries.iter().find(|e| e.name.starts_with("square root") && e.width == columns);
    let (one, two) = (&numbers(1).expect("numbers").y, &numbers(2).expect("numbers").y);
    add("squared", penalties!(("squared", &designs, 1, &one.column(0).to_owned(), Some((two, 2)))));
    for entry in &entries {
        let several = (!matches!(entry.family, AnyFamily::Cox(_))).then_some((&entry.y, entry.width));
        let row = penalties!((entry.name, &designs, entry.width, &entry.y, several).loss(entry.family.clone()));
        add(entry.name, row);
    }
    if std::env::var_os("SPARSEREG_WRITE_TABLES").is_some() {
        std::fs::write(TABLE, &text).expect("a table written");
    }
    assert!(failures.is_empty(), "{failures:#?}");
    let written = std::fs::read_to_string(TABLE).expect("the table");
    assert_eq!(written, text, "SPARSEREG_WRITE_TABLES=1 writes the table anew");
}
