"""The presets and profiles of conf/: each loads with each, says what it means, and fits."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from safetensors.numpy import save_file

from tte2_ray.artifacts.store import open_store
from tte2_ray.config import Loaded, fingerprint, load_config, main
from tte2_ray.engines import JudgeConfig
from tte2_ray.errors import ConfigError, ResourceMissingError
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus
from tte2_ray.pipelines.index.plan import plan_job
from tte2_ray.pipelines.rerank.config import RerankConfig

CONF = Path(__file__).parent.parent / "conf"
BASE = CONF / "index_corpus.yaml"
MODELS = sorted(file.stem for file in (CONF / "models").glob("*.yaml"))
PROFILES = sorted(file.stem for file in (CONF / "profiles").glob("*.yaml"))
REAL = [name for name in MODELS if name != "mini"]
PIXELS_A_TOKEN = {"qwen3-vl-2b": 32 * 32, "qwen3-vl-8b": 32 * 32, "tte-v2": 28 * 28}
CHARS_A_TOKEN = 3
"""Fewer than English has (about four), more than numbers and rare words."""


@dataclass(frozen=True, kw_only=True)
class Judging:
    """A job that has a judge, and no other role of a preset."""

    judge: JudgeConfig = field(default_factory=JudgeConfig)


def judge_of(model: str) -> JudgeConfig:
    return load_config(Judging, [CONF / "models" / f"{model}.yaml"]).config.judge


def load(model: str = "", profile: str = "", *overrides: str) -> Loaded[IndexConfig]:
    files = [BASE]
    files += [CONF / "models" / f"{model}.yaml"] if model else []
    files += [CONF / "profiles" / f"{profile}.yaml"] if profile else []
    return load_config(IndexConfig, files, overrides)


def test_the_presets_that_are_promised_are_there() -> None:
    assert {"mini", "qwen3-vl-2b", "qwen3-vl-8b", "tte-v2"} <= set(MODELS)
    assert {"laptop", "gpu-node", "cluster"} <= set(PROFILES)


@pytest.mark.parametrize("profile", ["", *PROFILES])
@pytest.mark.parametrize("model", ["", *MODELS])
def test_every_preset_loads_with_every_profile(
    model: str, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--print-config", *(["--model", model] if model else [])]
    argv += ["--profile", profile] if profile else []
    assert main(IndexConfig, index_corpus, description="", default=BASE, argv=argv) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    wanted = yaml.safe_load((CONF / "models" / f"{model}.yaml").read_text()) if model else {}
    if model:
        assert printed["reasoner"]["engine"]["model"] == wanted["reasoner"]["engine"]["model"]
        assert printed["embedder"]["engine"]["lora"] == wanted["embedder"]["engine"]["lora"]
    if profile:
        given = yaml.safe_load((CONF / "profiles" / f"{profile}.yaml").read_text())
        assert printed["store"] == given["store"]
        assert printed["load_writers"] == given["load_writers"]


def test_the_default_is_the_miniature() -> None:
    assert load("mini").config == load().config


def test_presets_set_the_same_keys_so_that_none_inherits_from_another() -> None:
    def keys(values: object, prefix: str = "") -> set[str]:
        if not isinstance(values, dict) or prefix.endswith("engine_args."):
            return {prefix}
        return {key for name in values for key in keys(values[name], f"{prefix}{name}.")}

    presets = {m: keys(yaml.safe_load((CONF / "models" / f"{m}.yaml").read_text())) for m in MODELS}
    assert all(found == presets["mini"] for found in presets.values()), presets


@pytest.mark.parametrize("model", REAL)
def test_a_preset_can_be_taken_back(model: str) -> None:
    files = [BASE, CONF / "models" / f"{model}.yaml", CONF / "models" / "mini.yaml"]
    mended = load_config(IndexConfig, files).config
    assert mended.ecr_recipe() == load().config.ecr_recipe()
    assert mended.embedding_recipe() == load().config.embedding_recipe()
    assert mended.reasoner.engine.num_gpus == 0


def test_presets_make_different_things_and_profiles_the_same(tmp_path: Path) -> None:
    lora = f"embedder.engine.lora={_adapter(tmp_path)}"
    given = {name: [lora] if name == "tte-v2" else [] for name in MODELS}
    configs = {name: load(name, "", *given[name]).config for name in MODELS}
    assert len({fingerprint(config) for config in configs.values()}) == len(MODELS)
    assert len({c.ecr_recipe().fingerprint for c in configs.values()}) == len(MODELS)
    assert len({c.embedding_recipe().fingerprint for c in configs.values()}) == len(MODELS)
    for name, config in configs.items():
        for profile in PROFILES:
            placed = load(name, profile, *given[name]).config
            assert placed.embedding_recipe() == config.embedding_recipe(), (name, profile)


def _adapter(folder: Path) -> Path:
    import numpy as np

    save_file({"a": np.zeros(1, np.float32)}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"r": 16, "lora_alpha": 64}))
    return folder


def test_without_its_adapter_tte_says_what_is_missing() -> None:
    with pytest.raises(ResourceMissingError, match=r"tte-v2/embedder-lora.*train or fetch it"):
        load("tte-v2").config.embedding_recipe()


@pytest.mark.parametrize("model", REAL)
def test_a_real_preset_is_complete(model: str) -> None:
    preset = yaml.safe_load((CONF / "models" / f"{model}.yaml").read_text())
    config = load(model).config
    for role in ("reasoner", "embedder"):
        engine = getattr(config, role).engine
        assert set(preset[role]["engine"]) >= {"model", "revision", "lora", "dtype"}
        assert len(engine.revision) == 40, "a commit: a branch may move under the keys"
        assert engine.dtype == "bfloat16"
        assert engine.num_gpus == engine.tensor_parallel
        backend = engine.engine_args["distributed_executor_backend"]
        assert backend == ("mp" if engine.tensor_parallel > 1 else "uni")
        assert not engine.engine_args["enforce_eager"], "the base file's is for the CPU"
        limit = engine.engine_args["limit_mm_per_prompt"]
        assert limit == {"image": config.media.max_images, "video": 1}
    assert config.embedder.dimension > 0, "a name on the hub does not tell it before it is fetched"
    assert config.reasoner.sampling.max_tokens <= 512


def test_the_miniature_is_the_default_judge() -> None:
    assert judge_of("mini") == JudgeConfig()


@pytest.mark.parametrize("model", REAL)
def test_a_real_preset_judges_with_the_released_model(model: str) -> None:
    judge = judge_of(model)
    engine = judge.engine
    assert engine.model.startswith("Qwen/Qwen3-VL-Reranker-")
    assert len(engine.revision) == 40, "a commit: a branch may move under the keys"
    assert judge.form == "qwen3-vl-reranker"
    assert (engine.dtype, engine.num_gpus) == ("bfloat16", engine.tensor_parallel)
    assert not engine.engine_args["enforce_eager"], "the base file's is for the CPU"
    # A query's media and a candidate's.
    shown = load(model).config.media.max_images
    assert engine.engine_args["limit_mm_per_prompt"] == {"image": 2 * shown, "video": 2}


@pytest.mark.parametrize("profile", ["", *PROFILES])
@pytest.mark.parametrize("model", MODELS)
def test_every_preset_and_profile_serves_the_rerank_job(model: str, profile: str) -> None:
    files = [CONF / "rerank_logs.yaml", CONF / "models" / f"{model}.yaml"]
    files += [CONF / "profiles" / f"{profile}.yaml"] if profile else []
    config = load_config(RerankConfig, files).config
    indexed = load(model, profile).config
    assert (config.media, config.milvus) == (indexed.media, indexed.milvus)
    assert (config.reasoner, config.embedder) == (indexed.reasoner, indexed.embedder)
    assert config.replica.num_gpus >= config.rewriter.engine.num_gpus
    if model == "mini":
        assert config.rewriter == RerankConfig().rewriter
        assert config.cascade == RerankConfig().cascade
        return
    engines = (config.judge.engine, config.rewriter.engine)
    shares = [engine.engine_args["gpu_memory_utilization"] for engine in engines]
    assert sum(shares) <= 0.9, "judge and rewriter work on the same GPU"
    assert config.cascade.rewrite_max_tokens <= config.rewriter.sampling.max_tokens


def test_a_job_without_a_judge_passes_over_the_judge_of_a_preset_and_of_nothing_else(
    tmp_path: Path,
) -> None:
    assert not hasattr(load("mini").config, "judge")
    with pytest.raises(ConfigError, match=r"unknown key 'judge' \(command line\)"):
        load("", "", "judge.form=plain")
    wrong = tmp_path / "mine.yaml"
    wrong.write_text("judges: {form: plain}")
    with pytest.raises(ConfigError, match=r"unknown key 'judges' .*mine\.yaml"):
        load_config(IndexConfig, [BASE, wrong])
    wrong.write_text("judge: {forms: plain}")
    with pytest.raises(ConfigError, match=r"did you mean 'judge\.form'"):
        load_config(Judging, [wrong])


@pytest.mark.parametrize("model", REAL)
def test_the_largest_item_that_the_limits_let_through_fits_the_context(model: str) -> None:
    config, pixels = load(model).config, PIXELS_A_TOKEN[model]
    media, written = config.media, config.reasoner.sampling.max_tokens
    pictures = media.max_images * max(media.max_pixels, media.document_max_pixels) // pixels
    # Two frames share their tokens; each pair has a time beside it.
    video = media.max_frames // 2 * (media.frame_max_pixels // pixels + 10)
    words = (media.max_text_chars + len(config.reasoner.instruction)) // CHARS_A_TOKEN + 50
    assert pictures + video + words + written <= config.reasoner.engine.max_model_len
    assert pictures + video + words + written <= config.embedder.engine.max_model_len


@pytest.mark.parametrize("model", MODELS)
def test_an_unknown_key_fails_with_the_preset_named(model: str, tmp_path: Path) -> None:
    file = CONF / "models" / f"{model}.yaml"
    wrong = tmp_path / f"{model}.yaml"
    wrong.write_text(file.read_text().replace("max_tokens:", "max_token:"))
    expected = rf"{model}\.yaml.*did you mean 'reasoner\.sampling\.max_tokens'"
    with pytest.raises(ConfigError, match=expected):
        load_config(IndexConfig, [BASE, wrong])


def test_an_engine_without_its_gpus_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tensor_parallel=8 GPUs.*num_gpus=4"):
        load("tte-v2", "", "reasoner.engine.num_gpus=4")
    fits = load("tte-v2", "", "reasoner.engine.num_gpus=4", "reasoner.engine.tensor_parallel=4")
    assert fits.config.ecr_recipe() == load("tte-v2").config.ecr_recipe()


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_says_nothing_about_models(profile: str) -> None:
    given = yaml.safe_load((CONF / "profiles" / f"{profile}.yaml").read_text())
    allowed = {"replicas", "threads", "decode_threads", "max_in_flight", "shards_in_flight"}
    assert set(given["reasoner"]) == set(given["embedder"]) == {"engine"}
    assert set(given["reasoner"]["engine"]) | set(given["embedder"]["engine"]) <= allowed


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_leaves_the_names_of_what_was_made(profile: str, tmp_path: Path) -> None:
    manifest, store = tmp_path / "rows.jsonl", open_store(str(tmp_path / "store"))
    rows = [{"item_id": f"{n}", "text": "words"} for n in range(300)]
    manifest.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    given = [f"corpus.path={manifest}", "reasoner.engine.kind=fake", "embedder.engine.kind=fake"]
    configs = [load("", name, *given).config for name in ("", profile)]
    without, placed = (plan_job(config, store, store, again=False) for config in configs)
    assert placed.plan == without.plan, "the same shards, by the same names"
    assert (placed.ecr_prefix, placed.vector_prefix) == (without.ecr_prefix, without.vector_prefix)
    assert placed.target.version == without.target.version


def test_the_cluster_profile_takes_its_token_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MILVUS_TOKEN", "root:secret")
    assert load("", "cluster").config.milvus.token == "root:secret"
    monkeypatch.delenv("MILVUS_TOKEN")
    assert load("", "cluster").config.milvus.token == ""
