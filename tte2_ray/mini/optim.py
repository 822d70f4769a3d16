"""How the miniature is optimised: Muon for matrices, AdamW for the rest, on a few processes.

Each process has one thread: two thread pools on two cores starve each other.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Linear warm-up, then linear decay to a hundredth."""

    steps: int
    rate: float
    """Peak learning rate."""
    warmup: int = 80

    def at(self, step: int) -> float:
        """The learning rate of `step`.

        >>> Schedule(steps=100, rate=1.0, warmup=10).at(4)
        0.5
        """
        up = (step + 1) / self.warmup
        down = 1 - 0.99 * max(0, step - self.warmup) / max(1, self.steps - self.warmup)
        return self.rate * min(up, down)


class Optimizer:
    """Both optimisers behind one step.

    Args:
        model: whose trainable parameters are moved.
        schedule: the learning rate of each step.
        weight_decay: on matrices only.
    """

    def __init__(
        self, model: "torch.nn.Module", schedule: Schedule, weight_decay: float = 0.02
    ) -> None:
        import torch

        from tte2_ray.mini.muon import Muon

        self.schedule = schedule
        named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        matrices = [p for n, p in named if p.ndim == 2 and "embed" not in n and "lm_head" not in n]
        chosen = {id(p) for p in matrices}
        rest = [p for _, p in named if id(p) not in chosen]
        self.parameters = [p for _, p in named]
        self._both: list[torch.optim.Optimizer] = [
            Muon(matrices, lr=0.0, momentum=0.95, weight_decay=weight_decay),
            torch.optim.AdamW(rest, lr=0.0, betas=(0.9, 0.98), weight_decay=0.0),
        ]

    def step(self, number: int) -> None:
        """Averages the gradients over the processes, clips them, and moves the parameters."""
        import torch
        import torch.distributed as dist

        if dist.is_initialized():
            flat = torch.cat([p.grad.flatten() for p in self.parameters if p.grad is not None])
            dist.all_reduce(flat)
            flat /= dist.get_world_size()
            at = 0
            for p in self.parameters:
                if p.grad is not None:
                    p.grad.copy_(flat[at : at + p.numel()].view_as(p))
                    at += p.numel()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer in self._both:
            for group in optimizer.param_groups:
                group["lr"] = self.schedule.at(number)
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)


def buckets(items: Sequence[T], length: Callable[[T], int], most: int) -> Iterable[list[T]]:
    """Items in up to `most` groups of alike length, so that little padding is computed.

    >>> list(buckets([5, 1, 4, 2], length=lambda n: n, most=2))
    [[1, 2], [4, 5]]
    """
    ordered = sorted(items, key=length)
    size = -(-len(ordered) // most)
    return (ordered[i : i + size] for i in range(0, len(ordered), size))


def launch(work: Callable[..., None], processes: int, *args: object) -> None:
    """Runs `work(rank, *args)` in `processes` processes that can average their gradients."""
    from torch.multiprocessing.spawn import spawn

    if processes == 1:
        work(0, *args)
        return
    port = _free_port()
    spawn(_joined, args=(processes, port, work, args), nprocs=processes)  # type: ignore[no-untyped-call]


def _free_port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _joined(
    rank: int, processes: int, port: int, work: Callable[..., None], args: tuple[object, ...]
) -> None:
    import torch.distributed as dist

    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=processes)
    try:
        work(rank, *args)
    finally:
        dist.destroy_process_group()
