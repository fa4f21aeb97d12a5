"""The test server itself, where the providers' tests would not notice that it is wrong."""

from __future__ import annotations

import httpx
import pytest

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
