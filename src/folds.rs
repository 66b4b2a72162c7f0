//! Which observations to fit on and which to judge on, and what is made of the judgements.

use std::hash::Hash;

use ndarray::{Array2, ArrayBase, Data, Ix2};

use crate::error::{Error, Result, check_length};
use crate::partition::number_labels;

/// Observations to fit on and observations to judge on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows of the training part.
    pub train: Vec<usize>,
    /// Rows of the validation part.
    pub test: Vec<usize>,
}

/// A way to split n observations.
pub trait Folds: Sync {
    /// The splits; every part is non-empty.
    ///
    /// # Errors
    /// Parameters that do not fit n observations.
    fn splits(&self, n: usize) -> Result<Vec<Split>>;
}

/// K folds of (nearly) equal size, shuffled once from a seed.
///
/// ```
/// use sparsereg::cross_validation::{Folds, KFold};
/// let splits = KFold::new(3).seed(7).splits(10)?;
/// assert_eq!(splits.iter().map(|s| s.test.len()).sum::<usize>(), 10);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KFold {
    folds: usize,
    seed: u64,
    shuffle: bool,
}

impl KFold {
    /// `folds` ≥ 2 folds, shuffled with seed 0.
    pub fn new(folds: usize) -> Self {
        Self { folds, seed: 0, shuffle: true }
    }

    /// The seed of the shuffle.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Contiguous blocks in the order of the observations, for data with neighbours (series, profiles).
    ///
    /// ```
    /// use sparsereg::cross_validation::{Folds, KFold};
    /// assert_eq!(KFold::blocked(2).splits(4)?[1].test, vec![2, 3]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn blocked(folds: usize) -> Self {
        Self { folds, seed: 0, shuffle: false }
    }
}

impl Folds for KFold {
    fn splits(&self, n: usize) -> Result<Vec<Split>> {
        let mut order: Vec<usize> = (0..n).collect();
        if self.shuffle {
            shuffle(&mut order, self.seed);
        }
        let k = check_folds(self.folds, n)?;
        let mut owner = vec![0; n];
        for fold in 0..k {
            order[fold * n / k..(fold + 1) * n / k].iter().for_each(|&i| owner[i] = fold);
        }
        FoldIds::new(owner).splits(n)
    }
}

/// K folds that never separate observations with the same label (one patient's visits, one site's samples).
///
/// ```
/// use sparsereg::cross_validation::{Folds, GroupedKFold};
/// let splits = GroupedKFold::new(2, &["a", "b", "a", "c"]).splits(4)?;
/// for split in splits {
///     assert_eq!(split.test.contains(&0), split.test.contains(&2));
/// }
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupedKFold {
    folds: usize,
    labels: Vec<usize>,
    seed: u64,
}

impl GroupedKFold {
    /// `folds` ≥ 2 folds; `labels[i]` is the group of observation i.
    pub fn new<L: Eq + Hash>(folds: usize, labels: &[L]) -> Self {
        Self { folds, labels: number_labels(labels), seed: 0 }
    }

    /// The seed by which ties between groups of one size are broken.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Folds for GroupedKFold {
    fn splits(&self, n: usize) -> Result<Vec<Split>> {
        check_length("labels", n, self.labels.len())?;
        let groups = self.labels.iter().max().map_or(0, |m| m + 1);
        let k = check_folds(self.folds, groups)?;
        let mut sizes = vec![0usize; groups];
        self.labels.iter().for_each(|&g| sizes[g] += 1);
        // Largest group first, always into the emptiest fold.
        let mut order: Vec<usize> = (0..groups).collect();
        shuffle(&mut order, self.seed);
        order.sort_by(|&a, &b| sizes[b].cmp(&sizes[a]));
        let mut filled = vec![0usize; k];
        let mut fold_of = vec![0; groups];
        for g in order {
            let fold = (0..k).min_by_key(|&f| filled[f]).unwrap_or(0);
            filled[fold] += sizes[g];
            fold_of[g] = fold;
        }
        FoldIds::new(self.labels.iter().map(|&g| fold_of[g]).collect::<Vec<_>>()).splits(n)
    }
}

/// K folds in each of which every class has its share, shuffled once from a seed: what classes with few members need. For
/// several responses see [`of_responses`](Self::of_responses).
///
/// ```
/// use ndarray::array;
/// use sparsereg::cross_validation::{Folds, StratifiedKFold};
/// let y = array![0.0, 1.0, 0.0, 0.0, 1.0, 0.0];
/// for split in StratifiedKFold::new(2, &y).splits(6)? {
///     assert_eq!(split.test.iter().filter(|&&i| y[i] == 1.0).count(), 1);
/// }
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StratifiedKFold {
    folds: usize,
    /// Those of each response.
    classes: Vec<Vec<usize>>,
    seed: u64,
}

