"""A policy is a file that people edit: what it says is kept, what it says wrongly is told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cascade.scripted import candidate, candidates
from tte2_ray.cascade import (
    Band,
    CascadeConfig,
    Policy,
    dump_policy,
    load_policy,
    parse_policy,
    policy_of,
)
from tte2_ray.cascade.plan import Wanted
from tte2_ray.cascade.policy import margin
from tte2_ray.errors import ConfigError, ResourceMissingError

POLICY = Policy(
    name="dev seeds",
    bands=(Band(least_margin=0.0, judge=20, rewrite=5), Band(least_margin=0.1, judge=4, rewrite=1)),
    judge_step=4,
    judge_stop=0.6,
    stop_margin=0.4,
    made_of={"queries": 400, "judge": "mini:judge é"},
)


def test_a_policy_survives_its_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(dump_policy(POLICY), encoding="utf-8")
    assert load_policy(str(file)) == POLICY
    assert policy_of(CascadeConfig(policy=str(file))) == POLICY


def test_the_file_is_read_by_eye() -> None:
    lines = dump_policy(POLICY).splitlines()
    assert lines[1] == '  "format": "tte2_ray.policy/1",'
    assert lines[4] == '    {"least_margin": 0.0, "judge": 20, "rewrite": 5},'
    assert len(lines) == 13


def test_a_policy_holds_for_the_weight_that_it_was_made_with(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(dump_policy(replace(POLICY, made_of={"fusion_weight": 1.0})))
    assert policy_of(CascadeConfig(policy=str(file), fusion_weight=1.0)).bands == POLICY.bands
    with pytest.raises(ConfigError, match=r"fusion_weight=1.0, and it is 0"):
        policy_of(CascadeConfig(policy=str(file)))


def test_the_fingerprint_follows_what_decides() -> None:
    same = Policy(name="other", bands=POLICY.bands, judge_step=4, judge_stop=0.6, stop_margin=0.4)
    assert same.fingerprint == POLICY.fingerprint
    other = Policy(name="dev seeds", bands=POLICY.bands, judge_step=4, judge_stop=0.6)
    assert other.fingerprint != POLICY.fingerprint
    bands = (Band(least_margin=0, judge=5, rewrite=2),)
    assert Policy(name="", bands=bands).fingerprint == Policy.fixed(5, 2).fingerprint


def test_bands_follow_the_lead_of_the_first() -> None:
    def wanted(*scores: float) -> Wanted:
        return POLICY.wanted([candidate(n, score=score) for n, score in enumerate(scores, 1)])

    assert wanted(0.9, 0.85, *[0.1] * 30) == Wanted(judge=20, rewrite=5)
    assert wanted(0.9, 0.85, 0.8) == Wanted(judge=3, rewrite=3)
    assert wanted(0.9, 0.7, *[0.1] * 30) == Wanted(judge=4, rewrite=1)
    assert wanted(0.9) == wanted() == Wanted(judge=0, rewrite=0)
    assert Policy.fixed(1, 1).wanted(candidates(9)) == Wanted(judge=0, rewrite=0)


def test_a_run_whose_scores_do_not_fall_has_no_lead() -> None:
    assert margin([candidate(1, score=0.1), candidate(2, score=0.5)]) == 0.0


def changed(**changes: Any) -> str:
    values = json.loads(dump_policy(POLICY)) | changes
    return json.dumps({name: value for name, value in values.items() if value is not None})


BAND = {"least_margin": 0.0, "judge": 3, "rewrite": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", 'has no "format": "tte2_ray.policy/1"'),
        (changed(format="tte2_ray.policy/2"), 'has no "format"'),
        (changed(bands=None), "bands is missing"),
        (changed(judge_stpo=0.5), "judge_stpo is unknown; there are name, bands"),
        (changed(judge_step="4"), "judge_step is '4', which is not int"),
        (changed(stop_margin=True), "stop_margin is True, which is not int or float"),
        (changed(judge_step=1), "one score alone is no order"),
        (changed(judge_stop=-1), "judge_stop must be at least 0"),
        (changed(bands=[]), "they must rise, from 0"),
        (changed(bands=[BAND | {"least_margin": 0.1}]), "they must rise, from 0"),
        (changed(bands=[BAND, BAND]), "they must rise, from 0"),
        (changed(bands=[7]), r"bands\[0\] is 7, not an object"),
        (changed(bands=[BAND, {"judge": 3}]), r"bands\[1\].least_margin is missing"),
        (changed(bands=[BAND | {"judge": 2.5}]), r"bands\[0\].judge is 2.5, which is not int"),
        (changed(bands=[BAND | {"rewrite": 4}]), "band.rewrite is 4, above band.judge 3"),
    ],
)
def test_what_is_no_policy_is_told_with_its_name(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        parse_policy(text, "conf/policy.json")
    assert str(refused.value).startswith("the policy conf/policy.json")


def test_a_policy_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResourceMissingError, match="leave it empty"):
        load_policy(str(tmp_path / "none.json"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_policy(str(tmp_path))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"judge": 51}, "judge is 51, but cascade.retrieve finds 50"),
        ({"judge": 2, "rewrite": 3}, "rewrite is 3, above cascade.judge"),
        ({"mode": "media"}, "set rewrite=0"),
        ({"retrieve": 0}, "retrieve must be at least 1"),
        ({"fusion_weight": float("nan")}, "fusion_weight must be at least 0"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        CascadeConfig(**values)


def test_without_its_rewrites_a_policy_judges_the_same(tmp_path: Path) -> None:
    bands = (Band(least_margin=0.0, judge=5, rewrite=2), Band(least_margin=0.1, judge=3, rewrite=1))
    file = tmp_path / "policy.json"
    file.write_text(dump_policy(Policy(name="both", bands=bands, judge_step=2, judge_stop=0.5)))
    both, judged = (policy_of(CascadeConfig(policy=str(file), rewrites=told))
                    for told in (True, False))  # fmt: skip
    assert [band.rewrite for band in both.bands] == [2, 1]
    assert [(band.least_margin, band.judge, band.rewrite) for band in judged.bands] == [
        (0.0, 5, 0), (0.1, 3, 0)]  # fmt: skip
    assert (judged.judge_step, judged.judge_stop) == (2, 0.5)
