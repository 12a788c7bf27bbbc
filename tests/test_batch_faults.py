"""Faults that a batch run survives, with real processes and real files: who dies, what is full, what changed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import loaded
from command import run as in_process

from detector.batch import Options
from detector.batch.run import Job
from detector.batch.run import run as batch_run
from detector.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
TEXT = "The ferry was late again, and nobody on the quay could say why it had not left the other side. "


def write_records(path: Path, n: int, words: int = 1) -> Path:
    """Records of which each has a text of its own, and one in nine is bad."""
    path.write_bytes(
        b"".join(
            b"{\n" if i % 9 == 8 else json.dumps({"id": f"r{i}", "text": f"{i} " + TEXT * words}).encode() + b"\n"
            for i in range(n)
        )
    )
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "detector.cli", "batch", *map(str, arguments)]


def begin(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    """A run in a process of its own."""
    return subprocess.Popen(command(*arguments), cwd=ROOT, stderr=subprocess.PIPE, **options)


def finish(*arguments: object, **options: Any) -> tuple[int, str]:
    """The exit code of a run, and what it said."""
    options = {"cwd": ROOT, "capture_output": True, "timeout": 120, **options}
    done = subprocess.run(command(*arguments), **options)
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stderr.decode()


def wait_for_chunks(run: subprocess.Popen[bytes], folder: Path, n: int) -> None:
    """Until `n` chunks are done, or the run is."""
    done = folder / "done.jsonl"
    while run.poll() is None and not (done.exists() and done.read_bytes().count(b"\n") >= n):
        time.sleep(0.005)


def children(pid: int) -> list[int]:
    """The processes that a process started, and that still run."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "LokyProcess" in line]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_records(tmp_path_factory.mktemp("records") / "in.jsonl", 400)


@pytest.fixture(scope="module")
def whole(records: Path) -> bytes:
    """The output of a run that nothing interrupted."""
    out = records.with_name("whole.jsonl")
    assert finish(records, "--output", out, "--chunk", 10)[0] == 3
    return out.read_bytes()


def test_parent_killed_at_ten_random_moments_then_resumed(tmp_path: Path):
    # so many chunks that ten short runs cannot do them all, however fast the machine
    records, whole = write_records(tmp_path / "in.jsonl", 1200), tmp_path / "whole.jsonl"
    assert finish(records, "--output", whole, "--chunk", 10)[0] == 3
    out, folder, chance = tmp_path / "out.jsonl", tmp_path / "out.jsonl.run", random.Random(20)
    for _ in range(10):
        run = begin(records, "--output", out, "--chunk", 10)
        done = folder / "done.jsonl"
        before = done.read_bytes().count(b"\n") if done.exists() else 0
        wait_for_chunks(run, folder, before + chance.randrange(4))
        time.sleep(chance.random() * 0.02)
        run.kill()
        run.communicate()
        assert run.returncode == -signal.SIGKILL
    code, err = finish(records, "--output", out, "--chunk", 10, "--resume", "--jobs", 2)
    assert code == 3
    assert "records were done before" in err
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "out.jsonl", "whole.jsonl"]


def test_last_line_of_the_manifest_cut_short_is_done_again(records: Path, whole: bytes, tmp_path: Path):
    out, folder = tmp_path / "out.jsonl", tmp_path / "out.jsonl.run"
    run = begin(records, "--output", out, "--chunk", 10)
    wait_for_chunks(run, folder, 4)
    run.kill()
    run.communicate()
    manifest = folder / "done.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-5])
    (folder / "parts" / "000000001").write_bytes(b"cut")
    assert finish(records, "--output", out, "--chunk", 10)[0] == 3
    assert out.read_bytes() == whole


def test_worker_killed_is_replaced_and_its_chunk_done_again(tmp_path: Path):
    source, out, folder = write_records(tmp_path / "in", 400, 8), tmp_path / "out", tmp_path / "out.run"
    run = begin(source, "--output", out, "--chunk", 10, "--jobs", 2)
    wait_for_chunks(run, folder, 2)
    for pid in children(run.pid)[:1]:
        os.kill(pid, signal.SIGKILL)
    assert run.wait(120) == 3, run.stderr and run.stderr.read()
    assert finish(source, "--output", tmp_path / "other", "--chunk", 10)[0] == 3
    assert out.read_bytes() == (tmp_path / "other").read_bytes()


