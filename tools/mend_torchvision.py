"""Mend torchvision in the environment of this interpreter, only if it does not import there.

    .venv/bin/python tools/mend_torchvision.py

`make setup` runs it. What is mended, and how, stands in `_torchvision_mend.py`; why, in
docs/decisions/0003-torchvision-mend.md. Where torchvision imports by itself nothing is written,
and an earlier mend is taken out. Exit status: 0 torchvision imports now, 3 it does not.
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HOOK = Path(__file__).with_name("_torchvision_mend.py")
MISSING_OPERATOR = "operator torchvision::nms does not exist"


def import_error(before: str = "") -> str:
    """What `import torchvision` prints on stderr in a fresh process; "" where it succeeds.

    Args:
        before: Python statements to run in that process first.
    """
    code = f"{before}\nimport torchvision"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr or f"exit status {done.returncode}"


def import_error_without_hook() -> str:
    """The same with the hook, if it is installed, switched off."""
    return import_error(
        "import sys\n"
        "sys.meta_path[:] = [finder for finder in sys.meta_path"
        f" if getattr(finder, '__module__', '') != {HOOK.stem!r}]"
    )


def main() -> int:
    """Install the hook, or take it out. Returns the exit status."""
    site_packages = Path(sysconfig.get_path("purelib"))
    module, pth = site_packages / HOOK.name, site_packages / f"{HOOK.stem}.pth"
    error = import_error_without_hook()
    if not error:
        pth.unlink(missing_ok=True)
        module.unlink(missing_ok=True)
        print("torchvision imports by itself: nothing to mend")
        return 0
    if MISSING_OPERATOR in error:
        shutil.copyfile(HOOK, module)
        pth.write_text(f"import {HOOK.stem}\n")
        error = import_error()
    if error:
        print(
            f"{error}\ntorchvision does not import, and not for the reason that is mended here: "
            "install a torchvision that matches torch",
            file=sys.stderr,
        )
        return 3
    print("torchvision is a CUDA build under a CPU torch: mended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
