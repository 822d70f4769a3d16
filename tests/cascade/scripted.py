"""Doubles of what stands around the cascade, whose answers and costs a test can foresee.

The fakes of the package answer with hashes. An order must be foreseen to be tested, so that judge
and rewriter follow a script here, at a cost that a test can reckon with.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from PIL import Image

from tte2_ray.cascade import Asked, Candidate, Cascade, CascadeConfig, Policy, PricingConfig
from tte2_ray.cascade.ledger import Spent
from tte2_ray.engines import Judged, ModelInput, Reasoned
from tte2_ray.engines.price import refuse_above_price
from tte2_ray.errors import RowError, RowErrorClass, RuntimeFailure
from tte2_ray.media import DecodedItem


def asked(name: str = "q1", *, words_tokens: int = 10, text: str = "", **changes: Any) -> Asked:
    """A query of words whose text begins with its id, by which scripted engines know it."""
    given: dict[str, Any] = {
        "query_id": name,
        "instruction": "Find a picture.",
        "text": f"{name} {text}".strip(),
        "ecr": "",
        "has_media": False,
        "key": f"key of {name}",
        "words_tokens": words_tokens,
        "ecr_spent": Spent(prompt_text=words_tokens, output=5, requests=1),
        "embedding_spent": Spent(prompt_text=20, requests=1),
    }
    return Asked(**(given | changes))


def candidate(rank: int, *, of: str = "q1", score: float | None = None, ecr: str | None = None,
              ecr_tokens: int = 20, prompt_tokens: int = 60) -> Candidate:  # fmt: skip
    """The candidate of a rank; its ECR says `<query>/<rank>`."""
    return Candidate(
        item_id=f"{of}/{rank}",
        rank=rank,
        retriever_score=1.0 - rank / 100 if score is None else score,
        ecr=f"<think>seen</think>{of}/{rank}" if ecr is None else ecr,
        ecr_key=f"ecr key of {of}/{rank}",
        ecr_tokens=ecr_tokens,
        prompt_tokens=prompt_tokens,
        visual_tokens=min(36, prompt_tokens),
        shard="s0",
    )


def candidates(count: int, of: str = "q1", **changes: Any) -> tuple[Candidate, ...]:
    """Candidates of the ranks 1 to `count`."""
    return tuple(candidate(rank, of=of, **changes) for rank in range(1, count + 1))


class ByName:
    """A `Judge` that scores the candidate's words, and charges every prompt the same.

    Args:
        scores: by a piece of the candidate's words; the last one that is found counts, 0 if none.
        cost: tokens of each prompt.
    """

    def __init__(self, scores: dict[str, float], cost: int = 30) -> None:
        self.scores, self.cost = scores, cost
        self.read: list[tuple[ModelInput, ModelInput]] = []

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        refuse_above_price(self.cost, most_prompt_tokens)
        self.read.append((query, candidate))
        found = [score for piece, score in self.scores.items() if piece in candidate.text]
        return Judged(score=found[-1] if found else 0.0, prompt_tokens=self.cost, visual_tokens=0)

    def close(self) -> None:
        """Nothing to end."""


class Saying:
    """A `Reasoner` that writes what it is told to, and remembers what it was shown."""

    def __init__(self, write: Callable[[str], str], *, cost: int = 40, output: int = 12,
                 truncated: bool = False) -> None:  # fmt: skip
        self._write, self._cost, self._output, self._truncated = write, cost, output, truncated
        self.read: list[ModelInput] = []

    async def reason(
        self, given: ModelInput, *, most_prompt_tokens: int = 0, most_output_tokens: int = 0
    ) -> Reasoned:
        refuse_above_price(self._cost, most_prompt_tokens)
        self.read.append(given)
        return Reasoned(
            text=self._write(given.text),
            truncated=self._truncated,
            prompt_tokens=self._cost,
            visual_tokens=36 if given.images else 0,
            output_tokens=min(self._output, most_output_tokens or self._output),
        )

    def close(self) -> None:
        """Nothing to end."""


def picture_of(candidate: Candidate) -> DecodedItem:
    """What a candidate looks like."""
    picture = Image.new("RGB", (8, 8), (candidate.rank % 256, 0, 0))
    return DecodedItem(text=f"title of {candidate.item_id}", images=[picture], video=None,
                       content_sha256="", notes="")  # fmt: skip


class Pictures:
    """A `Shown` with a picture for every candidate, but for those that are gone."""

    def __init__(self, gone: Sequence[str] = ()) -> None:
        self.gone = gone

    @asynccontextmanager
    async def show(self, candidate: Candidate) -> AsyncIterator[DecodedItem]:
        if candidate.item_id in self.gone:
            raise RowError(RowErrorClass.NOT_FOUND, f"{candidate.item_id} is gone")
        yield picture_of(candidate)


class Unneeded:
    """A `Judge` and a `Reasoner` that nobody may ask: every answer is said to be kept."""

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        raise AssertionError(f"asked about {candidate.text!r}")

    async def reason(
        self, given: ModelInput, *, most_prompt_tokens: int = 0, most_output_tokens: int = 0
    ) -> Reasoned:
        raise AssertionError(f"asked about {given.text!r}")

    def close(self) -> None:
        """Nothing to end."""


class Dead:
    """A `Judge` whose engine has died."""

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        raise RuntimeFailure("the engine died")

    def close(self) -> None:
        """Nothing to end."""


TIGHT = PricingConfig(judge_overhead=5, rewrite_overhead=5)
"""With the counts of `asked` and `candidate`: 35 tokens for a judgement."""


def cascade(
    engine: Any, rewriter: Any = None, *, policy: Policy | None = None, kept: Any = None,
    shown: Any = None, **config: Any,
) -> Cascade:  # fmt: skip
    """A cascade around a judge: it judges 5 and, with a rewriter, rewrites 2 without pixels."""
    given: dict[str, Any] = {
        "judge": 5,
        "rewrite": 2 if rewriter is not None else 0,
        "rewrite_sees_media": False,
        "rewrite_adds": False,
        "rewrite_max_tokens": 20,
        "pricing": TIGHT,
    }
    return Cascade(
        CascadeConfig(**(given | config)),
        judge=engine,
        judge_version="judge 1",
        rewriter=rewriter,
        rewriter_version="rewriter 1",
        policy=policy,
        kept=kept,
        shown=shown,
    )
