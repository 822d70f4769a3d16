"""The systems that are compared, each a stage more than the one before; and what looks at all.

direct ─▶ TTE ─▶ TTE + ECRR ─▶ TTE + QAR + ECRR      MM Ranker
embed     think,  judge ECRs    rewrite the best      judge every candidate
          embed                 ECRs, judge again     with its pixels
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from tte2_ray.cascade import CascadeConfig
from tte2_ray.errors import ConfigError

Role = Literal["reasoner", "embedder", "direct", "judge", "rewriter"]


@dataclass(frozen=True, kw_only=True)
class System:
    """A named system: which index it searches, and what the cascade does behind it."""

    name: str
    label: str
    """As pages and tables call it."""
    after: str
    """The system that it is a stage more than; "" for none."""
    direct: bool = False
    """It searches the index whose vectors were made without ECRs."""
    judges: bool = False
    rewrites: bool = False
    sees_media: bool = False
    """Its judge looks at every candidate's pixels."""

    @property
    def roles(self) -> tuple[Role, ...]:
        """The models at work online, for a query."""
        if self.direct:
            return ("direct",)
        judge: tuple[Role, ...] = ("judge",) if self.judges else ()
        rewriter: tuple[Role, ...] = ("rewriter",) if self.rewrites else ()
        return ("reasoner", "embedder", *judge, *rewriter)

    def cascade(self, base: CascadeConfig) -> CascadeConfig:
        """What the cascade does in this system.

        Args:
            base: as the job is told: how many are judged and rewritten, or by what policy.
        """
        if not self.judges:
            return replace(base, judge=0, rewrite=0, policy="")
        if self.sees_media:
            return replace(base, mode="media", judge=base.retrieve, rewrite=0, policy="")
        # What is judged is the same in both, so that rewriting alone is what they differ in.
        return base if self.rewrites else replace(base, rewrites=False)


SYSTEMS: Final[Mapping[str, System]] = {
    system.name: system
    for system in (
        System(name="direct", label="direct embedding", after="", direct=True),
        System(name="tte", label="TTE", after="direct"),
        System(name="tte_ecrr", label="TTE + ECRR", after="tte", judges=True),
        System(name="tte_qar_ecrr", label="TTE + QAR + ECRR", after="tte_ecrr", judges=True,
               rewrites=True),
        System(name="mm_ranker", label="MM Ranker", after="", judges=True, sees_media=True),
    )
}  # fmt: skip
"""In the order of their stages."""
FULL: Final = "tte_qar_ecrr"
"""The whole cascade: the system of the sweep over budgets and of the policies."""
STAGES: Final = tuple((system.after, system.name) for system in SYSTEMS.values() if system.after)
"""Each stage with the one before."""
PAIRS: Final = (*STAGES, ("mm_ranker", FULL))
"""What is compared: the stages, and the cascade with what looks at all."""


def named(names: Sequence[str]) -> list[System]:
    """Systems by name, in the order of their stages.

    Raises:
        ConfigError: there is no system of a name, or none is named.
    """
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown or not names:
        told = f"has no {unknown[0]}" if unknown else "is empty"
        raise ConfigError(f"systems {told}: name some of {', '.join(SYSTEMS)}")
    return [system for system in SYSTEMS.values() if system.name in names]


def in_order_of_work(systems: Sequence[System]) -> list[System]:
    """In the order in which they are run: what one asked is kept for those behind it.

    The dear ones come first; a system that rewrites behind the one that only judges, so that each
    tells how long its own stage took.
    """
    return sorted(systems, key=lambda s: (s.sees_media, s.judges, not s.rewrites, not s.direct),
                  reverse=True)  # fmt: skip
