"""What judge and rewriter are named by: everything that changes what they answer."""

from dataclasses import asdict
from typing import Any

from tte2_ray.artifacts.keys import fingerprint
from tte2_ray.config import decisive
from tte2_ray.media import DECODER_VERSION
from tte2_ray.pipelines.config import engine_version
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.prompts import PROMPT_VERSION, REWRITE_INSTRUCTION


def judge_version(config: RerankConfig) -> str:
    """Of the judge: model, form, words, and the pixels that it may see.

    Raises:
        ResourceMissingError: the model's folder does not exist.
        ConfigError: a model on the hub without a revision.
    """
    judge = config.judge
    told = {"form": judge.form, "instruction": judge.instruction, "system": judge.system}
    return _named(engine_version(judge.engine), {**told, **_read(config)})


def rewriter_version(config: RerankConfig) -> str:
    """Of the rewriter: model, words, sampling, and the pixels that it may see.

    Raises:
        ResourceMissingError: the model's folder does not exist.
        ConfigError: a model on the hub without a revision.
    """
    rewriter = config.rewriter
    told = {"instruction": REWRITE_INSTRUCTION, "sampling": asdict(rewriter.sampling)}
    return _named(engine_version(rewriter.engine), {**told, **_read(config)})


def _read(config: RerankConfig) -> dict[str, Any]:
    limits = {**decisive(config.media), "decoder_version": DECODER_VERSION}
    return {"limits": limits, "prompt_version": PROMPT_VERSION}


def _named(engine: str, told: dict[str, Any]) -> str:
    """The model in words, and a hash of what it is told."""
    return f"{engine}/{fingerprint('words', told)}"
