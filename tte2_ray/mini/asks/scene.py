"""What a query asks of a picture: big things, how they stand, a sign."""

import random
from dataclasses import dataclass
from typing import Literal

from tte2_ray.mini.asks.ask import UNTOLD, Ask, Asks, agreement
from tte2_ray.mini.asks.tiny import TinyAsk
from tte2_ray.mini.language import look
from tte2_ray.mini.truth import Scene, Thing, Truth

Relation = Literal["left of", "right of", "above", "below"]
RELATIONS: tuple[Relation, ...] = ("left of", "right of", "above", "below")


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
        best = max(truth.things, key=self._agreement)
        return f"{'main ' if best is truth.things[0] else ''}{look(best)} {best.region}"

    told = seen

    def _agreement(self, thing: Thing) -> int:
        return agreement((self.color, thing.color), (self.shape, thing.shape),
                         (self.texture, thing.texture), (self.region, thing.region))  # fmt: skip


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

    told = seen


def stands(a: Thing, relation: Relation, b: Thing) -> bool:
    """Whether `a` stands in `relation` to `b`, by at least a third of the canvas."""
    ax, ay, bx, by = int(a.x * 3), int(a.y * 3), int(b.x * 3), int(b.y * 3)
    return {"left of": ax < bx, "right of": ax > bx, "above": ay < by, "below": ay > by}[relation]


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

    def told(self, truth: Truth) -> str:
        """Whether there is one."""
        assert isinstance(truth, Scene)
        return f"sign {UNTOLD}" if truth.sign else "no sign"


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
