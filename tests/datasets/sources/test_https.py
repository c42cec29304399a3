"""Files at web addresses, fetched from a real server with good and bad manners."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from _pytest.monkeypatch import MonkeyPatch
from fetching import Box

from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.sources.open import fetch, resolve
from gitexp.datasets.sources.public import is_public
from gitexp.datasets.sources.resolution import Resolution, SourceFile, SourceSettings
from gitexp.errors import Refused

DIGITS = SourceSettings("digits", source="UCI", access="restricted", owner="Jane <jane@lab.example>")
TEN = bytes(range(256)) * 40  # 10,240 bytes
TEN_DIGEST = "xxh128:1cb22534d0d96975c03d2231ab9348f3"


class Watcher:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.expected, self.files, self.bytes = (0, 0), [0], [0]

    def expect(self, *, files: int, size_bytes: int) -> None:
        self.expected = (files, size_bytes)

    def advance(self, *, files: int, size_bytes: int) -> None:
        self.files.append(files)
        self.bytes.append(size_bytes)


@pytest.fixture
def box(store: ObjectStore, workspace: Path) -> Box:
    return Box(store, workspace, DIGITS)


def test_a_file_comes_into_the_store_with_its_manifest(web, box) -> None:
    web.write("a.csv", b"1")
    fetched = box.get(f"{web.url}/good/a.csv")
    assert fetched.manifest == b"df3ce784d856334d65cd25028f98f158  a.csv\n"
    assert box.store.path_of(fetched.digest).read_bytes() == fetched.manifest
    assert box.store.path_of("df3ce784d856334d65cd25028f98f158").read_bytes() == b"1"
    assert (fetched.files, fetched.size_bytes, fetched.bytes_fetched, fetched.cached) == (1, 1, 1, False)
    assert box.left() == []


def test_the_version_is_the_etag(web) -> None:
    web.write("a.csv", b"1")
    resolution = resolve(f"{web.url}/good/a.csv", settings=DIGITS)
    assert resolution.version == "c4ca4238a0b923820dcc509a6f75849b"
    assert resolution.mirror is None
    assert web.asked() == ["HEAD /good/a.csv"]


def test_without_an_etag_the_version_is_the_date(web) -> None:
    web.write("a.csv", b"1")
    assert resolve(f"{web.url}/dated/a.csv", settings=DIGITS).version == "Sat, 03 Jan 2026 00:00:00 GMT"


def test_an_unchanged_version_costs_one_request(web, box) -> None:
    web.write("a.csv", b"1")
    first = box.get(f"{web.url}/good/a.csv")
    web.asked()
    again = box.get(f"{web.url}/good/a.csv")
    assert web.asked() == ["HEAD /good/a.csv"]
    assert (again.digest, again.bytes_fetched, again.cached) == (first.digest, 0, True)


def test_a_new_version_is_fetched(web, box) -> None:
    web.write("a.csv", b"1")
    box.get(f"{web.url}/good/a.csv")
    web.write("a.csv", b"22")
    assert box.get(f"{web.url}/good/a.csv").bytes_fetched == 2


def test_what_has_no_version_is_fetched_each_time(web, box) -> None:
    web.write("a.csv", b"1")
    box.get(f"{web.url}/nameless/a.csv")
    web.write("a.csv", b"2")
    assert box.get(f"{web.url}/nameless/a.csv").bytes_fetched == 1


def test_what_the_store_lost_is_fetched_again(web, box) -> None:
    web.write("a.csv", b"1")
    box.get(f"{web.url}/good/a.csv")
    box.store.path_of("df3ce784d856334d65cd25028f98f158").unlink()
    assert box.get(f"{web.url}/good/a.csv").bytes_fetched == 1
    assert box.store.has("df3ce784d856334d65cd25028f98f158")


def test_a_connection_that_breaks_off_is_continued_where_it_was(web, box) -> None:
    web.write("ten", TEN)
    fetched = box.get(f"{web.url}/breaking/ten")
    assert fetched.bytes_fetched == 10240
    assert [line["range"] for line in web.requests()] == [None, None, "bytes=3413-", "bytes=6826-"]
    assert fetched.manifest.decode().split() == [TEN_DIGEST.removeprefix("xxh128:"), "ten"]


def test_what_arrived_before_a_failure_is_kept(web, box) -> None:
    web.write("ten", TEN)
    with pytest.raises(Refused, match=r"digits could not be fetched: ten broke off after 5120 of 10240 bytes"):
        box.get(f"{web.url}/always-breaking/ten")
    (part,) = box.left()
    assert (box.workspace / "partial" / part).read_bytes() == TEN[:5120]


def test_a_broken_server_leaves_the_store_as_it_was(web, box) -> None:
    web.write("ten", TEN)
    with pytest.raises(Refused):
        box.get(f"{web.url}/always-breaking/ten")
    assert [path for path in box.store.root.rglob("*") if path.is_file()] == []


def test_a_busy_server_is_asked_again(web, box) -> None:
    web.write("a.csv", b"1")
    assert box.get(f"{web.url}/busy-once/a.csv").files == 1


def test_a_server_that_stays_busy_is_given_up(web) -> None:
    with pytest.raises(Refused, match="answered 503 Service Unavailable"):
        resolve(f"{web.url}/busy/a.csv", settings=DIGITS)
    assert web.asked() == ["HEAD /busy/a.csv"] * 3


def test_a_silent_server_is_given_up_after_the_time_limit(web) -> None:
    with pytest.raises(Refused, match=r"did not answer for 0\.3 s"):
        resolve(f"{web.url}/silent/a.csv", settings=DIGITS._replace(timeout_s=0.3))


def test_a_host_where_nothing_listens_is_named() -> None:
    with pytest.raises(Refused, match=r"127\.0\.0\.1:9 cannot be reached: Connection refused"):
        resolve("http://127.0.0.1:9/a.csv", settings=DIGITS)


def test_a_server_without_head_is_asked_by_get(web, box) -> None:
    web.write("a.csv", b"1")
    assert box.get(f"{web.url}/no-head/a.csv").files == 1


def test_a_file_that_changes_meanwhile_is_refused(web, box) -> None:
    web.write("a.csv", b"1")
    with pytest.raises(Refused, match="digits changed while it was being fetched") as caught:
        box.get(f"{web.url}/changing/a.csv")
    assert caught.value.fix == "run the command again; it will take the new version"
    assert box.left() == []


def test_bytes_with_the_stated_sha256_are_taken(web, box) -> None:
    web.write("a", b"right")
    assert box.get(f"{web.url}/stated/a").files == 1


def test_bytes_with_another_sha256_are_refused(web, box) -> None:
    web.write("a", b"wrong")
    with pytest.raises(Refused, match="digits arrived damaged, twice") as caught:
        box.get(f"{web.url}/stated/a")
    assert caught.value.details[1].startswith("  sha256: stated 27042f4e6eca")
    assert [path for path in box.store.root.rglob("*") if path.is_file()] == []


def test_a_redirect_is_followed_and_named(web, box) -> None:
    web.write("a.csv", b"1")
    assert resolve(f"{web.url}/moved/a.csv", settings=DIGITS).mirror == f"{web.url}/good/a.csv"
    assert box.get(f"{web.url}/moved/a.csv").files == 1


def test_a_mirror_is_named_without_its_signature(web) -> None:
    web.write("a.csv", b"1")
    mirror = resolve(f"{web.url}/elsewhere/a.csv", settings=DIGITS).mirror
    assert mirror == f"{web.url.replace('127.0.0.1', 'localhost')}/good/a.csv"


def test_redirects_without_end_are_refused(web) -> None:
    with pytest.raises(Refused, match="redirects without end"):
        resolve(f"{web.url}/around/a.csv", settings=DIGITS)


def test_a_file_that_is_not_there_is_named(web) -> None:
    with pytest.raises(Refused, match=r"digits is not at http://127.*/none/a\.csv: 404 Not Found") as caught:
        resolve(f"{web.url}/none/a.csv", settings=DIGITS)
    assert caught.value.fix == "ask Jane <jane@lab.example>, or correct the url of [datasets.digits]"


def test_missing_access_names_system_scope_method_and_owner(web) -> None:
    with pytest.raises(Refused) as caught:
        resolve(f"{web.url}/forbidden/a.csv", settings=DIGITS._replace(auth="the portal's account"))
    assert caught.value.what == "No access to digits: UCI answered 403 Forbidden"
    assert caught.value.details == (
        f"  url     {web.url}/forbidden/a.csv",
        "  source  UCI",
        "  access  restricted",
        "  auth    the portal's account",
        "  owner   Jane <jane@lab.example>",
    )
    assert caught.value.fix == "ask Jane <jane@lab.example> for access, then run the command again"


def _with(auth: str, web) -> SourceSettings:
    """With a way to log in that was approved for this server."""
    return DIGITS._replace(auth=auth, trusted=frozenset({f"{auth} {web.url}"}))


def test_a_token_comes_from_the_variable_that_auth_names(web, box, monkeypatch: MonkeyPatch) -> None:
    web.write("a.csv", b"1")
    monkeypatch.setenv("LAB_TOKEN", "open-sesame")
    assert replace(box, settings=_with("env:LAB_TOKEN", web)).get(f"{web.url}/locked/a.csv").files == 1


def test_a_token_that_is_not_set_is_asked_for(web, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_TOKEN", raising=False)
    with pytest.raises(Refused, match="the environment variable LAB_TOKEN is not set") as caught:
        resolve(f"{web.url}/locked/a.csv", settings=_with("env:LAB_TOKEN", web))
    assert caught.value.fix == "export LAB_TOKEN=…    (or ask Jane <jane@lab.example> for a token)"
    assert web.asked() == []


def test_a_token_does_not_follow_a_redirect_to_another_host(web, monkeypatch: MonkeyPatch) -> None:
    web.write("a.csv", b"1")
    monkeypatch.setenv("LAB_TOKEN", "open-sesame")
    resolve(f"{web.url}/locked-elsewhere/a.csv", settings=_with("env:LAB_TOKEN", web))
    assert [line["token"] for line in web.requests()] == ["Bearer open-sesame", None]


def test_a_token_is_in_no_error_and_no_file(web, box, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "not-the-one")
    with pytest.raises(Refused) as caught:
        replace(box, settings=_with("env:LAB_TOKEN", web)).get(f"{web.url}/locked/a.csv")
    error = caught.value
    assert "not-the-one" not in "\n".join([error.what, *error.details, error.why, error.fix])


def test_a_token_with_a_line_feed_is_refused_unseen(web, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "one\ntwo")
    with pytest.raises(Refused, match="what the environment variable LAB_TOKEN holds is no token"):
        resolve(f"{web.url}/locked/a.csv", settings=_with("env:LAB_TOKEN", web))


@pytest.mark.parametrize("auth", ["env:LAB_TOKEN", "netrc"])
def test_nothing_that_opens_a_server_is_sent_before_somebody_approved_it(
    web, tmp_path: Path, monkeypatch: MonkeyPatch, auth: str
) -> None:
    monkeypatch.setenv("LAB_TOKEN", "open-sesame")
    netrc = tmp_path / "netrc"
    netrc.write_text("default login ada password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    elsewhere = frozenset({f"{auth} https://data.example", f"env:OTHER {web.url}", "remotes.lab " + web.url})
    with pytest.raises(Refused) as caught:
        resolve(f"{web.url}/locked/a.csv", settings=DIGITS._replace(auth=auth, trusted=elsewhere))
    assert caught.value.fix == f"git config --add gitexp.trusted '{auth} {web.url}'"
    assert web.asked() == []


def test_netrc_is_used_where_auth_says_so(web, box, tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    web.write("a.csv", b"1")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert replace(box, settings=_with("netrc", web)).get(f"{web.url}/basic/a.csv").files == 1


# ---- what a stranger's record may have asked


@pytest.mark.parametrize(
    "number",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fe80::1",
     "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1"],
)  # fmt: skip
def test_a_number_of_ones_own_network_is_not_public(number: str) -> None:
    assert not is_public(number)


def test_a_number_of_the_internet_is_public() -> None:
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433"])
def test_an_address_of_a_stranger_is_not_asked_on_this_machine_by_whatever_name(web, host: str) -> None:
    url = f"{web.url}/a.csv".replace("127.0.0.1", host).replace("http:", "https:")
    with pytest.raises(Refused, match="is on this machine's own network"):
        resolve(url, settings=DIGITS._replace(public_only=True))
    assert web.asked() == []


def test_plain_http_to_another_machine_is_refused() -> None:
    with pytest.raises(Refused, match=r"http://data\.example/a\.csv is not encrypted"):
        resolve("http://data.example/a.csv", settings=DIGITS)


def test_a_token_is_never_sent_in_the_clear(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "open-sesame")
    with pytest.raises(Refused, match="would be sent in the clear"):
        resolve("http://data.example/a.csv", settings=DIGITS._replace(auth="env:LAB_TOKEN", plain_http=True))


def test_an_address_without_a_file_name_is_refused() -> None:
    with pytest.raises(Refused, match=r"https://data\.example/folder/ names no file"):
        resolve("https://data.example/folder/", settings=DIGITS)


def test_a_name_that_leads_out_of_the_dataset_is_refused(box) -> None:
    file = SourceFile(b"../a", "https://data.example/a")
    hostile = Resolution("https://data.example/a", "https://data.example/a", None, (file,))
    with pytest.raises(Refused, match="its names cannot lie in a folder"):
        fetch(hostile, settings=DIGITS, store=box.store, workspace=box.workspace)


def test_whoever_watches_is_told_of_each_byte_once(web, box) -> None:
    web.write("ten", TEN)
    watcher = Watcher()
    resolution = resolve(f"{web.url}/breaking/ten", settings=DIGITS)
    fetch(resolution, settings=DIGITS, store=box.store, workspace=box.workspace, progress=watcher)
    assert watcher.expected == (1, 10240)
    assert (sum(watcher.files), sum(watcher.bytes)) == (1, 10240)


def test_the_next_command_goes_on_where_the_last_one_broke_off(web, box) -> None:
    web.write("ten", TEN)
    with pytest.raises(Refused):
        box.get(f"{web.url}/always-breaking/ten")
    web.requests()
    with pytest.raises(Refused):
        box.get(f"{web.url}/always-breaking/ten")
    assert web.requests()[1]["range"] == "bytes=5120-"


def test_a_partial_file_of_wrong_bytes_is_thrown_away_and_fetched_whole(web, box) -> None:
    web.write("a", b"right")
    key = hashlib.sha256(b"sha256:" + hashlib.sha256(b"right").hexdigest().encode()).hexdigest()
    (box.workspace / "partial").mkdir(parents=True)
    (box.workspace / "partial" / key).write_bytes(b"wr")
    assert box.get(f"{web.url}/stated/a").bytes_fetched == 8
    assert box.left() == []


def test_a_damaged_note_only_costs_a_fetch(web, box) -> None:
    web.write("a.csv", b"1")
    first = box.get(f"{web.url}/good/a.csv")
    (note,) = (box.workspace / "known").rglob("*.json")
    note.write_text('{"key": 1, "digest":')
    assert box.get(f"{web.url}/good/a.csv").digest == first.digest


def test_a_disk_that_cannot_be_written_is_no_bug(web, box) -> None:
    web.write("a.csv", b"1")
    box.workspace.write_text("in the way")
    with pytest.raises(Refused, match="digits could not be written: Not a directory"):
        box.get(f"{web.url}/good/a.csv")
