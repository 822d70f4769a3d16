"""The jobs of an evaluation: each corpus indexed once an embedder, its queries reranked a system.

    manifest ─ index job ─▶ index      queries ─ log ─ rerank job ─▶ runs/<run>/

Both jobs resume by themselves: what lies in the store is not made again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TextIO

from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.artifacts.store import key_part, open_store
from tte2_ray.cascade import BudgetConfig, CascadeConfig
from tte2_ray.config import Loaded, Options
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import resolve
from tte2_ray.pipelines.config import JobConfig
from tte2_ray.pipelines.evaluate.benchmark import Benchmark
from tte2_ray.pipelines.evaluate.config import EvaluateConfig
from tte2_ray.pipelines.evaluate.log_file import write_log
from tte2_ray.pipelines.evaluate.run_reader import RunReader
from tte2_ray.pipelines.index.config import CorpusConfig, EstimateConfig, IndexConfig
from tte2_ray.pipelines.index.job import index_corpus
from tte2_ray.pipelines.outcome import RESULTS
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.job import rerank_log
from tte2_ray.schema import Item


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """What an index job left."""

    items: int
    ecr_prompt: int
    """Tokens that its ECRs took, all of them, whichever run wrote them."""
    ecr_output: int


class Runs:
    """Runs the jobs of one evaluation, one after the other.

    Args:
        config: of the evaluation.
        benchmark: that it is on.
        out: where progress goes.

    Every method raises what the jobs raise.
    """

    def __init__(self, config: EvaluateConfig, benchmark: Benchmark, out: TextIO) -> None:
        self._config, self._benchmark, self._out = config, benchmark, out
        self._work = Path(config.work_dir)

    def index(self, corpus: str, *, direct: bool) -> Indexed:
        """Indexes a corpus.

        Args:
            corpus: its name.
            direct: whether vectors are made without ECRs.
        """
        name = f"{corpus} without ECRs" if direct else corpus
        self._say(f"index  {name}")
        report_dir = self._work / "index" / f"{corpus}{'-direct' if direct else ''}"
        job = index_job(self._config, corpus, self._benchmark.corpora[corpus], direct=direct,
                        report_dir=str(report_dir))  # fmt: skip
        index_corpus(_loaded(job), Options(), self._out)
        told = json.loads((report_dir / RESULTS).read_text())
        tokens = told["tokens_of_index"]
        return Indexed(items=told["rows"]["indexed"] + told["rows"]["unchanged"],
                       ecr_prompt=tokens["prompt_tokens"],
                       ecr_output=tokens["output_tokens"])  # fmt: skip

    def rerank(
        self, name: str, cascade: CascadeConfig, budget: BudgetConfig, *, direct: bool = False
    ) -> dict[str, RunReader]:
        """Reranks the queries of every corpus; what is left, by corpus.

        Args:
            name: of system and budget, for people.
            cascade: what is done.
            budget: what it may spend.
            direct: whether the indexes without ECRs are searched.
        """
        return {
            corpus: self._rerank(name, corpus, cascade, budget, direct)
            for corpus in self._benchmark.corpora
        }

    def _rerank(
        self, name: str, corpus: str, cascade: CascadeConfig, budget: BudgetConfig, direct: bool
    ) -> RunReader:
        self._say(f"rerank {name}: {corpus}")
        log = self._work / "logs" / f"{corpus}.jsonl"
        write_log(log, self._benchmark.of_corpus(corpus))
        report_dir = self._work / "rerank" / key_part(f"{name}-{corpus}")
        job = rerank_job(self._config, corpus, str(log), cascade, budget, direct=direct,
                         report_dir=str(report_dir))  # fmt: skip
        rerank_log(_loaded(job), Options(), self._out)
        told = json.loads((report_dir / RESULTS).read_text())
        return RunReader(open_store(job.store), f"runs/{key_part(told['run'])}")

    def shown(self, corpus: str, wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Items of a corpus with their media and their ECRs, by id.

        Args:
            corpus: its name.
            wanted: ids.
        """
        ids = set(wanted)
        items = {row.item_id: row for row in read_corpus(self._benchmark.corpora[corpus])
                 if isinstance(row, Item) and row.item_id in ids}  # fmt: skip
        index = self._config.index_name(corpus, direct=False)
        ecrs = Searcher(resolve(self._config.milvus)).fetch(index, ids, output_fields=["ecr"])
        return {i: {"item": item, "ecr": ecrs.get(i, {}).get("ecr", "")}
                for i, item in items.items()}  # fmt: skip

    def _say(self, line: str) -> None:
        self._out.write(f"── {line}\n")
        self._out.flush()


def index_job(
    config: EvaluateConfig, corpus: str, manifest: str, *, direct: bool, report_dir: str
) -> IndexConfig:
    """The job that indexes a corpus.

    Args:
        config: of the evaluation.
        corpus: its name.
        manifest: its items.
        direct: whether vectors are made without ECRs.
        report_dir: of the job.
    """
    shared = _shared(config, JobConfig)
    shared |= {"index": config.index_name(corpus, direct=direct), "report_dir": report_dir,
               "embedder": config.embedder_of(direct=direct)}  # fmt: skip
    prices = config.estimate
    return IndexConfig(
        **shared,
        load_writers=config.load_writers,
        verify=config.verify,
        corpus=CorpusConfig(path=manifest, name=corpus, rows_per_shard=config.rows_per_shard),
        estimate=EstimateConfig(usd_per_gpu_hour=prices.usd_per_gpu_hour,
                                usd_per_cpu_hour=prices.usd_per_cpu_hour),
    )  # fmt: skip


def rerank_job(
    config: EvaluateConfig,
    corpus: str,
    log: str,
    cascade: CascadeConfig,
    budget: BudgetConfig,
    *,
    direct: bool,
    report_dir: str,
) -> RerankConfig:
    """The job that reranks the queries of a corpus.

    Args:
        config: of the evaluation.
        corpus: its name.
        log: its queries.
        cascade: what is done.
        budget: what it may spend.
        direct: whether the index without ECRs is searched.
        report_dir: of the job.
    """
    shared = _shared(config, RerankConfig)
    shared |= {
        "index": config.index_name(corpus, direct=direct),
        "embedder": config.embedder_of(direct=direct),
        "log": replace(config.log, path=log, name=f"{config.index}-{corpus}", run=""),
        "cascade": cascade,
        "budget": budget,
        "run": "",  # named by what decides it: another model is another run
        "version": "",
        "report_dir": report_dir,
    }
    return RerankConfig(**shared)


def _shared(config: EvaluateConfig, job: type) -> dict[str, Any]:
    return {each.name: getattr(config, each.name) for each in fields(job)}


def _loaded(config: Any) -> Loaded[Any]:
    return Loaded(config=config, origins={}, unresolved={})
