"""What is read is a file or a live pipe and ends within its bound: real pipes, sockets, devices."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphdbg.errors import FileError
from graphdbg.files.arrays import arrays, bound_of
from graphdbg.files.reading import (
    ARRAYS,
    PROGRAM,
    TABLE,
    Bound,
    is_pipe,
    read,
    read_standard,
    text,
    text_of,
)

SMALL = Bound(1000, "which is enough for a test")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@contextmanager
def fed(path: Path, data: bytes, after: float = 0.0) -> Iterator[None]:
    """Inside, another thread writes to a pipe that it has opened, `after` some seconds."""
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # so that opening to write does not wait
    writer = os.open(path, os.O_WRONLY)

    def write() -> None:
        try:
            with open(writer, "wb") as stream:
                stream.write(data)
        except BrokenPipeError:
            return  # the reader had enough

    timer = threading.Timer(after, write)
    timer.start()
    try:
        yield
    finally:
        os.close(reader)
        timer.join()


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 1000)
    assert read(tmp_path / "f", SMALL) == b"x" * 1000
    (tmp_path / "link").symlink_to("f")
    assert read(str(tmp_path / "link"), SMALL) == b"x" * 1000
    assert not is_pipe(tmp_path / "f") and not is_pipe("a\0b")


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        for name, said in (
            ("socket", "it is a socket, expected a file"),
            (".", "Is a directory, expected a file"),
            ("/dev/zero", "it is a device, expected a file"),
            ("/dev/full", "it is a device, expected a file"),
            ("none", "No such file or directory"),
            ("a\0b", "no file can have such a name"),
            ("n" * 300, "File name too long"),
        ):
            with pytest.raises(FileError, match=said):
                read(name, SMALL)
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(FileError, match="it is a device"):
        read("zero", SMALL)


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(pipe: Path) -> None:
    with pytest.raises(FileError, match="a pipe that nobody has opened for writing"):
        read(pipe, SMALL)
    assert is_pipe(pipe)


def test_a_pipe_is_read_to_its_end(pipe: Path) -> None:
    """More than a pipe holds at a time (64 kB), and nothing at all."""
    data = b"f = x*y\n" * 50_000
    with fed(pipe, data):
        assert read(pipe, PROGRAM) == data


def test_a_writer_that_is_slow_is_waited_for(pipe: Path) -> None:
    with fed(pipe, b"late", after=0.2):
        assert read(pipe, SMALL) == b"late"


def test_a_pipe_of_a_shell_may_be_empty() -> None:
    """`<(true)`: its writer was there and has gone, which is no fault."""
    reader, writer = os.pipe()
    os.close(writer)
    assert read(f"/dev/fd/{reader}", SMALL) == b""
    os.close(reader)


def test_the_bound_is_on_what_comes(tmp_path: Path, pipe: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 1001)
    said = "it is larger than 0.001 MB, which is enough for a test"
    with pytest.raises(FileError, match=said):
        read(tmp_path / "f", SMALL)
    with fed(pipe, b"x" * 10**6), pytest.raises(FileError, match=said):
        read(pipe, SMALL)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**12)  # the system says a terabyte; a few megabytes are read of it
    with pytest.raises(FileError, match="larger than 10 MB, and no text of that size is a program"):
        read(tmp_path / "sparse", PROGRAM)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux alone has /proc")
def test_a_file_that_says_it_is_empty_is_read() -> None:
    assert os.stat("/proc/self/status").st_size == 0
    assert read("/proc/self/status", PROGRAM).startswith(b"Name:")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"f = x\xff")))
    assert read_standard(SMALL) == b"f = x\xff"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x" * 1001)))
    with pytest.raises(FileError, match="larger than"):
        read_standard(SMALL)
    monkeypatch.setattr("sys.stdin", io.StringIO("f = ∂"))
    assert text(read_standard(SMALL)) == "f = ∂"
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(FileError, match="it is closed"):
        read_standard(SMALL)


def test_text_says_where_it_is_none(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbff = \xff")
    with pytest.raises(FileError, match="cannot read the script '.*f': it is not text in UTF-8"):
        text_of(tmp_path / "f", SMALL, "the script ")
    assert text(b"\xef\xbb\xbff = x") == "f = x"


# ------------------------------------------------------------------ arrays


def saved(save: Any = np.save, **more: Any) -> bytes:
    out = io.BytesIO()
    if save is np.save:
        np.save(out, more.pop("array", np.arange(6.0).reshape(2, 3)), **more)
    else:
        save(out, **more)
    return out.getvalue()


def test_arrays_come_back() -> None:
    assert np.array_equal(arrays(saved())[""], np.arange(6.0).reshape(2, 3))
    column = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert arrays(saved(array=column))[""].flags.f_contiguous
    for save in (np.savez, np.savez_compressed):
        found = arrays(saved(save, a=np.eye(2), b=np.array(3)))
        assert sorted(found) == ["a", "b"] and found["b"] == 3
    assert bound_of(saved()) == bound_of(saved(np.savez, a=np.eye(2))) == ARRAYS
    assert bound_of(b"1,2\n") == TABLE


def test_a_size_that_is_not_there_is_refused_before_anything_is_made() -> None:
    claims = saved().replace(b"(2, 3), }" + b" " * 13, b"(99999999, 999999), }" + b" " * 1)
    assert len(claims) == len(saved())
    with pytest.raises(FileError, match="says that it holds 799,999,192,000,008 bytes .* holds 48"):
        arrays(claims)
    negative = saved().replace(b"(2, 3), } ", b"(-2, 3), }")
    with pytest.raises(FileError, match="says that it holds|damaged"):
        arrays(negative)


def test_an_archive_that_unpacks_to_more_than_its_bound() -> None:
    raw = saved(np.savez_compressed, a=np.zeros(10**6))
    assert len(raw) < 10_000
    with pytest.raises(FileError, match=r"it would unpack to 8,000,128 bytes, of at most 100,000"):
        arrays(raw, most=100_000)


def test_a_pickle_is_refused() -> None:
    objects = saved(array=np.array([{}]), allow_pickle=True)
    for raw in (objects, saved(np.savez, a=np.array([{}]))):
        with pytest.raises(FileError, match="it holds Python objects, which may be code"):
            arrays(raw)


def test_other_members_and_formats() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("run.py", "print()")
    with pytest.raises(FileError, match="it holds 'run.py', expected arrays"):
        arrays(out.getvalue())
    with pytest.raises(FileError, match="it is damaged or no file of NumPy's"):
        arrays(b"")
    named = np.zeros(1, dtype=[("∂", float)])
    with pytest.warns(UserWarning, match="3.0"):
        raw = saved(array=named)
    with pytest.raises(FileError, match="NumPy's format 3.0, expected 1.0 or 2.0"):
        arrays(raw)


@pytest.mark.parametrize("kind", ["npy", "npz", "compressed"])
def test_mutated_files_are_errors_of_ours(kind: str) -> None:
    """Three thousand mutations: bytes changed, cut, doubled; nothing but FileError comes out."""
    save = {"npy": np.save, "npz": np.savez, "compressed": np.savez_compressed}[kind]
    raw = saved() if kind == "npy" else saved(save, a=np.arange(6.0), b=np.eye(3))
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(3000):
        mutated = bytearray(raw)
        for at in rng.integers(0, len(raw), rng.integers(1, 4)):
            mutated[at] = rng.integers(256)
        if rng.random() < 0.2:
            mutated = mutated[: rng.integers(len(raw))]
        try:
            arrays(bytes(mutated))
        except FileError:
            refused += 1
    assert refused > 1000


@pytest.mark.parametrize("words", [["/dev/stdout", "x=2"], ["f = x*x", "x=@/dev/fd/1"]])
def test_a_pipe_of_our_own_output_is_not_waited_for(words: list[str]) -> None:
    command = [sys.executable, "-m", "graphdbg", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "it is what this program writes to, expected a file" in " ".join(done.stderr.split())
