"""Who works on a store, and who deletes what serves nothing in it: never both.

    job        its own lease ─▶ takes the gate ─▶ lets it go ─▶ works
    collector  the lease of its index ─▶ takes the gate ─▶ looks for others' leases ─▶ deletes

What a job finds in the store it does not write again, and only its plan, written last, says that it
is needed: garbage until then. Whichever of both has the gate first, one sees the other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TextIO

from tte2_ray.artifacts.lease import Lease, LeaseConfig, held
from tte2_ray.artifacts.lease_records import LeaseRecords, names_with_leases
from tte2_ray.artifacts.store import Store

_GATE = "the garbage of the store"
"""No index has a blank in its name."""


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
        with held(store, _GATE, config, out):
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
    at_once = replace(config, wait_s=0.0)
    with held(store, index, config, out) as own, held(store, _GATE, config, out) as gate:
        for name in names_with_leases(store):
            records = LeaseRecords(store, name)
            if name not in (index, _GATE) and not records.is_free(records.highest()):
                with held(store, name, at_once, out):
                    pass  # whoever was silent for long cannot write any more
        yield [own, gate]
