//! Certified sparse regression.
//!
//! ```text
//! minimise over W ∈ ℝ^{p×q}, b ∈ ℝ^q:     F(XW + 1bᵀ) + λ Ω(W)
//! ```
//!
//! F is a mean loss, Ω a penalty that makes coefficients, groups or rows of W exactly zero, b an intercept without penalty.
//! Every answer carries a [`Certificate`](problem::Certificate): a duality gap, which bounds how far its objective can be
//! above the optimum.
//!
//! # Quick start
//!
//! ```
//! use ndarray::{Array1, Array2};
//! use sparsereg::prelude::*;
//!
//! let x = Array2::from_shape_fn((60, 8), |(i, j)| ((i * i * (j + 1) + 7 * i * j) % 23) as f64);
//! let y = Array1::from_shape_fn(60, |i| 4.0 + 3.0 * x[[i, 1]] - 2.0 * x[[i, 5]] + ((i * i * i) % 11) as f64);
//!
//! let model = Lasso::new(5.0).fit(&x, &y)?;
//! println!("{model}"); // λ, non-zeros, R², certificate, coefficients
//! assert_eq!(model.support(), vec![1, 5]);
//! assert!(model.certificate().relative_gap() <= 1e-6);
//!
//! let path = Lasso::default().path(&x, &y, Grid::auto(50))?;
//! assert_eq!(path.entry_order()[0].0, 1);
//!
//! let cv = Lasso::default().cross_validate(&x, &y, &KFold::new(5).seed(7))?;
//! assert!(cv.one_standard_error().support().len() <= cv.best().support().len());
//! # Ok::<(), sparsereg::Error>(())
//! ```
//!
//! # Estimators
//!
//! | estimator | Ω | zero together |
//! | --- | --- | --- |
//! | [`Lasso`](estimator::Lasso) | `Σ_j ω_j │w_j│` | nothing |
//! | [`ElasticNet`](estimator::ElasticNet) | `Σ_j ω_j (ρ│w_j│ + (1−ρ)/2 w_j²)` | nothing |
//! | [`GroupLasso`](estimator::GroupLasso) | `Σ_g ω_g ‖w_g‖₂` | disjoint groups |
//! | [`SparseGroupLasso`](estimator::SparseGroupLasso) | `τ‖w‖₁ + (1−τ) Σ_g ω_g ‖w_g‖₂` | groups, and features inside |
//! | [`LatentGroupLasso`](estimator::LatentGroupLasso) | `min { Σ_g ω_g ‖v_g‖₂ : Σ_g v_g = w, supp v_g ⊆ g }` | all but a union of groups |
//! | [`MultiTaskLasso`](estimator::MultiTaskLasso) | `Σ_j ω_j ‖W_j‖₂` | rows of W |
//! | [`MultiTaskElasticNet`](estimator::MultiTaskElasticNet) | `Σ_j ω_j (ρ‖W_j‖₂ + (1−ρ)/2 ‖W_j‖₂²)` | rows of W |
//! | [`Penalized`](estimator::Penalized) | any [`BlockPenalty`](penalty::BlockPenalty) | what Ω says |
//!
//! The loss is `1/(2n) Σ_i s_i ‖y_i − x_iᵀW − b‖²` for all of them, unless they are given the one of a
//! [family](estimator::family): `Lasso::new(λ).loss(Logistic::default())` is [`LogisticLasso`](estimator::LogisticLasso).
//! Every one of them has a [`relaxed`](estimator::Relax::relaxed) form: its features, refitted without the penalty.
//! [`OrthogonalMatchingPursuit`](estimator::OrthogonalMatchingPursuit) chooses features one by one instead.
//! [`GraphicalLasso`](estimator::GraphicalLasso) is
//! `−log det Θ + ⟨S, Θ⟩ + λ Σ_{i≠j} Λ_ij │θ_ij│`, a sparse precision matrix, with methods of its own:
//! `fit(&samples)`, `fit_covariance(&s)`, `path`, `cross_validate`, `stability`; models that export their graph and fill in
//! missing values. Samples with missing values, and data that are not Gaussian, go through a
//! [`CovarianceEstimate`](estimator::CovarianceEstimate).
//! [`JointGraphicalLasso`](estimator::JointGraphicalLasso) fits several classes at once, whose graphs share
//! edges (group form) or values (fused form).
//!
//! # The public API on one screen
//!
//! ```text
//! Lasso::new(λ)                              an estimator; Default has λ = 0, for paths and cross-validation
//!   .weights(ω)                              penalty weights: 0 unpenalised, ∞ excluded
//!   .loss(Logistic::default())               another loss than the squared one: Logistic, Poisson, … of any penalty
//!   .intercept(true) .standardize(false) .sample_weights(s) .offset(o) .scoring(Scoring::Auc) .feature_names(names)
//!   .solver(BlockDescent | Fista) .tolerance(1e-6) .max_iterations(k) .time_limit(t) .accept_unconverged(false)
//!   .fit(&x, &y)?                            a model          .fit_watched(&x, &y, &mut watch)?   .lambda_max(&x, &y)?
//!   .path(&x, &y, Grid::auto(100))?          a Path: models() lambdas() entry_order()
//!   .fit_moments(&moments)? .path_moments(&moments, grid)?   from XᵀX, Xᵀy and sums instead of rows
//!   .relaxed(φ) .fit(&x, &y)? .path(..)? .cross_validate(..)?   (1 − φ)·refit without a penalty + φ·penalised
//!   .cross_validate(&x, &y, &KFold::new(10))?   best() one_standard_error() curve() path() out_of_fold(k)
//!
//! model.coefficients() intercept() support() predict(&x)? score(&x, &y)? r_squared()
//!      .certificate() status() iterations() lambda()        and Display
//!      .classes() decision_function(&x)? predict_proba(&x)? deviance_explained() with_offset(o)   with another loss
//!
//! x: ndarray matrix or view (f64 or f32), Csc, or a Design of your own          y: one response, or n × q
//! ```
//!
//! # The modules are the equation
//!
//! * [`design`] is X: a handful of verbs ([`LinearOperator`](design::LinearOperator), [`Design`](design::Design)), dense
//!   and sparse storages, and views that standardise, permute, repeat or restrict columns without a copy.
//! * [`loss`] is F: value, gradient, conjugate.
//! * [`smooth`] is F∘X and its cousins without an X: each owns its cached state, so solvers do not know which they minimise.
//! * [`prox`] holds proximal operators and projections: pure functions on slices, for use in other optimisers, too.
//! * [`penalty`] is Ω: one file per penalty over [`prox`]. A penalty of your own is four methods.
//! * [`partition`] says what a group is: [`Groups`](partition::Groups) as users have them,
//!   [`Partition`](partition::Partition) as solvers see them.
//! * [`problem`] puts them together: objective, λ_max, and the one place where optimality is certified.
//! * [`solver`] is "minimise": [`BlockDescent`](solver::BlockDescent), [`Fista`](solver::Fista) and, for log det terms,
//!   [`LogDetNewton`](solver::LogDetNewton) and [`JointLogDetNewton`](solver::JointLogDetNewton).
//! * [`estimator`] is Ŵ: builders, `fit`, models; intercept, weights and standardisation are dealt with here.
//! * [`path`] and [`cross_validation`] are λ, for every estimator.
//! * [`moments`] is (X, y) without the rows: sums and products that add up over chunks, files and machines.
//! * `plot` (feature `plot`) is what one looks at: networks, paths and cross-validation as SVG.
//! * [`diagnostics`] says what X allows: coherence, spark, rank, restricted isometry constants and what follows from them.
//! * [`error`] is the one error type.
//!
//! Private: `linalg` (the only place that names a linear-algebra library), `kernels` (the only one with CPU dispatch),
//! `parallel` (the only one with threads), `ranks`.
//!
//! Features, back ends and the meaning of λ in other programs are in the README.
#![deny(missing_docs)]
#![cfg_attr(not(feature = "mmap"), forbid(unsafe_code))]
// A memory map is the one thing that cannot be had without: see design/mapped.rs.
#![cfg_attr(feature = "mmap", deny(unsafe_code))]

mod certificate;
pub mod cross_validation;
pub mod design;
pub mod diagnostics;
pub mod error;
pub mod estimator;
mod folds;
mod grid;
mod kernels;
mod linalg;
pub mod loss;
pub mod moments;
mod parallel;
pub mod partition;
pub mod path;
pub mod penalty;
#[cfg(feature = "plot")]
pub mod plot;
pub mod problem;
pub mod prox;
mod ranks;
pub mod smooth;
pub mod solver;

pub use error::{Error, Result};

/// The code blocks of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Everything that a fit needs.
pub mod prelude {
    pub use crate::cross_validation::{CrossValidate, FoldIds, Folds, GroupedKFold, KFold, Split, StratifiedKFold};
    pub use crate::error::Error;
    pub use crate::estimator::*;
    pub use crate::partition::Groups;
    pub use crate::path::{FitPath, Grid, Path};
    pub use crate::solver::{BlockDescent, Fista, Form, JointLogDetNewton, LogDetNewton, Status};
}
