"""Reviews without a language model: ruff, complexipy and the test results, put into sentences. Always the same."""

import itertools
from collections.abc import Sequence

from studyhall.ai.code_checks import COMPLEX, CodeFinding, FunctionComplexity, complexities, lint
from studyhall.ai.reviewer import CodeSuggestion, Findings, Material, Remark, TestOutcome, WorkCell

MAX_REMARKS = 20
MAX_SUGGESTIONS = 6
FAILED = frozenset({"failed", "error", "timed_out", "memory_exceeded", "not_run", "partial"})
STATUS_WORDS = {
    "timed_out": "it took too long",
    "memory_exceeded": "it needed too much memory",
    "not_run": "it was not run",
    "partial": "a part of it holds",
}


class OfflineReviewer:
    """Automatic checks. It says what it is, gives no scores, and needs nothing beyond this machine."""

    name = "offline"

    def speaker(self, *, passed: bool) -> str:
        """Return who speaks: no person, and no language model either."""
        del passed
        return "Automatic checks (no AI)"

    async def review(self, material: Material) -> Findings:
        """Check the learner's own code and list what the tests say."""
        findings: list[CodeFinding] | None = []
        functions: list[FunctionComplexity] = []
        python = material.language.lower().startswith(("python", "ipython"))
        own_code = [cell for cell in material.own_cells if cell.kind == "code"]
        if python and own_code:
            for _, group in itertools.groupby(material.cells, key=lambda cell: cell.notebook):
                cells = list(group)
                found = await lint(cells)
                findings = None if found is None or findings is None else findings + found
                functions.extend(await complexities(cells))
        remarks = [_of_test(test) for test in material.tests if test.status in FAILED]
        remarks += [_of_finding(finding) for finding in findings or ()]
        remarks += [_of_function(function) for function in functions if function.complexity > COMPLEX]
        left_out = len(remarks) - MAX_REMARKS
        if left_out > 0:
            remarks = [*remarks[:MAX_REMARKS], Remark(text=f"… and {left_out} more remarks.")]
        return Findings(
            summary=_summary(material, findings, own_code=own_code, python=python),
            strengths=_strengths(material, findings, own_code),
            improvements=remarks,
            code_suggestions=_suggestions(findings or ()),
            complexity_analysis=_complexity(functions),
        )


def _summary(
    material: Material, findings: Sequence[CodeFinding] | None, *, own_code: Sequence[WorkCell], python: bool
) -> str:
    parts = []
    if material.tests:
        passed = sum(test.status == "passed" for test in material.tests)
        parts.append(f"{passed} of {len(material.tests)} tests passed.")
    if not own_code:
        parts.append("There is no code of your own to check yet.")
    elif not python:
        parts.append(
            f"Code in {material.language} is not checked automatically, so this is about the tests only."
        )
    elif findings is None:
        parts.append("Your code itself could not be checked this time, so this is about the tests only.")
    elif findings:
        parts.append(
            f"The checks have {len(findings)} remark{'s' if len(findings) > 1 else ''} about your code."
        )
    else:
        parts.append("The checks have nothing to say against your code.")
    return " ".join(parts)


def _strengths(
    material: Material, findings: Sequence[CodeFinding] | None, own_code: Sequence[WorkCell]
) -> list[str]:
    strengths = [f"Passed: {test.title}" for test in material.tests if test.status == "passed"]
    if own_code and findings == [] and material.language.lower().startswith(("python", "ipython")):
        strengths.append("No remarks about mistakes, traps, style or security.")
    return strengths


def _of_test(test: TestOutcome) -> Remark:
    kind = " (hidden test)" if test.hidden else ""
    reason = "" if test.hidden else test.message.strip()
    if not reason:
        reason = STATUS_WORDS.get(test.status, "it does not hold yet")
    text = f"{test.title}{kind}: {reason}"
    if test.hint:
        text += f" — Hint: {test.hint}"
    return Remark(text=text, notebook=test.notebook, cell_id=test.cell_id)


def _of_finding(finding: CodeFinding) -> Remark:
    return Remark(
        text=finding.text,
        notebook=finding.cell.notebook,
        cell_id=finding.cell.cell_id,
        line_start=finding.line_start,
        line_end=finding.line_end,
    )


def _of_function(function: FunctionComplexity) -> Remark:
    return Remark(
        text=f"Hard to follow: `{function.name}` has a cognitive complexity of {function.complexity} "
        f"(above {COMPLEX} is a lot). Give some of its steps a function of their own.",
        notebook=function.cell.notebook,
        cell_id=function.cell.cell_id,
        line_start=function.line_start,
        line_end=function.line_end,
    )


def _suggestions(findings: Sequence[CodeFinding]) -> list[CodeSuggestion]:
    found: list[CodeSuggestion] = []
    for suggestion in (finding.suggestion for finding in findings):
        if suggestion is not None and suggestion not in found:
            found.append(suggestion)
    return found[:MAX_SUGGESTIONS]


def _complexity(functions: Sequence[FunctionComplexity]) -> str | None:
    if not functions:
        return None
    listed = ", ".join(f"`{function.name}` {function.complexity}" for function in functions[:20])
    return f"Cognitive complexity (how hard a function is to follow; 0 is trivial, above {COMPLEX} is a lot): {listed}."
