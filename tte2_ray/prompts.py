"""The words that the models read: one prompt for reasoning about an item, about a query, and about
an item with a query in hand; and the way an embedder reads what was reasoned.

Messages have the form that Hugging Face chat templates and vLLM's chat take; media are placeholders
in the order images, video. Reasoner and embedder read the same user turn; the embedder reads the
ECR as the assistant's turn or as part of the user's, and pools the last token (think, then embed).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tte2_ray.ecr import plain

EcrTurn = Literal["assistant", "user"]
"""Whose words an ECR is where it is embedded."""
JudgeForm = Literal["plain", "qwen3-vl-reranker"]
"""How a query and a candidate are put before a judge."""

PROMPT_VERSION: Final = "1"
"""Part of every ECR key: change it with any change of the words or their order below. That marks in
data are broken (`engines.neutral`) is none: words without marks are read as ever."""

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


def messages(turns: Sequence[Mapping[str, Any]], system: str = "") -> list[dict[str, Any]]:
    """A conversation, with a system turn in front if `system` is not empty."""
    opening = [{"role": "system", "content": system}] if system else []
    return [*opening, *(dict(t) for t in turns)]
