"""A run of the job that is to be refused, as its entry point runs it, but in this process."""

import time
from pathlib import Path

import pytest

from tte2_ray.config import main
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus

ROOT = Path(__file__).parent.parent.parent
WITHIN_S = 20.0
"""Seconds of the clock until what is wrong is said: under four where a training ran beside it, ten
were seen with a load of eleven on two cores."""


class Refuse:
    """Runs the job, which is to end within seconds, in one line, and leave nothing behind."""

    def __init__(self, given: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._given, self._folder, self._capsys = given, folder, capsys

    def __call__(self, exit_code: int, *overrides: str) -> str:
        argv = [*self._given, *overrides]
        default = ROOT / "conf" / "index_corpus.yaml"
        started: list[object] = []

        def init(**given: object) -> None:
            """A double of `ray.init`, which nothing that is refused comes to."""
            started.append(given)
            raise ConnectionError("Ray is not for this run")

        began = time.monotonic()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ray.is_initialized", lambda: False)  # other tests may have one
            patch.setattr("ray.init", init)
            found = main(IndexConfig, index_corpus, description="", default=default, argv=argv)
        took_s = time.monotonic() - began
        said = self._capsys.readouterr()
        assert said.err.startswith("error: "), said.err
        assert said.err.count("\n") == 1, "one line"
        assert found == exit_code, said.err
        assert not started, "Ray was started"
        assert took_s < WITHIN_S, f"it took {took_s:.1f} s, over {WITHIN_S:.0f}, to say {said.err}"
        corpus = self._folder / "corpus"
        every = (path for path in self._folder.rglob("*") if path.is_file())
        written = [path for path in every if not path.is_relative_to(corpus)]
        assert not written, "nothing half-written"
        return said.err
