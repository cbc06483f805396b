"""Small invented logs in the formats of the published data sets: seeded, and cut off at a moment on request.

    python3 Scripts/recipes/tests/made_logs.py NAME FOLDER      ali_ccp, ebnerd, kuairand or taobao_userbehavior
"""

import random
import sys
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TAOBAO_START = 1_511_539_200        # 25 November 2017, Beijing
KUAIRAND_START = 1_649_347_200      # 8 April 2022, Beijing
EBNERD_START = 1_684_393_200        # 18 May 2023
DAY = 86_400


def taobao_userbehavior(folder: Path, seed: int = 1, users: int = 30, until: int = 1 << 60) -> Path:
    """UserBehavior.csv: no header, sorted by user; returns its path."""
    draw, rows = random.Random(seed), []
    for user in range(1, users + 1):
        time = TAOBAO_START + draw.randrange(DAY)
        while time < TAOBAO_START + 9 * DAY:
            item = draw.randrange(1, 25)
            kind = draw.choices(["pv", "fav", "cart", "buy"], [8, 1, 1, 1])[0]
            rows.append((user, item, 100 + item % 4, kind, time))
            if draw.random() < 0.3:
                rows.append((user, item, 100 + item % 4, "buy", time + draw.randrange(0, 4000)))
            time += draw.choice([0, 0, 30, 500, 5_000, 20_000])
    rows.append((users, 3, 103, "pv", 12))      # the published file has such times as well
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "UserBehavior.csv"
    path.write_text("".join(f"{','.join(map(str, row))}\n" for row in rows if row[-1] < until))
    return path


def kuairand(folder: Path, seed: int = 1, users: int = 12, until: int = 1 << 60) -> Path:
    """KuaiRand-Pure/data; returns it. `until` is in seconds."""
    data = folder / "KuaiRand-Pure" / "data"
    data.mkdir(parents=True)
    draw = random.Random(seed)
    header = ("user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,"
              "play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab\n")
    logs = {"log_standard_4_08_to_4_21_pure": [], "log_standard_4_22_to_5_08_pure": [],
            "log_random_4_22_to_5_08_pure": []}
    for user in range(users):
        time = KUAIRAND_START * 1000 + draw.randrange(DAY * 1000)
        while time < (KUAIRAND_START + 31 * DAY) * 1000:
            late = time >= (KUAIRAND_START + 14 * DAY) * 1000
            rand = int(late and draw.random() < 0.1)
            video = draw.randrange(20)
            length = 5_000 + 3_000 * (video % 6)
            play = draw.choice([0, 900, 4_000, 12_000, 30_000])
            click = int(play > 3_000)
            flags = [int(click and draw.random() < 0.2) for _ in range(4)]
            name = f"log_{'random' if rand else 'standard'}_{'4_22_to_5_08' if late else '4_08_to_4_21'}_pure"
            if time < until * 1000:
                logs[name].append([user, video, 20220408, 400, time, click, *flags, int(draw.random() < 0.02),
                                   int(play >= 18_000), play, length, 0, draw.choice([0, 0, 1500]) * click, 0, rand,
                                   draw.choice([0, 1, 4])])
            else:
                draw.random(), draw.choice([0, 0, 1500]), draw.choice([0, 1, 4])
            time += draw.choice([0, play // 2, play + 50, 15_000, 900_000, 7_200_000, 40_000_000])
    for name, rows in logs.items():
        (data / f"{name}.csv").write_text(header + "".join(f"{','.join(map(str, row))}\n" for row in rows))
    columns = ["user_id", "user_active_degree", "is_lowactive_period", "is_live_streamer", "is_video_author",
               "follow_user_num", "follow_user_num_range", "fans_user_num", "fans_user_num_range", "friend_user_num",
               "friend_user_num_range", "register_days", "register_days_range"] + [f"onehot_feat{n}" for n in range(18)]
    text = ",".join(columns) + "\n"
    for user in range(users - 1):               # the last has no features
        text += ",".join([str(user), draw.choice(["high_active", "full_active"]), "0", "0", str(user % 2), "5",
                          '"(0,10]"', "3", '"[1,10)"', "0", "0", "400", "366-730"]
                         + [str(draw.randrange(4)) if n != 4 or user % 3 else "" for n in range(18)]) + "\n"
    (data / "user_features_pure.csv").write_text(text)
    text = ("video_id,author_id,video_type,upload_dt,upload_type,visible_status,video_duration,server_width,"
            "server_height,music_id,music_type,tag\n")
    for video in range(19):
        length = f"{5_000 + 3_000 * (video % 6)}.0" if video % 7 else ""
        tag = ['"12,65"', "12", "9", ""][video % 4]
        text += (f"{video},{video % 5},NORMAL,2022-0{3 + video % 3}-11,ShortImport,1,{length},720,1280,9{video},"
                 f"{'4.0' if video % 3 else ''},{tag}\n")
    (data / "video_features_basic_pure.csv").write_text(text)
    (data / "video_features_statistic_pure.csv").write_text("video_id,counts\n0,1\n")
    return data


def ebnerd(folder: Path, seed: int = 1, users: int = 14, until: int = 1 << 60) -> Path:
    """A bundle: articles.parquet, and behaviours and histories of train and validation; returns its folder."""
    bundle, draw = folder / "ebnerd_small", random.Random(seed)
    moments = pa.timestamp("us")

    def moment(time: int) -> datetime:
        return datetime.fromtimestamp(time, timezone.utc).replace(tzinfo=None)

    articles = [9_700_000 + 7 * n for n in range(30)]
    bundle.mkdir(parents=True)
    pq.write_table(pa.table({
        "article_id": pa.array(articles, pa.int32()), "title": [f"Artikel {n}" for n in range(30)],
        "premium": [n % 4 == 0 for n in range(30)], "body": ["ord " * (20 + 9 * n) for n in range(30)],
        "published_time": pa.array([moment(EBNERD_START - 3 * DAY + 8 * 3600 * n) for n in range(30)], moments),
        "category": pa.array([100 + n % 5 for n in range(30)], pa.int16()),
        "total_inviews": pa.array([None] * 30, pa.int32())}), bundle / "articles.parquet")
    number = 0
    for week, name in enumerate(("train", "validation")):
        (bundle / name).mkdir()
        start = EBNERD_START + 7 * DAY * week
        rows = []
        for user in range(users if week else users - 3):         # three are new in validation
            time = start + draw.randrange(DAY)
            while time < start + 7 * DAY:
                number += 1
                seen = draw.sample(articles, draw.randrange(2, 7))
                clicked = draw.sample(seen, 1) if draw.random() < 0.9 else []
                front = draw.random() < 0.6
                rows.append({
                    "impression_id": number, "user_id": 1000 + user, "article_id": None if front else draw.choice(articles),
                    "impression_time": moment(time), "read_time": float(draw.randrange(60)),
                    "scroll_percentage": None if front else 50.0, "device_type": draw.randrange(1, 4),
                    "article_ids_inview": seen, "article_ids_clicked": clicked, "is_sso_user": user % 2 == 0,
                    "gender": None, "postcode": None, "age": None, "is_subscriber": user % 3 == 0, "session_id": number,
                    "next_read_time": float(draw.randrange(900)) if clicked else None,
                    "next_scroll_percentage": 80.0 if clicked else None})
                time += draw.choice([0, 20, 50, 90, 4_000, 30_000, 60_000])
        draw.shuffle(rows)
        rows = [row for row in rows if row["impression_time"] < moment(min(until, 1 << 32))] or rows[:1]
        types = {"impression_id": pa.uint32(), "user_id": pa.uint32(), "article_id": pa.int32(), "impression_time": moments,
                 "read_time": pa.float32(), "scroll_percentage": pa.float32(), "device_type": pa.int8(),
                 "article_ids_inview": pa.list_(pa.int32()), "article_ids_clicked": pa.list_(pa.int32()),
                 "is_sso_user": pa.bool_(), "gender": pa.int8(), "postcode": pa.int8(), "age": pa.int8(),
                 "is_subscriber": pa.bool_(), "session_id": pa.uint32(), "next_read_time": pa.float32(),
                 "next_scroll_percentage": pa.float32()}
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(list(types.items()))), bundle / name / "behaviors.parquet")
        rows = []
        for user in range(users if week else users - 3):
            times = sorted(start - draw.randrange(1, 21 * DAY) for _ in range(draw.randrange(5, 20)))
            rows.append({"user_id": 1000 + user, "impression_time_fixed": [moment(t) for t in times],
                         "scroll_percentage_fixed": [None] * len(times),
                         "article_id_fixed": [draw.choice(articles) for _ in times],
                         "read_time_fixed": [float(draw.randrange(400)) for _ in times]})
        types = {"user_id": pa.uint32(), "impression_time_fixed": pa.list_(moments),
                 "scroll_percentage_fixed": pa.list_(pa.float32()), "article_id_fixed": pa.list_(pa.int32()),
                 "read_time_fixed": pa.list_(pa.float32())}
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(list(types.items()))), bundle / name / "history.parquet")
    return bundle


