#!/usr/bin/env python3
"""Make CTR and CVR samples from KuaiRand-Pure, KuaiRand-1K or KuaiRand-27K (Gao et al., CIKM 2022).

    python3 Scripts/recipes/kuairand.py KuaiRand-Pure/data --out ../shared/data/kuairand

A sample is a video that was shown. train.parquet and test.parquet hold all of them, for `click`; clicked-train.parquet
and clicked-test.parquet those that were clicked, for `engaged` (liked, followed, commented or forwarded).

  regular       user and video as published, and their past
  interacted    what this user had done with this video, its author and its tag before
  post-event    how long it was played, time in the comments and on the author's page, ...
  history_*     the last 50 videos the user clicked, newest first

Everything but the labels and the post-event columns uses earlier times only. What a user did with a video counts
from the end of its play on, since it was not known before. `video_features_statistic` is never read: it averages the
whole month, future included. `visible_status` is "now", and is not read either.

The logs are never in memory: they are sorted on disk, by hour and then by user. The videos' basic features are.
"""

import heapq
from collections import defaultdict, namedtuple
from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa

from kuairand_files import DELAYED, EVENT, FLAGS, read_logs, read_users, read_videos
from lib import command
from lib.counters import Times, TrailingCounts, smoothed
from lib.output import SampleStore, period, split_by_time
from lib.scratch import Buckets, Scratch, by_time, by_user, chosen, partitions, spread

HOUR, DAY = 3600, 86_400
BEIJING = timezone(timedelta(hours=8))
TEST_FROM = int(datetime(2022, 5, 6, tzinfo=BEIJING).timestamp())
HISTORY = 50

COUNTS = ["video_shows_1h", "video_shows_24h", "video_shows_total", "video_clicks_1h", "video_clicks_24h",
          "video_clicks_total", "video_long_views_24h", "video_likes_total", "author_shows_24h", "author_clicks_24h",
          "author_likes_total", "tag_shows_24h", "tag_clicks_24h"]
COUNTED = np.dtype(EVENT.descr + [(name, "<i4") for name in COUNTS])
Row = namedtuple("Row", COUNTED.names)

INT, FLOAT, TEXT = pa.int32(), pa.float32(), pa.string()
USER = ["user_active_degree", "is_live_streamer", "is_video_author", "follow_user_num_range", "fans_user_num_range",
        "friend_user_num_range", "register_days_range"] + [f"onehot_feat{n}" for n in range(18)]
SCHEMA = pa.schema(
    [("timestamp", pa.int64()), ("_user", INT), ("_moment", pa.int64()), ("_place", pa.int64()), ("request_id", pa.int64()), ("user_id", INT),
     ("video_id", INT), ("click", INT), ("engaged", INT), ("is_random", INT), ("tab", INT), ("hour_of_day", INT),
     ("day_of_week", INT)]
    + [(name, TEXT) for name in USER]
    + [("user_shows_total", INT), ("user_shows_24h", INT), ("user_clicks_total", INT), ("user_clicks_1h", INT),
       ("user_clicks_24h", INT), ("user_ctr", FLOAT), ("user_likes_total", INT), ("user_seconds_since_show", INT),
       ("user_mean_play_seconds", FLOAT),
       ("author_id", INT), ("tag", INT), ("video_type", TEXT), ("upload_type", TEXT), ("music_type", INT),
       ("video_duration_seconds", FLOAT), ("video_age_days", INT)]
    + [(name, INT) for name in COUNTS]
    + [("video_ctr_24h", FLOAT), ("author_ctr_24h", FLOAT),
       ("shown_to_user_before", INT), ("seconds_since_shown_to_user", INT), ("clicked_by_user_before", INT),
       ("user_author_shows", INT), ("user_author_clicks", INT), ("user_author_likes", INT),
       ("user_follows_author", INT), ("user_author_seconds_since_click", INT),
       ("user_tag_shows", INT), ("user_tag_clicks", INT), ("user_tag_clicks_24h", INT), ("user_tag_ctr", FLOAT),
       ("duration_gap_seconds", FLOAT)]
    + [("play_seconds", FLOAT), ("play_share", FLOAT), ("comment_stay_time", INT), ("profile_stay_time", INT),
       ("entered_profile", INT), ("long_view", INT), ("hated", INT)]
    + [("history_video_id", pa.list_(INT)), ("history_author_id", pa.list_(INT)), ("history_tag", pa.list_(INT)),
       ("history_play_seconds", pa.list_(FLOAT)), ("history_age_seconds", pa.list_(INT))])


