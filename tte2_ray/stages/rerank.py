"""Shards of queries with their ECRs and vectors in, tables of judgements and ledgers out.

    queries ─ retrieve ─▶ candidates ─ cascade ─▶ orders ─▶ judgements · ledger · outcomes ─▶ marker

One replica holds judge and rewriter. Each starts with its first request, so that a budget whose
answers are all kept starts neither.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.keys import EcrRecipe
from tte2_ray.artifacts.markers import mark_done, marker_key
from tte2_ray.artifacts.shards import Shard, read_shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.cascade import (
    BudgetConfig,
    Cascade,
    CascadeConfig,
    Kept,
    Policy,
    Reranked,
    rerank_many,
)
from tte2_ray.cascade.ledger import RERANKING
from tte2_ray.engines import JudgeConfig, ReasonerConfig, build_judge, build_reasoner
from tte2_ray.engines.halving import HalvingJudge, HalvingReasoner, narrowed
from tte2_ray.engines.lazily import LazyJudge, LazyReasoner
from tte2_ray.errors import RuntimeFailure
from tte2_ray.media import MediaLimits
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.stages.answer_tables import AnswerTables, read_outcomes, write_answers
from tte2_ray.stages.candidate_media import CandidateMedia
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.decoder import Decoder
from tte2_ray.stages.doing import Doing
from tte2_ray.stages.in_flight import queries_in_flight, shown_in_flight
from tte2_ray.stages.kept import KeptAnswers
from tte2_ray.stages.metrics import engine_clock
from tte2_ray.stages.outcomes import counted, outcome_row, rows_of
from tte2_ray.stages.own_stages import Before, OwnStages, own_stages
from tte2_ray.stages.query_media import with_media
from tte2_ray.stages.ready import QueryReader, Ready, Sources
from tte2_ray.stages.room import room_of
from tte2_ray.stages.work import Row, as_columns, leave_with_dead_engine, shards_of

if TYPE_CHECKING:
    import numpy as np

STAGE = "rerank"


@dataclass(frozen=True, kw_only=True)
class RerankWork:
    """What a replica needs to rerank shards of queries."""

    index: str
    root: str
    """Of the artifact store."""
    prefix: str
    """Folder of what is made, `reranked/<fingerprint>`."""
    corpus: str
    """Folder of the frozen corpus of the index: candidates are seen from there."""
    recipe: EcrRecipe
    """Of the ECRs of the index."""
    sources: Sources
    limits: MediaLimits
    cascade: CascadeConfig
    policy: Policy
    budget: BudgetConfig
    judge: JudgeConfig
    rewriter: ReasonerConfig
    judge_version: str
    rewriter_version: str
    before: Before = field(default_factory=Before)


class _Starts:
    """How long engines took to start, which is no part of the time of a shard."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def of(self, build: Callable[[Any], Any], config: Any) -> Any:
        """An engine."""
        began = time.perf_counter()
        try:
            return build(config)
        finally:
            self.seconds += time.perf_counter() - began


