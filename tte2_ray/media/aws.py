"""S3 by the standard AWS environment: one place for the settings of every client, and for what the
codes of its answers mean."""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tte2_ray.errors import PrerequisiteError

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

NO_SUCH_BUCKET = "NoSuchBucket"
NO_SUCH_OBJECT = frozenset(("NoSuchKey", "NotFound", "404"))
WE_ARE_REFUSED = frozenset((
    "401", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch",
    "RequestTimeTooSkewed", "AuthorizationHeaderMalformed",
))  # fmt: skip
"""Whatever we ask for."""
NO_S3_REDIRECT = "308"
"""Stands for a redirect that some web server sends."""
ELSEWHERE = frozenset(("301", "PermanentRedirect", "IllegalLocationConstraintException"))
"""The bucket is in another region."""
_OBJECT_REFUSED = frozenset((
    "400", "403", "AccessDenied",
    "InvalidRequest",  # encrypted with a key of the customer's
    "InvalidObjectState",  # archived
))  # fmt: skip

_NO_LISTING = (
    b"<Error><Code>NoListing</Code><Message>the answer is no list of objects</Message></Error>"
)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a client waits, and how often it asks."""

    connect_timeout_s: float
    read_timeout_s: float
    attempts: int
    """Of one request, the first included."""


def aws_environment() -> dict[str, str]:
    """The AWS variables set here: for Ray workers, which inherit another process's environment.

    They hold credentials, so that a worker is given them as an argument: a runtime environment is
    written by Ray into a log on every node, and shown on its dashboard.

    Files that they name (profiles, certificates) must lie at the same path on every node.
    """
    return {name: os.environ[name] for name in _HANDED_ON if name in os.environ}


def s3_client(patience: Patience) -> Any:
    """One client a process, which threads share, for making one takes 150 ms.

    Another environment, as of other credentials, makes another.

    Args:
        patience: of the client.

    Raises:
        PrerequisiteError: endpoint or region are malformed.
    """
    return _client(patience, tuple(aws_environment().items()), os.getpid())


@lru_cache(maxsize=8)
def _client(patience: Patience, environment: tuple[tuple[str, str], ...], pid: int) -> Any:
    import botocore.session
    from botocore.config import Config

    session = botocore.session.Session()
    # botocore itself reads AWS_DEFAULT_REGION alone; the other SDKs read this one first.
    region = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    config = Config(
        connect_timeout=patience.connect_timeout_s,
        read_timeout=patience.read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
        max_pool_connections=64,
    )
    try:
        client = session.create_client("s3", region_name=region or DEFAULT_REGION, config=config)
    except ValueError as error:
        hint = "correct AWS_ENDPOINT_URL, which begins with http:// or https://, or AWS_REGION"
        raise PrerequisiteError(f"no S3 client can be made: {error}; {hint}") from error
    client.meta.events.register("before-parse.s3.ListObjectsV2", _require_listing)
    client.meta.events.register("before-parse.s3", _follow_no_web_server)
    return client


def _require_listing(response_dict: dict[str, Any], **_: object) -> None:
    """Makes a failure, which is asked again, of an answer that is not a whole listing.

    botocore takes one that was cut before its first byte, or some other XML, for an empty listing.
    """
    whole = response_dict["body"].rstrip().endswith(b"ListBucketResult>")
    if response_dict["status_code"] == 200 and not whole:
        response_dict["status_code"] = 500
        response_dict["body"] = _NO_LISTING


def _follow_no_web_server(response_dict: dict[str, Any], **_: object) -> None:
    """Makes a failure of a redirect that S3 does not send, as from http:// to https://.

    botocore asks for the region of the bucket then, is redirected again, and so on without an end.
    """
    if response_dict["status_code"] not in (301, 302, 307):
        return
    region = "x-amz-bucket-region" in response_dict["headers"]
    if not region and b"<Error" not in response_dict["body"]:
        response_dict["status_code"] = int(NO_S3_REDIRECT)


def error_code(error: Any) -> str:
    """The code of a botocore `ClientError`, e.g. "NoSuchKey"; the HTTP status where it has none."""
    return str(error.response.get("Error", {}).get("Code", "")) or str(http_status(error))


def http_status(error: Any) -> int:
    """The HTTP status of a botocore `ClientError`, 0 where it has none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_object_refused(code: str) -> bool:
    """Whether this object alone is not for us."""
    return code in _OBJECT_REFUSED or code.startswith("KMS.")


def is_refusal(code: str) -> bool:
    """Whether the answer stays the same however often we ask."""
    return code in WE_ARE_REFUSED or code in ELSEWHERE or is_object_refused(code)
