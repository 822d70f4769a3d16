"""The bytes of one file, from disk, S3 or http, never more of them than allowed."""

import errno
import os
import stat
import time
from collections.abc import Callable
from typing import TypeVar

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.bounded import TransientFetchError, check_size, read_bounded
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.s3 import fetch_s3
from tte2_ray.media.uri import locate, shown
from tte2_ray.media.web import fetch_http, version_http

T = TypeVar("T")

_BACKOFF_S = 0.2
_OF_KERNEL = ("/proc", "/sys")
"""Environments and open files of processes lie there, this one's among them."""
_NO_SUCH_PATH = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


def fetch(uri: str, limits: MediaLimits) -> bytes:
    """Reads a file whole.

    Args:
        uri: `file:` URI, plain path, `s3://bucket/key`, or an http(s) URL.
        limits: which of them are allowed, and how large a file may be.

    Raises:
        RowError: `uri_not_allowed`, `malformed_row`, `not_found`, `fetch_failed`, `too_large`,
            `empty_file`, or `unsupported_type` for what is no regular file.
        PrerequisiteError: the environment names no S3 that could be asked, or S3 does not take our
            credentials.
    """
    location = locate(uri, limits)
    if location.scheme == "file":
        data = _read_local(location.target, uri, limits)
    elif location.scheme == "s3":
        data = _retried(lambda: fetch_s3(location.target, limits), limits)
    else:
        data = _retried(lambda: fetch_http(location.target, limits), limits)
    if not data:
        raise RowError(RowErrorClass.EMPTY_FILE, f"{shown(uri)} has zero bytes")
    return data


def version_on_web(uri: str, limits: MediaLimits) -> str:
    """What the server of a file tells of its version; nothing is downloaded.

    Args:
        uri: an http(s) URL.
        limits: as `fetch` takes them; the server is asked under the same ones.

    Returns:
        See `version_http`; "" where the server tells nothing.

    Raises:
        RowError: `uri_not_allowed`, `malformed_row`, `not_found`, `fetch_failed`; the last as a
            `TransientFetchError` where the server did not answer.
    """
    location = locate(uri, limits)
    return _retried(lambda: version_http(location.target, limits), limits)


def _retried(read: Callable[[], T], limits: MediaLimits) -> T:
    for attempt in range(limits.fetch_attempts - 1):
        try:
            return read()
        except TransientFetchError:
            time.sleep(_BACKOFF_S * 2**attempt)
    return read()


def _read_local(path: str, uri: str, limits: MediaLimits) -> bytes:
    try:
        real = allowed_path(path, uri, limits)
        with open(_open_regular(real, uri, limits), "rb") as file:
            _check_opened(file.fileno(), uri, limits)
            return read_bounded(file, uri, limits)
    except UnicodeEncodeError as error:
        raise RowError(
            RowErrorClass.MALFORMED_ROW, f"{shown(uri)!r} is no file name: {error.reason}"
        ) from error
    except OSError as error:
        missing = error.errno in _NO_SUCH_PATH
        error_class = RowErrorClass.NOT_FOUND if missing else RowErrorClass.FETCH_FAILED
        raise RowError(error_class, f"{shown(uri)}: {error.strerror}") from error


def _open_regular(real: str, uri: str, limits: MediaLimits) -> int:
    """A descriptor of a regular file that is small enough."""
    # NONBLOCK: opening a named pipe would wait for a writer; NOFOLLOW: `real` was checked.
    descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size <= limits.max_bytes:
        return descriptor
    os.close(descriptor)
    check_size(status.st_size, uri, limits)
    raise RowError(RowErrorClass.UNSUPPORTED_TYPE, f"{shown(uri)} is no regular file")


def _check_opened(descriptor: int, uri: str, limits: MediaLimits) -> None:
    """A folder on the way may have become a link after the path was checked."""
    if os.path.exists(link := f"/proc/self/fd/{descriptor}"):
        allowed_path(link, uri, limits)


def allowed_path(path: str, uri: str, limits: MediaLimits) -> str:
    """A local path with its symbolic links resolved.

    Raises:
        RowError: `uri_not_allowed`, it lies outside `allowed_file_roots`, or where the kernel
            shows processes and devices as files.
    """
    real = os.path.realpath(path)
    roots = [os.path.realpath(os.path.expanduser(root)) for root in limits.allowed_file_roots]
    if roots and not any(_lies_in(root, real) for root in roots):
        raise RowError(
            RowErrorClass.URI_NOT_ALLOWED,
            f"{shown(uri)} lies outside allowed_file_roots {list(limits.allowed_file_roots)}",
        )
    if any(_lies_in(folder, real) for folder in _OF_KERNEL):
        message = f"{shown(uri)} is no data: it lies in one of {list(_OF_KERNEL)}"
        raise RowError(RowErrorClass.URI_NOT_ALLOWED, message)
    return real


def _lies_in(folder: str, real: str) -> bool:
    return os.path.commonpath([folder, real]) == folder
