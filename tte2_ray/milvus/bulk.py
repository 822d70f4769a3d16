"""Rows in by a file that the server imports: each of them once, whatever breaks off when.

    journal ─▶ ask ─▶ number ─▶ completed ─▶ index ─▶ shown ─▶ counted ─▶ journal
       └── a later run: delete the file, wait for what the server lists, count: kept or removed

The file is the fence: an import that is heard of after its file was deleted fails, so that nothing
comes in behind the back of a later run.
"""

import uuid
from collections.abc import Collection, Iterable

from tte2_ray.artifacts.store import open_store
from tte2_ray.errors import PrerequisiteError, RuntimeFailure
from tte2_ray.milvus.abilities import abilities
from tte2_ray.milvus.client import as_typed, connect, request_errors
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.imports import Imports, ImportTask
from tte2_ray.milvus.journal import Batch, End, Journal
from tte2_ray.milvus.patience import followed
from tte2_ray.milvus.row_file import RowFile
from tte2_ray.milvus.shard_rows import ShardRows


class ImportBroke(RuntimeFailure):
    """An import did not bring its rows in once; `settle` finds out what it left."""


class Bulk:
    """Imports into one collection.

    Args:
        config: of a server that imports files.
        collection: that exists, with its index.
        journal: of the version.
    """

    def __init__(self, config: MilvusConfig, collection: str, journal: Journal) -> None:
        client = connect(config)
        self.rows = ShardRows(client, config, collection)
        self._config, self._collection, self._journal = config, collection, journal
        self._imports = Imports(client, config, collection)

    def bring_in(self, rows: RowFile, shards: Iterable[str]) -> None:
        """Imports a file; when this returns, its rows are all there, and the file is gone.

        Args:
            rows: closed, of shards of which the collection holds no row.
            shards: whose they are.

        Raises:
            ImportBroke: they are not, or not once; `settle` before another try.
            RuntimeFailure: the import hangs, or the server went away.
        """
        batch = self._begin(rows, tuple(shards))
        try:
            task = self._imports.ask(batch.path, key=batch.name)
        except request_errors() as error:
            doing = f"import {batch.path} into {self._collection}"
            raise ImportBroke(str(as_typed(error, doing))) from error
        self._journal.asked(batch, task)
        self._wait(batch, task)
        self.rows.show()
        if (found := self.rows.wait_for(batch.shards, batch.rows)) != batch.rows:
            raise ImportBroke(
                f"{self._collection} shows {found} rows of {batch.path}, which holds {batch.rows}"
            )
        open_store(batch.place).delete(batch.file)
        self._journal.end(batch, "completed")

    def settle(self, shards: Collection[str]) -> set[str]:
        """Ends what was begun with these shards: afterwards no row of theirs comes in unasked.

        Args:
            shards: their names; nobody else works on them.

        Returns:
            Those whose rows, where there are some, must not be kept: of an import that failed.

        Raises:
            RuntimeFailure: an import hangs, or the server went away.
        """
        doubtful: set[str] = set()
        begun = False
        for batch, end in self._journal.batches_of(shards):
            begun = True
            if end is None:
                end = self._end_of(batch)
                self._journal.end(batch, end)
            if end == "failed":
                doubtful |= set(batch.shards)
        if begun:
            self.rows.show()
        return doubtful & set(shards)

    def _begin(self, rows: RowFile, shards: tuple[str, ...]) -> Batch:
        place, name = open_store(self._config.bulk_uri), uuid.uuid4().hex
        key = f"{self._collection}/{name}.parquet"
        place.put_file(key, rows.file)
        path = "/".join(filter(None, (place_of(self._config), key)))
        batch = Batch(
            name=name, shards=shards, rows=rows.rows, place=place.root, file=key, path=path
        )
        self._journal.begin(batch)
        return batch

    def _wait(self, batch: Batch, number: int) -> None:
        """Until an import is completed."""
        task = followed(
            f"import {batch.path} into {self._collection}",
            self._config,
            lambda: self._imports.task(number),
            lambda task: task.state != "running",
            lambda task: task.said,
        )
        if task.state == "failed":
            raise ImportBroke(
                f"Milvus did not import {batch.path}: {task.reason}. It must find under this name "
                f"what lies at {open_store(batch.place).uri(batch.file)}; milvus.bulk_path says "
                "what it calls that place."
            )

    def _end_of(self, batch: Batch) -> End:
        """How a batch ended that was begun before; waits for that."""
        open_store(batch.place).delete(batch.file)
        number = self._journal.task_of(batch)

        def is_its(task: ImportTask) -> bool:
            return task.number == number or task.file == batch.path

        def may_come_in(task: ImportTask) -> bool:
            return task.state == "running" and (is_its(task) or not task.file)

        tasks = followed(
            f"wait for the import of {batch.path}",
            self._config,
            self._imports.tasks,
            lambda tasks: not any(map(may_come_in, tasks)),
            lambda tasks: ", ".join(task.said for task in tasks),
        )
        states = {task.state for task in tasks if is_its(task)}
        if "failed" in states:
            return "failed"
        return "completed" if states else "unheard"


def require_importing(config: MilvusConfig, *, write: bool) -> None:
    """Sees that files can be put where they are imported from, and by whom, where that is wanted.

    Args:
        config: with the uri of a server that answers.
        write: False only reads from the place of the files.

    Raises:
        ConfigError, PrerequisiteError, ResourceMissingError: of that place.
        PrerequisiteError: `load` is bulk, and the server imports no files.
    """
    if config.load == "upsert" or not config.bulk_uri:
        return
    open_store(config.bulk_uri).check(write=write)
    client = connect(config)
    found = abilities(client, config)
    client.close()
    if config.load == "bulk" and not found.imports_files:
        raise PrerequisiteError(
            f"milvus.load=bulk: Milvus at {config.uri} ({found.version}) imports no Parquet files, "
            "as servers of 2.3.4 and later do; set milvus.load=auto or upsert."
        )


def place_of(config: MilvusConfig) -> str:
    """What the server calls the place of the files.

    >>> place_of(MilvusConfig(bulk_uri="s3://milvus/imports/a"))
    'imports/a'
    >>> place_of(MilvusConfig(bulk_uri="s3://milvus"))
    ''
    """
    if config.bulk_path:
        return config.bulk_path.rstrip("/")
    if config.bulk_uri.startswith("s3://"):
        return config.bulk_uri.removeprefix("s3://").partition("/")[2].strip("/")
    return open_store(config.bulk_uri).root
