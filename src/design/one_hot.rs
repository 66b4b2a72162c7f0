//! Categories as columns of zeros and ones.

use super::Csc;
use crate::error::{Error, Result, check_length};
use crate::partition::Groups;

/// How factors (variables whose values are names) become columns: one for each level, 1 where the factor has it.
///
/// The levels, their order and the columns are fixed when this is made, so new rows get the columns of the old ones; a level
/// that was not there is an error, not a row of zeros. [`encode`](Self::encode) gives a [`Csc`], one entry for each row and
/// factor.
///
/// All levels of a factor add up to the intercept. A penalised fit can have them all; without a penalty, or to measure
/// against a reference, leave out the first of each with [`drop_first`](Self::drop_first).
///
/// ```
/// use ndarray::array;
/// use sparsereg::Error;
/// use sparsereg::design::OneHot;
/// use sparsereg::prelude::*;
/// let colour = ["red", "blue", "red", "green", "blue", "red"];
/// let size = ["S", "L", "L", "S", "S", "L"];
/// let coding = OneHot::of(&["colour", "size"], &[&colour, &size])?; // levels sorted by name
/// assert_eq!(coding.names(), ["colour=blue", "colour=green", "colour=red", "size=L", "size=S"]);
/// let x = coding.encode(&[&colour, &size])?;
/// let y = array![3.0, 1.0, 3.1, 0.9, 1.1, 2.9];
/// let model = GroupLasso::new(0.05, coding.groups()?).fit(&x, &y)?; // whole factors
/// let new = coding.encode(&[&["red"], &["S"]])?;
/// assert!((model.predict(&new)?[0] - 3.0).abs() < 0.3);
/// let unknown = coding.encode(&[&["pink"], &["S"]]);
/// assert!(matches!(unknown, Err(Error::UnknownLevel { row: 0, level, .. }) if level == "pink"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneHot {
    factors: Vec<Factor>,
    drop_first: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Factor {
    name: String,
    levels: Vec<String>,
    /// The places of the levels, in the order of their names.
    sorted: Vec<usize>,
}

impl Factor {
    fn position(&self, level: &str) -> Option<usize> {
        self.sorted.binary_search_by(|&k| self.levels[k].as_str().cmp(level)).ok().map(|at| self.sorted[at])
    }
}

impl OneHot {
    /// Factors with these levels, in that order.
    ///
    /// # Errors
    /// [`Error::Empty`] without factors or for one without levels; [`Error::OutOfRange`] for a level that is listed twice.
    ///
    /// ```
    /// use sparsereg::design::OneHot;
    /// let coding = OneHot::new(&[("dose", vec!["none", "low", "high"])])?.drop_first();
    /// assert_eq!(coding.names(), ["dose=low", "dose=high"]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn new<N: AsRef<str>, L: AsRef<str>>(factors: &[(N, Vec<L>)]) -> Result<Self> {
        if factors.is_empty() || factors.iter().any(|(_, levels)| levels.is_empty()) {
            return Err(Error::Empty { argument: "factors" });
        }
        let mut all = Vec::with_capacity(factors.len());
        for (f, (name, levels)) in factors.iter().enumerate() {
            let levels: Vec<String> = levels.iter().map(|level| level.as_ref().to_owned()).collect();
            let mut sorted: Vec<usize> = (0..levels.len()).collect();
            sorted.sort_by(|&a, &b| levels[a].cmp(&levels[b]));
            if let Some(twice) = sorted.windows(2).find(|pair| levels[pair[0]] == levels[pair[1]]) {
                let (index, expected) = (vec![f, twice[1]], "levels that are listed once");
                return Err(Error::OutOfRange { argument: "factors", index, value: twice[1] as f64, expected });
            }
            all.push(Factor { name: name.as_ref().to_owned(), levels, sorted });
        }
        Ok(Self { factors: all, drop_first: false })
    }

    /// Factors with the levels that occur in `columns`, sorted by name; one column of values for each name.
    ///
    /// # Errors
    /// [`Error::Length`] for other than one column for each name, [`Error::Empty`] without columns or values.
    pub fn of<N: AsRef<str>, L: AsRef<str>>(names: &[N], columns: &[&[L]]) -> Result<Self> {
        check_length("columns", names.len(), columns.len())?;
        let levels = columns.iter().map(|values| {
            let mut levels: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
            levels.sort_unstable();
            levels.dedup();
            levels
        });
        Self::new(&names.iter().map(AsRef::as_ref).zip(levels).collect::<Vec<_>>())
    }

    /// Without a column for the first level of each factor, which the intercept then stands for.
    pub fn drop_first(self) -> Self {
        Self { drop_first: true, ..self }
    }

    fn width(&self, factor: &Factor) -> usize {
        factor.levels.len() - usize::from(self.drop_first)
    }

    /// The number of columns.
    pub fn ncols(&self) -> usize {
        self.factors.iter().map(|factor| self.width(factor)).sum()
    }

    /// `factor=level` of every column.
    pub fn names(&self) -> Vec<String> {
        let skip = usize::from(self.drop_first);
        let names = |factor: &Factor| -> Vec<String> {
            factor.levels.iter().skip(skip).map(|level| format!("{}={level}", factor.name)).collect()
        };
        self.factors.iter().flat_map(names).collect()
    }

    /// The columns of each factor as a group, factors without columns left out.
    ///
    /// # Errors
    /// [`Error::Empty`] if no factor has a column.
    pub fn groups(&self) -> Result<Groups> {
        let sizes: Vec<usize> = self.factors.iter().map(|factor| self.width(factor)).filter(|&w| w > 0).collect();
        Groups::from_sizes(&sizes)
    }

    /// The columns of zeros and ones for these values, one slice for each factor.
    ///
    /// # Errors
    /// [`Error::UnknownLevel`] with the factor and the row; [`Error::Length`] for a wrong number of factors and for factors
    /// of different lengths; [`Error::Empty`] without rows or columns.
    pub fn encode<L: AsRef<str>>(&self, columns: &[&[L]]) -> Result<Csc> {
        check_length("columns", self.factors.len(), columns.len())?;
        let n = columns[0].len();
        let (mut indptr, mut indices) = (vec![0], Vec::new());
        for (factor, values) in self.factors.iter().zip(columns) {
            check_length("columns", n, values.len())?;
            let mut rows: Vec<Vec<u32>> = vec![Vec::new(); factor.levels.len()];
            for (row, level) in values.iter().enumerate() {
                let unknown =
                    || Error::UnknownLevel { factor: factor.name.clone(), row, level: level.as_ref().to_owned() };
                rows[factor.position(level.as_ref()).ok_or_else(unknown)?].push(row as u32);
            }
            for rows in rows.into_iter().skip(usize::from(self.drop_first)) {
                indices.extend(rows);
                indptr.push(indices.len());
            }
        }
        let values = vec![1.0; indices.len()];
        Csc::from_parts(n, self.ncols(), indptr, indices, values)
    }
}
