"""Three Ray nodes on this machine; one of them is lost in the middle of a phase."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pipelines.conftest import ROWS, Configured, contents, run
from tests.pipelines.killing import POLL_S, ROOT, overrides_of
from tests.pipelines.noting import Note, notes_in
from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.artifacts.shards import list_plans, read_shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.pipelines.config import LEAST_OBJECT_STORE_MB

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

NODES, SHARD, IN_FLIGHT = 3, 2, 2
SLOW = ("reasoner.engine.replicas=3", "embedder.engine.replicas=3", "ray.max_restarts=1",
        f"reasoner.engine.shards_in_flight={IN_FLIGHT}", "reasoner.engine.fake_delay_s=1",
        f"corpus.rows_per_shard={SHARD}")  # fmt: skip
UP_S = 60.0


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray in this process, in the place of the fixture that starts one: the job of the cluster
    has a process of its own, and the job without one works here."""
    leave_ray_out(monkeypatch)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> "Iterator[Cluster]":
    """Nodes with room for one replica more than their share."""
    from ray.cluster_utils import Cluster

    # A node that falls silent is missed after 15 s by default, and by now a test would be slow.
    quick = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 500,
             "health_check_failure_threshold": 4}  # fmt: skip
    each = {"num_cpus": 2, "object_store_memory": LEAST_OBJECT_STORE_MB * 1024 * 1024}
    head = {**each, "include_dashboard": False, "_system_config": quick}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(NODES - 1):
            made.add_node(**each)
        yield made
    finally:
        made.shutdown()


def seen(notes: list[Note], what: str) -> Counter[str]:
    return Counter(note.name for note in notes if note.what == what)


def wait_until(holds: Callable[[], bool], job: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + UP_S
    while not holds():
        assert job.poll() is None, "the job ended too early"
        assert time.monotonic() < deadline, "the moment did not come"
        time.sleep(POLL_S)


def test_a_job_spreads_over_nodes_and_a_lost_one_costs_its_shards_in_flight(
    configured: Configured, cluster: "Cluster", tmp_path: Path
) -> None:
    loaded = configured(*SLOW)
    lost = cluster.list_all_nodes()[-1]
    notes, log = tmp_path / "notes", tmp_path / "log"
    notes.mkdir()
    command = [sys.executable, "-m", "tests.pipelines.noting", str(notes),
               *overrides_of(loaded.config), *SLOW, f"ray.address={cluster.address}"]  # fmt: skip
    with log.open("w") as out:
        job = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, text=True)
    try:
        wait_until(lambda: len({n.node for n in notes_in(notes) if n.what == "done"}) == NODES, job)
        cluster.remove_node(lost, allow_graceful=False)
        assert job.wait(timeout=UP_S) == 0, log.read_text()
    finally:
        job.kill()
    require_spread_and_lost(notes_in(notes), lost.node_id, open_store(loaded.config.store))
    assert "killed without a word" not in log.read_text(), "a lost node is no matter of memory"

    other = (f"store={tmp_path / 'other'}", f"report_dir={tmp_path / 'more'}",
             f"index={loaded.config.index}_s", "reasoner.engine.fake_delay_s=0")  # fmt: skip
    straight = configured(*SLOW, *other)
    undisturbed, _ = run(straight)
    told = json.loads((Path(loaded.config.report_dir) / "results.json").read_text())
    for name in ("rows", "version", "rejected_by_class", "tokens_this_run", "live"):
        assert told[name] == undisturbed[name], name
    assert contents(straight) == contents(loaded)


def require_spread_and_lost(notes: list[Note], lost: str, store: Store) -> None:
    """Every node did shards, and those in flight on the lost one alone were begun again."""
    assert len({note.node for note in notes if note.what == "done"}) == NODES
    there = [note for note in notes if note.node == lost]
    in_flight = set(seen(there, "begun")) - set(seen(there, "done"))
    assert 1 <= len(in_flight) <= IN_FLIGHT
    (plan,) = list_plans(store, "corpora/corpus")
    items = {shard.name: read_shard(store, shard) for shard in plan.shards}
    asked = seen(notes, "asked")
    again = {item for item, times in asked.items() if times > 1}
    assert again
    assert again <= {item.item_id for name in in_flight for item in items[name]}
    assert max(asked.values()) == 2
    assert len(asked) == ROWS - 1, "one has no picture that can be decoded"
