#!/usr/bin/env python3
"""Both faces of privileged features distillation: the student's gain against how much the privileged features know.

    Scripts/market-sweep.py --task cvr --impressions 4000000 --seeds 3 --out sweep
    Scripts/market-sweep.py --task ctr --impressions 1000000 --points 0,0.5,1 --market history=20

For each point x of the dial `privileged.informativeness` it simulates the market, trains the baseline and the method
over several seeds, and prints a Markdown table: the teacher's AUC, the student's, and the paired difference from the
baseline with its 95 % t-interval over seeds. The markets differ in privileged columns alone, so the baseline, which
reads none, is trained at one point only. What was trained before is kept: run it again to go on.

Needs nothing but Python. The program is .build/release/hindsight, or the one that --hindsight names.
"""
import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Two-sided 95 % quantiles of Student's t.
T = [math.nan, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=["ctr", "cvr"], default="cvr")
    parser.add_argument("--impressions", type=int, default=4_000_000)
    parser.add_argument("--points", default="0,0.25,0.5,0.75,1", help="of the dial, with commas")
    parser.add_argument("--method", default="pfd", help="lupi, md, pfd or pfd+md")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True, help="folder of markets and runs")
    parser.add_argument("--set", action="append", default=[], help="a key of the run file, as for hindsight train")
    parser.add_argument("--market", action="append", default=[], help="a key of the market file, as for hindsight simulate")
    parser.add_argument("--hindsight", default=str(ROOT / ".build" / "release" / "hindsight"))
    options = parser.parse_args()
    if not 1 <= options.seeds < len(T):
        parser.error(f"--seeds: {options.seeds} is not in 1 ... {len(T) - 1}")
    points = [float(point) for point in options.points.split(",")]

    baseline = [auc(options, points[0], "baseline", seed)[0] for seed in range(1, options.seeds + 1)]
    rows = []
    for x in points:
        runs = [auc(options, x, options.method, seed) for seed in range(1, options.seeds + 1)]
        gains = [student - base for (student, _), base in zip(runs, baseline)]
        teachers = [teacher for _, teacher in runs if teacher is not None]
        rows.append((x, mean(teachers), mean([student for student, _ in runs]), gains))
    print(f"\n{options.task}, {options.impressions:,} impressions, {options.method}, {options.seeds} seeds; "
          f"baseline student {mean(baseline):.4f}\n")
    print("| dial x | teacher AUC | student AUC | against baseline |\n|---:|---:|---:|---:|")
    for x, teacher, student, gains in rows:
        print(f"| {x:g} | {teacher:.4f} | {student:.4f} | {mean(gains):+.4f}{half_width(gains)} |")


def mean(values):
    return sum(values) / len(values) if values else math.nan


def half_width(values):
    if len(values) < 2:
        return ""
    deviation = math.sqrt(sum((v - mean(values)) ** 2 for v in values) / (len(values) - 1))
    return f" ± {T[len(values) - 1] * deviation / math.sqrt(len(values)):.4f}"


def auc(options, x, method, seed):
    """Test AUC of student and teacher of one run, trained when it is not there."""
    market = options.out / f"market-{options.impressions}-{x:g}"
    run = options.out / f"{options.task}-{options.impressions}-{x:g}" / method / f"seed-{seed}"
    if not (run / "metrics.json").exists():
        if not (market / "market.yaml").exists():
            subprocess.run(["rm", "-rf", str(market)], check=True)
            call(options, "simulate", "--impressions", str(options.impressions), "--out", str(market),
                 *words(options.market + [f"privileged.informativeness={x:g}"]))
        overrides = [f"distillation.method={method}"] + options.set
        call(options, "train", str(market / f"{options.task}.yaml"), "--quiet", "--seed", str(seed), "--output", str(run),
             *words(overrides))
    test = json.loads((run / "metrics.json").read_text())["test"]
    return auc_of(test["student"]), auc_of(test.get("teacher"))


def words(changes):
    return [word for change in changes for word in ("--set", change)]


def auc_of(report):
    return None if report is None else report["metrics"]["auc"]["value"]


def call(options, *arguments):
    print("hindsight", *arguments, file=sys.stderr, flush=True)
    subprocess.run([options.hindsight, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
