"""The words that the models read: one prompt for reasoning about an item, about a query, and about
an item with a query in hand; and the way an embedder reads what was reasoned.

Messages have the form that Hugging Face chat templates and vLLM's chat take; media are placeholders
in the order images, video. Reasoner and embedder read the same user turn; the embedder reads the
ECR as the assistant's turn or as part of the user's, and pools the last token (think, then embed).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tte2_ray.errors import RowError, RowErrorClass

EcrTurn = Literal["assistant", "user"]
"""Whose words an ECR is where it is embedded."""
JudgeForm = Literal["plain", "qwen3-vl-reranker"]
"""How a query and a candidate are put before a judge."""

PROMPT_VERSION: Final = "1"
"""Part of every ECR key: change it with any change of the words or their order below."""

THINK_OPEN: Final = "<think>"
THINK_CLOSE: Final = "</think>"

ITEM_INSTRUCTION: Final = "Think, then describe."
QUERY_INSTRUCTION: Final = "Think, then say what to find."
REWRITE_INSTRUCTION: Final = "Think, then rewrite the candidate for the query."
JUDGE_INSTRUCTION: Final = "Does it match?"
RERANKER_SYSTEM: Final = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".'
)
"""What Qwen3-VL-Reranker reads first (github.com/QwenLM/Qwen3-VL-Embedding, qwen3_vl_reranker)."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """What a judge is shown of a query or of a candidate."""

    text: str
    images: int = 0
    videos: int = 0


@dataclass(frozen=True, kw_only=True)
class ParsedEcr:
    """An ECR taken apart. `complete` is False where there is no final statement."""

    think: str
    statement: str
    complete: bool


def item_text(text: str, instruction: str = ITEM_INSTRUCTION) -> str:
    """The user's words about an item of the corpus.

    Args:
        text: the item's own text, "" if it has none.
        instruction: what the reasoner is asked to do.

    >>> item_text("a title")
    'a title\\nThink, then describe.'
    """
    return "\n".join(part for part in (text, instruction) if part)


def query_text(task_instruction: str, text: str, instruction: str = QUERY_INSTRUCTION) -> str:
    """The user's words about a query.

    Args:
        task_instruction: what kind of thing is searched for.
        text: the words of the query, "" if it is media alone.
        instruction: what the reasoner is asked to do.
    """
    return "\n".join(part for part in (task_instruction, text, instruction) if part)


def rewrite_text(query: str, ecr: str, instruction: str = REWRITE_INSTRUCTION) -> str:
    """The user's words for query-aware reasoning (QAR) over one candidate.

    The candidate comes first: its media and its ECR are then the same prefix for every query.
    """
    return f"Candidate: {plain(ecr)}\nQuery: {query}\n{instruction}"


def judged_query(text: str, ecr: str, has_media: bool) -> str:
    """What a judge or a rewriter reads of a query.

    A query of words alone stands for itself. One with media is read through its ECR: its pixels
    were looked at when that was written, and cost many times as much for each candidate.

    Args:
        text: the words of the query.
        ecr: of the query.
        has_media: whether it holds more than words.

    >>> judged_query("the one on the left", "<think>a red star</think>close up of a star", True)
    'the one on the left. a red star. close up of a star'
    """
    if not reads_ecr(text, has_media):
        return text
    return ". ".join(part for part in (text, plain(ecr)) if part)


def reads_ecr(text: str, has_media: bool) -> bool:
    """Whether `judged_query` holds the ECR of a query.

    Args:
        text: the words of the query.
        has_media: whether it holds more than words.
    """
    return has_media or not text


def judge_text(query: str, candidate: str, instruction: str = JUDGE_INSTRUCTION) -> str:
    """The user's words for judging one candidate; media of the candidate stand before them.

    The candidate comes first, so that every word of the query is read with it in sight.

    Args:
        query: see `judged_query`.
        candidate: its words or its ECR, without marks; "" where it is media alone.
        instruction: what is asked.

    >>> judge_text("a star", "a red star")
    'Candidate: a red star\\nQuery: a star\\nDoes it match?'
    """
    shown = f"Candidate: {candidate}" if candidate else ""
    return "\n".join(part for part in (shown, f"Query: {query}", instruction) if part)


def judge_messages(
    form: JudgeForm, query: Side, candidate: Side, instruction: str, system: str = ""
) -> list[dict[str, Any]]:
    """The conversation that a judge answers.

    Args:
        form: `plain` shows a query's words alone, and the candidate's media before all words;
            `qwen3-vl-reranker` shows the media of either where its words stand.
        query: see `judged_query`.
        candidate: its words or its ECR without marks, its media, or all of these.
        instruction: what is asked, or to the released model the task.
        system: the system message; "" takes that of the form.
    """
    if form == "plain":
        text = judge_text(query.text, candidate.text, instruction)
        return messages([user_message(text, candidate.images, candidate.videos)], system)
    told = {"type": "text", "text": f"<Instruct>: {instruction}"}
    content = [told, *_shown("<Query>:", query), *_shown("\n<Document>:", candidate)]
    return messages([{"role": "user", "content": content}], system or RERANKER_SYSTEM)


def _shown(name: str, side: Side) -> list[dict[str, Any]]:
    media: list[dict[str, Any]] = [{"type": "video"}] * side.videos
    media += [{"type": "image"}] * side.images
    words = side.text or ("" if media else "NULL")
    texts = [{"type": "text", "text": words}] if words else []
    return [{"type": "text", "text": name}, *media, *texts]


def user_message(text: str, images: int = 0, videos: int = 0) -> dict[str, Any]:
    """One user turn: media placeholders first, then the words."""
    media: list[dict[str, Any]] = [{"type": "image"}] * images + [{"type": "video"}] * videos
    return {"role": "user", "content": [*media, {"type": "text", "text": text}]}


def embed_suffix(ecr: str, end: str = "<|im_end|>") -> str:
    """What follows the assistant's opening when an embedder reads an item with its ECR.

    Args:
        ecr: the reasoning; "" embeds directly, from the opening's last token.
        end: the token that is pooled.
    """
    return f"{ecr}{end}" if ecr else ""


def place_ecr(text: str, ecr: str, turn: EcrTurn) -> tuple[str, str]:
    """Where an embedder reads an ECR: the user's words, and how the assistant's turn begins.

    Args:
        text: the user's words without the ECR.
        ecr: the reasoning; "" embeds directly.
        turn: `assistant` for embedders that were trained to think, then embed; `user` for embedders
            that pool the opened assistant's turn, to which an ECR is one more text of a document.

    >>> place_ecr("a title", "<think>a star</think>a flag", "assistant")
    ('a title', '<think>a star</think>a flag<|im_end|>')
    >>> place_ecr("a title", "<think>a star</think>a flag", "user")
    ('a title\\na star. a flag', '')
    """
    if turn == "assistant":
        return text, embed_suffix(ecr)
    return "\n".join(part for part in (text, plain(ecr)) if part), ""


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


def messages(turns: Sequence[Mapping[str, Any]], system: str = "") -> list[dict[str, Any]]:
    """A conversation, with a system turn in front if `system` is not empty."""
    opening = [{"role": "system", "content": system}] if system else []
    return [*opening, *(dict(t) for t in turns)]
