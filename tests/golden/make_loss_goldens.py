"""Golden answers for the generalised-linear losses, from independent libraries, polished to 50 digits.

    python make_loss_goldens.py OUT [--only NAME_PART]

writes OUT/loss_<name>.json.  Needs numpy, scipy, mpmath, cvxpy + clarabel, scikit-learn, adelie, skglm, glum; R's
glmnet and survival are run when Rscript is there (as programs; nothing of them is copied).

Each problem is solved by CVXPY/Clarabel, whose support, signs and active groups start a damped Newton iteration in
50-digit arithmetic (loss_exact.py) on the very binary64 numbers that are stored; coefficients leave when they cross
zero and enter when they violate optimality.  The optimality conditions are then checked in the same arithmetic for
every coefficient, zero or not, and the solution is rounded once.  All problems are convex with one solution, so kkt
near 1e-40 with a positive inactive_margin proves the digits; `crosscheck` is how far each library was off
(largest |difference| of sd_j w_j).  The quantile problems are linear programs: the vertex (as many interpolated rows
as active coordinates) and its dual are solved as linear systems in 50 digits, and strict complementarity is checked.

Objective:   F(W, b) = (1/n) sum_i s_i l(y_i, eta_i) + lambda Omega(W),    eta_i = W'x_i + b + o_i,
n = number of rows (those of weight 0 and censored ones included), sample weights s rescaled to mean 1 (all 1 if
absent), o = offset (0 if absent), b not penalised (b = 0 if fit_intercept is false).  standardize: Omega sees
w_j sd_j (population sd with weights s); the coefficients stored are in the user's units.

loss.name, loss.parameters:
  logistic             log(1 + e^eta) - y eta           y in [0, 1]
  multitask_logistic   the same, summed over the q responses, divided by n (not n q); y has n rows of q
  multinomial          log sum_c e^eta_c - eta_y        y = labels 0..K-1, q = K; b is centred to mean 0 (likewise every
                       row of W that is not penalised); grouped: each penalised row of W sums to 0 by itself
  poisson              e^eta - y eta
  gamma                eta + y e^-eta                   (log link)
  huber                r^2/2 if |r| <= delta, else delta |r| - delta^2/2,   r = y - eta
  quantile             tau r if r >= 0, else (tau - 1) r
  squared_hinge        max(0, 1 - y eta)^2 / 2          y in {-1, 1}; "half": true
  sqrt_lasso           not separable: F = sqrt((1/n) sum_i s_i (y_i - eta_i)^2) + lambda Omega
  cox                  not separable: (1/n) x negative log partial likelihood (the log of the likelihood, not halved or
                       doubled; n rows, not events); fields time, status (1 = event) and where present start, strata
                       instead of y; at risk at t: start < t <= time in the same stratum, censored at t included.
                       ties "breslow": sum over deaths of s_i (log sum_{risk} s_j e^eta_j - eta_i);
                       "efron": for the l-th of d tied deaths D (l = 0..d-1), weight mean(s_D) and
                       log(sum_{risk} s e^eta - (l/d) sum_D s e^eta).  No intercept.

Penalty (family):
  lasso               sum_j u_j |w_j|        u = feature_weights, 1 if absent, 0 = free, null = infinite (column excluded);
                      multinomial: over all entries of W; nonnegative: w >= 0
  elastic_net         l1_ratio ||w||_1 + (1 - l1_ratio)/2 ||w||^2
  group_lasso         sum_g u_g ||w_g||      u = group_weights, sqrt(|g|) if absent
  sparse_group_lasso  tau ||w||_1 + (1 - tau) sum_g sqrt(|g|) ||w_g||
  multitask_lasso     sum_j ||W_j||          over classes or responses (multinomial "grouped", multi-task logistic)

Answers: coefficients (p numbers, or p rows of q), intercept (number or q numbers), objective (the full F), lambda_max
(smallest lambda with no penalised coefficient non-zero), null_objective (F of the null model: intercept and
unpenalised features only), null_intercept, active (columns with a non-zero coefficient), kkt and kkt_rounded (largest
violation before and after rounding: gradient / (sd_j g), where g = rms of l' in the null model, sd_y for least
squares; quantile: kkt only), inactive_margin (smallest 1 - |gradient| / bound among zeros, null if there is none),
edge_margin (huber, squared_hinge: distance of the nearest row to a kink of l'; quantile: smallest residual that is
not 0), interpolated and dual_margin (quantile: rows with residual 0; distance of their duals to the bounds).
With `lambdas` instead of `lambda`, each answer that depends on lambda is a list over lambda.
"""
import argparse, json, shutil, subprocess, tempfile, warnings
from importlib.metadata import version
from pathlib import Path
import mpmath as mp
import numpy as np
from golden_exact import F, M, absol                                                   # next to this file
import loss_exact as ex

warnings.filterwarnings("ignore")


