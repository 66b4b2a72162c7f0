//! The irrepresentable conditions: whether a lasso or a group lasso can find a support.

use super::block_coherence::check_groups;
use super::unit_columns;
use crate::design::{AnyDesign, AsDesign, Design, LinearOperator};
use crate::error::{Error, Result, check_finite, check_length};
use crate::linalg::Cholesky;
use crate::partition::Groups;

/// A pivot below this share of its diagonal element is rounding.
const SINGULAR: f64 = 1e-13;

/// How well columns outside a support imitate those inside.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Irrepresentable {
    /// `max_{j∉S} |x_jᵀ X_S (X_SᵀX_S)⁻¹ s|` for the given signs s; 0 if all columns are in S.
    pub value: f64,
    /// The first column that attains it.
    pub column: Option<usize>,
    /// The same for the worst signs, `max_{j∉S} ‖(X_SᵀX_S)⁻¹ X_Sᵀ x_j‖₁`.
    pub any_signs: f64,
}

/// The irrepresentable condition of a support S with signs s: `max_{j∉S} |x_jᵀ X_S (X_SᵀX_S)⁻¹ s| < 1`.
///
/// If it holds, the lasso without noise has exactly this support and these signs for every small enough λ, and with noise
/// asymptotically (with a margin, and a λ that falls slowly enough). If the value is **above** 1, it has them with
/// probability at most ½, whatever λ, if the noise is symmetric (Wainwright 2009). That is about the support: predictions can
/// be good without it. `any_signs < 1` is the condition for all coefficients on S at once, with which basis pursuit and, for
/// columns of norm 1, orthogonal matching pursuit find them without noise (Tropp 2004).
///
/// The columns are taken as the lasso gets them: neither normalised nor centred. Source: Zhao & Yu 2006, §2.1;
/// Fuchs 2004.
///
/// # Errors
/// [`Error::Empty`] for no support, [`Error::Index`] for a column that does not exist, [`Error::OutOfRange`] for one listed
/// twice or a sign other than ±1, [`Error::Length`] if signs and support differ, [`Error::IllPosed`] if the columns of the
/// support are linearly dependent (to 13 digits of `XᵀX`), and those of [`AsDesign::as_design`].
///
/// ```
/// use ndarray::array;
/// use sparsereg::diagnostics::irrepresentable;
/// let x = array![[1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.0, 0.0, 0.5]];
/// let same = irrepresentable(&x, &[0, 1], &[1.0, 1.0])?;
/// assert!((same.value - 1.2).abs() < 1e-15 && same.column == Some(2));       // the third column stands in for both
/// assert_eq!(irrepresentable(&x, &[0, 1], &[1.0, -1.0])?.value, 0.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn irrepresentable<X: AsDesign + ?Sized>(x: &X, support: &[usize], signs: &[f64]) -> Result<Irrepresentable> {
    let x = unit_columns::design(x)?;
    let p = x.ncols();
    if support.is_empty() {
        return Err(Error::Empty { argument: "support" });
    }
    check_length("signs", support.len(), signs.len())?;
    if let Some(k) = signs.iter().position(|s| s.abs() != 1.0) {
        return Err(Error::OutOfRange { argument: "signs", index: vec![k], value: signs[k], expected: "1 or -1" });
    }
    let mut inside = vec![false; p];
    for (position, &j) in support.iter().enumerate() {
        if j >= p {
            return Err(Error::Index { argument: "support", position, index: j, len: p });
        }
        if std::mem::replace(&mut inside[j], true) {
            let expected = "columns that are listed once";
            return Err(Error::OutOfRange { argument: "support", index: vec![position], value: j as f64, expected });
        }
    }
    let gram = SupportGram::new(&x, support)?;
    let mut direction = signs.to_vec();
    gram.factor.solve_in_place(&mut direction);
    let outside: Vec<usize> = (0..p).filter(|&j| !inside[j]).collect();
    let mut found = Irrepresentable { value: 0.0, column: outside.first().copied(), any_signs: 0.0 };
    gram.products(&x, &outside, |j, product| {
        let value = product.iter().zip(&direction).map(|(a, b)| a * b).sum::<f64>().abs();
        if value > found.value {
            (found.value, found.column) = (value, Some(j));
        }
        gram.factor.solve_in_place(product);
        found.any_signs = product.iter().map(|v| v.abs()).sum::<f64>().max(found.any_signs);
    });
    Ok(found)
}

