"""Configuration: YAML files merged left to right, then `key=value`, into frozen dataclasses.

    loaded = load_config(IndexConfig, [Path("conf/index_corpus.yaml")], ["index=films"])
    loaded.config, loaded.origin("reasoner.sampling.max_tokens"), fingerprint(loaded.config)

The dataclasses live beside their owners; a job's entry point hands its own to `main`.
"""

from tte2_ray.config.command import Options, main, parser
from tte2_ray.config.fields import (
    decisive,
    fingerprint,
    guard,
    location,
    require_at_least,
    secret,
    speed,
)
from tte2_ray.config.load import COMMAND_LINE, DEFAULT, Loaded, load_config
from tte2_ray.config.show import annotated_yaml, print_config

__all__ = [
    "COMMAND_LINE",
    "DEFAULT",
    "Loaded",
    "Options",
    "annotated_yaml",
    "decisive",
    "fingerprint",
    "guard",
    "load_config",
    "location",
    "main",
    "parser",
    "print_config",
    "require_at_least",
    "secret",
    "speed",
]
