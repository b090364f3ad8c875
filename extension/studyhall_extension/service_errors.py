"""The service's refusals, passed on in its own words."""

from typing import Any

from studyhall_extension.errors import ErrorCode, ExtensionError, ServiceUnavailableError
from studyhall_extension.service_client import ServiceReply


class ServiceRefusedError(ExtensionError):
    """The classroom refused this. Reload the page and try again; if it stays so, tell your instructor."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        """Take the service's status and the `error` of its envelope."""
        super().__init__(str(error.get("message") or "") or None)
        self.status_code = status
        self.code = str(error.get("code") or ErrorCode.INTERNAL_ERROR)
        details = error.get("details")
        self.details = [
            {"field": str(detail.get("field", "")), "message": str(detail.get("message", ""))}
            for detail in (details if isinstance(details, list) else [])
            if isinstance(detail, dict)
        ]


def accepted_data(reply: ServiceReply) -> Any:
    """The `data` of a successful reply.

    Raises:
        ServiceRefusedError: the service said no.
        ServiceUnavailableError: the answer is not the service's.
    """
    envelope = reply.envelope()
    if envelope is None:
        raise ServiceUnavailableError
    if envelope["success"] and 200 <= reply.status < 300:
        return envelope.get("data")
    error = envelope.get("error")
    raise ServiceRefusedError(
        reply.status if 400 <= reply.status < 600 else 502, error if isinstance(error, dict) else {}
    )
