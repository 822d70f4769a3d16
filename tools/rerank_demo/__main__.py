"""A log of 500 queries, most of them repeats, reranked under two budgets: `make rerank-demo`.

    index of `make demo` ┐
    log.jsonl ───────────┴▶ ray job submit jobs/rerank_logs.py, twice ─▶ report.html of each

What is started here ends here, also on Ctrl-C or an error.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools.demo.__main__ import QUERIES_PER_TASK, demo
from tools.demo.__main__ import job_overrides as index_overrides
from tools.demo.embedded_milvus import embedded_milvus
from tools.demo.miniature import miniature
from tools.demo.past import has_run_before
from tools.demo.ray_head import LOGICAL_CPUS, local_ray
from tools.demo.submit import submit_job
from tools.evaluation.__main__ import policy
from tools.job import index_job
from tools.rerank_demo.log import write_log
from tools.rerank_demo.measure import rows
from tools.shown import BUILD, Row, begin, conclude, opened, or_one_line
from tools.signals import termination_is_interruption

TARGET = "rerank-demo"
ROWS = 500
BUDGETS = (256, 2048)
"""Tokens a query, for rewriting and judging."""
SEED = 7


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo; returns the exit status, 0 where every row of the table holds."""
    given = _arguments().parse_args(argv)
    begin(TARGET)
    try:
        with termination_is_interruption():
            return or_one_line(lambda: rerank_demo(given.rows, given.budgets, given.open))
    except KeyboardInterrupt:
        print(f"\n{TARGET}   interrupted; what it started has ended. `make {TARGET}` goes on from "
              "here", file=sys.stderr)  # fmt: skip
        return 130


def rerank_demo(count: int, budgets: Sequence[int], show: bool) -> int:
    """The demo from the index to the pages.

    Args:
        count: rows of the log.
        budgets: tokens a query; one run of the job each.
        show: open the last page where there is a display.
    """
    began = time.monotonic()
    indexed, folder = BUILD / "demo", BUILD / TARGET
    folder.mkdir(parents=True, exist_ok=True)
    world = miniature(indexed, SEED, QUERIES_PER_TASK)
    config = index_job(index_overrides(world, indexed)).config
    if not has_run_before(indexed, config, world.folder, time.time()):
        _say("demo", "has not run yet: running it first")
        if failed := demo(SEED, QUERIES_PER_TASK, time.time(), False):
            return failed
    asked = write_log(folder / "log.jsonl", world.questions, count, SEED)
    _say("log", f"{count} rows, {len(world.questions)} distinct queries: build/{TARGET}/log.jsonl")
    with (
        embedded_milvus(config.milvus) as milvus,
        local_ray(lambda line: _say("ray", line)) as head,
    ):
        _say("milvus", f"{milvus.uri}, an embedded server on build/demo")
        _say("ray", f"{head.address}, a local head with {LOGICAL_CPUS} logical CPUs")
        for budget in budgets:
            entrypoint = ["python", "jobs/rerank_logs.py", *job_overrides(folder, budget)]
            submit_job(head, entrypoint, folder / f"job-{budget}.log",
                       lambda line: _say("job", line))  # fmt: skip
    questions = {question.query.given.item_id: question for question in world.questions}
    measured = [row for budget in budgets
                for row in rows(folder / f"{budget}", budget, asked, questions)]  # fmt: skip
    for budget in budgets:
        page = folder / f"{budget}" / "report.html"
        _say("page", opened(page) if show and budget == budgets[-1] else str(page))
    took = Row.stated("run", time.monotonic() - began, "s")
    return conclude(TARGET, [took, *measured])


def job_overrides(folder: Path, budget: int) -> list[str]:
    """What the job is told beside its configuration; paths are whole, it runs in a copy."""
    indexed = BUILD / "demo"
    return [
        "index=demo",
        f"log.path={folder / 'log.jsonl'}",
        "log.name=rerank-demo",
        f"budget.tokens_per_query={budget}",
        *policy(),
        f"store={indexed / 'artifacts'}",
        f"milvus.data_dir={indexed / 'milvus'}",
        f"report_dir={folder / str(budget)}",
    ]


def _arguments() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        prog="python -m tools.rerank_demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add("--rows", type=int, default=ROWS, help="of the log")
    add("--budgets", type=int, nargs="+", default=BUDGETS, help="tokens a query, a run each")
    add("--no-open", dest="open", action="store_false", help="do not open the page")
    return arguments


def _say(what: str, line: str) -> None:
    print(f"{what:<6} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
