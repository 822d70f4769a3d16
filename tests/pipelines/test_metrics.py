"""What Prometheus would scrape after a job on a real local Ray."""

import io
import re
import time
from urllib.request import urlopen

import pytest

from tests.pipelines.conftest import ROWS
from tte2_ray.config import Options
from tte2_ray.pipelines.index.job import index_corpus

PATIENCE_S = 120.0
"""Ray reports every second here (`ray_cluster`); a machine under load takes longer."""


def scraped(index: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Samples of one index on the node's metrics endpoint, without where they are from.

    Other tests share this Ray, and their workers may still be reporting.
    """
    import ray

    node = ray.nodes()[0]
    with urlopen(f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics") as got:
        text = got.read().decode()
    ours: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for name, labels, value in re.findall(r"^ray_(tte2_\w+)\{(.*)\} (\S+)$", text, re.MULTILINE):
        said = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if said["index"] == index:
            kept = said.keys() & {"phase", "outcome", "error_class", "kind"}
            tags = frozenset((key, said[key]) for key in kept)
            ours[name, tags] = ours.get((name, tags), 0.0) + float(value)
    return ours


@pytest.mark.timeout(400)
def test_a_scrape_shows_what_became_of_rows_and_what_it_cost(configured) -> None:
    def value(name: str, **tags: str) -> float:
        return found.get((name, frozenset(tags.items())), 0.0)

    # One request after another, long enough for a worker to report before it ends.
    slow = configured("reasoner.engine.fake_delay_s=0.2", "reasoner.engine.max_in_flight=1")
    index_corpus(slow, Options(), io.StringIO())
    found = {}
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:  # not all is reported at once
        found = scraped(slow.config.index)
        loaded = value("tte2_rows_total", phase="load", outcome="done") == ROWS - 1
        if loaded and value("tte2_rows_left", phase="load") == 0:
            break
        time.sleep(1)
    assert value("tte2_rows_total", phase="load", outcome="done") == ROWS - 1
    assert value("tte2_rejected_rows_total", phase="reason", error_class="corrupt_media") == 1
    written = value("tte2_tokens_total", phase="reason", kind="output")
    assert written == 8 * (ROWS - 1), "a fake engine writes eight tokens about an item"
    assert value("tte2_tokens_total", phase="embed", kind="visual") > 0
    assert value("tte2_shard_seconds_count", phase="embed") == 5
    assert value("tte2_rows_left", phase="load") == 0
    busy = value("tte2_engine_busy_seconds_total", phase="reason")
    assert busy > 0.5 * 0.2 * (ROWS - 1), "all but the last report of a worker is seen"
