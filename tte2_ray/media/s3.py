"""Reading S3, by default with botocore and the standard AWS environment."""

from collections.abc import Callable
from typing import BinaryIO, cast

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.aws import Patience, s3_client
from tte2_ray.media.bounded import TransientFetchError, one_line, read_bounded
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.uri import shown

OpenS3 = Callable[[str], BinaryIO]
"""Opens `s3://bucket/key` for reading; FileNotFoundError says that there is no such object."""

_ATTEMPTS = 2
"""Of botocore; `fetch` tries again by its own limits."""
_NO_SUCH_OBJECT = ("NoSuchKey", "NoSuchBucket", "404", "NotFound")


def fetch_s3(uri: str, limits: MediaLimits, open_s3: OpenS3 | None = None) -> bytes:
    """Reads an object whole.

    Args:
        uri: `s3://bucket/key`.
        limits: size bound and timeout.
        open_s3: opens it; botocore where None.

    Raises:
        RowError: `not_found`, `too_large`, `fetch_failed`.
    """
    # An injected opener may raise any client's errors: s3fs, botocore, pyarrow.
    try:
        with open_s3(uri) if open_s3 else _open(uri, limits.timeout_s) as file:
            return read_bounded(file, uri, limits)
    except RowError:
        raise
    except Exception as error:
        raise _row_error(error, uri) from error


def _open(uri: str, timeout_s: float) -> BinaryIO:
    bucket, _, key = uri[len("s3://") :].partition("/")
    patience = Patience(connect_timeout_s=timeout_s, read_timeout_s=timeout_s, attempts=_ATTEMPTS)
    return cast(BinaryIO, s3_client(patience).get_object(Bucket=bucket, Key=key)["Body"])


def _row_error(error: Exception, uri: str) -> RowError:
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else ""
    message = f"{shown(uri)}: {one_line(error)}"
    if code in _NO_SUCH_OBJECT or isinstance(error, FileNotFoundError):
        return RowError(RowErrorClass.NOT_FOUND, message)
    if code in ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch") or isinstance(
        error, PermissionError
    ):
        return RowError(RowErrorClass.FETCH_FAILED, message)
    return TransientFetchError(message)
