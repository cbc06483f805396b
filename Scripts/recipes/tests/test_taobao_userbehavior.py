"""The Taobao recipe: no look ahead, right counts, clear errors."""

import unittest

import numpy as np
import pyarrow.compute as pc

from tests.made_logs import DAY, TAOBAO_START, taobao_userbehavior
from tests.support import RecipeTest, edit

AFTER = ["bought", "item_views_after", "item_favourited_after", "item_carted_after", "category_items_after",
         "user_actions_after", "seconds_to_next_action"]


class TaobaoTest(RecipeTest):
    recipe = "taobao_userbehavior"

    def test_no_column_but_label_and_post_event_changes_when_the_log_ends_earlier(self):
        whole = self.samples(taobao_userbehavior(self.new_folder()))
        for cut in (TAOBAO_START + 3 * DAY, TAOBAO_START + 7 * DAY + 12_345):
            part = self.samples(taobao_userbehavior(self.new_folder(), until=cut))
            self.assert_same(whole.filter(pc.less(whole["timestamp"], cut)), part, AFTER, rows=500)

    def test_no_column_but_label_and_post_event_sees_its_own_second(self):
        source = taobao_userbehavior(self.new_folder())
        whole = self.samples(source)
        cut = whole["timestamp"][900].as_py()
        lines = [line.split(",") for line in source.read_text().split()]
        for line in lines:
            if int(line[4]) >= cut and line[3] != "pv":
                line[3] = {"buy": "fav", "fav": "cart", "cart": "buy"}[line[3]]
        source.write_text("".join(",".join(line) + "\n" for line in lines))
        changed = self.samples(source)
        until = pc.less_equal(whole["timestamp"], cut)
        self.assert_same(whole.filter(until), changed.filter(until), AFTER, rows=900)
        self.assertNotEqual(whole["bought"].to_pylist(), changed["bought"].to_pylist())

    def test_counts_are_those_of_counting_one_by_one(self):
        source = taobao_userbehavior(self.new_folder())
        log = [line.split(",") for line in source.read_text().split()]
        log = [(int(u), int(i), int(c), k, int(t)) for u, i, c, k, t in log if int(t) > TAOBAO_START]
        samples = self.samples(source).to_pylist()
        for row in samples[::23]:
            user, item, category, now = (row[n] for n in ("user_id", "item_id", "category_id", "timestamp"))

            def count(kind, low, high, **of):
                return sum(k == kind and low <= t < high and of.get("item", i) == i and of.get("user", u) == u
                           and of.get("category", c) == c for u, i, c, k, t in log)

            self.assertEqual(row["item_views_24h"], count("pv", now - 60 - DAY, now - 60, item=item))
            self.assertEqual(row["item_views_total"], count("pv", 0, now - 60, item=item))
            self.assertEqual(row["item_buys_24h"], count("buy", now - 60 - DAY, now - 60, item=item))
            self.assertEqual(row["category_views_24h"], count("pv", now - 60 - DAY, now - 60, category=category))
            self.assertEqual(row["user_views_24h"], count("pv", now - DAY, now, user=user))
            self.assertEqual(row["user_category_buys"], count("buy", 0, now, user=user, category=category))
            self.assertEqual(row["user_item_carts"], count("cart", 0, now, user=user, item=item))
            self.assertEqual(row["item_carted_after"], count("cart", now + 1, now + 1801, user=user, item=item))
            self.assertEqual(row["bought"], min(1, count("buy", now, now + DAY + 1, user=user, item=item)))
        self.assertGreater(np.mean([row["bought"] for row in samples]), 0.05)

    def test_history_is_newest_first_and_no_training_label_reaches_into_the_test_days(self):
        source = taobao_userbehavior(self.new_folder())
        train, test = (self.samples(source, files=[name]) for name in ("train", "test"))
        test_from = TAOBAO_START + 7 * DAY
        self.assertLess(pc.max(train["timestamp"]).as_py(), test_from - DAY)
        self.assertGreaterEqual(pc.min(test["timestamp"]).as_py(), test_from)
        self.assertLessEqual(pc.max(test["timestamp"]).as_py(), test_from + DAY)
        for table in (train, test):
            self.assertEqual(table["timestamp"].to_pylist(), sorted(table["timestamp"].to_pylist()))
            for ages in table["history_age_seconds"].to_pylist():
                self.assertEqual(ages, sorted(ages))
                self.assertTrue(all(age > 0 for age in ages) and len(ages) <= 50)

    def test_a_share_of_users_are_whole_users_with_the_same_counts(self):
        source = taobao_userbehavior(self.new_folder())
        whole, part = self.samples(source), self.samples(source, "--users", "0.4")
        self.assertLess(len(part), len(whole))
        self.assert_same(whole.filter(pc.is_in(whole["user_id"], value_set=part["user_id"].combine_chunks())), part, [],
                         rows=100)

    def test_bad_lines_are_refused_with_their_place(self):
        source = taobao_userbehavior(self.new_folder())
        edit(source, 7, "1,2,x,pv,1511550000")
        self.refuses(source, 65, "UserBehavior.csv, line 7, column 'category': expected int64, found 'x'")
        edit(source, 7, "1,2,3,look,1511550000")
        self.refuses(source, 65, "line 7, column 'behavior'", "pv, fav, cart, buy", "'look'")
        edit(source, 7, "1,-2,3,pv,1511550000")
        self.refuses(source, 65, "line 7, column 'item'", "-2")
        edit(source, 7, "1,2,3,pv")
        self.refuses(source, 65, "line 7", "expected 5 columns, found 4")
        self.refuses(source.with_name("absent.csv"), 66, "no such file")
        source.write_text("")
        self.refuses(source, 65, "empty")


if __name__ == "__main__":
    unittest.main()
