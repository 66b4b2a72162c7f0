"""Golden answers for the joint graphical lasso, from CVXPY, polished by Newton steps on what they leave free.

    python make_joint_goldens.py OUT        Needs numpy, cvxpy and clarabel (or SCS).

Objective: sum_k w_k (-log det T_k + tr(S_k T_k)) + sum_ij (l1_ij sum_k |T_k,ij| + l2_ij C(T_ij)), C the norm of the values of
an entry (group) or the sum of |T_k,ij - T_l,ij| over k < l (fused); l1 and l2 are zero on the diagonal (l2 unless couple_diagonal).

CVXPY gives zeros, signs and what is equal; with these the problem is smooth in few variables and Newton's method solves it to
the last digit. Then the optimality conditions are checked for all entries, zero or not, by a quadratic program of its own:
`kkt` is the largest distance of -gradient from the subdifferential, found by CVXPY from the definition as
max <z, v> over subgradients.

Fields: covariances, weights, lambda1, lambda2, coupling, couple_diagonal, precision (one per class), objective, kkt, crosscheck
(largest difference between CVXPY and the polished answer).
"""
import json, sys
from importlib.metadata import version
from pathlib import Path
import cvxpy as cp
import numpy as np


def covariances(seed, p, sizes, units):
    """Chains with a link that differs between classes."""
    rng, out = np.random.default_rng(seed), []
    for k, n in enumerate(sizes):
        x = rng.normal(size=(n, p))
        for j in range(1, p):
            x[:, j] += (0.7 if j % 3 or k == 0 else -0.2) * x[:, j - 1]
        x = (x - x.mean(axis=0)) * units
        s = x.T @ x / n
        out.append(np.vectorize(lambda v: float(f"{v:.12g}"))((s + s.T) / 2))
    return out


def problem(S, w, l1, l2, coupling, diagonal):
    p, K = len(S[0]), len(S)
    off = 1 - np.eye(p)
    tie = np.ones((p, p)) if diagonal else off
    T = [cp.Variable((p, p), symmetric=True) for _ in S]
    f = sum(w[k] * (cp.trace(S[k] @ T[k]) - cp.log_det(T[k])) for k in range(K))
    f += l1 * sum(cp.sum(cp.multiply(off, cp.abs(t))) for t in T)
    if coupling == "fused":
        f += l2 * sum(cp.sum(cp.multiply(tie, cp.abs(T[k] - T[l]))) for k in range(K) for l in range(k))
    else:
        f += l2 * sum(tie[i, j] * cp.norm(cp.hstack([t[i, j] for t in T])) for i in range(p) for j in range(p) if tie[i, j])
    pr = cp.Problem(cp.Minimize(f))
    pr.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11, max_iter=500)
    return np.array([(t.value + t.value.T) / 2 for t in T])


def polish(T, S, w, l1, l2, coupling, diagonal, small=2e-5):
    """Newton's method along the pools of equal, non-zero values."""
    K, p, _ = T.shape
    sd = np.sqrt(np.mean([np.diag(s) for s in S], axis=0))
    pools = []                                   # (i, j, classes)
    for i in range(p):
        for j in range(i + 1):
            v = T[:, i, j] * sd[i] * sd[j]
            left = [k for k in range(K) if abs(v[k]) > small]
            while left:
                same = [k for k in left if coupling == "fused" and abs(v[k] - v[left[0]]) < small and (i != j or diagonal)] or left[:1]
                pools.append((i, j, same))
                left = [k for k in left if k not in same]
    B = np.zeros((len(pools), K, p, p))
    for a, (i, j, ks) in enumerate(pools):
        B[a, ks, i, j] = B[a, ks, j, i] = 1
    x = np.array([T[ks, i, j].mean() for i, j, ks in pools])
    tie = lambda i, j: l2 if i != j or diagonal else 0.0
    for _ in range(60):
        T = np.einsum("a,akij->kij", x, B)
        W = np.linalg.inv(T)
        g = np.einsum("k,akij,kij->a", w, B, np.array(S) - W)
        BW = B @ W
        H = np.einsum("k,akij,bkji->ab", w, BW, BW)
        for a, (i, j, ks) in enumerate(pools):
            twice = 1 if i == j else 2
            g[a] += twice * len(ks) * (l1 if i != j else 0) * np.sign(x[a])
            if coupling == "fused":
                g[a] += twice * tie(i, j) * sum(np.sign(x[a] - T[l, i, j]) for k in ks for l in range(K) if l not in ks)
            elif tie(i, j):
                r = np.linalg.norm(T[:, i, j])
                g[a] += twice * tie(i, j) * x[a] / r
                for b, (i2, j2, _) in enumerate(pools):
                    if (i2, j2) == (i, j):
                        H[a, b] += twice * tie(i, j) * ((a == b) / r - x[a] * x[b] / r ** 3)
        step = np.linalg.solve(H, g)
        x = x - step
        if np.abs(step / x).max() < 1e-15:
            break
    return np.einsum("a,akij->kij", x, B)


