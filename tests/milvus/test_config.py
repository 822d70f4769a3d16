import pytest

from tte2_ray.errors import ConfigError
from tte2_ray.milvus.config import MilvusConfig


def test_a_db_path_as_uri_is_refused_with_advice() -> None:
    with pytest.raises(ConfigError, match=r"milvus\.data_dir"):
        MilvusConfig(uri="./demo.db")


@pytest.mark.parametrize("name", ["batch_rows", "batch_bytes", "max_inflight", "timeout_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_must_be_positive(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        MilvusConfig(**{name: value})  # type: ignore[arg-type]


def test_the_token_is_not_printed() -> None:
    assert "hunter2" not in repr(MilvusConfig(token="root:hunter2"))


def test_parameters_follow_the_index_type_and_are_overridden_by_name() -> None:
    assert MilvusConfig(index_params={"M": 32}).build_params == {"M": 32, "efConstruction": 200}
    assert MilvusConfig(index_type="FLAT").build_params == {}
    assert MilvusConfig(index_type="IVF_FLAT").params_for(10) == {"nprobe": 32}
    assert MilvusConfig(search_params={"ef": 64}).params_for(100) == {"ef": 100}