def main() -> None:
    options = parse()
    progress = command.Progress(options.quiet)
    with Scratch(options.out) as scratch:
        progress.stage("reading users and videos")
        profiles, videos = read_users(options.source), read_videos(options.source, progress)
        events = read_logs(options.source, scratch, videos, progress)
        store = SampleStore(scratch, SCHEMA, period(events.rows, *events.span(HOUR)))
        users = count(events, scratch, options, progress)
        progress.stage("user histories and samples")
        for user, records in by_user(users):
            if chosen(np.array([user]), options.users)[0]:
                sample(user, records, profiles, videos, store, options)
            progress.advance(len(records))
        progress.stage("writing")
        rows = split_by_time(store, options.out, options.test_from, also={"clicked": "click"})
    progress.say(", ".join(f"{name}: {count:,} samples" for name, count in rows.items()))


def parse():
    parser = command.parser(__doc__)
    parser.add_argument("--samples", choices=["standard", "random", "all"], default="standard",
                        help="videos that the recommender chose, random ones, or both; all feed the past")
    parser.add_argument("--users", type=command.share, default=1.0, metavar="SHARE",
                        help="take the samples of this share of users; videos are counted over all (default 1)")
    parser.add_argument("--test-from", type=command.positive, default=TEST_FROM, metavar="TIMESTAMP",
                        help="first second of the test period (default: 6 May 2022, Beijing: the last three days)")
    parser.add_argument("--delay", type=command.not_negative, default=60, metavar="SECONDS",
                        help="counters over all users see what is older than this (default 60)")
    return parser.parse_args()


def count(events: Buckets, scratch: Scratch, options, progress) -> Buckets:
    """The same lines with the past of their video, author and tag, divided by user."""
    progress.stage("counting videos over all users")
    users = Buckets(scratch, "users", COUNTED)
    parts = partitions(events.rows)
    shows, clicks, likes, long_views = 0, 1, 2, 3
    windows = {("video", shows): (HOUR, DAY), ("video", clicks): (HOUR, DAY), ("video", long_views): (DAY,),
               ("video", likes): (), ("author", shows): (DAY,), ("author", clicks): (DAY,), ("author", likes): (),
               ("tag", shows): (DAY,), ("tag", clicks): (DAY,)}
    counters = {key: TrailingCounts(value, options.delay) for key, value in windows.items()}
    for records in by_time(events):
        out = np.zeros(len(records), COUNTED)
        for name in EVENT.names:
            out[name] = records[name]
        seconds = records["time"] // 1000
        these = {shows: np.ones(len(records), bool), clicks: records["is_click"] == 1, likes: records["is_like"] == 1,
                 long_views: records["long_view"] == 1}
        ended = (records["time"] + records["play_time_ms"]) // 1000
        past = {(field, what): counter.step(records[field][these[what]], (seconds if what == shows else ended)[these[what]],
                                            records[field], seconds)
                for (field, what), counter in counters.items()}
        for what, name in ((shows, "shows"), (clicks, "clicks")):
            video = past["video", what]
            out[f"video_{name}_1h"], out[f"video_{name}_24h"] = video[HOUR], video[DAY]
            out[f"video_{name}_total"] = video["total"]
            out[f"author_{name}_24h"], out[f"tag_{name}_24h"] = past["author", what][DAY], past["tag", what][DAY]
        out["video_long_views_24h"] = past["video", long_views][DAY]
        out["video_likes_total"], out["author_likes_total"] = past["video", likes]["total"], past["author", likes]["total"]
        users.add((spread(records["user"]) % np.uint64(parts)).astype(np.int64), out)
        progress.advance(len(records))
    return users


class Deeds:
    """How often something of one kind was shown to the user, and what she did with it."""

    __slots__ = ("shows", "clicks", "likes", "followed")

    def __init__(self):
        self.shows, self.clicks, self.likes, self.followed = Times(), Times(), 0, 0


class Past:
    """What one user had seen and done before the present millisecond."""

    def __init__(self):
        self.all = Deeds()
        self.videos, self.authors, self.tags = (defaultdict(Deeds) for _ in range(3))
        self.history: list[tuple[int, int, int, float, int, float]] = []

    def groups(self, video: int, author: int, tag: int):
        return self.all, self.videos[video], self.authors[author], self.tags[tag]

    def shown(self, record) -> None:
        for deeds in self.groups(record.video, record.author, record.tag):
            deeds.shows.add(record.time)

    def played(self, record, duration: float) -> None:
        """What the user did with a video, from the end of its play on."""
        video, author, tag = record.video, record.author, record.tag
        end = record.time + record.play_time_ms
        for deeds in self.groups(video, author, tag):
            if record.is_click:
                deeds.clicks.add(end)
            deeds.likes += record.is_like
            deeds.followed |= record.is_follow
        if record.is_click:
            self.history.append((video, author, tag, record.play_time_ms / 1000, end, duration))
            del self.history[:-HISTORY]


