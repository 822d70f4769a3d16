"""Candidates as they are seen: found in the frozen corpus by their shard, and decoded.

What many queries find is decoded once for those that ask for it at about the same time. Whatever
the number of queries and the size of their pools, no more are held decoded than are shown at once,
and the few that were shown last.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Lock

from tte2_ray.artifacts.keys import EcrRecipe, ecr_key
from tte2_ray.artifacts.shards import shard_key
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.cascade import Candidate
from tte2_ray.errors import ResourceMissingError, RowError, RowErrorClass
from tte2_ray.media import DecodedItem
from tte2_ray.schema import Item, shard_schema
from tte2_ray.stages.decoder import Decoder

_SHARDS_HELD = 64
"""Their items are a few hundred names each."""
_DECODED_HELD = 32
"""Each a few MB of pixels, for a model of usual size."""


class CandidateMedia:
    """A `cascade.Shown` over the frozen corpus of an index.

    Args:
        store: where it lies.
        corpus: its folder, from the manifest of the index.
        recipe: of the index's ECRs: tells whether a file is still what was reasoned about.
        decoder: fetches and decodes.
        at_once: candidates that are shown, those that are decoded for it among them.
    """

    def __init__(
        self, store: Store, corpus: str, recipe: EcrRecipe, decoder: Decoder, at_once: int
    ) -> None:
        self._store, self._corpus, self._recipe = store, corpus, recipe
        self._decoder, self._slots = decoder, asyncio.Semaphore(at_once)
        self._shards: OrderedDict[str, dict[str, Item]] = OrderedDict()
        self._reading = Lock()
        self._decoded: OrderedDict[str, asyncio.Task[DecodedItem]] = OrderedDict()

    @asynccontextmanager
    async def show(self, candidate: Candidate) -> AsyncIterator[DecodedItem]:
        """See `Shown.show`."""
        async with self._slots:
            yield await self._shared(candidate)

    async def _shared(self, candidate: Candidate) -> DecodedItem:
        task = self._decoded.get(candidate.item_id)
        if task is None:
            task = asyncio.ensure_future(self._show(candidate))
            self._decoded[candidate.item_id] = task
            while len(self._decoded) > _DECODED_HELD:
                self._decoded.popitem(last=False)
        else:
            self._decoded.move_to_end(candidate.item_id)
        try:
            # One who gives up waiting must not take it from the others.
            return await asyncio.shield(task)
        except Exception:
            self._decoded.pop(candidate.item_id, None)  # a file that did not answer may do so later
            raise

    def item(self, candidate: Candidate) -> Item:
        """The words and URIs of a candidate.

        Raises:
            RowError: `not_found`, the frozen corpus does not hold it.
        """
        with self._reading:
            items = self._shards.get(candidate.shard)
            if items is None:
                items = self._shards[candidate.shard] = self._read(candidate)
                while len(self._shards) > _SHARDS_HELD:
                    self._shards.popitem(last=False)
            else:
                self._shards.move_to_end(candidate.shard)
        if candidate.item_id not in items:
            message = f"shard {candidate.shard} of {self._corpus} does not hold {candidate.item_id}"
            raise RowError(RowErrorClass.NOT_FOUND, message)
        return items[candidate.item_id]

    async def _show(self, candidate: Candidate) -> DecodedItem:
        item = await asyncio.to_thread(self.item, candidate)
        decoded = await self._decoder.decode(item)
        if ecr_key(decoded.content_sha256, self._recipe) != candidate.ecr_key:
            message = f"the files of {item.item_id} changed after they were indexed; index again"
            raise RowError(RowErrorClass.CONTENT_CHANGED, message)
        return decoded

    def _read(self, candidate: Candidate) -> dict[str, Item]:
        key = shard_key(self._corpus, candidate.shard)
        try:
            rows = read_table(self._store, key, shard_schema()).to_pylist()
        except ResourceMissingError as error:
            message = f"{self._store.uri(key)} is gone, which holds {candidate.item_id}"
            raise RowError(RowErrorClass.NOT_FOUND, message) from error
        return {row["item_id"]: Item.from_row(row) for row in rows}
