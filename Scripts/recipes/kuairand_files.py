"""KuaiRand's files: logs, users and videos, as its README describes them."""

import re
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from lib.errors import BadInput, MissingFile
from lib.rows import csv_batches, whole
from lib.scratch import Buckets, Scratch

FLAGS = ["is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate", "long_view", "is_profile_enter"]
DELAYED = ["play_time_ms", "profile_stay_time", "comment_stay_time"]
LOG = ["user_id", "video_id", "time_ms", *FLAGS, *DELAYED, "duration_ms", "is_rand", "tab"]
EVENT = np.dtype(
    [("place", "<i8"), ("time", "<i8"), ("user", "<i4"), ("video", "<i4"), ("author", "<i4"), ("tag", "<i4")]
    + [(name, "u1") for name in FLAGS + ["is_rand", "tab"]] + [(name, "<i4") for name in DELAYED + ["duration_ms"]])
HOUR_MS = 3_600_000
UNKNOWN = 0     # author and tag of a video without basic features, -1 in the samples; a published x is x + 1 here
MAX_32 = (1 << 31) - 1
LARGEST_USER = (1 << 20) - 1    # a request's id holds the user's in 20 bits; KuaiRand has 27,285 users


def parts(folder: Path, pattern: str) -> list[Path]:
    """The files of one kind, in order; KuaiRand-27K comes in parts."""
    if not folder.is_dir():
        raise MissingFile(folder, "no such folder", advice="give the release's folder `data`")
    found = sorted(p for p in folder.iterdir() if re.fullmatch(pattern, p.name))
    if not found:
        raise MissingFile(folder, f"no file is called like {pattern}", advice="give the release's folder `data`")
    return found


class Users:
    """Users as published: ranges, degrees and encrypted categories, all as text."""

    def __init__(self, columns: list[str]):
        self.columns, self.rows = columns, {}
        self.unknown = dict.fromkeys(columns)

    def of(self, user: int) -> dict:
        return self.rows.get(user, self.unknown)


def read_users(folder: Path) -> Users:
    columns = ["user_active_degree", "is_live_streamer", "is_video_author", "follow_user_num_range",
               "fans_user_num_range", "friend_user_num_range", "register_days_range"]
    columns += [f"onehot_feat{n}" for n in range(18)]
    users = Users(columns)
    for path in parts(folder, r"user_features_\w+\.csv"):
        types = {"user_id": pa.int64(), **dict.fromkeys(columns, pa.string())}
        for line, batch in csv_batches(path, types, header=True):
            ids = whole(path, line, batch, "user_id").tolist()
            rows = batch.select(columns).to_pylist()
            users.rows.update(zip(ids, rows))
    return users


class Videos:
    """Videos as published, in arrays that the video's id indexes."""

    def __init__(self):
        self.types: list[str | None] = [None]
        self.uploads: list[str | None] = [None]
        self.arrays = {"author": np.zeros(1, np.int32), "tag": np.zeros(1, np.int32), "type": np.zeros(1, np.uint8),
                       "upload": np.zeros(1, np.uint16), "music": np.full(1, -1, np.int16),
                       "day": np.full(1, -1, np.int32), "milliseconds": np.full(1, -1, np.int32)}

    def grow(self, size: int) -> None:
        for name, array in self.arrays.items():
            if size > len(array):
                fill = -1 if name in ("music", "day", "milliseconds") else 0
                self.arrays[name] = np.r_[array, np.full(max(size, 2 * len(array)) - len(array), fill, array.dtype)]

    def get(self, name: str, video: int) -> int:
        return int(self.arrays[name][video])

    def seconds(self, video: int) -> float:
        """The video's length, or 0 where it is not published."""
        return max(0, self.get("milliseconds", video)) / 1000

    def of(self, video: int, now) -> dict:
        """The video's own columns at a moment. An upload date after it would be an error of the release: null."""
        day, music = self.get("day", video), self.get("music", video)
        age = now.date().toordinal() - day
        return {"video_type": self.types[self.get("type", video)],
                "upload_type": self.uploads[self.get("upload", video)],
                "music_type": music if music >= 0 else None,
                "video_duration_seconds": self.seconds(video) or None,
                "video_age_days": age if day >= 0 and age >= 0 else None}

    def code(self, path: Path, names: list[str | None], column: pa.Array, array: str) -> np.ndarray:
        """Numbers for texts; 0 for none."""
        encoded = column.dictionary_encode()
        codes = []
        for name in encoded.dictionary.to_pylist():
            if name not in names:
                names.append(name)
            codes.append(names.index(name))
        if len(names) > np.iinfo(self.arrays[array].dtype).max:
            raise BadInput(path, f"{len(names):,} names of a kind of {array}, where a few dozen are expected")
        return np.array([0] + codes, np.int64)[np.asarray(encoded.indices.fill_null(-1)) + 1]


