"""What is taught fits into what the job lets a reasoner write."""

import random
from pathlib import Path

from tools.job import CONFIG, index_job
from tte2_ray.mini.lessons import rewrite_branch
from tte2_ray.mini.tasks import TASKS, make_case
from tte2_ray.mini.truth import sample_clip, sample_page, sample_scene


def test_no_ecr_that_is_taught_meets_the_limit_of_tokens(blank: Path) -> None:
    from transformers import AutoTokenizer

    said: set[str] = set()
    for number in range(300):
        rng = random.Random(f"longest/{number}")
        for task in TASKS:
            case = make_case(task, rng, "train")
            said |= {case.query_ecr, case.positive.ecr, *(miss.ecr for miss in case.negatives)}
        for sample in (sample_scene, sample_clip, sample_page):
            said.add(rewrite_branch(rng, sample(rng, "train"), "train", number % 2 == 0)[1])
    tokenizer = AutoTokenizer.from_pretrained(blank)
    longest = max(len(tokenizer(f"{ecr}<|im_end|>").input_ids) for ecr in said)
    preset = CONFIG.parent / "models" / "mini.yaml"
    for config in (index_job().config, index_job(more=[preset]).config):
        assert 50 < longest <= config.reasoner.sampling.max_tokens
