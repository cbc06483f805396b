#!/usr/bin/env python3
"""Writes a synthetic log in the benchmark's shape, so that reading can be timed: make_log.py FILE [--requests N]

One row a sample, as logs are: the samples of a request repeat its user features and its sequence.
"""

import argparse

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("file")
p.add_argument("--requests", type=int, default=10_240)
p.add_argument("--samples-per-request", type=int, default=10)
p.add_argument("--length", type=int, default=50, help="events of a sequence")
p.add_argument("--ids", type=int, default=100_000)
p.add_argument("--rows", type=int, default=1_000)
a = p.parse_args()

random = np.random.default_rng(1)
samples = a.requests * a.samples_per_request
request = np.repeat(np.arange(a.requests, dtype=np.int64), a.samples_per_request)


def ids(count: int, name: str) -> np.ndarray:
    return random.integers(0, a.ids if name.endswith("_id") else a.rows, count, dtype=np.int32)


columns: dict[str, pa.Array] = {"request": pa.array(request)}
for name in ["user_id", *(f"user_{i}" for i in range(1, 8))]:
    columns[name] = pa.array(ids(a.requests, name)[request])
for name in ["item_id", *(f"item_{i}" for i in range(1, 8)), *(f"privileged_{i}" for i in range(8))]:
    columns[name] = pa.array(ids(samples, name))
offsets = np.arange(samples + 1, dtype=np.int32) * a.length
for name in ["history_item_id", "history_item_1", "history_age", "history_dwell"]:
    events = ids(a.requests * a.length, name).reshape(a.requests, a.length)[request]
    columns[name] = pa.ListArray.from_arrays(offsets, events.reshape(-1))
columns["label"] = pa.array((random.random(samples) < 0.2).astype(np.int8))
pq.write_table(pa.table(columns), a.file, row_group_size=32_768)
