//! Which products of features: the columns of [`Interactions`](super::Interactions).

use crate::error::{Error, Result, check_length};
use crate::partition::Groups;

/// Products of features, each a list of its factors in ascending order, repeats allowed (`[2, 2]` is a square).
///
/// Products are sorted by their number of factors, then lexicographically: main effects come first, in the order of the
/// features. Term k is column k of the [`Interactions`](super::Interactions) made of them.
///
/// ```
/// use sparsereg::design::Terms;
/// let terms = Terms::pairs(3)?;
/// assert_eq!(terms.names(&["a", "b", "c"])?, ["a", "b", "c", "a·b", "a·c", "b·c"]);
/// assert_eq!((terms.term(4), terms.position(&[2, 0])), (vec![0, 2], Some(4)));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    nfeatures: usize,
    degrees: Vec<Degree>,
}

/// All products of the same number of factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Degree {
    /// Factors of each.
    pub degree: usize,
    /// The place of the first among all terms.
    pub first: usize,
    /// One after the other.
    pub factors: Vec<u32>,
}

/// More terms than this have more factors than memory has room for.
const MOST: f64 = (1u64 << 31) as f64;

impl Terms {
    /// Main effects and all products of two different ones of `nfeatures` features.
    ///
    /// # Errors
    /// As [`up_to`](Self::up_to).
    pub fn pairs(nfeatures: usize) -> Result<Self> {
        Self::up_to(nfeatures, 2)
    }

