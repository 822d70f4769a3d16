"""A folder of media files: what is an item, and what a rejected row."""

import os
import socket
from pathlib import Path

import pytest

from tests.artifacts.corpora import classes, ids, pdf, source
from tte2_ray.artifacts.corpus import RejectedRow, read_corpus
from tte2_ray.artifacts.disk import DiskStore
from tte2_ray.artifacts.store import ObjectRefusedError, Store
from tte2_ray.errors import ResourceMissingError
from tte2_ray.media import MediaLimits
from tte2_ray.schema import Item


def test_a_folder_of_files_gives_an_item_each_and_a_page_each(store: Store) -> None:
    store.put("f/a.PNG", b"png")
    store.put("f/b/c.mp4", b"mp4")
    store.put("f/b/d.pdf", pdf(2))
    store.put("f/e.txt", "\ufeffwörd".encode())
    store.put("f/bad.txt", b"\xff\xfe\xff")
    store.put("f/broken.pdf", b"%PDF-1.7 no")
    store.put("f/empty.jpg", b"")
    store.put("f/odd.xyz", b"1")
    store.put("f/.hidden/x.png", b"1")
    rows = list(read_corpus(source(store, "f")))
    assert ids(rows) == ["a.PNG", "b/c.mp4", "b/d.pdf#page=1", "b/d.pdf#page=2", "e.txt"]
    rejected = {row.item_id: row.error_class.value for row in rows if isinstance(row, RejectedRow)}
    assert rejected == {
        "bad.txt": "bad_encoding",
        "broken.pdf": "corrupt_media",
        "empty.jpg": "empty_file",
        "odd.xyz": "unsupported_type",
    }
    items = {row.item_id: row for row in rows if isinstance(row, Item)}
    assert items["a.PNG"].image_uris == (store.uri("f/a.PNG"),)
    assert items["b/c.mp4"].video_uri == store.uri("f/b/c.mp4")
    assert items["b/d.pdf#page=2"].document_uri == store.uri("f/b/d.pdf")
    assert items["b/d.pdf#page=2"].document_page == 1
    assert items["e.txt"].text == "wörd"


@pytest.mark.parametrize("pages", [3, 200_000])
def test_a_pdf_may_not_claim_more_pages_than_the_limit(store: Store, pages: int) -> None:
    store.put("f/long.pdf", pdf(2).replace(b"/Count 2", b"/Count %d" % pages))
    store.put("f/short.pdf", pdf(2))
    rows = list(read_corpus(source(store, "f"), limits=MediaLimits(max_pages=2)))
    assert ids(rows) == ["short.pdf#page=1", "short.pdf#page=2"]
    assert classes(rows) == ["too_large"]
    assert f"states {pages} pages, over max_pages 2" in str(rows[0])


@pytest.mark.parametrize("error", [ObjectRefusedError("no"), ResourceMissingError("gone")])
def test_a_file_that_cannot_be_read_is_a_row_error(
    disk_store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for name in ("a.txt", "b.pdf", "c.png"):
        disk_store.put(name, b"1")

    def refuse(*_: object) -> bytes:  # a double: to root every file is readable
        raise error

    monkeypatch.setattr(DiskStore, "get", refuse)
    monkeypatch.setattr(DiskStore, "open", refuse)
    rows = list(read_corpus(source(disk_store)))
    assert ids(rows) == ["c.png"]
    refused = isinstance(error, ObjectRefusedError)
    assert classes(rows) == ["fetch_failed" if refused else "not_found"] * 2


def test_links_that_lead_back_are_row_errors(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("words")
    (folder / "sub" / "b.txt").write_text("words")
    (folder / "beside").symlink_to(folder / "sub")
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "itself").symlink_to(folder / "itself")
    rows = list(read_corpus(str(folder)))
    assert ids(rows) == ["a.txt", "beside/b.txt", "sub/b.txt"]
    rejected = [row.item_id for row in rows if isinstance(row, RejectedRow)]
    assert rejected == ["beside/up", "itself", "sub/up"]


@pytest.mark.usefixtures("in_seconds")
def test_what_is_no_regular_file_is_a_row_error_and_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket may not be long
    Path("f").mkdir()
    Path("f/a.txt").write_text("words")
    for pipe in ("f/pipe.txt", "f/pipe.pdf", "f/pipe.png", "f/pipe"):
        os.mkfifo(pipe)
    Path("f/device.txt").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listens:
        listens.bind("f/socket.mp4")
        rows = list(read_corpus("f"))
    assert ids(rows) == ["a.txt"]
    rejected = {row.item_id: row for row in rows if isinstance(row, RejectedRow)}
    assert {item_id: row.error_class.value for item_id, row in rejected.items()} == {
        "device.txt": "empty_file",
        "pipe": "unsupported_type",
        "pipe.pdf": "empty_file",
        "pipe.png": "empty_file",
        "pipe.txt": "empty_file",
        "socket.mp4": "empty_file",
    }
    assert "a pipe" in rejected["pipe.txt"].message


@pytest.mark.usefixtures("in_seconds")
def test_a_manifest_that_is_a_pipe_ends_the_job(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"item_id": "a", "text": "x"}\n')
    os.mkfifo(tmp_path / "b.jsonl")
    with pytest.raises(ObjectRefusedError, match=r"b\.jsonl: .*no regular file"):
        list(read_corpus(str(tmp_path)))


def test_an_encrypted_pdf_is_a_row_error(tmp_path: Path) -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    page = Canvas(str(tmp_path / "locked.pdf"), encrypt=StandardEncryption("secret"))
    page.drawString(10, 10, "x")
    page.save()
    assert classes(list(read_corpus(str(tmp_path)))) == ["encrypted"]


def test_a_file_name_that_is_not_utf8_is_a_row_error(tmp_path: Path) -> None:
    try:
        (tmp_path / "caf\udce9.png").write_bytes(b"1")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert classes(list(read_corpus(str(tmp_path)))) == ["bad_encoding"]


def test_a_pdf_that_kills_its_decoder_is_a_row_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.media.isolated.conftest import HOSTILE
    from tte2_ray.media.isolated import children

    monkeypatch.setattr(children, "_children", children.Children(HOSTILE))
    (tmp_path / "bad.pdf").write_text("segfault")
    (tmp_path / "good.txt").write_text("words")
    rows = list(read_corpus(str(tmp_path)))
    children.end_children()
    assert (classes(rows), ids(rows)) == (["decoder_died"], ["good.txt"])


def test_a_pdf_over_max_bytes_is_a_row_error(store: Store) -> None:
    store.put("f/a.pdf", pdf(1))
    assert classes(list(read_corpus(source(store, "f"), limits=MediaLimits(max_bytes=99)))) == [
        "too_large"
    ]
