"""What the field calls the columns of runs, and where its tools put them.

See docs/decisions/134-names-are-guessed-aloud.md.
"""

import re
from unicodedata import combining, normalize

from budget.tables.reading.header_units import has_unit_words, header_unit

SYNONYMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "params": (
        ("params", "n_params", "num_params", "parameters", "n_parameters", "num_parameters", "param_count",
         "parameter_count", "total_params", "total_parameters", "model_params", "model_parameters", "parameter",
         "trainable_params", "num_trainable_params", "trainable_parameters", "parametres", "parametros",
         "parameterzahl", "anzahl_parameter"),
        ("non_embedding_params", "params_non_embedding", "non_embedding_parameters", "n_params_non_embedding",
         "num_non_embedding_params", "non_emb_params"),
        ("model_size", "size"),
        ("n",),
    ),
    "tokens": (
        ("tokens", "n_tokens", "num_tokens", "train_tokens", "training_tokens", "tokens_seen", "seen_tokens",
         "tokens_trained", "total_tokens", "tokens_processed", "consumed_tokens", "num_train_tokens",
         "n_train_tokens", "train_tokens_seen", "num_input_tokens_seen", "train_num_input_tokens_seen",
         "token_count", "train_num_tokens", "token_budget", "tokens_budget", "total_train_tokens",
         "total_training_tokens", "num_tokens_seen", "dataset_tokens", "data_tokens", "jetons", "trainingstokens"),
        ("d",),
    ),
    "flops": (
        ("flops", "flop", "total_flops", "train_flops", "training_flops", "total_flos", "train_total_flos",
         "n_flops", "num_flops", "training_flop", "compute_flops", "train_compute", "training_compute"),
        ("c", "compute"),
    ),
    "x": (
        ("x", "examples", "samples", "num_examples", "n_examples", "num_samples", "n_samples", "train_examples",
         "training_examples", "seen_examples", "examples_seen", "samples_seen", "n_train", "train_size"),
    ),
    "value": (
        ("value",),
        ("eval_loss", "val_loss", "valid_loss", "validation_loss", "test_loss", "heldout_loss", "final_eval_loss",
         "final_val_loss", "eval_cross_entropy", "eval_ce_loss", "val_cross_entropy", "eval_bpb", "val_bpb",
         "val_nll", "eval_nll", "loss_eval", "loss_val", "dev_loss", "loss_validation", "loss_test"),
        ("loss", "final_loss", "cross_entropy", "ce_loss", "nll", "bpb", "bits_per_byte", "lm_loss", "verlust", "perte",
         "perdida"),
        ("train_loss", "training_loss", "loss_train", "final_train_loss"),
        ("eval_perplexity", "eval_ppl", "val_perplexity", "val_ppl", "valid_ppl", "validation_perplexity",
         "test_ppl", "test_perplexity"),
        ("perplexity", "ppl", "word_perplexity"),
        ("eval_accuracy", "eval_acc", "val_accuracy", "val_acc", "test_accuracy", "test_acc", "accuracy", "acc",
         "score", "exact_match", "f1", "pass_at_1", "pass@1", "acc_norm", "reward", "win_rate", "genauigkeit",
         "exactitude", "exactitud", "precision"),
    ),
    "task": (
        ("task", "tasks", "task_name", "aufgabe", "tache", "tarea"),
        ("benchmark", "eval_name", "eval_task", "evaluation", "evaluation_name", "eval_set", "eval_dataset",
         "subtask", "domain"),
    ),
    "metric": (("metric", "metric_name"),),
    "run": (("run", "run_id", "id", "lauf"), ("run_name", "runname", "tags_mlflow_run_name"), ("name",)),
    "seed": (("seed", "random_seed", "rng_seed"),),
    "step": (("step", "global_step", "train_global_step", "iteration", "iter", "training_step", "train_step", "schritt",
              "schritte"),),
    "stderr": (("stderr", "std_err", "standard_error", "value_stderr"),),
    "higher_is_better": (("higher_is_better",),),
    "strategy": (("strategy",),),
    "unique_tokens": (("unique_tokens", "num_unique_tokens", "n_unique_tokens"),),
}  # fmt: skip
"""Canonical column → names in use, normalised (``normalised``), in groups, the likelier one first."""

SCORES = frozenset(SYNONYMS["value"][-1])
"""Names of values of which larger ones are better."""

PERPLEXITIES = frozenset((*SYNONYMS["value"][4], *SYNONYMS["value"][5]))
"""Names of values whose logarithm is the loss."""

NUMERIC = ("params", "tokens", "flops", "x", "value", "step", "stderr", "unique_tokens")
"""Canonical columns that hold numbers: a column of words is no candidate for them."""

COUNTED = ("params", "tokens", "flops", "x", "unique_tokens")
"""Canonical columns whose names may state a power of ten."""

