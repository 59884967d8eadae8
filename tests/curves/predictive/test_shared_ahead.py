"""The program of shared models, begun while specialists are fitted, is the one that shared models ask for."""

from dataclasses import replace

import numpy as np
import pytest

from budget.curves.fitting import batching
from budget.curves.predictive.surfaces import sampling
from budget.curves.predictive.surfaces.ahead import do_shared_models_follow, shared_models_follow
from budget.curves.predictive.surfaces.sampling import sample_surfaces
from tests.curves.predictive.test_surface_posterior import grid, observed


class Asked(Exception):
    """What a program was asked for with."""


def asked_for(function, static, lanes, *, devices, share=1, wide=False, owners=None):
    specs = tuple(map(batching._lane_spec, lanes))
    raise Asked(function, static, batching._width(devices, share), specs, devices, wide)


def with_companions(observations):
    companion = observations.there.copy()
    companion[:, ::2] = False
    return replace(observations, companion=companion, log_tasks=np.full(len(observations), np.log(2.0)))


@pytest.mark.parametrize("tasks", [1, 5])
def test_what_is_begun_is_what_shared_models_ask_for(tasks, monkeypatch):
    own = observed(*(grid(name=str(at), seed=at) for at in range(tasks)))
    monkeypatch.setattr(sampling, "vmap_in_chunks", asked_for)
    with pytest.raises(Asked) as shared:
        sample_surfaces(with_companions(own), draws=10, seed=0)
    monkeypatch.setattr(sampling, "compile_ahead", asked_for)
    with pytest.raises(Asked) as begun, shared_models_follow():
        sample_surfaces(own, draws=10, seed=0)
    assert begun.value.args == shared.value.args
    with pytest.raises(Asked) as alone:  # and nothing is begun where none follow
        sample_surfaces(own, draws=10, seed=0)
    assert alone.value.args != begun.value.args


def test_shared_models_follow_within_the_block_alone():
    assert not do_shared_models_follow()
    with shared_models_follow():
        with shared_models_follow(False):
            assert not do_shared_models_follow()
        assert do_shared_models_follow()
    assert not do_shared_models_follow()
