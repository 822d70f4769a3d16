"""Generations: names under which rejected rows are run again.

ab12      the shard, or the plan, as it was first run
ab12-r1   its rejected rows run again; every row that had come through is taken over
ab12-r2   and what was still rejected, once more
"""

from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table

if TYPE_CHECKING:
    import pyarrow as pa

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


def earlier_generation(name: str) -> str:
    """The name before the last time that rejected rows were run again; "" for the first.

    >>> earlier_generation("ab12-r2"), earlier_generation("ab12-r1"), earlier_generation("ab12")
    ('ab12-r1', 'ab12', '')
    """
    base, _, number = name.partition(_MARK)
    if not number:
        return ""
    return base if number == "1" else f"{base}{_MARK}{int(number) - 1}"


def rows_taken_over(store: Store, key: str, schema: "pa.Schema") -> dict[str, dict[str, Any]]:
    """What the earlier generation of a shard made, by item id, without what failed.

    Args:
        store: where tables lie.
        key: of the table that is being made; its name tells the generation.
        schema: of the table.
    """
    folder, _, file = key.rpartition("/")
    earlier = earlier_generation(file.removesuffix(".parquet"))
    if not earlier:
        return {}
    rows = read_table(store, f"{folder}/{earlier}.parquet", schema).to_pylist()
    return {row["item_id"]: row for row in rows if not row["error_class"]}
