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

from tte2_ray.artifacts.s3_errors import retries_of, typed_errors
from tte2_ray.artifacts.s3_file import RangedReader
from tte2_ray.artifacts.store import ObjectStat, check_key, folder_prefix
from tte2_ray.errors import PrerequisiteError, RuntimeFailure
from tte2_ray.media.aws import NO_SUCH_OBJECT, Patience, error_code, http_status, s3_client

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
        next(hasty.list(".preflight"), None)
        if not write:
            return
        key = f".preflight/{uuid.uuid4().hex}"
        try:
            if not hasty.put_once(key, b"1") or hasty.put_once(key, b"2"):
                hint = "it ignores If-None-Match; use a server with conditional writes"
                raise PrerequisiteError(f"{self.root}: this S3 server overwrites; {hint}")
        finally:
            hasty.delete(key)

    def get(self, key: str) -> bytes:
        """The whole object."""
        return self._read(key)

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable file; each read asks for its range."""
        found = self._client_call("head_object", key)
        version = found["ETag"]

        def read_range(first: int, last: int) -> bytes:
            return self._read(key, Range=f"bytes={first}-{last}", IfMatch=version)

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

        name = {"Bucket": self._bucket, "Key": self._name(key)}
        with self._errors(key):
            try:
                found = self._client().head_object(**name)
            except ClientError as error:
                if error_code(error) in NO_SUCH_OBJECT:
                    return None
                if http_status(error) not in (400, 403):
                    raise
                # An answer to HEAD has no body that says whether the object is refused, or we are.
                found = self._client().get_object(**name)
                found["Body"].close()
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
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return typed_errors(f"{self.root}/{key}", endpoint or "AWS")

    def _client_call(self, operation: str, key: str, **request: Any) -> Any:
        with self._errors(key):
            method = getattr(self._client(), operation)
            return method(Bucket=self._bucket, Key=self._name(key), **request)

    def _read(self, key: str, **request: Any) -> bytes:
        from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError

        broken = (IncompleteReadError, ResponseStreamingError, HTTPClientError)
        with self._errors(key):
            for attempt in range(_ATTEMPTS):
                found = self._client().get_object(
                    Bucket=self._bucket, Key=self._name(key), **request
                )
                try:
                    return cast(bytes, found["Body"].read())
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
                    return retries_of(error) > 0 and self._wrote(name, writer)
                if http_status(error) != 409:
                    raise
                _pause(attempt)  # 409: another conditional put of this key is under way
        raise RuntimeFailure(f"s3://{self._bucket}/{name}: writers kept colliding; run again")

    def _wrote(self, name: str, writer: str) -> bool:
        # The first try may have arrived though its answer was lost: then the retry meets itself.
        found = self._client().head_object(Bucket=self._bucket, Key=name)
        return bool(found["Metadata"].get("writer") == writer)


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0.05, 0.2) * 2**attempt)
