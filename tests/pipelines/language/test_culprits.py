"""The caret of a finding stands below what is wrong, each mistake is told once, and with the way out."""

from __future__ import annotations

import pytest

from pipelines.language import InvalidPipelineError, load_pipeline
from pipelines.tooling import excerpt

# The text, the line the finding is on, the words above its caret, and what its message or fix says.
MISTAKES = {
    "a misspelt key is told, and not that the right one is missing": (
        "name: x\nsteps:\n  - name: a\n    type: claude\n    promt: hi\n",
        5, "promt", "write 'prompt'",
    ),
    "a misspelt type": (
        "name: x\nsteps:\n  - name: a\n    type: cluade\n    prompt: hi\n",
        4, "cluade", "write 'type: claude'",
    ),
    "a misspelt step, in a text of several lines": (
        "name: x\nsteps:\n  - {name: facts, type: claude, prompt: hi}\n  - name: b\n    type: claude\n    prompt: |\n"
        "      Hello\n      use {{ steps.fact.result }} now\n",
        8, "steps.fact.result", "write 'facts'",
    ),
    "the second of two names": (
        'name: x\nvariables: {score: 1}\nsteps:\n'
        '  - {name: a, type: test_echo, value: "{{ state.score }}{{ state.scor }}"}\n',
        4, "state.scor", "write 'score'",
    ),
    "an unknown filter": (
        'name: x\nsteps:\n  - name: a\n    type: claude\n    prompt: "Hi {{ inputs.q | uper }}"\n',
        5, "uper", "did you mean 'upper'?",
    ),
    "an expression without an end": (
        'name: x\nsteps:\n  - name: a\n    type: claude\n    prompt: "Hi {{ inputs.q }"\n',
        5, "{", "is not closed with }}",
    ),
    "a comparison with one sign": (
        "name: x\nsteps:\n  - {name: a, type: test_echo}\n  - {name: b, type: test_echo, condition: a.x = 1}\n",
        4, "=", "written ==",
    ),
    "a step inside a loop": (
        "name: x\nsteps:\n  - name: l\n    type: for_loop\n    data_source: [1]\n"
        "    steps: [{name: in, type: test_echo}]\n"
        '  - {name: b, type: test_echo, value: "{{ steps.in }}"}\n',
        7, "steps.in", "read steps.l",
    ),
    "a number that is too small": (
        "name: x\nsteps:\n  - {name: a, type: claude, prompt: hi, timeout_s: -5}\n",
        3, "-5", "write a number that is more than 0",
    ),
    "a word where a number belongs": (
        'name: x\nsteps:\n  - {name: a, type: claude, prompt: hi, max_tokens: many}\n',
        3, "many", "write a whole number",
    ),
    "a filter that compares with nothing known": (
        "name: x\nsteps:\n  - name: t\n    type: data_transform\n    input_source: [1]\n"
        "    operations: [{operation: filter, condition: a => 1}]\n",
        6, "a", "the operator is not known",
    ),
    "an operation without its field": (
        "name: x\nsteps:\n  - name: t\n    type: data_transform\n    input_source: [1]\n"
        "    operations: [{operation: sort}]\n",
        6, "{", "add `field:`",
    ),
    "a word of a table": (
        "name: x\nsteps:\n  - name: t\n    type: data_transform\n    input_source: [1]\n"
        "    operations: [{operation: aggregate, field: a, function: averge}]\n",
        6, "averge", "write 'average'",
    ),
    "an input that the nested pipeline does not have": (
        "name: x\nsteps:\n  - name: n\n    type: pipeline\n    inputs: {langage: de}\n    pipeline:\n"
        "      inputs: {language: {default: en}}\n      steps: [{name: a, type: test_echo, value: 1}]\n",
        5, "langage", "write 'language'",
    ),
    "a prompt part about a step that is not there": (
        "name: x\nsteps:\n  - name: a\n    type: claude\n    prompt:\n      - {type: static, content: hi}\n"
        "      - {type: previous_response, step: gone}\n",
        7, "gone", "references non-existent steps: gone",
    ),
    "a template without quotes": (
        "name: x\nsteps:\n  - name: a\n    type: test_echo\n    value: {{ inputs.q }}\n",
        5, "{", 'write "{{ ... }}"',
    ),
    "a quote without an end": (
        'name: x\nsteps:\n  - name: a\n    type: claude\n    prompt: "hi\n',
        5, '"', "a quote that begins here is not closed",
    ),
    "a colon inside a text": (
        "name: x\nsteps:\n  - name: a\n    type: claude\n    prompt: Answer: yes\n",
        5, ":", "quote the text that holds the colon",
    ),
    "a line that is indented too little": (
        "name: x\nsteps:\n  - name: a\n    type: claude\n   prompt: hi\n",
        5, "prompt", "align it with the lines it belongs to",
    ),
    "a step that is a word": ("name: x\nsteps:\n  - claude\n", 3, "claude", "a step must be a map"),
    "an output that names no step": (
        'name: x\nsteps: [{name: load, type: test_echo}]\noutputs:\n  r: "{{ steps.lod }}"\n',
        4, "steps.lod", "write 'load'",
    ),
    "a case of a switch with a misspelt key": (
        "name: x\nsteps:\n  - name: s\n    type: switch\n    value: a\n    cases:\n    - when: a\n      stpes: []\n",
        8, "stpes", "write 'steps'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_caret_is_below_the_culprit(mistake: str) -> None:
    text, line, culprit, says = MISTAKES[mistake]
    with pytest.raises(InvalidPipelineError) as caught:
        load_pipeline(text, source="p.yaml")
    (finding,) = caught.value.diagnostics
    shown, carets = excerpt(text, finding.line, finding.column).split("\n")
    assert finding.line == line
    assert shown[carets.index("^") : carets.rindex("^") + 1].startswith(culprit)
    assert says in str(finding)


def test_a_word_that_yaml_escapes_is_shown_at_its_text() -> None:
    text = 'name: x\nsteps:\n  - {name: a, type: test_echo, value: "{{ steps.g\\u006fne }}"}\n'
    with pytest.raises(InvalidPipelineError) as caught:
        load_pipeline(text)
    (finding,) = caught.value.diagnostics
    assert (finding.line, finding.column) == (3, text.splitlines()[2].index('"') + 1)


def test_a_word_is_not_found_in_the_value_behind() -> None:
    text = (
        'name: x\nsteps:\n  - {name: a, type: test_echo, value: "{{ steps.g\\u006fne }}"}\n'
        "  - {name: b, type: test_echo, description: steps.gone}\n"
    )
    with pytest.raises(InvalidPipelineError) as caught:
        load_pipeline(text)
    assert [each.line for each in caught.value.diagnostics] == [3]
