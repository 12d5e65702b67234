"""Downloads against a server on this machine that behaves, cuts, alters, refuses or is away."""

import gzip
import hashlib
import random
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from helpers.matter import Remote, cache_folder, checksum, download, fetch

CONTENT = b"material_id,cif\n" + random.Random(0).randbytes(60_000)


class Server(ThreadingHTTPServer):
    """Serves CONTENT in the manner that `manner` names, and counts the requests."""

    manner, requests = "whole", 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/table.csv"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.requests += 1
        manner, body = self.server.manner, CONTENT
        if manner == "missing":
            self.send_error(404)
            return
        if manner == "altered":
            body = CONTENT[:-1] + b"!"
        if manner == "short and content with it":
            body = CONTENT[:1000]
        self.send_response(200)
        if manner != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if manner in ("cut", "no length") else body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def running():
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(running):
    running.manner, running.requests = "whole", 0
    return running


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)


def remote(url: str, kind: str = "sha256", size: int | None = len(CONTENT)) -> Remote:
    return Remote("table.csv", url, size, checksum(CONTENT, kind))


def kept() -> list[str]:
    folder = cache_folder()
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_checksums_are_those_of_sha256_and_git():
    assert checksum(b"abc") == "sha256:" + hashlib.sha256(b"abc").hexdigest()
    # What `printf 'hello\n' | git hash-object --stdin` prints.
    assert checksum(b"hello\n", "git") == "git:ce013625030ba8dba906f756967f9e9ca394464a"
    with pytest.raises(ValueError, match="there are sha256 and git"):
        checksum(b"", "md5")


@pytest.mark.parametrize("kind", ["sha256", "git"])
def test_a_file_is_fetched_once_and_then_read_from_the_cache(server, kind):
    assert fetch(remote(server.url, kind)) == CONTENT
    assert fetch(remote(server.url, kind)) == CONTENT
    assert server.requests == 1 and kept() == ["table.csv"]


def test_the_cache_lies_where_pooch_puts_it_unless_told(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("COURSE_CACHE")
    assert cache_folder().name == "noise-to-crystals"


def test_a_cached_file_that_has_changed_is_fetched_anew(server):
    fetch(remote(server.url))
    (cache_folder() / "table.csv").write_bytes(CONTENT[:100])
    assert fetch(remote(server.url)) == CONTENT
    assert server.requests == 2 and (cache_folder() / "table.csv").read_bytes() == CONTENT


def test_a_changed_cached_file_is_never_handed_out_without_network(server):
    fetch(remote(server.url))
    (cache_folder() / "table.csv").write_bytes(CONTENT[:100])
    server.manner = "missing"
    with pytest.raises(ConnectionError):
        fetch(remote(server.url))


def test_a_progress_bar_is_shown_unless_outputs_are_stored(server, capsys, monkeypatch):
    fetch(remote(server.url))
    assert "table.csv" in capsys.readouterr().err
    monkeypatch.setenv("COURSE_STATIC", "1")
    (cache_folder() / "table.csv").unlink()
    fetch(remote(server.url))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_an_altered_file_is_named_with_both_checksums(server, size):
    server.manner = "altered"
    with pytest.raises(ValueError, match="is altered; its checksum is") as error:
        fetch(remote(server.url, size=size))
    assert checksum(CONTENT) in str(error.value)
    assert checksum(CONTENT[:-1] + b"!") in str(error.value)
    assert server.url in str(error.value) and "COURSE_DATA" in str(error.value)
    assert "Nothing was kept" in str(error.value) and kept() == []


def test_a_file_that_ends_early_on_the_server_is_named(server):
    server.manner = "short and content with it"
    with pytest.raises(ValueError, match=f"is truncated: 1000 of {len(CONTENT)} bytes"):
        fetch(remote(server.url))
    assert kept() == []


def test_a_connection_that_breaks_is_named_and_leaves_nothing(server):
    server.manner = "cut"
    with pytest.raises(ValueError, match="arrived truncated, nothing was kept"):
        fetch(remote(server.url))
    assert kept() == []


def test_a_break_that_http_cannot_see_is_seen_by_the_checksum(server):
    server.manner = "no length"
    with pytest.raises(ValueError, match="is truncated: "):
        fetch(remote(server.url))
    assert kept() == []


def test_a_missing_file_is_named_with_the_way_out(server):
    server.manner = "missing"
    with pytest.raises(ConnectionError, match="The server does not hand out table.csv") as error:
        fetch(remote(server.url))
    assert "404" in str(error.value) and "COURSE_DATA" in str(error.value) and kept() == []


def test_without_network_the_message_says_how_to_hand_a_copy_in():
    with socket.socket() as closed:  # a port that nobody listens on
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/table.csv"
    with pytest.raises(ConnectionError, match="could not be downloaded: is there a network?") as e:
        fetch(remote(url))
    assert "put table.csv (or table.csv.gz)" in str(e.value) and "COURSE_DATA" in str(e.value)
    assert kept() == []


def test_a_cache_that_cannot_be_written_is_named(server, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="cannot be kept in") as error:
        fetch(remote(server.url))
    assert "COURSE_CACHE" in str(error.value) and server.requests == 0


def test_a_full_disk_is_named_and_leaves_nothing(server, monkeypatch):
    import pooch

    def full(self, url, file, _):
        with open(file, "wb") as half:
            half.write(CONTENT[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", full)
    with pytest.raises(
        OSError, match="cannot be kept in .*: No space left on device .* MB are free"
    ):
        fetch(remote(server.url))
    assert kept() == []


@pytest.mark.parametrize("packed", [False, True])
def test_a_local_copy_needs_no_network_and_no_cache(server, tmp_path, monkeypatch, packed):
    name, content = ("table.csv.gz", gzip.compress(CONTENT)) if packed else ("table.csv", CONTENT)
    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert fetch(remote(server.url)) == CONTENT
    assert server.requests == 0 and kept() == []


def test_a_folder_of_local_copies_that_lacks_the_file_is_no_obstacle(server, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert fetch(remote(server.url)) == CONTENT and server.requests == 1


def test_a_folder_that_is_not_there_is_named(server, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        fetch(remote(server.url))


def test_a_wrong_local_copy_is_named_and_left_alone(server, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    (tmp_path / "table.csv").write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(ValueError, match="The local copy .* is altered; its checksum is"):
        fetch(remote(server.url))
    (tmp_path / "table.csv").write_bytes(CONTENT[:500])
    with pytest.raises(ValueError, match=f"is truncated: 500 of {len(CONTENT)} bytes"):
        fetch(remote(server.url))
    assert (tmp_path / "table.csv").read_bytes() == CONTENT[:500] and server.requests == 0


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-200], lambda b: b"not gzip", lambda b: b[:40] + b"?" * 9 + b[49:]]
)
def test_a_damaged_packed_copy_is_named(server, tmp_path, monkeypatch, damage):
    (tmp_path / "table.csv.gz").write_bytes(damage(gzip.compress(CONTENT)))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="is truncated or damaged and cannot be unpacked"):
        fetch(remote(server.url))


def test_the_module_documents_its_variables():
    assert "COURSE_DATA" in download.__doc__ and "COURSE_CACHE" in download.__doc__
