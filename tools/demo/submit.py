"""Submit a job with `ray job submit` and show what the job says, not what the tool says of itself.

Everything that either says is kept in a log.
"""

import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.demo.ray_head import RAY_CLI, RayHead
from tools.shown import ROOT
from tte2_ray.errors import RuntimeFailure

_OF_THE_TOOL = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\s+(INFO|SUCC|WARNING) \S+\.py:\d+ -- "
    r"|Running entrypoint for job "
)
"""Lines of the client and of Ray about themselves, in the style that `--log-style record` fixes."""
STOP_TIMEOUT_S = 5.0


def submit_command(address: str, entrypoint: Sequence[str]) -> list[str]:
    """The command line, as a person would type it.

    Args:
        address: of the head's dashboard.
        entrypoint: what runs on the cluster, in a copy of this repository.
    """
    given = ["--address", address, "--working-dir", ".", "--", *entrypoint]
    return ["ray", "job", "submit", *given]


def submit_job(
    head: RayHead, entrypoint: Sequence[str], log: Path, say: Callable[[str], None]
) -> None:
    """Runs a job to its end.

    Args:
        head: of the cluster.
        entrypoint: what runs on it.
        log: takes every line.
        say: takes the lines of the job as they come.

    Raises:
        RuntimeFailure: the job failed; its own error was said before.
    """
    command = submit_command(head.address, entrypoint)
    say(f"$ {shlex.join(command)}")
    style = ["--log-style", "record", "--log-color", "false"]
    process = subprocess.Popen(
        [str(RAY_CLI), *command[1:3], *style, *command[3:]], cwd=ROOT, env=head.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        _follow(process, log, say)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)
    if process.returncode:
        raise RuntimeFailure(f"the job failed; everything that it said is in {log}")


def is_of_the_tool(line: str) -> bool:
    """Whether a line is the client's or Ray's own notice, which a reader of the job need not see.

    >>> is_of_the_tool("2026-11-23 08:18:10,929\\tINFO cli.py:42 -- Job submission server address")
    True
    >>> is_of_the_tool("reason      48/480 rows")
    False
    >>> is_of_the_tool("2026-11-23 08:18:10,929\\tERR cli.py:75 -- Job failed")
    False
    """
    return _OF_THE_TOOL.match(line) is not None


def _follow(process: "subprocess.Popen[str]", log: Path, say: Callable[[str], None]) -> None:
    assert process.stdout is not None  # it was opened as a pipe
    with log.open("w") as kept:
        for line in process.stdout:
            kept.write(line)
            kept.flush()
            if line.strip() and not is_of_the_tool(line):
                say(line.rstrip())
    process.wait()
