"""What keeps a request within its price, whatever serves it."""

from tte2_ray.errors import RowError, RowErrorClass


def refuse_above_price(tokens: int, most: int) -> None:
    """Refuses a prompt that would cost more than was set aside for it.

    Args:
        tokens: of the prompt, counted before it is served.
        most: that it may have; 0 for no bound.

    Raises:
        RowError: `over_price`, it has more.
    """
    if 0 < most < tokens:
        message = f"a prompt of {tokens} tokens where {most} were set aside; it was not served"
        raise RowError(RowErrorClass.OVER_PRICE, message)
