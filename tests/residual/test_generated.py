"""Networks composed at random from all constructs: replay, detector and oracle on each."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.generated import judge
from tests.networks import Network
from tests.strategies import ablatable, case_of, networks

pytestmark = pytest.mark.slow
_STEADY = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@settings(_STEADY, max_examples=200)
@given(networks())
def test_random_networks(plan: Network) -> None:
    judge(case_of(plan))


# A failure is shown as it was drawn: to ablate every smaller network on the way would take minutes.
@settings(_STEADY, max_examples=8, phases=[Phase.explicit, Phase.generate])
@given(networks(depth=0))
def test_random_networks_under_ablation(plan: Network) -> None:
    judge(case_of(ablatable(plan)), ablate=True)
