"""The embedded Milvus for as long as the demo needs it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.server import ensure_server, find_server, stop_server


@contextmanager
def embedded_milvus(config: MilvusConfig) -> Iterator[MilvusConfig]:
    """The configuration with the `uri` of the server on `config.data_dir`.

    One that ran before is used and left running; one that is started here ends with the context.
    The job then finds it by its folder.

    Raises:
        PrerequisiteError: it does not start.
        RuntimeFailure: it does not end.
    """
    was_there = find_server(config.data_dir) is not None
    try:
        # In a thread, so that Ctrl-C does not leave a server that started but was not yet recorded.
        with ThreadPoolExecutor(1) as starter:
            server = starter.submit(ensure_server, config.data_dir).result()
        yield replace(config, uri=server.uri)
    finally:
        if not was_there:
            stop_server(config.data_dir)