def read_videos(folder: Path, progress) -> Videos:
    videos = Videos()
    types = {"video_id": pa.int64(), "author_id": pa.int64(), "video_type": pa.string(), "upload_dt": pa.string(),
             "upload_type": pa.string(), "video_duration": pa.float64(), "music_type": pa.float64(), "tag": pa.string()}
    for path in parts(folder, r"video_features_basic_\w+\.csv"):
        for line, batch in csv_batches(path, types, header=True):
            ids = whole(path, line, batch, "video_id")
            videos.grow(int(ids.max(initial=0)) + 1)
            arrays = videos.arrays
            arrays["author"][ids] = whole(path, line, batch, "author_id", missing=-1) + 1
            arrays["music"][ids] = whole(path, line, batch, "music_type", low=-1, high=32_000, missing=-1)
            arrays["milliseconds"][ids] = whole(path, line, batch, "video_duration", high=MAX_32, missing=-1)
            arrays["type"][ids] = videos.code(path, videos.types, batch.column("video_type"), "type")
            arrays["upload"][ids] = videos.code(path, videos.uploads, batch.column("upload_type"), "upload")
            tags, days = batch.column("tag").to_pylist(), batch.column("upload_dt").to_pylist()
            arrays["tag"][ids] = [first_tag(path, line + row, tag) for row, tag in enumerate(tags)]
            arrays["day"][ids] = [upload_day(path, line + row, day) for row, day in enumerate(days)]
            progress.advance(batch.num_rows)
    return videos


def first_tag(path, line: int, tag: str | None) -> int:
    """The first of a video's tags ("12,65"), plus one; 0 for none."""
    first = (tag or "").split(",")[0].strip()
    if not first:
        return UNKNOWN
    if not first.isdecimal():
        raise BadInput(path, f"expected tags such as \"12,65\", found '{tag}'", line=line, column="tag")
    return int(first) + 1


def upload_day(path, line: int, day: str | None) -> int:
    if not day:
        return -1
    try:
        return date.fromisoformat(day[:10]).toordinal()
    except ValueError:
        raise BadInput(path, f"expected a date such as 2020-07-08, found '{day}'", line=line, column="upload_dt") from None


def read_logs(folder: Path, scratch: Scratch, videos: Videos, progress) -> Buckets:
    """All logs, checked, in buckets of an hour."""
    progress.stage("reading the logs")
    events, place = Buckets(scratch, "hours", EVENT), 0
    bounds = {**dict.fromkeys(FLAGS + ["is_rand"], 1), "tab": 255, "time_ms": 1 << 45,
              **dict.fromkeys(DELAYED + ["duration_ms"], MAX_32)}
    for path in parts(folder, r"log_(standard|random)_\w+\.csv"):
        for line, batch in csv_batches(path, dict.fromkeys(LOG, pa.int64()), header=True):
            records = np.zeros(batch.num_rows, EVENT)
            records["place"] = place + np.arange(batch.num_rows)
            place += batch.num_rows
            records["user"] = whole(path, line, batch, "user_id", high=LARGEST_USER)
            records["video"] = video = whole(path, line, batch, "video_id")
            records["time"] = time = whole(path, line, batch, "time_ms", high=bounds["time_ms"])
            for name in FLAGS + DELAYED + ["duration_ms", "is_rand", "tab"]:
                records[name] = whole(path, line, batch, name, high=bounds[name])
            videos.grow(int(video.max(initial=0)) + 1)
            records["author"], records["tag"] = videos.arrays["author"][video], videos.arrays["tag"][video]
            events.add(time // HOUR_MS, records)
            progress.advance(batch.num_rows)
    return events
