"""A policy over queries that were looked at: the order and the cost that the cascade would have.

The cascade's own functions decide; only asking is left out. A test holds both to the same orders
and tokens.
"""

from collections.abc import Iterable, Mapping

from tte2_ray.cascade.order import lead, next_rewrites, ordered
from tte2_ray.cascade.policy import Policy
from tte2_ray.metrics import per_query
from tte2_ray.pipelines.evaluate.benchmark import Task
from tte2_ray.pipelines.evaluate.calibrate.looked import Looked

Order = tuple[str, ...]


def play(policy: Policy, looked: Looked) -> tuple[Order, int]:
    """The order of one query without a budget, and what it costs: rewriting and judging.

    Args:
        policy: any.
        looked: all candidates of the query.
    """
    wanted = policy.wanted(looked.retrieved)
    state = [each.retrieved for each in looked.candidates]
    tokens = done = 0
    while done < wanted.judge:
        step = min(policy.judge_step or wanted.judge, wanted.judge - done)
        for i in range(done, done + step):
            state[i] = looked.candidates[i].judged
            tokens += looked.candidates[i].judge_tokens
        done += step
        if lead(state) >= policy.judge_stop:
            break
    chosen = set[int]()
    while now := next_rewrites(state, chosen, wanted.rewrite, policy):
        chosen.update(now)
        for i in now:
            state[i] = looked.candidates[i].rewritten
            tokens += looked.candidates[i].rewrite_tokens
    return tuple(each.candidate.item_id for each in ordered(state)), tokens


class Worth:
    """The value of orders by the measures of their tasks; each order is measured once.

    Args:
        tasks: whose queries are asked for.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = tuple(tasks)
        self._known: dict[tuple[str, Order], float] = {}

    def __call__(self, orders: Mapping[str, Order]) -> dict[str, float]:
        """The value of each query's order.

        Args:
            orders: item ids by query id, best first.
        """
        for task in self._tasks:
            new = {
                query: orders[query]
                for query in task.ids
                if query in orders and (query, orders[query]) not in self._known
            }
            if not new:
                continue
            qrels = {query: task.qrels[query] for query in new}
            for query, value in per_query([task.measure], qrels, new)[task.measure].items():
                self._known[query, new[query]] = value
        return {query: self._known[query, order] for query, order in orders.items()}
