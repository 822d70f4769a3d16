"""A request is made once: what was kept, or what its twin was answered, is taken again."""

from asyncio import Lock
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tte2_ray.engines import Judged, Reasoned
from tte2_ray.engines.price import refuse_above_price

Said = TypeVar("Said", Judged, Reasoned)


@dataclass(frozen=True, kw_only=True)
class Answered(Generic[Said]):
    """An engine's answer, and where it came from."""

    said: Said
    kept: bool = False
    """No engine was asked for it."""
    earlier: bool = False
    """Another query was given it, or an earlier run: the time that this one took tells nothing."""


class Once(Generic[Said]):
    """The requests of one query to one engine.

    Args:
        find: a kept answer, by its key; None where there is none.
        keep: holds one from now on.
    """

    def __init__(
        self, find: Callable[[str], Said | None], keep: Callable[[str, Said], None]
    ) -> None:
        self._find: Callable[[str], Said | None] = find
        self._keep: Callable[[str, Said], None] = keep
        self._served: set[str] = set()
        self._turns: defaultdict[str, Lock] = defaultdict(Lock)

    async def __call__(
        self, key: str, most_prompt_tokens: int, ask: Callable[[], Awaitable[Said]]
    ) -> Answered[Said]:
        """The answer to a request; twins wait for the first of them.

        Args:
            key: names all that decides the answer.
            most_prompt_tokens: a longer prompt is refused, kept or not; 0 for no bound.
            ask: makes the request.

        Raises:
            RowError: the engine refuses it, or it is `over_price`.
            RuntimeFailure: the engine is dead.
        """
        async with self._turns[key]:
            found = self._find(key)
            if found is not None:
                refuse_above_price(found.prompt_tokens, most_prompt_tokens)
                return Answered(said=found, kept=True, earlier=key not in self._served)
            said = await ask()
            self._keep(key, said)
            self._served.add(key)
            return Answered(said=said)
