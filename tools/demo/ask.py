"""Put questions to the index: reason about each, embed it with its ECR, search.

    question ─ think (vLLM) ─▶ ECR ─ embed (vLLM) ─▶ vector ─ search (Milvus) ─▶ hits

What the models made of a question is remembered by a key over all that decides it: the same
question to the same models starts no engine again.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.demo.miniature import Question
from tte2_ray.cascade import Query, SeenQuery, query_key, retrieve, see_query, think
from tte2_ray.engines import Reasoned, build_embedder, build_reasoner
from tte2_ray.errors import ResourceMissingError, RowError
from tte2_ray.media import MediaLimits
from tte2_ray.milvus.searcher import Hit, Searcher
from tte2_ray.pipelines.index.config import IndexConfig

HITS = 5


@dataclass(frozen=True, kw_only=True)
class Thought:
    """What the models made of a query."""

    ecr: str
    vector: tuple[float, ...]
    """Empty where a model refused the query."""
    prompt_tokens: int
    """That reasoner and embedder read."""
    output_tokens: int
    refusal: str = ""
    """Why there is no vector; "" where there is one."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A question and the hits that it got, best first."""

    question: Question
    thought: Thought
    hits: tuple[Hit, ...]

    @property
    def right_at_1(self) -> bool:
        """Whether the first hit is as good an answer as there is."""
        return bool(self.hits) and self.question.answers(self.hits[0].item_id)

    def grade(self, hit: Hit) -> int:
        """Of a hit, from the qrels."""
        return self.question.grades.get(hit.item_id, 0)


def ask(
    config: IndexConfig, questions: Sequence[Question], memory: Path, say: Callable[[str], None]
) -> list[Answer]:
    """Answers questions from the live version of the index.

    Args:
        config: of the job that made the index, with the `uri` of its Milvus.
        questions: what is asked.
        memory: JSON lines file of thoughts; made if missing.
        say: takes lines of progress.

    Raises:
        PrerequisiteError: an engine does not start, or Milvus does not answer.
        ResourceMissingError: the media of a query are gone.
    """
    import numpy as np

    thoughts = think_all(config, [q.query for q in questions], memory, say)
    asked = [n for n, thought in enumerate(thoughts) if thought.vector]
    vectors_QD = np.array([thoughts[n].vector for n in asked], dtype=np.float32)
    pools = [questions[n].query.pool for n in asked]
    found = retrieve(
        Searcher(config.milvus), config.index, vectors_QD, pools, HITS, output_fields=["ecr"]
    )
    hits = dict(zip(asked, found, strict=True))
    return [
        Answer(question=question, thought=thought, hits=tuple(hits.get(n, ())))
        for n, (question, thought) in enumerate(zip(questions, thoughts, strict=True))
    ]


def think_all(
    config: IndexConfig, queries: Sequence[Query], memory: Path, say: Callable[[str], None]
) -> list[Thought]:
    """Thoughts of queries: remembered ones, and the others from the engines."""
    seen = [_see(query, config.media) for query in queries]
    recipes = config.ecr_recipe(), config.embedding_recipe()
    keys = [query_key(q, s, *recipes) for q, s in zip(queries, seen, strict=True)]
    known = _recall(memory)
    new = {key: s for key, s in zip(keys, seen, strict=True) if key not in known}
    say(f"{len(queries)} queries, {len(queries) - len(new)} of them remembered")
    if new:
        made = asyncio.run(_think(config, list(new.values()), say))
        _remember(memory, dict(zip(new, made, strict=True)))
        known = _recall(memory)
    return [known[key] for key in keys]


def _see(query: Query, limits: MediaLimits) -> SeenQuery:
    try:
        return see_query(query, limits)
    except RowError as error:
        raise ResourceMissingError(
            f"query {query.given.item_id} cannot be read ({error.message}): remove the world's "
            "folder, and it is generated again"
        ) from error


async def _think(
    config: IndexConfig, seen: Sequence[SeenQuery], say: Callable[[str], None]
) -> list[Thought]:
    """One engine after the other: on few cores two would starve each other."""
    say(f"{len(seen)} to reason about: the reasoner starts")
    reasoner = build_reasoner(config.reasoner)

    async def reason(one: SeenQuery) -> Reasoned | RowError:
        try:
            return await think(reasoner, one)
        except RowError as refusal:
            return refusal

    try:
        said = await asyncio.gather(*map(reason, seen))
    finally:
        reasoner.close()
    say(f"{len(seen)} to embed: the embedder starts")
    embedder = build_embedder(config.embedder)

    async def embed(one: SeenQuery, thought: Reasoned | RowError) -> Thought:
        try:
            if isinstance(thought, RowError):
                raise thought
            made = await embedder.embed(one.given, thought.text)
        except RowError as refusal:
            message = f"{refusal.error_class.value}: {refusal.message}"
            return Thought(ecr="", vector=(), prompt_tokens=0, output_tokens=0, refusal=message)
        read = thought.prompt_tokens + made.prompt_tokens
        return Thought(ecr=thought.text, vector=tuple(made.vector), prompt_tokens=read,
                       output_tokens=thought.output_tokens)  # fmt: skip

    try:
        return await asyncio.gather(*map(embed, seen, said))
    finally:
        embedder.close()


def _recall(memory: Path) -> dict[str, Thought]:
    if not memory.exists():
        return {}
    rows = (json.loads(line) for line in memory.read_text().splitlines())
    return {r.pop("key"): Thought(**{**r, "vector": tuple(r["vector"])}) for r in rows}


def _remember(memory: Path, thoughts: dict[str, Thought]) -> None:
    lines = [json.dumps({"key": key, **asdict(thought)}) for key, thought in thoughts.items()]
    kept = memory.read_text() if memory.exists() else ""
    draft = memory.with_suffix(".draft")
    draft.write_text(kept + "".join(f"{line}\n" for line in lines))
    draft.replace(memory)
