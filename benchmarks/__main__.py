"""Run the benchmarks: `python -m benchmarks [--only NAME]…`, or `make bench`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.judging import judging
from benchmarks.loading import loading
from benchmarks.memory import driver_memory
from benchmarks.phases import ecr_phase, embed_phase
from benchmarks.prefixes import prefixes
from benchmarks.ray_data_llm import beside_ray_data_llm
from benchmarks.reranking import reranking
from tools.shown import Row, begin, conclude, or_one_line, table

BENCHMARKS: dict[str, Callable[[Path], list[Row]]] = {
    "ecr": ecr_phase,
    "embed": embed_phase,
    "load": loading,
    "judging": judging,
    "prefixes": prefixes,
    "reranking": reranking,
    "memory": driver_memory,
    "ray_data_llm": beside_ray_data_llm,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is named, or everything. Returns the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("--only", action="append", choices=BENCHMARKS, metavar="NAME",
                           help=f"one of {', '.join(BENCHMARKS)}; may be given again")  # fmt: skip
    only = arguments.parse_args(argv).only
    chosen = only or list(BENCHMARKS)
    target = "-".join(["bench", *(only or ())])  # a part says nothing about the whole
    begin(target)
    return or_one_line(lambda: _run(target, chosen))


def _run(target: str, chosen: Sequence[str]) -> int:
    rows: list[Row] = []
    for name in chosen:
        began = time.monotonic()
        print(f"{name} …", flush=True)
        with tempfile.TemporaryDirectory(prefix="tte2-bench-") as folder:
            found = BENCHMARKS[name](Path(folder))
        print(f"{table(found)}\n{name} took {time.monotonic() - began:.0f} s\n", flush=True)
        rows += found
    return conclude(target, rows)


if __name__ == "__main__":
    sys.exit(main())
