"""What a step reads and writes, and the graph that follows from it."""

from .graph import build_graph, find_cycle, waves
from .names import free_names, inner_names, input_names, visible_names, written_variables
from .reading import Problem, Reference, function_steps, prompt_files, references, template_references

__all__ = [
    "Problem",
    "Reference",
    "build_graph",
    "find_cycle",
    "free_names",
    "function_steps",
    "inner_names",
    "input_names",
    "prompt_files",
    "references",
    "template_references",
    "visible_names",
    "waves",
    "written_variables",
]
