"""The tasks of the miniature, after the types of MMEB-V2, one `Case` at a time.

A case is a query, the candidate that answers it, and near-misses that do not. Training uses cases
as they are; `world.py` gathers the candidates of many cases into corpora and pools.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from tte2_ray.mini.asks import (
    RELATIONS,
    Asks,
    EventAsk,
    ThingAsk,
    ask_clip,
    ask_page,
    ask_scene,
    has_fine,
    stands,
)
from tte2_ray.mini.edits import change_event, near_misses, restyle, swap_places, with_thing
from tte2_ray.mini.language import (
    actor,
    describe,
    describe_crop,
    ecr,
    event_words,
    look,
    reading_order,
)
from tte2_ray.mini.truth import (
    Clip,
    Page,
    Scene,
    Split,
    Truth,
    actor_states,
    sample_clip,
    sample_page,
    sample_scene,
)
from tte2_ray.mini.words import COLORS, DIRECTIONS, REGIONS, SHAPES, SIGNS, TEXTURES


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a task is: its instruction, its kind of pool and its measure (ir_measures name)."""

    name: str
    instruction: str
    pool: Literal["query", "corpus"]
    measure: Literal["Success@1", "nDCG@5"] = "Success@1"


TASKS = {
    t.name: t
    for t in (
        Task(name="image_classification", pool="query",
             instruction="Name the texture and shape of the main thing."),
        Task(name="image_qa", pool="query", instruction="Answer the question."),
        Task(name="image_retrieval", pool="corpus", instruction="Find a picture that matches."),
        Task(name="composed_retrieval", pool="corpus",
             instruction="Find the picture after the change."),
        Task(name="grounding", pool="query", instruction="Find the close up of the thing."),
        Task(name="video_retrieval", pool="corpus", instruction="Find a video that matches."),
        Task(name="video_qa", pool="query", instruction="Answer the question about the video."),
        Task(name="moment_retrieval", pool="query", instruction="Find the clip of this moment."),
        Task(name="visdoc_retrieval", pool="corpus", measure="nDCG@5",
             instruction="Find a page that matches."),
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An item before it is drawn: a truth, a close-up of one thing of a scene, or a text."""

    truth: Truth | None = None
    crop: int = -1
    """Index of the thing that the close-up shows; -1 for the whole."""
    text: str = ""

    @property
    def ecr(self) -> str:
        """What a perfect reasoner writes about it."""
        if self.truth is None:
            return ecr("short text", self.text)
        if self.crop >= 0 and isinstance(self.truth, Scene):
            return describe_crop(self.truth.things[self.crop])
        return describe(self.truth)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One query of a task.

    `asks` are the conditions of the query where it has any (retrieval of pictures, videos, pages
    and moments); they decide relevance over a whole corpus.
    """

    task: str
    text: str
    media: Truth | None
    query_ecr: str
    asks: Asks
    positive: Candidate
    negatives: tuple[Candidate, ...]


def make_case(task: str, rng: random.Random, split: Split, negatives: int = 4) -> Case:
    """A case of `task` with at least two near-misses.

    Args:
        task: a key of `TASKS`.
        rng: where all chance comes from.
        split: train and dev never hold a held-out combination.
        negatives: near-misses wanted.
    """
    while True:
        case = case_about(None, task, rng, split, negatives)
        if case is not None and len(case.negatives) >= 2:
            return case


def case_about(
    truth: Truth | None, task: str, rng: random.Random, split: Split, negatives: int = 4
) -> Case | None:
    """A case of `task` about `truth` (sampled if None), or None where the question drawn has no
    answer in it."""
    if truth is None:
        truth = _SAMPLERS[task.split("_")[0]](rng, split)
    return _MAKERS[task](truth, rng, split, negatives)


def words_of(asks: Asks) -> str:
    """The conditions of a query in words."""
    return ", ".join(a.words for a in asks)


def wanted(asks: Asks, kind: str) -> str:
    """The ECR of a query that describes what it looks for."""
    return ecr(f"wants {kind}, {len(asks)} asks", f"{kind} {words_of(asks)}")


def phrase(rng: random.Random, kind: str, asks: Asks) -> str:
    """The words of a query that looks for `kind` with these conditions, in any order."""
    lead = rng.choice(
        (f"a {kind} with", f"{kind} showing", f"find a {kind} with", f"show me a {kind} with")
    )
    parts = [a.words for a in asks]
    rng.shuffle(parts)
    return f"{lead} {rng.choice((' and ', ', ')).join(parts)}"


def _distinct(
    rng: random.Random, answer: str, values: list[str], count: int
) -> tuple[Candidate, ...]:
    rest = sorted({v for v in values if v != answer})
    return tuple(Candidate(text=v) for v in rng.sample(rest, min(count, len(rest))))


def _retrieval(
    rng: random.Random, split: Split, count: int, truth: Truth, asks: Asks, task: str, kind: str
) -> Case:
    misses = near_misses(rng, truth, asks, split, count)
    return Case(task=task, text=phrase(rng, kind, asks), media=None, asks=asks,
                query_ecr=wanted(asks, kind), positive=Candidate(truth=truth),
                negatives=tuple(Candidate(truth=m) for m in misses))  # fmt: skip


def _image_retrieval(scene: Scene, rng: random.Random, split: Split, count: int) -> Case:
    asks = ask_scene(rng, scene, fine=has_fine(scene) and rng.random() < 0.45)
    return _retrieval(rng, split, count, scene, asks, "image_retrieval", "picture")


def _video_retrieval(clip: Clip, rng: random.Random, split: Split, count: int) -> Case:
    asks = ask_clip(rng, clip, fine=rng.random() < 0.35)
    return _retrieval(rng, split, count, clip, asks, "video_retrieval", "video")


def _visdoc_retrieval(page: Page, rng: random.Random, split: Split, count: int) -> Case:
    asks = ask_page(rng, page, fine=rng.random() < 0.45)
    return _retrieval(rng, split, count, page, asks, "visdoc_retrieval", "page")


def _image_classification(scene: Scene, rng: random.Random, split: Split, count: int) -> Case:
    main = scene.things[0]
    label = f"{main.texture} {main.shape}"
    near = [f"{main.texture} {s}" for s in SHAPES] + [f"{t} {main.shape}" for t in TEXTURES]
    near += [f"{t.texture} {t.shape}" for t in scene.things[1:]]
    return Case(task="image_classification", text="", media=scene, asks=(),
                query_ecr=ecr(f"main {look(main)} {main.region}", label),
                positive=Candidate(text=label),
                negatives=_distinct(rng, label, near, count + 3))  # fmt: skip


def _image_qa(scene: Scene, rng: random.Random, split: Split, count: int) -> Case | None:
    kind = rng.choice(("color", "texture", "region", "count", "beside", "tiny", "sign"))
    thing = rng.choice(scene.things)
    unique = sum(t.shape == thing.shape for t in scene.things) == 1
    if kind == "sign":
        if not scene.sign:
            return None
        return _answer(rng, scene, "what does the sign say", f"sign {scene.sign}", scene.sign,
                       list(SIGNS), count)  # fmt: skip
    if kind == "tiny":
        if not scene.tinies or len({t.shape for t in scene.tinies}) < len(scene.tinies):
            return None
        tiny = rng.choice(scene.tinies)
        return _answer(
            rng,
            scene,
            f"what color is the tiny {tiny.shape}",
            f"tiny {tiny.color} {tiny.shape}",
            tiny.color,
            list(COLORS),
            count,
        )
    if kind == "count":
        number = len(scene.things)
        seen = ", ".join(look(t) for t in reading_order(scene.things))
        return _answer(rng, scene, "how many big things are there", seen, str(number),
                       ["2", "3", "4", "5", "6"], count)  # fmt: skip
    if kind == "beside":
        return _beside(rng, scene, count)
    if not unique:
        return None
    seen = f"{look(thing)} {thing.region}"
    if kind == "color":
        question, answer, values = f"what color is the {thing.shape}", thing.color, list(COLORS)
    elif kind == "texture":
        question, answer, values = (
            f"what texture is the {thing.shape}",
            thing.texture,
            list(TEXTURES),
        )
    else:
        question, answer = f"where is the {thing.shape}", thing.region
        values = [region for row in REGIONS for region in row]
    return _answer(rng, scene, question, seen, answer, values, count)


def _beside(rng: random.Random, scene: Scene, count: int) -> Case | None:
    anchor = rng.choice(scene.things)
    relation = rng.choice(RELATIONS)
    there = [t for t in scene.things if t is not anchor and stands(t, relation, anchor)]
    if len(there) != 1:
        return None
    question = f"what is {relation} the {anchor.color} {anchor.shape}"
    seen = f"{look(anchor)} {anchor.region}, {look(there[0])} {there[0].region}"
    values = [f"{c} {there[0].shape}" for c in COLORS] + [f"{there[0].color} {s}" for s in SHAPES]
    values += [f"{t.color} {t.shape}" for t in scene.things]
    return _answer(rng, scene, question, seen, actor(there[0]), values, count)


def _answer(
    rng: random.Random,
    media: Truth,
    question: str,
    seen: str,
    answer: str,
    values: list[str],
    count: int,
) -> Case:
    task = "image_qa" if isinstance(media, Scene) else "video_qa"
    return Case(task=task, text=question, media=media, asks=(), query_ecr=ecr(seen, answer),
                positive=Candidate(text=answer),
                negatives=_distinct(rng, answer, values, count + 2))  # fmt: skip


def _composed_retrieval(scene: Scene, rng: random.Random, split: Split, count: int) -> Case | None:
    if rng.random() < 0.2:
        target = swap_places(rng, scene, split)
        pair = [t for t, u in zip(scene.things, target.things, strict=True) if t != u]
        text = f"the same but the {actor(pair[0])} and the {actor(pair[1])} swap places"
    else:
        index, part = rng.randrange(len(scene.things)), rng.choice(("color", "texture", "shape"))
        old = scene.things[index]
        new = restyle(rng, old, split, part)
        made = with_thing(scene, index, new)
        if made is None:
            return None
        target = made
        value = getattr(new, part)
        text = f"the same but the {actor(old)} is {'a ' if part == 'shape' else ''}{value}"
    misses: list[Truth] = [scene]
    for miss in near_misses(rng, target, (), split, 0) + _salient_changes(
        rng, target, split, count
    ):
        if miss not in (target, scene):
            misses.append(miss)
    return Case(task="composed_retrieval", text=text, media=scene, asks=(),
                query_ecr=describe(target), positive=Candidate(truth=target),
                negatives=tuple(Candidate(truth=m) for m in misses[: count + 1]))  # fmt: skip


def _salient_changes(rng: random.Random, scene: Scene, split: Split, count: int) -> list[Truth]:
    """Scenes whose big things differ from `scene` by one change: any ask about them would fail."""
    full: Asks = tuple(
        ThingAsk(color=t.color, shape=t.shape, texture=t.texture, region=t.region)
        for t in scene.things
    )
    return near_misses(rng, scene, full, split, count)


def _grounding(scene: Scene, rng: random.Random, split: Split, count: int) -> Case | None:
    index = rng.randrange(len(scene.things))
    thing = scene.things[index]
    words = _unique_words(rng, scene, index)
    if words is None:
        return None
    crops = [Candidate(truth=scene, crop=i) for i in range(len(scene.things)) if i != index]
    for _ in range(20):
        if len(crops) >= count:
            break
        near = with_thing(scene, index, restyle(rng, thing, split))
        if near is not None and near.things[index].look != thing.look:
            crops.append(Candidate(truth=near, crop=index))
    return Case(task="grounding", text=words, media=scene, asks=(),
                query_ecr=ecr(f"{look(thing)} {thing.region}", f"close up of {look(thing)}"),
                positive=Candidate(truth=scene, crop=index), negatives=tuple(crops))  # fmt: skip


def _unique_words(rng: random.Random, scene: Scene, index: int) -> str | None:
    thing = scene.things[index]
    options = [f"the {thing.shape}"] * (sum(t.shape == thing.shape for t in scene.things) == 1)
    options += [f"the {thing.color} one"] * (sum(t.color == thing.color for t in scene.things) == 1)
    options += [f"the one at {thing.region}"]
    for anchor in scene.things:
        for relation in RELATIONS:
            there = [t for t in scene.things if t is not anchor and stands(t, relation, anchor)]
            if there == [thing]:
                options.append(f"what is {relation} the {actor(anchor)}")
    return rng.choice(options) if options else None


def _video_qa(clip: Clip, rng: random.Random, split: Split, count: int) -> Case | None:
    words = [event_words(clip, e) for e in clip.events]
    seen = " then ".join(words)
    kind = rng.choice(("first", "last", "what", "tiny"))
    if kind in ("first", "last"):
        answer = words[0 if kind == "first" else -1]
        events = [change_event(rng, clip, split) for _ in range(count * 3)]
        values = [event_words(c, e) for c in events if c is not None for e in c.events] + words
        return _answer(rng, clip, f"what happens {kind}", seen, answer, values, count)
    if kind == "tiny":
        question = f"what color is the tiny {clip.tiny.shape}"
        return _answer(
            rng,
            clip,
            question,
            f"tiny {clip.tiny.color} {clip.tiny.shape}",
            clip.tiny.color,
            list(COLORS),
            count,
        )
    event = rng.choice(clip.events)
    if event.verb not in ("turns", "moves"):
        return None
    if sum((e.actor, e.verb) == (event.actor, event.verb) for e in clip.events) > 1:
        return None
    shape = clip.actors[event.actor].shape
    if event.verb == "turns":
        question, values = f"what color does the {shape} turn", list(COLORS)
    else:
        question, values = f"where does the {shape} move", list(DIRECTIONS)
    return _answer(rng, clip, question, seen, event.argument, values, count)


def _moment_retrieval(clip: Clip, rng: random.Random, split: Split, count: int) -> Case | None:
    chosen = rng.randrange(2)
    words = [event_words(clip, e) for e in clip.events]
    if words[0] == words[1]:
        return None
    moments = [moment(clip, i) for i in range(2)]
    asks = (EventAsk(events=(words[chosen],)),)
    misses = [moments[1 - chosen], *near_misses(rng, moments[chosen], asks, split, count)]
    lead = rng.choice(("the moment when", "when", "the part where"))
    return Case(task="moment_retrieval", text=f"{lead} {words[chosen]}", media=clip, asks=asks,
                query_ecr=ecr(" then ".join(words), f"video where {words[chosen]}"),
                positive=Candidate(truth=moments[chosen]),
                negatives=tuple(Candidate(truth=m) for m in misses))  # fmt: skip


def moment(clip: Clip, index: int) -> Clip:
    """The part of `clip` in which event `index` happens, as a clip of its own."""
    states, event = actor_states(clip)[index], clip.events[index]
    actors = tuple(now or clip.actors[i] for i, now in enumerate(states))
    away = [i for i, now in enumerate(states) if now is None]
    if event.verb != "appears" and away:
        # An actor that is away stays out of the moment: a moment of one actor.
        keep = tuple(a for i, a in enumerate(actors) if i not in away)
        return Clip(actors=keep, events=(replace(event, actor=0),), tiny=clip.tiny)
    return Clip(actors=actors, events=(event,), tiny=clip.tiny)


_SAMPLERS: dict[str, Callable[[random.Random, Split], Truth]] = {
    "image": sample_scene, "composed": sample_scene, "grounding": sample_scene,
    "video": sample_clip, "moment": sample_clip, "visdoc": sample_page,
}  # fmt: skip
# Each maker takes the kind of truth that `_SAMPLERS` draws for it.
_MAKERS: dict[str, Callable[..., Case | None]] = {
    "image_classification": _image_classification,
    "image_qa": _image_qa,
    "image_retrieval": _image_retrieval,
    "composed_retrieval": _composed_retrieval,
    "grounding": _grounding,
    "video_retrieval": _video_retrieval,
    "video_qa": _video_qa,
    "moment_retrieval": _moment_retrieval,
    "visdoc_retrieval": _visdoc_retrieval,
}
