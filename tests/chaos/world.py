"""A small corpus, an index of it in some state, the same command again, and what must hold then."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.chaos.compare import COMPARED, Contents, general, lost_objects, unaccounted, unlike
from tests.chaos.corpus import ROWS, change_corpus, mend_corpus, write_corpus
from tests.chaos.victim import PACE_S, Call, Fault, exit_code, start
from tte2_ray.artifacts.garbage import garbage
from tte2_ray.artifacts.manifest import list_manifests
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.errors import ValidationError
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.garbage import Collector
from tte2_ray.milvus.publish import live_version
from tte2_ray.milvus.searcher import Searcher

SHARD = 8
SCENARIOS = ("first", "incremental", "embedder", "reload", "redrive")
"""In which state the job finds the index: none; one of an older listing; one of another embedder;
one whose collection Milvus lost; one with rejected rows that were mended."""

_OF_THE_RUN = Counter(["indexes/INDEX/v#/run.json"])
"""What a run says of itself: where it was killed before, the next one has nothing to say."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What an undisturbed run leaves, where the name of the index is a placeholder."""

    before: Contents
    """That readers see when the job begins."""
    after: Contents
    rows: dict[str, int]
    keys: Counter[str]
    """Of the store, in general: how many of each kind."""
    points: tuple[str, ...]
    """That it came by, as `point moment`."""


