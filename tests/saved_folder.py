"""A saved model's folder, changed as an attacker would: with digests that are right."""

import hashlib
import json


def rewritten(folder, change):
    """Changes the document by `change`, which gets its content."""
    path = folder / "model.json"
    content = json.loads(path.read_bytes())
    del content["sha256"]
    change(content)
    rest = json.dumps(content, indent=1).removeprefix("{\n").encode()
    digest = hashlib.sha256(rest).hexdigest()
    path.write_bytes(f'{{"sha256": "{digest}",\n'.encode() + rest)