# ------------------------------------------------------------------ CVXPY: every loss from its definition
def cvxpy_loss(pr, E):
    import cvxpy as cp
    L, s, n = pr.loss, F(pr.s), pr.n
    y = F(L.y)
    if L.name in ("logistic", "multitask_logistic"):
        return cp.sum(cp.multiply(s[:, None], cp.logistic(E) - cp.multiply(y, E))) / n
    if L.name == "multinomial":
        return (s @ cp.log_sum_exp(E, axis=1) - cp.sum(cp.multiply(s[:, None] * y, E))) / n
    if L.name == "poisson":
        return cp.sum(cp.multiply(s[:, None], cp.exp(E) - cp.multiply(y, E))) / n
    if L.name == "gamma":
        return cp.sum(cp.multiply(s[:, None], E + cp.multiply(y, cp.exp(-E)))) / n
    if L.name == "huber":
        return cp.sum(cp.multiply(s[:, None], cp.huber(y - E, L.parameters["delta"]))) / (2 * n)
    if L.name == "quantile":
        t = L.parameters["tau"]
        return cp.sum(cp.multiply(s[:, None], cp.maximum(t * (y - E), (t - 1) * (y - E)))) / n
    if L.name == "squared_hinge":
        return cp.sum(cp.multiply(s[:, None], cp.square(cp.pos(1 - cp.multiply(y, E))))) / (2 * n)
    if L.name == "sqrt_lasso":
        return cp.norm(cp.multiply(np.sqrt(s / n)[:, None], y - E))
    C, e = F(L.C), E[:, 0]
    terms = [w * cp.log_sum_exp(e[np.flatnonzero(c)] + np.log(c[c > 0])) for c, w in zip(C, F(L.wt))]
    return (cp.sum(cp.hstack(terms)) - F(L.ev) @ e) / n


def cvxpy(pr, lam):
    """The coordinates u of LossProblem from Clarabel, on centred unit-sd columns."""
    import cvxpy as cp
    p, q = pr.p, pr.q
    Xs, sc = F((pr.x - pr.xm) / pr.sd), F(pr.scale)[q:]
    a = pr.a[q:]
    keep, out = np.flatnonzero(np.isfinite(a)), np.flatnonzero(~np.isfinite(a))
    z, b = cp.Variable(p * q), cp.Variable(q)
    E = Xs @ cp.reshape(z, (p, q), order="C") + np.ones((pr.n, 1)) @ cp.reshape(b, (1, q), order="C") + F(pr.o) @ np.ones((1, q))
    if not np.isfinite(pr.a[0]):                # no intercept: the columns may not be centred (cox does not see the shift)
        E = E + np.ones((pr.n, 1)) @ (F(pr.xm / pr.sd)[None] @ cp.reshape(z, (p, q), order="C"))
    obj = cvxpy_loss(pr, E) + lam * cp.sum(cp.multiply(a[keep] / sc[keep], cp.abs(z[keep])))
    v = cp.multiply(z, 1 / sc)
    if pr.ridge[-1] > 0:
        obj += lam * float(pr.ridge[-1]) / 2 * cp.sum_squares(v)
    obj += sum(lam * float(c) * cp.norm(v[g - q]) for g, c in zip(pr.groups, pr.c))
    con = ([z[out] == 0] if len(out) else []) + ([] if np.isfinite(pr.a[0]) else [b == 0]) + ([z >= 0] if pr.nonneg else [])
    con += [cp.sum(b) == 0] if pr.gauge else []
    con += [cp.sum(cp.reshape(z, (p, q), order="C")[j - 1]) == 0 for j in pr.gauge if j > 0]
    try:
        cp.Problem(cp.Minimize(obj), con).solve(solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12, max_iter=300)
    except cp.error.SolverError:
        pass
    z, b = z.value / sc, np.array(b.value)
    if np.isfinite(pr.a[0]):
        b = b - F(pr.xm / pr.d) @ z.reshape(p, q)
    return np.concatenate([b, z])


# ------------------------------------------------------------------ the other libraries: w (p x q) in user's units, or nothing
def rscript(code, **arrays):
    if not shutil.which("Rscript"):
        return None
    with tempfile.TemporaryDirectory() as d:
        for k, v in arrays.items():
            Path(d, k).write_text("\n".join(",".join(map(repr, r)) for r in np.reshape(F(v), (len(v), -1)).tolist()))
        head = f"suppressMessages({{library(glmnet); library(survival)}}); g <- function(k) unname(as.matrix(read.csv(file.path('{d}', k), header=FALSE)));"
        out = subprocess.run(["Rscript", "-e", head + code + "; cat('\\nRESULT', as.character(packageVersion('glmnet')), formatC(as.numeric(res), digits=17, format='g'))"],
                             text=True, capture_output=True)
    if "RESULT" not in out.stdout:
        raise RuntimeError(out.stderr)
    v, *res = out.stdout.split("RESULT")[1].split()
    return v, np.array(res, float)


