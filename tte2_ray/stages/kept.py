"""Answers of judge and rewriter, kept in the store by the shard of queries that asked for them.

kept/<shard>/<fingerprint of the reranking>[-r<generation>].<attempt, from 000>.parquet

Another budget, or another policy, asks the same pairs again: what an earlier run was answered is
read from all files of the shard, and no engine is started where nothing else is asked. An attempt
that died behind its file is followed by one that asks for the rest, whose file is another; where
both were answered, the first counts. A judgement that is no number is not kept.
"""

import math
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from tte2_ray.artifacts.generations import first_generation
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import iter_table, write_table
from tte2_ray.engines import Judged, Reasoned
from tte2_ray.schema import kept_schema

PREFIX: Final = "kept"
_JUDGE, _REWRITE = "judge", "rewrite"


class KeptAnswers:
    """A `cascade.Kept` that starts with what the store holds for a shard.

    Args:
        store: where it lies.
        shard: of queries.
    """

    def __init__(self, store: Store, shard: Shard) -> None:
        self._store, self._folder = store, f"{PREFIX}/{first_generation(shard.name)}"
        self._generation = shard.name.removeprefix(first_generation(shard.name))
        self._judgements: dict[str, Judged] = {}
        self._rewrites: dict[str, Reasoned] = {}
        self._new: list[str] = []
        for key, _ in list(store.list(self._folder)):
            for batch in iter_table(store, key, kept_schema()):
                for row in batch.to_pylist():
                    self._hold(row)

    @property
    def served(self) -> tuple[Judged | Reasoned, ...]:
        """What engines answered since; it cost what it says."""
        return tuple(self._rewrites.get(key) or self._judgements[key] for key in self._new)

    def judged(self, key: str) -> Judged | None:
        """See `Kept.judged`."""
        return self._judgements.get(key)

    def rewritten(self, key: str) -> Reasoned | None:
        """See `Kept.rewritten`."""
        return self._rewrites.get(key)

    def keep_judged(self, key: str, answer: Judged) -> None:
        """See `Kept.keep_judged`."""
        self._judgements[key] = answer
        self._new.append(key)

    def keep_rewritten(self, key: str, answer: Reasoned) -> None:
        """See `Kept.keep_rewritten`."""
        self._rewrites[key] = answer
        self._new.append(key)

    def write(self, name: str) -> None:
        """Puts what is new into the store, if anything is.

        Args:
            name: of the file; the fingerprint of the reranking that asked.
        """
        import pyarrow as pa

        rows = list(self._rows())
        if not rows:
            return
        table = pa.Table.from_pylist(rows, kept_schema())
        for attempt in count():
            key = f"{self._folder}/{name}{self._generation}.{attempt:03}.parquet"
            if write_table(self._store, key, table):
                return

    def _hold(self, row: dict[str, Any]) -> None:
        counts = {name: row[name] for name in ("prompt_tokens", "visual_tokens", "cached_tokens")}
        if row["stage"] == _REWRITE:
            said = Reasoned(text=row["text"], truncated=row["truncated"],
                            output_tokens=row["output_tokens"], **counts)  # fmt: skip
            self._rewrites.setdefault(row["key"], said)
        elif math.isfinite(row["score"]):  # files of earlier versions have others
            self._judgements.setdefault(row["key"], Judged(score=row["score"], **counts))

    def _rows(self) -> Iterator[dict[str, Any]]:
        for key in dict.fromkeys(self._new):
            rewrite = self._rewrites.get(key)
            answer = rewrite or self._judgements[key]
            if isinstance(answer, Judged) and not math.isfinite(answer.score):
                continue  # no score: a redrive asks again
            yield {
                "key": key,
                "stage": _REWRITE if rewrite else _JUDGE,
                "score": 0.0 if rewrite else self._judgements[key].score,
                "text": rewrite.text if rewrite else "",
                "truncated": bool(rewrite and rewrite.truncated),
                "prompt_tokens": answer.prompt_tokens,
                "visual_tokens": answer.visual_tokens,
                "output_tokens": rewrite.output_tokens if rewrite else 0,
                "cached_tokens": answer.cached_tokens,
            }