def test_workers_that_always_die_end_the_run_which_can_be_resumed(records: Path, whole: bytes, tmp_path: Path):
    out, folder = tmp_path / "out", tmp_path / "out.run"
    run = begin(records, "--output", out, "--chunk", 10, "--jobs", 2)
    while run.poll() is None:
        for pid in children(run.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    assert run.stderr is not None
    err = run.stderr.read().decode()
    assert run.returncode == 74, err
    assert "worker processes in a row died" in err
    assert f"kept in {folder}; the same command goes on" in err
    assert finish(records, "--output", out, "--chunk", 10)[0] == 3
    assert out.read_bytes() == whole


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("jobs", [1, 2])
def test_signal_ends_the_run_and_says_how_to_resume(
    sent: signal.Signals, code: int, jobs: int, records: Path, whole: bytes, tmp_path: Path
):
    out, folder = tmp_path / "out", tmp_path / "out.run"
    source = write_records(tmp_path / "in", 2000, 8)
    run = begin(source, "--output", out, "--chunk", 10, "--jobs", jobs, start_new_session=True)
    wait_for_chunks(run, folder, 2)
    started = children(run.pid)
    # a terminal sends Ctrl-C to the whole group, a supervisor SIGTERM to the parent
    (os.killpg if sent is signal.SIGINT else os.kill)(run.pid, sent)
    err = run.communicate(timeout=60)[1].decode()
    assert run.returncode == code, err
    assert f"kept in {folder}; the same command goes on from there" in err
    assert "Traceback" not in err
    assert not out.exists()
    assert len(started) == (jobs if jobs > 1 else 0)
    assert not any(is_running(pid) for pid in started)


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_ctrl_c_while_workers_start_is_one_sentence(seconds: float, records: Path, tmp_path: Path):
    run = begin(records, "--output", tmp_path / "out", "--chunk", 10, "--jobs", 2, start_new_session=True)
    while not children(run.pid) and run.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds)
    os.killpg(run.pid, signal.SIGINT)
    err = run.communicate(timeout=60)[1].decode()
    assert run.returncode == 130, err
    assert err.count("detector: interrupted") == 1
    assert "Traceback" not in err


