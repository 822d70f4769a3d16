"""Write requirements/cpu.lock from what is installed in the environment of this interpreter.

    make lock        # after trying newer versions in .venv with pip

The lock is the closure of what pyproject.toml asks for (core, cpu, train, dev) over the installed
distributions. Left out, and why, stands in docs/decisions/0001-dependencies.md. Local versions
("+cpu") are cut: which build a plain version means is the business of each machine's pip.
"""

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "cpu.lock"
EXTRAS = ("cpu", "train", "dev")
LEFT_OUT = {"torchaudio", "torchcodec"}
HEADER = """\
# Every package of the CPU environment; install with --no-deps (make setup does).
# Written by `make lock`; the choices are in docs/decisions/0001-dependencies.md.
"""


def wanted() -> list[Requirement]:
    """What pyproject.toml asks for, and setuptools, which builds the editable install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], "setuptools"]
    for extra in EXTRAS:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def applies(requirement: Requirement, extras: set[str]) -> bool:
    """Whether the requirement's marker holds here, for one of the extras or for none."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})


def closure(roots: list[Requirement]) -> dict[str, str]:
    """Name to version of everything that the roots need, of what is installed.

    Raises:
        SystemExit: something is missing, or its version is not the one asked for.
    """
    versions: dict[str, str] = {}
    todo, seen, problems = list(roots), set[str](), list[str]()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in LEFT_OUT or str(requirement) in seen:
            continue
        seen.add(str(requirement))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            problems.append(f"{requirement} is not installed")
            continue
        if not requirement.specifier.contains(found.version, prereleases=True):
            problems.append(f"{requirement} is asked for, {found.version} is installed")
        versions[name] = found.version.partition("+")[0]
        needs = [Requirement(line) for line in found.requires or []]
        todo += [need for need in needs if applies(need, requirement.extras)]
    if problems:
        sys.exit("\n".join(problems))
    return versions


def locked(roots: list[Requirement], versions: dict[str, str]) -> list[str]:
    """The lines of the lock; what a platform alone has is pinned where it is asked for.

    >>> locked([Requirement("m==2; sys_platform == 'os/2'"), Requirement("n>1")], {"n": "3"})
    ['m==2 ; sys_platform == "os/2"\\n', 'n==3\\n']
    """
    lines = {name: f"{name}=={version}\n" for name, version in versions.items()}
    for root in roots:
        if root.marker is not None:
            name = canonicalize_name(root.name)
            lines[name] = f"{name}{root.specifier} ; {root.marker}\n"
    return [lines[name] for name in sorted(lines)]


def main() -> None:
    """Write the lock."""
    roots = wanted()
    versions = closure([root for root in roots if applies(root, set())])
    lines = locked(roots, versions)
    LOCK.write_text(HEADER + "".join(lines))
    print(f"{LOCK.relative_to(ROOT)}: {len(lines)} packages")


if __name__ == "__main__":
    main()
