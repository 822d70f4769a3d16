"""Which requests to S3 are disturbed, and how: rules, drawn by a seed, and what came of them.

Whether a request is hit depends on the seed, the rule, the request and how often it came, never on
which thread was first: the same seed disturbs the same requests.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ANSWERS: Mapping[str, tuple[int, str, str]] = {
    "error_500": (500, "InternalError", "We encountered an internal error. Please try again."),
    "error_500_after": (500, "InternalError", "We encountered an internal error."),
    "slow_down": (503, "SlowDown", "Please reduce your request rate."),
    "access_denied": (403, "AccessDenied", "Access Denied"),
    "bad_key_id": (403, "InvalidAccessKeyId", "The access key Id does not exist in our records."),
    "expired_token": (403, "ExpiredToken", "The provided token has expired."),
    "expired_token_400": (400, "ExpiredToken", "The provided token has expired."),
    "request_timeout": (400, "RequestTimeout", "Your socket connection was not written to in time"),
    "not_implemented": (501, "NotImplemented", "A header implies functionality that is not here."),
    "conflict": (409, "ConditionalRequestConflict", "Another conditional request is under way."),
}
"""Kinds that S3 answers by itself: status, code, message. AWS says ExpiredToken with 400."""
CUTS: Mapping[str, str] = {
    "pass": "nothing: an exception, before another rule",
    "overwrite": "a conditional put is served as if it were none",
    "delay": "the request waits for `seconds`, then passes",
    "cut_before": "the connection is cut before the server has the request",
    "cut_after": "the server did it, and the answer is lost",
    "cut_body": "the answer is cut behind `share` of its body",
    "trickle": "the answer comes byte by byte, over `seconds`",
    "half_write": "the server gets `share` of the body, and no more comes",
    "duplicate": "the request arrives twice; the second answer comes back",
    "short_length": "Content-Length says less than the body has",
    "long_length": "Content-Length says more than the body has",
    "hang_after": "the server did it, and no answer comes for `seconds`",
    "black_hole": "no answer comes, for `seconds`, then the connection is cut",
    "outage": "the connection is cut, and others are refused for `seconds`",
}
KINDS = (*CUTS, *ANSWERS)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, as far as rules go by it."""

    operation: str
    """GET, HEAD, PUT, DELETE; LIST is the GET of a bucket."""
    key: str
    """Of the object, without its bucket; the prefix that is listed."""

    @classmethod
    def of(cls, method: str, target: str) -> "Asked":
        """By the request line.

        >>> Asked.of("GET", "/bucket?list-type=2&prefix=a%2Fb")
        Asked(operation='LIST', key='a/b')
        """
        parts = urlsplit(target)
        _, _, key = unquote(parts.path).lstrip("/").partition("/")
        if method == "GET" and not key:
            prefix = parse_qs(parts.query).get("prefix", [""])[0]
            return cls(operation="LIST", key=prefix)
        return cls(operation=method, key=key)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One kind of fault, and the requests that meet it."""

    kind: str
    """One of `KINDS`."""
    operation: str = ""
    """Of `Asked`; "" is any."""
    key: str = "*"
    """Pattern of the key, as of a shell; `*` takes slashes, too."""
    after: int = 0
    """Matching requests that pass first: 2 hits from the third on."""
    times: int = 0
    """Requests that are hit at most; 0 is no bound."""
    probability: float = 1.0
    """Of a matching request."""
    seconds: float = 0.2
    share: float = 0.5
    """Of the body, where only a part passes."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no fault; choose from {', '.join(KINDS)}")


class Rules:
    """The rules in force, safe to use from threads.

    Args:
        seed: of what is drawn.
        rules: the first that hits a request is the one that it meets.
    """

    def __init__(self, seed: int = 0, rules: Iterable[Rule] = ()) -> None:
        self._lock = Lock()
        self.begin(seed, rules)

    def begin(self, seed: int, rules: Iterable[Rule] = ()) -> None:
        """As if it were made anew: nothing has happened yet."""
        with self._lock:
            self._seed = seed
            self._counts: Counter[str] = Counter()
            self._log: list[dict[str, Any]] = []
            self._seen = 0
        self.replace(rules)

    def replace(self, rules: Iterable[Rule]) -> None:
        """Puts others in their place; what happened so far stays told."""
        with self._lock:
            self._rules = tuple(rules)
            self._matched = [0] * len(self._rules)
            self._hits = [0] * len(self._rules)
            self._came: Counter[tuple[int, Asked]] = Counter()

    def choose(self, asked: Asked) -> Rule | None:
        """The fault that a request meets, if it does."""
        with self._lock:
            self._seen += 1
            for number, rule in enumerate(self._rules):
                if self._hit(number, rule, asked):
                    self._counts[rule.kind] += 1
                    self._log.append({"at": time.time(), "kind": rule.kind, **asdict(asked)})
                    return rule
        return None

    def told(self) -> dict[str, Any]:
        """Requests seen, `counts` by kind, and a `log` of those that were hit, in order."""
        with self._lock:
            return {"seen": self._seen, "counts": dict(self._counts), "log": list(self._log)}

    def _hit(self, number: int, rule: Rule, asked: Asked) -> bool:
        if rule.operation not in ("", asked.operation) or not fnmatchcase(asked.key, rule.key):
            return False
        self._matched[number] += 1
        self._came[number, asked] += 1
        if self._matched[number] <= rule.after or 0 < rule.times <= self._hits[number]:
            return False
        name = (self._seed, number, asked.operation, asked.key, self._came[number, asked])
        if random.Random("/".join(map(str, name))).random() >= rule.probability:
            return False
        self._hits[number] += 1
        return True


def to_json(rules: Iterable[Rule]) -> bytes:
    """Rules as the control endpoint takes them."""
    return json.dumps([asdict(rule) for rule in rules]).encode()


def from_json(text: str | bytes) -> list[Rule]:
    """The inverse of `to_json`; what is left out has its default.

    Raises:
        ValueError, TypeError: no list of rules.
    """
    return [Rule(**each) for each in json.loads(text)]
