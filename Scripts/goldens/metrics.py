#!/usr/bin/env python3
"""Writes Tests/EvaluationTests/Goldens/metrics.json with scikit-learn, numpy and scipy.

Usage, from the repository root: python Scripts/goldens/metrics.py
Needs numpy, scipy and scikit-learn; the versions used are in the file it writes. Seed 20221.
"""

import json
import pathlib

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score

SEED = 20221
BINS = 15
random = np.random.default_rng(SEED)


def click_log(count, groups=40, base_logit=-2.0):
    """Labels drawn from a logistic model whose requests differ, and a noisy model's float32 predictions."""
    group = random.integers(0, groups, count).astype(np.uint64)
    logit = base_logit + random.normal(size=groups)[group.astype(int)] + random.normal(size=count)
    label = (random.random(count) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    noisy = logit + random.normal(size=count)
    return (1 / (1 + np.exp(-noisy))).astype(np.float32), label, group


def expected_calibration_error(p, y, w):
    """Equal-width bins, closed below; the last holds p = 1."""
    bin_of = np.minimum((p * BINS).astype(int), BINS - 1)
    gaps = [abs(np.sum((w * (p - y))[bin_of == b])) for b in range(BINS)]
    return sum(gaps) / w.sum()


def grouped_auc(p, y, w, group):
    total = weight = 0.0
    counted = skipped = 0
    for key in np.unique(group):
        of = group == key
        if y[of].min() == y[of].max():
            skipped += 1
            continue
        counted += 1
        total += roc_auc_score(y[of], p[of], sample_weight=w[of]) * w[of].sum()
        weight += w[of].sum()
    return total / weight if counted else None, counted, skipped


def case(name, p, y, group, w=None):
    p32, y32 = p.astype(np.float32), y.astype(np.float32)
    p, y = p32.astype(np.float64), y32.astype(np.float64)
    weights = None if w is None else w.astype(np.float32)
    w = np.ones_like(p) if weights is None else weights.astype(np.float64)
    loss = log_loss(y, p, sample_weight=w)
    rate = np.average(y, weights=w)
    gauc, counted, skipped = grouped_auc(p, y, w, group)
    return {
        "name": name,
        "predictions": p.tolist(),
        "labels": y.tolist(),
        "weights": None if weights is None else w.tolist(),
        "groups": [int(g) for g in group],
        "auc": roc_auc_score(y, p, sample_weight=w),
        "gauc": gauc,
        "gauc_counted_groups": counted,
        "gauc_skipped_groups": skipped,
        "log_loss": loss,
        "normalised_entropy": loss / -(rate * np.log(rate) + (1 - rate) * np.log1p(-rate)),
        "pcoc": np.sum(w * p) / np.sum(w * y),
        "ece": expected_calibration_error(p, y, w),
        "rmse": float(np.sqrt(mean_squared_error(y, p, sample_weight=w))),
    }


def cases():
    p, y, g = click_log(600)
    yield case("plain", p, y, g)
    yield case("weighted", p, y, g, random.gamma(2, 2, 600))
    p, y, g = click_log(600)
    yield case("rounded to ties", np.round(p, 1), y, g)
    yield case("rounded to ties, weighted", np.round(p, 1), y, g, random.gamma(2, 2, 600))
    yield case("all scores equal", np.full(600, 0.25), y, g)
    certain = (p > 0.5).astype(np.float32)
    yield case("certain: 0 and 1 only", certain, y, g)
    tiny = np.where(p < 0.2, np.float32(1e-30), np.where(p > 0.6, np.float32(1) - np.float32(6e-8), p))
    yield case("next to 0 and 1", tiny, y, g)
    yield case("many one-class groups", p, y, np.arange(600) // 3)


def regression():
    y = random.gamma(2, 3, 300).astype(np.float32)
    p = (y + random.normal(size=300)).astype(np.float32)
    w = random.gamma(2, 2, 300).astype(np.float32)
    y64, p64, w64 = (a.astype(np.float64) for a in (y, p, w))
    return {
        "predictions": p64.tolist(),
        "labels": y64.tolist(),
        "weights": w64.tolist(),
        "rmse": float(np.sqrt(mean_squared_error(y64, p64, sample_weight=w64))),
    }


def student_t():
    points = [(0.5, 1), (0.9, 1), (0.975, 1), (0.975, 2), (0.975, 4), (0.995, 4), (0.95, 9), (0.975, 30),
              (0.999, 3), (0.025, 4), (0.975, 1000), (0.9999, 7)]
    return [{"probability": p, "degrees_of_freedom": d, "quantile": float(stats.t.ppf(p, d))} for p, d in points]


def seeds():
    a = random.normal(0.70, 0.004, 5)
    b = a + random.normal(0.006, 0.002, 5)
    alone = stats.t.interval(0.95, len(a) - 1, loc=a.mean(), scale=stats.sem(a))
    test = stats.ttest_rel(b, a)
    paired = test.confidence_interval(0.95)
    return {
        "baseline": a.tolist(),
        "candidate": b.tolist(),
        "mean": float(a.mean()),
        "standard_deviation": float(a.std(ddof=1)),
        "interval": [float(x) for x in alone],
        "difference": float((b - a).mean()),
        "t": float(test.statistic),
        "p_value": float(test.pvalue),
        "difference_interval": [float(paired.low), float(paired.high)],
    }


def main():
    made_by = {
        "script": "Scripts/goldens/metrics.py",
        "seed": SEED,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }
    goldens = {
        "made_by": made_by,
        "cases": list(cases()),
        "regression": regression(),
        "student_t": student_t(),
        "seeds": seeds(),
    }
    path = pathlib.Path("Tests/EvaluationTests/Goldens/metrics.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(goldens, indent=None, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size, "bytes", made_by)


if __name__ == "__main__":
    main()
