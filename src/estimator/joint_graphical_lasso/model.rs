//! A fitted joint graphical lasso.

use std::fmt;

use crate::error::Result;
use crate::estimator::graphical_lasso::covariance::Covariance;
use crate::estimator::joint_graphical_lasso::JointGraphicalLasso;
use crate::estimator::joint_graphical_lasso::solve::JointAnswer;
use crate::estimator::{Criterion, PrecisionModel};
use crate::penalty::Coupling;
use crate::problem::Certificate;
use crate::solver::Status;

/// A pair of variables i < j that is an edge in at least one class.
#[derive(Debug, Clone, PartialEq)]
pub struct JointEdge {
    /// The first variable.
    pub i: usize,
    /// The second variable.
    pub j: usize,
    /// θ_ij in every class.
    pub precision: Vec<f64>,
    /// `−θ_ij / √(θ_ii θ_jj)` in every class.
    pub partial_correlation: Vec<f64>,
    /// θ_ij is the same in all classes, as the penalty sees it: see
    /// [`correlation_scale`](crate::estimator::JointGraphicalLasso::correlation_scale).
    pub equal: bool,
}

impl JointEdge {
    /// An edge in every class.
    pub fn is_shared(&self) -> bool {
        self.precision.iter().all(|v| *v != 0.0)
    }

    fn strength(&self) -> f64 {
        self.partial_correlation.iter().fold(0.0, |max, r| max.max(r.abs()))
    }
}

/// A fitted joint graphical lasso: one [`PrecisionModel`] per class, and what the classes have in common. Everything is in the units
/// of the data.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let a = array![[1.0, 0.6, 0.1], [0.6, 1.0, 0.1], [0.1, 0.1, 1.0]];
/// let b = array![[1.0, 0.5, 0.1], [0.5, 1.0, 0.1], [0.1, 0.1, 1.0]];
/// let model = JointGraphicalLasso::new(0.2, 0.05).class_names(["case", "control"]).fit_covariances(&[a, b])?;
/// assert_eq!(model.shared_edges().len(), 1);
/// assert_eq!(model.classes()[1].edge_count(), 1);
/// assert!(model.to_string().contains("control"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct JointPrecisionModel {
    classes: Vec<PrecisionModel>,
    equal: Vec<(usize, usize)>,
    weights: Vec<f64>,
    class_names: Option<Vec<String>>,
    coupling: Coupling,
    lambda1: f64,
    lambda2: f64,
    certificate: Certificate,
    status: Status,
    iterations: usize,
}

impl JointPrecisionModel {
    pub(super) fn assemble(
        estimator: &JointGraphicalLasso,
        answer: JointAnswer,
        data: &[Covariance],
        (lambda1, lambda2): (f64, f64),
    ) -> Result<Self> {
        let JointAnswer { classes, equal, weights, certificate, status, iterations } = answer;
        let models = (classes.into_iter().zip(data))
            .map(|(class, data)| PrecisionModel::assemble(class, data, lambda1, estimator.variable_names.clone()));
        Ok(Self {
            classes: models.collect::<Result<_>>()?,
            equal,
            weights,
            class_names: estimator.class_names.clone(),
            coupling: estimator.coupling,
            lambda1,
            lambda2,
            certificate,
            status,
            iterations,
        })
    }

    /// One model per class. Their λ is λ₁; certificate, status and iterations are those of all classes together.
    pub fn classes(&self) -> &[PrecisionModel] {
        &self.classes
    }

    /// The name of class k: the given one, else `class` and its number.
    pub fn class_name(&self, k: usize) -> String {
        self.class_names.as_ref().and_then(|names| names.get(k).cloned()).unwrap_or_else(|| format!("class {k}"))
    }

    /// The pairs that are edges in at least one class, those with the largest |partial correlation| in a class first.
    pub fn edges(&self) -> Vec<JointEdge> {
        let p = self.size();
        let mut edges = Vec::new();
        for i in 0..p {
            for j in i + 1..p {
                let precision: Vec<f64> = self.classes.iter().map(|m| m.precision()[[i, j]]).collect();
                if precision.iter().all(|v| *v == 0.0) {
                    continue;
                }
                let partial = |(m, v): (&PrecisionModel, &f64)| {
                    if *v == 0.0 { 0.0 } else { -v / m.precision()[[i, i]].sqrt() / m.precision()[[j, j]].sqrt() }
                };
                let partial_correlation = self.classes.iter().zip(&precision).map(partial).collect();
                let equal = self.equal.binary_search(&(i, j)).is_ok();
                edges.push(JointEdge { i, j, precision, partial_correlation, equal });
            }
        }
        edges.sort_by(|a, b| b.strength().total_cmp(&a.strength()));
        edges
    }

