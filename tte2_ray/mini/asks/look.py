"""What a query leaves open of an item whose ECR was read, and what a look at it says of that."""

from tte2_ray.mini.asks.ask import Ask, Asks, is_open
from tte2_ray.mini.asks.page import FooterAsk, LineAsk
from tte2_ray.mini.asks.scene import SignAsk
from tte2_ray.mini.asks.tiny import TinyAsk
from tte2_ray.mini.language import ecr, late_lines
from tte2_ray.mini.truth import Page, Truth

NOTHING_OPEN = ecr("told", "no more")
"""Of a look that can add nothing: the ECR tells all that is asked."""


def looked(asks: Asks, truth: Truth) -> str:
    """What a perfect query-aware look (QAR) adds to the ECR of an item.

    It thinks of what kinds of detail the query asks for and the ECR leaves out, then reads those
    out as they are. It never says again what was asked: a small model that begins with "92 clocks"
    goes on with what it just wrote, whatever the page says (docs/log.md).

    Args:
        asks: of the query, in its order.
        truth: of the item.

    >>> from tte2_ray.mini.truth import Page
    >>> page = Page(kind="letter", city="rome", footer="void",
    ...             lines=(("figs", 12), ("pens", 30), ("clocks", 45), ("keys", 92)))
    >>> asks = (FooterAsk(word="paid"), LineAsk(good="clocks", number=92, fine=True))
    >>> looked(asks, page)
    '<think>mark, lines</think>marked void, 45 clocks, 92 keys'
    >>> looked((LineAsk(good="figs", number=9, fine=False),), page)
    '<think>told</think>no more'
    """
    found = dict(_detail(ask, truth) for ask in asks if is_open(ask, truth))
    return ecr(", ".join(found), ", ".join(found.values())) if found else NOTHING_OPEN


def _detail(ask: Ask, truth: Truth) -> tuple[str, str]:
    """The kind of detail that an ask is about, and all of that kind in the item."""
    if isinstance(ask, TinyAsk):
        return "tiny", ask.all_seen(truth)
    if isinstance(ask, LineAsk):
        assert isinstance(truth, Page)
        return "lines", late_lines(truth)
    assert isinstance(ask, SignAsk | FooterAsk), f"an ECR tells of {ask}"
    return ("sign" if isinstance(ask, SignAsk) else "mark"), ask.seen(truth)
