"""What an operator is left with: a closing table, results.json and report.html."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tte2_ray.artifacts.shards import Plan
from tte2_ray.artifacts.store import Store
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.progress import duration
from tte2_ray.pipelines.index.publish import Published
from tte2_ray.pipelines.index.report import write_report
from tte2_ray.stages.work import ShardStats


@dataclass(kw_only=True)
class PhaseResult:
    """What a phase did in this run."""

    name: str
    reused: int
    """Rows whose shards were done before."""
    rows: int = 0
    rejected: int = 0
    prompt_tokens: int = 0
    visual_tokens: int = 0
    output_tokens: int = 0
    decode_s: float = 0.0
    seconds: float = 0.0

    def add(self, stats: ShardStats) -> None:
        """Counts one shard."""
        self.rows += stats.rows
        self.rejected += stats.rejected
        if self.name == "load":
            return  # its markers repeat the tokens of the tables that it loads
        self.prompt_tokens += stats.prompt_tokens
        self.visual_tokens += stats.visual_tokens
        self.output_tokens += stats.output_tokens
        self.decode_s += stats.decode_s


@dataclass(frozen=True, kw_only=True)
class Results:
    """One run of the job."""

    published: Published
    phases: list[PhaseResult] = field(default_factory=list)
    """Empty where there was nothing to do."""

    @classmethod
    def unchanged(cls, published: Published) -> "Results":
        """A run that found everything done."""
        return cls(published=published)

    def as_json(self, config: IndexConfig, plan: Plan) -> dict[str, Any]:
        """results.json; token counts of phases are those of this run."""
        totals, manifest = self.published.totals, self.published.manifest
        did = bool(self.phases)
        return {
            "index": config.index,
            "version": manifest.version,
            "collection": manifest.collection,
            "live": self.published.live,
            "corpus": {"path": config.corpus.path, "digest": plan.corpus_digest,
                       "shards": len(plan.shards)},
            "rows": {
                "in": totals.rows_in,
                "indexed": totals.indexed if did else 0,
                "unchanged": 0 if did else totals.indexed,
                "rejected": totals.rejected,
            },
            "rejected_by_class": dict(totals.classes.most_common()),
            "fingerprints": {"ecr": manifest.ecr_fingerprint,
                             "embedding": manifest.embedding_fingerprint},
            "models": {"reasoner": config.reasoner.engine.model,
                       "embedder": config.embedder.engine.model},
            "tokens_this_run": {
                "reason_prompt": sum(p.prompt_tokens for p in self.phases if p.name == "reason"),
                "reason_output": sum(p.output_tokens for p in self.phases),
                "embed_prompt": sum(p.prompt_tokens for p in self.phases if p.name == "embed"),
            },
            "tokens_of_index": dict(totals.tokens),
            "truncated_ecrs": totals.truncated,
            "phases": [vars(p) for p in self.phases],
            "checks": dict(manifest.checks),
        }  # fmt: skip


def report_results(
    config: IndexConfig, plan: Plan, results: Results, store: Store, out: TextIO
) -> None:
    """Prints the closing table and writes results.json and report.html, here and in the store."""
    folder = Path(config.report_dir)
    folder.mkdir(parents=True, exist_ok=True)
    described = results.as_json(config, plan)
    text = json.dumps(described, indent=2, ensure_ascii=False)
    (folder / "results.json").write_text(text)
    in_store = f"indexes/{config.index}/{described['version']}"
    store.put(f"{in_store}/results.json", text.encode())
    if results.phases or not (folder / "report.html").exists():
        page = write_report(config, plan, described, store)
        (folder / "report.html").write_text(page)
        store.put(f"{in_store}/report.html", page.encode())
    _print_table(described, results, out)
    out.write(f"report {folder / 'report.html'} · {folder / 'results.json'}\n")


def _print_table(described: dict[str, Any], results: Results, out: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table

    rows = described["rows"]
    if not results.phases:
        out.write("nothing to do: this corpus is indexed with these models already\n")
    table = Table(title=f"index {described['index']} · version {described['version']}")
    columns = ("phase", "rows", "reused", "rejected", "prompt tokens", "output tokens", "time")
    for name in columns:
        table.add_column(name, justify="left" if name == "phase" else "right")
    for p in results.phases:
        table.add_row(
            p.name,
            f"{p.rows:,}",
            f"{p.reused:,}",
            f"{p.rejected:,}",
            f"{p.prompt_tokens:,}",
            f"{p.output_tokens:,}",
            duration(p.seconds),
        )
    console = Console(file=out, width=None if out.isatty() else 100)
    if results.phases:
        console.print(table)
    state = "live" if described["live"] else "NOT live"
    out.write(
        f"rows   {rows['in']:,} in = {rows['indexed']:,} indexed + {rows['unchanged']:,} unchanged "
        f"+ {rows['rejected']:,} rejected · {described['collection']} is {state}\n"
    )
    for name, count in described["rejected_by_class"].items():
        out.write(f"       {count:,} × {name}\n")
