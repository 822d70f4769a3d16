"""What vLLM is given, without vLLM: prompts by the model's template, arguments of an adapter."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from tte2_ray.config import fingerprint
from tte2_ray.engines import EngineConfig, ModelInput, ReasonerConfig, resolve_model
from tte2_ray.engines.config import KEEP_ANSWERS, SET_BY
from tte2_ray.engines.vllm_input import chat_prompt, engine_arguments, lora_rank
from tte2_ray.engines.vllm_names import argument_names, require_known_arguments
from tte2_ray.errors import ConfigError, ResourceMissingError
from tte2_ray.prompts import place_ecr


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(resolve_model("mini:embedder"))


def prompt(tokenizer, given: ModelInput, suffix: str = "", system: str = "") -> str:
    text: str = chat_prompt(tokenizer, given, suffix, system)["prompt"]
    return text


def test_a_system_message_stands_in_front(tokenizer) -> None:
    plain = prompt(tokenizer, ModelInput(text="a title"))
    with_system = prompt(tokenizer, ModelInput(text="a title"), system="Represent it.")
    assert with_system == f"<|im_start|>system\nRepresent it.<|im_end|>\n{plain}"


@pytest.mark.parametrize(
    ("turn", "ending"),
    [
        ("user", "a title\na star. a flag<|im_end|>\n<|im_start|>assistant\n"),
        ("assistant", "a title<|im_end|>\n<|im_start|>assistant\n"
                      "<think>a star</think>a flag<|im_end|>"),
    ],
)  # fmt: skip
def test_an_ecr_stands_where_the_embedder_was_taught_to_read_it(tokenizer, turn, ending) -> None:
    text, suffix = place_ecr("a title", "<think>a star</think>a flag", turn)
    assert prompt(tokenizer, ModelInput(text=text), suffix).endswith(ending)


@pytest.mark.parametrize(("ranks", "room"), [((4, {}), 8), ((16, {}), 16), ((16, {"q": 24}), 32)])
def test_room_is_made_for_an_adapter(tmp_path: Path, ranks: tuple, room: int) -> None:
    adapter = {"r": ranks[0], "rank_pattern": ranks[1]}
    (tmp_path / "adapter_config.json").write_text(json.dumps(adapter))
    given = engine_arguments(EngineConfig(model="mini:embedder", lora=str(tmp_path)), "pooling")
    assert (given["enable_lora"], given["max_lora_rank"]) == (True, room)


@pytest.mark.parametrize("runner", ["generate", "pooling"])
def test_no_cache_of_processed_media_grows_unless_it_is_asked_for(runner: str) -> None:
    assert engine_arguments(EngineConfig(), runner)["mm_processor_cache_gb"] == 0
    asked = EngineConfig(engine_args={"mm_processor_cache_gb": 4})
    assert engine_arguments(asked, runner)["mm_processor_cache_gb"] == 4


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        ("trust_remote_code", "set trust_remote_code of the engine instead"),
        ("tensor_parallel_size", "set tensor_parallel of the engine instead"),
        ("max_model_len", "set max_model_len"),
        ("revision", "set revision"),
        ("runner", "the stage sets it"),
    ],
)
def test_an_argument_that_a_field_sets_is_refused(argument: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"must not hold {argument}: {hint}"):
        EngineConfig(engine_args={argument: 1})


def test_what_is_not_known_to_be_speed_changes_answers() -> None:
    fast = {"enforce_eager": True, "gpu_memory_utilization": 0.5, "limit_mm_per_prompt": {}}
    assert EngineConfig(engine_args=fast).decisive_args == {}
    for name in ("load_format", "tokenizer_mode", "tokenizer_revision", "of_a_later_vllm"):
        assert EngineConfig(engine_args={name: "x"}).decisive_args == {name: "x"}
    assert EngineConfig(max_model_len=512).decisive_args == {"max_model_len": 512}


def test_every_argument_that_stays_out_of_the_key_is_one_of_vllm() -> None:
    given = pytest.importorskip("vllm.engine.arg_utils").AsyncEngineArgs
    known = {each.name for each in fields(given)}
    assert known >= KEEP_ANSWERS | set(SET_BY), "a name that vLLM drops is a typing error here"


def test_the_names_of_arguments_are_read_without_importing_vllm() -> None:
    given = pytest.importorskip("vllm.engine.arg_utils").AsyncEngineArgs
    assert argument_names() == {each.name for each in fields(given)}


def test_an_argument_that_vllm_has_not_is_named_with_what_was_meant() -> None:
    wrong = EngineConfig(engine_args={"gpu_memory_utilisation": 0.5, "enforce_eager": True})
    with pytest.raises(ConfigError, match=r"reasoner\.engine.*did you mean 'gpu_memory_utiliz"):
        require_known_arguments("reasoner", wrong)
    require_known_arguments("reasoner", EngineConfig(engine_args={"enforce_eager": True}))


def test_a_fingerprint_holds_the_arguments_that_change_answers() -> None:
    plain, fast = EngineConfig(), EngineConfig(engine_args={"gpu_memory_utilization": 0.5})
    assert fingerprint(fast) == fingerprint(plain)
    eight_bits = EngineConfig(engine_args={"quantization": "fp8", "enforce_eager": True})
    assert fingerprint(eight_bits) != fingerprint(plain)
    assert fingerprint(ReasonerConfig(engine=eight_bits)) != fingerprint(ReasonerConfig())


def test_no_adapter_no_room() -> None:
    assert "enable_lora" not in engine_arguments(EngineConfig(model="mini:embedder"), "pooling")


def test_a_folder_without_an_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResourceMissingError, match=r"no adapter_config\.json"):
        engine_arguments(EngineConfig(model="mini:embedder", lora=str(tmp_path)), "pooling")
    (tmp_path / "adapter_config.json").write_text('{"r": 1024}')
    with pytest.raises(ResourceMissingError, match="rank 1024, vLLM serves up to 512"):
        engine_arguments(EngineConfig(model="mini:embedder", lora=str(tmp_path)), "pooling")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"r": "8"}', '{"r": 0}', '{"r": 8, "rank_pattern": {"q": "x"}}']
)
def test_a_damaged_adapter_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(ResourceMissingError, match=r"adapter_config\.json is damaged"):
        engine_arguments(EngineConfig(model="mini:embedder", lora=str(tmp_path)), "pooling")


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt"])
def test_a_pickled_adapter_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "adapter_config.json").write_text('{"r": 8}')
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ResourceMissingError, match=f"holds {name}, which is a pickle"):
        lora_rank(str(tmp_path))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"x")
    assert lora_rank(str(tmp_path)) == 8


@pytest.mark.parametrize("load_format", ["auto", "hf", "pt", "NPCACHE"])
def test_a_format_of_weights_that_may_be_a_pickle_is_refused(load_format: str) -> None:
    wrong = EngineConfig(engine_args={"load_format": load_format})
    with pytest.raises(ConfigError, match=r"judge\.engine\.engine_args\.load_format=.*pickled"):
        require_known_arguments("judge", wrong)
    require_known_arguments("judge", EngineConfig(engine_args={"load_format": "dummy"}))


def test_vllm_reads_no_pickle_where_there_are_no_other_weights(tmp_path: Path) -> None:
    """Our own check is before it: it wants safetensors to be there, and whole."""
    loading = pytest.importorskip("vllm.model_executor.model_loader.default_loader")
    from vllm.config.load import LoadConfig

    (tmp_path / "pytorch_model.bin").write_bytes(b"x")

    def files_of(load_format: str) -> list[str]:
        loader = loading.DefaultModelLoader(LoadConfig(load_format=load_format))
        _, files, _ = loader._prepare_weights(str(tmp_path), None, None, True, None)
        return [Path(file).name for file in files]

    assert files_of("auto") == ["pytorch_model.bin"], "else this shows nothing"
    with pytest.raises(RuntimeError, match="Cannot find any model weights"):
        files_of(engine_arguments(EngineConfig(), "generate")["load_format"])
