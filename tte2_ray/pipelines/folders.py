"""The folders of a job, once for all who use them: `~` is the home of who started it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from os.path import abspath
from tempfile import TemporaryDirectory
from typing import TypeVar

from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.config.paths import with_home
from tte2_ray.pipelines.config import JobConfig

C = TypeVar("C", bound=JobConfig)


def with_home_folders(config: C) -> C:
    """The configuration with `~` written out where a folder is read or written.

    The roots of media are made absolute, too: workers start elsewhere. Store, corpus and models
    are made absolute where they are opened.

    Raises:
        ConfigError: no such home is known.
    """
    media, milvus = config.media, config.milvus
    roots = tuple(abspath(with_home(root)) for root in media.allowed_file_roots)
    return replace(
        config,
        store=with_home(config.store),
        report_dir=with_home(config.report_dir),
        media=replace(media, allowed_file_roots=roots),
        milvus=replace(milvus, data_dir=with_home(milvus.data_dir)),
    )


@contextmanager
def plans_of(store: Store, *, dry: bool) -> Iterator[Store]:
    """Where plans are frozen: of a dry run, in a folder that goes with it."""
    if not dry:
        yield store
        return
    with TemporaryDirectory(prefix="tte2-plan-") as folder:
        yield open_store(folder)
