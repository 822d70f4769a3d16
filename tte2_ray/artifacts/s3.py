"""A store in an S3 bucket, through botocore.

Why botocore: docs/decisions/0002-botocore-for-s3.md. Failed requests are sent again by botocore
("standard" mode: exponential, with jitter, bounded); bodies that break off are read again here.
"""

import io
import os
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from tte2_ray.artifacts.s3_errors import typed_errors
from tte2_ray.artifacts.s3_file import RangedReader
from tte2_ray.artifacts.store import ObjectStat, check_key, folder_prefix
from tte2_ray.errors import PrerequisiteError, RuntimeFailure
from tte2_ray.media.aws import NO_SUCH_OBJECT, Patience, error_code, http_status, s3_client
from tte2_ray.media.bounded import one_line

_ATTEMPTS = 5
_READ_BUFFER_BYTES = 1 << 20
_KEYS_PER_PAGE = 1000
_PATIENT = Patience(connect_timeout_s=10, read_timeout_s=60, attempts=_ATTEMPTS)
_HASTY = Patience(connect_timeout_s=3, read_timeout_s=5, attempts=2)


class S3Store:
    """Implements `Store` under a prefix of a bucket.

    Args:
        bucket: its name.
        prefix: without slashes at its ends; "" is the whole bucket.
    """

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._patience = _PATIENT

    def __reduce__(self) -> tuple[type["S3Store"], tuple[str, str]]:
        return (S3Store, (self._bucket, self._prefix.rstrip("/")))

    @property
    def root(self) -> str:
        """The `s3://` URI of the prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def check(self, *, write: bool = True) -> None:
        """Within seconds: read, write, and see a second conditional put refused."""
        hasty = S3Store(self._bucket, self._prefix.rstrip("/"))
        hasty._patience = _HASTY
        try:
            hasty._prove(write)
        except RuntimeFailure as error:
            said = one_line(error.__cause__ or error)
            hint = "check AWS_ENDPOINT_URL, and that what answers there is S3, and well"
            message = f"{self.root}: {_endpoint()} does not answer as S3 does ({said}); {hint}"
            raise PrerequisiteError(message) from error

    def get(self, key: str) -> bytes:
        """The whole object."""
        return self._read(key)

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable file; each read asks for its range."""
        with self._errors(key):
            found = self._head(self._name(key))
        version = found["ETag"]

        def read_range(first: int, last: int) -> bytes:
            wanted = {"Range": f"bytes={first}-{last}", "IfMatch": version}
            return self._read(key, last - first + 1, **wanted)

        raw = RangedReader(read_range, int(found["ContentLength"]))
        return cast(BinaryIO, io.BufferedReader(raw, _READ_BUFFER_BYTES))

    def put(self, key: str, data: bytes) -> None:
        """Write or replace the object; S3 does so atomically."""
        self._client_call("put_object", key, Body=data)

    def put_file(self, key: str, file: Path) -> None:
        """Write or replace the object by a file, up to the 5 GiB that S3 takes at once."""
        with file.open("rb") as body:
            self._client_call("put_object", key, Body=body)

    def put_once(self, key: str, data: bytes) -> bool:
        """Write the object unless the key is taken; whether this call wrote it."""
        writer = uuid.uuid4().hex
        with self._errors(key):
            return self._put_if_absent(self._name(key), data, writer)

    def stat(self, key: str) -> ObjectStat | None:
        """Size and ETag, or None where there is no such object."""
        from botocore.exceptions import ClientError

        with self._errors(key):
            try:
                found = self._head(self._name(key))
            except ClientError as error:
                if error_code(error) in NO_SUCH_OBJECT:
                    return None
                raise
        return ObjectStat(size=int(found["ContentLength"]), version=found["ETag"].strip('"'))

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return self.stat(key) is not None

    def list(self, prefix: str = "", *, shallow: bool = False) -> Iterator[tuple[str, int]]:
        """`(key, bytes)` under the folder `prefix`, in the order of the keys; pages of 1000."""
        pages = {
            "Bucket": self._bucket,
            "Prefix": self._prefix + folder_prefix(prefix),
            "PaginationConfig": {"PageSize": _KEYS_PER_PAGE},
            **({"Delimiter": "/"} if shallow else {}),
        }
        with self._errors(prefix):
            for page in self._client().get_paginator("list_objects_v2").paginate(**pages):
                for found in page.get("Contents", ()):
                    if not found["Key"].endswith("/"):  # a "folder" that some console made
                        yield found["Key"][len(self._prefix) :], int(found["Size"])

    def leftovers(self) -> Iterator[tuple[str, int]]:
        """Nothing: S3 shows no half object, and nothing is sent in parts."""
        yield from ()

    def delete(self, key: str) -> None:
        """Remove the object; no error where there is none."""
        self._client_call("delete_object", key)

    def uri(self, key: str) -> str:
        """The `s3://` URI of a key; not percent-encoded, as S3 tools have it."""
        return f"s3://{self._bucket}/{self._name(key)}"

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _client(self) -> Any:
        return s3_client(self._patience)

    def _errors(self, key: str) -> Any:
        return typed_errors(f"{self.root}/{key}", _endpoint())

    def _prove(self, write: bool) -> None:
        next(self.list(".preflight"), None)
        if not write:
            return
        key = f".preflight/{uuid.uuid4().hex}"
        overwrites = not self.put_once(key, b"1") or self.put_once(key, b"2")
        self.delete(key)
        if overwrites:
            hint = "it ignores If-None-Match; use a server with conditional writes"
            raise PrerequisiteError(f"{self.root}: this S3 server overwrites; {hint}")

    def _head(self, name: str) -> Any:
        """What is known of an object; an error says whether it is refused, or we are."""
        from botocore.exceptions import ClientError

        request = {"Bucket": self._bucket, "Key": name}
        try:
            return self._client().head_object(**request)
        except ClientError as error:
            if http_status(error) not in (400, 403):
                raise
        # An answer to HEAD has no body that says which.
        found = self._client().get_object(**request)
        found["Body"].close()
        return found

    def _client_call(self, operation: str, key: str, **request: Any) -> Any:
        with self._errors(key):
            method = getattr(self._client(), operation)
            return method(Bucket=self._bucket, Key=self._name(key), **request)

    def _read(self, key: str, length: int | None = None, **request: Any) -> bytes:
        """The body of an answer, of this `length`: no checksum covers a range."""
        from botocore import exceptions as boto

        broken = (boto.IncompleteReadError, boto.ResponseStreamingError, boto.HTTPClientError,
                  boto.FlexibleChecksumError)  # fmt: skip
        with self._errors(key):
            for attempt in range(_ATTEMPTS):
                found = self._client().get_object(
                    Bucket=self._bucket, Key=self._name(key), **request
                )
                try:
                    data = cast(bytes, found["Body"].read())
                    if length not in (None, len(data)):
                        raise boto.IncompleteReadError(
                            actual_bytes=len(data), expected_bytes=length
                        )
                    return data
                except broken:
                    if attempt == _ATTEMPTS - 1:
                        raise
                    _pause(attempt)
        raise AssertionError("unreachable")

    def _put_if_absent(self, name: str, data: bytes, writer: str) -> bool:
        from botocore.exceptions import ClientError

        for attempt in range(_ATTEMPTS):
            try:
                self._client().put_object(
                    Bucket=self._bucket,
                    Key=name,
                    Body=data,
                    IfNoneMatch="*",
                    Metadata={"writer": writer},
                )
                return True
            except ClientError as error:
                if http_status(error) == 412:
                    return self._wrote(name, writer)
                if http_status(error) != 409:
                    raise
                _pause(attempt)  # 409: another conditional put of this key is under way
        raise RuntimeFailure(f"s3://{self._bucket}/{name}: writers kept colliding; run again")

    def _wrote(self, name: str, writer: str) -> bool:
        from botocore.exceptions import ClientError

        # The request may have come twice, sent again as its answer was lost: then it meets itself.
        try:
            return bool(self._head(name)["Metadata"].get("writer") == writer)
        except ClientError as error:
            if error_code(error) in NO_SUCH_OBJECT:  # whoever had the key has deleted it since
                return False
            raise


def _endpoint() -> str:
    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return named or "AWS"


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0.05, 0.2) * 2**attempt)
