"""Files uploaded to the real server, small ones that are large too: bounded in time, in memory and on the disk."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from app.server.settings import Settings
from app.server.uploads import Uploads
from app.visit.own_rows import read_sheet
from tests.security.conftest import API, Caller, Page

LIMITS = Settings()


def repeated(path: Path) -> None:
    """A text for three million rows: some thousand bytes."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 3_000_000, pa.int32()), pa.array(["x" * 500]))
    parquet.write_table(pa.table({"question": column, "answer": column}), path, compression="zstd")


def one_long_list(path: Path) -> None:
    """A row that holds ten million numbers."""
    column = pa.ListArray.from_arrays(pa.array([0, 10_000_000]), pa.array([1] * 10_000_000, pa.int8()))
    parquet.write_table(pa.table({"answer": ["a"], "more": column}), path, compression="zstd")


def large_texts(path: Path) -> None:
    """A text of 40 MB in each of ten rows, compressed to nothing."""
    texts = pa.array(["a" * 40_000_000] * 10)
    parquet.write_table(pa.table({"answer": texts}), path, compression="zstd", use_dictionary=False)


def lists(path: Path) -> None:
    """12 MB of JSON that would be 300 MB of lists."""
    path.write_text('[{"answer": "a", "more": [' + "[]," * 4_000_000 + "[]]}]")


def many_lists(path: Path) -> None:
    """The same in many records, each of them small."""
    path.write_text(
        ("[" + '{"answer": "a", "more": [' + "[]," * 400 + "[]]},") + '{"answer": "b"},' * 3 + '{"answer": "c"}]'
    )


def wide(path: Path) -> None:
    """Twenty thousand columns."""
    path.write_text(",".join(f"c{i}" for i in range(20_000)) + "\n" + ("," * 19_999 + "\n") * 60)


FILES: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("repeated.parquet", repeated), ("list.parquet", one_long_list), ("texts.parquet", large_texts),
    ("lists.json", lists), ("many.json", many_lists), ("wide.csv", wide),
)  # fmt: skip


@pytest.mark.parametrize(("name", "make"), FILES)
def test_a_small_file_stays_small(tmp_path: Path, page: Page, name: str, make: Callable[[Path], None]) -> None:
    """Uploaded and opened as the page does it, beside a watch on `/health`."""
    path = tmp_path / name
    make(path)
    before, started = page.memory_mb(), time.monotonic()
    caller = Caller(page, f"brings-{name}")
    said = opened(caller, path)
    assert said.get("success"), said
    assert time.monotonic() - started < 15
    assert page.memory_mb() - before < 250


