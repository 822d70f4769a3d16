"""Small changes to a page."""

import random
from dataclasses import replace

from tte2_ray.mini.edits.things import other
from tte2_ray.mini.truth import Page, Split
from tte2_ray.mini.words import CITIES, FOOTERS, GOODS, PAGE_KINDS, is_held_out_page


def swap_numbers(rng: random.Random, page: Page) -> Page:
    """Two lines swap their numbers."""
    lines = list(page.lines)
    i, j = rng.sample(range(len(lines)), 2)
    (one, first), (two, second) = lines[i], lines[j]
    lines[i], lines[j] = (one, second), (two, first)
    return replace(page, lines=tuple(lines))


def change_page(rng: random.Random, page: Page, split: Split) -> Page | None:
    """A number, a swap of two numbers, the goods, the sender or the footer is another one."""
    lines = list(page.lines)
    index = rng.randrange(len(lines))
    good, number = lines[index]
    what = rng.choice(("number", "number", "swap", "good", "kind", "city", "footer"))
    if what == "number":
        digit = rng.choice(
            (number % 10 + 10 * rng.randint(1, 9), number // 10 * 10 + rng.randint(0, 9))
        )
        lines[index] = (good, digit)
    elif what == "good":
        lines[index] = (rng.choice([g for g in GOODS if g not in dict(lines)]), number)
    edited = swap_numbers(rng, page) if what == "swap" else replace(page, lines=tuple(lines))
    if what == "kind":
        edited = replace(edited, kind=other(rng, page.kind, PAGE_KINDS))
    elif what == "city":
        edited = replace(edited, city=other(rng, page.city, CITIES))
    elif what == "footer":
        edited = replace(edited, footer=other(rng, page.footer, FOOTERS))
    held_out = split != "test" and is_held_out_page(edited.kind, edited.city)
    return None if held_out or edited == page else edited
