"""Our float32 Muon makes the steps of torch's, which computes them in bfloat16."""

from pathlib import Path

import pytest

from tte2_ray.mini.optim import launch


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


def _stepped(rank: int, folder: Path) -> None:
    import torch

    from tte2_ray.mini.muon import Muon

    torch.manual_seed(2)
    parameters = [torch.nn.Parameter(torch.randn(s)) for s in ((8, 6), (8, 6), (8, 6), (5, 5))]
    optimizer = Muon(parameters, lr=0.1)
    for p in parameters:
        p.grad = torch.randn_like(p)
    optimizer.step()
    torch.save([p.detach() for p in parameters], folder / f"{rank}.pt")


def test_processes_that_share_the_work_make_the_steps_of_one(tmp_path: Path) -> None:
    import torch

    alone, shared = tmp_path / "alone", tmp_path / "shared"
    alone.mkdir()
    shared.mkdir()
    launch(_stepped, 1, alone)
    launch(_stepped, 2, shared)
    one = torch.load(alone / "0.pt", weights_only=True)
    for rank in (0, 1):
        both = torch.load(shared / f"{rank}.pt", weights_only=True)
        for own, other in zip(one, both, strict=True):
            torch.testing.assert_close(own, other)