def objective(T, S, w, l1, l2, coupling, diagonal):
    K, p, _ = T.shape
    off = 1 - np.eye(p)
    tie = np.ones((p, p)) if diagonal else off
    f = sum(w[k] * (np.sum(S[k] * T[k]) - np.linalg.slogdet(T[k])[1]) for k in range(K)) + l1 * sum((off * abs(t)).sum() for t in T)
    if coupling == "fused":
        return f + l2 * sum((tie * abs(T[k] - T[l])).sum() for k in range(K) for l in range(k))
    return f + l2 * (tie * np.sqrt((T ** 2).sum(axis=0))).sum()


def violation(T, S, w, l1, l2, coupling, diagonal):
    """Distance of -gradient from the subdifferential, entry by entry, from the definition."""
    K, p, _ = T.shape
    z = np.einsum("k,kij->kij", w, np.linalg.inv(T) - np.array(S))
    sd, worst = np.sqrt(np.mean([np.diag(s) for s in S], axis=0)), 0.0
    for i in range(p):
        for j in range(i + 1):
            a, c = (l1 if i != j else 0.0), (l2 if i != j or diagonal else 0.0)
            t, u = T[:, i, j], cp.Variable(K)
            con, total = [], u
            if coupling == "fused":
                for k in range(K):
                    for l in range(k):
                        e = np.zeros(K); e[k], e[l] = 1, -1
                        s = cp.Variable()
                        con.append(cp.abs(s) <= c if t[k] == t[l] else s == c * np.sign(t[k] - t[l]))
                        total = total + s * e
            else:
                s = cp.Variable(K)
                con.append(cp.norm(s) <= c if not t.any() else s == c * t / np.linalg.norm(t))
                total = total + s
            con += [cp.abs(u[k]) <= a if t[k] == 0 else u[k] == a * np.sign(t[k]) for k in range(K)]
            pr = cp.Problem(cp.Minimize(cp.norm(total - z[:, i, j])), con)
            pr.solve(solver="CLARABEL")
            worst = max(worst, pr.value / (sd[i] * sd[j]))
    return worst


CASES = {
    "joint_group": dict(seed=1, p=6, sizes=[40, 25, 60], units=[1, 1, 1, 1, 1, 1], w=[0.96, 0.6, 1.44], l1=0.08, l2=0.1, coupling="group", diagonal=False),
    "joint_fused": dict(seed=2, p=6, sizes=[40, 30, 50], units=[1, 2, 1, 0.5, 1, 1], w=[1, 1, 1], l1=0.06, l2=0.04, coupling="fused", diagonal=False),
    "joint_fused_wide": dict(seed=3, p=7, sizes=[5, 50], units=[1, 1, 3, 1, 1, 1, 1], w=[0.5, 1.5], l1=0.15, l2=0.1, coupling="fused", diagonal=True),
}

if __name__ == "__main__":
    for name, c in CASES.items():
        S = covariances(c["seed"], c["p"], c["sizes"], np.array(c["units"]))
        args = (S, c["w"], c["l1"], c["l2"], c["coupling"], c["diagonal"])
        rough = problem(*args)
        T = polish(rough, *args)
        assert min(np.linalg.eigvalsh(t).min() for t in T) > 0
        assert objective(T, *args) <= objective(rough, *args) + 1e-12
        kkt = violation(T, *args)
        assert kkt < 1e-6, kkt
        out = dict(name=name, source=f"CVXPY {version('cvxpy')} / Clarabel {version('clarabel')}", coupling=c["coupling"], couple_diagonal=c["diagonal"],
                   weights=c["w"], lambda1=c["l1"], lambda2=c["l2"], objective=float(objective(T, *args)), kkt=float(kkt),
                   crosscheck=float(np.abs(T - rough).max()), covariances=[s.tolist() for s in S], precision=T.tolist())
        Path(sys.argv[1], name + ".json").write_text(json.dumps(out) + "\n")
        print(name, kkt, out["crosscheck"], [(int((np.triu(t, 1) != 0).sum())) for t in T], int(sum((T[:, i, j] == T[0, i, j]).all() and T[0, i, j] != 0 for i in range(c["p"]) for j in range(i))))
