"""What is written is whole or not there: links, modes, pipes, devices, full disks, kills."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from graphdbg.errors import FileError
from graphdbg.files.writing import make_folder, ready, ready_folder, same, write

OLD, NEW = b"old", b"new" * 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is there, alone in its folder."""
    path = tmp_path / "f.svg"
    path.write_bytes(OLD)
    return path


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def as_nobody(path: Path) -> list[str]:
    """What `ready` and `write` say, from a child without the rights of root where we have them."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        for call in (lambda: ready(path), lambda: write(path, NEW)):
            try:
                os.write(writer, f"{call()}\n".encode())
            except FileError as error:
                os.write(writer, f"{error}\n".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        lines = said.read().splitlines()
    os.waitpid(child, 0)
    return lines


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others can get into, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


# ------------------------------------------------------------------ what is there afterwards


def test_a_file_is_made_with_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    for mask in (0o022, 0o077, 0o002):
        with umask(mask):
            write(tmp_path / f"{mask}", NEW)
        assert mode(tmp_path / f"{mask}") == 0o666 & ~mask
        assert (tmp_path / f"{mask}").read_bytes() == NEW


@pytest.mark.parametrize("kept", [0o600, 0o644, 0o664, 0o755])
def test_a_file_that_is_replaced_keeps_its_mode(file: Path, kept: int) -> None:
    file.chmod(kept)
    with umask(0o027):
        write(file, NEW)
    assert (file.read_bytes(), mode(file)) == (NEW, kept)
    assert os.listdir(file.parent) == [file.name]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_and_group_are_kept_where_we_may(file: Path) -> None:
    os.chown(file, 12, 34)
    write(file, NEW)
    assert (file.stat().st_uid, file.stat().st_gid) == (12, 34)


@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_is_followed_and_stays(file: Path, tmp_path: Path, there: bool) -> None:
    """Also a chain of them, relative ones, and one to a file that is not there yet."""
    (tmp_path / "deep").mkdir()
    target = file if there else tmp_path / "not yet.svg"
    (tmp_path / "deep/one").symlink_to(f"../{target.name}")
    (tmp_path / "two").symlink_to("deep/one")
    ready(tmp_path / "two")
    write(tmp_path / "two", NEW)
    assert target.read_bytes() == NEW and not target.is_symlink()
    assert (tmp_path / "two").is_symlink() and (tmp_path / "deep/one").is_symlink()


def test_links_in_a_ring_are_said(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(FileError, match="Too many levels of symbolic links"):
        write(tmp_path / "a", NEW)


def test_a_name_of_full_length(tmp_path: Path) -> None:
    """The companion's name is cut: 255 bytes are what a name may have, also in letters of two."""
    for name in ("n" * 255, "é" * 127):
        write(tmp_path / name, NEW)
        assert (tmp_path / name).read_bytes() == NEW


def test_a_relative_name_and_nothing_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("f.txt", b"")
    assert Path("f.txt").read_bytes() == b"" and os.listdir() == ["f.txt"]


# ------------------------------------------------------------------ what is no regular file


def test_a_pipe_with_a_reader_is_written_directly(tmp_path: Path) -> None:
    """More than a pipe holds (64 kB), so that writing has to wait for the reader."""
    path, got = tmp_path / "pipe", bytearray()
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)

    def read() -> None:
        while chunk := os.read(reader, 65536):
            got.extend(chunk)

    thread = threading.Thread(target=read)
    write_all = NEW * 100
    writer = os.open(path, os.O_WRONLY)  # keeps the pipe open until all is there
    thread.start()
    ready(path)
    write(path, write_all)
    os.close(writer)
    thread.join(10)
    os.close(reader)
    assert bytes(got) == write_all and stat.S_ISFIFO(path.stat().st_mode)


def test_a_pipe_without_a_reader_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="cannot write '.*pipe': nobody reads from it"):
        write(tmp_path / "pipe", NEW)


