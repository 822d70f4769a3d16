"""A page of what so many rows like these would take, each number with its formula.

    sample, rates, configuration ─▶ Numbers ─▶ sections of figures ─▶ --dry-run estimate.rows=N

It foresees a first run, over a corpus that nothing was made of. Its formulas are those of the
estimate: `formulas`, `milvus_sizes`.
"""

from collections.abc import Iterator
from typing import TextIO

from tte2_ray.pipelines.assumed import FLOPS_A_TOKEN, FLOPS_OF_A_GPU
from tte2_ray.pipelines.index import formulas as f
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.paper_numbers import Basis, Figure, Numbers, count, size
from tte2_ray.pipelines.index.paper_store import of_costs, of_milvus, of_objects, of_requests
from tte2_ray.pipelines.phases import shards_a_call
from tte2_ray.pipelines.prices import dollars, usd_per_hour

MOST_SHARDS = 250_000
"""Above it plan, driver and requests are larger than they need be."""
SIZES = (2, 8, 72)
"""Billions of parameters, of the models that have presets (`conf/models`)."""
CALL_BYTES = 9_000
"""Of the driver's memory, for each call of a phase (see `phases.shards_a_call`)."""


def print_page(config: IndexConfig, basis: Basis, out: TextIO) -> None:
    """The page for `estimate.rows`, which is above 0."""
    sample = basis.sample
    refused = f"; {sum(sample.rejected.values())} of those refused" if sample.rejected else ""
    out.write(f"\n{count(config.estimate.rows)} rows like those of the sample ({sample.rows} rows"
              f"{refused}), a first run\n")  # fmt: skip
    for title, figures in page(config, basis):
        out.write(f"{title}\n")
        out.writelines(f"  {_line(one)}\n" for one in figures)
    out.flush()


def _line(figure: Figure) -> str:
    note = f"  ({figure.note})" if figure.note else ""
    return f"{figure.name:<24}{figure.value:>20} = {figure.how}{note}"


def page(config: IndexConfig, basis: Basis) -> list[tuple[str, list[Figure]]]:
    """What the page says, section by section.

    Args:
        config: `estimate.rows` above 0.
        basis: what it stands on.
    """
    at = Numbers(config, basis)
    return [
        ("plan", list(_plan(at))),
        ("artifact store", [*of_objects(at), *of_requests(at), *of_costs(at)]),
        ("memory of Milvus for one version, two while readers change over", list(of_milvus(at))),
        ("models", [*_tokens(at), *_hours(at)]),
        ("loading", list(_load(at))),
        ("driver", list(_driver(at))),
    ]


def _plan(at: Numbers) -> Iterator[Figure]:
    yield Figure(
        name="shards",
        value=count(at.shards),
        how=f"{count(at.rows)} / {at.each}",
        note="corpus.rows_per_shard",
    )
    better = f.rows_per_shard_for(at.rows, MOST_SHARDS)
    if better > at.each:
        lost = at.config.reasoner.engine.shards_in_flight
        yield Figure(
            name="advised: shards",
            value=count(f.shards_of(at.rows, better)),
            how=f"{count(at.rows)} / {better}",
            note=f"corpus.rows_per_shard={better}, for at most {count(MOST_SHARDS)}; a lost worker "
            f"then costs {lost} × {better} rows at most",
        )


def _tokens(at: Numbers) -> Iterator[Figure]:
    rows, basis = count(at.rows), at.basis
    visual = basis.sample.visual_tokens
    yield Figure(
        name="read by the reasoner",
        value=count(at.rows * basis.sample.prompt_tokens),
        how=f"{rows} × ({basis.sample.prompt_tokens - visual:.1f} + {visual:.1f})",
        note="text + visual",
    )
    written = f"{'≤ ' if basis.at_most else ''}{count(at.rows * basis.written)}"
    yield Figure(name="written", value=written, how=f"{rows} × {basis.written:.1f}")
    how = f"{rows} × {at.embedded:.1f}"
    yield Figure(name="read by the embedder", value=count(at.rows * at.embedded), how=how)


