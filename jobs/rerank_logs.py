"""Rerank a log of queries under a token budget.

python jobs/rerank_logs.py log.path=my/queries.jsonl index=films budget.tokens_per_query=2048
ray job submit --working-dir . -- python jobs/rerank_logs.py --profile laptop \\
    log.path=/data/films/queries.tsv index=films budget.mean_tokens_per_query=1000 \\
    store=/data/tte2 milvus.data_dir=/data/tte2-milvus report_dir=/data/tte2-rerank
"""

import sys
from pathlib import Path

from tte2_ray.config import main
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.job import rerank_log

if __name__ == "__main__":
    sys.exit(main(RerankConfig, rerank_log, description=__doc__ or "",
                  default=Path(__file__).parent.parent / "conf" / "rerank_logs.yaml"))  # fmt: skip