def test_a_socket_and_a_folder_are_no_files(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        with pytest.raises(FileError, match="cannot write 'socket': it is a socket"):
            ready("socket")
    for name in (".", "..", "/"):
        with pytest.raises(FileError, match="it is a folder"):
            ready(name)
        with pytest.raises(FileError, match="Is a directory"):
            write(name, NEW)
    for call in (ready, lambda name: write(name, NEW)):
        with pytest.raises(FileError, match="that is the name of a folder"):
            call("new/")
        with pytest.raises(FileError, match="found an empty name"):
            call("")
        with pytest.raises(FileError, match="no file can have such a name"):
            call("a\0b")
        with pytest.raises(FileError, match="File name too long"):
            call("n" * 300)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux's device that is always full")
def test_devices_are_written_directly(tmp_path: Path) -> None:
    ready("/dev/null")
    write("/dev/null", NEW)
    ready("/dev/full")
    with pytest.raises(FileError, match="cannot write '/dev/full': No space left on device"):
        write("/dev/full", NEW)
    (tmp_path / "link").symlink_to("/dev/full")
    with pytest.raises(FileError, match="No space left on device"):
        write(tmp_path / "link", NEW)
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode) and stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="descriptors have no names here")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_a_redirected_stream_is_written_through_in_order(tmp_path: Path, name: str) -> None:
    """`-o /dev/stdout >> log` adds to the log: nothing is replaced, nothing is out of order."""
    (tmp_path / "link").symlink_to("/dev/stdout")
    script = (
        "import sys\nfrom graphdbg.files import writing\n"
        "print('before')\nwriting.ready(sys.argv[1])\n"
        "writing.write(sys.argv[1], b'picture\\n')\nprint('after')"
    )
    log = tmp_path / "log"
    log.write_text("kept\n")
    with log.open("ab") as stream:
        subprocess.run([sys.executable, "-c", script, name], stdout=stream, check=True,
                       cwd=tmp_path)  # fmt: skip
    assert log.read_text() == "kept\nbefore\npicture\nafter\n"


# ------------------------------------------------------------------ faults


@pytest.mark.parametrize("call", ["open", "write", "fsync", "close", "fchmod", "replace"])
def test_after_a_fault_the_old_file_is_there_and_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real = getattr(os, call)

    def full(*words: Any, **more: Any) -> Any:
        if call == "close":
            real(*words)  # a network folder says only here that it is full
        if call == "open" and not words[1] & os.O_CREAT:
            return real(*words, **more)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(FileError, match="No space left on device; what was .* is kept"):
            write(file, NEW, lasting=True)
    assert file.read_bytes() == OLD and os.listdir(file.parent) == [file.name]


def test_a_write_in_small_parts_is_completed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    write(file, NEW)
    assert file.read_bytes() == NEW


def test_an_interruption_leaves_nothing_behind(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt("Ctrl-C")

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt, match="Ctrl-C"):
        write(file, NEW, lasting=True)
    assert file.read_bytes() == OLD and os.listdir(file.parent) == [file.name]


