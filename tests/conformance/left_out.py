"""Cases of R that no check covers, and why."""

from __future__ import annotations

LEFT_OUT: dict[tuple[str, str], str] = {
    ("c_causespecific_mgus2", "multistate_predicted_pstate"): (
        "R is wrong: survival 3.5-3 predicts from a multi-state coxph by Efron's method with "
        "hazards below Breslow's, which cannot be, and unlike its own separate fits; with "
        "Breslow's method it agrees (tests/stats/competing/test_cause_specific.py)"
    ),
}