    /// The edges that every class has.
    pub fn shared_edges(&self) -> Vec<JointEdge> {
        self.edges().into_iter().filter(JointEdge::is_shared).collect()
    }

    /// The edges that some classes have and some do not.
    pub fn specific_edges(&self) -> Vec<JointEdge> {
        self.edges().into_iter().filter(|e| !e.is_shared()).collect()
    }

    /// The edges whose θ_ij is not the same in all classes: what the fused form says differs. (Most, in the group form.)
    pub fn differing_edges(&self) -> Vec<JointEdge> {
        self.edges().into_iter().filter(|e| !e.equal).collect()
    }

    /// ω: how much each class counts, with mean 1.
    pub fn class_weights(&self) -> &[f64] {
        &self.weights
    }

    /// The value of an information criterion: the sum over the classes of [`PrecisionModel::criterion`] (Danaher, Wang and
    /// Witten 2014, section 3.4, for Akaike's).
    ///
    /// # Errors
    /// As [`PrecisionModel::criterion`].
    pub fn criterion(&self, criterion: Criterion) -> Result<f64> {
        self.classes.iter().map(|m| m.criterion(criterion)).sum()
    }

    /// The form of the penalty.
    pub fn coupling(&self) -> Coupling {
        self.coupling
    }

    /// λ₁ of the fit.
    pub fn lambda1(&self) -> f64 {
        self.lambda1
    }

    /// λ₂ of the fit.
    pub fn lambda2(&self) -> f64 {
        self.lambda2
    }

    /// The proof of how close the answer is to the optimum. `scale` is pK.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// How the solve ended.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Newton steps.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    fn size(&self) -> usize {
        self.classes.first().map_or(0, |m| m.precision().ncols())
    }
}

/// Most edges that `Display` shows.
const SHOWN: usize = 20;

impl fmt::Display for JointPrecisionModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (edges, p) = (self.edges(), self.size());
        let shared = edges.iter().filter(|e| e.is_shared()).count();
        let form = match self.coupling {
            Coupling::Group => "group",
            Coupling::Fused => "fused",
        };
        writeln!(
            f,
            "{form}   λ₁ {:.6e}   λ₂ {:.6e}   {} classes   {p} variables   {}",
            self.lambda1,
            self.lambda2,
            self.classes.len(),
            self.status
        )?;
        writeln!(f, "{}", self.certificate)?;
        let names: Vec<String> = (0..self.classes.len()).map(|k| self.class_name(k)).collect();
        let wide = names.iter().map(|n| n.chars().count()).max().unwrap_or(0).max(13);
        for (name, model) in names.iter().zip(&self.classes) {
            writeln!(f, "  {name:<wide$} {:>6} edges   {} components", model.edge_count(), model.components().len())?;
        }
        writeln!(f, "  in all classes {shared}   in some {}   equal {}", edges.len() - shared, self.equal.len())?;
        let shown = &edges[..edges.len().min(SHOWN)];
        let name = |j: usize| self.classes.first().map_or_else(String::new, |m| m.variable_name(j));
        let width = shown.iter().flat_map(|e| [e.i, e.j]).map(|j| name(j).chars().count()).max().unwrap_or(0).max(4);
        if !shown.is_empty() {
            write!(f, "  {:<width$}   {:<width$} ", "partial correlations", "", width = width)?;
            names.iter().try_for_each(|name| write!(f, " {name:>wide$}"))?;
            writeln!(f)?;
        }
        for e in shown {
            write!(f, "  {:<width$} – {:<width$} ", name(e.i), name(e.j))?;
            e.partial_correlation.iter().try_for_each(|r| write!(f, " {r:>wide$.6}"))?;
            writeln!(f, "{}", if e.equal { "  equal" } else { "" })?;
        }
        if edges.len() > SHOWN {
            writeln!(f, "  … and {} more", edges.len() - SHOWN)?;
        }
        Ok(())
    }
}
