"""The test server itself, where the providers' tests would not notice that it is wrong."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from anthropic import AsyncAnthropic
from google import genai

from tests.support import run
from tests.wire import Answered, Failed, WireServer, scripted


def test_a_word_in_brackets_chooses_the_behaviour() -> None:
    assert isinstance(scripted("please [[rate-limited]] me"), Failed)
    assert scripted("plain") is None
    with pytest.raises(KeyError):
        scripted("[[no-such-word]]")


def test_the_queue_goes_before_the_prompt() -> None:
    async def main() -> list[int]:
        async with WireServer(queue=[Answered("first")]) as server, httpx.AsyncClient() as client:
            body = {"contents": [{"parts": [{"text": "[[server-error]]"}]}]}
            url = f"{server.url}/v1/models/m:generateContent"
            headers = {"x-goog-api-key": "test-key"}
            return [(await client.post(url, json=body, headers=headers)).status_code for _ in range(2)]

    assert run(main()) == [200, 500]


@pytest.mark.parametrize(
    ("path", "body", "key_header"),
    [
        (
            "/v1/messages",
            {
                "model": "m",
                "max_tokens": 5,
                "messages": [{"role": "user", "content": "x"}],
                "tools": [
                    {"name": "note", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
                ],
            },
            "x-api-key",
        ),
        (
            "/v1/models/m:generateContent",
            {
                "contents": [{"parts": [{"text": "x"}]}],
                "tools": [
                    {
                        "functionDeclarations": [
                            {
                                "name": "note",
                                "parametersJsonSchema": {
                                    "type": "object",
                                    "properties": {"n": {"type": "integer"}},
                                },
                            }
                        ]
                    }
                ],
            },
            "x-goog-api-key",
        ),
    ],
)
def test_a_request_with_tools_is_answered_with_a_call_of_the_first(path: str, body: object, key_header: str) -> None:
    async def main() -> str:
        async with WireServer() as server, httpx.AsyncClient() as client:
            headers = {key_header: "test-key", "anthropic-version": "2023-06-01"}
            return (await client.post(server.url + path, json=body, headers=headers)).text

    assert '"name": "note"' in run(main())


def test_an_unknown_path_is_not_found() -> None:
    async def main() -> int:
        async with WireServer() as server, httpx.AsyncClient() as client:
            return (await client.get(server.url + "/nothing")).status_code

    assert run(main()) == 404


SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_the_anthropic_sdk_reads_the_call_of_a_tool() -> None:
    async def main() -> None:
        async with (
            WireServer() as server,
            AsyncAnthropic(api_key="test-key", base_url=server.url, max_retries=0) as client,
        ):
            answer = await client.messages.create(
                model="m",
                max_tokens=50,
                messages=[{"role": "user", "content": "note it"}],
                tools=[{"name": "note", "input_schema": SCHEMA}],
            )
        (block,) = answer.content
        assert block.type == "tool_use"
        assert (answer.stop_reason, block.name, block.input) == ("tool_use", "note", {"n": 1})

    run(main())


@pytest.mark.parametrize(
    "form",
    [
        {"parameters_json_schema": SCHEMA},
        {"parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]}},
    ],
    ids=["json schema", "own schema"],
)
def test_the_gemini_sdk_reads_the_call_of_a_function(form: dict[str, Any]) -> None:
    async def main() -> None:
        async with WireServer() as server:
            options = genai.types.HttpOptions(base_url=server.url)
            client = genai.Client(vertexai=False, api_key="test-key", http_options=options)
            declared = genai.types.FunctionDeclaration(name="note", **form)
            config = genai.types.GenerateContentConfig(
                tools=[genai.types.Tool(function_declarations=[declared])],
                automatic_function_calling=genai.types.AutomaticFunctionCallingConfig(disable=True),
            )
            models: Any = client.aio.models
            answer = await models.generate_content(model="m", contents="note it", config=config)
            await client.aio.aclose()
            client.close()
        (call,) = answer.function_calls
        assert (call.name, call.args) == ("note", {"n": 1})

    run(main())
