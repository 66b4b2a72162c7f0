//! From moments to the solver's problem.

use std::sync::Arc;

use crate::design::{AnyDesign, LinearOperator};
use crate::error::{Error, Result, check_length};
use crate::estimator::Options;
use crate::estimator::training::{CONSTANT, Training, Units};
use crate::loss::Squared;
use crate::moments::{Moments, Rows};

impl Training<'static> {
    /// The problem with the moments' objective, centred and scaled as the options say.
    ///
    /// # Errors
    /// Sample weights (they belong into the moments), moments at the edge of what can be represented.
    pub(crate) fn from_moments(moments: &Moments, options: &Options) -> Result<Self> {
        options.check()?;
        let p = moments.nfeatures();
        if options.sample_weights.is_some() {
            let reason = "moments are weighted when they are taken: Moments::weighted";
            return Err(Error::Unsupported { argument: "sample_weights", reason });
        }
        if options.offset.is_some() {
            let reason = "moments know no observations: subtract the offset from y before they are taken";
            return Err(Error::Unsupported { argument: "offset", reason });
        }
        if let Some(names) = &options.feature_names {
            check_length("feature_names", p, names.len())?;
        }
        let (mut central, variances, y_variances) = moments.central(options.intercept);
        let mut scales = vec![1.0; p];
        for (j, scale) in scales.iter_mut().enumerate() {
            let sd = variances[j].sqrt();
            if sd <= CONSTANT * central.means[j].abs() && (options.intercept || sd == 0.0) {
                // Without an intercept a constant column is one like others, unless it is to be divided by its deviation.
                if options.intercept || options.standardize {
                    *scale = f64::INFINITY;
                }
            } else if options.standardize {
                *scale = sd;
            }
        }
        for j in 0..p {
            for (i, v) in central.gram[j * p..(j + 1) * p].iter_mut().enumerate() {
                *v = if scales[i].is_finite() && scales[j].is_finite() { *v / scales[i] / scales[j] } else { 0.0 };
            }
            central.cross.iter_mut().skip(j).step_by(p).for_each(|c| *c /= scales[j]);
        }
        let total = y_variances.iter().sum::<f64>() / 2.0;
        let nresponses = central.squares.len();
        let Some(rows) = Rows::new(central.gram, central.cross, &central.squares, central.error) else {
            let expected = "moments whose squares are representable";
            return Err(Error::OutOfRange { argument: "moments", index: vec![], value: moments.weight(), expected });
        };
        let n = LinearOperator::nrows(&rows.x);
        let units = Units {
            nfeatures: p,
            nresponses,
            ncolumns: nresponses,
            means: if options.intercept { central.means.into() } else { Arc::default() },
            scales: if scales.iter().all(|&s| s == 1.0) { Arc::default() } else { scales.into() },
            y_means: if options.intercept { central.y_means } else { vec![0.0; nresponses] },
            intercept: options.intercept,
            total,
            nobservations: moments.nrows(),
            product_error: rows.error,
            ..Units::default()
        };
        Ok(Self { design: AnyDesign::Dense(rows.x), loss: Box::new(Squared::new(rows.y, n)), ones: false, units })
    }
}
