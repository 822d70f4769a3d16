"""What can be known to be missing before the first job starts, and the benchmark itself."""

from pathlib import Path

from tte2_ray.config import Options
from tte2_ray.errors import ConfigError
from tte2_ray.pipelines.checks import require_folder, require_kept
from tte2_ray.pipelines.evaluate.benchmark import Benchmark
from tte2_ray.pipelines.evaluate.config import EvaluateConfig
from tte2_ray.pipelines.evaluate.miniature import read_miniature
from tte2_ray.pipelines.evaluate.mmeb import read_mmeb
from tte2_ray.pipelines.evaluate.plan import works
from tte2_ray.pipelines.evaluate.systems import Role
from tte2_ray.pipelines.models import require_model


def check(config: EvaluateConfig, options: Options) -> None:
    """Looks at configuration, policy, models and folders.

    Args:
        config: of the evaluation.
        options: how it is run.

    Raises:
        ConfigError: a value is wrong.
        PrerequisiteError: vLLM is not installed, or a folder cannot be written.
        ResourceMissingError: a policy or a model is not there.
    """
    if options.redrive:
        raise ConfigError("an evaluation has no --redrive: the jobs that it runs have")
    config.require_benchmark()
    _require_own(config)
    require_kept(config)
    if config.calibrate.out:
        _require_calibration(config)
    else:
        works(config)
    for role in _roles(config):
        require_model(role, config.engine_of(role))
    if not options.dry_run:
        require_folder(config.report_dir)
        require_folder(config.work_dir)


def _require_own(config: EvaluateConfig) -> None:
    """Refuses what belongs to a single job, and would be passed over."""
    given = {"log.path": config.log.path, "log.run": config.log.run, "run": config.run,
             "version": config.version}  # fmt: skip
    if names := [name for name, value in given.items() if value]:
        raise ConfigError(
            f"{', '.join(names)} may not be set here: an evaluation writes its own logs, names its "
            "own runs and searches the indexes that it makes"
        )


def read_benchmark(config: EvaluateConfig) -> Benchmark:
    """The benchmark that is measured on.

    Raises:
        ConfigError: it has no task of a name.
        ResourceMissingError: it is not there, or not all of it.
        ValidationError: it is of another form.
    """
    told, path = config.benchmark, Path(config.benchmark.path).expanduser()
    if told.kind == "miniature":
        return read_miniature(path, told.split).only(told.tasks)
    return read_mmeb(path, Path(config.work_dir) / "corpora", told.tasks)


def _roles(config: EvaluateConfig) -> list[Role]:
    chosen = config.chosen()
    if config.calibrate.out:
        return ["reasoner", "embedder", "judge", "rewriter"]
    return list(dict.fromkeys(role for system in chosen for role in system.roles))


def _require_calibration(config: EvaluateConfig) -> None:
    if config.cascade.mode != "ecr" or config.cascade.rewrite_best_of != "judge":
        raise ConfigError(
            "a policy is calibrated for cascade.mode=ecr and cascade.rewrite_best_of=judge: the "
            "other ways rewrite what no run without a policy has judged before"
        )
    require_folder(str(Path(config.calibrate.out).parent))
