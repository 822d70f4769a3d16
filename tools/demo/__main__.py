"""A world generated, indexed by a job on Ray, searched, and shown: `make demo`.

    world ─▶ Milvus · Ray ─ ray job submit ─▶ index ─ ask ─▶ answers ─▶ build/demo.html

What is started here ends here, also on Ctrl-C or an error.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tools.demo.ask import ask
from tools.demo.embedded_milvus import embedded_milvus
from tools.demo.measure import engines_row, modalities, rows, time_rows
from tools.demo.miniature import Miniature, miniature
from tools.demo.page import render
from tools.demo.past import first_run, has_run_before, remember_run
from tools.demo.ray_head import LOGICAL_CPUS, local_ray
from tools.demo.submit import submit_job
from tools.job import index_job
from tools.shown import BUILD, ROOT, begin, conclude, opened, or_one_line
from tools.signals import termination_is_interruption

TARGET = "demo"
QUERIES_PER_TASK = 12
"""Each brings 4 to 7 near-misses: about 480 items and 108 queries."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo; returns the exit status, 0 where every row of the table holds."""
    given = _arguments().parse_args(argv)
    started = float(os.environ.get("DEMO_STARTED") or time.time())
    begin(TARGET)
    try:
        with termination_is_interruption():
            return or_one_line(
                lambda: demo(given.seed, given.queries_per_task, started, given.open)
            )
    except KeyboardInterrupt:
        print("\ndemo   interrupted; what it started has ended. `make demo` goes on from here",
              file=sys.stderr)  # fmt: skip
        return 130


def demo(seed: int, queries_per_task: int, started: float, show: bool) -> int:
    """The demo from the world to the page.

    Args:
        seed: of the world.
        queries_per_task: size of the world.
        started: when `make demo` was typed, in seconds since the epoch.
        show: open the page where there is a display.
    """
    folder = BUILD / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    world = miniature(folder, seed, queries_per_task)
    how = "generated" if world.fresh else "found as it was generated"
    _say("world", f"{len(world.items)} items, {len(world.questions)} queries ({how}): "
                  f"{_shown(world.folder)}")  # fmt: skip
    overrides = job_overrides(world, folder)
    config = index_job(overrides).config
    again = has_run_before(folder, config, world.folder, started)
    with embedded_milvus(config.milvus) as milvus:
        _say("milvus", f"{milvus.uri}, an embedded server on {_shown(Path(milvus.data_dir))}")
        with local_ray(lambda line: _say("ray", line)) as head:
            _say("ray", f"{head.address}, a local head with {LOGICAL_CPUS} logical CPUs")
            entrypoint = ["python", "jobs/index_corpus.py", *overrides]
            submit_job(head, entrypoint, folder / "job.log", lambda line: _say("job", line))
        answers = ask(config.with_milvus(milvus), world.questions, folder / "thoughts.jsonl",
                      lambda line: _say("ask", line))  # fmt: skip
        indexed = modalities(config.with_milvus(milvus), world.items)
    results = json.loads((folder / "index" / "results.json").read_text())
    items = Counter(str(item.modality) for item in world.items.values())
    measured = [engines_row(config, results), *rows(answers, results, items, indexed, again)]
    first = first_run(folder) if again else None
    until_here = time_rows(time.time() - started, again, first)
    page = BUILD / "demo.html"
    page.write_text(render(world, answers, results, [*until_here, *measured], config.media,
                           "demo/index/report.html"))  # fmt: skip
    _say("page", opened(page) if show else str(page))
    seconds = time.time() - started
    if not again:
        remember_run(folder, config, world.folder, started, seconds)
    return conclude(TARGET, [*time_rows(seconds, again, first), *measured])


def job_overrides(world: Miniature, folder: Path) -> list[str]:
    """What the job is told beside its configuration; paths are whole, it runs in a copy."""
    return [
        "index=demo",
        f"corpus.path={world.manifest}",
        "corpus.rows_per_shard=48",
        f"store={folder / 'artifacts'}",
        f"milvus.data_dir={folder / 'milvus'}",
        f"report_dir={folder / 'index'}",
    ]


def _arguments() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    add = arguments.add_argument
    add("--seed", type=int, default=7, help="of the world; another seed is another world")
    add("--queries-per-task", type=int, default=QUERIES_PER_TASK, help="size of the world")
    add("--no-open", dest="open", action="store_false", help="do not open the page")
    return arguments


def _say(what: str, line: str) -> None:
    print(f"{what:<6} {line}", flush=True)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
