#!/usr/bin/env python3
"""Make CTR samples from a bundle of EB-NeRD (Ekstra Bladet, RecSys Challenge 2024): demo, small or large.

    python3 Scripts/recipes/ebnerd.py ebnerd_small --out ../shared/data/ebnerd-small

A sample is an article in view in an impression; the label is whether it was clicked.

  regular       user, page and article, and their past
  interacted    what this user had seen and read of this article, its category and its kind before
  post-event    read times and scrolling: kept for other tasks, they give a click away
  history_*     the last 50 articles the user clicked, newest first

Everything but the label and the post-event columns uses earlier times only; a click counts 60 s after its impression
(--delay), since an impression's time is when it was shown and not when it was clicked. `total_inviews`,
`total_pageviews` and `total_read_time` of articles are never read: they add up an article's first seven days.

The logs are never in memory: they are sorted on disk, by hour and then by user.
"""

import math
from collections import defaultdict, namedtuple
from datetime import datetime, timezone

import numpy as np
import pyarrow as pa

from ebnerd_files import EVENT, READ, SHOWN, Articles, read_events
from lib import command
from lib.counters import Times, TrailingCounts, smoothed
from lib.output import SampleStore, period, split_by_time
from lib.scratch import Buckets, Scratch, by_time, by_user, chosen, partitions, spread

HOUR, DAY = 3600, 86_400
HISTORY = 50
LONGEST_READ = 600      # seconds; a page left open is not read

COUNTS = ["article_clicks_1h", "article_clicks_6h", "article_clicks_24h", "article_clicks_total", "article_views_1h",
          "article_views_24h", "category_clicks_24h", "category_views_24h"]
COUNTED = np.dtype(EVENT.descr + [(name, "<i4") for name in COUNTS])
Row = namedtuple("Row", COUNTED.names)

INT, FLOAT = pa.int32(), pa.float32()
SCHEMA = pa.schema(
    [("timestamp", pa.int64()), ("_impression", pa.int64()), ("_place", pa.int64()), ("impression_id", pa.int64()),
     ("user_id", INT), ("article_id", INT), ("click", INT), ("device", INT), ("is_sso", INT), ("is_subscriber", INT),
     ("is_front_page", INT), ("hour_of_day", INT), ("user_clicks_total", INT), ("user_clicks_24h", INT),
     ("user_mean_read_seconds", FLOAT), ("user_seconds_since_last_click", INT), ("user_premium_share", FLOAT),
     ("user_mean_article_length", FLOAT), ("user_articles_shown", INT), ("user_ctr_smoothed", FLOAT),
     ("article_age_hours", FLOAT), ("article_length", INT), ("article_is_premium", INT), ("category", INT)]
    + [(name, INT) for name in COUNTS]
    + [("article_ctr_24h", FLOAT), ("category_ctr_24h", FLOAT),
       ("shown_to_user_before", INT), ("shown_to_user_1h", INT), ("shown_to_user_24h", INT),
       ("hours_since_shown_to_user", FLOAT), ("clicked_by_user_before", INT), ("user_clicks_same_category", INT),
       ("user_clicks_same_category_24h", INT), ("user_category_share", FLOAT), ("same_category_as_page", INT),
       ("user_clicks_same_premium_24h", INT), ("article_length_gap", FLOAT),
       ("next_read_seconds", FLOAT), ("next_scroll_percentage", FLOAT), ("page_read_seconds", FLOAT),
       ("page_scroll_percentage", FLOAT),
       ("history_article_id", pa.list_(INT)), ("history_category", pa.list_(INT)),
       ("history_read_seconds", pa.list_(FLOAT)), ("history_age_seconds", pa.list_(INT))])


