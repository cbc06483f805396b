#!/usr/bin/env python3
"""Make CTR samples from UCI "Online Retail" (Chen 2015, CC BY 4.0).

    python3 Scripts/recipes/retail.py online_retail.csv.gz --out ../shared/data/retail

The invoices are those of a wholesaler; nobody was shown anything. A positive is an item bought in a basket; four
negatives a positive (--negatives) are drawn from what sold in the 28 days before, with probability proportional to
count^0.75. Everything but the label is computed from earlier baskets, except an item's price, which is the median over
all invoices: a price list. A positive that could not be drawn as a negative (not sold in the 28 days) is left out, or
"never sold" would give the label away.

The source is the workbook of UCI as comma-separated text, with the header InvoiceNo,StockCode,Description,Quantity,
InvoiceDate,UnitPrice,CustomerID,Country and dates such as 2010-12-01 08:26:00.
"""

from bisect import bisect_left
from collections import Counter, defaultdict, namedtuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from lib import command
from lib.errors import BadInput
from lib.output import ParquetFiles
from lib.rows import need

DAY = 86_400
HISTORY, PAIRED = 50, 40        # items of history; of a larger basket only so many are paired
TEST_FROM = 1_322_830_021       # 2 December 2011, 12:47

Basket = namedtuple("Basket", "time user items country")
INT, FLOAT, TEXT = pa.int32(), pa.float32(), pa.string()
SCHEMA = pa.schema(
    [("basket_id", INT), ("timestamp", pa.int64()), ("user_id", INT), ("item_id", TEXT), ("bought", INT),
     ("country", TEXT), ("hour_of_day", INT), ("day_of_week", INT), ("user_baskets", INT),
     ("user_mean_basket_size", FLOAT), ("user_days_since_last_basket", FLOAT), ("user_baskets_30d", INT),
     ("user_mean_price", FLOAT), ("user_recent_distinct_items", INT), ("category", TEXT), ("item_price", FLOAT),
     ("item_sales_1d", INT), ("item_sales_7d", INT), ("item_sales_28d", INT), ("item_sales_total", INT),
     ("item_buyers", INT), ("item_age_days", FLOAT), ("user_item_purchases", INT),
     ("days_since_user_item_purchase", FLOAT), ("user_category_purchases", INT), ("user_category_purchases_30d", INT),
     ("days_since_user_category_purchase", FLOAT), ("copurchase_similarity", FLOAT), ("price_gap", FLOAT),
     ("history_item_id", pa.list_(TEXT)), ("history_category", pa.list_(TEXT))])


def main() -> None:
    options = parse()
    progress = command.Progress(options.quiet)
    progress.stage("reading the invoices")
    baskets, price = read(options.source)
    options.out.mkdir(parents=True, exist_ok=True)
    progress.stage("samples")
    with ParquetFiles(SCHEMA) as files:
        for name in ("train", "test"):
            files.write(options.out / f"{name}.parquet", SCHEMA.empty_table())
        waiting: dict[str, list] = {"train": [], "test": []}
        for rows in samples(baskets, price, options.negatives, np.random.RandomState(options.seed)):
            name = "test" if rows[0]["timestamp"] >= options.test_from else "train"
            waiting[name] += rows
            if len(waiting[name]) > 50_000:
                files.write(options.out / f"{name}.parquet", pa.Table.from_pylist(waiting.pop(name), SCHEMA))
                waiting[name] = []
            progress.advance(len(rows))
        for name, rows in waiting.items():
            files.write(options.out / f"{name}.parquet", pa.Table.from_pylist(rows, SCHEMA))
    progress.say(", ".join(f"{path.stem}: {count:,} samples" for path, count in files.rows.items()))


def parse():
    parser = command.parser(__doc__)
    parser.add_argument("--negatives", type=command.positive, default=4, metavar="N", help="a positive (default 4)")
    parser.add_argument("--seed", type=command.not_negative, default=0, help="of the draw of negatives (default 0)")
    parser.add_argument("--test-from", type=command.positive, default=TEST_FROM, metavar="TIMESTAMP",
                        help="first second of the test period (default: 2 December 2011, 12:47)")
    return parser.parse_args()


def read(path) -> tuple[list[Basket], dict[str, float]]:
    """The baskets in order of time, and the price list."""
    types = {"InvoiceNo": TEXT, "StockCode": TEXT, "Quantity": pa.int64(), "InvoiceDate": pa.timestamp("s"),
             "UnitPrice": pa.float64(), "CustomerID": pa.float64(), "Country": TEXT}
    try:
        table = csv.read_csv(
            need(path), read_options=csv.ReadOptions(use_threads=False), parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(column_types=types, include_columns=list(types)))
    except (pa.ArrowInvalid, pa.ArrowKeyError) as problem:
        raise BadInput(path, str(problem).strip("'\"")) from None
    kept = pc.and_(pc.and_(pc.is_valid(table["CustomerID"]), pc.greater(table["Quantity"], 0)),
                   pc.and_(pc.greater(table["UnitPrice"], 0), pc.match_substring_regex(table["StockCode"], r"^\d{5}")))
    table = table.filter(kept)
    if not len(table):
        raise BadInput(path, "no invoice row has a customer, a positive quantity and price, and a product's stock code")
    lists, prices = defaultdict(dict), defaultdict(list)
    countries = {}
    times = table["InvoiceDate"].cast(pa.int64()).to_pylist()
    users = table["CustomerID"].cast(pa.int64()).to_pylist()
    for time, user, invoice, item, unit, country in zip(
            times, users, *(table[n].to_pylist() for n in ("InvoiceNo", "StockCode", "UnitPrice", "Country"))):
        lists[time, user, invoice][item] = None         # a dictionary keeps the order of first mention
        countries.setdefault((time, user, invoice), country)
        prices[item].append(unit)
    baskets = [Basket(key[0], key[1], list(items), countries[key]) for key, items in sorted(lists.items())]
    return baskets, {item: float(np.median(units)) for item, units in prices.items()}


