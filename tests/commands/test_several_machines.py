"""The same commands on one process, four shards, Slurm and Ray: equal files. Slurm's programs may be stand-ins."""

import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import chdir, contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from budget.commands import main
from tests import ROOT
from tests.lab.processes import wait_for

SRUN = """#!/bin/sh
echo "srun $*" >> "$ASKED"
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
"""
SBATCH = """#!/bin/sh
echo "sbatch $*" >> "$ASKED"
last=$(sed -n 's/^#SBATCH .*--array=0-\\([0-9]*\\).*/\\1/p' "$2")
for index in $(seq 0 "$last"); do SLURM_ARRAY_TASK_ID=$index sh "$2" > /dev/null 2>&1 || exit 1; done
echo "17;cluster"
"""
TRAINER = "import json, sys; print(json.dumps({'value': 1 / (1 + float(sys.argv[1]))}))"
COMMAND = f"{shlex.quote(sys.executable)} -S train.py {{seed}}"


def budget(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def done(*words: str) -> Result:
    result = budget(*words)
    assert result.exit_code == 0, result.output
    return result


def write_inputs() -> None:
    numbers = np.random.default_rng(0)
    rows = [
        (task, scale, 1 + 0.1 * at + scale**-0.3 * np.exp(0.01 * numbers.normal()))
        for at, task in enumerate(["code", "prose", "maths", "law"])
        for scale in np.geomspace(1, 1000, 9)
    ]
    pd.DataFrame(rows, columns=["task", "x", "value"]).to_csv("runs.csv", index=False)
    Path("plan.csv").write_text("task,seed\n" + "".join(f"code,{seed}\n" for seed in range(6)))
    Path("train.py").write_text(TRAINER)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    write_inputs()


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Stand-ins for Slurm's programs, which run here what they are given; the file says how they were called."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("srun", SRUN), ("sbatch", SBATCH)):
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    return tmp_path / "asked"


def values(path: str) -> dict[str, float]:
    return pd.read_csv(path).set_index("run")["value"].to_dict()


FIT = ["fit", "runs.csv", "--draws", "8"]
BACKTEST = ["backtest", "runs.csv", "--law", "trend", "--draws", "8"]


@pytest.fixture(scope="module")
def of_one_process(tmp_path_factory):
    """A folder with the files of one process, made once: each test gets copies of them, beside the same inputs."""
    folder = tmp_path_factory.mktemp("one")
    with chdir(folder):
        write_inputs()
        done("measure", "plan.csv", "--command", COMMAND, "--out", "one.csv")
        done(*FIT, "--out", "one.json")
        done(*BACKTEST, "--out", "one-backtest.csv")
    return folder


@pytest.fixture
def one_process(of_one_process, folder):
    for name in ("one.csv", "one.json", "one-backtest.csv"):
        shutil.copy(of_one_process / name, name)


def same_everywhere(*at: str, shards: int) -> None:
    """The three commands at a place give the files of one process."""
    done("measure", "plan.csv", "--command", COMMAND, "--out", "many.csv", "--jobs", "2", *at)
    done(*FIT, "--out", "many.json", *at, "--shards", str(shards))
    done(*BACKTEST, "--out", "many-backtest.csv", *at, "--shards", str(shards))
    assert values("many.csv") == values("one.csv")
    for name in (".json", "-backtest.csv"):
        assert Path(f"many{name}").read_bytes() == Path(f"one{name}").read_bytes()
    assert not Path("many-parts").exists() and not Path("many-backtest-parts").exists()


@pytest.mark.slow
def test_the_same_commands_on_one_process_and_on_four_shards(one_process):
    same_everywhere("--on", "local", shards=4)


@pytest.mark.slow
def test_the_same_commands_by_srun_and_by_a_job_array(one_process, slurm):
    same_everywhere("--on", "slurm", "--with", "gpus=1 time=2h mem=16G partition=long", shards=2)
    asked = slurm.read_text().splitlines()
    options = "--gpus=1 --mem=16384M --time=120 --partition=long"
    assert len(asked) == 6 + 2 + 2 and all(options in line for line in asked)
    said = done(*FIT, "--out", "later.json", "--on", "slurm", "--shards", "2", "--detach").stderr
    assert "Job 17 of Slurm does 2 shards (later-parts/job.sh, logs in later-parts)" in said
    join = said.strip().rpartition(": budget ")[2]
    assert join == "join later-parts/part-*.npz --out later.json"
    done("join", *map(str, Path("later-parts").glob("*.npz")), "--out", "later.json")
    assert Path("later.json").read_bytes() == Path("one.json").read_bytes()
    said = done(
        "measure", "plan.csv", "--command", COMMAND, "--out", "later.csv", "--on", "slurm", "--shards", "3", "--detach"
    ).stderr
    assert said.strip().endswith("budget join later-parts/part-*.csv --out later.csv")
    done("join", *(f"later-parts/part-{index}.csv" for index in range(3)), "--out", "later.csv")
    assert values("later.csv") == values("one.csv")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--on", "moon"], "there is no place 'moon'; give local, slurm, ray or ray://HOST"),
        (["--on", "slurm"], "there is no program 'srun' here"),
        (["--on", "local", "--with", "gpus=1"], "'gpus=1' is nothing that local gives"),
    ],
)
def test_a_place_that_is_not_there_is_refused(options, said, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    result = budget("measure", "plan.csv", "--command", COMMAND, "--out", "x.csv", *options)
    assert result.exit_code == 1 and said in result.stderr and not Path("x.csv").exists()


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ("gpus=some", "gpus is 'some', not a number of them; write such as gpus=1"),
        ("mem=16", "mem is '16', not a size; write such as mem=16G"),
        ("time=soon", "time is 'soon', not a time; write such as time=2h, 30m or 2d"),
        ("gpu=1", "'gpu=1' is nothing that slurm gives; write gpus=1 cpus=4 mem=16G time=2h"),
        ("gpus=1 gpus=2", "'gpus=2' is nothing that slurm gives"),
        ("partition=$(rm)", "partition is '$(rm)'; write such as partition=NAME"),
    ],
)
def test_what_cannot_be_given_is_refused(slurm, needs, said):
    result = budget("measure", "plan.csv", "--command", COMMAND, "--out", "x.csv", "--on", "slurm", "--with", needs)
    assert result.exit_code == 1 and said in result.stderr and not slurm.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*FIT, "--out", "x", "--on", "local"], "say how many with --shards"),
        ([*FIT, "--out", "x", "--shards", "2"], "name it with --on"),
        ([*FIT, "--on", "local", "--shards", "2"], "name it with --out"),
        ([*FIT, "--out", "x", "--with", "gpus=1"], "name the place with --on"),
        ([*FIT, "--out", "x", "--on", "local", "--shards", "2", "--detach"], "local has no job arrays"),
        ([*FIT, "--out", "x", "--on", "local", "--shards", "2", "--shard", "0/2"], "leave one out"),
        (["measure", "plan.csv", "--out", "x", "--on", "local"], "--on starts --command there"),
    ],
)
def test_options_of_places_need_one_another(words, said):
    result = budget(*words)
    assert result.exit_code == 2 and said in result.stderr and not Path("x").exists()


