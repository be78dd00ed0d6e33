"""Ask a service with the client that openapi-python-client has made of its document.

The package ``card_client`` is made by test_openapi.py, which runs this in a process of its own.
"""

# mypy: ignore-errors

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

from card_client import Client
from card_client.api.service_ap_is import id_card_detector_inference as inference
from card_client.models import ErrorBody
from card_client.models import IdCardDetectorInferenceFilesInput as Form
from card_client.types import File

url, image = sys.argv[1:]
client = Client(base_url=url, timeout=60)


def ask(data: bytes) -> object:
    upload = File(payload=io.BytesIO(data), file_name="card.jpg", mime_type="image/jpeg")
    return inference.sync(client=client, body=Form(image=upload))


boxes, error = ask(Path(image).read_bytes()), ask(b"not an image")
assert isinstance(error, ErrorBody)
print(json.dumps({"boxes": [box.to_dict() for box in boxes], "error": error.to_dict()["error"]}))
