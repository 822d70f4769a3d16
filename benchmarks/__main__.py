"""Run the benchmarks: `python -m benchmarks [--only NAME]…`, or `make bench`."""

import sys
from collections.abc import Mapping, Sequence

from benchmarks.judging import judging
from benchmarks.loading import loading
from benchmarks.memory import driver_memory
from benchmarks.parts import Part, run_target
from benchmarks.phases import ecr_phase, embed_phase
from benchmarks.prefixes import prefixes
from benchmarks.ray_data_llm import beside_ray_data_llm
from benchmarks.reranking import reranking

BENCHMARKS: Mapping[str, Part] = {
    "ecr": ecr_phase,
    "embed": embed_phase,
    "load": loading,
    "judging": judging,
    "prefixes": prefixes,
    "reranking": reranking,
    "memory": driver_memory,
    "ray_data_llm": beside_ray_data_llm,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is named, or everything. Returns the exit status."""
    return run_target("bench", BENCHMARKS, argv, "python -m benchmarks", __doc__)


if __name__ == "__main__":
    sys.exit(main())
