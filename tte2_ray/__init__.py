"""tte2_ray: index large multimodal corpora and rerank queries over them, on Ray (TTE-v2)."""

__version__ = "0.1.0"
