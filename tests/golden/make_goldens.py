"""Golden answers for sparse regression, from independent libraries, polished to 50 digits.

    python make_goldens.py OUT [--diabetes diabetes.csv] [--only NAME_PART]

Needs numpy, mpmath, scikit-learn, adelie, skglm, cvxpy + clarabel; R's glasso package is used when Rscript is there.

Each problem is first solved by a library.  From there on nothing is taken on trust: the support, the signs and
the active groups it found start a Newton iteration in 50-digit arithmetic (mpmath), on the very binary64 numbers
that are stored, and the optimality conditions are checked in the same arithmetic for every coefficient, zero or
not.  What is stored is that solution rounded once.  The problems are convex with one solution, so a KKT
violation near 1e-40 with a positive `inactive_margin` proves the digits whatever the library did;
`crosscheck` says how far each library was from it.

Objective: 1/(2n) sum_i s_i ||y_i - b - W'x_i||^2 + lambda Omega(W), sample weights s rescaled to mean 1, b not
penalised (b = 0 if fit_intercept is false).  standardize: Omega sees w_j sd_j (population sd with weights s),
the coefficients stored are in the user's units.  Omega:
  lasso        sum_j u_j |w_j|          u = feature_weights, 1 if absent, null = infinite (column excluded)
  elastic_net  l1_ratio ||w||_1 + (1 - l1_ratio)/2 ||w||^2
  group_lasso  sum_g u_g ||w_g||        u = group_weights, sqrt(|g|) if absent
  sparse_group_lasso      tau ||w||_1 + (1 - tau) sum_g sqrt(|g|) ||w_g||
  multitask_lasso         sum_j ||W_j||           multitask_elastic_net  as elastic_net, with ||W_j|| and ||W||_F
  latent_overlap_group_lasso   min sum_g u_g ||v_g||  over  sum_g v_g = w, supp v_g in g
  graphical_lasso         -log det T + tr(S T) + lambda sum_{i != j} |T_ij|

Fields besides the problem itself: coefficients p numbers (p rows of q), intercept, objective, lambda_max (smallest
lambda with no penalised coefficient), active (number of columns with a coefficient), latent (the v_g, in the order of
groups), precision, edges, components; kkt and kkt_rounded (largest violation before and after rounding, as gradient /
(sd_j sd_y), graphical lasso entry / (sd_i sd_j)), inactive_margin (smallest 1 - |gradient| / bound among the zeros,
null if there is none).  With `lambdas` instead of `lambda`, each of the answers is a list over lambda.
"""
import argparse, csv, json, shutil, subprocess, warnings
from importlib.metadata import version
from pathlib import Path
import mpmath as mp
import numpy as np
from golden_exact import F, M, Problem, absol, glasso_polish, glasso_terms, root       # next to this file

warnings.filterwarnings("ignore")


