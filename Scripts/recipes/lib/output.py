"""Samples in order of time as train and test Parquet files, which appear whole or not at all."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from .scratch import Scratch

ROW_GROUP = 65_536


class ParquetFiles:
    """Parquet files that are renamed into place together, when all are complete."""

    def __init__(self, schema: pa.Schema):
        self.schema = schema
        self.open: dict[Path, tuple[Path, pq.ParquetWriter]] = {}
        self.rows: dict[Path, int] = {}
        self.waiting: dict[Path, list[pa.Table]] = {}

    def write(self, path: Path, table: pa.Table) -> None:
        if path not in self.open:
            partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
            self.open[path] = (partial, pq.ParquetWriter(partial, self.schema, compression="zstd"))
            self.rows[path], self.waiting[path] = 0, []
        self.rows[path] += len(table)
        self.waiting[path].append(table)
        if sum(map(len, self.waiting[path])) >= ROW_GROUP:
            self.settle(path)

    def settle(self, path: Path) -> None:
        """Writes what waits: row groups of a few rows would be slow to write and to read."""
        table = pa.concat_tables(self.waiting[path])
        self.open[path][1].write_table(table, row_group_size=ROW_GROUP)
        self.waiting[path] = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for path, (partial, writer) in self.open.items():
            if kind is None and self.waiting[path]:
                self.settle(path)
            writer.close()
            if kind is not None:
                partial.unlink(missing_ok=True)
        if kind is None:
            for partial, _ in self.open.values():
                with partial.open("rb") as file:
                    os.fsync(file.fileno())
            for path, (partial, _) in self.open.items():
                os.replace(partial, path)


class SampleStore:
    """Samples in any order, kept on disk by periods of some seconds, given back in order of time.

    Columns whose name begins with an underscore order rows of one timestamp, and are not written. A period's samples
    are sorted in memory: `period` chooses one that fits.
    """

    def __init__(self, scratch: Scratch, schema: pa.Schema, seconds: int, buffer_bytes: int = 128 << 20):
        self.folder = scratch.path / "samples"
        self.folder.mkdir()
        self.schema, self.seconds, self.limit = schema, seconds, buffer_bytes
        self.columns: dict[str, list] = {name: [] for name in schema.names}
        self.waiting: dict[int, list[pa.Table]] = {}
        self.files: dict[int, int] = {}
        self.bytes = self.rows = 0

    def add(self, values: dict) -> None:
        """One sample, by column name."""
        for name, column in self.columns.items():
            column.append(values[name])
        if len(column) >= 16_384:
            self.settle()

    def settle(self) -> None:
        arrays = [pa.array(self.columns[f.name], f.type) for f in self.schema]
        self.columns = {name: [] for name in self.schema.names}
        table = pa.Table.from_arrays(arrays, schema=self.schema)
        if not len(table):
            return
        periods = np.asarray(table["timestamp"]) // self.seconds
        order = np.argsort(periods, kind="stable")
        table, periods = table.take(order), periods[order]
        starts = np.flatnonzero(np.r_[True, periods[1:] != periods[:-1]])
        for start, end in zip(starts, np.r_[starts[1:], len(periods)]):
            self.waiting.setdefault(int(periods[start]), []).append(table.slice(start, end - start))
        self.rows += len(table)
        self.bytes += table.nbytes
        if self.bytes > self.limit:
            self.flush()

    def flush(self) -> None:
        for period, parts in self.waiting.items():
            number = self.files.get(period, 0)
            self.files[period] = number + 1
            options = ipc.IpcWriteOptions(compression="zstd")
            with ipc.new_file(self.folder / f"{period}-{number}", self.schema, options=options) as file:
                for part in parts:
                    file.write_table(part)
        self.waiting, self.bytes = {}, 0

    def in_order(self):
        """Yields tables sorted by time; their files are deleted."""
        self.settle()
        self.flush()
        keys = [(name, "ascending") for name in ["timestamp"] + [n for n in self.schema.names if n.startswith("_")]]
        for period in sorted(self.files):
            parts = []
            for number in range(self.files[period]):
                path = self.folder / f"{period}-{number}"
                with ipc.open_file(path) as file:
                    parts.append(file.read_all())
                path.unlink()
            yield pa.concat_tables(parts).sort_by(keys)

    def visible(self) -> pa.Schema:
        return pa.schema([f for f in self.schema if not f.name.startswith("_")])


def period(rows: int, first: int, last: int, rows_each: int = 500_000) -> int:
    """The seconds in which about `rows_each` of so many rows between two moments fall; an hour at least."""
    return max(3600, (last - first) // max(1, -(-rows // rows_each)) + 1)


def split_by_time(store: SampleStore, out: Path, test_from: int, *, train_until: int | None = None,
                  also: dict[str, str] | None = None) -> dict[str, int]:
    """Writes OUT/train.parquet and OUT/test.parquet, and returns the rows of each.

    Test holds timestamps from `test_from` on, train those before `train_until` (default: `test_from`).
    `also` maps a prefix to a column of 0 and 1: its rows with a 1 are written once more, to OUT/PREFIX-train.parquet
    and OUT/PREFIX-test.parquet.
    """
    schema = store.visible()
    train_until = test_from if train_until is None else train_until
    with ParquetFiles(schema) as files:
        for name in ["train", "test"] + [f"{p}-{s}" for p in (also or {}) for s in ("train", "test")]:
            files.write(out / f"{name}.parquet", schema.empty_table())
        for table in store.in_order():
            table = table.select(schema.names)
            times = table["timestamp"]
            for name, rows in (("train", pc.less(times, train_until)), ("test", pc.greater_equal(times, test_from))):
                part = table.filter(rows)
                files.write(out / f"{name}.parquet", part)
                for prefix, column in (also or {}).items():
                    files.write(out / f"{prefix}-{name}.parquet", part.filter(pc.equal(part[column], 1)))
    return {path.stem: count for path, count in files.rows.items()}
