"""What a rerank job refuses before it works, and what it stays on; Ray is left out."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.rerank.conftest import INDEX, ONE_SHARD, Configured, Left, Made, run
from tests.pipelines.without_ray import in_process
from tte2_ray.artifacts.manifest import manifest_key
from tte2_ray.artifacts.store import open_store
from tte2_ray.cascade import Policy
from tte2_ray.cascade.policy_file import dump_policy
from tte2_ray.config import Options
from tte2_ray.errors import (
    ConfigError,
    PrerequisiteError,
    ResourceMissingError,
    RuntimeFailure,
    TteError,
    ValidationError,
)
from tte2_ray.milvus.catalog import ManifestCatalog
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.publish import Publisher
from tte2_ray.milvus.searcher import K_MAX
from tte2_ray.milvus.server import resolve
from tte2_ray.pipelines import flow
from tte2_ray.pipelines.rates import Rate
from tte2_ray.pipelines.rerank import rates
from tte2_ray.pipelines.rerank.job import rerank_log

ONE = [{"query_id": "q", "text": "note about 1"}]
NARROW = ("cascade.retrieve=4", "cascade.judge=2", "cascade.rewrite=0")


def refused(configured: Configured, *overrides: str, rows: Any = ONE) -> TteError:
    """What a run is refused with; nothing is left of it in the store."""
    loaded = configured(rows, *overrides)
    store = open_store(loaded.config.store)
    before = [key for key, _ in store.list()]
    with pytest.raises(TteError) as raised:
        run(loaded)
    assert [key for key, _ in store.list()] == before
    return raised.value


@pytest.mark.parametrize(
    ("overrides", "kind", "words"),
    [
        (["log.path="], ConfigError, ["log.path is empty"]),
        (["log.path=/nowhere/log.jsonl"], ResourceMissingError, ["/nowhere/log.jsonl"]),
        (["log.run=/nowhere/run.trec"], ResourceMissingError, ["run /nowhere/run.trec"]),
        (["cascade.policy=/nowhere/p.json"], ResourceMissingError, ["/nowhere/p.json"]),
        (["index=unknown"], ResourceMissingError,
         ["no version of index unknown is live (the store knows none)"]),
        (["version=v0"], ResourceMissingError, ["has no version v0 of index films, only v"]),
        (["milvus.uri=http://127.0.0.1:1", "milvus.connect_timeout_s=1"], PrerequisiteError,
         ["http://127.0.0.1:1"]),
        (["judge.engine.kind=vllm", "judge.engine.model=/nowhere/judge"], ResourceMissingError,
         ["/nowhere/judge"]),
        (["rewriter.engine.kind=vllm", "rewriter.engine.engine_args.typo=1"], ConfigError,
         ["rewriter.engine.engine_args: vLLM has no argument 'typo'"]),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_before_anything_is_written(
    configured: Configured, overrides: list[str], kind: type[TteError], words: list[str]
) -> None:
    error = refused(configured, *overrides)
    assert type(error) is kind
    for part in words:
        assert part in str(error)


def test_what_no_phase_could_carry_out_is_refused_before_any_is_paid(
    configured: Configured, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(dump_policy(Policy.fixed(4, 2)))
    of_media = ("cascade.mode=media", "cascade.rewrite=0", f"cascade.policy={policy}")
    error = refused(configured, *of_media)
    assert isinstance(error, ConfigError)
    assert f"cascade.mode is media, but the policy {policy} rewrites" in str(error)
    assert run(configured(ONE, *of_media, "cascade.rewrites=false")).results["exit_code"] == 0

    error = refused(configured, f"cascade.retrieve={K_MAX + 1}")
    assert isinstance(error, ConfigError)
    assert f"cascade.retrieve is {K_MAX + 1}; Milvus gives at most {K_MAX}" in str(error)


@pytest.mark.parametrize(
    ("overrides", "what", "model"),
    [
        (["reasoner.instruction=another"], "ecr", "reasoner mini:reasoner"),
        (["media.max_pixels=4096"], "ecr", "reasoner mini:reasoner"),
        (["embedder.engine.fake_dimension=32"], "embedding", "embedder mini:embedder"),
    ],
)
def test_an_index_of_other_models_is_refused_and_both_are_named(
    made: Made, configured: Configured, overrides: list[str], what: str, model: str
) -> None:
    error = refused(configured, *overrides)
    assert isinstance(error, ValidationError)
    config = configured(ONE, *overrides).config
    made_with = configured(ONE).config
    now = getattr(config, f"{what}_recipe")().fingerprint
    before = getattr(made_with, f"{what}_recipe")().fingerprint
    assert f"the {what} fingerprint {before}" in str(error)
    assert f"have {now}" in str(error)
    assert model in str(error)


def test_a_version_of_earlier_code_is_refused(made: Made, configured: Configured) -> None:
    loaded = configured(ONE)
    store = open_store(loaded.config.store)
    version = run(configured(ONE, *NARROW)).results["version"]
    key = manifest_key(INDEX, version)
    whole = store.get(key)
    store.put(key, json.dumps({**json.loads(whole), "corpus": ""}).encode())
    try:
        assert "was loaded by earlier code" in str(refused(configured))
    finally:
        store.put(key, whole)


def test_an_empty_log_is_refused(configured: Configured) -> None:
    with pytest.raises(ResourceMissingError, match="has no rows"):
        run(configured([]))


def test_a_job_stays_on_the_version_that_it_started_with(
    made: Made, configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made.index("index=moving")
    loaded = configured(ONE, "index=moving", *NARROW)
    straight = run(loaded)
    second = made.index("index=moving", "corpus.rows_per_shard=4")
    assert second["version"] != first["version"]

    milvus = resolve(loaded.config.milvus)
    catalog = ManifestCatalog(open_store(loaded.config.store), "moving")
    publisher = Publisher(connect(milvus), milvus, "moving", catalog)
    publisher.promote(first["version"])

    def moved_meanwhile(stage: Any, *given: Any) -> Any:
        """A double of `run_phase`: the alias moves before the phase works."""
        publisher.promote(second["version"])
        return in_process(stage, *given)

    monkeypatch.setattr(flow, "run_phase", moved_meanwhile)
    fresh = configured(ONE, "index=moving", "cascade.retrieve=5", *NARROW[1:])
    left = run(fresh)
    assert left.results["version"] == first["version"] == straight.results["version"]
    assert publisher.live_version() == second["version"]
    after = run(fresh)
    assert after.results["version"] == second["version"]
    pinned = run(configured(ONE, "index=moving", f"version={first['version']}", *NARROW))
    assert pinned.run() == straight.run()


def test_a_dry_run_tells_what_is_ahead_and_writes_nothing(
    configured: Configured,
) -> None:
    rows = [{"query_id": f"q{n}", "text": f"dry {n % 3}"} for n in range(6)]
    loaded = configured(rows, "cascade.retrieve=6", "cascade.judge=4",
                        "cascade.rewrite=0", "budget.tokens_per_query=500", ONE_SHARD)  # fmt: skip
    store = open_store(loaded.config.store)
    before = [key for key, _ in store.list()]
    out = io.StringIO()
    rerank_log(loaded, Options(dry_run=True), out)
    said = out.getvalue()
    assert "6 queries, 3 distinct in 1 shard of" in said
    assert "at most 500 tokens a query" in said
    assert "rerank ≈ 0s · ≤ " in said
    tokens = int(said.split("rerank ≈ 0s · ≤ ")[1].split()[0].replace(",", ""))
    assert 0 < tokens <= 3 * 500
    assert [key for key, _ in store.list()] == before
    assert not Path(loaded.config.report_dir).exists()


def test_a_first_plan_names_time_and_cost_and_says_what_they_stand_on(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    on_a_gpu = ("judge.engine.kind=vllm", "judge.engine.num_gpus=1")
    loaded = configured(ONE, *NARROW, *on_a_gpu)
    out = io.StringIO()
    rerank_log(loaded, Options(dry_run=True), out)
    (line,) = [line for line in out.getvalue().splitlines() if line.strip().startswith("rerank")]
    assert "rerank ≈ 2m00s" in line
    assert "$0.10" in line
    assert "billion parameters, not measured" in line
    assert "unknown" not in out.getvalue()


def test_a_plan_takes_the_speed_that_the_index_job_saw(
    made: Made, configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = configured([{"query_id": "q", "text": "speed of the index"}], *NARROW)
    recipe = loaded.config.ecr_recipe().fingerprint
    seen = Rate(per_s=10.0, start_s=60.0, output_tokens=500.0, basis="measured over 99 rows")
    monkeypatch.setattr(rates, "known_rate", lambda _, made, __: seen if made == recipe else None)
    out = io.StringIO()
    rerank_log(loaded, Options(dry_run=True), out)
    assert "(measured over 99 rows of the index)" in out.getvalue()
    assert "reason ≈ 1m" in out.getvalue()


def dies(*_: object) -> Iterator[None]:
    """A double of `run_phase`: the engine is dead."""
    raise RuntimeFailure("workers died")


def test_a_run_that_fails_leaves_nothing_of_the_last_one(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = configured(ONE, *NARROW)
    run(loaded)
    folder = Path(loaded.config.report_dir)
    monkeypatch.setattr(flow, "run_phase", dies)
    other = configured([{"query_id": "q", "text": "another"}], *NARROW)
    with pytest.raises(RuntimeFailure):
        run(other)
    left = Left(other, "").results
    assert (left["outcome"], left["exit_code"], left["message"]) == ("failed", 6, "workers died")
    assert [path.name for path in folder.iterdir()] == ["results.json"]
