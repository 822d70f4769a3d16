"""Three Ray nodes on this machine; one of them is lost in the middle of a phase."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.nodes import Nodes, several_nodes
from tests.pipelines.conftest import ROWS, Configured, contents, run
from tests.pipelines.killing import POLL_S, ROOT, overrides_of
from tests.pipelines.noting import Note, notes_in
from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.artifacts.shards import list_plans, read_shard
from tte2_ray.artifacts.store import Store, open_store

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
def nodes() -> Iterator[Nodes]:
    """With room for one replica more than their share."""
    with several_nodes(NODES, num_cpus=2) as made:
        yield made


def seen(notes: list[Note], what: str) -> Counter[str]:
    return Counter(note.name for note in notes if note.what == what)


def of_node(notes: list[Note], node: str, what: str) -> set[str]:
    return set(seen([note for note in notes if note.node == node], what))


def wait_until(holds: Callable[[], bool], job: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + UP_S
    while not holds():
        assert job.poll() is None, "the job ended too early"
        assert time.monotonic() < deadline, "the moment did not come"
        time.sleep(POLL_S)


def test_a_job_spreads_over_nodes_and_a_lost_one_costs_its_shards_in_flight(
    configured: Configured, nodes: Nodes, tmp_path: Path
) -> None:
    loaded = configured(*SLOW)
    notes, log = tmp_path / "notes", tmp_path / "log"
    notes.mkdir()
    command = [sys.executable, "-m", "tests.pipelines.noting", str(notes),
               *overrides_of(loaded.config), *SLOW, f"ray.address={nodes.address}"]  # fmt: skip
    with log.open("w") as out:
        job = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, text=True)
    try:
        wait_until(lambda: len({n.node for n in notes_in(notes) if n.what == "done"}) == NODES, job)
        lost = nodes.others()[0]
        begun = len(of_node(notes_in(notes), lost, "begun"))
        wait_until(lambda: len(of_node(notes_in(notes), lost, "begun")) > begun, job)
        nodes.lose(lost)
        assert job.wait(timeout=UP_S) == 0, log.read_text()
    finally:
        job.kill()
    require_spread_and_lost(notes_in(notes), lost, open_store(loaded.config.store))
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
    in_flight = of_node(notes, lost, "begun") - of_node(notes, lost, "done")
    assert 1 <= len(in_flight) <= IN_FLIGHT
    (plan,) = list_plans(store, "corpora/corpus")
    items = {shard.name: read_shard(store, shard) for shard in plan.shards}
    asked = seen(notes, "asked")
    again = {item for item, times in asked.items() if times > 1}
    assert again
    assert again <= {item.item_id for name in in_flight for item in items[name]}
    assert max(asked.values()) == 2
    assert len(asked) == ROWS - 1, "one has no picture that can be decoded"