def test_a_shard_that_fails_is_told_in_its_own_words(slurm):
    Path("runs.csv").write_text("task,x,value\ncode,1,none\n")
    result = budget(*FIT, "--out", "x.json", "--on", "slurm", "--shards", "2")
    assert result.exit_code == 1 and "Shard 0/2 failed on slurm: " in result.stderr
    assert "runs.csv" in result.stderr.rpartition("failed on slurm: ")[2]


def test_sbatch_that_refuses_is_told(slurm):
    Path(slurm.parent, "programs", "sbatch").write_text("#!/bin/sh\necho 'invalid partition' >&2; exit 1\n")
    result = budget(*FIT, "--out", "x.json", "--on", "slurm", "--shards", "2", "--detach")
    assert result.exit_code == 1
    assert "sbatch refused x-parts/job.sh (invalid partition); mend --with, or the script." in result.stderr


needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray, the extra cluster")


def ray_program() -> str:
    return str(Path(sys.executable).with_name("ray"))


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_it_says_what_to_install():
    result = budget("measure", "plan.csv", "--command", COMMAND, "--out", "x.csv", "--on", "ray")
    assert result.exit_code == 1 and "needs the package ray; install 'budget[cluster]'" in result.stderr


@needs_ray
def test_an_address_that_does_not_answer_is_refused():
    result = budget("measure", "plan.csv", "--command", COMMAND, "--out", "x.csv", "--on", "ray://127.0.0.1:9")
    assert result.exit_code == 1 and "nothing answers at 127.0.0.1:9 (" in result.stderr


