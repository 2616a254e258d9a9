"""The OpenAPI document is what the server does: odd requests made from it get only what it describes."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from batchverify.web.http_api import document
from tests.builders import a_sheet, rows
from tests.web.program import BASE, Role

EXAMPLES = 2


def test_the_document_is_had_with_a_token_and_names_every_refusal(site):
    told = site.program(Role.VIEW).ask("GET", "/openapi.json").json()

    assert told == json.loads(json.dumps(document()))
    assert told["servers"] == [{"url": "/api"}]
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            assert {"401", "403", "404", "422", "503"} <= set(operation["responses"]), f"{method} {path}"
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
            assert operation["summary"]
            assert operation["description"]
            assert operation["security"] == [{"HTTPBearer": []}]
    assert "HTTPValidationError" not in json.dumps(told), "one shape of refusals, and it is ours"


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_requests_made_from_the_document_get_what_it_describes(site, tmp_path, mode):
    program = site.program(Role.ADMIN)
    job = program.verified(a_sheet(tmp_path, rows(1)))
    _, token = site.people.new_token("fuzz", [Role.ADMIN])
    schema = schemathesis.openapi.from_dict(document())
    seen: set[tuple[str, int]] = set()

    async def all_of(operation, client):
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def made(case):
            cases.append(case)

        cases: list[schemathesis.Case] = []
        made()
        for number, case in enumerate(cases):
            if number % 2 and "job" in case.path_parameters and operation.method != "delete":
                case.path_parameters["job"] = job  # every other one is about a job that is there
            given_ = case.as_transport_kwargs(base_url=f"{BASE}/api", headers={"Authorization": f"Bearer {token.reveal()}"})
            given_.pop("cookies", None)
            request = _request(client, given_)
            await request.aread()
            answer = await client.send(request)
            await answer.aread()
            seen.add((operation.label, answer.status_code))
            case.validate_response(
                answer,
                checks=[
                    schemathesis.checks.not_a_server_error,
                    schemathesis.checks.status_code_conformance,
                    schemathesis.checks.content_type_conformance,
                    schemathesis.checks.response_schema_conformance,
                ],
            )

    async def everything():
        transport = httpx.ASGITransport(site.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport) as client:
            for result in schema.get_all_operations():
                async with asyncio.timeout(20):
                    await all_of(result.ok(), client)

    asyncio.run(everything())

    operations = sum(len(methods) for methods in document()["paths"].values())
    assert len({label for label, _ in seen}) == operations
    statuses = {status for _, status in seen}
    assert {404, 422} <= statuses if mode is GenerationMode.NEGATIVE else {200, 404, 409, 422} <= statuses
    assert 500 not in statuses


def _bytes(value):
    return value if isinstance(value, bytes) else str(value).encode()


def _request(client, given_):
    """What schemathesis made for one client, for another."""
    files = given_.pop("files", None)
    if files is not None:
        given_["headers"].pop("Content-Type", None)
        given_["files"] = [
            (name, (value[0], _bytes(value[1])) if isinstance(value, tuple) else (None, _bytes(value))) for name, value in files
        ]
    return client.build_request(**given_)