impl StratifiedKFold {
    /// `folds` ≥ 2 folds; `labels` has the class of every observation: an array of responses, a `Vec` of names …
    pub fn new<'a, L: PartialOrd + 'a>(folds: usize, labels: impl IntoIterator<Item = &'a L>) -> Self {
        Self { folds, classes: vec![number_classes(&labels.into_iter().collect::<Vec<_>>())], seed: 0 }
    }

    /// For several responses, observations × responses: every class of every response has its share in every fold, as far
    /// as all of them can, by iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, On the stratification of
    /// multi-label data), which deals out the rarest class first.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::cross_validation::{Folds, StratifiedKFold};
    /// let y = array![[0, 1], [1, 0], [0, 0], [0, 1], [1, 0], [0, 0], [0, 0], [0, 0]];
    /// for split in StratifiedKFold::of_responses(2, &y).splits(8)? {
    ///     for t in 0..2 {
    ///         assert_eq!(split.test.iter().filter(|&&i| y[[i, t]] == 1).count(), 1);
    ///     }
    /// }
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn of_responses<L: PartialOrd>(folds: usize, labels: &ArrayBase<impl Data<Elem = L>, Ix2>) -> Self {
        let each = labels.columns().into_iter().map(|column| number_classes(&column.iter().collect::<Vec<_>>()));
        Self { folds, classes: each.collect(), seed: 0 }
    }

    /// The seed of the shuffle.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// The number of the class of each label, classes being sorted.
fn number_classes<L: PartialOrd>(labels: &[&L]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    // What is not comparable (NaN) comes last: a sort needs a total order.
    let odd = |k: usize| labels[k].partial_cmp(labels[k]).is_none();
    order.sort_by(|&a, &b| match labels[a].partial_cmp(labels[b]) {
        Some(order) if !odd(a) && !odd(b) => order,
        _ => odd(a).cmp(&odd(b)),
    });
    let mut classes = vec![0; labels.len()];
    let mut class = 0;
    for pair in order.windows(2) {
        class += usize::from(labels[pair[0]] != labels[pair[1]]);
        classes[pair[1]] = class;
    }
    classes
}

impl Folds for StratifiedKFold {
    fn splits(&self, n: usize) -> Result<Vec<Split>> {
        check_length("labels", n, self.classes.first().map_or(0, Vec::len))?;
        let k = check_folds(self.folds, n)?;
        let mut order: Vec<usize> = (0..n).collect();
        shuffle(&mut order, self.seed);
        let owner = match &self.classes[..] {
            [classes] => {
                order.sort_by_key(|&i| classes[i]);
                // Dealt out class by class: folds and classes are even to within one.
                let mut owner = vec![0; n];
                order.iter().enumerate().for_each(|(position, &i)| owner[i] = position % k);
                owner
            }
            several => deal_out(several, &order, k),
        };
        FoldIds::new(owner).splits(n)
    }
}

/// The fold of every observation, by iterative stratification: of the class with the fewest observations left, each goes
/// to the fold that lacks most of it, among equals to the one that lacks most observations. (An empty fold lacks as much of
/// everything as any, so none stays empty.)
fn deal_out(classes: &[Vec<usize>], order: &[usize], k: usize) -> Vec<usize> {
    let (n, none) = (order.len(), usize::MAX);
    let mut owner = vec![none; n];
    // Classes of all responses, numbered through; what is left of each, and what each fold has.
    let counts: Vec<usize> = classes.iter().map(|c| c.iter().max().map_or(0, |m| m + 1)).collect();
    let starts: Vec<usize> = counts.iter().scan(0, |sum, c| Some(std::mem::replace(sum, *sum + c))).collect();
    let of = |i: usize| classes.iter().zip(&starts).map(move |(c, start)| start + c[i]);
    let mut left = vec![0usize; counts.iter().sum()];
    (0..n).for_each(|i| of(i).for_each(|class| left[class] += 1));
    let mut has = vec![vec![0usize; left.len()]; k];
    let mut sizes = vec![0usize; k];
    while let Some(rarest) = (0..left.len()).filter(|&class| left[class] > 0).min_by_key(|&class| left[class]) {
        for &i in order {
            if owner[i] != none || !of(i).any(|class| class == rarest) {
                continue;
            }
            let fold = (0..k).min_by_key(|&f| (has[f][rarest], sizes[f])).unwrap_or(0);
            owner[i] = fold;
            sizes[fold] += 1;
            of(i).for_each(|class| {
                has[fold][class] += 1;
                left[class] -= 1;
            });
        }
    }
    owner
}

/// The user's own folds: observation i is judged in fold `ids[i]`.
///
/// ```
/// use sparsereg::cross_validation::{FoldIds, Folds};
/// assert_eq!(FoldIds::new(vec![0, 1, 0]).splits(3)?[0].test, vec![0, 2]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldIds {
    ids: Vec<usize>,
}

