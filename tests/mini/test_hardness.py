"""How often a bag of attributes would be enough; docs/mini.md quotes these shares."""

import random
from collections.abc import Callable, Iterator

import pytest

from benchmarks.mini_eval.occlusion import hidden_by_item
from tte2_ray.mini.edits.scene import with_thing
from tte2_ray.mini.language import actor, event_words
from tte2_ray.mini.tasks import Candidate, Case, make_case
from tte2_ray.mini.tasks.picture import _mixed
from tte2_ray.mini.truth import Clip, Page, Scene, Thing, Truth

CASES = 200


def cases(task: str) -> Iterator[Case]:
    """Of the training split."""
    for number in range(CASES):
        yield make_case(task, random.Random(f"hardness/{task}/{number}"), "train")


def same_parts(case: Case) -> bool:
    """A near-miss has the same attributes, or the same actors and happenings, put together
    otherwise."""
    return parts(case.positive.truth) in [parts(miss.truth) for miss in case.negatives]


def parts(truth: Truth | None) -> list[str]:
    """Attributes as often as they occur, in no order."""
    if isinstance(truth, Page):
        return sorted([truth.kind, truth.city, truth.footer, *map(str, sum(truth.lines, ()))])
    if isinstance(truth, Scene):
        tinies = [word for tiny in truth.tinies for word in tiny.look]
        words = [word for thing in truth.things for word in (*thing.look, thing.region)]
        return sorted([*words, *tinies, truth.sign])
    assert isinstance(truth, Clip)
    looks = [" ".join(thing.look) for thing in (*truth.actors, truth.tiny)]
    return sorted([*looks, *(f"{e.verb} {e.argument}" for e in truth.events)])


def true_of_something_else(case: Case) -> bool:
    """A wrong answer names something that is seen in the same media."""
    return not seen_in(case.media).isdisjoint(miss.text for miss in case.negatives)


def seen_in(truth: Truth | None) -> set[str]:
    if isinstance(truth, Scene):
        words = {p for t in (*truth.things, *truth.tinies) for p in (*t.look, t.region)}
        labels = {f"{t.texture} {t.shape}" for t in truth.things}
        return words | labels | {actor(t) for t in truth.things} | {truth.sign}
    assert isinstance(truth, Clip)
    events = {event_words(truth, e) for e in truth.events} | {e.argument for e in truth.events}
    return events | {a.color for a in truth.actors}


def fits_words_and_picture(case: Case) -> bool:
    """A wrong close-up has nothing that the picture lacks, and what the words say of a look."""
    words, answer = case.text, shown(case.positive)
    part = {"one": "color", answer.shape: "shape"}.get(words.split()[-1], "")
    named = part if len(words.split()) <= 3 else ""  # longer words are about a place
    return any(
        look_is_in(case.media, shown(miss))
        and (not named or getattr(shown(miss), named) == getattr(answer, named))
        for miss in case.negatives
    )


def shown(candidate: Candidate) -> Thing:
    assert isinstance(candidate.truth, Scene)
    return candidate.truth.things[candidate.crop]


def look_is_in(truth: Truth | None, thing: Thing) -> bool:
    """Whether its colour, its texture and its shape are each on something in the picture."""
    assert isinstance(truth, Scene)
    seen = zip(*(t.look for t in truth.things), strict=True)
    return all(value in values for value, values in zip(thing.look, seen, strict=True))


@pytest.mark.parametrize(
    ("task", "hard", "least", "most"),
    [
        ("image_retrieval", same_parts, 0.99, 1.0),
        ("composed_retrieval", same_parts, 0.99, 1.0),
        ("visdoc_retrieval", same_parts, 0.99, 1.0),
        ("video_retrieval", same_parts, 0.95, 1.0),
        ("moment_retrieval", same_parts, 0.65, 0.80),
        ("image_classification", true_of_something_else, 0.97, 1.0),
        ("image_qa", true_of_something_else, 0.60, 0.75),
        ("video_qa", true_of_something_else, 0.88, 0.98),
        ("grounding", fits_words_and_picture, 0.80, 0.93),
    ],
)
def test_a_bag_is_enough_as_seldom_as_is_documented(
    task: str, hard: Callable[[Case], bool], least: float, most: float
) -> None:
    share = sum(hard(case) for case in cases(task)) / CASES
    assert least <= share <= most


def test_a_wrong_close_up_mixes_the_pictures_own_parts_where_it_can() -> None:
    mixed = 0
    for case in cases("grounding"):
        scene, index = case.media, case.positive.crop
        assert isinstance(scene, Scene)
        if not any(with_thing(scene, index, made) for made in _mixed(scene, index, "train")):
            continue
        mixed += 1
        others = [shown(miss) for miss in case.negatives if miss.truth != scene]
        assert any(look_is_in(scene, thing) for thing in others), case.text
    assert mixed > CASES / 2


def test_about_one_big_thing_in_seven_is_partly_hidden() -> None:
    worlds = [hidden_by_item(seed, "test", queries=20) for seed in range(5)]
    shares = [share for world in worlds for things in world.values() for share in things]
    assert len(shares) > 2000
    partly = sum(share > 0.01 for share in shares) / len(shares)
    assert 0.11 < partly < 0.19  # near-misses share their places, so that worlds differ
    assert sum(share > 0.5 for share in shares) / len(shares) < 0.01, "most of it is always seen"
