"""What is refused without a provider: the caller's own mistakes as failures, and errors of paths that are no calls."""

from __future__ import annotations

from penstock.dialects.call import BadRequest
from penstock.dialects.dialect import Dialect
from penstock.dialects.failure import Failure, Fault
from penstock.dialects.failures import error_body
from penstock.gateway.auth import Unauthorized
from penstock.gateway.inbound import JSON, BodyTooLarge, Fields, Inbound
from penstock.journal.record import new_id


def refusal_of(err: BadRequest | Unauthorized | BodyTooLarge) -> Failure:
    """What the caller is told of its own mistake."""
    if isinstance(err, Unauthorized):
        return Failure(fault=Fault.AUTHENTICATION, status=401, message=str(err))
    if isinstance(err, BodyTooLarge):
        return Failure(fault=Fault.BAD_REQUEST, status=413, message=str(err))
    fault = Fault.NOT_FOUND if err.status == 404 else Fault.BAD_REQUEST
    return Failure(fault=fault, status=err.status, message=err.message, param=err.param)


async def refuse(inbound: Inbound, failure: Failure, *, dialect: Dialect, headers: Fields = ()) -> None:
    """Answer what is no call to a model with an error: no record is made of it."""
    status, body = error_body(dialect, failure, request_id=new_id())
    await inbound.respond(status, [JSON, *headers], body)
