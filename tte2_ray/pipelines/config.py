"""What every job over an index is told: its name, its store, its models, its Milvus and its Ray."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from tte2_ray.artifacts.keys import EcrRecipe, EmbeddingRecipe, Scalar, fingerprint
from tte2_ray.artifacts.model_version import model_version
from tte2_ray.config import decisive, location, require_at_least, speed
from tte2_ray.engines import EmbedderConfig, EngineConfig, ReasonerConfig, resolve_model
from tte2_ray.engines.models import hidden_size, read_config
from tte2_ray.errors import ConfigError
from tte2_ray.media import DECODER_VERSION, MediaLimits
from tte2_ray.milvus.collection import require_index_name
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.prompts import PROMPT_VERSION

POOLING = "last-token, l2"
LEAST_OBJECT_STORE_MB = 75
"""Ray starts with no less."""


@dataclass(frozen=True, kw_only=True)
class RayConfig:
    """The cluster."""

    address: str = location("")
    """Of a running cluster; "" joins the one that RAY_ADDRESS names or the job was submitted to, or
    starts one here."""
    local_cpus: int = speed(8)
    """Logical CPUs of a cluster that is started here. More than the machine has: most tasks wait
    for the engine, and with too few the phases would wait for one another for ever."""
    object_store_mb: int = speed(512)
    """Object store of a cluster that is started here; only numbers pass through it."""
    max_restarts: int = speed(4)
    """How often a worker whose engine died is replaced before the job fails."""
    stall_s: float = speed(3600.0)
    """Seconds in which no shard comes through until a phase is ended, the start of its engines and
    the wait for nodes included; 0 waits for ever."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("local_cpus",), "ray.")
        require_at_least(LEAST_OBJECT_STORE_MB, self, ("object_store_mb",), "ray.")
        require_at_least(0, self, ("max_restarts", "stall_s"), "ray.")


@dataclass(frozen=True, kw_only=True)
class JobConfig:
    """What jobs over an index share; each adds its own."""

    index: str = "demo"
    """Name of the index; the alias in Milvus. Letters, digits, single underscores."""
    store: str = location("build/artifacts")
    """Root of the artifact store: s3://bucket/prefix or a folder."""
    store_is_shared: bool = location(False)
    """The folder `store` is one that every node of the cluster mounts at the same path (NFS); a
    cluster of several nodes takes no other folder."""
    media: MediaLimits = field(default_factory=MediaLimits)
    reasoner: ReasonerConfig = field(default_factory=ReasonerConfig)
    embedder: EmbedderConfig = field(default_factory=EmbedderConfig)
    milvus: MilvusConfig = field(default_factory=MilvusConfig)
    ray: RayConfig = field(default_factory=RayConfig)
    failure_budget: float = speed(0.05)
    """Share of rows that may be rejected before the job fails (exit 7)."""
    report_dir: str = location("build")
    """Folder on the driver for what a person reads of a run; it goes to the store as well."""

    def __post_init__(self) -> None:
        if not 0 <= self.failure_budget <= 1:
            raise ConfigError(f"failure_budget is {self.failure_budget}; it is a share, 0 to 1")
        require_index_name(self.index)

    def ecr_recipe(self) -> EcrRecipe:
        """Everything besides the item that decides its ECR."""
        sampling = self.reasoner.sampling
        drawn: dict[str, Scalar] = {"max_tokens": sampling.max_tokens}
        drawn["temperature"] = sampling.temperature
        if sampling.temperature > 0:
            drawn |= {"top_p": sampling.top_p, "seed": sampling.seed}
        return EcrRecipe(
            instruction=self.reasoner.instruction,
            reasoner=engine_version(self.reasoner.engine),
            prompt_version=PROMPT_VERSION,
            limits=self._limits(),
            sampling=drawn,
        )

    def embedding_recipe(self) -> EmbeddingRecipe:
        """Everything besides item and ECR that decides its vector.

        Raises:
            ResourceMissingError: the model's folder does not exist.
            ConfigError: the length of its vectors is not known.
        """
        embedder = self.embedder
        return EmbeddingRecipe(
            ecr_fingerprint=self.ecr_recipe().fingerprint,
            embedder=engine_version(embedder.engine),
            pooling=POOLING,
            dimension=embedder.dimension or _own_dimension(embedder.engine),
            instruction=embedder.instruction,
            limits={**self._limits(), "prompt_version": PROMPT_VERSION,
                    "reads_ecr": embedder.reads_ecr, "ecr_turn": embedder.ecr_turn,
                    "system": embedder.system},
        )  # fmt: skip

    def with_milvus(self, milvus: MilvusConfig) -> Self:
        """The same job on a server that was found or started."""
        return replace(self, milvus=milvus)

    def _limits(self) -> dict[str, Scalar]:
        return {**decisive(self.media), "decoder_version": DECODER_VERSION}


def engine_version(engine: EngineConfig) -> str:
    """Names all of a model and its engine that changes what it answers.

    Raises:
        ResourceMissingError: the model's folder does not exist.
        ConfigError: a model on the hub without a commit.
    """
    if engine.kind == "fake":
        return f"fake:{engine.fake_dimension}"
    own = model_version(resolve_model(engine.model), engine.revision)
    adapter = f"+{model_version(engine.lora)}" if engine.lora else ""
    served = fingerprint("engine", engine.decisive_args) if engine.decisive_args else ""
    return f"{own}{adapter}:{engine.dtype}{served}"  # half precision writes other words


def _own_dimension(engine: EngineConfig) -> int:
    if engine.kind == "fake":
        return engine.fake_dimension
    folder = Path(resolve_model(engine.model))
    own = hidden_size(read_config(folder)) if folder.is_dir() else 0
    if not own:
        raise ConfigError(
            f"embedder.dimension is not set, and {engine.model} is no folder that says it"
        )
    return own
