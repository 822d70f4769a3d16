"""What a query asks of an item, one condition at a time: its words, its truth, and what is seen.

A query is a tuple of asks; an item answers it when every ask holds. `seen` is what a perfect
query-aware look at the item reports, whether the ask holds or not.
"""

import random
from dataclasses import dataclass
from typing import Literal, Protocol

from tte2_ray.mini.language import ecr, event_words, look, tiny_look
from tte2_ray.mini.truth import Clip, Page, Scene, Thing, Truth

Relation = Literal["left of", "right of", "above", "below"]
RELATIONS: tuple[Relation, ...] = ("left of", "right of", "above", "below")


class Ask(Protocol):
    """One condition on an item."""

    @property
    def words(self) -> str:
        """The condition in words."""
        ...

    @property
    def fine(self) -> bool:
        """Whether a short ECR leaves out what it asks for."""
        ...

    def holds(self, truth: Truth) -> bool:
        """Whether the item answers it."""
        ...

    def seen(self, truth: Truth) -> str:
        """What the item shows in its stead."""
        ...


def _agreement(thing: Thing, wanted: "ThingAsk | TinyAsk") -> int:
    pairs = [(wanted.color, thing.color), (wanted.shape, thing.shape)]
    if isinstance(wanted, ThingAsk):
        pairs += [(wanted.texture, thing.texture), (wanted.region, thing.region)]
    return sum(2 if i == 1 else 1 for i, (a, b) in enumerate(pairs) if a and a == b)


@dataclass(frozen=True, kw_only=True)
class ThingAsk:
    """A big thing; "" for what is not asked."""

    color: str
    shape: str
    texture: str = ""
    region: str = ""
    main: bool = False

    fine = False

    @property
    def words(self) -> str:
        """For example "main red striped star top left"."""
        parts = ("main" if self.main else "", self.color, self.texture, self.shape, self.region)
        return " ".join(p for p in parts if p)

    def find(self, scene: Scene) -> list[Thing]:
        """The things of the scene that answer."""
        return [t for i, t in enumerate(scene.things)
                if self.color in ("", t.color) and self.shape in ("", t.shape)
                and self.texture in ("", t.texture) and self.region in ("", t.region)
                and not (self.main and i)]  # fmt: skip

    def holds(self, truth: Truth) -> bool:
        """Whether some big thing answers."""
        return isinstance(truth, Scene) and bool(self.find(truth))

    def seen(self, truth: Truth) -> str:
        """The big thing that agrees best."""
        assert isinstance(truth, Scene)
        best = max(truth.things, key=lambda t: _agreement(t, self))
        return f"{'main ' if best is truth.things[0] else ''}{look(best)} {best.region}"


@dataclass(frozen=True, kw_only=True)
class RelationAsk:
    """Two big things, one beside the other."""

    first: ThingAsk
    relation: Relation
    second: ThingAsk

    fine = False

    @property
    def words(self) -> str:
        """For example "red star left of blue ring"."""
        return f"{self.first.words} {self.relation} {self.second.words}"

    def holds(self, truth: Truth) -> bool:
        """Whether some pair of things stands so, by whole regions."""
        return isinstance(truth, Scene) and any(
            stands(a, self.relation, b)
            for a in self.first.find(truth)
            for b in self.second.find(truth)
        )

    def seen(self, truth: Truth) -> str:
        """Where the two stand."""
        return f"{self.first.seen(truth)}, {self.second.seen(truth)}"


def stands(a: Thing, relation: Relation, b: Thing) -> bool:
    """Whether `a` stands in `relation` to `b`, by at least a third of the canvas."""
    ax, ay, bx, by = int(a.x * 3), int(a.y * 3), int(b.x * 3), int(b.y * 3)
    return {"left of": ax < bx, "right of": ax > bx, "above": ay < by, "below": ay > by}[relation]


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
        return any(self.color == t.color and self.shape == t.shape for t in _tinies(truth))

    def seen(self, truth: Truth) -> str:
        """The tiny thing that agrees best."""
        tinies = _tinies(truth)
        if not tinies:
            return "no tiny"
        return tiny_look(max(tinies, key=lambda t: _agreement(t, self)))


