"""The real corpus: archives, pins, titles and the manifest, without the net."""

import hashlib
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.media import files
from tools.real_corpus import registries
from tools.real_corpus.archives import members
from tools.real_corpus.corpus import SOURCES, build_corpus
from tools.real_corpus.documents import ManualPages
from tools.real_corpus.entries import Entry
from tools.real_corpus.packages import CLIP_ART, EMOJI_LABELS, EMOJI_PICTURES, Package
from tools.real_corpus.pictures import ClipArt, Emoji, png_text
from tools.real_corpus.registries import PackageUnavailable, obtain
from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.schema import Item


def tarball(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("./link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere"
        tar.addfile(link)
    return buffer.getvalue()


def deb(contents: Mapping[str, bytes]) -> bytes:
    """As dpkg-deb writes it: an ar archive of a version, control files and the payload."""

    def member(name: str, data: bytes) -> bytes:
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        return header + data + b"\n" * (len(data) % 2)

    parts = [("debian-binary", b"2.0\n"), ("control.tar.xz", lzma.compress(b"odd")),
             ("data.tar.xz", lzma.compress(tarball(contents)))]  # fmt: skip
    return b"!<arch>\n" + b"".join(member(name, data) for name, data in parts)


def npm(contents: Mapping[str, bytes]) -> bytes:
    import gzip

    return gzip.compress(tarball(contents))


def wheel(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(("suffix", "pack"), [("deb", deb), ("tgz", npm), ("whl", wheel)])
def test_archives_give_the_wanted_files_and_no_links(tmp_path: Path, suffix: str, pack) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(pack({"a/x.png": b"x" * 999, "a/y.txt": b"y", "z.png": b""}))
    assert dict(members(path, lambda name: name.endswith(".png"))) == {
        "a/x.png": b"x" * 999,
        "z.png": b"",
    }


def test_what_is_no_debian_package_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.deb").write_bytes(b"<html>")
    with pytest.raises(ValueError, match="no Debian package"):
        list(members(tmp_path / "a.deb", lambda _: True))


def pinned(package: Package, data: bytes) -> Package:
    return replace(package, sha256=hashlib.sha256(data).hexdigest())


def test_only_an_archive_with_the_pinned_hash_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = pinned(EMOJI_LABELS, b"right")
    asked: list[bytes] = []

    def client(data: bytes) -> registries.Fetch:
        """A double for npm and the net, which a test must not need."""

        def fetch(package: Package, folder: Path) -> None:
            asked.append(data)
            (folder / "found.tgz").write_bytes(data)

        return fetch

    monkeypatch.setitem(registries._CLIENTS, "npm", (client(b"tampered"),))
    with pytest.raises(PackageUnavailable, match=r"npm emojibase-data 17\.0\.0: SHA-256"):
        obtain(package, tmp_path)
    monkeypatch.setitem(registries._CLIENTS, "npm", (client(b"tampered"), client(b"right")))
    assert obtain(package, tmp_path).read_bytes() == b"right"
    asked.clear()
    assert obtain(package, tmp_path).read_bytes() == b"right"
    assert not asked, "the cache serves it"
    (tmp_path / package.file).write_bytes(b"damaged")
    assert obtain(package, tmp_path).read_bytes() == b"right"


def test_a_missing_client_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries.shutil, "which", lambda _: None)
    monkeypatch.setitem(registries._CLIENTS, "debian", registries._CLIENTS["debian"][:1])
    with pytest.raises(PackageUnavailable, match="no apt-get on this machine"):
        obtain(CLIP_ART, tmp_path)


def test_every_package_is_pinned_once_under_its_own_name() -> None:
    packages = [package for source in SOURCES for package in source.packages]
    assert len({package.file for package in packages}) == len(packages)
    assert all(len(package.sha256) == 64 and package.licence for package in packages)
    assert all(package.path for package in packages if package.registry == "debian")


def test_emoji_join_their_labels_whatever_their_variation_selectors(tmp_path: Path) -> None:
    labels = [{"label": "keycap: #", "hexcode": "0023-20E3", "tags": ["hash"]},
              {"label": "red heart", "hexcode": "2764-FE0F"}]  # fmt: skip
    pictures = {"package/assets/0023-fe0f-20e3.webp": b"1", "package/assets/2764.webp": b"2",
                "package/assets/ffff.webp": b"3"}  # fmt: skip
    archives = {EMOJI_PICTURES: tmp_path / "a.tgz", EMOJI_LABELS: tmp_path / "b.tgz"}
    archives[EMOJI_PICTURES].write_bytes(npm(pictures))
    data = {"package/en/data.json": json.dumps(labels).encode()}
    archives[EMOJI_LABELS].write_bytes(npm(data))
    found = [(entry.name, entry.text) for entry in Emoji().entries(archives)]
    assert found == [("0023-fe0f-20e3.webp", "keycap: #, hash"), ("2764.webp", "red heart")]


def titled_png(width: int, title: str) -> bytes:
    data = files.claimed_png(width, width)
    body = b"tEXtTitle\0" + title.encode("latin-1")
    chunk = (len(body) - 4).to_bytes(4, "big") + body + bytes(4)
    return data[:33] + chunk + data[33:]


def test_a_title_is_read_from_a_picture_of_any_size() -> None:
    assert png_text(titled_png(60_000, "A &quot;big&quot; é")) == {"Title": 'A "big" é'}
    assert png_text(b"no png") == {}
    assert png_text(titled_png(9, "cut")[:40]) == {}


def test_clip_art_is_drawn_the_same_way_each_time_and_never_without_the_odd(tmp_path: Path) -> None:
    root = "./usr/share/openclipart/png/"
    contents = {f"{root}animals/cat_{n}.png": titled_png(9, f"Cat {n}") for n in range(20)}
    contents[f"{root}huge.png"] = titled_png(20_000, "Huge")
    archive = tmp_path / "a.deb"
    archive.write_bytes(deb(contents))
    drawn = [entry.text for entry in ClipArt(count=4).entries({CLIP_ART: archive})]
    archive.write_bytes(deb(dict(reversed(contents.items()))))
    again = [entry.text for entry in ClipArt(count=4).entries({CLIP_ART: archive})]
    assert drawn == again
    assert len(drawn) == 5
    assert "Huge" in drawn
    assert all(text == "Huge" or text.endswith(" · animals") for text in drawn)


def test_pages_are_spread_over_a_document_and_named(tmp_path: Path) -> None:
    package = pinned(CLIP_ART, b"")
    (tmp_path / "a.deb").write_bytes(deb({"./doc/some-manual.pdf": files.pdf(5)}))
    source = ManualPages(packages=(package,), pages_each=2)
    found = list(source.entries({package: tmp_path / "a.deb"}))
    assert [entry.page for entry in found] == [0, 2]
    assert found[1].text.endswith("page 3 of 5")
    assert found[1].item_id("pages") == "pages/openclipart-png/some-manual.pdf#page=3"


@dataclass(frozen=True, kw_only=True)
class Two:
    """A source of two items, a double for those of the net."""

    packages: tuple[Package, ...]
    name: str = "two"

    def entries(self, archives: Mapping[Package, Path]) -> Iterator[Entry]:
        [package] = self.packages
        for name, data in members(archives[package], lambda _: True):
            kind = "clip" if name.endswith(".mp4") else "photograph"
            yield Entry(kind=kind, name=name, data=data, text=f"a {kind}", package=package)


def test_the_manifest_reads_as_a_corpus_and_a_source_that_fails_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = wheel({"a.jpg": b"1", "b.mp4": b"2"})
    here = pinned(
        Package(registry="pypi", name="here", version="1", sha256="", licence="MIT"), data
    )
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / here.file).write_bytes(data)
    monkeypatch.setitem(registries._CLIENTS, "debian", ())
    out = io.StringIO()
    sources = (Two(packages=(here,)), Two(packages=(CLIP_ART,), name="gone"))
    corpus = build_corpus(tmp_path / "corpus", cache, sources, out)
    assert corpus.kinds == {"photograph": 1, "clip": 1}
    assert corpus.item_ids == {"two/a.jpg", "two/b.mp4"}
    assert len(corpus.skipped) == 1
    assert "gone is left out: debian openclipart-png" in out.getvalue()

    first, second = read_corpus(str(corpus.manifest))
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert (first.text, first.modality, second.modality) == ("a photograph", "image", "video")
    assert Path(first.image_uris[0].removeprefix("file://")).read_bytes() == b"1"
    assert first.metadata["licence"] == "MIT"

    before = [
        (path, path.stat().st_mtime_ns) for path in sorted((tmp_path / "corpus").rglob("*.*"))
    ]
    build_corpus(tmp_path / "corpus", cache, sources, out)
    media = [pair for pair in before if pair[0].suffix != ".parquet"]
    assert all(path.stat().st_mtime_ns == time for path, time in media), "files are left alone"
    assert pq.read_table(corpus.manifest).num_rows == 2
