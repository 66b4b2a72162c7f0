"""Writes the data of `slope.rs` and times `sortedl1` (C++, the authors' package) on the same paths: process CPU time of one
thread, and the objectives reached half way and at the end, to compare with those of the bench.

    python benches/slope.py /tmp/slope
    RAYON_NUM_THREADS=1 cargo bench --bench slope -- --data /tmp/slope
"""
import os

for name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[name + "_NUM_THREADS"] = "1"

import pathlib
import sys
import time

import numpy as np
import scipy.stats
from sortedl1 import Slope

folder = pathlib.Path(sys.argv[1])
folder.mkdir(exist_ok=True)
for name, n, p in [("wide", 200, 20_000), ("tall", 10_000, 500), ("square", 1000, 1000)]:
    rng = np.random.default_rng(p)
    x = np.empty((n, p), order="F")
    x[:, 0] = rng.standard_normal(n)
    for j in range(1, p):
        x[:, j] = 0.5 * x[:, j - 1] + np.sqrt(0.75) * rng.standard_normal(n)
    y = x[:, :: p // 20][:, :20].sum(1) + rng.standard_normal(n)
    x.ravel(order="F").tofile(folder / f"{name}.x")
    y.tofile(folder / f"{name}.y")

    weights = scipy.stats.norm.isf(np.arange(1, p + 1) * 0.1 / (2 * p))
    residual = y - y.mean()
    g = np.sort(np.abs((x - x.mean(0)).T @ residual / n))[::-1]
    top = np.max(np.cumsum(g) / np.cumsum(weights))
    lambdas = top * np.geomspace(1, 0.05, 60)

    def objective(w, b, lam):
        r = y - x @ w - b
        return 0.5 * np.mean(r * r) + lam * np.sort(np.abs(w))[::-1] @ weights

    for tolerance in [1e-4, 1e-6, 1e-10]:
        model = Slope(lam=weights, fit_intercept=True, tol=tolerance)
        best = np.inf
        for _ in range(3 if tolerance > 1e-8 else 1):
            start = time.process_time()
            path = model.path(x, y, alphas=lambdas, tol_dev_change=0.0, tol_dev_ratio=1.0, max_clusters=10 * p)
            best = min(best, time.process_time() - start)
        coefs = np.asarray(path.coefs).squeeze() if not hasattr(path.coefs, "shape") else np.squeeze(path.coefs)
        objectives = [objective(coefs[:, k], float(np.ravel(path.intercepts)[k]), lambdas[k]) for k in (29, 59)]
        print(f"{name} {n} x {p}, tolerance {tolerance:g}: CPU {best:.3f} s, objectives {objectives[0]:.10f} {objectives[1]:.10f}",
              np.count_nonzero(coefs[:, -1]), "features at the end", flush=True)
