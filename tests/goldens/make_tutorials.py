"""Makes `tutorials.json`: what the scripts in `tests/tutorial_scripts` print.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_tutorials.py

TensorFlow 2.21.0, Keras 3.15.1.

Each script runs as it stands, in a process of its own. Keys: `scripts`, by name the
lines of its standard output and, as `errors`, those that `tf.print` writes.
"""

import re
import subprocess
import sys
from pathlib import Path

from golden_file import write_golden

SCRIPTS = sorted(Path(__file__).parents[1].glob("tutorial_scripts/*.py"))
NOISE = re.compile(r"^(WARNING|[IWEF]0000 |.*UserWarning|  super\(\)).*$")


def run(path):
    finished = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, check=True
    )
    errors = finished.stderr.splitlines()
    return {
        "output": finished.stdout.splitlines(),
        "errors": [line for line in errors if line and not NOISE.match(line)],
    }


if __name__ == "__main__":
    write_golden(__file__, {"scripts": {path.stem: run(path) for path in SCRIPTS}})
