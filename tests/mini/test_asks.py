"""What queries ask: words, truth and what a query-aware look reports, for each kind of item."""

import random

import pytest

from tte2_ray.mini.asks import (
    Asks,
    EventAsk,
    LineAsk,
    SenderAsk,
    SignAsk,
    ThingAsk,
    TinyAsk,
    all_hold,
    ask_clip,
    ask_page,
    ask_scene,
    has_fine,
    rewritten,
)
from tte2_ray.mini.language import describe, event_words
from tte2_ray.mini.truth import Page, Scene, Thing, Truth, sample_clip, sample_page, sample_scene

STAR = Thing(color="red", texture="striped", shape="star", x=0.2, y=0.2, radius=0.18)
RING = Thing(color="blue", texture="plain", shape="ring", x=0.8, y=0.2, radius=0.12)
TINY = Thing(color="green", texture="plain", shape="cross", x=0.5, y=0.8, radius=0.05)
SCENE = Scene(things=(STAR, RING), tinies=(TINY,), sign="cafe")
PAGE = Page(kind="memo", city="rome", footer="paid",
            lines=(("lemons", 24), ("ropes", 10), ("keys", 77), ("tents", 35)))  # fmt: skip


def test_a_bag_of_attributes_is_not_enough() -> None:
    assert ThingAsk(color="red", shape="star").holds(SCENE)
    assert not ThingAsk(color="blue", shape="star").holds(SCENE)  # both words are in the picture


@pytest.mark.parametrize(
    ("ask", "seen"),
    [
        (ThingAsk(color="blue", shape="star"), "main red striped star top left"),
        (TinyAsk(color="red", shape="cross"), "tiny green cross"),
        (SignAsk(word="bank"), "sign cafe"),
    ],
)
def test_a_look_reports_what_stands_in_place_of_what_was_asked(ask: ThingAsk, seen: str) -> None:
    assert not ask.holds(SCENE)
    assert ask.seen(SCENE) == seen


def test_a_page_is_asked_for_lines_that_its_ecr_leaves_out() -> None:
    late = LineAsk(good="keys", number=77, fine=True)
    assert late.holds(PAGE)
    assert late.words not in describe(PAGE)
    assert LineAsk(good="clocks", number=77, fine=True).seen(PAGE) == "no clocks"
    assert not SenderAsk(kind="memo", city="oslo").holds(PAGE)


def test_events_are_asked_for_in_their_order() -> None:
    clip = sample_clip(random.Random(5), "train", 2)
    first, second = (event_words(clip, e) for e in clip.events)
    assert first != second
    assert EventAsk(events=(first, second)).holds(clip)
    assert not EventAsk(events=(second, first)).holds(clip)
    assert not EventAsk(events=(first, first)).holds(clip), "it happens once"


@pytest.mark.parametrize("seed", range(20))
def test_what_is_asked_of_an_item_holds_and_is_seen(seed: int) -> None:
    rng = random.Random(seed)
    scene, clip = sample_scene(rng, "test"), sample_clip(rng, "test")
    page = sample_page(rng, "test")
    asked: list[tuple[Asks, Truth]] = [
        (ask_scene(rng, scene, has_fine(scene)), scene),
        (ask_clip(rng, clip, True), clip),
        (ask_page(rng, page, True), page),
    ]
    for asks, truth in asked:
        assert all_hold(asks, truth)
        looked = rewritten(asks, truth, "item")
        assert all(ask.seen(truth) in looked for ask in asks)
