"""Layers that are added change nothing before they learn."""

from pathlib import Path

import torch

from tte2_ray.mini.deeper import deepen
from tte2_ray.mini.reasoner import load_model


def test_a_deeper_model_says_the_same_and_is_loaded_as_deep(blank: Path, tmp_path: Path) -> None:
    model = load_model(blank)
    model.train(False)
    ids = torch.arange(10, 40)[None]
    layers = model.model.language_model.layers
    with torch.inference_mode():
        before = model(input_ids=ids).logits
        deepen(model, len(layers) + 2)
        for layer in layers:
            layer._compiled_call_impl = None  # to compile takes longer than the test
        assert torch.equal(model(input_ids=ids).logits, before)
        model.save_pretrained(tmp_path)
        again = load_model(tmp_path)
        again.train(False)
        assert len(again.model.language_model.layers) == len(layers)
        assert torch.equal(again(input_ids=ids).logits, before)


def test_what_was_added_learns(blank: Path) -> None:
    model = load_model(blank)
    deepen(model, 5)
    added = model.model.language_model.layers[-1]
    added._compiled_call_impl = None
    model(input_ids=torch.arange(10, 40)[None]).logits.square().sum().backward()
    for weight in (added.self_attn.o_proj.weight, added.mlp.down_proj.weight):
        assert weight.grad is not None
        assert weight.grad.abs().max() > 0
