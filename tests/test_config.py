"""Files and values are merged into a configuration, which is printed, checked and named."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.a_job import Embedder, Job, Metric, Server, write
from tte2_ray.config import (
    annotated_yaml,
    decisive,
    fingerprint,
    load_config,
    print_config,
    speed,
)
from tte2_ray.errors import ConfigError


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
