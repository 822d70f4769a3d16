"""The versions of files on the web, as their servers tell them: one HEAD a file, bounded in all."""

import threading
import time
from collections import defaultdict
from dataclasses import replace

from tte2_ray.media.bounded import TransientFetchError
from tte2_ray.media.fetch import version_on_web
from tte2_ray.media.limits import MediaLimits

ANSWER_S = 10.0
"""Most time for one attempt: no file is sent."""
SERVER_LOST_S = 120.0
"""Waited, over all threads, for a server that has answered nothing since: it is asked no more."""
LOST_S = 1800.0
"""Waited so for all servers together: none is asked any more."""


class WebVersions:
    """Asks servers; threads may share it. What is silent costs a bounded time and fails nothing.

    Args:
        limits: those under which files are fetched.
    """

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = replace(limits, timeout_s=min(limits.timeout_s, ANSWER_S))
        self._lock = threading.Lock()
        self._lost_s = 0.0
        self._lost_by_server_s: defaultdict[str, float] = defaultdict(float)

    def of(self, url: str) -> str:
        """The version of a file; "" where its server tells none, or does not answer.

        Raises:
            RowError: the server refuses, or the limits do; see `version_on_web`.
        """
        server = url.split("/", 3)[2].lower()
        if self._lost_by_server_s.get(server, 0.0) >= SERVER_LOST_S or self._lost_s >= LOST_S:
            return ""
        began = time.monotonic()
        try:
            version = version_on_web(url, self._limits)
        except TransientFetchError:
            self._lose(server, time.monotonic() - began)
            return ""
        self._lost_by_server_s.pop(server, None)
        return version

    def _lose(self, server: str, seconds: float) -> None:
        with self._lock:
            self._lost_s += seconds
            self._lost_by_server_s[server] += seconds