def r_glmnet(pr, g, lam, ratio):
    """glmnet with the golden's own conventions; penalty factors are undone from its rescaling to mean 1."""
    L, n, p, q = pr.loss, pr.n, pr.p, pr.q
    fam = {"logistic": "binomial", "multinomial": "multinomial", "poisson": "poisson", "cox": "cox"}.get(L.name)
    if fam is None or g["family"] not in ("lasso", "elastic_net", "multitask_lasso") or (fam == "cox" and L.ties != "breslow"):
        return
    pf = np.ones(p) if g.get("feature_weights") is None else np.array([np.inf if w is None else w for w in g["feature_weights"]])
    late = False
    excl, pf = np.flatnonzero(np.isinf(pf)), np.where(np.isinf(pf), 1.0, pf)
    arr = dict(x=pr.x, w=pr.s, o=pr.o, pf=pf, lam=lam * np.mean(pf) * np.append(np.geomspace(max(1.5, 1.5 * ratio), 1, 12)[:-1], 1.0))
    y = {"binomial": "cbind(1 - g('y'), g('y'))", "multinomial": "g('y')", "poisson": "g('y')[,1]"}.get(fam)
    if fam == "cox":
        arr.update(time=L.time, status=L.status, start=np.where(np.isfinite(L.begin), L.begin, 0), strata=L.strata)
        y = "Surv(g('start')[,1], g('time')[,1], g('status')[,1])" if L.begin0 is not None else "Surv(g('time')[,1], g('status')[,1])"
        y = f"stratifySurv({y}, g('strata')[,1])" if L.strata0 is not None else y
        risk = (F(L.C) > 0).any(axis=0)         # coxgrad of glmnet 4.1.6 is wrong when a row enters at or after the last event
        late = L.begin0 is not None and not risk.all()
        if late:
            arr = {k: v[risk] if k in ("x", "w", "o", "time", "status", "start", "strata") else v for k, v in arr.items()}
            arr["lam"] = arr["lam"] * n / float(sum(arr["w"]))
    else:
        arr["y"] = L.y
    code = (f"f <- glmnet(g('x'), {y}, family='{fam}', weights=g('w')[,1], alpha={g.get('l1_ratio', 1)!r}, lambda=g('lam')[,1], standardize={'TRUE' if g['standardize'] else 'FALSE'},"
            + ("" if fam == "cox" else f"intercept={'TRUE' if g['fit_intercept'] else 'FALSE'},") + ("offset=g('o')[,1]," if g.get("offset") is not None else "")
            + (f"exclude=c({','.join(str(j + 1) for j in excl)})," if len(excl) else "") + ("lower.limits=0," if pr.nonneg else "")
            + ("type.multinomial='grouped'," if g["family"] == "multitask_lasso" else "") + "penalty.factor=g('pf')[,1], thresh=1e-16, maxit=1e7);"
            + ("res <- do.call(cbind, lapply(f$beta, function(b) b[, ncol(b)])); res <- t(res)" if fam == "multinomial" else "res <- f$beta[, ncol(f$beta)]"))
    got = rscript(code, **arr)
    if got:
        yield f"R glmnet {got[0]}{' (without the rows at risk at no event)' if late else ''}", got[1].reshape(p, q)


def with_adelie(pr, g, lam):
    """Groups and Cox; on the columns x_j / d_j; multi-task as one long logistic regression on x (x) I."""
    import adelie as ad
    L, n, p, q = pr.loss, pr.n, pr.p, pr.q
    if g["family"] == "sparse_group_lasso" or pr.nonneg or g.get("feature_weights") is not None or g["family"] == "elastic_net":
        return
    X, w, o, kw, pen, groups = F(pr.x / pr.d), F(pr.s / n), F(pr.o)[:, 0].copy(), {}, np.ones(p), np.arange(p)
    perm, scale = np.arange(p * q), 1.0
    if L.name == "multitask_logistic":
        X = np.hstack([np.kron(np.ones((n, 1)), np.eye(q)), np.kron(X, np.eye(q))])
        glm = ad.glm.binomial(F(L.y).ravel(), weights=np.repeat(w, q) / q)
        groups, pen, scale, o, kw = np.append(np.arange(q), q + q * np.arange(p)), np.append(np.zeros(q), np.ones(p)), 1 / q, np.repeat(o, q), dict(intercept=False)
    elif L.name == "multinomial" and g["family"] == "multitask_lasso":
        glm, scale, o, groups = ad.glm.multinomial(F(L.y), weights=w), 1 / q, None, None
    elif L.name == "cox":
        start = np.where(np.isfinite(L.begin), L.begin, L.time.min() - 1)
        glm = ad.glm.cox(start, L.time, L.status.astype(float), strata=L.strata.astype(np.int32), weights=w, tie_method=L.ties)
        kw = dict(intercept=False)
    elif L.name in ("logistic", "poisson") and g["family"] in ("group_lasso", "lasso"):
        glm = (ad.glm.binomial if L.name == "logistic" else ad.glm.poisson)(F(L.y)[:, 0].copy(), weights=w)
        kw = dict(intercept=g["fit_intercept"])
        if g["family"] == "group_lasso":
            perm = np.concatenate(pr.groups) - q
            groups, pen = np.cumsum([0] + [len(v) for v in pr.groups])[:-1], F(pr.c)
            X = X[:, perm]
    else:
        return
    m = lam * scale
    if X.mean() > 5:                            # its IRLS wants centred columns
        X = X - X.mean(axis=0)
    st = ad.grpnet(ad.matrix.dense(np.asfortranarray(X)), glm, groups=groups, penalty=pen, offsets=o, lmda_path=np.append(np.geomspace(20 * m, m, 30)[:-1], m), early_exit=False,
                   tol=1e-16, irls_tol=1e-14, newton_tol=1e-14, max_iters=10 ** 6, adev_tol=1, progress_bar=False, **kw)
    beta = st.betas[-1].toarray().ravel()
    if L.name == "multitask_logistic":
        beta = beta[q:]
    w = np.zeros(p * q)
    w[perm] = beta[:p * q]
    yield f"adelie {version('adelie')} grpnet", w.reshape(p, q) / F(pr.d)[:, None]


