"""Merge files and `key=value` pairs into a frozen dataclass, remembering who set what."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from tte2_ray.config.fields import dotted_keys, type_and_secrecy
from tte2_ray.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

T = TypeVar("T")
DEFAULT, COMMAND_LINE = "default", "command line"
ROLES: Final = frozenset((
    "media", "reasoner", "embedder", "judge", "rewriter", "cascade", "load_writers",
))  # fmt: skip
"""Keys of presets and profiles, which serve every job: one passes over the roles it has not."""


@dataclass(frozen=True, kw_only=True)
class Loaded(Generic[T]):
    """A configuration and where it came from."""

    config: T
    origins: Mapping[str, str]
    """Dotted key to the file, or "command line", that set it last; "default" keys are absent."""
    unresolved: Mapping[str, Any]
    """The merged values as they were written, `${…}` not yet replaced."""

    def origin(self, key: str) -> str:
        """Where the value of a dotted key came from."""
        return self.origins.get(key, DEFAULT)


def load_config(
    config_class: type[T],
    files: Sequence[Path] = (),
    overrides: Sequence[str] = (),
    others: Collection[str] = (),
) -> Loaded[T]:
    """Merge files left to right, then `key=value` pairs, over the defaults of a dataclass.

    A list or tuple is one value: a later one replaces it whole. `${oc.env:NAME}` stands for an
    environment variable, `${other.key}` for another value.

    Args:
        config_class: a frozen, keyword-only dataclass, nested at will.
        files: YAML files.
        overrides: `dotted.key=value`, the value written as in YAML; text for a field of type str.
        others: top-level keys that another job reads from the same files; they are passed over, as
            the roles are that this one has not.

    Raises:
        ConfigError: a file is missing or is not YAML, a key is unknown, a value is missing or has
            the wrong type, an environment variable is not set. Names the key and the file.
    """
    from omegaconf import OmegaConf

    node: DictConfig = OmegaConf.structured(config_class)
    others = {*others, *ROLES.difference(dotted_keys(config_class))}
    layers = [(file.as_posix(), _read(file, others)) for file in files]
    layers += [(COMMAND_LINE, _parse(config_class, text)) for text in overrides]
    origins: dict[str, str] = {}
    for origin, values in layers:
        node = _merge(config_class, node, origin, values)
        origins |= dict.fromkeys(_leaves(values), origin)
    return Loaded(
        config=_build(config_class, node, origins),
        origins=origins,
        unresolved=_plain(OmegaConf.to_container(node, resolve=False, enum_to_str=True)),
    )


def _read(file: Path, others: Collection[str]) -> "DictConfig":
    import yaml
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        values = OmegaConf.load(file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"cannot read the configuration file {file}: {reason}") from error
    except (yaml.YAMLError, UnicodeDecodeError, OmegaConfBaseException) as error:
        raise ConfigError(f"{file} is not YAML: {error}") from error
    if not isinstance(values, DictConfig):
        raise ConfigError(f"{file} does not hold a mapping of keys to values")
    for key in others:
        values.pop(key, None)
    return values


def _parse(config_class: type, text: str) -> "DictConfig":
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"'{text}' on the command line is not of the form key=value")
    hint, hidden = type_and_secrecy(config_class, key)
    # Text stays as it was typed: 007 and 1e5 may be names.
    values = OmegaConf.create({})
    try:
        if hint is str:
            OmegaConf.update(values, key, value)
        else:
            values = OmegaConf.from_dotlist([text])
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        shown = "" if hidden else f": {value}"
        raise ConfigError(f"cannot read the value of '{key}' ({COMMAND_LINE}){shown}") from error
    return values


def _merge(
    config_class: type, node: "DictConfig", origin: str, values: "DictConfig"
) -> "DictConfig":
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

    try:
        merged = OmegaConf.merge(node, values)
    except ConfigKeyError as error:
        key = str(error.full_key or error.key)
        hint = _suggestion(config_class, error.object_type, key)
        raise ConfigError(f"unknown key '{key}' ({origin}){hint}") from error
    except (OmegaConfBaseException, TypeError) as error:
        key = getattr(error, "full_key", None) or ", ".join(_leaves(values))
        hidden = type_and_secrecy(config_class, key)[1]
        reason = "it does not fit the declared type" if hidden else _first_line(error)
        raise ConfigError(f"wrong value for '{key}' ({origin}): {reason}") from error
    assert isinstance(merged, DictConfig)
    return merged


def _build(config_class: type[T], node: "DictConfig", origins: Mapping[str, str]) -> T:
    from omegaconf import OmegaConf
    from omegaconf.errors import InterpolationValidationError, OmegaConfBaseException

    if missing := sorted(OmegaConf.missing_keys(node)):
        raise ConfigError(
            f"no value for {', '.join(missing)}: set it in a file, or as {missing[0]}=…"
        )
    try:
        config = OmegaConf.to_object(node)
    except OmegaConfBaseException as error:
        # A resolved value may be a secret from the environment: it must not reach the message.
        leaks = isinstance(error, InterpolationValidationError)
        reason = "it does not fit the declared type" if leaks else _first_line(error)
        key = str(error.full_key)
        where = origins.get(key, DEFAULT)
        raise ConfigError(f"cannot resolve '{key}' ({where}): {reason}") from None
    except (ValueError, TypeError) as error:  # a dataclass's own check
        raise ConfigError(str(error)) from error
    assert isinstance(config, config_class)
    return config


def _suggestion(config_class: type, parent: object, key: str) -> str:
    """What was probably meant: a sibling of a like name, or the same name elsewhere."""
    stem, _, name = key.rpartition(".")
    siblings = dotted_keys(parent) if isinstance(parent, type) else []
    siblings = [sibling for sibling in siblings if "." not in sibling]
    meant = get_close_matches(name, siblings, n=1)
    if meant:
        return f": did you mean '{f'{stem}.' if stem else ''}{meant[0]}'?"
    everywhere = dotted_keys(config_class)
    last = {known.rpartition(".")[2]: known for known in reversed(everywhere)}
    meant = get_close_matches(name, list(last), n=1)
    if meant:
        return f": did you mean '{last[meant[0]]}'?"
    return f"; known here: {', '.join(siblings)}" if siblings else ""


def _leaves(values: "DictConfig", prefix: str = "") -> list[str]:
    """Dotted keys that a layer sets."""
    from omegaconf import DictConfig

    leaves: list[str] = []
    for key in values:
        node = values._get_node(key)
        name = prefix + (key if isinstance(key, str) else repr(key))
        if isinstance(node, DictConfig) and node._content and isinstance(node._content, dict):
            leaves += _leaves(node, f"{name}.")
        else:
            leaves.append(name)
    return leaves


def _plain(container: object) -> dict[str, Any]:
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
