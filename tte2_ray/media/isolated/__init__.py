"""Decoders in child processes, so that what a file does to its decoder ends one row.

    parent: bytes ─ request ─▶ child: decode_visual ─ answer ─▶ parent: checked, plain pixels

A child has no credentials in its environment, is bounded in memory by the kernel and in time by
its parent, and ends with it. It is no sandbox: it runs as the same user, and what takes it over
reaches files and network as that user does.
"""

from tte2_ray.media.isolated.children import decode_isolated, end_children

__all__ = ["decode_isolated", "end_children"]
