//! Every loss with every penalty, each on every kind of design with weights, offsets and an intercept: what the table of
//! [`sparsereg::estimator::family`] says is what this test has found.

use ndarray::{Array, Array1, Array2, Axis, ShapeBuilder};
use sparsereg::design::{AsDesign, Csc};
use sparsereg::estimator::family::{Pointwise, Shapes};
use sparsereg::loss::PointwiseLoss;
use sparsereg::prelude::*;

use crate::common::Rng;

/// The relative gap that counts as a proof: a tenth of the default, which kinks allow, too.
const PROVEN: f64 = 1e-7;
const N: usize = 60;
const P: usize = 9;

/// √(1 + r²) − 1.
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

/// A third of the values is zero; column means are up to 2.
fn features() -> Array2<f64> {
    let mut rng = Rng::new(11);
    Array2::from_shape_fn((N, P), |(_, j)| if rng.below(3) == 0 { 0.0 } else { rng.normal() + j as f64 / 4.0 })
}

/// How far the worst of all fits is from its optimum, relative to what a fit can gain: on a dense matrix, the same by rows,
/// in f32 and sparse, plain and with weights, offset, standardisation, and without an intercept.
fn worst<E>(estimator: impl Fn() -> E, y: &Array<f64, E::Response>, predictions: usize) -> f64
where
    E: Estimator,
{
    let x = features();
    let narrow = x.mapv(|v| v as f32);
    let x = narrow.mapv(f64::from); // the same numbers in both precisions
    let by_rows = Array2::from_shape_vec((N, P), x.iter().copied().collect()).expect("n × p");
    let by_columns = Array2::from_shape_vec((N, P).f(), x.t().iter().copied().collect()).expect("n × p");
    let triplets: Vec<_> = x.indexed_iter().filter(|(_, v)| **v != 0.0).map(|((i, j), v)| (i, j, *v)).collect();
    let sparse = Csc::from_triplets(N, P, &triplets).expect("a matrix");
    let weights: Vec<f64> = (0..N).map(|i| 0.5 + (i % 3) as f64).collect();
    let offset = Array2::from_shape_fn((N, predictions), |(i, t)| 0.1 * ((i + t) % 5) as f64);
    let mut worst = 0.0f64;
    for options in 0..4 {
        let fit = || {
            let estimator = estimator().tolerance(1e-9).accept_unconverged(true);
            match options {
                0 => estimator,
                1 => estimator.sample_weights(weights.clone()).standardize(true),
                2 if predictions == 1 => estimator.offset(offset.column(0).to_owned()),
                2 => estimator.offset(offset.clone()),
                _ => estimator.intercept(false).sample_weights(weights.clone()),
            }
        };
        // One type, so that what is generic is compiled once.
        let designs = [by_columns.as_design(), by_rows.as_design(), narrow.as_design(), sparse.as_design()];
        let designs = designs.map(|x| x.expect("a design"));
        let lambda = fit().lambda_max(&designs[0], y).expect("λ_max");
        assert!(lambda > 0.0 && lambda.is_finite());
        let fit = || fit().with_lambda(0.2 * lambda);
        let models = designs.map(|x| fit().fit(&x, y));
        let first = models[0].as_ref().expect("a fit").coefficient_matrix();
        assert!(!models[0].as_ref().expect("a fit").support().is_empty());
        for model in models {
            let model = model.expect("a fit");
            let mut off = &model.coefficient_matrix() - &first;
            if predictions > 2 {
                // Coefficients of all classes without a penalty may grow by the same number.
                off -= &off.mean_axis(Axis(1)).expect("predictions").insert_axis(Axis(1));
            }
            let off = off.fold(0.0f64, |m, d| m.max(d.abs()));
            assert!(off < 1e-2, "{off:e}"); // gaps of 1e-9 are 3e-5 in coefficients, more where they are ill-conditioned
            worst = worst.max(model.certificate().relative_gap());
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
    "weighted ℓ1",
    "ℓ1, w ≥ 0",
    "elastic net",
    "group",
    "group, w ≥ 0",
    "sparse group",
    "overlapping groups",
    "rows",
];

/// The gaps of one loss with all penalties.
fn row<F>(family: F, y: &Array<f64, <F as Shapes<ndarray::Ix1>>::Response>, predictions: usize, rows: f64) -> Vec<f64>
where
    F: Shapes<ndarray::Ix1>,
{
    let weights: Vec<f64> = (0..P).map(|j| [1.0, 0.0, 2.0][j % 3]).collect();
    vec![
        worst(|| Lasso::default().loss(family.clone()), y, predictions),
        worst(|| Lasso::default().weights(weights.clone()).loss(family.clone()), y, predictions),
        worst(|| Lasso::default().nonnegative(true).loss(family.clone()), y, predictions),
        worst(|| ElasticNet::new(0.0, 0.5).loss(family.clone()), y, predictions),
        worst(|| GroupLasso::new(0.0, groups()).loss(family.clone()), y, predictions),
        worst(|| GroupLasso::new(0.0, groups()).nonnegative(true).loss(family.clone()), y, predictions),
        worst(|| SparseGroupLasso::new(0.0, 0.5, groups()).loss(family.clone()), y, predictions),
        worst(|| LatentGroupLasso::new(0.0, overlapping()).loss(family.clone()), y, predictions),
        rows,
    ]
}

#[test]
fn every_loss_with_every_penalty_is_certified_and_the_table_says_so() {
    let x = features();
    let mut rng = Rng::new(5);
    let signal: Vec<f64> = x.rows().into_iter().map(|x| 0.8 * x[1] - 0.6 * x[4] + 0.5 * x[7]).collect();
    let noisy: Vec<f64> = signal.iter().map(|s| s + 0.7 * rng.normal()).collect();
    let y = Array1::from(noisy.clone());
    let labels = y.mapv(|y| f64::from(u8::from(y > 0.2)));
    let counts = y.mapv(|y| (1.0 + 2.0 * y.exp()).floor().min(30.0));
    let classes = Array1::from_shape_fn(N, |i| if y[i] > 1.0 { 2.0 } else { f64::from(u8::from(y[i] > 0.0)) });
    let times =
        Array2::from_shape_fn((N, 2), |(i, t)| if t == 0 { (-y[i]).exp() } else { f64::from(u8::from(i % 4 != 0)) });
    let two = |y: &Array1<f64>, other: &Array1<f64>| Array2::from_shape_fn((N, 2), |(i, t)| [y[i], other[i]][t]);
    let other = Array1::from_shape_fn(N, |i| 0.7 * signal[i] + 0.5 * x[[i, 2]] + 0.1 * (i % 7) as f64);
    let positive = other.mapv(|y| y.exp() + 0.1);
    macro_rules! rows {
        ($family:expr, $y:expr, $predictions:expr) => {
            worst(|| MultiTaskLasso::default().loss($family), &$y, $predictions)
        };
    }
    let other_labels = other.mapv(|y| f64::from(u8::from(y > 0.1)));
    let table = [
        ("logistic", row(Logistic::default(), &labels, 1, rows!(Logistic::default(), two(&labels, &other_labels), 2))),
        ("multinomial", row(Multinomial, &classes, 3, rows!(Multinomial, classes, 3))),
        ("Poisson", row(Poisson, &counts, 1, rows!(Poisson, two(&counts, &positive.mapv(f64::floor)), 2))),
        ("gamma", row(Gamma, &counts, 1, rows!(Gamma, two(&counts, &positive), 2))),
        ("Huber", row(Huber::new(0.7), &y, 1, rows!(Huber::new(0.7), two(&y, &other), 2))),
        ("quantile", row(Quantile::new(0.7), &y, 1, rows!(Quantile::new(0.7), two(&y, &other), 2))),
        ("square root", row(SquareRoot, &y, 1, rows!(SquareRoot, two(&y, &other), 2))),
        ("squared hinge", row(SquaredHinge, &labels, 1, rows!(SquaredHinge, two(&labels, &other_labels), 2))),
        ("Cox", row(Cox::default(), &times, 1, f64::NAN)),
        ("your own", row(Pointwise(PseudoHuber), &y, 1, rows!(Pointwise(PseudoHuber), two(&y, &other), 2))),
    ];
    let mut text = format!("| loss | {} |\n|{}\n", PENALTIES.join(" | "), " --- |".repeat(PENALTIES.len() + 1));
    for (loss, gaps) in &table {
        let cell = |gap: &f64| {
            if gap.is_nan() {
                "–"
            } else if *gap <= PROVEN {
                "✓"
            } else {
                "✗"
            }
        };
        let cells: Vec<&str> = gaps.iter().map(cell).collect();
        text += &format!("| {loss} | {} |\n", cells.join(" | "));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/estimator/family/combinations.md");
    if std::env::var_os("SPARSEREG_WRITE_TABLES").is_some() {
        std::fs::write(path, &text).expect("a table written");
    }
    let written = std::fs::read_to_string(path).expect("the table");
    assert_eq!(written, text, "SPARSEREG_WRITE_TABLES=1 writes it anew; gaps: {table:#?}");
    let largest =
        table.iter().flat_map(|(_, gaps)| gaps).filter(|gap| !gap.is_nan()).fold(0.0f64, |m, gap| m.max(*gap));
    assert!(largest <= PROVEN, "{table:#?}");
}
