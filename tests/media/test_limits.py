"""What limits and decoder decide is part of what an ECR is named by."""

import pytest

from tte2_ray.engines import EngineConfig, ReasonerConfig
from tte2_ray.media import MediaLimits
from tte2_ray.pipelines import config
from tte2_ray.pipelines.index.config import IndexConfig


def fingerprint(media: MediaLimits) -> str:
    reasoner = ReasonerConfig(engine=EngineConfig(kind="fake"))
    return IndexConfig(media=media, reasoner=reasoner).ecr_recipe().fingerprint


def test_a_decoder_that_shows_other_pixels_names_other_ecrs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = fingerprint(MediaLimits())
    assert before == fingerprint(MediaLimits())
    assert before != fingerprint(MediaLimits(max_pixels=4096))
    apart = MediaLimits(isolate=False, decode_timeout_s=1.0, decode_memory_mb=512)
    assert before == fingerprint(apart), "bounds refuse, and show no other pixels"
    monkeypatch.setattr(config, "DECODER_VERSION", "another")
    assert before != fingerprint(MediaLimits())
