"""Fetching and decoding ahead of an engine: in threads, a bounded number of items at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import DecodedItem, MediaLimits, content_sha256, decode_item
from tte2_ray.schema import Item


class Decoder:
    """Hands decoded items to whoever answers them.

    Args:
        limits: bounds on what is fetched and shown.
        threads: at work at once.
        in_flight: items that are decoded but not yet answered; bounds memory.
    """

    def __init__(self, limits: MediaLimits, threads: int, in_flight: int) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._slots, self._in_flight = asyncio.Semaphore(in_flight), in_flight
        self._narrowing: set[asyncio.Task[None]] = set()
        self.seconds = 0.0
        """Spent so far, over all threads."""

    async def __call__(
        self, item: Item, use: Callable[[DecodedItem], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        """Decodes an item and hands it to `use`; its pixels live no longer than that.

        Raises:
            RowError: from decoding, or from `use`.
        """
        async with self._slots:
            return await use(await self.decode(item))

    def halve(self) -> None:
        """Holds half as many items, as soon as so many of those in flight are answered."""
        less = self._in_flight // 2
        self._in_flight -= less
        task = asyncio.get_running_loop().create_task(self._give_up(less))
        self._narrowing.add(task)
        task.add_done_callback(self._narrowing.discard)

    async def _give_up(self, slots: int) -> None:
        for _ in range(slots):
            await self._slots.acquire()

    async def decode(self, item: Item) -> DecodedItem:
        """A decoded item; how many of them are held is up to who asks.

        Raises:
            RowError: whatever is wrong with it.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._decode, item)

    async def unchanged(self, item: Item, content_key: str, *, unanswered: bool = True) -> bool:
        """Whether an item's content still has this key: its files are fetched, not decoded.

        A file that is gone, or is refused by the limits, has not: decoding it says why.

        Args:
            item: to be looked at.
            content_key: that it had.
            unanswered: what is said of an item whose file does not answer now.
        """
        loop = asyncio.get_running_loop()
        try:
            return content_key == await loop.run_in_executor(self._pool, self._key_of, item)
        except RowError as error:
            return unanswered and error.error_class is RowErrorClass.FETCH_FAILED

    def _key_of(self, item: Item) -> str:
        return content_sha256(item, self._limits)

    def _decode(self, item: Item) -> DecodedItem:
        began = time.perf_counter()
        try:
            return decode_item(item, self._limits)
        finally:
            self.seconds += time.perf_counter() - began
