"""Cases that start from or look for a video: retrieval, questions, moments."""

import random
from dataclasses import replace

from tte2_ray.mini.asks import EventAsk, ask_clip
from tte2_ray.mini.edits import near_misses
from tte2_ray.mini.edits.clip import change_event
from tte2_ray.mini.language import ecr, event_words
from tte2_ray.mini.tasks.case import Candidate, Case, answer, retrieval
from tte2_ray.mini.truth import Clip, Split, actor_states
from tte2_ray.mini.words import COLORS, DIRECTIONS


def video_retrieval(clip: Clip, rng: random.Random, split: Split, count: int) -> Case:
    """A video by what happens."""
    asks = ask_clip(rng, clip, fine=rng.random() < 0.35)
    return retrieval(rng, split, count, clip, asks, "video_retrieval", "video")


def video_qa(clip: Clip, rng: random.Random, split: Split, count: int) -> Case | None:
    """A question about a video, or None where the one drawn has no answer."""
    words = [event_words(clip, e) for e in clip.events]
    seen = " then ".join(words)
    kind = rng.choice(("first", "last", "what", "tiny"))
    if kind in ("first", "last"):
        said = words[0 if kind == "first" else -1]
        events = [change_event(rng, clip, split) for _ in range(count * 3)]
        values = [event_words(c, e) for c in events if c is not None for e in c.events]
        return answer(rng, clip, f"what happens {kind}", seen, said, words, values, count)
    if kind == "tiny":
        question = f"what color is the tiny {clip.tiny.shape}"
        near = [a.color for a in clip.actors]
        return answer(rng, clip, question, f"tiny {clip.tiny.color} {clip.tiny.shape}",
                      clip.tiny.color, near, COLORS, count)  # fmt: skip
    event = rng.choice(clip.events)
    if event.verb not in ("turns", "moves"):
        return None
    if sum((e.actor, e.verb) == (event.actor, event.verb) for e in clip.events) > 1:
        return None
    shape = clip.actors[event.actor].shape
    question, arguments = {
        "turns": (f"what color does the {shape} turn", tuple(COLORS)),
        "moves": (f"where does the {shape} move", tuple(DIRECTIONS)),
    }[event.verb]
    there = [a.color for a in clip.actors] + [e.argument for e in clip.events]
    near = [v for v in there if v in arguments]
    return answer(rng, clip, question, seen, event.argument, near, arguments, count)


def moment_retrieval(clip: Clip, rng: random.Random, split: Split, count: int) -> Case | None:
    """The part of a video in which something happens."""
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
