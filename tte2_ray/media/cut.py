"""Whether a video file was cut off: what is left of it plays to its end as if it were a shorter
film, but its elements state how long they are.

Layouts: RFC 8794 and RFC 9559 (Matroska, WebM), ISO/IEC 14496-12 (MP4, MOV).
"""

from collections.abc import Iterator
from itertools import islice

MAX_ELEMENTS = 1_000_000
"""Looked at in one file, which bounds the time that a crafted one takes."""

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_CLUSTER = b"\x1f\x43\xb6\x75"
_OF_SEGMENT = (
    b"\x11\x4d\x9b\x74",  # SeekHead
    b"\x15\x49\xa9\x66",  # Info
    b"\x16\x54\xae\x6b",  # Tracks
    b"\x1c\x53\xbb\x6b",  # Cues
    b"\x19\x41\xa4\x69",  # Attachments
    b"\x10\x43\xa7\x70",  # Chapters
    b"\x12\x54\xc3\x67",  # Tags
    b"\xec",  # Void
    b"\xbf",  # CRC-32
)
_OF_CLUSTER = (
    b"\xe7",  # Timestamp
    b"\xa7",  # Position
    b"\xab",  # PrevSize
    b"\xa3",  # SimpleBlock
    b"\xa0",  # BlockGroup
)
_ELEMENTS = {_EBML, _SEGMENT, _CLUSTER, *_OF_SEGMENT, *_OF_CLUSTER}
_BOXES = {b"ftyp", b"styp", b"sidx", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"uuid"}


def is_cut_off(data: bytes) -> bool:
    """Whether a video file ends within one of its elements.

    A file that was written while it was watched (live WebM, fragmented MP4) states no length of
    the whole: cut between two of its elements, it is a shorter film and nothing tells.

    Args:
        data: an MP4, MOV, WebM or Matroska file.
    """
    ends = _element_ends(data) if data.startswith(_EBML) else _fragment_ends(data)
    return any(end > len(data) for end in islice(ends, MAX_ELEMENTS))


def _element_ends(data: bytes) -> Iterator[int]:
    """Where each element of a Matroska file ends, as far as the first one that is unknown."""
    at = 0
    while at < len(data):
        id_end = at + _width(data[at])
        if (name := data[at:id_end]) not in _ELEMENTS:
            return  # padding, or what something else appended
        body = id_end + (_width(data[id_end]) if id_end < len(data) else 1)
        size = _size(data[id_end:body])
        live = size is None and name in (_SEGMENT, _CLUSTER)  # its elements follow, then others
        if size is None and not live:
            return
        at = body + (size or 0)
        yield at
        if name == _SEGMENT and not live:
            return


def _width(first: int) -> int:
    """Bytes of a number of variable width, which the zeros before its first bit count; 9: none."""
    return 9 - first.bit_length()


def _size(number: bytes) -> int | None:
    """The size that an element states; None where it states that it is not known."""
    bits = 7 * len(number)
    size = int.from_bytes(number) & ((1 << bits) - 1)
    return None if size == (1 << bits) - 1 else size


def _fragment_ends(data: bytes) -> Iterator[int]:
    """Where each `moof` box of an MP4 file ends: the index of a fragment. Whether its frames are
    there, the index tells."""
    at = 0
    while (kind := data[at + 4 : at + 8]) in _BOXES:
        size = int.from_bytes(data[at : at + 4])
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        if size < 8:
            return  # 0: as far as the file goes
        at += size
        if kind == b"moof":
            yield at
