"""A reader of Parquet that does what the file says: in place of a pyarrow with holes, of which we
know none. All else is as in the real child.
"""

import os
import socket
import sys
import time
from collections.abc import Callable

from tte2_ray.artifacts.corpus.parquet_child import ask
from tte2_ray.media.isolated.child import prepare
from tte2_ray.media.isolated.wire import FOR_EVER, receive, send


def _say(body: bytes) -> Callable[[socket.socket], None]:
    return lambda parent: send(parent, {"rows": True}, body, FOR_EVER)


def _read(*wanted: object) -> Callable[[socket.socket], None]:
    return lambda parent: send(parent, {"read": wanted}, b"", FOR_EVER)


DEEDS: dict[str, Callable[[socket.socket], None]] = {
    "abort": lambda _: os.abort(),
    "exit": lambda _: os._exit(3),
    "block": lambda _: time.sleep(600),
    "no json": _say(b"[{"),
    "no list": _say(b'{"item_id": "a"}'),
    "no rows": _say(b"[]"),
    "deep": _say(b"[" * 100_000),
    "unknown mark": _say(rb'[{"\u0000": ["os.system", "true"]}]'),
    "unknown class": _say(rb'[{"\u0000": ["row", "x", "y", {}]}]'),
    "no base64": _say(rb'[{"\u0000": ["bytes", "\u00e9"]}]'),
    "long": lambda parent: send(parent, {"rows": True}, bytes(17 << 20), FOR_EVER),
    "body": lambda parent: send(parent, {}, b"x", FOR_EVER),
    "read before": _read(-1, 5),
    "read much": _read(0, 1 << 40),
    "read words": _read("0", "5"),
    "read one": _read(0),
}


def main() -> None:
    prepare(int(sys.argv[1]))
    parent = socket.socket(fileno=0)
    send(parent, {"ready": True}, b"", FOR_EVER)
    while True:
        receive(parent, FOR_EVER, lambda *_: None)
        says = ask(parent, {"read": [0, 100]}).decode()
        if says in DEEDS:
            DEEDS[says](parent)
        else:
            ask(parent, {"rows": True}, b'[{"item_id": "%d", "text": "t"}]' % os.getpid())
            send(parent, {}, b"", FOR_EVER)


if __name__ == "__main__":
    main()
