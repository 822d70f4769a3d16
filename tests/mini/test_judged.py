"""What the judge learns from says of each candidate what is true of it."""

import random
import re
from pathlib import Path

import pytest

from tte2_ray.ecr import parse_ecr, plain
from tte2_ray.mini.asks import NOTHING_OPEN, all_hold, is_open, looked, told_hold
from tte2_ray.mini.batch import IGNORED, Encoder
from tte2_ray.mini.curriculum import ALL, TOLD, judged_batch
from tte2_ray.mini.garbled import garbled
from tte2_ray.mini.hanging import sign_lesson
from tte2_ray.mini.judge import add_verdicts
from tte2_ray.mini.judged import (
    MEDIA_TASKS,
    QUERIES,
    SAMPLERS,
    asked_of,
    case_query,
    pair_lesson,
    told_lesson,
    told_words,
)
from tte2_ray.mini.language import describe
from tte2_ray.mini.lessons import MARK_CLOSE, MARK_OPEN, Lesson, mark
from tte2_ray.mini.marks import NO, YES
from tte2_ray.mini.mined import TASKS_WITH_CORPUS, answers
from tte2_ray.mini.tasks import TASKS, make_case
from tte2_ray.mini.wanted import (
    answer_lesson,
    composed_lesson,
    label_lesson,
    moment_lesson,
)
from tte2_ray.prompts import judge_text


def test_lessons_are_the_same_for_the_same_step_and_differ_between_steps() -> None:
    one, again, other = (judged_batch(0, step, ALL) for step in (3, 3, 4))
    said = [[lesson.branches for lesson in batch] for batch in (one, again, other)]
    assert said[0] == said[1] != said[2]


def test_verdicts_of_both_kinds_are_common() -> None:
    said = [answer for step in range(12) for lesson in judged_batch(0, step, TOLD)
            for _, answer in lesson.branches if answer in (YES, NO)]  # fmt: skip
    assert 0.3 < said.count(YES) / len(said) < 0.7


def test_opening_and_branch_are_the_prompt_of_a_judge() -> None:
    lesson = told_lesson(random.Random(5), "train")
    shown = lesson.opening.removeprefix("Candidate: ").removesuffix("\n")
    asked = lesson.branches[0][0]
    query = asked.removeprefix("Query: ").split("\n")[0]
    assert lesson.opening + asked == judge_text(query, shown)


def test_the_answer_of_a_pair_is_what_its_case_says() -> None:
    rng = random.Random(1)
    for task in MEDIA_TASKS:
        case = make_case(task, rng, "train")
        right = pair_lesson(case, case.positive, rng, sees=False, answers=True)
        wrong = pair_lesson(case, case.negatives[0], rng, sees=False, answers=False)
        assert (right.branches[0][1], wrong.branches[0][1]) == (YES, NO)
        assert plain(case.positive.ecr) in right.branches[0][0]


def test_what_an_ecr_leaves_out_is_held_against_nobody() -> None:
    rng, open_ones = random.Random(8), 0
    for task in ("image_retrieval", "video_retrieval", "visdoc_retrieval"):
        for _ in range(20):
            case = make_case(task, rng, "train")
            for one in case.negatives:
                assert one.truth is not None
                told = [ask for ask in case.asks if not is_open(ask, one.truth)]
                assert told_hold(case.asks, one.truth) == all_hold(tuple(told), one.truth)
                open_ones += told_hold(case.asks, one.truth)
    assert open_ones > 0  # these only a look at them finds out


def test_a_verdict_rests_on_what_was_looked_at_and_else_on_what_is_told() -> None:
    """Where a look stands behind an ECR, no query of the lesson is left open."""
    looks = 0
    for seed in range(60):
        lesson = told_lesson(random.Random(seed), "train")
        rng = random.Random(seed)
        truth = rng.choice(SAMPLERS)(rng, "train")
        queries = [asked_of(rng, truth, "train") for _ in range(QUERIES)]
        shown = lesson.opening.removeprefix("Candidate: ").removesuffix("\n")
        added = shown.removeprefix(plain(describe(truth)))
        holds = all_hold if added else told_hold
        assert [a == YES for _, a in lesson.branches] == [holds(a, truth) for a, _ in queries]
        if added:
            everything = sum((asks for asks, _ in queries), ())
            assert added == f". {parse_ecr(looked(everything, truth)).statement}"
            looks += 1
    assert 15 < looks < 35


