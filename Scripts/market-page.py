#!/usr/bin/env python3
"""Puts what Scripts/market-tables made under runs/market-* into docs/results/marketplace.md.

    Scripts/market-page.py

The page holds pairs of lines `<!-- BEGIN name -->` and `<!-- END name -->`. What is between them is replaced by the text
that the commands wrote, unchanged but for the level of headings. A name is that of a text file (results.md, times.md,
an A/B report) with the headings wanted of it: `runs/market-big/study/results.md#Verdicts#Controls`. A table whose file is
not there stays as it is.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results" / "marketplace.md"


def sections(text):
    """(heading, body) of every heading of any level; what is above the first has the heading ''."""
    parts = re.split(r"^(#+ .*)$", text, flags=re.M)
    yield "", parts[0].strip()
    for heading, body in zip(parts[1::2], parts[2::2]):
        yield heading.lstrip("# "), body.strip()


def wanted(name):
    file, *headings = name.split("#")
    path = ROOT / file
    text = path.read_text()
    if path.suffix == ".txt":
        return f"```text\n{text.strip()}\n```"
    if not headings:
        return re.sub(r"^#.*\n+", "", text).strip()
    found = list(sections(text))
    bodies = []
    for heading in headings:
        matches = [body for title, body in found if title.startswith(heading)]
        if not matches:
            sys.exit(f"market-page: {file} has no heading that begins with '{heading}'; it has "
                     + ", ".join(f"'{title}'" for title, _ in found if title))
        bodies.append(matches[0])
    return "\n\n".join(bodies)


def main():
    page = PAGE.read_text()
    pattern = re.compile(r"(<!-- BEGIN (\S+) -->\n).*?(<!-- END \2 -->)", re.S)
    names = [match[1] for match in pattern.findall(page)]
    if not names:
        sys.exit(f"market-page: {PAGE} has no <!-- BEGIN name -->")
    missing = [name for name in names if not (ROOT / name.split("#")[0]).exists()]
    PAGE.write_text(pattern.sub(
        lambda match: match[0] if match[2] in missing else f"{match[1]}\n{wanted(match[2])}\n\n{match[3]}", page))
    print(f"{len(names) - len(missing)} tables put into {PAGE.relative_to(ROOT)}")
    for name in missing:
        print(f"left as it was, for Scripts/market-tables has not made it here: {name.split('#')[0]}")


if __name__ == "__main__":
    main()
