"""What an estimate stands on: which sample is run on which engine, and what that may cost.

Ray is left out: engines are fake and work in this process, or must not be started at all.
"""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tests.pipelines.without_ray import run_the_sample_here
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.shards import Plan, read_shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.engines import EmbedderConfig, EngineConfig, ReasonerConfig
from tte2_ray.engines.fake import FakeReasoner
from tte2_ray.errors import PrerequisiteError
from tte2_ray.milvus.collection import CollectionSpec
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.pipelines.config import RayConfig
from tte2_ray.pipelines.index import expect as expecting
from tte2_ray.pipelines.index import measure as measuring
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.expect import Expected, dry_run, expect
from tte2_ray.pipelines.index.measure import Measured
from tte2_ray.pipelines.index.plan import Job
from tte2_ray.pipelines.index.target import Target
from tte2_ray.pipelines.rates import keep_rate, known_rate, measured_rate
from tte2_ray.schema import Item, ecr_schema
from tte2_ray.stages.counts import Counts

FAKE = EngineConfig(kind="fake", model="Somebody/Model")
STRANGER = EngineConfig(kind="vllm", model="Somebody/Model", num_gpus=4)
"""Of whose speed nothing is known, nor is its folder here."""
PHASES = ("reason", "embed", "load")
FINGERPRINT = "f"
WRITTEN = 20
"""Tokens of an ECR that stands in the store: not what a fake engine writes."""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rates that other tests measured are not known here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def job_of(store: Store, plan: Plan, engine: EngineConfig, address: str = "") -> Job:
    """A job of a plan, with one engine for both phases."""
    config = IndexConfig(
        reasoner=ReasonerConfig(engine=engine),
        embedder=EmbedderConfig(engine=engine),
        ray=RayConfig(address=address),
    )
    spec = CollectionSpec(index="i", version="v", fingerprint=FINGERPRINT, dimension=64)
    target = Target(index="i", version="v", spec=spec, milvus=MilvusConfig(),
                    ecr_fingerprint=FINGERPRINT)  # fmt: skip
    return Job(config=config, store=store, plan=plan, target=target)


@pytest.fixture
def texts(tmp_path: Path) -> tuple[Store, Plan]:
    """A corpus of words."""
    store = open_store(str(tmp_path / "store"))
    items = [Item(item_id=f"{n}", text="three more words") for n in range(8)]
    return store, freeze_plan(store, "c", items, 4)


def reasoned(store: Store, plan: Plan) -> None:
    """Writes the ECR tables of a plan, as the phase leaves them; the first row was rejected."""
    for shard in plan.shards:
        items = read_shard(store, shard)
        rows = [
            {**dict.fromkeys(ecr_schema().names, ""), "item_id": item.item_id, "modality": "text",
             "ecr": f"<think>t</think>{item.item_id}", "prompt_tokens": 9, "visual_tokens": 0,
             "output_tokens": WRITTEN, "truncated": False,
             "error_class": "" if int(item.item_id) else "context_overflow"}
            for item in items
        ]  # fmt: skip
        table = pa.Table.from_pylist(rows, schema=ecr_schema())
        write_table(store, table_key(f"ecr/{FINGERPRINT}", shard), table)


def no_reasoner(*_: object) -> FakeReasoner:
    """A double of `build_reasoner`."""
    raise AssertionError("the reasoner was started, though every ECR stands in the store")


