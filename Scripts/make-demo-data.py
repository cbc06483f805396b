#!/usr/bin/env python3
"""Make the data sets that ship with the project, from the labelled samples of the two sources.

    python3 Scripts/make-demo-data.py SOURCE [--out Data] [--rows 350000] [--limit-mib 9]

SOURCE is a folder with

    retail/train.parquet, retail/test.parquet   labelled samples of UCI "Online Retail"
    bank/bank-additional-full.csv               UCI "Bank Marketing", as published

What is written, and how it differs from the source:

    retail/train.parquet   the last whole baskets of the source's training rows, at least `--rows` rows, in
                           their order; all columns, all values unchanged
    retail/test.parquet    every row, every column, unchanged
    bank/...csv            the bytes of the source

The Parquet files are only packed tighter: zstd level 19, dictionaries where values repeat, the bytes of
high-entropy floats split into streams, strings with 32-bit offsets, no pandas index. One row group a file
would decode in one piece; groups of 64 Ki rows let a reader stream.

Deterministic for given library versions (written with pyarrow 26.0.1): running it twice gives the same bytes.
The licence of both sources (CC BY 4.0) asks for attribution and a word on changes: see NOTICE.
"""

import argparse
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Nearly every value is distinct in these: a dictionary would only add its own size.
HIGH_ENTROPY = ["copurchase_similarity", "item_age_days"]


def main() -> None:
    arguments = parse_arguments()
    for split in ("train", "test"):
        table = pq.read_table(arguments.source / "retail" / f"{split}.parquet")
        if split == "train":
            table = last_whole_baskets(table, arguments.rows)
        check(table)
        write(table, arguments.out / "retail" / f"{split}.parquet", arguments.limit_mib)

    bank = arguments.out / "bank" / "bank-additional-full.csv"
    bank.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arguments.source / "bank" / bank.name, bank)
    report(bank, rows=sum(1 for _ in bank.open()) - 1)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with retail/ and bank/")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "Data")
    parser.add_argument("--rows", type=int, default=350_000, help="retail training rows to keep, at least")
    parser.add_argument("--limit-mib", type=float, default=9, help="refuse to write a larger file")
    return parser.parse_args()


def last_whole_baskets(table: pa.Table, rows: int) -> pa.Table:
    """The end of `table`, begun at the first row of a basket. Rows are sorted by time and basket."""
    baskets = table["basket_id"].combine_chunks()
    start = max(0, len(table) - rows)
    while start > 0 and baskets[start] == baskets[start - 1]:
        start -= 1
    return table.slice(start)


def check(table: pa.Table) -> None:
    for column in ("basket_id", "timestamp"):
        values = table[column].combine_chunks()
        if pc.any(pc.less(values[1:], values[:-1])).as_py():
            sys.exit(f"{column} is not sorted: 'the last rows' would not be the newest")


def write(table: pa.Table, path: Path, limit_mib: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = table.cast(pa.schema([narrowed(field) for field in table.schema]))
    pq.write_table(
        table, path, compression="zstd", compression_level=19, row_group_size=65_536,
        data_page_size=1 << 20, dictionary_pagesize_limit=1 << 20, write_batch_size=16_384,
        use_dictionary=[c for c in leaves(table.schema) if c not in HIGH_ENTROPY],
        use_byte_stream_split=[c for c in HIGH_ENTROPY if c in table.column_names],
        store_schema=False)
    if pq.read_table(path).cast(table.schema) != table:
        sys.exit(f"{path} does not read back as it was written")
    if path.stat().st_size > limit_mib * 1024 * 1024:
        sys.exit(f"{path} has {path.stat().st_size:,} bytes, over {limit_mib} MiB: use fewer --rows")
    report(path, rows=len(table))


def narrowed(field: pa.Field) -> pa.Field:
    """The same values with 32-bit string offsets and without pandas' notes."""
    narrow = {pa.large_string(): pa.string(), pa.large_list(pa.large_string()): pa.list_(pa.string())}
    return pa.field(field.name, narrow.get(field.type, field.type))


def leaves(schema: pa.Schema) -> list[str]:
    """Parquet's own column names: a list column's values are its child."""
    return [f"{f.name}.list.element" if pa.types.is_list(f.type) else f.name for f in schema]


def report(path: Path, rows: int) -> None:
    print(f"{path}: {rows:,} rows, {path.stat().st_size / 1024 / 1024:.2f} MiB")


if __name__ == "__main__":
    main()
