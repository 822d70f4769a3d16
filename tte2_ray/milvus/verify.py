"""Is a loaded collection what it should be? Counts, and whether sampled rows find themselves."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tte2_ray.config import require_at_least
from tte2_ray.errors import ConfigError, ValidationError
from tte2_ray.milvus.searcher import K_MAX, Hit, Searcher

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_TOP = 5
_SAMPLE_PAGES = 10
_QUERIES_A_REQUEST = 100


@dataclass(frozen=True, kw_only=True)
class VerifyConfig:
    """When a version is good enough to be served."""

    sample_rows: int = 200
    """Rows whose own vectors are searched for."""
    min_self_recall: float = 0.99
    """Share of sampled rows that come back first (or tie with what does)."""
    max_tied_share: float = 0.5
    """Share of sampled rows that may tie with another: above it the vectors have collapsed."""
    tie_tolerance: float = 1e-4
    """Scores closer than this are one score; above a score of 1, this share of it."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sample_rows < 1:
            raise ConfigError(f"verify.sample_rows is {self.sample_rows}; sample at least 1 row.")
        require_at_least(0, self, ("tie_tolerance",), "verify.")
        for name in ("min_self_recall", "max_tied_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"verify.{name} is {getattr(self, name)}; it is a share, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What was found; `problems` is empty when the version may be served."""

    collection: str
    expected_rows: int
    counted_rows: int
    sampled_rows: int
    self_recall: float
    tied_share: float
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every check held."""
        return not self.problems

    def require_passed(self) -> None:
        """Raise what did not hold.

        Raises:
            ValidationError: a check failed.
        """
        if self.problems:
            raise ValidationError(f"{self.collection} is not served: {'; '.join(self.problems)}.")


def verify(
    searcher: Searcher,
    collection: str,
    *,
    expected_rows: int,
    config: VerifyConfig,
    sample: "Mapping[str, ArrayLike] | None" = None,
) -> VerifyReport:
    """Count the rows and let sampled ones look for themselves.

    Args:
        searcher: reads the server.
        collection: a collection, sealed.
        expected_rows: distinct items that were loaded.
        config: thresholds.
        sample: item id to vector, from the vector table: stronger than None, which draws ids from
            the collection's first `K_MAX` rows and takes the vectors that it stored.

    Raises:
        ResourceMissingError: there is no such collection.
    """
    counted = searcher.count(collection)
    if sample is None:
        sample = draw_sample(searcher, collection, rows=counted, config=config)
    found, tied = _look_for_themselves(searcher, collection, sample, config.tie_tolerance)
    size = len(sample)
    recall, tied_share = (found / size, tied / size) if size else (1.0, 0.0)
    problems = []
    if counted != expected_rows:
        problems.append(f"it holds {counted} rows, {expected_rows} were loaded")
    if size == 0 and expected_rows > 0:
        problems.append("no row could be sampled")
    if recall < config.min_self_recall:
        problems.append(f"{recall:.1%} of {size} sampled rows find themselves first")
    if size > 1 and tied_share > config.max_tied_share:
        problems.append(f"{tied_share:.1%} of {size} sampled rows have the vector of another")
    return VerifyReport(
        collection=collection,
        expected_rows=expected_rows,
        counted_rows=counted,
        sampled_rows=size,
        self_recall=recall,
        tied_share=tied_share,
        problems=tuple(problems),
    )


def draw_sample(
    searcher: Searcher, collection: str, *, rows: int, config: VerifyConfig
) -> dict[str, Any]:
    """Item id to stored vector of about `sample_rows` rows, from pages at random offsets."""
    reachable = min(rows, K_MAX)
    limit = -(-config.sample_rows // _SAMPLE_PAGES)
    draw = random.Random(config.seed)
    item_ids: dict[str, None] = {}
    if reachable <= config.sample_rows:
        item_ids = dict.fromkeys(searcher.page(collection, offset=0, limit=max(reachable, 1)))
    else:
        for _ in range(_SAMPLE_PAGES):
            offset = draw.randrange(max(reachable - limit, 1))
            item_ids |= dict.fromkeys(searcher.page(collection, offset=offset, limit=limit))
    stored = searcher.fetch(collection, item_ids, output_fields=["vector"])
    return {item_id: fields["vector"] for item_id, fields in stored.items()}


def _look_for_themselves(
    searcher: Searcher, collection: str, sample: "Mapping[str, ArrayLike]", tolerance: float
) -> tuple[int, int]:
    """How many sampled rows come first (ties count), and how many have an equal."""
    import numpy as np

    item_ids = list(sample)
    found = tied = 0
    for start in range(0, len(item_ids), _QUERIES_A_REQUEST):
        chunk = item_ids[start : start + _QUERIES_A_REQUEST]
        vectors_QD = np.asarray([sample[item_id] for item_id in chunk], dtype=np.float32)
        hits_QK = searcher.search(collection, vectors_QD, _TOP, strong=True)
        for item_id, vector_D, hits in zip(chunk, vectors_QD, hits_QK, strict=True):
            first = _first(hits, tolerance)
            if item_id not in first:
                # Its equals may fill the hits: then it scores as they do.
                alone = searcher.among(collection, vector_D[None], 1, [item_id])
                first |= _first([*hits[:1], *alone[0]], tolerance)
            comes_first = item_id in first
            found += comes_first
            tied += comes_first and len(first) > 1
    return found, tied


def _first(hits: list[Hit], tolerance: float) -> set[str]:
    """The ids of the hits that score as the first one does.

    >>> hits = [Hit(item_id="a", score=1.0), Hit(item_id="b", score=1.0)]
    >>> sorted(_first([*hits, Hit(item_id="c", score=0.9)], 1e-4))
    ['a', 'b']
    """
    if not hits:
        return set()
    best = hits[0].score
    # Inner products of long vectors are large, and so is their rounding.
    tolerance *= max(1.0, abs(best))
    return {hit.item_id for hit in hits if abs(hit.score - best) <= tolerance}
