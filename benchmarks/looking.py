"""What it costs to look: tokens of a query whose candidates are judged by their ECRs (ECRR), and of
the same query where they are judged by their pixels (the MM Ranker).

Both are served by the same judge through the same cascade, and counted by its engine. The ratios
are those of the miniature's picture sizes; the ECRs are those that the world calls true.
"""

from itertools import cycle, islice
from pathlib import Path
from statistics import fmean

from benchmarks.apart import JudgeApart, Seen
from benchmarks.configured import configured
from benchmarks.measure import ROUNDS
from benchmarks.pairs import asked_of, ranked
from benchmarks.phases import ROWS, WARM
from benchmarks.work import SEED, SPLIT, find_items
from tools.shown import Row
from tools.worlds import read_truth
from tte2_ray.cascade import CascadeConfig, Reranked
from tte2_ray.cascade.many import Retrieved
from tte2_ray.mini.world import candidates_of
from tte2_ray.schema import Item

QUERIES, CANDIDATES = 8, 20
"""Of a modality; of a query."""
TASKS = {
    "pictures": "image_retrieval",
    "videos": "video_retrieval",
    "pages": "visdoc_retrieval",
}
"""Whose items are of one modality."""


def looking(apart: JudgeApart, folder: Path, queries: int = QUERIES) -> list[Row]:
    """Tokens of a query both ways, for each modality.

    Args:
        apart: the judge.
        folder: of the job's configuration.
        queries: of each modality.
    """
    limits = configured(folder).media
    items, world = find_items(WARM + ROWS * ROUNDS)  # the world of the other benchmarks
    true = read_truth(world)
    rows: list[Row] = []
    for modality, task in TASKS.items():
        of_task = sorted((i for i in items if i.item_id.startswith(task)), key=_id)
        found = _retrieved(task, [(i.item_id, true[i.item_id]) for i in of_task], queries)
        seen = Seen(items={i.item_id: i for i in of_task}, limits=limits)
        rows += _compared(apart, modality, found, seen)
    return rows


def _retrieved(task: str, told: list[tuple[str, str]], queries: int) -> list[Retrieved]:
    """Each query with as many candidates, some of them of the next; all are of the world."""
    asked = [asked_of(candidates_of(task, SEED, SPLIT, number)) for number in range(queries)]
    following = cycle(told)
    return [(one, ranked(list(islice(following, CANDIDATES)))) for one in asked]


def _compared(apart: JudgeApart, modality: str, found: list[Retrieved], seen: Seen) -> list[Row]:
    """ECRR and MM Ranker over the same candidates of one modality.

    Raises:
        ValueError: a pair was refused: the counts would leave it out.
    """
    tokens = {}
    for mode in ("ecr", "media"):
        config = CascadeConfig(retrieve=CANDIDATES, judge=CANDIDATES, rewrite=0, mode=mode)
        answers = apart.rerank(found, config, seen).reranked
        require_all(answers, CANDIDATES)
        tokens[mode] = fmean(answer.spent for answer in answers)
        if mode == "media":
            visual = fmean(answer.ledger["judge"].prompt_visual for answer in answers)
    n, of = len(found), f"{CANDIDATES} {modality}"
    return [
        Row.stated(f"tokens of ECRR / of the MM Ranker, {of}", tokens["ecr"] / tokens["media"],
                   "ratio", n),
        Row.stated(f"tokens of a query, ECRR, {of}", tokens["ecr"], "tokens", n),
        Row.stated(f"tokens of a query, MM Ranker, {of}", tokens["media"], "tokens", n),
        Row.stated(f"visual tokens of a query, MM Ranker, {of}", visual, "tokens", n),
    ]  # fmt: skip


def require_all(answers: tuple[Reranked, ...], candidates: int) -> None:
    """Refuses counts that a refused pair is missing from.

    Raises:
        ValueError: one is.
    """
    for answer in answers:
        requests = answer.ledger["judge"].requests
        if requests != candidates:
            raise ValueError(
                f"{answer.query_id}: {candidates} pairs, {requests} answers ({dict(answer.notes)})"
            )


def _id(item: Item) -> str:
    return item.item_id
