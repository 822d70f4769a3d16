"""Files for the tests, good ones and bad ones, made here."""

import struct
import zlib
from io import BytesIO
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

Array = npt.NDArray[np.uint8]
GREEN, RED, BLUE, WHITE = (0, 255, 0), (255, 0, 0), (0, 0, 255), (255, 255, 255)


def picture(width: int = 64, height: int = 48) -> Image.Image:
    """Red left half, blue right half, with a green top left corner."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = (255, 0, 0)
    pixels[:, width // 2 :] = (0, 0, 255)
    pixels[: height // 4, : width // 4] = (0, 255, 0)
    return Image.fromarray(pixels)


def shown_corner(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """The colour at a relative position, rounded to what lossy formats keep."""
    pixel = image.getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(pixel, tuple)
    return tuple(255 * round(v / 255) for v in pixel)


def photo(width: int, height: int) -> Image.Image:
    """Smooth noise, about as hard to compress as a photograph."""
    noise = np.random.default_rng(0).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def claimed_png(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its few bytes of data do not hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def deep_tiff(width: int, height: int) -> bytes:
    """A whole TIFF of three channels of 64-bit floats, as scientific software writes it."""
    pixels = bytes(width * height * 3 * 8)
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 0), (262, 3, 1, 2),
               (273, 4, 1, 0), (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(pixels)),
               (339, 3, 1, 3)]  # fmt: skip
    after = 8 + 2 + 12 * len(entries) + 4
    placed = {258: after, 273: after + 6}
    tags = b"".join(struct.pack("<HHII", t, k, n, placed.get(t, v)) for t, k, n, v in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + bytes(4)
    return head + struct.pack("<3H", 64, 64, 64) + pixels


def grey_frame(index: int, width: int, height: int) -> Array:
    """Its brightness tells its index: 3 per frame, up to 85; its top left quarter is white."""
    frame = np.full((height, width, 3), 3 * index % 256, np.uint8)
    frame[: height // 2, : width // 2] = 255
    return frame


def clip(
    frames: int = 60,
    *,
    rate: int = 24,
    width: int = 96,
    height: int = 64,
    codec: str = "libx264",
    container: str = "mp4",
    faststart: bool = False,
    gop: int = 12,
) -> bytes:
    """A video of `grey_frame`s."""
    buffer = BytesIO()
    flags = {"movflags": "frag_keyframe+empty_moov"} if faststart else {}
    with av.open(buffer, "w", format=container, options=flags) as output:
        stream: Any = output.add_stream(codec, rate=rate, options={"g": str(gop), "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(grey_frame(index, width, height), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return buffer.getvalue()


def live_clip(codec: str = "libvpx", container: str = "webm", *, browser: bool = False) -> bytes:
    """Three seconds as they are written while they are watched: without a length or a duration.

    Args:
        codec: of its frames.
        container: webm or matroska.
        browser: leave the length of each cluster open too, as browsers do.
    """

    class Pipe:
        """A file that cannot be gone back in."""

        def __init__(self) -> None:
            self.written = b""

        def write(self, data: bytes) -> int:
            self.written += bytes(data)
            return len(data)

    pipe = Pipe()
    with av.open(pipe, "w", format=container, options={"live": "1"}) as output:
        stream: Any = output.add_stream(codec, rate=24, options={"g": "12"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(72):
            frame = av.VideoFrame.from_ndarray(grey_frame(index, 96, 64), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return _opened(pipe.written) if browser else pipe.written


def _opened(data: bytes) -> bytes:
    """A live file whose clusters have a size of all ones, which says that it is not known."""
    cluster = b"\x1f\x43\xb6\x75"
    head, *clusters = data.split(cluster)
    unknown = cluster + b"\x01" + b"\xff" * 7
    return head + b"".join(unknown + each[9 - each[0].bit_length() :] for each in clusters)


def variable_rate_clip(codec: str = "libx264", container: str = "mp4") -> bytes:
    """Thirty frames in the first second, then one a second for nine more."""
    buffer = BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=30, options={"g": "12"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(39):
            frame = av.VideoFrame.from_ndarray(grey_frame(index, 96, 64), format="rgb24")
            frame.pts = index if index < 30 else 30 * (index - 28)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return buffer.getvalue()


def sound_only(container: str = "mp4", codec: str = "aac") -> bytes:
    """A second of silence, without a video stream."""
    buffer = BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=48000)
        for start in range(0, 48000, 960):
            samples = np.zeros((1, 960), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
            frame.sample_rate, frame.pts = 48000, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return buffer.getvalue()


def turned_clip() -> bytes:
    """A clip whose header asks players to turn it a quarter clockwise, as phones write it."""
    data = bytearray(clip(12))
    matrix = data.index(b"tkhd") + 4 + 4 + 5 * 4 + 8 + 4 * 2
    one = 1 << 16
    data[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    return bytes(data)


def pdf(pages: int = 2, *, password: str = "", size: tuple[float, float] = (300, 400)) -> bytes:
    """Page n shows its number, and a red box in its top left corner."""
    buffer = BytesIO()
    lock = StandardEncryption(password, strength=128) if password else None
    canvas = Canvas(buffer, pagesize=size, encrypt=lock)
    for page in range(pages):
        canvas.setFillColorRGB(1, 0, 0)
        canvas.rect(0, size[1] * 0.75, size[0] * 0.25, size[1] * 0.25, stroke=0, fill=1)
        canvas.setFillColorRGB(0, 0, 0)
        canvas.setFont("Helvetica", 40)
        canvas.drawString(100, 100, f"Page {page}")
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def pdf_with_picture(image: Image.Image) -> bytes:
    """One page with a picture on it."""
    from reportlab.lib.utils import ImageReader

    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=(300, 300))
    canvas.drawImage(ImageReader(image), 0, 0, 300, 300)
    canvas.save()
    return buffer.getvalue()