# ------------------------------------------------------------------ the libraries, on the same centred problem
def library(pr, family, lam):
    """(name, U) from the library that serves the family; then (name, U) from CVXPY/Clarabel."""
    rs = root(pr.s)[:, None]
    X, Y, ysd = F(rs * pr.X), F(rs * pr.Y / pr.ysd), float(pr.ysd)
    n, lm, r = len(X), float(lam / pr.ysd), float(pr.r * lam)
    u, sc = np.zeros(pr.p * pr.q), F(pr.scale)
    if family in ("lasso", "elastic_net"):
        from sklearn.linear_model import ElasticNet
        Q = np.linalg.qr(X[:, pr.free] / sc[pr.free])[0]
        cols = np.isfinite(pr.a) & (pr.a > 0)
        res = lambda Z: Z - Q @ (Q.T @ Z)   # regress on the columns that are not penalised
        w = pr.a[cols] if r == 0 else np.ones(cols.sum())
        l1 = lm if r == 0 else lm * pr.a[0]
        fit = ElasticNet(alpha=l1 + r, l1_ratio=l1 / (l1 + r), fit_intercept=False, positive=pr.nonneg, tol=1e-15, max_iter=1000000)
        u[cols] = fit.fit(np.asfortranarray(res(X[:, cols]) / w), res(Y)[:, 0]).coef_ / w
        u[pr.free] = np.linalg.lstsq(X[:, pr.free] / sc[pr.free], Y[:, 0] - X @ u, rcond=None)[0] / sc[pr.free]
        name = f"scikit-learn {version('scikit-learn')} " + ("Lasso" if r == 0 else "ElasticNet")
    elif family.startswith("multitask"):
        from sklearn.linear_model import MultiTaskElasticNet
        l1 = lm * float(pr.c[0])
        u = MultiTaskElasticNet(alpha=l1 + r, l1_ratio=l1 / (l1 + r), fit_intercept=False, tol=1e-15, max_iter=100000).fit(X, Y).coef_.T.ravel()
        name = f"scikit-learn {version('scikit-learn')} MultiTask" + ("Lasso" if r == 0 else "ElasticNet")
    else:
        perm = np.concatenate(pr.groups)
        ptr = np.cumsum([0] + [len(g) for g in pr.groups])
        Xp = np.asfortranarray(X[:, perm])
        if family == "sparse_group_lasso":
            from skglm import datafits, penalties, solvers
            ptr, idx = ptr.astype(np.int32), np.arange(ptr[-1], dtype=np.int32)
            pen = penalties.WeightedL1GroupL2(lm, F(pr.c), pr.a[perm], ptr, idx)
            bcd = solvers.GroupBCD(fit_intercept=False, tol=1e-14 * lm, max_iter=2000, max_epochs=2000, ws_strategy="fixpoint")
            from skglm.utils.jit_compilation import compiled_clone
            u[perm] = bcd.solve(Xp, Y[:, 0].copy(), datafits.QuadraticGroup(ptr, idx), compiled_clone(pen) if not hasattr(pen, "spec_") else pen)[0]
            name = f"skglm {version('skglm')} GroupBCD"
        else:
            import adelie as ad
            st = ad.grpnet(ad.matrix.dense(Xp), ad.glm.gaussian(Y[:, 0].copy()), groups=ptr[:-1], alpha=1, penalty=F(pr.c), intercept=False, early_exit=False,
                           lmda_path=np.geomspace(float(pr.lambda_max()) / ysd, lm, 20), tol=1e-18, newton_tol=1e-14, max_iters=10 ** 7, progress_bar=False)
            u[perm] = st.betas[-1].toarray().ravel()
            name = f"adelie {version('adelie')} grpnet"
    yield name, u * ysd
    import cvxpy as cp
    keep = np.flatnonzero(pr.a < 1e10)
    z = cp.Variable(pr.p * pr.q)
    v = cp.multiply(z, 1 / sc)                  # z: coefficients of unit-sd columns
    Z = cp.reshape(z, (pr.p, pr.q), order="C")
    obj = cp.sum_squares(Y - (X / sc[::pr.q]) @ Z) / (2 * n) + lm * cp.sum(cp.multiply(pr.a[keep] / sc[keep], cp.abs(z[keep]))) + r / 2 * cp.sum_squares(v)
    obj += sum(lm * float(c) * cp.norm(v[g]) for g, c in zip(pr.groups, pr.c))
    con = [z[np.flatnonzero(pr.a >= 1e10)] == 0] if (pr.a >= 1e10).any() else []
    eps = dict(tol_gap_abs=1e-13, tol_gap_rel=1e-13, tol_feas=1e-13, max_iter=500)
    try:
        cp.Problem(cp.Minimize(obj), con + ([z >= 0] if pr.nonneg else [])).solve(solver="CLARABEL", **eps)
    except cp.error.SolverError:
        pass
    if z.value is not None:
        yield f"CVXPY {version('cvxpy')} / Clarabel {version('clarabel')}", z.value / sc * ysd


