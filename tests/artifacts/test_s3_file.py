"""How often a file on S3 is asked for, and that what comes is checked."""

import os

from tests.artifacts.faulty import Faulty
from tests.chaos.s3_rules import Rule

BODY = os.urandom(3_000_000)


def requests(faulty: Faulty) -> int:
    """Requests since this was last asked."""
    seen = faulty.proxy.seen()
    faulty.proxy.rules.begin(seed=0)
    return seen


def test_what_is_left_is_read_by_one_request(faulty: Faulty) -> None:
    faulty.put("k", BODY)
    with faulty.store.open("k") as file:
        assert requests(faulty) == 1, "HEAD"
        assert file.read() == BODY
        assert requests(faulty) == 1
        assert file.read() == b""
        file.seek(-10, os.SEEK_END)
        assert file.read() == BODY[-10:]
        assert requests(faulty) == 1


def test_small_pieces_share_a_request(faulty: Faulty) -> None:
    faulty.put("k", BODY)
    with faulty.store.open("k") as file:
        assert b"".join(iter(lambda: file.read(1000), b"")) == BODY
    assert requests(faulty) == 1 + 3, "a mebibyte each"


def test_a_range_that_is_cut_anywhere_is_read_again(faulty: Faulty) -> None:
    faulty.put("k", BODY)
    for share in (0.0, 0.3, 0.999999):
        faulty.proxy.set(Rule(kind="cut_body", operation="GET", share=share, times=2))
        with faulty.store.open("k") as file:
            file.seek(1000)
            assert file.read() == BODY[1000:]
    assert faulty.proxy.counts() == {"cut_body": 6}
