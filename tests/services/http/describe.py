"""Print the OpenAPI documents of services: as their frameworks write them, and as they are served.

In a process of its own: BentoML's Runner API cannot be imported where its newer API has served.
"""

# mypy: ignore-errors

from __future__ import annotations

import asyncio
import importlib
import json
import sys

import httpx


def served(service, written):
    """Return the document as it gets through the service's middleware."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(written).encode()})

    for kind, *_, options in getattr(service, "user_middleware", None) or service.middlewares:
        app = kind(app, **options)

    async def get():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return (await client.get("/docs.json")).json()

    return asyncio.run(get())


documents = {}
for target in sys.argv[1:]:
    module, _, name = target.partition(":")
    service = getattr(importlib.import_module(module), name)
    written = service.openapi() if hasattr(service, "openapi") else service.openapi_spec.asdict()
    documents[target] = {"written": written, "served": served(service, written)}
print(json.dumps(documents))
