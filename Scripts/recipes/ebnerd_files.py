"""EB-NeRD's files: behaviours, histories and articles, as recsys.eb.dk describes them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.errors import BadInput, MissingFile
from lib.rows import parquet_batches, whole
from lib.scratch import Buckets, Scratch

HOUR = 3600
SHOWN, READ = 0, 1      # an article in view in an impression; a click from before the impressions
EVENT = np.dtype(
    [("place", "<i8"), ("time", "<i8"), ("user", "<i4"), ("article", "<i4"), ("category", "<i4"), ("page", "<i4"),
     ("impression", "<i8"), ("kind", "u1"), ("clicked", "u1"), ("device", "u1"), ("is_sso", "u1"),
     ("is_subscriber", "u1"), ("next_read", "<f4"), ("next_scroll", "<f4"), ("page_read", "<f4"),
     ("page_scroll", "<f4")])
BEHAVIORS = {
    "impression_id": "the impression", "user_id": "the user", "article_id": "the page, empty for the front page",
    "impression_time": "when", "device_type": "1 desktop, 2 mobile, 3 tablet", "is_sso_user": "logged in or not",
    "is_subscriber": "subscriber or not", "article_ids_inview": "articles seen", "article_ids_clicked": "articles clicked",
    "read_time": "seconds on the page", "scroll_percentage": "how much of the page",
    "next_read_time": "seconds on the clicked article", "next_scroll_percentage": "how much of the clicked article"}
HISTORY = {"user_id": "the user", "impression_time_fixed": "when", "article_id_fixed": "articles clicked",
           "read_time_fixed": "seconds on each"}
ARTICLES = {"article_id": "the article", "premium": "for subscribers", "published_time": "when", "category": "a number",
            "body": "the text"}
NONE = -1       # and the category of an article that articles.parquet does not have; a published x is x + 1 in EVENT


def seconds(path: Path, start: int, column: pa.Array, name: str) -> np.ndarray:
    """A column of moments as seconds since 1970, without a time zone as published."""
    if not pa.types.is_timestamp(column.type):
        raise BadInput(path, f"expected moments, found {column.type}", column=name)
    if column.null_count:
        row = int(np.flatnonzero(np.asarray(column.is_null()))[0])
        raise BadInput(path, "expected a moment, found nothing", row=start + row, column=name)
    return np.asarray(column.cast(pa.timestamp("us")).cast(pa.int64())) // 1_000_000


def lists(path: Path, batch: pa.RecordBatch, name: str) -> tuple[np.ndarray, pa.Array]:
    """A column of lists: the row of each value, and the values."""
    column = batch.column(name)
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        raise BadInput(path, f"expected lists, found {column.type}", column=name)
    return np.asarray(pc.list_parent_indices(column)).astype(np.int64), pc.list_flatten(column)


def numbers(column: pa.Array) -> np.ndarray:
    """Floats; NaN where there is none."""
    return np.asarray(column.cast(pa.float32()).fill_null(float("nan")))


class Articles:
    """Articles in arrays that the article's id indexes. Counts over an article's first week are not read: they know
    of the future."""

    def __init__(self, path: Path, progress):
        self.premium = np.full(1, NONE, np.int8)
        self.published = np.full(1, NONE, np.int64)
        self.category = np.full(1, NONE, np.int32)
        self.length = np.full(1, NONE, np.int32)
        for row, batch in parquet_batches(path, ARTICLES, rows=2048):
            ids = whole(path, row, batch, "article_id", place="row")
            self.grow(int(ids.max(initial=0)) + 1)
            self.premium[ids] = np.asarray(batch.column("premium").cast(pa.int8()).fill_null(NONE))
            known = ~np.asarray(batch.column("published_time").is_null())
            times = seconds(path, row, batch.column("published_time").filter(pa.array(known)), "published_time")
            self.published[ids[known]] = times
            self.category[ids] = whole(path, row, batch, "category", missing=NONE, place="row")
            self.length[ids] = np.asarray(pc.utf8_length(batch.column("body")).fill_null(NONE))
            progress.advance(batch.num_rows)

    def grow(self, size: int) -> None:
        for name in ("premium", "published", "category", "length"):
            array = getattr(self, name)
            if size > len(array):
                more = np.full(max(size, 2 * len(array)) - len(array), NONE, array.dtype)
                setattr(self, name, np.r_[array, more])


def read_events(folder: Path, scratch: Scratch, articles: Articles, progress) -> tuple[Buckets, int]:
    """Histories and impressions of both bundles in buckets of an hour; and the first moment of validation."""
    for bundle in ("train", "validation"):
        if not (folder / bundle).is_dir():
            raise MissingFile(folder / bundle, "no such folder", advice="give a bundle's folder, such as ebnerd_small")
    events = Buckets(scratch, "hours", EVENT)
    starts, known = [], np.empty(0, np.int64)
    for bundle in ("train", "validation"):
        progress.stage(f"reading {bundle}")
        behaviors = folder / bundle / "behaviors.parquet"
        starts.append(read_behaviors(behaviors, events, articles, progress))
        # Validation's histories repeat what train's users did in the weeks of train: only new users' count.
        known = read_history(folder / bundle / "history.parquet", starts[-1], known, events, articles, progress)
    return events, starts[1]


def read_behaviors(path: Path, events: Buckets, articles: Articles, progress) -> int:
    start = None
    for row, batch in parquet_batches(path, BEHAVIORS):
        time = seconds(path, row, batch.column("impression_time"), "impression_time")
        parent, shown = lists(path, batch, "article_ids_inview")
        clicker, clicked = lists(path, batch, "article_ids_clicked")
        article = checked(path, row, parent, shown, "article_ids_inview")
        clicks = (clicker << 32) | checked(path, row, clicker, clicked, "article_ids_clicked")
        records = np.zeros(len(parent), EVENT)
        records["place"] = events.rows + np.arange(len(parent))
        records["time"], records["article"] = time[parent], article
        records["user"] = whole(path, row, batch, "user_id", high=(1 << 31) - 1, place="row")[parent]
        records["impression"] = whole(path, row, batch, "impression_id", high=1 << 40, place="row")[parent]
        records["page"] = whole(path, row, batch, "article_id", missing=NONE, place="row")[parent]
        records["device"] = whole(path, row, batch, "device_type", high=255, missing=0, place="row")[parent]
        for name, column in (("is_sso", "is_sso_user"), ("is_subscriber", "is_subscriber")):
            records[name] = np.asarray(batch.column(column).cast(pa.uint8()).fill_null(0))[parent]
        records["clicked"] = np.isin((parent << 32) | article, clicks)
        for name, column in (("next_read", "next_read_time"), ("next_scroll", "next_scroll_percentage"),
                             ("page_read", "read_time"), ("page_scroll", "scroll_percentage")):
            records[name] = numbers(batch.column(column))[parent]
        articles.grow(int(max(article.max(initial=0), records["page"].max(initial=0))) + 1)
        records["category"] = articles.category[article] + 1
        events.add(records["time"] // HOUR, records)
        if len(time):
            start = min(int(time.min()), start if start is not None else int(time.min()))
        progress.advance(batch.num_rows)
    if start is None:
        raise BadInput(path, "the file has no impressions")
    return start


def read_history(path: Path, start: int, known: np.ndarray, events: Buckets, articles: Articles, progress) -> np.ndarray:
    """Adds the clicks before `start` of users that are not known yet; returns all users known now."""
    seen = [known]
    for row, batch in parquet_batches(path, HISTORY):
        user = whole(path, row, batch, "user_id", high=(1 << 31) - 1, place="row")
        parent, clicked = lists(path, batch, "article_id_fixed")
        others = [lists(path, batch, name) for name in ("impression_time_fixed", "read_time_fixed")]
        if any(not np.array_equal(parent, rows) for rows, _ in others):
            raise BadInput(path, "lists of one user differ in length", row=row, column="article_id_fixed")
        article = checked(path, row, parent, clicked, "article_id_fixed")
        time = seconds(path, row, others[0][1], "impression_time_fixed")
        keep = (time < start) & ~np.isin(user, known)[parent]
        records = np.zeros(len(parent), EVENT)
        records["place"], records["time"] = events.rows + np.arange(len(parent)), time
        records["user"], records["article"], records["kind"] = user[parent], article, READ
        records["clicked"], records["page"] = 1, NONE
        records["next_read"] = numbers(others[1][1])
        articles.grow(int(article.max(initial=0)) + 1)
        records["category"] = articles.category[article] + 1
        events.add(records["time"][keep] // HOUR, records[keep])
        seen.append(user)
        progress.advance(batch.num_rows)
    return np.unique(np.concatenate(seen))


def checked(path: Path, row: int, parent: np.ndarray, values: pa.Array, name: str) -> np.ndarray:
    """Article ids out of lists."""
    batch = pa.record_batch([values], names=[name])
    try:
        return whole(path, 0, batch, name, place="row")
    except BadInput:
        ids = values.to_pylist()
        bad = next(i for i, value in enumerate(ids) if value is None or not 0 <= value <= 200_000_000)
        raise BadInput(path, f"expected ids of articles, found {ids[bad]}", row=row + int(parent[bad]),
                       column=name) from None
