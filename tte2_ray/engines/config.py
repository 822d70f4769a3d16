"""How a model is served. What changes its answers is part of a key, what changes its speed not."""

from dataclasses import dataclass, field
from typing import Any, Literal

from tte2_ray.config import guard, require_at_least, speed
from tte2_ray.errors import ConfigError
from tte2_ray.prompts import JUDGE_INSTRUCTION, EcrTurn, JudgeForm

KEEP_ANSWERS = frozenset((
    "async_scheduling", "block_size", "cpu_distributed_timeout_seconds", "cpu_offload_gb",
    "cudagraph_capture_sizes", "device_ids", "disable_chunked_mm_input",
    "disable_custom_all_reduce", "disable_log_stats", "distributed_executor_backend",
    "distributed_timeout_seconds", "download_dir", "enable_chunked_prefill",
    "enable_expert_parallel", "enable_prefix_caching", "enforce_eager", "gpu_memory_utilization",
    "hf_token", "kv_cache_memory_bytes", "limit_mm_per_prompt", "long_prefill_token_threshold",
    "max_cpu_loras", "max_cudagraph_capture_size", "max_num_batched_tokens",
    "max_num_scheduled_tokens", "max_parallel_loading_workers", "mm_encoder_tp_mode",
    "mm_processor_cache_gb", "mm_processor_cache_type", "mm_shm_cache_max_object_size_mb",
    "num_gpu_blocks_override", "numa_bind", "numa_bind_cpus", "numa_bind_nodes",
    "pipeline_parallel_size", "prefix_caching_hash_algo", "renderer_num_workers",
    "safetensors_load_strategy", "scheduling_policy", "shutdown_timeout", "skip_mm_profiling",
    "stream_interval", "use_tqdm_on_load",
))  # fmt: skip
"""Arguments of vLLM that change how fast or where a model answers, or whether it does; every other
one is taken to change what it answers."""

SET_BY = {
    "model": "model", "revision": "revision", "dtype": "dtype", "max_model_len": "max_model_len",
    "trust_remote_code": "trust_remote_code", "tensor_parallel_size": "tensor_parallel",
    "max_num_seqs": "max_in_flight", "enable_lora": "lora", "max_loras": "lora",
    "max_lora_rank": "lora",
}  # fmt: skip
"""Arguments of vLLM that follow from fields of `EngineConfig`, and from which."""

DTYPES = ("auto", "bfloat16", "float16", "float32")

MINI = "mini:"
"""Prefix of a model that the package carries, e.g. `mini:reasoner`."""


def _cpu_arguments() -> dict[str, Any]:
    """Of an engine that starts soon, in one process: for the miniature on a CPU."""
    return {"enforce_eager": True, "distributed_executor_backend": "uni"}


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """One model and its engine; by default the miniature on a CPU, other models have presets."""

    kind: Literal["vllm", "fake"] = "vllm"
    """`fake` tries scale and faults; nothing measured on it is evidence of quality."""
    model: str = "mini:reasoner"
    """A folder, a name on the hub, or `mini:<role>` for a model that the package carries."""
    revision: str = ""
    """Commit of a model on the hub, 40 hex digits; no branch or tag."""
    lora: str = ""
    """Folder of a LoRA adapter that peft wrote, put over the model; "" for none."""
    dtype: str = "float32"
    """Of weights and activations: auto, bfloat16, float16, float32."""
    max_model_len: int = 0
    """Context in tokens, prompt and output; 0 takes the model's own. An output that meets it ends
    there: it is part of the model's version."""
    trust_remote_code: bool = guard(False)
    """Run code that comes with the model. Off: weights and configuration are data."""
    tensor_parallel: int = speed(1)
    """GPUs that share one replica."""
    replicas: int = speed(1)
    """Engines at work in a phase; each holds its GPUs or CPUs for as long as the phase lasts."""
    num_gpus: float = speed(0.0)
    """GPUs of one replica; `tensor_parallel` of them on a GPU cluster, 0 on the CPU."""
    num_cpus: float = speed(1.0)
    """CPUs of one replica, its decoding threads included."""
    decode_threads: int = speed(2)
    """Threads of a replica that fetch and decode media ahead of the engine."""
    threads: int = speed(1)
    """OpenMP threads of an engine on the CPU. One thread each: pools on few cores starve each
    other."""
    max_in_flight: int = speed(128)
    """Requests that a replica has handed to its engine at once."""
    shards_in_flight: int = speed(3)
    """Shards that a replica works on at once, so that the end of one does not idle the engine."""
    engine_args: dict[str, Any] = speed(default_factory=_cpu_arguments, keys=KEEP_ANSWERS)
    """Further arguments of vLLM's engine, e.g. gpu_memory_utilization; none that a field sets.
    Those that may change answers (`decisive_args`) are part of the model's version all the same."""
    fake_delay_s: float = speed(0.0)
    """How long a fake engine takes for a request, in seconds."""
    fake_dies_after: int = speed(0)
    """Requests after which a fake engine is dead, as a real one may be; 0 for never."""
    fake_memory_requests: int = speed(0)
    """Requests at once that the memory of a fake engine holds; of more it dies. 0 for any number.
    They are at once where each takes time (`fake_delay_s`)."""
    fake_dimension: int = 64
    """Length of a fake engine's vectors."""

    @property
    def decisive_args(self) -> dict[str, Any]:
        """The engine arguments that may change answers: they belong to the model's version."""
        context = {"max_model_len": self.max_model_len} if self.max_model_len else {}
        given = {n: value for n, value in self.engine_args.items() if n not in KEEP_ANSWERS}
        return context | given

    def __post_init__(self) -> None:
        of = f"{self.model}: engine."
        require_at_least(1, self, _COUNTS, of)
        require_at_least(0, self, _AMOUNTS, of)
        if self.dtype not in DTYPES:
            raise ConfigError(f"{of}dtype is {self.dtype!r}; choose from {', '.join(DTYPES)}")
        if self.num_gpus > 1 and not float(self.num_gpus).is_integer():
            raise ConfigError(f"{of}num_gpus is {self.num_gpus:g}; above 1 Ray takes whole GPUs")
        for name in self.engine_args.keys() & {*SET_BY, "runner"}:
            field_name = SET_BY.get(name)
            by = f"set {field_name} of the engine instead" if field_name else "the stage sets it"
            raise ConfigError(f"engine_args of {self.model} must not hold {name}: {by}")
        if self.tensor_parallel > 1 and 0 < self.num_gpus < self.tensor_parallel:
            raise ConfigError(
                f"{self.model} is spread over tensor_parallel={self.tensor_parallel} GPUs, but a "
                f"replica is given num_gpus={self.num_gpus:g}; set both to the same number"
            )


