"""The closing lines of a run: what each phase did, what it took, and where the rows are."""

from typing import Any, TextIO

from tte2_ray.artifacts.changes import Changes
from tte2_ray.pipelines.prices import dollars
from tte2_ray.pipelines.progress import duration

_COLUMNS = ("phase", "rows", "reused", "rejected", "tokens read", "tokens written", "time", "cost")
_LOG_WIDTH = 100
_NOT_LIVE = "NOT live (jobs/publish_index.py list says which version is; promote moves the alias)"


def print_closing(described: dict[str, Any], out: TextIO) -> None:
    """Prints them.

    Args:
        described: what results.json says.
        out: a terminal or a log.
    """
    if described["phases"]:
        _print_phases(described, out)
    else:
        out.write("nothing to do: this corpus is indexed with these models already\n")
    rows, state = described["rows"], "live" if described["live"] else _NOT_LIVE
    out.write(
        f"rows   {rows['in']:,} in = {rows['indexed']:,} indexed + {rows['unchanged']:,} unchanged "
        f"+ {rows['rejected']:,} rejected · {described['collection']} is {state}\n"
    )
    for name, count in described["rejected_by_class"].items():
        out.write(f"       {count:,} × {name}\n")


def tell_changes(changes: Changes | None, out: TextIO) -> None:
    """What an incremental run found changed, on one line.

    Args:
        changes: None of a full run.
        out: a terminal or a log.
    """
    if changes is None:
        return
    unknown = f" · {changes.unknown:,} deleted that are not there" if changes.unknown else ""
    unseen = f" · {changes.unseen:,} with files of no known version" if changes.unseen else ""
    out.write(
        f"change {changes.new:,} new · {changes.changed:,} changed · {changes.deleted:,} deleted · "
        f"{changes.unchanged:,} as before{unknown} · {changes.touched_shards:,} shards touched"
        f"{unseen}\n"
    )


def _print_phases(described: dict[str, Any], out: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"index {described['index']} · version {described['version']}")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name == "phase" else "right")
    for phase in described["phases"]:
        counts = ("rows", "reused", "rejected", "prompt_tokens", "output_tokens")
        table.add_row(
            phase["name"],
            *(f"{phase[name]:,}" for name in counts),
            duration(phase["seconds"]),
            dollars(phase["usd"]),
        )
    Console(file=out, width=None if out.isatty() else _LOG_WIDTH).print(table)
    out.write(f"took   {_took(described)}{_planned(described['estimate'])}\n")


def _planned(estimate: dict[str, Any] | None) -> str:
    return f" (planned: {_took(estimate)})" if estimate else ""


def _took(told: dict[str, Any]) -> str:
    return f"{duration(told['seconds'])}, {dollars(told['usd'])}"
