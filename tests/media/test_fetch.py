"""Where bytes may come from: local paths and S3."""

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.media.conftest import Write
from tte2_ray.errors import PrerequisiteError, RowError, RowErrorClass
from tte2_ray.media import MediaLimits
from tte2_ray.media import s3 as s3_module
from tte2_ray.media.fetch import fetch
from tte2_ray.media.uri import shown


def refused(uri: str, **changes: object) -> RowErrorClass:
    with pytest.raises(RowError) as caught:
        fetch(uri, MediaLimits(**changes))  # type: ignore[arg-type]
    return caught.value.error_class


@pytest.mark.parametrize(
    "name", ["plain.png", "with space.png", "grüße 日本.png", "100%.png", "a%20b.png", "q?x#y.png"]
)
def test_paths_and_file_uris(write: Write, limits: MediaLimits, name: str) -> None:
    path = Path(write(name, name.encode()))
    for uri in (
        str(path),
        path.as_uri(),
        f"file:{path.as_uri()[7:]}",
        f"FILE://localhost{path.as_uri()[7:]}",
    ):
        assert fetch(uri, limits) == name.encode()


def test_unencoded_file_uris(write: Write, limits: MediaLimits) -> None:
    path = write("grüße 1?#.png", b"x")
    assert fetch(f"file://{path}", limits) == b"x"


def test_a_file_that_is_not_there(tmp_path: Path, write: Write) -> None:
    file = write("a", b"x")
    for path in (tmp_path / "none.png", Path(file) / "below", tmp_path / ("n" * 300)):
        assert refused(str(path)) is RowErrorClass.NOT_FOUND
        assert refused(path.as_uri()) is RowErrorClass.NOT_FOUND


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(str(tmp_path)) is RowErrorClass.UNSUPPORTED_TYPE
    assert refused(str(tmp_path / "pipe")) is RowErrorClass.UNSUPPORTED_TYPE
    assert refused("/dev/zero") is RowErrorClass.UNSUPPORTED_TYPE


@pytest.mark.parametrize(
    ("uri", "error_class"),
    [
        ("", RowErrorClass.MALFORMED_ROW),
        ("a\0b", RowErrorClass.MALFORMED_ROW),
        ("file:///a%00b", RowErrorClass.MALFORMED_ROW),
        ("a\ud800b", RowErrorClass.MALFORMED_ROW),
        ("s3://bucket", RowErrorClass.MALFORMED_ROW),
        ("s3:///key", RowErrorClass.MALFORMED_ROW),
        ("file://host/a", RowErrorClass.URI_NOT_ALLOWED),
        ("ftp://host/a", RowErrorClass.URI_NOT_ALLOWED),
        ("gopher://host/a", RowErrorClass.URI_NOT_ALLOWED),
        ("data:image/png;base64,iVBORw0KGgo=", RowErrorClass.URI_NOT_ALLOWED),
        ("gs:bucket/a", RowErrorClass.URI_NOT_ALLOWED),
        ("http:/a", RowErrorClass.URI_NOT_ALLOWED),
        ("http://example.com/a", RowErrorClass.URI_NOT_ALLOWED),
        ("https://example.com/a", RowErrorClass.URI_NOT_ALLOWED),
    ],
)
def test_uris_that_are_refused(uri: str, error_class: RowErrorClass) -> None:
    assert refused(uri) is error_class


def test_schemes_left_out_of_the_list(write: Write) -> None:
    path = write("a", b"x")
    assert refused(path, allowed_schemes=("s3",)) is RowErrorClass.URI_NOT_ALLOWED
    uri = "s3://bucket/key"
    assert refused(uri, allowed_schemes=("file",)) is RowErrorClass.URI_NOT_ALLOWED


def test_roots_hold_after_dots_and_links(tmp_path: Path, write: Write) -> None:
    inside, outside = write("data/a", b"in"), write("secret/b", b"out")
    roots = (str(tmp_path / "data"),)
    limits = MediaLimits(allowed_file_roots=roots)
    assert fetch(inside, limits) == b"in"
    (tmp_path / "data" / "link").symlink_to(outside)
    (tmp_path / "data" / "folder").symlink_to(tmp_path / "secret")
    (tmp_path / "alias").symlink_to(tmp_path / "data")
    (tmp_path / "data2").mkdir()
    write("data2/c", b"x")
    escapes = ["data/../secret/b", "data/link", "data/folder/b", "data2/c", "data/../data2/c"]
    for escape in escapes:
        path = f"{tmp_path}/{escape}"
        assert refused(path, allowed_file_roots=roots) is RowErrorClass.URI_NOT_ALLOWED
    encoded = f"file://{tmp_path}/data/%2e%2e/secret/b"
    assert refused(encoded, allowed_file_roots=roots) is RowErrorClass.URI_NOT_ALLOWED
    assert fetch(f"{tmp_path}/alias/a", limits) == b"in"
    assert fetch(f"{tmp_path}/alias/a", MediaLimits(allowed_file_roots=(f"{tmp_path}/alias/",)))


