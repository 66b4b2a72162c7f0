//! Pictures, as SVG: networks, paths and cross-validation (feature `plot`).
//!
//! | picture | of |
//! | --- | --- |
//! | [`network`] | a [`PrecisionModel`](crate::estimator::PrecisionModel): variables and edges, beside a known graph if there is one |
//! | [`graphical_path`] | a [`GraphicalPath`](crate::estimator::GraphicalPath): edges over λ; precision, recall and F1 against a known graph |
//! | [`coefficient_path`] | a [`Path`](crate::path::Path): coefficients over λ, the largest named |
//! | [`pareto`] | a [`ParetoCurve`](crate::constrained::ParetoCurve): loss over Ω between its bounds |
//! | [`unit_balls`], [`phase_diagram`] | the unit balls of ℓ₁, ℓ₂ and ℓ₂,₁; a rate over two parameters |
//! | [`cross_validation`], [`graphical_cross_validation`] | the error curve with its standard errors and the two choices of λ |
//!
//! Each function returns the text of an SVG and writes no file. The same answer gives the same bytes. The colours are those of
//! Okabe and Ito (2008), which people with colour-blindness can tell apart; the background is white. λ has a logarithmic axis
//! and falls from left to right, as paths walk. A point with λ = 0 has no place on it and is left out.
//!
//! ```
//! use ndarray::array;
//! use sparsereg::{plot, prelude::*};
//! let s = array![[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]];
//! let model = GraphicalLasso::new(0.1).fit_covariance(&s)?;
//! let svg = plot::network(&model, None)?;
//! assert!(svg.starts_with("<svg"));
//! // std::fs::write("network.svg", svg)
//! # Ok::<(), sparsereg::Error>(())
//! ```

mod coefficient_path;
mod cross_validation;
mod graphical_path;
mod lambda_axis;
mod layout;
mod network;
mod panel;
mod pareto;
mod phase_diagram;
mod theme;
mod truth;
mod unit_balls;

pub use coefficient_path::coefficient_path;
pub use cross_validation::{cross_validation, graphical_cross_validation};
pub use graphical_path::graphical_path;
pub use network::network;
pub use pareto::pareto;
pub use phase_diagram::phase_diagram;
pub use unit_balls::unit_balls;
