"""Fetches the corpus, runs the job on it, and shows whether what is asked of it holds.

python -m tools.real_corpus [key=value …]        # further values for the job
"""

import subprocess
import sys
import time
from collections.abc import Sequence

from tools.job import CONFIG, index_job
from tools.real_corpus.checks import MIN_ITEMS, corpus_rows, read_run, run_rows
from tools.real_corpus.corpus import build_corpus
from tools.real_corpus.known import known_classes
from tools.shown import ROOT, begin, conclude, or_one_line
from tte2_ray.milvus.server import stop_server

TARGET = "real-corpus"
OWN = ROOT / "conf" / "real_corpus.yaml"


def main(overrides: Sequence[str]) -> int:
    """Returns the exit status.

    Args:
        overrides: `key=value` pairs for the job.
    """
    begin(TARGET)
    return or_one_line(lambda: _index_and_show(overrides))


def _index_and_show(overrides: Sequence[str]) -> int:
    config = index_job(overrides, [OWN]).config
    folder = (ROOT / config.corpus.path).parent
    corpus = build_corpus(folder, ROOT / "build" / TARGET / "downloads")
    rows = corpus_rows(corpus)
    if corpus.kinds.total() < MIN_ITEMS:
        print(f"too little was fetched to go on: {'; '.join(corpus.skipped)}", file=sys.stderr)
        return conclude(TARGET, rows)
    began = time.monotonic()
    status = run_job(overrides)
    run = read_run(config, ROOT, status, time.monotonic() - began)
    if not config.milvus.uri:
        stop_server(ROOT / config.milvus.data_dir)
    rows += run_rows(run, corpus.item_ids, known_classes(), config.report_note,
                     config.failure_budget)  # fmt: skip
    return conclude(TARGET, rows)


def run_job(overrides: Sequence[str]) -> int:
    """The job, as a person would start it; its exit status."""
    files = [part for file in (CONFIG, OWN) for part in ("--config", str(file.relative_to(ROOT)))]
    command = [sys.executable, "jobs/index_corpus.py", *files, *overrides]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
