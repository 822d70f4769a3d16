"""Look at the versions of an index and move the alias that its readers follow.

python jobs/publish_index.py list|promote|rollback|verify|drop-old|stop-server [--help]
"""

import sys
from pathlib import Path

from tte2_ray.milvus.command import run_command

if __name__ == "__main__":
    conf = Path(__file__).parent.parent / "conf"
    sys.exit(run_command(default=conf / "publish_index.yaml"))
