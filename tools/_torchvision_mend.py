"""An import hook that lets a CUDA build of torchvision import under a CPU build of torch.

The registry's torchvision is built for CUDA. Under a CPU torch its extension does not load, the
operators that it would have defined are unknown, and `import torchvision` dies while it registers
their shapes. Qwen-VL processors need only torchvision's pure-Python half (resizing). Defining the
two missing schemas first is enough for that half to import and to work; the operators themselves
(non-maximum suppression) stay without a kernel and raise when called.

`mend_torchvision.py` copies this file into site-packages beside a `.pth` file that imports it in
every process of the environment: Ray workers, vLLM's engine core. So it must cost nothing: torch
is imported only when somebody imports torchvision, which would import it anyway.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
OPERATORS = ("nms", "qnms")

_libraries: list[object] = []  # torch forgets the operators when their library is collected


def define_operators() -> None:
    """Define the schemas that torchvision's extension would have defined, unless they exist."""
    import torch

    missing = [name for name in OPERATORS if not hasattr(torch.ops.torchvision, name)]
    if not missing:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in missing:
        library.define(name + SCHEMA)
    _libraries.append(library)


class _Loader(SourceFileLoader):
    """Loads torchvision, right after the schemas are defined."""

    def exec_module(self, module):  # type: ignore[no-untyped-def]
        define_operators()
        super().exec_module(module)


class Finder:
    """A finder for `sys.meta_path` that hands torchvision, and nothing else, to `_Loader`."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The spec of torchvision with our loader; None for every other module."""
        if name != "torchvision":
            return None
        spec = PathFinder.find_spec(name)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


sys.meta_path.insert(0, Finder)