STATES = ("state", "status", "run_state", "run_status")
"""Names of columns that say how a run ended."""

FINISHED = frozenset({"finished", "completed", "complete", "done", "success", "succeeded", "ok"})
"""Words for a run that ended as it should."""

UNFINISHED = {
    "crashed": "crashed", "failed": "failed", "failure": "failed", "error": "failed", "killed": "killed",
    "canceled": "killed", "cancelled": "killed", "timeout": "killed", "preempted": "killed", "preempting": "killed",
    "diverged": "diverged", "nan": "diverged", "running": "still running", "pending": "not started",
    "scheduled": "not started", "queued": "not started", "unfinished": "still running",
}  # fmt: skip
"""Words for any other, and what is said of it."""

HOUSEKEEPING = frozenset({
    "user", "username", "user_name", "tags", "notes", "sweep", "created", "created_at", "updated", "updated_at",
    "runtime", "host", "hostname", "machine", "gpu", "gpu_type", "accelerator", "commit", "git_commit", "job_type",
    "artifact_uri", "lifecycle_stage", "project", "entity", "url", "path", "source_type", "start_time", "end_time",
    "experiment_id", "timestamp", "date", "time", "git_sha", "version", "source",
})  # fmt: skip
"""Names of columns that say where and when a run was made, and nothing of what it was judged on."""

_TOOLS = re.compile(
    r"^(?:summary|config|params|metrics|hparams|hyperparameters|data|summary_metrics|model|args|cfg|arch|"
    r"architecture|network|transformer|trainer)[./]|^_"
)
"""What W&B, MLflow and others put before a name, and sections of configurations."""


def without_prefix(name: str) -> str:
    """A name without what a tool puts before it.

    >>> without_prefix("summary.eval/loss")
    'eval/loss'
    """
    bare = name.strip()
    while found := _TOOLS.match(bare):
        bare = bare[found.end() :]
    return bare


def normalised(name: str) -> str:
    """A name without a tool's prefix and without accents, in lower case, its parts joined by underscores.

    >>> [normalised(name) for name in ("summary.eval/loss", "config.N", "Num Params", "Eval-Loss", "Paramètres")]
    ['eval_loss', 'n', 'num_params', 'eval_loss', 'parametres']
    """
    bare = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", without_prefix(name))
    if not bare.isascii():
        bare = "".join(mark for mark in normalize("NFKD", bare) if not combining(mark))
    return re.sub(r"[\s./:_-]+", "_", bare).strip("_").lower()


def known_as(name: str) -> str:
    """A name as the table of names has it: normalised, and without a unit where it is known only so.

    >>> known_as("Params (M)"), known_as("train_tokens_b"), known_as("summary.eval/loss"), known_as("layer_b")
    ('params', 'train_tokens', 'eval_loss', 'layer_b')
    """
    whole = normalised(name)
    if whole in NAMES:
        return whole
    bare, power = header_unit(name)
    short = normalised(bare)
    # n_b is no count in billions, N (B) is; a value has only units that leave it as it is
    counts = NAMES.get(short) in COUNTED and (len(short) > 1 or name.rstrip().endswith((")", "]")))
    return short if power is not None and (counts or (power == 0 and NAMES.get(short) == "value")) else whole


NAMES = {name: canonical for canonical, groups in SYNONYMS.items() for group in groups for name in group}
"""Normalised name → the canonical column that it may be."""

BY_PART = {"params": ("params", "parameters", "parameter"), "tokens": ("tokens",), "flops": ("flops",)}
"""Scale → the words that a longer name tells it by, such as ``model_size_params`` or ``tokens_total``."""

OTHERS = frozenset({
    "per", "batch", "vocab", "context", "second", "sec", "unique", "active", "activated", "frozen", "embedding", "peak",
    "device", "gpu", "achieved", "max", "seq", "sequence", "epoch", "step", "micro", "ratio", "norm", "hyper", "new",
    "generated", "output", "prompt", "completion", "eval", "val", "test", "hash", "unit", "log",
})  # fmt: skip
"""Words with which a longer name means something else, such as ``tokens_per_batch``."""


def may_be(name: str) -> str | None:
    """The canonical column that a file's own may be by its name.

    >>> [may_be(name) for name in ("N", "model_size_params", "Model Size (params)", "tokens_per_batch", "layers")]
    ['params', 'params', 'params', None, None]
    """
    known = NAMES.get(known_as(name))
    if known is not None:
        return known
    parts = set(re.findall(r"[a-z]+", normalised(name)))
    told = [scale for scale, words in BY_PART.items() if parts & set(words)]
    # a unit that was not understood would be counts of one where millions are meant
    bare = set(re.findall(r"[a-z]+", normalised(header_unit(name)[0])))
    return told[0] if len(told) == 1 and not parts & OTHERS and not has_unit_words(bare) else None
