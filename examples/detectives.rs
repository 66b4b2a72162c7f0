//! Detectives on related cases who talk to each other: tasks whose observations, and even features, are their own.
//!
//! (a) Four hospitals, heart disease or not: a logistic task for each. Some hospitals never measured some inputs, one has
//! hardly any healthy patients. Judged by the area under the ROC curve (AUC) of patients that were left out.
//! (b) Praise or complaint, in sentences about phones, films and restaurants: squared loss on ±1, sparse counts of words,
//! one vocabulary. Judged by the share of right answers.
//!
//! The joint fit asks that a feature matters to all or to none, each with its own coefficients; separate fits know nothing of
//! each other; the pooled one takes all data for one task. What helps a hopeless task may well be plain pooling: where the
//! laws are alike in sign and size, it is as good or better, and it is shown.
//!
//! cargo run --release --example detectives -- [folder] [--full]
//!
//! The folder holds heart_disease_4hospitals.csv (UCI Machine Learning Repository, data set 45) and sentiment_3domains.tsv
//! (data set 331); they are not in this repository. Without them both are simulated.

mod support;

use std::collections::HashMap;

use ndarray::{Array1, Array2, Axis, concatenate};
use sparsereg::design::Csc;
use sparsereg::prelude::*;
use support::{Outcome, Random, check, mean, read_table};

const POINTS: usize = 12;
/// Of the measured data by another program, on other splits: AUC of joint, separate and pooled fits, and share of right answers
/// with the number of words.
const AUC: [(&str, [f64; 3]); 4] = [
    ("cleveland", [0.860, 0.861, 0.862]),
    ("hungary", [0.882, 0.875, 0.889]),
    ("switzerland", [0.763, 0.523, 0.783]),
    ("va", [0.697, 0.642, 0.747]),
];
const MEAN_AUC: [f64; 3] = [0.800, 0.725, 0.820];
const RIGHT: [(f64, usize); 3] = [(0.734, 349), (0.718, 399), (0.756, 321)];

/// A hospital's patients: the features it has, and what was found.
struct Hospital {
    name: String,
    features: Vec<usize>,
    x: Array2<f64>,
    y: Array1<f64>,
}

