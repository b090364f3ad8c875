"""Outputs of cells as they may enter a report: nbformat's shapes and nothing else, within a submission's share.

They were made in a process that runs student code, and staff's tools will open them.
"""

from __future__ import annotations

from typing import Any

LEFT_OUT = "(more outputs were left out)"
_SHORT = 2000


def clean_outputs(found: Any) -> list[dict[str, Any]]:
    """Return the well-formed outputs among what an answer calls outputs."""
    if not isinstance(found, list):
        return []
    return [output for output in map(_clean, found) if output is not None]


def _clean(output: Any) -> dict[str, Any] | None:
    if not isinstance(output, dict):
        return None
    match output.get("output_type"):
        case "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            return {"output_type": "stream", "name": name, "text": _text(output.get("text"))}
        case "error":
            lines = output.get("traceback")
            return {
                "output_type": "error",
                "ename": _text(output.get("ename"))[:_SHORT],
                "evalue": _text(output.get("evalue")),
                "traceback": [_text(line) for line in lines] if isinstance(lines, list) else [],
            }
        case "execute_result":
            return _bundle(output, "execute_result") | {"execution_count": None}
        case "display_data":
            return _bundle(output, "display_data")
    return None


def _bundle(output: dict[str, Any], kind: str) -> dict[str, Any]:
    data, metadata = output.get("data"), output.get("metadata")
    return {
        "output_type": kind,
        "data": {_text(mime): _mime_value(mime, value) for mime, value in data.items()}
        if isinstance(data, dict)
        else {},
        "metadata": metadata if isinstance(metadata, dict) else {},
    }


def _mime_value(mime: str, value: Any) -> Any:
    if mime.endswith(("/json", "+json")):
        return value
    if isinstance(value, list):
        return "".join(_text(part) for part in value)
    return _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


class Share:
    """How much of a notebook's outputs is kept: what goes beyond it is left out, and said."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def take(self, outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the outputs, cut to a summary when the share is used up. What scoring looks at stays."""
        self._left -= sum(map(_size, outputs))
        if self._left >= 0 or not outputs:
            return outputs
        return [*map(_summary, outputs[:20]), {"output_type": "stream", "name": "stdout", "text": LEFT_OUT}]


def _size(output: dict[str, Any]) -> int:
    texts = [output.get("text", ""), *output.get("traceback", []), output.get("evalue", "")]
    bundle = [part for pair in output.get("data", {}).items() for part in pair]
    return sum(map(len, texts)) + sum(len(str(part)) for part in (*bundle, output.get("metadata", "")))


def _summary(output: dict[str, Any]) -> dict[str, Any]:
    match output["output_type"]:
        case "stream":
            return output | {"text": output["text"][:_SHORT]}
        case "error":
            return output | {"evalue": output["evalue"][:_SHORT], "traceback": []}
        case _:
            plain = output["data"].get("text/plain", "")
            return output | {"data": {"text/plain": str(plain)[:_SHORT]}, "metadata": {}}