def others(pr, g, lam, ratio):
    L, n, p = pr.loss, pr.n, pr.p
    x, y, s = F(pr.x), F(L.y)[:, 0], F(pr.s)
    plain = g["family"] == "lasso" and g.get("feature_weights") is None and not pr.nonneg
    same = plain and np.allclose(s, 1)          # for those that know no weights
    x = x / F(pr.d)                             # none of the below is asked to standardize
    yield from r_glmnet(pr, g, lam, ratio)
    yield from with_adelie(pr, g, lam)
    if L.name == "logistic" and plain and g.get("offset") is None and set(y) <= {0.0, 1.0} and abs(x.mean()) < 5:
        from sklearn.linear_model import LogisticRegression
        f = LogisticRegression(penalty="l1", C=1 / (n * lam), solver="saga", tol=1e-13, max_iter=200000, fit_intercept=g["fit_intercept"]).fit(x, y, sample_weight=s)
        yield f"scikit-learn {version('scikit-learn')} LogisticRegression", f.coef_.T / F(pr.d)[:, None]
    if L.name == "logistic" and g["family"] == "sparse_group_lasso":
        from skglm import datafits, penalties, solvers
        from skglm.utils.jit_compilation import compiled_clone
        perm = np.concatenate([[0]] + list(pr.groups))                         # column 0: the intercept, a group of weight 0
        ptr, idx = np.cumsum([0, 1] + [len(v) for v in pr.groups]).astype(np.int32), np.arange(p + 1, dtype=np.int32)
        pen = compiled_clone(penalties.WeightedL1GroupL2(lam, np.append(0.0, F(pr.c)), pr.a[perm], ptr, idx))
        bcd = solvers.GroupBCD(fit_intercept=False, tol=1e-13, max_iter=5000, max_epochs=5000, ws_strategy="fixpoint")
        w = np.zeros(p + 1)
        w[perm] = bcd.solve(np.asfortranarray(F(pr.D)[:, perm]), 2 * y - 1, compiled_clone(datafits.LogisticGroup(ptr, idx)), pen)[0]
        yield f"skglm {version('skglm')} GroupBCD", w[1:, None] / F(pr.d)[:, None]
    if L.name == "gamma" and plain:
        from glum import GeneralizedLinearRegressor
        f = GeneralizedLinearRegressor(family="gamma", link="log", alpha=lam, l1_ratio=1, gradient_tol=1e-11, max_iter=1000, fit_intercept=g["fit_intercept"]).fit(x, y, sample_weight=s, offset=F(pr.o)[:, 0])
        yield f"glum {version('glum')} gamma", f.coef_[:, None] / F(pr.d)[:, None]
    if L.name == "quantile" and plain:
        from sklearn.linear_model import QuantileRegressor
        f = QuantileRegressor(quantile=L.parameters["tau"], alpha=lam, solver="highs").fit(x, y, sample_weight=s)
        yield f"scikit-learn {version('scikit-learn')} QuantileRegressor (HiGHS)", f.coef_[:, None] / F(pr.d)[:, None]
    if L.name == "squared_hinge" and same:
        from sklearn.svm import LinearSVC
        f = LinearSVC(penalty="l1", dual=False, C=1 / (2 * n * lam), intercept_scaling=1e5, tol=1e-12, max_iter=1000000).fit(x, y)
        yield f"scikit-learn {version('scikit-learn')} LinearSVC (intercept nearly free)", f.coef_.T / F(pr.d)[:, None]
    if L.name == "sqrt_lasso" and plain:        # F(w) <= sigma/2 + ||r||^2/(2 n sigma): the lasso at lambda * F
        from sklearn.linear_model import Lasso
        rs, w = np.sqrt(s), np.zeros(p)
        xc, yc = rs[:, None] * (x - s @ x / n), rs * (y - s @ y / n)
        for _ in range(200):
            w = Lasso(alpha=lam * np.sqrt(np.mean((yc - xc @ w) ** 2)), tol=1e-15, max_iter=100000, fit_intercept=False).fit(xc, yc).coef_
        yield f"scikit-learn {version('scikit-learn')} Lasso, scaled", w[:, None] / F(pr.d)[:, None]
    if L.name == "huber" and same:             # outliers as coefficients: the huber loss is the lasso over (w, shift of each row)
        from sklearn.linear_model import Lasso
        d, k = L.parameters["delta"], L.parameters["delta"] / (n * lam)
        f = Lasso(alpha=d / n, tol=1e-14, max_iter=1000000).fit(np.hstack([k * x, np.eye(n)]), y)
        yield f"scikit-learn {version('scikit-learn')} Lasso, mean shifts", k * f.coef_[:p, None] / F(pr.d)[:, None]
    if L.name == "cox" and plain and L.begin0 is None and L.strata0 is None and np.allclose(s, 1):
        from skglm import datafits, penalties, solvers
        from skglm.utils.jit_compilation import compiled_clone
        df = compiled_clone(datafits.Cox(use_efron=L.ties == "efron"))
        yy = np.column_stack([L.time, L.status]).astype(float)
        xf = np.asfortranarray(x)
        df.initialize(xf, yy)
        w = solvers.ProxNewton(fit_intercept=False, tol=1e-12, max_iter=200).solve(xf, yy, df, compiled_clone(penalties.L1(lam)))[0]
        yield f"skglm {version('skglm')} Cox", w[:, None] / F(pr.d)[:, None]


