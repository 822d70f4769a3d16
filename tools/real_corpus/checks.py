"""What is asked of the run: enough items of each kind, every row accounted for and explained."""

import html
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.real_corpus.corpus import Corpus
from tools.real_corpus.entries import KINDS
from tools.shown import Row
from tte2_ray.artifacts.dead_letters import DeadLetter, read_dead_letters
from tte2_ray.artifacts.shards import read_plan
from tte2_ray.artifacts.store import key_part, open_store
from tte2_ray.errors import RowErrorClass
from tte2_ray.pipelines.index.config import IndexConfig

MIN_ITEMS = 2000
LEAST_OF_KIND = {"pdf page": 100}
"""Where one item of a kind is not enough."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the job on the corpus."""

    status: int
    """The job's exit status."""
    seconds: float
    """Wall time of the job, from its start to its end, engines included."""
    results: Mapping[str, Any]
    """results.json; empty where the job did not come to count its rows."""
    page: str
    """report.html; "" where the job wrote none."""
    letters: Sequence[DeadLetter]


def read_run(config: IndexConfig, root: Path, status: int, seconds: float) -> Run:
    """What a run left behind.

    Args:
        config: that the job ran with; its paths are relative to `root`.
        root: the working folder of the job.
        status: its exit status.
        seconds: its wall time.
    """
    folder = root / config.report_dir
    if not (folder / "results.json").is_file():
        return Run(status=status, seconds=seconds, results={}, page="", letters=())
    results = json.loads((folder / "results.json").read_text())
    if "rows" not in results:
        return Run(status=status, seconds=seconds, results={}, page="", letters=())
    store = open_store(str(root / config.store))
    prefix = f"corpora/{key_part(config.corpus.name)}"
    plan = read_plan(store, prefix, results["corpus"]["digest"])
    of_version = f"dead-letter/{key_part(config.index)}-{results['version']}"
    keys = [*plan.dead_letters, *(key for key, _ in store.list(of_version))]
    page = (folder / "report.html").read_text()
    letters = tuple(read_dead_letters(store, keys))
    return Run(status=status, seconds=seconds, results=results, page=page, letters=letters)


def corpus_rows(corpus: Corpus) -> list[Row]:
    """Whether there is enough to index."""
    total = corpus.kinds.total()
    rows = [_at_least("items fetched", total, MIN_ITEMS, "items")]
    for kind in KINDS:
        least = LEAST_OF_KIND.get(kind, 1)
        rows.append(_at_least(f"{kind}s fetched", corpus.kinds[kind], least, "items"))
    rows.append(Row.stated("sources left out", len(corpus.skipped), "sources", 1))
    return rows


def run_rows(
    run: Run, item_ids: Collection[str], known: Mapping[str, str], note: str, budget: float
) -> list[Row]:
    """Whether the run holds.

    Args:
        run: of the job.
        item_ids: of the corpus.
        known: the class of each file that is known to be rejected, by item id.
        note: what the page must say.
        budget: the failure budget, a share.
    """
    rows = [_none("exit status of the job", run.status, "status", 1)]
    if not run.results:
        return rows
    counts = run.results["rows"]
    rows_in, rejected = counts["in"], counts["rejected"]
    kept = counts["indexed"] + counts["unchanged"]
    # Whether a reasoner writes nothing depends on its weights; every other class is foreseen.
    empty = RowErrorClass.EMPTY_ECR.value
    found = {(a.item_id, a.error_class) for a in run.letters if a.error_class != empty}
    unlike = found ^ {(a, error_class) for a, error_class in known.items() if a in item_ids}
    share = rejected / max(rows_in, 1)
    says = bool(note) and note in html.unescape(run.page)
    return [
        *rows,
        _none("items that are no row of the job", abs(len(item_ids) - rows_in), "rows", rows_in),
        _none("rows in - indexed - unchanged - rejected", rows_in - kept - rejected, "rows",
              rows_in),
        Row.stated("rows indexed or unchanged", kept, "rows", rows_in),
        Row.stated("rows rejected", rejected, "rows", rows_in),
        _none("rejected rows without class and message", _unexplained(run.letters, rejected),
              "rows", rejected),
        _none("rejected rows unlike the known ones", len({item_id for item_id, _ in unlike}),
              "rows", rejected),
        Row(name="rejected share", value=share, unit="share", target=f"<= {budget:g}",
            holds=share <= budget, n=rows_in),
        _at_least("sampled rows that find themselves", run.results["checks"]["self_recall"], 0.99,
                  "share", run.results["checks"]["sampled_rows"]),
        _at_least("version is live", int(run.results["live"]), 1, "yes"),
        _at_least("page says that this is no quality", int(says), 1, "yes"),
        *_speed(run, rows_in),
    ]  # fmt: skip


def _unexplained(letters: Sequence[DeadLetter], rejected: int) -> int:
    """Rejected rows without a letter, and letters without a known class or a message."""
    classes = {known.value for known in RowErrorClass}
    explained = sum(letter.error_class in classes and bool(letter.message.strip())
                    for letter in letters)  # fmt: skip
    return abs(rejected - len(letters)) + len(letters) - explained


def _speed(run: Run, rows_in: int) -> list[Row]:
    rows = [Row.stated("wall time of the job", run.seconds, "s", rows_in)]
    for phase in run.results["phases"]:
        if phase["rows"]:
            name = f"{phase['name']}, engine start included"
            rows.append(Row.stated(name, phase["rows"] / phase["seconds"], "rows/s", phase["rows"]))
    return rows


def _at_least(name: str, value: float, least: float, unit: str, n: int = 1) -> Row:
    return Row(name=name, value=value, unit=unit, target=f">= {least:g}", holds=value >= least, n=n)


def _none(name: str, value: int, unit: str, n: int) -> Row:
    return Row(name=name, value=value, unit=unit, target="0", holds=value == 0, n=n)