def solve_one(pr, family, lam, diffs, shared=None):
    """The polished solution at one lambda; `diffs` collects how far off the libraries were (in units of sd_y / sd_j)."""
    lam, answers = M(lam).item(), list(library(pr, family, float(lam)))
    rel = lambda u: F(u) * F(pr.scale) / float(pr.ysd)
    u = answers[0][1]
    act = (np.abs(rel(u)) > 1e-7 * max(np.abs(rel(u)).max(), 1e-300)) & ~pr.out | pr.free
    for g, c in zip(pr.groups, pr.c):
        if c == 0 or (act[g].any() and not pr.a[g].any()):
            act[g] = True
    u, kkt, margin = pr.polish(M(np.where(act, u, 0)), act, lam)
    total = (lambda v: rel(v)) if shared is None else (lambda v: np.bincount(shared, rel(v)))
    for name, v in answers:
        diffs[name] = max(diffs.get(name, 0.0), float(np.abs(total(v) - total(u)).max()))
    w, b = pr.user_units(u)
    rounded = M(F(w)) * pr.d[:, None]
    if shared is not None:
        w = np.array([w[shared == j].sum(axis=0) for j in range(shared.max() + 1)])
    squeeze = (lambda m: F(m)[..., 0].tolist()) if pr.q == 1 else (lambda m: F(m).tolist())
    extra = {} if shared is None else {"latent": [F(pr.user_units(u)[0])[g, 0].tolist() for g in pr.groups]}
    return dict(coefficients=squeeze(w), intercept=squeeze(b), objective=float(pr.objective(u, lam)), active=int(sum(F(absol(w)).max(axis=1) > 0)),
                kkt=float(kkt), kkt_rounded=float(pr.kkt(rounded.ravel(), act, lam)[0]), inactive_margin=margin, **extra)


def regression(name, family, x, y, ratios, groups=None, group_weights=None, feature_weights=None, l1_ratio=1.0, tau=None, fit_intercept=True,
               nonnegative=False, standardize=False, sample_weights=None, note="", stored=None):
    p, q = x.shape[1], (y.shape[1] if y.ndim == 2 else 1)
    kw = dict(weights=sample_weights, fit_intercept=fit_intercept, standardize=standardize, nonneg=nonnegative)
    gs = groups or []
    gw = [float(w) for w in group_weights] if group_weights else None
    root_size = [mp.sqrt(len(g)) for g in gs]   # sqrt(|g|) to 50 digits
    shared = None
    if family in ("lasso", "elastic_net"):
        a = np.ones(p) if feature_weights is None else np.array([np.inf if w is None else w for w in feature_weights])
        pr = Problem(x, y, a * l1_ratio, [], [], r=1 - M(l1_ratio).item(), **kw)
    elif family.startswith("multitask"):
        pr = Problem(x, y, 0.0, np.arange(p * q).reshape(p, q), np.full(p, l1_ratio), r=1 - M(l1_ratio).item(), **kw)
    elif family == "latent_overlap_group_lasso":
        shared = np.concatenate([np.asarray(g) for g in gs])
        ends = np.cumsum([len(g) for g in gs])
        pr = Problem(x[:, shared], y, 0.0, [np.arange(e - len(g), e) for e, g in zip(ends, gs)], gw or root_size, **kw)
    else:
        t = tau or 0.0
        pr = Problem(x, y, t, gs, [(1 - M(t).item()) * c for c in (gw or root_size)], **kw)
    lmax, diffs = pr.lambda_max(), {}
    lams = [float(f"{r * float(lmax):.12g}") for r in ratios]
    sols = [solve_one(pr, family, lam, diffs, shared) for lam in lams]
    many = len(lams) > 1
    g = dict(name=name, source=source(diffs), family=family, note=note, n=len(x), p=p)
    g.update({"q": q} if q > 1 else {})
    opt = dict(sample_weights=sample_weights, feature_weights=feature_weights, groups=groups, group_weights=gw, tau=tau,
               l1_ratio=l1_ratio if "elastic" in family else None)
    g.update(fit_intercept=fit_intercept, standardize=standardize, nonnegative=nonnegative, **{k: v for k, v in opt.items() if v is not None})
    g.update({"lambdas": lams} if many else {"lambda": lams[0]}, lambda_max=float(lmax))
    g.update({k: [s[k] for s in sols] if many else sols[0][k] for k in sols[0]}, crosscheck=diffs)
    g.update(stored or dict(x=x.tolist(), y=y.tolist()))
    return g


def source(diffs):
    return "; ".join(diffs) + f"; polished by Newton on the active set in 50 digits (mpmath {mp.__version__})"


