"""Every kind of failure of S3 at every operation: the right result or the right error, and never
half of anything."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.artifacts.faulty import MOST_WAIT_S, Faulty
from tests.chaos.s3_rules import Rule
from tte2_ray.artifacts import s3
from tte2_ray.artifacts.store import ObjectRefusedError
from tte2_ray.errors import PrerequisiteError, RuntimeFailure
from tte2_ray.media import s3 as media_s3
from tte2_ray.media.limits import MediaLimits

OLD, NEW = os.urandom(1_300_000), os.urandom(300_000)
LISTED = [f"many/{n:02}" for n in range(12)]
Do = Callable[[Faulty, Path], None]


def get(faulty: Faulty, _: Path) -> None:
    assert faulty.store.get("old") == OLD


def read_ranges(faulty: Faulty, _: Path) -> None:
    with faulty.store.open("old") as file:
        file.seek(-1000, os.SEEK_END)
        assert file.read() == OLD[-1000:]
        file.seek(0)
        assert file.read() == OLD


def put(faulty: Faulty, _: Path) -> None:
    faulty.store.put("old", NEW)
    assert faulty.get("old") == NEW


def put_file(faulty: Faulty, folder: Path) -> None:
    (folder / "file").write_bytes(NEW)
    faulty.store.put_file("old", folder / "file")
    assert faulty.get("old") == NEW


def put_once(faulty: Faulty, _: Path) -> None:
    assert faulty.store.put_once("new", NEW) is True
    assert faulty.get("new") == NEW


def put_once_where_one_is(faulty: Faulty, _: Path) -> None:
    assert faulty.store.put_once("old", NEW) is False
    assert faulty.get("old") == OLD


def stat(faulty: Faulty, _: Path) -> None:
    found = faulty.store.stat("old")
    assert found is not None
    assert found.size == len(OLD)
    assert faulty.store.stat("none") is None


def list_pages(faulty: Faulty, _: Path) -> None:
    for key in LISTED:
        faulty.put(key, b"1")
    assert list(faulty.store.list("many")) == [(key, 1) for key in LISTED]


def delete(faulty: Faulty, _: Path) -> None:
    faulty.store.delete("old")
    assert faulty.get("old") is None


OPERATIONS: tuple[Do, ...] = (
    get, read_ranges, put, put_file, put_once, put_once_where_one_is, stat, list_pages, delete,
)  # fmt: skip
PASSING = (
    Rule(kind="delay", seconds=0.1),
    Rule(kind="trickle", seconds=0.1),
    Rule(kind="cut_before"),
    Rule(kind="cut_after"),
    Rule(kind="cut_body"),
    Rule(kind="cut_body", share=0.0),
    Rule(kind="cut_body", share=0.999),
    Rule(kind="half_write"),
    Rule(kind="duplicate"),
    Rule(kind="short_length"),
    Rule(kind="long_length"),
    Rule(kind="hang_after", seconds=2.0),
    Rule(kind="black_hole", seconds=2.0),
    Rule(kind="outage", seconds=0.05),
    Rule(kind="error_500"),
    Rule(kind="error_500_after"),
    Rule(kind="slow_down"),
    Rule(kind="request_timeout"),
)


@pytest.fixture(autouse=True)
def filled(faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    """What operations find there; a page of a listing has five keys."""
    monkeypatch.setattr(s3, "_KEYS_PER_PAGE", 5)
    faulty.put("old", OLD)


def named(value: object) -> str:
    if isinstance(value, Rule):
        return value.kind + ("" if value.share == 0.5 else f"-{value.share}")
    return getattr(value, "__name__", str(value))


def met(rule: Rule, *, after: int = 0, times: int = 0) -> Rule:
    """The same fault, from a request on, for so many of them."""
    return Rule(kind=rule.kind, seconds=rule.seconds, share=rule.share, after=after, times=times)


@pytest.mark.parametrize("rule", PASSING, ids=named)
@pytest.mark.parametrize("do", OPERATIONS, ids=named)
def test_what_passes_is_asked_again(do: Do, rule: Rule, faulty: Faulty, tmp_path: Path) -> None:
    faulty.proxy.set(met(rule, times=1))
    do(faulty, tmp_path)
    assert faulty.proxy.counts() == {rule.kind: 1}, "the fault was met"


@pytest.mark.parametrize("rule", PASSING, ids=named)
def test_any_page_of_a_listing_may_fail(rule: Rule, faulty: Faulty, tmp_path: Path) -> None:
    faulty.proxy.set(met(rule, after=1, times=2))
    list_pages(faulty, tmp_path)
    assert faulty.proxy.counts()[rule.kind] == 2


STAYING = ("cut_before", "cut_after", "half_write", "error_500", "slow_down")


@pytest.mark.usefixtures("fresh_client")
@pytest.mark.parametrize("kind", STAYING)
@pytest.mark.parametrize("do", OPERATIONS, ids=named)
def test_what_stays_is_told_after_five_attempts(
    do: Do, kind: str, faulty: Faulty, tmp_path: Path
) -> None:
    faulty.proxy.set(Rule(kind=kind))
    with pytest.raises(RuntimeFailure, match=r"s3://.*S3 at http.*failed.*the same command"):
        do(faulty, tmp_path)
    counts = faulty.proxy.counts()
    assert set(counts) == {kind}
    # On a busy machine a connection may break before the proxy has read what was asked.
    assert counts[kind] in ((4, 5) if kind.startswith("cut") else (5,))
    assert len(faulty.waits.waited) == 4
    assert sum(faulty.waits.waited) <= MOST_WAIT_S
    assert faulty.get("old") in (OLD, NEW, None if do is delete else OLD), "nothing is half there"
    assert faulty.get("new") in (None, NEW)
    faulty.proxy.set()
    if do not in (put_once, delete):
        faulty.put("old", OLD)
        do(faulty, tmp_path)


@pytest.mark.usefixtures("fresh_client")
@pytest.mark.parametrize("kind", ["cut_body", "short_length", "long_length"])
@pytest.mark.parametrize("do", [get, read_ranges], ids=named)
def test_a_body_that_never_comes_whole_is_no_result(
    do: Do, kind: str, faulty: Faulty, tmp_path: Path
) -> None:
    faulty.store.put("old", OLD)  # with a checksum, as all that we write
    faulty.proxy.set(Rule(kind=kind, operation="GET"))
    with pytest.raises(RuntimeFailure, match="failed after retries"):
        do(faulty, tmp_path)
    counts = faulty.proxy.counts()
    assert set(counts) == {kind}
    # On a busy machine a connection may break before the proxy has read what was asked.
    assert counts[kind] in ((4, 5) if kind.startswith("cut") else (5,))


@pytest.mark.usefixtures("fresh_client")
def test_a_listing_that_never_comes_whole_is_no_result(faulty: Faulty) -> None:
    for share in (0.0, 0.5):
        faulty.proxy.set(Rule(kind="cut_body", share=share))
        with pytest.raises(RuntimeFailure, match="S3 at http"):
            list(faulty.store.list("many"))
    assert faulty.proxy.counts() == {"cut_body": 10}


@pytest.mark.usefixtures("fresh_client")
def test_a_server_that_is_gone_is_told(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for do in OPERATIONS:
        with pytest.raises(PrerequisiteError, match="cannot reach S3 at http"):
            do(faulty, tmp_path)
    assert len(faulty.waits.waited) == 4 * len(OPERATIONS)


@pytest.mark.parametrize("do", OPERATIONS, ids=named)
def test_an_object_that_is_refused_is_not_asked_again(
    do: Do, faulty: Faulty, tmp_path: Path
) -> None:
    faulty.proxy.set(Rule(kind="access_denied"))
    with pytest.raises(ObjectRefusedError, match=r"AccessDenied.*check the AWS credentials"):
        do(faulty, tmp_path)
    assert faulty.proxy.seen() <= 2, "a GET behind HEAD tells why"
    assert faulty.get("old") == OLD


@pytest.mark.parametrize("kind", ["expired_token", "expired_token_400", "bad_key_id"])
@pytest.mark.parametrize("do", OPERATIONS, ids=named)
def test_credentials_that_are_refused_are_named(
    do: Do, kind: str, faulty: Faulty, tmp_path: Path
) -> None:
    faulty.proxy.set(Rule(kind=kind))
    with pytest.raises(PrerequisiteError, match="check the AWS credentials") as caught:
        do(faulty, tmp_path)
    assert not isinstance(caught.value, ObjectRefusedError), "it is no fault of the object"
    assert faulty.proxy.seen() <= 3
    assert faulty.get("old") == OLD


@pytest.mark.usefixtures("fresh_client")
def test_a_process_that_only_meets_failures_stops_asking_again(faulty: Faulty) -> None:
    """botocore's quota of retries: a hundred in a row without a success, in all threads."""
    faulty.waits.most_s = 0.0
    faulty.proxy.set(Rule(kind="error_500"))
    for _ in range(27):
        with pytest.raises(RuntimeFailure):
            faulty.store.get("old")
    assert faulty.proxy.seen() == 27 + 100
    faulty.proxy.set()
    assert faulty.store.get("old") == OLD


def test_the_page_states_the_bounds_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    page = (Path(__file__).parent.parent.parent / "docs" / "s3.md").read_text()
    patient, hasty = s3._PATIENT, s3._HASTY
    silent_s = patient.attempts * patient.read_timeout_s + MOST_WAIT_S
    unreachable_s = patient.attempts * patient.connect_timeout_s + MOST_WAIT_S
    for row, seconds in (("no answer", silent_s), ("no way to the address ◇", unreachable_s)):
        assert f"| {row} | asked again | {seconds:g} s |" in page
    answer_s = hasty.attempts * hasty.read_timeout_s + 1
    assert f"| connections are taken, no answer comes | {answer_s:g} s |" in page
    connect_s = hasty.attempts * hasty.connect_timeout_s + 1
    assert f"| no way to the address | {connect_s:g} s ◇ |" in page
    limits = MediaLimits()
    media_s = limits.fetch_attempts * media_s3._ATTEMPTS * limits.timeout_s
    assert f"{media_s:g} s and a few of waits" in page
