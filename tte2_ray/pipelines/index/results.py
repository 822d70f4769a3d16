"""What an operator is left with: a closing table, results.json and report.html."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tte2_ray.artifacts.shards import Plan
from tte2_ray.artifacts.store import Store
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.estimate import Estimate, dollars
from tte2_ray.pipelines.index.progress import duration
from tte2_ray.pipelines.index.publish import TOKENS, Published
from tte2_ray.pipelines.index.report import write_report
from tte2_ray.pipelines.index.target import Target
from tte2_ray.stages.counts import Counts


@dataclass(frozen=True, kw_only=True)
class PhaseResult:
    """What a phase did in this run."""

    name: str
    reused: int
    """Rows whose shards were done before."""
    counts: Counts
    seconds: float
    """Wall time, engine start included."""
    working_s: float
    """Wall time since the first shard was begun."""
    usd: float
    """Of what its replicas held, at the configured prices."""

    def as_dict(self) -> dict[str, Any]:
        """The phase in results.json."""
        counts = {n: v for n, v in self.counts.as_dict().items() if n != "seconds"}
        times = {"seconds": self.seconds, "working_s": self.working_s, "usd": self.usd}
        return {"name": self.name, "reused": self.reused, **counts, **times}


@dataclass(frozen=True, kw_only=True)
class Results:
    """One run of the job."""

    published: Published
    target: Target
    seconds: float
    """Wall time of the run, the start of Ray included."""
    phases: list[PhaseResult] = field(default_factory=list)
    """Empty where there was nothing to do."""
    estimate: Estimate | None = None
    """What was expected before the phases ran."""

    def dead_letters(self, plan: Plan) -> list[str]:
        """Folders of the store that hold the rejected rows: of the manifest, and of this version.

        The first may hold rows of earlier plans, too; `plan.dead_letters` names its own files.
        """
        read = [plan.dead_letters[0].rpartition("/")[0]] if plan.dead_letters else []
        later = self.published.counts.rejected > plan.rejected
        return read + ([self.target.dead_letter_prefix] if later else [])

    def as_json(self, config: IndexConfig, plan: Plan) -> dict[str, Any]:
        """results.json; token counts of phases are those of this run."""
        counts, manifest = self.published.counts, self.published.manifest
        did = {phase.name: phase.counts for phase in self.phases}
        return {
            "index": config.index,
            "version": manifest.version,
            "collection": manifest.collection,
            "live": self.published.live,
            "corpus": {"path": config.corpus.path, "digest": plan.corpus_digest,
                       "shards": len(plan.shards)},
            "rows": {
                "in": counts.rows,
                "indexed": counts.done if did else 0,
                "unchanged": 0 if did else counts.done,
                "rejected": counts.rejected,
            },
            "rejected_by_class": dict(Counter(counts.classes).most_common()),
            "fingerprints": {"ecr": manifest.ecr_fingerprint,
                             "embedding": manifest.embedding_fingerprint},
            "models": {"reasoner": config.reasoner.engine.model,
                       "embedder": config.embedder.engine.model},
            "tokens_this_run": {
                "reason_prompt": did.get("reason", Counts()).prompt_tokens,
                "reason_output": did.get("reason", Counts()).output_tokens,
                "embed_prompt": did.get("embed", Counts()).prompt_tokens,
            },
            "tokens_of_index": {name: getattr(counts, name) for name in TOKENS},
            "truncated_ecrs": counts.truncated,
            "dead_letters": self.dead_letters(plan),
            "seconds": self.seconds,
            "usd": sum(phase.usd for phase in self.phases),
            "phases": [p.as_dict() for p in self.phases],
            "estimate": self.estimate.as_dict() if self.estimate else None,
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
    if results.phases:  # a run that had nothing to do leaves the record of the one that had
        store.put(f"{in_store}/results.json", text.encode())
    if results.phases or not (folder / "report.html").exists():
        page = write_report(config, plan, described, store)
        (folder / "report.html").write_text(page)
        store.put(f"{in_store}/report.html", page.encode())
    _print_table(described, results, out)
    for folder_of_letters in described["dead_letters"]:
        out.write(f"       dead letters: {store.uri(folder_of_letters)}\n")
    out.write(f"report {folder / 'report.html'} · {folder / 'results.json'}\n")


def _print_table(described: dict[str, Any], results: Results, out: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table

    rows = described["rows"]
    if not results.phases:
        out.write("nothing to do: this corpus is indexed with these models already\n")
    table = Table(title=f"index {described['index']} · version {described['version']}")
    columns = (
        "phase",
        "rows",
        "reused",
        "rejected",
        "tokens read",
        "tokens written",
        "time",
        "cost",
    )
    for name in columns:
        table.add_column(name, justify="left" if name == "phase" else "right")
    for p in results.phases:
        table.add_row(
            p.name,
            f"{p.counts.rows:,}",
            f"{p.reused:,}",
            f"{p.counts.rejected:,}",
            f"{p.counts.prompt_tokens:,}",
            f"{p.counts.output_tokens:,}",
            duration(p.seconds),
            dollars(p.usd),
        )
    console = Console(file=out, width=None if out.isatty() else 100)
    if results.phases:
        console.print(table)
    state = "live" if described["live"] else "NOT live"
    if results.phases:
        took = f"{duration(results.seconds)}, {dollars(described['usd'])}"
        expected = results.estimate
        planned = (
            f" (planned: {duration(expected.seconds)}, {dollars(expected.usd)})" if expected else ""
        )
        out.write(f"took   {took}{planned}\n")
    out.write(
        f"rows   {rows['in']:,} in = {rows['indexed']:,} indexed + {rows['unchanged']:,} unchanged "
        f"+ {rows['rejected']:,} rejected · {described['collection']} is {state}\n"
    )
    for name, count in described["rejected_by_class"].items():
        out.write(f"       {count:,} × {name}\n")
