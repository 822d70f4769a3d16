import io
import subprocess
import sys
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from tte2_ray.config import (
    Loaded,
    Options,
    annotated_yaml,
    decisive,
    fingerprint,
    load_config,
    location,
    main,
    print_config,
    secret,
    speed,
)
from tte2_ray.errors import ConfigError, PrerequisiteError


class Metric(StrEnum):
    COSINE = "cosine"
    IP = "ip"


@dataclass(frozen=True, kw_only=True)
class Server:
    uri: str = location("")
    token: str | None = secret(None)
    timeout_s: float = speed(10.0)


@dataclass(frozen=True, kw_only=True)
class Embedder:
    dimension: int = 256
    pooling: Literal["last", "mean"] = "last"
    metric: Metric = Metric.COSINE
    batch_size: int = speed(16)

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise ConfigError(f"embedder.dimension is {self.dimension}, it must be at least 1")


@dataclass(frozen=True, kw_only=True)
class Job:
    corpus: str = location()
    name: str = "demo"
    embedder: Embedder = Embedder()
    server: Server = location(Server())
    schemes: tuple[str, ...] = ("file", "s3")
    extra: dict[str, Any] = field(default_factory=dict)
    mirrors: list[Server] = location(default_factory=list)
    limit: int | None = None


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def message(files: list[Path], *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(Job, files, ["corpus=c", *overrides])
    return str(caught.value)


def test_files_merge_left_to_right_then_the_command_line(tmp_path: Path) -> None:
    base = write(tmp_path, "base.yaml", "corpus: a\nembedder: {dimension: 64, metric: IP}\n")
    over = write(tmp_path, "over.yaml", "embedder: {dimension: 32, batch_size: 4}\n")
    loaded = load_config(Job, [base, over], ["embedder.batch_size=8", "schemes=[s3]", "limit=null"])
    assert loaded.config == Job(
        corpus="a",
        embedder=Embedder(dimension=32, metric=Metric.IP, batch_size=8),
        schemes=("s3",),
    )
    assert loaded.origin("corpus") == base.as_posix()
    assert loaded.origin("embedder.dimension") == over.as_posix()
    assert loaded.origin("embedder.batch_size") == "command line"
    assert loaded.origin("embedder.pooling") == "default"


def test_text_fields_keep_what_was_typed() -> None:
    config = load_config(Job, [], ["corpus=s3://b/c?x=1", "name=007", "server.token=1e5"]).config
    assert (config.corpus, config.name, config.server.token) == ("s3://b/c?x=1", "007", "1e5")
    assert load_config(Job, [], ["corpus=c", "name="]).config.name == ""


def test_an_unknown_key_names_its_file_and_what_was_meant(tmp_path: Path) -> None:
    file = write(tmp_path, "a.yaml", "embedder: {dimensoin: 3}\n")
    assert message([file]) == (
        f"unknown key 'embedder.dimensoin' ({file.as_posix()}): did you mean 'embedder.dimension'?"
    )
    assert message([], "dimension=3").endswith("did you mean 'embedder.dimension'?")
    assert "known here: corpus, name, embedder" in message([], "zzz=1")
    assert "did you mean 'embedder'?" in message([], "embeder.dimension=1")


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("embedder.dimension=many", "embedder.dimension"),
        ("embedder.dimension=1.5", "embedder.dimension"),
        ("embedder.dimension=", "embedder.dimension"),
        ("embedder.pooling=first", "embedder.pooling"),
        ("embedder.metric=l2", "embedder.metric"),
        ("embedder=3", "embedder"),
        ("schemes=s3", "schemes"),
        ("limit=[1]", "limit"),
    ],
)
def test_a_wrong_type_names_the_key(override: str, key: str) -> None:
    assert f"wrong value for '{key}' (command line)" in message([], override)


def test_the_dataclass_has_the_last_word() -> None:
    assert message([], "embedder.dimension=0") == "embedder.dimension is 0, it must be at least 1"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "nowhere.yaml: No such file" in message([tmp_path / "nowhere.yaml"])
    assert "Is a directory" in message([tmp_path])
    assert "is not YAML" in message([write(tmp_path, "bad.yaml", "a: [1,\n")])
    assert "is not YAML" in message([write(tmp_path, "twice.yaml", "name: a\nname: b\n")])
    assert "mapping" in message([write(tmp_path, "list.yaml", "- a\n")])
    assert load_config(Job, [write(tmp_path, "empty.yaml", "")], ["corpus=c"]).config.corpus == "c"


