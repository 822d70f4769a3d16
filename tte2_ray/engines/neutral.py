"""Marks of a model that stand in data are made ordinary text again, before a prompt is made of it.

A prompt is text, and a tokenizer reads the marks of its chat template wherever they stand: words of
an item that hold `<|im_end|>` would close the user's turn, and those that hold `<|image_pad|>` take
the place of a picture. What is a mark is asked of the model's own tokenizer and template. Each is
broken by a space behind its first sign, `< |im_end|>`, which a reader still recognises: a space is
text to every tokenizer, while some drop zero-width signs and would close the gap. Words without a
mark stay as they are, to the byte.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from tte2_ray.ecr import THINK_CLOSE, THINK_OPEN
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.prompts import messages, user_message

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ROUNDS: Final = 8
"""After which words in which the tokenizer still reads marks are refused."""
NAMED: Final = 5
"""Marks that a note names."""
# Processors of some models replace strings of this shape that no tokenizer knows.
_SHAPE: Final = r"<\|[^\s<>|]{1,64}\|>"
_BLANKS: Final = " \t\r\n\u2581"


class Marks:
    """The marks of one model, found in data and broken.

    Args:
        tokenizer: of transformers, fast or slow.
        placeholders: of media in its chat template.
    """

    def __init__(self, tokenizer: Any, placeholders: tuple[str, ...] = ()) -> None:
        self._tokenizer, self._backend = tokenizer, _own_backend(tokenizer)
        added = tokenizer.added_tokens_decoder.items()
        self._by_id = {i: t.content for i, t in added if is_mark(t.content, t.special)}
        special = (str(token) for token in tokenizer.all_special_tokens)
        strings = {*self._by_id.values(), *(s for s in special if is_mark(s, True)), *placeholders}
        longest_first = sorted(strings, key=lambda mark: (-len(mark), mark))
        self._exact = re.compile("|".join([*map(re.escape, longest_first), _SHAPE]))
        signs = {"<", *(mark.lstrip(_BLANKS)[0] for mark in strings)}
        self._first_sign = re.compile(f"[{re.escape(''.join(sorted(signs)))}]")

    def words(self, text: str, ours: str = "") -> str:
        """Data in which the tokenizer reads no mark.

        Args:
            text: words of an item, a query or a candidate, which may end with words of ours.
            ours: an instruction of the configuration: where it is the last of the words, its marks
                are meant, and stay.

        Raises:
            RowError: it still reads one, whatever is put between.
        """
        data, kept = _parted(text, ours)
        for _ in range(ROUNDS):
            before, data = data, self._broken(data)
            if data == before:
                return data + kept
        raise _refusal(data)

    def ecr(self, text: str) -> str:
        """An ECR whose thinking is still between its marks, and that holds no other.

        Args:
            text: as the reasoner wrote it, who may have copied what an item says.

        Raises:
            RowError: see `words`.
        """
        head, opened, rest = text.partition(THINK_OPEN)
        if not opened:
            head, rest = "", head
        think, closed, statement = rest.partition(THINK_CLOSE)
        return self.words(head) + opened + self.words(think) + closed + self.words(statement)

    def note(self, text: str, ours: str = "") -> str:
        """What is told of words that `words` changes, "" where it does not."""
        data, _ = _parted(text, ours)
        if not self._may_hold(data):
            return ""
        found = {*self._exact.findall(data), *(self._by_id[i] for i, *_ in self._read(data))}
        if not found:
            return ""
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        named = ", ".join(sorted(found)[:NAMED])
        return f"marks of the model in its words were read as text: {named}{more}"

    def _may_hold(self, text: str) -> bool:
        """Whether a mark may stand in it: most words are not worth tokenising twice."""
        return any(self._first_sign.search(each) for each in (text, self._normalised(text)))

    def _broken(self, text: str) -> str:
        if not self._may_hold(text):
            return text
        text = self._exact.sub(lambda found: _break(found.group()), text)
        for _, start, end in reversed(self._read(text)):
            text = text[:start] + _break(text[start:end]) + text[end:]
        return text

    def _read(self, text: str) -> list[tuple[int, int, int]]:
        """The marks that the tokenizer reads, as id, start and end: normalising may make some."""
        if self._backend is None:
            ids = self._tokenizer.encode(text, add_special_tokens=False)
            if self._by_id.keys() & set(ids) - {self._tokenizer.unk_token_id}:
                raise _refusal(text)
            return []
        read = self._backend.encode(text, add_special_tokens=False)
        spans = ((i, *span) for i, span in zip(read.ids, read.offsets, strict=True))
        return [each for each in spans if each[0] in self._by_id and self._is_meant(text, *each)]

    def _is_meant(self, text: str, token: int, start: int, end: int) -> bool:
        """Whether a mark was read, and no word that is unknown to the tokenizer."""
        unknown = token == self._tokenizer.unk_token_id
        return not unknown or self._by_id[token] in self._normalised(text[start:end])

    def _normalised(self, text: str) -> str:
        normalizer = None if self._backend is None else self._backend.normalizer
        return text if normalizer is None else normalizer.normalize_str(text)


@lru_cache(maxsize=8)
def marks_of(tokenizer: Any) -> Marks:
    """The marks of a model.

    Args:
        tokenizer: with the model's chat template.
    """
    return Marks(tokenizer, _placeholders(tokenizer))


def is_mark(content: str, special: bool) -> bool:
    """Whether an added token is a mark, and no word, blank or single sign.

    Args:
        content: of the token.
        special: as its tokenizer has it.

    >>> [is_mark(each, False) for each in ("<think>", "[IMG]", "yes", "C++", "...", "  ", "!")]
    [True, True, False, False, False, False, False]
    >>> is_mark("<|im_end|>", True), is_mark("PAD", True), is_mark("!", True)
    (True, True, False)
    """
    bare = content.strip(_BLANKS)
    if len(bare) < 2:  # it cannot be broken: some models pad with an exclamation mark
        return False
    if special:
        return True
    wrapped = not bare[0].isalnum() and not bare[-1].isalnum()
    return wrapped and any(sign.isalnum() for sign in bare)


def _own_backend(tokenizer: Any) -> "Tokenizer | None":
    """A copy: who shares it may set limits on what it reads. None of a slow tokenizer."""
    from tokenizers import Tokenizer

    shared = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(shared, Tokenizer):
        return None
    own = Tokenizer.from_str(shared.to_str())
    own.no_truncation()
    own.no_padding()
    return own


def _placeholders(tokenizer: Any) -> tuple[str, ...]:
    """What the chat template puts where a picture and a clip are: not all are added tokens."""
    from jinja2.exceptions import TemplateError

    bare = _rendered(tokenizer, 0, 0)
    found = set()
    for images, videos in ((1, 0), (0, 1)):
        try:
            shown = _rendered(tokenizer, images, videos)
        except TemplateError:  # of a model that takes no such media
            continue
        start = next((n for n, (a, b) in enumerate(zip(bare, shown, strict=False)) if a != b), 0)
        found.add(shown[start : start + len(shown) - len(bare)].strip())
    return tuple(sorted(mark for mark in found if is_mark(mark, True)))


def _rendered(tokenizer: Any, images: int, videos: int) -> str:
    turn = messages([user_message("word", images, videos)])
    text: str = tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    return text


def _parted(text: str, ours: str) -> tuple[str, str]:
    if ours and text == ours:
        return "", ours
    end = f"\n{ours}"
    return (text.removesuffix(end), end) if ours and text.endswith(end) else (text, "")


def _break(mark: str) -> str:
    at = len(mark) - len(mark.lstrip(_BLANKS)) + 1
    if at >= len(mark):
        raise _refusal(mark)
    return f"{mark[:at]} {mark[at:]}"


def _refusal(text: str) -> RowError:
    message = f"the model's tokenizer reads its own marks in these words: {text[:80]!r}"
    return RowError(RowErrorClass.ENGINE_REJECTED, f"{message}; take them out")
