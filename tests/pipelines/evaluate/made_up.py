"""A made-up evaluation: five systems on nine tasks. Nothing of it was measured."""

import random
from typing import Any

from tte2_ray.pipelines.evaluate.report import Example
from tte2_ray.pipelines.page.shown import ShownCandidate, ShownQuery
from tte2_ray.schema import Item

SYSTEMS = {
    "direct": ("Direct embedding", "", 1_600_000, 0.52, 24),
    "tte": ("TTE", "direct", 3_200_000, 0.63, 112),
    "tte_ecrr": ("TTE + ECRR", "tte", 4_800_000, 0.72, 840),
    "tte_qar_ecrr": ("TTE + QAR + ECRR", "tte_ecrr", 6_400_000, 0.80, 1480),
    "mm_ranker": ("MM Ranker", "tte", 4_800_000, 0.79, 8930),
}
TASKS = {
    "scene retrieval": ("retrieval", "image"), "composed retrieval": ("retrieval", "image"),
    "scene question": ("qa", "image"), "scene kind": ("classification", "image"),
    "close-up": ("grounding", "image"), "clip retrieval": ("retrieval", "video"),
    "clip moment": ("moment", "video"), "clip question": ("qa", "video"),
    "page search": ("visdoc", "visdoc"),
}  # fmt: skip
SPENT: dict[str, dict[str, tuple[float, ...]]] = {
    "direct": {"query_embedding": (24, 0, 0, 0)},
    "tte": {"query_ecr": (14, 20, 52, 0), "query_embedding": (26, 0, 0, 0)},
    "tte_ecrr": {"query_ecr": (14, 20, 52, 0), "query_embedding": (26, 0, 0, 0),
                 "judge": (728, 0, 0, 310)},
    "tte_qar_ecrr": {"query_ecr": (14, 20, 52, 0), "query_embedding": (26, 0, 0, 0),
                     "rewrite": (260, 216, 170.5, 128), "judge": (721.5, 0, 0, 310)},
    "mm_ranker": {"query_ecr": (14, 20, 52, 0), "query_embedding": (26, 0, 0, 0),
                  "judge": (1618, 7200, 0, 540)},
}  # fmt: skip
TIMES = {"query_ecr": 0.021, "query_embedding": 0.006, "retrieve": 0.004, "rewrite": 0.064,
         "judge": 0.031}  # fmt: skip


def estimate(value: float, half: float = 0.02, n: int = 1080) -> dict[str, Any]:
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def system(name: str) -> dict[str, Any]:
    label, after, parameters, quality, tokens = SYSTEMS[name]
    kinds = ("prompt_text", "prompt_visual", "output", "cached")
    spent = {stage: dict(zip(kinds, n, strict=True)) for stage, n in SPENT[name].items()}
    stages = ["retrieve", *SPENT[name]]
    latency: dict[str, dict[str, float | None]] = {
        s: {"mean": TIMES[s], "p50": TIMES[s] * 0.9, "p95": TIMES[s] * 2.1} for s in stages
    }
    if name == "mm_ranker":
        latency["judge"] = {"mean": 1.31, "p50": None, "p95": None}
    made = {
        "name": name, "label": label, "after": after, "parameters": parameters,
        "quality": estimate(quality), "tokens_per_query": estimate(tokens, 9),
        "reranking_tokens_per_query": estimate(max(0, tokens - 112), 9),
        "spent": spent, "latency_s": latency, "steps": {"full": 1000, "fewer_rewrites": 80},
        "budget": {"kind": "none", "tokens": None}, "run": f"runs/{name}",
    }  # fmt: skip
    return made if name == "direct" else made | {"offline_ecr": {"prompt": 61.0, "output": 84.0}}


def task(name: str) -> dict[str, Any]:
    kind, modality = TASKS[name]
    rng = random.Random(name)
    shift = rng.uniform(-0.15, 0.15)
    values = {s: estimate(SYSTEMS[s][3] + shift + rng.uniform(-0.05, 0.05), 0.06, 120)
              for s in SYSTEMS}  # fmt: skip
    return {"name": name, "type": kind, "modality": modality, "measure": "Success@1",
            "pool": "query" if kind == "qa" else "corpus", "queries": 120,
            "values": values}  # fmt: skip


def budget(place: int, tokens: int) -> dict[str, Any]:
    quality = 0.63 + 0.17 * (place / 8) ** 0.6
    return {"system": "tte_qar_ecrr", "budget": tokens, "kind": "tokens_per_query",
            "quality": estimate(quality), "tokens_per_query": estimate(112 + 0.8 * tokens, 5),
            "reranking_tokens_per_query": estimate(0.8 * tokens, 5),
            "steps": {"fewer_judgements": 1080 - 100 * place, "full": 100 * place},
            "change": estimate(0.012, 0.008) if place else None}  # fmt: skip