class RerankShards:
    """Reads name, key, rows, rejected of shards; returns `Counts`; commits each shard."""

    def __init__(self, work: RerankWork) -> None:
        judge, rewriter = room_of("judge"), room_of("rewriter")
        self._engine = engine = narrowed(work.judge.engine, judge.halvings)
        self._work, self._store = work, open_store(work.root)
        self._decoder = Decoder(work.limits, engine.decode_threads, engine.max_in_flight)
        judge.then(self._decoder.halve)
        beside = narrowed(work.rewriter.engine, rewriter.halvings)
        at_once = shown_in_flight(work.cascade, engine, beside)
        self._shown = CandidateMedia(self._store, work.corpus, work.recipe, self._decoder, at_once)
        self._reader = QueryReader(self._store, Searcher(work.sources.milvus), work.sources)
        self._starts = _Starts()
        start_judge = partial(self._starts.of, build_judge)
        start_rewriter = partial(self._starts.of, build_reasoner)
        self._judge = LazyJudge(partial(HalvingJudge, start_judge, work.judge, judge))
        self._rewriter = LazyReasoner(
            partial(HalvingReasoner, start_rewriter, work.rewriter, rewriter)
        )
        self._clock, self._doing = engine_clock(work.index, STAGE), Doing(STAGE)

    def __del__(self) -> None:
        """Ray Data lets go of a stage before it ends its process: else engines are seen to die,
        with a traceback in the log of a job that did well. So nothing that a stage holds may hold
        the stage: in a cycle it would wait for the garbage collector."""
        for name in ("_judge", "_rewriter"):
            if engine := getattr(self, name, None):  # none where the start failed before it
                engine.close()

    async def __call__(self, batch: "dict[str, np.ndarray[Any, Any]]") -> dict[str, list[str]]:
        """One batch of shards."""
        return as_columns([await self.commit(shard) for shard in shards_of(batch)])

    async def commit(self, shard: Shard) -> Counts:
        """Writes the tables of a shard, then its marker, which counts what became of its queries.

        Returns:
            Its queries, with the tokens that engines served for them in this attempt, and its time
            without that of engines that started meanwhile: rates are those of working engines.

        Raises:
            RuntimeFailure: Milvus went away. A dead engine ends this process.
        """
        began, decoded_before = time.perf_counter(), self._decoder.seconds
        starts_before = self._starts.seconds
        with self._doing.at("reranked", f"queries of {shard.name}"):
            outcomes = await asyncio.to_thread(read_outcomes, self._store, self._work.prefix, shard)
            # Tables without a marker: a crash came between them. What they cost is not spent again.
            counts = counted(outcomes) if outcomes is not None else await self._rerank(shard)
        starting_s = self._starts.seconds - starts_before
        counts = replace(
            counts,
            decode_s=self._decoder.seconds - decoded_before,
            seconds=max(0.0, time.perf_counter() - began - starting_s),
        )
        marker = marker_key(self._work.prefix, shard)
        await asyncio.to_thread(mark_done, self._store, marker, counts.as_dict())
        return counts

    async def _rerank(self, shard: Shard) -> Counts:
        items = await asyncio.to_thread(read_shard, self._store, shard)
        found = await asyncio.to_thread(self._reader.read, shard, items)
        if self._work.cascade.judge_sees_query:
            found = await asyncio.gather(*(with_media(each, self._decoder) for each in found))
        kept = await asyncio.to_thread(KeptAnswers, self._store, shard)
        own = await asyncio.to_thread(
            own_stages, self._store, shard, self._work.sources, self._work.before
        )
        ready = [each for each in found if isinstance(each, Ready)]
        answers = iter(await self._answers(ready, kept))
        answered = [next(answers) if isinstance(each, Ready) else None for each in found]
        outcomes = [
            outcome_row(*each) | {"cut": own.cut.get(each[0].item_id, "")}
            for each in zip(items, found, answered, strict=True)
        ]
        outcomes = await asyncio.to_thread(self._write, shard, outcomes, answered, kept, own)
        return _charged(counted(outcomes), [a for a in answered if a], kept)

    async def _answers(self, ready: Sequence[Ready], kept: Kept) -> list[Reranked]:
        cascade = Cascade(
            self._work.cascade,
            judge=self._judge,
            judge_version=self._work.judge_version,
            rewriter=self._rewriter,
            rewriter_version=self._work.rewriter_version,
            shown=self._shown,
            kept=kept,
            policy=self._work.policy,
        )
        retrieved = [(each.asked, each.candidates) for each in ready]
        work = self._work
        in_flight = queries_in_flight(work.cascade, work.policy, self._engine)
        try:
            with self._clock.request():
                return await rerank_many(cascade, retrieved, work.budget, in_flight=in_flight)
        except RuntimeFailure as error:
            leave_with_dead_engine(error)
            raise

    def _write(
        self,
        shard: Shard,
        outcomes: Sequence[Row],
        answered: Sequence[Reranked | None],
        kept: KeptAnswers,
        own: OwnStages,
    ) -> list[Row]:
        """Kept answers first: a crash after them costs no token again. The outcomes that count."""
        prefix, answers = self._work.prefix, [each for each in answered if each]
        kept.write(prefix.rpartition("/")[2])
        versions = {"judge": self._work.judge_version, "rewriter": self._work.rewriter_version}
        judgements = [row | versions for answer in answers for row in rows_of(answer)]
        ledger = [row for each in answers for row in own.told(each).to_rows(each.query_id)]
        made = AnswerTables(outcomes=outcomes, judgements=judgements, ledger=ledger)
        return write_answers(self._store, prefix, shard, made)


def _charged(counts: Counts, answers: Sequence[Reranked], kept: KeptAnswers) -> Counts:
    """The same queries, with what engines served for them alone."""
    served = kept.served
    for_nothing = sum(
        0 < answer.spent == sum(answer.ledger[stage].kept for stage in RERANKING)
        for answer in answers
    )
    return replace(
        counts,
        prompt_tokens=sum(each.prompt_tokens for each in served),
        visual_tokens=sum(each.visual_tokens for each in served),
        output_tokens=sum(getattr(each, "output_tokens", 0) for each in served),
        truncated=sum(answer.notes.get("rewrite:overrun", 0) for answer in answers),
        taken_over=for_nothing,
    )