def _tinies(truth: Truth) -> tuple[Thing, ...]:
    if isinstance(truth, Scene):
        return truth.tinies
    return (truth.tiny,) if isinstance(truth, Clip) else ()


@dataclass(frozen=True, kw_only=True)
class SignAsk:
    """A sign and what it says."""

    word: str

    fine = True

    @property
    def words(self) -> str:
        """For example "sign cafe"."""
        return f"sign {self.word}"

    def holds(self, truth: Truth) -> bool:
        """Whether the sign says the word."""
        return isinstance(truth, Scene) and truth.sign == self.word

    def seen(self, truth: Truth) -> str:
        """What the sign says."""
        assert isinstance(truth, Scene)
        return f"sign {truth.sign}" if truth.sign else "no sign"


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
        happens = [event_words(truth, e) for e in truth.events]
        found = [happens.index(e) for e in self.events if e in happens]
        return len(found) == len(self.events) and found == sorted(found)

    def seen(self, truth: Truth) -> str:
        """All that happens."""
        assert isinstance(truth, Clip)
        return " then ".join(event_words(truth, e) for e in truth.events)


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


Asks = tuple[Ask, ...]


def all_hold(asks: Asks, truth: Truth) -> bool:
    """Whether the item answers the whole query."""
    return all(ask.holds(truth) for ask in asks)


def rewritten(asks: Asks, truth: Truth, kind: str) -> str:
    """The ECR that a perfect query-aware look (QAR) writes: what each ask meets in the item."""
    seen = [ask.seen(truth) for ask in asks]
    think = "; ".join(f"{a.words}: {s}" for a, s in zip(asks, seen, strict=True))
    return ecr(think, f"{kind} {', '.join(seen)}")


def ask_scene(rng: random.Random, scene: Scene, fine: bool) -> Asks:
    """Conditions that `scene` answers: two big things, and something tiny or a sign if `fine`."""
    first, second = rng.sample(list(scene.things), 2)
    asks: list[Ask] = []
    relations: list[Relation] = [r for r in RELATIONS if stands(first, r, second)]
    if relations and rng.random() < 0.5:
        pair = [_ask_thing(rng, t, place=False) for t in (first, second)]
        asks.append(RelationAsk(first=pair[0], relation=rng.choice(relations), second=pair[1]))
    else:
        asks += [_ask_thing(rng, first, place=True), _ask_thing(rng, second, place=True)]
    if fine:
        asks.append(_ask_fine(rng, scene))
    return tuple(asks)


def has_fine(scene: Scene) -> bool:
    """Whether there is fine detail to ask for."""
    return bool(scene.tinies or scene.sign)


def _ask_thing(rng: random.Random, thing: Thing, place: bool) -> ThingAsk:
    return ThingAsk(
        color=thing.color,
        shape=thing.shape,
        texture=thing.texture if rng.random() < 0.7 else "",
        region=thing.region if place and rng.random() < 0.8 else "",
    )


def _ask_fine(rng: random.Random, scene: Scene) -> Ask:
    if scene.sign and (not scene.tinies or rng.random() < 0.4):
        return SignAsk(word=scene.sign)
    tiny = rng.choice(scene.tinies)
    return TinyAsk(color=tiny.color, shape=tiny.shape)


def ask_clip(rng: random.Random, clip: Clip, fine: bool) -> Asks:
    """Conditions that `clip` answers: what happens, and the tiny thing if `fine`."""
    words = tuple(event_words(clip, e) for e in clip.events)
    asks: list[Ask] = [EventAsk(events=words)]
    if fine:
        asks.append(TinyAsk(color=clip.tiny.color, shape=clip.tiny.shape))
    return tuple(asks)


def ask_page(rng: random.Random, page: Page, fine: bool) -> Asks:
    """Conditions that `page` answers: its sender and a line, a late one or the footer if `fine`."""
    asks: list[Ask] = [SenderAsk(kind=page.kind, city=page.city)]
    if fine and rng.random() < 0.4:
        good, number = page.lines[rng.randrange(2)]
        return (*asks, LineAsk(good=good, number=number, fine=False), FooterAsk(word=page.footer))
    good, number = page.lines[rng.choice((2, 3) if fine else (0, 1))]
    return (*asks, LineAsk(good=good, number=number, fine=fine))
