"""What was measured as rows: what docs/mini.md promises with its target, the rest only stated."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from benchmarks.mini_eval.accuracy import accuracy, met, of_kind, word_for_word
from benchmarks.mini_eval.looks import TASK_OF, Look
from benchmarks.mini_eval.marks import Mark
from benchmarks.mini_eval.slots import MEDIA, Kind, repeats
from benchmarks.mini_eval.world import Eval
from tools.shown import Row
from tte2_ray.metrics.intervals import Estimate, mean_of_means, share
from tte2_ray.mini.tasks import TASKS

if TYPE_CHECKING:
    import numpy as np

    Values = np.ndarray[Any, np.dtype[np.float64]]

LEAST_QUERIES, LEAST_COMPARED, LEAST_ALIKE, LEAST_COSINE = 1000, 240, 0.98, 0.999
PARITY = "transformers and vLLM:"
TWICE: Final[tuple[Literal["picture", "page"], ...]] = ("picture", "page")
"""Kinds whose statement says again what their thinking says."""


def stated(name: str, e: Estimate, unit: str = "share") -> Row:
    """An estimate without a target."""
    return Row.stated(name, e.value, unit, e.n, e.low, e.high)


def attribute_rows(found: Sequence[Mark]) -> list[Row]:
    """The accuracy of salient attributes of items with media, and what it is made of."""
    salient = [m for m in found if m.salient]
    whole = accuracy(salient)
    rows = [Row(name="ECR: salient attributes", value=whole.value, unit="share", target=">= 0.95",
                holds=whole.value >= 0.95, n=whole.n, low=whole.low, high=whole.high)]  # fmt: skip
    groups: defaultdict[str, list[Mark]] = defaultdict(list)
    for kind in MEDIA:
        own = [m for m in salient if m.kind == kind]
        groups[f"ECR: {kind}s"] = own
        for m in own:
            groups[f"ECR: {kind}s, {m.attribute}"].append(m)
        for m in own:
            if m.held_out is not None:
                name = f"ECR: {kind}s, {'held-out' if m.held_out else 'seen'} combinations"
                groups[name].append(m)
    for m in found:
        if not m.salient:
            groups[f"ECR: {m.kind}s, {m.attribute} (not counted)"].append(m)
    return rows + [stated(name, accuracy(group)) for name, group in groups.items()]


def exact_rows(eval_: Eval, ecrs: Mapping[str, str], found: Sequence[Mark]) -> list[Row]:
    """How many ECRs are the true ones word for word, of items by kind and of queries by task; and
    how many statements of items repeat their thinking (it is the thinking that is judged)."""
    turns = [*eval_.items, *(query.turn for query in eval_.queries)]
    refused = sum(not ecrs[turn.name] for turn in turns)
    rows = [Row.stated("ECRs that the job would reject", refused, "ECRs", len(turns))]
    for twice in TWICE:
        names = of_kind(found, twice)
        again = sum(repeats(ecrs[name], twice) for name in names) / len(names)
        rows.append(Row.stated(f"ECR repeats its thinking: {twice}s", again, "share", len(names)))
    for what, (right, n) in word_for_word(eval_, ecrs, found).items():
        rows.append(Row.stated(f"ECR word for word: {what}", right, "share", n))
    return rows


def look_rows(looks: Sequence[Look], ecrs: Mapping[str, str]) -> list[Row]:
    """How many asks of a query-aware look are answered by exactly what is true.

    Args:
        looks: with media and without.
        ecrs: the rewritten ones, by name of the look.
    """
    rows = []
    for way, sees in (("with media", True), ("without media", False)):
        asked = [(look, one) for look in looks if look.sees == sees for one in look.asked]
        groups = {
            "what each ask meets": asked,
            **{f"{kind}s": [pair for pair in asked if pair[0].kind == kind] for kind in TASK_OF},
            "fine detail": [pair for pair in asked if pair[1].fine],
            "where the ECR errs": [pair for pair in asked if pair[1].misled],
        }
        rows += [stated(f"rewrites {way}: {name}", met(group, ecrs))
                 for name, group in groups.items() if group]  # fmt: skip
    return rows


def retrieval_rows(tte: "Mapping[str, Values]", direct: "Mapping[str, Values]") -> list[Row]:
    """TTE against direct embedding: the mean over tasks, and every task.

    Args:
        tte: the measure of every query, by task.
        direct: of the same queries in the same order.
    """
    gain = mean_of_means([tte[task] - direct[task] for task in TASKS])
    rows = [
        Row(name="TTE minus direct: mean over tasks", value=gain.value, unit="score",
            target="interval above 0", holds=gain.low > 0, n=gain.n, low=gain.low,
            high=gain.high),
        Row(name="queries", value=gain.n, unit="queries", target=f">= {LEAST_QUERIES}",
            holds=gain.n >= LEAST_QUERIES, n=gain.n),
        stated("TTE: mean over tasks", mean_of_means([tte[task] for task in TASKS])),
        stated("direct: mean over tasks", mean_of_means([direct[task] for task in TASKS])),
    ]  # fmt: skip
    for task in TASKS.values():
        difference = mean_of_means([tte[task.name] - direct[task.name]])
        rows += [
            stated(f"TTE: {task.name}", mean_of_means([tte[task.name]]), task.measure),
            stated(f"direct: {task.name}", mean_of_means([direct[task.name]]), task.measure),
            stated(f"TTE minus direct: {task.name}", difference, task.measure),
        ]
    return rows


def parity_rows(
    items: Mapping[Kind, Sequence[bool]],
    queries: Sequence[bool],
    cosines: "Mapping[str, Values]",
) -> list[Row]:
    """transformers against vLLM.

    Args:
        items: of each item, by kind, whether both wrote the same greedy ECR.
        queries: likewise of each query.
        cosines: of each item and query, by embedder.
    """
    every = [same for group in items.values() for same in group]
    rows = [_alike("items", every), _alike("queries", queries)]
    if not all(every):
        rows += [stated(f"{PARITY} same greedy ECR, {kind}s", share(sum(group), len(group)))
                 for kind, group in items.items()]  # fmt: skip
    rows.append(Row(name=f"{PARITY} items compared", value=len(every), unit="items",
                    target=f">= {LEAST_COMPARED}", holds=len(every) >= LEAST_COMPARED,
                    n=len(every)))  # fmt: skip
    for name, values in cosines.items():
        least = float(values.min())
        rows.append(Row(name=f"{PARITY} least cosine, {name}", value=least, unit="cosine",
                        target=f">= {LEAST_COSINE}", holds=least >= LEAST_COSINE,
                        n=len(values)))  # fmt: skip
    return rows


def _alike(what: str, same: Sequence[bool]) -> Row:
    e = share(sum(same), len(same))
    return Row(name=f"{PARITY} same greedy ECR, {what}", value=e.value, unit="share",
               target=f">= {LEAST_ALIKE}", holds=e.value >= LEAST_ALIKE, n=e.n, low=e.low,
               high=e.high)  # fmt: skip


def by_task(rows: Iterable[Row]) -> str:
    """The table of section "TTE against direct" as a terminal shows it."""
    found = {row.name: row for row in rows}
    lines = [f"{'task':22}{'measure':11}{'n':>6}{'TTE':>8}{'direct':>8}{'TTE - direct':>14}"
             f"   {'95 % interval':20} TTE is"]  # fmt: skip
    for name in (*TASKS, "mean over tasks"):
        tte, direct, gain = (
            found[f"{side}: {name}"] for side in ("TTE", "direct", "TTE minus direct")
        )
        measure = TASKS[name].measure if name in TASKS else ""
        bounds = f"{gain.low:+.3f} to {gain.high:+.3f}"
        lines.append(f"{name:22}{measure:11}{gain.n:6}{tte.value:8.3f}{direct.value:8.3f}"
                     f"{gain.value:+14.3f}   {bounds:20} {verdict(gain)}")  # fmt: skip
    return "\n".join(lines)


def verdict(gain: Row) -> str:
    """What the interval of a difference says.

    >>> verdict(Row(name="", value=0.1, unit="", target="", holds=True, low=-0.1, high=0.3))
    'not shown to be better'
    """
    if gain.low is not None and gain.low > 0:
        return "better"
    return "WORSE" if gain.high is not None and gain.high < 0 else "not shown to be better"
