"""The shell completes commands, options and files."""

import shutil
import subprocess
import sys

import pytest
from extras import needs

from pymo_bluesky.cli import main


def test_the_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert "pymo-bluesky[completion]" in capsys.readouterr().err


@pytest.mark.extras
class TestShells:
    @pytest.fixture(autouse=True)
    def _shtab(self):
        needs("shtab", "completion")

    @pytest.mark.parametrize("shell", ["bash", "zsh"])
    def test_a_script_for_each(self, shell, capsys):
        assert main(["completion", shell]) == 0
        out = capsys.readouterr().out
        assert "pymo-bluesky" in out
        assert "--since" in out

    @pytest.mark.parametrize(
        ("typed", "offered"),
        [
            (["sh"], ["show"]),
            (["re"], ["recover", "replay"]),
            (["ls", "--s"], ["--since"]),
            (["completion", "z"], ["zsh"]),
        ],
        ids=" ".join,
    )
    def test_bash_offers(self, typed, offered, capsys, tmp_path):
        bash = shutil.which("bash")
        if bash is None:
            pytest.skip("there is no bash")
        assert main(["completion", "bash"]) == 0
        script = tmp_path / "completion.bash"
        script.write_text(capsys.readouterr().out)
        words = " ".join(["pymo-bluesky", *typed])
        code = (
            f"source {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; "
            'function=$(complete -p pymo-bluesky | grep -o "_shtab[a-z_]*"); '
            "$function pymo-bluesky; "
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            [bash, "-c", code], capture_output=True, text=True, check=True
        )
        assert {word.strip() for word in done.stdout.split()} == set(offered)
