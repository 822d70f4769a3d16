"""Evaluate direct embedding, TTE, TTE + ECRR, TTE + QAR + ECRR and the MM Ranker on a benchmark.

python jobs/evaluate.py benchmark.path=build/world
python jobs/evaluate.py --model qwen3-vl-2b --profile gpu-node benchmark.kind=mmeb-v2 \\
    benchmark.path=/data/mmeb-v2 benchmark.tasks=[MSCOCO_t2i,MSR-VTT,ViDoRe_docvqa]
python jobs/evaluate.py benchmark.path=build/dev-world benchmark.split=dev \\
    calibrate.out=build/policy.json report_dir=build/calibrate
"""

import sys
from pathlib import Path

from tte2_ray.config import main
from tte2_ray.pipelines.evaluate.config import EvaluateConfig
from tte2_ray.pipelines.evaluate.job import evaluate

if __name__ == "__main__":
    sys.exit(main(EvaluateConfig, evaluate, description=__doc__ or "",
                  default=Path(__file__).parent.parent / "conf" / "evaluate.yaml"))  # fmt: skip
