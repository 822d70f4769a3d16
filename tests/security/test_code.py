"""No code is made of data: what the sources may not call, and where a model's own code may run."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tte2_ray.engines import EngineConfig
from tte2_ray.engines.vllm_input import engine_arguments

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    file for folder in ("tte2_ray", "jobs", "tools") for file in (ROOT / folder).rglob("*.py")
)
MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "jsonpickle"}
CALLS = {
    "eval", "exec", "__import__", "torch.load", "os.system", "os.popen", "subprocess.getoutput",
    "subprocess.getstatusoutput", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all",
    "pd.read_pickle", "pandas.read_pickle", "tempfile.mktemp",
}  # fmt: skip
KEYWORDS = {"shell": True, "allow_pickle": True, "weights_only": False}
ALLOWED: dict[str, str] = {}
"""`file: what`, with the reason; nothing is needed. What Ray pickles between its own processes, and
vLLM between its own, they do themselves, over sockets that ask for Ray's token, or of one machine.
"""

WRONG = """
import pickle
from cloudpickle import loads
import numpy as np, torch, yaml, subprocess, os
eval("1"); exec("1"); torch.load("x"); np.load("x"); np.load("x", allow_pickle=True)
yaml.load("x"); yaml.load("x", Loader=yaml.Loader); yaml.load("x", yaml.UnsafeLoader)
subprocess.run("x", shell=True); os.system("x")
load(trust_remote_code=True); given = {"trust_remote_code": 1}
"""
RIGHT = """
import json, numpy as np, yaml, subprocess
model.eval(); np.load("x", allow_pickle=False); yaml.safe_load("x")
yaml.load("x", Loader=yaml.SafeLoader); subprocess.run(["x"], shell=False)
load(trust_remote_code=config.trust_remote_code); {"trust_remote_code": engine.trust_remote_code}
"""


def findings(source: str) -> Iterator[str]:
    """What a source holds that runs data as code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (f"import {n.name}" for n in node.names if _top(n.name) in MODULES)
        elif isinstance(node, ast.ImportFrom) and _top(node.module or "") in MODULES:
            yield f"from {node.module}"
        elif isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            named = [v for k, v in pairs if isinstance(k, ast.Constant) and k.value == REMOTE]
            yield from (f"{REMOTE}: {ast.unparse(v)}" for v in named if not _of_config(v))


REMOTE = "trust_remote_code"


def _top(module: str) -> str:
    return module.partition(".")[0]


def _of_call(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    given = {each.arg: each.value for each in node.keywords}
    if name in CALLS:
        yield name
    if name in ("np.load", "numpy.load") and "allow_pickle" not in given:
        yield f"{name} without allow_pickle=False"
    if name == "yaml.load":
        loader = given.get("Loader") or (node.args[1] if len(node.args) > 1 else None)
        if loader is None or "Safe" not in ast.unparse(loader):
            yield "yaml.load without a safe loader"
    for keyword, wrong in KEYWORDS.items():
        value = given.get(keyword)
        if value is not None and not (isinstance(value, ast.Constant) and value.value is not wrong):
            yield f"{keyword}={ast.unparse(value)}"
    if REMOTE in given and not _of_config(given[REMOTE]):
        yield f"{REMOTE}={ast.unparse(given[REMOTE])}"


def _of_config(value: ast.expr) -> bool:
    """The field of a configuration, or its name in a table of them."""
    if isinstance(value, ast.Constant):
        return bool(value.value == REMOTE)
    return isinstance(value, ast.Attribute) and value.attr == REMOTE


def test_no_source_runs_data_as_code() -> None:
    assert len(SOURCES) > 200, "else nothing was looked at"
    found = {
        f"{file.relative_to(ROOT)}: {what}"
        for file in SOURCES
        for what in findings(file.read_text())
    }
    assert found - ALLOWED.keys() == set()
    assert ALLOWED.keys() - found == set(), "an exception that nothing needs"


def test_what_is_looked_for_is_found() -> None:
    assert len(list(findings(WRONG))) == 14
    assert list(findings(RIGHT)) == []


def test_templates_of_pages_escape_what_items_say() -> None:
    environments = [
        (file, node)
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Environment")
    ]
    assert environments, "else nothing was looked at"
    for file, node in environments:
        given = {each.arg: ast.unparse(each.value) for each in node.keywords}
        assert given.get("autoescape") == "True", file
    for template in (f for folder in ("tte2_ray", "tools") for f in (ROOT / folder).rglob("*.j2")):
        assert not re.search(r"\|\s*safe\b|autoescape", template.read_text()), template


def _named(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _named(inner, f"{path}.{key}")
    else:
        yield path, value


@pytest.mark.parametrize("file", sorted((ROOT / "conf").rglob("*.yaml")), ids=lambda f: f.stem)
def test_no_preset_runs_the_code_of_a_model(file: Path) -> None:
    """Nor does one name another way to it, or weights that may be a pickle."""
    for path, value in _named(yaml.safe_load(file.read_text())):
        if path.endswith(f".{REMOTE}"):
            assert value is False, path
        assert not path.endswith((".load_format", ".hf_overrides.auto_map")), path


@pytest.mark.parametrize("runner", ["generate", "pooling"])
def test_vllm_is_told_what_the_configuration_says(runner: str) -> None:
    assert EngineConfig().trust_remote_code is False
    assert engine_arguments(EngineConfig(), runner)[REMOTE] is False
    named = EngineConfig(trust_remote_code=True)
    assert engine_arguments(named, runner)[REMOTE] is True
    assert engine_arguments(named, runner)["load_format"] == "safetensors"
