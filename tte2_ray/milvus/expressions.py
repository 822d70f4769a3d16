r"""Filter expressions from ids. Any id is data: quotes, backslashes and line ends are escaped.

Parameters (`filter_params`) would be better, but Milvus 2.3 and Milvus Lite 3.2 do not know them.
"""

from collections.abc import Iterable

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def quoted(text: str) -> str:
    r"""A string literal of Milvus's filter language.

    >>> print(quoted('say "hi" \\ '))
    "say \"hi\" \\ "
    """
    return f'"{text.translate(_ESCAPES)}"'


def one_of(item_ids: Iterable[str]) -> str:
    """The filter that lets only these items pass; not for an empty list.

    >>> one_of(["a", "b"])
    'item_id in ["a", "b"]'
    """
    return f"item_id in [{', '.join(map(quoted, item_ids))}]"