# ------------------------------------------------------------------ graphical lasso
def glasso_libraries(S, lam):
    from sklearn.covariance import graphical_lasso
    yield f"scikit-learn {version('scikit-learn')} graphical_lasso", graphical_lasso(S, lam, tol=1e-13, enet_tol=1e-14, max_iter=2000)[1]
    if shutil.which("Rscript"):
        code = ("suppressMessages(library(glasso)); z <- scan(file('stdin'), quiet=TRUE); p <- z[1]; S <- matrix(z[-(1:2)], p);"
                "cat(as.character(packageVersion('glasso')), formatC(glasso(S, z[2], thr=1e-13, maxit=10000, penalize.diagonal=FALSE)$wi, digits=17, format='g'))")
        out = subprocess.run(["Rscript", "-e", code], input=" ".join(map(repr, [float(len(S)), lam] + S.ravel().tolist())), text=True, capture_output=True)
        if out.returncode == 0:
            v, *wi = out.stdout.split()
            wi = np.array(wi, dtype=float).reshape(S.shape)
            yield f"R glasso {v}", (wi + wi.T) / 2

def glasso(name, S, ratios, note="", **extra):
    """Newton on the support of T; one JSON with one lambda or several."""
    p, diffs, sols = len(S), {}, []
    lmax = max(abs(S[i, j]) for i in range(p) for j in range(i))
    lams, Sm = [float(f"{r * lmax:.12g}") for r in ratios], M(S)
    for lam in lams:
        answers = list(glasso_libraries(S, lam))
        sd = np.sqrt(np.diag(S))
        T = np.where(np.abs(answers[0][1] * np.outer(sd, sd)) > 1e-8, answers[0][1], 0.0)
        T, lm = M((T + T.T) / 2), M(lam).item()
        pairs = [(i, j) for i in range(p) for j in range(i + 1) if T[i, j] != 0]
        T, viol, slack, obj = glasso_polish(Sm, T, lm, pairs)
        assert np.linalg.eigvalsh(F(T)).min() > 0
        assert all((T[i, j] > 0) == (answers[0][1][i, j] > 0) for i, j in pairs)
        for nm, v in answers:
            diffs[nm] = max(diffs.get(nm, 0.0), float(np.abs((v - F(T)) * np.outer(sd, sd)).max()))
        comp = list(range(p))
        for i, j in pairs:
            comp = [comp[j] if c == comp[i] else c for c in comp]
        sols.append(dict(precision=F(T).tolist(), objective=float(obj), edges=len(pairs) - p, components=len(set(comp)), kkt=float(viol),
                         kkt_rounded=float(glasso_terms(Sm, M(F(T)), lm, pairs)[2]), inactive_margin=float(slack)))
    many = len(lams) > 1
    g = dict(name=name, source=source(diffs), family="graphical_lasso", note=note, p=p, **extra)
    g.update({"lambdas": lams} if many else {"lambda": lams[0]}, lambda_max=float(lmax))
    g.update({k: [s[k] for s in sols] if many else sols[0][k] for k in sols[0]}, crosscheck=diffs, covariance=S.tolist())
    return g


# ------------------------------------------------------------------ the data
digits = np.vectorize(lambda v: float(f"{v:.9g}"))


def blocks(sizes, scattered=None):
    idx = np.arange(sum(sizes)) if scattered is None else scattered.permutation(sum(sizes))
    return [sorted(int(i) for i in g) for g in np.split(idx, np.cumsum(sizes)[:-1])]


def data(seed, n, groups, units=None, means=(50, 1000), strong=3, noise=1.0, q=1, corr=0.7, zeros=0.0):
    """Uncentred columns: |mean| is 50..1000 standard deviations, correlated inside a group; units: range of log10 scales."""
    rng = np.random.default_rng(seed)
    p = 1 + max(max(g) for g in groups)
    Z = rng.standard_normal((n, p))
    for g in groups:
        Z[:, g] = np.sqrt(corr) * rng.standard_normal((n, 1)) + np.sqrt(1 - corr) * Z[:, g]
    beta = np.zeros((p, q))
    for g in [groups[i] for i in rng.permutation(len(groups))[:strong]]:
        beta[g] = rng.standard_normal((len(g), q)) * (rng.random((len(g), 1)) < 0.8)
    Y = Z @ beta + noise * rng.standard_normal((n, q))
    scale = np.ones(p) if units is None else 10.0 ** rng.uniform(*units, p)
    x = scale * (Z + rng.uniform(*means, p) * rng.choice([-1, 1], p))
    if zeros:
        x = np.where(rng.random((n, p)) < zeros, 0.0, x)
    y = Y + rng.uniform(100, 1000, q)
    return digits(x), digits(y if q > 1 else y[:, 0]), scale, rng


