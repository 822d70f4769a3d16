"""Our ECR phase beside `ray.data.llm` on the same pictures, stated: docs/decisions/0004.

Two forms of the peer. "stages" is the documented one: its own stages fetch, decode, template and
tokenize. "lean" is its best: one map decodes with our decoder and writes the prompt, and hands
both to the engine stage; no other stage is left.

Its engine starts with each run, so its rows are counted once it is at work: from the end of the
first `WARM` pictures on. That leaves filling its pipeline out of its time, but not out of ours, and
what it decoded while its engine started is not paid for. A round must be long beside both: with
512 pictures counted after 128 the peer was credited with a third more than with `ROWS`.

Each round has pictures of its own, so that our engine, which stays up, remembers nothing of them
either; both forms of the peer, whose engines are new, are given the same.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.configured import configured
from benchmarks.gate import gated
from benchmarks.measure import in_turn, rate
from benchmarks.work import draw_pictures, in_rounds
from tools.shown import Row
from tte2_ray.engines import ModelInput, resolve_model
from tte2_ray.engines.vllm_input import chat_prompt, engine_arguments, prepare_environment
from tte2_ray.media import MediaLimits, decode_item
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.prompts import item_text
from tte2_ray.schema import Item

if TYPE_CHECKING:
    from ray.llm._internal.batch.processor.base import Processor

ROWS, WARM, ROUNDS = 2048, 512, 2
BATCH = 32
Form = Literal["stages", "lean"]
FORMS: tuple[Form, ...] = ("stages", "lean")
_ENVIRONMENT = ("VLLM_", "TOKENIZERS_", "OMP_NUM_THREADS")


def beside_ray_data_llm(folder: Path, rows: int = ROWS, rounds: int = ROUNDS) -> list[Row]:
    """Rows a second of both, one after the other, `rounds` times, the other way round each time."""
    config = configured(folder)
    pictures = draw_pictures(folder / "pictures", WARM + rows * rounds)
    work = in_rounds(folder, config, pictures, warm=WARM, rounds=rounds)
    phase, job, gates = work.phase("reason"), work.job, folder / "gates"
    seconds: list[dict[str, float]] = []
    with cluster(config.ray), gated(phase, job.store, job.plan.shards, gates) as behind:
        behind.seconds(work.warm.shards)
        for number, one in enumerate(work.rounds, 1):
            given = [*work.warm.items, *one.items]
            sides: dict[str, Callable[[], float]] = {"ours": partial(behind.seconds, one.shards)}
            sides |= {form: partial(_peer_seconds, config, given, form, rows) for form in FORMS}
            seconds.append(in_turn(sides, number))
    ours = [each["ours"] for each in seconds]
    theirs = {form: [each[form] for each in seconds] for form in FORMS}
    best = min(statistics.median(spent) for spent in theirs.values())
    return [
        Row.stated(f"ECR phase / ray.data.llm at its best; rounds of {rows:,}",
                   best / statistics.median(ours), "ratio", rounds),
        rate("ECR phase, pictures alone", ours, rows),
        *(rate(f"ray.data.llm, {form}", theirs[form], rows) for form in FORMS),
    ]  # fmt: skip


def _peer_seconds(config: IndexConfig, pictures: Sequence[Item], form: Form, rows: int) -> float:
    """How long the peer takes for `rows` pictures, its engine at work."""
    import ray

    given = [{"item_id": item.item_id, "uri": item.image_uris[0]} for item in pictures]
    data = ray.data.from_items(given, override_num_blocks=len(given) // BATCH)
    ended: list[float] = sorted(row["ended"] for row in _processor(config, form)(data).iter_rows())
    if len(ended) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures in, {len(ended)} answers out")
    counted = [at for at in ended if at > ended[WARM - 1]]
    return rows * (counted[-1] - ended[WARM - 1]) / len(counted)


def _processor(config: IndexConfig, form: Form) -> "Processor":
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    engine, sampling = config.reasoner.engine, config.reasoner.sampling
    prepare_environment(engine)
    arguments = engine_arguments(engine, "generate")
    # What vLLM's offline class takes on a CPU; the peer's engine would take half of it.
    arguments["max_num_batched_tokens"] = 4096
    drawn = {"max_tokens": sampling.max_tokens, "temperature": sampling.temperature}
    text = item_text("", config.reasoner.instruction)
    stages = form == "stages"
    local_files = {"model_config_kwargs": {"allowed_local_media_path": "/"}}
    settings = vLLMEngineProcessorConfig(
        model_source=arguments.pop("model"),
        engine_kwargs={name: v for name, v in arguments.items() if name != "runner"},
        batch_size=BATCH,
        concurrency=1,
        accelerator_type=None,
        placement_group_config={"bundle_per_worker": {"CPU": 1}},
        runtime_env={
            # What `prepare_environment` set, for the workers of the peer.
            "env_vars": {n: v for n, v in os.environ.items() if n.startswith(_ENVIRONMENT)}
        },
        prepare_multimodal_stage=local_files if stages else False,
        chat_template_stage=stages,
        tokenize_stage=stages,
        detokenize_stage=False,
        log_engine_metrics=False,
    )

    def with_messages(row: dict[str, Any]) -> dict[str, Any]:
        image = {"type": "image_url", "image_url": {"url": row["uri"]}}
        turn = {"role": "user", "content": [image, {"type": "text", "text": text}]}
        return {"messages": [turn], "sampling_params": drawn}

    def decoded(row: dict[str, Any]) -> dict[str, Any]:
        shown = _decoded(row["uri"], config.media)
        given = ModelInput(text=text, images=shown)
        prompt = chat_prompt(_tokenizer(engine.model), given)
        return {"prompt": prompt["prompt"], "multimodal_data": prompt["multi_modal_data"],
                "sampling_params": drawn}  # fmt: skip

    return build_processor(
        settings,
        preprocess=with_messages if stages else decoded,
        postprocess=lambda row: {"ended": time.time(), "text": row["generated_text"]},
    )


def _decoded(uri: str, limits: MediaLimits) -> list[Any]:
    in_process = replace(limits, isolate=False)  # Ray Data's own stages isolate nothing
    return decode_item(Item(item_id="", image_uris=(uri,)), in_process).images


@cache
def _tokenizer(model: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(resolve_model(model))
