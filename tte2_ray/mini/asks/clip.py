"""What a query asks of a video: events in their order."""

import random
from dataclasses import dataclass

from tte2_ray.mini.asks.ask import Ask, Asks
from tte2_ray.mini.asks.tiny import TinyAsk
from tte2_ray.mini.language import event_words
from tte2_ray.mini.truth import Clip, Truth


@dataclass(frozen=True, kw_only=True)
class EventAsk:
    """What happens in a clip, as the words of one event or of two in order."""

    events: tuple[str, ...]

    fine = False

    @property
    def words(self) -> str:
        """For example "red star moves left then blue ring turns pink"."""
        return " then ".join(self.events)

    def holds(self, truth: Truth) -> bool:
        """Whether these events happen, in this order."""
        if not isinstance(truth, Clip):
            return False
        happens = (event_words(truth, e) for e in truth.events)
        return all(
            wanted in happens for wanted in self.events
        )  # each is looked for behind the last

    def seen(self, truth: Truth) -> str:
        """All that happens."""
        assert isinstance(truth, Clip)
        return " then ".join(event_words(truth, e) for e in truth.events)

    told = seen


def ask_clip(rng: random.Random, clip: Clip, fine: bool) -> Asks:
    """Conditions that `clip` answers: what happens, and the tiny thing if `fine`."""
    words = tuple(event_words(clip, e) for e in clip.events)
    asks: list[Ask] = [EventAsk(events=words)]
    if fine:
        asks.append(TinyAsk(color=clip.tiny.color, shape=clip.tiny.shape))
    return tuple(asks)