def main() -> None:
    options = parse()
    progress = command.Progress(options.quiet)
    with Scratch(options.out) as scratch:
        progress.stage("reading the articles")
        articles = Articles(options.source / "articles.parquet", progress)
        events, validation = read_events(options.source, scratch, articles, progress)
        store = SampleStore(scratch, SCHEMA, period(events.rows, *events.span(HOUR)))
        users = count(events, scratch, options, progress)
        progress.stage("user histories and samples")
        for user, records in by_user(users):
            if chosen(np.array([user]), options.users)[0]:
                sample(user, records, articles, store, options)
            progress.advance(len(records))
        progress.stage("writing")
        rows = split_by_time(store, options.out, options.test_from or validation)
    progress.say(f"{rows['train']:,} training and {rows['test']:,} test samples in {options.out}")


def parse():
    parser = command.parser(__doc__)
    parser.add_argument("--users", type=command.share, default=1.0, metavar="SHARE",
                        help="take the samples of this share of users; articles are counted over all (default 1)")
    parser.add_argument("--test-from", type=command.positive, metavar="TIMESTAMP",
                        help="first second of the test period (default: the first impression of validation)")
    parser.add_argument("--delay", type=command.not_negative, default=60, metavar="SECONDS",
                        help="clicks and counters count what is older than this (default 60)")
    return parser.parse_args()


def count(events: Buckets, scratch: Scratch, options, progress) -> Buckets:
    """The same events with their article's and its category's past, divided by user."""
    progress.stage("counting articles over all users")
    users = Buckets(scratch, "users", COUNTED)
    parts = partitions(events.rows)
    counters = {("article", "clicks"): TrailingCounts((HOUR, 6 * HOUR, DAY), options.delay),
                ("article", "views"): TrailingCounts((HOUR, DAY), options.delay),
                ("category", "clicks"): TrailingCounts((DAY,), options.delay),
                ("category", "views"): TrailingCounts((DAY,), options.delay)}
    for records in by_time(events):
        out = np.zeros(len(records), COUNTED)
        for name in EVENT.names:
            out[name] = records[name]
        these = {"clicks": records["clicked"] == 1, "views": records["kind"] == SHOWN}
        past = {key: counter.step(records[key[0]][these[key[1]]], records["time"][these[key[1]]], records[key[0]],
                                  records["time"]) for key, counter in counters.items()}
        clicks, views = past["article", "clicks"], past["article", "views"]
        out["article_clicks_1h"], out["article_clicks_6h"] = clicks[HOUR], clicks[6 * HOUR]
        out["article_clicks_24h"], out["article_clicks_total"] = clicks[DAY], clicks["total"]
        out["article_views_1h"], out["article_views_24h"] = views[HOUR], views[DAY]
        out["category_clicks_24h"] = past["category", "clicks"][DAY]
        out["category_views_24h"] = past["category", "views"][DAY]
        users.add((spread(records["user"]) % np.uint64(parts)).astype(np.int64), out)
        progress.advance(len(records))
    return users


class Past:
    """What one user had seen and read before the present second."""

    def __init__(self):
        self.shown, self.clicked, self.categories = (defaultdict(Times) for _ in range(3))
        self.clicks, self.impressions = Times(), 0
        self.clicked_in_view = 0
        # Newest last: article, category, read seconds, time, premium, length.
        self.history: list[tuple[int, int, float, int, int, int]] = []

    def see(self, row: Row) -> None:
        if row.kind == SHOWN:
            self.shown[row.article].add(row.time)
            self.impressions += 1

    def click(self, row: Row, articles: Articles) -> None:
        if not row.clicked:
            return
        self.clicked_in_view += row.kind == SHOWN
        for times in (self.clicks, self.clicked[row.article], self.categories[row.category]):
            times.add(row.time)
        read = 0.0 if math.isnan(row.next_read) else min(row.next_read, LONGEST_READ)
        self.history.append((row.article, row.category, read, row.time, int(articles.premium[row.article]),
                             int(articles.length[row.article])))
        del self.history[:-HISTORY]


def sample(user: int, records: np.ndarray, articles: Articles, store: SampleStore, options) -> None:
    """Adds one user's articles in view to the store."""
    past, seen, clicked = Past(), 0, 0
    rows = list(map(Row._make, records.tolist()))
    mine, of = {}, None
    for row in rows:
        while rows[seen].time < row.time:           # articles of one second do not see each other
            past.see(rows[seen])
            seen += 1
        while rows[clicked].time < row.time - options.delay:
            past.click(rows[clicked], articles)
            clicked += 1
        if row.kind == READ:
            continue
        if of != row.impression:
            mine, of = user_side(user, row, past), row.impression
        store.add({**mine, **article_side(row, past, articles, mine), **after(row)})


