"""Runs and measures: what each query finds, and how good that is.

Search is exact, by the cosine with every candidate: a few thousand vectors need no index, and an
approximate one would mix its own recall into the comparison of two embedders.

Letters: Q queries, I items, D values.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.mini_eval.world import Eval, Query
from tte2_ray.mini.tasks import TASKS

if TYPE_CHECKING:
    import numpy as np

    Values = np.ndarray[Any, np.dtype[np.float64]]
    Vectors = np.ndarray[Any, np.dtype[np.float32]]

DEPTH = 10
"""Items kept of each ranking; the measures look at five at most."""


def ranking(
    query: Query, scores_I: "Vectors", names: Sequence[str], place: dict[str, int]
) -> dict[str, float]:
    """The best items and their scores: of the query's own pool, or of the whole corpus.

    What has no vector is not in the index: it is found by none, and as a query it finds nothing.

    Args:
        query: whose pool decides.
        scores_I: its cosine with every item of the corpus.
        names: of the items.
        place: of each name in `names`.
    """
    import numpy as np

    best: Iterable[int] = (place[name] for name in query.pool)
    if not query.pool:
        known_I = np.nan_to_num(scores_I, nan=-np.inf)
        best = np.argpartition(-known_I, min(DEPTH, len(names) - 1))[:DEPTH].tolist()
    return {names[i]: float(scores_I[i]) for i in best if np.isfinite(scores_I[i])}


def measured(eval_: Eval, items_ID: "Vectors", queries_QD: "Vectors") -> "dict[str, Values]":
    """The task's measure of every query: values by task, in the order of the queries.

    nDCG takes the grade itself as gain ("linear", as trec_eval and MMEB-V2 do), not 2^grade - 1.

    Args:
        eval_: queries, pools and grades.
        items_ID: unit vectors in the order of `eval_.items`.
        queries_QD: unit vectors in the order of `eval_.queries`.
    """
    import ir_measures
    import numpy as np

    names = [turn.name for turn in eval_.items]
    place = {name: i for i, name in enumerate(names)}
    scores_QI = queries_QD @ items_ID.T
    values: dict[str, Values] = {}
    for task in TASKS.values():
        rows = [q for q, query in enumerate(eval_.queries) if query.task == task.name]
        ids = [eval_.queries[q].turn.name for q in rows]
        run = {i: ranking(eval_.queries[q], scores_QI[q], names, place)
               for i, q in zip(ids, rows, strict=True)}  # fmt: skip
        measure = ir_measures.parse_measure(task.measure)
        qrels = {i: eval_.qrels[i] for i in ids}
        metrics = ir_measures.iter_calc([measure], qrels, run)
        found = {metric.query_id: float(metric.value) for metric in metrics}
        values[task.name] = np.array([found.get(i, 0.0) for i in ids])
    return values
