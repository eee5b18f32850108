"""The general researcher, for labs that name none of their own."""

from leanlab.tuning.researcher import LiteralTuner

__all__ = ["LiteralTuner"]
