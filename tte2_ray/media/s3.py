"""Reading S3 with botocore and the standard AWS environment."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import BinaryIO, cast

from tte2_ray.errors import PrerequisiteError, RowError, RowErrorClass
from tte2_ray.media.aws import (
    NO_SUCH_BUCKET,
    NO_SUCH_OBJECT,
    WE_ARE_REFUSED,
    Patience,
    error_code,
    is_refusal,
    s3_client,
)
from tte2_ray.media.bounded import TransientFetchError, one_line, read_bounded
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.uri import shown

_ATTEMPTS = 2
"""Of botocore; `fetch` tries again by its own limits."""


def fetch_s3(uri: str, limits: MediaLimits) -> bytes:
    """Reads an object whole.

    Args:
        uri: `s3://bucket/key`.
        limits: size bound and timeout.

    Raises:
        RowError: `not_found`, `too_large`, `fetch_failed`.
        PrerequisiteError: the environment names no S3 that could be asked, or S3 does not take our
            credentials: that is no fault of the row, and every other would meet it.
    """
    # A body may break off with errors of botocore, urllib3 or the socket.
    try:
        # Not `with body`: that enters the stream within, which knows no length and no checksum.
        with closing(_open(uri, limits.timeout_s)) as body, _cut_off(body, limits.timeout_s):
            return read_bounded(body, uri, limits)
    except (RowError, PrerequisiteError):
        raise
    except Exception as error:
        raise _typed(error, uri) from error


def _open(uri: str, timeout_s: float) -> BinaryIO:
    bucket, _, key = uri[len("s3://") :].partition("/")
    patience = Patience(connect_timeout_s=timeout_s, read_timeout_s=timeout_s, attempts=_ATTEMPTS)
    return cast(BinaryIO, s3_client(patience).get_object(Bucket=bucket, Key=key)["Body"])


@contextmanager
def _cut_off(body: BinaryIO, timeout_s: float) -> Iterator[None]:
    """Ends a body that trickles: the timeout of the socket begins anew with each byte."""
    expired = threading.Event()

    def cut() -> None:
        expired.set()
        with suppress(ValueError, RuntimeError, OSError):  # it was read to its end meanwhile
            body._raw_stream.shutdown()  # type: ignore[attr-defined]  # botocore has no other way

    timer = threading.Timer(timeout_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if expired.is_set():
            raise TimeoutError(f"the object was not complete within timeout_s {timeout_s}")


def _typed(error: Exception, uri: str) -> RowError | PrerequisiteError:
    from botocore.exceptions import ClientError, NoCredentialsError

    code = error_code(error) if isinstance(error, ClientError) else ""
    message = f"{shown(uri)}: {one_line(error)}"
    if code in WE_ARE_REFUSED or isinstance(error, NoCredentialsError):
        hint = "check the AWS credentials; the same command goes on from what is done"
        return PrerequisiteError(f"{shown(uri)}: S3 refused ({one_line(error)}); {hint}")
    if code == NO_SUCH_BUCKET or code in NO_SUCH_OBJECT:
        return RowError(RowErrorClass.NOT_FOUND, message)
    if is_refusal(code):
        return RowError(RowErrorClass.FETCH_FAILED, message)
    return TransientFetchError(message)