def is_running(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if (Path("/proc") / str(pid) / "stat").read_text().split(")")[-1].split()[0] == "Z":
                return False
        except OSError:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_ends_the_run_which_goes_on_when_there_is_room(
    records: Path, whole: bytes, tmp_path: Path, small_disk: Path
):
    out = small_disk / "out"
    code, err = finish(records, "--output", out, "--chunk", 10)
    assert code == 74
    assert "No space left on device" in err
    assert "the same command goes on from there" in err
    assert not out.exists()
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    code, err = finish(records, "--output", out, "--chunk", 10)
    assert "records were done before" in err
    assert (code, out.read_bytes() == whole) == (3, True)


def test_file_size_limit_ends_the_run_which_goes_on(records: Path, whole: bytes, tmp_path: Path):
    """A quota, where no tmpfs may be mounted: no file may be longer than 64 KB."""
    out = tmp_path / "out"
    limited = ["bash", "-c", 'ulimit -f 64; trap "" XFSZ; exec "$@"', "-"]
    done = subprocess.run([*limited, *command(records, "--output", out, "--chunk", 10)], cwd=ROOT, capture_output=True)
    assert (done.returncode, out.exists()) == (74, False)
    assert b"File too large" in done.stderr
    assert finish(records, "--output", out, "--chunk", 10)[0] == 3
    assert out.read_bytes() == whole


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write anywhere")
def test_read_only_output_folder_is_one_sentence(records: Path, tmp_path: Path):
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o555)
    unprivileged = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    for path in (*reversed(tmp_path.parents), tmp_path):
        if path.stat().st_uid == os.geteuid() and path.stat().st_mode & 0o777 == 0o700:
            path.chmod(0o755)
    done = subprocess.run(
        [*unprivileged, *command(records, "--output", folder / "out")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "out.run cannot be made (Permission denied): name another place" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def killed(records: Path) -> Path:
    """A folder with `in`, and what a killed run on it left of `out`."""
    folder = records.with_name("killed")
    folder.mkdir()
    shutil.copy(records, folder / "in")
    elsewhere = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.Popen(command("in", "--output", "out", "--chunk", 10), cwd=folder, env=elsewhere)
    wait_for_chunks(run, folder / "out.run", 3)
    run.kill()
    run.wait()
    assert not (folder / "out").exists()
    return folder


@pytest.fixture
def left(killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, times included, to work in."""
    shutil.copytree(killed, tmp_path / "left")
    monkeypatch.chdir(tmp_path / "left")
    return tmp_path / "left"


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"ferry", b"train"))


def change_unnoticed(path: Path) -> None:
    times = path.stat()
    change(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (change, "holds an unfinished run with another "),
        (change_unnoticed, "the input is not what it was"),
        (truncate, "holds an unfinished run with another "),
    ],
)
def test_input_that_changed_is_refused(damage: Any, sentence: str, left: Path):
    damage(left / "in")
    result = in_process("batch", "in", "--output", "out", "--chunk", 10)
    assert result.code == 2
    assert sentence in result.err
    assert "--restart" in result.err
    assert not (left / "out").exists()


def replace(path: Path) -> None:
    path.with_name("new").write_bytes(path.read_bytes().replace(b"ferry", b"train"))
    os.replace(path.with_name("new"), path)


@pytest.mark.parametrize(("damage", "jobs"), [(truncate, 1), (replace, 2)])
def test_input_that_changes_while_it_is_read_is_noticed(damage: Any, jobs: int, tmp_path: Path):
    source, out = write_records(tmp_path / "in.jsonl", 400), tmp_path / "out.jsonl"
    run = begin(source, "--output", out, "--chunk", 10, "--jobs", jobs)
    wait_for_chunks(run, tmp_path / "out.jsonl.run", 1)
    damage(source)
    err = run.communicate(timeout=120)[1].decode()
    assert (run.returncode, out.exists()) == (2, False)
    assert f"{source} changed while it was read: begin anew with --restart" in err
    assert finish(source, "--output", out, "--restart")[0] == 3


def test_input_that_grows_while_it_is_read_is_scored_as_far_as_it_was_read(tmp_path: Path):
    source, out = write_records(tmp_path / "in.jsonl", 400), tmp_path / "out.jsonl"
    run = begin(source, "--output", out, "--chunk", 10)
    wait_for_chunks(run, tmp_path / "out.jsonl.run", 1)
    with open(source, "ab") as file:
        file.write(b'{"id": "late", "text": "late"}\n' * 5)
    err = run.communicate(timeout=120)[1].decode()
    assert (run.returncode, f"{source}: was written to while it was read" in err) == (3, True)
    ids = [json.loads(line)["id"] for line in out.read_text().splitlines()]
    assert [i for i in ids if i != "late"] == [f"r{i}" if i % 9 != 8 else str(i + 1) for i in range(400)]
    assert os.listdir(tmp_path).count("out.jsonl.run") == 0


def test_input_that_grew_and_is_another_is_noticed_to_its_last_record(tmp_path: Path):
    source = write_records(tmp_path / "in.jsonl", 20)
    work = batch_run(Job((str(source),), str(tmp_path / "out"), Options(chunk=30)), loaded(), None, None, print)
    assert next(p for p in work if p.tally.records == 20)  # all are scored, and nothing is joined yet
    source.write_bytes(source.read_bytes().replace(b"19 The ferry", b"19 The train") + b"{}\n")
    with pytest.raises(UsageError, match="changed while it was read"):
        next(work)
    assert not (tmp_path / "out").exists()


def test_other_options_are_refused_and_restart_forgets(left: Path):
    other = ("batch", "in", "--output", "out", "--chunk", 10, "--contributions", 2)
    refused = in_process(*other)
    assert (refused.code, "another --contributions (8, now 2)" in refused.err) == (2, True)
    assert in_process(*other, "--restart").code == 3
    rows = [json.loads(row) for row in (left / "out").read_bytes().splitlines()]
    assert all(len(row.get("contributions", [])) <= 2 for row in rows)


def test_other_model_is_refused(left: Path):
    manifest = left / "out.run" / "run.json"
    manifest.write_text(manifest.read_text().replace('"model": "v', '"model": "u'))
    result = in_process("batch", "in", "--output", "out", "--chunk", 10)
    assert (result.code, "another model ('u" in result.err) == (2, True)


def test_second_run_on_one_output_is_refused(records: Path, whole: bytes, tmp_path: Path):
    out = tmp_path / "out"
    first = begin(records, "--output", out, "--chunk", 10)
    wait_for_chunks(first, tmp_path / "out.run", 1)
    first.send_signal(signal.SIGSTOP)
    try:
        code, err = finish(records, "--output", out, "--chunk", 10)
    finally:
        first.send_signal(signal.SIGCONT)
    wait = "wait for its end, or choose another --output or --run-dir"
    assert (code, err) == (2, f"detector: another run holds {out}.run: {wait}\n")
    first.communicate()
    assert (first.returncode, out.read_bytes() == whole) == (3, True)


def test_piped_input_can_be_resumed_by_piping_it_again(records: Path, whole: bytes, tmp_path: Path):
    out = tmp_path / "out"
    with records.open("rb") as stdin:
        run = begin("-", "--output", out, "--chunk", 10, stdin=stdin)
        wait_for_chunks(run, tmp_path / "out.run", 3)
        run.kill()
        run.communicate()
    assert finish("-", "--output", out, "--chunk", 10, input=records.read_bytes())[0] == 3
    assert out.read_bytes() == whole


@pytest.mark.parametrize("jobs", [1, 2])
def test_reader_that_stops_early_ends_the_run_cleanly(jobs: int, records: Path):
    pipe = " ".join(["exec", sys.executable, "-m", "detector.cli", "batch", str(records), "--output", "-"])
    done = subprocess.run(
        ["bash", "-c", f"({pipe} --chunk 10 --jobs {jobs}; echo $? >&2) | head -n 2"],
        cwd=ROOT, capture_output=True, timeout=120,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr in (b"0\n", b"")


def test_row_comes_out_before_the_next_line_goes_in():
    run = begin("-", "--output", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert run.stdin is not None
    assert run.stdout is not None
    for i in range(3):
        run.stdin.write(json.dumps({"id": str(i), "text": TEXT}).encode() + b"\n")
        run.stdin.flush()
        assert json.loads(run.stdout.readline())["id"] == str(i)
    run.stdin.close()
    assert run.wait(60) == 0


def test_fifty_megabyte_records_take_no_worker_down(tmp_path: Path):
    source = tmp_path / "in"
    with source.open("wb") as sink:
        for _ in range(2):
            sink.write(json.dumps({"id": "small", "text": TEXT}).encode() + b"\n")
            sink.write(b'{"id": "big", "text": "' + b"word " * 10_000_000 + b'"}\n')
    limit = "ulimit -v 6000000; " if sys.platform == "linux" else ""
    done = subprocess.run(
        ["bash", "-c", limit + 'exec "$@"', "-", *command(source, "--output", tmp_path / "out", "--jobs", 2)],
        cwd=ROOT, capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    rows = [json.loads(row) for row in (tmp_path / "out").read_bytes().splitlines()]
    assert [row.get("error", {}).get("code") for row in rows] == [None, "too_long"] * 2


# Dask, on a real local cluster


def test_dask_worker_killed_mid_run(tmp_path: Path):
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'detector[dask]'")
    source, out = write_records(tmp_path / "in", 400, 8), tmp_path / "out"
    assert finish(source, "--output", tmp_path / "other", "--chunk", 10)[0] == 3
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        pids = [worker.pid for worker in cluster.workers.values()]
        run = begin(source, "--output", out, "--chunk", 10, "--engine", "dask", "--address", cluster.scheduler_address)
        wait_for_chunks(run, tmp_path / "out.run", 2)
        os.kill(pids[0], signal.SIGKILL)
        err = run.communicate(timeout=120)[1].decode()
    assert run.returncode == 3, err
    assert out.read_bytes() == (tmp_path / "other").read_bytes()


def test_dask_cluster_that_is_not_there_is_one_sentence(records: Path, tmp_path: Path):
    pytest.importorskip("distributed", reason="needs Dask: pip install 'detector[dask]'")
    nowhere = ("--engine", "dask", "--address", "tcp://127.0.0.1:9")
    patience = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "500ms"}
    code, err = finish(records, "--output", tmp_path / "out", *nowhere, env=patience)
    assert (code, "no dask cluster answers at tcp://127.0.0.1:9" in err) == (2, True)


@pytest.mark.heavy
def test_ray_gives_the_same_bytes(tmp_path: Path):
    pytest.importorskip("ray", reason="needs Ray: pip install 'detector[ray]'")
    source = write_records(tmp_path / "in", 100)
    assert finish(source, "--output", tmp_path / "other", "--chunk", 25)[0] == 3
    code, err = finish(source, "--output", tmp_path / "out", "--chunk", 25, "--engine", "ray")
    assert code == 3, err
    assert (tmp_path / "out").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("theirs", ["notes.txt", "parts/notes.txt"])
def test_a_run_directory_that_holds_other_files_is_never_touched(theirs: str, tmp_path: Path):
    file = tmp_path / "mine" / theirs
    file.parent.mkdir(parents=True)
    file.write_text("precious")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    code, err = finish(theirs, "--output", "../out", "--run-dir", ".", cwd=tmp_path / "mine", env=environment)
    assert (code, f"holds {theirs}, which no run wrote: choose another --run-dir" in err) == (2, True)
    assert file.read_text() == "precious"


def test_a_file_that_comes_into_the_run_directory_stays_there(records: Path, whole: bytes, tmp_path: Path):
    out = tmp_path / "out"
    run = begin(records, "--output", out, "--chunk", 10)
    wait_for_chunks(run, tmp_path / "out.run", 1)
    (tmp_path / "out.run" / "notes.txt").write_text("precious")
    run.communicate()
    assert out.read_bytes() == whole
    assert (tmp_path / "out.run" / "notes.txt").read_text() == "precious"


@pytest.mark.parametrize("given", ["file", "stdin", "empty"])
def test_a_run_on_a_terminal_shows_how_far_it_is(given: str, records: Path, whole: bytes, tmp_path: Path):
    out, empty = tmp_path / "out", tmp_path / "empty.jsonl"
    empty.touch()
    source = {"file": records, "stdin": "-", "empty": empty}[given]
    ours, theirs = os.openpty()
    with open(records, "rb") as stdin:
        run = subprocess.Popen(
            command(source, "--output", out, "--chunk", 10), cwd=ROOT, stdin=stdin, stderr=theirs, env=os.environ
        )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal ends
        while piece := os.read(ours, 1 << 16):
            shown += piece
    os.close(ours)
    assert run.wait() == (0 if given == "empty" else 3), shown.decode()
    assert out.read_bytes() == (b"" if given == "empty" else whole)
    assert (b"100%" in shown) == (given == "file")


def test_a_closed_stderr_ends_no_run(records: Path, whole: bytes, tmp_path: Path):
    for end in ("2>&-", "2>/dev/full"):
        out = tmp_path / f"out{len(end)}"
        line = " ".join([*command(records, "--output", out), end])
        assert subprocess.run(["sh", "-c", line], cwd=ROOT, timeout=120).returncode == 3
        assert out.read_bytes() == whole


def test_workers_end_with_their_parent(records: Path, tmp_path: Path):
    run = begin(write_records(tmp_path / "in", 4000, 30), "--output", tmp_path / "out", "--chunk", 20, "--jobs", 2)
    wait_for_chunks(run, tmp_path / "out.run", 3)
    workers = children(run.pid)
    run.kill()
    run.communicate()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_what_a_killed_join_left_is_removed(records: Path, whole: bytes, tmp_path: Path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    out = tmp_path / "out"
    left, others = tmp_path / f".out.{ended.pid}.part", tmp_path / f".out.{os.getpid()}.part"
    for file in (left, others):
        file.write_bytes(b"half")
    assert finish(records, "--output", out)[0] == 3
    assert out.read_bytes() == whole
    assert sorted(os.listdir(tmp_path)) == sorted(["out", others.name])


def test_more_errors_allowed_goes_on_where_it_stopped(records: Path, whole: bytes, tmp_path: Path):
    out = tmp_path / "out"
    code, err = finish(records, "--output", out, "--chunk", 10, "--max-errors", 3)
    assert (code, "a higher --max-errors goes on from there" in err) == (3, True)
    kept = err.partition(" records are done")[0].rpartition(" ")[2]
    again, err = finish(records, "--output", out, "--chunk", 10, "--max-errors", 3)
    assert (again, f" {kept} records are done" in err) == (3, True)
    assert finish(records, "--output", out, "--chunk", 10, "--max-errors", 100)[0] == 3
    assert out.read_bytes() == whole
