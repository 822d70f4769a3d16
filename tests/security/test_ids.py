"""Any id is data: in filters of the real embedded Milvus, in rows, and in keys on disk and S3."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.artifacts.conftest import disk_store, s3_endpoint, store  # noqa: F401 fixtures
from tests.milvus.conftest import (  # noqa: F401 fixtures
    DIMENSION,
    client,
    collection,
    config,
    index,
    row,
)
from tte2_ray.artifacts.store import MAX_KEY_PART_BYTES, Store, check_key, key_part, open_store
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.expressions import one_of, quoted
from tte2_ray.milvus.rows import to_entity
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.writer import Writer
from tte2_ray.schema import ITEM_ID_MAX_BYTES, check_item_id

KIB_64 = 64 * 1024
SIGNS = "\"'\\/%{}[]()=!<>|&;#$*?~.,:_- \n\r\t\v\f\b\x01\x1b\x7f\x85\u2028é漢😀"
WORDS = (
    '\\"', '"]', " or ", "item_id", "in [", "%2F", "..", "//", "\\u0022", "\\x22", "{item_ids}",
    "/*", "--", "true", "like", "\ufeff", "\u202e", "e\u0301", "\\\n",
)  # fmt: skip
signs = st.sampled_from([*SIGNS, *WORDS])
any_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)
any_id = st.one_of(st.lists(signs, min_size=1, max_size=40).map("".join), any_text).filter(
    lambda text: len(text.encode()) <= ITEM_ID_MAX_BYTES
)
long_text = st.builds(
    lambda piece, size: (piece * (size // len(piece) + 1))[:size],
    st.one_of(st.lists(signs, min_size=1, max_size=9).map("".join), any_text),
    st.integers(1, KIB_64),
)
here = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@here
@given(ids=st.lists(any_id, min_size=1, max_size=12, unique=True))
@example(ids=['"' * ITEM_ID_MAX_BYTES, "\\" * ITEM_ID_MAX_BYTES, "\\" * 511, "漢" * 170])
@example(ids=['a"', "a\\", 'a\\"', "a", "A", "a ", " a", "é", "e\u0301"])
def test_a_filter_finds_exactly_the_ids_that_it_names(
    config: MilvusConfig,  # noqa: F811 a fixture
    collection: str,  # noqa: F811 a fixture
    ids: list[str],
) -> None:
    vector = np.ones(DIMENSION)
    searcher = Searcher(config)
    wanted, others = ids[::2], ids[1::2]
    Writer(config, collection, dimension=DIMENSION).write([row(i, vector) for i in ids])
    for item_id in ids:
        assert list(searcher.fetch(collection, [item_id], output_fields=["shard"])) == [item_id]
    assert set(searcher.fetch(collection, wanted, output_fields=["shard"])) == set(wanted)
    assert set(searcher.fetch(collection, others, output_fields=["shard"])) == set(others)


@settings(here, max_examples=10)
@given(text=long_text.filter(lambda text: len(text.encode()) > ITEM_ID_MAX_BYTES))
@example(text='"] or item_id != ["' * (KIB_64 // 19))
@example(text="\\" * KIB_64)
@example(text="\\" * (KIB_64 - 1) + '"')
def test_an_id_that_is_too_long_reaches_no_row_and_finds_nothing(
    config: MilvusConfig,  # noqa: F811 a fixture
    collection: str,  # noqa: F811 a fixture
    text: str,
) -> None:
    vector = np.ones(DIMENSION)
    Writer(config, collection, dimension=DIMENSION).write([row("decoy", vector)])
    with pytest.raises(RowError) as caught:
        to_entity(row(text, vector), dimension=DIMENSION, metadata_fields=())
    assert caught.value.error_class is RowErrorClass.BAD_ID
    assert len(caught.value.message) < 500, "a message is for people"
    searcher = Searcher(config)
    assert searcher.fetch(collection, [text], output_fields=["shard"]) == {}
    assert list(searcher.fetch(collection, [text, "decoy"], output_fields=["shard"])) == ["decoy"]


@pytest.mark.parametrize("sign", ["\0", "\ud800"])
def test_an_id_that_is_no_text_is_told_in_short(sign: str) -> None:
    with pytest.raises(RowError) as caught:
        check_item_id(sign * KIB_64)
    assert caught.value.error_class is RowErrorClass.BAD_ID
    assert len(caught.value.message) < 500, "a message is for people"


@given(texts=st.lists(st.one_of(any_text, long_text), min_size=1, max_size=4))
@example(texts=["\0"])
@example(texts=[""])
def test_every_id_of_a_filter_is_one_literal(texts: list[str]) -> None:
    """Read as Milvus' grammar reads a string: a backslash takes the next sign with it."""
    assert literals(one_of(texts).removeprefix("item_id in [").removesuffix("]")) == texts
    assert all("\n" not in quoted(text) and "\r" not in quoted(text) for text in texts)


UNESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def literals(text: str) -> list[str]:
    """The strings of a list of them; fails on anything between but commas."""
    found, at = [], 0
    while at < len(text):
        assert text[at] == '"', f"at {at} stands {text[at : at + 9]!r}, and no literal"
        at, signs_ = at + 1, []
        while text[at] != '"':
            escaped = text[at] == "\\"
            signs_.append(UNESCAPED[text[at + 1]] if escaped else text[at])
            at += 2 if escaped else 1
        found.append("".join(signs_))
        at += 1
        assert text[at : at + 2] in ("", ", ")
        at += 2
    return found


names = st.one_of(st.lists(signs, max_size=30).map("".join), st.text(max_size=80), long_text)


@settings(max_examples=300, deadline=None)
@given(one=names, other=names)
@example(one="a/b", other="a%2Fb")
@example(one="", other="%")
@example(one=".", other="%2E")
@example(one="x" * KIB_64, other="x" * (KIB_64 - 1))
@example(one="é", other="é")
@example(one="\ud800", other="?")
def test_different_names_give_different_parts_of_keys(one: str, other: str) -> None:
    parts = key_part(one), key_part(other)
    assert (parts[0] == parts[1]) == (one == other)
    for part in parts:
        assert check_key(part) == part
        assert "/" not in part
        assert part.isascii()
        assert len(part) <= MAX_KEY_PART_BYTES
        assert not part.startswith(".")


@settings(here, max_examples=25)
@given(name=names)
@example(name="../" * 100)
@example(name="/etc/passwd")
@example(name="é" * (KIB_64 // 2))
@example(name="\0")
def test_what_is_stored_under_any_name_lies_in_its_folder(store: Store, name: str) -> None:  # noqa: F811
    key = f"ids/{key_part(name)}/row.json"
    store.put(key, b"1")
    assert (key, 1) in list(store.list("ids"))
    assert store.get(key) == b"1"
    store.delete(key)


def test_no_file_is_written_outside_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root" / "store"
    kept = open_store(str(root))
    hostile: list[Any] = ["../../x", "..", "/etc/x", "a/../../x", "~", "~/x", "$HOME", "a\0b", "\\"]
    for name in hostile:
        kept.put(f"ids/{key_part(name)}", b"1")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == len(hostile)
    assert all(path.is_relative_to(root / "ids") for path in files)
