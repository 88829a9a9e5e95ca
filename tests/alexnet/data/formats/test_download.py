"""Downloads, against a server on this machine that can break off, refuse and start over."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from alexnet import train
from alexnet.data import DataError, open_dataset
from alexnet.data.formats import download
from alexnet.data.formats.download import DOWNLOADS, Remote, fetch


class Server(ThreadingHTTPServer):
    """Serves `content` under any name; `behaviour` says how."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.behaviour, self.asked = b"", "well", []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, content, start = self.server, self.server.content, 0
        wanted = self.headers.get("Range")
        server.asked.append((self.path, wanted))
        if server.behaviour == "missing":
            self.send_error(404)
            return
        if wanted and server.behaviour != "no ranges":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = start + 1000 if server.behaviour == "breaks" else None
        self.wfile.write(content[start:stop])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch, cifar_archive):
    """A server that has CIFAR-10 as the test's own archive."""
    server = Server()
    server.content = cifar_archive(".tar.gz", "w:gz").read_bytes()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    remote = Remote(
        f"http://127.0.0.1:{server.server_port}/cifar-10-binary.tar.gz", hashlib.md5(server.content).hexdigest()
    )
    monkeypatch.setitem(DOWNLOADS, "cifar-10", (remote,))
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_published_files_come_over_https():
    assert set(DOWNLOADS) == {"cifar-10", "cifar-100", "mnist"}
    for remotes in DOWNLOADS.values():
        assert all(remote.url.startswith("https://") and len(remote.md5) == 32 for remote in remotes)


def test_a_data_set_by_name_is_fetched_once(server, cache, capsys):
    data = open_dataset("cifar-10")
    assert (data.name, len(data.train)) == ("cifar-10", 35)
    assert "fetching http://127.0.0.1" in capsys.readouterr().out
    open_dataset("cifar-10")
    assert len(server.asked) == 1
    assert [path.name for path in (cache / "cifar-10").iterdir()] == ["cifar-10-binary.tar.gz"]


def test_a_broken_connection_is_taken_up(server, cache):
    server.behaviour = "breaks"
    for done in (1000, 2000):
        with pytest.raises(DataError, match=r"cannot be fetched \(.*\); try again later, which goes on from here"):
            fetch("cifar-10")
        assert (cache / "cifar-10" / "cifar-10-binary.tar.gz.part").stat().st_size == done
    server.behaviour = "well"
    assert fetch("cifar-10").read_bytes() == server.content
    assert [wanted for _, wanted in server.asked] == [None, "bytes=1000-", "bytes=2000-"]


def test_a_server_without_ranges_starts_over(server, cache):
    server.behaviour = "breaks"
    with pytest.raises(DataError):
        fetch("cifar-10")
    server.behaviour = "no ranges"
    assert fetch("cifar-10").read_bytes() == server.content


def test_a_whole_file_without_its_name_is_checked(server, cache):
    (cache / "cifar-10").mkdir(parents=True)
    part = cache / "cifar-10" / "cifar-10-binary.tar.gz.part"
    part.write_bytes(server.content)
    assert fetch("cifar-10").read_bytes() == server.content


def test_a_wrong_file_is_thrown_away(server, cache):
    content, server.content = server.content, server.content[:-1] + b"?"
    with pytest.raises(DataError, match=r"is not the file that was published: its MD5 is \w+, not \w+; try again"):
        fetch("cifar-10")
    assert not list((cache / "cifar-10").iterdir())
    server.content = content
    assert fetch("cifar-10").read_bytes() == content


def test_missing_there(server):
    server.behaviour = "missing"
    with pytest.raises(DataError, match=r"cannot be fetched \(Not Found\)"):
        fetch("cifar-10")


def test_without_a_network(server, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(DOWNLOADS, "mnist", (Remote("http://127.0.0.1:1/train-images-idx3-ubyte.gz", "0" * 32),))
    monkeypatch.setattr(download, "TIMEOUT", 2)
    arguments = ["--recipe", "cifar10-80sec", "--data", "mnist", "--out", str(tmp_path / "run")]
    assert train.main(arguments) == 2
    error = capsys.readouterr().err
    assert "cannot be fetched" in error and "or put the file, from elsewhere, into" in error and "mnist" in error
    assert not (tmp_path / "run").exists()
