"""Files that were good once: damaged by chance from a seed, as a careless or hostile hand would.

Each kind of damage names itself, so that a failure can be made again: `mutant(name, index)`.
"""

import random
import re
from collections.abc import Callable
from functools import cache
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from tests.media import files

HUGE = (0, 1, 0x7F, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF)
"""What a length field may claim."""
Field = tuple[int, int]
"""Where a number lies, and how many bytes it has."""


@cache
def originals() -> dict[str, tuple[bytes, ...]]:
    """Small good files of each format that a mutant is made of, by suffix."""
    picture, photo = files.picture(), files.photo(160, 120)
    frames = {"save_all": True, "append_images": [picture.rotate(90), picture.rotate(180)]}
    return {
        "png": (files.encoded(picture, "PNG"), files.encoded(photo.convert("P"), "PNG")),
        "jpg": (files.encoded(photo, "JPEG"), files.encoded(photo, "JPEG", progressive=True)),
        "gif": (files.encoded(picture, "GIF", **frames), files.encoded(photo, "GIF")),
        "webp": (files.encoded(photo, "WEBP"), files.encoded(picture, "WEBP", **frames),
                 files.encoded(photo, "WEBP", lossless=True)),
        "mp4": (files.clip(24), files.clip(24, faststart=True)),
        "pdf": (files.pdf(2), files.pdf_with_picture(photo)),
        "parquet": tuple(_parquet(codec) for codec in ("snappy", "zstd", "none")),
        "jsonl": (_jsonl(),),
    }  # fmt: skip


def _parquet(codec: str) -> bytes:
    table = pa.table({
        "item_id": [f"i{n}" for n in range(60)],
        "text": [f"words {n} " * 4 for n in range(60)],
        "image_uris": [["a.png", "b.png"]] * 60,
        "metadata": [{"a": "x", "b": n} for n in range(60)],
    })  # fmt: skip
    buffer = BytesIO()
    pq.write_table(table, buffer, compression=codec, row_group_size=25)
    return buffer.getvalue()


def _jsonl() -> bytes:
    row = '{{"item_id": "i{n}", "text": "grüße {n}", "image_uris": ["a.png"], "k": [1, {n}e3]}}\n'
    return "".join(row.format(n=n) for n in range(30)).encode()


def mutant(name: str, index: int) -> tuple[str, bytes]:
    """The kind of damage, and the file.

    Args:
        name: of the format.
        index: any number; the same one gives the same file.
    """
    chance = random.Random(f"{name} {index}")
    kind = list(DAMAGES)[index % len(DAMAGES)]
    data = chance.choice(originals()[name])
    for _ in range(chance.choice((1, 1, 2, 5))):
        data = DAMAGES[kind](data, chance) or b"\0"
    return kind, data


def _flip(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 3, 20))):
        out[_place(out, chance)] ^= 1 << chance.randrange(8)
    return bytes(out)


def _place(data: bytes | bytearray, chance: random.Random) -> int:
    """Half of the time near the beginning or the end, where headers and indexes are."""
    near = min(len(data), 400)
    return chance.choice((
        chance.randrange(near), len(data) - 1 - chance.randrange(near),
        chance.randrange(len(data)), chance.randrange(len(data)),
    ))  # fmt: skip


def _truncate(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(1, len(data)) if len(data) > 1 else 1
    return chance.choice((data[:at], data[at:], data[: at // 2] + data[at:], data + data[:at]))


def _splice(data: bytes, chance: random.Random) -> bytes:
    """A piece of another file, of any format, over a piece of this one or between."""
    other = chance.choice(chance.choice(list(originals().values())))
    begin = chance.randrange(len(other))
    piece = other[begin : begin + chance.choice((4, 64, 2000))]
    at = _place(data, chance)
    return data[:at] + piece + data[at + chance.choice((0, len(piece))) :]


def _inflate(data: bytes, chance: random.Random) -> bytes:
    """A length or a count that claims something else."""
    numbers = [match.span() for match in re.finditer(rb"(?<=[ \[:])\d+", data[:20_000])]
    if numbers and data[:5] in (b"%PDF-", b'{"ite'):
        begin, end = chance.choice(numbers)
        claims = (b"-1", b"0", b"99999999999", b"1e999", b"9" * 5000)
        return data[:begin] + chance.choice(claims) + data[end:]
    at, size = chance.choice(_fields(data) or [(_place(data, chance), 4)])
    order = ">" if data[:4] not in (b"RIFF", b"GIF8", b"PAR1") else "<"
    claim = chance.choice(HUGE) & ((1 << 8 * size) - 1)
    return data[:at] + claim.to_bytes(size, "big" if order == ">" else "little") + data[at + size :]


def _fields(data: bytes) -> list[Field]:
    """Lengths, counts and sizes in pixels, found by what stands before or behind them."""
    known: dict[bytes, list[Field]] = {
        rb"IHDR|IDAT|PLTE|tRNS": [(-4, 4), (4, 4), (8, 4)],
        rb"\xff[\xc0\xc2\xc4\xda\xdb]": [(2, 2), (5, 2), (7, 2)],
        rb"RIFF|VP8 |VP8L|VP8X|ANIM|ANMF|ALPH": [(4, 4), (8, 3), (11, 3)],
        rb"GIF8.a|\x21\xf9|\x2c\0\0\0\0": [(5, 2), (6, 2), (7, 2), (8, 2), (10, 1)],
        rb"moov|trak|mdat|stsz|stco|stsc|stts|avc1|tkhd|mdhd|trun|tfhd|moof|avcC": [
            (-4, 4), (8, 4), (12, 4), (16, 4), (28, 2), (30, 2)],
        rb"PAR1\Z": [(-4, 4)],
    }  # fmt: skip
    places = [
        (match.start() + shift, size)
        for pattern, shifts in known.items()
        for match in re.finditer(pattern, data, re.DOTALL)
        for shift, size in shifts
    ]
    return [(at, size) for at, size in places if 0 <= at <= len(data) - size]


def _swap_head(data: bytes, chance: random.Random) -> bytes:
    """The beginning of one file on the body of another."""
    other = chance.choice(chance.choice(list(originals().values())))
    cut = chance.choice((4, 8, 16, 64, 300))
    return chance.choice((other[:cut] + data[cut:], data[:cut] + other[cut:]))


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "flip": _flip,
    "truncate": _truncate,
    "splice": _splice,
    "inflate": _inflate,
    "swap head": _swap_head,
}
