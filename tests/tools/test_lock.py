"""The lock: what it pins, and on which platforms."""

from packaging.requirements import Requirement

from tools.lock import LOCK, wanted

LINES = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]
ARM = {"platform_machine": "aarch64", "sys_platform": "linux"}
HERE = {"platform_machine": "x86_64", "sys_platform": "linux"}


def test_every_line_pins_one_version() -> None:
    pins = [Requirement(line) for line in LINES]
    assert all(str(pin.specifier).startswith("==") for pin in pins)
    assert len({pin.name for pin in pins}) == len(pins)


def test_what_one_platform_has_is_no_obstacle_to_others() -> None:
    """There is a wheel of the real Milvus server for Linux on x86-64 alone."""
    markers = {pin.name: pin.marker for pin in map(Requirement, LINES) if pin.marker is not None}
    assert set(markers) == {each.name for each in wanted() if each.marker is not None}
    assert markers["milvus"].evaluate(HERE)
    assert not markers["milvus"].evaluate(ARM)
