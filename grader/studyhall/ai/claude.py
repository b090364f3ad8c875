"""Reviews by Claude, through the Messages API."""

import secrets
import time
from collections.abc import Callable, Iterable
from importlib import resources
from typing import Any

import anthropic
import structlog
from pydantic import BaseModel, Field, ValidationError

from studyhall.ai.circuit import Circuit
from studyhall.ai.errors import ReviewerBusy, ReviewerFailed, ReviewerMisconfigured
from studyhall.ai.reviewer import CodeSuggestion, Findings, Material, Remark, WorkCell, numbered

log = structlog.get_logger(__name__)

MAX_TOKENS = 8_000
MAX_WORK_CHARACTERS = 60_000
MAX_TASK_CHARACTERS = 20_000
MAX_REMARKS, MAX_STRENGTHS, MAX_SUGGESTIONS = 8, 6, 4
MAX_TEXT = 2_000
"""Longest text of one remark that is kept, in characters."""

RETRYABLE = frozenset({408, 409, 429, 499})


class ReplyDimensions(BaseModel):
    """Five opinions, each 0 to 100."""

    correctness: int = Field(ge=0, le=100)
    efficiency: int = Field(ge=0, le=100)
    code_quality: int = Field(ge=0, le=100)
    best_practices: int = Field(ge=0, le=100)
    security: int = Field(ge=0, le=100)


class ReplyRemark(BaseModel):
    """Something to look at."""

    text: str
    cell: str | None
    line_start: int | None
    line_end: int | None


class ReplySuggestion(BaseModel):
    """Another way to write consecutive lines of a cell."""

    cell: str
    line_start: int
    line_end: int
    suggested_code: str
    explanation: str


class ReplyComplexity(BaseModel):
    """How the code's cost grows."""

    time_complexity: str
    space_complexity: str
    explanation: str


class Reply(BaseModel):
    """What Claude is asked to answer with."""

    overall_score: int = Field(ge=0, le=100)
    dimensions: ReplyDimensions
    summary: str
    strengths: list[str]
    improvements: list[ReplyRemark]
    code_suggestions: list[ReplySuggestion]
    complexity: ReplyComplexity | None


def prompt_text(name: str) -> str:
    """Return a prompt of ours by its file name."""
    return resources.files("studyhall.ai").joinpath("prompts", name).read_text(encoding="utf-8").strip()


def make_prompt(material: Material, *, fence: str) -> tuple[str, str]:
    """Return the system prompt and the user's message.

    Args:
        material: what there is to review.
        fence: a word that the learner cannot know, so that their text cannot pretend to end.
    """
    guidance = prompt_text("passed.md" if material.passed else "hints_only.md")
    system = prompt_text("review.md").format(fence=fence, guidance=guidance)
    tasks = _clipped("\n\n".join(task.text for task in material.tasks), MAX_TASK_CHARACTERS)
    parts = [
        f"# Lesson: {material.lesson}",
        f"Language: {material.language}",
        "## Tasks",
        tasks or "(no task text)",
        "## Results, as the learner sees them",
        "\n".join(_test_line(material)) or "(no results)",
        "## The learner's work",
        f"<{fence}>",
        *_work(material.own_cells),
        f"</{fence}>",
    ]
    if material.focus:
        parts.append(f"The learner asks you to look at these above all: {', '.join(material.focus)}.")
    parts.append("Review this work by the rules.")
    return system, "\n\n".join(parts)


def _test_line(material: Material) -> Iterable[str]:
    for test in material.tests:
        kind = "hidden test" if test.hidden else "test"
        line = f"- {kind} “{test.title}”: {test.status}, {test.points:g} of {test.max_points:g} points"
        if test.message and not test.hidden:
            line += f"; message: {_clipped(test.message, 1_000)}"
        if test.hint and test.status != "passed":
            line += f"; the author's hint: {_clipped(test.hint, 1_000)}"
        yield line


def _work(cells: list[WorkCell]) -> list[str]:
    left = MAX_WORK_CHARACTERS
    shown = []
    for cell in cells:
        if left <= 0:
            shown.append("(more cells are left out here: the work is very long)")
            break
        text = _clipped(numbered(cell.lines), left)
        left -= len(text)
        shown.append(f'cell "{cell.handle}" ({cell.kind}):\n{text}')
    return shown or ["(the learner has not written anything yet)"]


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "\n(shortened)"


