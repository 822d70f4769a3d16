"""`jobs/publish_index.py`: look at the versions of an index and move the alias by hand.

action, version ─▶ configuration ─▶ find the server ─▶ Publisher ─▶ one line, or a table
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from tte2_ray.artifacts.lease import LeaseConfig, held
from tte2_ray.artifacts.store import open_store
from tte2_ray.config import Loaded, Options, location, main
from tte2_ray.errors import ConfigError, RuntimeFailure
from tte2_ray.milvus.catalog import ManifestCatalog
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.collection import collection_name
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.garbage import Collector
from tte2_ray.milvus.publish import Publisher, VersionStatus
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import resolve, stop_server
from tte2_ray.milvus.verify import VerifyConfig, verify

DESCRIPTION = "Look at the versions of an index, and move the alias that its readers follow."
EXAMPLES = """\
examples:
  %(prog)s list index=demo                 every version: live, loaded, verified, rows
  %(prog)s promote v2 index=demo           let readers see version v2
  %(prog)s promote v2 --dry-run            only check whether it may be
  %(prog)s rollback                        back to the version that the live one replaced
  %(prog)s verify v2                       count its rows, let sampled ones look for themselves
  %(prog)s drop-old --keep 1               free the collections of superseded versions
  %(prog)s gc --dry-run                    list what runs left that were cut off
  %(prog)s gc                              delete it, while no job works on the store
  %(prog)s stop-server                     end the embedded server; nothing is lost
  %(prog)s list milvus.uri=http://milvus:19530 store=s3://bucket/root

  %(prog)s rollback --profile cluster store=s3://bucket/root    as the index job was told

The action and its version come first; then --config FILE (default: {default}), --profile NAME,
--print-config, --dry-run, --debug and key=value.

exit codes: 0 done, 2 arguments, 3 no server, 4 no such version, 5 not verified, 6 runtime failure
"""
OF_THE_INDEX_JOB: Final = (
    "store_is_shared", "corpus", "media", "reasoner", "embedder", "ray", "estimate",
    "mode", "failure_budget", "load_writers", "report_samples", "report_note", "report_dir",
)  # fmt: skip
"""Keys of its configuration alone: its presets, profiles and files may be named here, too."""


@dataclass(frozen=True, kw_only=True)
class PublishConfig:
    """Which index, and where it and its manifests are."""

    index: str = "demo"
    """Name of the index, which is the alias that readers use."""
    store: str = location("build/artifacts")
    """Root of the artifact store: a folder or `s3://bucket/prefix`."""
    milvus: MilvusConfig = field(default_factory=MilvusConfig)
    lease: LeaseConfig = field(default_factory=LeaseConfig)
    verify: VerifyConfig = field(default_factory=VerifyConfig)


def run_command(argv: Sequence[str] | None = None, *, default: Path) -> int:
    """Do what the command line says.

    Args:
        argv: the arguments; those of the process by default.
        default: the configuration file.

    Returns:
        The exit status.
    """
    given, rest = _parser(default).parse_known_args(argv)

    def run(loaded: Loaded[PublishConfig], options: Options) -> None:
        if options.redrive:
            raise ConfigError("--redrive is an argument of jobs/index_corpus.py, which runs rows")
        if given.action == "stop-server":
            folder = loaded.config.milvus.data_dir
            ended = not options.dry_run and stop_server(folder)
            print(f"the server of {folder} {'has ended' if ended else 'was left as it is'}")
        else:
            _act(given, loaded.config, options)

    return main(PublishConfig, run, description=DESCRIPTION, default=default, argv=rest,
                others=OF_THE_INDEX_JOB)  # fmt: skip


def _act(given: argparse.Namespace, config: PublishConfig, options: Options) -> None:
    milvus = resolve(config.milvus)
    client = connect(milvus)
    store = open_store(config.store)
    catalog = ManifestCatalog(store, config.index)
    publisher = Publisher(client, milvus, config.index, catalog)
    would = "would be" if options.dry_run else "is"
    match given.action:
        case "list":
            statuses = publisher.statuses()
            _show(statuses, as_json=given.json)
            if not statuses:
                print(f"{config.store} knows no version of index {config.index}", file=sys.stderr)
        case "promote" | "rollback":
            before = publisher.live_version()
            version = _move(publisher, given, options)
            if not options.dry_run and (now := publisher.live_version()) != version:
                raise RuntimeFailure(
                    f"{config.index}: {version} was made live, and another process has made "
                    f"{now or 'none'} live since"
                )
            print(f"{config.index}: {version} {would} live, after {before or 'none'}")
        case "drop-old":
            if options.dry_run:
                dropped = publisher.superfluous(keep=given.keep)
            else:
                with held(store, config.index, config.lease, sys.stdout):
                    dropped = publisher.drop_old(keep=given.keep)
            print(f"{config.index}: {', '.join(dropped) or 'nothing'} {would} dropped")
        case "gc":
            collector = Collector(client, milvus, store, config.index)
            if options.dry_run:
                collector.tell()
            else:
                collector.delete(config.lease)
        case "verify":
            report = verify(
                Searcher(milvus, client=client),
                collection_name(config.index, given.version),
                expected_rows=publisher.record(given.version).rows,
                config=config.verify,
            )
            print(json.dumps({**asdict(report), "passed": report.passed}, indent=2))
            report.require_passed()


def _move(publisher: Publisher, given: argparse.Namespace, options: Options) -> str:
    """Promotes or rolls back, or only checks whether that may be; the version that is served."""
    back = given.action == "rollback"
    if options.dry_run:
        version: str = publisher.previous_version() if back else given.version
        publisher.check(version)
        return version
    if back:
        return publisher.rollback()
    publisher.promote(given.version)
    return str(given.version)


def _show(statuses: Sequence[VersionStatus], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(status) for status in statuses], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("version", "live", "loaded", "verified", "rows", "created")
    for status in statuses:
        marks = ["●" if each else "" for each in (status.live, status.loaded, status.verified)]
        created = status.created_at[: len("2026-01-31T12:00:00")]
        table.add_row(status.version, *marks, str(status.rows), created)
    Console().print(table)


def _parser(default: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EXAMPLES.format(default=default.as_posix()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=text, allow_abbrev=False)

    add("list", "every version").add_argument("--json", action="store_true", help="for programs")
    add("rollback", "back to the version that the live one replaced")
    add("gc", "list (--dry-run) or delete what runs left that were cut off")
    add("stop-server", "end the embedded server of milvus.data_dir")
    for name, text in (("promote", "let readers see a version"), ("verify", "check a version")):
        add(name, text).add_argument("version")
    drop = add("drop-old", "drop the collections of superseded versions")
    drop.add_argument("--keep", type=int, default=1, help="versions to keep besides the live one")
    return parser
