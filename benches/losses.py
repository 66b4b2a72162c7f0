"""Writes the data of `losses.rs` and times R's glmnet, adelie and (one λ) skglm on the same paths: process CPU time of one
thread, and the objectives reached half way and at the end, to compare with those of the bench.

    python benches/losses.py /tmp/losses [NAME ...]
    RAYON_NUM_THREADS=1 cargo bench --bench losses -- --data /tmp/losses
"""
import os

for name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[name + "_NUM_THREADS"] = "1"

import pathlib
import subprocess
import sys
import time
import warnings

import numpy as np

R = """
suppressMessages({library(glmnet); library(survival)})
args <- commandArgs(TRUE); d <- args[1]; family <- args[2]; x <- args[3]; n <- as.integer(args[4]); p <- as.integer(args[5])
thresh <- as.numeric(args[6]); type <- args[7]
X <- matrix(readBin(paste0(d, "/", x, ".x"), "double", n * p), n, p)
y <- readBin(paste0(d, "/", family, ".y"), "double", 2 * n)
if (family == "cox") y <- Surv(y[1:n], y[n + 1:n])
lambdas <- readBin(paste0(d, "/", family, type, ".l"), "double", 100)
name <- c(logistic = "binomial", groups = "binomial", poisson = "poisson", multinomial = "multinomial", cox = "cox")[[family]]
glmnet.control(fdev = 0, devmax = 1)
run <- function() glmnet(X, y, family = name, lambda = lambdas, standardize = FALSE, thresh = thresh, maxit = 1e8,
  type.multinomial = if (type == "rows") "grouped" else "ungrouped")
cpu <- system.time(f <- run())[["user.self"]]
b <- coef(f); b <- if (is.list(b)) do.call(cbind, lapply(b, function(b) as.matrix(b)[, c(50, 100)])) else as.matrix(b)[, c(50, 100)]
writeBin(as.double(b), paste0(d, "/r.out")); cat(cpu)
"""


