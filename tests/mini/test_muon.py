"""Our float32 Muon makes the steps of torch's, which computes them in bfloat16."""

import pytest


def test_steps_are_those_of_torch() -> None:
    import torch

    from tte2_ray.mini.muon import Muon

    torch.manual_seed(0)
    shapes = [(24, 8), (8, 24), (16, 16), (24, 8)]
    ours = [torch.nn.Parameter(torch.randn(s)) for s in shapes]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours]
    before = [p.detach().clone() for p in ours]
    both = (
        Muon(ours, lr=0.01, momentum=0.95, weight_decay=0.1),
        torch.optim.Muon(theirs, lr=0.01, momentum=0.95, weight_decay=0.1,
                         adjust_lr_fn="match_rms_adamw"),
    )  # fmt: skip
    for _ in range(3):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        for optimizer in both:
            optimizer.step()
    for one, other, old in zip(ours, theirs, before, strict=True):
        moved = (one - old).norm()
        assert moved > 0.01
        assert (one - other).norm() < 0.05 * moved  # bfloat16 has three digits


@pytest.mark.parametrize("shape", [(12, 5), (5, 12)])
def test_an_orthogonalized_matrix_has_alike_singular_values(shape: tuple[int, int]) -> None:
    import torch

    from tte2_ray.mini.muon import orthogonalized

    torch.manual_seed(1)
    values = torch.linalg.svdvals(orthogonalized(torch.randn(3, *shape)))
    assert values.min() > 0.5
    assert values.max() < 1.3
