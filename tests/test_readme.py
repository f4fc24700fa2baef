"""The README's Python runs as printed, in an empty folder, without a warning."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_run_one_after_the_other(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    assert len(blocks) >= 3
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "photodiode_signal" in done.stdout
    assert list(tmp_path.glob("data/*/*/Dataset_*_000.h5"))
    assert list(tmp_path.glob("exported/*.h5"))
