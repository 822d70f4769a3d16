"""What is wrong or missing is said in one line, with its exit code, before Ray starts.

The command is run as its entry point runs it, but in this process; one test runs it for real.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.refusing import ROOT, Refuse
from tte2_ray.engines import resolve_model
from tte2_ray.errors import ResourceMissingError


@pytest.mark.parametrize(
    ("override", "exit_code", "message"),
    [
        ("reasoner.sampling.max_token=3", 2, "did you mean 'reasoner.sampling.max_tokens'"),
        ("failure_budget=2", 2, "failure_budget is 2.0"),
        ("load_writers=0", 2, "load_writers must be at least 1"),
        ("corpus.rows_per_shard=0", 2, "corpus.rows_per_shard must be at least 1"),
        ("ray.object_store_mb=10", 2, "ray.object_store_mb must be at least 75"),
        ("reasoner.sampling.max_tokens=0", 2, "reasoner.sampling.max_tokens must be at least 1"),
        ("reasoner.sampling.temperature=-1", 2, "reasoner.sampling.temperature must be at least"),
        ("reasoner.sampling.temperature=.nan", 2, "reasoner.sampling.temperature must be at"),
        ("reasoner.sampling.top_p=9", 2, "reasoner.sampling.top_p is 9.0"),
        ("reasoner.engine.decode_threads=0", 2, "mini:reasoner: engine.decode_threads"),
        ("embedder.engine.num_gpus=1.5", 2, "mini:embedder: engine.num_gpus is 1.5"),
        ("embedder.engine.dtype=float31", 2, "mini:embedder: engine.dtype is 'float31'"),
        (
            "embedder.engine.engine_args.gpu_memory_utilisation=0.5",
            2,
            "vLLM has no argument 'gpu_memory_utilisation'; did you mean 'gpu_memory_utilization'",
        ),
        ("embedder.dimension=-1", 2, "embedder.dimension must be at least 0"),
        ("embedder.dimension=99999", 2, "embedder.dimension is 99999, but mini:embedder makes"),
        ("embedder.dimension=8", 2, "does not say that they may be cut"),
        ("ray.address=http://127.0.0.1:8265", 2, "ray.address"),
        ("ray.address=127.0.0.1:1", 3, "no Ray answers at 127.0.0.1:1"),
        ("estimate.sample_rows=0", 2, "estimate.sample_rows"),
        ("index=1st", 2, "an index starts with a letter"),
        ("corpus.path=", 2, "corpus.path is empty"),
        ("corpus.path=/nowhere/rows.parquet", 4, "/nowhere/rows.parquet"),
        ("reasoner.engine.model=/nowhere/model", 4, "model folder /nowhere/model"),
        (
            "embedder.engine.model=mini:nobody",
            4,
            "it has mini:direct, mini:embedder, mini:",
        ),
        ("milvus.uri=http://127.0.0.1:1", 3, "Start the server or correct milvus.uri"),
        ("milvus.uri=somewhere:19530", 2, "milvus.uri"),
        ("store=/proc/nowhere", 3, "choose a writable folder"),
        ("store=gs://bucket/x", 2, "s3://bucket/prefix"),
        ("report_dir=/proc/nowhere", 3, "report_dir"),
        pytest.param(f"report_dir=/tmp/{'x' * 300}/report", 3, "(File name too long)", id="long"),
        ("milvus.data_dir=/proc/nowhere", 3, "milvus.data_dir"),
    ],
)
def test_one_message_and_its_exit_code(
    refuse: Refuse, override: str, exit_code: int, message: str
) -> None:
    assert message in refuse(exit_code, override)


def test_a_refusal_that_is_late_fails_its_test(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.pipelines.refusing.WITHIN_S", 0.0)
    with pytest.raises(AssertionError, match=r"it took \d+\.\d s, over 0, to say error: "):
        refuse(2, "failure_budget=2")


def test_a_model_without_weights(refuse: Refuse, tmp_path: Path) -> None:
    folder = tmp_path / "corpus" / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    assert "holds no *.safetensors" in refuse(4, f"reasoner.engine.model={folder}")


def test_a_model_whose_weights_are_cut_short(refuse: Refuse, tmp_path: Path) -> None:
    folder = tmp_path / "corpus" / "model"
    shutil.copytree(resolve_model("mini:embedder"), folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "damaged or cut short" in refuse(4, f"embedder.engine.model={folder}")


def test_a_name_on_the_hub_that_is_not_cached(refuse: Refuse) -> None:
    engine = ["embedder.engine.model=Nobody/Nothing", f"embedder.engine.revision={'a' * 40}"]
    said = refuse(4, *engine, "embedder.dimension=64")
    assert f"model Nobody/Nothing at revision {'a' * 40} is not whole in the cache" in said


def test_a_name_on_the_hub_at_a_branch(refuse: Refuse) -> None:
    engine = ["embedder.engine.model=Nobody/Nothing", "embedder.engine.revision=main"]
    said = refuse(2, *engine, "embedder.dimension=64")
    assert "needs a commit of the hub as its revision" in said
    assert "not 'main'" in said


@pytest.mark.parametrize("override", ["corpus.path=/nowhere", "milvus.uri=http://127.0.0.1:1"])
def test_weights_are_hashed_when_all_else_is_there(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, override: str
) -> None:
    def minutes(*_: object) -> str:
        raise AssertionError("144 GB would be read before the user hears of a typing error")

    monkeypatch.setattr("tte2_ray.pipelines.config.model_version", minutes)
    refuse(4 if "corpus" in override else 3, override)


def test_milvus_is_started_last(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unreadable(*_: object) -> str:
        raise ResourceMissingError("a file of the model cannot be read")

    monkeypatch.setattr("tte2_ray.pipelines.config.model_version", unreadable)
    refuse(4)
    assert not (tmp_path / "milvus").exists()


def test_a_submitted_job_does_not_write_into_its_copy(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    job = {"runtime_env": {"working_dir": "gcs://_ray_pkg_0123456789abcdef.zip"}, "metadata": {}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
    said = refuse(2, "store=build/artifacts", "report_dir=build/index", "milvus.data_dir=milvus")
    for key in ("store=build/artifacts", "report_dir=build/index", "milvus.data_dir=milvus"):
        assert key in said
    assert "report_dir=build/index:" in refuse(2, "store=s3://b/x", "report_dir=build/index")
    # Whole paths pass, and so does any path of a job that runs where it was typed.
    assert "/nowhere" in refuse(4, "corpus.path=/nowhere")
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": {}}))
    assert "/nowhere" in refuse(4, "corpus.path=/nowhere", "report_dir=build/index")


def test_a_store_that_is_read_only_is_a_file(refuse: Refuse, tmp_path: Path) -> None:
    taken = tmp_path / "corpus" / "file"
    taken.write_text("in the way")
    assert "choose a writable folder" in refuse(3, f"store={taken}/store")


def test_a_dry_run_of_a_corpus_without_one_good_row(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "corpus" / "rows.jsonl").write_text('{"item_id": "a"}\n{"item_id": "b"}\n')
    said = refuse(7, "--dry-run")
    assert "all 2 rows of the corpus would be rejected, and nothing indexed: 2 empty_row." in said


def test_the_command_itself(given: list[str]) -> None:
    command = [sys.executable, "jobs/index_corpus.py", *given, "embedder.engine.model=mini:nobody"]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 4
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: the package carries no model 'mini:nobody'")
