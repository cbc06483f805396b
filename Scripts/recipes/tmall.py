#!/usr/bin/env python3
"""Make CVR samples from the Tmall contest log of 2014 (t_alibaba_data.csv).

    python3 Scripts/recipes/tmall.py t_alibaba_data.csv.gz --out ../shared/data/tmall

The log has days, not hours. A sample is a user who clicked a brand on a day; its label is whether she bought it that
day. Regular columns use earlier days only; post-event ones (`*_same_day`) say what else she did that day, but not what
she bought. The first ten days only feed the past; the last fortnight is the test period.
"""

from collections import defaultdict
from datetime import date
from itertools import groupby
import re

import pyarrow as pa
import pyarrow.csv as csv

from lib import command
from lib.errors import BadInput
from lib.output import ParquetFiles
from lib.rows import need

FIRST_DAY = date(2013, 4, 15)
CLICK, BUY, FAVOURITE, CART = range(4)
WINDOWS = (7, 30)

INT, FLOAT = pa.int32(), pa.float32()


def windowed(who: str) -> list[tuple[str, list]]:
    return [(f"{who}_{name}_{{}}d", kind) for name, kind in
            (("clicks", INT), ("purchases", INT), ("active_pairs", INT), ("cvr", FLOAT))]


SCHEMA = pa.schema(
    [("day", INT), ("user_id", INT), ("brand_id", INT), ("bought", INT)]
    + [(name.format(days), kind) for days in WINDOWS for who in ("user", "brand") for name, kind in windowed(who)]
    + [(name, INT) for name in (
        "user_days_since_seen", "brand_days_since_seen", "user_purchases_total", "brand_purchases_total", "brand_users",
        "user_brand_clicks", "user_brand_purchases", "user_brand_favourites", "user_brand_carts",
        "user_brand_days_since", "user_brand_days_active", "day_of_week", "clicks_same_day", "favourites_same_day",
        "carts_same_day")]
    + [("share_of_users_clicks_same_day", FLOAT), ("user_clicks_same_day", INT), ("user_brands_same_day", INT)])


def main() -> None:
    options = parse()
    progress = command.Progress(options.quiet)
    progress.stage("reading the log")
    days = read(options.source)
    options.out.mkdir(parents=True, exist_ok=True)
    with ParquetFiles(SCHEMA) as files:
        rows = {"train": [], "test": []}
        for row in samples(days):
            if row["day"] >= options.first_day:
                rows["test" if row["day"] >= options.test_from else "train"].append(row)
        for name, made in rows.items():
            files.write(options.out / f"{name}.parquet", pa.Table.from_pylist(made, SCHEMA))
    progress.say(f"{len(rows['train']):,} training and {len(rows['test']):,} test samples in {options.out}")


def parse():
    parser = command.parser(__doc__)
    parser.add_argument("--first-day", type=command.not_negative, default=10, metavar="DAY",
                        help="first day of samples, counted from 15 April (default 10)")
    parser.add_argument("--test-from", type=command.positive, default=109, metavar="DAY",
                        help="first day of the test period (default 109)")
    return parser.parse_args()


def read(path) -> dict[tuple[int, int, int], list[int]]:
    """How often each user clicked, bought, marked and put into the cart each brand on each day."""
    try:
        table = csv.read_csv(need(path), convert_options=csv.ConvertOptions(column_types={"visit_datetime": pa.string()}))
    except pa.ArrowInvalid as problem:
        raise BadInput(path, str(problem)) from None
    for name in ("user_id", "brand_id", "type", "visit_datetime"):
        if name not in table.column_names:
            raise BadInput(path, "the header has no such column", line=1, column=name)
    counts: dict[tuple[int, int, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    rows = zip(*(table[name].to_pylist() for name in ("user_id", "brand_id", "type", "visit_datetime")))
    for line, (user, brand, kind, when) in enumerate(rows, 2):
        if kind not in (CLICK, BUY, FAVOURITE, CART):
            raise BadInput(path, f"expected 0, 1, 2 or 3, found {kind}", line=line, column="type")
        counts[day(path, line, when), user, brand][kind] += 1
    return dict(sorted(counts.items()))


def day(path, line: int, text) -> int:
    """Days since 15 April of a "month-day"; the published file has Chinese characters for the hyphen."""
    found = re.match(r"(\d+)\D+(\d+)", text or "")
    try:
        return (date(FIRST_DAY.year, int(found.group(1)), int(found.group(2))) - FIRST_DAY).days
    except (AttributeError, ValueError):
        raise BadInput(path, f"expected a month and a day, found '{text}'", line=line, column="visit_datetime") from None


def samples(counts):
    """Yields samples day by day: all of a day are read from the state before any of it is folded into the state."""
    users, brands, pairs = defaultdict(list), defaultdict(list), defaultdict(list)
    for today, entries in groupby(counts.items(), key=lambda entry: entry[0][0]):
        entries = [(key[1], key[2], kinds) for key, kinds in entries]
        clicks, seen = defaultdict(int), defaultdict(int)
        for user, _, kinds in entries:
            clicks[user] += kinds[CLICK]
            seen[user] += 1
        for user, brand, kinds in entries:
            if kinds[CLICK]:
                past = before(today, users[user], brands[brand], pairs[user, brand])
                yield {"day": today, "user_id": user, "brand_id": brand, "bought": int(kinds[BUY] > 0), **past,
                       "clicks_same_day": kinds[CLICK], "favourites_same_day": min(kinds[FAVOURITE], 3),
                       "carts_same_day": min(kinds[CART], 3),
                       "share_of_users_clicks_same_day": kinds[CLICK] / clicks[user],
                       "user_clicks_same_day": clicks[user], "user_brands_same_day": seen[user]}
        for user, brand, kinds in entries:
            users[user].append((today, kinds, brand))
            brands[brand].append((today, kinds, user))
            pairs[user, brand].append((today, kinds))


def before(today: int, user: list, brand: list, pair: list) -> dict:
    """The regular columns, from earlier days."""
    row = {}
    for days in WINDOWS:
        for who, past in (("user", user), ("brand", brand)):
            recent = [entry[1] for entry in past if entry[0] >= today - days]
            bought = sum(kinds[BUY] > 0 for kinds in recent)
            row.update({f"{who}_clicks_{days}d": sum(kinds[CLICK] for kinds in recent),
                        f"{who}_purchases_{days}d": sum(kinds[BUY] for kinds in recent),
                        f"{who}_active_pairs_{days}d": len(recent),
                        f"{who}_cvr_{days}d": (bought + 0.5) / (len(recent) + 9)})

    def total(past: list, kind: int) -> int:
        return sum(entry[1][kind] for entry in past)

    def since(past: list) -> int:
        return today - past[-1][0] if past else -1

    return {**row, "user_days_since_seen": since(user), "brand_days_since_seen": since(brand),
            "user_purchases_total": total(user, BUY), "brand_purchases_total": total(brand, BUY),
            "brand_users": len({entry[2] for entry in brand}),
            "user_brand_clicks": total(pair, CLICK), "user_brand_purchases": total(pair, BUY),
            "user_brand_favourites": total(pair, FAVOURITE), "user_brand_carts": total(pair, CART),
            "user_brand_days_since": since(pair), "user_brand_days_active": len(pair), "day_of_week": today % 7}


if __name__ == "__main__":
    command.run(main)
