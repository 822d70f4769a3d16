"""Muon in float32, matrices of one shape together.

`torch.optim.Muon` orthogonalises in bfloat16, one matrix at a time. Where a processor has no
bfloat16 instructions (AVX2), that falls back to a scalar loop: 56 % of a training step of the
miniature. In float32 the same arithmetic took 0.12 s a step instead of 2.1 (docs/log.md).
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import torch

COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
"""Of the quintic Newton-Schulz iteration (Keller Jordan, 2024)."""
ITERATIONS: Final = 5


def orthogonalized(matrices_BMN: torch.Tensor) -> torch.Tensor:
    """Each matrix with its singular values brought near 1 (0.7 to 1.2), its directions kept.

    Args:
        matrices_BMN: B matrices of one shape, float32.
    """
    tall = matrices_BMN.shape[1] > matrices_BMN.shape[2]
    x = matrices_BMN.mT if tall else matrices_BMN
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def _shared_out(matrices_BMN: torch.Tensor) -> torch.Tensor:
    """All orthogonalised, each by one of the processes, which hold the same matrices."""
    import torch.distributed as dist

    if not dist.is_initialized():
        return orthogonalized(matrices_BMN)
    mine = slice(dist.get_rank(), None, dist.get_world_size())
    done = torch.zeros_like(matrices_BMN)
    done[mine] = orthogonalized(matrices_BMN[mine])
    dist.all_reduce(done)
    return done


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised: for the matrices of hidden layers.

    The step is scaled to the size of AdamW's, 0.2 · sqrt(max(rows, columns)), so that one learning
    rate serves both (arXiv 2502.16982).

    Args:
        params: matrices.
        lr: learning rate.
        momentum: Nesterov's.
        weight_decay: decoupled, scaled by the learning rate.
    """

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.02,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # none is taken
        """Moves each matrix that has a gradient."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    alike[p.shape].append(p)
            for shape, parameters in alike.items():
                self._move(parameters, group, 0.2 * max(shape) ** 0.5)

    def _move(
        self, parameters: list[torch.nn.Parameter], group: dict[str, Any], scale: float
    ) -> None:
        lr, momentum = group["lr"], group["momentum"]
        ahead = []
        for p in parameters:
            assert p.grad is not None
            if p not in self.state:
                self.state[p]["momentum"] = torch.zeros_like(p)
            mean = self.state[p]["momentum"]
            mean.lerp_(p.grad, 1 - momentum)
            ahead.append(p.grad.lerp(mean, momentum))
        for p, update in zip(parameters, _shared_out(torch.stack(ahead)), strict=True):
            p.mul_(1 - lr * group["weight_decay"]).add_(update, alpha=-lr * scale)
