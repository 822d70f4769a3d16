"""A file on the web that changed is done again, and no other. Ray is left out."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.media.web_server import Server, serving
from tests.pipelines.conftest import Configured, contents, run
from tests.pipelines.without_ray import leave_ray_out

ECR_TOKENS = 8
"""That the fake reasoner writes for an item."""
WEB = ("mode=incremental", "media.allowed_schemes=[http]", "media.allow_private_addresses=true")


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray: in the place of the fixture that starts it."""
    leave_ray_out(monkeypatch)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


def put(server: Server, path: str, grey: int) -> None:
    picture = io.BytesIO()
    Image.new("L", (64, 64), grey).save(picture, "PNG")
    server.bodies[path] = picture.getvalue()


def test_a_changed_file_on_the_web_is_done_again(
    configured: Configured, corpus: Path, server: Server
) -> None:
    paths = [f"/{n}.png" for n in range(10)]
    for n, path in enumerate(paths):
        put(server, path, n)
        server.headers[path] = {"ETag": '"1"'}
    del server.headers["/9.png"]
    rows = [{"item_id": path, "image_uri": server.url + path} for path in paths]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(configured(*WEB))
    before = contents(configured())

    put(server, "/3.png", 200)
    server.headers["/3.png"] = {"ETag": '"2"'}
    results, said = run(configured(*WEB))
    assert "0 new · 1 changed · 0 deleted · 9 as before" in said
    assert "1 with files of no known version" in said
    assert results["tokens_this_run"]["reason_output"] == ECR_TOKENS
    after = contents(configured())
    assert {name for name in after if after[name] != before[name]} == {"/3.png"}
    _, said = run(configured(*WEB))
    assert "nothing to do" in said
