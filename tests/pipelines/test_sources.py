"""A corpus on S3 whose media lie on S3, on a web server and on disk, through the whole job."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from tests.media import files
from tests.media.web_server import Server, serving
from tests.pipelines.conftest import Configured, contents, run
from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.store import open_store
from tte2_ray.config import Loaded
from tte2_ray.pipelines.index.config import IndexConfig

PICTURE = files.encoded(files.picture(), "PNG")
EVERYTHING = (
    "failure_budget=1",
    "verify.max_tied_share=1",  # the same picture lies everywhere, and has the same vector
    "media.allowed_schemes=[file,s3,http]",
)
WIDENED = "media.allow_private_addresses=true"
"""The list that keeps a corpus from reaching the web server of these tests, which is on loopback;
`https` is on neither."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a moto server with a picture in it, in the standard AWS environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    name = f"b{uuid.uuid4().hex}"
    made = botocore.session.Session().create_client("s3")
    made.create_bucket(Bucket=name)
    made.put_object(Bucket=name, Key="corpus/pictures/1.png", Body=PICTURE)
    yield name
    server.stop()


@pytest.fixture
def web() -> Iterator[Server]:
    with serving() as server:
        server.bodies["/picture.png"] = PICTURE
        yield server


def manifest(bucket: str, web: Server, folder: Path) -> str:
    """Writes the manifest to S3; each row says in its id where its picture lies."""
    on_disk = folder / "picture.png"
    on_disk.write_bytes(PICTURE)
    uris = {
        "s3": f"s3://{bucket}/corpus/pictures/1.png",
        "beside the manifest": "pictures/1.png",
        "disk": on_disk.as_uri(),
        "http": f"{web.url}/picture.png",
        "nowhere on s3": f"s3://{bucket}/corpus/pictures/2.png",
        "nowhere on http": f"{web.url}/status/404",
        "https": f"{web.url.replace('http', 'https')}/picture.png",
    }
    rows = [json.dumps({"item_id": item_id, "image_uri": uri}) for item_id, uri in uris.items()]
    botocore.session.Session().create_client("s3").put_object(
        Bucket=bucket, Key="corpus/rows.jsonl", Body="\n".join(rows).encode()
    )
    return f"s3://{bucket}/corpus/rows.jsonl"


def letters(loaded: Loaded[IndexConfig], version: str) -> dict[str, tuple[str, str]]:
    """Class and message of each dead letter of a version, by item id."""
    store = open_store(loaded.config.store)
    keys = [key for key, _ in store.list(f"dead-letter/{loaded.config.index}-{version}")]
    found = list(read_dead_letters(store, keys))
    assert {letter.stage for letter in found} == {"decode"}
    return {letter.item_id: (letter.error_class, letter.message) for letter in found}


def rows(indexed: int, rejected: int) -> dict[str, int]:
    return {"in": indexed + rejected, "indexed": indexed, "unchanged": 0, "rejected": rejected}


def test_media_are_read_from_where_they_lie_as_far_as_the_lists_allow(
    configured: Configured, bucket: str, web: Server, tmp_path: Path
) -> None:
    source = manifest(bucket, web, tmp_path)
    kept_out = configured(f"corpus.path={source}", *EVERYTHING)
    first, said = run(kept_out)
    assert first["rows"] == rows(indexed=3, rejected=4), said
    assert first["rejected_by_class"] == {"not_found": 1, "uri_not_allowed": 3}
    refused = letters(kept_out, first["version"])
    assert "which is not a public address" in refused["http"][1]
    assert "scheme https is not in ['file', 's3', 'http']" in refused["https"][1]
    assert sorted(contents(kept_out)) == ["beside the manifest", "disk", "s3"]
    assert web.asked == [], "an address outside of the list is not even asked"

    widened = configured(f"corpus.path={source}", *EVERYTHING, WIDENED)
    second, said = run(widened, redrive=True)
    assert second["rows"] == rows(indexed=4, rejected=3), said
    assert second["rejected_by_class"] == {"not_found": 2, "uri_not_allowed": 1}
    assert _classes(letters(widened, second["version"])) == {
        "nowhere on s3": "not_found",
        "nowhere on http": "not_found",
        "https": "uri_not_allowed",
    }
    found = contents(widened)
    assert sorted(found) == ["beside the manifest", "disk", "http", "s3"]
    assert len({row["ecr"] for row in found.values()}) == 1, "one picture, wherever it was read"
    assert {path for path, _ in web.asked} == {"/picture.png", "/status/404"}


def _classes(found: dict[str, tuple[str, str]]) -> dict[str, Any]:
    return {item_id: error_class for item_id, (error_class, _) in found.items()}
