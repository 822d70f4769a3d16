"""From a query to an order of candidates; knows no Ray, so that jobs and services run the same."""

from tte2_ray.cascade.query import Query, SeenQuery, query_key, see_query, think
from tte2_ray.cascade.retrieve import retrieve

__all__ = ["Query", "SeenQuery", "query_key", "retrieve", "see_query", "think"]