/// How well groups outside a support imitate those inside.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GroupIrrepresentable {
    /// `max_{g∉S} ‖X_gᵀ X_S (X_SᵀX_S)⁻¹ u‖₂ / ω_g`, where `u_h = ω_h w_h/‖w_h‖₂` for the groups h of S; 0 if all groups
    /// are in S.
    pub value: f64,
    /// The first group that attains it.
    pub group: Option<usize>,
}

/// The irrepresentable condition of the group lasso with weights ω for true coefficients w, S the groups where w is not 0:
/// `max_{g∉S} ‖X_gᵀ X_S (X_SᵀX_S)⁻¹ u‖₂ / ω_g < 1`, `u_h = ω_h w_h/‖w_h‖₂`.
///
/// If it holds, the groups are found without noise for every small enough λ, and with noise asymptotically; if the value is
/// above 1, they are not found so. Default weights are `√|g|`, as of [`GroupLasso`](crate::estimator::GroupLasso).
/// For groups of one column with equal weights it is [`irrepresentable`]. The columns are taken as they are.
/// Source: Bach 2008.
///
/// # Errors
/// [`Error::Length`] for `groups`, `coefficients` or `weights` of another length, [`Error::NotFinite`] for a coefficient,
/// [`Error::OutOfRange`] for a weight that is not positive and finite, [`Error::Unsupported`] for groups that overlap,
/// [`Error::Empty`] if all coefficients are 0, [`Error::IllPosed`] as [`irrepresentable`].
///
/// ```
/// use ndarray::array;
/// use sparsereg::{diagnostics::group_irrepresentable, partition::Groups};
/// let x = array![[1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.0, 0.0, 0.5]];
/// let groups = Groups::from_sizes(&[2, 1])?;
/// let found = group_irrepresentable(&x, &groups, &[3.0, 4.0, 0.0], None)?;
/// assert!((found.value - 2f64.sqrt() * 0.6 * (0.6 + 0.8)).abs() < 1e-15 && found.group == Some(1));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn group_irrepresentable<X: AsDesign + ?Sized>(
    x: &X,
    groups: &Groups,
    coefficients: &[f64],
    weights: Option<&[f64]>,
) -> Result<GroupIrrepresentable> {
    let x = unit_columns::design(x)?;
    check_groups(groups, x.ncols())?;
    check_length("coefficients", x.ncols(), coefficients.len())?;
    check_finite("coefficients", coefficients)?;
    let weights = weights.map_or_else(|| groups.default_weights(), <[f64]>::to_vec);
    check_length("weights", groups.len(), weights.len())?;
    if let Some(g) = weights.iter().position(|&v| !(v > 0.0 && v.is_finite())) {
        let expected = "a finite number > 0";
        return Err(Error::OutOfRange { argument: "weights", index: vec![g], value: weights[g], expected });
    }
    let (mut support, mut direction, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for (g, &weight) in weights.iter().enumerate() {
        let members = groups.members(g);
        // Divided by the largest first: squares of tiny coefficients would vanish.
        let largest = members.iter().fold(0.0_f64, |m, &j| m.max(coefficients[j].abs()));
        if largest == 0.0 {
            rest.push(g);
            continue;
        }
        let norm = members.iter().map(|&j| (coefficients[j] / largest).powi(2)).sum::<f64>().sqrt();
        support.extend_from_slice(members);
        direction.extend(members.iter().map(|&j| weight * (coefficients[j] / largest) / norm));
    }
    if support.is_empty() {
        return Err(Error::Empty { argument: "support of the coefficients" });
    }
    let gram = SupportGram::new(&x, &support)?;
    gram.factor.solve_in_place(&mut direction);
    let mut found = GroupIrrepresentable { value: 0.0, group: rest.first().copied() };
    for g in rest {
        let mut square = 0.0;
        gram.products(&x, groups.members(g), |_, product| {
            square += product.iter().zip(&direction).map(|(a, b)| a * b).sum::<f64>().powi(2);
        });
        let value = square.sqrt() / weights[g];
        if value > found.value {
            found = GroupIrrepresentable { value, group: Some(g) };
        }
    }
    Ok(found)
}

/// X_SᵀX_S, factored.
struct SupportGram<'a> {
    support: &'a [usize],
    factor: Cholesky,
}