def coxph_check(pr, u):
    """R survival's log partial likelihood at the solution against n times the loss here."""
    L = pr.loss
    arr = dict(x=pr.x / pr.d, time=L.time, status=L.status, strata=L.strata, w=pr.s, start=np.where(np.isfinite(L.begin), L.begin, 0))
    arr = dict({k: v[F(pr.s) > 0] for k, v in arr.items()}, b=u[1:])           # it takes no weight 0
    y = "Surv(g('start')[,1], g('time')[,1], g('status')[,1])" if L.begin0 is not None else "Surv(g('time')[,1], g('status')[,1])"
    code = f"X <- g('x'); st <- g('strata')[,1]; res <- coxph({y} ~ X + strata(st), weights=g('w')[,1], ties='{L.ties}', init=g('b')[,1], control=coxph.control(iter.max=0))$loglik[1]"
    got = rscript(code, **arr)
    return {} if got is None else {"R survival coxph, relative difference of the log likelihood": float(abs(-got[1][0] / pr.n / float(L.value(pr.eta(u))) - 1))}


# ------------------------------------------------------------------ one golden
def golden(name, loss, family, x, ratios, groups=None, group_weights=None, feature_weights=None, l1_ratio=1.0, tau=None, fit_intercept=True,
           nonnegative=False, standardize=False, sample_weights=None, offset=None, note=""):
    p, q = x.shape[1], loss.q
    one = M(1).item()
    root_size = [mp.sqrt(len(g)) for g in groups or []]
    if family in ("lasso", "elastic_net"):
        a = np.ones(p) if feature_weights is None else np.array([np.inf if w is None else w for w in feature_weights])
        gs, c, a, r = [], [], np.repeat(a * l1_ratio, q), one - M(l1_ratio).item()
    elif family == "multitask_lasso":
        gs, c, a, r = np.arange(p * q).reshape(p, q), np.ones(p), 0.0, 0.0
    else:
        t = tau or 0.0
        gs, c, a, r = groups, [(one - M(t).item()) * v for v in (M(group_weights) if group_weights else root_size)], t, 0.0
    lp = loss.name == "quantile"
    pr = (ex.QuantileProblem if lp else ex.LossProblem)(loss, x, a, gs, c, r=r, nonneg=nonnegative, weights=sample_weights, offset=offset, fit_intercept=fit_intercept, standardize=standardize)
    g = dict(problem=name, family=family, loss=dict(name=loss.name, parameters=loss.parameters), note=note, n=len(x), p=p)
    g.update({"q": q} if q > 1 else {})
    opt = dict(feature_weights=feature_weights, groups=groups, group_weights=group_weights, tau=tau, l1_ratio=l1_ratio if family == "elastic_net" else None,
               sample_weights=sample_weights, offset=offset)
    g.update(fit_intercept=fit_intercept, standardize=standardize, nonnegative=nonnegative, **{k: v for k, v in opt.items() if v is not None})
    lmax = pr.lambda_max()
    lams, diffs, sols = [float(f"{v * float(lmax):.12g}") for v in ratios], {}, []
    sd = F(pr.sd)[:, None]
    for lam in lams:
        lm = M(lam).item()
        start = cvxpy(pr, lam)
        more = {}
        if lp:
            u, act, rows, (kkt, margin, inner, edge) = pr.polish_vertex(start, lm)
            more = dict(interpolated=rows.tolist(), dual_margin=inner, edge_margin=edge)
        else:
            z = np.abs(start) * F(pr.scale)
            act = (z > 1e-6 * max(z[q:].max(), 1e-300)) & ~pr.out | pr.free
            for gi in pr.groups:
                if act[gi].any() and not pr.a[gi].any():
                    act[gi] = True
            u, kkt, margin = pr.polish(M(np.where(act, start, 0)), act, lm)
            if loss.edge(pr.eta(u)) is not None:
                more = dict(edge_margin=loss.edge(pr.eta(u)))
                assert more["edge_margin"] > 1e-6
        w, b = pr.user_units(u)
        for lib, v in [(f"CVXPY {version('cvxpy')} / Clarabel {version('clarabel')}", F(pr.user_units(start)[0]))] + list(others(pr, g, lam, float(lmax) / lam)):
            diffs[lib] = max(diffs.get(lib, 0.0), float(np.abs(sd * (v - F(w))).max()))
        if loss.name == "cox":
            for lib, v in coxph_check(pr, u).items():
                diffs[lib] = max(diffs.get(lib, 0.0), v)
        assert min(diffs.values()) < 1e-4
        if not lp:
            more["kkt_rounded"] = float(pr.kkt(pr.from_user(F(w), F(b)), act, lm)[0])
        squeeze = (lambda m: F(m)[..., 0].tolist()) if q == 1 else (lambda m: F(m).tolist())
        sols.append(dict(coefficients=squeeze(w), intercept=squeeze(b), objective=float(pr.objective(u, lm)), active=int(sum(F(absol(w)).max(axis=1) > 0)),
                         kkt=float(kkt), inactive_margin=margin, **more))
    many = len(lams) > 1
    nb = F(pr.null[:q]).tolist()
    g.update({"lambdas": lams} if many else {"lambda": lams[0]}, lambda_max=float(lmax), null_objective=float(pr.loss.value(pr.eta(pr.null))), null_intercept=nb[0] if q == 1 else nb)
    g.update({k: [s[k] for s in sols] if many else sols[0][k] for k in sols[0]}, crosscheck=diffs,
             source="; ".join(diffs) + f"; polished by Newton on the active set in 50 digits (mpmath {mp.__version__})", X=x.tolist())
    if loss.name == "cox":
        g.update(time=loss.time.tolist(), status=loss.status.tolist())
        g.update({k: np.asarray(v).tolist() for k, v in dict(start=loss.begin0, strata=loss.strata0).items() if v is not None})
    else:
        g["y"] = np.asarray(loss.labels).tolist() if loss.name == "multinomial" else (F(loss.y)[:, 0] if q == 1 else F(loss.y)).tolist()
    return g


