"""Who works on a store, and who deletes what serves nothing in it: never both.

    job        its own lease ─▶ takes the gate ─▶ lets it go ─▶ works
    collector  the lease of its index ─▶ takes the gate ─▶ looks for leases of others ─▶ deletes

What a job finds in the store it does not write again, and only its plan, written last, says that it
is needed: garbage until then. Whichever of both has the gate first, one sees the other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TextIO

from tte2_ray.artifacts.lease import Lease, LeaseConfig, held, holding
from tte2_ray.artifacts.lease_records import LeaseRecords
from tte2_ray.artifacts.store import Store

GATE = "the gate of the store"
"""No index has a blank in its name."""
_BEGIN_LATER = "garbage is being deleted; once that has ended, the same command begins"
_DELETE_LATER = "what it has written may not be named yet: wait for it, or look with --dry-run"


@contextmanager
def working(store: Store, name: str, config: LeaseConfig, out: TextIO) -> Iterator[Lease]:
    """Holds a lease while nobody deletes garbage of the store.

    Args:
        store: where to work.
        name: of an index; or, with a blank in it, of something else that one works on at a time.
        config: how long to wait for another who works on it, and for who deletes.
        out: told when there is somebody to wait for.

    Raises:
        LeaseHeldError: another job works on it, or garbage is being deleted, and `wait_s` is over.
    """
    with held(store, name, config, out) as lease:
        with holding(LeaseRecords(store, GATE), config, out, _BEGIN_LATER):
            pass
        yield lease


@contextmanager
def collecting(store: Store, index: str, config: LeaseConfig, out: TextIO) -> Iterator[list[Lease]]:
    """Holds what lets one delete garbage: nobody works on the store, and nobody begins to.

    Args:
        store: where garbage lies.
        index: whose.
        config: how long to wait for one who works on the index; for another nobody waits, who may
            itself be waiting for the gate.
        out: told when there is somebody to wait for.

    Yields:
        Leases that must hold at each deletion.

    Raises:
        LeaseHeldError: another works on anything in the store (on this index, when `wait_s` is
            over).
    """
    own, gate = LeaseRecords(store, index), LeaseRecords(store, GATE)
    at_once = replace(config, wait_s=0.0)
    with (
        holding(own, config, out, _DELETE_LATER) as of_index,
        holding(gate, config, out, _DELETE_LATER) as of_gate,
    ):
        for records in LeaseRecords.all(store):
            mine = records.part in (own.part, gate.part)
            if not mine and not records.is_free(records.highest()):
                with holding(records, at_once, out, _DELETE_LATER):
                    pass  # whoever was silent for long cannot write any more
        yield [of_index, of_gate]