def ali_ccp(folder: Path, seed: int = 1, requests: int = 90) -> Path:
    """The four files of the release; returns their folder."""
    data, draw = folder / "Ali-CCP", random.Random(seed)
    data.mkdir(parents=True)

    def text(features) -> str:
        return f"{len(features)}," + "\x01".join(f"{field}\x02{number}\x03{value}" for field, number, value in features)

    sample = 0
    for split in ("train", "test"):
        common, skeleton = "", ""
        for request in range(requests):
            index = f"{draw.randrange(1 << 64):016x}"
            features = [("101", 100 + request % 40, "1.0"), ("121", 30 + request % 9, "1.0"), ("122", 7, "1.0"),
                        ("124", draw.randrange(2), "1.0"), ("125", draw.randrange(6), "1.0"), ("128", 1, "1.0")]
            shops = draw.sample(range(5000, 5030), draw.randrange(0, 9))
            for field, offset in (("109_14", 0), ("110_14", 100), ("127_14", 200), ("150_14", 300)):
                features += [(field, shop + offset, f"{0.69315 * draw.randrange(1, 5):.5f}") for shop in shops]
            common += f"{index},{text(features)}\n"
            for _ in range(draw.randrange(4, 30)):
                sample += 1
                item = draw.randrange(60)
                click = int(draw.random() < 0.3)
                features = [("205", 700 + item, "1.0"), ("206", 20 + item % 7, "1.0"), ("207", 40 + item % 11, "1.0"),
                            ("216", 60 + item % 5, "1.0"), ("301", 9351665 + item % 3, "1.0"),
                            ("210", 80 + item % 4, "1.0"), ("210", 90 + item % 4, "0.5")]
                if draw.random() < 0.4:
                    features += [("508", 30_000 + item, "1.09861"), ("853", 50_000 + item, "0.69315"),
                                 ("853", 50_100 + item, "2.30259")]
                buy = int(draw.random() < (0.2 if click else 0.002))
                skeleton += f"{sample},{click},{buy},{index},{text(features)}\n"
        (data / f"common_features_{split}.csv").write_text(common)
        (data / f"sample_skeleton_{split}.csv").write_text(skeleton)
    return data


MAKERS = {made.__name__: made for made in (ali_ccp, ebnerd, kuairand, taobao_userbehavior)}

if __name__ == "__main__":
    print(MAKERS[sys.argv[1]](Path(sys.argv[2])))
