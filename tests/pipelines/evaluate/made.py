"""A small benchmark and runs over it, made by hand: what comes of them can be told beforehand."""

from collections.abc import Mapping, Sequence
from typing import Any

from tte2_ray.cascade import Query
from tte2_ray.cascade.ledger import STAGES
from tte2_ray.pipelines.evaluate.benchmark import Benchmark, Task
from tte2_ray.pipelines.evaluate.measured import Measured, measure
from tte2_ray.schema import Item

QUERIES = 40


def query(name: str, pool: Sequence[str] = ()) -> Query:
    return Query(instruction="Find.", given=Item(item_id=name, text=f"words of {name}"),
                 pool=tuple(pool))  # fmt: skip


def task(name: str, **changes: Any) -> Task:
    """Of queries `<name>-<n>`, answered by `right`, among `right`, `near` and `wrong`."""
    ids = [f"{name}-{n}" for n in range(QUERIES)]
    given: dict[str, Any] = {
        "type": "qa", "modality": "image", "pool": "query", "measure": "Success@1",
        "corpus": "all", "queries": tuple(query(i, ("right", "near", "wrong")) for i in ids),
        "qrels": {i: {"right": 1} for i in ids},
    }  # fmt: skip
    return Task(name=name, **(given | changes))


def benchmark(*tasks: Task) -> Benchmark:
    return Benchmark(name="miniature", split="test", folder="made", corpora={"all": "items.jsonl"},
                     tasks=tasks or (task("one"), task("two")))  # fmt: skip


def run(
    of: Benchmark,
    system: str,
    right: Mapping[str, int],
    *,
    judge_tokens: int = 0,
    budget: int | None = None,
) -> Measured:
    """A run that answers the first `right[task]` queries of each task."""
    orders, ledger = {}, []
    for one in of.tasks:
        for n, name in enumerate(one.ids):
            good = n < right[one.name]
            orders[name] = ["right", "wrong"] if good else ["wrong", "right"]
            ledger += [row(name, stage) for stage in STAGES]
            ledger.append(row(name, "judge", prompt_text=judge_tokens))
    return measure(of, system, orders, ledger, budget=budget, steps={"full": len(orders)})


def row(query_id: str, stage: str, **spent: int) -> dict[str, Any]:
    """A row of a ledger; a query costs 10 tokens of its own ECR, of which 4 were cached."""
    own = {"prompt_text": 6, "prompt_visual": 3, "output": 1, "cached": 4}
    nothing = dict.fromkeys(own, 0)
    return {"query_id": query_id, "stage": stage,
            **(own if stage == "query_ecr" else nothing), **spent}  # fmt: skip
