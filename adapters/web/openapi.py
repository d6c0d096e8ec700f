"""The OpenAPI 3.1 document of the API, from the types of its operations."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from openapi_pydantic import (
    Header,
    Info,
    MediaType,
    OpenAPI,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Response,
    Schema,
    SecurityScheme,
)
from openapi_pydantic import Operation as Described
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class
from openapi_pydantic.v3.v3_1 import Components, ParameterLocation
from pydantic import BaseModel

from bot.api.documents import Problem, WebhookDocument
from bot.api.operations import OPERATIONS, PREFIX, Operation
from bot.api.reading import Parameters
from bot.model.api_token import Scope
from bot.text import TICKET_KEY

_TOKEN = "token"
_WRONG = {
    400: "The body is not JSON.",
    401: "The token is missing, unknown or expired.",
    403: "The token may only read, or is limited to accounts.",
    404: "There is no such ticket that the token reaches, no such webhook, or the API is off.",
    409: "The ticket's state does not allow it; nothing was changed.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "Parameters or fields are wrong, each listed with what to do about it.",
    429: "Too many requests; Retry-After says how long to wait, in seconds.",
    503: "The desk cannot answer now; try again.",
}
_OF_READS, _OF_ACTS = (401, 403, 404, 422, 429, 503), (400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
_ABOUT = (
    "Tickets, clocks and accounts of a Frontline desk. A token is made with `frontline token new` and sees"
    " what agents see, of the accounts that it reaches."
)


def document() -> dict[str, Any]:
    """The document as JSON."""
    described = OpenAPI(
        openapi="3.1.1",
        info=Info(title="Frontline", version=version("frontline"), description=_ABOUT),
        paths={},
        webhooks={"event": PathItem(post=_webhook())},
        components=Components(
            securitySchemes={_TOKEN: SecurityScheme(type="http", scheme="bearer")},
        ),
        security=[{_TOKEN: []}],
    )
    paths: dict[str, dict[str, Described]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    paths[f"{PREFIX}/openapi.json"] = {"get": _of_this_document()}
    described.paths = {path: PathItem.model_validate(each) for path, each in paths.items()}
    whole = construct_open_api_with_schema_class(described, [Problem])
    return whole.model_dump(mode="json", by_alias=True, exclude_none=True)


def _described(operation: Operation) -> Described:
    is_act = operation.scope is Scope.WRITE
    return Described(
        operationId=operation.name,
        summary=operation.says.rstrip("."),
        description=f"Needs a token of scope {operation.scope}.",
        parameters=[*_parameters(operation, is_act)] or None,
        requestBody=RequestBody(content=_content(operation.body), required=True) if operation.body else None,
        responses={
            str(operation.status): Response(description="Done.", content=_content(operation.answers)),
            **{str(status): _refusal(status) for status in (_OF_ACTS if is_act else _OF_READS)},
        },
    )


def _of_this_document() -> Described:
    anything = MediaType.model_validate({"schema": {"type": "object"}})
    return Described(
        operationId="openapi",
        summary="Reads this document",
        responses={
            "200": Response(description="Done.", content={"application/json": anything}),
            **{str(status): _refusal(status) for status in (401, 404, 429, 503)},
        },
    )


def _webhook() -> Described:
    """What a webhook gets, signed by Standard Webhooks."""
    return Described(
        operationId="event",
        summary="An event of a ticket",
        requestBody=RequestBody(content=_content(WebhookDocument), required=True),
        responses={"2XX": Response(description="The event is accepted. Any other answer: it is sent again.")},
    )


def _content(model: type[BaseModel]) -> dict[str, MediaType]:
    return {"application/json": MediaType.model_validate({"schema": PydanticSchema(schema_class=model)})}


def _refusal(status: int) -> Response:
    schema: dict[str, Any] = {"schema": PydanticSchema(schema_class=Problem)}
    headers: dict[str, Header | Reference] | None = None
    if status == 429:
        seconds = Schema.model_validate({"type": "integer"})
        headers = {"Retry-After": Header.model_validate({"schema": seconds})}
    return Response(
        description=_WRONG[status],
        content={"application/problem+json": MediaType.model_validate(schema)},
        headers=headers,
    )


def _parameters(operation: Operation, is_act: bool) -> list[Parameter]:
    found: list[Parameter] = []
    if "{key}" in operation.path:
        schema: dict[str, Any] = {
            "type": "string",
            "pattern": f"^{TICKET_KEY.pattern}$",
            "examples": ["ACME-7"],
        }
        found.append(_parameter("key", ParameterLocation.PATH, schema, "The ticket's key.", required=True))
    if "{name}" in operation.path:
        schema = {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,23}$"}
        found.append(_parameter("name", ParameterLocation.PATH, schema, "The webhook.", required=True))
    found += _of_query(operation.parameters)
    if is_act:
        says = (
            "Two requests with the same key are one act; the second gets the answer to the first, for a day."
        )
        schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
        found.append(_parameter("Idempotency-Key", ParameterLocation.HEADER, schema, says))
    return found


def _of_query(model: type[Parameters]) -> list[Parameter]:
    schema = model.model_json_schema()
    definitions, required = schema.get("$defs", {}), schema.get("required", [])
    return [
        _parameter(
            name,
            ParameterLocation.QUERY,
            _whole(each, definitions),
            each.get("description"),
            required=name in required,
        )
        for name, each in schema.get("properties", {}).items()
    ]


def _whole(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with its definitions in place. A query has no null, so that choice is left out."""
    if isinstance(schema, list):
        return [_whole(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _whole(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    some = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(some) == 1:
        return _whole(some[0], definitions)
    left_out = ("title", "description", "default") if schema.get("default") in (None, []) else ("title",)
    return {name: _whole(each, definitions) for name, each in schema.items() if name not in left_out}


def _parameter(
    name: str, where: ParameterLocation, schema: dict[str, Any], says: str | None, *, required: bool = False
) -> Parameter:
    return Parameter.model_validate(
        {"name": name, "in": where, "schema": schema, "description": says, "required": required}
    )