def _hours(at: Numbers) -> Iterator[Figure]:
    config, prices = at.config, at.config.estimate
    amounts = {"reason": at.basis.sample.prompt_tokens + at.basis.written, "embed": at.embedded}
    for name, engine in (("reason", config.reasoner.engine), ("embed", config.embedder.engine)):
        rate = at.basis.rates[name]
        kind, held = ("GPU", engine.num_gpus) if engine.num_gpus else ("CPU", engine.num_cpus)
        hours = f.phase_seconds(at.rows, amounts[name], rate.per_s) / 3600
        yield Figure(
            name=f"{name}, {kind} hours",
            value=count(hours * held),
            how=f"{held:g} × {count(at.rows)} × {amounts[name]:.1f} / {rate.per_s:,.0f} / 3600",
            note=f"{kind}s × rows × tokens / tokens/s: {rate.basis}",
        )
        price = usd_per_hour(engine, prices) / (held or 1)
        yield Figure(
            name=f"{name}, price",
            value=dollars(hours * held * price),
            how=f"{count(hours * held)} × {price:g}",
            note=f"{hours / 24 / engine.replicas:,.1f} days with replicas={engine.replicas}",
        )
    yield from _by_size(at, sum(amounts.values()))


def _by_size(at: Numbers, amount: float) -> Iterator[Figure]:
    """The same tokens, read and written by other models in both phases."""
    for billions in SIZES:
        flops = f"{FLOPS_A_TOKEN} × {billions}e9 / {FLOPS_OF_A_GPU:g}".replace("+", "")
        hours = at.rows * amount * FLOPS_A_TOKEN * billions * 1e9 / FLOPS_OF_A_GPU / 3600
        yield Figure(
            name=f"GPU hours of {billions}B models",
            value=count(hours),
            how=f"{count(at.rows)} × {amount:.1f} × {flops} / 3600",
            note="both phases: 2 FLOP × parameters a token, FLOP/s of a GPU",
        )


def _load(at: Numbers) -> Iterator[Figure]:
    rate, writers = at.basis.rates["load"], at.config.load_writers
    hours = f.phase_seconds(at.rows, 1, rate.per_s, writers) / 3600
    yield Figure(
        name="hours",
        value=f"{hours:,.1f}",
        how=f"{count(at.rows)} / ({rate.per_s:,.0f} × {writers}) / 3600",
        note=f"rows/s × load_writers: {rate.basis}",
    )


def _driver(at: Numbers) -> Iterator[Figure]:
    shards, replicas = count(at.shards), at.config.reasoner.engine.replicas
    planning = f.phase_seconds(at.rows, 1, f.PLAN_ROWS_S) / 3600
    how = f"{count(at.rows)} / {f.PLAN_ROWS_S:,.0f} / 3600"
    yield Figure(name="hours of planning", value=f"{planning:,.1f}", how=how, note="rows/s")
    yield Figure(
        name="temporary file of ids",
        value=size(at.rows * f.ID_BYTES),
        how=f"{count(at.rows)} × {f.ID_BYTES}",
        note="on the driver's disk, in TMPDIR: NVMe",
    )
    plan = f.plan_bytes(at.shards, at.each)
    yield Figure(name="plan.json", value=size(plan), how=f"{shards} × {plan / at.shards:.0f}")
    calls = -(-at.shards // shards_a_call(object, at.shards, replicas))
    memory = f.DRIVER_BASE_BYTES + at.shards * f.DRIVER_BYTES_A_SHARD + calls * CALL_BYTES
    yield Figure(
        name="memory",
        value=size(memory),
        how=f"{count(f.DRIVER_BASE_BYTES)} + {shards} × {f.DRIVER_BYTES_A_SHARD} + {count(calls)} "
        f"× {count(CALL_BYTES)}",
        note="base, shards, calls of a phase",
    )
