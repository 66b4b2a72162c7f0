"""Writes the problems of `cross_validation.rs` and times scikit-learn's LassoCV and R's cv.glmnet on them: the same folds
(i mod 10), 100 values of lambda down to 0.01 of the largest, process CPU time of one thread, minimum of three runs.

    python benches/cross_validation.py /tmp/cv-data
    RAYON_NUM_THREADS=1 cargo bench --bench cross_validation -- --data /tmp/cv-data

Where OpenBLAS does not know the processor, set OPENBLAS_CORETYPE (SkylakeX, Haswell) or scikit-learn is slower than it need be.
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
from sklearn.linear_model import LassoCV
from sklearn.model_selection import PredefinedSplit

R = """
suppressMessages(library(glmnet))
args <- commandArgs(TRUE); n <- as.integer(args[2]); p <- as.integer(args[3])
x <- matrix(readBin(paste0(args[1], ".x"), "double", n * p), n, p)
y <- readBin(paste0(args[1], ".y"), "double", n)
best <- Inf
for (k in 1:3) {
  t <- system.time(cv <- cv.glmnet(x, y, foldid = (0:(n - 1)) %% 10 + 1, nlambda = 100, lambda.min.ratio = 0.01,
                                   standardize = FALSE, thresh = as.numeric(args[4])))
  best <- min(best, t[["user.self"]] + t[["sys.self"]])
}
cat(sprintf("%.1f ms, lambda %.6e\\n", 1e3 * best, cv$lambda.min))
"""


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for n, p in [(20000, 100), (50000, 200), (200, 2000)]:
        rng = np.random.default_rng(0)
        x = np.asfortranarray(np.sqrt(0.8) * rng.standard_normal((n, p)) + np.sqrt(0.2) * rng.standard_normal((n, 1)) + 1)
        w = np.zeros(p)
        w[:: max(p // 20, 1)] = rng.standard_normal(len(w[:: max(p // 20, 1)]))
        y = x @ w + 2 * rng.standard_normal(n)
        name = folder / f"{n}x{p}"
        x.T.tofile(f"{name}.x")
        y.tofile(f"{name}.y")
        folds = PredefinedSplit(np.arange(n) % 10)
        for tol in (1e-4, 1e-6):
            best = np.inf
            for _ in range(3):
                model = LassoCV(eps=1e-2, n_alphas=100, cv=folds, tol=tol, max_iter=100000)
                start = time.process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model.fit(x, y)
                best = min(best, time.process_time() - start)
            print(f"{n}x{p} LassoCV tol {tol:g}: {1e3 * best:.1f} ms, lambda {model.alpha_:.6e}", flush=True)
        if shutil.which("Rscript"):
            for thresh in ("1e-7", "1e-10"):
                out = subprocess.run(["Rscript", "-e", R, str(name), str(n), str(p), thresh], capture_output=True, text=True)
                print(f"{n}x{p} cv.glmnet thresh {thresh}: {out.stdout.strip() or out.stderr.strip()[-200:]}", flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
