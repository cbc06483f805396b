"""A recipe as a program: its common options, its progress and its exit codes."""

import argparse
import errno
import signal
import sys
import time
from pathlib import Path

from .errors import BadInput, MissingFile


def parser(text: str) -> argparse.ArgumentParser:
    """An argument parser with the options that every recipe has."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("source", type=Path, help="the data set as published (see docs/data/recipes.md)")
    made.add_argument("--out", type=Path, required=True, help="folder for the Parquet files; made if missing")
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def share(text: str) -> float:
    """An option's value in (0, 1]."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and at most 1, found '{text}'")
    return value


def positive(text: str) -> int:
    """An option's value, a whole number above 0."""
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found '{text}'")
    return value


def not_negative(text: str) -> int:
    """An option's value, a whole number of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, found '{text}'")
    return int(text)


class Progress:
    """Says on standard error, every few seconds, how far a stage is."""

    def __init__(self, quiet: bool, every_seconds: float = 5):
        self.quiet, self.every = quiet, every_seconds
        self.stage_name, self.done, self.last, self.began = "", 0, 0.0, time.monotonic()

    def stage(self, name: str) -> None:
        self.stage_name, self.done, self.last = name, 0, time.monotonic()
        self.say(name)

    def advance(self, rows: int) -> None:
        self.done += rows
        now = time.monotonic()
        if now - self.last >= self.every:
            self.last = now
            self.say(f"{self.stage_name}: {self.done:,} rows")

    def say(self, text: str) -> None:
        if not self.quiet:
            print(f"[{time.monotonic() - self.began:7.1f} s] {text}", file=sys.stderr, flush=True)


def run(main) -> None:
    """Runs a recipe; ends the process with the exit codes of `hindsight` (65: bad data, 66: a missing file, ...)."""
    # So that `kill` unwinds as Ctrl-C does, and scratch files go.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        main()
        return
    except MissingFile as problem:
        code, text = 66, str(problem)
    except BadInput as problem:
        code, text = 65, str(problem)
    except OSError as problem:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
        code, text = 70, str(problem) + ("; free some space and start again" if full else "")
    except KeyboardInterrupt:
        code, text = 130, "interrupted; nothing was written"
    print(f"error: {text}", file=sys.stderr)
    sys.exit(code)
