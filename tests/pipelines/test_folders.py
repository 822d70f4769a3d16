"""`~` in the paths of a job is the home of who starts it."""

import json
from pathlib import Path

import pytest

from tests.pipelines.refusing import Refuse
from tte2_ray.config import load_config
from tte2_ray.errors import ConfigError
from tte2_ray.pipelines.folders import with_home_folders
from tte2_ray.pipelines.index.config import IndexConfig

AT_HOME = ["store=~/s", "milvus.data_dir=~/m", "report_dir=~/r", "media.allowed_file_roots=[~/d]"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home where a job may write, and an empty folder to start it in."""
    folder = tmp_path / "corpus"
    folder.mkdir(exist_ok=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(folder))
    return folder


def test_every_folder_may_lie_at_home(home: Path) -> None:
    config = with_home_folders(load_config(IndexConfig, [], AT_HOME).config)
    assert config.store == f"{home}/s"
    assert config.milvus.data_dir == f"{home}/m"
    assert config.report_dir == f"{home}/r"
    assert config.media.allowed_file_roots == (f"{home}/d",)


def test_roots_are_made_absolute_and_other_paths_stay_as_they_are(home: Path) -> None:
    given = ["store=s3://b/~/x", "report_dir=a/~b", "media.allowed_file_roots=[d]"]
    config = with_home_folders(load_config(IndexConfig, [], given).config)
    assert (config.store, config.report_dir) == ("s3://b/~/x", "a/~b")
    assert config.media.allowed_file_roots == (str(Path("d").absolute()),)


@pytest.mark.parametrize("given", ["store", "report_dir", "milvus.data_dir"])
def test_a_home_that_is_not_known(given: str) -> None:
    config = load_config(IndexConfig, [], [f"{given}=~no-such-user/x"]).config
    with pytest.raises(ConfigError, match=r"~no-such-user/x: no home folder is known for ~no-such"):
        with_home_folders(config)


@pytest.mark.parametrize("setting", ["corpus.path", "reasoner.engine.model", "report_dir"])
def test_a_job_says_that_a_home_is_not_known(refuse: Refuse, setting: str) -> None:
    assert "no home folder is known for ~nobody-here" in refuse(2, f"{setting}=~nobody-here/x")


def test_a_job_tells_its_end_at_home(given: list[str], refuse: Refuse, home: Path) -> None:
    (home / "r").mkdir()
    refuse(3, *AT_HOME, "milvus.uri=http://127.0.0.1:1")
    assert json.loads((home / "r" / "results.json").read_text())["exit_code"] == 3
    assert not list(Path().iterdir())


def test_a_submitted_job_may_write_at_home(
    refuse: Refuse, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = {"runtime_env": {"working_dir": "gcs://_ray_pkg_0123456789abcdef.zip"}, "metadata": {}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
    assert "/nowhere" in refuse(4, *AT_HOME, "corpus.path=/nowhere")
