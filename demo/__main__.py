"""Runs the demonstration: ``python -m demo [--output out/demo] [--object laptop_mesh ...]``."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

from demo.objects import demo_objects
from demo.summary import ObjectSummary, Summary


def main() -> int:
    """Demonstrate every object, write all files, and return the process's exit status."""
    things = {thing.name: thing for thing in demo_objects()}
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out/demo"), help="folder for all files")
    parser.add_argument("--object", nargs="+", choices=list(things), default=list(things), dest="names")
    parser.add_argument("--checkpoint", type=Path, help="safetensors file instead of the shipped model")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    _keep_to_this_machine()

    # Only now: importing the client chooses the Fast DDS profile, and needs rclpy and neurok_msgs.
    from demo.demonstration import ask_node, summarise, write_pictures

    begin = time.monotonic()
    entries: list[ObjectSummary] = []
    for name in options.names:

        def progress(what: str, name: str = name) -> None:
            print(f"[demo {time.monotonic() - begin:5.1f} s] {name}: {what}", flush=True)

        log = options.output / f"{name}_node.log"
        results = ask_node(things[name], log, progress, options.checkpoint)
        entries.append(summarise(things[name], results))
        write_pictures(things[name], results, options.output, progress)
    summary = Summary(results.checkpoint, results.device, entries)
    summary.write(options.output / "summary.json")
    print(f"\n{summary.table()}\n\nPictures and summary.json are in {options.output}/")
    failed = [entry.name for entry in entries if entry.outcome not in ("OK", "PRIOR_EDGE")]
    if failed:
        print(f"These predictions failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _keep_to_this_machine() -> None:
    """Choose a ROS domain of its own, so that other ROS programs are neither seen nor disturbed."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(random.SystemRandom().randint(1, 101)))


if __name__ == "__main__":
    sys.exit(main())
