"""The numbers behind the page of `paper`: put into `formulas` once, and how they are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from tte2_ray.pipelines.index import formulas as f
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.sample import Sample
from tte2_ray.pipelines.rates import Rate


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What the page stands on besides the configuration."""

    sample: Sample
    written: float
    """Tokens of an ECR."""
    at_most: bool
    """That is a limit, not an expectation."""
    rates: Mapping[str, Rate]
    """By phase: reason, embed, load."""
    dimension: int
    item_bytes: float
    """Of a row in the table of its shard."""
    id_bytes: float
    files: float
    """Media files of a row."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number of the page."""

    name: str
    value: str
    how: str
    """Its formula, with the numbers put in: arithmetic and nothing else."""
    note: str = ""
    """What the numbers are."""


@dataclass(frozen=True)
class Numbers:
    """A first run over `estimate.rows` rows, by formula."""

    config: IndexConfig
    basis: Basis

    @property
    def rows(self) -> int:
        """Of the corpus that is foreseen."""
        return self.config.estimate.rows

    @property
    def each(self) -> int:
        """Rows of a shard."""
        return self.config.corpus.rows_per_shard

    @cached_property
    def shards(self) -> int:
        """Of all rows."""
        return f.shards_of(self.rows, self.each)

    @cached_property
    def tables(self) -> tuple[float, float, float]:
        """Bytes of a shard's rows, ECRs and vectors."""
        return (
            f.FILE_BYTES + self.each * self.basis.item_bytes,
            f.ecr_table_bytes(self.each, self.basis.written),
            f.vector_table_bytes(self.each, self.basis.dimension),
        )

    @property
    def puts(self) -> int:
        """PUT requests."""
        return f.OBJECTS_A_SHARD * self.shards

    @property
    def heads(self) -> int:
        """HEAD requests, those of media left out."""
        return f.HEADS_A_SHARD * self.shards

    @property
    def gets_a_shard(self) -> int:
        """GET requests of a shard."""
        return f.shard_gets(*self.tables)

    @property
    def files(self) -> float:
        """Media files of all rows."""
        return self.rows * self.basis.files

    @property
    def media_requests(self) -> float:
        """GET and HEAD requests for media."""
        return self.files * (f.MEDIA_GETS + self.config.corpus.check_files)

    @property
    def embedded(self) -> float:
        """Tokens of a row that the embedder reads."""
        written = self.basis.written if self.config.embedder.reads_ecr else 0.0
        return self.basis.sample.prompt_tokens + written


def count(number: float) -> str:
    """A number for people.

    >>> count(7812500), count(46_875_000_000.0)
    ('7,812,500', '46,875,000,000')
    """
    return f"{number:,.0f}"


def size(in_bytes: float) -> str:
    """Bytes for people, in decimal units.

    >>> size(53_000), size(8.34e12), size(2)
    ('53.0 KB', '8.34 TB', '2 B')
    """
    for unit, one, digits in (("TB", 1e12, 2), ("GB", 1e9, 1), ("MB", 1e6, 1), ("KB", 1e3, 1)):
        if in_bytes >= one:
            return f"{in_bytes / one:,.{digits}f} {unit}"
    return f"{in_bytes:.0f} B"
