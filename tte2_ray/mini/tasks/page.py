"""Cases that look for a page."""

import random

from tte2_ray.mini.asks import ask_page
from tte2_ray.mini.tasks.case import Case, retrieval
from tte2_ray.mini.truth import Page, Split


def visdoc_retrieval(page: Page, rng: random.Random, split: Split, count: int) -> Case:
    """A page by its sender and lines."""
    asks = ask_page(rng, page, fine=rng.random() < 0.45)
    return retrieval(rng, split, count, page, asks, "visdoc_retrieval", "page")
