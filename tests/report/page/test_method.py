"""What the method says of costs."""

from types import SimpleNamespace

from budget.report.page.method import _other_costs
from tests import made


def study(*models):
    """A study whose curves cost 6·N·D, and the (strategy, formula) of the models that it trains."""
    found = SimpleNamespace(models=[SimpleNamespace(strategy=name, cost=cost) for name, cost in models])
    return SimpleNamespace(curves=made.chinchilla(), recommendation=found if models else None)


def test_the_cost_of_each_strategy_that_is_trained_is_told_once():
    said = _other_costs(study(("specialists", "6·N·D"), ("moe", "2·N·D"), ("trunk", "5·N·D"), ("moe", "2·N·D")))
    assert said.startswith(" It is 2·N·D of strategy moe and 5·N·D of strategy trunk, where N counts all parameters")


def test_nothing_is_added_where_all_cost_the_same():
    assert _other_costs(study()) == _other_costs(study(("moe", "6·N·D"), ("x", ""))) == ""
