"""What a store says when it cannot be used: where, why, and what to do, within seconds."""

import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tte2_ray.artifacts.s3_errors import typed_errors
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.errors import PrerequisiteError, ResourceMissingError


@pytest.fixture
def no_credentials(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which no credentials are found."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


def test_check_passes_and_leaves_nothing(store: Store) -> None:
    store.check()
    assert list(store.list()) == []


def test_check_names_a_missing_bucket(s3_endpoint: str) -> None:
    with pytest.raises(ResourceMissingError, match="bucket does not exist"):
        open_store("s3://no-such-bucket/x").check()


def test_check_names_bad_credentials(s3_endpoint: str) -> None:
    def authenticate_after(requests: str) -> None:
        headers = {"Content-Type": "text/plain"}
        urlopen(Request(f"{s3_endpoint}/moto-api/reset-auth", requests.encode(), headers))

    authenticate_after("0")
    try:
        with pytest.raises(PrerequisiteError, match="check the AWS credentials"):
            open_store("s3://artifacts-test/x").check()
    finally:
        authenticate_after("inf")


def test_check_names_missing_credentials(no_credentials: None) -> None:
    with pytest.raises(PrerequisiteError, match=r"no S3 credentials.*AWS_ACCESS_KEY_ID"):
        open_store("s3://artifacts-test/x").check()


def test_check_names_half_of_the_credentials(
    no_credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "alone")
    with pytest.raises(PrerequisiteError, match=r"cannot be used: Partial.*AWS_SECRET_ACCESS_KEY"):
        open_store("s3://artifacts-test/x").check()


def test_check_names_a_sign_on_that_has_ended(
    no_credentials: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile ours]\nsso_start_url = https://no-such-portal.invalid/start\n"
        "sso_region = us-east-1\nsso_account_id = 1\nsso_role_name = reader\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "ours")
    with pytest.raises(PrerequisiteError, match=r"cannot be used: .*SSO.*sign on again"):
        open_store("s3://artifacts-test/x").check()


def test_a_token_that_cannot_be_renewed_is_named() -> None:
    from botocore.exceptions import TokenRetrievalError

    with (
        pytest.raises(PrerequisiteError, match=r"s3://b: .*expired.*sign on again"),
        typed_errors("s3://b", "AWS"),
    ):
        raise TokenRetrievalError(provider="sso", error_msg="expired")


def test_check_names_a_settings_file_that_is_none(
    no_credentials: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("not a section\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(PrerequisiteError, match=rf"{config}.*correct .*AWS_CONFIG_FILE"):
        open_store("s3://artifacts-test/x").check()


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
def test_check_names_an_unreachable_endpoint_within_seconds(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    started = time.monotonic()
    with pytest.raises(PrerequisiteError, match="cannot reach S3 at http"):
        open_store("s3://artifacts-test/x").check()
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("endpoint", ["minio:9000", "127.0.0.1:9000", "http://"])
def test_check_names_an_endpoint_that_is_no_url(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(PrerequisiteError, match=rf"{endpoint}.*correct AWS_ENDPOINT_URL"):
        open_store("s3://artifacts-test/x").check()


def test_check_names_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(PrerequisiteError, match="writable folder"):
        open_store(str(tmp_path / "file")).check()
