"""Laws about imports that no linter holds: what the package costs, and what it may need."""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "torchvision", "transformers", "vllm", "ray", "pymilvus", "botocore")
NEEDS = {"tte2_ray.mini.muon": "torch"}
"""Modules that need one: a subclass of torch's Optimizer can be made of nothing else. Who uses them
imports them inside a function."""


def modules() -> list[str]:
    files = (ROOT / "tte2_ray").rglob("*.py")
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return sorted(name.removesuffix(".__init__") for name in names)


def heavy_after(names: Sequence[str]) -> dict[str, str]:
    """Heavy packages that are loaded once these modules were imported, by whom first."""
    code = f"""
import importlib, json, sys
first = {{}}
for name in {list(names)}:
    importlib.import_module(name)
    for heavy in {HEAVY}:
        if heavy in sys.modules:
            first.setdefault(heavy, name)
print(json.dumps(first))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_importing_a_module_loads_nothing_heavy() -> None:
    assert set(NEEDS) < set(modules())
    assert heavy_after([name for name in modules() if name not in NEEDS]) == {}


@pytest.mark.parametrize(("name", "heavy"), NEEDS.items())
def test_an_exception_is_needed_still(name: str, heavy: str) -> None:
    assert heavy_after([name]).get(heavy) == name


def third_party(folder: str) -> set[str]:
    found: set[str] = set()
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    local = {"tte2_ray", "jobs", "tests", "benchmarks", "tools", "_typeshed"}
    return found - set(sys.stdlib_module_names) - local


def declared(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return {canonicalize_name(Requirement(line).name) for line in lines}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [("tte2_ray", ("cpu", "train")), ("jobs", ()), ("tests", ("cpu", "train", "dev"))],
)
def test_what_is_imported_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    carriers = packages_distributions()
    wanted = declared(*extras)
    undeclared = {
        name
        for name in third_party(folder)
        if not wanted & {canonicalize_name(d) for d in carriers.get(name, ["nowhere"])}
    }
    assert undeclared == set()


def test_the_lock_carries_what_is_declared_and_no_local_version() -> None:
    lines = (ROOT / "requirements" / "cpu.lock").read_text().splitlines()
    pins = dict(line.split(" ;")[0].split("==") for line in lines if not line.startswith("#"))
    assert declared("cpu", "train", "dev") <= set(pins)
    assert not [name for name, version in pins.items() if "+" in version]
    assert not {"torchaudio", "torchcodec"} & set(pins)


def test_torchvision_imports_in_a_fresh_process_and_resizes() -> None:
    code = (
        "import sys; assert 'torch' not in sys.modules, 'torch is imported at every start';"
        "import torch; from torchvision.transforms.v2 import functional as F;"
        "print(tuple(F.resize(torch.rand(3, 8, 8), [4, 4], antialias=True).shape))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "(3, 4, 4)", done.stderr
