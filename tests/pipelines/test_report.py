"""What a person is shown at the end: the closing lines and the page; Ray is left out."""

import base64
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageStat

from tests.pipelines.conftest import ROWS, Configured, contents, run
from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.store import open_store
from tte2_ray.config import Loaded, Options
from tte2_ray.ecr import parse_ecr
from tte2_ray.errors import PartialFailure
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus

PICTURES, TEXTS = ROWS // 2 - 1, ROWS // 2
"""That come through: one picture is cut short."""


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray: in the place of the fixture that starts it."""
    leave_ray_out(monkeypatch)


def cells(said: str, phase: str) -> list[str]:
    """The line of a phase in the closing table, without its time and cost."""
    line = next(line for line in said.splitlines() if line.startswith(f"│ {phase}"))
    return [cell.strip() for cell in line.strip("│").split("│")][1:6]


def test_the_closing_lines_say_what_was_done_and_where_the_rejected_rows_are(
    configured: Configured,
) -> None:
    loaded = configured()
    results, said = run(loaded)
    assert f"index {loaded.config.index} · version {results['version']}" in said
    spent = {phase["name"]: phase for phase in results["phases"]}
    read, written = spent["reason"]["prompt_tokens"], 8 * (ROWS - 1)
    assert read > 0
    assert cells(said, "reason") == ["40", "0", "1", f"{read:,}", str(written)]
    embedded = f"{spent['embed']['prompt_tokens']:,}"
    assert cells(said, "embed") == ["40", "0", "1", embedded, "0"]
    assert cells(said, "load") == ["40", "0", "1", "0", "0"]
    took = r"[\dms]+, (under )?\$0\.\d\d"
    assert re.search(rf"^took   {took} \(planned: {took}\)$", said, re.MULTILINE)
    assert (
        f"rows   41 in = 39 indexed + 0 unchanged + 2 rejected · {results['collection']} is live\n"
        in said
    )
    assert "       1 × corrupt_media\n" in said
    assert "       1 × duplicate_id\n" in said

    folders = re.findall(r"^       dead letters: (file://\S+)$", said, re.MULTILINE)
    stores = [open_store(folder) for folder in folders]
    letters = [x for s in stores for x in read_dead_letters(s, (key for key, _ in s.list()))]
    assert sorted((letter.item_id, letter.error_class) for letter in letters) == [
        ("picture-0", "duplicate_id"),
        ("picture-2", "corrupt_media"),
    ]
    assert said.endswith(
        f"report {loaded.config.report_dir}/report.html · {loaded.config.report_dir}/results.json\n"
    )


def test_a_version_that_is_not_served_is_said_to_be_not_live(configured: Configured) -> None:
    out = io.StringIO()
    with pytest.raises(PartialFailure):
        index_corpus(configured("failure_budget=0.01"), Options(), out)
    assert re.search(r"2 rejected · \S+ is NOT live \(jobs/publish_index", out.getvalue())
    assert "is live" not in out.getvalue()


@pytest.fixture
def page(configured: Configured) -> tuple[Loaded[IndexConfig], dict[str, Any], str]:
    """The configuration of a run, its results and its page."""
    loaded = configured("report_samples=100")
    results, _ = run(loaded)
    return loaded, results, (Path(loaded.config.report_dir) / "report.html").read_text()


def between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


def test_the_page_counts_rows_and_shows_rejected_ones_by_class(
    page: tuple[Loaded[IndexConfig], dict[str, Any], str],
) -> None:
    _, results, text = page
    tiles = dict(re.findall(r"<b>([\d,.%]+)</b>([a-z ]+)", text))
    assert tiles == {
        "41": "rows in",
        "39": "indexed",
        "2": "rejected",
        f"{results['tokens_this_run']['reason_output']}": "tokens written in this run",
        "100.0%": "find themselves ",
    }
    rejected = text.split("<h2>Rejected rows</h2>")[1]
    classes = re.findall(r'<tr><td>(\w+)</td><td class="n">(\d+)</td></tr>', rejected)
    assert dict(classes) == {"corrupt_media": "1", "duplicate_id": "1"}
    letters = re.findall(r"<tr><td><code>(\S+)</code></td><td>(\w+)</td><td>(\w+)</td>", rejected)
    assert sorted(letters) == [
        ("picture-0", "read", "duplicate_id"),
        ("picture-2", "decode", "corrupt_media"),
    ]


def test_the_page_shows_how_tokens_are_spread(
    page: tuple[Loaded[IndexConfig], dict[str, Any], str],
) -> None:
    _, _, text = page
    cards = {
        title: [(int(low), int(count), float(height)) for height, low, count in
                re.findall(r'height:([\d.]+)%" title="from (\d+): (\d+)"', card)]
        for title, card in re.findall(r'<div class="card"><b>([^<]+)</b>(.+?)</div></div>\n', text,
                                      re.DOTALL)
    }  # fmt: skip
    assert set(cards) == {
        "tokens read a row (text and visual)", "visual tokens a row", "tokens written a row",
    }  # fmt: skip
    filled = {title: [bar for bar in bars if bar[1]] for title, bars in cards.items()}
    share = round(100 * PICTURES / TEXTS, 1)
    first, last = filled["visual tokens a row"]
    assert (first, last[1:]) == ((0, TEXTS, 100.0), (PICTURES, share)), "36 a picture, none a text"
    assert filled["tokens written a row"] == [(8, PICTURES + TEXTS, 100.0)]
    read = filled["tokens read a row (text and visual)"]
    assert sum(count for _, count, _ in read) == PICTURES + TEXTS
    assert read[-1][0] > read[0][0]


def test_the_page_shows_each_sample_beside_what_was_reasoned_about_it(
    page: tuple[Loaded[IndexConfig], dict[str, Any], str],
) -> None:
    loaded, _, text = page
    cards = text.split('<div class="card sample">')[1:]
    shown = {between(card, "<code>", "</code>"): card for card in cards}
    indexed = contents(loaded)
    assert set(shown) == set(indexed)
    kinds = Counter(between(card, '<span class="kind">', "</span>") for card in cards)
    assert kinds == {"image": PICTURES, "text": TEXTS}
    for item_id, card in shown.items():
        ecr, n = parse_ecr(indexed[item_id]["ecr"]), int(item_id.split("-")[1])
        assert ecr.think
        assert f'<p class="think">{ecr.think}</p>' in card
        assert f"<b>{ecr.statement}</b>" in card
        if item_id.startswith("text"):
            assert f"a note about {n}" in card
            assert "<img" not in card
            continue
        picture = base64.b64decode(between(card, 'src="data:image/jpeg;base64,', '"'))
        mean = ImageStat.Stat(Image.open(io.BytesIO(picture)).convert("RGB")).mean
        assert mean == pytest.approx((n * 5, 100, 200 - n), abs=3), "its own picture"
