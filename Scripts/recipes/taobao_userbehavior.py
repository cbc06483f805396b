#!/usr/bin/env python3
"""Make CVR samples from Taobao "UserBehavior" (Tianchi data set 649).

    python3 Scripts/recipes/taobao_userbehavior.py UserBehavior.csv --out ../shared/data/taobao

The log has no impressions, so there is no CTR task in it. A sample is a visit: a view (`pv`) of an item that the user
had not viewed within the label window before. Its label is whether the user buys the item within the window after.

  regular       what user, item and category had done before the view, and what this user had done with them
  post-event    what the user does in the half hour after the view (--attention)
  history_*     the user's last 50 actions, newest first

Everything but the label and the post-event columns uses log lines with an earlier time only. Lines outside
25 November to 3 December 2017 (Beijing) are known to be dirty; they are counted and left out. Training visits
whose label window reaches into the test period are left out as well, so no training label knows of the test days.

The log is never in memory: it is sorted on disk, by hour and then by user.
"""

from collections import defaultdict, namedtuple
from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa

from lib import command
from lib.counters import Times, TrailingCounts, smoothed
from lib.errors import BadInput
from lib.output import SampleStore, period, split_by_time
from lib.rows import csv_batches, whole
from lib.scratch import Buckets, Scratch, by_time, by_user, chosen, partitions, spread

HOUR, DAY = 3600, 86_400
BEIJING = timezone(timedelta(hours=8))
FIRST = int(datetime(2017, 11, 25, tzinfo=BEIJING).timestamp())
END = int(datetime(2017, 12, 4, tzinfo=BEIJING).timestamp())
KINDS = ["pv", "fav", "cart", "buy"]
PV, FAV, CART, BUY = range(4)
HISTORY = 50

EVENT = np.dtype([("place", "<i8"), ("time", "<i8"), ("user", "<i4"), ("item", "<i4"), ("category", "<i4"),
                  ("kind", "u1")])
COUNTS = ["item_views_1h", "item_views_24h", "item_views_total", "item_carts_24h", "item_buys_24h", "item_buys_total",
          "category_views_24h", "category_buys_24h", "item_age_seconds"]
COUNTED = np.dtype(EVENT.descr + [(name, "<i4") for name in COUNTS])
Row = namedtuple("Row", COUNTED.names)

INT, FLOAT = pa.int32(), pa.float32()
SCHEMA = pa.schema(
    [("timestamp", pa.int64()), ("_place", pa.int64()), ("user_id", INT), ("item_id", INT), ("category_id", INT),
     ("bought", INT), ("hour_of_day", INT), ("day_of_week", INT),
     ("user_views_total", INT), ("user_views_1h", INT), ("user_views_24h", INT), ("user_buys_total", INT),
     ("user_carts_total", INT), ("user_seconds_since_action", INT), ("user_buy_rate", FLOAT)]
    + [(name, INT) for name in COUNTS]
    + [("item_buy_rate", FLOAT),
       ("user_item_views", INT), ("user_item_favourites", INT), ("user_item_carts", INT), ("user_item_buys", INT),
       ("user_item_seconds_since", INT), ("user_category_views", INT), ("user_category_views_24h", INT),
       ("user_category_carts", INT), ("user_category_buys", INT), ("user_category_seconds_since", INT),
       ("item_views_after", INT), ("item_favourited_after", INT), ("item_carted_after", INT),
       ("category_items_after", INT), ("user_actions_after", INT), ("seconds_to_next_action", INT),
       ("history_item_id", pa.list_(INT)), ("history_category_id", pa.list_(INT)),
       ("history_action", pa.list_(INT)), ("history_age_seconds", pa.list_(INT))])


def main() -> None:
    options = parse()
    progress = command.Progress(options.quiet)
    with Scratch(options.out) as scratch:
        events = read(options.source, scratch, progress)
        store = SampleStore(scratch, SCHEMA, period(events.rows, *events.span(HOUR)))
        users = count(events, scratch, options, progress)
        progress.stage("user histories and samples")
        for user, records in by_user(users):
            if chosen(np.array([user]), options.users)[0]:
                sample(user, records, store, options)
            progress.advance(len(records))
        progress.stage("writing")
        # A training label must be known before the test period begins.
        rows = split_by_time(store, options.out, options.test_from, train_until=options.test_from - options.window)
    progress.say(f"{rows['train']:,} training and {rows['test']:,} test samples in {options.out}")