impl<'a> SupportGram<'a> {
    fn new(x: &AnyDesign<'_>, support: &'a [usize]) -> Result<Self> {
        let s = support.len();
        let mut gram = vec![0.0; s * s];
        x.cross_gram(support, support, &mut gram);
        let dependent = |pivot: usize| Error::IllPosed {
            reason: format!("column {} of the support depends linearly on those before it", support[pivot]),
        };
        let factor = Cholesky::factor(&gram, s).map_err(|e| dependent(e.pivot))?;
        match (0..s).find(|&k| factor.lower(k, k).powi(2) <= SINGULAR * gram[k * s + k]) {
            Some(pivot) => Err(dependent(pivot)),
            None => Ok(Self { support, factor }),
        }
    }

    /// Calls `f` with each column j and `X_Sᵀ x_j`.
    fn products(&self, x: &AnyDesign<'_>, columns: &[usize], mut f: impl FnMut(usize, &mut [f64])) {
        let s = self.support.len();
        let mut products = Vec::new();
        for columns in columns.chunks(unit_columns::tile_width(x.nrows())) {
            products.clear();
            products.resize(s * columns.len(), 0.0);
            x.cross_gram(self.support, columns, &mut products);
            columns.iter().zip(products.chunks_exact_mut(s)).for_each(|(&j, product)| f(j, product));
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};
    use proptest::prelude::*;

    use super::super::mutual_coherence;
    use super::super::test_matrices::random;
    use super::*;
    use crate::prelude::{Configure, Estimator, GroupLasso, Lasso, Model};

    #[test]
    fn equicorrelated_columns_have_a_closed_form() {
        // XᵀX = (1 − r)I + r11ᵀ, s = 1: x_jᵀX_S(X_SᵀX_S)⁻¹1 = kr/(1 + (k − 1)r) < 1 for every k and r < 1 (Zhao & Yu
        // 2006); with alternating signs 0 for even k.
        let (p, r) = (7, 0.4);
        let gram = Array2::from_shape_fn((p, p), |(i, j)| if i == j { 1.0 } else { r });
        let factor = Cholesky::factor(&gram.iter().copied().collect::<Vec<_>>(), p).unwrap();
        let x = Array2::from_shape_fn((p, p), |(i, j)| if i <= j { factor.lower(j, i) } else { 0.0 });
        for k in 1..p {
            let support: Vec<usize> = (0..k).collect();
            let found = irrepresentable(&x, &support, &vec![1.0; k]).unwrap();
            let expected = k as f64 * r / (1.0 + (k - 1) as f64 * r);
            assert!((found.value - expected).abs() < 1e-14 && (found.any_signs - expected).abs() < 1e-14);
            let signs: Vec<f64> = (0..k).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
            if k % 2 == 0 {
                assert!(irrepresentable(&x, &support, &signs).unwrap().value < 1e-15);
            }
        }
        let all = irrepresentable(&x, &[0, 1, 2, 3, 4, 5, 6], &[1.0; 7]).unwrap();
        assert_eq!(all, Irrepresentable { value: 0.0, column: None, any_signs: 0.0 });
    }

    #[test]
    fn the_lasso_finds_the_support_if_and_only_if() {
        // The third column is 0.6 of each of the first two, and of what they are not.
        let x = array![[1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.0, 0.0, 0.5]];
        for (w, holds) in [([1.0, 1.0, 0.0], false), ([1.0, -1.0, 0.0], true)] {
            let signs: Vec<f64> = w[..2].to_vec();
            assert_eq!(irrepresentable(&x, &[0, 1], &signs).unwrap().value < 1.0, holds);
            let y = x.dot(&Array1::from(w.to_vec()));
            for lambda in [1e-3, 1e-2, 0.05] {
                let model = Lasso::new(lambda).intercept(false).tolerance(1e-10).fit(&x, &y).unwrap();
                assert_eq!(model.support() == [0, 1], holds, "{lambda}");
            }
        }
    }

    #[test]
    fn the_group_lasso_finds_the_groups_if_and_only_if() {
        let groups = Groups::from_sizes(&[2, 2]).unwrap();
        for (tilt, holds) in [(0.3, true), (0.9, false)] {
            let x = array![[1.0, 0.0, tilt, 0.0], [0.0, 1.0, tilt, 0.0], [0.0, 0.0, 0.5, 0.0], [0.0, 0.0, 0.0, 1.0]];
            let w = [1.0, 1.0, 0.0, 0.0];
            let found = group_irrepresentable(&x, &groups, &w, None).unwrap();
            assert!((found.value - tilt * 2.0_f64.sqrt()).abs() < 1e-14 && found.group == Some(1));
            assert_eq!(found.value < 1.0, holds);
            let y = x.dot(&Array1::from(w.to_vec()));
            let model = GroupLasso::new(0.01, groups.clone()).intercept(false).tolerance(1e-10).fit(&x, &y).unwrap();
            assert_eq!(model.support() == [0, 1], holds);
        }
    }

    #[test]
    fn bad_arguments_are_named() {
        let x = array![[1.0, 2.0, 0.0], [1.0, 2.0, 1.0]];
        assert!(matches!(irrepresentable(&x, &[], &[]), Err(Error::Empty { argument: "support" })));
        assert!(matches!(
            irrepresentable(&x, &[0, 3], &[1.0, 1.0]),
            Err(Error::Index { argument: "support", position: 1, index: 3, len: 3 })
        ));
        assert!(matches!(
            irrepresentable(&x, &[2, 2], &[1.0, 1.0]),
            Err(Error::OutOfRange { argument: "support", value: 2.0, .. })
        ));
        assert!(matches!(
            irrepresentable(&x, &[0, 2], &[1.0, 0.5]),
            Err(Error::OutOfRange { argument: "signs", value: 0.5, .. })
        ));
        assert!(matches!(irrepresentable(&x, &[0], &[1.0, 1.0]), Err(Error::Length { argument: "signs", .. })));
        // Dependent columns, and a column of zeros.
        assert!(matches!(irrepresentable(&x, &[0, 1], &[1.0, 1.0]), Err(Error::IllPosed { .. })));
        assert!(matches!(irrepresentable(&array![[0.0, 1.0]], &[0], &[1.0]), Err(Error::IllPosed { .. })));
        let groups = Groups::from_sizes(&[1, 2]).unwrap();
        let run = |w: &[f64], weights: Option<&[f64]>| group_irrepresentable(&x, &groups, w, weights);
        assert!(matches!(run(&[0.0; 3], None), Err(Error::Empty { .. })));
        assert!(matches!(run(&[0.0; 2], None), Err(Error::Length { argument: "coefficients", .. })));
        assert!(matches!(run(&[1.0, f64::NAN, 0.0], None), Err(Error::NotFinite { argument: "coefficients", .. })));
        assert!(matches!(
            run(&[1.0, 0.0, 0.0], Some(&[1.0, 0.0])),
            Err(Error::OutOfRange { argument: "weights", index, .. }) if index == [1]
        ));
    }

    proptest! {
        #[test]
        fn small_supports_pass_if_coherence_says_so(seed in 0u64..1000, n in 2usize..30, p in 3usize..12) {
            let mut x = random(seed, n, p);
            x.columns_mut().into_iter().for_each(|mut c| c /= c.dot(&c).sqrt());
            let most = mutual_coherence(&x).unwrap().recovery_bound().largest;
            let k = most.min(p - 1);
            let support: Vec<usize> = (0..k).collect();
            let signs: Vec<f64> = (0..k).map(|i| if seed >> i & 1 == 0 { 1.0 } else { -1.0 }).collect();
            if k > 0 {
                let found = irrepresentable(&x, &support, &signs).unwrap();
                prop_assert!(found.any_signs < 1.0 && found.value <= found.any_signs + 1e-12);
                let groups = Groups::from_sizes(&vec![1; p]).unwrap();
                let w: Vec<f64> = signs.iter().copied().chain(vec![0.0; p - k]).collect();
                let grouped = group_irrepresentable(&x, &groups, &w, None).unwrap();
                prop_assert!((grouped.value - found.value).abs() < 1e-12);
            }
        }
    }
}
