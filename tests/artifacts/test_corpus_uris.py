"""What a manifest names: a place of its own, or a path from its folder."""

from pathlib import Path

import pytest

from tte2_ray.artifacts.corpus.source import resolver
from tte2_ray.errors import RowError
from tte2_ray.media import MediaLimits
from tte2_ray.media.fetch import fetch

MANIFESTS = ["file:///c/rows.jsonl", "s3://b/c/rows.jsonl"]


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize(
    "uri",
    [
        "data:image/png;base64,iVBORw0KGgo=",
        "data:,words",
        "gs:bucket/x",
        "http:/host/x",
        "HTTPS:/host/x",
        "s3:bucket/key",
        "ftp://host/x",
    ],
)
def test_a_uri_that_is_not_read_is_refused_and_no_path(manifest: str, uri: str) -> None:
    assert resolver(manifest)(uri) == uri
    with pytest.raises(RowError) as raised:
        fetch(resolver(manifest)(uri), MediaLimits(allowed_schemes=("file", "s3", "http", "https")))
    assert raised.value.error_class.value == "uri_not_allowed"
    assert uri.partition(":")[0].lower() in raised.value.message


@pytest.mark.parametrize(
    "name",
    [
        "photo 10:30.png",
        "scan:1/10:30.png",
        "10:30/data:1.png",
        "data:1.png",
        "Data: plots, 2.png",
        "chapter:1.png",
        "./gs:bucket/x.png",
        "C:x.png",
    ],
)
def test_a_name_with_a_colon_is_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"pixels")
    uri = resolver((tmp_path / "rows.jsonl").as_uri())(name)
    assert fetch(uri, MediaLimits()) == b"pixels"
    assert resolver(MANIFESTS[1])(name) == f"s3://b/c/{name.removeprefix('./')}"
