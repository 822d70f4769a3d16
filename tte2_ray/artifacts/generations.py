"""Generations: names under which rejected rows are run again.

ab12      the shard, or the plan, as it was first run
ab12-r1   its rejected rows run again; what had come through and still holds is taken over
ab12-r2   and what was still rejected, once more
"""

_MARK = "-r"


def first_generation(name: str) -> str:
    """The name before rejected rows were ever run again.

    >>> first_generation("ab12-r2")
    'ab12'
    """
    return name.partition(_MARK)[0]


def next_generation(name: str) -> str:
    """The name under which rejected rows are run again.

    >>> next_generation("ab12"), next_generation("ab12-r1")
    ('ab12-r1', 'ab12-r2')
    """
    base, _, number = name.partition(_MARK)
    return f"{base}{_MARK}{int(number or 0) + 1}"
