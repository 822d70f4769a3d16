"""TREC's two line formats: runs (`query Q0 item rank score tag`) and qrels (`query 0 item grade`).

Fields are separated by blanks, so an id that holds one cannot be written.
"""

from collections.abc import Iterable, Iterator, Sequence

from tte2_ray.errors import ValidationError

_RUN_FIELDS, _QRELS_FIELDS = 6, 4


def read_run(lines: Iterable[str], where: str = "run") -> dict[str, list[str]]:
    """The item ids of each query, best first: by rank, as it was written.

    Scores are not looked at. The scores of a cascade come from two models (what was judged stands
    before what was not), and readers that sort by score, as trec_eval does, break ties by id.

    Args:
        lines: of the run.
        where: its name, for messages.

    Raises:
        ValidationError: a line is none of a run, or an item comes twice for a query.

    >>> read_run(["q Q0 b 2 0.9 x", "q Q0 a 1 0.1 x"])
    {'q': ['a', 'b']}
    """
    ranked: dict[str, list[tuple[int, str]]] = {}
    for number, fields in _fields(lines, _RUN_FIELDS, where):
        query_id, _, item_id, rank = fields[:4]
        ranked.setdefault(query_id, []).append((_whole(rank, number, where), item_id))
    orders = {query: [item for _, item in sorted(rows)] for query, rows in ranked.items()}
    for query, items in orders.items():
        if len(set(items)) < len(items):
            twice = next(item for i, item in enumerate(items) if item in items[:i])
            raise ValidationError(f"{where}: item {twice} comes twice for query {query}")
    return orders


def run_lines(query_id: str, ranked: Sequence[tuple[str, float]], tag: str) -> Iterator[str]:
    """The lines of one query.

    Args:
        query_id: without blanks.
        ranked: item ids and scores, best first.
        tag: names the system.

    Raises:
        ValidationError: an id is empty or holds a blank.

    >>> list(run_lines("q", [("a", 0.5)], "tte"))
    ['q Q0 a 1 0.5 tte']
    """
    for rank, (item_id, score) in enumerate(ranked, start=1):
        for name in (query_id, item_id, tag):
            if len(name.split()) != 1 or name.strip() != name:
                raise ValidationError(
                    f"id {name!r} is empty or holds a blank: no TREC run takes it"
                )
        yield f"{query_id} Q0 {item_id} {rank} {score:.6g} {tag}"


def read_qrels(lines: Iterable[str], where: str = "qrels") -> dict[str, dict[str, int]]:
    """Grades by query id and item id.

    Args:
        lines: of the qrels.
        where: their name, for messages.

    Raises:
        ValidationError: a line is none of qrels.

    >>> read_qrels(["q 0 a 2"])
    {'q': {'a': 2}}
    """
    grades: dict[str, dict[str, int]] = {}
    for number, fields in _fields(lines, _QRELS_FIELDS, where):
        query_id, _, item_id, grade = fields
        grades.setdefault(query_id, {})[item_id] = _whole(grade, number, where)
    return grades


def _fields(lines: Iterable[str], count: int, where: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != count:
            raise ValidationError(f"{where}, line {number}: {len(fields)} fields, not {count}")
        yield number, fields


def _whole(text: str, number: int, where: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValidationError(f"{where}, line {number}: {text!r} is no whole number") from error
