"""What `paper`'s page stands on, gathered from a job and its plan; only where it is asked for."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from tte2_ray.artifacts.store import Store
from tte2_ray.pipelines.assumed import assumed_rate, parameters_of
from tte2_ray.pipelines.drawn import draw
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.estimate import written_tokens
from tte2_ray.pipelines.index.paper import print_page
from tte2_ray.pipelines.index.paper_numbers import Basis
from tte2_ray.pipelines.index.plan import Job
from tte2_ray.pipelines.index.sample import look
from tte2_ray.pipelines.rates import Rate
from tte2_ray.schema import Item, item_schema


def stand_in(config: IndexConfig) -> bool:
    """Whether engines are fake and stand for the models that they name, on the page alone."""
    engines = (config.reasoner.engine, config.embedder.engine)
    return config.estimate.rows > 0 and all(engine.kind == "fake" for engine in engines)


def print_foreseen(job: Job, plans: Store, rates: Mapping[str, Rate | None], out: TextIO) -> None:
    """Prints the page for `estimate.rows`; nothing where that is 0.

    Args:
        job: with its plan.
        plans: where its shards lie.
        rates: what is known or was measured, by phase.
        out: where it goes.
    """
    config = job.config
    if not config.estimate.rows:
        return
    items = draw(plans, job.plan.shards, config.estimate.sample_rows)
    sample = look(config, items)
    if not sample.good:
        out.write("       no page of estimate.rows: no row of the sample can be indexed\n")
        return
    told = {name: _rate(config, name, rate) for name, rate in rates.items()}
    written, at_most = written_tokens(config, sample, told["reason"])
    basis = Basis(
        sample=sample,
        written=written,
        at_most=at_most,
        rates=told,
        dimension=job.target.spec.dimension,
        item_bytes=_item_bytes(items),
        id_bytes=_mean([len(item.item_id.encode()) for item in items]),
        files=_mean([_files(item) for item in items]),
    )
    print_page(config, basis, out)


def _rate(config: IndexConfig, name: str, rate: Rate | None) -> Rate:
    """What is known of a model, or follows from its size; of a fake engine always the latter."""
    engines = {"reason": config.reasoner.engine, "embed": config.embedder.engine}
    engine = engines.get(name)
    known = rate is not None and rate.tells_time
    if rate is not None and known and (engine is None or engine.kind != "fake"):
        return rate
    if engine is None:
        raise ValueError(f"nothing is known of the speed of {name}")
    return assumed_rate(engine, parameters_of(engine))


def _item_bytes(items: Sequence[Item]) -> float:
    """Of a row in a table; the file around the rows is left out."""
    rows = [item.to_row() for item in items]
    one, all_ = _table_bytes(rows[:1]), _table_bytes(rows)
    return (all_ - one) / (len(rows) - 1) if len(rows) > 1 else float(len(str(rows)))


def _table_bytes(rows: Sequence[dict[str, Any]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, item_schema()), buffer, compression="zstd")
    return buffer.tell()


def _files(item: Item) -> int:
    return len(item.image_uris) + bool(item.video_uri) + bool(item.document_uri)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))
