#!/usr/bin/env python3
"""The second half of ./demo: exports a student, indexes the items, serves them, and asks for a ranking.

    Scripts/demo-serve.py HINDSIGHT RUN FOLDER

HINDSIGHT is the program, RUN a finished run of Examples/retail-ctr.yaml, FOLDER where the package goes (made anew).
The request is a customer of the test set, with what was known of her before her basket.
"""

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pyarrow.parquet as parquet

ROOT = Path(__file__).resolve().parent.parent
USER = [
    "user_id", "country", "hour_of_day", "day_of_week", "user_baskets", "user_baskets_30d", "user_mean_basket_size",
    "user_days_since_last_basket", "user_mean_price", "user_recent_distinct_items", "history_item_id", "history_category",
]
ITEM = [
    "category", "item_price", "item_sales_1d", "item_sales_7d", "item_sales_28d", "item_sales_total", "item_buyers",
    "item_age_days",
]


def main() -> int:
    hindsight, run, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    package, items = folder / "package", folder / "items.parquet"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    step([hindsight, "export", run, "--out", str(package)])
    step([
        sys.executable, str(ROOT / "Scripts" / "latest-items.py"), "Data/retail/train.parquet", "--id", "item_id", "--time",
        "timestamp", "--columns", ",".join(ITEM), "--out", str(items)])
    step([hindsight, "index", str(package), "--items", str(items), "--id", "item_id", "--category", "category"])

    body = {"user": customer("Data/retail/test.parquet"), "k": 5, "stages": True}
    command = [hindsight, "serve", str(package), "--port", "0"]
    print("$ " + shown([*command[:3]]))
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        address = server.stdout.readline().strip().rsplit(" ", 1)[-1]
        if not address.startswith("http"):
            print(f"error: the server did not start; see {folder}/server.log", file=sys.stderr)
            return 1
        ask(address, body)  # the first one finds everything cold
        answer = ask(address, body)
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=60)
    show(answer)
    (folder / "request.json").write_text(json.dumps(body) + "\n")
    print(f"The server ended with exit code {code}. By hand, with its page at http://localhost:8080/ :")
    print(f"  {shown([hindsight, 'serve', str(package)])}")
    print(f"  curl -s localhost:8080/v1/rank -d @{folder}/request.json")
    return 0 if code == 0 and answer["items"] else 1


def shown(command: list[str]) -> str:
    return " ".join(["hindsight" if part == sys.argv[1] else part for part in command])


def step(command: list[str]) -> None:
    print("$ " + shown(["Scripts/latest-items.py" if part.endswith("latest-items.py") else part
                        for part in command if part != sys.executable]), flush=True)
    subprocess.run(command, check=True)


def customer(path: str) -> dict:
    """The customer of the last basket with a history."""
    rows = parquet.read_table(path, columns=USER).slice(0).to_pylist()
    row = next(row for row in reversed(rows) if len(row["history_item_id"] or []) >= 5)
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items() if value is not None}


def ask(address: str, body: dict) -> dict:
    request = urllib.request.Request(f"{address}/v1/rank", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def show(answer: dict) -> None:
    stages = ", ".join(f"{s['name']} {1000 * s['seconds']:.2f} ms ({s['inputs']} -> {s['outputs']})" for s in answer["stages"])
    print(f"\n  {'item':<10}{'score':>9}{'cosine':>9}")
    for item in answer["items"]:
        print(f"  {item['id']:<10}{item['score']:>9.4f}{item['coarse']:>9.4f}")
    print(f"  version {answer['version'][:16]}: {stages}\n")


if __name__ == "__main__":
    sys.exit(main())
