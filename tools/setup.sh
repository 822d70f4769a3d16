#!/usr/bin/env bash
# Build .venv from the lock, once: `make setup`. Does nothing when the lock has not changed.
#
#   PYTHON=/path/to/python3.11   which interpreter to use
#   EXTRA=gpu                    the CUDA environment (resolved by pip from pyproject.toml). Without
#                                EXTRA the folder stays what it is; another one is built anew
#   VENV=DIR                     where to build (default .venv)
#
# pip's own configuration (index, proxy, certificates: PIP_* and pip.conf) is honoured.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
stamp=$venv/setup.stamp # first word: the EXTRA that the environment is for, ready or not
built=$(cut -d ' ' -f 1 "$stamp" 2>/dev/null || true)
extra=${EXTRA:-${built:-cpu}}
lock=requirements/cpu.lock
cpu_builds=https://download.pytorch.org/whl/cpu

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 3
}

is_311() {
    [ "$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = 3.11 ]
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3 python}; do
        if is_311 "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 is needed (Ray workers and the lock are built for it) and none of
       '${PYTHON:-python3.11 python3 python}' is one; install it, or name one: PYTHON=/path/to/python3.11 make setup"
}

[ "$extra" = cpu ] || [ "$extra" = gpu ] || fail "EXTRA is cpu or gpu, not '$extra'"
wanted="$extra $(cat "$lock" pyproject.toml tools/setup.sh tools/*mend*.py | cksum)"
if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

if [ -z "${EXTRA:-}" ] && [ "$extra" != cpu ]; then
    echo "setup: $venv was built with EXTRA=$extra, which is kept (EXTRA=cpu changes it)"
fi
if [ "${built:-$extra}" != "$extra" ] || ! [ -x "$venv/bin/python" ] || ! is_311 "$venv/bin/python"; then
    python=$(find_python)
    "$python" -m venv --clear "$venv" ||
        fail "'$python -m venv' failed; on Debian and Ubuntu the package python3.11-venv carries it"
fi
if [ "$extra" = cpu ] &&
    ! "$venv/bin/python" -c 'import ctypes; ctypes.CDLL("libnuma.so.1")' >/dev/null 2>&1; then
    fail "the library libnuma.so.1 does not load, and vLLM's CPU build needs it; on Debian and
       Ubuntu the package libnuma1 carries it, elsewhere numactl or numactl-libs"
fi
echo "$extra is being installed" >"$stamp"

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input "$@"
}

torch_imports() {
    "$venv/bin/python" -c 'import torch' >/dev/null 2>&1
}

if [ "$extra" = cpu ]; then
    echo "setup: installing $(grep -c '==' "$lock") packages into $venv (about 4 GB, a few minutes the first time)"
    pip install --quiet --quiet --no-deps --requirement "$lock"
else
    echo "setup: installing vLLM for CUDA and all that it needs into $venv (several GB, many minutes)"
    pip install --quiet --quiet 'setuptools>=77'
    # Without the lock: CUDA's wheels pin other versions of small packages (docs/decisions/0001).
    pip install --quiet --quiet ".[gpu,train,dev]"
fi
pip install --quiet --quiet --no-deps --no-build-isolation --editable .

if [ "$extra" = cpu ] && ! torch_imports; then
    # On PyPI the locked version is a build for CUDA; the CPU's is preferred where both are seen.
    echo "setup: this torch does not import without CUDA's libraries; looking for the CPU's build on $cpu_builds"
    pip uninstall --quiet --quiet --yes torch torchvision
    mapfile -t torch < <(grep -E '^torch(vision)?==' "$lock")
    if ! pip install --quiet --quiet --no-deps --extra-index-url "$cpu_builds" "${torch[@]}" ||
        ! torch_imports; then
        pip uninstall --quiet --quiet --yes torch torchvision
        fail "no build of torch for the CPU was found, neither where pip looks nor on $cpu_builds.
       Name an index that has one: PIP_EXTRA_INDEX_URL=https://... make setup"
    fi
fi
"$venv/bin/python" -c 'import torch' || fail "torch does not import"
"$venv/bin/python" tools/mend_torchvision.py
echo "$wanted" >"$stamp"
echo "setup: $venv is ready"