def user_side(user: int, row: Row, past: Past) -> dict:
    """The columns that all articles in view share, known when the page is shown."""
    now, history = row.time, past.history[::-1]
    read = [min(h[2], now - h[3]) for h in history]     # an article that may still be open: as long as it was by now
    return {
        "timestamp": now, "_impression": row.impression, "impression_id": row.impression,
        "user_id": user, "device": row.device, "is_sso": row.is_sso,
        "is_subscriber": row.is_subscriber, "is_front_page": int(row.page < 0),
        "hour_of_day": datetime.fromtimestamp(now, timezone.utc).hour,
        "user_clicks_total": past.clicks.total(), "user_clicks_24h": past.clicks.within(now, DAY),
        "user_mean_read_seconds": float(np.mean(read)) if history else None,
        "user_seconds_since_last_click": past.clicks.since(now),
        "user_premium_share": float(np.mean([h[4] == 1 for h in history])) if history else None,
        "user_mean_article_length": float(np.mean([h[5] for h in history])) if history else None,
        "user_articles_shown": past.impressions,
        "user_ctr_smoothed": smoothed(past.clicked_in_view, past.impressions),
        "history_article_id": [h[0] for h in history], "history_category": [h[1] - 1 for h in history],
        "history_read_seconds": read, "history_age_seconds": [now - h[3] for h in history]}


def article_side(row: Row, past: Past, articles: Articles, mine: dict) -> dict:
    """The columns of an article, and of the user with it, known when it comes into view."""
    now, article, mean_length = row.time, row.article, mine["user_mean_article_length"]
    premium, length = int(articles.premium[article]), int(articles.length[article])
    published = int(articles.published[article])
    shown, clicked, category = Times(), Times(), Times()
    shown, clicked = past.shown.get(article, shown), past.clicked.get(article, clicked)
    category = past.categories.get(row.category, category)
    page = int(articles.category[row.page]) + 1 if row.page >= 0 else None
    return {
        "_place": row.place, "article_id": article,
        "article_age_hours": max(0, now - published) / HOUR if published >= 0 else None,
        "article_length": length if length >= 0 else None, "article_is_premium": premium if premium >= 0 else None,
        "category": row.category - 1,
        **{name: getattr(row, name) for name in COUNTS},
        "article_ctr_24h": smoothed(row.article_clicks_24h, row.article_views_24h),
        "category_ctr_24h": smoothed(row.category_clicks_24h, row.category_views_24h),
        "shown_to_user_before": shown.total(), "shown_to_user_1h": shown.within(now, HOUR),
        "shown_to_user_24h": shown.within(now, DAY),
        "hours_since_shown_to_user": shown.since(now) / HOUR if shown.times else -1.0,
        "clicked_by_user_before": clicked.total(), "user_clicks_same_category": category.total(),
        "user_clicks_same_category_24h": category.within(now, DAY),
        "user_category_share": category.total() / past.clicks.total() if past.clicks.times else None,
        "same_category_as_page": None if page is None else int(page == row.category),
        "user_clicks_same_premium_24h": sum(h[4] == premium and now - h[3] <= DAY for h in past.history),
        "article_length_gap": abs(mean_length - length) if mean_length is not None and length >= 0 else None}


def after(row: Row) -> dict:
    """The label, and the columns that are known only afterwards. What follows a click exists for clicked rows only."""
    def number(value: float) -> float | None:
        return None if math.isnan(value) else value

    return {"click": row.clicked,
            "next_read_seconds": number(row.next_read) if row.clicked else None,
            "next_scroll_percentage": number(row.next_scroll) if row.clicked else None,
            "page_read_seconds": number(row.page_read), "page_scroll_percentage": number(row.page_scroll)}


if __name__ == "__main__":
    command.run(main)
