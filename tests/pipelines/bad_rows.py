"""A corpus with every kind of bad row, as real files, and what is to become of each row."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.media import files

CONTEXT = 400
"""Tokens of the fake engine's context in these tests."""
NOBODY = ""
"""Expected of a row that is indexed."""


@dataclass
class BadCorpus:
    """A manifest in the making."""

    folder: Path
    lines: list[bytes] = field(default_factory=list)
    expected: list[tuple[str, str]] = field(default_factory=list)
    """(item id, error class or `NOBODY`), one for each row."""

    def row(self, item_id: str, error_class: str, **columns: Any) -> None:
        """A row of the manifest."""
        self.lines.append(json.dumps({"item_id": item_id, **columns}).encode())
        self.expected.append((item_id, error_class))

    def line(self, item_id: str, error_class: str, line: bytes) -> None:
        """A row as it stands in the file."""
        self.lines.append(line)
        self.expected.append((item_id, error_class))

    def file(self, name: str, data: bytes) -> str:
        """A file beside the manifest; its relative URI."""
        (self.folder / name).write_bytes(data)
        return name

    def manifest(self) -> Path:
        """Writes it."""
        path = self.folder / "manifest.jsonl"
        path.write_bytes(b"\n".join(self.lines) + b"\n")
        return path


def bad_corpus(folder: Path) -> BadCorpus:
    """Every kind of row that the contract names, good neighbours among them."""
    folder.mkdir()
    corpus = BadCorpus(folder)
    for add in (_good, _spoilt_pictures, _odd_pictures, _spoilt_others, _spoilt_rows):
        add(corpus)
    return corpus


def _good(corpus: BadCorpus) -> None:
    corpus.row("text", NOBODY, text="a note")
    corpus.row("clip", NOBODY, video_uri=corpus.file("clip.mp4", files.clip(24)))
    corpus.row("page", NOBODY, document_uri=corpus.file("pages.pdf", files.pdf()), document_page=1)


def _spoilt_pictures(corpus: BadCorpus) -> None:
    jpeg = files.encoded(files.photo(640, 480), "JPEG")
    add = _adder(corpus, "image_uri")
    corpus.row("missing", "not_found", image_uri="nowhere.png")
    add("truncated", "corrupt_media", "cut.jpg", jpeg[: len(jpeg) // 2])
    add("wrong type", "unsupported_type", "page.png", files.pdf())
    add("bomb", "too_large", "bomb.png", files.claimed_png(90_000, 90_000))
    add("wide bomb", "too_large", "wide.png", files.claimed_png(20_000, 20_000))
    corpus.row("elsewhere", "uri_not_allowed", image_uri="https://example.com/a.png")
    corpus.row("other scheme", "uri_not_allowed", image_uri="ftp://example.com/a.png")


def _odd_pictures(corpus: BadCorpus) -> None:
    """What is not broken and must come out right."""
    add = _adder(corpus, "image_uri")
    picture = files.picture(96, 64)
    turned = Image.Exif()
    turned[0x0112] = 6
    frames = [files.picture(64, 48), Image.new("RGB", (64, 48), "black")]
    grey = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    add("20,000 pixels long", NOBODY, "long.png", _long_png(20_000, 40))
    add("animated", NOBODY, "film.gif",
        files.encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))  # fmt: skip
    cmyk = Image.new("CMYK", (96, 64), (0, 255, 255, 0))
    add("cmyk", NOBODY, "cmyk.tif", files.encoded(cmyk, "TIFF"))
    add("cmyk as rgb", NOBODY, "red.png",
        files.encoded(Image.new("RGB", (96, 64), (255, 0, 0)), "PNG"))  # fmt: skip
    add("16 bit", NOBODY, "deep.png", files.encoded(deep, "PNG"))
    add("16 bit as 8", NOBODY, "grey.png", files.encoded(Image.fromarray(grey), "PNG"))
    upright = picture.transpose(Image.Transpose.ROTATE_270)
    add("upright", NOBODY, "upright.png", files.encoded(upright, "PNG"))
    add("rotated", NOBODY, "rotated.png", files.encoded(picture, "PNG", exif=turned))


def _spoilt_others(corpus: BadCorpus) -> None:
    video, document = _adder(corpus, "video_uri"), _adder(corpus, "document_uri")
    video("empty video", "empty_file", "zero.mp4", b"")
    video("cut video", "corrupt_media", "cut.mp4", files.clip(24)[:2000])
    webm = files.clip(72, codec="libvpx", container="webm")
    video("cut webm", "corrupt_media", "cut.webm", webm[: len(webm) * 4 // 5])
    video("no video", "unsupported_type", "words.mp4", b"these are words " * 40)
    document("locked", "encrypted", "locked.pdf", files.pdf(password="secret"))
    document("no such page", "no_such_page", "two.pdf", files.pdf(), document_page=7)
    document("latin text", "bad_encoding", "latin.txt", "Grüße".encode("latin-1"))
    corpus.row("too long", "context_overflow", text="word " * (2 * CONTEXT))


def _spoilt_rows(corpus: BadCorpus) -> None:
    corpus.row("empty", "empty_row", text="  ")
    corpus.row("text", "duplicate_id", text="the id of another")
    corpus.line("latin", "bad_encoding", b'{"item_id": "latin", "text": "Gr\xfc\xdfe"}')
    corpus.line("", "malformed_row", b'{"item_id": "half", "text": ')
    corpus.line("", "bad_id", b'{"text": "nobody"}')
    corpus.line("paged", "malformed_row", b'{"item_id": "paged", "text": "a", "document_page": -1}')


def _adder(corpus: BadCorpus, column: str) -> Callable[..., None]:
    def add(item_id: str, error_class: str, name: str, data: bytes, **more: Any) -> None:
        corpus.row(item_id, error_class, **{column: corpus.file(name, data)}, **more)

    return add


def _long_png(width: int, height: int) -> bytes:
    buffer = BytesIO()
    Image.new("L", (width, height), 90).save(buffer, "PNG", compress_level=zlib.Z_BEST_SPEED)
    return buffer.getvalue()
