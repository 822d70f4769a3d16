"""A run of the job that is to be refused, as its entry point runs it, but in this process."""

from pathlib import Path

import pytest

from tte2_ray.config import main
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus

ROOT = Path(__file__).parent.parent.parent


class Refuse:
    """Runs the job, which is to end in one line and leave nothing behind."""

    def __init__(self, given: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._given, self._folder, self._capsys = given, folder, capsys

    def __call__(self, exit_code: int, *overrides: str) -> str:
        argv = [*self._given, *overrides]
        default = ROOT / "conf" / "index_corpus.yaml"
        found = main(IndexConfig, index_corpus, description="", default=default, argv=argv)
        said = self._capsys.readouterr()
        assert said.err.startswith("error: "), said.err
        assert said.err.count("\n") == 1, "one line"
        assert found == exit_code, said.err
        assert "ray" not in said.out
        written = [p for p in self._folder.rglob("*") if p.is_file() and "corpus" not in p.parts]
        assert not written, "nothing half-written"
        return said.err
