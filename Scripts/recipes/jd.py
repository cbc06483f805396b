#!/usr/bin/env python3
"""Make CVR samples from the JD micro-behaviours sample (Gu et al., HUP, WSDM 2020).

    git clone https://github.com/guyulongcs/WSDM2020_HUP
    python3 Scripts/recipes/jd.py WSDM2020_HUP --out ../shared/data/jd

A line of the release is a session: actions "sku+behaviour+category+interval+dwell". A sample is a product that was
opened in a session; its label is whether it went to the cart or was ordered in the session.

  regular       the session before the product was opened; product and category in earlier training sessions
  post-event    what was done on the product's page: dwell, comments, specification, end of the page, visits

There is no clock time, so sessions are shuffled (--seed) and the last fifth is test. Products that were opened from
the cart are left out: they had been put into it before.
"""

from collections import defaultdict, namedtuple
from pathlib import Path

import numpy as np
import pyarrow as pa

from lib import command
from lib.errors import BadInput, MissingFile
from lib.output import ParquetFiles

FILES = ["JD_Micro_Behaviors_Datasets_sample/JD_Applicances_sample", "JD_Micro_Behaviors_Datasets_sample/JD_Computers_sample",
         "HUP_Data/Applicances/JD_Applicances_sample", "HUP_Data/Computers/JD_Computers_sample"]
# Behaviours, as published: 1 home page, 2 shop list, 3 sale page, 4 cart page, 5 search list, 6 comments,
# 7 specification, 8 end of the page, 9 put into the cart, 10 ordered.
OPENS, COMMENTS, SPECIFICATION, BOTTOM, CART, ORDER = (1, 2, 3, 5), 6, 7, 8, 9, 10

Action = namedtuple("Action", "sku behaviour category interval dwell")
INT, FLOAT = pa.int64(), pa.float32()
SCHEMA = pa.schema(
    [(name, INT) for name in (
        "session_id", "domain", "sku_id", "category", "cart_or_order", "source_page", "position_in_session",
        "skus_seen_before", "elapsed_in_session", "session_carts_before", "session_skus_before")]
    + [(name, FLOAT) for name in ("session_comment_rate", "session_specification_rate", "session_mean_dwell")]
    + [(name, INT) for name in ("category_visits_before", "category_carts_before", "category_skus_before",
                                "previous_action_same_category", "sku_opens_before")]
    + [("sku_cvr", FLOAT), ("category_opens_before", INT), ("category_cvr", FLOAT)]
    + [(name, INT) for name in ("dwell", "read_comments", "read_specification", "reached_bottom", "revisits",
                                "gap_to_next")])


def main() -> None:
    options = parse()
    progress = command.Progress(options.quiet)
    progress.stage("reading the sessions")
    sessions = read(options.source)
    np.random.RandomState(options.seed).shuffle(sessions)
    first_test = int(0.8 * len(sessions))
    skus, categories = (defaultdict(lambda: [0, 0]) for _ in range(2))
    rows = {"train": [], "test": []}
    for number, (domain, actions) in enumerate(sessions):
        made = samples(number, domain, actions, skus, categories)
        rows["train" if number < first_test else "test"] += made
        if number < first_test:     # counted when the session is over, and test counts nothing
            for row in made:
                for counts in (skus[row["sku_id"]], categories[row["category"]]):
                    counts[0] += 1
                    counts[1] += row["cart_or_order"]
        progress.advance(1)
    options.out.mkdir(parents=True, exist_ok=True)
    with ParquetFiles(SCHEMA) as files:
        for name, made in rows.items():
            files.write(options.out / f"{name}.parquet", pa.Table.from_pylist(made, SCHEMA))
    progress.say(f"{len(rows['train']):,} training and {len(rows['test']):,} test samples in {options.out}")


def parse():
    parser = command.parser(__doc__)
    parser.add_argument("--seed", type=command.not_negative, default=0, help="of the shuffle of sessions (default 0)")
    return parser.parse_args()


