"""Engines that start anew with half as much at once, on fakes, and on vLLM whose memory ends."""

import asyncio
import random
import resource
from collections.abc import Callable

import psutil
import pytest

from tte2_ray.engines import EngineConfig, ModelInput, Reasoned, ReasonerConfig, build_reasoner
from tte2_ray.engines.fake import FakeReasoner
from tte2_ray.engines.halving import HalvingReasoner, Room
from tte2_ray.engines.vllm.engine import _death
from tte2_ray.engines.vllm.last_words import tells_of_memory
from tte2_ray.errors import OutOfMemory, PrerequisiteError, RowError, RuntimeFailure
from tte2_ray.mini.render import draw_scene
from tte2_ray.mini.truth import sample_scene
from tte2_ray.prompts import item_text

ROWS = 200
LEFT = 8 * 1024 * 1024
GIVEN = [ModelInput(text=f"note {n}") for n in range(ROWS)]


def fake(**given: float) -> ReasonerConfig:
    return ReasonerConfig(engine=EngineConfig(kind="fake", fake_delay_s=0.002, **given))  # type: ignore[arg-type]


class Started:
    """Starts fake reasoners, and keeps what each was given."""

    def __init__(self) -> None:
        self.given: list[EngineConfig] = []
        self.open = 0

    def __call__(self, config: ReasonerConfig) -> FakeReasoner:
        self.given.append(config.engine)
        self.open += 1
        reasoner = FakeReasoner(config)
        reasoner.close = self._close  # type: ignore[method-assign]
        return reasoner

    def _close(self) -> None:
        self.open -= 1

    @property
    def sizes(self) -> list[int]:
        return [engine.max_in_flight for engine in self.given]


def all_of(reasoner: HalvingReasoner) -> list[str]:
    async def ask() -> list[Reasoned]:
        return await asyncio.gather(*(reasoner.reason(given) for given in GIVEN))

    return [said.text for said in asyncio.run(ask())]


