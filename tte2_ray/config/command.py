"""The command line that all jobs share: one parser, and errors turned into exit codes."""

import argparse
import os
import select
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tte2_ray import __version__
from tte2_ray.config.load import Loaded, load_config
from tte2_ray.config.show import print_config
from tte2_ray.errors import ConfigError, RuntimeFailure, TteError

T = TypeVar("T")

_NOBODY_READS = 141
"""The exit status that a shell gives for SIGPIPE."""

EXAMPLES = """\
examples:
  %(prog)s                                         as {default} says
  %(prog)s --print-config                          what would run, and where each value came from
  %(prog)s --dry-run                               plan, sizes and costs; nothing is written
  %(prog)s --model qwen3-vl-2b --profile gpu-node  a models preset, a profile merged over it
  %(prog)s --config mine.yaml index=films          your file instead; single values last

exit codes: 0 done, 2 arguments, 3 prerequisite missing, 4 resource missing, 5 validation failed,
6 runtime failure, 7 too many rows rejected
"""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a job is run this time; no part of what it makes."""

    dry_run: bool = False
    """Plan and estimate, write nothing."""
    redrive: bool = False
    """Run the rows of the dead-letter table again."""


def parser(description: str, default: Path) -> argparse.ArgumentParser:
    """The arguments of a job.

    Args:
        description: one line for --help.
        default: the job's configuration file; presets and profiles lie in folders beside it.
    """
    arguments = argparse.ArgumentParser(
        description=description,
        epilog=EXAMPLES.format(default=default.as_posix()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    instead = f"instead of {default}; may be given again, to merge over"
    add("--config", metavar="FILE", action="append", type=Path, help=instead)
    add("--model", metavar="NAME", action="append", default=[], help=_names(default, "models"))
    add("--profile", metavar="NAME", action="append", default=[], help=_names(default, "profiles"))
    add("overrides", metavar="key=value", nargs="*", help="a single value; the last word")
    add("--dry-run", action="store_true", help="plan, sizes and costs; nothing is written")
    add("--print-config", action="store_true", help="print the merged configuration and stop")
    add("--redrive", action="store_true", help="run the rejected rows of the last run again")
    add("--debug", action="store_true", help="show the traceback of an error")
    add("--version", action="version", version=f"tte2_ray {__version__}")
    return arguments


def main(
    config_class: type[T],
    run: Callable[[Loaded[T], Options], None],
    *,
    description: str,
    default: Path,
    argv: Sequence[str] | None = None,
    others: Collection[str] = (),
) -> int:
    """Read the command line, load the configuration, run the job.

    Args:
        config_class: the job's configuration.
        run: does the work; ends it early with a `TteError`.
        description: one line for --help.
        default: the job's configuration file.
        argv: the arguments; those of the process by default.
        others: top-level keys of the files that another job reads, and this one passes over.

    Returns:
        The exit status. A `TteError` is one line on stderr and its own status, also where Ray
        wrapped it; any other error is a bug and shows its traceback.
    """
    given = parser(description, default).parse_intermixed_args(argv)
    try:
        files = [*(given.config or [default]), *_presets(default, given.model, given.profile)]
        loaded = load_config(config_class, files, given.overrides, others)
        if given.print_config:
            print_config(loaded)
        else:
            run(loaded, Options(dry_run=given.dry_run, redrive=given.redrive))
    except BrokenPipeError as error:
        if _somebody_reads():
            return _report(error, given.debug)
        return _NOBODY_READS
    except KeyboardInterrupt:
        print("interrupted; the same command again goes on from here", file=sys.stderr)
        return 130
    except Exception as error:  # noqa: BLE001 the one place where errors become exit codes
        return _report(error, given.debug)
    return 0


def _somebody_reads() -> bool:
    """Whether what is printed is read; where it is not, as after `| head`, it goes nowhere from
    here on: else Python would complain of it at its end."""
    waiting = select.poll()
    waiting.register(sys.stdout, 0)
    if any(event & select.POLLERR for _, event in waiting.poll(0)):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _presets(default: Path, models: Sequence[str], profiles: Sequence[str]) -> list[Path]:
    wanted = [("models", name) for name in models] + [("profiles", name) for name in profiles]
    files = [default.parent / folder / f"{name}.yaml" for folder, name in wanted]
    for (folder, name), file in zip(wanted, files, strict=True):
        if not file.is_file():
            known = _names(default, folder) or f"{file.parent} is empty"
            raise ConfigError(f"there is no '{name}' in {file.parent}: {known}")
    return files


def _names(default: Path, folder: str) -> str:
    found = sorted(file.stem for file in (default.parent / folder).glob("*.yaml"))
    return f"one of {', '.join(found)}" if found else ""


def _report(error: Exception, debug: bool) -> int:
    ours = _ours(error)
    if debug or ours is None:
        traceback.print_exception(error)
    elif notes := getattr(ours, "__notes__", ()):  # the traceback of a bug in a worker
        print(*notes, sep="\n", file=sys.stderr)
    if ours is None:
        name = type(error).__name__
        ours = RuntimeFailure(f"unexpected {name}: {error} (this is a bug; see the traceback)")
    print(f"error: {' '.join(str(ours).split())}", file=sys.stderr)
    return ours.exit_code


def _ours(error: BaseException | None) -> TteError | None:
    """The first `TteError` in a chain of causes; Ray keeps the original in `cause`."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        wrapped = getattr(error, "cause", None)
        if isinstance(error, TteError) and not isinstance(wrapped, TteError):
            return error
        error = wrapped if isinstance(wrapped, BaseException) else error.__cause__
    return None
