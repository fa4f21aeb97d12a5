"""The pipeline language, guardrail rules and genetics as pure values and functions, and the library of pipelines.

language                 YAML into checked definitions; templates, conditions, scope
linking                  references to other pipelines, resolved into one definition
tooling, formatting      graph, explain, estimate, warnings, the JSON Schema; fmt and migrate
execution                how a run unfolds, as decisions
context                  how large a prompt is, and what of it goes along when it is too large
transform, extraction, conversion, codebase    what data steps, extracting steps, file steps and code queries compute
guardrails               what forbids and bounds work
recovery, genetics, genesis    other ways to a result; breeding better definitions; a first one from a sentence
examples, meta, templates      pipelines as YAML, shipped with the package
"""
