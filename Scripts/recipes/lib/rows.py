"""Published files as a stream of record batches, with the place of what is wrong in them."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from .errors import BadInput, MissingFile

# Ids index arrays of counters: this bounds their memory, and catches a file whose columns are shifted.
LARGEST_ID = 200_000_000


def need(path: Path) -> Path:
    """The path, if there is a file."""
    if not path.is_file():
        raise MissingFile(path, "no such file", advice="docs/data/recipes.md says where it comes from")
    return path


def csv_batches(path: Path, columns: dict[str, pa.DataType], *, header: bool, block_bytes: int = 16 << 20):
    """Yields (number of the first line, batch) of a comma-separated file, some megabytes at a time.

    With a header the named columns may stand in any order among others; without one they are all there is.
    """
    need(path)
    names = list(columns)
    if path.stat().st_size == 0:
        raise BadInput(path, "the file is empty", advice="fetch it again")
    try:
        reader = csv.open_csv(
            path,
            read_options=csv.ReadOptions(
                use_threads=False, block_size=block_bytes, column_names=None if header else names),
            convert_options=csv.ConvertOptions(
                column_types=columns, include_columns=names, null_values=["", "NULL", "null", "nan", "NaN"],
                strings_can_be_null=True))
        line = 2 if header else 1
        for batch in reader:
            yield line, batch
            line += batch.num_rows
    except pa.ArrowKeyError as problem:
        absent = re.search(r"'([^']+)'", str(problem))
        raise BadInput(path, "the header has no such column", line=1, column=absent and absent.group(1),
                       advice=f"expected {', '.join(names)}") from None
    except pa.ArrowInvalid as problem:
        raise located(path, str(problem), names) from None


def located(path: Path, message: str, names: list[str]) -> BadInput:
    """Arrow's complaint about a CSV file, in our words."""
    line = re.search(r"Row #(\d+)", message)
    line = int(line.group(1)) if line else None
    value = re.search(r"In CSV column #(\d+).*?conversion error to ([^:]+): invalid value '(.*)'", message, re.S)
    if value:
        return BadInput(path, f"expected {value.group(2)}, found '{value.group(3)}'", line=line,
                        column=column_name(path, int(value.group(1)), names))
    width = re.search(r"Expected (\d+) columns, got (\d+)", message)
    if width:
        return BadInput(path, f"expected {width.group(1)} columns, found {width.group(2)}", line=line,
                        advice="is the file cut short or of another format?")
    return BadInput(path, message, line=line)


def column_name(path: Path, number: int, names: list[str]) -> str:
    """The name of a column by its place in the file: the header's where there is one."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline().rstrip("\n").split(",")
    wanted = first if set(names) <= set(first) else names
    return wanted[number] if number < len(wanted) else f"#{number + 1}"


def parquet_batches(path: Path, columns: dict[str, str], rows: int = 8192):
    """Yields (number of the first row, batch) of a Parquet file; `columns` says what each is, in words."""
    need(path)
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as problem:
        raise BadInput(path, f"not a Parquet file ({str(problem).splitlines()[0]})", advice="fetch it again") from None
    for name, meaning in columns.items():
        if name not in file.schema_arrow.names:
            raise BadInput(path, f"the file has no such column ({meaning})", column=name,
                           advice=f"it has {', '.join(file.schema_arrow.names)}")
    row = 1
    try:
        for batch in file.iter_batches(batch_size=rows, columns=list(columns)):
            yield row, batch
            row += batch.num_rows
    except (pa.ArrowInvalid, OSError) as problem:
        raise BadInput(path, f"cannot be read on ({str(problem).splitlines()[0]})", row=row,
                       advice="is the file cut short? fetch it again") from None


def whole(path, start: int, batch: pa.RecordBatch, name: str, *, low: int = 0, high: int = LARGEST_ID,
          missing: int | None = None, place: str = "line") -> np.ndarray:
    """A column of whole numbers as int64, each within [low, high]; null becomes `missing` or is an error."""
    column = batch.column(name)
    if column.null_count:
        if missing is None:
            row = int(np.flatnonzero(np.asarray(column.is_null()))[0])
            raise BadInput(path, "expected a number, found nothing", column=name, **{place: start + row})
        given = ~np.asarray(column.is_null())
        column = column.fill_null(0)
    else:
        given = None
    values = np.asarray(column.cast(pa.int64(), safe=False))
    wrong = (values < low) | (values > high)
    if given is not None:
        wrong &= given
        values = np.where(given, values, missing)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise BadInput(path, f"expected a whole number from {low:,} to {high:,}, found {values[row]:,}",
                       column=name, **{place: start + row})
    return values
