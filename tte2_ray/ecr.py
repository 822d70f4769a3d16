"""The text of an ECR: thinking between marks, then a statement. Read, quoted, closed, completed."""

from dataclasses import dataclass
from typing import Final

from tte2_ray.errors import RowError, RowErrorClass

THINK_OPEN: Final = "<think>"
THINK_CLOSE: Final = "</think>"


@dataclass(frozen=True, kw_only=True)
class ParsedEcr:
    """An ECR taken apart. `complete` is False where there is no final statement."""

    think: str
    statement: str
    complete: bool


def parse_ecr(text: str) -> ParsedEcr:
    """Takes an ECR apart; text without marks counts as a statement.

    >>> parse_ecr("<think>a</think>b")
    ParsedEcr(think='a', statement='b', complete=True)
    >>> parse_ecr("<think>cut off").complete
    False
    """
    head, opened, rest = text.partition(THINK_OPEN)
    if not opened:
        rest = head
    think, closed, statement = rest.partition(THINK_CLOSE)
    if not closed:
        think, statement = (rest, "") if opened else ("", rest)
    think, statement = think.strip(), statement.strip()
    return ParsedEcr(think=think, statement=statement, complete=bool(statement))


def plain(ecr: str) -> str:
    """An ECR without its thinking marks, to be quoted inside another prompt.

    >>> plain("<think>a red star</think>picture of a star")
    'a red star. picture of a star'
    """
    parsed = parse_ecr(ecr)
    return f"{parsed.think}. {parsed.statement}" if parsed.think else parsed.statement


def completed(words: str, rewrite: str) -> str:
    """A candidate's ECR and what a look for the query adds to it, as a judge reads them.

    Args:
        words: of the ECR, without marks.
        rewrite: whose statement is read; what the rewriter thought is not.

    >>> completed("a sign. picture of a star", "<think>sign</think>sign exit")
    'a sign. picture of a star. sign exit'
    """
    return ". ".join(part for part in (words, parse_ecr(rewrite).statement) if part)


def close_overrun(text: str) -> str:
    """An ECR that met its token limit, cut to its last full clause and closed.

    Rank1 and ViC close the thinking in the same way, so that what follows can still be read.

    >>> close_overrun("<think>main red star top. 3 bi")
    '<think>main red star top</think>main red star top'
    """
    parsed = parse_ecr(text)
    if parsed.complete:
        return text
    cut = max(parsed.think.rfind(mark) for mark in (".", ";", ","))
    think = parsed.think[:cut] if cut > 0 else parsed.think
    return f"{THINK_OPEN}{think}{THINK_CLOSE}{think}"


def finished_ecr(text: str, truncated: bool) -> tuple[str, str]:
    """What a reasoner wrote, with a statement, and a note where that was added.

    A reasoner that ends its turn inside its thinking, as small ones do on what they have not seen
    before, has still written something: it counts as an overrun does. Only nothing is an error.

    Args:
        text: as it was written.
        truncated: it met its token limit.

    Raises:
        RowError: `empty_ecr`, there is neither statement nor thinking.

    >>> finished_ecr("<think>a red star", truncated=False)
    ('<think>a red star</think>a red star', 'no statement: its thinking stands for it')
    """
    parsed = parse_ecr(text)
    if parsed.statement:
        return text, ""
    if not parsed.think:
        message = f"the reasoner wrote neither thinking nor a statement: {text[:80]!r}"
        raise RowError(RowErrorClass.EMPTY_ECR, message)
    if truncated:
        return close_overrun(text), ""
    whole = f"{THINK_OPEN}{parsed.think}{THINK_CLOSE}{parsed.think}"
    return whole, "no statement: its thinking stands for it"
