"""What became of every row of a corpus, and whether that may be served."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.markers import read_markers
from tte2_ray.artifacts.shards import Plan, Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ValidationError
from tte2_ray.pipelines.index.target import Target
from tte2_ray.stages.counts import Counts


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Where the rows of a corpus are: rows in = indexed + unchanged + rejected.

    >>> Accounts(rows_in=3, loaded=Counts(rows=3, done=2, rejected=1)).as_dict()
    {'in': 3, 'indexed': 2, 'unchanged': 0, 'rejected': 1}

    Raises:
        ValidationError: they do not add up.
    """

    rows_in: int
    """Rows of the corpus, as it was read."""
    loaded: Counts = field(default_factory=Counts)
    """What the markers of the shards say that this run loaded."""
    before: Counts = field(default_factory=Counts)
    """Of those that it found loaded."""
    unread: Counts = field(default_factory=Counts)
    """What the dead letters say of rows that never became items."""

    def __post_init__(self) -> None:
        rows = self.as_dict()
        if self.rows_in != rows["indexed"] + rows["unchanged"] + rows["rejected"]:
            raise ValidationError(
                f"{self.rows_in} rows in, but {rows['indexed']} indexed, {rows['unchanged']} "
                f"unchanged and {rows['rejected']} rejected"
            )

    @property
    def total(self) -> Counts:
        """Of all rows; the tokens are those of the ECRs."""
        return self.loaded + self.before + self.unread

    def as_dict(self) -> dict[str, int]:
        """For results.json."""
        return {
            "in": self.rows_in,
            "indexed": self.loaded.done,
            "unchanged": self.before.done,
            "rejected": self.total.rejected,
        }


def by_class(classes: Mapping[str, int]) -> str:
    """Rejected rows by their error class, in words; the most frequent first.

    >>> by_class({"encrypted": 1, "too_large": 2})
    '2 too_large, 1 encrypted'
    """
    return ", ".join(f"{count} {name}" for name, count in Counter(classes).most_common())


def account_for(plan: Plan, store: Store, target: Target, todo: Collection[Shard] = ()) -> Accounts:
    """Sums what the load markers say; rows that never became items count as rejected.

    Args:
        plan: of the corpus.
        store: where markers and dead letters lie.
        target: the version.
        todo: the shards that this run had to load.

    Raises:
        ValidationError: a marker, or the whole, does not add up.
    """
    unread = Counter(letter.error_class for letter in read_dead_letters(store, plan.dead_letters))
    names = {shard.name for shard in todo}
    loaded = before = Counts()
    for shard, stored in read_markers(plan, store, target.load_prefix):
        counts = Counts.from_dict(stored)
        if counts.rows != shard.rows or counts.done + counts.rejected != shard.rows:
            raise ValidationError(
                f"shard {shard.name} has {shard.rows} rows; its marker does not add up: {stored}"
            )
        if shard.name in names:
            loaded += counts
        else:
            before += counts
    rejected = Counts(rows=unread.total(), rejected=unread.total(), classes=unread)
    return Accounts(rows_in=plan.rows_in, loaded=loaded, before=before, unread=rejected)


def within(counts: Counts, budget: float) -> bool:
    """Whether a version with these rows may be served.

    >>> within(Counts(rows=100, done=71, rejected=29), 0.29)
    True
    >>> within(Counts(rows=100, rejected=100), 1.0)  # it would serve nothing
    False
    """
    return counts.done > 0 and counts.rejected_share <= budget
