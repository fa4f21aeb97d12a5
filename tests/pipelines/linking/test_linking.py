"""References put into one definition: what they mean, where they are wrong, and what bounds them."""

from __future__ import annotations

import pytest

from pipelines.language import InvalidPipelineError, PipelineStep, check_document, load_pipeline, read_yaml
from pipelines.linking import MOST_REFERENCES, Entry, Linked, UnresolvedReferenceError, has_references, link

LEAF = """\
name: leaf
inputs: {n: {type: integer}, who: {type: string, default: me}}
steps: [{name: a, type: test_echo, value: "{{ inputs.n }}"}]
"""
MISFITTING = """\
name: o
steps:
  - name: s
    type: pipeline
    pipeline_ref: leaf
    inputs:
      n: three
      whom: you
    outputs: [b]
"""


class Shelf:
    """A library for tests; counts what is asked of it."""

    def __init__(self, **texts: str) -> None:
        self.entries = {name: Entry(name, "1", load_pipeline(text).content_hash, text) for name, text in texts.items()}
        self.asked: list[str] = []

    def find(self, reference: str) -> Entry:
        self.asked.append(reference)
        name = reference.partition("@")[0]
        if name not in self.entries:
            raise UnresolvedReferenceError(f"the library has no '{reference}'", "register it")
        return self.entries[name]


def calling(name: str, *references: str, inputs: str = "{}") -> str:
    steps = [
        f"  - {{name: s{i}, type: pipeline, pipeline_ref: {each}, inputs: {inputs}}}\n"
        for i, each in enumerate(references)
    ]
    return f"name: {name}\nsteps:\n" + "".join(steps)


def linked(text: str, shelf: Shelf) -> Linked:
    document = read_yaml(text, "f.yaml")
    return link(document, check_document(document), shelf.find)


def refused(text: str, shelf: Shelf) -> list[str]:
    with pytest.raises(InvalidPipelineError) as error:
        linked(text, shelf)
    return [str(each) for each in error.value.diagnostics]


def test_what_is_linked_is_whole_and_reads_back_as_itself() -> None:
    shelf = Shelf(leaf=LEAF, middle=calling("middle", "leaf", inputs="{n: 3}"))
    done = linked(
        calling("outer", "middle", "leaf@1", inputs="{}").replace("leaf@1, inputs: {}", "leaf@1, inputs: {n: 1}"), shelf
    )
    assert not has_references(done.pipeline)
    assert load_pipeline(done.text).content_hash == done.pipeline.content_hash
    assert [(each.place, each.name, each.version) for each in done.references] == [
        ("steps[0].pipeline_ref", "middle", "1"),
        ("steps[1].pipeline_ref", "leaf", "1"),
    ]


def test_references_inside_loops_branches_and_inline_pipelines_are_resolved() -> None:
    text = """\
name: outer
steps:
  - name: round
    type: for_loop
    data_source: [1]
    steps: [{name: x, type: pipeline, pipeline_ref: leaf, inputs: {n: 1}}]
  - name: way
    type: switch
    value: "{{ inputs.v }}"
    cases: [{when: a, steps: [{name: y, type: pipeline, pipeline_ref: leaf, inputs: {n: 1}}]}]
  - name: inline
    type: pipeline
    pipeline: {name: in, steps: [{name: z, type: pipeline, pipeline_ref: leaf, inputs: {n: 1}}]}
"""
    shelf = Shelf(leaf=LEAF)
    done = linked(text, shelf)
    assert (len(done.references), has_references(done.pipeline)) == (3, False)
    assert shelf.asked == ["leaf"]


def test_inputs_and_outputs_that_do_not_fit_are_told_at_their_place() -> None:
    shelf = Shelf(leaf=LEAF)
    found = refused(MISFITTING, shelf)
    assert found[0].startswith("f.yaml:7:10: steps[0].inputs.n: the input 'n' of leaf@1 must be of type integer")
    assert found[1].startswith("f.yaml:8:7: steps[0].inputs.whom: the pipeline leaf@1 has no input 'whom'")
    assert "write 'who'" in found[1]
    assert "f.yaml:9:15" in found[2] and "has no step 'b'" in found[2]
    missing = refused("name: o\nsteps:\n  - {name: s, type: pipeline, pipeline_ref: leaf}\n", shelf)
    assert "needs the input 'n'. Expected a value of type integer" in missing[0]


def test_a_circle_is_found_by_content_and_told_with_its_chain() -> None:
    shelf = Shelf(one=calling("one", "two"), two=calling("two", "three"), three=calling("three", "one"))
    (found,) = refused(calling("outer", "one"), shelf)
    assert "circle: outer → one@1 → two@1 → three@1 → one@1" in found
    shelf = Shelf(twin=calling("me", "twin"))
    (found,) = refused(calling("me", "twin"), shelf)
    assert "circle: me → twin@1" in found


def test_references_that_multiply_or_nest_without_end_are_refused_at_once() -> None:
    texts = {"p0": "name: p0\nsteps: [{name: a, type: test_echo, value: 1}]\n"}
    texts |= {f"p{i}": calling(f"p{i}", *[f"p{i - 1}"] * 8) for i in range(1, 9)}
    (found,) = refused(calling("outer", "p8"), Shelf(**texts))
    assert f"more than {MOST_REFERENCES} references" in found
    chain = {f"q{i}": calling(f"q{i}", f"q{i + 1}") for i in range(20)}
    (found,) = refused(calling("outer", "q0"), Shelf(**chain))
    assert "deeper than 10 levels" in found


def test_a_strict_pipeline_stays_strict_inside_a_lenient_one() -> None:
    text = "workflow:\n  name: o\n  steps:\n    - {name: s, type: pipeline, pipeline_ref: leaf, inputs: {n: 1}}\n"
    done = linked(text, Shelf(leaf=LEAF))
    step = done.pipeline.steps[0]
    assert isinstance(step, PipelineStep)
    inner = step.pipeline
    assert inner is not None
    assert (done.pipeline.unresolved_names, inner.unresolved_names) == ("keep", "error")
    assert inner.content_hash == load_pipeline(LEAF).content_hash


@pytest.mark.parametrize("reference", ["../x", "a/b", "a@", "@1", "a@../1", "", "a b", "a@1@2", "x" * 200])
def test_what_is_no_reference_is_an_error_of_the_file(reference: str) -> None:
    with pytest.raises(InvalidPipelineError) as error:
        load_pipeline(f"name: o\nsteps:\n  - {{name: s, type: pipeline, pipeline_ref: '{reference}'}}\n")
    assert error.value.diagnostics[0].line == 3


def test_a_step_names_its_pipeline_once() -> None:
    with pytest.raises(InvalidPipelineError, match="and not `pipeline_file` and `pipeline_ref`"):
        load_pipeline("name: o\nsteps:\n  - {name: s, type: pipeline, pipeline_ref: a, pipeline_file: b.yaml}\n")
