"""Faults of S3: the store of a job lies behind a proxy that disturbs its requests."""

import logging
import os
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.session
from moto.server import ThreadedMotoServer

from tests.chaos.faults import Disturb, Kind, TooLateError
from tests.chaos.s3_proxy import S3Proxy
from tests.chaos.s3_rules import Rule
from tests.chaos.victim import exit_code
from tests.chaos.world import Reference, World

_OUTLASTS_RETRIES = 60
"""Requests one after another that are hit: more than are tried."""
NAMES = ("S3: delays", "S3: connections cut", "S3: 500 and 503", "S3: half-written", "S3: 403",
         "S3: 500 for longer than retries", "S3: outage")  # fmt: skip
_ENDED = {0: "done by retries", 3: "exit 3", 6: "exit 6"}


@contextmanager
def moto() -> Iterator[str]:
    """The URL of a server with a bucket; this process reaches it by the AWS environment."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    os.environ |= _environment(url)
    bucket = f"chaos-{uuid.uuid4().hex}"
    botocore.session.Session().create_client("s3").create_bucket(Bucket=bucket)
    try:
        yield f"{url} {bucket}"
    finally:
        server.stop()


def _environment(url: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "chaos",
            "AWS_SECRET_ACCESS_KEY": "chaos", "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip


def kinds_on(moto_and_bucket: str) -> tuple[Kind, ...]:
    """The kinds of fault that need S3.

    Args:
        moto_and_bucket: from `moto`.
    """
    url, bucket = moto_and_bucket.split()

    @contextmanager
    def on_s3(world: World) -> Iterator[World]:
        world.root = f"s3://{bucket}/{world.name}"
        world.environment = _environment(url)
        yield world

    disturbs = (
        (_now_and_then(url, "delay"), 3),
        (_now_and_then(url, "cut_before", "cut_after", "cut_body"), 6),
        (_now_and_then(url, "error_500", "error_500_after", "slow_down"), 6),
        (_now_and_then(url, "half_write", "duplicate"), 6),
        (_burst(url, "access_denied", "expired_token"), 6),
        (_burst(url, "error_500", "slow_down"), 5),
        (_burst(url, "outage"), 5),
    )
    return tuple(
        Kind(name=name, disturb=disturb, count=count, place=on_s3)
        for name, (disturb, count) in zip(NAMES, disturbs, strict=True)
    )


def _now_and_then(url: str, *kinds: str) -> Disturb:
    """One request in eight is hit, each by one of these."""

    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        rules = [Rule(kind=kind, probability=0.12 / len(kinds)) for kind in kinds]
        return _run(world, url, draw, *rules)

    return disturb


def _burst(url: str, *kinds: str) -> Disturb:
    """From a random write on, every request is hit, until the job has given up."""

    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        after = draw.randint(2, max(3, len(reference.points) // 3))
        rule = Rule(kind=draw.choice(kinds), operation="PUT", after=after, seconds=30.0,
                    times=_OUTLASTS_RETRIES)  # fmt: skip
        return _run(world, url, draw, rule)

    return disturb


def _run(world: World, url: str, draw: random.Random, *rules: Rule) -> str:
    with S3Proxy(url, rules, seed=draw.randrange(2**31)) as proxy:
        call = world.command_in({"AWS_ENDPOINT_URL": proxy.url, "AWS_MAX_ATTEMPTS": "3"})
        code = exit_code(world.start(call), timeout_s=240)
        hit = sum(proxy.counts().values())
    if not hit:
        raise TooLateError
    if code not in _ENDED:
        raise AssertionError(f"S3 that fails ended with {code}: {world.log.read_text()[-800:]}")
    return _ENDED[code]
