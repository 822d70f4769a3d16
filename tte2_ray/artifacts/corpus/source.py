"""Where a corpus lies: which store, which objects, which format."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import fsencode
from posixpath import dirname, join, normpath
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from tte2_ray.artifacts.corpus.files import is_media
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.errors import ConfigError, ResourceMissingError, RowError, RowErrorClass
from tte2_ray.media.uri import is_uri

CorpusFormat = Literal["auto", "parquet", "jsonl", "files"]

_SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonl.gz": "jsonl",
    ".ndjson.gz": "jsonl",
}
_ABOUT = ("readme", "license", "licence", "notice", "citation", "changelog")
"""Texts beside a manifest that are about it, and no items."""
_Keys = Callable[[], Iterator[tuple[str, int]]]
_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True, kw_only=True)
class CorpusSource:
    """The objects of a corpus; listed on demand, for a folder may hold millions."""

    format: Literal["parquet", "jsonl", "files"]
    store: Store
    keys: _Keys
    """`(key, bytes)` in the order of the keys."""


def locate(
    source: str, corpus_format: CorpusFormat = "auto", *, what: str = "corpus"
) -> CorpusSource:
    """Find a corpus.

    Args:
        source: a file, a folder, or a pattern (`*` within a folder, `**` across), local or s3://.
        corpus_format: "auto" goes by the suffix of a file. A folder with manifests (Parquet or
            JSONL) at its top, or whose first file is a Parquet file in `name=value/`, is those
            manifests, unless media files lie in it, too; any other folder is files, each an item.
        what: it is, for messages.

    Raises:
        ResourceMissingError: nothing is there.
        ConfigError: the format cannot be told: by a name, or of a folder with both manifests and
            media files, of which either could be meant.
    """
    root = open_store(source.rstrip("/") or source).root
    named = f"{what} {source}"
    head, name = _split(root)
    store = open_store(head)
    if name and (found := store.stat(name)):
        one = [(name, found.size)]
        return _of_keys(store, lambda: iter(one), corpus_format, named)
    if _WILDCARD.search(source):
        return _of_pattern(root, corpus_format, named)
    return _of_folder(open_store(root), corpus_format, named)


def names_one_file(source: str) -> bool:
    """Whether a source is a file itself, and neither a folder nor a pattern."""
    head, name = _split(open_store(source.rstrip("/") or source).root)
    return bool(name) and open_store(head).stat(name) is not None


def locate_file(source: str, what: str) -> CorpusSource:
    """Find one file, whatever its name says of it.

    Args:
        source: its path, local or s3://.
        what: it is, for messages.

    Raises:
        ResourceMissingError: there is none.
    """
    if not names_one_file(source):
        raise ResourceMissingError(f"{what} {source}: there is no such file")
    return locate(source, "files", what=what)


def format_of(key: str) -> str:
    """The format of a manifest by its name: parquet, jsonl, or "" for none."""
    name = key.rpartition("/")[2].lower()
    return next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), "")


def resolver(manifest_uri: str) -> Callable[[str], str]:
    """What makes the URIs of a manifest absolute: relative ones start at its folder.

    >>> resolver("s3://b/c/rows.jsonl")("pictures/1.png")
    's3://b/c/pictures/1.png'
    >>> resolver("file:///c/rows.jsonl")("../my pictures/1.png")
    'file:///my%20pictures/1.png'
    """
    if manifest_uri.startswith("s3://"):
        bucket, _, key = manifest_uri[len("s3://") :].partition("/")
        return lambda uri: _resolve_s3(bucket, dirname(key), uri)
    folder = dirname(unquote(urlsplit(manifest_uri).path, errors="surrogateescape"))
    return lambda uri: uri if is_uri(uri) else _file_uri(join(folder, uri))


def _resolve_s3(bucket: str, folder: str, uri: str) -> str:
    if is_uri(uri):
        return uri
    if uri.startswith("/"):
        return _file_uri(uri)
    key = normpath(f"{folder}/{uri}").lstrip("/")
    if key.startswith(".."):
        raise RowError(RowErrorClass.MALFORMED_ROW, f"{uri[:200]!r} leaves the bucket {bucket}")
    return f"s3://{bucket}/{key}"


def _file_uri(path: str) -> str:
    # As Path.as_uri() has it, at a fifth of its cost.
    return "file://" + quote(fsencode(normpath(path)))


def _split(root: str) -> tuple[str, str]:
    head, _, name = root.rpartition("/")
    if (root.startswith("s3://") and root.count("/") == 2) or name in (".", ".."):
        return root, ""
    return head or "/", name


def _of_pattern(root: str, corpus_format: CorpusFormat, named: str) -> CorpusSource:
    fixed = root[: _WILDCARD.search(root).start()].rpartition("/")[0]  # type: ignore[union-attr]
    pattern = _translate(root[len(fixed) + 1 :])
    store = open_store(fixed or "/")

    def matching() -> Iterator[tuple[str, int]]:
        shallow = "/" not in root[len(fixed) + 1 :] and "**" not in root
        return ((k, size) for k, size in store.list(shallow=shallow) if pattern.fullmatch(k))

    return _of_keys(store, matching, corpus_format, named)


def _of_folder(store: Store, corpus_format: CorpusFormat, named: str) -> CorpusSource:
    if corpus_format == "files":
        return CorpusSource(format="files", store=store, keys=lambda: _visible(store))
    first = next(_visible(store), None)
    if first is None:
        raise ResourceMissingError(f"{named}: there is no such file, or it is empty")
    top = [found for found in _visible(store, shallow=True) if format_of(found[0])]
    if not top and "=" in first[0].rpartition("/")[0] and format_of(first[0]):
        top = [found for found in _visible(store) if format_of(found[0])]
    if corpus_format != "auto":
        top = [found for found in top if format_of(found[0]) == corpus_format]
    elif top:
        _require_no_media(store, top[0][0], named)
    if top or corpus_format != "auto":
        return _of_keys(store, lambda: iter(top), corpus_format, named)
    return CorpusSource(format="files", store=store, keys=lambda: _visible(store))


def _require_no_media(store: Store, manifest: str, named: str) -> None:
    """A folder of both could mean either; which one is left out must not be guessed."""
    media = (key for key, _ in _visible(store) if is_media(key) and not _is_about(key))
    found = next(media, None)
    if found is None:
        return
    folder, kind = named.partition(" ")[2].rstrip("/"), format_of(manifest)
    raise ConfigError(
        f"{named} holds a manifest, {manifest}, and media files, {found} among them: to "
        f"index the rows of the manifest, name it: corpus.path={folder}/{manifest} (with others of "
        f"its kind: corpus.format={kind}); to index every file: corpus.format=files"
    )


def _is_about(key: str) -> bool:
    name = key.rpartition("/")[2].lower()
    return name.startswith(_ABOUT) and name.endswith((".txt", ".md"))


def _of_keys(store: Store, keys: _Keys, corpus_format: CorpusFormat, named: str) -> CorpusSource:
    if corpus_format == "auto":
        formats = {format_of(key) or ("files" if is_media(key) else "") for key, _ in keys()}
    else:
        formats = {corpus_format} if next(keys(), None) else set()
    if not formats:
        raise ResourceMissingError(f"{named}: no file matches")
    if formats <= {"files", ""} and "files" in formats:
        return CorpusSource(format="files", store=store, keys=keys)
    if formats == {"parquet"}:
        return CorpusSource(format="parquet", store=store, keys=keys)
    if formats == {"jsonl"}:
        return CorpusSource(format="jsonl", store=store, keys=keys)
    if formats == {""}:
        raise ConfigError(f"{named}: its name does not tell the format; say which it is")
    raise ConfigError(f"{named}: Parquet, JSONL or other files lie side by side; name one")


def _visible(store: Store, *, shallow: bool = False) -> Iterator[tuple[str, int]]:
    for key, size in store.list(shallow=shallow):
        if not any(part.startswith(".") for part in key.split("/")):
            yield key, size


def _translate(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression: `*` and `?` stay within a folder, `**` does not."""
    pieces = re.split(r"(\*\*/?|\*|\?|\[[^\]]+\])", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(
        "".join(
            known.get(piece, piece.replace("[!", "[^", 1) if piece[:1] == "[" else re.escape(piece))
            for piece in pieces
        )
    )
