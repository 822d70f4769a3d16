"""A folder of files: each an item, its id the path within the folder, its type by the suffix.

A PDF is an item a page, `<path>#page=<n>`, counted from 1 as in PDF links. Hidden files (a name
that starts with a dot) are no items; files of other types are rejected rows.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from tte2_ray.artifacts.corpus.rows import CorpusRow, accept, reject
from tte2_ray.artifacts.store import ObjectRefusedError, Store, check_key
from tte2_ray.errors import ResourceMissingError, RowError, RowErrorClass
from tte2_ray.media.bounded import read_bounded
from tte2_ray.media.decode import count_pages
from tte2_ray.media.limits import MediaLimits

MAX_TEXT_BYTES = 4 * 1024 * 1024

_KINDS = {
    "image_uri": (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    "video_uri": (".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v"),
    "document_uri": (".pdf",),
    "text": (".txt", ".md"),
}


def is_media(key: str) -> bool:
    """Whether a file is an item by its suffix."""
    return bool(_kind(key))


def read_file(
    store: Store, key: str, size: int, limits: MediaLimits
) -> Iterator[tuple[str, CorpusRow]]:
    """Where, and what: the one item of a file, or as many as a PDF has pages.

    Args:
        store: the folder.
        key: path within it.
        size: bytes.
        limits: of a PDF: its bytes, its pages, and what it may cost to count them.

    Raises:
        PrerequisiteError, RuntimeFailure: the folder's store cannot be reached, or failed.
    """
    uri = f"{store.root}/{key}"
    try:
        _check_name(key)
        uri = store.uri(key)
        rows = _rows(store, key, size, limits)
    except RowError as error:
        yield uri, reject(uri, error, {"item_id": key, "uri": uri})
        return
    for row in rows:
        yield uri, accept(uri, row, lambda absolute: absolute)


def _kind(key: str) -> str:
    return next((k for k, suffixes in _KINDS.items() if key.lower().endswith(suffixes)), "")


def _check_name(key: str) -> None:
    try:
        check_key(key)
    except ValueError as error:
        hint = "rename the object, or name it in a manifest"
        message = f"the name of the object has an empty part or a NUL; {hint}"
        raise RowError(RowErrorClass.BAD_ID, message) from error


def _rows(store: Store, key: str, size: int, limits: MediaLimits) -> Iterable[dict[str, Any]]:
    """The rows of a file that was found to have some; those of a PDF are made one by one."""
    kind = _kind(key)
    if not kind:
        raise RowError(RowErrorClass.UNSUPPORTED_TYPE, "no picture, video, PDF or text by its name")
    if size == 0:
        message = "the file is empty, or is none: a pipe, a device, a link that leads nowhere"
        raise RowError(RowErrorClass.EMPTY_FILE, message)
    try:
        if kind == "text":
            return [{"item_id": key, "text": _text(store, key, size)}]
        if kind == "document_uri":
            return _pages(store.uri(key), key, _page_count(store, key, limits))
    except ResourceMissingError as error:
        raise RowError(RowErrorClass.NOT_FOUND, str(error)) from error
    except ObjectRefusedError as error:
        raise RowError(RowErrorClass.FETCH_FAILED, str(error)) from error
    return [{"item_id": key, kind: store.uri(key)}]


def _pages(uri: str, key: str, count: int) -> Iterator[dict[str, Any]]:
    for page in range(count):
        item_id = f"{key}#page={page + 1}"
        yield {"item_id": item_id, "document_uri": uri, "document_page": page}


def _text(store: Store, key: str, size: int) -> bytes:
    if size > MAX_TEXT_BYTES:
        raise RowError(RowErrorClass.TOO_LARGE, f"{size} bytes of text, at most {MAX_TEXT_BYTES}")
    return store.get(key).removeprefix(b"\xef\xbb\xbf")


def _page_count(store: Store, key: str, limits: MediaLimits) -> int:
    uri = store.uri(key)
    with store.open(key) as file:
        pages = count_pages(read_bounded(file, uri, limits), uri, limits)
    if pages < 1:
        raise RowError(RowErrorClass.NO_SUCH_PAGE, "the PDF has no pages")
    if pages > limits.max_pages:
        message = f"the PDF states {pages} pages, over max_pages {limits.max_pages}"
        raise RowError(RowErrorClass.TOO_LARGE, message)
    return pages
