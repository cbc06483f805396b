#!/usr/bin/env python3
"""Puts what studies found into the documentation: every figure there is one that `hindsight study` wrote.

    Scripts/publish-results.py studies/bank-methods studies/jd-methods ... --into docs/results

Copies each study's results.md, with the table of its times.md, to docs/results/NAME.md, and writes README.md there: the
claims of all studies in one table. Studies that are not named keep their pages and their rows.
"""

import argparse
import json
from pathlib import Path

SIGNS = {"above": ">", "not_below": "≥", "question": "vs"}
WORDS = {"yes": "**yes**", "no": "**no**", "cannot tell": "cannot tell"}


def signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def page(study: Path) -> str:
    results, times = (study / "results.md").read_text(), (study / "times.md").read_text()
    head, repeat = results.split("## To repeat it", 1)
    table = times.split("\n", 1)[1].replace("### Time and memory", "## Time and memory")
    return f"{head}{table.strip()}\n\n## To repeat it{repeat}"


def claims(results: dict) -> list[str]:
    """One line a claim: those of the paper, not its questions and not the controls."""
    # A page of one lambda is a claim; five of them are a curve, which the page itself shows.
    if results.get("preset") == "lambda":
        return []
    seeds = len(results["seeds"])
    lines = []
    for comparison in results["comparisons"]:
        if comparison["claim"] == "question" or comparison.get("control"):
            continue
        auc, interval = comparison["auc"], comparison["auc"].get("interval")
        within = f"[{signed(interval['lower'])}, {signed(interval['upper'])}]" if interval else "–"
        lines.append(
            f"| [{results['name']}]({results['name']}.md) | {comparison['candidate']} {SIGNS[comparison['claim']]} "
            f"{comparison['reference']} | {WORDS[comparison['verdict']]} | {signed(auc['difference'])} | {within} | {seeds} |")
    return lines


def published(table: Path) -> dict[str, list[str]]:
    """The rows of every study that the table has, in its order."""
    rows: dict[str, list[str]] = {}
    for line in table.read_text().splitlines() if table.exists() else []:
        if line.startswith("| ["):
            rows.setdefault(line.split("]")[0].removeprefix("| ["), []).append(line)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("studies", nargs="+", type=Path, help="folders that `hindsight study` wrote")
    parser.add_argument("--into", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    arguments.into.mkdir(parents=True, exist_ok=True)
    table = arguments.into / "README.md"
    rows = published(table)
    for study in arguments.studies:
        results = json.loads((study / "results.json").read_text())
        (arguments.into / f"{results['name']}.md").write_text(page(study))
        rows[results["name"]] = claims(results)
    table.write_text(
        "# The claims, on every set\n\n"
        "Written by `Scripts/publish-results.py` from what `hindsight study` left. Differences of the students' test AUC with "
        "95 % intervals over seeds and requests; *yes* and *no* where the interval excludes 0. Each page says why a claim did "
        "not come out, and holds the controls.\n\n"
        "| Study | Claim | | Difference | Interval | Seeds |\n|---|---|---|---:|---:|---:|\n"
        + "".join(f"{line}\n" for lines in rows.values() for line in lines))


if __name__ == "__main__":
    main()
