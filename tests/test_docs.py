"""What is written is whole: links lead somewhere, tables and merges are finished."""

import re
from pathlib import Path

import pytest

from tests.test_commands import DOCUMENTS, ROOT


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / name).read_text())
    ours = [link for link in links if "://" not in link]
    assert [link for link in ours if not Path(folder, link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_merge_is_left_open(name: str) -> None:
    assert not re.search(r"^(<{7}|={7}$|>{7})", (ROOT / name).read_text(), re.MULTILINE)