impl FoldIds {
    /// One fold number per observation.
    pub fn new(ids: impl Into<Vec<usize>>) -> Self {
        Self { ids: ids.into() }
    }
}

impl Folds for FoldIds {
    fn splits(&self, n: usize) -> Result<Vec<Split>> {
        check_length("fold ids", n, self.ids.len())?;
        let mut used: Vec<usize> = self.ids.clone();
        used.sort_unstable();
        used.dedup();
        check_folds(used.len(), n)?;
        let part = |fold: usize, inside: bool| (0..n).filter(|&i| (self.ids[i] == fold) == inside).collect();
        Ok(used.into_iter().map(|fold| Split { train: part(fold, false), test: part(fold, true) }).collect())
    }
}

/// Ready-made splits, which need not partition the observations (expanding windows, repeated folds).
impl Folds for Vec<Split> {
    fn splits(&self, n: usize) -> Result<Vec<Split>> {
        if self.is_empty() {
            return Err(Error::Empty { argument: "splits" });
        }
        for split in self {
            for (argument, rows) in [("train", &split.train), ("test", &split.test)] {
                if rows.is_empty() {
                    return Err(Error::Empty { argument });
                }
                if let Some(position) = rows.iter().position(|&i| i >= n) {
                    return Err(Error::Index { argument, position, index: rows[position], len: n });
                }
            }
        }
        Ok(self.clone())
    }
}

fn check_folds(folds: usize, n: usize) -> Result<usize> {
    if folds < 2 || folds > n {
        let expected = "at least 2 folds, and not more than there are observations (or groups of them)";
        return Err(Error::OutOfRange { argument: "folds", index: vec![], value: folds as f64, expected });
    }
    Ok(folds)
}

/// Fisher–Yates with splitmix64: the same order on every machine.
pub(crate) fn shuffle(order: &mut [usize], seed: u64) {
    let mut state = seed;
    for i in (1..order.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        order.swap(i, (z % (i as u64 + 1)) as usize);
    }
}

/// Mean and standard error of a score over folds for every λ, and the two choices that follow. Smaller is better.
#[derive(Debug, Clone)]
pub struct Curve {
    /// Score of every λ (rows) in every fold (columns).
    pub scores: Array2<f64>,
    /// Mean over the folds, weighted by what they hold.
    pub mean: Vec<f64>,
    /// Standard error of the mean.
    pub standard_error: Vec<f64>,
    /// Index of the smallest mean (of the largest such λ).
    pub best: usize,
    /// Index of the largest λ whose mean is within one standard error of the best and whose model is not larger.
    pub one_standard_error: usize,
}

impl Curve {
    /// From scores (λ × folds), the weight of each fold and the size of each λ's model.
    pub(crate) fn new(scores: Array2<f64>, weights: &[f64], sizes: &[usize]) -> Self {
        let total: f64 = weights.iter().sum();
        let folds = weights.len() as f64;
        let weighted = |row: usize, f: &dyn Fn(f64) -> f64| -> f64 {
            scores.row(row).iter().zip(weights).map(|(s, w)| w * f(*s)).sum::<f64>() / total
        };
        let mean: Vec<f64> = (0..scores.nrows()).map(|k| weighted(k, &|s| s)).collect();
        let standard_error: Vec<f64> = (0..scores.nrows())
            .map(|k| (weighted(k, &|s| (s - mean[k]) * (s - mean[k])) / (folds - 1.0).max(1.0)).sqrt())
            .collect();
        let best = (0..mean.len()).fold(0, |best, k| if mean[k] < mean[best] { k } else { best });
        let limit = mean[best] + standard_error[best];
        let one_standard_error = (0..=best).find(|&k| mean[k] <= limit && sizes[k] <= sizes[best]).unwrap_or(best);
        Self { scores, mean, standard_error, best, one_standard_error }
    }
}
