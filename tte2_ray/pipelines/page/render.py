"""Templates to HTML: one look for every page, everything escaped."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tte2_ray.pipelines.prices import dollars
from tte2_ray.pipelines.progress import duration

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
"""Holds `look.html.j2`, which a page extends, and `parts.html.j2`, macros."""


def render(template: Path, **values: Any) -> str:
    """The page.

    Args:
        template: its file; it may extend and import what lies in `FOLDER`.
        values: what it shows. A name that the template uses and that is not given is an error.
    """
    return _pages(template.parent).get_template(template.name).render(values)


@cache  # a template is compiled once: an evaluation writes many pages
def _pages(folder: Path) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FileSystemLoader([folder, FOLDER]),
        undefined=StrictUndefined,
    )
    pages.filters |= {
        "count": count,
        "dollars": dollars,
        "duration": duration,
        "latency": latency,
        "parameters": parameters,
        "signed": signed,
    }
    return pages


def count(number: float) -> str:
    """A count, or the mean of counts, for people.

    >>> count(12345), count(12345.6), count(3.25), count(2.0)
    ('12,345', '12,346', '3.2', '2')
    """
    whole = number == int(number) or abs(number) >= 100
    return f"{number:,.0f}" if whole else f"{number:,.1f}"


def latency(seconds: float) -> str:
    """A time within one query, for people.

    >>> latency(0.00042), latency(0.042), latency(1.234), latency(75.0)
    ('0.4 ms', '42 ms', '1.23 s', '75.0 s')
    """
    if seconds < 0.01:
        return f"{1000 * seconds:.1f} ms"
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def parameters(number: float) -> str:
    """The size of a model, for people.

    >>> parameters(1_640_000), parameters(2e9), parameters(72e9), parameters(0)
    ('1.6 M', '2 B', '72 B', 'unknown')
    """
    if not number:
        return "unknown"
    for unit, size in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if number >= size:
            return f"{number / size:.2g} {unit}"
    return f"{number:.0f}"


def signed(number: float, digits: int = 3) -> str:
    """A difference, its sign always told.

    >>> signed(0.0214), signed(-0.0214), signed(0.0)
    ('+0.021', '−0.021', '±0.000')
    """
    sign = "+" if number > 0 else "−" if number < 0 else "±"
    return f"{sign}{abs(number):.{digits}f}"
