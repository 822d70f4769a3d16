"""What an item may cost: where its files may lie, how large they are, how much the model sees."""

from dataclasses import dataclass
from typing import Final

from tte2_ray.config import guard, speed
from tte2_ray.errors import ConfigError

DECODER_VERSION: Final = "3"
"""Raised whenever the same file and limits give other pixels or text; part of the ECR key."""

SCHEMES = ("file", "s3", "http", "https")


@dataclass(frozen=True, kw_only=True)
class MediaLimits:
    """Bounds on fetching and decoding. Where one is met, the row is refused or a note says so.

    What a model sees is by default what the miniature was trained to look at; other models have
    their presets.
    """

    allowed_schemes: tuple[str, ...] = guard(("file", "s3"))
    """Of file, s3, http, https. A plain path counts as file."""
    allowed_file_roots: tuple[str, ...] = guard(())
    """Folders that local files must lie in, symbolic links resolved. Empty: any folder, which
    suits a laptop; a cluster that runs other people's manifests should name its data folders."""
    allow_private_addresses: bool = guard(False)
    """Let http(s) reach loopback, link-local and private addresses. For tests only."""
    max_bytes: int = guard(64 * 1024 * 1024)
    """Largest file, in bytes."""
    max_images: int = guard(32)
    """Most pictures in one item."""
    max_pages: int = guard(2_000)
    """Most pages of a PDF in a folder of files, where each is an item; a longer one is refused."""
    max_source_pixels: int = guard(100_000_000)
    """Largest picture or video frame, in pixels, as its header states it; read before decoding."""
    min_pixels: int = 48 * 48
    """Smaller pictures and frames are scaled up to this area, in pixels."""
    max_pixels: int = 96 * 96
    """Larger pictures are scaled down to this area, in pixels."""
    document_max_pixels: int = 96 * 128
    """Pages of documents are shown at this area, in pixels: print needs more than pictures do."""
    max_aspect_ratio: float = 100.0
    """Pictures more elongated than this are padded with white (vision models refuse 200)."""
    fps: float = 2.0
    """Frames sampled from a second of video; of a short one two, where it has them."""
    max_frames: int = 8
    """Most frames sampled from one video; a longer one is sampled more sparsely, uniformly."""
    frame_max_pixels: int = 64 * 64
    """Larger video frames are scaled down to this area, in pixels."""
    max_video_seconds: float = 3600.0
    """Only this much of a longer video is looked at, from its start, in seconds."""
    max_decoded_frames: int = guard(50_000)
    """Most frames decoded to reach the sampled ones; a file that needs more is refused."""
    decode_timeout_s: float = guard(120.0)
    """Most time that the decoders of one item may take, in seconds, fetching not counted."""
    decode_memory_mb: int = guard(2048)
    """Most memory of one decoding process, in MiB. Pictures of `max_source_pixels` 100 million
    take up to 1,700; there are `decode_threads` such processes in a worker. At least 256."""
    isolate: bool = speed(True)
    """Decode in child processes: a file that crashes, blocks or bloats its decoder ends its row,
    not the worker. Off, the two bounds above do not hold: for files that are one's own."""
    video_threads: int = speed(1)
    """Threads of one video decoder."""
    timeout_s: float = speed(30.0)
    """Most time for one attempt to fetch one file from S3 or http, in seconds."""
    fetch_attempts: int = speed(3)
    """Attempts to fetch a file while the failure may pass (timeout, reset, status 429 or 5xx)."""
    max_text_chars: int = 100_000
    """Longer text is cut to this many characters."""

    def __post_init__(self) -> None:
        unknown = set(self.allowed_schemes) - set(SCHEMES)
        if unknown:
            raise ConfigError(
                f"allowed_schemes: {sorted(unknown)} not supported; choose from {list(SCHEMES)}"
            )
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, not {getattr(self, name)}")
        if self.decode_memory_mb < 256:  # the libraries alone take some 100
            raise ConfigError(f"decode_memory_mb must be at least 256, not {self.decode_memory_mb}")
        if self.max_aspect_ratio < 1:
            raise ConfigError(f"max_aspect_ratio must be at least 1, not {self.max_aspect_ratio}")
        for name in ("max_pixels", "document_max_pixels", "frame_max_pixels"):
            if self.min_pixels > getattr(self, name):
                raise ConfigError(f"min_pixels {self.min_pixels} exceeds {name}; lower it")


_POSITIVE = (
    "max_bytes",
    "max_images",
    "max_pages",
    "max_source_pixels",
    "min_pixels",
    "max_pixels",
    "document_max_pixels",
    "fps",
    "max_frames",
    "frame_max_pixels",
    "max_video_seconds",
    "max_decoded_frames",
    "decode_timeout_s",
    "video_threads",
    "timeout_s",
    "fetch_attempts",
    "max_text_chars",
)
