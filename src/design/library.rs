//! Libraries of candidate functions for dictionary methods.

use super::{AsDesign, Dense, Design, Element, Interactions, LinearOperator, Terms};
use crate::error::{Error, Result, check_length};

/// A power beyond this is 0, 1 or overflows for all but numbers next to ±1, and each lists its factors.
const MOST_DEGREE: usize = 1000;

/// Functions of some variables among which a sparse regression is to choose, as in the sparse identification of nonlinear
/// dynamics (Brunton, Proctor & Kutz, PNAS 113, 2016): monomials, and sines and cosines of multiples of each variable.
/// There is no constant: that is the intercept.
///
/// [`on`](Self::on) gives the design for some rows. Of it only the variables and their sines and cosines are stored; products
/// are formed as they are needed, see [`Interactions`].
///
/// ```
/// use ndarray::{Array1, Array2};
/// use sparsereg::prelude::*;
/// use sparsereg::design::Library;
/// let library = Library::new(2).polynomial(2).trigonometric(1);
/// assert_eq!(library.names(&["x", "y"])?, ["x", "y", "sin(x)", "cos(x)", "sin(y)", "cos(y)", "x^2", "x·y", "y^2"]);
/// let states = Array2::from_shape_fn((50, 2), |(i, j)| ((i * (3 + j) * 7) % 50) as f64 / 10.0);
/// let rate: Array1<f64> = states.rows().into_iter().map(|s| 1.5 * s[0] * s[1] - 2.0 * f64::sin(s[1])).collect();
/// let model = Lasso::new(1e-4).fit(&library.on(&states)?, &rate)?;
/// let w = model.coefficients();
/// assert!((w[7] - 1.5).abs() < 1e-2 && (w[4] + 2.0).abs() < 1e-2);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    nvariables: usize,
    degree: usize,
    mixed: bool,
    harmonics: usize,
}

impl Library {
    /// The variables themselves.
    pub fn new(nvariables: usize) -> Self {
        Self { nvariables, degree: 1, mixed: true, harmonics: 0 }
    }

    /// All monomials up to this degree, 1 or more.
    pub fn polynomial(self, degree: usize) -> Self {
        Self { degree, mixed: true, ..self }
    }

    /// Powers of single variables up to this degree, without products of different ones.
    ///
    /// ```
    /// use sparsereg::design::Library;
    /// assert_eq!(Library::new(2).powers(3).names(&["x", "y"])?, ["x", "y", "x^2", "y^2", "x^3", "y^3"]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn powers(self, degree: usize) -> Self {
        Self { degree, mixed: false, ..self }
    }

    /// `sin(k x)` and `cos(k x)` for every variable and k = 1, …, `harmonics`.
    pub fn trigonometric(self, harmonics: usize) -> Self {
        Self { harmonics, ..self }
    }

    /// Products of the stored columns: variables first, then for each of them sines and cosines.
    fn terms(&self) -> Result<Terms> {
        let (p, all) = (self.nvariables, self.nvariables * (1 + 2 * self.harmonics));
        if p == 0 {
            return Err(Error::Empty { argument: "variables" });
        }
        if self.degree == 0 {
            return Err(Error::OutOfRange { argument: "degree", index: vec![], value: 0.0, expected: "1, 2, …" });
        }
        if self.degree > MOST_DEGREE {
            let (index, value, expected) = (vec![], self.degree as f64, "at most 1000");
            return Err(Error::OutOfRange { argument: "degree", index, value, expected });
        }
        let mut list: Vec<Vec<usize>> = (p..all).map(|j| vec![j]).collect();
        match self.mixed {
            true => list.extend(Terms::polynomial(p, self.degree)?.iter()),
            false => list.extend((0..p).flat_map(|j| (1..=self.degree).map(move |d| vec![j; d]))),
        }
        Terms::new(all, &list)
    }

    /// What the columns are called, given the names of the variables.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is a name for each variable; [`Error::Empty`] without variables and
    /// [`Error::OutOfRange`] for degree 0 or above 1000, or more terms than can be listed.
    pub fn names<S: AsRef<str>>(&self, variables: &[S]) -> Result<Vec<String>> {
        check_length("variables", self.nvariables, variables.len())?;
        let mut stored: Vec<String> = variables.iter().map(|name| name.as_ref().to_owned()).collect();
        for name in variables.iter().map(AsRef::as_ref) {
            for k in 1..=self.harmonics {
                let argument = if k == 1 { name.to_owned() } else { format!("{k} {name}") };
                stored.extend([format!("sin({argument})"), format!("cos({argument})")]);
            }
        }
        self.terms()?.names(&stored)
    }

    /// The library evaluated at the rows of `x`, observations × variables.
    ///
    /// # Errors
    /// Those of [`AsDesign::as_design`] and [`names`](Self::names).
    pub fn on<X: AsDesign + ?Sized>(&self, x: &X) -> Result<Interactions<'static>> {
        let x = x.as_design()?;
        check_length("x columns", self.nvariables, x.ncols())?;
        let (n, p) = (x.nrows(), x.ncols());
        let mut values = vec![0.0; n * p];
        values.chunks_exact_mut(n).enumerate().for_each(|(j, out)| x.column(j, out));
        for j in 0..p {
            for k in 1..=self.harmonics {
                for wave in [f64::sin, f64::cos] {
                    values.extend_from_within(j * n..(j + 1) * n);
                    let from = values.len() - n;
                    values[from..].iter_mut().for_each(|v| *v = wave(k as f64 * *v));
                }
            }
        }
        let stored = Dense::from_columns(values, n, p * (1 + 2 * self.harmonics))?;
        Interactions::with_base(f64::any(stored), self.terms()?.into(), None)
    }
}
