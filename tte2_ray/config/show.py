"""Print a configuration as YAML that loads again, each value with where it came from."""

import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, TextIO

from tte2_ray.config.fields import type_and_secrecy
from tte2_ray.config.load import Loaded

HIDDEN = "<hidden>"
_COMMENT_COLUMN = 48


def print_config(loaded: Loaded[Any], file: TextIO | None = None) -> None:
    """Write `annotated_yaml` to a stream, standard output by default."""
    print(annotated_yaml(loaded), end="", file=file or sys.stdout)


def annotated_yaml(loaded: Loaded[Any]) -> str:
    """The configuration as YAML, `# origin` behind each value.

    References to the environment are shown as they were written, never resolved; a secret that
    was written out is hidden.
    """
    lines = []
    for text, origin in _lines(loaded, loaded.unresolved, "", 0):
        lines.append(f"{text:<{_COMMENT_COLUMN}}  # {origin}" if origin else text)
    return "\n".join(lines) + "\n"


def _lines(
    loaded: Loaded[Any], values: Mapping[str, Any], prefix: str, depth: int
) -> Iterator[tuple[str, str]]:
    """Pairs of a YAML line and the origin of its value, "" for the head of a section."""
    for name, value in values.items():
        key, indent = f"{prefix}{name}", "  " * depth
        if isinstance(value, dict) and value:
            yield f"{indent}{_flow(name)}:", ""
            yield from _lines(loaded, value, f"{key}.", depth + 1)
        else:
            shown = _flow(_masked(type(loaded.config), key, value))
            yield f"{indent}{_flow(name)}: {shown}", loaded.origin(key)


def _masked(config_class: type, key: str, value: Any) -> Any:
    """The value with secrets hidden and with plain types only."""
    if isinstance(value, dict):
        return {name: _masked(config_class, f"{key}.{name}", v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(config_class, f"{key}.{i}", v) for i, v in enumerate(value)]
    is_reference = isinstance(value, str) and value.startswith("${") and value.endswith("}")
    if type_and_secrecy(config_class, key)[1] and value not in ("", None) and not is_reference:
        return HIDDEN
    if isinstance(value, Enum):
        return value.name
    return str(value) if isinstance(value, PurePath) else value


def _flow(value: Any) -> str:
    import yaml

    text = yaml.safe_dump(
        value, default_flow_style=True, width=sys.maxsize, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").strip()
