"""Runs a recipe on made logs and gives back its samples."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

RECIPES = Path(__file__).resolve().parent.parent


def run(name: str, *arguments) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, RECIPES / f"{name}.py", *map(str, arguments)], capture_output=True, text=True)


class RecipeTest(unittest.TestCase):
    """A test with a folder of its own."""

    recipe = ""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="recipe-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.runs = 0

    def new_folder(self) -> Path:
        self.runs += 1
        folder = self.folder / str(self.runs)
        folder.mkdir()
        return folder

    def samples(self, source: Path, *options, files=("train", "test")) -> pa.Table:
        """All samples that the recipe makes of a source."""
        out = self.new_folder() / "out"
        done = run(self.recipe, source, "--out", out, "--quiet", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([p.name for p in out.iterdir() if p.name.startswith(".")], [], "scratch files are left")
        return pa.concat_tables(pq.read_table(out / f"{name}.parquet") for name in files)

    def refuses(self, source: Path, code: int, *words: str) -> None:
        """The recipe ends with this code, says these words, and leaves nothing."""
        out = self.new_folder() / "out"
        done = run(self.recipe, source, "--out", out, "--quiet")
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertTrue(done.stderr.startswith("error: "), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(list(out.iterdir()) if out.exists() else [], [])

    def assert_same(self, one: pa.Table, other: pa.Table, but: list[str], *, rows: int) -> None:
        """Two tables agree in all columns but some; they have at least so many rows."""
        self.assertGreaterEqual(len(one), rows, "the test compares too little")
        self.assertEqual(len(one), len(other))
        for name in one.column_names:
            if name not in but:
                self.assertEqual(one[name].to_pylist(), other[name].to_pylist(), f"column {name} looked ahead")


def edit(path: Path, line: int, text: str) -> None:
    """Replaces a line of a text file, counted from 1."""
    lines = path.read_text().split("\n")
    lines[line - 1] = text
    path.write_text("\n".join(lines))