@contextmanager
def local_ray():
    """A Ray of two workers, which ends with the block and takes no other one along."""
    words = [ray_program(), "start", "--head", "--block", "--num-cpus=2", "--port=6399", "--include-dashboard=false"]
    process = subprocess.Popen(
        [*words, "--disable-usage-stats"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        status = [ray_program(), "status", "--address=127.0.0.1:6399"]
        wait_for(lambda: subprocess.run(status, capture_output=True).returncode == 0, 90)
        yield
    finally:
        process.terminate()
        process.wait(60)


def workers() -> list[int]:
    """Processes of Ray that run one of our programs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(b"ray::run_there"):
                found.append(int(folder.name))
        except OSError:
            continue  # it ended while we looked
    return found


@needs_ray
@pytest.mark.slow
def test_the_same_commands_on_a_local_ray(one_process):
    with local_ray():
        same_everywhere("--on", "ray", shards=4)


@needs_ray
@pytest.mark.slow
def test_a_killed_worker_of_ray_repeats_its_run_and_no_other_one():
    with local_ray():
        done("measure", "plan.csv", "--command", COMMAND, "--out", "one.csv")
        Path("train.py").write_text(
            f"open('ran', 'a').write(__import__('sys').argv[1]); import time; time.sleep(2); {TRAINER}"
        )
        words = [
            sys.executable,
            str(ROOT / "cli.py"),
            "measure",
            "plan.csv",
            "--command",
            COMMAND,
            "--out",
            "killed.csv",
        ]
        process = subprocess.Popen([*words, "--jobs", "2", "--on", "ray"], stderr=subprocess.PIPE, text=True)
        wait_for(lambda: Path("ran").exists() and workers(), 90)  # what was tried before is over
        os.kill(workers()[0], signal.SIGKILL)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert values("killed.csv") == values("one.csv")
        assert len(Path("ran").read_text()) == 7


CONF = """
ClusterName=budget
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
NodeName={host} CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def one_node_slurm(folder: Path):
    """A Slurm of this machine alone, with an authentication of its own."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    host = os.uname().nodename.partition(".")[0]
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(host=host, folder=folder, cpus=len(os.sched_getaffinity(0))))
    os.environ["SLURM_CONF"] = str(conf)
    munged = shutil.which("munged") or "/usr/sbin/munged"
    files = [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")]
    daemons = [
        [munged, "--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={key}", *files],
        [shutil.which("slurmctld") or "slurmctld", "-D", "-f", str(conf)],
        [shutil.which("slurmd") or "slurmd", "-D", "-f", str(conf)],
    ]
    started = []
    try:
        for words in daemons:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            started.append(subprocess.Popen(words, start_new_session=True, **quiet))
            time.sleep(1.0)
        idle = ["sinfo", "--noheader", "--format=%T"]
        wait_for(lambda: subprocess.run(idle, capture_output=True, text=True).stdout.strip() == "idle", 60)
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(30)
        del os.environ["SLURM_CONF"]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("slurmctld"), reason="needs Slurm (Debian: slurm-wlm, munge)")
def test_the_same_commands_on_a_slurm_of_one_node(one_process, tmp_path):
    with one_node_slurm(tmp_path / "slurm"):
        same_everywhere("--on", "slurm", "--with", "cpus=1 time=10m", shards=2)
        said = done(*FIT, "--out", "later.json", "--on", "slurm", "--shards", "2", "--detach").stderr
        assert "of Slurm does 2 shards" in said
        wait_for(lambda: not subprocess.run(["squeue", "-h"], capture_output=True, text=True).stdout.strip(), 180)
        done("join", "later-parts/part-0.npz", "later-parts/part-1.npz", "--out", "later.json")
    assert Path("later.json").read_bytes() == Path("one.json").read_bytes()
