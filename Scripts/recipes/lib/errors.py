"""The one error that a recipe reports to its user."""


class BadInput(Exception):
    """A file is missing, cut short, or holds what its format does not allow."""

    def __init__(self, file, message: str, *, line: int | None = None, row: int | None = None,
                 column: str | None = None, advice: str | None = None):
        place = [str(file)]
        if line is not None:
            place.append(f"line {line:,}")
        if row is not None:
            place.append(f"row {row:,}")
        if column is not None:
            place.append(f"column '{column}'")
        text = ": ".join([", ".join(place), message])
        super().__init__(f"{text}; {advice}" if advice else text)


class MissingFile(BadInput):
    """A file that the recipe needs is not there."""
