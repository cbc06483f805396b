"""The EB-NeRD recipe: no look ahead, right counts, clear errors."""

import unittest
from datetime import timezone

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.made_logs import DAY, EBNERD_START, ebnerd
from tests.support import RecipeTest

AFTER = ["click", "next_read_seconds", "next_scroll_percentage", "page_read_seconds", "page_scroll_percentage"]


def impressions(bundle):
    rows = []
    for name in ("train", "validation"):
        rows += pq.read_table(bundle / name / "behaviors.parquet").to_pylist()
    for row in rows:
        row["time"] = int(row["impression_time"].replace(tzinfo=timezone.utc).timestamp())
    return rows


class EBNeRDTest(RecipeTest):
    recipe = "ebnerd"

    def test_no_column_but_label_and_post_event_changes_when_the_log_ends_earlier(self):
        whole = self.samples(ebnerd(self.new_folder()))
        cut = EBNERD_START + 11 * DAY + 1_234
        part = self.samples(ebnerd(self.new_folder(), until=cut))
        self.assert_same(whole.filter(pc.less(whole["timestamp"], cut)), part, AFTER, rows=2000)

    def test_no_column_but_label_and_post_event_sees_its_own_impression(self):
        bundle = ebnerd(self.new_folder())
        whole = self.samples(bundle)
        cut = whole["timestamp"][2000].as_py()
        for name in ("train", "validation"):
            path = bundle / name / "behaviors.parquet"
            table = pq.read_table(path)
            rows = table.to_pylist()
            for row in rows:
                if row["impression_time"].replace(tzinfo=timezone.utc).timestamp() >= cut:
                    row.update(article_ids_clicked=row["article_ids_inview"][-1:], next_read_time=1.0, read_time=2.0)
            pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
        changed = self.samples(bundle)
        until = pc.less_equal(whole["timestamp"], cut)
        self.assert_same(whole.filter(until), changed.filter(until), AFTER, rows=2000)
        self.assertNotEqual(whole["click"].to_pylist(), changed["click"].to_pylist())

    def test_counts_are_those_of_counting_one_by_one(self):
        bundle = ebnerd(self.new_folder())
        log = impressions(bundle)
        history = []
        for name, start in (("train", EBNERD_START), ("validation", EBNERD_START + 7 * DAY)):
            known = {user for user, _, _ in history}
            for row in pq.read_table(bundle / name / "history.parquet").to_pylist():
                if row["user_id"] not in known:
                    history += [(row["user_id"], article, int(t.replace(tzinfo=timezone.utc).timestamp()))
                                for article, t in zip(row["article_id_fixed"], row["impression_time_fixed"])]
        first = {name: min(r["time"] for r in impressions(bundle)
                           if r["time"] >= EBNERD_START + 7 * DAY * n) for n, name in enumerate(("train", "validation"))}
        late = {1000 + 11, 1000 + 12, 1000 + 13}
        history = [h for h in history if h[2] < first["validation" if h[0] in late else "train"]]
        clicks = history + [(r["user_id"], a, r["time"]) for r in log for a in r["article_ids_clicked"]]
        shows = [(r["user_id"], a, r["time"]) for r in log for a in r["article_ids_inview"]]
        for row in self.samples(bundle).to_pylist()[::37]:
            user, article, now = row["user_id"], row["article_id"], row["timestamp"]
            self.assertEqual(row["article_clicks_total"], sum(a == article and t < now - 60 for _, a, t in clicks))
            self.assertEqual(row["article_clicks_6h"],
                             sum(a == article and now - 60 - 6 * 3600 <= t < now - 60 for _, a, t in clicks))
            self.assertEqual(row["article_views_24h"],
                             sum(a == article and now - 60 - DAY <= t < now - 60 for _, a, t in shows))
            self.assertEqual(row["user_clicks_total"], sum(u == user and t < now - 60 for u, _, t in clicks))
            self.assertEqual(row["shown_to_user_before"],
                             sum(u == user and a == article and t < now for u, a, t in shows))
            same = [a for u, a, t in clicks if u == user and t < now - 60 and (a - article) // 7 % 5 == 0]
            self.assertEqual(row["user_clicks_same_category"], len(same))
            self.assertEqual(row["category"], 100 + (article - 9_700_000) // 7 % 5)

    def test_rows_of_an_impression_stay_together_and_share_the_user(self):
        samples = self.samples(ebnerd(self.new_folder())).to_pylist()
        seen, last = {}, None
        for row in samples:
            number = row["impression_id"]
            self.assertTrue(number == last or number not in seen, "an impression is torn apart")
            side = [row[n] for n in row if n.startswith(("history", "user_mean", "user_articles", "is_", "device"))]
            self.assertEqual(seen.setdefault(number, side), side)
            last = number
            for read, age in zip(row["history_read_seconds"], row["history_age_seconds"]):
                self.assertTrue(age > 60 and read <= age, "an open article's read time is known")

    def test_bad_files_are_refused_with_their_place(self):
        bundle = ebnerd(self.new_folder())
        path = bundle / "train" / "behaviors.parquet"
        table = pq.read_table(path)
        pq.write_table(table.drop_columns(["article_ids_inview"]), path)
        self.refuses(bundle, 65, "behaviors.parquet", "column 'article_ids_inview'")
        shown = table["article_ids_inview"].to_pylist()
        shown[4] = [9_700_000, -3]
        place = table.schema.get_field_index("article_ids_inview")
        pq.write_table(table.set_column(place, "article_ids_inview", pa.array(shown, pa.list_(pa.int32()))), path)
        self.refuses(bundle, 65, "behaviors.parquet, row 5, column 'article_ids_inview'", "-3")
        path.write_bytes(b"PAR1 nothing")
        self.refuses(bundle, 65, "not a Parquet file")
        path.unlink()
        self.refuses(bundle, 66, "behaviors.parquet", "no such file")


if __name__ == "__main__":
    unittest.main()