def test_queries_of_a_picture_with_a_sign_hang_on_what_it_says() -> None:
    verdicts, others = [], 0
    for seed in range(40):
        lesson = sign_lesson(random.Random(seed), "train")
        (sign,) = re.findall(r"sign (\w+)\n$", lesson.opening)
        for text, verdict in lesson.branches:
            asked = re.sub(f"{MARK_OPEN}[^{MARK_CLOSE}]*{MARK_CLOSE}", "", text)
            other = f"sign {sign}" not in asked
            assert verdict == NO or not other
            others += other
            verdicts.append(verdict)
    assert 30 < others < 70
    assert 30 < verdicts.count(YES) < 70


def test_what_is_told_is_now_and_then_looked_at_all_the_same() -> None:
    rng, ecr = random.Random(9), "<think>a</think>b"
    words = [told_words(rng, ecr) for _ in range(50)]
    assert set(words) == {"a. b", f"a. b. {parse_ecr(NOTHING_OPEN).statement}"}


def test_whoever_brought_an_item_it_answers_what_it_meets() -> None:
    rng = random.Random(3)
    for task in TASKS_WITH_CORPUS:
        assert TASKS[task].pool == "corpus"
        case = make_case(task, rng, "train")
        assert answers(case, case.positive)
        assert not any(answers(case, one) for one in case.negatives)


@pytest.fixture(scope="module")
def encoder(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """With the tokenizer of a judge."""
    import shutil

    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("judge") / "model"
    shutil.copytree(blank, folder)
    add_verdicts(folder)
    return Encoder(AutoTokenizer.from_pretrained(folder))


def test_each_verdict_is_one_token_and_words_that_hold_it_stay_whole(encoder: Encoder) -> None:
    yes, no = (encoder.ids(word) for word in (YES, NO))
    assert (len(yes), len(no)) == (1, 1)
    assert no[0] not in encoder.ids("not nothing notice")


def test_a_mark_is_no_token_but_a_label_of_the_next(encoder: Encoder) -> None:
    bare = "Query: a picture with red star, blue ring\nDoes it match?"
    text = bare.replace("star", f"star{mark(' top')}").replace("ring", f"ring{mark(NO)}")
    marked, plain_ = (encoder.batch([Lesson(media=None, branches=((t, YES),))])
                      for t in (text, bare))  # fmt: skip
    assert marked.input_ids_RL.tolist() == plain_.input_ids_RL.tolist()
    (top,), (no,) = encoder.ids(" top"), encoder.ids(NO)
    added = [(int(i), int(label)) for i, (label, was) in enumerate(
        zip(marked.labels_RL[0], plain_.labels_RL[0], strict=True)) if label != was]  # fmt: skip
    assert [label for _, label in added] == [top, no]
    before = encoder.tokenizer.decode(marked.input_ids_RL[0, : added[0][0]])
    assert before.endswith("red star")
    assert int((plain_.labels_RL != IGNORED).sum()) == 2  # the verdict and the end of the turn


def test_the_query_of_a_judge_holds_no_pixels_but_what_was_seen_in_them() -> None:
    rng = random.Random(4)
    case = make_case("composed_retrieval", rng, "train")
    assert plain(case.query_ecr) in case_query(case)
    case = make_case("image_retrieval", rng, "train")
    assert case_query(case) == case.text


def test_a_garbled_ask_differs_and_mostly_fails() -> None:
    rng, held = random.Random(6), []
    for task in ("image_retrieval", "video_retrieval", "visdoc_retrieval"):
        for _ in range(40):
            case = make_case(task, rng, "train")
            truth = case.positive.truth
            assert truth is not None
            for one in case.asks:
                made = garbled(rng, one, truth)
                assert type(made) is type(one)
                held.append(made.holds(truth))
    assert sum(held) / len(held) < 0.25


@pytest.mark.parametrize("make", [answer_lesson, composed_lesson, moment_lesson, label_lesson])
def test_queries_that_want_the_candidate_and_others_are_both_common(make) -> None:
    rng = random.Random(7)
    said = [a for _ in range(40) for _, a in make(rng, "train").branches]
    assert 0.3 < said.count(YES) / len(said) < 0.7