def policy(name: str, quality: float, tokens: float) -> dict[str, Any]:
    return {"name": name, "quality": estimate(quality, 0.015),
            "tokens_per_query": estimate(tokens + 112, 5),
            "reranking_tokens_per_query": estimate(tokens, 5),
            "difference": None if name.startswith("fixed") else estimate(0.002, 0.01)}  # fmt: skip


def results(**changes: Any) -> dict[str, Any]:
    """results.json of it."""
    sizes = [(n, m) for n in (5, 10, 20) for m in (0, 3, 10) if m <= n]
    fixed = [policy(f"fixed n={n} m={m}", 0.68 + 0.004 * n + 0.006 * m, 38 * n + 110 * m)
             for n, m in sizes]  # fmt: skip
    kinds = dict.fromkeys(kind for kind, _ in TASKS.values())
    return {
        "exit_code": 0, "message": "", "outcome": "done", "benchmark": "made-up example",
        "split": "test", "folder": "s3://made-up/benchmark", "queries": 1080, "items": 5400,
        "seconds": 812.0, "notes": ["Every number on this page is made up."],
        "models": {"judge": {"name": "made-up/judge-2b", "version": "c0ffee12",
                             "parameters": 2.1e9}},
        "systems": [system(name) for name in SYSTEMS],
        "sweep": [budget(n, tokens) for n, tokens in
                  enumerate((0, 64, 128, 256, 512, 1024, 2048, 4096, 8192))],
        "policies": [*fixed, policy("calibrated", 0.795, 610)],
        "tasks": [task(name) for name in TASKS],
        "groups": [{"name": "image", "tasks": 5, "of": 36,
                    "values": {s: estimate(SYSTEMS[s][3]) for s in SYSTEMS}}],
        "top": [{"type": kind, "queries": 120, "values": {
                    s: {"top1": estimate(SYSTEMS[s][3], 0.05), "top10": estimate(0.93, 0.03)}
                    for s in SYSTEMS}} for kind in kinds],
        "steps": [
            {"before": "direct", "after": "tte", "difference": estimate(0.11), "queries": 1080},
            {"before": "tte", "after": "tte_ecrr", "difference": estimate(0.09), "queries": 1080},
            {"before": "tte_ecrr", "after": "tte_qar_ecrr", "difference": estimate(0.08),
             "queries": 1080},
            {"before": "tte_qar_ecrr", "after": "mm_ranker", "difference": estimate(-0.01),
             "queries": 1080},
        ],
        "warnings": [
            {"task": "clip moment", "before": "tte", "after": "tte_ecrr",
             "difference": estimate(-0.03, 0.04), "clear": False},
            {"task": "page search", "before": "tte_ecrr", "after": "tte_qar_ecrr",
             "difference": estimate(-0.08, 0.03), "clear": True},
        ],
        "files": {"table": "table.csv", "per_query": "per-query.parquet", "figure": "figure.csv"},
    } | changes  # fmt: skip


def candidate(n: int, was: int, now: int, **changes: Any) -> ShownCandidate:
    said: dict[str, Any] = {
        "item": Item(item_id=f"scene-{n}", image_uris=(f"{n}.png",)),
        "ecr": "<think>main red star top left. 2 blue circles below, one striped</think>"
               "picture of a red star above two blue circles",
        "was": was, "now": now, "retriever_score": 0.91 - 0.02 * n, "judge_score": 0.97 - 0.2 * n,
        "mark": "right" if n == 0 else "near" if n == 1 else "wrong",
    }  # fmt: skip
    return ShownCandidate(**(said | changes))


def example(kind: str = "win", **changes: Any) -> Example:
    """Of a win (or a loss), with a candidate that was rewritten, and one that was not judged."""
    rewrite = ("<think>main red star top left. 2 blue circles below, the left one striped</think>"
               "picture of a red star above two blue circles, the left one striped")  # fmt: skip
    ranks = ((3, 1), (1, 2), (2, 3)) if kind == "win" else ((1, 2), (3, 1), (2, 3))
    shown = ShownQuery(
        query=Item(item_id="query-7", text="the star above a striped circle",
                   image_uris=("query.png",)),
        instruction="Find the picture that fits the words and the sketch.",
        ecr="<think>wanted: star, striped circle under it</think>a star over a striped circle",
        step="fewer_rewrites", spent=1210, allowed=2048,
        candidates=(
            *sorted((candidate(n, *pair, rewrite=rewrite if n < 2 else "")
                     for n, pair in enumerate(ranks)), key=lambda one: one.now),
            candidate(3, 4, 12, judge_score=None, item=Item(item_id="note-3", text="a title")),
        ),
    )  # fmt: skip
    said: dict[str, Any] = {
        "kind": kind, "task": "composed retrieval", "before_system": "tte_ecrr",
        "after_system": "tte_qar_ecrr", "value_before": 0.0 if kind == "win" else 1.0,
        "value_after": 1.0 if kind == "win" else 0.0, "shown": shown,
    }  # fmt: skip
    return Example(**(said | changes))
