#!/usr/bin/env python3
"""Makes a table of items from logs: one row an item, with its features as they were last seen.

    Scripts/latest-items.py LOGS.parquet --id item_id --time timestamp --columns category,item_price --out items.parquet

`hindsight index --items items.parquet` computes their mappings. A catalogue that already has a row an item needs none
of this.
"""

import argparse
import os
import sys
from pathlib import Path

try:
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet
except ModuleNotFoundError:
    # The Python that Scripts/bootstrap made has it.
    own = Path(__file__).resolve().parent.parent / ".deps" / "venv" / "bin" / "python"
    if not own.exists() or Path(sys.prefix) == own.parent.parent:
        sys.exit("error: needs pyarrow: run Scripts/bootstrap, or pip install pyarrow")
    os.execv(own, [str(own), *sys.argv])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("logs", help="a Parquet file, or a folder of them")
    parser.add_argument("--id", required=True, help="the column that names an item")
    parser.add_argument("--time", help="the column to order rows by; without it the order of the file")
    parser.add_argument("--columns", required=True, help="the item's features, separated by commas")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()

    columns = [options.id] + [name for name in options.columns.split(",") if name != options.id]
    known = parquet.read_schema(options.logs).names if options.logs.endswith(".parquet") else None
    wanted = columns + ([options.time] if options.time else [])
    missing = [name for name in wanted if known is not None and name not in known]
    if missing:
        print(f"error: {options.logs}: no column {', '.join(missing)}; it has {', '.join(known)}", file=sys.stderr)
        return 65
    table = parquet.read_table(options.logs, columns=wanted)
    if options.time:
        # Stable, so that rows of one moment stay in the order of the file.
        table = table.take(compute.sort_indices(table, sort_keys=[(options.time, "ascending")]))
    ids = table.column(options.id).to_pylist()
    latest = {identifier: row for row, identifier in enumerate(ids) if identifier is not None}
    items = table.take(sorted(latest.values())).select(columns)
    parquet.write_table(items, options.out)
    print(f"{items.num_rows} items of {table.num_rows} rows. Written to {options.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
