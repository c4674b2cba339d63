"""Opens every file of a folder as a bundle, in a process that may die of it: `... .opener FOLDER`.

Writes a line for each as it is done with: the name of the file, the error's type, its text. Memory and
computing time are bounded, so that what takes too much of them fails here.
"""

import json
import resource
import sys
from pathlib import Path

from models.bundles import open_bundle
from tests.models.bundles.samples import KEY

MOST_MEMORY = 4 * 2**30
MOST_SECONDS = 300


def main(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    for path in sorted(folder.iterdir()):
        try:
            open_bundle(path.read_bytes(), [KEY.public_key()])
        except Exception as error:
            said = type(error).__name__, str(error)
        else:
            said = "", ""
        print(json.dumps([path.name, *said]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
