"""The pipeline language, its guardrail rules and its genetics as pure values and functions."""
