"""What tokens buy, on a generated world of the test split: `make evaluate`.

    world ─▶ jobs/evaluate.py: indexes, every system, every budget ─▶ build/evaluate/report.html

`--calibrate` makes the policy of the miniature on a world of the dev split instead, and writes it
to conf/policies/mini.json: `make policy`.
"""

import argparse
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools.demo.embedded_milvus import embedded_milvus
from tools.evaluation.rows import rows
from tools.evaluation.seconds import seconds_of
from tools.shown import BUILD, ROOT, begin, conclude, or_one_line
from tools.worlds import find_world
from tte2_ray.config import Loaded, Options, fingerprint, load_config
from tte2_ray.mini.train import WEIGHTS
from tte2_ray.mini.truth import Split
from tte2_ray.pipelines.evaluate.config import EvaluateConfig
from tte2_ray.pipelines.evaluate.job import evaluate

TARGET = "evaluate"
CONFIG = ROOT / "conf" / "evaluate.yaml"
POLICY = ROOT / "conf" / "policies" / "mini.json"
SEEDS: dict[Split, int] = {"test": 20261128, "dev": 11}
"""The test world is another one whenever training was changed after a look at results on it."""
FUSION = "cascade.fusion_weight=1"
"""LamRA's. On dev queries the policy is as good with it at fewer tokens (docs/log.md)."""
MOST_TOKENS = 330
"""Of reranking a dev query. The cascade is to take a fifth of what the MM Ranker takes, some 2,550
tokens on dev and test alike, of which a query's own ECR and vector are about 180."""
QUERIES: dict[Split, int] = {"test": 112, "dev": 60}
"""A task; each brings 4 to 7 near-misses into the corpus."""


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluates, or calibrates; returns the exit status, 0 where every row of the table holds."""
    told = _arguments().parse_args(argv)
    if told.calibrate:
        return or_one_line(lambda: _calibrate(told))
    begin(TARGET)
    return or_one_line(lambda: _evaluate(told))


def _evaluate(told: argparse.Namespace) -> int:
    began, folder = time.monotonic(), BUILD / TARGET
    loaded = _loaded("test", told, folder, [*policy(), f"report_dir={folder}"])
    with seconds_of(folder / "seconds.json", _named(loaded.config), began) as seconds:
        _run(loaded)
    results = json.loads((folder / "results.json").read_text())
    return conclude(TARGET, rows(results, seconds()))


def _named(config: EvaluateConfig) -> str:
    """What an evaluation makes: by its configuration, its world, and how its models were made."""
    made_of = [fingerprint(config), config.benchmark.path]
    made_of += [made.read_text() for made in sorted(WEIGHTS.glob("*/provenance.json"))]
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()


def policy() -> list[str]:
    """The job's arguments that name the calibrated policy; without one its fixed numbers hold."""
    return [FUSION, *([f"cascade.policy={POLICY}"] if POLICY.exists() else [])]


def _calibrate(told: argparse.Namespace) -> int:
    folder = BUILD / "policy"
    _run(_loaded("dev", told, folder, [FUSION, f"calibrate.out={POLICY}", f"report_dir={folder}",
                                       f"calibrate.most_tokens={MOST_TOKENS}",
                                       "calibrate.name=miniature, dev seeds"]))  # fmt: skip
    print(f"policy {POLICY.relative_to(ROOT)}", flush=True)
    return 0


def _loaded(
    split: Split, told: argparse.Namespace, folder: Path, overrides: list[str]
) -> Loaded[EvaluateConfig]:
    if told.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    seed = SEEDS[split] if told.seed is None else told.seed
    world, _ = find_world(folder, seed, split, told.queries or QUERIES[split])
    given = [
        f"benchmark.path={world}",
        f"benchmark.split={split}",
        f"store={folder / 'artifacts'}",
        f"milvus.data_dir={folder / 'milvus'}",
        f"work_dir={folder / 'work'}",
        *overrides,
        *told.overrides,
    ]
    return load_config(EvaluateConfig, [CONFIG], given)


def _run(loaded: Loaded[EvaluateConfig]) -> None:
    with embedded_milvus(loaded.config.milvus):  # which ends with this, as the jobs leave one be
        evaluate(loaded, Options())


def _arguments() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        prog="python -m tools.evaluation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add("--seed", type=int, help="of the world; another seed is another world")
    add("--queries", type=int, help="of a task")
    add("--fresh", action="store_true", help="forget what earlier runs made")
    add("--calibrate", action="store_true", help="make the policy, on dev queries")
    add("overrides", nargs="*", help="key=value, over conf/evaluate.yaml")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
