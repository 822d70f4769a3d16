"""What became of every row of a corpus, and whether that may be served."""

from collections import Counter

from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.markers import read_markers
from tte2_ray.artifacts.shards import Plan
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ValidationError
from tte2_ray.pipelines.index.target import Target
from tte2_ray.stages.counts import Counts


def counts_of_plan(plan: Plan, store: Store, target: Target) -> Counts:
    """Sums what the load markers say; rows that never became items count as rejected.

    Raises:
        ValidationError: a marker, or the whole, does not add up.
    """
    unread = Counter(letter.error_class for letter in read_dead_letters(store, plan.dead_letters))
    counts = Counts(rows=plan.rejected, rejected=unread.total(), classes=unread)
    for shard, stored in read_markers(plan, store, target.load_prefix):
        loaded = Counts.from_dict(stored)
        if loaded.done + loaded.rejected != shard.rows:
            raise ValidationError(f"shard {shard.name}: its marker does not add up: {stored}")
        counts += loaded
    if counts.rows != plan.rows_in or counts.done + counts.rejected != counts.rows:
        raise ValidationError(
            f"{plan.rows_in} rows in, but {counts.done} indexed and {counts.rejected} rejected"
        )
    return counts


def within(counts: Counts, budget: float) -> bool:
    """Whether a version with these rows may be served.

    >>> within(Counts(rows=100, done=71, rejected=29), 0.29)
    True
    >>> within(Counts(rows=100, rejected=100), 1.0)  # it would serve nothing
    False
    """
    return counts.done > 0 and counts.rejected_share <= budget
