"""What the demo states of itself: time, accounting, answers; each a row of build/demo.json."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tools.demo.ask import Answer
from tools.demo.past import FirstRun
from tools.shown import Row
from tte2_ray.metrics.intervals import Estimate, mean_of_means
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.pipelines.index.config import IndexConfig

FIRST_S, AGAIN_S = 480, 120


def time_rows(seconds: float, again: bool, first: FirstRun | None) -> list[Row]:
    """How long the demo took, this time and the first.

    Args:
        seconds: since `make demo` was typed.
        again: whether it had run to its end before with this world and these models.
        first: the run that made what this one found; None where this is it, or its time is unknown.
            It is stated without a target: a slow one has failed once already.
    """
    if not again:
        return [_time_row("run, first time", seconds, FIRST_S)]
    taken = [_time_row("run, again", seconds, AGAIN_S)]
    if first is not None:
        setup = "setup included" if first.with_setup else "set up before"
        taken.append(Row(name=f"first run, {setup}", value=round(first.seconds, 1), unit="s",
                         target="", holds=True, n=1))  # fmt: skip
    return taken


def _time_row(name: str, seconds: float, limit: int) -> Row:
    return Row(name=name, value=round(seconds, 1), unit="s", target=f"< {limit}",
               holds=seconds < limit)  # fmt: skip


def engines_row(config: IndexConfig, results: dict[str, Any]) -> Row:
    """How many of the two engines are vLLM; none is where the job ran by other models.

    Args:
        config: of the job.
        results: results.json of the job; its fingerprints say by what recipes it ran.
    """
    asked = {"ecr": config.ecr_recipe().fingerprint,
             "embedding": config.embedding_recipe().fingerprint}  # fmt: skip
    told = results["fingerprints"] == asked
    engines = config.reasoner.engine, config.embedder.engine
    real = sum(told and engine.kind == "vllm" for engine in engines)
    return Row(name="engines on vLLM", value=real, unit="engines", target=f"= {len(engines)}",
               holds=real == len(engines), n=len(engines))  # fmt: skip


def modalities(config: IndexConfig, item_ids: Iterable[str]) -> Counter[str]:
    """How many of these items a reader of the index finds, by modality.

    Args:
        config: of the job, with the `uri` of its Milvus.
        item_ids: that are looked for.

    Raises:
        ResourceMissingError: there is no such index.
    """
    found = Searcher(config.milvus).fetch(config.index, item_ids, output_fields=["modality"])
    return Counter(str(fields["modality"]) for fields in found.values())


def rows(
    answers: Sequence[Answer],
    results: dict[str, Any],
    items: Counter[str],
    indexed: Counter[str],
    again: bool,
) -> list[Row]:
    """All other rows.

    Args:
        answers: of every query.
        results: results.json of the job.
        items: of the world, by modality.
        indexed: those of them that the index holds, by modality.
        again: see `time_rows`.
    """
    count = results["rows"]
    kept = ("indexed", "unchanged", "rejected")
    closed = " + ".join(f"{count[name]} {name}" for name in kept)
    written = results["tokens_this_run"]["reason_output"]
    right = right_at_1(answers)
    answered = sum(bool(answer.hits) for answer in answers)
    return [
        Row(name="items of the world", value=items.total(), unit="items",
            target=f"= {count['in']} rows in", holds=items.total() == count["in"],
            n=items.total()),
        Row(name="rows in", value=count["in"], unit="rows", target=f"= {closed}",
            holds=count["in"] > 0 and count["in"] == sum(count[name] for name in kept),
            n=count["in"]),
        *_index_rows(count["indexed"] + count["unchanged"], items, indexed),
        Row(name="version is live", value=int(results["live"]), unit="yes", target="= 1",
            holds=results["live"]),
        Row(name="tokens written by the job", value=written, unit="tokens",
            target="= 0" if again else "", holds=not (again and written), n=count["in"]),
        Row(name="queries answered", value=answered, unit="queries", target=f"= {len(answers)}",
            holds=0 < answered == len(answers), n=len(answers)),
        Row(name="right at 1", value=right.value, unit="share", target="", holds=True,
            n=right.n, low=right.low, high=right.high),
    ]  # fmt: skip


def _index_rows(told: int, items: Counter[str], indexed: Counter[str]) -> list[Row]:
    """What is found in the index: all that the job tells of, and some of every modality."""
    return [
        Row(name="items found in the index", value=indexed.total(), unit="items",
            target=f"= {told} indexed or unchanged", holds=indexed.total() == told,
            n=items.total()),
        *(Row(name=f"items found in the index: {modality}", value=indexed[modality], unit="items",
              target="> 0", holds=indexed[modality] > 0, n=items[modality])
          for modality in sorted(items)),
    ]  # fmt: skip


def right_at_1(answers: Sequence[Answer]) -> Estimate:
    """Share of the answers whose first hit is right, with its 95 % interval."""
    import numpy as np

    return mean_of_means([np.array([answer.right_at_1 for answer in answers], dtype=float)])
