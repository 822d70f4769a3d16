"""The part of `paper`'s page about what is kept: the artifact store and Milvus."""

from collections.abc import Iterator

from tte2_ray.engines.tokens import CHARS_PER_TOKEN
from tte2_ray.pipelines.index import formulas as f
from tte2_ray.pipelines.index.milvus_sizes import index_sizes, scalar_bytes
from tte2_ray.pipelines.index.paper_numbers import Figure, Numbers, count, size
from tte2_ray.pipelines.prices import dollars


def of_objects(at: Numbers) -> Iterator[Figure]:
    """How many, and their bytes by table."""
    shards, basis = count(at.shards), at.basis
    yield Figure(
        name="objects",
        value=count(at.puts),
        how=f"{shards} × {f.OBJECTS_A_SHARD}",
        note="shards × (rows, ECRs, vectors, three markers)",
    )
    text = f"{f.TEXT_SHARE} × {CHARS_PER_TOKEN:g} × {basis.written:.0f}"
    rules = {
        "rows": (f"{basis.item_bytes:.0f}", "as sampled"),
        "ECRs": (f"({f.KEY_BYTES} + {text})", "keys, share left × characters × tokens"),
        "vectors": (f"({f.KEY_BYTES} + {f.FLOAT_BYTES} × {basis.dimension})", "keys, floats"),
    }
    for (name, (rule, note)), table in zip(rules.items(), at.tables, strict=True):
        how = f"{shards} × ({f.FILE_BYTES} + {at.each} × {rule})"
        yield Figure(name=f"bytes of {name}", value=size(at.shards * table), how=how, note=note)


def of_requests(at: Numbers) -> Iterator[Figure]:
    """By kind."""
    shards = count(at.shards)
    yield Figure(name="PUT", value=count(at.puts), how=f"{shards} × {f.OBJECTS_A_SHARD}")
    yield Figure(name="HEAD", value=count(at.heads), how=f"{shards} × {f.HEADS_A_SHARD}")
    yield Figure(
        name="GET",
        value=count(at.gets_a_shard * at.shards),
        how=f"{shards} × {at.gets_a_shard}",
        note="of a table 1 + its MiB; rows and ECRs are read twice",
    )
    if at.files:
        head = int(at.config.corpus.check_files)
        yield Figure(
            name="GET, HEAD of media",
            value=count(at.media_requests),
            how=f"{count(at.files)} × ({f.MEDIA_GETS} + {head})",
            note="files × (GET + HEAD)",
        )
    yield Figure(
        name="LIST of a rerun",
        value=count(f.rerun_lists(at.shards)),
        how=f"3 × {f.OBJECTS_A_SHARD - 1} × {shards} / {f.LIST_PAGE}",
        note="a first run lists next to nothing",
    )


def of_costs(at: Numbers) -> Iterator[Figure]:
    """At the prices of `estimate`."""
    prices = at.config.estimate
    read = at.heads + at.gets_a_shard * at.shards + at.media_requests
    paid = at.puts / 1000 * prices.usd_per_1000_puts + read / 1000 * prices.usd_per_1000_gets
    yield Figure(
        name="price of requests",
        value=dollars(paid),
        how=f"({count(at.puts)} × {prices.usd_per_1000_puts:g} + {count(read)} × "
        f"{prices.usd_per_1000_gets:g}) / 1000",
        note="estimate.usd_per_1000_puts, _gets",
    )
    held = at.shards * sum(at.tables)
    yield Figure(
        name="price of a month",
        value=dollars(held / 1e9 * prices.usd_per_gb_month),
        how=f"{held / 1e9:,.1f} × {prices.usd_per_gb_month:g}",
        note="GB × estimate.usd_per_gb_month",
    )


def of_milvus(at: Numbers) -> Iterator[Figure]:
    """Memory by index type, and of the other fields."""
    milvus, basis = at.config.milvus, at.basis
    links = int(milvus.index_params.get("M", 16))
    nlist = int(milvus.index_params.get("nlist", 128))
    for name, found in index_sizes(at.rows, basis.dimension, links=links, nlist=nlist).items():
        yield Figure(
            name=f"{name}, chosen" if name == milvus.index_type else name,
            value=size(found.memory),
            how=found.words,
            note=f"and {size(found.disk)} of NVMe" if found.disk else "",
        )
    ecr = f.ecr_bytes(basis.written)
    each = scalar_bytes(basis.id_bytes, ecr)
    yield Figure(
        name="other fields",
        value=size(at.rows * each),
        how=f"{count(at.rows)} × {each:,.0f}",
        note=f"beside any of them: ECR {ecr:,.0f}, id {basis.id_bytes:.0f}, keys, counts",
    )
