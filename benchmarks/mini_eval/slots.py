"""An ECR of the miniature world taken apart into what it says, one slot an attribute.

The grammar is that of `tte2_ray.mini.language`; words are sorted into slots by the vocabulary, so
that a sentence that is only partly right is still read. What is said twice (the statement repeats
the looks that the thinking has found) is read where it is said first.
"""

from dataclasses import dataclass
from typing import Final, Literal

from tte2_ray.ecr import parse_ecr
from tte2_ray.mini.words import CITIES, COLORS, PAGE_KINDS, REGIONS, SHAPES, TEXTURES

Kind = Literal["picture", "close-up", "video", "page", "text"]
KINDS: Final[tuple[Kind, ...]] = ("picture", "close-up", "video", "page", "text")
MEDIA: Final[tuple[Kind, ...]] = ("picture", "close-up", "video", "page")

Group = dict[str, str]
"""Values by attribute of one thing, event, line, word, or of the whole."""

_REGIONS: Final = frozenset(region for row in REGIONS for region in row)
_VERBS: Final = ("moves", "turns", "vanishes", "appears")


@dataclass(frozen=True, kw_only=True)
class Slots:
    """What an ECR says."""

    things: tuple[Group, ...] = ()
    """Things of a picture, actors of a video at its start: a set."""
    ordered: tuple[Group, ...] = ()
    """Events of a video, lines of a page, words of a text: a sequence."""
    whole: tuple[Group, ...] = ()
    """One group: what is said of the item as a whole."""


def kind_of(ecr: str) -> Kind:
    """The kind of item that an ECR of the true world describes.

    >>> kind_of("<think>close up</think>close up of red plain star")
    'close-up'
    """
    think = parse_ecr(ecr).think
    openings: dict[str, Kind] = {
        "main ": "picture", "close up": "close-up", "start ": "video", "page ": "page",
        "short text": "text",
    }  # fmt: skip
    for opening, kind in openings.items():
        if think.startswith(opening):
            return kind
    raise ValueError(f"no kind of item opens with {think[:40]!r}")


def read(ecr: str, kind: Kind) -> Slots:
    """The slots of an ECR about an item of this kind; what is not said has no slot.

    >>> said = "<think>main red plain star top left. 1 big, 0 tiny, no sign</think>picture"
    >>> slots = read(said, "picture")
    >>> slots.things
    ({'color': 'red', 'texture': 'plain', 'shape': 'star', 'region': 'top left'},)
    >>> slots.whole
    ({'number': '1', 'tiny number': '0', 'sign': 'no'},)
    """
    parsed = parse_ecr(ecr)
    if kind == "picture":
        return _picture(parsed.think)
    if kind == "close-up":
        return Slots(things=(_thing(parsed.statement.removeprefix("close up of ")),))
    if kind == "video":
        return _video(parsed.think, parsed.statement)
    if kind == "page":
        return _page(parsed.think)
    return Slots(ordered=tuple({"word": word} for word in parsed.statement.split()))


def repeats(ecr: str, kind: Literal["picture", "page"]) -> bool:
    """Whether the statement of a picture or page says again what the thinking has found.

    >>> think = "<think>page memo from rome. 24 keys. more lines</think>"
    >>> repeats(f"{think}memo from rome with 24 keys", "page")
    True
    >>> repeats(f"{think}memo from lima with 24 keys", "page")
    False
    """
    parsed, found = parse_ecr(ecr), read(ecr, kind)
    if kind == "page":
        head, _, lines = parsed.statement.partition(" with ")
        return read(f"<think>page {head}. {lines}. more</think>", "page") == found
    again = [_thing(phrase) for phrase in _phrases(parsed.statement.removeprefix("picture of "))]
    return again == [{n: v for n, v in t.items() if n != "region"} for t in found.things]


def _thing(phrase: str) -> Group:
    """Colour, texture, shape, and the place that is said behind them.

    >>> _thing("red striped star top left")
    {'color': 'red', 'texture': 'striped', 'shape': 'star', 'region': 'top left'}
    """
    group: Group = {}
    rest: list[str] = []
    for word in phrase.split():
        for name, values in (("color", COLORS), ("texture", TEXTURES), ("shape", SHAPES)):
            if word in values and name not in group:
                group[name] = word
                break
        else:
            rest.append(word)
    if (place := " ".join(rest)) in _REGIONS:
        group["region"] = place
    return group


def _phrases(text: str) -> list[str]:
    return [phrase for phrase in text.split(", ") if phrase.strip()]


def _picture(think: str) -> Slots:
    head, _, rest = think.removeprefix("main ").partition(". ")
    whole: Group = {}
    for phrase in _phrases(rest):
        first, _, second = phrase.partition(" ")
        name = {"big": "number", "tiny": "tiny number", "sign": "sign"}.get(second, "")
        if name:
            whole[name] = first
    return Slots(things=tuple(_thing(phrase) for phrase in _phrases(head)), whole=(whole,))


def _video(think: str, statement: str) -> Slots:
    head, _, rest = think.removeprefix("start ").partition(". ")
    events = statement.removeprefix("video where ").split(" then ")
    return Slots(
        things=tuple(_thing(phrase) for phrase in _phrases(head)),
        ordered=tuple(_event(words) for words in events if words.strip()),
        whole=({"number": rest.split()[0]} if rest.split() else {},),
    )


def _event(phrase: str) -> Group:
    """Who does what.

    >>> _event("red star turns blue")
    {'event color': 'red', 'event shape': 'star', 'verb': 'turns', 'argument': 'blue'}
    >>> _event("red star vanishes")
    {'event color': 'red', 'event shape': 'star', 'verb': 'vanishes'}
    """
    words = phrase.split()
    at = next((i for i, word in enumerate(words) if word in _VERBS), len(words))
    actor = _thing(" ".join(words[:at]))
    group = {f"event {name}": actor[name] for name in ("color", "shape") if name in actor}
    if at < len(words):
        group["verb"] = words[at]
    if words[at + 1 :]:
        group["argument"] = " ".join(words[at + 1 :])
    return group


def _page(think: str) -> Slots:
    head, _, rest = think.removeprefix("page ").partition(". ")
    kind, _, city = head.partition(" from ")
    whole: Group = {}
    if kind in PAGE_KINDS:
        whole["page kind"] = kind
    if city in CITIES:
        whole["city"] = city
    return Slots(
        ordered=tuple(_line(phrase) for phrase in _phrases(rest.partition(". ")[0])), whole=(whole,)
    )


def _line(phrase: str) -> Group:
    """Number and goods.

    >>> _line("24 lemons")
    {'line number': '24', 'goods': 'lemons'}
    """
    number, _, goods = phrase.partition(" ")
    return {name: v for name, v in (("line number", number), ("goods", goods)) if v}
