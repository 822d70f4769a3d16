"""What an operator is left with: a closing table, results.json and report.html.

The folder of the job shows its last run. The store keeps, of each version, what the run did that
last worked on it: that is written down before the version is verified, so that a run which dies
on the way to its report is told of by the next one.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tte2_ray.artifacts.changes import Changes
from tte2_ray.artifacts.shards import Plan
from tte2_ray.artifacts.store import Store
from tte2_ray.pipelines.flow import PhaseResult
from tte2_ray.pipelines.index.accounts import Accounts
from tte2_ray.pipelines.index.alias import Published
from tte2_ray.pipelines.index.closing import print_closing
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.expect import Expected
from tte2_ray.pipelines.index.publish import TOKENS
from tte2_ray.pipelines.index.report import write_report
from tte2_ray.pipelines.index.target import Target
from tte2_ray.pipelines.outcome import REPORT, RESULTS, ended, write_whole
from tte2_ray.stages.counts import Counts


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the job."""

    seconds: float = 0.0
    """Wall time of the run so far, the start of Ray included."""
    phases: list[PhaseResult] = field(default_factory=list)
    """Empty where there was nothing to do."""
    expected: Expected = field(default_factory=Expected)
    """What was expected before the phases ran, and what it took to find out."""

    def as_dict(self, accounts: Accounts) -> dict[str, Any]:
        """The part of results.json that is about this run; its tokens are those of this run."""
        estimate = self.expected.estimate
        return {
            "rows": accounts.as_dict(),
            "tokens_this_run": _tokens({phase.name: phase.counts for phase in self.phases}),
            "tokens_of_sample": _tokens(self.expected.sampled),
            "seconds": self.seconds,
            "usd": sum(phase.usd for phase in self.phases),
            "phases": [phase.as_dict() for phase in self.phases],
            "estimate": estimate.as_dict() if estimate else None,
        }


@dataclass(frozen=True, kw_only=True)
class Results:
    """A run, and the version that it made or found."""

    run: Run
    published: Published
    target: Target
    changes: Changes | None
    """Of an incremental run, what was found to have changed."""

    def dead_letters(self, plan: Plan) -> list[str]:
        """Folders of the store that hold the rejected rows: of the manifest, and of this version.

        The first may hold rows of earlier plans, too; `plan.dead_letters` names its own files.
        """
        read = [plan.dead_letters[0].rpartition("/")[0]] if plan.dead_letters else []
        later = self.published.counts.rejected > plan.rejected
        return read + ([self.target.dead_letter_prefix] if later else [])

    def as_json(self, config: IndexConfig, plan: Plan) -> dict[str, Any]:
        """results.json."""
        counts, manifest = self.published.counts, self.published.manifest
        return {
            **ended(self.published.failure(config.failure_budget)),
            "index": config.index,
            "version": manifest.version,
            "collection": manifest.collection,
            "live": self.published.live,
            "corpus": {"path": config.corpus.path, "digest": plan.corpus_digest,
                       "shards": len(plan.shards)},
            **self.run.as_dict(self.published.accounts),
            "changes": self.changes.as_dict() if self.changes else None,
            "rejected_by_class": dict(Counter(counts.classes).most_common()),
            "fingerprints": {"ecr": manifest.ecr_fingerprint,
                             "embedding": manifest.embedding_fingerprint},
            "models": {"reasoner": config.reasoner.engine.model,
                       "embedder": config.embedder.engine.model},
            "versions": {"reasoner": config.ecr_recipe().reasoner,
                         "embedder": config.embedding_recipe().embedder},
            "tokens_of_index": {name: getattr(counts, name) for name in TOKENS},
            "truncated_ecrs": counts.truncated,
            "dead_letters": self.dead_letters(plan),
            "checks": dict(manifest.checks),
        }  # fmt: skip


def keep_run(run: Run, accounts: Accounts, target: Target, store: Store) -> None:
    """Writes down what a run did, before it goes on to verify; one that did nothing leaves what
    stands there.

    Args:
        run: up to its last phase.
        accounts: of the rows.
        target: the version that it worked on.
        store: where versions lie.
    """
    if any(phase.counts.rows for phase in run.phases):
        store.put(target.run_key, _text(run.as_dict(accounts)).encode())


def report_results(
    config: IndexConfig, plan: Plan, results: Results, store: Store, out: TextIO
) -> None:
    """Prints the closing table and writes results.json and report.html, here and in the store."""
    folder = Path(config.report_dir)
    described = results.as_json(config, plan)
    page = write_report(config, plan, results.target, described, store)
    write_whole(folder / RESULTS, _text(described))
    write_whole(folder / REPORT, page)
    _keep(config, plan, results, described, page, store)
    print_closing(described, out)
    for folder_of_letters in described["dead_letters"]:
        out.write(f"       dead letters: {store.uri(folder_of_letters)}\n")
    out.write(f"report {folder / REPORT} · {folder / RESULTS}\n")


def _keep(
    config: IndexConfig,
    plan: Plan,
    results: Results,
    described: dict[str, Any],
    page: str,
    store: Store,
) -> None:
    """Puts the results of a version into the store, with what the run did that worked on it."""
    target, kept = results.target, described
    keep_run(results.run, results.published.accounts, target, store)
    if store.exists(target.run_key):
        kept = described | json.loads(store.get(target.run_key))
    key, text = f"{target.folder}/{RESULTS}", _text(kept)
    if store.exists(key) and store.get(key) == text.encode():
        return
    if text != _text(described):
        page = write_report(config, plan, target, kept, store)
    store.put(f"{target.folder}/{REPORT}", page.encode())
    store.put(key, text.encode())


def _tokens(did: Mapping[str, Counts]) -> dict[str, int]:
    reason, embed = did.get("reason", Counts()), did.get("embed", Counts())
    return {
        "reason_prompt": reason.prompt_tokens,
        "reason_output": reason.output_tokens,
        "embed_prompt": embed.prompt_tokens,
    }


def _text(described: dict[str, Any]) -> str:
    return json.dumps(described, indent=2, ensure_ascii=False)
