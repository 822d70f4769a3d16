"""What S3 says, in the typed errors of the system."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tte2_ray.artifacts.store import ObjectRefusedError
from tte2_ray.errors import PrerequisiteError, ResourceMissingError, RuntimeFailure, TteError
from tte2_ray.media.aws import (
    ELSEWHERE,
    NO_S3_REDIRECT,
    NO_SUCH_BUCKET,
    NO_SUCH_OBJECT,
    WE_ARE_REFUSED,
    error_code,
    is_object_refused,
)
from tte2_ray.media.bounded import one_line

_NO_S3 = ("400", "404", "405")
"""S3 says its own code for these where a bucket is listed, and some web server none."""
_AGAIN = "once it is well, the same command goes on from what is done"


@contextmanager
def typed_errors(uri: str, endpoint: str) -> Iterator[None]:
    """Raise botocore's errors as ours.

    Args:
        uri: the object or prefix in question.
        endpoint: the URL that was asked, for the message.

    Raises:
        ResourceMissingError: there is no such bucket or object.
        ObjectRefusedError: this object is not for us, or in another region.
        PrerequisiteError: no or wrong credentials, no server at the endpoint.
        RuntimeFailure: the server failed, after the retries.
    """
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        raise _from_response(uri, endpoint, error) from error
    except (boto.ProfileNotFound, boto.ConfigParseError) as error:
        hint = "correct AWS_PROFILE, or AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE"
        raise PrerequisiteError(f"{uri}: {error}; {hint}") from error
    except (boto.NoCredentialsError, boto.CredentialRetrievalError) as error:
        hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        raise PrerequisiteError(f"{uri}: no S3 credentials were found; {hint}") from error
    except (boto.PartialCredentialsError, boto.TokenRetrievalError, boto.SSOError) as error:
        hint = "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign on again"
        raise PrerequisiteError(f"{uri}: S3 credentials cannot be used: {error}; {hint}") from error
    except (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.SSLError) as error:
        hint = "check AWS_ENDPOINT_URL and that the server is up"
        raise PrerequisiteError(f"{uri}: cannot reach S3 at {endpoint}; {hint}") from error
    except boto.ParamValidationError as error:
        raise ResourceMissingError(f"{uri}: not a valid bucket or key: {error}") from error
    except (boto.BotoCoreError, OSError) as error:
        message = f"{uri}: S3 at {endpoint} failed after retries: {one_line(error)}"
        raise RuntimeFailure(f"{message}; {_AGAIN}") from error


def _from_response(uri: str, endpoint: str, error: Any) -> TteError:
    code, message = error_code(error), error.response.get("Error", {}).get("Message", "")
    if code == NO_S3_REDIRECT or (error.operation_name == "ListObjectsV2" and code in _NO_S3):
        said = "redirects" if code == NO_S3_REDIRECT else f"answers {code}"
        return PrerequisiteError(
            f"{uri}: {endpoint} {said}, but not as S3 does; check AWS_ENDPOINT_URL, and whether it "
            "begins with http:// or https://"
        )
    if code == NO_SUCH_BUCKET:
        return ResourceMissingError(f"{uri}: the bucket does not exist; create it or fix the root")
    if code in NO_SUCH_OBJECT:
        return ResourceMissingError(f"{uri}: there is no such object at {endpoint}")
    refused = (
        f"{uri}: S3 refused ({code}: {message}); check the AWS credentials and what they may do"
    )
    if code == "NotImplemented":
        hint = "use a server with conditional writes (If-None-Match)"
        return PrerequisiteError(f"{uri}: {endpoint} cannot do this ({code}: {message}); {hint}")
    if code in WE_ARE_REFUSED:
        return PrerequisiteError(refused)
    if is_object_refused(code):
        return ObjectRefusedError(refused)
    if code in ELSEWHERE:
        return ObjectRefusedError(f"{uri}: the bucket is in another region; set AWS_REGION")
    return RuntimeFailure(f"{uri}: S3 at {endpoint} failed ({code}: {message}); {_AGAIN}")
