"""Small changes to a clip."""

import random
from collections.abc import Callable
from dataclasses import replace

from tte2_ray.mini.edits.things import change_tiny, restyle
from tte2_ray.mini.truth import Clip, Event, Split, can_happen, sample_event


def swap_events(rng: random.Random, clip: Clip, split: Split) -> Clip | None:
    """The same events in the other order."""
    swapped = replace(clip, events=clip.events[::-1])
    return swapped if len(clip.events) == 2 and can_happen(swapped, split) else None


def swap_roles(rng: random.Random, clip: Clip, split: Split) -> Clip | None:
    """What happens to one actor happens to the other."""
    if len(clip.actors) < 2:
        return None
    events = tuple(replace(e, actor=1 - e.actor) for e in clip.events)
    swapped = replace(clip, events=events)
    return swapped if can_happen(swapped, split) else None


def change_event(rng: random.Random, clip: Clip, split: Split) -> Clip | None:
    """One event is another one, or happens to the other actor."""
    index = rng.randrange(len(clip.events))
    event = clip.events[index]
    if len(clip.actors) == 2 and rng.random() < 0.4:
        event = replace(event, actor=1 - event.actor)
    else:
        event = sample_event(rng, replace(clip, events=clip.events[:index]), split)
    events: tuple[Event, ...] = (*clip.events[:index], event, *clip.events[index + 1 :])
    edited = replace(clip, events=events)
    return edited if can_happen(edited, split) else None


def change_actor(rng: random.Random, clip: Clip, split: Split) -> Clip | None:
    """One actor has another colour or shape."""
    index = rng.randrange(len(clip.actors))
    old = clip.actors[index]
    new = restyle(rng, old, split, rng.choice(("color", "shape")))
    actors = [*clip.actors]
    actors[index] = new
    if len({a.color for a in actors}) < len(actors) or len({a.shape for a in actors}) < len(actors):
        return None
    edited = replace(clip, actors=tuple(actors))
    return edited if can_happen(edited, split) else None


def change_clip_tiny(rng: random.Random, clip: Clip, split: Split) -> Clip:
    """The tiny thing is another one."""
    return replace(clip, tiny=change_tiny(rng, clip.tiny, split))


_ClipChange = Callable[[random.Random, Clip, Split], Clip | None]
_CLIP_CHANGES: tuple[_ClipChange, ...] = (
    swap_events, swap_events, swap_roles, change_event, change_event, change_actor,
    change_clip_tiny,
)  # fmt: skip


def change_clip(rng: random.Random, clip: Clip, split: Split) -> Clip | None:
    """`clip` with one thing changed, or None if the change drawn does not fit."""
    return rng.choice(_CLIP_CHANGES)(rng, clip, split)


def rearrange_clip(rng: random.Random, clip: Clip, split: Split) -> Clip | None:
    """`clip` with the same actors and events in another order, or None if that does not fit."""
    return rng.choice((swap_events, swap_roles))(rng, clip, split)
