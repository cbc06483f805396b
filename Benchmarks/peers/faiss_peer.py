#!/usr/bin/env python3
"""What one would run instead of Hindsight's coarse scan: faiss's exact index, IndexFlatIP.

    python3 faiss_peer.py --vectors vectors.npy --queries queries.npy --top-k 1000 --batch 1 --threads 1

Says {"faiss", "ids": [[best items of the first query]]} when the index is built. Then, for each line of seconds on
standard input, it searches about so long and answers {"samples": queries, "seconds", "processor_seconds"}.
Needs faiss-cpu and numpy.
"""

import argparse
import json
import sys
import time

import faiss
import numpy as np


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--vectors", required=True)
    p.add_argument("--queries", required=True)
    p.add_argument("--top-k", type=int, required=True)
    p.add_argument("--batch", type=int, required=True)
    p.add_argument("--threads", type=int, required=True)
    arguments = p.parse_args()

    faiss.omp_set_num_threads(arguments.threads)
    vectors, queries = np.load(arguments.vectors), np.load(arguments.queries)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    batches = [queries[i:i + arguments.batch] for i in range(0, len(queries) - arguments.batch + 1, arguments.batch)]
    for batch in batches[:3]:
        index.search(batch, arguments.top_k)
    _, ids = index.search(queries[:1], arguments.top_k)
    say({"faiss": faiss.__version__, "ids": ids.tolist()})

    at = 0
    for line in sys.stdin:
        end = time.perf_counter() + float(line)
        done, start, processor = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() < end:
            index.search(batches[at % len(batches)], arguments.top_k)
            at += 1
            done += arguments.batch
        say({
            "samples": done, "seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - processor})


def say(value: dict) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
