"""Small files that claim to be large, or are: what a few bytes can make of a decoder's memory and
time.
"""

import gzip
import struct
import zlib
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.media import files
from tests.media.mutations import originals

VALUE_BYTES = 200 << 20
"""Of the one value of a Parquet file of 7 KB."""


def bombs() -> dict[str, bytes]:
    """By file name; the suffix is that of the format."""
    jpeg, gif, webp = (originals()[name][0] for name in ("jpg", "gif", "webp"))
    made = {
        "claimed-most.png": files.claimed_png(0x7FFFFFFF, 0x7FFFFFFF),
        "claimed-wide.png": files.claimed_png(0x7FFFFFFF, 1),
        "claimed-allowed.png": files.claimed_png(10_000, 10_000),
        "whole.png": files.encoded(Image.new("1", (10_000, 10_000)), "PNG"),
        "text-chunk.png": _png_with(b"zTXt", b"k\0\0" + zlib.compress(bytes(64 << 20))),
        "profile.png": _png_with(b"iCCP", b"k\0\0" + zlib.compress(bytes(64 << 20))),
        "claimed.jpg": _patched(jpeg, jpeg.index(b"\xff\xc0") + 5, b"\xff\xff\xff\xff"),
        "claimed.gif": _patched(gif, 6, struct.pack("<HH", 65535, 65535)),
        "claimed.webp": _patched(webp, webp.index(b"\x9d\x01\x2a") + 3, b"\xff\x3f\xff\x3f"),
        "claimed.mp4": _mp4_of_size(65535, 65535),
        "samples.mp4": _mp4_with_count(b"stsz", 8, 0xFFFFFFFF),
        "times.mp4": _mp4_with_count(b"stts", 8, 0x7FFFFFFF),
        "sheet.pdf": files.pdf(1, size=(1e7, 1e7)),
        "content.pdf": _pdf(zlib.compress(b"0 0 m 9 9 l S\n" * 200_000)),
        "nested.pdf": _pdf(zlib.compress(b"q " * 2_000_000)),
        "in-itself.pdf": _pdf(zlib.compress(b"/F Do /F Do")),
        "deep.jsonl": b"[" * 200_000,
        "deep-row.jsonl": b'{"item_id": "a", "text": ' + b'{"a":' * 100_000 + b"}" * 100_001,
        "digits.jsonl": b'{"item_id": ' + b"9" * 1_000_000 + b"}",
        "line.jsonl": b'{"item_id": "a", "text": "' + b"x" * (17 << 20) + b'"}',
        "zeros.jsonl.gz": gzip.compress(bytes(200 << 20), 1),
    }  # fmt: skip
    return made | parquet_bombs()


def parquet_bombs() -> dict[str, bytes]:
    """Kilobytes of Parquet that unpack to hundreds of megabytes, or to rows without end."""
    ids = pa.array([str(n) for n in range(4096)])
    equal = pa.DictionaryArray.from_arrays(pa.array([0] * 4096), pa.array(["x" * (1 << 20)]))
    nulls = pa.ListArray.from_arrays(pa.array([0, 50_000_000], pa.int32()), pa.nulls(50_000_000))
    value = _parquet(item_id=["a"], text=["x" * VALUE_BYTES])
    return {
        "value.parquet": value,
        "footer.parquet": _with_small_footer(value),
        "dictionary.parquet": _parquet(item_id=ids, text=equal),
        "nulls.parquet": _parquet(item_id=["a"], text=["t"], k=nulls),
        "rows.parquet": _parquet(item_id=pa.nulls(1_000_000, pa.string())),
    }


def _parquet(**columns: object) -> bytes:
    buffer = BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd", store_schema=False,
                   write_statistics=False, max_rows_per_page=1 << 30)  # fmt: skip
    return buffer.getvalue()


def _with_small_footer(data: bytes) -> bytes:
    """The file, whose footer claims that its columns are small."""
    begin = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    group = pq.read_metadata(BytesIO(data)).row_group(0)
    footer = data[begin:]
    for size in (group.column(1).total_uncompressed_size, group.total_byte_size):
        told = varint(size)
        assert footer.count(told) == 1
        footer = footer.replace(told, varint(100, len(told)))
    return data[:begin] + footer


def varint(number: int, length: int = 0) -> bytes:
    """As Thrift's compact protocol has it, in at least so many bytes."""
    left, out = number << 1, []
    while left or not out or len(out) < length:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes((*out[:-1], out[-1] & 0x7F))


def _patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _png_with(kind: bytes, body: bytes) -> bytes:
    """A good picture with a further chunk before its pixels."""
    png = files.encoded(files.picture(), "PNG")
    at = png.index(b"IDAT") - 4
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:at] + chunk + png[at:]


def _mp4_of_size(width: int, height: int) -> bytes:
    data = originals()["mp4"][0]
    return _patched(data, data.index(b"avc1", data.index(b"stsd")) + 28,
                    struct.pack(">HH", width, height))  # fmt: skip


def _mp4_with_count(box: bytes, shift: int, count: int) -> bytes:
    data = originals()["mp4"][0]
    return _patched(data, data.index(box) + shift, struct.pack(">I", count))


def _pdf(content: bytes) -> bytes:
    """A page of this compressed content, which may draw itself as /F."""
    stream = b"<< /Length %d /Filter /FlateDecode /Resources << /XObject << /F 4 0 R >> >>" + (
        b" /Type /XObject /Subtype /Form /BBox [0 0 300 300] >>\nstream\n%s\nendstream"
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R"
        b" /Resources << /XObject << /F 4 0 R >> >> >>",
        stream % (len(content), content),
    ]
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 5\n0000000000 65535 f \n" + table
    return out + head + b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(out)
