"""What `make scale` makes of what it measured; jobs and engines are doubles, they take minutes."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import lengths, million, scaling
from benchmarks.long_items import FRAMES, long_items
from benchmarks.object_store import ObjectStore
from benchmarks.scaling import Spread
from tools.shown import Row
from tte2_ray.artifacts.manifest import manifest_key
from tte2_ray.artifacts.shards import Plan, Shard, read_shard, write_plan
from tte2_ray.artifacts.store import open_store
from tte2_ray.media import MediaLimits, decode_item
from tte2_ray.schema import Item


def named(rows: Sequence[Row], name: str) -> Row:
    (row,) = [row for row in rows if row.name.startswith(name)]
    return row


def require_missed(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Rows whose names begin so do not hold, all others do."""
    missed = [row.name for row in rows if not row.holds]
    assert len(missed) == len(names)
    assert all(name.startswith(short) for name, short in zip(missed, names, strict=True))


@pytest.mark.parametrize(("seconds", "efficiency"), [(4.0, 1.0), (4.4, 0.909), (5.0, 0.8)])
def test_efficiency_is_the_rate_over_that_of_as_many_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, efficiency: float
) -> None:
    def spread(folder: Path, replicas: int, rounds: int, say: object) -> Spread:
        took = 4.0 if replicas == 1 else seconds
        return Spread(replicas=replicas, rows=32 * replicas, seconds=[took] * rounds,
                      worker_mb=1.0, cores=1.0, driver_cores=0.1)  # fmt: skip

    monkeypatch.setattr(scaling, "_spread", spread)
    row = named(scaling.scaling(tmp_path, (1, 64)), "efficiency, 64")
    assert row.value == pytest.approx(efficiency, abs=0.001)
    assert row.holds == (efficiency >= 0.9)


