from pathlib import Path

import pytest

from tte2_ray.mini.model import save_blank


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder without weights; learning its vocabulary takes seconds, so all share one."""
    made = tmp_path_factory.mktemp("blank")
    save_blank(made)
    return made
