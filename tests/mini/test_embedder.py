"""The embedders' loss, and ECRs that err as a reasoner's do."""

import random

import pytest

from tte2_ray.mini.embedder import case_batch, info_nce, item_lesson, query_lesson, slipped
from tte2_ray.mini.tasks import TASKS


def test_info_nce_is_the_cross_entropy_of_the_positive() -> None:
    import torch

    queries = torch.eye(2)
    candidates = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    same = torch.zeros(2, 3, dtype=torch.bool)
    rows = torch.tensor([[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]]) / 0.5
    by_hand = -(rows.diagonal() - rows.logsumexp(dim=1)).mean()
    assert info_nce(queries, candidates, same, 0.5).item() == pytest.approx(by_hand.item())


def test_what_says_the_same_as_the_positive_is_no_negative() -> None:
    import torch

    queries = torch.tensor([[1.0, 0.0]])
    candidates = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    apart = info_nce(queries, candidates, torch.tensor([[True, False]]), 0.02)
    masked = info_nce(queries, candidates, torch.tensor([[True, True]]), 0.02)
    assert apart.item() == pytest.approx(0.6931, abs=1e-3)
    assert masked.item() == pytest.approx(0.0)


def test_a_slip_changes_what_is_said_and_never_what_is_seen() -> None:
    import numpy as np

    said_otherwise = 0
    for case in case_batch(seed=7, step=0, each=2):
        right = item_lesson(case.positive, random.Random(1))
        wrong = item_lesson(case.positive, random.Random(1), slips=1.0)
        if right.media is not None and wrong.media is not None:
            assert np.array_equal(right.media.pixels, wrong.media.pixels)
        said_otherwise += right.branches != wrong.branches
        if case.positive.truth is None:
            assert slipped(case.positive, random.Random(1)) == case.positive
    assert said_otherwise > len(TASKS) // 2


def test_a_query_errs_only_where_it_describes_what_nobody_saw() -> None:
    for case in case_batch(seed=8, step=0, each=1):
        said = query_lesson(case, random.Random(2), slips=1.0).branches[0][1]
        if case.task != "composed_retrieval":
            assert said == case.query_ecr
