"""Paths that a person writes."""

from pathlib import Path

from tte2_ray.errors import ConfigError


def with_home(path: str) -> str:
    """The path with the home folder that a leading `~` or `~user` stands for; others as they are.

    Raises:
        ConfigError: no such home is known.
    """
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise ConfigError(
            f"{path}: no home folder is known for {path.partition('/')[0]}; write the whole path, "
            f"or ./{path} for a folder of that name"
        ) from error
