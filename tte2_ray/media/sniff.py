"""What a file is, by its first bytes; names and extensions lie."""

from typing import Literal

Kind = Literal["image", "video", "pdf", "unknown"]

_IMAGE_MAGIC = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"P4",
    b"P5",
    b"P6",
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",
)
_ISO_IMAGE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")
_ISO_BOXES = (b"moov", b"mdat", b"free", b"skip", b"wide")  # MOV files may lack ftyp
_MATROSKA_MAGIC = b"\x1a\x45\xdf\xa3"


def sniff(data: bytes) -> Kind:
    """The kind of a file from its first bytes.

    >>> sniff(b"%PDF-1.7"), sniff(b"<html>")
    ('pdf', 'unknown')
    """
    if data.startswith(_IMAGE_MAGIC) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return "image"
    if data[4:8] == b"ftyp" and (b"avif" in data[8:64] or b"avis" in data[8:64]):
        return "image"
    if video_format(data):
        return "video"
    return "pdf" if b"%PDF-" in data[:1024] else "unknown"


def video_format(data: bytes) -> str:
    """The name of the demuxer for a video file; "" for what is not one that is supported."""
    if data.startswith(_MATROSKA_MAGIC):
        return "matroska"
    if data[4:8] == b"ftyp":
        return "" if data[8:12] in _ISO_IMAGE_BRANDS else "mp4"
    return "mp4" if data[4:8] in _ISO_BOXES else ""


def describe(data: bytes) -> str:
    """A few words on what a file seems to be, for a message."""
    kind = sniff(data)
    if kind != "unknown":
        return f"it is a {kind} file"
    head = data[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "it is an HTML page"
    if b"\0" not in head and head.isascii():
        return "it is text"
    return f"it begins with {data[:8].hex(' ')}"