# ------------------------------------------------------------------ the data
def design(seed, n, p, mean=(-1, 1), corr=0.5, units=(-0.3, 0.3), strong=4, size=1.0, q=1, block=5, figures=6):
    """x (rounded), eta = centred signal (n x q), rng; neighbours in blocks of 5 are correlated; units: log10 of the sds; mean in sds."""
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, p))
    for a in range(0, p, block):
        Z[:, a:a + block] = np.sqrt(corr) * rng.standard_normal((n, 1)) + np.sqrt(1 - corr) * Z[:, a:a + block]
    beta = np.zeros((p, q))
    beta[rng.choice(p, strong, replace=False)] = size * rng.choice([-1, 1], (strong, q)) * rng.uniform(0.5, 1.5, (strong, q))
    x = 10.0 ** rng.uniform(*units, p) * (Z + rng.uniform(*mean, p))
    return np.vectorize(lambda v: float(f"{v:.{figures}g}"))(x), Z @ beta, rng


def blocks(sizes, rng=None):
    idx = np.arange(sum(sizes)) if rng is None else rng.permutation(sum(sizes))
    return [sorted(int(i) for i in g) for g in np.split(idx, np.cumsum(sizes)[:-1])]


sig = lambda t: 1 / (1 + np.exp(-t))
some_weights = lambda n, rng: [0.0] + [round(float(v), 2) for v in rng.uniform(0.1, 4, n - 1)]


def survival(rng, eta, ties=False, censor=0.3):
    n = len(eta)
    t = rng.exponential(1, n) * np.exp(-eta[:, 0])
    c = rng.exponential(1 / censor, n) * np.median(t)
    time, status = np.minimum(t, c), (t <= c).astype(int)
    time = np.ceil(time / np.quantile(time, 0.9) * 12) if ties else np.round(time + 1e-4, 6)
    return time, status


