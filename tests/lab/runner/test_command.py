import errno
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest

from budget.errors import DataError, MeasureError
from budget.lab.runner import guard
from budget.lab.runner.command import measure_command
from tests import ROOT
from tests.lab.processes import alive, needs_proc, wait_for

PLAN = "task,params,tokens,seed\n" + "".join(f"code,1e6,2e6,{seed}\n" for seed in range(3))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a plan of three runs."""
    monkeypatch.chdir(tmp_path)
    Path("plan.csv").write_text(PLAN)
    return tmp_path


def trainer(code, arguments="{seed}"):
    """The command that runs this code, its arguments in `sys.argv`."""
    Path("train.py").write_text("import json, os, pathlib, subprocess, sys, time\n" + textwrap.dedent(code))
    return f"{shlex.quote(sys.executable)} -S train.py {arguments}"


def failing(command, **options):
    """The side file and the sentence of a sweep that does not end well."""
    with pytest.warns(RuntimeWarning), pytest.raises(MeasureError) as failed:
        measure_command("plan.csv", "runs.csv", command, **options)
    return pd.read_csv("runs-failed.csv", keep_default_na=False), str(failed.value)


def test_each_row_is_run_and_what_it_prints_is_kept(folder):
    command = trainer(
        """
        sys.stdout.write("step 1\\n")  # in one piece, also where Python is asked not to buffer
        sys.stdout.flush()
        sys.stderr.write("a word\\n")
        print(json.dumps({"value": 1 / 3 + int(sys.argv[1]), "stderr": 0.01, "params": 1000100}))
        print("done")
        """
    )
    calls = []
    frame = measure_command("plan.csv", "runs.csv", command, progress=lambda *call: calls.append(call))
    assert list(frame.columns) == ["task", "run", "params", "tokens", "seed", "value", "stderr", "seconds"]
    assert frame["run"].tolist() == [f"code-params=1e6-tokens=2e6-seed={seed}" for seed in range(3)]
    assert frame["value"].tolist() == [1 / 3 + seed for seed in range(3)]
    assert (frame["params"] == 1_000_100).all() and (frame["tokens"] == 2e6).all() and (frame["seconds"] > 0).all()
    assert [call[:4] for call in calls] == [(done, 3, done * 12e12, 36e12) for done in range(4)]
    assert [call[4] for call in calls] == ["", *frame["run"]]
    log = (folder / "runs-logs" / f"{frame['run'][1]}.log").read_text().splitlines()
    assert log[0] == f"$ {sys.executable} -S train.py 1"
    assert set(log[1:-1]) == {"step 1", "a word", log[-2], "done"} | {line for line in log if "value" in line}
    assert log[-1].startswith("# finished after")
    assert not Path("runs-failed.csv").exists()


def test_finished_runs_are_kept_to_the_letter_and_columns_added(folder):
    before = "run,note,value\nelse,kept,1.50\ncode-params=1e6-tokens=2e6-seed=1,mine,2.0\n"
    Path("runs.csv").write_text(before)
    command = trainer('pathlib.Path("ran" + sys.argv[1]).touch(); print(json.dumps({"value": 2, "metric": "bpb"}))')
    frame = measure_command("plan.csv", "runs.csv", command)
    assert sorted(path.name for path in folder.glob("ran*")) == ["ran0", "ran2"]
    lines = Path("runs.csv").read_text().splitlines()
    assert lines[0] == "run,note,value,task,params,tokens,seed,metric,seconds"
    assert lines[1] == "else,kept,1.50,,,,,,"
    assert frame["value"].tolist() == [1.5, 2.0, 2.0, 2.0]
    text = Path("runs.csv").read_text()
    measure_command("plan.csv", "runs.csv", command)
    assert Path("runs.csv").read_text() == text


def test_a_model_of_several_tasks_is_one_run(folder):
    Path("plan.csv").write_text("tokens,seed\n1e6,0\n1e6,1\n")
    command = trainer('print(json.dumps({"values": {"code": 2.5, "prose": 3.5}, "flops": 1e9}))')
    frame = measure_command("plan.csv", "runs.csv", command)
    assert frame["task"].tolist() == ["code", "prose"] * 2
    assert frame["run"].tolist() == 2 * ["tokens=1e6-seed=0"] + 2 * ["tokens=1e6-seed=1"]
    assert frame["value"].tolist() == [2.5, 3.5] * 2 and (frame["flops"] == 1e9).all()


def test_cells_reach_the_program_as_they_are(folder):
    cells = ["two words", "it's", 'say ""hi""', "$HOME; touch hacked", "-n", "{seed}", "*", "ünï"]
    Path("plan.csv").write_text("text,run\n" + "".join(f'"{cell}",r{n}\n' for n, cell in enumerate(cells)))
    command = trainer('print(json.dumps({"value": 1, "argv": "|".join(sys.argv[1:])}))', "{text} 'x {text}' {run}")
    frame = measure_command("plan.csv", "runs.csv", command)
    plain = [cell.replace('""', '"') for cell in cells]
    assert frame["argv"].tolist() == [f"{cell}|x {cell}|r{n}" for n, cell in enumerate(plain)]
    assert not Path("hacked").exists()


@pytest.mark.parametrize(
    ("code", "reason", "detail"),
    [
        ("print('loss 2.3')", "no result", "no line of its standard output"),
        ("print('{\"value\": 2.3', '[1]', sep=chr(10))", "no result", "no line of its standard output"),
        ('print(json.dumps({"value": 1})); sys.exit(3)', "exit code", "it ended with exit code 3"),
        ("os.kill(os.getpid(), 9)", "exit code", "it was ended by SIGKILL"),
        ('print(json.dumps({"value": 1, "all": [1]}))', "no result", "the key all of its JSON line holds a list"),
    ],
)
def test_failures_are_recorded_and_the_others_go_on(folder, code, reason, detail):
    command = trainer(f'if sys.argv[1] == "1":\n    {code}\nelse:\n    print(json.dumps({{"value": 1}}))')
    failed, sentence = failing(command)
    run = "code-params=1e6-tokens=2e6-seed=1"
    log = f"runs-logs/{run}.log"
    assert failed.loc[0].drop("detail").tolist() == [run, reason, 2, log] and len(failed) == 1
    assert detail in failed["detail"][0]
    assert "1 of 3 runs failed (0 diverged)" in sentence and "runs-failed.csv; mend the cause" in sentence
    assert pd.read_csv("runs.csv")["seed"].tolist() == [0, 2]
    assert Path(log).read_text().count("$ ") == 2  # attempts are appended
    trainer('print(json.dumps({"value": 1}))')
    assert len(measure_command("plan.csv", "runs.csv", command)) == 3  # and the next call tries again
    assert not Path("runs-failed.csv").exists()
    assert Path(log).read_text().count("$ ") == 3


def test_warning_names_run_reason_and_log(folder):
    Path("plan.csv").write_text("task,seed\ncode,0\n")
    with (
        pytest.warns(
            RuntimeWarning, match=r"run 'code.*seed=0' failed \(exit code\): it ended with exit code 1; see .*0\.log"
        ),
        pytest.raises(MeasureError),
    ):
        measure_command("plan.csv", "runs.csv", trainer("sys.exit(1)"), retries=0)


def test_a_flaky_run_is_tried_again_as_often_as_asked(folder):
    command = trainer(
        """
        count = pathlib.Path("tries" + sys.argv[1])
        tries = int(count.read_text()) + 1 if count.exists() else 1
        count.write_text(str(tries))
        if tries == 3:
            print(json.dumps({"value": 1}))
        """
    )
    failed, _ = failing(command)
    assert failed["attempts"].tolist() == [2, 2, 2]
    for count in folder.glob("tries*"):
        count.unlink()
    assert len(measure_command("plan.csv", "runs.csv", command, retries=2)) == 3


def test_diverged_values_are_neither_retried_nor_repeated(folder):
    command = trainer(
        """
        with open("tries", "a") as tries:
            tries.write(sys.argv[1])
        print('{"value": NaN}' if sys.argv[1] == "1" else '{"value": 1}')
        """
    )
    failed, sentence = failing(command, retries=3)
    assert failed["reason"].tolist() == ["diverged"] and failed["attempts"].tolist() == [1]
    assert "(1 diverged)" in sentence and "to repeat one, delete its line" in sentence
    with pytest.warns(RuntimeWarning, match="1 run diverged before"), pytest.raises(MeasureError):
        measure_command("plan.csv", "runs.csv", command)
    assert Path("tries").read_text() == "012"


@needs_proc
def test_a_run_that_hangs_is_ended_with_all_it_started(folder, monkeypatch):
    monkeypatch.setattr(guard, "GRACE", 0.3)
    Path("plan.csv").write_text("seed\n0\n1\n")
    command = trainer(
        """
        import signal
        print("started", flush=True)
        if sys.argv[1] == "0":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        pathlib.Path("pids" + sys.argv[1]).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
        """
    )
    failed, _ = failing(command, timeout=1, retries=0, jobs=2)
    assert set(failed["reason"]) == {"timeout"} and set(failed["detail"]) == {"it was ended after 1 s"}
    pids = [int(pid) for path in folder.glob("pids*") for pid in path.read_text().split()]
    assert len(pids) == 4
    wait_for(lambda: not any(map(alive, pids)), 10)
    assert "started\n# timeout" in Path("runs-logs/seed=0.log").read_text()


@needs_proc
def test_what_a_finished_run_left_behind_is_ended_and_not_waited_for(folder):
    Path("plan.csv").write_text("seed\n0\n")
    command = trainer(
        """
        sleep = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
        inside, outside = subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)
        print(json.dumps({"value": 1, "inside": inside.pid, "outside": outside.pid}))
        """
    )
    frame = measure_command("plan.csv", "runs.csv", command, timeout=60)
    try:
        wait_for(lambda: not alive(frame["inside"][0]), 10)
    finally:
        os.kill(frame["outside"][0], signal.SIGKILL)


def test_jobs_run_at_once(folder):
    command = trainer(
        """
        pathlib.Path("here" + sys.argv[1]).touch()
        while len(list(pathlib.Path().glob("here*"))) < 3:
            time.sleep(0.01)
        print(json.dumps({"value": 1}))
        """
    )
    assert len(measure_command("plan.csv", "runs.csv", command, jobs=3, timeout=60)) == 3


def test_the_environment_is_passed_on_as_it_is(folder, monkeypatch):
    monkeypatch.setenv("OF_MINE", "kept")
    Path("plan.csv").write_text("seed\n0\n")
    command = trainer('print(json.dumps({"value": 1, "env": json.dumps(dict(os.environ))}))')
    seen = json.loads(measure_command("plan.csv", "runs.csv", command)["env"][0])
    plain = subprocess.run(shlex.split(command), check=True, capture_output=True).stdout
    assert seen["OF_MINE"] == "kept" and seen == json.loads(json.loads(plain)["env"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"command": "python {size}"}, "'{size}' is no column of the plan, which has: task, params, tokens, seed"),
        ({"command": "no-such-program {seed}"}, "no program"),
        ({"jobs": 0}, "give 1 or more"),
        ({"timeout": 0.0}, "more than 0"),
        ({"retries": -1}, "give 0 or more"),
        ({"out_path": "plan.csv"}, "this is the plan"),
        ({"out_path": "foreign.csv"}, "it has no column run (but name, value)"),
        ({"out_path": "foreign.csv/runs.csv"}, "its folder cannot be written"),
        ({"logs": "foreign.csv"}, "folder of logs cannot be written"),
        ({"plan_path": "none.csv"}, "no such file"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_started(folder, change, said):
    Path("foreign.csv").write_text("name,value\na,1\n")
    command = trainer('pathlib.Path("ran").touch(); print(json.dumps({"value": 1}))')
    asked = {"plan_path": "plan.csv", "out_path": "runs.csv", "command": command} | change
    with pytest.raises(DataError) as refusal:
        measure_command(**asked)
    assert said in str(refusal.value)
    assert not Path("ran").exists() and not Path("runs.csv").exists()
    assert Path("foreign.csv").read_text() == "name,value\na,1\n"


def test_a_program_that_cannot_be_started_is_a_failure_of_its_run(folder):
    Path("plan.csv").write_text("program\n/no/such/program\n")
    failed, _ = failing("{program}")
    assert failed["reason"].tolist() == ["not started"] and "No such file" in failed["detail"][0]


def test_full_disk_ends_the_sweep_with_a_sentence(folder, monkeypatch):
    command = trainer('pathlib.Path("ran" + sys.argv[1]).touch(); print(json.dumps({"value": 1}))')

    def full(descriptor):
        if Path("ran1").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(MeasureError, match=r"cannot be written \(No space left on device\); make room"):
            measure_command("plan.csv", "runs.csv", command)
    assert len(pd.read_csv("runs.csv")) <= 1
    assert not list(folder.glob(".runs*"))
    assert len(measure_command("plan.csv", "runs.csv", command)) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_full_disk_of_the_logs_ends_the_sweep_with_a_sentence(folder):
    Path("plan.csv").write_text("seed\n0\n")
    Path("logs").mkdir()
    Path("logs/seed=0.log").symlink_to("/dev/full")
    with pytest.raises(MeasureError, match=r"seed=0\.log: cannot be written \(No space left on device\)"):
        measure_command("plan.csv", "runs.csv", trainer("pass"), logs="logs")


SWEEP = """
import sys
from budget.lab.runner.command import measure_command

