"""What tokens cost, from the tables of genai-prices; None where they know no price."""

from __future__ import annotations

from typing import Any

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one answer of a model."""

    input: int = 0
    """All that was read, what the provider had cached among it."""
    cached: int = 0
    stored: int = 0
    """What the provider took into its cache, for more than the price of reading it."""
    output: int = 0
    """All that was written, thinking among it."""
    cost_usd: float | None = None
    """Where the provider says it itself."""

    @property
    def tokens(self) -> int:
        return self.input + self.output


class Prices:
    """The price list of one model at one address.

    provider names a list of genai-prices where the address tells none.
    """

    def __init__(self, model: str, url: str, provider: str | None) -> None:
        self._model = model
        self._where: dict[str, Any] = (
            {"provider_id": provider} if provider else {"provider_api_url": url}
        )

    @property
    def known(self) -> bool:
        return self.cost(Usage(input=1, output=1)) is not None

    def cost(self, usage: Usage) -> float | None:
        """Return dollars; None without a price."""
        if usage.cost_usd is not None:
            return usage.cost_usd
        import genai_prices

        counts = genai_prices.Usage(
            input_tokens=usage.input,
            cache_read_tokens=usage.cached,
            cache_write_tokens=usage.stored,
            output_tokens=usage.output,
        )
        try:
            price = genai_prices.calc_price(counts, model_ref=self._model, **self._where)
        except (LookupError, ValueError):
            return None
        return float(price.total_price)
