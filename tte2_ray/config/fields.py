"""What a field of a configuration means for the result, and the fingerprint that follows."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from tte2_ray.errors import ConfigError

T = TypeVar("T")
Kind = Literal["speed", "location", "guard", "secret"]

_KIND = "tte2_ray.kind"
_KEYS = "tte2_ray.keys"
_UNSET: Any = dataclasses.MISSING


def speed(
    default: T = _UNSET,
    *,
    default_factory: Callable[[], T] = _UNSET,
    keys: Collection[str] | None = None,
) -> T:
    """A field that changes how fast something is made, never what: left out of fingerprints.

    Args:
        default: of the field.
        default_factory: makes it.
        keys: of a mapping, those that this is true of; its other keys change what is made.
    """
    return cast(T, _field("speed", default, default_factory, keys))


def location(default: T = _UNSET, *, default_factory: Callable[[], T] = _UNSET) -> T:
    """A field that says where something lies or is served: left out of fingerprints."""
    return cast(T, _field("location", default, default_factory))


def guard(default: T = _UNSET, *, default_factory: Callable[[], T] = _UNSET) -> T:
    """A field that says what is refused, not what becomes of the rest: left out of fingerprints.

    Where it is loosened, `--redrive` runs what was refused again.
    """
    return cast(T, _field("guard", default, default_factory))


def secret(default: T = _UNSET, *, default_factory: Callable[[], T] = _UNSET) -> T:
    """A field that is never printed, and is left out of fingerprints."""
    return cast(T, _field("secret", default, default_factory))


def _field(
    kind: Kind, default: Any, default_factory: Any, keys: Collection[str] | None = None
) -> Any:
    metadata = {_KIND: kind, _KEYS: keys}
    if default_factory is not _UNSET:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def fingerprint(config: object) -> str:
    """Names what a configuration produces: 16 hex digits of SHA-256 over canonical JSON.

    A new field changes it even at its default, because what is made is then described anew.

    Args:
        config: an instance of a dataclass; fields of kind speed, location, guard and secret are
            skipped, of a mapping that names some keys as speed those keys.

    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Sampling:
    ...     temperature: float = 0
    ...     batch_size: int = speed(8)
    >>> fingerprint(Sampling()) == fingerprint(Sampling(temperature=0.0, batch_size=64))
    True
    """
    text = json.dumps(_canonical(config), sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def decisive(config: object) -> dict[str, Any]:
    """The fields of a dataclass that change what is made, by name: those of a fingerprint."""
    assert dataclasses.is_dataclass(config)
    kept = {}
    for field in dataclasses.fields(config):
        value, keys = getattr(config, field.name), field.metadata.get(_KEYS)
        if _KIND not in field.metadata:
            kept[field.name] = value
        elif keys is not None:
            kept[field.name] = {name: inner for name, inner in value.items() if name not in keys}
    return kept


def require_at_least(least: float, config: object, names: Collection[str], of: str) -> None:
    """Raises where a number of a dataclass is too small.

    Args:
        least: the smallest value that makes sense.
        config: the dataclass.
        names: of its fields.
        of: what stands before a field's name in the message, e.g. "corpus.".

    Raises:
        ConfigError: a value is below `least`, or is no number.
    """
    for name in names:
        value = getattr(config, name)
        if not value >= least:  # true of NaN, too
            raise ConfigError(f"{of}{name} must be at least {least:g}, not {value}")


def _canonical(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return {name: _canonical(inner) for name, inner in decisive(value).items()}
    if isinstance(value, Enum):
        return _canonical(value.value)
    if isinstance(value, Mapping):
        return {str(key): _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 1 and 1.0 are one setting
    return value.as_posix() if isinstance(value, Path) else value


def type_and_secrecy(config_class: type, key: str) -> tuple[Any, bool]:
    """The declared type at a dotted key (`Any` where there is none), and whether it is a secret."""
    hint: Any = config_class
    hidden = False
    for part in key.split("."):
        if dataclasses.is_dataclass(hint):
            known = {field.name: field for field in dataclasses.fields(hint)}
            if part not in known:
                return Any, hidden
            hidden = hidden or known[part].metadata.get(_KIND) == "secret"
            hint = _without_none(get_type_hints(hint)[part])
        else:
            hint = _element(hint)
    return hint, hidden


def dotted_keys(config_class: type, prefix: str = "") -> list[str]:
    """Every dotted key of a dataclass and of those nested in it."""
    keys: list[str] = []
    hints = get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        keys.append(prefix + field.name)
        hint = _without_none(hints[field.name])
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            keys += dotted_keys(hint, f"{prefix}{field.name}.")
    return keys


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in (Union, UnionType):
        return hint
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if len(kinds) == 1 else Any


def _element(hint: Any) -> Any:
    """Type of what a list, tuple or mapping holds."""
    origin, arguments = get_origin(hint), get_args(hint)
    if not arguments or not isinstance(origin, type):
        return Any
    return _without_none(arguments[-1] if issubclass(origin, Mapping) else arguments[0])
