"""The real child: the same pixels as without it, nothing heavy in it, no life after its parent."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.media import files
from tests.media.conftest import LARGE, Write
from tests.media.test_fuzz import originals
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import MediaLimits, decode_item
from tte2_ray.media.decoders import Seen, Visual, VisualKind, decode_visual
from tte2_ray.media.isolated import decode_isolated
from tte2_ray.media.isolated.children import Children
from tte2_ray.schema import Item

LIMITS = MediaLimits(**LARGE)
ROOT = Path(__file__).parents[3]


def kind_of(name: str) -> VisualKind:
    if name in ("mp4", "webm", "live", "fragmented"):
        return "video"
    return "document" if name.startswith("pdf") else "image"


def told(seen: Seen) -> tuple[object, ...]:
    """All that is in it, to be compared."""
    if seen.video is None:
        return seen.image and (seen.image.mode, seen.image.tobytes()), seen.notes, seen.pages
    video = vars(seen.video)
    frames = video.pop("frames")
    return video, frames.tobytes(), frames.shape, frames.dtype, seen.notes


@pytest.mark.parametrize("name", sorted(originals()))
def test_a_child_shows_what_its_parent_would(name: str) -> None:
    visual = Visual(kind=kind_of(name), data=originals()[name], uri=f"{name}.x")
    assert told(decode_isolated(visual, LIMITS, 60.0)) == told(decode_visual(visual, LIMITS))


def test_pages_are_counted() -> None:
    visual = Visual(kind="pages", data=files.pdf(3), uri="a.pdf")
    assert decode_isolated(visual, LIMITS, 60.0).pages == 3


@pytest.mark.parametrize(
    "data", [b"", b"text", files.claimed_png(50_000, 50_000), files.claimed_png(10, 10)]
)
@pytest.mark.parametrize("kind", ["image", "video", "document", "pages"])
def test_refusals_are_the_same(kind: VisualKind, data: bytes) -> None:
    visual, words = Visual(kind=kind, data=data, uri="s3://b/ü\n.png"), []
    for decode in (decode_visual, lambda *given: decode_isolated(*given, 60.0)):
        with pytest.raises(RowError) as caught:
            decode(visual, LIMITS)
        words.append((caught.value.error_class, caught.value.message))
    assert words[0] == words[1]


def test_large_pixels_travel_whole() -> None:
    data = files.encoded(files.photo(1600, 1200), "PNG")
    limits = MediaLimits(**LARGE | {"max_pixels": 4_000_000})
    visual = Visual(kind="image", data=data, uri="a.png")
    assert told(decode_isolated(visual, limits, 60.0)) == told(decode_visual(visual, limits))


def test_a_real_picture_that_needs_more_memory_than_allowed(write: Write) -> None:
    path = write("bomb.png", files.encoded(files.picture(9000, 9000), "PNG"))
    item = Item(item_id="bomb", image_uris=(path,))
    with pytest.raises(RowError, match="decode_memory_mb") as caught:
        decode_item(item, MediaLimits(decode_memory_mb=256))
    assert caught.value.error_class is RowErrorClass.TOO_LARGE
    assert decode_item(item, MediaLimits(decode_memory_mb=1024)).images[0].size == (96, 96)


def test_the_time_of_an_item_is_shared_by_its_files(write: Write) -> None:
    path = write("large.png", files.encoded(files.picture(5000, 5000), "PNG"))
    item = Item(item_id="many", image_uris=(path,) * 30)
    began = time.monotonic()
    with pytest.raises(RowError, match="took over decode_timeout_s") as caught:
        decode_item(item, MediaLimits(decode_timeout_s=1.0))
    assert time.monotonic() - began < 10
    assert caught.value.error_class is RowErrorClass.DECODER_DIED


def test_words_alone_need_no_child(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    from tte2_ray.media.isolated import children

    monkeypatch.setattr(children, "_children", Children("tests.no_such_module"))
    path = write("a.txt", b"a text")
    assert decode_item(Item(item_id="t", text="a", document_uri=path), LIMITS).text == "a\n\na text"
    picture = write("a.png", files.encoded(files.picture(), "PNG"))
    off = MediaLimits(**LARGE | {"isolate": False})
    assert decode_item(Item(item_id="t", image_uris=(picture,)), off).images


def test_nothing_heavy_is_in_a_child() -> None:
    before, children = set(psutil.Process().children()), Children()
    for name, data in originals().items():
        assert children.decode(Visual(kind=kind_of(name), data=data, uri=name), LIMITS, 60.0)
    (process,) = set(psutil.Process().children()) - before
    mapped = {part for each in process.memory_maps() for part in Path(each.path).parts}
    children.end()
    assert not mapped & {"torch", "vllm", "ray", "pyarrow", "grpc", "pymilvus", "transformers"}
    assert {"av", "PIL"} <= mapped, "else nothing was looked at"


PARENT = """
import sys, threading, time
from tests.media.isolated.conftest import HOSTILE, asked
from tte2_ray.media.isolated.children import Children
children = Children(HOSTILE)
print(asked(children, "fine"), flush=True)
if sys.argv[1] == "busy":
    threading.Thread(target=asked, args=(children, "block"), daemon=True).start()
time.sleep(0.5)
print("ready", flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize("doing", ["idle", "busy"])
def test_a_child_ends_with_its_parent(doing: str) -> None:
    command = [sys.executable, "-c", PARENT, doing]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert parent.stdout.readline() == "ready\n"
        assert child.is_running()
        parent.send_signal(signal.SIGKILL)
        psutil.wait_procs([child], timeout=10)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


FORKED = """
import os, sys
from tests.media.isolated.conftest import HOSTILE, asked
from tte2_ray.media.isolated import children
children._children = children.Children(HOSTILE)
first = asked(children._children, "fine")
copy = os.fork()
if not copy:
    second = asked(children._children, "fine")
    children.end_children()
    os._exit(0 if second != first else 1)
_, status = os.waitpid(copy, 0)
assert status == 0, status
assert asked(children._children, "fine") == first, "the original keeps its own"
"""


def test_a_forked_copy_has_children_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_end_of_a_process_is_quiet(write: Write) -> None:
    path = write("a.png", files.encoded(files.picture(), "PNG"))
    code = (
        "from tte2_ray.media import MediaLimits, decode_item; from tte2_ray.schema import Item;"
        f"print(decode_item(Item(item_id='a', image_uris=({path!r},)), MediaLimits()).images)"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code], cwd=ROOT, capture_output=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, b"")