def test_overrides_must_be_pairs() -> None:
    assert "'fast' on the command line is not of the form key=value" in message([], "fast")
    assert "cannot read the value of 'limit'" in message([], "limit=[")


def test_a_missing_value_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="no value for corpus: set it in a file, or as corpus=…"):
        load_config(Job)


def test_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "a.yaml", "corpus: c\nserver: {token: '${oc.env:JOB_TOKEN}'}\n")
    monkeypatch.delenv("JOB_TOKEN", raising=False)
    with pytest.raises(ConfigError, match=r"'server.token' .*a\.yaml.*'JOB_TOKEN' not found"):
        load_config(Job, [file])
    monkeypatch.setenv("JOB_TOKEN", "hunter2")
    loaded = load_config(Job, [file])
    assert loaded.config.server.token == "hunter2"
    assert "hunter2" not in annotated_yaml(loaded)
    with pytest.raises(ConfigError) as caught:
        load_config(Job, [file], ["embedder.dimension=${oc.env:JOB_TOKEN}"])
    assert "embedder.dimension" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    overrides = ["corpus=c", "server.token=hunter2", "mirrors=[{uri: u, token: hunter2}]"]
    text = annotated_yaml(load_config(Job, [], overrides))
    assert "hunter2" not in text
    assert text.count("<hidden>") == 2
    wrong = write(tmp_path, "wrong.yaml", "server: {token: [hunter2]}")
    assert "hunter2" not in message([wrong])


def test_the_printed_configuration_loads_again(tmp_path: Path) -> None:
    overrides = ["corpus=a: b", "embedder.metric=IP", "extra={a: [1, null], b: {c: é}}", "name=no"]
    loaded = load_config(Job, [], overrides)
    stream = io.StringIO()
    print_config(loaded, stream)
    printed = write(tmp_path, "printed.yaml", stream.getvalue())
    assert load_config(Job, [printed]).config == loaded.config
    assert yaml.safe_load(stream.getvalue())["embedder"]["metric"] == "IP"
    lines = stream.getvalue().splitlines()
    assert next(line for line in lines if line.startswith("name:")).endswith("# command line")
    assert next(line for line in lines if "pooling:" in line).endswith("# default")


def test_fingerprint_names_the_result_and_nothing_else() -> None:
    job = Job(corpus="a")
    same = [
        replace(job, corpus="b"),
        replace(job, server=Server(uri="u", token="t")),
        replace(job, embedder=Embedder(batch_size=99)),
    ]
    other = [
        replace(job, name="x"),
        replace(job, limit=3),
        replace(job, embedder=Embedder(dimension=3)),
        replace(job, embedder=Embedder(metric=Metric.IP)),
        replace(job, schemes=("s3", "file")),
        replace(job, extra={"a": 1}),
    ]
    assert {fingerprint(config) for config in [job, *same]} == {fingerprint(job)}
    assert len({fingerprint(config) for config in [job, *other]}) == 1 + len(other)
    assert fingerprint(replace(job, extra={"a": 1, "b": 2})) == fingerprint(
        replace(job, extra={"b": 2, "a": 1.0})
    )


@dataclass(frozen=True, kw_only=True)
class Tuned:
    arguments: dict[str, Any] = speed(default_factory=dict, keys=("threads",))


def test_a_mapping_may_hold_speed_and_more() -> None:
    plain = fingerprint(Tuned())
    assert fingerprint(Tuned(arguments={"threads": 4})) == plain
    assert fingerprint(Tuned(arguments={"threads": 4, "precision": "half"})) != plain
    assert decisive(Tuned(arguments={"threads": 4, "precision": "half"})) == {
        "arguments": {"precision": "half"}
    }


def test_fingerprint_is_sha256_of_canonical_json() -> None:
    # printf '{"dimension": 256, "metric": "cosine", "pooling": "last"}' | sha256sum | cut -c1-16
    assert fingerprint(Embedder()) == "054a4b5b29856f00"


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