def test_parts_of_a_round_are_whole_shards_in_the_order_of_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a worker would hold calls of a part whose gate is closed, and wait for ever."""
    short = [Item(item_id=f"short-{n}", text=f"note {n}") for n in range(24)]
    long = [Item(item_id=f"long-{n}", text=f"long {n}") for n in range(12)]
    for name, value in {"SHORT": 4, "LONG": 2, "SHARD": 2,
                        "OF_A_ROUND": {"short": 4, "long": 2, "mixed": 6},
                        "CONFIGURED": ("corpus.rows_per_shard=2",)}.items():  # fmt: skip
        monkeypatch.setattr(lengths, name, value)
    monkeypatch.setattr(lengths, "find_items", lambda count: (short[:count], tmp_path))
    monkeypatch.setattr(lengths, "long_items", lambda _, count: long[:count])
    work, rounds = lengths._work(tmp_path, 2)
    store, seen = work.job.store, []
    for parts in rounds:
        found = {}
        for kind, part in parts.items():
            found[kind] = [i.item_id for s in part.shards for i in read_shard(store, s)]
            seen += part.shards
            assert {i for i in found[kind] if i.startswith("short")} == part.short_ids
        assert all(each.startswith("short") for each in found["short"])
        assert all(each.startswith("long") for each in found["long"])
        assert (len(found["mixed"]), len(parts["mixed"].short_ids)) == (6, 4)
    assert seen == list(work.job.plan.shards[len(work.warm.shards) :])
    assert [list(parts) for parts in rounds] == [
        ["short", "long", "mixed"],
        ["mixed", "long", "short"],
    ]


@pytest.mark.parametrize(
    ("mix_s", "in_the_mix_s", "falls_short"),
    [(3.1, 0.8, []), (3.5, 0.8, ["time of the mix"]), (3.1, 1.0, []), (3.1, 1.1, ["that in the"])],
)
def test_a_mix_that_holds_up_short_items_falls_short(
    mix_s: float, in_the_mix_s: float, falls_short: list[str]
) -> None:
    parts = {"short": lengths.Part(short_ids=frozenset({"a"}), shards=()),
             "mixed": lengths.Part(short_ids=frozenset({"b"}), shards=())}  # fmt: skip
    seconds = {"short": 1.0, "long": 2.0, "mixed": mix_s}
    latencies = {"a": 0.5, "b": in_the_mix_s}
    rows = lengths._compared([parts] * 6, [seconds] * 6, latencies)
    assert named(rows, "that in the mix / alone").value == in_the_mix_s / 0.5
    require_missed(rows, falls_short)


def test_long_items_are_long_and_each_is_another(tmp_path: Path) -> None:
    text, video, other, _ = long_items(tmp_path / "long", 4)
    assert len(text.text.split()) > 800
    assert text.text != other.text
    decoded = decode_item(video, MediaLimits(max_frames=FRAMES, isolate=False))
    assert decoded.video is not None
    assert len(decoded.video.frames) == FRAMES


def test_the_most_that_was_seen_is_kept() -> None:
    store = ObjectStore()
    for used, spilled in ((5, 0), (9, 0), (3, 70), (1, 70)):
        store.look(SimpleNamespace(object_store_bytes_used=used, num_local_objects=used,
                                   spilled_bytes_total=spilled,
                                   object_store_bytes_fallback=0))  # fmt: skip
    assert (store.looks, store.most_bytes, store.most_objects, store.spilled_bytes) == (4, 9, 9, 70)


def told(
    folder: Path, rows: int, *, peak_mb: float, spilled: int, held: int, manifest: int
) -> dict[str, Any]:
    """What a driver tells, beside the store that it leaves."""
    store = open_store(str(folder / "store"))
    shards = tuple(Shard(name=f"{n:032x}", key=f"k{n}", rows=128, rejected=0)
                   for n in range(rows // 128))  # fmt: skip
    write_plan(store, Plan(prefix="corpora/c", corpus_digest="d", rows_digest="r",
                           rows_per_shard=128, rejected=0, shards=shards,
                           dead_letters=()))  # fmt: skip
    store.put(manifest_key("demo", "v1"), bytes(manifest))
    in_store = {"looks": 3, "most_bytes": held, "most_objects": 2, "spilled_bytes": spilled,
                "fallback_bytes": 0}  # fmt: skip
    return {"peak_mb": peak_mb, "seconds": 10.0, "object_store": in_store, "index": "demo",
            "version": "v1", "phases": [{"name": "reason", "working_s": 5.0}]}  # fmt: skip


GOOD = {"peak_mb": 300.03, "spilled": 0, "held": 63_000_000, "manifest": 9_999}


@pytest.mark.parametrize(
    ("seen", "falls_short"),
    [({}, []), ({"spilled": 1}, ["spilled"]), ({"peak_mb": 300.5}, ["driver's memory, a shard"]),
     ({"held": 64_000_000}, ["most in it at once"]), ({"manifest": 10_000}, ["manifest of"])],
)  # fmt: skip
def test_a_driver_or_a_store_that_grows_with_rows_falls_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: dict[str, Any], falls_short: list[str]
) -> None:
    def driver(folder: Path, rows: int, *_: str) -> dict[str, Any]:
        few = GOOD | {"peak_mb": 300.0}
        return told(folder, rows, **(GOOD | seen if rows > 1280 else few))

    monkeypatch.setattr(million, "run_driver", driver)
    rows = million.million_rows(tmp_path, 1280, 2560)
    assert named(rows, "plan.json of 20 shards").value < 100
    assert named(rows, "reason, engines up").value == 512
    require_missed(rows, falls_short)


@pytest.mark.parametrize(
    ("tokens", "seconds", "falls_short"),
    [(0, 599.0, []), (8, 599.0, ["tokens and phases of that run, mode=incremental"]),
     (0, 600.0, ["run over them unchanged, mode=incremental"])],
)  # fmt: skip
def test_a_run_over_an_unchanged_corpus_is_short_and_asks_no_model(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tokens: int,
    seconds: float,
    falls_short: list[str],
) -> None:
    def driver(folder: Path, rows: int, *given: str) -> dict[str, Any]:
        again = "mode=incremental" in given
        return {"seconds": seconds if again else 1.0, "phases": [],
                "tokens_this_run": {"reason_output": tokens if again else 0}}  # fmt: skip

    monkeypatch.setattr(million, "run_driver", driver)
    require_missed(million.unchanged_corpus(tmp_path, 100), falls_short)
