"""What a run costs: the time of its replicas, at prices that the operator states."""

from dataclasses import dataclass

from tte2_ray.config import require_at_least, speed
from tte2_ray.engines import EngineConfig


@dataclass(frozen=True, kw_only=True)
class PriceConfig:
    """What replicas cost."""

    usd_per_gpu_hour: float = speed(3.0)
    """Price of one GPU for an hour, US dollars. The default is a round figure for renting a
    current data-centre GPU; write what yours costs."""
    usd_per_cpu_hour: float = speed(0.05)
    """Price of one CPU for an hour, US dollars, for replicas without a GPU; a round figure, too."""

    def __post_init__(self) -> None:
        require_at_least(0, self, ("usd_per_gpu_hour", "usd_per_cpu_hour"), "estimate.")


def usd_per_hour(engine: EngineConfig | None, prices: PriceConfig) -> float:
    """The price of one replica: of its GPUs, or of its CPUs where it has none.

    Args:
        engine: None for a phase without one, which holds a CPU.
        prices: of a GPU and of a CPU.
    """
    if engine is None:
        return prices.usd_per_cpu_hour
    if engine.num_gpus:
        return engine.num_gpus * prices.usd_per_gpu_hour
    return engine.num_cpus * prices.usd_per_cpu_hour


def dollars(usd: float) -> str:
    """A sum for people."""
    return f"${usd:,.2f}" if usd >= 0.01 or not usd else "under $0.01"
