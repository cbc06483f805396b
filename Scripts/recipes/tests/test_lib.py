"""What the recipes share: the same result however often it spills to disk, and counts that never look ahead."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import pyarrow as pa

from lib.counters import TrailingCounts
from lib.output import SampleStore, period, split_by_time
from lib.scratch import Buckets, Scratch, by_time, by_user, chosen, spread

RECORD = np.dtype([("place", "<i8"), ("time", "<i8"), ("user", "<i4")])


def records(count=5000, seed=3):
    draw, made = np.random.default_rng(seed), np.zeros(count, RECORD)
    made["place"], made["time"] = np.arange(count), draw.integers(0, 90_000, count)
    made["user"] = draw.integers(0, 40, count)
    return made


class LibTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="recipe-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_sorting_on_disk_gives_what_sorting_in_memory_gives(self):
        made = records()
        for limit in (1, 10_000, 1 << 30):
            with Scratch(self.folder) as scratch:
                hours = Buckets(scratch, "hours", RECORD, limit)
                users = Buckets(scratch, "users", RECORD, limit)
                for part in np.array_split(made, 13):
                    hours.add(part["time"] // 3600, part)
                    users.add((spread(part["user"]) % np.uint64(3)).astype(np.int64), part)
                found = np.concatenate(list(by_time(hours)))
                self.assertTrue(np.array_equal(found, made[np.lexsort((made["place"], made["time"]))]))
                seen = 0
                for user, own in by_user(users):
                    wanted = made[made["user"] == user]
                    self.assertTrue(np.array_equal(own, wanted[np.lexsort((wanted["place"], wanted["time"]))]))
                    seen += len(own)
                self.assertEqual(seen, len(made))
            self.assertEqual(list(self.folder.iterdir()), [])

    def test_trailing_counts_are_those_of_counting_one_by_one(self):
        draw = np.random.default_rng(5)
        times = np.sort(draw.integers(0, 50_000, 3000))
        ids, hit = draw.integers(0, 9, 3000), draw.random(3000) < 0.4
        late = times + draw.integers(0, 9000, 3000)         # what ends later than its bucket
        for delay in (0, 60):
            for events in (times, late):
                counter, found = TrailingCounts((100, 7200), delay), []
                for bucket in range(15):
                    these = times // 3600 == bucket
                    found.append(counter.step(ids[these & hit], events[these & hit], ids[these], times[these]))
                found = {key: np.concatenate([part[key] for part in found]) for key in found[0]}
                for i in range(0, 3000, 17):
                    past = events[hit & (ids == ids[i])]
                    past = past[past < times[i] - delay]
                    self.assertEqual(found["total"][i], len(past))
                    self.assertEqual(found["first"][i], past.min(initial=1 << 40) if len(past) else -1)
                    for window in (100, 7200):
                        self.assertEqual(found[window][i], (past >= times[i] - delay - window).sum())

    def test_samples_come_out_in_order_of_time_however_they_are_kept(self):
        schema = pa.schema([("timestamp", pa.int64()), ("_place", pa.int64()), ("click", pa.int32()),
                            ("bag", pa.list_(pa.int32()))])
        rows = [{"timestamp": int(r["time"]), "_place": int(r["place"]), "click": int(r["user"] % 2),
                 "bag": [int(r["user"])] * int(r["user"] % 4)} for r in records(40_000)]
        wanted = sorted(rows, key=lambda row: (row["timestamp"], row["_place"]))
        for number, (limit, seconds) in enumerate(((1, 3600), (1 << 30, 50_000), (1 << 30, 1 << 30))):
            out = self.folder / str(number)
            with Scratch(out) as scratch:
                store = SampleStore(scratch, schema, seconds, limit)
                for row in rows:
                    store.add(row)
                counts = split_by_time(store, out, 60_000, train_until=55_000, also={"clicked": "click"})
            train, test = ([{k: v for k, v in row.items() if k != "_place"} for row in wanted if keep(row["timestamp"])]
                           for keep in (lambda t: t < 55_000, lambda t: t >= 60_000))
            self.assertEqual(pa.parquet.read_table(out / "train.parquet").to_pylist(), train)
            self.assertEqual(pa.parquet.read_table(out / "test.parquet").to_pylist(), test)
            self.assertEqual(pa.parquet.read_table(out / "clicked-test.parquet").to_pylist(),
                             [row for row in test if row["click"]])
            self.assertEqual((counts["train"], counts["test"]), (len(train), len(test)))
            self.assertEqual(len(list(out.iterdir())), 4)

    def test_a_failure_leaves_the_old_files(self):
        (self.folder / "train.parquet").write_text("old")
        schema = pa.schema([("timestamp", pa.int64())])
        with self.assertRaises(pa.ArrowInvalid), Scratch(self.folder) as scratch:
            store = SampleStore(scratch, schema, 3600)
            store.add({"timestamp": 5})
            store.add({"timestamp": "not a number"})
            split_by_time(store, self.folder, 10)
        self.assertEqual([(p.name, p.read_text()) for p in self.folder.iterdir()], [("train.parquet", "old")])

    def test_a_share_is_about_that_share_and_a_period_holds_about_what_it_should(self):
        self.assertAlmostEqual(chosen(np.arange(100_000), 0.3).mean(), 0.3, delta=0.01)
        self.assertTrue(chosen(np.arange(1000), 1.0).all())
        self.assertEqual(period(10, 0, 1000), 3600)
        self.assertAlmostEqual(period(5_000_000, 0, 10_000_000), 1_000_000, delta=1)


if __name__ == "__main__":
    unittest.main()