def goldens(diabetes=None):
    """(name, function making the golden) for each."""
    single = lambda p: [[j] for j in range(p)]

    def reg(name, family, seed, n, groups, ratios, opts=None, use_groups=False, **kw):
        def make():
            x, y, scale, rng = data(seed, n, groups, **kw)
            o = dict(note="")
            o.update(opts(scale, rng) if callable(opts) else opts or {})
            return regression(name, family, x, y, ratios, groups=o.pop("groups", groups if use_groups else None), **o)
        return name, make

    def weights(n, rng, zero=False):
        w = [round(float(v), 3) for v in rng.uniform(0.1, 4.0, n)]
        return [0.0] + w[1:] if zero else w

    def fw(zero, big):                          # feature weights: near the column's sd, some 0, one huge or null
        def f(scale, rng):
            u = [float(f"{v:.6g}") for v in scale * rng.uniform(0.5, 2.0, len(scale))]
            for j in zero:
                u[j] = 0.0
            for j, v in big:
                u[j] = v
            return dict(feature_weights=u)
        return f

    mixed = (-6, 6)
    yield reg("lasso_n_gt_p", "lasso", 1, 60, blocks([4, 4, 4]), [0.1])
    yield reg("lasso_p_gt_n", "lasso", 2, 30, blocks([6] * 10), [0.15])
    yield reg("lasso_sparse_x", "lasso", 3, 50, single(25), [0.3], means=(2, 10), zeros=0.8)
    yield reg("lasso_mixed_units", "lasso", 4, 50, blocks([5] * 4), [1e-3], units=mixed)
    yield reg("lasso_sample_weights", "lasso", 5, 50, blocks([5] * 3), [0.1], lambda s, r: dict(sample_weights=weights(50, r, True), note="one sample has weight 0"))
    yield reg("lasso_feature_weights", "lasso", 6, 50, blocks([5] * 4), [0.1], fw([2, 9], [(5, 1e15)]), units=mixed)
    yield reg("lasso_excluded", "lasso", 7, 40, blocks([5] * 4), [0.1], fw([1], [(0, None), (6, None)]), units=(-2, 2))
    yield reg("lasso_nonnegative", "lasso", 8, 50, blocks([4] * 4), [0.03], dict(nonnegative=True))
    yield reg("lasso_standardize", "lasso", 9, 50, blocks([5] * 4), [0.05], dict(standardize=True), units=mixed)
    yield reg("lasso_standardize_weights", "lasso", 10, 40, blocks([6] * 8), [0.1], lambda s, r: dict(standardize=True, sample_weights=weights(40, r, True)), units=mixed)
    yield reg("lasso_no_intercept", "lasso", 11, 50, blocks([4] * 3), [1e-3], dict(fit_intercept=False), means=(2, 20))
    yield reg("lasso_path", "lasso", 12, 60, blocks([5] * 6), [0.8, 0.4, 0.2, 0.05, 0.01], dict(standardize=True), units=mixed, strong=4)
    yield reg("elastic_net", "elastic_net", 13, 40, blocks([5] * 10), [0.1], dict(l1_ratio=0.5))
    yield reg("elastic_net_weights", "elastic_net", 14, 60, blocks([5] * 4), [0.05], lambda s, r: dict(l1_ratio=0.5, standardize=True, sample_weights=weights(60, r)), units=mixed)
    sizes = [1, 2, 3, 5, 8, 4]
    yield reg("group_lasso_unequal", "group_lasso", 15, 60, blocks(sizes), [0.15], use_groups=True)
    yield reg("group_lasso_scattered", "group_lasso", 16, 30, blocks([4, 7, 3, 6, 10, 5, 5], np.random.default_rng(0)), [0.2], use_groups=True)
    yield reg("group_lasso_sample_weights", "group_lasso", 17, 50, blocks(sizes), [0.15], lambda s, r: dict(sample_weights=weights(50, r, True)), use_groups=True)
    yield reg("group_lasso_custom_weights", "group_lasso", 18, 60, blocks([3, 2, 4, 3, 5]), [0.2], dict(group_weights=[1.0, 0.0, 2.5, 0.75, 1.5]), use_groups=True)
    yield reg("group_lasso_standardize", "group_lasso", 19, 60, blocks([3, 5, 4, 2, 6]), [0.1], dict(standardize=True), use_groups=True, units=mixed)
    yield reg("sparse_group_lasso", "sparse_group_lasso", 20, 60, blocks([4, 6, 5, 3, 7]), [0.15], dict(tau=0.3), use_groups=True)
    yield reg("sparse_group_lasso_scattered", "sparse_group_lasso", 21, 40, blocks([6, 8, 5, 9, 7, 10], np.random.default_rng(1)), [0.15],
              lambda s, r: dict(tau=0.3, standardize=True, sample_weights=weights(40, r)), use_groups=True, units=mixed)
    yield reg("multitask_lasso", "multitask_lasso", 22, 50, blocks([4] * 5), [0.15], q=3)
    yield reg("multitask_lasso_standardize", "multitask_lasso", 23, 30, blocks([5] * 8), [0.15], lambda s, r: dict(standardize=True, sample_weights=weights(30, r)), q=3, units=mixed)
    yield reg("multitask_elastic_net", "multitask_elastic_net", 24, 50, blocks([4] * 5), [0.15], dict(l1_ratio=0.5), q=3)
    chain = lambda starts, size: [list(range(a, a + size)) for a in starts]
    yield reg("latent_overlap_3", "latent_overlap_group_lasso", 25, 60, blocks([4, 4, 4]), [0.25], dict(groups=chain([0, 3, 7], 5)))
    yield reg("latent_overlap_4", "latent_overlap_group_lasso", 26, 60, blocks([5, 5, 4]), [0.25],
              lambda s, r: dict(groups=[[0, 1, 2, 3, 4], [3, 4, 5, 6], [6, 7, 8, 9, 10, 0], [10, 11, 12, 13]], group_weights=[1.0, 2.0, 1.5, 2.0], sample_weights=weights(60, r)))

    def samples(seed, n, parts, sds=(0.5, 2.0), mean=100.0):
        rng = np.random.default_rng(seed)
        p = sum(parts)
        A = np.zeros((p, p))
        for g in blocks(parts):
            A[np.ix_(g, g)] = np.where(rng.random((len(g), len(g))) < 0.4, rng.uniform(-0.8, 0.8, (len(g), len(g))), 0.0)
        sd = rng.uniform(*sds, p)
        return digits(mean * rng.uniform(0.5, 5, p) + sd * (rng.standard_normal((n, p)) @ (np.eye(p) + A)))

    def covariance(x):                          # population covariance of the stored samples, rounded once
        X = M(x) - M(x).sum(axis=0) / len(x)
        return F(X.T @ X / len(x))

    yield "glasso_p10", lambda: glasso("glasso_p10", covariance(samples(30, 80, [10])), [0.5, 0.1])
    yield "glasso_components", lambda: glasso("glasso_components", covariance(samples(31, 400, [4, 5, 3, 2, 1], (0.9, 1.2))), [0.15], "the graph falls into components")

    def wide():
        x = samples(32, 8, [12])
        return glasso("glasso_n_lt_p", covariance(x), [0.4], "8 samples of 12 variables: the covariance is singular", n=8, x=x.tolist())
    yield "glasso_n_lt_p", wide
    if diabetes:
        def diab():
            head, *rows = csv.reader(open(diabetes))
            t = np.array(rows, dtype=float)
            return regression("lasso_diabetes", "lasso", t[:, :-1], t[:, -1], [0.9, 0.5, 0.2, 0.05, 0.01, 0.001], standardize=True,
                              note="442 x 10, raw units; all columns but the last are x, in this order", stored=dict(data="diabetes.csv", columns=head[:-1], response=head[-1]))
        yield "lasso_diabetes", diab


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("out", type=Path)
    ap.add_argument("--diabetes", type=Path)
    ap.add_argument("--only", default="")
    o = ap.parse_args()
    o.out.mkdir(parents=True, exist_ok=True)
    for name, make in goldens(o.diabetes):
        if o.only in name:
            g = make()
            (o.out / f"{name}.json").write_text(json.dumps(g, allow_nan=False, separators=(",", ":")) + "\n")
            print(f"{name:32s} active {g.get('active', g.get('edges'))}  kkt {g['kkt']}  margin {g['inactive_margin']}  off {[f'{v:.0e}' for v in g['crosscheck'].values()]}", flush=True)


if __name__ == "__main__":
    main()
