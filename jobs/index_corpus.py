"""Index a corpus of images, videos, document pages and text.

python jobs/index_corpus.py corpus.path=my/manifest.parquet index=films
ray job submit --working-dir . -- python jobs/index_corpus.py --profile laptop \\
    corpus.path=/data/films/manifest.parquet index=films \\
    store=/data/tte2 milvus.data_dir=/data/tte2-milvus report_dir=/data/tte2-report
"""

import sys
from pathlib import Path

from tte2_ray.config import main
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus

if __name__ == "__main__":
    sys.exit(main(IndexConfig, index_corpus, description=__doc__ or "",
                  default=Path(__file__).parent.parent / "conf" / "index_corpus.yaml"))  # fmt: skip