_COUNTS = ("tensor_parallel", "replicas", "decode_threads", "threads", "max_in_flight",
           "shards_in_flight", "fake_dimension")  # fmt: skip
_AMOUNTS = ("max_model_len", "num_gpus", "num_cpus", "fake_delay_s", "fake_dies_after",
            "fake_memory_requests")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How a reasoner draws its words."""

    max_tokens: int = 72
    """Longest output in tokens; one that meets it is cut to its last clause and closed."""
    temperature: float = 0.0
    """0 is greedy, so that an ECR can be written again."""
    top_p: float = 1.0
    seed: int = 0
    """Of the draw where the temperature is above 0."""

    def __post_init__(self) -> None:
        of = "reasoner.sampling."
        require_at_least(1, self, ("max_tokens",), of)
        require_at_least(0, self, ("temperature", "seed"), of)
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"{of}top_p is {self.top_p}; it is a share of 1, and above 0")


@dataclass(frozen=True, kw_only=True)
class ReasonerConfig:
    """The model that writes ECRs."""

    engine: EngineConfig = field(default_factory=EngineConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    instruction: str = "Think, then describe."
    """What it is asked to do with an item; the miniature was trained on exactly these words."""


@dataclass(frozen=True, kw_only=True)
class EmbedderConfig:
    """The model that embeds items with their ECRs."""

    engine: EngineConfig = field(default_factory=lambda: EngineConfig(model="mini:embedder"))
    dimension: int = 0
    """Length of the vectors; 0 takes the model's own, less needs a Matryoshka model."""
    system: str = ""
    """The system message; "" leaves it to the model's chat template. Qwen3-VL-Embedding reads its
    instruction there."""
    instruction: str = "Think, then describe."
    """The words that stand with an item, the same as the reasoner's for the miniature."""
    ecr_turn: EcrTurn = "assistant"
    """Whose words the ECR is. `assistant`: thought, then embedded, as this project trains it.
    `user`: part of the document, for an embedder that pools the opened assistant's turn."""
    reads_ecr: bool = True
    """Whether the ECR is embedded with the item; False embeds directly, for comparison."""

    def __post_init__(self) -> None:
        require_at_least(0, self, ("dimension",), "embedder.")


@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """The model that tells how well a candidate answers a query."""

    engine: EngineConfig = field(default_factory=lambda: EngineConfig(model="mini:judge"))
    form: JudgeForm = "plain"
    """How a pair is put into words: as the miniature was taught (`plain`), or as the released
    Qwen3-VL-Reranker was."""
    instruction: str = JUDGE_INSTRUCTION
    """What it is asked about a pair."""
    system: str = ""
    """The system message; "" takes that of the form."""
