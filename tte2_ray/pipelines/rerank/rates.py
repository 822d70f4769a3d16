"""How fast a phase may run, so that even a first plan names time and cost.

    what this phase last did ─▶ what the index job did with the same model ─▶ an assumption

Each says which it is.
"""

from dataclasses import replace
from pathlib import Path

from tte2_ray.engines import EngineConfig, resolve_model
from tte2_ray.engines.hub import hub_folder
from tte2_ray.engines.models import model_parameters, read_config
from tte2_ray.pipelines.rates import Rate, known_rate
from tte2_ray.pipelines.rerank.target import Job

# Of a transformer that is served in full batches, reading and writing: 2 FLOP a parameter a token.
# Round figures, an eighth of what a current data-centre GPU is sold with, and of a core with AVX2.
_FLOPS_OF_A_GPU = 1e14
_FLOPS_OF_A_CPU = 2e10
_START_S = 120.0
_UNSAID = 8_000_000_000


def engine_of(job: Job, name: str) -> EngineConfig:
    """What a replica of a phase holds."""
    config = job.config
    engines = {"embed": config.embedder.engine, "rerank": config.replica}
    return engines.get(name, config.reasoner.engine)


def rate_of(job: Job, name: str) -> Rate | None:
    """The rate of a replica of a phase; None of the one that has no model.

    Args:
        job: that is planned.
        name: of the phase.
    """
    if name == "look":
        return None
    engine = engine_of(job, name)
    known = known_rate(name, job.made[name], engine) or _of_the_index(job, name)
    return known or _assumed(engine, max(map(_parameters, _models(job, name))))


def _of_the_index(job: Job, name: str) -> Rate | None:
    made = {"reason": job.recipe.fingerprint, "embed": job.vectors.fingerprint}
    if name not in made:
        return None
    rate = known_rate(name, made[name], engine_of(job, name))
    # What was written of an item says nothing of a query.
    return rate and replace(rate, output_tokens=0.0, basis=f"{rate.basis} of the index")


def _models(job: Job, name: str) -> list[EngineConfig]:
    rewriter = [job.config.rewriter.engine] if name == "rerank" and job.rewrites else []
    return [engine_of(job, name), *rewriter]


def _parameters(engine: EngineConfig) -> int:
    folder = Path(resolve_model(engine.model))
    known = folder if folder.is_dir() else hub_folder(engine.model, engine.revision)
    return model_parameters(read_config(known)) or _UNSAID


def _assumed(engine: EngineConfig, parameters: int) -> Rate:
    flops = engine.num_gpus * _FLOPS_OF_A_GPU or engine.num_cpus * _FLOPS_OF_A_CPU
    return Rate(
        per_s=flops / (2 * max(1, parameters)),
        start_s=_START_S,
        output_tokens=0.0,
        basis=f"assumed of {parameters / 1e9:.2g} billion parameters, not measured",
    )
