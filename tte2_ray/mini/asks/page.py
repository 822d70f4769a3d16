"""What a query asks of a page: its sender, its lines, its small print."""

import random
from dataclasses import dataclass

from tte2_ray.mini.asks.ask import UNTOLD, Ask, Asks
from tte2_ray.mini.truth import Page, Truth


@dataclass(frozen=True, kw_only=True)
class SenderAsk:
    """The kind of a page and the city that it comes from."""

    kind: str
    city: str

    fine = False

    @property
    def words(self) -> str:
        """For example "invoice from paris"."""
        return f"{self.kind} from {self.city}"

    def holds(self, truth: Truth) -> bool:
        """Whether both agree."""
        return isinstance(truth, Page) and (truth.kind, truth.city) == (self.kind, self.city)

    def seen(self, truth: Truth) -> str:
        """The kind and city of the page."""
        assert isinstance(truth, Page)
        return f"{truth.kind} from {truth.city}"

    told = seen


@dataclass(frozen=True, kw_only=True)
class LineAsk:
    """A line of a page; `fine` where it is one that an ECR leaves out."""

    good: str
    number: int
    fine: bool

    @property
    def words(self) -> str:
        """For example "24 lemons"."""
        return f"{self.number} {self.good}"

    def holds(self, truth: Truth) -> bool:
        """Whether the page has that line."""
        return isinstance(truth, Page) and (self.good, self.number) in truth.lines

    def seen(self, truth: Truth) -> str:
        """The line with these goods, or that there is none."""
        assert isinstance(truth, Page)
        number = dict(truth.lines).get(self.good)
        return f"{number} {self.good}" if number is not None else f"no {self.good}"

    def told(self, truth: Truth) -> str:
        """The line, if it is one of the first two."""
        assert isinstance(truth, Page)
        number = dict(truth.lines[:2]).get(self.good)
        return f"{self.good} {UNTOLD}" if number is None else f"{number} {self.good}"


@dataclass(frozen=True, kw_only=True)
class FooterAsk:
    """The word in small print under a page."""

    word: str

    fine = True

    @property
    def words(self) -> str:
        """For example "marked paid"."""
        return f"marked {self.word}"

    def holds(self, truth: Truth) -> bool:
        """Whether the footer is that word."""
        return isinstance(truth, Page) and truth.footer == self.word

    def seen(self, truth: Truth) -> str:
        """The word in the footer."""
        assert isinstance(truth, Page)
        return f"marked {truth.footer}"

    def told(self, truth: Truth) -> str:
        """Nothing: no ECR tells it."""
        return f"mark {UNTOLD}"


def ask_page(rng: random.Random, page: Page, fine: bool) -> Asks:
    """Conditions that `page` answers: its sender and a line, a late one or the footer if `fine`."""
    asks: list[Ask] = [SenderAsk(kind=page.kind, city=page.city)]
    if fine and rng.random() < 0.4:
        good, number = page.lines[rng.randrange(2)]
        return (*asks, LineAsk(good=good, number=number, fine=False), FooterAsk(word=page.footer))
    good, number = page.lines[rng.choice((2, 3) if fine else (0, 1))]
    return (*asks, LineAsk(good=good, number=number, fine=fine))
