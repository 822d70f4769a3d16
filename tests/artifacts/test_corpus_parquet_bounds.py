"""A Parquet manifest of a stranger is read in a child: what it does there ends in one error."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.artifacts.corpora import ids, parquet
from tests.artifacts.hostile_reader import DEEDS
from tests.media.bombs import VALUE_BYTES, parquet_bombs, varint
from tte2_ray.artifacts.corpus import RejectedRow, read_corpus
from tte2_ray.artifacts.corpus import parquet as module
from tte2_ray.artifacts.query_log import read_log
from tte2_ray.errors import ValidationError
from tte2_ray.media.isolated.children import Children

ROOT = Path(__file__).parents[2]
MEMORY_MB = 384
REFUSED = {
    "dictionary": "behind row 0: it takes over 384 MiB to read on",
    "footer": "behind row 0: it takes over 384 MiB to read on",
    "nulls": "behind row 0: it takes over 384 MiB to read on",
    "rows": "no two of them may be alike",
    "value": "behind row 0: it takes over 384 MiB to read on",
}

# In a process of its own, whose peaks and whose children's are those of these files alone.
READ_ALL = f"""
import json, resource, sys
from pathlib import Path
from tte2_ray.artifacts.corpus import parquet, read_corpus
from tte2_ray.errors import ValidationError

parquet.MAX_MEMORY_MB = {MEMORY_MB}
said = {{}}
for path in sys.argv[1:]:
    try:
        for _ in read_corpus(path):
            pass
    except ValidationError as error:
        said[path] = [error.exit_code, str(error)]
parquet._readers.end()
# Its own is not asked of getrusage, which counts what it was before it was another program.
ours = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) >> 10
peaks = [ours, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10]
print(json.dumps([said, peaks]))
"""


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bombs")
    for name, data in parquet_bombs().items():
        (folder / name).write_bytes(data)
    return {file.stem: file for file in folder.iterdir()}


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Children]:
    children = Children("tests.artifacts.hostile_reader")
    monkeypatch.setattr(module, "_readers", children)
    yield children
    children.end()


def test_bombs_take_no_memory_and_say_what_to_do(bombs: dict[str, Path]) -> None:
    assert all(file.stat().st_size < 50_000 for file in bombs.values())
    command = [sys.executable, "-c", READ_ALL, *map(str, bombs.values())]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    said, (ours, of_children) = json.loads(done.stdout)
    assert set(bombs) == set(REFUSED)
    for name, why in REFUSED.items():
        code, message = said[str(bombs[name])]
        assert code == 5
        assert f"{name}.parquet: " in message
        assert why in message
        assert "smaller row groups, pages and values, or as JSONL" in message or name == "rows"
    assert ours < 150
    assert of_children < MEMORY_MB + 64  # its code and libraries


def test_a_footer_that_lies_does_not_help(bombs: dict[str, Path]) -> None:
    chunk = pq.read_metadata(bombs["footer"]).row_group(0).column(1)
    assert chunk.total_uncompressed_size == 100
    assert pq.read_metadata(bombs["value"]).row_group(0).column(1).total_uncompressed_size > 2e8


@pytest.mark.parametrize(
    ("claims", "why"),
    [(100, "not a readable Parquet file"), (2**31 - 1, "takes over 384 MiB")],
)
def test_a_header_of_a_page_that_lies_does_not_help(
    bombs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claims: int, why: str
) -> None:
    monkeypatch.setattr(module, "MAX_MEMORY_MB", MEMORY_MB)
    data = bombs["value"].read_bytes()
    (told,) = (size for size in range(VALUE_BYTES, VALUE_BYTES + 99) if varint(size) in data[:500])
    length = len(varint(told))
    lying = data.replace(varint(told), varint(claims, length)[: max(length, 5)], 1)
    (tmp_path / "a.parquet").write_bytes(lying)
    with pytest.raises(ValidationError, match=why):
        list(read_corpus(str(tmp_path / "a.parquet")))


def test_a_log_is_read_so_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MEMORY_MB", MEMORY_MB)
    equal = pa.DictionaryArray.from_arrays(pa.array([0] * 4096), pa.array(["x" * (1 << 20)]))
    table = pa.table({"query_id": [str(n) for n in range(4096)], "text": equal})
    pq.write_table(table, tmp_path / "log.parquet", store_schema=False)
    with pytest.raises(ValidationError, match="takes over 384 MiB"):
        list(read_log(str(tmp_path / "log.parquet")))


def test_a_row_longer_than_a_line_may_be_is_rejected_alone(tmp_path: Path) -> None:
    texts = ["x", "y" * (17 << 20), "z"]
    data = parquet([{"item_id": str(n), "text": text} for n, text in enumerate(texts)])
    (tmp_path / "a.parquet").write_bytes(data)
    rows = list(read_corpus(str(tmp_path / "a.parquet")))
    assert ids(rows) == ["0", "2"]
    (rejected,) = (row for row in rows if isinstance(row, RejectedRow))
    assert (rejected.item_id, rejected.error_class.value) == ("1", "too_large")
    assert "a.parquet row 2: the row has 17825" in rejected.message


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("deed", sorted(DEEDS))
def test_what_a_child_does_or_says_is_an_error_of_its_file(
    deed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 2.0 if deed == "block" else 60.0)
    (tmp_path / "a.parquet").write_text(deed)
    (tmp_path / "b.parquet").write_text("fine")
    with pytest.raises(ValidationError, match=r"a\.parquet: not readable behind row 0: "):
        list(read_corpus(str(tmp_path / "a.parquet")))
    assert len(list(read_corpus(str(tmp_path / "b.parquet")))) == 1


def test_a_child_is_kept_for_the_next_file_and_ended_with_what_is_not_read_to_its_end(
    hostile: Children, tmp_path: Path
) -> None:
    file = tmp_path / "a.parquet"
    file.write_text("fine")
    first, second = (ids(list(read_corpus(str(file)))) for _ in range(2))
    assert first == second
    begun = read_corpus(str(file))
    assert ids([next(begun)]) == first
    begun.close()  # type: ignore[attr-defined]
    assert not psutil.pid_exists(int(first[0]))


def test_a_manifest_of_a_million_rows_is_one_page(tmp_path: Path) -> None:
    """As some writers have it: a row group is a page, and within the bounds."""
    count = 1_000_000
    table = pa.table({"item_id": pa.array(range(count)), "text": pa.array(["t" * 99] * count)})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=count, data_page_size=1 << 30,
                   use_dictionary=False, max_rows_per_page=count)  # fmt: skip
    (tmp_path / "a.parquet").write_bytes(buffer.getvalue())
    rows = read_corpus(str(tmp_path / "a.parquet"))
    assert len(ids([next(rows) for _ in range(3000)])) == 3000
