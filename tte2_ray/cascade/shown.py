"""How the cascade comes by the media of a candidate."""

from typing import Protocol

from tte2_ray.cascade.candidate import Candidate
from tte2_ray.media import DecodedItem


class Shown(Protocol):
    """Fetches and decodes candidates; whoever implements it bounds how many are decoded at once."""

    async def show(self, candidate: Candidate) -> DecodedItem:
        """The words and the media of a candidate.

        Raises:
            RowError: its files are gone, were changed, or cannot be decoded.
        """
        ...
