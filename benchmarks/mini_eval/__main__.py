"""`make mini-eval`: the committed miniatures on a world of the test split (docs/mini.md).

world ─ reason (vLLM) ─▶ ECRs ─▶ salient attributes, right or wrong
      └ look with a query in hand (vLLM) ─▶ rewritten ECRs ─▶ what each ask meets, right or wrong
                          ├─ embed with ECR (vLLM) ─▶ vectors ┐
          embed directly (vLLM) ─▶ vectors ───────────────────┴▶ measures by task, paired
240 items, 60 queries ─ transformers ─▶ ECRs, vectors ─▶ the same as vLLM's?
"""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.mini_eval.accuracy import all_marks
from benchmarks.mini_eval.keep import Kept, keep_world
from benchmarks.mini_eval.looks import looks_at
from benchmarks.mini_eval.made import made_rows
from benchmarks.mini_eval.models import embed, job_config, reason, with_embedder
from benchmarks.mini_eval.parity import Peer, sample
from benchmarks.mini_eval.retrieval import measured
from benchmarks.mini_eval.table import (
    attribute_rows,
    by_task,
    exact_rows,
    look_rows,
    parity_rows,
    retrieval_rows,
)
from benchmarks.mini_eval.world import Eval, Turn, read_world
from tools.shown import BUILD, Row, begin, conclude, or_one_line
from tte2_ray.engines import resolve_model
from tte2_ray.errors import ConfigError
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.report import spread

if TYPE_CHECKING:
    import numpy as np

    Vectors = np.ndarray[Any, np.dtype[np.float32]]

TARGET = "mini-eval"
BEGAN = time.monotonic()


def say(line: str) -> None:
    """One line of progress."""
    print(f"[{time.monotonic() - BEGAN:5.0f} s] {line}", file=sys.stderr, flush=True)


def main() -> int:
    """Measures, shows, returns the exit status."""
    told = _told()
    begin(TARGET)
    return or_one_line(lambda: _measure(told))


def _measure(told: argparse.Namespace) -> int:
    if min(told.queries, told.same, told.asked) < 1:
        raise ConfigError("--queries counts queries of a task, --same items of a kind, --asked "
                          "queries of all: from 1 up")  # fmt: skip
    tte = job_config(told.reasoner, told.embedder)
    direct = with_embedder(tte, told.direct, reads_ecr=False)
    # A model that is missing ends the run before any work.
    folders = {
        "reasoner": Path(resolve_model(tte.reasoner.engine.model)),
        "embedder": Path(resolve_model(tte.embedder.engine.model)),
        "direct": Path(resolve_model(told.direct)),
        **{role: Path(resolve_model(f"mini:{role}")) for role in ("judge", "rewriter")},
    }
    say(f"a test world of {told.queries} queries a task")
    kept = keep_world(BUILD / TARGET, told.seed, "test", told.queries, told.fresh)
    eval_ = read_world(kept.folder)
    turns = [*eval_.items, *(query.turn for query in eval_.queries)]
    looks = looks_at(eval_, told.seed, "test", told.queries)
    say(f"{len(eval_.items)} items, {len(eval_.queries)} queries and {len(looks)} looks; "
        "reasoning about each")  # fmt: skip
    shown = [*turns, *(look.turn for look in looks)]
    ecrs = kept.ecrs(tte.ecr_recipe().fingerprint, lambda: reason(shown, tte, say))
    say("embedding with ECRs")
    vectors = _vectors(kept, turns, ecrs, tte)
    say("embedding directly")
    plain = _vectors(kept, turns, {}, direct)
    found = all_marks(eval_, ecrs)
    rows = made_rows(folders) + attribute_rows(found) + look_rows(looks, ecrs)
    rows += retrieval_rows(_measures(eval_, vectors), _measures(eval_, plain))
    say("transformers on a sample")
    seen = {"embedder": (tte, vectors), "direct": (direct, plain)}
    rows += _parity(eval_, ecrs, seen, told.same, told.asked)
    rows += exact_rows(eval_, ecrs, found)
    say("done")
    status = conclude(TARGET, rows)
    print(f"\n{by_task(rows)}")
    return status


def _told() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reasoner", default="mini:reasoner", help="a folder, or mini:reasoner")
    parser.add_argument("--embedder", default="mini:embedder", help="likewise")
    parser.add_argument("--direct", default="mini:direct", help="the embedder without ECRs")
    parser.add_argument("--queries", type=int, default=112, help="of each of the nine tasks")
    parser.add_argument("--seed", type=int, default=20261125, help="of the world")
    parser.add_argument("--same", type=int, default=48, help="items of a kind for transformers")
    parser.add_argument("--asked", type=int, default=60, help="queries for transformers")
    parser.add_argument("--fresh", action="store_true", help="use nothing of an earlier run")
    return parser.parse_args()


def _vectors(kept: Kept, turns: list[Turn], ecrs: dict[str, str], config: IndexConfig) -> "Vectors":
    return kept.vectors(
        config.embedding_recipe().fingerprint, lambda: embed(turns, ecrs, config, say)
    )


def _measures(eval_: Eval, vectors: "Vectors") -> "dict[str, Any]":
    items = len(eval_.items)
    return measured(eval_, vectors[:items], vectors[items:])


def _parity(
    eval_: Eval,
    ecrs: dict[str, str],
    embedders: "dict[str, tuple[IndexConfig, Vectors]]",
    each: int,
    asked: int,
) -> list[Row]:
    kinds, queries = sample(eval_, each), [query.turn for query in eval_.queries]
    chosen = spread(queries, asked)  # they stand by task, so that all tasks are met
    turns = [*(turn for group in kinds.values() for turn in group), *chosen]
    place = {turn.name: i for i, turn in enumerate([*eval_.items, *queries])}
    cosines = {}
    for name, (config, vectors) in embedders.items():
        reads = config.embedder.reads_ecr
        seen = [turn for turn in turns if ecrs[turn.name] or not reads]
        embedder = resolve_model(config.embedder.engine.model)
        theirs = Peer(embedder, config.media, config.embedder.instruction).vectors(
            seen, [ecrs[turn.name] if reads else "" for turn in seen]
        )
        ours = vectors[[place[turn.name] for turn in seen]].astype(float)
        cosines[name] = (ours * theirs).sum(axis=1)
    reasoner = resolve_model(config.reasoner.engine.model)
    peer = Peer(reasoner, config.media, config.reasoner.instruction)
    written = peer.ecrs(turns, config.reasoner.sampling.max_tokens)
    same = {t.name: ecr == ecrs[t.name] for ecr, t in zip(written, turns, strict=True)}
    items = {kind: [same[turn.name] for turn in group] for kind, group in kinds.items()}
    return parity_rows(items, [same[turn.name] for turn in chosen], cosines)


if __name__ == "__main__":
    sys.exit(main())
