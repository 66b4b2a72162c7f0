"""Writes the samples of `networks.rs` and times scikit-learn (each λ by itself: it takes no start) and R's glasso (each λ from
the one before) on the path of 50 λ down to 0.1 of the largest for 300 variables: process CPU time of one thread.

    python benches/networks.py /tmp/networks
    RAYON_NUM_THREADS=1 cargo bench --bench networks -- --data /tmp/networks --only 300
"""
import os

for name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[name + "_NUM_THREADS"] = "1"

import pathlib
import shutil
import subprocess
import sys
import time
import warnings

import numpy as np
from sklearn.covariance import graphical_lasso

R = """
suppressMessages(library(glasso))
args <- commandArgs(TRUE); p <- 300
S <- matrix(readBin(paste0(args[1], "/300.s"), "double", p * p), p, p)
off <- row(S) != col(S); lambdas <- max(abs(S[off])) * 0.1^((0:49) / 49)
objective <- function(T, l) { T <- (T + base::t(T)) / 2
  (-as.numeric(determinant(T)$modulus) + sum(S * T) + l * sum(abs(T[off]))) / p }
for (thr in c(1e-4, 1e-6)) {
  f <- NULL; found <- c(); cpu <- 0
  for (k in 1:50) {
    cpu <- cpu + system.time(f <- if (is.null(f)) glasso(S, lambdas[k], thr = thr, penalize.diagonal = FALSE)
      else glasso(S, lambdas[k], thr = thr, penalize.diagonal = FALSE, start = "warm", w.init = f$w, wi.init = f$wi))[["user.self"]]
    if (k %in% c(11, 50)) found <- c(found, objective(f$wi, lambdas[k]))
  }
  cat(sprintf("R glasso, thr %g: %.2f s, objectives / p %.9f %.9f\\n", thr, cpu, found[1], found[2]))
}
"""


def draw(rng, n, p, degree):
    """Samples of a random network with `degree` edges a variable (0: a tree that grows where it has branches)."""
    if degree:
        edges = rng.integers(0, p, (p * degree // 2, 2))
    else:
        ends, edges = [0], []
        for v in range(1, p):
            edges.append((ends[rng.integers(len(ends))], v))
            ends += edges[-1]
        edges = np.array(edges)
    edges = edges[edges[:, 0] != edges[:, 1]]
    a = np.zeros((p, p))
    a[edges[:, 0], edges[:, 1]] = rng.uniform(0.3, 1, len(edges)) * rng.choice([-1, 1], len(edges))
    a += a.T
    a[np.diag_indices(p)] = 1.1 * np.abs(a).sum(1) + 0.1
    x = np.linalg.solve(np.linalg.cholesky(a).T, rng.standard_normal((p, n))).T
    x -= x.mean(0)
    return np.asfortranarray(x / x.std(0))


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(3)
    for n, p, degree in [(600, 300, 4), (4000, 2000, 10), (2000, 5000, 0)]:
        x = draw(rng, n, p, degree)
        x.T.tofile(folder / f"{p}.x")
        if p == 300:
            s = x.T @ x / n
            s.tofile(folder / "300.s")
    off = ~np.eye(300, dtype=bool)
    lambdas = np.abs(s[off]).max() * 0.1 ** (np.arange(50) / 49)
    for tolerance in [1e-4, 1e-6]:
        start = time.process_time()
        found = [graphical_lasso(s, l, tol=300 * tolerance, enet_tol=tolerance, max_iter=500)[1] for l in lambdas]
        cpu = time.process_time() - start
        value = lambda t, l: (-np.linalg.slogdet(t)[1] + (s * t).sum() + l * np.abs(t[off]).sum()) / 300
        print(f"scikit-learn, tol {tolerance:g}·p: {cpu:.2f} s, objectives / p {value(found[10], lambdas[10]):.9f}"
              f" {value(found[49], lambdas[49]):.9f}", flush=True)
    if shutil.which("Rscript"):
        subprocess.run(["Rscript", "-e", R, str(folder)], check=False)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
