"""A policy as JSON: read with care, since people edit it."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from tte2_ray.cascade.config import CascadeConfig
from tte2_ray.cascade.policy import FORMAT, Band, Policy
from tte2_ray.errors import ConfigError, ResourceMissingError

Read = TypeVar("Read", Band, Policy)

_NUMBERS = {"least_margin": (int, float), "judge_stop": (int, float), "stop_margin": (int, float),
            "judge": (int,), "rewrite": (int,), "judge_step": (int,),
            "rewrite_step": (int,)}  # fmt: skip
_OTHERS = {"name": (str,), "bands": (list,), "made_of": (dict,)}


def policy_of(config: CascadeConfig) -> Policy:
    """The policy that a configuration names, or its fixed numbers.

    Raises:
        ConfigError: the file is no policy, or one for another `fusion_weight`.
        ResourceMissingError: there is no such file.
    """
    policy = Policy.fixed(config.judge, config.rewrite, stop_margin=config.stop_margin)
    if config.policy:
        policy = load_policy(config.policy)
        made_with = policy.made_of.get("fusion_weight", config.fusion_weight)
        if made_with != config.fusion_weight:
            raise ConfigError(
                f"the policy {config.policy} was made with cascade.fusion_weight={made_with}, and "
                f"it is {config.fusion_weight}: set it so, or calibrate anew"
            )
    return policy if config.rewrites else policy.without_rewrites()


def load_policy(path: str) -> Policy:
    """The policy of a file.

    Args:
        path: on disk; `~` is the home folder.

    Raises:
        ConfigError: the file is no policy; says what is wrong, and where.
        ResourceMissingError: there is no such file.
    """
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except FileNotFoundError as error:
        message = f"there is no policy {path}: name its file in cascade.policy, or leave it empty"
        raise ResourceMissingError(message) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the policy {path} cannot be read: {error}") from error
    return parse_policy(text, path)


def parse_policy(text: str, where: str) -> Policy:
    """The policy of a text.

    Args:
        text: JSON.
        where: its name in errors.

    Raises:
        ConfigError: it is no policy.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"the policy {where} is not JSON: {error}") from error
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise ConfigError(f'the policy {where} has no "format": "{FORMAT}"')
    try:
        return _policy(found)
    except ConfigError as error:
        raise ConfigError(f"the policy {where}: {error}") from error


def dump_policy(policy: Policy) -> str:
    """The text of a policy, one band a line.

    >>> parse_policy(dump_policy(Policy.fixed(5, 2)), "here") == Policy.fixed(5, 2)
    True
    """
    parts = {"format": FORMAT, **asdict(policy)}
    bands = ",\n".join(f"    {json.dumps(asdict(band))}" for band in policy.bands)
    lines = [
        f'  "{name}": ' + (f"[\n{bands}\n  ]" if name == "bands" else _json(value))
        for name, value in parts.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _policy(found: dict[str, Any]) -> Policy:
    values = _checked(Policy, found, "")
    bands = []
    for number, band in enumerate(values["bands"]):
        if not isinstance(band, dict):
            raise ConfigError(f"bands[{number}] is {band!r}, not an object")
        bands.append(Band(**_checked(Band, band, f"bands[{number}].")))
    return Policy(**{**values, "bands": tuple(bands)})


def _checked(kind: type[Read], found: Mapping[str, Any], of: str) -> dict[str, Any]:
    known = {each.name: each for each in fields(kind)}
    if unknown := sorted(found.keys() - known.keys()):
        raise ConfigError(f"{of}{unknown[0]} is unknown; there are {', '.join(known)}")
    for name, each in known.items():
        needed = each.default is MISSING and each.default_factory is MISSING
        if needed and name not in found:
            raise ConfigError(f"{of}{name} is missing")
    for name, value in found.items():
        kinds = (_NUMBERS | _OTHERS)[name]
        if not isinstance(value, kinds) or isinstance(value, bool):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise ConfigError(f"{of}{name} is {value!r}, which is not {wanted}")
    return dict(found)
