"""What mini-eval takes from the index job: how an ECR is finished; and what a model is made of."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmarks.mini_eval import models
from benchmarks.mini_eval.made import made_rows
from benchmarks.mini_eval.models import finished
from benchmarks.mini_eval.occlusion import hidden_by_item
from benchmarks.mini_eval.slots import kind_of, read
from benchmarks.mini_eval.world import Turn, read_world
from tte2_ray.artifacts.model_version import model_version
from tte2_ray.ecr import finished_ecr
from tte2_ray.engines import ModelInput, Reasoned
from tte2_ray.errors import RowError, RowErrorClass, ValidationError
from tte2_ray.mini.world import generate
from tte2_ray.schema import Item


@pytest.mark.parametrize("truncated", [True, False])
@pytest.mark.parametrize("text", ["<think>a</think>b", "<think>main red star. 3 bi", "a star"])
def test_an_ecr_is_finished_as_the_job_does(text: str, truncated: bool) -> None:
    assert finished(text, truncated) == finished_ecr(text, truncated)[0] != ""


class Says:
    """A double of a reasoner that writes what it is told: real ones rarely write nothing."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def reason(self, given: ModelInput) -> Reasoned:
        if self._text == "refused":
            raise RowError(RowErrorClass.CONTEXT_OVERFLOW, "too long")
        return Reasoned(text=self._text, truncated=False, prompt_tokens=1, visual_tokens=0,
                        output_tokens=1)  # fmt: skip

    def close(self) -> None: ...


def test_nothing_written_is_no_ecr_and_a_refusal_is_none_of_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def said(text: str) -> dict[str, str]:
        monkeypatch.setattr(models, "build_reasoner", lambda config: Says(text))
        turn = Turn(item=Item(item_id="a", text="red star"))
        return models.reason([turn], models.job_config(), lambda line: None)

    assert said("<think>a red star") == {"a": "<think>a red star</think>a red star"}
    assert said("<think></think>") == {"a": ""}
    with pytest.raises(ValidationError, match=r"a of the test world is refused: .*too long"):
        said("refused")


def test_a_model_must_be_small_and_say_that_it_was_trained_in_an_hour(tmp_path: Path) -> None:
    def holding(megabytes: float, told: Mapping[str, Any] | None) -> list[bool]:
        weights = tmp_path / "model.safetensors"
        for left in (weights, tmp_path / "provenance.json"):
            left.unlink(missing_ok=True)
        if megabytes:
            numbers = np.zeros(int(megabytes * 1e6 / 4), np.float32)
            save_file({"one": numbers[:10].reshape(2, 5), "other": numbers[10:]}, weights)
        if told is not None:
            (tmp_path / "provenance.json").write_text(json.dumps(told))
        rows = made_rows({"reasoner": tmp_path})
        assert rows[1].value == pytest.approx(megabytes / 4)
        assert (rows[1].name, rows[1].unit) == ("reasoner: parameters", "million")
        return [row.holds for row in rows if row.target]

    def trained(seconds: int, processes: int) -> dict[str, Any]:
        return {"seconds": seconds, "training": {"processes": processes}}

    assert holding(9.9, trained(3599, 2)) == [True, True]
    assert holding(10.1, trained(3600, 2)) == [False, False]
    assert holding(0, trained(3599, 3)) == [False, False]
    assert holding(9.9, None) == [True, False]


def test_minutes_are_those_of_a_command_and_beside_them_those_of_what_it_starts_from(
    tmp_path: Path,
) -> None:
    folders = {role: tmp_path / role for role in ("reasoner", "embedder", "direct")}
    for number, folder in enumerate(folders.values()):
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        save_file({"one": np.full(3, number, np.float32)}, folder / "model.safetensors")
    versions = ["", model_version(str(folders["reasoner"])), "sha256:of another"]
    for folder, seconds, version in zip(folders.values(), (3540, 2400, 60), versions, strict=True):
        told = {"seconds": seconds, "training": {"processes": 2}, "starts_from": version}
        (folder / "provenance.json").write_text(json.dumps(told))
    minutes = {row.name: row.value for row in made_rows(folders) if row.unit == "minutes"}
    assert minutes == {
        "reasoner: training, cores 2": 59,
        "embedder: training, cores 2": 40,
        "direct: training, cores 2": 1,
        "embedder: training, with the reasoner it starts from": 99,
    }


def test_hidden_shares_are_those_of_the_item_that_has_the_id(tmp_path: Path) -> None:
    generate(tmp_path, seed=6, split="test", queries_per_task=3)
    truth = read_world(tmp_path).truth
    hidden = hidden_by_item(6, "test", 3)
    big = {name: len(read(truth[name], "picture").things) for name in hidden}
    assert {kind_of(truth[name]) for name in hidden} == {"picture"}
    assert big == {name: len(shares) for name, shares in hidden.items()}
    assert len(set(big.values())) > 1, "or any order would do"
