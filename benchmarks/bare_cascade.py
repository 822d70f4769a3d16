"""The other side of a rerank phase: a bare judge and a bare rewriter that do what it asks engines.

All pairs are judged, the best of each query rewritten and judged again: `LLM.classify`,
`LLM.generate`, `LLM.classify`, nothing around them. Prompts stand ready, those of the judge as
token ids, and every candidate is decoded beforehand; only what was rewritten becomes a prompt on
the clock. The queries of a round go through in one batch, or in two, so that one engine works while
the other does: the faster way is the peer. Engines are in processes of their own, as vLLM has them
by default; within those that ask them they were slower (4.3 queries a second, and 7.1).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.bare import Place, bare_process, held
from benchmarks.measure import rate
from tools.shown import Row
from tte2_ray.cascade.asking import told
from tte2_ray.cascade.judging import SCORE_DIGITS
from tte2_ray.cascade.pricing import Prices
from tte2_ray.cascade.rewrite import Rewrite, finished, rewritten_words
from tte2_ray.engines import JudgeConfig, ModelInput, Reasoned
from tte2_ray.engines.vllm.judge import CLASSIFIER
from tte2_ray.engines.vllm_input import chat_prompt, pair_prompt
from tte2_ray.media import DecodedItem, MediaLimits, decode_item
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.prompts import rewrite_text
from tte2_ray.schema import Item
from tte2_ray.stages.ready import Ready

BATCHES = (1, 2)
"""Into which the queries of a round may be cut."""
Pair = tuple[str, int]
"""A query and the position of one of its candidates."""
Scores = dict[int, float]
"""Of the candidates of a query, by their position."""

_prompts: dict[Pair, Any] = {}
"""Of this process, ready to be served."""
_decoded: dict[str, DecodedItem] = {}
"""Items of this process, by id; rounds share them."""


@dataclass(frozen=True, kw_only=True)
class BareOrders:
    """What bare engines made of the queries of a round."""

    seconds: float
    first: Mapping[str, str]
    """By query, the id of the candidate that came to stand first."""


class BareCascade:
    """A bare judge and a bare rewriter.

    Args:
        judge: process of the judge.
        rewriter: process of the rewriter.
        config: of the job; without a budget, with fixed numbers.
        items: what candidates are made of, by id.
    """

    def __init__(
        self,
        judge: ProcessPoolExecutor,
        rewriter: ProcessPoolExecutor,
        config: RerankConfig,
        items: Mapping[str, Item],
    ) -> None:
        self._judge, self._rewriter = judge, rewriter
        self._config, self._items = config, items

    def prepare(self, ready: Sequence[Ready]) -> None:
        """Has the prompts of a round ready, and its candidates decoded; not timed."""
        judged, rewritten = {}, {}
        for query in ready:
            words = query.asked.words()
            for i, candidate in enumerate(query.candidates[: self._config.cascade.judge]):
                pair = query.item.item_id, i
                judged[pair] = (words, told(candidate.ecr))
                asked = rewrite_text(words, told(candidate.ecr))
                rewritten[pair] = (asked, self._items[candidate.item_id])
        preparing = self._rewriter.submit(_prepare_rewrites, rewritten, self._config.media)
        self._judge.submit(_prepare_pairs, judged, self._config.judge).result()
        preparing.result()

    def rerank(self, ready: Sequence[Ready], batches: int) -> BareOrders:
        """Does the work of a round.

        Args:
            ready: its queries, prepared.
            batches: into which they are cut.
        """
        cut = [ready[n::batches] for n in range(batches)]
        with ThreadPoolExecutor(batches) as threads:
            began = time.perf_counter()
            found = list(threads.map(self._batch, cut))
            seconds = time.perf_counter() - began
        return BareOrders(seconds=seconds, first={k: v for one in found for k, v in one.items()})

    def _batch(self, ready: Sequence[Ready]) -> dict[str, str]:
        cascade = self._config.cascade
        pairs = [(query.item.item_id, i) for query in ready
                 for i in range(min(cascade.judge, len(query.candidates)))]  # fmt: skip
        scores: dict[str, Scores] = {query.item.item_id: {} for query in ready}
        said = self._judge.submit(_judge_prepared, pairs).result()
        for (query_id, i), score in zip(pairs, said, strict=True):
            scores[query_id][i] = score
        best = [(query.item.item_id, i) for query in ready
                for i in leading(scores[query.item.item_id])[: cascade.rewrite]
                if Prices(cascade).rewritable(query.candidates[i])]  # fmt: skip
        most = min(cascade.rewrite_max_tokens, self._config.rewriter.sampling.max_tokens)
        written = self._rewriter.submit(_rewrite, best, most).result()
        of = {query.item.item_id: query for query in ready}
        again = {
            (query_id, i): (
                of[query_id].asked.words(),
                rewritten_words(of[query_id].candidates[i], made, adds=cascade.rewrite_adds),
            )
            for (query_id, i), made in zip(best, written, strict=True)
            if made.ecr
        }
        rejudged = self._judge.submit(_judge, list(again.values()), self._config.judge).result()
        for (query_id, i), score in zip(again, rejudged, strict=True):
            scores[query_id][i] = score
        return {
            query.item.item_id: query.candidates[leading(scores[query.item.item_id])[0]].item_id
            for query in ready
        }


@contextmanager
def bare_cascade(
    config: RerankConfig, items: Mapping[str, Item], ready: Sequence[Ready]
) -> Iterator[tuple[BareCascade, int, list[Row]]]:
    """A bare side that is warm, the batches that it is fastest with, and the rate of each number.

    Args:
        config: of the job.
        items: what candidates are made of, by id.
        ready: queries to try it with.
    """
    judge, rewriter = config.judge.engine, config.rewriter.engine
    with (
        bare_process(judge, Place.APART, "pooling", {"hf_overrides": CLASSIFIER}) as judges,
        bare_process(rewriter, Place.APART, "generate", {}) as rewrites,
    ):
        bare = BareCascade(judges, rewrites, config, items)
        bare.prepare(ready)
        bare.rerank(ready, 1)
        seconds = {batches: bare.rerank(ready, batches).seconds for batches in BATCHES}
        rows = [rate(f"trial of bare reranking, {batches} at once, queries", [spent], len(ready))
                for batches, spent in seconds.items()]  # fmt: skip
        yield bare, min(seconds, key=lambda batches: seconds[batches]), rows


def leading(scores: Scores) -> list[int]:
    """Positions, best first, ties by the retriever.

    >>> leading({0: 0.5, 1: 0.9, 2: 0.5})
    [1, 0, 2]
    """
    return sorted(scores, key=lambda i: (-scores[i], i))


def _prepare_pairs(pairs: Mapping[Pair, tuple[str, str]], config: JudgeConfig) -> None:
    _prompts.clear()
    tokenizer = held().get_tokenizer()
    for pair, words in pairs.items():
        text = _pair_prompt(words, config)["prompt"]
        _prompts[pair] = {"prompt_token_ids": tokenizer.encode(text)}


def _pair_prompt(words: tuple[str, str], config: JudgeConfig) -> Any:
    query, candidate = map(_words, words)
    return pair_prompt(held().get_tokenizer(), query, candidate, config)


def _words(text: str) -> ModelInput:
    return ModelInput(text=text)


def _prepare_rewrites(pairs: Mapping[Pair, tuple[str, Item]], limits: MediaLimits) -> None:
    _prompts.clear()
    tokenizer = held().get_tokenizer()
    for pair, (words, item) in pairs.items():
        if item.item_id not in _decoded:
            _decoded[item.item_id] = decode_item(item, limits)
        given = ModelInput.of(words, _decoded[item.item_id])
        _prompts[pair] = chat_prompt(tokenizer, given)


def _judge_prepared(pairs: Sequence[Pair]) -> list[float]:
    return _classify([_prompts[pair] for pair in pairs])


def _judge(pairs: Sequence[tuple[str, str]], config: JudgeConfig) -> list[float]:
    return _classify([_pair_prompt(words, config) for words in pairs])


def _classify(prompts: Sequence[Any]) -> list[float]:
    outputs = held().classify(prompts, use_tqdm=False) if prompts else []
    return [round(output.outputs.probs[0], SCORE_DIGITS) for output in outputs]


def _rewrite(pairs: Sequence[Pair], most_tokens: int) -> list[Rewrite]:
    from vllm import SamplingParams

    params = SamplingParams(max_tokens=most_tokens, temperature=0.0)
    outputs = held().generate([_prompts[pair] for pair in pairs], params, use_tqdm=False)
    return [_finished(output.outputs[0]) for output in outputs]


def _finished(said: Any) -> Rewrite:
    """What the job would make of what was written."""
    answer = Reasoned(text=said.text.strip(), truncated=said.finish_reason == "length",
                      prompt_tokens=0, visual_tokens=0, output_tokens=0)  # fmt: skip
    return finished(answer)
