//! How much each class counts.

use crate::error::{Error, Result, check_length};
use crate::estimator::JointGraphicalLasso;
use crate::estimator::graphical_lasso::covariance::Covariance;

/// How much the likelihood of each class counts. Whatever they are, weights are rescaled to mean 1, so that λ keeps the meaning it
/// has for one class.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum ClassWeights {
    /// All the same.
    #[default]
    Equal,
    /// In proportion to the numbers of samples n_k.
    SampleSize,
    /// Given, positive.
    Given(Vec<f64>),
}

impl From<Vec<f64>> for ClassWeights {
    fn from(weights: Vec<f64>) -> Self {
        Self::Given(weights)
    }
}

impl JointGraphicalLasso {
    /// ω, with mean 1.
    pub(super) fn weights(&self, data: &[Covariance]) -> Result<Vec<f64>> {
        let raw = match &self.class_weights {
            ClassWeights::Equal => return Ok(vec![1.0; data.len()]),
            ClassWeights::SampleSize => {
                let sizes = data.iter().map(|class| Some(class.nobservations? as f64)).collect::<Option<Vec<f64>>>();
                let reason = "covariances do not say of how many samples they are: JointGraphicalLasso::observations";
                sizes.ok_or(Error::Unsupported { argument: "class_weights", reason })?
            }
            ClassWeights::Given(weights) => weights.clone(),
        };
        check_length("class_weights", data.len(), raw.len())?;
        let largest = raw.iter().copied().fold(0.0, f64::max);
        let mean = raw.iter().map(|w| w / largest).sum::<f64>() / raw.len() as f64;
        let weights: Vec<f64> = raw.iter().map(|w| w / largest / mean).collect();
        let positive = |weights: &[f64]| weights.iter().position(|w| !(*w > 0.0 && w.is_finite()));
        match positive(&raw).or_else(|| positive(&weights)) {
            Some(k) => {
                let expected = "a finite number > 0";
                Err(Error::OutOfRange { argument: "class_weights", index: vec![k], value: raw[k], expected })
            }
            None => Ok(weights),
        }
    }
}