def opened(caller: Caller, path: Path) -> dict[str, Any]:
    """What the page says to a file in the place for rows to forget."""
    with path.open("rb") as file:
        (kept,) = caller.client.post(f"{API}/upload", files={"files": (path.name, file)}).json()
    number = next(each["id"] for each in caller.functions if each["api_name"] == "open_file")
    data = {"path": kept, "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}
    assert caller.put(fn_index=number, data=[data]).status_code == 200
    return caller.answer()


def test_odd_words_of_a_file_end_no_stream(tmp_path: Path, page: Page) -> None:
    """Half a character, a time zone that is none, a time before all calendars."""
    half = tmp_path / "half.jsonl"
    half.write_text(json.dumps({"question": "a\ud83d", "answer": "b\udfff", "c\ud800": 1}) + '\n{"answer": "whole"}\n')
    zone = tmp_path / "zone.parquet"
    times = pa.array([0, 2**62], pa.timestamp("us", tz="Mars/Olympus"))
    parquet.write_table(pa.table({"answer": ["a", "b"], "at": times}), zone)
    early = tmp_path / "early.parquet"
    parquet.write_table(pa.table({"answer": ["a"], "at": pa.array([-(2**62)], pa.timestamp("us"))}), early)
    for path in (half, zone, early):
        said = opened(Caller(page, f"odd-{path.stem}"), path)
        assert said["msg"] == "process_completed" and said.get("success"), (path.name, said)
    assert "Traceback" not in page.log.read_text()


def test_uploads_leave_nothing_on_the_disk(page: Page) -> None:
    """Cut off in the middle, stalled, and never asked for: 288 MB stayed for ever, and twelve stalled held 600."""
    before = on_disk(page)
    stalled = [half_an_upload(page, 40_000_000) for _ in range(2)]
    try:
        until(lambda: on_disk(page) - before > 70_000_000)
        third = half_an_upload(page, 40_000_000, read=True)
        assert b" 429 " in third, "more is not taken while those are on their way"
    finally:
        for connection in stalled:
            connection.close()
    until(lambda: on_disk(page) == before)


def test_a_file_goes_with_its_visit(tmp_path: Path, page: Page) -> None:
    """The second of its kind: whole uploads, of which two visitors bring the same."""
    path, before = tmp_path / "same.csv", on_disk(page)
    path.write_text("answer\n" + "Ada.\n" * 1000)
    callers = [Caller(page, f"same{n}") for n in range(2)]
    pages = [caller.client.stream("GET", f"{API}/heartbeat/{caller.session}") for caller in callers]
    beats = [stream.__enter__().iter_raw() for stream in pages]
    for beat in beats:
        next(beat)
    assert all(opened(caller, path).get("success") for caller in callers)
    assert on_disk(page) > before
    pages[0].__exit__(None, None, None)
    time.sleep(0.5)
    assert on_disk(page) > before, "it is the other's as well"
    pages[1].__exit__(None, None, None)
    until(lambda: on_disk(page) <= before)


def half_an_upload(page: Page, size: int, read: bool = False) -> Any:
    """An upload that says it is larger than what comes; what the server says to it, or the open connection."""
    host, port = page.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = (
        f"POST {API}/upload HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: multipart/form-data; boundary=cut\r\n"
        f"content-length: {size + 10_000}\r\n\r\n--cut\r\ncontent-disposition: form-data; name=files; "
        "filename=a.csv\r\n\r\n"
    )
    connection.sendall(head.encode())
    try:
        connection.sendall(b"x" * size)
    except OSError:
        # Refused on its way.
        pass
    return connection.recv(1000) if read else connection


def on_disk(page: Page) -> int:
    """The bytes of files that were uploaded."""
    total = 0
    # A walk, as files and folders may go while they are counted.
    for folder, _, names in os.walk(page.folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(folder, name).stat().st_size
    return total


def until(holds: Callable[[], bool], patience: float = 10) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_is_held_of_a_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("question,answer\n" + "Who is it?,Ada.\n" * 200_000)
    sheet = read_sheet(path, LIMITS)
    assert len(sheet.records) == LIMITS.max_rows and sheet.more == 100_000
    lists(path.with_suffix(".json"))
    with pytest.raises(ValueError, match="more than 1,000,000 characters"):
        read_sheet(path.with_suffix(".json"), LIMITS)


def test_what_is_on_its_way_counts_as_if_it_were_here_and_room_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "one" / "a.csv"
    path.parent.mkdir()
    path.write_bytes(b"x" * 60)
    uploads = Uploads(100, 150)
    with uploads.coming("ada", 60):
        assert "one address" in uploads.refusal("ada", 50) and not uploads.refusal("bo", 80)
        assert "all visitors" in uploads.refusal("bo", 100)
    assert not uploads.refusal("ada", 100)
    uploads.add(str(path), "ada")
    assert uploads.refusal("ada", 50) and not uploads.refusal("bo", 80)
    uploads.claim([str(path)], "session")
    uploads.leave("session")
    assert not uploads.refusal("ada", 100) and not path.exists()
    with pytest.raises(ValueError, match="UPLOADS_MB must be at least FORGET_LENS_MAX_UPLOAD_MB, which is 50"):
        Settings(uploads_mb=49)
