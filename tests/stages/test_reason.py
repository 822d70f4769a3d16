"""What becomes of what a reasoner writes, when it is not what was asked for."""

from pathlib import Path
from typing import Any

import pytest

from tests.stages.test_tables import reason, rows_of, shard_of, texts
from tte2_ray.artifacts.store import open_store
from tte2_ray.engines import Reasoned
from tte2_ray.engines.fake import FakeReasoner

ENDED = "<think>wants a red star, 2 big"


@pytest.mark.parametrize(
    ("said", "truncated", "ecr", "note"),
    [
        (ENDED, False, f"{ENDED}</think>wants a red star, 2 big", "no statement"),
        (f"{ENDED}</think>", False, f"{ENDED}</think>wants a red star, 2 big", "no statement"),
        (ENDED, True, "<think>wants a red star</think>wants a red star", ""),
        (f"{ENDED}</think>a flag", False, f"{ENDED}</think>a flag", ""),
    ],
)
def test_thinking_without_a_statement_stands_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, truncated: bool, ecr: str, note: str
) -> None:
    """As the miniature answers one in six of the files that it has seen nothing like."""
    say(monkeypatch, said, truncated)
    store = open_store(str(tmp_path))
    shard = shard_of(store, texts(1))
    assert reason(store, shard).done == 1
    [row] = rows_of(store, "ecr/f", shard)
    assert (row["ecr"], row["truncated"], row["error_class"]) == (ecr, truncated, "")
    assert row["notes"].startswith(note)
    assert bool(row["notes"]) == bool(note)


@pytest.mark.parametrize("said", ["", "<think>", "<think> </think> "])
@pytest.mark.parametrize("truncated", [False, True])
def test_nothing_at_all_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, truncated: bool
) -> None:
    say(monkeypatch, said, truncated)
    store = open_store(str(tmp_path))
    shard = shard_of(store, texts(1))
    assert reason(store, shard).classes == {"empty_ecr": 1}
    [row] = rows_of(store, "ecr/f", shard)
    assert "neither thinking nor a statement" in row["error_message"]


def say(monkeypatch: pytest.MonkeyPatch, text: str, truncated: bool) -> None:
    """Lets the fake reasoner write what a fake one never does."""

    async def write(*_: Any, **__: Any) -> Reasoned:
        return Reasoned(text=text, truncated=truncated, prompt_tokens=1, visual_tokens=0,
                        output_tokens=1)  # fmt: skip

    monkeypatch.setattr(FakeReasoner, "reason", write)
