"""Queries whose parts say at once whether a candidate meets them.

A judge that is told only whether the whole query is met does not learn to compare (docs/log.md).
So behind each word that could end a condition stands a mark: whether the candidate meets what was
said so far. Marks are labels of a lesson; no model ever reads one.
"""

import random
from dataclasses import dataclass, replace

from tte2_ray.mini.asks import (
    UNTOLD,
    Ask,
    Asks,
    EventAsk,
    RelationAsk,
    SenderAsk,
    ThingAsk,
)
from tte2_ray.mini.language import event_words, look, reading_order
from tte2_ray.mini.lessons import MET, UNMET
from tte2_ray.mini.tasks import phrase
from tte2_ray.mini.truth import Clip, Page, Scene, Truth


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
    state = rng.getstate()
    query = phrase(rng, kind, asks)
    rng.setstate(state)
    return query, phrase(rng, kind, [_Marked(_words(each, truth, sees)) for each in asks])


def marked_scene(query: str, wanted: Scene, found: Scene) -> str:
    """A query that describes a whole picture, with a mark behind each thing."""
    there = {f"{look(thing)} {thing.region}" for thing in found.things}
    for thing in reading_order(wanted.things):
        words = f"{look(thing)} {thing.region}"
        query = query.replace(words, words + _mark(words in there), 1)
    return query


def _mark(met: bool) -> str:
    return MET if met else UNMET


def _words(ask: Ask, truth: Truth, sees: bool) -> str:
    if not sees and ask.told(truth).endswith(UNTOLD):
        return ask.words
    whole = _mark(ask.holds(truth))
    if isinstance(ask, ThingAsk):
        return _by_part(ask, truth)
    if isinstance(ask, RelationAsk):
        first, second = (_by_part(one, truth) for one in (ask.first, ask.second))
        return f"{first} {ask.relation} {second[:-1]}{whole}"
    if isinstance(ask, EventAsk) and isinstance(truth, Clip):
        return f"{_by_word(ask, truth)[:-1]}{whole}"
    if isinstance(ask, SenderAsk) and isinstance(truth, Page):
        return f"{ask.kind}{_mark(ask.kind == truth.kind)} from {ask.city}{whole}"
    return ask.words + whole


def _by_part(ask: ThingAsk, truth: Truth) -> str:
    """A mark behind each part of a thing: whether one like it, so far as it was said, is there."""
    said, so_far = "", ThingAsk(color="", shape="", main=ask.main)
    for part in ("color", "texture", "shape", "region"):
        if word := getattr(ask, part):
            so_far = replace(so_far, **{part: word})
            said = f"{said} {word}{_mark(so_far.holds(truth))}"
    return said.strip()


def _by_word(ask: EventAsk, truth: Clip) -> str:
    """A mark behind each word of an event: whether any event of the clip begins so."""
    happens = [f"{event_words(truth, event)} " for event in truth.events]
    said = []
    for event in ask.events:
        words, marked = event.split(" "), ""
        for count, word in enumerate(words, 1):
            beginning = " ".join(words[:count]) + " "
            marked += f" {word}{_mark(any(each.startswith(beginning) for each in happens))}"
        said.append(marked.strip())
    return " then ".join(said)
