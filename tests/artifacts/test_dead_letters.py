"""Dead letters: written once, and read back as what they were."""

import json

from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.artifacts.dead_letters import (
    DeadLetter,
    read_dead_letters,
    write_dead_letters,
)
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.store import Store
from tte2_ray.schema import Item


def test_dead_letters_are_written_once_and_read_back(store: Store) -> None:
    item = Item(item_id="a", image_uris=("file:///x y.png",), metadata={"k": [1]})
    letter = DeadLetter(
        item_id="a",
        shard="s",
        stage="decode",
        error_class="not_found",
        message="gone",
        row=json.dumps(item.to_row()),
    )
    key = write_dead_letters(store, "c/dead-letter", [letter])
    assert write_dead_letters(store, "c/dead-letter", [letter]) == key
    store.put("r.jsonl", b"junk\n")
    (rejected,) = read_corpus(f"{store.root}/r.jsonl")
    plan = freeze_plan(store, "c", [rejected], 4)
    keys = [key for key, _ in store.list("c/dead-letter")]
    assert sorted(keys) == sorted([key, *plan.dead_letters])
    first, second = read_dead_letters(store, [key, *plan.dead_letters])
    assert first == letter
    assert Item.from_row(json.loads(first.row)) == item
    assert (second.stage, second.error_class) == ("read", "malformed_row")