def sample(user: int, records: np.ndarray, profiles, videos, store: SampleStore, options) -> None:
    """Adds one user's shown videos to the store."""
    past, folded, playing, profile = Past(), 0, [], profiles.of(user)
    wanted = {"standard": (0,), "random": (1,), "all": (0, 1)}[options.samples]
    rows = list(map(Row._make, records.tolist()))
    for record in rows:
        now = record.time
        while rows[folded].time < now:        # videos of one moment do not see each other
            past.shown(rows[folded])
            heapq.heappush(playing, (rows[folded].time + rows[folded].play_time_ms, folded))
            folded += 1
        while playing and playing[0][0] < now:
            ended = rows[heapq.heappop(playing)[1]]
            past.played(ended, videos.seconds(ended.video))
        if record.is_rand in wanted:
            store.add({**profile, **before(user, record, past, videos), **after(record)})


def before(user: int, record, past: Past, videos) -> dict:
    """The columns that are known when the video is shown."""
    now, video = record.time, record.video
    author, tag = record.author, record.tag
    none = Deeds()
    own, maker, kind = past.videos.get(video, none), past.authors.get(author, none), past.tags.get(tag, none)
    local, mine, history = datetime.fromtimestamp(now / 1000, BEIJING), past.all, past.history[::-1]
    length = videos.seconds(video)
    return {
        "timestamp": now // 1000, "_user": user, "_place": record.place,
        "_moment": now, "request_id": (now << 20) + user, "user_id": user, "video_id": video,
        "is_random": record.is_rand, "tab": record.tab, "hour_of_day": local.hour,
        "day_of_week": local.weekday(),
        "user_shows_total": mine.shows.total(), "user_shows_24h": mine.shows.within(now, DAY * 1000),
        "user_clicks_total": mine.clicks.total(), "user_clicks_1h": mine.clicks.within(now, HOUR * 1000),
        "user_clicks_24h": mine.clicks.within(now, DAY * 1000),
        "user_ctr": smoothed(mine.clicks.total(), mine.shows.total()), "user_likes_total": mine.likes,
        "user_seconds_since_show": seconds(mine.shows, now),
        "user_mean_play_seconds": float(np.mean([h[3] for h in history])) if history else None,
        "author_id": author - 1, "tag": tag - 1, **videos.of(video, local),
        **{name: getattr(record, name) for name in COUNTS},
        "video_ctr_24h": smoothed(record.video_clicks_24h, record.video_shows_24h),
        "author_ctr_24h": smoothed(record.author_clicks_24h, record.author_shows_24h),
        "shown_to_user_before": own.shows.total(), "seconds_since_shown_to_user": seconds(own.shows, now),
        "clicked_by_user_before": own.clicks.total(),
        "user_author_shows": maker.shows.total(), "user_author_clicks": maker.clicks.total(),
        "user_author_likes": maker.likes, "user_follows_author": maker.followed,
        "user_author_seconds_since_click": seconds(maker.clicks, now),
        "user_tag_shows": kind.shows.total(), "user_tag_clicks": kind.clicks.total(),
        "user_tag_clicks_24h": kind.clicks.within(now, DAY * 1000),
        "user_tag_ctr": smoothed(kind.clicks.total(), kind.shows.total()),
        "duration_gap_seconds": length - float(np.mean([h[5] for h in history])) if history else None,
        "history_video_id": [h[0] for h in history], "history_author_id": [h[1] - 1 for h in history],
        "history_tag": [h[2] - 1 for h in history], "history_play_seconds": [h[3] for h in history],
        "history_age_seconds": [(now - h[4]) // 1000 for h in history]}


def seconds(times: Times, now: int) -> int:
    """Whole seconds since the last of times in milliseconds, or -1."""
    since = times.since(now)
    return since // 1000 if since >= 0 else -1


def after(record) -> dict:
    """The labels, and the columns that are known only once the video was played."""
    deeds = {name: getattr(record, name) for name in FLAGS + DELAYED}
    return {
        "click": deeds["is_click"],
        "engaged": int(any(deeds[name] for name in ("is_like", "is_follow", "is_comment", "is_forward"))),
        "play_seconds": deeds["play_time_ms"] / 1000,
        "play_share": deeds["play_time_ms"] / max(1, record.duration_ms),
        "comment_stay_time": deeds["comment_stay_time"], "profile_stay_time": deeds["profile_stay_time"],
        "entered_profile": deeds["is_profile_enter"], "long_view": deeds["long_view"], "hated": deeds["is_hate"]}


if __name__ == "__main__":
    command.run(main)
