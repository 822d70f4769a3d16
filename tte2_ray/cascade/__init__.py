"""From a query to an order of candidates; knows no Ray, so that jobs and services run the same."""

from tte2_ray.cascade.asked import Asked
from tte2_ray.cascade.budget import BudgetConfig
from tte2_ray.cascade.candidate import CANDIDATE_FIELDS, Candidate, candidates_of
from tte2_ray.cascade.cascade import Cascade
from tte2_ray.cascade.config import CascadeConfig, PricingConfig
from tte2_ray.cascade.kept import Kept, KeptInMemory
from tte2_ray.cascade.ledger import Ledger, Spent
from tte2_ray.cascade.many import rerank_many
from tte2_ray.cascade.policy import Band, Policy
from tte2_ray.cascade.policy_file import dump_policy, load_policy, parse_policy, policy_of
from tte2_ray.cascade.query import Query, SeenQuery, query_key, see_query, think
from tte2_ray.cascade.reranked import Judgement, Reranked
from tte2_ray.cascade.retrieve import retrieve
from tte2_ray.cascade.shown import Shown

__all__ = [
    "CANDIDATE_FIELDS",
    "Asked",
    "Band",
    "BudgetConfig",
    "Candidate",
    "Cascade",
    "CascadeConfig",
    "Judgement",
    "Kept",
    "KeptInMemory",
    "Ledger",
    "Policy",
    "PricingConfig",
    "Query",
    "Reranked",
    "SeenQuery",
    "Shown",
    "Spent",
    "candidates_of",
    "dump_policy",
    "load_policy",
    "parse_policy",
    "policy_of",
    "query_key",
    "rerank_many",
    "retrieve",
    "see_query",
    "think",
]
