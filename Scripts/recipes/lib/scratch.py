"""Records sorted on disk: by time for counters over all users, by user for histories. Memory stays bounded."""

import shutil
import tempfile
from pathlib import Path

import numpy as np


class Scratch:
    """A folder beside the output that is gone when the recipe ends, however it ends."""

    def __init__(self, out: Path):
        out.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix=".scratch-", dir=out))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Buckets:
    """Records (a NumPy structured array) divided over files by a key.

    At most `buffer_bytes` wait in memory; a bucket is read as a whole, so keys are chosen such that one fits.
    """

    def __init__(self, scratch: Scratch, name: str, dtype: np.dtype, buffer_bytes: int = 128 << 20):
        self.folder = scratch.path / name
        self.folder.mkdir()
        self.dtype, self.limit = dtype, buffer_bytes
        self.waiting: dict[int, list[np.ndarray]] = {}
        self.bytes = self.rows = 0
        self.counts: dict[int, int] = {}

    def add(self, keys: np.ndarray, records: np.ndarray) -> None:
        if not len(records):
            return
        order = np.argsort(keys, kind="stable")
        keys, records = keys[order], records[order]
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        for start, end in zip(starts, np.r_[starts[1:], len(keys)]):
            key = int(keys[start])
            self.waiting.setdefault(key, []).append(records[start:end].copy())
            self.counts[key] = self.counts.get(key, 0) + int(end - start)
        self.rows += len(records)
        self.bytes += records.nbytes
        if self.bytes > self.limit:
            self.flush()

    def flush(self) -> None:
        for key, parts in self.waiting.items():
            with (self.folder / str(key)).open("ab") as file:
                for part in parts:
                    part.tofile(file)
        self.waiting, self.bytes = {}, 0

    def keys(self) -> list[int]:
        return sorted(self.counts)

    def span(self, unit: int) -> tuple[int, int]:
        """The first moment of the first bucket and the last of the last, where keys are times in units of `unit`."""
        keys = self.keys()
        return keys[0] * unit, (keys[-1] + 1) * unit

    def take(self, key: int) -> np.ndarray:
        """A bucket's records in the order they were added; its file is deleted."""
        self.flush()
        path = self.folder / str(key)
        records = np.fromfile(path, dtype=self.dtype)
        path.unlink()
        return records


def by_time(buckets: Buckets, rows_each: int = 200_000):
    """Yields the records of all buckets, whose keys rise with time, sorted by time and then by place in the log.

    Small buckets that follow one another come as one: each part has a price of its own.
    """
    keys, rows = [], 0
    for number, key in enumerate(buckets.keys(), 1):
        keys.append(key)
        rows += buckets.counts[key]
        if rows >= rows_each or number == len(buckets.counts):
            records = np.concatenate([buckets.take(key) for key in keys])
            yield records[np.lexsort((records["place"], records["time"]))]
            keys, rows = [], 0


def partitions(rows: int, rows_each: int = 1_000_000) -> int:
    """Into how many parts to divide users, so that a part fits in memory."""
    return max(1, min(512, -(-rows // rows_each)))


def spread(ids: np.ndarray) -> np.ndarray:
    """A fixed pseudo-random number in [0, 2^32) for each id (Fibonacci hashing)."""
    return (ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)


def chosen(ids: np.ndarray, share: float) -> np.ndarray:
    """Which ids belong to a fixed pseudo-random share of all."""
    return spread(ids) < np.uint64(min(1 << 32, round(share * (1 << 32))))


def by_user(buckets: Buckets):
    """Yields (user, records) for every user of every part, sorted by time and then by place in the log."""
    for key in buckets.keys():
        records = buckets.take(key)
        records = records[np.lexsort((records["place"], records["time"], records["user"]))]
        users = records["user"]
        starts = np.flatnonzero(np.r_[True, users[1:] != users[:-1]])
        for start, end in zip(starts, np.r_[starts[1:], len(users)]):
            yield int(users[start]), records[start:end]
