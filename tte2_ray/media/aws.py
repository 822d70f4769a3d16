"""S3 by the standard AWS environment: one place for the settings of every client."""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

DEFAULT_REGION = "us-east-1"
_HANDED_ON = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CA_BUNDLE",
)
"""Roles of nodes and pods (AWS_ROLE_ARN, metadata) are each node's own."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a client waits, and how often it asks."""

    connect_timeout_s: float
    read_timeout_s: float
    attempts: int
    """Of one request, the first included."""


def aws_environment() -> dict[str, str]:
    """The AWS variables set here: for Ray workers, which inherit another process's environment.

    Files that they name (profiles, certificates) must lie at the same path on every node.
    """
    return {name: os.environ[name] for name in _HANDED_ON if name in os.environ}


def s3_client(patience: Patience) -> Any:
    """One client a process, which threads share, for making one takes 150 ms.

    Another environment, as of other credentials, makes another.

    Args:
        patience: of the client.
    """
    return _client(patience, tuple(aws_environment().items()), os.getpid())


@lru_cache(maxsize=8)
def _client(patience: Patience, environment: tuple[tuple[str, str], ...], pid: int) -> Any:
    import botocore.session
    from botocore.config import Config

    session = botocore.session.Session()
    # botocore itself reads AWS_DEFAULT_REGION alone.
    region = session.get_config_variable("region") or os.environ.get("AWS_REGION")
    config = Config(
        connect_timeout=patience.connect_timeout_s,
        read_timeout=patience.read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
        max_pool_connections=64,
    )
    return session.create_client("s3", region_name=region or DEFAULT_REGION, config=config)
