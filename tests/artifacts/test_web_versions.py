"""Versions of files on the web: what a server tells of them, and a server that tells nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.artifacts.conftest import items_of
from tests.media.web_server import Server, serving
from tte2_ray.artifacts import web_versions
from tte2_ray.artifacts.changes import Changes, plan_changes
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.media_versions import ABSENT, ON_WEB, MediaVersions
from tte2_ray.artifacts.shards import Plan
from tte2_ray.artifacts.store import Store
from tte2_ray.media import MediaLimits
from tte2_ray.schema import Item

MONDAY, TUESDAY = "Mon, 02 Nov 2026 10:00:00 GMT", "Tue, 03 Nov 2026 10:00:00 GMT"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


def versions(**changes: Any) -> MediaVersions:
    given: dict[str, Any] = {
        "allowed_schemes": ("http", "https"),
        "allow_private_addresses": True,
        "fetch_attempts": 1,
        "timeout_s": 5.0,
    }
    return MediaVersions(MediaLimits(**(given | changes)))


def version(server: Server, path: str = "/a.png", **told: str) -> str:
    """Of a file of which the server tells this."""
    server.headers[path] = {name.replace("_", "-"): text for name, text in told.items()}
    url = server.url + path
    return versions().of([url])[url]


def shards(store: Store, server: Server, *paths: str) -> list[str]:
    """Names of the shards of one item a file."""
    items = [Item(item_id=path, image_uris=(server.url + path,)) for path in paths]
    return [s.name for s in freeze_plan(store, "c", items, 1, versions=versions()).shards]


def test_a_tag_names_the_version_however_weak(server: Server) -> None:
    first = version(server, ETag='"1"', Last_Modified=MONDAY)
    assert first.startswith(ON_WEB)
    assert version(server, ETag='"1"', Last_Modified=TUESDAY) == first
    assert version(server, ETag='W/"1"') == first, "as a proxy on the way makes it"
    assert version(server, ETag='"2"', Last_Modified=MONDAY) != first
    assert len(version(server, ETag=f'"{"x" * 60_000}"')) == len(first), "it stands in every row"


def test_time_and_length_are_taken_without_a_tag(server: Server) -> None:
    first = version(server, Last_Modified=MONDAY)
    assert first.startswith(ON_WEB)
    assert version(server, Last_Modified=MONDAY) == first
    assert version(server, Last_Modified=TUESDAY) != first
    server.bodies["/a.png"] = b"longer or shorter"
    assert version(server, Last_Modified=MONDAY) != first


@pytest.mark.parametrize(
    "path", ["/a.png", "/get-only", "/status/403", "/status/500", "/garbage", "/to/file:///x"]
)
def test_a_server_that_tells_nothing_gives_no_version(server: Server, path: str) -> None:
    assert version(server, path) == ""


def test_a_file_that_is_gone_is_absent(server: Server) -> None:
    assert version(server, "/status/404") == version(server, "/status/410") == ABSENT


def test_a_private_address_is_not_asked(server: Server) -> None:
    url = f"{server.url}/a.png"
    assert versions(allow_private_addresses=False).of([url]) == {url: ""}
    assert server.asked == []


def test_an_answer_that_is_late_once_is_asked_for_again(server: Server) -> None:
    server.headers["/flaky/1"] = {"ETag": '"1"'}
    url = f"{server.url}/flaky/1"
    assert versions(fetch_attempts=2).of([url])[url].startswith(ON_WEB)


def test_a_shard_is_another_where_a_file_changed_and_only_there(
    store: Store, server: Server
) -> None:
    server.headers = {"/a": {"ETag": '"1"'}, "/b": {"Last-Modified": MONDAY}}
    paths = ("/a", "/b", "/c", "/get-only")
    first = shards(store, server, *paths)
    server.headers["/a"] = {"ETag": '"2"'}
    server.bodies = dict.fromkeys(("/c", "/get-only"), b"other bytes, and nobody tells")
    second = shards(store, server, *paths)
    assert [a == b for a, b in zip(first, second, strict=True)] == [False, True, True, True]


@pytest.mark.parametrize("bound", ["SERVER_LOST_S", "LOST_S"])
def test_a_silent_server_is_asked_no_more(
    server: Server, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(web_versions, bound, 1e-9)
    asking = versions()
    server.headers["/a"] = {"ETag": '"1"'}
    for path, requests in (("/a", 1), ("/status/503", 2), ("/a", 2), ("/b", 2)):
        told = asking.of([server.url + path])[server.url + path]
        assert bool(told) == (requests == 1)
        assert len(server.asked) == requests


def changes_of(store: Store, server: Server, base: Plan, *, count: int) -> tuple[Plan, Changes]:
    return plan_changes(store, store, base, pictures(server, count), 4, kind="full",
                        versions=versions())  # fmt: skip


def pictures(server: Server, count: int) -> list[Item]:
    return [
        Item(item_id=i.item_id, image_uris=(f"{server.url}/{i.item_id}",)) for i in items_of(count)
    ]


def test_what_changed_is_found_item_by_item_and_silence_is_no_change(
    store: Store, server: Server
) -> None:
    server.headers = {f"/{n}": {"ETag": '"1"'} for n in range(6)}
    base = freeze_plan(store, "c", pictures(server, 8), 4, versions=versions())
    server.headers = {"/0": {"ETag": '"2"'}, "/1": {"ETag": '"1"'}}
    plan, changes = changes_of(store, server, base, count=8)
    assert (changes.changed, changes.unchanged, changes.unseen) == (1, 7, 6)
    assert [shard.earlier for shard in plan.shards] == [base.shards[0].name, ""]
    again, changes = changes_of(store, server, plan, count=8)
    assert again is plan
    assert (changes.changed, changes.unseen) == (0, 6)