    /// Main effects and all products of up to `order` different features.
    ///
    /// # Errors
    /// [`Error::Empty`] without features; [`Error::OutOfRange`] for order 0 and for more than 2³¹ factors.
    ///
    /// ```
    /// # use sparsereg::design::Terms;
    /// assert_eq!(Terms::up_to(10, 3)?.len(), 10 + 45 + 120);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn up_to(nfeatures: usize, order: usize) -> Result<Self> {
        Self::check_features(nfeatures)?;
        let all: Vec<usize> = (0..nfeatures).collect();
        Self::among(nfeatures, order, &all)
    }

    /// All main effects, and products of up to `order` different ones of the features `main` alone: what strong heredity
    /// allows where these are the main effects in the model.
    ///
    /// # Errors
    /// As [`up_to`](Self::up_to), and [`Error::Index`] for a feature that does not exist.
    ///
    /// ```
    /// # use sparsereg::design::Terms;
    /// let terms = Terms::among(100, 2, &[3, 50, 7])?;
    /// assert_eq!((terms.len(), terms.term(101)), (103, vec![3, 50]));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn among(nfeatures: usize, order: usize, main: &[usize]) -> Result<Self> {
        if let Some(position) = main.iter().position(|&j| j >= nfeatures) {
            return Err(Error::Index { argument: "main", position, index: main[position], len: nfeatures });
        }
        let mut features: Vec<u32> = main.iter().map(|&j| j as u32).collect();
        features.sort_unstable();
        features.dedup();
        Self::products(nfeatures, &features, order, false)
    }

    /// All monomials of degree 1 to `degree`: features, their powers and the products of these.
    ///
    /// # Errors
    /// As [`up_to`](Self::up_to).
    ///
    /// ```
    /// # use sparsereg::design::Terms;
    /// let names = Terms::polynomial(2, 3)?.names(&["x", "y"])?;
    /// assert_eq!(names, ["x", "y", "x^2", "x·y", "y^2", "x^3", "x^2·y", "x·y^2", "y^3"]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn polynomial(nfeatures: usize, degree: usize) -> Result<Self> {
        Self::check_features(nfeatures)?;
        let all: Vec<u32> = (0..nfeatures as u32).collect();
        Self::products(nfeatures, &all, degree, true)
    }

    /// The products that are listed, in any order.
    ///
    /// # Errors
    /// [`Error::Empty`] without terms, and for a term without factors; [`Error::Index`] for a feature that does not exist;
    /// [`Error::OutOfRange`] for a term that is listed twice.
    ///
    /// ```
    /// # use sparsereg::design::Terms;
    /// let terms = Terms::new(4, &[vec![3, 1], vec![2], vec![0, 0]])?;
    /// assert_eq!(terms.iter().collect::<Vec<_>>(), [vec![2], vec![0, 0], vec![1, 3]]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn new(nfeatures: usize, list: &[Vec<usize>]) -> Result<Self> {
        if nfeatures == 0 || list.is_empty() || list.iter().any(Vec::is_empty) {
            return Err(Error::Empty { argument: "terms" });
        }
        let mut sorted: Vec<(Vec<u32>, usize)> = Vec::with_capacity(list.len());
        for (k, term) in list.iter().enumerate() {
            if let Some(&index) = term.iter().find(|&&j| j >= nfeatures) {
                return Err(Error::Index { argument: "terms", position: k, index, len: nfeatures });
            }
            let mut term: Vec<u32> = term.iter().map(|&j| j as u32).collect();
            term.sort_unstable();
            sorted.push((term, k));
        }
        sorted.sort_unstable_by(|(a, i), (b, j)| (a.len(), a, i).cmp(&(b.len(), b, j)));
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let (index, expected) = (vec![twice[1].1], "products that are listed once");
            return Err(Error::OutOfRange { argument: "terms", index, value: twice[1].0[0].into(), expected });
        }
        let mut terms = Self { nfeatures, degrees: Vec::new() };
        sorted.into_iter().for_each(|(term, _)| terms.push(&term));
        Ok(terms)
    }

    /// The square of every main effect among the terms, too.
    ///
    /// ```
    /// # use sparsereg::design::Terms;
    /// assert_eq!(Terms::pairs(2)?.with_squares().names(&["x", "y"])?, ["x", "y", "x^2", "x·y", "y^2"]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn with_squares(self) -> Self {
        let squares = |degree: usize| {
            let main = self.degrees.iter().find(|d| d.degree == 1).filter(|_| degree == 2);
            main.map_or(Vec::new(), |d| d.factors.iter().flat_map(|&j| [j, j]).collect::<Vec<u32>>())
        };
        let mut degrees: Vec<usize> = self.degrees.iter().map(|d| d.degree).chain([2]).collect();
        degrees.sort_unstable();
        degrees.dedup();
        let mut terms = Self { nfeatures: self.nfeatures, degrees: Vec::new() };
        for degree in degrees {
            let mut factors = squares(degree);
            (self.degrees.iter().filter(|d| d.degree == degree)).for_each(|d| factors.extend_from_slice(&d.factors));
            let mut all: Vec<&[u32]> = factors.chunks_exact(degree).collect();
            all.sort_unstable();
            all.dedup();
            all.into_iter().for_each(|term| terms.push(term));
        }
        terms
    }

    /// Only the terms for which `keep` holds: weak heredity, for example, keeps products with at least one factor in a set.
    ///
    /// # Errors
    /// [`Error::Empty`] if none is left.
    ///
    /// ```
    /// # use sparsereg::design::Terms;
    /// let weak = Terms::pairs(4)?.retain(|term| term.len() == 1 || term.contains(&2))?;
    /// assert_eq!(weak.len(), 4 + 3);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn retain(self, mut keep: impl FnMut(&[usize]) -> bool) -> Result<Self> {
        let mut terms = Self { nfeatures: self.nfeatures, degrees: Vec::new() };
        for degree in &self.degrees {
            for term in degree.factors.chunks_exact(degree.degree) {
                if keep(&term.iter().map(|&j| j as usize).collect::<Vec<_>>()) {
                    terms.push(term);
                }
            }
        }
        if terms.is_empty() { Err(Error::Empty { argument: "terms" }) } else { Ok(terms) }
    }

    /// The features that products are made of: columns of the base.
    pub fn nfeatures(&self) -> usize {
        self.nfeatures
    }

    /// The number of terms.
    pub fn len(&self) -> usize {
        self.degrees.last().map_or(0, |d| d.first + d.factors.len() / d.degree)
    }

    /// Whether there is none, which no constructor allows.
    pub fn is_empty(&self) -> bool {
        self.degrees.is_empty()
    }

    /// The factors of a term, ascending.
    ///
    /// # Panics
    /// If there is no such term.
    pub fn term(&self, k: usize) -> Vec<usize> {
        self.factors(k).iter().map(|&j| j as usize).collect()
    }

    /// All terms in order.
    pub fn iter(&self) -> impl Iterator<Item = Vec<usize>> + '_ {
        (0..self.len()).map(|k| self.term(k))
    }

    /// Where the product of these features, in any order, stands among the terms.
    pub fn position(&self, factors: &[usize]) -> Option<usize> {
        let mut wanted: Vec<u32> = factors.iter().map(|&j| u32::try_from(j).ok()).collect::<Option<_>>()?;
        wanted.sort_unstable();
        let d = self.degrees.iter().find(|d| d.degree == wanted.len())?;
        let (mut from, mut to) = (0, d.factors.len() / d.degree);
        while from < to {
            let middle = (from + to) / 2;
            let term = &d.factors[middle * d.degree..(middle + 1) * d.degree];
            match term.cmp(&wanted) {
                std::cmp::Ordering::Equal => return Some(d.first + middle),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// For every term the group of it and all products that divide it, in the order of the terms: a main effect alone, a pair with
    /// its two main effects, `a^2` with `a`. A fit whose support is a union of these groups, as that of
    /// [`LatentGroupLasso`](crate::estimator::LatentGroupLasso) is, has a product only together with its main effects: strong
    /// heredity by penalty (Lim & Hastie 2015), where [`among`](Self::among) has it by two fits. Divisors that are not among the
    /// terms are in no group.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for groups of more than 2³¹ members in all.
    ///
    /// ```
    /// use ndarray::{Array1, Array2};
    /// use sparsereg::design::{Interactions, Terms};
    /// use sparsereg::prelude::*;
    /// let groups = Terms::pairs(3)?.hierarchical_groups()?;
    /// assert_eq!((groups.len(), groups.members(1), groups.members(4)), (6, &[1][..], &[0, 2, 4][..]));
    ///
    /// // A product without main effects of its own: they come into the model with it, and nothing else does.
    /// let base = Array2::from_shape_fn((60, 5), |(i, j)| f64::sin((i * i * (j + 1) + 3 * j) as f64));
    /// let y = Array1::from_shape_fn(60, |i| 2.0 * base[[i, 1]] * base[[i, 4]]);
    /// let x = Interactions::pairs(&base)?;
    /// let names = x.terms().names(&["a", "b", "c", "d", "e"])?;
    /// let named = |model: &LinearModel| model.support().iter().map(|&j| names[j].clone()).collect::<Vec<_>>();
    /// let model = LatentGroupLasso::new(0.1, x.terms().hierarchical_groups()?).fit(&x, &y)?;
    /// assert_eq!(named(&model), ["b", "e", "b·e"]);
    /// assert_eq!(named(&Lasso::new(0.1).fit(&x, &y)?), ["b·e"]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn hierarchical_groups(&self) -> Result<Groups> {
        let divisors = |k: usize| -> f64 {
            self.factors(k).chunk_by(|a, b| a == b).map(|run| run.len() as f64 + 1.0).product::<f64>() - 1.0
        };
        let members: f64 = (0..self.len()).map(divisors).sum();
        if members > MOST {
            let expected = "products with so few divisors that they can be listed, 2³¹ in all";
            return Err(Error::OutOfRange { argument: "terms", index: vec![], value: members, expected });
        }
        let groups: Vec<Vec<usize>> = (0..self.len()).map(|k| self.divisors(k)).collect();
        Groups::overlapping(&groups, self.len())
    }

    /// The places of the terms that divide term k, k among them, ascending.
    fn divisors(&self, k: usize) -> Vec<usize> {
        // Exponents count up like the digits of a clock, each to that of its feature in term k.
        let runs: Vec<&[u32]> = self.factors(k).chunk_by(|a, b| a == b).collect();
        let mut exponents = vec![0; runs.len()];
        let mut found = Vec::new();
        while let Some(next) = (0..runs.len()).find(|&i| exponents[i] < runs[i].len()) {
            exponents[..next].fill(0);
            exponents[next] += 1;
            let factors: Vec<usize> =
                runs.iter().zip(&exponents).flat_map(|(run, &e)| run[..e].iter().map(|&j| j as usize)).collect();
            found.extend(self.position(&factors));
        }
        found.sort_unstable();
        found
    }

    /// `a·b`, `a^2·b`: what the terms are called, given the names of the features.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is a name for each feature.
    pub fn names<S: AsRef<str>>(&self, features: &[S]) -> Result<Vec<String>> {
        check_length("features", self.nfeatures, features.len())?;
        let name = |term: Vec<usize>| {
            let powers = term.chunk_by(|a, b| a == b).map(|run| match run.len() {
                1 => features[run[0]].as_ref().to_owned(),
                power => format!("{}^{power}", features[run[0]].as_ref()),
            });
            powers.collect::<Vec<_>>().join("·")
        };
        Ok(self.iter().map(name).collect())
    }

    pub(super) fn degrees(&self) -> &[Degree] {
        &self.degrees
    }

    /// [`term`](Self::term) as it is stored.
    pub(super) fn factors(&self, k: usize) -> &[u32] {
        let d = &self.degrees[self.degrees.partition_point(|d| d.first <= k) - 1];
        &d.factors[(k - d.first) * d.degree..(k - d.first + 1) * d.degree]
    }

    /// Behind all others, which are smaller.
    fn push(&mut self, term: &[u32]) {
        if self.degrees.last().is_none_or(|d| d.degree != term.len()) {
            self.degrees.push(Degree { degree: term.len(), first: self.len(), factors: Vec::new() });
        }
        if let Some(last) = self.degrees.last_mut() {
            last.factors.extend_from_slice(term);
        }
    }

    /// Before anything is listed.
    fn check_features(nfeatures: usize) -> Result<()> {
        if nfeatures as f64 > MOST {
            let (index, value, expected) = (vec![], nfeatures as f64, "at most 2³¹");
            return Err(Error::OutOfRange { argument: "nfeatures", index, value, expected });
        }
        Ok(())
    }

    /// All features, and the products of 2 to `order` of those in `features`.
    fn products(nfeatures: usize, features: &[u32], order: usize, repeats: bool) -> Result<Self> {
        if nfeatures == 0 {
            return Err(Error::Empty { argument: "features" });
        }
        if order == 0 {
            return Err(Error::OutOfRange { argument: "order", index: vec![], value: 0.0, expected: "1, 2, …" });
        }
        // Without repeats nothing is longer than the list, with repeats of one feature everything is.
        let order = if repeats { order } else { order.min(features.len().max(1)) };
        let (mut each, mut all) = (1.0, nfeatures as f64);
        for d in 1..=order {
            let choices = if repeats { features.len() + d - 1 } else { features.len() + 1 - d.min(features.len() + 1) };
            each *= choices as f64 / d as f64;
            all += each * d as f64;
            if all > MOST {
                let expected = "so few factors that their products can be listed, 2³¹ in all";
                return Err(Error::OutOfRange { argument: "order", index: vec![], value: order as f64, expected });
            }
        }
        let mut terms = Self { nfeatures, degrees: Vec::new() };
        (0..nfeatures as u32).for_each(|j| terms.push(&[j]));
        for degree in 2..=order {
            let mut places: Vec<usize> = (0..degree).map(|k| if repeats { 0 } else { k }).collect();
            let m = features.len();
            let mut term = vec![0; degree];
            loop {
                term.iter_mut().zip(&places).for_each(|(t, &i)| *t = features[i]);
                terms.push(&term);
                // The next in lexicographic order: the last place that can move does, those behind it follow closely.
                let last = |k: usize| if repeats { m - 1 } else { m - degree + k };
                let Some(k) = (0..degree).rev().find(|&k| places[k] < last(k)) else { break };
                places[k] += 1;
                for i in k + 1..degree {
                    places[i] = places[i - 1] + usize::from(!repeats);
                }
            }
        }
        Ok(terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_terms_are_inverse_and_counts_are_binomial() {
        for (terms, len) in [
            (Terms::pairs(1).unwrap(), 1),
            (Terms::pairs(7).unwrap(), 28),
            (Terms::pairs(7).unwrap().with_squares(), 35),
            (Terms::up_to(6, 4).unwrap(), 6 + 15 + 20 + 15),
            (Terms::up_to(3, 9).unwrap(), 7),
            (Terms::polynomial(3, 4).unwrap(), 34),
            (Terms::polynomial(1, 5).unwrap(), 5),
            (Terms::among(9, 3, &[8, 1, 4, 1]).unwrap(), 9 + 3 + 1),
            (Terms::among(9, 3, &[]).unwrap(), 9),
        ] {
            assert_eq!(terms.len(), len);
            let mut last: Option<Vec<usize>> = None;
            for (k, term) in terms.iter().enumerate() {
                assert_eq!(terms.position(&term.iter().rev().copied().collect::<Vec<_>>()), Some(k));
                if let Some(last) = &last {
                    assert!((last.len(), last) < (term.len(), &term));
                }
                last = Some(term);
            }
        }
        assert_eq!(Terms::pairs(4).unwrap().position(&[1, 1]), None);
        assert_eq!(Terms::pairs(4).unwrap().position(&[1, 9]), None);
    }

    #[test]
    fn groups_of_a_term_are_its_divisors() {
        let terms = Terms::polynomial(2, 3).unwrap(); // x, y, x², xy, y², x³, x²y, xy², y³
        let groups = terms.hierarchical_groups().unwrap();
        assert_eq!(groups.len(), terms.len());
        assert_eq!(groups.members(0), [0]);
        assert_eq!(groups.members(5), [0, 2, 5]);
        assert_eq!(groups.members(6), [0, 1, 2, 3, 6]);
        let triple = Terms::up_to(3, 3).unwrap().hierarchical_groups().unwrap();
        assert_eq!(triple.members(6), [0, 1, 2, 3, 4, 5, 6]);
        // What is not a term is in no group.
        let few = Terms::new(3, &[vec![0], vec![0, 1]]).unwrap().hierarchical_groups().unwrap();
        assert_eq!(few.members(1), [0, 1]);
        let long = Terms::new(32, &[(0..32).collect()]).unwrap();
        assert!(matches!(long.hierarchical_groups(), Err(Error::OutOfRange { argument: "terms", .. })));
    }

    #[test]
    fn wrong_terms_are_refused() {
        assert!(matches!(Terms::pairs(0), Err(Error::Empty { .. })));
        assert!(matches!(Terms::up_to(3, 0), Err(Error::OutOfRange { argument: "order", .. })));
        assert!(matches!(Terms::pairs(usize::MAX), Err(Error::OutOfRange { argument: "nfeatures", .. })));
        assert!(matches!(Terms::up_to(10_000, 4), Err(Error::OutOfRange { argument: "order", .. })));
        assert!(matches!(Terms::polynomial(3, usize::MAX), Err(Error::OutOfRange { argument: "order", .. })));
        assert!(matches!(Terms::among(3, 2, &[0, 3]), Err(Error::Index { position: 1, index: 3, len: 3, .. })));
        assert!(matches!(Terms::new(3, &[vec![0], vec![]]), Err(Error::Empty { .. })));
        assert!(matches!(Terms::new(3, &[vec![0, 5]]), Err(Error::Index { index: 5, .. })));
        let twice = Terms::new(3, &[vec![0, 1], vec![2], vec![1, 0]]);
        assert!(matches!(twice, Err(Error::OutOfRange { argument: "terms", index, .. }) if index == [2]));
        assert!(matches!(Terms::pairs(3).unwrap().names(&["a"]), Err(Error::Length { expected: 3, found: 1, .. })));
        assert!(Terms::pairs(3).unwrap().retain(|_| false).is_err());
    }
}
