"""The pipeline language, guardrail rules and genetics as pure values and functions, and the library of pipelines.

language                 YAML into checked definitions; templates, conditions, scope
execution                how a run unfolds, as decisions
transform, extraction    what data steps and extracting steps compute
guardrails               kill-switch rules
recovery, genetics       other ways to a result; breeding better definitions
examples, meta           pipelines as YAML, shipped with the package
"""
