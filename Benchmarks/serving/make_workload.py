#!/usr/bin/env python3
"""Makes what the suite `http` serves and asks, in the benchmark's shape: make_workload.py FOLDER [--items N] ...

  train.parquet   a short log, enough for two steps of training: what the weights are makes no difference to the time
  items.parquet   the items, with a price and a category
  bodies.jsonl    bodies of POST /v1/rank, one a line: a user, 50 events, all items as candidates, 200 to fine ranking
"""

import argparse
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("folder", type=pathlib.Path)
p.add_argument("--items", type=int, default=100_000)
p.add_argument("--bodies", type=int, default=10_000)
p.add_argument("--length", type=int, default=50, help="events of a sequence")
p.add_argument("--top", type=int, default=100, help="items of an answer")
p.add_argument("--fine", type=int, default=200, help="survivors of coarse ranking")
a = p.parse_args()

random = np.random.default_rng(1)
USERS, ROWS = 100_000, 1_000
REQUESTS, SAMPLES_PER_REQUEST = 512, 4  # of the log: two batches of 1024

USER = ["user_id", *(f"user_{i}" for i in range(1, 8))]
ITEM = ["item_id", *(f"item_{i}" for i in range(1, 8))]
EVENT = ["history_item_id", "history_item_1", "history_age", "history_dwell"]


def draw(name: str, count: int) -> np.ndarray:
    high = a.items if name.endswith("item_id") else USERS if name == "user_id" else ROWS
    return random.integers(0, high, count, dtype=np.int64)


def table(columns: dict) -> pa.Table:
    return pa.table({name: column if isinstance(column, pa.Array) else pa.array(column) for name, column in columns.items()})


a.folder.mkdir(parents=True, exist_ok=True)

# The items: item_id is 0 ... N-1, the rest as it comes.
items = {"item_id": np.arange(a.items)} | {name: draw(name, a.items) for name in ITEM[1:]}
catalogue = items | {
    "price": np.round(np.exp(random.normal(3, 1, a.items)), 2),
    "category": np.array([f"category-{i}" for i in random.integers(0, 50, a.items)]),
}
pq.write_table(table(catalogue), a.folder / "items.parquet")

# The log: the samples of a request repeat its user and its sequence.
samples = REQUESTS * SAMPLES_PER_REQUEST
request = np.repeat(np.arange(REQUESTS), SAMPLES_PER_REQUEST)
shown = random.integers(0, a.items, samples)
log = {"request": request} | {name: draw(name, REQUESTS)[request] for name in USER}
log |= {name: values[shown] for name, values in items.items()}
offsets = np.arange(samples + 1, dtype=np.int32) * a.length
for name in EVENT:
    events = draw(name, REQUESTS * a.length).reshape(REQUESTS, a.length)[request]
    log[name] = pa.ListArray.from_arrays(offsets, events.reshape(-1))
log["click"] = (random.random(samples) < 0.2).astype(np.int8)
pq.write_table(table(log), a.folder / "train.parquet")

# The questions.
users = {name: draw(name, a.bodies) for name in USER}
events = {name: draw(name, a.bodies * a.length).reshape(a.bodies, a.length) for name in EVENT}
with open(a.folder / "bodies.jsonl", "w", encoding="utf-8") as file:
    for i in range(a.bodies):
        user = {name: int(values[i]) for name, values in users.items()}
        user |= {name: values[i].tolist() for name, values in events.items()}
        body = {"user": user, "candidates": "all", "k": a.top, "coarse_k": a.fine}
        file.write(json.dumps(body, separators=(",", ":")) + "\n")
