"""The recipes of retail, tmall and jd: no look ahead, and clear errors."""

import csv
import random
import unittest
from datetime import datetime, timedelta

import pyarrow.compute as pc

from tests.support import RecipeTest, edit


class TmallTest(RecipeTest):
    recipe = "tmall"

    def log(self, until: int = 1000):
        """Lines of 60 days from 15 April, in no order."""
        draw, rows = random.Random(4), []
        for _ in range(4000):
            day = draw.randrange(60)
            row = (draw.randrange(30), draw.randrange(12), draw.choices([0, 1, 2, 3], [9, 2, 1, 1])[0], day)
            if day < until:
                rows.append(row)
        path = self.new_folder() / "t_alibaba_data.csv"
        days = [datetime(2013, 4, 15) + timedelta(days=row[3]) for row in rows]
        path.write_text("user_id,brand_id,type,visit_datetime\n" + "".join(
            f"{user},{brand},{kind},{day.month}月{day.day}日\n" for (user, brand, kind, _), day in zip(rows, days)))
        return path

    def test_no_column_sees_a_later_day_and_no_regular_one_its_own(self):
        whole, part = self.samples(self.log()), self.samples(self.log(until=40))
        self.assert_same(whole.filter(pc.less(whole["day"], 40)), part, [], rows=500)
        path = self.log()
        day = datetime(2013, 4, 15) + timedelta(days=40)
        end = f"{day.month}月{day.day}日"
        lines = [line.split(",") for line in path.read_text().split("\n")[:-1]]
        for line in lines:
            if line[3] == end and line[2] == "1":       # bought: put into the cart instead
                line[2] = "3"
        path.write_text("".join(",".join(line) + "\n" for line in lines))
        changed, until = self.samples(path), pc.less_equal(whole["day"], 40)
        self.assert_same(whole.filter(until), changed.filter(until), ["bought", "carts_same_day"], rows=500)
        self.assertNotEqual(whole["bought"].to_pylist(), changed["bought"].to_pylist())

    def test_bad_lines_are_refused_with_their_place(self):
        path = self.log()
        edit(path, 5, "1,2,4,4-18")
        self.refuses(path, 65, "line 5, column 'type'", "found 4")
        edit(path, 5, "1,2,0,13-40")
        self.refuses(path, 65, "line 5, column 'visit_datetime'", "13-40")


class RetailTest(RecipeTest):
    recipe = "retail"

    def log(self, until: int = 1000):
        draw, text = random.Random(9), "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        for invoice in range(240):
            moment = datetime(2010, 12, 1, 8) + timedelta(hours=5 * invoice)
            user = 12_000 + draw.randrange(15)
            for _ in range(draw.choice([3, 9, 50])):
                line = (f"{invoice},{20_000 + draw.randrange(300)},\"A THING, RED\",{draw.choice([1, 6])},{moment},"
                        f"{draw.choice(['2.55', '1.25'])},{user}.0,Norway\n")
                text += line if moment < datetime(2010, 12, 1) + timedelta(days=until) else ""
        path = self.new_folder() / "online_retail.csv"
        path.write_text(text)
        return path

    def test_no_column_but_the_price_list_sees_later_baskets_or_its_own(self):
        prices = ["item_price", "user_mean_price", "price_gap"]     # a median over all invoices, as NOTICE says
        whole, part = self.samples(self.log()), self.samples(self.log(until=44))
        cut = int((datetime(2010, 12, 1) - datetime(1970, 1, 1)).total_seconds()) + 44 * 86_400
        self.assert_same(whole.filter(pc.less(whole["timestamp"], cut)), part, prices, rows=500)
        lines = list(csv.reader(self.log().read_text().split("\n")[1:-1]))
        bought = {(int((datetime.fromisoformat(cells[4]) - datetime(1970, 1, 1)).total_seconds()), int(cells[6][:-2]),
                   cells[1]) for cells in lines}
        for row in part.to_pylist():
            earlier = [entry for entry in bought if entry[0] < row["timestamp"]]
            own = [entry for entry in earlier if entry[1] == row["user_id"]]
            self.assertEqual(row["user_baskets"], len({time for time, _, _ in own}))
            self.assertEqual(row["user_item_purchases"], sum(item == row["item_id"] for _, _, item in own))
            self.assertEqual(row["item_sales_total"], sum(item == row["item_id"] for _, _, item in earlier))
            if row["user_item_purchases"] == 0:
                self.assertEqual(row["days_since_user_item_purchase"], -1)
            self.assertLessEqual(row["item_sales_28d"], row["item_sales_total"])
            self.assertGreater(row["item_sales_28d"], 0, "a positive that could not have been drawn")

    def test_bad_files_are_refused(self):
        path = self.log()
        edit(path, 4, "0,20001,X,many,2010-12-01 08:00:00,2.55,12001.0,Norway")
        self.refuses(path, 65, "online_retail.csv", "many")
        path.write_text("InvoiceNo,StockCode\n1,2\n")
        self.refuses(path, 65, "online_retail.csv")


class JDTest(RecipeTest):
    recipe = "jd"
    AFTER = ["cart_or_order", "dwell", "read_comments", "read_specification", "reached_bottom", "revisits", "gap_to_next"]

    def release(self, change=lambda session: session):
        draw, folder = random.Random(2), self.new_folder()
        for part, name in enumerate(("JD_Micro_Behaviors_Datasets_sample/JD_Applicances_sample",
                                     "JD_Micro_Behaviors_Datasets_sample/JD_Computers_sample",
                                     "HUP_Data/Applicances/JD_Applicances_sample", "HUP_Data/Computers/JD_Computers_sample")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            lines = []
            for number in range(40):
                sku = part * 100 + number
                session = [f"{sku + draw.randrange(5)}+{draw.randrange(1, 11)}+{draw.randrange(800, 803)}+"
                           f"{draw.randrange(60)}+{draw.randrange(200)}" for _ in range(draw.randrange(2, 25))]
                lines.append(" ".join(change(session)))
            (folder / name).write_text("\n".join(lines) + "\n")
        return folder

    def test_regular_columns_do_not_see_what_follows_in_the_session(self):
        whole = self.samples(self.release(), files=["test"]).to_pylist()

        def tail_changed(session):
            sku, _, category, interval, _ = session[-1].split("+")
            # All actions on a product carry its whole dwell: what the last one's becomes is known at the end only.
            session = [deed.rsplit("+", 1)[0] + "+7777" if deed.startswith(f"{sku}+") else deed for deed in session[:-1]]
            return session + [f"{sku}+9+{category}+{interval}+7777"]

        changed = self.samples(self.release(tail_changed), files=["test"]).to_pylist()
        # Products and categories are counted in training sessions, whose tails changed too: those columns may differ.
        counted = ["sku_opens_before", "sku_cvr", "category_opens_before", "category_cvr"]
        found = {(row["session_id"], row["sku_id"]): row for row in changed}
        compared = 0
        for row in whole:
            other = found.get((row["session_id"], row["sku_id"]))
            if other:
                compared += 1
                for name in row:
                    if name not in self.AFTER + counted:
                        self.assertEqual(row[name], other[name], name)
        self.assertGreater(compared, 50)
        self.assertNotEqual([row["dwell"] for row in whole], [row["dwell"] for row in changed])

    def test_bad_actions_are_refused_with_their_place(self):
        folder = self.release()
        edit(folder / "HUP_Data/Computers/JD_Computers_sample", 6, "12+3+800+x+5")
        self.refuses(folder, 65, "JD_Computers_sample, line 6", "12+3+800+x+5")


if __name__ == "__main__":
    unittest.main()
