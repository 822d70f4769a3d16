"""What mini-eval takes from the index job: how an ECR is finished; and what a model is made of."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mini_eval.made import made_rows
from benchmarks.mini_eval.models import written
from benchmarks.mini_eval.occlusion import hidden_by_item
from benchmarks.mini_eval.parity import finished
from benchmarks.mini_eval.slots import kind_of, read
from benchmarks.mini_eval.world import read_world
from tte2_ray.engines import ModelInput, Reasoned
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.mini.world import generate
from tte2_ray.prompts import finished_ecr


class Says:
    """A double of a reasoner that writes what it is told: real ones rarely write nothing."""

    def __init__(self, text: str, truncated: bool = False) -> None:
        self._text, self._truncated = text, truncated

    async def reason(self, given: ModelInput) -> Reasoned:
        if self._text == "refused":
            raise RowError(RowErrorClass.CONTEXT_OVERFLOW, "too long")
        return Reasoned(text=self._text, truncated=self._truncated, prompt_tokens=1,
                        visual_tokens=0, output_tokens=1, cached_tokens=0)  # fmt: skip

    def close(self) -> None: ...


@pytest.mark.parametrize("truncated", [True, False])
@pytest.mark.parametrize("text", ["<think>a</think>b", "<think>main red star. 3 bi", "a star"])
def test_an_ecr_is_finished_as_the_job_does(text: str, truncated: bool) -> None:
    ecr = asyncio.run(written(Says(text, truncated), ModelInput(text="which"), "key"))
    assert ecr == finished_ecr(text, truncated)[0]
    assert ecr == finished(text, truncated)


def test_nothing_written_is_no_ecr_and_a_refusal_is_none_of_that() -> None:
    assert asyncio.run(written(Says("<think></think>"), ModelInput(text="which"), "key")) == ""
    with pytest.raises(RowError, match="too long"):
        asyncio.run(written(Says("refused"), ModelInput(text="which"), "key"))


def test_a_model_must_be_small_and_say_that_it_was_trained_in_an_hour(tmp_path: Path) -> None:
    def holding(megabytes: float, told: Mapping[str, Any] | None) -> list[bool]:
        (tmp_path / "provenance.json").unlink(missing_ok=True)
        with (tmp_path / "model.safetensors").open("wb") as file:
            file.truncate(int(megabytes * 1e6))
        if told is not None:
            (tmp_path / "provenance.json").write_text(json.dumps(told))
        return [row.holds for row in made_rows({"reasoner": tmp_path})]

    def trained(seconds: int, processes: int) -> dict[str, Any]:
        return {"seconds": seconds, "training": {"processes": processes}}

    assert holding(9.9, trained(3599, 2)) == [True, True]
    assert holding(10.1, trained(3600, 2)) == [False, False]
    assert holding(0, trained(3599, 3)) == [False, False]
    assert holding(9.9, None) == [True, False]


def test_hidden_shares_are_those_of_the_item_that_has_the_id(tmp_path: Path) -> None:
    generate(tmp_path, seed=6, split="test", queries_per_task=3)
    truth = read_world(tmp_path).truth
    hidden = hidden_by_item(6, "test", 3)
    big = {name: len(read(truth[name], "picture").things) for name in hidden}
    assert {kind_of(truth[name]) for name in hidden} == {"picture"}
    assert big == {name: len(shares) for name, shares in hidden.items()}
    assert len(set(big.values())) > 1, "or any order would do"
