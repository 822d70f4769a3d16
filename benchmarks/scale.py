"""Run what is asked of the size of a corpus and a cluster: `python -m benchmarks.scale`, or
`make scale`."""

import sys
from collections.abc import Mapping, Sequence

from benchmarks.lengths import lengths
from benchmarks.million import million_rows, unchanged_corpus
from benchmarks.parts import Part, run_target
from benchmarks.scaling import scaling

PARTS: Mapping[str, Part] = {
    "lengths": lengths,
    "again": unchanged_corpus,
    "scaling": scaling,
    "million": million_rows,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is named, or everything. Returns the exit status."""
    return run_target("scale", PARTS, argv, "python -m benchmarks.scale", __doc__)


if __name__ == "__main__":
    sys.exit(main())