def parse():
    parser = command.parser(__doc__)
    parser.add_argument("--users", type=command.share, default=1.0, metavar="SHARE",
                        help="take the samples of this share of users; items are counted over all (default 1)")
    parser.add_argument("--window", type=command.positive, default=DAY, metavar="SECONDS",
                        help="a purchase within it makes the label 1 (default: a day)")
    parser.add_argument("--attention", type=command.positive, default=1800, metavar="SECONDS",
                        help="how long after the view post-event features look (default: half an hour)")
    parser.add_argument("--test-from", type=command.positive, default=END - 2 * DAY, metavar="TIMESTAMP",
                        help="first second of the test period (default: 2 December 2017, Beijing)")
    parser.add_argument("--delay", type=command.not_negative, default=60, metavar="SECONDS",
                        help="item counters see what is older than this (default 60)")
    return parser.parse_args()


def read(source, scratch: Scratch, progress) -> Buckets:
    """The log, checked, in buckets of an hour."""
    progress.stage("reading the log")
    events, dirty, place = Buckets(scratch, "hours", EVENT), 0, 0
    columns = {"user": pa.int64(), "item": pa.int64(), "category": pa.int64(), "behavior": pa.string(),
               "timestamp": pa.int64()}
    for line, batch in csv_batches(source, columns, header=False):
        kinds = np.asarray(batch.column("behavior").fill_null("").dictionary_encode().indices)
        names = batch.column("behavior").fill_null("").dictionary_encode().dictionary.to_pylist()
        known = np.array([KINDS.index(name) if name in KINDS else 255 for name in names], np.uint8)
        kind = known[kinds]
        if (kind == 255).any():
            row = int(np.flatnonzero(kind == 255)[0])
            raise BadInput(source, f"expected one of {', '.join(KINDS)}, found '{names[kinds[row]]}'",
                           line=line + row, column="behavior")
        records = np.zeros(batch.num_rows, EVENT)
        records["place"] = place + np.arange(batch.num_rows)
        for field in ("user", "item", "category"):
            records[field] = whole(source, line, batch, field)
        time = whole(source, line, batch, "timestamp", low=-(1 << 40), high=1 << 40)
        records["time"], records["kind"] = time, kind
        keep = (time >= FIRST) & (time < END)
        dirty += int((~keep).sum())
        place += batch.num_rows
        events.add(time[keep] // HOUR, records[keep])
        progress.advance(batch.num_rows)
    if not events.rows:
        raise BadInput(source, "no line lies within 25 November to 3 December 2017")
    progress.say(f"{events.rows:,} lines, {dirty:,} outside the nine days left out")
    return events


def count(events: Buckets, scratch: Scratch, options, progress) -> Buckets:
    """The same lines with the item's and its category's past, divided by user."""
    progress.stage("counting items over all users")
    users = Buckets(scratch, "users", COUNTED)
    parts = partitions(events.rows)
    item = {kind: TrailingCounts((HOUR, DAY), options.delay) for kind in (PV, CART, BUY)}
    category = {kind: TrailingCounts((DAY,), options.delay) for kind in (PV, BUY)}
    for records in by_time(events):
        out = np.zeros(len(records), COUNTED)
        for name in EVENT.names:
            out[name] = records[name]

        def past(counter, kind, field):
            these = records["kind"] == kind
            return counter[kind].step(records[field][these], records["time"][these], records[field], records["time"])

        views, carts, buys = (past(item, kind, "item") for kind in (PV, CART, BUY))
        out["item_views_1h"], out["item_views_24h"], out["item_views_total"] = views[HOUR], views[DAY], views["total"]
        out["item_carts_24h"] = carts[DAY]
        out["item_buys_24h"], out["item_buys_total"] = buys[DAY], buys["total"]
        out["item_age_seconds"] = np.where(views["first"] < 0, -1, records["time"] - views["first"])
        out["category_views_24h"] = past(category, PV, "category")[DAY]
        out["category_buys_24h"] = past(category, BUY, "category")[DAY]
        users.add((spread(records["user"]) % np.uint64(parts)).astype(np.int64), out)
        progress.advance(len(records))
    return users


class Past:
    """What one user had done before the present second."""

    def __init__(self):
        self.kinds = [Times() for _ in KINDS]
        self.items = defaultdict(lambda: [Times() for _ in KINDS])
        self.categories = defaultdict(lambda: [Times() for _ in KINDS])
        self.history: list[tuple[int, int, int, int]] = []

    def add(self, time: int, item: int, category: int, kind: int) -> None:
        for times in (self.kinds, self.items[item], self.categories[category]):
            times[kind].add(time)
        self.history.append((item, category, kind, time))
        del self.history[:-HISTORY]


def sample(user: int, records: np.ndarray, store: SampleStore, options) -> None:
    """Adds one user's visits to the store."""
    rows = list(map(Row._make, records.tolist()))
    time, item = records["time"].tolist(), records["item"].tolist()
    category, kind = records["category"].tolist(), records["kind"].tolist()
    past, folded = Past(), 0
    for i, now in enumerate(time):
        while time[folded] < now:           # lines of one second do not see each other
            past.add(time[folded], item[folded], category[folded], kind[folded])
            folded += 1
        views = past.items[item[i]][PV] if item[i] in past.items else None
        fresh = views is None or not views.within(now, options.window)
        twin = any(item[j] == item[i] and kind[j] == PV for j in range(folded, i))
        if kind[i] == PV and fresh and not twin and now + options.window <= END:
            store.add({**before(user, rows[i], past), **after(i, time, item, category, kind, options)})


def before(user: int, record, past: Past) -> dict:
    """The columns that are known at the view."""
    now, item, category = record.time, record.item, record.category
    none = [Times() for _ in KINDS]
    own, near, kinds = past.items.get(item, none), past.categories.get(category, none), past.kinds
    local = datetime.fromtimestamp(now, BEIJING)
    history = past.history[::-1]
    return {
        "timestamp": now, "_place": record.place, "user_id": user, "item_id": item, "category_id": category,
        "hour_of_day": local.hour, "day_of_week": local.weekday(),
        "user_views_total": kinds[PV].total(), "user_views_1h": kinds[PV].within(now, HOUR),
        "user_views_24h": kinds[PV].within(now, DAY), "user_buys_total": kinds[BUY].total(),
        "user_carts_total": kinds[CART].total(), "user_seconds_since_action": last(kinds, now),
        "user_buy_rate": smoothed(kinds[BUY].total(), kinds[PV].total()),
        **{name: getattr(record, name) for name in COUNTS},
        "item_buy_rate": smoothed(record.item_buys_24h, record.item_views_24h),
        "user_item_views": own[PV].total(), "user_item_favourites": own[FAV].total(),
        "user_item_carts": own[CART].total(), "user_item_buys": own[BUY].total(),
        "user_item_seconds_since": last(own, now),
        "user_category_views": near[PV].total(), "user_category_views_24h": near[PV].within(now, DAY),
        "user_category_carts": near[CART].total(), "user_category_buys": near[BUY].total(),
        "user_category_seconds_since": last(near, now),
        "history_item_id": [h[0] for h in history], "history_category_id": [h[1] for h in history],
        "history_action": [h[2] for h in history], "history_age_seconds": [now - h[3] for h in history]}


def last(kinds: list[Times], now: int) -> int:
    """Seconds since the last action of any kind, or -1."""
    return min((k.since(now) for k in kinds if k.times), default=-1)


def after(i: int, time, item, category, kind, options) -> dict:
    """The label, and the columns that are known only once the view is over."""
    now, bought, others = time[i], 0, set()
    found = dict.fromkeys(("item_views_after", "item_favourited_after", "item_carted_after", "user_actions_after"), 0)
    found["seconds_to_next_action"] = -1
    column = {PV: "item_views_after", FAV: "item_favourited_after", CART: "item_carted_after"}
    j = i
    while j > 0 and time[j - 1] == now:     # a purchase in the second of the view counts as following it
        j -= 1
    for j in range(j, len(time)):
        if time[j] > now + options.window:
            break
        bought |= item[j] == item[i] and kind[j] == BUY
        if now < time[j] <= now + options.attention:
            if found["seconds_to_next_action"] < 0:
                found["seconds_to_next_action"] = time[j] - now
            found["user_actions_after"] += 1
            if item[j] == item[i] and kind[j] in column:
                found[column[kind[j]]] += 1
            elif category[j] == category[i]:
                others.add(item[j])
    return {**found, "bought": int(bought), "category_items_after": len(others)}


if __name__ == "__main__":
    command.run(main)
