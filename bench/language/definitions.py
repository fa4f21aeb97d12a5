"""Pipelines of any length, made of what people write: prompts, references, conditions, variables, retries."""

from __future__ import annotations


def definition(steps: int) -> str:
    """The YAML of a pipeline with `steps` steps of four kinds, each of which reads the one before it."""
    lines = ["name: measured", "inputs: {topic: {type: string}}", "steps:"]
    for number in range(steps):
        before = f"steps.s{number - 1}.result" if number else "inputs.topic"
        match number % 4:
            case 0:
                lines += [
                    f"  - name: s{number}",
                    "    type: claude",
                    "    prompt: |",
                    f"      Write part {number} about {{{{inputs.topic}}}}.",
                    f"      Before it: {{{{{before}}}}}",
                ]
            case 1:
                condition = f'condition: \'{before} contains "{number}" or {before} != ""\''
                lines.append(f"  - {{name: s{number}, type: test_echo, value: '{{{{{before}}}}}', {condition}}}")
            case 2:
                value = f"'{{{{{before} | upper}}}}'"
                lines.append(f"  - {{name: s{number}, type: set_variable, variables: {{v{number}: {value}}}}}")
            case _:
                lines += [
                    f"  - name: s{number}",
                    "    type: gemini",
                    "    retry: {max_attempts: 3}",
                    f"    prompt: 'Check {{{{state.v{number - 1}}}}}'",
                ]
    return "\n".join(lines) + "\n"
