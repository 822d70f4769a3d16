"""Versions of media files: what is asked for, what is absent, and what ends planning."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.artifacts.conftest import items_of
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.media_versions import ABSENT, MediaVersions
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import (
    PrerequisiteError,
)
from tte2_ray.media import MediaLimits
from tte2_ray.media.limits import SCHEMES


def test_versions_of_what_is_absent_or_has_none(store: Store) -> None:
    store.put("a b.png", b"1")
    there, gone = store.uri("a b.png"), store.uri("gone.png")
    odd = ["https://host/x.png", "ftp://x/y", "s3://no-such-bucket-here/x", "s3://", "file:///\0"]
    if not store.root.startswith("s3"):
        odd = [uri for uri in odd if not uri.startswith("s3://no")]
    found = MediaVersions(MediaLimits(allowed_schemes=SCHEMES)).of([there, gone, there, *odd])
    assert found[there] not in ("", ABSENT)
    assert found.pop("https://host/x.png") == ""
    assert {uri for uri, version in found.items() if version == ABSENT} == {gone, *odd[1:]}


def test_what_the_limits_refuse_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = tmp_path / "in" / "a.png", tmp_path / "out" / "a.png"
    for path in (inside, outside):
        path.parent.mkdir()
        path.write_bytes(b"1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody answers: asking fails
    limits = MediaLimits(allowed_schemes=("file",), allowed_file_roots=(str(inside.parent),))
    found = MediaVersions(limits).of([str(inside), str(outside), "s3://bucket/a.png"])
    assert found.pop(str(inside)) != ABSENT
    assert set(found.values()) == {ABSENT}


def test_a_dead_s3_ends_planning_before_anything_is_written(
    s3_endpoint: str, disk_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = items_of(2, image_uris=("s3://bucket/a.png",))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(PrerequisiteError, match="cannot reach S3 at http"):
        freeze_plan(disk_store, "c", items, 4, versions=MediaVersions(MediaLimits()))
    assert list(disk_store.list()) == []


class _Refuser(BaseHTTPRequestHandler):
    """S3 as it refuses one object or our credentials: moto knows neither. HEAD has no body."""

    status, code = 400, "InvalidRequest"

    def do_HEAD(self) -> None:
        self._refuse(b"")

    def do_GET(self) -> None:
        self._refuse(f"<Error><Code>{self.code}</Code><Message>no</Message></Error>".encode())

    def _refuse(self, body: bytes) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def refuser(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refuser) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "InvalidRequest"), (403, "AccessDenied"), (400, "KMS.DisabledException")],
)
def test_an_object_that_is_refused_is_absent(
    refuser: None, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    monkeypatch.setattr(_Refuser, "status", status)
    monkeypatch.setattr(_Refuser, "code", code)
    uri = "s3://bucket/a.png"
    assert MediaVersions(MediaLimits()).of([uri]) == {uri: ABSENT}


@pytest.mark.parametrize(("status", "code"), [(400, "ExpiredToken"), (403, "InvalidAccessKeyId")])
def test_credentials_that_are_refused_end_planning(
    refuser: None, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    monkeypatch.setattr(_Refuser, "status", status)
    monkeypatch.setattr(_Refuser, "code", code)
    with pytest.raises(PrerequisiteError, match=f"{code}.*check the AWS credentials"):
        MediaVersions(MediaLimits()).of(["s3://bucket/a.png"])
