"""The KuaiRand recipe: no look ahead, right counts, clear errors."""

import csv
import unittest

import pyarrow.compute as pc

from tests.made_logs import DAY, KUAIRAND_START, kuairand
from tests.support import RecipeTest, edit

AFTER = ["click", "engaged", "play_seconds", "play_share", "comment_stay_time", "profile_stay_time", "entered_profile",
         "long_view", "hated"]
FEEDBACK = ["is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate", "long_view"]


def log(data):
    rows = []
    for path in sorted(data.glob("log_*.csv")):
        with path.open() as file:
            rows += [{name: int(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return rows


class KuaiRandTest(RecipeTest):
    recipe = "kuairand"

    def test_no_column_but_label_and_post_event_changes_when_the_log_ends_earlier(self):
        whole = self.samples(kuairand(self.new_folder()), "--samples", "all")
        for cut in (KUAIRAND_START + 10 * DAY, KUAIRAND_START + 29 * DAY + 4_321):
            part = self.samples(kuairand(self.new_folder(), until=cut), "--samples", "all")
            self.assert_same(whole.filter(pc.less(whole["timestamp"], cut)), part, AFTER, rows=1000)

    def test_no_column_but_label_and_post_event_sees_its_own_feedback(self):
        data = kuairand(self.new_folder())
        whole = self.samples(data, "--samples", "all")
        cut = whole["timestamp"][2000].as_py()
        for path in data.glob("log_*.csv"):
            with path.open() as file:
                rows = list(csv.DictReader(file))
            for row in rows:
                if int(row["time_ms"]) >= cut * 1000:
                    row.update({name: str(1 - int(row[name])) for name in FEEDBACK}, play_time_ms="77",
                               comment_stay_time="5")
            with path.open("w", newline="") as file:
                table = csv.DictWriter(file, rows[0], lineterminator="\n")
                table.writeheader()
                table.writerows(rows)
        changed = self.samples(data, "--samples", "all")
        until = pc.less_equal(whole["timestamp"], cut)
        self.assert_same(whole.filter(until), changed.filter(until), AFTER, rows=2000)
        self.assertNotEqual(whole["click"].to_pylist(), changed["click"].to_pylist())

    def test_counts_are_those_of_counting_one_by_one(self):
        data = kuairand(self.new_folder())
        rows = log(data)
        author = {v: v % 5 if v < 19 else -1 for v in range(20)}
        for row in self.samples(data).to_pylist()[::41]:
            now = row["request_id"] >> 20
            own = [r for r in rows if r["user_id"] == row["user_id"] and r["time_ms"] < now]
            seen = [r for r in own if r["video_id"] == row["video_id"]]
            ended = [r for r in own if r["time_ms"] + r["play_time_ms"] < now]
            self.assertEqual(row["user_shows_total"], len(own))
            self.assertEqual(row["shown_to_user_before"], len(seen))
            self.assertEqual(row["user_clicks_total"], sum(r["is_click"] for r in ended))
            self.assertEqual(row["author_id"], author[row["video_id"]])
            mine = [r for r in ended if author[r["video_id"]] == row["author_id"]]
            self.assertEqual(row["user_author_clicks"], sum(r["is_click"] for r in mine))
            self.assertEqual(row["user_author_likes"], sum(r["is_like"] for r in mine))
            self.assertEqual(row["user_follows_author"], max([r["is_follow"] for r in mine], default=0))
            second, video = row["timestamp"] - 60, [r for r in rows if r["video_id"] == row["video_id"]]
            shown = [r["time_ms"] // 1000 for r in video]
            clicked = [(r["time_ms"] + r["play_time_ms"]) // 1000 for r in video if r["is_click"]]
            self.assertEqual(row["video_shows_24h"], sum(second - DAY <= t < second for t in shown))
            self.assertEqual(row["video_clicks_total"], sum(t < second for t in clicked))
            self.assertEqual(row["video_clicks_1h"], sum(second - 3600 <= t < second for t in clicked))

    def test_samples_are_split_by_time_and_by_click(self):
        data = kuairand(self.new_folder())
        train, test, clicked = (self.samples(data, files=[n]) for n in ("train", "test", "clicked-train"))
        self.assertLess(pc.max(train["timestamp"]).as_py(), pc.min(test["timestamp"]).as_py())
        self.assertEqual(train["timestamp"].to_pylist(), sorted(train["timestamp"].to_pylist()))
        self.assertEqual(train.filter(pc.equal(train["click"], 1)), clicked)
        self.assertEqual(pc.max(train["is_random"]).as_py(), 0)
        random = self.samples(data, "--samples", "random")
        self.assertEqual(pc.min(random["is_random"]).as_py(), 1)
        shared = [n for n in train.column_names if n.startswith(("user_active", "user_shows", "user_clicks", "history"))]
        seen = {}
        for row in train.to_pylist():
            side = [row[name] for name in shared]
            self.assertEqual(seen.setdefault(row["request_id"], side), side)

    def test_bad_files_are_refused_with_their_place(self):
        data = kuairand(self.new_folder())
        path = data / "log_standard_4_22_to_5_08_pure.csv"
        good = path.read_text()
        edit(path, 4, good.split("\n")[3].replace("20220408", "20220408", 1).rsplit(",", 1)[0] + ",tab")
        self.refuses(data, 65, f"{path.name}, line 4, column 'tab'", "'tab'")
        cells = good.split("\n")[4].split(",")
        edit(path, 4, good.split("\n")[3])
        edit(path, 5, ",".join(cells[:5] + ["2"] + cells[6:]))
        self.refuses(data, 65, f"{path.name}, line 5, column 'is_click'", "found 2")
        path.write_text(good.replace("play_time_ms", "play_time", 1))
        self.refuses(data, 65, path.name, "column 'play_time_ms'")
        path.write_text(good)
        (data / "user_features_pure.csv").unlink()
        self.refuses(data, 66, "user_features")


if __name__ == "__main__":
    unittest.main()
