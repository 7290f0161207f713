"""Plans, what came of them, and the record, as text for people."""

from __future__ import annotations

from itertools import groupby
from textwrap import fill, indent

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cqlengine.migrations.applying import Applied
    from cqlengine.migrations.plans import Plan
    from cqlengine.migrations.records import Recorded
    from cqlengine.migrations.steps import Problem, Step
    from cqlengine.migrations.verbs import Status

__all__ = ["applied_text", "plan_text", "status_text", "steps_count"]

_WIDTH = 96


def plan_text(plan: Plan) -> str:
    """Return the whole plan, a block for each step."""
    return "\n\n".join(_plan_blocks(plan))


def _plan_blocks(plan: Plan) -> Iterator[str]:
    if not plan:
        yield f"Keyspace {plan.keyspace} is what the models say: nothing to do."
    else:
        counts = [steps_count(plan.steps)]
        if plan.destructive:
            counts.append(f"{len(plan.destructive)} of them destructive")
        if plan.problems:
            counts.append(f"{len(plan.problems)} refused")
        yield f"Plan {plan.id} for keyspace {plan.keyspace}: {', '.join(counts)}"
    for step in plan.steps:
        yield _step_block(step)
    for problem in plan.problems:
        yield _problem_block(problem)
    if plan.notes:
        yield "\n".join(_paragraph("note: ", note) for note in plan.notes)
    if plan.problems:
        yield "None of it can be applied before what is refused has another way."
    elif plan.destructive:
        yield (
            "Destructive steps, and those that need them, are run by "
            "`apply --allow-destructive` only."
        )


def _step_block(step: Step) -> str:
    safety = step.safety.upper() if step.destructive else step.safety
    lines = [f"{step.number:3}. {step.kind} {step.target}  [{safety}]"]
    lines.append(indent(f"{step.cql};", "       "))
    lines.append(_paragraph("     reason: ", step.reason))
    if step.why:
        lines.append(_paragraph("     loses: " if step.destructive else "     safe? ", step.why))
    if step.way_out:
        lines.append(_paragraph("     way out: ", step.way_out))
    if step.needs:
        lines.append(f"     needs: step {', '.join(map(str, step.needs))}")
    return "\n".join(lines)


def _problem_block(problem: Problem) -> str:
    lines = [f"  !  {problem.target}  [REFUSED]"]
    lines.append(_paragraph("     reason: ", problem.reason))
    lines.append(_paragraph("     way out: ", problem.way_out))
    return "\n".join(lines)


def _paragraph(head: str, text: str) -> str:
    """Return the text with its lines under each other, none cut within a word of CQL."""
    return fill(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def steps_count(steps: Iterable[Step]) -> str:
    """Return "1 step", "3 steps" or "no step"."""
    number = len(list(steps))
    return f"{number or 'no'} step{'s' if number > 1 else ''}"


def applied_text(applied: Applied) -> str:
    """Return what was done, and what was not."""
    keyspace = applied.plan.keyspace
    if not applied.plan:
        return f"Keyspace {keyspace} is what the models say: nothing to do."
    lines = [f"Keyspace {keyspace}: {steps_count(applied.done)} applied."]
    if applied.found:
        lines.append(f"In effect before: {steps_count(applied.found)}.")
    if applied.held_back:
        lines.append("Held back, since they lose something or need what does:")
        lines += [f"  {step.number}. {step.kind} {step.target}" for step in applied.held_back]
        lines.append("Run them by `apply --allow-destructive`.")
    return "\n".join(lines)


def status_text(status: Status) -> str:
    """Return who applies changes now, and what was applied, the newest first."""
    blocks = []
    if status.holder is not None:
        blocks.append(f"Changes are being applied by {status.holder}.")
    if not status.recorded:
        blocks.append(f"Nothing is recorded in keyspace {status.keyspace}.")
    for _, steps in groupby(status.recorded, key=lambda entry: entry.run):
        blocks.append("\n".join(_run_lines(list(steps))))
    if status.pending is not None:
        blocks.append(plan_text(status.pending))
    return "\n\n".join(blocks)


def _run_lines(steps: list[Recorded]) -> Iterator[str]:
    first = steps[0]
    began = f"{first.started_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"{began}  plan {first.plan} by {first.applied_by}"
    for entry in steps:
        yield f"  {entry.step:3}. {entry.state:7} {entry.kind} {entry.target}"
        if entry.error:
            yield _paragraph("       ", entry.error)
    if len(steps) < first.of_steps:
        missing = first.of_steps - len(steps)
        yield f"       {missing} of its {first.of_steps} steps not begun"