def read(folder: Path) -> list[tuple[int, list[Action]]]:
    """The sessions with their domain (0 appliances, 1 computers); a session that is in two files once."""
    if not folder.is_dir():
        raise MissingFile(folder, "no such folder", advice="git clone https://github.com/guyulongcs/WSDM2020_HUP")
    sessions, seen = [], set()
    for number, name in enumerate(FILES):
        path = folder / name
        if not path.is_file():
            raise MissingFile(path, "no such file", advice="give the folder of the repository WSDM2020_HUP")
        for line, text in enumerate(path.read_text(encoding="ascii", errors="replace").split("\n"), 1):
            text = text.strip()
            if text and text not in seen:
                seen.add(text)
                sessions.append((number % 2, [action(path, line, word) for word in text.split()]))
    return sessions


def action(path: Path, line: int, word: str) -> Action:
    try:
        return Action(*(int(float(part)) for part in word.split("+")))
    except (TypeError, ValueError, OverflowError):
        raise BadInput(path, f"expected sku+behaviour+category+interval+dwell, found '{word}'", line=line) from None


def samples(number: int, domain: int, actions: list[Action], skus, categories) -> list[dict]:
    """The products that were opened in a session, in the order of their first visits."""
    rows, first, last, visits, elapsed, now = [], {}, {}, defaultdict(list), [], 0
    for place, deed in enumerate(actions):
        first.setdefault(deed.sku, place)
        last[deed.sku] = place
        visits[deed.sku].append(deed)
        elapsed.append(now)
        now += max(deed.interval, 0)
    for position, (sku, place) in enumerate(first.items()):
        opened = actions[place]
        if opened.behaviour in OPENS:
            own = visits[sku]
            rows.append({
                "session_id": number, "domain": domain, "sku_id": sku, "category": opened.category,
                "cart_or_order": int(any(deed.behaviour in (CART, ORDER) for deed in own)),
                "source_page": opened.behaviour, "position_in_session": position,
                "elapsed_in_session": elapsed[place], **before(actions[:place], opened.category, last),
                "sku_opens_before": skus[sku][0], "sku_cvr": (skus[sku][1] + 0.5) / (skus[sku][0] + 8),
                "category_opens_before": categories[opened.category][0],
                "category_cvr": (categories[opened.category][1] + 2) / (categories[opened.category][0] + 30),
                "dwell": max(deed.dwell for deed in own), "gap_to_next": opened.interval,
                "read_comments": sum(deed.behaviour == COMMENTS for deed in own),
                "read_specification": sum(deed.behaviour == SPECIFICATION for deed in own),
                "reached_bottom": sum(deed.behaviour == BOTTOM for deed in own),
                "revisits": sum(deed.behaviour in OPENS for deed in own)})
    return rows


def before(past: list[Action], category: int, last: dict[int, int]) -> dict:
    """The session up to the moment the product was opened."""
    near = [deed for deed in past if deed.category == category]
    # A product's dwell is of all its visits: it is known when the last of them is over.
    dwells = [deed.dwell for deed in past if last[deed.sku] < len(past)]

    def rate(values: list) -> float:
        return float(np.mean(values)) if values else -1.0

    return {
        "skus_seen_before": len(past), "session_carts_before": sum(deed.behaviour == CART for deed in past),
        "session_skus_before": len({deed.sku for deed in past}),
        "session_comment_rate": rate([deed.behaviour == COMMENTS for deed in past]),
        "session_specification_rate": rate([deed.behaviour == SPECIFICATION for deed in past]),
        "session_mean_dwell": rate(dwells), "category_visits_before": len(near),
        "category_carts_before": sum(deed.behaviour == CART for deed in near),
        "category_skus_before": len({deed.sku for deed in near}),
        "previous_action_same_category": int(past[-1].category == category) if past else -1}


if __name__ == "__main__":
    command.run(main)