@dataclass
class World:
    """One index in a folder of its own.

    Args:
        folder: everything is written below.
        scenario: one of `SCENARIOS`.
        milvus: a server that answers.
        name: of the index.
        root: of the store; a folder by default.
        more: further overrides of each command.
    """

    folder: Path
    scenario: str
    milvus: MilvusConfig
    name: str
    root: str = ""
    more: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    """Variables of its processes, which have another's from their server."""
    server: object = None
    """Of its own, where it has one."""
    finished: bool = False
    problems: list[str] = field(default_factory=list)
    _started: list[BaseProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.root = self.root or str(self.folder / "store")

    @property
    def store(self) -> Store:
        return open_store(self.root)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def prepare(self) -> None:
        """Brings the index into the state that the scenario begins with."""
        write_corpus(self.folder / "corpus")
        if self.scenario == "first":
            return
        self.require_run(self.call("embedder.engine.fake_dimension=16" if
                                   self.scenario == "embedder" else ""))  # fmt: skip
        if self.scenario == "incremental":
            change_corpus(self.folder / "corpus")
        if self.scenario == "redrive":
            mend_corpus(self.folder / "corpus")
        if self.scenario == "reload":
            client = connect(self.milvus)
            collection = client.describe_alias(self.name)["collection_name"]
            client.drop_alias(self.name)
            client.drop_collection(collection)

    def command(self) -> Call:
        """The command under test."""
        return self.call_with()

    def call_with(self, *more: str) -> Call:
        """The command under test with further overrides."""
        own = {"incremental": "mode=incremental"}.get(self.scenario, "")
        return self.call(own, *more, redrive=self.scenario == "redrive")

    def command_in(self, environment: dict[str, str]) -> Call:
        """The command under test with variables of its own."""
        return replace(self.command(), environment=self.environment | environment)

    def call(self, *more: str, redrive: bool = False) -> Call:
        """A run of the job over the corpus."""
        overrides = [
            f"index={self.name}", f"store={self.root}",
            f"corpus.path={self.folder / 'corpus' / 'manifest.jsonl'}",
            f"corpus.rows_per_shard={SHARD}", f"milvus.uri={self.milvus.uri}",
            f"report_dir={self.folder / 'report'}", "reasoner.engine.kind=fake",
            "embedder.engine.kind=fake", "failure_budget=0.2", "lease.expiry_s=2",
            "milvus.patience_s=20", "report_samples=2",
            "media.isolate=false",  # decoders have faults of their own, in tests/media
        ]  # fmt: skip
        overrides += [*self.more, *(each for each in more if each)]
        return Call(overrides=overrides, log=str(self.log), redrive=redrive,
                    environment=self.environment)  # fmt: skip

    def start(self, call: Call, fault: Fault | None = None) -> BaseProcess:
        """A process that runs the job; it is ended with the world, if not before."""
        self._started.append(start(call, fault))
        return self._started[-1]

    def require_run(self, call: Call, fault: Fault | None = None) -> None:
        """Runs to the end, which is to be a good one.

        Raises:
            AssertionError: it is not; with what it said.
        """
        code = exit_code(self.start(call, fault))
        assert code == 0, f"exit code {code}: {self.log.read_text()[-2000:]}"

    def contents(self) -> Contents:
        """What readers see: by item id its fields; nothing without an alias."""
        client, searcher = connect(self.milvus), Searcher(self.milvus)
        if not live_version(client, self.milvus, self.name):
            return {}
        client.load_collection(self.name)  # an embedded server that was killed has it on disk only
        ids = searcher.page(self.name, offset=0, limit=10 * ROWS)
        assert len(ids) == searcher.count(self.name) == len(set(ids)), "rows are doubled"
        return searcher.fetch(self.name, ids, output_fields=COMPARED)

    def keys(self) -> Counter[str]:
        """How many objects of each kind lie in the store; leases are not counted."""
        found = (key for key, _ in (*self.store.list(), *self.store.leftovers()))
        return Counter(general(key, self.name) for key in found if not key.startswith("leases/"))

    def refer(self) -> Reference:
        """Runs undisturbed, and tells what that leaves."""
        self.prepare()
        before, trace = self.contents(), self.folder / "trace"
        self.require_run(self.command(), Fault(trace=str(trace), pace_s=PACE_S))
        results = json.loads((self.folder / "report" / "results.json").read_text())
        points = tuple(trace.read_text().splitlines())
        return Reference(before=before, after=self.contents(), rows=results["rows"],
                         keys=self.keys(), points=points)  # fmt: skip

    def half_visible(self, reference: Reference) -> list[str]:
        """What is wrong with what readers see right after a fault."""
        problems = self._unverified()
        if self.contents() not in (reference.before, reference.after):
            problems.append("readers see neither the state before nor the one after")
        return problems

    def _unverified(self) -> list[str]:
        version = live_version(connect(self.milvus), self.milvus, self.name)
        verified = {
            m.version for m in list_manifests(self.store, self.name) if m.status == "verified"
        }
        if version and version not in verified:
            return [f"the alias points to {version}, which was not verified"]
        return []

    def finish(self, reference: Reference) -> list[str]:
        """The same command again, to its end, once; what is wrong then."""
        if self.finished:
            return self.problems
        self.require_run(self.command())
        self.finished, self.problems = True, self.differences(reference)
        return self.problems

    def differences(self, reference: Reference) -> list[str]:
        """What is wrong at the end, beside an undisturbed run."""
        results = json.loads((self.folder / "report" / "results.json").read_text())
        problems = unlike(self.contents(), reference.after) + self._unverified()
        problems += unaccounted(results, reference.rows)
        if missing := reference.keys - self.keys() - _OF_THE_RUN:
            problems.append(f"missing in the store: {dict(missing)}")
        live = live_version(connect(self.milvus), self.milvus, self.name)
        for manifest in list_manifests(self.store, self.name):
            problems += lost_objects(self.store, manifest) if manifest.version == live else []
        return problems + self._orphans(reference)

    def _orphans(self, reference: Reference) -> list[str]:
        """Left-overs that `gc --dry-run` does not list."""
        store, client = self.store, connect(self.milvus)
        keys = [each.key for each in garbage(store, self.name)]
        listed = Counter(general(key, self.name) for key in keys if not key.startswith("leases/"))
        problems = []
        if missed := self.keys() - reference.keys - listed:
            problems.append(f"orphans that gc does not list: {dict(missed)}")
        if needed := listed - (self.keys() - reference.keys):
            problems.append(f"gc lists what is needed: {dict(needed)}")
        manifests = {m.collection for m in list_manifests(store, self.name)}
        own = {c for c in client.list_collections() if c.startswith(f"{self.name}__")}
        try:
            told = set(Collector(client, self.milvus, store, self.name).collections())
        except ValidationError as error:  # readers see what no manifest vouches for
            return [*problems, str(error)]
        if unlisted := own - manifests - told:
            problems.append(f"collections that gc does not list: {sorted(unlisted)}")
        if told & manifests:
            problems.append(f"gc lists collections that are needed: {sorted(told & manifests)}")
        return problems

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Ends what it started when the context does, paused processes too."""
        try:
            yield
        finally:
            for process in self._started:
                process.kill()
                process.join()

    def drop(self) -> None:
        """Drops its collections."""
        client = connect(self.milvus)
        client.drop_alias(self.name)
        for collection in client.list_collections():
            if collection.startswith(f"{self.name}__"):
                client.drop_collection(collection)

    def delete(self) -> None:
        """Deletes its folder: after a Milvus that lies in it has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)
