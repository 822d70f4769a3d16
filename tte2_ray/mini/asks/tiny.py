"""What a query asks of the tiny things of a picture or a video."""

from dataclasses import dataclass

from tte2_ray.mini.asks.ask import UNTOLD, agreement
from tte2_ray.mini.language import tiny_look
from tte2_ray.mini.truth import Clip, Scene, Thing, Truth


@dataclass(frozen=True, kw_only=True)
class TinyAsk:
    """A tiny thing, which ECRs only count (pictures) or skip (videos)."""

    color: str
    shape: str

    fine = True

    @property
    def words(self) -> str:
        """For example "tiny green cross"."""
        return f"tiny {self.color} {self.shape}"

    def holds(self, truth: Truth) -> bool:
        """Whether such a tiny thing is there."""
        return any(self.color == t.color and self.shape == t.shape for t in tinies_of(truth))

    def seen(self, truth: Truth) -> str:
        """The tiny thing that agrees best."""
        tinies = tinies_of(truth)
        if not tinies:
            return "no tiny"
        return tiny_look(max(tinies, key=self._agreement))

    def all_seen(self, truth: Truth) -> str:
        """All tiny things, from top left to bottom right by region."""
        tinies = sorted(tinies_of(truth), key=lambda t: (int(t.y * 3), int(t.x * 3), t.x))
        return ", ".join(map(tiny_look, tinies)) or "no tiny"

    def told(self, truth: Truth) -> str:
        """That there is none, which a picture's ECR tells."""
        return "no tiny" if not tinies_of(truth) else f"tiny {UNTOLD}"

    def _agreement(self, thing: Thing) -> int:
        return agreement((self.color, thing.color), (self.shape, thing.shape))


def tinies_of(truth: Truth) -> tuple[Thing, ...]:
    """The tiny things of an item."""
    if isinstance(truth, Scene):
        return truth.tinies
    return (truth.tiny,) if isinstance(truth, Clip) else ()
