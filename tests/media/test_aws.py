"""Store and media reach S3 with the same settings, and workers are handed what they need."""

from pathlib import Path
from typing import Any

import pytest

from tte2_ray.artifacts import s3 as store_s3
from tte2_ray.media import s3 as media_s3
from tte2_ray.media.aws import Patience, aws_environment, s3_client

PATIENCE = Patience(connect_timeout_s=1, read_timeout_s=2, attempts=3)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that names no region and no files."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def regions(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The regions that the clients of the store and of media are made for."""
    found = set()

    def noted(patience: Patience) -> Any:
        client = s3_client(patience)
        found.add(client.meta.region_name)
        raise InterruptedError

    for module in (store_s3, media_s3):
        monkeypatch.setattr(module, "s3_client", noted)
    with pytest.raises(InterruptedError):
        store_s3.S3Store("bucket")._client()
    with pytest.raises(InterruptedError):
        media_s3._open("s3://bucket/key", 1)
    return found


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_REGION": "eu-central-1"}, "eu-central-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-central-1"),
    ],
)
def test_both_clients_ask_in_the_same_region(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], region: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert regions(monkeypatch) == {region}


def test_the_region_that_is_set_goes_before_that_of_a_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile ours]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "ours")
    assert regions(monkeypatch) == {"eu-west-1"}
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert regions(monkeypatch) == {"eu-central-1"}


def test_a_client_is_kept_until_the_environment_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = s3_client(PATIENCE)
    assert s3_client(PATIENCE) is first
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    assert s3_client(PATIENCE) is not first
    assert first.meta.config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_profiles_go_to_the_workers_with_the_files_that_hold_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "ours")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/of-this-pod")
    handed = aws_environment()
    assert handed["AWS_PROFILE"] == "ours"
    assert {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} <= set(handed)
    assert "AWS_ROLE_ARN" not in handed, "a pod has its own"
