"""An A2A endpoint (JSON-RPC, 1.0 and 0.3) over the same gateway: another protocol, the same calls. Holds no rule.

A skill is one of the gateway's tools, named in a data part. What has to be decided is a task; what only reads is
answered with a message. Nobody who calls is asked to approve.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias, cast

import msgspec
from mcp import types as mcp_types
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from chimera.domain import ids
from chimera.domain.errors import ChimeraError, Invalid, Missing
from chimera.gateway.callers import Caller
from chimera.gateway.offered import CALL, PROPOSALS
from chimera.gateway.server import caller_in

BODY_BYTES_MAX = 65_536
PARTS_MAX = 16
VERSIONS = ("1.0", "0.3")
PARSE, REQUEST, METHOD, PARAMS = -32_700, -32_600, -32_601, -32_602
REFUSED, NO_TASK, NOT_CANCELABLE, UNSUPPORTED, NO_VERSION = -32_000, -32_001, -32_002, -32_004, -32_009
Json: TypeAlias = dict[str, Any]
Answer: TypeAlias = Callable[[Caller, str, Json], Awaitable[mcp_types.CallToolResult]]
Cancel: TypeAlias = Callable[[Caller, str], Awaitable[None]]
_STATES = {"done": "completed", "refused": "rejected", "failed": "failed", "pending": "working", "held": "working",
           "cancelled": "canceled"}  # fmt: skip


class Part(Struct, frozen=True, kw_only=True):
    """One part of a message. Parts of other kinds are not understood, and so not allowed."""

    data: Json | None = None
    text: Annotated[str, Meta(max_length=BODY_BYTES_MAX)] | None = None


class Message(Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody says."""

    message_id: Annotated[str, Meta(min_length=1, max_length=128)]
    parts: Annotated[tuple[Part, ...], Meta(min_length=1, max_length=PARTS_MAX)]
    context_id: Annotated[str, Meta(max_length=128)] = ""
    task_id: Annotated[str, Meta(max_length=128)] = ""


class Sending(Struct, frozen=True, kw_only=True):
    """The parameters of message/send."""

    message: Message


class Naming(Struct, frozen=True, kw_only=True):
    """The parameters of tasks/get and tasks/cancel."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a data part says: which skill, with what."""

    skill: Annotated[str, Meta(min_length=1, max_length=100)]
    arguments: Json = {}


class Call(Struct, frozen=True, kw_only=True):
    """One JSON-RPC request."""

    jsonrpc: Annotated[str, Meta(pattern=r"^2\.0$")]
    method: Annotated[str, Meta(max_length=64)]
    id: Annotated[str, Meta(max_length=128)] | int | None = None
    params: Json = {}


class _Fault(Exception):
    """An error as JSON-RPC says it."""

    def __init__(self, number: int, message: str, *, reason: str = "") -> None:
        super().__init__(number, message, reason)
        self.number = number
        self.message = message
        self.reason = reason


