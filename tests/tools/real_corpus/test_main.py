"""`make real-corpus` ends as a job does: one line, and the error's own exit status."""

import pytest

from tools.real_corpus import __main__ as module


def test_a_key_that_no_job_knows_is_one_line_and_exit_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(module, "begin", begun.append)  # the rows of a real run stay
    assert module.main(["corpus.pth=x"]) == 2
    shown = capsys.readouterr()
    assert begun == ["real-corpus"]
    assert shown.out == ""
    assert shown.err == (
        "error: unknown key 'corpus.pth' (command line): did you mean 'corpus.path'?\n"
    )
