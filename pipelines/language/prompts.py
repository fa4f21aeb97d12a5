"""Prompts in parts as template text."""

from __future__ import annotations

import json

from pydantic import JsonValue

JsonMap = dict[str, JsonValue]


def read_prompt(step: JsonMap) -> None:
    """Puts the text of a prompt in parts beside its parts."""
    parts = step.get("prompt")
    if isinstance(parts, list):
        step["prompt_parts"] = parts
        step["prompt"] = prompt_text(parts)


def prompt_text(parts: list[JsonValue]) -> str:
    """The template text of prompt parts, joined with one newline (spec section 4). Odd parts are left out."""
    texts: list[str] = []
    for part in parts:
        if not isinstance(part, dict):
            continue
        match part:
            case {"type": "static", "content": str(content)}:
                texts.append(content)
            case {"type": "file", "path": str(path)}:
                texts.append(f"{{{{ file({_literal(path)}) }}}}")
            case {"type": "previous_response", "step": str(step)}:
                extract = part.get("extract")
                path = _literal(extract if isinstance(extract, str) else "")
                strict = "false" if part.get("strict") is False else "true"
                most = part.get("max_length")
                cut = f"[:{most}]" if isinstance(most, int) and not isinstance(most, bool) else ""
                prefix = part.get("prefix")
                before = prefix if isinstance(prefix, str) else ""
                texts.append(f"{before}{{{{ previous_response({_literal(step)}, {path}, {strict}){cut} }}}}")
            case {"type": "session_context"}:
                texts.append("")
            case {"type": "claude_continue", "new_prompt": str(content)}:
                texts.append(content)
            case _:
                pass
    return "\n".join(texts)


def _literal(text: str) -> str:
    # A brace pair inside the literal would end the expression early.
    return json.dumps(text, ensure_ascii=False).replace("}", "\\u007d").replace("{", "\\u007b")
