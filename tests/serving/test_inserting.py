"""Runs of datasets inserted into a real Tiled server, and the commands for it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
from corpus import load, stream
from extras import needs
from specimens import unpacked

from pymo_bluesky import export
from pymo_bluesky.cli import main
from pymo_bluesky.errors import PymoError

needs("bluesky_tiled_plugins", "tiled")
needs("xarray", "xarray")
simple = needs("tiled.server.simple", "tiled")
tiled = needs("tiled.client", "tiled")
serving = needs("pymo_bluesky.serving", "tiled")

pytestmark = [
    pytest.mark.extras,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Tiled server with a catalog of its own, on a free port."""
    folder = tmp_path_factory.mktemp("tiled")
    with simple.SimpleTiledServer(folder) as running:
        yield running


@contextlib.contextmanager
def client_of(uri):
    """A client whose connections are closed at the end."""
    client = tiled.from_uri(uri)
    with client.context:
        yield client


def start_of(name):
    return load(stream(name))[0][1]


def test_a_run_is_inserted_and_found_there_again(server, tmp_path, capsys):
    documents = load(stream("p11_spectro_scan"))
    export(documents, tmp_path, file_prefix="one")
    assert main(["replay", str(tmp_path / "one.h5"), "--to-tiled", server.uri]) == 0
    uid = documents[0][1]["uid"]
    assert f"(run {uid}) inserted" in capsys.readouterr().out

    with client_of(server.uri) as client:
        found = client[uid]["primary"].read()
    events = [doc for kind, doc in documents if kind == "event"]
    for key in ("spectro_image", "spectro_spectrum"):
        wanted = np.stack([np.asarray(event["data"][key]) for event in events])
        np.testing.assert_array_equal(found[key].values, wanted)

    assert main(["replay", str(tmp_path / "one.h5"), "--to-tiled", server.uri]) == 0
    assert "is there already; skipped" in capsys.readouterr().out


def test_an_old_file_is_inserted_scan_by_scan(server, tmp_path):
    path = unpacked("4.4.11/scan2d", tmp_path)
    told = []
    found = list(
        serving.insert(path, server.uri, progress=lambda *told_: told.append(told_))
    )
    assert [one.state for one in found] == ["inserted"]
    assert told[-1][1] == told[-1][2] > 0
    with client_of(server.uri) as client:
        run = client[found[0].uid]
        assert len(run["primary"].read()["time"]) == told[-1][2]


def test_a_run_that_broke_off_there_is_told_and_left_alone(server, tmp_path, capsys):
    export(load(stream("p02")), tmp_path, file_prefix="one")
    with client_of(server.uri) as client:
        client.create_container(key=start_of("p02")["uid"], metadata={"start": {}})

    assert main(["replay", str(tmp_path / "one.h5"), "--to-tiled", server.uri]) == 1
    assert "without its stop" in capsys.readouterr().err


def test_the_key_comes_from_the_option_or_the_environment(
    server, tmp_path, monkeypatch, capsys
):
    export(load(stream("p05")), tmp_path, file_prefix="one")
    bare = server.uri.partition("?")[0]
    command = ["replay", str(tmp_path / "one.h5"), "--to-tiled", bare]
    monkeypatch.delenv("TILED_API_KEY", raising=False)

    assert main([*command, "--api-key", "wrong"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"pymo-bluesky: error: no Tiled server answers at {bare}")
    assert "wrong" not in error.partition(bare)[2].partition("?")[2]

    monkeypatch.setenv("TILED_API_KEY", server.api_key)
    assert main(command) == 0


def test_no_server_is_one_line_that_says_so(tmp_path, capsys):
    export(load(stream("p01")), tmp_path, file_prefix="one")
    nowhere = "http://127.0.0.1:9/api/v1"
    assert main(["replay", str(tmp_path / "one.h5"), "--to-tiled", nowhere]) == 2
    error = capsys.readouterr().err.splitlines()[-1]  # Tiled tells its retrying before
    assert error.startswith("pymo-bluesky: error: no Tiled server answers at")


# --------------------------------------------------------------------------- `serve`


def test_the_command_serves_until_it_is_interrupted(tmp_path):
    export(load(stream("p05")), tmp_path, file_prefix="one")
    command = [sys.executable, "-m", "pymo_bluesky", "serve", str(tmp_path), "--port=0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            told = [process.stdout.readline() for _ in range(4)]
            uri = re.search(r"from_uri\('(.*)'\)", "".join(told))[1]
            assert uri.startswith("http://127.0.0.1:")
            with client_of(uri) as client:
                assert list(client) == [start_of("p05")["uid"]]
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(f"{uri.partition('?')[0]}/search/", timeout=60)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0
    assert out.endswith("Stopped.\n")
    assert "Traceback" not in err


def test_a_port_that_is_taken_and_a_strange_key_are_refused(tmp_path):
    with (
        serving.served(tmp_path) as address,
        pytest.raises(PymoError, match=f"listen to port {address.port}"),
    ):
        serving.serve(tmp_path, port=address.port, ready=print)
    with pytest.raises(PymoError, match="letters and digits"):
        serving.serve(tmp_path, port=0, api_key="not a key!", ready=print)


def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    assert main(["serve", str(tmp_path / "nowhere"), "--port", "0"]) == 2
    assert "there is no folder" in capsys.readouterr().err
