"""Selection under thresholds: which breadth survives when players with limited budgets compete for the same tasks.

Each player divides its budget equally over a focus of k of the T tasks. A task goes to whoever serves it best among
those that reach its threshold, and players without tasks are out (``competition``). A strict threshold takes out
whoever is spread too thin: alone, a player of budget B reaches a required spend s on all of its k tasks if and only if
``k ≤ ⌊B/s⌋``; a lax one lets the broad survive on what the narrow leave to them. The claim that thresholds select for
focus is that of Goldfeder, Wyder, LeCun & Shwartz-Ziv 2026 (arXiv 2602.23643); this study says where it holds for given
curves.

See docs/decisions/084-no-free-lunch-and-selection-are-checks.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.errors import AllocationError
from budget.numerics.interval import share_interval
from budget.numerics.strict_json import json_rows
from budget.studies.checks.competition import NOBODY, compete, divide_equally
from budget.studies.checks.players import Players
from budget.studies.focus.thresholds import Thresholds, Value, most_tasks


@dataclass(frozen=True)
class Selection:
    """Who survived J thresholds among P players, over R replications.

    Attributes:
        thresholds: of the T tasks.
        players: who competed.
        survived: (J, P) replications in which a player survived.
        held: (J, P) tasks that it held, summed over replications.
        vacant: (J,) share of the tasks that nobody held.
        replications: R.
        seed: of focuses and ties; the same ones at every threshold.
    """

    thresholds: Thresholds
    players: Players
    survived: np.ndarray
    held: np.ndarray
    vacant: np.ndarray
    replications: int
    seed: int

    def table(self) -> pd.DataFrame:
        """One row for each threshold, budget and breadth.

        ``share`` of the group's players who survived, ``low`` to ``high`` its 80 % Monte Carlo interval (Wilson 1927),
        ``tasks_held`` by a player on average, by those who left none. Players of one game are not independent, so each
        replication counts as one trial whatever the size of the group, and the interval is never too narrow for that.
        ``survived`` is counted over all replications. A ``threshold`` is stated as its ``required_spend``.
        """
        blocks = []
        for (budget, breadth), members in self.players.groups():
            survived = self.survived[:, members].sum(axis=1)
            share = survived / (len(members) * self.replications)
            low, high = share_interval(share, self.replications)
            blocks.append(
                pd.DataFrame(
                    {
                        "threshold": self.thresholds.spend,
                        "required_spend": self.thresholds.spend,
                        "budget": budget,
                        "breadth": breadth,
                        "players": len(members),
                        "survived": survived,
                        "share": share,
                        "low": low,
                        "high": high,
                        "tasks_held": self.held[:, members].mean(axis=1) / self.replications,
                    }
                )
            )
        # thresholds in the order given, then budgets and breadths as the groups are
        return pd.concat(blocks).sort_index(kind="stable").reset_index(drop=True)

    def widest(self, share: float = 0.5) -> pd.DataFrame:
        """The greatest breadth that survives at least so often: ``threshold, required_spend, budget, breadth, alone``.

        ``breadth`` is 0 where none does; ``alone`` is ``⌊B/s⌋``, what the budget serves equally without rivals.
        """
        table = self.table()
        table["breadth"] = table["breadth"].where(table["share"] >= share, 0)
        keys = ["threshold", "required_spend", "budget"]
        widest = table.groupby(keys, sort=False, as_index=False)["breadth"].max()
        count = self.thresholds.value.shape[1]
        alone = most_tasks(widest["budget"].to_numpy(), widest["required_spend"].to_numpy(), count)
        return widest.assign(alone=alone)

    def record(self) -> dict[str, Any]:
        """The study as JSON; how the game is played is told, too."""
        everybody_survived = (self.survived == self.replications).all(axis=1)
        return {
            "tasks": self.thresholds.value.shape[1],
            "stated": "spend",
            "rows": json_rows(self.table()),
            "widest": json_rows(self.widest()),
            "vacant": self.vacant.tolist(),
            # a second round, in which nothing changes any more, is that after players have left
            "rounds": np.where(everybody_survived, 1, 2).tolist(),
            "replications": self.replications,
            "seed": self.seed,
            "split": "equal",
            "needs": 1,
            "reinvest": False,
        }


def select(
    value: Value, thresholds: Thresholds, players: Players, *, replications: int = 200, seed: int = 0
) -> Selection:
    """Let players compete at every threshold.

    Args:
        value: of T tasks by spend, smaller is better.
        thresholds: J levels for the T tasks.
        players: P budgets with their breadths.
        replications: games at each threshold.
        seed: of focuses and ties.

    Raises:
        AllocationError: a breadth exceeds the number of tasks, or there is no replication.
    """
    if replications < 1:
        raise AllocationError(f"replications is {replications}; give at least 1.")
    random = np.random.default_rng(seed)
    focus = players.focuses(thresholds.value.shape[1], replications, random)
    # drawn once for all thresholds: common random numbers, so that thresholds differ by themselves and not by luck
    order = random.random(focus.shape)
    reached = divide_equally(value, players.budget, focus)
    ends = [compete(reached, thresholds, level, order) for level in range(len(thresholds.spend))]
    return Selection(
        thresholds,
        players,
        survived=np.array([end.present.sum(axis=0) for end in ends]),
        held=np.array([end.held.sum(axis=0) for end in ends]),
        vacant=np.array([(end.holder == NOBODY).mean() for end in ends]),
        replications=replications,
        seed=seed,
    )
