"""Which frames of a video are looked at."""

from collections.abc import Sequence

MIN_FRAMES = 2
"""Of a short clip too, where it has them: its beginning and its end, which is what can move."""


def sample_count(duration_s: float, *, fps: float, max_frames: int, total: int) -> int:
    """How many frames to sample: `fps` a second, at least 2, at most `max_frames` and `total`.

    >>> sample_count(10.0, fps=2.0, max_frames=32, total=240)
    20
    >>> sample_count(0.5, fps=2.0, max_frames=32, total=12)
    2
    """
    return min(max(round(duration_s * fps), MIN_FRAMES), max_frames, total)


def sample_indices(times_s: Sequence[float], count: int) -> list[int]:
    """Frames spread uniformly over time, first and last included, for variable rates too.

    Args:
        times_s: time of each frame, ascending, in seconds.
        count: how many to choose.

    Returns:
        Ascending positions in `times_s`, without repeats, so perhaps fewer than `count`.

    >>> sample_indices([0.0, 1.0, 2.0, 3.0, 4.0], 3)
    [0, 2, 4]
    >>> sample_indices([0.0, 1.0, 2.0], 1)
    [1]
    """
    import numpy as np

    times = np.asarray(times_s, dtype=np.float64)
    first, last = times[0], times[-1]
    wanted = np.linspace(first, last, count) if count > 1 else np.array([(first + last) / 2])
    right = np.searchsorted(times, wanted).clip(0, len(times) - 1)
    left = (right - 1).clip(0)
    nearest = np.where(wanted - times[left] < times[right] - wanted, left, right)
    return [int(i) for i in np.unique(nearest)]
