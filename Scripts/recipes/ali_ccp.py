#!/usr/bin/env python3
"""Make CTR and CVR samples from Ali-CCP (Alibaba Click and Conversion Prediction, Ma et al., SIGIR 2018).

    python3 Scripts/recipes/ali_ccp.py FOLDER --out ../shared/data/ali-ccp

FOLDER holds sample_skeleton_{train,test}.csv and common_features_{train,test}.csv, in itself or in sample_train/ and
sample_test/. A sample is an item that was shown. train.parquet and test.parquet hold all of them, for `click`;
clicked-train.parquet and clicked-test.parquet those that were clicked, for `buy`.

  regular       user, item
  interacted    the release's own crosses of user and item: fields 508, 509, 702, 853
  bags          what the user did before: categories, shops, brands, intentions with weights, heaviest first

The release has no time: train and test are the first and the second half of a period, as published, and rows of a
file are in no order of time. So no past can be computed, and nothing is: every column is a field of its own row.
It has no column that is known only after the click either, apart from the labels.

Common features lie on disk, in a table that is looked up by parts; memory holds one number a common feature.
"""

from pathlib import Path

import pyarrow.compute as pc

from ali_ccp_files import CommonFeatures, Skeleton
from lib import command
from lib.errors import BadInput, MissingFile
from lib.output import ParquetFiles
from lib.scratch import Scratch


def main() -> None:
    options = parse()
    progress = command.Progress(options.quiet)
    said = []
    with Scratch(options.out) as scratch, ParquetFiles(Skeleton.schema) as files:
        for split in ("train", "test"):
            progress.stage(f"common features of {split}")
            common = CommonFeatures(find(options.source, f"common_features_{split}.csv"), scratch, split, options.bag,
                                    progress)
            progress.stage(f"samples of {split}")
            skeleton = Skeleton(find(options.source, f"sample_skeleton_{split}.csv"), common, options.requests)
            write(skeleton, files, options.out, split, progress)
            said.append(f"{split}: {skeleton.rows:,} samples; {skeleton.impossible:,} left out that were bought but "
                        "not clicked")
    for text in said:
        progress.say(text)


def parse():
    parser = command.parser(__doc__)
    parser.add_argument("--requests", type=command.share, default=1.0, metavar="SHARE",
                        help="take this share of the common features and all their samples (default 1)")
    parser.add_argument("--bag", type=command.positive, default=50, metavar="N",
                        help="keep the N heaviest categories, shops, brands and intentions of a user (default 50)")
    return parser.parse_args()


def find(folder: Path, name: str) -> Path:
    """A file of the release, in the folder or in the one its archive unpacks to."""
    if not folder.is_dir():
        raise MissingFile(folder, "no such folder")
    for place in (folder, folder / ("sample_train" if "train" in name else "sample_test"),
                  folder / ("train" if "train" in name else "test")):
        if (place / name).is_file():
            return place / name
    raise MissingFile(folder / name, "no such file", advice="unpack the release's archives there")


def write(skeleton: Skeleton, files: ParquetFiles, out: Path, split: str, progress) -> None:
    for name in (split, f"clicked-{split}"):
        files.write(out / f"{name}.parquet", skeleton.schema.empty_table())
    for table in skeleton.tables():
        files.write(out / f"{split}.parquet", table)
        files.write(out / f"clicked-{split}.parquet", table.filter(pc.equal(table["click"], 1)))
        progress.advance(len(table))
    if not skeleton.rows:
        raise BadInput(skeleton.path, "no sample was left", advice="use a larger --requests")


if __name__ == "__main__":
    command.run(main)
