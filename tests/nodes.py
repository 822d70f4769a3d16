"""Several Ray nodes on this machine, held by a process of their own.

What makes them, `ray.cluster_utils`, leaves a client of their GCS in its process, which a minute
after that GCS has gone ends the process with status 1 and without a word.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from tte2_ray.pipelines.config import LEAST_OBJECT_STORE_MB

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

_STARTS = 3
"""A machine that is busy may take longer than Ray waits for a node."""
_END_S = 60.0


class Nodes:
    """A cluster of several nodes on this machine; see `several_nodes`."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.address = str(self._answer())
        """What jobs connect to."""

    def others(self) -> list[str]:
        """Ray's ids of the nodes but for the head."""
        self._pipe.send(("others", ""))
        others: list[str] = self._answer()
        return others

    def raylets(self) -> dict[int, str]:
        """The same nodes by the processes of which their workers are children."""
        self._pipe.send(("raylets", ""))
        raylets: dict[int, str] = self._answer()
        return raylets

    def lose(self, node_id: str) -> None:
        """A node is gone at once."""
        self._pipe.send(("lose", node_id))
        self._answer()

    def make_whole(self) -> None:
        """As many nodes as there were."""
        self._pipe.send(("make whole", ""))
        self._answer()

    def _answer(self) -> Any:
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise RuntimeError("the process that holds the Ray nodes has ended") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def several_nodes(count: int, *, num_cpus: int) -> Iterator[Nodes]:
    """Starts the nodes, and ends them.

    Args:
        count: of nodes, the head among them.
        num_cpus: that each says to have.
    """
    pipe, theirs = get_context("spawn").Pipe()
    holder = get_context("spawn").Process(target=_hold, args=(theirs, count, num_cpus), daemon=True)
    holder.start()
    theirs.close()
    try:
        yield Nodes(pipe)
    finally:
        pipe.close()
        holder.join(_END_S)
        holder.kill()


def _hold(pipe: Connection, count: int, num_cpus: int) -> None:
    """Makes the nodes and does what is asked, until nobody is there who could ask."""
    from ray.cluster_utils import Cluster

    # A node that falls silent is missed after 15 s by default, and by now a test would be slow.
    quick = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 500,
             "health_check_failure_threshold": 4}  # fmt: skip
    each = {"num_cpus": num_cpus, "object_store_memory": LEAST_OBJECT_STORE_MB * 1024 * 1024}
    head = {**each, "include_dashboard": False, "_system_config": quick}
    made = Cluster(initialize_head=True, head_node_args=head)
    asked: dict[str, Callable[[str], object]] = {
        "others": lambda _: [node.node_id for node in made.list_all_nodes()[1:]],
        "raylets": lambda _: {
            node.all_processes["raylet"][0].process.pid: node.node_id
            for node in made.list_all_nodes()[1:]
        },
        "lose": lambda node_id: _lose(made, node_id),
        "make whole": lambda _: _make_whole(made, count, each),
    }
    try:
        _make_whole(made, count, each)
        pipe.send(made.address)
        while True:
            what, node_id = pipe.recv()
            try:
                pipe.send(asked[what](node_id))
            except Exception as error:  # noqa: BLE001 of Ray's own, raised where it was asked for
                pipe.send(RuntimeError(f"the nodes: {error}"))
    except (EOFError, OSError, KeyboardInterrupt):
        return
    finally:
        made.shutdown()


def _lose(made: "Cluster", node_id: str) -> None:
    (node,) = (each for each in made.list_all_nodes() if each.node_id == node_id)
    made.remove_node(node, allow_graceful=False)


def _make_whole(made: "Cluster", count: int, each: dict[str, Any]) -> None:
    for left in reversed(range(_STARTS)):
        try:
            while len(made.list_all_nodes()) < count:
                made.add_node(**each)
            return
        except Exception:  # Ray's own
            if not left:
                raise
