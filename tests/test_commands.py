"""Documented commands are real: each flag exists, each configuration loads, each target is one.

Programs that are not installed here (docker, helm, kubectl) are passed over.
"""

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tte2_ray.config import main
from tte2_ray.milvus.command import run_command
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.job import rerank_log

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "cluster/README.md",
    *sorted(str(file.relative_to(ROOT)) for file in (ROOT / "docs").rglob("*.md")),
]
ELSEWHERE = {"docker", "helm", "kubectl", "export"}


def commands() -> list[tuple[str, str]]:
    found = []
    for name in DOCUMENTS:
        text = (ROOT / name).read_text()
        for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(name, line.strip()) for line in lines if line.strip()]
    return found


def words(line: str) -> list[str]:
    """The words of a command, without comment and variables in front, the program by its name."""
    given = shlex.split(line, comments=True)
    while given and re.fullmatch(r"[A-Z_]+=.*", given[0]):
        given.pop(0)
    return [Path(given[0]).name, *given[1:]] if given else []


def check_ray(given: list[str]) -> None:
    """Every flag is one of the command, up to `--`."""
    from ray.scripts.scripts import cli

    command: Any = cli
    rest = list(given)
    while rest and not rest[0].startswith("-") and hasattr(command, "commands"):
        assert rest[0] in command.commands, f"ray has no command {rest[0]}"
        command = command.commands[rest.pop(0)]
    own = rest[: rest.index("--")] if "--" in rest else rest
    known = {flag for option in command.params for flag in option.opts}
    flags = {word.split("=")[0] for word in own if word.startswith("-")}
    assert flags <= known, f"{flags - known} of {command.name}"
    if "--" in rest:
        check(rest[rest.index("--") + 1 :])


def check_python(given: list[str]) -> None:
    if given[0] == "-c":
        compile(given[1], "documented", "exec")
    elif given[0].endswith("jobs/index_corpus.py"):
        default = ROOT / "conf" / "index_corpus.yaml"
        argv = [*given[1:], "--print-config"]
        assert main(IndexConfig, index_corpus, description="", default=default, argv=argv) == 0
    elif given[0].endswith("jobs/rerank_logs.py"):
        default = ROOT / "conf" / "rerank_logs.yaml"
        argv = [*given[1:], "--print-config"]
        assert main(RerankConfig, rerank_log, description="", default=default, argv=argv) == 0
    elif given[0].endswith("jobs/publish_index.py"):
        argv = [*given[1:], "--print-config"]
        if given[1] != "stop-server":  # it reads its configuration all the same
            assert run_command(argv, default=ROOT / "conf" / "publish_index.yaml") == 0
    elif given[0] == "-m":
        check_module(given[1], given[2:])
    else:
        assert given[0] == "-V" or (ROOT / given[0]).exists(), given


def check_module(name: str, given: list[str]) -> None:
    """It is one, and of our own ones every flag is declared in it."""
    assert find_spec(name), f"no module {name}"
    if name.partition(".")[0] in {"tte2_ray", "benchmarks", "tools"}:
        file = ROOT / name.replace(".", "/")
        source = (file / "__main__.py" if file.is_dir() else file.with_suffix(".py")).read_text()
        for flag in (word.partition("=")[0] for word in given if word.startswith("--")):
            assert f'"{flag}"' in source, f"{name} has no {flag}"


def check_make(given: list[str]) -> None:
    """Every target is one, and takes the ARGS that it is given."""
    makefile = (ROOT / "Makefile").read_text()
    targets = [word for word in given if not re.match(r"[A-Z_]+=", word)]
    assert set(targets) <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)), targets
    args = [word.removeprefix("ARGS=") for word in given if word.startswith("ARGS=")]
    for target in targets if args else ():
        recipe = re.search(rf"^{target}:.*\n\t.*python -m (\S+) .*ARGS", makefile, re.MULTILINE)
        assert recipe, f"make {target} takes no ARGS"
        check_module(recipe[1], shlex.split(args[0]))


def check(given: list[str]) -> None:
    program, *rest = given
    if program == "ray":
        check_ray(rest)
    elif program.startswith("python"):
        check_python(rest)
    elif program == "make":
        check_make(rest)
    else:
        assert program in ELSEWHERE | {"pip"}, f"what is {program}?"


@pytest.mark.parametrize(("document", "line"), commands())
def test_a_documented_command_is_one(
    document: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = words(line)
    if given:
        check(given)


def help_of(script: str) -> str:
    command = [sys.executable, ROOT / "jobs" / script, "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return shown.stdout.replace("\\\n", " ")


def examples(text: str) -> list[str]:
    """The commands that a --help shows, without what is said about each."""
    started = ("python ", "ray ", "index_corpus.py ", "rerank_logs.py ")
    lines = [line.strip() for line in text.splitlines()]
    return [re.split(r"\s{2,}(?=[a-z])", line)[0] for line in lines if line.startswith(started)]


@pytest.mark.parametrize("script", ["index_corpus.py", "rerank_logs.py"])
def test_every_example_of_help_can_be_typed(
    script: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = examples(help_of(script))
    assert sum(line.startswith(script) for line in found) == 5
    assert {line.split()[0] for line in found} == {"python", "ray", script}
    (tmp_path / "mine.yaml").write_text("index: films\n")
    monkeypatch.chdir(tmp_path)
    for line in found:
        given = words(line)
        check(["python", f"jobs/{script}", *given[1:]] if given[0] == script else given)


def test_the_check_can_fail() -> None:
    for wrong in (
        "ray job submit --adress http://x -- python jobs/index_corpus.py",
        "ray job send -- python jobs/index_corpus.py",
        "ray job submit -- python jobs/index_corpus.py --model none",
        "python jobs/index_corpus.py corpus.pth=x",
        "make demos",
        "make mini-eval ARGS=--quick",
        "make lint ARGS=--fix",
        "python -m tte2_ray.mini.trian reasoner",
        "python -m tte2_ray.mini.train reasoner --outt build/mine",
        "frobnicate",
    ):
        with pytest.raises((AssertionError, SystemExit)):
            check(words(wrong))


def test_every_metric_is_documented_by_the_name_that_is_served() -> None:
    source = (ROOT / "tte2_ray" / "stages" / "metrics.py").read_text()
    counters = re.findall(r'_counter\("(\w+)"', source)
    others = re.findall(r'"tte2_(\w+)"', source)
    served = {f"ray_tte2_{name}_total" for name in counters} | {f"ray_tte2_{n}" for n in others}
    documented = set(re.findall(r"`(ray_tte2_\w+)`", (ROOT / "docs" / "operations.md").read_text()))
    assert len(served) == 9
    assert served == documented


def test_every_reason_to_reject_a_row_is_explained() -> None:
    from tte2_ray.errors import RowErrorClass

    text = (ROOT / "docs" / "operations.md").read_text()
    assert [each.value for each in RowErrorClass if f"`{each.value}`" not in text] == []
