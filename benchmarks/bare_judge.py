"""The other side of judging: `LLM.classify` in a process of its own, its prompts ready beforehand.

It is tried with its engine in both places (see `bare`), and with its prompts as text and as token
ids; the fastest is the peer.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.bare import Place, bare_process, held
from benchmarks.measure import rate
from tools.shown import Row
from tte2_ray.cascade.asking import told
from tte2_ray.cascade.many import Retrieved
from tte2_ray.engines import JudgeConfig, ModelInput
from tte2_ray.engines.vllm.judge import CLASSIFIER
from tte2_ray.engines.vllm_input import pair_prompt


@dataclass(frozen=True, kw_only=True)
class BareScores:
    """What a bare engine said of the pairs of a round, in order."""

    seconds: float
    """Of `LLM.classify`."""
    scores: tuple[float, ...]


@dataclass(frozen=True)
class BareJudge:
    """A bare engine in another process.

    Args:
        pool: of one process, where the engine is up or starting.
        config: of the judge.
    """

    pool: ProcessPoolExecutor
    config: JudgeConfig

    def classify(self, retrieved: Sequence[Retrieved], *, tokens: bool) -> BareScores:
        """Judges all pairs in one call.

        Args:
            retrieved: queries with their candidates.
            tokens: whether the prompts are token ids beforehand, and not text.
        """
        return self.pool.submit(_classify, retrieved, self.config, tokens).result()


@contextmanager
def bare_judge(config: JudgeConfig, place: Place) -> Iterator[BareJudge]:
    """Starts one; who asks it first waits for it."""
    more = {"hf_overrides": CLASSIFIER}
    with bare_process(config.engine, place, "pooling", more) as pool:
        yield BareJudge(pool, config)


@contextmanager
def fastest_judge(
    config: JudgeConfig, warm: Sequence[Retrieved], timed: Sequence[Retrieved]
) -> Iterator[tuple[BareJudge, bool, list[Row]]]:
    """The fastest way, whether that has token ids for prompts, and the rate of each way.

    Args:
        config: of the judge.
        warm: what each engine is warmed up with.
        timed: what is timed.
    """
    seconds: dict[tuple[Place, bool], float] = {}
    pairs = sum(len(candidates) for _, candidates in timed)
    with ExitStack() as all_open:
        opened = {place: all_open.enter_context(ExitStack()) for place in Place}
        judges = {}
        for place in Place:
            judges[place] = opened[place].enter_context(bare_judge(config, place))
            judges[place].classify(warm, tokens=True)
            for tokens in (False, True):
                spent = judges[place].classify(timed, tokens=tokens).seconds
                seconds[place, tokens] = spent
        place, tokens = min(seconds, key=lambda way: seconds[way])
        for other in set(Place) - {place}:
            opened[other].close()  # it would take its share of the cores
        yield judges[place], tokens, [
            rate(f"trial of LLM.classify, {way.words}, {'token ids' if ids else 'text'}",
                 [spent], pairs) for (way, ids), spent in seconds.items()
        ]  # fmt: skip


def _classify(retrieved: Sequence[Retrieved], config: JudgeConfig, tokens: bool) -> BareScores:
    llm = held()
    tokenizer = llm.get_tokenizer()
    prompts = [
        pair_prompt(tokenizer, ModelInput(text=asked.words()), ModelInput(text=told(each.ecr)),
                    config)
        for asked, candidates in retrieved
        for each in candidates
    ]  # fmt: skip
    if tokens:
        prompts = [{"prompt_token_ids": tokenizer.encode(each["prompt"])} for each in prompts]
    began = time.perf_counter()
    outputs = llm.classify(prompts, use_tqdm=False)
    seconds = time.perf_counter() - began
    return BareScores(seconds=seconds, scores=tuple(each.outputs.probs[0] for each in outputs))
