"""The plan before a run: what it says of tokens, time and cost, and from where."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tte2_ray.artifacts.corpus import RejectedRow
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.engines import EmbedderConfig, EngineConfig, ModelInput, ReasonerConfig
from tte2_ray.engines.tokens import TokenCounter
from tte2_ray.errors import RowErrorClass
from tte2_ray.media import MediaLimits
from tte2_ray.pipelines.drawn import draw
from tte2_ray.pipelines.index.config import EstimateConfig, IndexConfig
from tte2_ray.pipelines.index.estimate import estimate, print_estimate, print_plan
from tte2_ray.pipelines.index.measure import _measure as run_sample
from tte2_ray.pipelines.index.sample import Sample, look
from tte2_ray.pipelines.rates import Rate, keep_rate, known_rate, measured_rate, tells_a_rate
from tte2_ray.schema import Item
from tte2_ray.stages.counts import Counts

FAKE = EngineConfig(kind="fake", model="Somebody/Model")
GPU = replace(FAKE, kind="vllm", model="/models/large", num_gpus=4, replicas=2)
STRANGER = replace(GPU, model=FAKE.model)
"""Of whose speed nothing is known, nor is its folder here."""
SAMPLE = Sample(rows=32, rejected={}, prompt_tokens=1000.0, visual_tokens=900.0)
RATES = {
    "reason": Rate(per_s=1100.0, start_s=60.0, output_tokens=100.0, basis="measured"),
    "embed": Rate(per_s=11_000.0, start_s=30.0, output_tokens=0.0, basis="measured"),
    "load": Rate(per_s=500.0, start_s=0.0, output_tokens=0.0, basis="assumed"),
}


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rates that other tests measured are not known here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def config(reasoner: EngineConfig = FAKE, embedder: EngineConfig = FAKE) -> IndexConfig:
    return IndexConfig(
        reasoner=ReasonerConfig(engine=reasoner),
        embedder=EmbedderConfig(engine=embedder),
        estimate=EstimateConfig(usd_per_gpu_hour=2.0, usd_per_cpu_hour=0.1),
    )


def todo(rows: int, count: int = 2) -> Mapping[str, tuple[Shard, ...]]:
    """Rows to do in all phases, in `count` shards."""
    shards = (Shard(name="a", key="a", rows=rows // count, rejected=0),) * count
    return {"reason": shards, "embed": shards, "load": shards}


def test_tokens_time_and_cost_are_the_sample_times_the_rows() -> None:
    found = estimate(config(reasoner=GPU), todo(7200), SAMPLE, RATES)
    reason, embed, load = found.phases
    assert reason.prompt_tokens == 7_200_000
    assert reason.output_tokens == 720_000
    assert reason.seconds == pytest.approx(60 + 7200 * 1100 / (1100 * 2))
    assert reason.usd == pytest.approx(reason.seconds / 3600 * 2 * 4 * 2.0), "2 replicas of 4 GPUs"
    assert embed.prompt_tokens == 7200 * 1100, "it reads the ECR, too"
    assert embed.seconds == pytest.approx(30 + 7200 * 1100 / 11_000)
    assert embed.usd == pytest.approx(embed.seconds / 3600 * 0.1)
    assert load.seconds == pytest.approx(7200 / 500)
    assert found.seconds == pytest.approx(reason.seconds + embed.seconds + load.seconds)


def test_rows_that_are_taken_over_cost_no_token_and_are_told() -> None:
    fresh, out = {"reason": 134, "embed": 0, "load": 7200}, io.StringIO()
    found = estimate(config(), todo(7200), SAMPLE, RATES, fresh)
    reason, embed, load = found.phases
    assert (reason.prompt_tokens, reason.output_tokens) == (134_000, 13_400)
    assert (embed.prompt_tokens, embed.seconds) == (0, RATES["embed"].start_s)
    assert (reason.taken_over, embed.taken_over, load.taken_over) == (7066, 7200, 0)
    print_estimate(config(), found, out)
    assert " · 134 rows, 7,066 taken over · 134,000 tokens read" in out.getvalue()


def test_replicas_without_a_shard_neither_help_nor_cost() -> None:
    many = replace(GPU, replicas=50)
    found = estimate(config(reasoner=many), todo(7200, count=3), SAMPLE, RATES).phases[0]
    assert found.seconds == pytest.approx(60 + 7200 * 1100 / (1100 * 3))
    assert found.usd == pytest.approx(found.seconds / 3600 * 3 * 4 * 2.0)


def test_ecrs_that_stand_tell_how_long_they_are() -> None:
    unknown = {**RATES, "reason": replace(RATES["reason"], output_tokens=0.0)}
    left = {**todo(10), "reason": ()}
    embed, _ = estimate(config(), left, replace(SAMPLE, output_tokens=40.0), unknown).phases
    assert embed.prompt_tokens == 10 * 1040


def test_what_is_done_costs_nothing_and_a_limit_is_called_one() -> None:
    left = {**todo(100), "reason": ()}
    found = estimate(config(), left, SAMPLE, RATES)
    assert [phase.name for phase in found.phases] == ["embed", "load"]
    unknown = {**RATES, "reason": replace(RATES["reason"], output_tokens=0.0)}
    (reason, *_) = estimate(config(), todo(10), SAMPLE, unknown).phases
    assert reason.at_most
    assert reason.output_tokens == 10 * ReasonerConfig().sampling.max_tokens


def test_it_is_printed_with_its_prices_and_where_its_rates_come_from() -> None:
    out = io.StringIO()
    refused = replace(SAMPLE, rejected={"encrypted": 2})
    print_estimate(config(), estimate(config(), todo(7200), refused, RATES), out)
    said = out.getvalue()
    for part in ("sample of 32 rows", "refused: 2 encrypted", "720,000 written", "(measured)",
                 "total  ≈ 2h13m", "$2 a GPU and $0.1 a CPU an hour"):  # fmt: skip
        assert part in said, said


def test_more_unreadable_rows_than_the_budget_allows_are_said_before_the_run(
    tmp_path: Path,
) -> None:
    store = open_store(str(tmp_path))
    bad = RejectedRow(item_id="b", error_class=RowErrorClass.EMPTY_ROW, message="empty", row="{}")
    plan = freeze_plan(store, "c", [Item(item_id="a", text="one"), bad], 4)
    for budget, warned in ((0.4, True), (0.5, False)):
        out = io.StringIO()
        print_plan(IndexConfig(failure_budget=budget), plan, {}, out)
        assert ("50.0% of the rows cannot be read" in out.getvalue()) is warned
        assert "2 rows in 1 shard of" in out.getvalue()


def test_rates_are_kept_by_what_was_made_and_on_what() -> None:
    counts = Counts(rows=100, done=100, prompt_tokens=9_000, output_tokens=1_000)
    rate = measured_rate(counts, working_s=10.0, start_s=5.0, replicas=2)
    assert (rate.per_s, rate.output_tokens) == (500.0, 10.0)
    assert known_rate("reason", "f", GPU) is None, "nothing is known: a sample must tell"
    keep_rate("reason", "f", GPU, rate)
    assert known_rate("reason", "f", GPU) == rate
    assert known_rate("reason", "other", GPU) is None
    assert known_rate("reason", "f", replace(GPU, num_gpus=8)) is None
    keep_rate("reason", "f", FAKE, rate)
    assert known_rate("reason", "f", FAKE) != rate, "what a fake did is no measurement"


def test_the_sample_is_decoded_and_its_bad_rows_are_foretold(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    Image.new("RGB", (1024, 1024)).save(tmp_path / "a.png")
    items = [
        Item(item_id=f"{n}", text="three more words", image_uris=(str(tmp_path / f"{name}.png"),))
        for n, name in enumerate("ab" * 40)
    ]
    plan = freeze_plan(store, "c", items, 8)
    drawn = draw(store, plan.shards, 32)
    assert len(drawn) == 32
    assert len({int(item.item_id) // 8 for item in drawn}) > 3, "spread over the shards"
    assert len({int(item.item_id) % 8 for item in drawn}) > 4, "and over each"
    assert drawn == draw(store, plan.shards, 32)
    seen = look(replace(config(), media=MediaLimits(max_pixels=1024 * 1024)), drawn)
    assert seen.visual_tokens == (1024 // 32) ** 2, "of a model that is not here: Qwen3-VL's"
    assert seen.rejected == {"not_found": sum("b.png" in i.image_uris[0] for i in drawn)}


def test_a_rate_of_a_sample_that_failed_is_neither_kept_nor_believed(tmp_path: Path) -> None:
    nothing = measured_rate(Counts(), working_s=0.1, start_s=30.0, replicas=1)
    keep_rate("reason", "f", GPU, nothing)
    assert known_rate("reason", "f", GPU) is None
    keep_rate("reason", "f", GPU, RATES["reason"])
    (file,) = (tmp_path / "cache" / "tte2_ray" / "rates").iterdir()
    kept = json.loads(file.read_text())
    for wrong in (0.0, -1.0, float("nan"), float("inf"), "fast"):
        file.write_text(json.dumps({**kept, "per_s": wrong}))  # as some earlier code kept it
        assert known_rate("reason", "f", GPU) is None, wrong
    file.write_text(json.dumps(kept))
    assert known_rate("reason", "f", GPU) == RATES["reason"]


def test_a_file_that_answers_once_does_not_end_the_sample(tmp_path: Path) -> None:
    for name in "ab":
        Image.new("RGB", (64, 64)).save(tmp_path / f"{name}.png")
    items = [
        Item(item_id=name, image_uris=(str(tmp_path / f"{name}.png"),)) for name in ("a", "b", "c")
    ]
    _, ecrs = run_sample(config(), items, None)
    assert ecrs.keys() == {"a", "b"}
    (tmp_path / "a.png").rename(tmp_path / "c.png")
    measured, _ = run_sample(config(), items, ecrs)
    assert measured.rate.basis == "measured over 1 rows", "b alone could be read both times"


def test_rows_that_were_taken_over_say_nothing_of_the_length_of_an_ecr() -> None:
    counts = Counts(rows=100, done=90, taken_over=80, prompt_tokens=900, output_tokens=100)
    assert measured_rate(counts, working_s=1.0, start_s=0.0, replicas=1).output_tokens == 10


def test_rejected_rows_say_nothing_of_the_speed_of_an_engine() -> None:
    assert not tells_a_rate(Counts(rows=1000, done=15, rejected=985))
    assert not tells_a_rate(Counts(rows=1000, done=1000, taken_over=985))
    assert tells_a_rate(Counts(rows=1000, done=16, rejected=984))


def test_the_miniature_counts_as_its_processor_does() -> None:
    counter = TokenCounter("mini:reasoner")
    picture = ModelInput(text="Think, then describe.", images=[Image.new("RGB", (96, 96))])
    assert counter.visual_tokens(picture) == 36
    assert 36 < counter.prompt_tokens(picture) < 36 + 30
