"""Reading S3 with botocore and the standard AWS environment."""

from typing import BinaryIO, cast

from tte2_ray.errors import PrerequisiteError, RowError, RowErrorClass
from tte2_ray.media.aws import (
    NO_SUCH_BUCKET,
    NO_SUCH_OBJECT,
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
        PrerequisiteError: the environment names no S3 that could be asked.
    """
    # A body may break off with errors of botocore, urllib3 or the socket.
    try:
        with _open(uri, limits.timeout_s) as file:
            return read_bounded(file, uri, limits)
    except (RowError, PrerequisiteError):
        raise
    except Exception as error:
        raise _row_error(error, uri) from error


def _open(uri: str, timeout_s: float) -> BinaryIO:
    bucket, _, key = uri[len("s3://") :].partition("/")
    patience = Patience(connect_timeout_s=timeout_s, read_timeout_s=timeout_s, attempts=_ATTEMPTS)
    return cast(BinaryIO, s3_client(patience).get_object(Bucket=bucket, Key=key)["Body"])


def _row_error(error: Exception, uri: str) -> RowError:
    from botocore.exceptions import ClientError

    code = error_code(error) if isinstance(error, ClientError) else ""
    message = f"{shown(uri)}: {one_line(error)}"
    if code == NO_SUCH_BUCKET or code in NO_SUCH_OBJECT:
        return RowError(RowErrorClass.NOT_FOUND, message)
    if is_refusal(code):
        return RowError(RowErrorClass.FETCH_FAILED, message)
    return TransientFetchError(message)
