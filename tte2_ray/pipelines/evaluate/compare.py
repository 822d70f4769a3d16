"""Systems beside each other: paired differences, and warnings where a later stage is worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tte2_ray.metrics import Estimate, difference
from tte2_ray.pipelines.evaluate.measured import Measured

MEAN = "mean over tasks"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A system against another over the same queries."""

    before: str
    after: str
    scope: str
    """A task, or `MEAN`."""
    difference: Estimate
    """After less before, paired."""

    @property
    def is_worse(self) -> bool:
        """Whether the later stage lost, shown by the interval or not."""
        return self.difference.value < 0


def compare(before: Measured, after: Measured) -> Comparison:
    """The difference of the means over tasks."""
    return Comparison(before=before.system, after=after.system, scope=MEAN,
                      difference=difference(after.values, before.values))  # fmt: skip


def compare_tasks(before: Measured, after: Measured) -> list[Comparison]:
    """The difference on each task."""
    return [
        Comparison(before=before.system, after=after.system, scope=task,
                   difference=difference({task: after.values[task]}, {task: values}))
        for task, values in before.values.items()
    ]  # fmt: skip


def stages(
    measured: Mapping[str, Measured], pairs: Sequence[tuple[str, str]]
) -> tuple[list[Comparison], list[Comparison]]:
    """Each stage against the one before it.

    Args:
        measured: by system.
        pairs: names of the system before and of the system after; those that were not run are
            left out.

    Returns:
        The comparisons of the means, and those, over tasks and of single ones, where the later
        stage is worse.
    """
    means, worse = [], []
    for before, after in pairs:
        if before not in measured or after not in measured:
            continue
        mean = compare(measured[before], measured[after])
        means.append(mean)
        tasks = compare_tasks(measured[before], measured[after])
        worse += [one for one in (mean, *tasks) if one.is_worse]
    return means, worse


def changes(sweep: Sequence[Measured]) -> list[Estimate | None]:
    """How quality differs from the best with a smaller budget; None for the first.

    From one budget to the next it could fall little by little, and nothing would show.

    Args:
        sweep: by rising budget.
    """
    found: list[Estimate | None] = [None]
    for place, after in enumerate(sweep[1:], 1):
        best = max(sweep[:place], key=lambda one: one.quality.value)
        found.append(difference(after.values, best.values))
    return found