@pytest.fixture
def only_embedding(texts: tuple[Store, Plan], monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job with a new embedder: all its ECRs are there."""
    run_the_sample_here(monkeypatch)
    reasoned(*texts)
    monkeypatch.setattr(measuring, "build_reasoner", no_reasoner)
    return job_of(*texts, FAKE)


def test_a_new_embedder_is_measured_on_the_ecrs_that_stand(only_embedding: Job) -> None:
    shards = only_embedding.plan.shards
    todo = {"reason": (), "embed": shards, "load": shards}
    found = expect(only_embedding, todo, io.StringIO())
    assert found.sampled.keys() == {"embed"}
    assert found.sampled["embed"].done == 7, "one has no ECR"
    assert found.sampled["embed"].output_tokens == 0
    assert found.estimate is not None
    assert [phase.name for phase in found.estimate.phases] == ["embed", "load"]
    assert found.estimate.sample.output_tokens == WRITTEN


@pytest.mark.parametrize("left", [("embed", "load"), ("load",)])
def test_a_dry_run_starts_no_engine_that_has_nothing_to_do(
    only_embedding: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, left: Sequence[str]
) -> None:
    joined: list[RayConfig] = []

    def cluster(config: RayConfig) -> nullcontext[bool]:
        """A double: no Ray."""
        joined.append(config)
        return nullcontext(False)

    monkeypatch.setattr(expecting, "cluster", cluster)
    monkeypatch.setattr("tte2_ray.pipelines.index.preflight.require_cluster", lambda *_, **__: None)
    plans = open_store(str(tmp_path / "plans"))  # the plan of a dry run lies in no store
    items = [
        item for s in only_embedding.plan.shards for item in read_shard(only_embedding.store, s)
    ]
    plan = freeze_plan(plans, "c", items, 4)
    todo = {name: plan.shards if name in left else () for name in PHASES}
    found = dry_run(replace(only_embedding, plan=plan), plans, todo, io.StringIO())
    assert found is not None
    assert [phase.name for phase in found.phases] == list(left)
    assert bool(joined) == ("embed" in left)


def test_a_dry_run_asks_whether_ray_answers_before_it_joins(
    texts: tuple[Store, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cluster(_: RayConfig) -> nullcontext[bool]:
        """A double of what waits long for a cluster that is not there."""
        raise AssertionError("Ray was joined")

    monkeypatch.setattr(expecting, "cluster", cluster)
    job = job_of(*texts, FAKE, address="127.0.0.1:1")
    todo = dict.fromkeys(PHASES, job.plan.shards)
    with pytest.raises(PrerequisiteError, match=r"no Ray answers at 127\.0\.0\.1:1"):
        dry_run(job, job.store, todo, io.StringIO())


def test_of_fake_engines_nothing_need_be_run(texts: tuple[Store, Plan]) -> None:
    out = io.StringIO()
    job = job_of(*texts, FAKE)
    found = expect(job, dict.fromkeys(PHASES, job.plan.shards), out)
    assert found.estimate is not None
    assert found.estimate.phases[0].rows == 8
    assert found.sampled == {}
    assert "a fake engine" in out.getvalue()


@pytest.fixture
def wrong_mount(tmp_path: Path) -> tuple[Store, Plan]:
    """A corpus whose pictures are not there."""
    store = open_store(str(tmp_path / "store"))
    items = [Item(item_id=f"{n}", image_uris=(f"/no/mount/{n}.png",)) for n in range(8)]
    return store, freeze_plan(store, "c", items, 4)


def no_engine(*_: object) -> dict[str, Measured]:
    """A double of `measure`, which starts engines."""
    raise AssertionError("an engine was started for a sample that cannot be read")


@pytest.mark.parametrize("dry", [True, False])
def test_a_sample_of_which_nothing_can_be_read_foretells_nothing_and_says_so(
    wrong_mount: tuple[Store, Plan], monkeypatch: pytest.MonkeyPatch, dry: bool
) -> None:
    monkeypatch.setattr(expecting, "measure", no_engine)
    store, plan = wrong_mount
    left, out = dict.fromkeys(PHASES, plan.shards), io.StringIO()
    job = job_of(store, plan, STRANGER)
    if dry:
        assert dry_run(job, store, left, out) is None
    else:
        assert expect(job, left, out) == Expected()
    said = out.getvalue()
    assert "sample of 8 rows: none of them can be indexed (8 not_found)" in said
    assert "tokens, time and cost are unknown" in said
    assert "≈" not in said, "nothing is foreseen"


def test_what_a_whole_run_measured_is_not_replaced_by_a_sample(
    texts: tuple[Store, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = Counts(done=8, output_tokens=80)
    whole, short = (measured_rate(counts, working_s=s, start_s=1.0, replicas=1) for s in (1.0, 9.0))

    def sampled(*_: object) -> dict[str, Measured]:
        """A double of `measure`: both phases, as where one of them is not known."""
        return dict.fromkeys(("reason", "embed"), Measured(rate=short, counts=counts))

    monkeypatch.setattr(expecting, "measure", sampled)
    keep_rate("reason", FINGERPRINT, STRANGER, whole)
    job = job_of(*texts, STRANGER)
    expect(job, dict.fromkeys(PHASES, job.plan.shards), io.StringIO())
    known = known_rate("reason", FINGERPRINT, STRANGER)
    assert known is not None
    assert known.per_s == whole.per_s
    assert known_rate("embed", job.target.spec.fingerprint, STRANGER) is not None


def test_a_sample_that_no_engine_answers_leaves_time_unknown(
    texts: tuple[Store, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_: IndexConfig, items: Sequence[Item], ecrs: object) -> dict[str, Measured]:
        """A double of `measure`: an engine that refused every row."""
        assert items
        assert ecrs is None
        none = measured_rate(Counts(), working_s=0.1, start_s=30.0, replicas=1)
        return {"reason": Measured(rate=none, counts=Counts())}

    monkeypatch.setattr(expecting, "measure", refuses)
    job, out = job_of(*texts, STRANGER), io.StringIO()
    assert expect(job, dict.fromkeys(PHASES, job.plan.shards), out).estimate is None
    assert "no row of it came through reason, embed on the engines: time and cost" in out.getvalue()
    assert known_rate("reason", FINGERPRINT, STRANGER) is None
