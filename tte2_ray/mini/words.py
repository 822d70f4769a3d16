"""The words of the miniature world: what things can look like, and which combinations are held out.

A combination that `is_held_out` is never sampled for train or dev, so that the test split asks for
things whose parts were seen but which were never seen together.
"""

from typing import Final

COLORS: Final = {
    "red": (220, 40, 40),
    "orange": (242, 140, 30),
    "yellow": (238, 218, 50),
    "green": (50, 165, 60),
    "blue": (50, 90, 220),
    "purple": (140, 60, 180),
    "pink": (248, 140, 195),
    "brown": (130, 84, 44),
}
TEXTURES: Final = ("plain", "striped", "dotted", "checked")
SHAPES: Final = ("circle", "square", "triangle", "star", "cross", "ring", "diamond", "moon")
TINY_SHAPES: Final = ("circle", "square", "triangle", "cross")
SIGNS: Final = ("cafe", "hotel", "bank", "zoo", "taxi", "shop", "park", "exit", "farm", "gym")
REGIONS: Final = (
    ("top left", "top", "top right"),
    ("left", "center", "right"),
    ("bottom left", "bottom", "bottom right"),
)
DIRECTIONS: Final = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}

PAGE_KINDS: Final = ("invoice", "memo", "report", "menu", "ticket", "letter")
CITIES: Final = (
    "paris", "rome", "oslo", "cairo", "lima", "delhi", "tokyo", "berlin",
    "madrid", "quito", "dakar", "seoul",
)  # fmt: skip
GOODS: Final = (
    "lemons", "candles", "ropes", "lamps", "books", "chairs", "plates", "boots",
    "clocks", "drums", "keys", "nails", "pears", "rugs", "spoons", "tents",
)  # fmt: skip
FOOTERS: Final = ("paid", "draft", "urgent", "copy", "final", "void")


def is_held_out(color: str, texture: str, shape: str) -> bool:
    """Whether this look of a thing is kept for the test split (one in eleven)."""
    c, t, s = list(COLORS).index(color), TEXTURES.index(texture), SHAPES.index(shape)
    return (c + 3 * t + 5 * s) % 11 == 0


def is_held_out_page(kind: str, city: str) -> bool:
    """Whether this sender of a page is kept for the test split (one in nine)."""
    return (2 * PAGE_KINDS.index(kind) + CITIES.index(city)) % 9 == 0