class AgentToAgent:
    """Answers POST at the endpoint, for whoever the door has let in."""

    def __init__(self, *, answer: Answer, cancel: Cancel) -> None:
        self._answer = answer
        self._cancel = cancel
        # By its name in 1.0 and in 0.3, whose results have other forms.
        self._methods = {
            "SendMessage": (self._send, True), "message/send": (self._send, False),
            "GetTask": (self._get, True), "tasks/get": (self._get, False),
            "CancelTask": (self._end, True), "tasks/cancel": (self._end, False),
        }  # fmt: skip

    async def handle(self, request: Request) -> Response:
        """One request. Every answer is JSON-RPC's, and HTTP's status says nothing of it."""
        identifier: str | int | None = None
        try:
            call = await _read(request)
            identifier = call.id
            return _told({"jsonrpc": "2.0", "id": identifier, "result": await self._result(request, call)})
        except _Fault as fault:
            error: Json = {"code": fault.number, "message": fault.message}
            if fault.reason:
                error["data"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": fault.reason,
                                  "domain": "chimera"}]  # fmt: skip
            return _told({"jsonrpc": "2.0", "id": identifier, "error": error})

    async def _result(self, request: Request, call: Call) -> Json:
        version = request.headers.get("a2a-version", "")
        if version and version not in VERSIONS:
            raise _Fault(NO_VERSION, f"versions spoken here: {', '.join(VERSIONS)}")
        found = self._methods.get(call.method)
        if found is None:
            raise _Fault(METHOD, "Method not found")
        method, is_new = found
        return await method(caller_in(request.scope), call.params, is_new)

    async def _send(self, calling: Caller, params: Json, is_new: bool) -> Json:  # noqa: FBT001 – the form of the answer
        message = _as(Sending, params).message
        if message.task_id:
            raise _Fault(UNSUPPORTED, "a task takes no further messages: what it needs, a person is asked")
        wish = _wish_of(message)
        told = await self._called(calling, wish.skill, wish.arguments)
        if wish.skill in PROPOSALS or (wish.skill == CALL and "call_id" in told):
            task = _task(told, context=message.context_id, is_new=is_new)
            return {"task": task} if is_new else task
        reply = _message(told, message, is_new=is_new)
        return {"message": reply} if is_new else reply

    async def _get(self, calling: Caller, params: Json, is_new: bool) -> Json:  # noqa: FBT001 – the form of the answer
        told = await self._called(calling, "chimera_result", {"id": _task_id(params)})
        return _task(told, context="", is_new=is_new)

    async def _end(self, calling: Caller, params: Json, is_new: bool) -> Json:  # noqa: FBT001 – the form of the answer
        identifier = _task_id(params)
        told = await self._called(calling, "chimera_result", {"id": identifier})
        if told["status"] not in {"pending", "held"}:
            raise _Fault(NOT_CANCELABLE, f"the task is {_STATES[told['status']]}")
        try:
            await self._cancel(calling, told["call_id"])
        except Missing as error:
            raise _Fault(NO_TASK, error.message, reason=error.code) from error
        except ChimeraError as error:
            raise _Fault(NOT_CANCELABLE, error.message, reason=error.code) from error
        return _task({**told, "status": "cancelled"}, context="", is_new=is_new)

    async def _called(self, calling: Caller, skill: str, arguments: Json) -> Json:
        answer = await self._answer(calling, skill, arguments)
        assert isinstance(answer.structured_content, dict), "every answer of the gateway has one"
        told = cast("Json", answer.structured_content)
        if not answer.is_error:
            return told
        other = REFUSED if told["status"] == "refused" else PARAMS
        number = NO_TASK if told["code"] == "call_unknown" else other
        raise _Fault(number, str(told["reason"]), reason=str(told["code"]))


async def _read(request: Request) -> Call:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise _Fault(REQUEST, f"more than {BODY_BYTES_MAX} bytes")
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _Fault(PARSE, "Invalid JSON payload") from error
    try:
        return msgspec.convert(raw, Call)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _Fault(REQUEST, str(error)[:200]) from error


def _as(kind: type[Any], params: Json) -> Any:  # noqa: ANN401 – whichever was asked for
    try:
        return msgspec.convert(params, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _Fault(PARAMS, str(error)[:200]) from error


def _task_id(params: Json) -> str:
    try:
        return ids.parse(_as(Naming, params).id)
    except Invalid as error:
        raise _Fault(NO_TASK, "there is no such task of this agent", reason=error.code) from error


def _wish_of(message: Message) -> Wish:
    wishes = [part.data for part in message.parts if part.data is not None]
    if len(wishes) != 1 or len(message.parts) != 1:
        raise _Fault(PARAMS, 'send one data part: {"skill": "chimera_…", "arguments": {…}}; the card names the skills')
    return _as(Wish, wishes[0])


def _task(told: Json, *, context: str, is_new: bool) -> Json:
    """What became of a call, as a task. What a person holds is still being worked on: the caller has nothing to do."""
    identifier, state = str(told["call_id"]), _STATES[told["status"]]
    says = _part(told, is_new=is_new)
    status: Json = {"state": f"TASK_STATE_{state.upper()}" if is_new else state,
                    "message": _spoken(f"{identifier}-status", says, is_new=is_new)}  # fmt: skip
    task: Json = {"id": identifier, "contextId": context or identifier, "status": status}
    if state == "completed":
        task["artifacts"] = [{"artifactId": f"{identifier}-receipt", "parts": [says]}]
    return task if is_new else {**task, "kind": "task"}


def _message(told: Json, question: Message, *, is_new: bool) -> Json:
    reply = _spoken(f"{question.message_id[:100]}-answer", _part(told, is_new=is_new), is_new=is_new)
    return {**reply, "contextId": question.context_id} if question.context_id else reply


def _spoken(identifier: str, part: Json, *, is_new: bool) -> Json:
    said: Json = {"messageId": identifier, "role": "ROLE_AGENT" if is_new else "agent", "parts": [part]}
    return said if is_new else {**said, "kind": "message"}


def _part(told: Json, *, is_new: bool) -> Json:
    return {"data": told} if is_new else {"kind": "data", "data": told}


def _told(answer: Json) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json", headers={"Cache-Control": "no-store"})