/// Columns with mean 0 and variance 1 (a constant one stays 0).
fn scaled(mut x: Array2<f64>) -> Array2<f64> {
    for mut column in x.columns_mut() {
        let n = column.len() as f64;
        let mean = column.sum() / n;
        let sd = (column.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
        column.mapv_inplace(|v| if sd > 1e-12 { (v - mean) / sd } else { 0.0 });
    }
    x
}

fn hospitals(path: &str) -> Outcome<Vec<Hospital>> {
    let (header, rows) = read_table(path)?;
    // Kinds of chest pain and the like are numbers without an order: a column for each value but the lowest.
    let categories: [(&str, &[f64]); 4] =
        [("cp", &[2.0, 3.0, 4.0]), ("restecg", &[1.0, 2.0]), ("slope", &[2.0, 3.0]), ("thal", &[6.0, 7.0])];
    let mut names: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
    names.dedup();
    let mut all = Vec::new();
    for name in names {
        let own: Vec<&Vec<String>> = rows.iter().filter(|row| row[0] == name).collect();
        let (mut columns, mut features, mut feature) = (Vec::new(), Vec::new(), 0);
        for (j, title) in header.iter().enumerate().take(14).skip(1) {
            let cells: Vec<Option<f64>> =
                own.iter().map(|row| row[j].parse().ok().filter(|v| !(title == "chol" && *v == 0.0))).collect();
            let mut known: Vec<f64> = cells.iter().flatten().copied().collect();
            known.sort_by(f64::total_cmp);
            let values = categories.iter().find(|(t, _)| t == title).map(|(_, values)| *values);
            let width = values.map_or(1, <[f64]>::len);
            // What is missing for half of the patients is a feature that the hospital lacks.
            if 2 * known.len() >= own.len() {
                let middle = known[known.len() / 2];
                let filled: Vec<f64> = cells.iter().map(|v| v.unwrap_or(middle)).collect();
                for k in 0..width {
                    let cell = |v: &f64| values.map_or(*v, |values| f64::from(u8::from(*v == values[k])));
                    columns.push(filled.iter().map(cell).collect::<Vec<f64>>());
                    features.push(feature + k);
                }
            }
            feature += width;
        }
        let x = Array2::from_shape_fn((own.len(), columns.len()), |(i, j)| columns[j][i]);
        let y = own.iter().map(|row| f64::from(u8::from(row[14] != "0"))).collect();
        all.push(Hospital { name, features, x: scaled(x), y });
    }
    Ok(all)
}

/// Four hospitals of the same kind: 18 inputs, some lacking, laws that differ a little, one with few healthy patients.
fn simulated_hospitals() -> Vec<Hospital> {
    let mut random = Random::new(45);
    let law: Vec<f64> = (0..18).map(|j| if j < 7 { 0.9 - 0.08 * j as f64 } else { 0.0 }).collect();
    let each = [("A", 300, 0.0, 18), ("B", 290, -0.6, 14), ("C", 120, 3.4, 13), ("D", 200, 1.2, 12)];
    let make = |(name, n, shift, width): (&str, usize, f64, usize)| {
        let x = random.normals(n, width);
        let own: Vec<f64> = law.iter().map(|w| w * (0.6 + 0.8 * random.uniform())).collect();
        let y = Array1::from_shape_fn(n, |i| {
            let eta = shift + (0..width).map(|j| own[j] * x[[i, j]]).sum::<f64>();
            f64::from(u8::from(random.uniform() < 1.0 / (1.0 + (-eta).exp())))
        });
        Hospital { name: name.into(), features: (0..width).collect(), x: scaled(x), y }
    };
    each.map(make).into()
}

/// Area under the ROC curve.
fn auc(scores: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let (mut right, mut pairs) = (0.0, 0.0);
    for (a, up) in scores.iter().zip(y) {
        for (b, down) in scores.iter().zip(y) {
            if *up == 1.0 && *down == 0.0 {
                pairs += 1.0;
                right += if a > b { 1.0 } else { 0.5 * f64::from(u8::from(a == b)) };
            }
        }
    }
    right / pairs
}

/// A share of the observations of each class, and the rest.
fn split(y: &Array1<f64>, share: f64, random: &mut Random) -> (Vec<usize>, Vec<usize>) {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for class in [0.0, 1.0] {
        let own: Vec<usize> = (0..y.len()).filter(|&i| y[i] == class).collect();
        let cut = ((share * own.len() as f64).round() as usize).clamp(2, own.len() - 1);
        for (k, place) in random.permutation(own.len()).into_iter().enumerate() {
            if k < cut { train.push(own[place]) } else { test.push(own[place]) }
        }
    }
    (train, test)
}

/// AUC of joint, separate and pooled fits for each hospital.
fn judge_hospitals(all: &[Hospital], random: &mut Random) -> Outcome<Vec<[f64; 3]>> {
    let parts: Vec<_> = all
        .iter()
        .map(|h| {
            let (train, test) = split(&h.y, 0.4, random);
            let pick = |rows: &[usize]| (h.x.select(Axis(0), rows), h.y.select(Axis(0), rows));
            (pick(&train), pick(&test))
        })
        .collect();
    let width = all.iter().flat_map(|h| &h.features).max().map_or(0, |last| last + 1);
    let widened = |h: &Hospital, x: &Array2<f64>| {
        let mut wide = Array2::zeros((x.nrows(), width));
        h.features.iter().enumerate().for_each(|(k, &j)| wide.column_mut(j).assign(&x.column(k)));
        wide
    };
    let grid = || Grid::auto(POINTS).ratio(0.02);
    let mut tasks = Tasks::new();
    for (h, ((x, y), _)) in all.iter().zip(&parts) {
        let task = Task::with_family(&h.name, x, y, Logistic::default())?.features(&h.features);
        tasks = tasks.with(task.folds(&StratifiedKFold::new(2, y))?);
    }
    let joint = MultiTaskLasso::default().cross_validate_tasks_on(&tasks.pooled(), &KFold::new(2), grid())?;
    let lasso = LogisticLasso::default();
    // Pooled: the means of all hospitals fill the gaps, and each keeps an intercept in the form of its log-odds.
    let (mut xs, mut ys, mut odds) = (Vec::new(), Vec::new(), Vec::new());
    for (h, ((x, y), _)) in all.iter().zip(&parts) {
        xs.push(widened(h, x));
        ys.push(y.view());
        let share = y.sum() / y.len() as f64;
        odds.extend(std::iter::repeat_n((share / (1.0 - share)).ln(), y.len()));
    }
    let views: Vec<_> = xs.iter().map(|x| x.view()).collect();
    let (x, y) = (concatenate(Axis(0), &views)?, concatenate(Axis(0), &ys)?);
    let pooled = lasso.clone().offset(odds).cross_validate_on(&x, &y, &StratifiedKFold::new(2, &y), grid())?;
    let mut results = Vec::new();
    for (h, ((x, y), (new, truth))) in all.iter().zip(&parts) {
        let separate = lasso.cross_validate_on(x, y, &StratifiedKFold::new(2, y), grid())?;
        results.push([
            auc(&joint.best().decision_function(&h.name, new)?, truth),
            auc(&separate.best().decision_function(new)?, truth),
            auc(&pooled.best().decision_function(&widened(h, new))?, truth),
        ]);
    }
    Ok(results)
}

/// Sentences of one domain: the words of each, and ±1.
type Domain = (String, Vec<Vec<usize>>, Array1<f64>);

/// The domains, and the number of words that occur in at least three sentences.
fn sentences(path: &str) -> Outcome<(Vec<Domain>, usize)> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut lines = Vec::new();
    for line in text.lines().skip(1) {
        let mut cells = line.splitn(3, '\t');
        let (Some(domain), Some(label), Some(text)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let lower = text.to_lowercase();
        let mut words: Vec<String> =
            lower.split(|c: char| !c.is_alphabetic()).filter(|w| w.len() > 1).map(str::to_owned).collect();
        words.sort();
        words.dedup();
        words.iter().for_each(|w| *counts.entry(w.clone()).or_default() += 1);
        lines.push((domain.to_owned(), words, if label == "1" { 1.0 } else { -1.0 }));
    }
    let mut vocabulary: Vec<&String> = counts.iter().filter(|(_, c)| **c >= 3).map(|(w, _)| w).collect();
    vocabulary.sort();
    let number: HashMap<&String, usize> = vocabulary.iter().enumerate().map(|(j, w)| (*w, j)).collect();
    let mut domains: Vec<Domain> = Vec::new();
    for (domain, words, label) in &lines {
        let known = words.iter().filter_map(|w| number.get(w).copied()).collect();
        if domains.last().is_none_or(|(name, ..)| name != domain) {
            domains.push((domain.clone(), Vec::new(), Array1::zeros(0)));
        }
        if let Some((_, sentences, y)) = domains.last_mut() {
            sentences.push(known);
            y.append(Axis(0), ndarray::arr1(&[*label]).view())?;
        }
    }
    Ok((domains, vocabulary.len()))
}

/// 40 words of praise and blame among 600, stronger in some domains than in others.
fn simulated_sentences() -> (Vec<Domain>, usize) {
    let mut random = Random::new(331);
    let words = 600;
    let make = |d: usize| {
        let strength: Vec<f64> = (0..40).map(|_| 0.3 + 1.9 * random.uniform()).collect();
        let (mut sentences, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..700 {
            let label = if random.uniform() < 0.5 { 1.0 } else { -1.0 };
            let present = |j: usize, random: &mut Random| {
                let tone = if j >= 40 { 0.0 } else { strength[j] * if j.is_multiple_of(2) { label } else { -label } };
                random.uniform() < 0.02 * tone.exp()
            };
            sentences.push((0..words).filter(|&j| present(j, &mut random)).collect());
            labels.push(label);
        }
        (format!("domain {d}"), sentences, Array1::from(labels))
    };
    ((0..3).map(make).collect(), words)
}

fn matrix(rows: &[&Vec<usize>], width: usize) -> Outcome<Csc> {
    let entries: Vec<(usize, usize, f64)> =
        rows.iter().enumerate().flat_map(|(i, words)| words.iter().map(move |&j| (i, j, 1.0))).collect();
    Ok(Csc::from_triplets(rows.len(), width, &entries)?)
}

/// (share of right answers, features) of joint, separate and pooled fits with `n` sentences for each domain.
fn judge_sentences((domains, width): &(Vec<Domain>, usize), n: usize, random: &mut Random) -> Outcome<[(f64, f64); 3]> {
    let mut parts = Vec::new();
    for (_, sentences, y) in domains {
        let order = random.permutation(y.len());
        let cut = |rows: &[usize]| -> Outcome<(Csc, Array1<f64>)> {
            let own: Vec<&Vec<usize>> = rows.iter().map(|&i| &sentences[i]).collect();
            Ok((matrix(&own, *width)?, y.select(Axis(0), rows)))
        };
        let training: Vec<&Vec<usize>> = order[..n].iter().map(|&i| &sentences[i]).collect();
        parts.push((cut(&order[..n])?, cut(&order[n..])?, training));
    }
    let grid = || Grid::auto(POINTS).ratio(0.1);
    let folds = KFold::new(3);
    let right = |eta: &Array1<f64>, y: &Array1<f64>| {
        eta.iter().zip(y).filter(|(eta, y)| (**eta > 0.0) == (**y > 0.0)).count() as f64 / y.len() as f64
    };
    let mut tasks = Tasks::new();
    for ((name, ..), ((x, y), ..)) in domains.iter().zip(&parts) {
        tasks = tasks.task(name, x, y)?;
    }
    let joint = MultiTaskLasso::default().tolerance(1e-4).cross_validate_tasks_on(&tasks, &folds, grid())?;
    let lasso = Lasso::default().tolerance(1e-4);
    let all: Vec<&Vec<usize>> = parts.iter().flat_map(|(.., rows)| rows.iter().copied()).collect();
    let ys: Vec<_> = parts.iter().map(|((_, y), ..)| y.view()).collect();
    let pooled = lasso.cross_validate_on(&matrix(&all, *width)?, &concatenate(Axis(0), &ys)?, &folds, grid())?;
    let mut shares: [Vec<f64>; 3] = Default::default();
    let mut used = vec![false; *width];
    for ((name, ..), ((x, y), (new, truth), _)) in domains.iter().zip(&parts) {
        let separate = lasso.cross_validate_on(x, y, &folds, grid())?;
        separate.best().support().into_iter().for_each(|j| used[j] = true);
        shares[0].push(right(&joint.best().predict(name, new)?, truth));
        shares[1].push(right(&separate.best().predict(new)?, truth));
        shares[2].push(right(&pooled.best().predict(new)?, truth));
    }
    let separate = used.iter().filter(|used| **used).count();
    let sizes = [joint.best().support().len(), separate, pooled.best().support().len()];
    Ok(std::array::from_fn(|k| (mean(&shares[k]), sizes[k] as f64)))
}

fn main() -> Outcome {
    let full = std::env::args().any(|a| a == "--full");
    let folder = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    let mut random = Random::new(1);

    let all = match &folder {
        Some(folder) => hospitals(&format!("{folder}/heart_disease_4hospitals.csv"))?,
        None => simulated_hospitals(),
    };
    let splits = if full { 10 } else { 3 };
    let origin = if folder.is_some() { "measured" } else { "simulated: no folder was given" };
    println!("(a) hospitals ({origin}), AUC of 60 % of the patients, {splits} splits");
    println!(
        "  {:<14} {:>5} {:>9} {:>9} {:>8} {:>9} {:>8}",
        "", "n", "positive", "features", "joint", "separate", "pooled"
    );
    let mut sums = vec![[0.0; 3]; all.len()];
    for _ in 0..splits {
        for (sum, one) in sums.iter_mut().zip(judge_hospitals(&all, &mut random)?) {
            sum.iter_mut().zip(one).for_each(|(sum, one)| *sum += one / splits as f64);
        }
    }
    for (h, [joint, separate, pooled]) in all.iter().zip(&sums) {
        let (n, positive) = (h.y.len(), h.y.sum() / h.y.len() as f64);
        let (name, width) = (&h.name, h.features.len());
        let known = AUC.iter().find(|(known, _)| folder.is_some() && name.to_lowercase().contains(known));
        let known = known.map_or(String::new(), |(_, auc)| format!("   reference {auc:.3?}"));
        println!("  {name:<14} {n:>5} {positive:>9.2} {width:>9} {joint:>8.3} {separate:>9.3} {pooled:>8.3}{known}");
    }
    let means: [f64; 3] = std::array::from_fn(|k| mean(&sums.iter().map(|one| one[k]).collect::<Vec<_>>()));
    let known = if folder.is_some() { format!("   reference {MEAN_AUC:.3?}") } else { String::new() };
    println!("  {:<14} {:>25} {:>8.3} {:>9.3} {:>8.3}{known}", "mean", "", means[0], means[1], means[2]);
    check(means[0] > means[1], "the joint fit is better than separate ones")?;
    let most_one_sided = (0..all.len())
        .max_by(|&a, &b| {
            let side = |t: usize| (all[t].y.sum() / all[t].y.len() as f64 - 0.5).abs();
            side(a).total_cmp(&side(b))
        })
        .unwrap_or(0);
    check(
        sums[most_one_sided][0] > sums[most_one_sided][1] + 0.03,
        format!("most of all where there is little to learn from: {}", all[most_one_sided].name),
    )?;

    let data = match &folder {
        Some(folder) => sentences(&format!("{folder}/sentiment_3domains.tsv"))?,
        None => simulated_sentences(),
    };
    let (n, splits) = (300, if full { 5 } else { 1 });
    println!("\n(b) sentences ({origin}), {} words, {n} for each domain, {splits} splits", data.1);
    let mut sums = [(0.0, 0.0); 3];
    for _ in 0..splits {
        for (sum, one) in sums.iter_mut().zip(judge_sentences(&data, n, &mut random)?) {
            *sum = (sum.0 + one.0 / splits as f64, sum.1 + one.1 / splits as f64);
        }
    }
    for ((name, (share, words)), known) in ["joint", "separate", "pooled"].iter().zip(sums).zip(RIGHT) {
        let known =
            if folder.is_some() { format!("   reference {:.3} with {}", known.0, known.1) } else { String::new() };
        println!("  {name:<9} {share:.3} right with {words:.0} words{known}");
    }
    check(sums[0].0 > sums[1].0, "the joint fit is better than separate ones")
}
