"""One run of the index job on fake engines; the last line that it prints tells of its driver.

    python -m benchmarks.driver FOLDER [key=value]…      FOLDER holds rows.parquet

A process of its own, so that its memory is the driver's and nobody else's.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.configured import loaded
from benchmarks.object_store import ObjectStore, watched_store
from tte2_ray.config import Loaded, Options
from tte2_ray.milvus.server import stop_server
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus

TOLD = ("index", "version", "rows", "phases", "seconds", "tokens_this_run")
FAKES = (
    "reasoner.engine.kind=fake",
    "embedder.engine.kind=fake",
    "embedder.engine.fake_dimension=16",
)


def peak_mb() -> float:
    """The most memory that this program has had resident so far, in MB.

    The kernel's own mark; `ru_maxrss` would start from what the parent process had.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024 / 1e6


def main(folder: Path, overrides: list[str]) -> None:
    """Indexes the rows of a folder."""
    job = loaded(folder, f"corpus.path={folder / 'rows.parquet'}", *FAKES, *overrides)
    try:
        held = _index(job)
    finally:
        stop_server(job.config.milvus.data_dir)
    results = json.loads((folder / "report" / "results.json").read_text())
    told = {name: results[name] for name in TOLD}
    print(json.dumps({"peak_mb": peak_mb(), "object_store": asdict(held), **told}))


def _index(job: Loaded[IndexConfig]) -> ObjectStore:
    """Runs the job on a Ray that is up before it, so that its object store can be asked after."""
    with cluster(job.config.ray), watched_store() as held:
        index_corpus(job, Options())
    return held


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