def test_a_disk_that_is_full_for_real(file: Path) -> None:
    """A limit on the size of files: the kernel writes a part and then refuses."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    script = (
        "import sys\nfrom graphdbg.files import writing\ntry:\n"
        "    writing.write(sys.argv[1], b'new' * 1000)\n"
        "except writing.FileError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True,
                          preexec_fn=limited, check=True)  # fmt: skip
    assert done.stdout == f"cannot write '{file}': File too large; what was there before is kept\n"
    assert file.read_bytes() == OLD and os.listdir(file.parent) == [file.name]


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_any_moment_leaves_the_old_or_the_new(
    file: Path, call: str, after: bool
) -> None:
    """Killed outright before or after each step, in a process that is one with us so far."""
    child = os.fork()
    if child == 0:
        real: Callable[..., Any] = getattr(os, call)

        def killed(*words: Any, **more: Any) -> Any:
            if after:
                real(*words, **more)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(os, call, killed)
        write(file, NEW, lasting=True)
        os._exit(0)
    os.waitpid(child, 0)
    assert file.read_bytes() == (NEW if (call, after) == ("replace", True) else OLD)
    write(file, NEW)
    assert file.read_bytes() == NEW


# ------------------------------------------------------------------ rights


def test_a_protected_file_is_not_replaced(open_folder: Path) -> None:
    """The folder would allow it; who protected the file would not expect it."""
    file = open_folder / "f.svg"
    file.write_bytes(OLD)
    file.chmod(0o444)
    assert as_nobody(file) == [f"cannot write '{file}': it is write-protected"] * 2
    assert file.read_bytes() == OLD


def test_a_folder_that_takes_no_new_files(open_folder: Path) -> None:
    """A file in it that may be written is written, though not beside its place."""
    file, new = open_folder / "f.svg", open_folder / "g.svg"
    file.write_bytes(OLD * 10_000)
    file.chmod(0o666)
    open_folder.chmod(0o555)
    assert as_nobody(new) == [f"cannot write '{new}': Permission denied"] * 2
    assert as_nobody(file) == ["None", "None"]
    assert file.read_bytes() == NEW
    open_folder.chmod(0o777)


# ------------------------------------------------------------------ before the work


def test_what_cannot_be_written_is_said_before(file: Path, tmp_path: Path) -> None:
    missing = tmp_path / "no" / "such" / "f.svg"
    for call in (lambda: ready(missing), lambda: write(missing, NEW)):
        with pytest.raises(FileError, match="there is no folder '.*no/such': make it first"):
            call()
    with pytest.raises(FileError, match="Not a directory"):
        ready(file / "f.svg")
    ready(tmp_path / "new.svg")
    ready(file)
    assert os.listdir(tmp_path) == [file.name] and file.read_bytes() == OLD


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="Linux alone has /proc")
def test_a_folder_that_takes_no_files_is_not_said_to_be_missing() -> None:
    with pytest.raises(FileError, match="cannot write '/proc/f.svg': No such file"):
        ready("/proc/f.svg")


def test_what_is_read_is_not_written_over(file: Path, tmp_path: Path) -> None:
    """By whatever name: a link, another spelling, a hard link."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "link.svg").symlink_to(file)
    os.link(file, tmp_path / "hard.svg")
    other = tmp_path / "other.svg"
    for name in (file, tmp_path / "deep/../f.svg", tmp_path / "link.svg", tmp_path / "hard.svg"):
        assert same(name, file)
        with pytest.raises(FileError, match="would be written over '.*', which is read from"):
            ready(name, [other, file])
    ready(other, [file, "f = x*y", "", "<formula>", "a\0b", "n" * 5000])
    assert not same(other, file)


def test_folders_are_tried_and_not_made(file: Path, tmp_path: Path) -> None:
    ready_folder(tmp_path / "run")
    ready_folder(tmp_path / "deep/er/run")
    ready_folder(tmp_path)
    with pytest.raises(FileError, match="'.*f.svg' is there and is no folder"):
        ready_folder(file / "run")
    with pytest.raises(FileError, match="'.*f.svg' is there and is no folder"):
        ready_folder(file)
    with pytest.raises(FileError, match="found an empty name"):
        ready_folder("")
    with pytest.raises(FileError, match="would be written over '.*f.svg', which is read from"):
        ready_folder(tmp_path, [file], ["a.csv", "f.svg"])
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises(FileError, match="cannot write '.*taken.csv': it is a folder"):
        ready_folder(tmp_path, [], ["taken.csv"])
    assert sorted(os.listdir(tmp_path)) == ["f.svg", "taken.csv"]


def test_make_folder(file: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "a/b")
    make_folder(tmp_path / "a/b")
    assert (tmp_path / "a/b").is_dir()
    with pytest.raises(FileError, match="cannot write '.*f.svg': File exists"):
        make_folder(file)