def findings_of(reply: Reply, material: Material) -> Findings:
    """Return a reply as findings about cells and lines that exist; of an attempt that has not passed no code at all."""
    cells = {cell.handle: cell for cell in material.own_cells}
    remarks = []
    for item in reply.improvements[:MAX_REMARKS]:
        cell = cells.get(item.cell or "")
        first, last = _lines(cell, item.line_start, item.line_end) if cell else (None, None)
        remarks.append(
            Remark(
                text=item.text[:MAX_TEXT],
                notebook=cell.notebook if cell else None,
                cell_id=cell.cell_id if cell else None,
                line_start=first,
                line_end=last,
            )
        )
    suggestions = []
    for proposal in reply.code_suggestions[:MAX_SUGGESTIONS] if material.passed else ():
        cell = cells.get(proposal.cell)
        if cell is None or cell.kind != "code":
            continue
        first, last = _lines(cell, proposal.line_start, proposal.line_end)
        if first is None or last is None:
            continue
        suggestions.append(
            CodeSuggestion(
                notebook=cell.notebook,
                cell_id=cell.cell_id,
                line_start=first,
                line_end=last,
                current_code="\n".join(cell.lines[first - 1 : last]),
                suggested_code=proposal.suggested_code[: 4 * MAX_TEXT],
                explanation=proposal.explanation[:MAX_TEXT],
            )
        )
    complexity = reply.complexity
    return Findings(
        overall_score=reply.overall_score,
        dimensions=reply.dimensions.model_dump(),
        summary=reply.summary[: 2 * MAX_TEXT],
        strengths=[text[:MAX_TEXT] for text in reply.strengths[:MAX_STRENGTHS]],
        improvements=remarks,
        code_suggestions=suggestions,
        complexity_analysis=(
            f"Time {complexity.time_complexity}, space {complexity.space_complexity}. {complexity.explanation}"[
                :MAX_TEXT
            ]
            if complexity
            else None
        ),
    )


def _lines(cell: WorkCell, first: int | None, last: int | None) -> tuple[int | None, int | None]:
    """Return line numbers that are within the cell, or none."""
    total = len(cell.lines)
    if first is None or not 1 <= first <= total:
        return None, None
    return first, min(max(first, last or first), total)


class ClaudeReviewer:
    """Asks Claude. A call is made once: the job that asked tries again, and the circuit breaker protects both sides."""

    name = "claude"

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        model: str,
        timeout_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the account and the model; an empty ``base_url`` is Anthropic's own."""
        self._api_key = api_key
        self._base_url = base_url or "https://api.anthropic.com"
        self._model = model
        self._timeout = timeout_seconds
        self._circuit = Circuit(monotonic=monotonic)

    def speaker(self, *, passed: bool) -> str:
        """Return who speaks, and by which rules."""
        return "Claude, by your course's rules" + ("" if passed else ": hints only")

    async def review(self, material: Material) -> Findings:
        """Ask Claude, and once more when the first answer can't be read.

        Raises:
            ReviewerBusy: no answer, or Claude is overloaded, or was so just now.
            ReviewerFailed: two answers in a row can't be read.
            ReviewerMisconfigured: the key, the model or the address is refused.
        """
        if self._circuit.is_open:
            raise ReviewerBusy
        system, message = make_prompt(material, fence=f"learner-work-{secrets.token_hex(8)}")
        try:
            async with anthropic.AsyncAnthropic(
                api_key=self._api_key, base_url=self._base_url, timeout=self._timeout, max_retries=0
            ) as client:
                reply = await self._ask_twice(client, system, message)
        except anthropic.APIStatusError as error:
            if error.status_code in RETRYABLE or error.status_code >= 500:
                self._circuit.failed()
                raise ReviewerBusy from error
            log.error("claude_refused", status=error.status_code, reason=error.api_message)  # noqa: TRY400 - a trace says no more than the answer
            raise ReviewerMisconfigured from error
        except (anthropic.APIConnectionError, _NotClaude) as error:
            self._circuit.failed()
            raise ReviewerBusy from error
        self._circuit.succeeded()
        return findings_of(reply, material)

    async def _ask_twice(self, client: anthropic.AsyncAnthropic, system: str, message: str) -> Reply:
        try:
            return await self._ask(client, system, [message])
        except _UnreadableReply as unreadable:
            repair = prompt_text("repair.md").format(problem=unreadable)
            log.info("claude_reply_unreadable", problem=str(unreadable))
        try:
            return await self._ask(client, system, [message, repair])
        except _UnreadableReply as error:
            raise ReviewerFailed from error

    async def _ask(self, client: anthropic.AsyncAnthropic, system: str, texts: list[str]) -> Reply:
        blocks: Any = [{"type": "text", "text": text} for text in texts]
        try:
            answer = await client.messages.parse(
                model=self._model,
                max_tokens=MAX_TOKENS,
                system=system,
                messages=[{"role": "user", "content": blocks}],
                output_format=Reply,
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise _UnreadableReply(f"{where}: {first['msg']}") from error
        except (AttributeError, TypeError, ValueError) as error:
            # The library reads whatever arrives; what is no message of this API ends in one of these.
            raise _NotClaude from error
        if answer.parsed_output is None:
            raise _UnreadableReply(f"it ended early ({answer.stop_reason})")
        return answer.parsed_output


class _NotClaude(Exception):
    """Something else answered, such as a proxy with a page of its own, or half of an answer arrived."""


class _UnreadableReply(Exception):
    """Claude's answer is not in the format that was asked for."""
