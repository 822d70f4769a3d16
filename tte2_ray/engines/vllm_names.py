"""The names of vLLM's engine arguments, for checks that must not start it."""

import ast
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tte2_ray.engines.config import EngineConfig
from tte2_ray.errors import ConfigError

_CLASSES = ("EngineArgs", "AsyncEngineArgs")
_PICKLED = ("auto", "hf", "pt", "npcache")
"""Formats of weights with which vLLM reads, or may read, a pickle."""


@cache
def argument_names() -> frozenset[str]:
    """Fields of `vllm.AsyncEngineArgs`; none where vLLM is not installed, or keeps them elsewhere.

    They are read in its source, for importing it takes ten seconds.
    """
    found = find_spec("vllm")
    file = Path(found.origin).parent / "engine" / "arg_utils.py" if found and found.origin else None
    if file is None or not file.is_file():
        return frozenset()
    classes = (
        node
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name in _CLASSES
    )
    return frozenset(
        field.target.id
        for node in classes
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    )


def require_known_arguments(role: str, engine: EngineConfig) -> None:
    """Sees that vLLM has each of the engine arguments.

    Args:
        role: reasoner or embedder, for the message.
        engine: its engine.

    Raises:
        ConfigError: names the first that it has not, and what was probably meant; or it is told to
            read weights that may be a pickle.
    """
    if (given := str(engine.engine_args.get("load_format", "")).lower()) in _PICKLED:
        raise ConfigError(
            f"{role}.engine.engine_args.load_format={given} may read pickled weights, which no "
            "version names: leave it out, so that safetensors alone are read"
        )
    known = argument_names()
    for name in sorted(engine.engine_args.keys() - known) if known else ():
        meant = get_close_matches(name, known, n=1)
        hint = f"; did you mean '{meant[0]}'?" if meant else ""
        raise ConfigError(f"{role}.engine.engine_args: vLLM has no argument '{name}'{hint}")