def goldens():
    def logistic(name, seed, n, p, ratios, shift=0.0, family="lasso", opts=None, **kw):
        def make():
            x, eta, rng = design(seed, n, p, **kw)
            y = (rng.random(n) < sig(eta[:, 0] + shift)).astype(float)
            return golden(name, ex.Logistic(y), family, x, ratios, **(opts(rng) if callable(opts) else opts or {}))
        return name, make

    def proportions(name, seed):
        x, eta, rng = design(seed, 60, 15)
        m = rng.integers(1, 20, 60)
        y = rng.binomial(m, sig(eta[:, 0])) / m
        return golden(name, ex.Logistic(y), "lasso", x, [0.1], sample_weights=m.astype(float).tolist(), note="y = successes / trials, weight = trials")

    yield logistic("logistic_l1", 1, 100, 15, [0.1])
    yield logistic("logistic_p_gt_n", 2, 50, 60, [0.15], size=1.5)
    yield logistic("logistic_rare_far", 3, 200, 15, [0.2], shift=-3.5, mean=(100, 100), units=(0, 0), figures=8, size=1.2,
                   opts=dict(note="every column has mean near 100 and sd near 1; few positives"))
    yield logistic("logistic_standardize_weights", 4, 80, 15, [0.1], opts=lambda r: dict(standardize=True, sample_weights=some_weights(80, r), note="one sample has weight 0"), units=(-3, 3))
    yield logistic("logistic_feature_weights", 5, 100, 12, [0.3],
                   opts=lambda r: dict(feature_weights=[None if j in (3, 8) else 0.0 if j in (1, 6) else round(float(v), 3) for j, v in enumerate(r.uniform(0.5, 2, 12))]))
    yield "logistic_proportions", lambda: proportions("logistic_proportions", 6)
    yield logistic("logistic_elastic_net", 7, 60, 30, [0.1], family="elastic_net", opts=dict(l1_ratio=0.5))
    yield logistic("logistic_group", 8, 100, 20, [0.2], family="group_lasso", opts=lambda r: dict(groups=blocks([1, 4, 3, 5, 2, 5], r)))
    yield logistic("logistic_group_weights", 28, 100, 16, [0.6], family="group_lasso",
                   opts=lambda r: dict(groups=blocks([3, 2, 4, 3, 4]), group_weights=[1.0, 0.0, 2.5, 0.75, 1.5], standardize=True), units=(-2, 2))
    yield logistic("logistic_sparse_group", 9, 100, 20, [0.15], family="sparse_group_lasso", opts=lambda r: dict(groups=blocks([5, 4, 6, 5], r), tau=0.4))
    yield logistic("logistic_no_intercept", 10, 100, 15, [0.1], opts=dict(fit_intercept=False))
    yield logistic("logistic_nonnegative", 11, 100, 15, [0.1], opts=dict(nonnegative=True), strong=7)
    yield logistic("logistic_path", 12, 120, 30, [0.8, 0.4, 0.2, 0.05, 0.01])

    def multinomial(name, seed, n, p, K, ratios, family, **opts):
        def make():
            x, eta, rng = design(seed, n, p, q=K, size=1.0)
            P = np.exp(eta + rng.uniform(-1, 1, K))
            labels = [int(rng.choice(K, p=v / v.sum())) for v in P]
            return golden(name, ex.Multinomial(labels, K), family, x, ratios, **opts)
        return name, make

    yield multinomial("multinomial_l1", 13, 100, 10, 3, [0.15], "lasso")
    yield multinomial("multinomial_grouped", 14, 120, 12, 4, [0.3], "multitask_lasso")

    def other(name, seed, n, p, ratios, make_loss, family="lasso", opts=None, **kw):
        def make():
            x, eta, rng = design(seed, n, p, **kw)
            o = dict(opts(rng) if callable(opts) else opts or {})
            return golden(name, make_loss(rng, eta, o), family, x, ratios, **o)
        return name, make

    six = lambda v: np.round(v, 6)
    yield other("multitask_logistic", 15, 80, 15, [0.3], lambda r, e, o: ex.MultitaskLogistic((r.random(e.shape) < sig(e)).astype(float), 3), "multitask_lasso", q=3)
    poisson = lambda r, e, o: ex.Poisson(r.poisson(np.exp(e[:, 0] + 0.5 + np.array(o.get("offset", 0.0)))).astype(float))
    yield other("poisson_l1_offset", 16, 100, 15, [0.1], poisson, opts=lambda r: dict(offset=np.round(np.log(r.uniform(0.5, 5, 100)), 4).tolist()), size=0.4)
    yield other("poisson_group_weights", 17, 80, 18, [0.2], poisson, "group_lasso", lambda r: dict(groups=blocks([4, 3, 5, 2, 4], r), sample_weights=some_weights(80, r)), size=0.5)
    yield other("gamma_l1", 18, 100, 15, [0.1], lambda r, e, o: ex.Gamma(six(r.gamma(2.0, 0.5 * np.exp(e[:, 0] + 1)) + 1e-5)), size=0.5)
    heavy = lambda r, e: six(e[:, 0] + r.standard_t(2, len(e)) + 3)
    yield other("huber_l1", 19, 80, 15, [0.1], lambda r, e, o: ex.Huber(heavy(r, e), delta=1.345))
    yield other("quantile_50", 20, 81, 12, [0.1], lambda r, e, o: ex.Quantile(heavy(r, e), tau=0.5))
    yield other("quantile_90", 21, 85, 12, [0.15], lambda r, e, o: ex.Quantile(heavy(r, e), tau=0.9))
    yield other("sqrt_lasso", 22, 60, 30, [0.2], lambda r, e, o: ex.SqrtLasso(six(e[:, 0] + r.standard_normal(len(e)) + 3)))
    yield other("squared_hinge_l1", 23, 100, 15, [0.1], lambda r, e, o: ex.SquaredHinge(np.where(r.random(len(e)) < sig(2 * e[:, 0]), 1.0, -1.0), half=True))

    both = lambda n, zero=True: lambda r: dict(standardize=True, sample_weights=some_weights(n, r)[0 if zero else 1:] + ([] if zero else [1.5]))
    yield other("logistic_offset", 32, 80, 15, [0.1], lambda r, e, o: ex.Logistic((r.random(80) < sig(e[:, 0] + np.array(o["offset"]))).astype(float)),
                opts=lambda r: dict(offset=np.round(r.uniform(-2, 2, 80), 4).tolist()))
    yield other("poisson_path", 33, 80, 20, [0.7, 0.3, 0.1, 0.02], poisson, size=0.4)
    yield other("gamma_offset_weights", 34, 80, 15, [0.1], lambda r, e, o: ex.Gamma(six(r.gamma(2.0, 0.5 * np.exp(e[:, 0] + np.array(o["offset"]))) + 1e-5)),
                opts=lambda r: dict(both(80)(r), offset=np.round(r.uniform(-1, 1, 80), 4).tolist()), size=0.5, units=(-2, 2))
    yield other("huber_weights_p_gt_n", 35, 50, 60, [0.3], lambda r, e, o: ex.Huber(heavy(r, e), delta=1.0), opts=both(50), units=(-2, 2))
    yield other("quantile_25_weights", 36, 80, 12, [0.15], lambda r, e, o: ex.Quantile(heavy(r, e), tau=0.25), opts=both(80, False), units=(-2, 2))
    yield other("sqrt_lasso_weights_p_gt_n", 37, 50, 60, [0.4], lambda r, e, o: ex.SqrtLasso(six(e[:, 0] + r.standard_normal(50) + 3)), opts=both(50), units=(-2, 2))
    yield other("squared_hinge_weights", 38, 80, 15, [0.1], lambda r, e, o: ex.SquaredHinge(np.where(r.random(80) < sig(2 * e[:, 0]), 1.0, -1.0), half=True), opts=both(80), units=(-2, 2))

    def multinomial_weights():
        x, eta, rng = design(39, 90, 10, q=3, units=(-2, 2))
        labels = [int(rng.choice(3, p=np.exp(v) / np.exp(v).sum())) for v in eta]
        return golden("multinomial_weights", ex.Multinomial(labels, 3), "lasso", x, [0.2], **both(90)(rng), note="one sample has weight 0")
    yield "multinomial_weights", multinomial_weights

    def cox(name, seed, n, p, ratios, ties, coarse=False, strata=0, start=False, opts=None, **kw):
        def make():
            x, eta, rng = design(seed, n, p, size=0.7, **kw)
            time, status = survival(rng, eta, coarse)
            st = rng.integers(0, strata, n) if strata else None
            begin = None
            if start:                           # delayed entry
                begin = np.where(rng.random(n) < 0.4, 0.0, np.floor(time * rng.uniform(0, 1, n)) if coarse else np.round(time * rng.uniform(0, 0.9, n), 6))
                assert (begin < time).all()
            o = dict(opts(rng) if callable(opts) else opts or {})
            return golden(name, ex.Cox(time, status, ties, begin, st), "lasso", x, ratios, fit_intercept=False, **o)
        return name, make

    yield cox("cox_breslow", 24, 80, 12, [0.2], "breslow")
    yield cox("cox_breslow_ties_weights", 29, 80, 12, [0.15], "breslow", coarse=True, opts=lambda r: dict(standardize=True, sample_weights=some_weights(80, r), note="one sample has weight 0; many ties"), units=(-2, 2))
    yield cox("cox_efron_ties", 25, 80, 12, [0.15], "efron", coarse=True)
    yield cox("cox_efron_ties_weights", 30, 80, 12, [0.15], "efron", coarse=True, opts=lambda r: dict(sample_weights=[round(float(v), 2) for v in r.uniform(0.2, 3, 80)]))
    yield cox("cox_efron_path", 40, 80, 20, [0.7, 0.3, 0.1, 0.03], "efron", coarse=True)
    yield cox("cox_strata", 26, 100, 12, [0.15], "breslow", coarse=True, strata=3)
    yield cox("cox_start_stop", 27, 100, 12, [0.15], "breslow", start=True, coarse=True)
    yield cox("cox_start_stop_strata_efron", 31, 100, 12, [0.15], "efron", coarse=True, start=True, strata=2)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("out", type=Path)
    ap.add_argument("--only", default="")
    o = ap.parse_args()
    o.out.mkdir(parents=True, exist_ok=True)
    for name, make in goldens():
        if o.only in name:
            g = make()
            text = json.dumps(g, allow_nan=False, separators=(",", ":")) + "\n"
            (o.out / f"loss_{name}.json").write_text(text)
            print(f"{name:30s} {len(text) // 1000:3d} kB  active {g['active']}  kkt {g['kkt']}  margin {g['inactive_margin']}  off {({k: f'{v:.0e}' for k, v in g['crosscheck'].items()})}", flush=True)


if __name__ == "__main__":
    main()
