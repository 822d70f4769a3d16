"""How the cascade comes by the media of a candidate."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from tte2_ray.cascade.candidate import Candidate
from tte2_ray.media import DecodedItem


class Shown(Protocol):
    """Fetches and decodes candidates; whoever implements it bounds how many are decoded at once."""

    def show(self, candidate: Candidate) -> AbstractAsyncContextManager[DecodedItem]:
        """The words and the media of a candidate, for as long as a request needs them.

        Whoever holds one asks for no other meanwhile: those that wait for each other would do so
        for ever.

        Raises:
            RowError: its files are gone, were changed, or cannot be decoded.
        """
        ...
