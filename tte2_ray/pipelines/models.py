"""The models of a job, looked at before anything starts: names, files, sizes."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from tte2_ray.artifacts.model_version import model_version
from tte2_ray.artifacts.weights import require_weights
from tte2_ray.config.paths import with_home
from tte2_ray.engines import EmbedderConfig, EngineConfig, resolve_model
from tte2_ray.engines.config import MINI
from tte2_ray.engines.hub import hub_folder
from tte2_ray.engines.models import hidden_size, read_config, refuse_longer
from tte2_ray.engines.vllm_input import lora_rank
from tte2_ray.engines.vllm_names import require_known_arguments
from tte2_ray.errors import ConfigError, PrerequisiteError
from tte2_ray.pipelines.config import JobConfig

C = TypeVar("C", bound=JobConfig)


def require_models(config: JobConfig) -> None:
    """Sees that both engines could be started, as far as that shows without starting them.

    Raises:
        ConfigError: an engine argument that vLLM has not, or a length that vectors cannot have.
        PrerequisiteError: vLLM is not installed.
        ResourceMissingError: a model or an adapter is not there, or not whole.
    """
    require_model("reasoner", config.reasoner.engine)
    _require_dimension(config.embedder, require_model("embedder", config.embedder.engine))


def with_whole_folders(config: C) -> C:
    """The configuration with absolute folders of models and adapters: workers start elsewhere."""
    reasoner, embedder = config.reasoner, config.embedder
    return replace(
        config,
        reasoner=replace(reasoner, engine=with_whole_folder(reasoner.engine)),
        embedder=replace(embedder, engine=with_whole_folder(embedder.engine)),
    )


def with_whole_folder(engine: EngineConfig) -> EngineConfig:
    """The engine with absolute folders of its model and adapter."""
    return replace(engine, model=_whole(engine.model), lora=_whole(engine.lora))


def _whole(name: str) -> str:
    folder = Path(with_home(name))
    local = name and not name.startswith(MINI) and folder.is_dir()
    return str(folder.absolute()) if local else name


def require_model(role: str, engine: EngineConfig) -> dict[str, Any]:
    """Sees that an engine could be started; see `require_models`.

    Args:
        role: of the model, for messages.
        engine: its engine.

    Returns:
        What the model says of itself; nothing of a fake.
    """
    if engine.kind != "vllm":
        return {}
    if find_spec("vllm") is None:
        raise PrerequisiteError(
            f"{engine.model} needs vLLM, which is not installed: run `make setup` "
            "(EXTRA=gpu for CUDA)"
        )
    require_known_arguments(role, engine)
    if engine.lora:
        lora_rank(engine.lora)
        require_weights(Path(engine.lora).expanduser())
    folder = Path(resolve_model(engine.model))
    if folder.is_dir():
        require_weights(folder)
        return read_config(folder)
    model_version(engine.model, engine.revision)  # of a name on the hub: free
    return read_config(hub_folder(engine.model, engine.revision))


def _require_dimension(embedder: EmbedderConfig, described: dict[str, Any]) -> None:
    own, wanted, engine = hidden_size(described), embedder.dimension, embedder.engine
    if not own or wanted in (0, own):
        return
    refuse_longer(engine.model, wanted, own)
    message = f"embedder.dimension is {wanted}, but {engine.model} makes vectors of {own}"
    overrides = engine.engine_args.get("hf_overrides")
    told = {**described, **(overrides if isinstance(overrides, dict) else {})}
    lengths = told.get("matryoshka_dimensions")
    if lengths and wanted not in lengths:
        raise ConfigError(f"{message}, or one of {lengths}")
    if not lengths and not told.get("is_matryoshka"):
        raise ConfigError(
            f"{message}, and does not say that they may be cut; set {own} or 0, or, for a model "
            "trained to be cut, embedder.engine.engine_args.hf_overrides={is_matryoshka: true}"
        )
