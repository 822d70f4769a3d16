"""Models on vLLM: the only package that imports it.

vLLM's asynchronous engine takes requests one by one and batches them continuously; its core runs
in a process of its own.
"""

from tte2_ray.engines.vllm.embedder import VllmEmbedder
from tte2_ray.engines.vllm.engine import VllmEngine
from tte2_ray.engines.vllm.judge import VllmJudge
from tte2_ray.engines.vllm.reasoner import VllmReasoner

__all__ = ["VllmEmbedder", "VllmEngine", "VllmJudge", "VllmReasoner"]
