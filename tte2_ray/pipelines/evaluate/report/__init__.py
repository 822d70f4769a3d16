"""report.html of an evaluation: what tokens buy, seen by a person."""

from tte2_ray.pipelines.evaluate.report.page import Example, evaluate_report

__all__ = ["Example", "evaluate_report"]
