"""The command line that all jobs share."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.a_job import Embedder, Job, write
from tte2_ray.config import (
    Loaded,
    Options,
    main,
)
from tte2_ray.errors import PrerequisiteError


@pytest.fixture
def default(tmp_path: Path) -> Path:
    write(tmp_path, "models/mini.yaml", "embedder: {dimension: 128, batch_size: 2}\n")
    write(tmp_path, "profiles/gpu.yaml", "embedder: {batch_size: 64}\n")
    return write(tmp_path, "job.yaml", "corpus: c\n")


def run_main(default: Path, *argv: str, error: Exception | None = None) -> tuple[int, list[Any]]:
    calls: list[Any] = []

    def run(loaded: Loaded[Job], options: Options) -> None:
        calls.append((loaded.config, options))
        if error is not None:
            raise error

    return main(Job, run, description="A job.", default=default, argv=argv), calls


def test_main_merges_presets_and_profiles_over_the_files(default: Path) -> None:
    mine = write(default.parent, "mine.yaml", "corpus: m\nembedder: {dimension: 7}\n")
    arguments = ["--config", str(mine), "name=a", "--model", "mini", "--profile", "gpu"]
    status, calls = run_main(default, *arguments, "--dry-run", "limit=3")
    embedder = Embedder(dimension=128, batch_size=64)
    expected = Job(corpus="m", name="a", embedder=embedder, limit=3)
    assert (status, calls) == (0, [(expected, Options(dry_run=True))])
    assert run_main(default, "--redrive")[1] == [(Job(corpus="c"), Options(redrive=True))]


def test_main_prints_the_configuration_and_runs_nothing(
    default: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(default, "--profile", "gpu", "--print-config") == (0, [])
    line = next(line for line in capsys.readouterr().out.splitlines() if "batch_size" in line)
    assert line.split() == ["batch_size:", "64", "#", f"{default.parent}/profiles/gpu.yaml"]


def test_main_turns_errors_into_exit_codes(
    default: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(default, "--profile", "tpu")[0] == 2
    assert "there is no 'tpu' in" in (shown := capsys.readouterr().err)
    assert "one of gpu" in shown
    error = PrerequisiteError("Milvus does not answer at\n  http://x: start it")
    assert run_main(default, error=error)[0] == 3
    assert capsys.readouterr().err == "error: Milvus does not answer at http://x: start it\n"
    assert run_main(default, "--debug", error=error)[0] == 3
    assert "Traceback" in capsys.readouterr().err
    assert run_main(default, error=KeyError("x"))[0] == 6
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.splitlines()[-1].startswith("error: unexpected KeyError: 'x'")


def test_main_unwraps_an_error_that_another_process_raised(
    default: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ray.exceptions import RayTaskError

    cause = PrerequisiteError("no weights in models/mini")
    wrapped = RayTaskError("stage", "a long remote traceback", cause).as_instanceof_cause()
    assert run_main(default, error=wrapped)[0] == 3
    assert capsys.readouterr().err == "error: no weights in models/mini\n"
    outer = RuntimeError("a stage failed")
    outer.__cause__ = wrapped
    assert run_main(default, error=outer)[0] == 3


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["--no-such-flag"]])
def test_the_parser_speaks_for_itself(default: Path, argv: list[str]) -> None:
    code = (
        "import sys; from pathlib import Path; from tte2_ray.config import parser;"
        f"parser('A job.', Path({str(default)!r})).parse_intermixed_args(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True)
    assert done.returncode == (2 if argv == ["--no-such-flag"] else 0)
    expected = {"--help": "one of mini", "--version": "tte2_ray 0.", "--no-such-flag": "usage:"}
    assert expected[argv[0]] in done.stdout + done.stderr


def test_who_reads_the_first_lines_alone_is_shown_no_traceback(default: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.a_job import Job\n"
        "from tte2_ray.config import main\n"
        "def run(loaded, options):\n"
        "    while True:\n"
        "        print('a line', flush=True)\n"
        f"default = Path({str(default)!r})\n"
        "sys.exit(main(Job, run, description='', default=default, argv=[]))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        assert job.stdout
        assert job.stderr
        assert job.stdout.readline() == "a line\n"
        job.stdout.close()
        assert job.stderr.read() == ""
        assert job.wait(timeout=30) == 141
