"""What vLLM is given: its environment, its arguments, its prompts. Nothing here imports it.

Prompts are text with placeholders, media beside it, as for any model that vLLM serves; the chat
template is the model's own. Whatever data says, no mark of that template comes from it
(`engines.neutral`): what is put into a prompt here is broken there first.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tte2_ray.engines.config import EmbedderConfig, EngineConfig, JudgeConfig
from tte2_ray.engines.models import resolve_model
from tte2_ray.engines.neutral import marks_of
from tte2_ray.engines.protocols import ModelInput
from tte2_ray.errors import ResourceMissingError
from tte2_ray.prompts import Side, judge_messages, messages, place_ecr, user_message

if TYPE_CHECKING:
    from tte2_ray.media import DecodedVideo

QUIET = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TQDM_DISABLE": "1",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "PYTHONWARNINGS": "ignore",
}
"""What an operator need not read: notices of libraries about themselves."""
CPU_KV_CACHE_GIB = "1"
# A generative checkpoint becomes an embedder by naming what is pooled.
POOLER = {"seq_pooling_type": "LAST", "use_activation": True}
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM may be told to make room for."""


def prepare_environment(config: EngineConfig) -> None:
    """What vLLM reads from the environment, before it is imported; what is set already stays."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if config.num_gpus:
        return
    os.environ["OMP_NUM_THREADS"] = str(config.threads)
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", CPU_KV_CACHE_GIB)
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    if config.engine_args.get("distributed_executor_backend") == "uni":
        # vLLM 0.29 makes `mp` of `uni` on a CPU otherwise, for threads that are set here. One
        # process fewer starts ten seconds sooner, and Ray, which kills a worker's children but not
        # theirs, leaves none behind. An engine that is asked asynchronously keeps its own process.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")


def engine_arguments(config: EngineConfig, runner: str, **more: Any) -> dict[str, Any]:
    """What vLLM's engine is started with, whichever of its classes holds it.

    Args:
        config: the model and its engine.
        runner: vLLM's runner, `generate` or `pooling`.
        more: defaults that `config.engine_args` may override.

    Raises:
        ResourceMissingError: the folder of the model or of its adapter does not exist, or is none.
    """
    given: dict[str, Any] = {
        "model": resolve_model(config.model),
        "runner": runner,
        "dtype": config.dtype,
        "trust_remote_code": config.trust_remote_code,
        # vLLM would take a pickle where it finds no other weights, and no pickle is in a version.
        "load_format": "safetensors",
        "tensor_parallel_size": config.tensor_parallel,
        "max_num_seqs": config.max_in_flight,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        # Items of a corpus are looked at once: a cache of processed media, 4 GiB by default, would
        # only fill, in the engine and in the worker that holds it.
        "mm_processor_cache_gb": 0,
        **more,
    }
    if config.revision:
        given["revision"] = config.revision
    if config.max_model_len:
        given["max_model_len"] = config.max_model_len
    if config.lora:
        given |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": lora_rank(config.lora)}
    return given | config.engine_args


def lora_rank(folder: str) -> int:
    """The rank that vLLM makes room for: the adapter's own, or the next that vLLM knows.

    Args:
        folder: of the adapter, as peft writes it.

    Raises:
        ResourceMissingError: it holds no adapter, a damaged or a pickled one, or one of a larger
            rank than vLLM serves.
    """
    file = Path(folder).expanduser() / "adapter_config.json"
    if not file.is_file():
        raise ResourceMissingError(
            f"LoRA folder {folder} has no adapter_config.json: train an adapter with peft, or name "
            "its folder (engine.lora)"
        )
    _refuse_pickled(file.parent)
    rank = _largest_rank(file)
    fitting = [known for known in LORA_RANKS if known >= rank]
    if not fitting:
        raise ResourceMissingError(f"{file}: rank {rank}, vLLM serves up to {LORA_RANKS[-1]}")
    return fitting[0]


def _refuse_pickled(folder: Path) -> None:
    """What vLLM takes where an adapter has no safetensors."""
    if (folder / "adapter_model.safetensors").is_file():
        return
    for name in ("adapter_model.bin", "adapter_model.pt"):
        if (folder / name).is_file():
            raise ResourceMissingError(
                f"LoRA folder {folder} holds {name}, which is a pickle, and no "
                "adapter_model.safetensors: save it with peft as safetensors"
            )


def _largest_rank(file: Path) -> int:
    try:
        described = json.loads(file.read_text())
        ranks = [described["r"], *(described.get("rank_pattern") or {}).values()]
    except (ValueError, TypeError, KeyError, AttributeError):
        ranks = []
    if not ranks or not all(isinstance(rank, int) and rank > 0 for rank in ranks):
        raise ResourceMissingError(f"{file} is damaged: it states no rank; fetch the adapter again")
    return int(max(ranks))


def chat_prompt(
    tokenizer: Any, given: ModelInput, suffix: str = "", system: str = "", *, instruction: str = ""
) -> Any:
    """vLLM's prompt of a user turn, the assistant's turn opened and begun with `suffix`.

    Args:
        tokenizer: with the model's chat template.
        given: words and media of the user's turn.
        suffix: how the assistant's turn begins; its marks are meant.
        system: the system message; "" leaves it to the template.
        instruction: of the configuration; where the words end with it, its marks are meant.

    Raises:
        RowError: the words cannot be told from marks of the model.
    """
    words = marks_of(tokenizer).words(given.text, instruction)
    return _chat_prompt(tokenizer, replace(given, text=words), suffix, system)


def embed_prompt(tokenizer: Any, given: ModelInput, ecr: str, config: EmbedderConfig) -> Any:
    """vLLM's prompt of a user turn and an ECR, which the last token is pooled of.

    Args:
        tokenizer: with the model's chat template.
        given: words and media of the user's turn.
        ecr: "" embeds directly.
        config: of the embedder.

    Raises:
        RowError: see `chat_prompt`.
    """
    marks = marks_of(tokenizer)
    words = marks.words(given.text, config.instruction)
    text, suffix = place_ecr(words, marks.ecr(ecr), config.ecr_turn)
    return _chat_prompt(tokenizer, replace(given, text=text), suffix, config.system)


def pair_prompt(
    tokenizer: Any, query: ModelInput, candidate: ModelInput, config: JudgeConfig
) -> Any:
    """vLLM's prompt of a query and a candidate, the assistant's turn opened.

    Args:
        tokenizer: with the model's chat template.
        query: its words; the form decides whether its media are shown.
        candidate: its words and media.
        config: of the judge.

    Raises:
        RowError: see `chat_prompt`.
    """
    sides = (_side(tokenizer, query), _side(tokenizer, candidate))
    turns = judge_messages(config.form, *sides, config.instruction, config.system)
    shown = [candidate] if config.form == "plain" else [query, candidate]
    return _prompt(tokenizer, turns, shown)


def _chat_prompt(tokenizer: Any, given: ModelInput, suffix: str, system: str) -> dict[str, Any]:
    turn = user_message(given.text, len(given.images), 1 if given.video else 0)
    return _prompt(tokenizer, messages([turn], system), [given], suffix)


def _side(tokenizer: Any, given: ModelInput) -> Side:
    words = marks_of(tokenizer).words(given.text)
    return Side(text=words, images=len(given.images), videos=1 if given.video else 0)


def _prompt(
    tokenizer: Any, turns: list[dict[str, Any]], shown: Sequence[ModelInput], suffix: str = ""
) -> dict[str, Any]:
    """Turns as text, and the media of their placeholders, in order within their kind."""
    text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    prompt: dict[str, Any] = {"prompt": text + suffix}
    media: dict[str, Any] = {}
    if images := [image for given in shown for image in given.images]:
        media["image"] = images
    if videos := [_shown(given.video) for given in shown if given.video is not None]:
        media["video"] = videos
    if media:
        prompt["multi_modal_data"] = media
    return prompt


def _shown(video: "DecodedVideo") -> tuple[Any, dict[str, Any]]:
    """The frames, and what a model's processor is told of them: a frame's time is its index over
    the mean rate, so where the rate varies the index is made from the time."""
    frames, times_s = video.frames, video.timestamps_s
    if len(frames) == 1:
        # Models that look at frames in pairs refuse a lone one; twice at the same time is no event.
        frames, times_s = frames.repeat(2, axis=0), times_s * 2
    return frames, {
        "fps": video.fps,
        "duration": video.duration_s,
        "total_num_frames": video.total_frames,
        "frames_indices": [round(t * video.fps) for t in times_s],
        "video_backend": "pyav",
        "do_sample_frames": False,
    }
