"""Golden values of scikit-learn's orthogonal matching pursuit and of R's glmnet with `relax = TRUE` (read as numbers only).

    python tests/golden/make_greedy_goldens.py

Data in mixed units with means far from zero. Pursuits see centred columns of norm 1, which is what the estimator's selection is; the
coefficients are given in the units of the data.
"""
import json
import pathlib
import subprocess
import tempfile

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression, orthogonal_mp

HERE = pathlib.Path(__file__).parent


def data(seed, n, p):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, p))
    for j in range(1, p):
        z[:, j] = 0.6 * z[:, j - 1] + 0.8 * z[:, j]
    x = np.round(z * 10.0 ** rng.integers(-1, 3, p) + rng.standard_normal(p) * 20, 4)
    w = np.zeros(p)
    w[[1, 4, 8]] = [3, -2, 1.5]
    eta = (x - x.mean(0)) / x.std(0) @ w
    y = np.round(5 + eta + 1.5 * rng.standard_normal(n), 4)
    label = (eta + 3 * rng.standard_normal(n) > 0).astype(float)
    return x, y, label


def omp():
    x, y, _ = data(1, 40, 12)
    centred = x - x.mean(0)
    norms = np.linalg.norm(centred, axis=0)
    path = orthogonal_mp(centred / norms, y - y.mean(), n_nonzero_coefs=8, return_path=True)
    order = []
    for k in range(path.shape[1]):
        order += [int(j) for j in np.flatnonzero(path[:, k]) if int(j) not in order]
    # The coefficients once more by QR, to all digits.
    exact = []
    for k in range(1, 9):
        w = np.zeros(12)
        w[order[:k]] = np.linalg.lstsq(centred[:, order[:k]], y - y.mean(), rcond=None)[0]
        assert np.allclose(w * norms, path[:, k - 1], rtol=1e-6, atol=1e-9)
        exact.append(w.tolist())
    by_norm = orthogonal_mp(centred / norms, y - y.mean(), tol=300.0)
    return dict(x=x.tolist(), y=y.tolist(), order=order, path=exact, tol=300.0, tol_support=np.flatnonzero(by_norm).tolist())


R = """
suppressMessages(library(glmnet))
a <- commandArgs(TRUE); d <- a[1]
x <- as.matrix(read.csv(paste0(d, "/x.csv"), header = FALSE)); y <- scan(paste0(d, "/", a[2], ".csv"), quiet = TRUE)
l <- scan(paste0(d, "/", a[2], "_lambdas.csv"), quiet = TRUE)
glmnet.control(fdev = 0, devmax = 1)
f <- glmnet(x, y, family = a[3], standardize = FALSE, relax = TRUE, lambda = l, thresh = 1e-16, maxit = 1e8)
out <- c()
for (g in c(1, 0.4, 0)) out <- c(out, as.vector(as.matrix(coef(f, s = l, gamma = g))))
cat(format(out, digits = 17), sep = "\\n")
"""


def relaxed():
    x, y, label = data(2, 60, 10)
    x = (x - x.mean(0)) / x.std(0)
    x = np.round(x + np.arange(10) / 3, 4)
    out = dict(x=x.tolist(), gammas=[1, 0.4, 0])
    with tempfile.TemporaryDirectory() as folder:
        np.savetxt(f"{folder}/x.csv", x, delimiter=",", fmt="%.17g")
        (pathlib.Path(folder) / "run.R").write_text(R)
        for name, values, family, lambdas in [
            ("squared", y, "gaussian", [1.0, 0.3, 0.1]),
            ("logistic", label, "binomial", [0.1, 0.05, 0.02]),
        ]:
            np.savetxt(f"{folder}/{name}.csv", values, fmt="%.17g")
            np.savetxt(f"{folder}/{name}_lambdas.csv", lambdas, fmt="%.17g")
            text = subprocess.run(["Rscript", f"{folder}/run.R", folder, name, family], capture_output=True, text=True, check=True)
            b = np.array([float(v) for v in text.stdout.split()]).reshape(3, 3, 11)  # γ, λ, intercept and coefficients
            exact = []
            for k in range(3):
                s = np.flatnonzero(b[0, k, 1:])
                if family == "gaussian":
                    m = LinearRegression().fit(x[:, s], values)
                    intercept = m.intercept_
                else:
                    m = LogisticRegression(C=np.inf, tol=1e-14, max_iter=10000, solver="newton-cholesky").fit(x[:, s], values)
                    intercept = m.intercept_[0]
                w = np.zeros(11)
                w[0], w[1 + s] = intercept, m.coef_.ravel()
                exact.append(w.tolist())
                print(name, k, s, "glmnet's refit is off by", np.abs(b[2, k] - w).max())
            out[name] = dict(y=values.tolist(), lambdas=lambdas, glmnet=b.tolist(), unpenalised=exact)
    return out


for name, value in [("greedy_omp", omp()), ("relaxed_glmnet", relaxed())]:
    (HERE / f"{name}.json").write_text(json.dumps(value) + "\n")
