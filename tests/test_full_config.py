"""The job's configuration file shows every key that there is, and nothing else than it did."""

from pathlib import Path
from typing import Any

import yaml

from tte2_ray.config import load_config
from tte2_ray.config.fields import dotted_keys
from tte2_ray.pipelines.index.config import IndexConfig

FILE = Path(__file__).parent.parent / "conf" / "index_corpus.yaml"
OWN = {
    "corpus.rows_per_shard", "media.min_pixels", "media.max_pixels", "media.document_max_pixels",
    "media.frame_max_pixels", "media.max_frames", "reasoner.engine.dtype",
    "embedder.engine.dtype", "reasoner.engine.engine_args", "embedder.engine.engine_args",
    "reasoner.sampling.max_tokens",
}  # fmt: skip
"""Where the miniature on a laptop is given another value than the default of the code."""


def value(of: Any, key: str) -> Any:
    for part in key.split("."):
        of = of[part] if isinstance(of, dict) else getattr(of, part)
    return of


def test_every_key_stands_in_it_with_its_default() -> None:
    keys = dotted_keys(IndexConfig)
    leaves = [key for key in keys if not any(other.startswith(f"{key}.") for other in keys)]
    written = yaml.safe_load(FILE.read_text())
    given, default = load_config(IndexConfig, [FILE]).config, IndexConfig()
    for key in leaves:
        value(written, key)
    assert {key for key in leaves if value(given, key) != value(default, key)} == OWN
