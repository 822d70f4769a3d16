"""Queries in whose words it stands what should be found in a candidate.

A judge that is told only whether the whole query is met does not learn to compare, and one that is
told so behind each word learns which words occur, but not which belong together (docs/log.md). What
it does learn soon is to look things up: so behind each word stands what the candidate has next, for
what was said so far ("red" – *star*, "red star" – *top*), or *no* where nothing in it is like that,
and behind the last word of a condition whether it is met.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tte2_ray.mini.asks import (
    Ask,
    Asks,
    EventAsk,
    FooterAsk,
    LineAsk,
    RelationAsk,
    SenderAsk,
    SignAsk,
    ThingAsk,
    TinyAsk,
    is_open,
    tinies_of,
)
from tte2_ray.mini.language import event_words, look, reading_order
from tte2_ray.mini.lessons import MARK_OPEN, mark
from tte2_ray.mini.tasks import phrase
from tte2_ray.mini.truth import Clip, Page, Scene, Thing, Truth

YES: Final = "yes"
NO: Final = "no"
_NEXT: Final = {"color": "shape", "texture": "shape", "shape": "region"}
"""What is known of a thing, once this part of it was said."""


@dataclass
class _Marked:
    """What `phrase` needs of an ask: its words, here with marks."""

    words: str


def marked_phrase(
    rng: random.Random, truth: Truth, asks: Asks, kind: str, sees: bool
) -> tuple[str, str]:
    """A query in words: as it is asked, and with marks.

    Args:
        rng: draws the order of the asks and the words between them.
        truth: of the candidate.
        asks: of the query.
        kind: of item that it looks for.
        sees: the candidate's media; else what its ECR leaves out stays without a mark.
    """
    return _phrased(rng, kind, asks, [_words(each, truth, sees) for each in asks])


def _phrased(rng: random.Random, kind: str, asks: Asks, marked: Sequence[str]) -> tuple[str, str]:
    state = rng.getstate()
    query = phrase(rng, kind, asks)
    rng.setstate(state)
    return query, phrase(rng, kind, [_Marked(words) for words in marked])


def marked_look(rng: random.Random, truth: Truth, asks: Asks, kind: str) -> tuple[str, str]:
    """The same of a candidate that was looked at: what a look tells is looked up as well.

    Args:
        rng: draws the order of the asks and the words between them.
        truth: of the candidate.
        asks: of the query.
        kind: of item that it looks for.
    """
    return _phrased(rng, kind, asks, [_detail(each, truth) or _words(each, truth, True)
                                      for each in asks])  # fmt: skip


def _detail(ask: Ask, truth: Truth) -> str:
    """A tiny thing with a mark behind its colour, a sign or a footer with one before its word; ""
    for other asks."""
    whole = _verdict(ask.holds(truth))
    if isinstance(ask, TinyAsk):
        shapes = {tiny.shape for tiny in tinies_of(truth) if tiny.color == ask.color}
        known = mark(f" {min(shapes)}") if len(shapes) == 1 else "" if shapes else mark(NO)
        return f"tiny {ask.color}{known} {ask.shape}{whole}"
    if isinstance(ask, SignAsk) and isinstance(truth, Scene):
        return f"sign{mark(f' {truth.sign}' if truth.sign else NO)} {ask.word}{whole}"
    if isinstance(ask, FooterAsk) and isinstance(truth, Page):
        return f"marked{mark(f' {truth.footer}')} {ask.word}{whole}"
    return ""


def marked_scene(query: str, wanted: Scene, found: Scene) -> str:
    """A query that describes a whole picture, with marks in each thing's description."""
    for thing in reading_order(wanted.things):
        words = f"{look(thing)} {thing.region}"
        ask = ThingAsk(color=thing.color, texture=thing.texture, shape=thing.shape,
                       region=thing.region)  # fmt: skip
        query = query.replace(words, _by_part(ask, found), 1)
    return query


def _verdict(met: bool) -> str:
    return mark(YES if met else NO)


def _words(ask: Ask, truth: Truth, sees: bool) -> str:
    if not sees and is_open(ask, truth):
        return ask.words
    whole = _verdict(ask.holds(truth))
    if isinstance(ask, ThingAsk) and isinstance(truth, Scene):
        return _by_part(ask, truth)
    if isinstance(ask, RelationAsk) and isinstance(truth, Scene):
        first = _by_part(ask.first, truth, ends=False)
        second = _by_part(ask.second, truth).rpartition(MARK_OPEN)[0]
        return f"{first} {ask.relation} {second}{whole}"
    if isinstance(ask, EventAsk) and isinstance(truth, Clip):
        return f"{_by_word(ask, truth)}{whole}"
    if isinstance(ask, SenderAsk) and isinstance(truth, Page):
        city = mark(f" {truth.city}") if ask.kind == truth.kind else mark(NO)
        return f"{ask.kind} from{city} {ask.city}{whole}"
    if isinstance(ask, LineAsk) and isinstance(truth, Page):
        return f"{_by_digit(ask.number, truth.lines[: 4 if sees else 2])} {ask.good}{whole}"
    return ask.words + whole


def _by_part(ask: ThingAsk, scene: Scene, ends: bool = True) -> str:
    """A thing with a mark behind each of its parts; the last is a verdict where the ask ends."""
    parts = [part for part in ("color", "texture", "shape", "region") if getattr(ask, part)]
    said, so_far = "", ThingAsk(color="", shape="", main=ask.main)
    for part in parts:
        word = getattr(ask, part)
        so_far = replace(so_far, **{part: word})
        found = so_far.find(scene)
        last = part == parts[-1] and ends
        said += f" {word}{_verdict(bool(found)) if last else _known(part, found)}"
    return said.strip()


def _known(part: str, found: list[Thing]) -> str:
    if len(found) == 1 and part in _NEXT:
        return mark(f" {getattr(found[0], _NEXT[part])}")
    return "" if found else mark(NO)


def _by_word(ask: EventAsk, truth: Clip) -> str:
    """Events with a mark behind each word but the last: how an event that begins so goes on."""
    happens = [event_words(truth, event).split(" ") for event in truth.events]
    said = []
    for number, event in enumerate(ask.events, 1):
        words = event.split(" ")
        marked = words[0]
        for count, word in enumerate(words[1:], 1):
            begun = [each for each in happens if each[:count] == words[:count]]
            going_on = {each[count] for each in begun if len(each) > count}
            known = mark(f" {min(going_on)}") if len(going_on) == 1 else ""
            marked += f"{known if begun else mark(NO)} {word}"
        if number < len(ask.events):
            marked += _verdict(words in happens)
        said.append(marked)
    return " then ".join(said)


def _by_digit(number: int, lines: Sequence[tuple[str, int]]) -> str:
    """A number with a mark behind each digit: how a line that begins so goes on."""
    digits, marked = str(number), ""
    for count in range(1, len(digits) + 1):
        begun = [(str(n)[count:], good) for good, n in lines if str(n).startswith(digits[:count])]
        going_on = {more[:1] or f" {good}" for more, good in begun}
        known = mark(min(going_on)) if len(going_on) == 1 else ""
        marked += digits[count - 1] + (known if begun else mark(NO))
    return marked
