"""A benchmark in memory: tasks with their queries and grades, and the corpora that they search."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tte2_ray.cascade import Query
from tte2_ray.errors import ConfigError, ValidationError
from tte2_ray.metrics import require_measure

TaskType = Literal["classification", "qa", "retrieval", "grounding", "moment", "visdoc"]
Modality = Literal["image", "video", "visdoc"]
Pool = Literal["query", "corpus"]
Grades = Mapping[str, Mapping[str, int]]
"""By query id and item id; an item that is absent has grade 0."""

FULL_SIZE: Mapping[str, int] = {"image": 36, "video": 18, "visdoc": 24, "all": 78}
"""Tasks of MMEB-V2 by modality, as published tables average them."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Queries of one kind over one corpus, and how they are measured."""

    name: str
    type: TaskType
    modality: Modality
    pool: Pool
    """Whether each query brings its candidates, or all items of the corpus are candidates."""
    measure: str
    """A name of ir_measures."""
    corpus: str
    """Key of `Benchmark.corpora`."""
    queries: tuple[Query, ...]
    qrels: Grades

    def __post_init__(self) -> None:
        require_measure(self.measure)
        if not self.queries:
            raise ValidationError(f"task {self.name} has no queries")
        for query in self.queries:
            self._require_an_answer(query)

    def _require_an_answer(self, query: Query) -> None:
        name = query.given.item_id
        if bool(query.pool) != (self.pool == "query"):
            has = "brings candidates" if query.pool else "brings none"
            raise ValidationError(f"task {self.name}: its pool is of the {self.pool}, but query "
                                  f"{name} {has}")  # fmt: skip
        among = self.qrels.get(name, {})
        right = [item for item, grade in among.items() if grade > 0]
        if query.pool and not set(right) & set(query.pool):
            right = []
        if not right:
            raise ValidationError(f"task {self.name}: no candidate of query {name} has a grade "
                                  "above 0, so no order of them can be right")  # fmt: skip

    @property
    def ids(self) -> list[str]:
        """Of its queries, in order: the order of every array of values."""
        return [query.given.item_id for query in self.queries]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Tasks, and the manifests of the corpora that they search."""

    name: Literal["miniature", "mmeb-v2"]
    split: str
    """As the benchmark calls it; "" where it has none."""
    folder: str
    corpora: Mapping[str, str]
    """Manifest by name of the corpus: what `jobs/index_corpus.py` takes as corpus.path."""
    tasks: tuple[Task, ...]

    def __post_init__(self) -> None:
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names) or not names:
            raise ValidationError(f"{self.folder}: no tasks, or two of one name: {names}")
        queries = [name for task in self.tasks for name in task.ids]
        if len(set(queries)) < len(queries):
            raise ValidationError(f"{self.folder}: two queries of its tasks have one id")
        if lost := {task.corpus for task in self.tasks} - set(self.corpora):
            raise ValidationError(f"{self.folder}: no manifest of corpus {sorted(lost)}")

    def of_corpus(self, corpus: str) -> tuple[Task, ...]:
        """The tasks that search one corpus."""
        return tuple(task for task in self.tasks if task.corpus == corpus)

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Names of tasks by the groups that published tables average: modalities, then all."""
        by_modality: dict[str, tuple[str, ...]] = {
            modality: tuple(task.name for task in self.tasks if task.modality == modality)
            for modality in FULL_SIZE
            if modality != "all"
        }
        found = {modality: names for modality, names in by_modality.items() if names}
        return {**found, "all": tuple(task.name for task in self.tasks)}

    def only(self, names: tuple[str, ...]) -> "Benchmark":
        """The same benchmark with some of its tasks; with all where no name is given.

        Raises:
            ConfigError: it has no task of a name.
        """
        if not names:
            return self
        known = {task.name: task for task in self.tasks}
        if unknown := [name for name in names if name not in known]:
            raise ConfigError(f"{self.folder} has no task {unknown[0]}: it has {', '.join(known)}")
        tasks = tuple(task for task in self.tasks if task.name in names)
        used = {task.corpus for task in tasks}
        corpora = {name: path for name, path in self.corpora.items() if name in used}
        return Benchmark(name=self.name, split=self.split, folder=self.folder, corpora=corpora,
                         tasks=tasks)  # fmt: skip
