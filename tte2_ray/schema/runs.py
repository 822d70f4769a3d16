"""The rows of reranking: what was asked, what became of it, and what that cost."""

from typing import TYPE_CHECKING

from tte2_ray.schema.items import versioned

if TYPE_CHECKING:
    import pyarrow as pa


def asked_schema() -> "pa.Schema":
    """Rows of a query log, by the distinct query that each of them asks."""
    import pyarrow as pa

    return versioned(
        "asked",
        [
            ("query", pa.string()),  # name of the distinct query: a hash of what was asked
            ("query_id", pa.string()),
            ("time", pa.string()),
            ("count", pa.int64()),
            ("row", pa.int64()),  # of the log, from 1
        ],
    )


def outcome_schema() -> "pa.Schema":
    """What became of each distinct query of a shard, rejected ones with their error."""
    import pyarrow as pa

    return versioned(
        "outcome",
        [
            ("item_id", pa.string()),  # name of the distinct query
            ("step", pa.string()),  # of the ladder; "" where it was rejected
            ("degraded", pa.bool_()),  # less was done than the policy wanted, or candidates lack
            ("candidates", pa.int32()),
            ("missing", pa.int32()),  # candidates that the query named and the index has not
            ("wanted_judgements", pa.int32()),
            ("wanted_rewrites", pa.int32()),
            ("allowed", pa.int64()),  # tokens that reranking might spend; -1 without a bound
            ("spent", pa.int64()),  # tokens of reranking
            (
                "judge_s",
                pa.float64(),
            ),  # to its last answer; NaN where one was kept from before, or none
            ("rewrite_s", pa.float64()),  # with judging what was written; likewise
            ("ecr", pa.string()),  # of the query
            ("cut", pa.string()),  # what models did not read of it, or not write
            ("notes", pa.string()),  # what happened, and how often, as JSON
            ("error_class", pa.string()),
            ("error_message", pa.string()),
            ("error_stage", pa.string()),
            ("attempt", pa.string()),  # names the tables of judgements and ledger of the shard
        ],
    )


def judgement_schema() -> "pa.Schema":
    """The candidates of each query in their final order: enough to mine and to replay.

    A score is NaN where there is none.
    """
    import pyarrow as pa

    return versioned(
        "judgement",
        [
            ("query_id", pa.string()),
            ("item_id", pa.string()),
            ("place", pa.int32()),  # in the final order, from 1
            ("rank", pa.int32()),  # in the retrieved order, from 1
            ("retriever_score", pa.float64()),
            ("ecr_key", pa.string()),
            ("shard", pa.string()),  # of the corpus, where the item's URIs are found
            ("stage", pa.string()),  # retrieved, judged, rewritten
            ("plain_score", pa.float64()),  # the judge's, of the plain ECR
            ("score", pa.float64()),  # the judge's that counts
            ("final_score", pa.float64()),  # that the order follows
            ("rewrite", pa.string()),
            ("note", pa.string()),
            ("refused", pa.string()),
            ("tokens", pa.int32()),
            ("output_tokens", pa.int32()),
            ("visual_tokens", pa.int32()),
            ("judge", pa.string()),  # its version
            ("rewriter", pa.string()),  # its version; "" where nothing is rewritten
        ],
    )


def ledger_schema() -> "pa.Schema":
    """Where the tokens of each query went, a row a stage; see `cascade.ledger.Spent`."""
    import pyarrow as pa

    counts = ("prompt_text", "prompt_visual", "output", "cached", "kept", "requests")
    return versioned(
        "ledger",
        [
            ("query_id", pa.string()),
            ("stage", pa.string()),
            *((name, pa.int64()) for name in counts),
        ],
    )


def query_schema() -> "pa.Schema":
    """Every query of the log, with what became of it."""
    import pyarrow as pa

    return versioned(
        "query",
        [
            ("query_id", pa.string()),
            ("asked_as", pa.string()),  # the first that asked the same: its judgements, its ledger
            ("time", pa.string()),
            ("count", pa.int64()),
            ("row", pa.int64()),  # of the log, from 1
            ("outcome", pa.string()),  # answered, degraded, rejected
            ("step", pa.string()),
            ("candidates", pa.int32()),
            ("missing", pa.int32()),
            ("allowed", pa.int64()),
            ("spent", pa.int64()),  # once, whoever asked it
            ("judge_s", pa.float64()),
            ("rewrite_s", pa.float64()),
            ("ecr", pa.string()),
            ("cut", pa.string()),
            ("notes", pa.string()),
            ("error_class", pa.string()),
            ("error_message", pa.string()),
        ],
    )


def kept_schema() -> "pa.Schema":
    """Answers of judge and rewriter, by all that decides them."""
    import pyarrow as pa

    return versioned(
        "kept",
        [
            ("key", pa.string()),
            ("stage", pa.string()),  # judge, rewrite
            ("score", pa.float64()),  # of a judgement
            ("text", pa.string()),  # of a rewrite, as it was written
            ("truncated", pa.bool_()),
            ("prompt_tokens", pa.int32()),
            ("visual_tokens", pa.int32()),
            ("output_tokens", pa.int32()),
            ("cached_tokens", pa.int32()),
        ],
    )