def test_it_goes_on_with_half_until_its_memory_holds_that(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start, room = Started(), Room("reasoner")
    config = fake(max_in_flight=32, fake_memory_requests=5)
    reasoner = HalvingReasoner(start, config, room)
    assert all_of(reasoner) == all_of(HalvingReasoner(Started(), fake(), Room("reasoner")))
    assert start.sizes == [32, 16, 8, 4]
    assert (room.halvings, start.open) == (3, 1), "each that died was closed"
    assert "reasoner starts again with max_in_flight=4 instead of 8" in capsys.readouterr().err
    reasoner.close()
    assert start.open == 0


def test_what_was_found_before_is_where_it_starts() -> None:
    start = Started()
    all_of(HalvingReasoner(start, fake(max_in_flight=32, fake_memory_requests=5), Room("r", 3)))
    assert start.sizes == [4]


def test_whoever_holds_less_then_is_told() -> None:
    told: list[int] = []
    room = Room("reasoner")
    room.then(lambda: told.append(room.halvings))
    all_of(HalvingReasoner(Started(), fake(max_in_flight=8, fake_memory_requests=2), room))
    assert told == [1, 2]


class Failing:
    """A double: an engine that lives on, while a request that it was handed first fails."""

    def __init__(self, config: ReasonerConfig, error: Callable[[], Exception]) -> None:
        self._most, self._error, self._first = config.engine.max_in_flight, error, True
        self.answered = 0
        self.closed_over: int | None = None

    async def reason(self, given: ModelInput, **_: int) -> Reasoned:
        first, self._first = self._first, False
        await asyncio.sleep(0.01 if first else 0.05)
        if first and self._most > 1:
            raise self._error()
        assert self.closed_over is None, "closed over a request"
        self.answered += 1
        return Reasoned(text=given.text, truncated=False, prompt_tokens=1, visual_tokens=0,
                        output_tokens=1)  # fmt: skip

    def close(self) -> None:
        self.closed_over = self.answered


def test_what_a_survivor_was_asked_it_answers_before_it_is_closed() -> None:
    made: list[Failing] = []

    def build(config: ReasonerConfig) -> Failing:
        made.append(Failing(config, lambda: OutOfMemory("beside the engine")))
        return made[-1]

    assert all_of(HalvingReasoner(build, fake(max_in_flight=2), Room("reasoner"))) == [
        given.text for given in GIVEN
    ]
    survivor, successor = made
    assert (survivor.closed_over, successor.answered) == (ROWS - 1, 1), "one was asked again"


def test_another_error_is_no_reason_to_start_again() -> None:
    start = Started()
    reasoner = HalvingReasoner(start, fake(fake_dies_after=3), Room("reasoner"))
    with pytest.raises(RuntimeFailure, match="died after 3"):
        all_of(reasoner)
    with pytest.raises(RowError, match="longer than the context"):
        all_of(HalvingReasoner(start, fake(max_model_len=2), Room("reasoner")))
    assert len(start.given) == 2


class Never(Started):
    """A double: the engine starts once, and never again."""

    def __call__(self, config: ReasonerConfig) -> FakeReasoner:
        if self.given:
            raise PrerequisiteError("the engine does not start")
        return super().__call__(config)


def test_one_that_does_not_start_again_ends_in_a_failure() -> None:
    reasoner = HalvingReasoner(Never(), fake(max_in_flight=32, fake_memory_requests=5), Room("r"))
    with pytest.raises(RuntimeFailure, match=r"after the fake engine died.*: the engine does"):
        all_of(reasoner)


class Small(FakeReasoner):
    """A double: an engine in which a single request has no room."""

    async def reason(self, given: ModelInput, **_: int) -> Reasoned:
        raise OutOfMemory(f"out of memory over {given.text}")


def test_where_one_request_is_too_much_it_ends() -> None:
    room = Room("reasoner")
    reasoner = HalvingReasoner(Small, fake(max_in_flight=100), room)
    with pytest.raises(OutOfMemory, match=r"a single request at once .* reasoner\.engine\.max_mod"):
        asyncio.run(reasoner.reason(GIVEN[0]))
    assert room.halvings == 6


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("", OutOfMemory),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", OutOfMemory),
        ("RuntimeError: CUDA error: an illegal memory access was encountered", RuntimeFailure),
    ],
)
def test_of_what_an_engine_of_vllm_died(cause: str, kind: type[RuntimeFailure]) -> None:
    died = _death(cause)
    assert type(died) is kind
    assert (cause or "without a word") in str(died)


def leave_little_memory(process: psutil.Process) -> None:
    """Address space for a few of the pictures below, and not for all."""
    most = process.memory_info().vms + LEFT
    resource.prlimit(process.pid, resource.RLIMIT_AS, (most, most))


@pytest.mark.timeout(300)
def test_an_engine_of_vllm_that_runs_out_of_memory(capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random("memory")
    pictures = [draw_scene(sample_scene(rng, "dev"), rng, 512) for _ in range(64)]
    given = [ModelInput(text=item_text(""), images=[picture]) for picture in pictures]
    room = Room("reasoner")
    reasoner = HalvingReasoner(build_reasoner, ReasonerConfig(), room)
    children = psutil.Process().children(recursive=True)
    engine = max(children, key=lambda child: child.memory_info().rss)

    async def ask() -> list[Reasoned]:
        first = await reasoner.reason(given[0])
        leave_little_memory(engine)
        said = await asyncio.gather(*(reasoner.reason(one) for one in given))
        assert said[0].text == first.text
        return said

    try:
        said = asyncio.run(ask())
    finally:
        reasoner.close()
    assert all(one.text and not one.truncated for one in said)
    assert not engine.is_running()
    assert room.halvings == 1
    words = capsys.readouterr().err
    print(words)
    assert "the reasoner starts again with max_in_flight=64 instead of 128" in words
    assert tells_of_memory(words), "why it died is told"
