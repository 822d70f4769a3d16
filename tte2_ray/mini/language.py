"""What the miniature world says: the ECRs a perfect reasoner would write.

An ECR is short on purpose: it says what is salient (big things, events, the first lines of a page)
and only counts or skips what is fine (tiny things, signs, later lines, footers). Fine detail is for
a later look with the query in hand (`asks.py`).
"""

from tte2_ray.mini.truth import Clip, Event, Page, Scene, Thing, Truth, actor_states


def ecr(think: str, statement: str) -> str:
    """The text of an ECR: reasoning, then a final statement."""
    return f"<think>{think}</think>{statement}"


def look(thing: Thing) -> str:
    """Colour, texture and shape in words; a plain texture is said, so that it cannot be guessed."""
    return f"{thing.color} {thing.texture} {thing.shape}"


def tiny_look(thing: Thing) -> str:
    """A tiny thing in words."""
    return f"tiny {thing.color} {thing.shape}"


def reading_order(things: tuple[Thing, ...]) -> list[Thing]:
    """The main thing first, the others from top left to bottom right by region."""
    return [things[0], *sorted(things[1:], key=lambda t: (int(t.y * 3), int(t.x * 3)))]


def describe(truth: Truth) -> str:
    """The ECR of an item."""
    if isinstance(truth, Scene):
        return describe_scene(truth)
    if isinstance(truth, Clip):
        return describe_clip(truth)
    return describe_page(truth)


def describe_scene(scene: Scene) -> str:
    """The ECR of a picture: each big thing with its place, counts of the rest, then a statement."""
    things = reading_order(scene.things)
    places = [f"{look(t)} {t.region}" for t in things]
    rest = f"{len(things)} big, {len(scene.tinies)} tiny, {'a sign' if scene.sign else 'no sign'}"
    return ecr(f"main {', '.join(places)}. {rest}", f"picture of {', '.join(map(look, things))}")


def describe_crop(thing: Thing) -> str:
    """The ECR of a close-up of one thing."""
    return ecr("close up", f"close up of {look(thing)}")


def describe_lines(page: Page, first: int) -> str:
    """The ECR of a close-up of two lines of a page."""
    return ecr("close up", f"close up of {_printed(page, first)}")


def late_lines(page: Page) -> str:
    """The lines of a page that its ECR leaves out."""
    return _printed(page, 2)


def _printed(page: Page, first: int) -> str:
    return ", ".join(f"{number} {good}" for good, number in page.lines[first : first + 2])


def actor(thing: Thing) -> str:
    """An actor of a clip in words."""
    return f"{thing.color} {thing.shape}"


def event_words(clip: Clip, event: Event) -> str:
    """What happens, naming the actor as it looked before the event."""
    before = actor_states(clip)[clip.events.index(event)][event.actor]
    who = actor(before or clip.actors[event.actor])
    return f"{who} {event.verb} {event.argument}".strip()


def describe_clip(clip: Clip) -> str:
    """The ECR of a video: who is there at the start, then what happens in order."""
    start = [t for t in actor_states(clip)[0] if t is not None]
    start.sort(key=lambda t: (int(t.y * 3), int(t.x * 3)))
    places = ", ".join(f"{actor(t)} {t.region}" for t in start)
    happens = " then ".join(event_words(clip, e) for e in clip.events)
    return ecr(f"start {places}. {len(clip.events)} events", f"video where {happens}")


def describe_page(page: Page) -> str:
    """The ECR of a page: who sends what, and the first two lines."""
    first = _printed(page, 0)
    head = f"{page.kind} from {page.city}"
    return ecr(f"page {head}. {first}. more lines", f"{head} with {first}")
