"""What is measured on dev scenes tells a trained model from a blank one, and stands beside it."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tte2_ray.artifacts.model_version import model_version
from tte2_ray.mini.embedder import EmbedderTraining
from tte2_ray.mini.lessons import LESSONS
from tte2_ray.mini.looks import LOOKS
from tte2_ray.mini.measures import embedder_measures, judge_measures, reasoner_measures
from tte2_ray.mini.tasks import TASKS
from tte2_ray.mini.train import (
    FINGERPRINTS,
    TRAINING,
    WEIGHTS,
    data_fingerprint,
    main,
)


def test_a_trained_reasoner_says_what_a_blank_one_does_not(blank: Path) -> None:
    trained, untrained = (reasoner_measures(f, each=4) for f in (WEIGHTS / "reasoner", blank))
    assert [one["n"] for one in trained] == [one["n"] for one in untrained]
    assert min(one["value"] for one in trained) > 0.85
    assert max(one["value"] for one in untrained) < 0.2


def test_a_trained_embedder_finds_positives_among_near_misses() -> None:
    measures = embedder_measures(WEIGHTS / "embedder", reads_ecr=True, each=3)
    assert {one["n"] for one in measures} == {3}
    assert sum(one["value"] for one in measures) / len(measures) > 0.6


def test_a_trained_judge_finds_positives_among_near_misses() -> None:
    by_mode = {"ECRs": 0.6, "media": 0.4}
    measures = judge_measures(WEIGHTS / "judge", each=3)
    for mode, least in by_mode.items():
        values = [one["value"] for one in measures if mode in one["name"]]
        assert len(values) == len(TASKS)
        assert sum(values) / len(values) > least


@pytest.mark.parametrize("role", TRAINING)
def test_carried_weights_say_where_they_come_from(role: str) -> None:
    said = json.loads((WEIGHTS / role / "provenance.json").read_text())
    assert said["code_revision"]
    named = FINGERPRINTS.get(role, data_fingerprint)
    assert said["data_fingerprint"] == named(0), "the world or its lessons changed: train anew"
    assert said["training"] == json.loads(json.dumps(asdict(TRAINING[role])))
    if role != "reasoner":
        assert said["starts_from"] == model_version(str(WEIGHTS / "reasoner"))
    measured = {"reasoner": len(LESSONS), "judge": 2 * len(TASKS), "rewriter": len(LOOKS)}
    assert len(said["measures"]) == measured.get(role, len(TASKS))


def test_the_baseline_differs_from_the_embedder_in_the_ecr_alone() -> None:
    embedder, direct = TRAINING["embedder"], TRAINING["direct"]
    assert isinstance(embedder, EmbedderTraining)
    assert isinstance(direct, EmbedderTraining)
    assert (embedder.reads_ecr, direct.reads_ecr) == (True, False)
    assert replace(direct, reads_ecr=True) == embedder
    configs = [(WEIGHTS / role / "config.json").read_text() for role in ("embedder", "direct")]
    assert configs[0] == configs[1]


def test_a_training_that_ends_early_leaves_no_provenance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "provenance.json").write_text("{}")

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tte2_ray.mini.train.train_embedder", stopped)
    with pytest.raises(KeyboardInterrupt):
        main(["direct", "--out", str(tmp_path)])
    assert not (tmp_path / "provenance.json").exists()


def test_a_folder_without_a_model_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["reasoner", "--out", str(tmp_path), "--measure"])
