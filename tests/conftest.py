"""What every test starts from: no network, no credentials, one thread."""

import os

# Two OpenMP pools on two cores starve each other; set before torch is imported anywhere.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["VLLM_NO_USAGE_STATS"] = "1"
# Never the credentials or the region of whoever runs the tests.
os.environ.pop("AWS_PROFILE", None)
os.environ.update(
    AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1"
)
