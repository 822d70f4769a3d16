"""What a query asks of an item, one condition at a time: its words, its truth, and what is seen.

A query is a tuple of asks; an item answers it when every ask holds. `seen` is what a perfect
query-aware look at the item reports, whether the ask holds or not; `told` is what can be reported
of it without its media.
"""

from tte2_ray.mini.asks.ask import (
    UNTOLD,
    Ask,
    Asks,
    Worded,
    all_hold,
    is_open,
    rewritten,
    told_hold,
)
from tte2_ray.mini.asks.clip import EventAsk, ask_clip
from tte2_ray.mini.asks.look import NOTHING_OPEN, looked
from tte2_ray.mini.asks.page import FooterAsk, LineAsk, SenderAsk, ask_page
from tte2_ray.mini.asks.scene import (
    RELATIONS,
    RelationAsk,
    SignAsk,
    ThingAsk,
    ask_scene,
    has_fine,
    stands,
)
from tte2_ray.mini.asks.tiny import TinyAsk, tinies_of

__all__ = [
    "NOTHING_OPEN",
    "RELATIONS",
    "UNTOLD",
    "Ask",
    "Asks",
    "EventAsk",
    "FooterAsk",
    "LineAsk",
    "RelationAsk",
    "SenderAsk",
    "SignAsk",
    "ThingAsk",
    "TinyAsk",
    "Worded",
    "all_hold",
    "ask_clip",
    "ask_page",
    "ask_scene",
    "has_fine",
    "is_open",
    "looked",
    "rewritten",
    "stands",
    "tinies_of",
    "told_hold",
]
