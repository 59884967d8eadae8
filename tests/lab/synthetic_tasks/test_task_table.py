import pytest

from budget.lab.synthetic_tasks.real_text import Text
from budget.lab.synthetic_tasks.task_table import TASKS
from budget.lab.transformer.shape import CONTEXT, SYMBOLS
from tests.lab.unigram import unigram_loss


def test_there_are_enough_tasks_and_texts():
    assert len(TASKS) >= 8
    assert sum(isinstance(task.source, Text) for task in TASKS.values()) >= 2


@pytest.mark.parametrize("name", TASKS)
def test_task_is_described_and_yields_symbols(name):
    task = TASKS[name]
    assert task.name == name
    assert task.description.endswith(".")
    sequences = task.source.training(20, 0)
    assert sequences.shape == (20, CONTEXT + 1)
    assert sequences.max() < SYMBOLS
    assert task.source.scored.any()


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.source.entropy is not None])
def test_there_is_something_to_learn_between_a_constant_guess_and_the_entropy(name):
    source = TASKS[name].source
    assert 0 <= source.entropy < 0.8 * unigram_loss(source)
