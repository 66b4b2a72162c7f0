"""Golden covariances of incomplete samples and of ranks, from pandas, scipy and numpy.

    python make_covariance_goldens.py OUT

Needs numpy, scipy, pandas; statsmodels and cvxpy are cross-checks that are used when they are there.

covariance_estimates.json holds
  complete     samples with ties, row by row
  incomplete   the same with missing values (null)
and for each of them under "of"
  spearman, kendall   pandas' `corr` (scipy's tau_b), on pairwise complete rows, ties and all
  normal_scores       Pearson correlation of Phi^-1(rank/n) truncated at 1/(4 n^1/4 sqrt(pi log n)), pairwise
  covariance          sums of (x - mean)(y - mean) over common rows / their number, means over all observed rows
  counts              common rows
nearest_correlation.json holds symmetric matrices with unit diagonal and the nearest correlation matrices, by Higham's
alternating projections with Dykstra's correction, run until nothing moves by more than 1e-15; "optimality" is the largest
violation of X = (A + Diag y)_+ with the y that the corrections imply.
"""
import json, math, sys
from importlib.metadata import version
from pathlib import Path
import numpy as np
import pandas as pd
from scipy.stats import kendalltau, norm, rankdata

OUT = Path(sys.argv[1])


def pairwise(x, measure):
    p = x.shape[1]
    out = np.eye(p)
    for j in range(p):
        for i in range(j):
            ok = ~np.isnan(x[:, i]) & ~np.isnan(x[:, j])
            out[i, j] = out[j, i] = measure(x[ok, i], x[ok, j])
    return out


def normal_scores(x, y):
    n = len(x)
    d = 1 / (4 * n ** 0.25 * math.sqrt(math.pi * math.log(n)))
    z = [norm.ppf(np.clip(rankdata(v) / n, d, 1 - d)) for v in (x, y)]
    return np.corrcoef(*z)[0, 1]


def covariance(x):
    p = x.shape[1]
    mean = [math.fsum(c[~np.isnan(c)]) / np.sum(~np.isnan(c)) for c in x.T]
    out = np.zeros((p, p))
    for j in range(p):
        for i in range(p):
            ok = ~np.isnan(x[:, i]) & ~np.isnan(x[:, j])
            out[i, j] = math.fsum((x[ok, i] - mean[i]) * (x[ok, j] - mean[j])) / ok.sum()
    return mean, out


def samples(x):
    frame = pd.DataFrame(x)
    spearman, kendall = (frame.corr(method=m).to_numpy() for m in ("spearman", "kendall"))
    assert abs(kendall - pairwise(x, lambda a, b: kendalltau(a, b, variant="b").statistic)).max() < 1e-14
    mean, cov = covariance(x)
    seen = (~np.isnan(x)).astype(int)
    rows = [[None if np.isnan(v) else float(v) for v in r] for r in x]
    return dict(x=rows, of=dict(spearman=spearman.tolist(), kendall=kendall.tolist(), mean=mean, covariance=cov.tolist(),
                                normal_scores=pairwise(x, normal_scores).tolist(), counts=(seen.T @ seen).tolist()))


def nearest(a):
    y, ds = a.copy(), np.zeros_like(a)
    for _ in range(200000):
        r = y - ds
        w, v = np.linalg.eigh(r)
        x = (v * np.maximum(w, 0)) @ v.T
        ds, last = x - r, y
        y = x.copy()
        np.fill_diagonal(y, 1)
        if abs(y - last).max() < 1e-15:
            break
    shift = a + np.diag(np.diag(r - a))
    w, v = np.linalg.eigh(shift)
    return y, float(abs((v * np.maximum(w, 0)) @ v.T - y).max())


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    x = rng.normal(size=(40, 6)) @ (np.eye(6) + 0.7 * np.eye(6, k=1) - 0.5 * np.eye(6, k=2)) + [0, 5, -20, 0, 100, 1]
    x[:, 1] = np.round(x[:, 1])
    x[:, 3] = np.round(2 * x[:, 3]) / 2
    x[:, 4] = np.exp((x[:, 4] - 100) / 2)
    holes = np.where(rng.random(x.shape) < 0.25, np.nan, x)
    data = dict(complete=samples(x), incomplete=samples(holes), by=f"pandas {version('pandas')}, scipy {version('scipy')}, numpy {version('numpy')}")
    (OUT / "covariance_estimates.json").write_text(json.dumps(data, allow_nan=False, separators=(",", ":")) + "\n")

    cases = [np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])]
    for p in (5, 10):
        a = rng.uniform(-1, 1, size=(p, p))
        a = np.triu(a, 1)
        cases.append(a + a.T + np.eye(p))
    problems = []
    for a in cases:
        found, violation = nearest(a)
        check = {}
        try:
            import cvxpy as cp
            v = cp.Variable(a.shape, PSD=True)
            cp.Problem(cp.Minimize(cp.sum_squares(v - a)), [cp.diag(v) == 1]).solve(solver="CLARABEL")
            check["cvxpy"] = float(abs(v.value - found).max())
        except ImportError:
            pass
        try:
            from statsmodels.stats.correlation_tools import corr_nearest
            check["statsmodels corr_nearest and here, distances"] = [
                float(np.linalg.norm(m - a)) for m in (corr_nearest(a, n_fact=10000), found)]
        except ImportError:
            pass
        problems.append(dict(a=a.tolist(), nearest=found.tolist(), distance=float(np.linalg.norm(found - a)), optimality=violation, crosscheck=check))
        print(len(a), violation, check)
    (OUT / "nearest_correlation.json").write_text(json.dumps(problems, allow_nan=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
