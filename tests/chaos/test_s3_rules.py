"""The same seed disturbs the same requests, whichever thread was first."""

import random
from collections.abc import Sequence
from threading import Thread

import pytest

from tests.chaos.s3_rules import Asked, Rule, Rules, from_json, to_json

REQUESTS = [Asked(operation="PUT", key=f"ecr/{n}") for n in range(200)]


def hit(rules: Rules, requests: Sequence[Asked]) -> set[str]:
    """The keys that met a fault."""
    return {asked.key for asked in requests if rules.choose(asked)}


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        (("GET", "/bucket/a%20b/c%2Bd?x-id=GetObject"), ("GET", "a b/c+d")),
        (("GET", "/bucket?list-type=2&prefix=ecr%2Fab%2F"), ("LIST", "ecr/ab/")),
        (("GET", "/bucket/?list-type=2"), ("LIST", "")),
        (("PUT", "/bucket"), ("PUT", "")),
        (("HEAD", "/bucket/k"), ("HEAD", "k")),
    ],
)
def test_a_request_is_known_by_its_first_line(
    line: tuple[str, str], asked: tuple[str, str]
) -> None:
    assert Asked.of(*line) == Asked(operation=asked[0], key=asked[1])


def test_a_rule_goes_by_operation_key_and_count() -> None:
    rules = Rules(0, [Rule(kind="slow_down", operation="PUT", key="ecr/*", after=2, times=3)])
    assert rules.choose(Asked(operation="GET", key="ecr/0")) is None
    assert rules.choose(Asked(operation="PUT", key="vectors/0")) is None
    assert hit(rules, REQUESTS) == {"ecr/2", "ecr/3", "ecr/4"}
    told = rules.told()
    assert told["counts"] == {"slow_down": 3}
    assert told["seen"] == 202
    assert [(each["operation"], each["key"]) for each in told["log"]] == [
        ("PUT", "ecr/2"), ("PUT", "ecr/3"), ("PUT", "ecr/4"),
    ]  # fmt: skip


def test_the_first_rule_that_hits_is_met() -> None:
    rules = Rules(0, [Rule(kind="delay", key="ecr/1"), Rule(kind="cut_before")])
    met = [rules.choose(asked) for asked in REQUESTS[:2]]
    assert [rule.kind for rule in met if rule] == ["cut_before", "delay"]


def test_what_is_drawn_hangs_on_the_seed_and_not_on_the_order() -> None:
    rule = Rule(kind="error_500", probability=0.2)
    first = hit(Rules(7, [rule]), REQUESTS)
    assert 20 < len(first) < 60
    shuffled = random.Random(1).sample(REQUESTS, len(REQUESTS))
    assert hit(Rules(7, [rule]), shuffled) == first
    assert hit(Rules(8, [rule]), REQUESTS) != first


def test_a_request_that_comes_again_is_drawn_again() -> None:
    rules = Rules(3, [Rule(kind="error_500", probability=0.5)])
    again = [bool(rules.choose(REQUESTS[0])) for _ in range(40)]
    assert 5 < sum(again) < 35


def test_threads_lose_no_count() -> None:
    rules = Rules(0, [Rule(kind="delay", times=500)])
    threads = [Thread(target=hit, args=(rules, REQUESTS)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rules.told()["seen"] == 8 * len(REQUESTS)
    assert rules.told()["counts"] == {"delay": 500}


def test_other_rules_begin_anew_and_what_happened_stays_told() -> None:
    rules = Rules(0, [Rule(kind="delay", times=1)])
    hit(rules, REQUESTS)
    rules.replace([Rule(kind="delay", times=2)])
    hit(rules, REQUESTS)
    assert rules.told()["counts"] == {"delay": 3}


def test_rules_travel_as_json() -> None:
    rules = [Rule(kind="outage", seconds=2.0), Rule(kind="cut_body", share=0.0, key="x/*")]
    assert from_json(to_json(rules)) == rules
    assert from_json('[{"kind": "delay"}]') == [Rule(kind="delay")]
    with pytest.raises(ValueError, match="choose from pass, "):
        from_json('[{"kind": "earthquake"}]')
    with pytest.raises(TypeError):
        from_json('[{"kind": "delay", "colour": 1}]')
