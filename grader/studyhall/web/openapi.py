"""The OpenAPI 3.1 document, generated from the route table and its pydantic models."""

import re
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from studyhall.errors import ErrorCode
from studyhall.permissions import Permission, is_for_cohort
from studyhall.web.envelope import ErrorBody, Meta
from studyhall.web.routes import Kind, Route

REF_TEMPLATE = "#/components/schemas/{model}"
PARAMETER = re.compile(r"{(\w+)}")

STATUS_OF: dict[ErrorCode, int] = {
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.NOT_JSON: 400,
    ErrorCode.KEY_MISSING: 400,
    ErrorCode.NOTEBOOK_NOT_JSON: 400,
    ErrorCode.NOT_SIGNED_IN: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_ENROLLED: 403,
    ErrorCode.NOT_A_MEMBER: 403,
    ErrorCode.ROLE_REFUSED: 403,
    ErrorCode.LESSON_LOCKED: 403,
    ErrorCode.AI_REVIEW_OFF: 403,
    ErrorCode.NO_ATTEMPTS_LEFT: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.UNKNOWN_COURSE: 404,
    ErrorCode.UNKNOWN_LESSON: 404,
    ErrorCode.UNKNOWN_QUIZ: 404,
    ErrorCode.UNKNOWN_CELL: 404,
    ErrorCode.UNKNOWN_LEARNER: 404,
    ErrorCode.NO_MORE_TIME: 422,
    ErrorCode.UNKNOWN_MEMBER: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.CONFLICT: 409,
    ErrorCode.KEY_REUSED: 409,
    ErrorCode.LESSON_CLOSED: 409,
    ErrorCode.COHORT_CLOSED: 409,
    ErrorCode.COHORT_FULL: 409,
    ErrorCode.QUIZ_FINISHED: 409,
    ErrorCode.ALREADY_RELEASED: 409,
    ErrorCode.REGRADE_UNDER_WAY: 409,
    ErrorCode.REGRADE_NOT_READY: 409,
    ErrorCode.NOTHING_TO_REGRADE: 409,
    ErrorCode.NOT_GRADED_YET: 409,
    ErrorCode.CHANGED_MEANWHILE: 409,
    ErrorCode.CLAIMED: 409,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.NOTEBOOK_TOO_LARGE: 413,
    ErrorCode.VALIDATION_ERROR: 422,
    ErrorCode.COURSE_INVALID: 422,
    ErrorCode.FILE_INVALID: 422,
    ErrorCode.NOTEBOOK_INVALID: 422,
    ErrorCode.NOTHING_TO_GRADE: 422,
    ErrorCode.WRONG_COURSE: 422,
    ErrorCode.TOO_MANY_REQUESTS: 429,
    ErrorCode.INTERNAL_ERROR: 500,
    ErrorCode.AI_UNAVAILABLE: 503,
    ErrorCode.UNAVAILABLE: 503,
}


def usual_errors(route: Route) -> set[ErrorCode]:
    """Return the codes that every route of this shape can answer with."""
    codes = {
        ErrorCode.NOT_SIGNED_IN,
        ErrorCode.FORBIDDEN,
        ErrorCode.VALIDATION_ERROR,
        ErrorCode.UNAVAILABLE,
    }
    if route.permission is not Permission.HUB:
        codes |= {ErrorCode.TOO_MANY_REQUESTS, ErrorCode.NOT_A_MEMBER}
    if "{" in route.path:
        codes.add(ErrorCode.NOT_FOUND)
    if "{course}" in route.path and not is_for_cohort(route.permission):
        codes |= {ErrorCode.NOT_ENROLLED, ErrorCode.UNKNOWN_COURSE}
    if route.body is not None:
        codes |= {ErrorCode.NOT_JSON, ErrorCode.TOO_LARGE}
    return codes


