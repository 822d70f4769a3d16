"""A target of several parts: runs what is named, or everything, and concludes."""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.shown import Row, begin, conclude, or_one_line, table

Part = Callable[[Path], list[Row]]
"""Takes a folder of its own."""


def run_target(
    target: str, parts: Mapping[str, Part], argv: Sequence[str] | None, prog: str, words: str | None
) -> int:
    """Runs a target; the exit status.

    Args:
        target: `build/<target>.json` is written; of some parts alone, under a longer name.
        parts: by name, in order.
        argv: `--only NAME`, again and again; None takes those of the process.
        prog: how it is called, for --help.
        words: about it, likewise.
    """
    arguments = argparse.ArgumentParser(prog=prog, description=words)
    arguments.add_argument("--only", action="append", choices=parts, metavar="NAME",
                           help=f"one of {', '.join(parts)}; may be given again")  # fmt: skip
    only = arguments.parse_args(argv).only
    named = "-".join([target, *(only or ())])  # a part says nothing about the whole
    begin(named)
    return or_one_line(lambda: _run(named, {name: parts[name] for name in only or parts}))


def _run(target: str, parts: Mapping[str, Part]) -> int:
    rows: list[Row] = []
    for name, part in parts.items():
        began = time.monotonic()
        print(f"{name} …", flush=True)
        with tempfile.TemporaryDirectory(prefix="tte2-bench-") as folder:
            found = part(Path(folder))
        print(f"{table(found)}\n{name} took {time.monotonic() - began:.0f} s\n", flush=True)
        rows += found
    return conclude(target, rows)
