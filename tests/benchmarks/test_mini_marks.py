"""The measure of an ECR: a perfect one is perfect, each kind of mistake costs what it should."""

import random

import pytest

from benchmarks.mini_eval.accuracy import accuracy
from benchmarks.mini_eval.marks import Mark, marks
from benchmarks.mini_eval.slots import KINDS, kind_of, repeats
from tte2_ray.mini.tasks import TASKS, make_case
from tte2_ray.mini.words import is_held_out

PICTURE = (
    "<think>main red striped star top left, blue plain ring center. 2 big, 1 tiny, no sign</think>"
    "picture of red striped star, blue plain ring"
)
VIDEO = (
    "<think>start red star left, blue ring top. 2 events</think>"
    "video where red star moves up then blue ring vanishes"
)
PAGE = (
    "<think>page memo from rome. 24 lemons, 30 ropes. more lines</think>"
    "memo from rome with 24 lemons, 30 ropes"
)


def wrong(truth: str, said: str) -> list[tuple[str, str, str]]:
    return [(m.attribute, m.truth, m.said) for m in marks("a-0", truth, said) if not m.right]


@pytest.mark.parametrize("task", TASKS)
def test_what_the_generator_says_is_read_in_full_and_is_right(task: str) -> None:
    for seed in range(25):
        case = make_case(task, random.Random(seed), "test")
        for candidate in (case.positive, *case.negatives):
            found = marks("a-0", candidate.ecr, candidate.ecr)
            assert kind_of(candidate.ecr) in KINDS
            assert found
            assert all(m.truth and m.right for m in found), candidate.ecr


def test_attributes_are_counted_by_kind() -> None:
    names = [m.attribute for m in marks("a-0", PICTURE, PICTURE)]
    assert names == [*["color", "texture", "shape", "region"] * 2, "number", "tiny number", "sign"]
    assert len(marks("a-0", VIDEO, VIDEO)) == 2 * 3 + 4 + 3 + 1
    assert len(marks("a-0", PAGE, PAGE)) == 2 * 2 + 2


def test_things_are_a_set_and_events_a_sequence() -> None:
    turned = PICTURE.replace(
        "red striped star top left, blue plain ring center",
        "blue plain ring center, red striped star top left",
    )
    assert wrong(PICTURE, turned) == []
    swapped = VIDEO.replace(
        "red star moves up then blue ring vanishes", "blue ring vanishes then red star moves up"
    )
    # Colour, shape and verb of both, and the argument that one has and the other has not.
    assert len(wrong(VIDEO, swapped)) == 8


def test_a_wrong_attribute_costs_itself_alone() -> None:
    assert wrong(PICTURE, PICTURE.replace("red striped star top left", "red dotted star left")) == [
        ("texture", "striped", "dotted"),
        ("region", "top left", "left"),
    ]
    assert wrong(PAGE, PAGE.replace("30 ropes", "36 ropes")) == [("line number", "30", "36")]
    assert wrong(PAGE, PAGE.replace("memo from rome.", "memo from lima.")) == [
        ("city", "rome", "lima")
    ]


def test_what_is_missing_or_invented_costs_all_its_attributes() -> None:
    one = PICTURE.replace(", blue plain ring center", "").replace("2 big", "1 big")
    assert wrong(PICTURE, one) == [
        ("color", "blue", ""),
        ("texture", "plain", ""),
        ("shape", "ring", ""),
        ("region", "center", ""),
        ("number", "2", "1"),
    ]
    assert [(name, said, truth) for name, truth, said in wrong(one, PICTURE)] == wrong(PICTURE, one)
    found = [m for m in marks("a-0", one, PICTURE) if m.salient]
    assert accuracy(found).value == 4 / 9  # of two things and their number, one thing is right


@pytest.mark.parametrize("truth", [PICTURE, VIDEO, PAGE])
@pytest.mark.parametrize("said", ["", "<think>main", "nothing, at all. then no", "<think></think>"])
def test_an_unreadable_ecr_is_wrong_in_everything(truth: str, said: str) -> None:
    assert not any(m.right for m in marks("a-0", truth, said))


def test_a_statement_that_contradicts_its_thinking_is_told() -> None:
    assert repeats(PICTURE, "picture")
    assert repeats(PAGE, "page")
    assert not repeats(PICTURE.replace("picture of red", "picture of blue"), "picture")
    assert not repeats(PICTURE.removesuffix(", blue plain ring"), "picture")
    assert not repeats(PAGE.replace("with 24", "with 25"), "page")


def test_only_what_an_ecr_is_meant_to_say_is_salient() -> None:
    assert {m.attribute for m in marks("a-0", PICTURE, PICTURE) if not m.salient} == {
        "tiny number",
        "sign",
    }
    text = "<think>short text</think>red star"
    assert not any(m.salient for m in marks("text-00001", text, text))


def test_held_out_combinations_are_told_from_seen_ones() -> None:
    assert is_held_out("red", "plain", "circle")
    assert not is_held_out("blue", "plain", "ring")
    truth = PICTURE.replace("red striped star", "red plain circle")
    found = {(m.truth, m.held_out) for m in marks("a-0", truth, truth)}
    assert {("circle", True), ("ring", False), ("2", None)} <= found


def test_the_interval_resamples_cases_not_items() -> None:
    def mark(case: int, item: int, right: bool) -> Mark:
        return Mark(item_id=f"grounding-{case:05d}-{item}", kind="close-up", attribute="color",
                    truth="red", said="red" if right else "blue", held_out=False)  # fmt: skip

    alike = accuracy([mark(c, i, c % 4 > 0) for c in range(100) for i in range(5)])
    apart = accuracy([mark(5 * c + i, 0, c % 4 > 0) for c in range(100) for i in range(5)])
    assert alike.value == apart.value == 0.75
    assert alike.n == apart.n == 500
    # Five copies of each answer tell no more than one: sqrt(5) times as wide.
    assert 1.7 < (alike.high - alike.low) / (apart.high - apart.low) < 2.9