def document(routes: Sequence[Route], *, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of a route table."""
    models = _models(routes)
    references, definitions = models_json_schema(
        models, ref_template=REF_TEMPLATE, schema_generator=GenerateJsonSchema
    )
    schemas: dict[str, Any] = dict(definitions.get("$defs", {}))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = _operation(route, references, schemas)
        paths.setdefault(f"/api/v1{route.path}", {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Studyhall",
            "version": version,
            "description": "The classroom service. Learners reach it through their notebook server, staff through the "
            "hub. Every answer is wrapped in an envelope; errors carry a code and a sentence for people.",
        },
        "servers": [{"url": "/services/studyhall"}],
        "security": [{"hub_token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "hub_token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token <JupyterHub token>`",
                }
            },
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _models(routes: Sequence[Route]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    found: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {
        (Meta, "serialization"): None,
        (ErrorBody, "serialization"): None,
    }
    for route in routes:
        if route.body is not None:
            found[route.body, "validation"] = None
        if isinstance(route.response, type) and issubclass(route.response, BaseModel):
            found[route.response, "serialization"] = None
        for argument in get_args(route.response):
            if isinstance(argument, type) and issubclass(argument, BaseModel):
                found[argument, "serialization"] = None
    return list(found)


def _data_schema(route: Route, references: Any) -> dict[str, Any]:
    response = route.response
    if response is None:
        return {"type": "null"}
    if isinstance(response, type) and issubclass(response, BaseModel):
        return dict(references[response, "serialization"])
    if get_origin(response) is list:
        item: type[BaseModel] = get_args(response)[0]
        return {"type": "array", "items": dict(references[item, "serialization"])}
    return TypeAdapter(response).json_schema(mode="serialization", ref_template=REF_TEMPLATE)


def _operation(route: Route, references: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in PARAMETER.findall(route.path)
    ]
    query = route.query.model_json_schema(ref_template=REF_TEMPLATE)
    schemas.update(query.get("$defs", {}))
    for name, schema in query.get("properties", {}).items():
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in query.get("required", ()),
                "description": schema.pop("description", ""),
                "schema": _without_null(schema),
            }
        )
    parameters.extend(
        {"name": name, "in": "header", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for name in route.headers
    )
    operation: dict[str, Any] = {
        "operationId": f"{route.handle.__module__.split('.')[1]}.{route.handle.__name__}",
        "summary": route.summary,
        "tags": [route.tag],
        "x-permission": route.permission.value,
        "parameters": parameters,
        "responses": {str(route.status): _success(route, references)},
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": dict(references[route.body, "validation"])}},
        }
    by_status: dict[int, list[str]] = {}
    for code in sorted(usual_errors(route) | set(route.errors)):
        by_status.setdefault(STATUS_OF[code], []).append(code.value)
    for status, codes in sorted(by_status.items()):
        operation["responses"][str(status)] = {
            "description": "Error: " + ", ".join(f"`{code}`" for code in codes),
            "content": {"application/json": {"schema": _envelope({"type": "null"}, error=True)}},
        }
    return operation


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is absent rather than null."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if "anyOf" in schema and len(options) == 1:
        rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
        return {**rest, **options[0]}
    return schema


def _success(route: Route, references: Any) -> dict[str, Any]:
    if route.status == 204:
        return {"description": "Done; there is nothing to say."}
    if route.kind is Kind.STREAM:
        return {
            "description": "A stream of events.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    if route.kind is Kind.FILE:
        return {
            "description": "A file.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    if route.kind is Kind.HTML:
        return {"description": "A document.", "content": {"text/html": {"schema": {"type": "string"}}}}
    return {
        "description": route.summary,
        "content": {"application/json": {"schema": _envelope(_data_schema(route, references), error=False)}},
    }


def _envelope(data: dict[str, Any], *, error: bool) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["success", "data", "meta", "error"],
        "properties": {
            "success": {"const": not error},
            "data": data,
            "meta": {"$ref": REF_TEMPLATE.format(model="Meta")},
            "error": {"$ref": REF_TEMPLATE.format(model="ErrorBody")} if error else {"type": "null"},
        },
    }
