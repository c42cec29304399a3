from pathlib import Path

from gitexp.worker.disk import Disk
from gitexp.worker.output import Output, read_output


def kept(folder: Path, *parts: bytes) -> bytes:
    output = Output(str(folder))
    for part in parts:
        output.write(part)
    output.close()
    return read_output(str(folder))


def test_no_output_is_empty(tmp_path: Path) -> None:
    assert kept(tmp_path) == b""


def test_a_folder_in_which_nothing_was_written_has_no_output(tmp_path: Path) -> None:
    assert read_output(str(tmp_path)) == b""


def test_output_up_to_64_kib_is_kept_as_it_came(tmp_path: Path) -> None:
    text = b"0123456789abcde\n" * 4096
    assert len(text) == 65536
    assert kept(tmp_path, text[:33000], text[33000:]) == text


def test_longer_output_keeps_its_beginning_and_its_end_and_says_how_much_is_cut(tmp_path: Path) -> None:
    lines = b"".join(b"line %06d\n" % n for n in range(100_000))
    text = kept(tmp_path, lines)
    assert len(text) <= 65536
    head, rest = text.split(b"[gitexp: ")
    count, tail = rest.split(b" bytes cut]\n")
    assert lines.startswith(head)
    assert lines.endswith(tail)
    assert int(count) == len(lines) - len(head) - len(tail)
    assert head.endswith(b"\n")
    assert tail.startswith(b"line ")
    assert len(tail) > 30_000


def test_output_byte_by_byte_is_the_same_as_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    data = b"".join(b"%07d\n" % n for n in range(20_000))
    assert kept(tmp_path / "a", data) == kept(tmp_path / "b", *(data[i : i + 1] for i in range(len(data))))


def test_a_cut_never_splits_a_character(tmp_path: Path) -> None:
    text = kept(tmp_path, b"x" + "€".encode() * 100_000)
    assert text.decode().strip("€x").startswith("\n[gitexp: ")


def test_bytes_that_are_no_text_are_kept_too(tmp_path: Path) -> None:
    text = kept(tmp_path, b"\xff\x80" * 100_000)
    assert text.startswith(b"\xff\x80\xff")
    assert len(text) <= 65536


def test_the_files_never_hold_more_than_136_kib(tmp_path: Path) -> None:
    output = Output(str(tmp_path))
    for _ in range(1000):
        output.write(b"y" * 10_007)
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 136 * 1024


def test_everything_written_can_be_read_before_the_output_is_closed(tmp_path: Path) -> None:
    output = Output(str(tmp_path))
    output.write(b"z" * 200_000)
    output.write(b"the last words\n")
    assert read_output(str(tmp_path)).endswith(b"zzzthe last words\n")


def test_a_writer_killed_between_two_segments_leaves_a_readable_end(tmp_path: Path) -> None:
    data = b"".join(b"%07d\n" % n for n in range(40_000))
    whole = kept(tmp_path, data)
    last = max(int(file.suffix[1:]) for file in tmp_path.glob("output.tail.*"))
    (tmp_path / f"output.tail.{last - 3}").write_bytes(b"old" * 10_000)  # as if it had not been removed yet
    assert read_output(str(tmp_path)) == whole


def test_a_full_disk_is_noted_and_harms_nobody(tmp_path: Path) -> None:
    disk = Disk(str(tmp_path))
    output = Output(str(tmp_path), disk)
    (tmp_path / "output.tail.0").symlink_to("/dev/full")
    output.write(b"w" * 48_000)
    output.write(b"more")
    assert disk.trouble == "No space left on device"
    assert (tmp_path / "output.head").stat().st_size == 40 * 1024
