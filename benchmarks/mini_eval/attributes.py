"""What a reasoner gets right and wrong, attribute by attribute, through vLLM on a small world.

python -m benchmarks.mini_eval.attributes --reasoner tte2_ray/mini/weights/reasoner --queries 12

For whoever trains the reasoner: the same measure as `make mini-eval`, with its confusions.
"""

import argparse
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.mini_eval.accuracy import accuracy, all_marks, confusions, word_for_word
from benchmarks.mini_eval.marks import Mark
from benchmarks.mini_eval.models import job_config, reason
from benchmarks.mini_eval.occlusion import hidden_by_item
from benchmarks.mini_eval.slots import MEDIA
from benchmarks.mini_eval.world import Eval, read_world
from tte2_ray.mini.world import generate


def _table(title: str, found: Iterable[tuple[str, Mark]]) -> None:
    groups: defaultdict[str, list[Mark]] = defaultdict(list)
    for name, mark in found:
        groups[name].append(mark)
    print(f"\n{title}\n{'':26}   right     n   95 % interval     missing  invented")
    for name, group in groups.items():
        e = accuracy(group)
        missing = sum(not m.said for m in group if m.truth) / len(group)
        invented = sum(not m.truth for m in group) / len(group)
        bounds = f"{e.low:.4f} to {e.high:.4f}"
        print(f"{name:26}  {e.value:.4f} {e.n:5}   {bounds}    {missing:.4f}    {invented:.4f}")


def _occlusion(found: Sequence[Mark], hidden: dict[str, list[float]]) -> None:
    bins = ((0.0, "not hidden"), (0.1, "under 10 %"), (0.25, "10-25 %"), (1.0, "25 % and more"))
    seen: Counter[tuple[str, str]] = Counter()
    binned: list[tuple[str, Mark]] = []
    for mark in found:
        if mark.item_id not in hidden or not mark.truth or mark.attribute == "number":
            continue
        share = hidden[mark.item_id][seen[mark.item_id, mark.attribute]]
        seen[mark.item_id, mark.attribute] += 1
        binned.append((next(name for edge, name in bins if share <= edge), mark))
    for attribute in ("color", "texture", "shape", "region"):
        own = sorted((pair for pair in binned if pair[1].attribute == attribute),
                     key=lambda pair: [name for _, name in bins].index(pair[0]))  # fmt: skip
        _table(f"pictures: {attribute} by hidden share of the thing", own)


def _report(eval_: Eval, ecrs: dict[str, str], hidden: dict[str, list[float]]) -> None:
    found = all_marks(eval_, ecrs)
    salient = [m for m in found if m.salient]
    _table("salient attributes of items with media", (("all", m) for m in salient))
    _table("by kind", ((m.kind, m) for m in salient))
    _table("fine, and short texts (not part of the above)",
           ((f"{m.kind} {m.attribute}", m) for m in found if not m.salient))  # fmt: skip
    for kind in MEDIA:
        own = [m for m in salient if m.kind == kind]
        _table(f"{kind}: by attribute", ((m.attribute, m) for m in own))
        _table(f"{kind}: held-out against seen combinations",
               (("held out" if m.held_out else "seen", m) for m in own
                if m.held_out is not None))  # fmt: skip
        worst = confusions(own).most_common(24 if kind == "picture" else 10)
        print(f"{kind}: most frequent confusions, truth -> said:")
        print("\n".join(f"  {count:4} {name}: {t} -> {s}" for (name, t, s), count in worst))
    _occlusion([m for m in salient if m.kind == "picture"], hidden)
    print("\nECRs that are the true ones word for word")
    for what, (share, n) in word_for_word(eval_, ecrs, found).items():
        print(f"  {what:32} {share:.3f}  n {n}")


def main() -> None:
    """Generates, reasons, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reasoner", default="mini:reasoner", help="folder, or mini:reasoner")
    parser.add_argument("--queries", type=int, default=12, help="of each of the nine tasks")
    parser.add_argument("--seed", type=int, default=501, help="of the world")
    parser.add_argument("--split", choices=("dev", "test"), default="dev",
                        help="dev to choose weights by; test has unseen combinations")  # fmt: skip
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), told.seed, told.split, told.queries)
        eval_ = read_world(Path(folder))
        turns = [*eval_.items, *(query.turn for query in eval_.queries)]
        began = time.monotonic()
        ecrs = reason(turns, job_config(reasoner=told.reasoner), lambda line: None)
        spent = time.monotonic() - began
    print(f"{told.reasoner}, world {told.seed}/{told.split}: {len(eval_.items)} items, "
          f"{len(eval_.queries)} queries, {spent:.0f} s with engine start")  # fmt: skip
    _report(eval_, ecrs, hidden_by_item(told.seed, told.split, told.queries))


if __name__ == "__main__":
    main()
