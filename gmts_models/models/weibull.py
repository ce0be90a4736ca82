"""Where `WeibullAFT` is imported from; it lives with the other families."""

from __future__ import annotations

from gmts_models.models.parametric import FIRST_DAY as FIRST_DAY
from gmts_models.models.parametric import WeibullAFT as WeibullAFT
