//! All tests that use the crate as its users do, in one program: a dozen would each compile the solvers anew.

mod common;

mod bad_input;
mod covariance_estimates;
mod design_laws;
mod edge_cases;
mod equalities;
mod glm;
mod goldens;
mod graphical_lasso;
mod invariances;
mod joint_graphical_lasso;
mod loss_goldens;
mod loss_laws;
mod matching_pursuit;
mod moments;
mod penalty_laws;
#[cfg(feature = "plot")]
mod plot;
mod prox_latent;
mod prox_laws;
mod relaxed;
mod solvers;
