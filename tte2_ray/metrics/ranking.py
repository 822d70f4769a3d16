"""The value of a measure for each query, through ir_measures, whose names are kept.

nDCG takes the grade itself as gain ("linear", as trec_eval and MMEB-V2 do), not 2^grade - 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from tte2_ray.errors import ConfigError

if TYPE_CHECKING:
    from ir_measures.measures import Measure


def require_measure(name: str) -> None:
    """Refuses what is no measure.

    Raises:
        ConfigError: ir_measures does not know the name.
    """
    _parsed(name)


def per_query(
    measures: Iterable[str],
    qrels: Mapping[str, Mapping[str, int]],
    orders: Mapping[str, Sequence[str]],
) -> dict[str, dict[str, float]]:
    """Values by measure and query id; 0 for a query that found nothing.

    Args:
        measures: names as ir_measures has them, e.g. "Success@1", "nDCG@5".
        qrels: grades by query id and item id; its queries are those that are measured.
        orders: item ids by query id, best first.

    Raises:
        ConfigError: a name is none of a measure.

    >>> per_query(["Success@1"], {"q": {"a": 1}, "r": {"a": 1}}, {"q": ["a", "b"]})
    {'Success@1': {'q': 1.0, 'r': 0.0}}
    """
    import ir_measures

    parsed = {name: _parsed(name) for name in measures}
    # trec_eval sorts by score and breaks ties by id: ranks as scores keep the order as it is.
    run = {
        query: {item: float(-rank) for rank, item in enumerate(items)}
        for query, items in orders.items()
        if query in qrels
    }
    values = {name: dict.fromkeys(qrels, 0.0) for name in parsed}
    names = {measure: name for name, measure in parsed.items()}
    grades = {query: dict(of_query) for query, of_query in qrels.items()}
    for metric in ir_measures.iter_calc(list(names), grades, run):
        values[names[metric.measure]][metric.query_id] = float(metric.value)
    return values


def _parsed(name: str) -> "Measure":
    import ir_measures

    try:
        return ir_measures.parse_measure(name)
    except (NameError, ValueError, TypeError, SyntaxError) as error:
        message = f"{name!r} is no measure of ir_measures: write Success@1, nDCG@5, RR@10 or alike"
        raise ConfigError(message) from error