def features(rng, n, p):
    x = np.empty((n, p))
    x[:, 0] = rng.standard_normal(n)
    for j in range(1, p):
        x[:, j] = 0.5 * x[:, j - 1] + np.sqrt(0.75) * rng.standard_normal(n)
    return np.asfortranarray(x), 0.45 * x[:, :: p // 20][:, :20].sum(1)


def logistic(eta, y):
    return np.mean(np.logaddexp(0, eta) - y * eta)


def poisson(eta, y):
    return np.mean(np.exp(eta) - y * eta)


def multinomial(eta, y):
    shift = eta.max(1, keepdims=True)
    return np.mean(np.log(np.exp(eta - shift).sum(1)) + shift[:, 0] - eta[np.arange(len(y)), y])


def cox(eta, y):
    order = np.argsort(-y[:, 0], kind="stable")
    time_, status, eta = y[order, 0], y[order, 1], eta[order]
    at_risk = np.logaddexp.accumulate(eta)
    last = np.searchsorted(-time_, -time_, side="right") - 1
    return np.sum(status * (at_risk[last] - eta)) / len(eta)


def report(name, cpu, values):
    print(f"{name}: CPU {cpu:.2f} s, objectives {values[0]:.10f} {values[1]:.10f}", flush=True)


def main(folder, wanted):
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    (folder / "path.R").write_text(R)
    rng = np.random.default_rng(5)
    shapes = {"tall": (10_000, 1000), "cox": (2000, 1000), "multinomial": (600, 2000), "groups": (1000, 5000)}
    designs = {name: features(rng, *shape) for name, shape in shapes.items()}
    signal = designs["tall"][1]
    y = {"logistic": (rng.random(10_000) < 1 / (1 + np.exp(-signal))).astype(float), "poisson": rng.poisson(np.exp(0.3 * signal)).astype(float)}
    signal = designs["cox"][1]
    t, c = rng.exponential(size=2000) * np.exp(-signal), 2 * rng.exponential(size=2000)
    y["cox"] = np.stack([np.minimum(t, c), t <= c], 1).astype(float)
    y["multinomial"] = np.clip(designs["multinomial"][1] + 0.5 * rng.standard_normal(600), -1.5, 1.49).round()
    y["groups"] = (rng.random(1000) < 1 / (1 + np.exp(-designs["groups"][1]))).astype(float)
    for name, (x, _) in designs.items():
        x.T.tofile(folder / f"{name}.x")
    for name, values in y.items():
        values.T.tofile(folder / f"{name}.y")
    for name in y:
        if wanted and name not in wanted:
            continue
        design = "tall" if name in ("logistic", "poisson") else name
        x, values = designs[design][0], y[name]
        n, p = x.shape
        codes = (values + 2).astype(int) - 1 if name == "multinomial" else None
        for kind in ["", "rows"] if name == "multinomial" else [""]:
            if name == "multinomial":
                codes = np.searchsorted(np.unique(values), values)
                share = np.eye(codes.max() + 1)[codes]
                g = x.T @ (share.mean(0) - share) / n
                largest = np.abs(g).max() if kind == "" else np.sqrt((g**2).sum(1)).max()
            elif name == "cox":
                e = 1e-6
                at = lambda j: (cox(e * x[:, j], values) - cox(-e * x[:, j], values)) / (2 * e)
                order = np.argsort(values[:, 0], kind="stable")
                rest = np.cumsum(x[order][::-1], 0)[::-1] / np.arange(n, 0, -1)[:, None]
                g = (values[order, 1][:, None] * (rest - x[order])).sum(0) / n
                largest = np.abs(g).max()
                assert abs(abs(at(int(np.abs(g).argmax()))) - largest) < 1e-6
            else:
                g = x.T @ (values.mean() - values) / n
                largest = np.abs(g).max() if name != "groups" else np.sqrt((g.reshape(-1, 5) ** 2).sum(1) / 5).max()
            lambdas = largest * 0.01 ** (np.arange(100) / 99)
            lambdas.tofile(folder / f"{name}{kind}.l")
            if name != "groups":
                for thresh in ["1e-7", "1e-10"]:
                    run = ["Rscript", str(folder / "path.R"), str(folder), name, design, str(n), str(p), thresh, kind]
                    out = subprocess.run(run, capture_output=True, text=True)
                    if out.returncode:
                        print(name, out.stderr[-300:])
                        continue
                    b = np.fromfile(folder / "r.out")
                    if name == "multinomial":
                        b = b.reshape(-1, 2, p + 1).transpose(1, 2, 0)  # point, intercept and features, class
                    elif name == "cox":
                        b = np.concatenate([np.zeros((2, 1)), b.reshape(2, p)], 1)
                    else:
                        b = b.reshape(2, p + 1)
                    found = []
                    for b, l in zip(b, lambdas[[49, 99]]):
                        eta = b[0] + x @ b[1:]
                        loss = {"logistic": logistic, "poisson": poisson, "cox": cox}.get(name)
                        value = loss(eta, values) if loss else multinomial(eta, codes)
                        norm = np.abs(b[1:]).sum() if kind == "" else np.sqrt((b[1:] ** 2).sum(1)).sum()
                        found.append(value + l * norm)
                    report(f"{name} {kind} R glmnet, thresh {thresh}", float(out.stdout), found)
            if name in ("logistic", "poisson", "groups"):
                import adelie as ad

                glm = ad.glm.poisson(values) if name == "poisson" else ad.glm.binomial(values)
                groups = np.arange(0, p, 5) if name == "groups" else None
                for tol in [1e-7, 1e-11]:
                    start = time.process_time()
                    state = ad.grpnet(ad.matrix.dense(x), glm, groups=groups, lmda_path=lambdas, early_exit=False, tol=tol,
                                      irls_tol=tol, progress_bar=False, adev_tol=1.0, ddev_tol=0.0)
                    cpu = time.process_time() - start
                    b, a = state.betas.toarray(), state.intercepts
                    found = []
                    for k in [49, 99]:
                        k = min(k, len(a) - 1)
                        w = b[k]
                        norm = np.abs(w).sum() if name != "groups" else np.sqrt(5) * np.sqrt((w.reshape(-1, 5) ** 2).sum(1)).sum()
                        loss = poisson if name == "poisson" else logistic
                        found.append(loss(a[k] + x @ w, values) + lambdas[k] * norm)
                    report(f"{name} adelie, tol {tol:g}", cpu, found)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2:])
