"""A generated world as turns that are shown to models, and the truth beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.worlds import read_items, read_qrels, read_queries, read_truth
from tte2_ray.prompts import item_text, query_text
from tte2_ray.schema import Item


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Something that is shown to a model: an item of the corpus, a query, or a look at an item."""

    item: Item
    instruction: str = ""
    """Of a query's task; "" for an item."""
    whole: bool = False
    """The item's text is all that the user says, as in a look with a query in hand."""

    @property
    def name(self) -> str:
        """Id of the item, query or look."""
        return self.item.item_id

    def words(self, text: str, instruction: str) -> str:
        """What the user says.

        Args:
            text: of the item or query, as it was decoded.
            instruction: what the model is asked to do with an item, by the job's configuration;
                a query has its own.
        """
        if self.whole:
            return text
        if self.instruction:
            return query_text(self.instruction, text)
        return item_text(text, instruction)


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query and where it searches."""

    turn: Turn
    task: str
    pool: tuple[str, ...]
    """Item ids that are ranked; empty for the whole corpus."""


@dataclass(frozen=True, kw_only=True)
class Eval:
    """Everything that is measured on."""

    items: tuple[Turn, ...]
    queries: tuple[Query, ...]
    qrels: dict[str, dict[str, int]]
    """Grades by query id and item id."""
    truth: Mapping[str, str]
    """The ECR that a perfect reasoner writes, by item id or query id."""


def read_world(folder: Path) -> Eval:
    """Reads what `tte2_ray.mini.world.generate` wrote."""
    queries = [
        Query(
            turn=Turn(item=asked.query.given, instruction=asked.query.instruction),
            task=asked.task,
            pool=asked.query.pool,
        )
        for asked in read_queries(folder)
    ]
    return Eval(
        items=tuple(Turn(item=item) for item in read_items(folder)),
        queries=tuple(queries),
        qrels=read_qrels(folder),
        truth=read_truth(folder),
    )