measure_command("plan.csv", "runs.csv", sys.argv[1], jobs=2)
"""


@needs_proc
@pytest.mark.parametrize(
    "blow", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda blow: blow.name
)
def test_a_stopped_sweep_leaves_no_process_and_goes_on_where_it_stopped(folder, blow):
    Path("plan.csv").write_text("seed\n" + "".join(f"{seed}\n" for seed in range(12)))
    command = trainer(
        """
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        pathlib.Path(f"{sys.argv[1]}.pid").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600 if sys.argv[1] == "0" and not pathlib.Path("fast").exists() else 0.05)
        child.kill()
        child.wait()
        print(json.dumps({"value": 1 / 3}))
        """
    )
    Path("sweep.py").write_text(SWEEP)
    process = subprocess.Popen(
        [sys.executable, "sweep.py", command], env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        enough = random.Random(blow).randint(1, 9)
        wait_for(lambda: Path("runs.csv").exists() and len(pd.read_csv("runs.csv")) >= enough)
        process.send_signal(blow)
        assert process.wait(timeout=30) != 0
    finally:
        process.kill()
        process.wait()
    pids = [int(pid) for path in folder.glob("*.pid") for pid in path.read_text().split()]
    wait_for(lambda: not any(map(alive, pids)), 20)
    before = pd.read_csv("runs.csv")
    assert enough <= len(before) < 12 and (before["value"] == 1 / 3).all() and before["run"].is_unique
    text = Path("runs.csv").read_text()
    Path("fast").touch()
    assert len(measure_command("plan.csv", "runs.csv", command, jobs=2)) == 12
    assert Path("runs.csv").read_text().startswith(text)