def within(times: list[int], now: int, window: int) -> int:
    return len(times) - bisect_left(times, now - window)


def since(times: list[int], now: int) -> float:
    return (now - times[-1]) / DAY if times else -1.0


class State:
    """What was sold before the present basket."""

    def __init__(self):
        self.baskets, self.own, self.near, self.sales = (defaultdict(list) for _ in range(4))
        self.buyers, self.together = defaultdict(set), defaultdict(Counter)

    def add(self, basket: Basket, draw: np.random.RandomState) -> None:
        for item in basket.items:
            self.sales[item].append(basket.time)
            self.buyers[item].add(basket.user)
            self.own[basket.user, item].append(basket.time)
            self.near[basket.user, item[:3]].append(basket.time)
        items = basket.items
        if len(items) > PAIRED:
            items = [str(item) for item in draw.choice(items, PAIRED, replace=False)]
        for i, one in enumerate(items):
            for other in items[:i]:
                self.together[one][other] += 1
                self.together[other][one] += 1
        self.baskets[basket.user].append((basket.time, basket.items))

    def pool(self, now: int):
        """What sold in the last 28 days, and the cumulated probability of each as a negative."""
        items = [item for item in self.sales if within(self.sales[item], now, 28 * DAY) > 0]
        if len(items) <= 200:
            return None
        weights = np.array([within(self.sales[item], now, 28 * DAY) for item in items], float) ** 0.75
        return items, np.cumsum(weights) / weights.sum(), set(items)


def samples(baskets: list[Basket], price: dict[str, float], negatives: int, draw: np.random.RandomState):
    """Yields a basket's samples at a time: read from the state before the basket is folded into it."""
    state, pool, last, number = State(), None, None, -1
    for basket in baskets:
        now = basket.time
        if now // DAY != last:
            last, pool = now // DAY, state.pool(now)
        if now > baskets[0].time + 28 * DAY and pool:
            items, cumulated, known = pool
            drawn = np.minimum(np.searchsorted(cumulated, draw.rand(negatives * len(basket.items))), len(items) - 1)
            bought = set(basket.items)
            pairs = [(item, 1) for item in basket.items if item in known]
            pairs += [(items[j], 0) for j in drawn if items[j] not in bought]
            number += 1
            user = user_side(state, basket, number, price)
            if pairs:
                yield [{**user, **item_side(state, basket, item, price, user), "bought": label} for item, label in pairs]
        state.add(basket, draw)


def user_side(state: State, basket: Basket, number: int, price: dict[str, float]) -> dict:
    now, past = basket.time, state.baskets[basket.user]
    recent = [item for _, items in past[-10:] for item in items][-HISTORY:]
    return {"basket_id": number, "timestamp": now, "user_id": basket.user, "country": basket.country,
            "hour_of_day": now // 3600 % 24, "day_of_week": now // DAY % 7, "user_baskets": len(past),
            "user_mean_basket_size": sum(len(items) for _, items in past) / max(1, len(past)),
            "user_days_since_last_basket": (now - past[-1][0]) / DAY if past else -1.0,
            "user_baskets_30d": within([time for time, _ in past], now, 30 * DAY),
            "user_mean_price": float(np.mean([price[item] for item in recent])) if recent else -1.0,
            "user_recent_distinct_items": len(set(recent)),
            "history_item_id": recent[::-1], "history_category": [item[:3] for item in recent[::-1]]}


def item_side(state: State, basket: Basket, item: str, price: dict[str, float], user: dict) -> dict:
    now, sales = basket.time, state.sales[item]
    own, near = state.own[basket.user, item], state.near[basket.user, item[:3]]
    similarity = 0
    for anchor in reversed(user["history_item_id"][:30]):
        together = state.together[anchor].get(item, 0)
        if together:
            similarity += together / ((5 + len(state.sales[anchor])) * (5 + len(sales))) ** 0.5
    return {"item_id": item, "category": item[:3], "item_price": price[item],
            **{f"item_sales_{days}d": within(sales, now, days * DAY) for days in (1, 7, 28)},
            "item_sales_total": len(sales), "item_buyers": len(state.buyers[item]),
            "item_age_days": (now - sales[0]) / DAY if sales else -1.0,
            "user_item_purchases": len(own), "days_since_user_item_purchase": since(own, now),
            "user_category_purchases": len(near), "user_category_purchases_30d": within(near, now, 30 * DAY),
            "days_since_user_category_purchase": since(near, now), "copurchase_similarity": float(similarity),
            "price_gap": price[item] - user["user_mean_price"] if user["history_item_id"] else 0.0}


if __name__ == "__main__":
    command.run(main)
