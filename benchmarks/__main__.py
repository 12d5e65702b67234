"""Measures what book/performance.md tells, and writes its tables.

    python -m benchmarks                    all topics, ten minutes or so; writes the page
    python -m benchmarks --only simulate    one topic, or several; prints, and writes nothing
    python -m benchmarks --again            no run: the tables anew from the stored rows

Where a peer is not installed nothing is measured: a page with a hole would tell half.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable
from importlib.util import find_spec

import torch

from benchmarks import page
from benchmarks.machine import machine
from benchmarks.rows import table
from benchmarks.topics import TOPICS, Topic


def absent(topics: Iterable[Topic]) -> list[str]:
    """In words, each topic whose peer is not installed."""
    return [
        f"{topic.name}: {peer} is not installed here, so there is nothing to compare with; "
        "`make benchmark` installs it"
        for topic in topics
        for peer in topic.peers
        if find_spec(peer) is None
    ]


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 when all was measured, 1 when a peer is absent."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [topic.name for topic in TOPICS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="TOPIC")
    parser.add_argument("--again", action="store_true", help="write the stored rows anew")
    asked = parser.parse_args(arguments)
    if asked.again:
        page.write(page.load())
        return 0
    topics = [topic for topic in TOPICS if topic.name in asked.only]
    if holes := absent(topics):
        print("\n".join(holes), file=sys.stderr)
        return 1
    torch.set_num_threads(1)
    os.environ["COURSE_STATIC"] = "1"  # no progress bars
    rows = {}
    for topic in topics:
        begin = time.process_time()
        rows[topic.name] = topic.measure()
        spent = time.process_time() - begin
        print(f"\n{topic.name}, {spent:.0f} CPU s\n{table(rows[topic.name])}", flush=True)
    if len(topics) == len(TOPICS):
        page.save({"machine": machine(), "rows": rows})
        page.write(page.load())
        print(f"\n{page.PAGE.relative_to(page.ROOT)} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
