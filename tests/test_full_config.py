"""A job's configuration file shows every key that there is, with the default of the code: a file
of one's own, given instead, means the same miniature."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tte2_ray.config import fingerprint, load_config
from tte2_ray.config.fields import dotted_keys
from tte2_ray.errors import ConfigError
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.rerank.config import RerankConfig

CONF = Path(__file__).parent.parent / "conf"


def value(of: Any, key: str) -> Any:
    for part in key.split("."):
        of = of[part] if isinstance(of, dict) else getattr(of, part)
    return of


@pytest.mark.parametrize(
    ("job", "name"), [(IndexConfig, "index_corpus"), (RerankConfig, "rerank_logs")]
)
def test_every_key_stands_in_it_with_its_default(job: type, name: str) -> None:
    file, keys = CONF / f"{name}.yaml", dotted_keys(job)
    leaves = [key for key in keys if not any(other.startswith(f"{key}.") for other in keys)]
    written = yaml.safe_load(file.read_text())
    given, default = load_config(job, [file]).config, job()
    for key in leaves:
        value(written, key)
    assert [key for key in leaves if value(given, key) != value(default, key)] == []
    assert fingerprint(given) == fingerprint(default)


@pytest.mark.parametrize("index", ["", "1st", "a__b", "a-b", "a_", "ä"])
def test_an_index_is_named_as_milvus_takes_it(index: str) -> None:
    with pytest.raises(ConfigError, match=r"letters.*digits and single underscores"):
        IndexConfig(index=index)
