"""Answers that are kept: of another budget, of a query that was asked before, or of a twin.

A kept answer is charged as if it was served, so that what is kept changes neither plan nor order.
No engine is asked for it: it costs nothing.
"""

import hashlib
import json
from typing import Protocol

from tte2_ray.engines import Judged, Reasoned


class Kept(Protocol):
    """Holds answers of judge and rewriter by their keys."""

    def judged(self, key: str) -> Judged | None:
        """A judgement; None where there is none."""
        ...

    def rewritten(self, key: str) -> Reasoned | None:
        """A rewrite, as its model wrote it; None where there is none."""
        ...

    def keep_judged(self, key: str, answer: Judged) -> None:
        """Holds a judgement from now on."""
        ...

    def keep_rewritten(self, key: str, answer: Reasoned) -> None:
        """Holds a rewrite from now on."""
        ...


class KeptInMemory:
    """A `Kept` that lasts as long as its process, and grows with every answer."""

    def __init__(self) -> None:
        self.judgements: dict[str, Judged] = {}
        self.rewrites: dict[str, Reasoned] = {}

    def judged(self, key: str) -> Judged | None:
        """See `Kept.judged`."""
        return self.judgements.get(key)

    def rewritten(self, key: str) -> Reasoned | None:
        """See `Kept.rewritten`."""
        return self.rewrites.get(key)

    def keep_judged(self, key: str, answer: Judged) -> None:
        """See `Kept.keep_judged`."""
        self.judgements[key] = answer

    def keep_rewritten(self, key: str, answer: Reasoned) -> None:
        """See `Kept.keep_rewritten`."""
        self.rewrites[key] = answer


def answer_key(stage: str, version: str, *parts: str | int | bool) -> str:
    """Names everything that decides an answer; 64 hex digits.

    Args:
        stage: `judge` or `rewrite`.
        version: of model, prompt and sampling.
        parts: what it read: the key and the words of the query, the candidate's words and, where
            its pixels are seen, its key.
    """
    return hashlib.sha256(json.dumps([stage, version, *parts]).encode()).hexdigest()
