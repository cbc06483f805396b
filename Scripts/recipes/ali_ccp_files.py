"""Ali-CCP's files: samples that refer to common features, and those, as Tianchi describes them.

    sample_skeleton:  sample id, click, buy, common feature index, number of features, features
    common_features:  common feature index, number of features, features

Features are divided by \\x01; each is field \\x02 id \\x03 value.
"""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc

from lib.errors import BadInput
from lib.scratch import Scratch, chosen

BATCH = 4096
ID, VALUE = pa.int64(), pa.float32()

# One id each.
USER = {"101": "user_id", "121": "user_profile", "122": "user_group", "124": "gender", "125": "age",
        "126": "consumption_1", "127": "consumption_2", "128": "occupation", "129": "geography"}
ITEM = {"205": "item_id", "206": "category", "207": "shop", "210": "intention", "216": "brand", "301": "position"}
# Crosses of a bag of the user with the item's field: an id, and a weight, which is -1 where the user has no past with it.
CROSS = {"508": "user_category", "509": "user_shop", "702": "user_brand", "853": "user_intention"}
# Bags: ids with weights.
BAGS = {"109_14": "user_categories", "110_14": "user_shops", "127_14": "user_brands", "150_14": "user_intentions"}

COMMON = pa.schema(
    [(name, ID) for name in USER.values()]
    + [(name, pa.list_(ID)) for name in BAGS.values()]
    + [(f"{name}_weight", pa.list_(VALUE)) for name in BAGS.values()])
OWN = pa.schema(
    [("request_id", ID), ("click", pa.int32()), ("buy", pa.int32())]
    + [(name, ID) for name in ITEM.values()]
    + [(name, ID) for name in CROSS.values()]
    + [(f"{name}_weight", VALUE) for name in CROSS.values()])


def parse(path: Path, line: int, count: str, text: str, column: str) -> dict[str, list[tuple[int, float]]]:
    """The features of a line, by field."""
    fields: dict[str, list[tuple[int, float]]] = {}
    found = 0
    for part in text.split("\x01") if text else ():
        found += 1
        field, divider, rest = part.partition("\x02")
        number, other, value = rest.partition("\x03")
        try:
            if not (divider and other):
                raise ValueError
            pair = int(number), float(value)
            if not math.isfinite(pair[1]):
                raise ValueError
        except ValueError:
            raise BadInput(path, f"expected field \\x02 id \\x03 value, found {part!r}", line=line, column=column) from None
        fields.setdefault(field, []).append(pair)
    if not count.isdecimal() or int(count) != found:
        raise BadInput(path, f"the line announces {count!r} features, found {found}", line=line, column=column,
                       advice="is the file cut short?")
    return fields


def lines(path: Path, width: int, names: str):
    """Yields (number, cells) of a file without quotes."""
    number = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                cells = raw.decode("ascii").rstrip("\r\n").split(",")
            except UnicodeDecodeError:
                raise BadInput(path, "expected ASCII text", line=number) from None
            if len(cells) != width:
                raise BadInput(path, f"expected {width} columns ({names}), found {len(cells)}", line=number,
                               advice="is the file cut short?")
            yield number, cells
    if not number:
        raise BadInput(path, "the file is empty", advice="fetch it again")


def heaviest(pairs: list[tuple[int, float]]) -> tuple[int, float]:
    return max(pairs, key=lambda pair: (pair[1], -pair[0]))


class CommonFeatures:
    """The common features of one split: on disk, in parts of some thousand; by index in memory only their places."""

    def __init__(self, path: Path, scratch: Scratch, split: str, bag: int, progress):
        self.places: dict[str, int] = {}
        self.file = scratch.path / f"common-{split}.arrow"
        with ipc.new_file(self.file, COMMON) as table:
            columns: dict[str, list] = {name: [] for name in COMMON.names}
            for line, (index, count, text) in lines(path, 3, "index, number of features, features"):
                if index in self.places:
                    raise BadInput(path, f"common feature '{index}' was there before", line=line)
                self.places[index] = len(self.places)
                fields = parse(path, line, count, text, "features")
                for field, name in USER.items():
                    columns[name].append(fields[field][0][0] if field in fields else None)
                for field, name in BAGS.items():
                    kept = sorted(fields.get(field, ()), key=lambda pair: (-pair[1], pair[0]))[:bag]
                    columns[name].append([pair[0] for pair in kept])
                    columns[f"{name}_weight"].append([pair[1] for pair in kept])
                if len(columns["user_id"]) == BATCH:
                    table.write_batch(self.batch(columns))
                    columns = {name: [] for name in COMMON.names}
                    progress.advance(BATCH)
            table.write_batch(self.batch(columns))
        self.reader = ipc.open_file(pa.memory_map(str(self.file)))

    @staticmethod
    def batch(columns: dict[str, list]) -> pa.RecordBatch:
        return pa.record_batch([pa.array(columns[f.name], f.type) for f in COMMON], schema=COMMON)

    def rows(self, places: np.ndarray) -> pa.Table:
        """The common features at these places; only the parts that hold them are touched."""
        distinct, back = np.unique(places, return_inverse=True)
        parts = [self.reader.get_batch(int(part)).take(pa.array(distinct[distinct // BATCH == part] % BATCH))
                 for part in np.unique(distinct // BATCH)]
        return pa.Table.from_batches(parts, schema=COMMON).combine_chunks().take(pa.array(back))


class Skeleton:
    """The samples of one split, joined with their common features."""

    schema = pa.schema(list(OWN) + list(COMMON))

    def __init__(self, path: Path, common: CommonFeatures, share: float):
        self.path, self.common, self.share = path, common, share
        self.rows = self.impossible = 0

    def tables(self, rows: int = 32_768):
        kept = chosen(np.arange(len(self.common.places)), self.share)
        columns: dict[str, list] = {name: [] for name in OWN.names}
        names = "sample id, click, buy, common feature index, number of features, features"
        for line, (_, click, buy, index, count, text) in lines(self.path, 6, names):
            place = self.common.places.get(index)
            if place is None:
                raise BadInput(self.path, f"no common feature is called '{index}'", line=line,
                               column="common feature index", advice="do the two files belong together?")
            for name, label in (("click", click), ("buy", buy)):
                if label not in ("0", "1"):
                    raise BadInput(self.path, f"expected 0 or 1, found '{label}'", line=line, column=name)
            if click == "0" and buy == "1":
                self.impossible += 1
                continue
            if not kept[place]:
                continue
            fields = parse(self.path, line, count, text, "features")
            columns["request_id"].append(place)
            columns["click"].append(int(click))
            columns["buy"].append(int(buy))
            for field, name in ITEM.items():
                columns[name].append(heaviest(fields[field])[0] if field in fields else None)
            for field, name in CROSS.items():
                cross = heaviest(fields[field]) if field in fields else (None, -1.0)
                columns[name].append(cross[0])
                columns[f"{name}_weight"].append(cross[1])
            if len(columns["click"]) == rows:
                yield self.table(columns)
                columns = {name: [] for name in OWN.names}
        if columns["click"]:
            yield self.table(columns)

    def table(self, columns: dict[str, list]) -> pa.Table:
        self.rows += len(columns["click"])
        own = pa.table([pa.array(columns[f.name], f.type) for f in OWN], schema=OWN)
        common = self.common.rows(np.array(columns["request_id"]))
        for field in COMMON:
            own = own.append_column(field, common[field.name])
        return own