def test_roots_may_lie_in_the_home_folder(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = write("d/a", b"in"), write("b", b"out")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch(inside, MediaLimits(allowed_file_roots=("~/d",))) == b"in"
    assert refused(outside, allowed_file_roots=("~/d",)) is RowErrorClass.URI_NOT_ALLOWED


def test_a_scheme_without_slashes_hides_its_query_too() -> None:
    assert shown("https:/host/a.png?X-Amz-Signature=secret") == "https:/host/a.png?…"


def test_size_bounds(write: Write) -> None:
    path = write("a", b"x" * 100)
    assert len(fetch(path, MediaLimits(max_bytes=100))) == 100
    assert refused(path, max_bytes=99) is RowErrorClass.TOO_LARGE
    assert refused(write("b", b"")) is RowErrorClass.EMPTY_FILE


class Bucket:
    """Stands for S3 where it answers as moto cannot: in turn with these errors, then with a body.

    Args:
        errors: raised by one call after the other.
    """

    def __init__(self, *errors: Exception) -> None:
        self._errors = iter(errors)
        self.calls = 0

    def __call__(self, uri: str, timeout_s: float) -> BinaryIO:
        self.calls += 1
        for error in self._errors:
            raise error
        return BytesIO(b"x")


def test_failures_that_may_pass_are_tried_again(
    limits: MediaLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    reset = ConnectionResetError("reset by peer")
    monkeypatch.setattr(s3_module, "_open", bucket := Bucket(reset, reset))
    assert fetch("s3://bucket/key", limits) == b"x"
    assert bucket.calls == 3
    monkeypatch.setattr(s3_module, "_open", Bucket(reset, reset))
    assert refused("s3://bucket/key", fetch_attempts=2) is RowErrorClass.FETCH_FAILED


@pytest.mark.parametrize(
    ("code", "error_class", "calls"),
    [
        ("NoSuchBucket", RowErrorClass.NOT_FOUND, 1),
        ("AccessDenied", RowErrorClass.FETCH_FAILED, 1),
        ("KMS.DisabledException", RowErrorClass.FETCH_FAILED, 1),
        ("PermanentRedirect", RowErrorClass.FETCH_FAILED, 1),
        ("SlowDown", RowErrorClass.FETCH_FAILED, 3),
    ],
)
def test_a_refusal_is_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, code: str, error_class: RowErrorClass, calls: int
) -> None:
    from botocore.exceptions import ClientError

    answer = ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")
    monkeypatch.setattr(s3_module, "_open", bucket := Bucket(*[answer] * 9))
    assert refused("s3://bucket/key") is error_class
    assert bucket.calls == calls


def test_an_endpoint_that_is_no_url_is_no_error_of_a_row(
    limits: MediaLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "minio:9000")
    with pytest.raises(PrerequisiteError, match="AWS_ENDPOINT_URL"):
        fetch("s3://bucket/key", limits)


def test_messages_carry_no_secrets() -> None:
    assert shown("https://me:word@host/a?sig=1") == "https://…@host/a?…"
    assert "\n" not in shown("/a\nb")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server with one object, reached through the AWS environment as on a cluster."""
    import botocore.session
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    made = botocore.session.get_session().create_client("s3")
    made.create_bucket(Bucket="bucket")
    for key, body in {"folder/grüße 1.bin": b"x" * 100, "a b%20c.png": b"y", "empty": b""}.items():
        made.put_object(Bucket="bucket", Key=key, Body=body)
    yield "s3://bucket"
    server.stop()


def test_s3(s3: str, limits: MediaLimits) -> None:
    uri = f"{s3}/folder/grüße 1.bin"
    assert fetch(uri, limits) == b"x" * 100
    assert fetch(f"{s3}/a b%20c.png", limits) == b"y", "a key is not percent-encoded"
    assert refused(uri, max_bytes=99) is RowErrorClass.TOO_LARGE
    assert refused(f"{s3}/empty") is RowErrorClass.EMPTY_FILE
    assert refused(f"{s3}/none") is RowErrorClass.NOT_FOUND
    assert refused("s3://nobucket/none") is RowErrorClass.NOT_FOUND


def test_s3_server_that_is_gone(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert refused(f"{s3}/empty", fetch_attempts=1) is RowErrorClass.FETCH_FAILED
