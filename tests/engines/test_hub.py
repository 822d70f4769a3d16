"""A name on the hub, asked for on a double of the hub: its protocol on a local server."""

import json
import shutil
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tte2_ray.engines import resolve_model
from tte2_ray.engines.hub import hub_folder
from tte2_ray.engines.models import read_config
from tte2_ray.errors import ResourceMissingError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BODY = json.dumps({"text_config": {"hidden_size": 96}}).encode()
REFUSALS = {  # what the hub says, in the header that its client reads
    "/Some/Gated": (403, "GatedRepo"),
    "/Some/Private": (401, "RepoNotFound"),
    "/Some/Broken": (500, ""),
}


class Hub(BaseHTTPRequestHandler):
    """A double of the hub: it has one model at one commit, and refuses all else."""

    def do_GET(self) -> None:
        path = self.path
        if path == f"/Some/Model/resolve/{COMMIT}/config.json":
            self._answer(200, {"ETag": '"abc"', "X-Repo-Commit": COMMIT}, BODY)
        elif path.startswith("/Some/Model/"):
            self._answer(404, {"X-Error-Code": "RevisionNotFound"})
        else:
            known = (REFUSALS[name] for name in REFUSALS if path.startswith(name))
            status, code = next(known, (404, "RepoNotFound"))
            self._answer(status, {"X-Error-Code": code} if code else {})

    do_HEAD = do_GET

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def online(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    # The client reads both from the environment once, when it is imported.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    online(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("hub")
def test_a_model_that_is_there_says_what_it_is() -> None:
    assert read_config(hub_folder("Some/Model", COMMIT))["text_config"] == {"hidden_size": 96}


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("model", "revision", "message"),
    [
        ("Some/Model", "f" * 40, "is not on the hub, or not for this HF_TOKEN"),
        ("Some/Mdoel", COMMIT, "is not on the hub, or not for this HF_TOKEN"),
        ("Some/Private", COMMIT, "is not on the hub, or not for this HF_TOKEN"),
        ("Some/Gated", COMMIT, "accept its terms and set HF_TOKEN"),
        ("Some/Broken", COMMIT, "the hub refuses"),
        ("no name at all", COMMIT, "neither a folder nor a name on the hub"),
    ],
)
def test_one_that_cannot_be_had_is_a_missing_resource(
    model: str, revision: str, message: str, cache: Path
) -> None:
    with pytest.raises(ResourceMissingError, match=message):
        hub_folder(model, revision)
    assert not list(cache.rglob("config.json"))


def test_a_hub_that_does_not_answer_is_told_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:  # it takes connections and never says a word
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        online(monkeypatch, f"http://127.0.0.1:{listener.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(ResourceMissingError, match="does not answer: fetch it first"):
            hub_folder("Some/Model", COMMIT)
    assert time.monotonic() - began < 15


def test_offline_says_so() -> None:
    with pytest.raises(ResourceMissingError, match=r"\(HF_HUB_OFFLINE is set\)"):
        hub_folder("Some/Model", COMMIT)


def test_what_is_cached_whole_is_asked_of_nobody(cache: Path) -> None:
    snapshot = cache / "models--Some--Model" / "snapshots" / COMMIT
    shutil.copytree(resolve_model("mini:embedder"), snapshot)
    assert hub_folder("Some/Model", COMMIT) == snapshot
    (snapshot / "model.safetensors").unlink()
    with pytest.raises(ResourceMissingError, match="is not whole in the cache"):
        hub_folder("Some/Model", COMMIT)
