"""How fast a phase may run, so that even a first plan names time and cost.

    what this phase last did ─▶ what the index job did with the same model ─▶ an assumption

Each says which it is.
"""

from dataclasses import replace

from tte2_ray.engines import EngineConfig
from tte2_ray.pipelines.assumed import assumed_rate, parameters_of
from tte2_ray.pipelines.rates import Rate, known_rate
from tte2_ray.pipelines.rerank.target import Job


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
    return known or assumed_rate(engine, max(map(parameters_of, _models(job, name))))


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
