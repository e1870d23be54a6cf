"""Outputs are checked before the work, and written complete or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lim.utils.errors import InputError
from lim.utils.files import check_output, read_json, write_text


@pytest.mark.parametrize(
    ("path", "folder", "says"),
    [
        ("file/x.json", False, "cannot be written (Not a directory)"),
        ("folder", False, "is a folder; name a file"),
        ("pipe", False, "is a device or pipe; name a file"),
        ("n" * 300, False, "cannot be written (File name too long); shorten it"),
        ("n" * 250 + ".json", False, "cannot be written (File name too long); shorten it"),
        ("file", True, "is not a folder; name another place"),
        ("new/report.HTML", True, "is a folder here, and this is a file's name; name a folder"),
        ("stability.json", True, "is a folder here, and this is a file's name; name a folder"),
        ("file/x", True, "cannot be written (Not a directory)"),
        ("/proc/x.json", False, "cannot be written (No such file or directory); name another place"),
        ("/proc/x", True, "cannot be written (No such file or directory); name another place"),
        ("s3://bucket/x.json", False, "is an address; results are written to local folders"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_with_its_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, folder: bool, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("folder").mkdir()
    os.mkfifo("pipe")
    with pytest.raises(InputError) as caught:
        check_output("--output_path", path, folder=folder)
    assert str(caught.value).startswith(f"--output_path {path}: {says}")
    if "://" not in path and "file's name" not in says:
        with pytest.raises(InputError, match=r"cannot be written|is a folder|is a device"):
            write_text(Path(path) / "x" if folder else path, "new")
    assert sorted(os.listdir()) == ["file", "folder", "pipe"] and Path("pipe").is_fifo()


@pytest.mark.parametrize(
    ("path", "folder"),
    [("new/er/x.json", False), ("file", False), ("folder", True), ("new/er", True), (".", True), ("limr-1.5b", True)],
)
def test_what_can_be_written_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, folder: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    Path("folder").mkdir()
    check_output("--report", path, folder=folder)
    assert sorted(os.listdir()) == ["file", "folder"]
    assert Path("file").read_text() == "kept"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("none/math8k.json", "no such file; make it with: python -m data.prepare math8k"),
        ("none/arithmetic.json", "no such file; make it with: python -m data.arithmetic"),
        ("none/mine.json", "no such file"),
        ("s3://bucket/math8k.json", "no such file; only local files are read here"),
    ],
)
def test_a_missing_file_says_how_to_make_it(path: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_json(path)
    assert str(caught.value) == f"{path}: {says}"
