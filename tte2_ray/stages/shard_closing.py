"""The end of a shard's way: its accounts, its dead letters, and the marker that vouches for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tte2_ray.artifacts.dead_letters import write_dead_letters
from tte2_ray.artifacts.markers import mark_done, marker_key
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ValidationError
from tte2_ray.milvus.writer import Rejected
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.to_load import ShardReader, ToLoad

STAGE = "load"
LETTERS = "dead_letters"
"""In the marker of a shard: the keys of the files that hold its rejected rows."""


@dataclass(frozen=True, kw_only=True)
class ShardCloser:
    """Marks shards whose rows are in the collection or rejected; from several threads at once."""

    store: Store
    reader: ShardReader
    prefix: str
    """Folder of the markers."""
    dead_letter_prefix: str

    def close(self, one: ToLoad, rejected: Sequence[Rejected]) -> Counts:
        """Accounts for a shard, and marks it.

        Args:
            one: whose rows are in, but for those rejected.
            rejected: of its rows.

        Raises:
            ValidationError: an item of it is neither loaded nor rejected.
        """
        shard, done = one.shard, one.sent - len(rejected)
        letters = [*one.letters, *(self.reader.letter(shard, _row_of(x)) for x in rejected)]
        if done + len(letters) != shard.rows:
            raise ValidationError(
                f"shard {shard.name}: {shard.rows} rows in, but {done} indexed and "
                f"{len(letters)} rejected; its tables do not belong together: delete them and rerun"
            )
        files = []
        if letters:
            files = [write_dead_letters(self.store, self.dead_letter_prefix, letters)]
        classes = Counter(letter.error_class for letter in letters)
        counts = Counts(rows=shard.rows, done=done, rejected=len(letters), classes=dict(classes))
        stats = (counts + one.spent).as_dict() | {LETTERS: files}
        mark_done(self.store, marker_key(self.prefix, shard), stats)
        return counts


def _row_of(refused: Rejected) -> dict[str, str]:
    return {
        "item_id": refused.item_id,
        "error_class": refused.error_class.value,
        "error_message": refused.message,
        "error_stage": STAGE,
    }
