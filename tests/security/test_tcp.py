"""The TCP listener: nothing without a token, nothing readable off the machine, no guessing."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors.kernel import Kernel, StartError
from actors.runs import AwaitRun
from runtime.cli import exits
from runtime.gateway import TcpAddress, TcpServer
from runtime.gateway.access import Peer
from runtime.gateway.exchange import until_left
from runtime.gateway.problems import ApiError
from runtime.gateway.roles import Role
from runtime.gateway.tcp import _listen  # pyright: ignore[reportPrivateUsage]
from runtime.gateway.tokens import Holder, TokenFileError, Tokens
from runtime.settings import SettingsError, load_settings
from tests.node_for_tests import node_home
from tests.runtime.gateway_fakes import PIPELINE, FakeBoard, FakeNode, FakeRuns, Seen
from tests.support import run

OWNER = "o" * 40
VIEWER = "v" * 40


def token_file(directory: Path, text: str = f"# who\nowner {OWNER} ann's laptop\nviewer {VIEWER}\n") -> Path:
    file = directory / "tokens"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


def environment(directory: Path, **more: str) -> dict[str, str]:
    tcp = {"ENABLED": "true", "PORT": "0", "TOKEN_FILE": str(token_file(directory)), **more}
    return {
        "HOME": str(directory),
        "EVOPIPE_STATE_DIR": str(directory / "state"),
        "EVOPIPE_SOCKET_PATH": str(directory / "s"),
        **{f"EVOPIPE_TCP__{key}": value for key, value in tcp.items()},
    }


@asynccontextmanager
async def listening(env: dict[str, str], verify: Any = True) -> AsyncGenerator[tuple[httpx.AsyncClient, FakeNode]]:
    settings = load_settings(None, env)
    kernel = Kernel()
    node = FakeNode(kernel, settings)
    seen = Seen()
    try:
        await kernel.spawn(FakeRuns, seen, name="runs")
        await kernel.spawn(FakeBoard, seen, name="kill_board")
        server = await kernel.spawn(TcpServer, node, settings.tcp)
        host, port = await server.call(TcpAddress())
        scheme = "https" if settings.tcp.cert_file else "http"
        async with httpx.AsyncClient(
            base_url=f"{scheme}://{host}:{port}", verify=verify, timeout=8, trust_env=False
        ) as client:
            yield client, node
    finally:
        await kernel.shutdown()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_token_gives_its_role_and_none_gives_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(environment(tmp_path)) as (client, node):
            for headers in ({}, bearer("x" * 40), {"authorization": f"Basic {OWNER}"}):
                answer = await client.get("/v1/status", headers=headers)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert (await client.get("/v1/status", headers=bearer(VIEWER))).status_code == 200
            refused = await client.post("/v1/shutdown", headers=bearer(VIEWER), json={})
            assert refused.json()["error"]["code"] == "role_needed"
            assert (await client.post("/v1/shutdown", headers=bearer(OWNER), json={})).status_code == 202
            made = {item.decision.action: item.decision.who for item in node.audit.waiting}
            assert made["node.stop_asked"] == "tcp:ann's laptop from 127.0.0.1"
            assert OWNER not in str([item.decision for item in node.audit.waiting])

    run(main())


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The ends of waits for runs, none of which ends by itself, in seconds after they began."""
    ends: list[float] = []
    answer = FakeRuns.on_receive

    async def never(self: FakeRuns, message: object) -> object:
        if not isinstance(message, AwaitRun):
            return await answer(self, message)
        self.later()
        return None

    def until_ended(scope: Any, wait: asyncio.Timeout) -> Any:
        return _noted(until_left(scope, wait), ends)

    monkeypatch.setattr(FakeRuns, "on_receive", never)
    monkeypatch.setattr("runtime.gateway.runs.until_left", until_ended)
    return ends


@contextmanager
def _noted(inner: AbstractContextManager[None], ends: list[float]) -> Generator[None]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        with inner:
            yield
    finally:
        ends.append(loop.time() - began)


async def wait_of(base_url: str, trust: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, Any]:
    """A client that waits for a run for an hour."""
    url = httpx.URL(base_url)
    reader, writer = await asyncio.open_connection(url.host, url.port, ssl=trust)
    body = json.dumps({"definition": PIPELINE, "workspace": "/tmp", "wait": True, "timeout_s": 3600}).encode()
    head = f"POST /v1/runs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {OWNER}\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    return reader, writer


async def submitted(node: FakeNode) -> None:
    async with asyncio.timeout(5):
        while "run.submitted" not in {item.decision.action for item in node.audit.waiting}:
            await asyncio.sleep(0.01)


def test_a_client_that_leaves_while_it_waits_for_a_run_holds_its_place_no_longer(
    tmp_path: Path, certificate: tuple[Path, Path], waiting: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.gateway.exchange.UNCERTAIN_S", 0.2)
    cert, key = certificate
    trust = ssl.create_default_context(cafile=str(cert))

    async def main() -> None:
        for env, ssl_context in (
            (environment(tmp_path), None),
            (environment(tmp_path, CERT_FILE=str(cert), KEY_FILE=str(key)), trust),
        ):
            waiting.clear()
            async with listening(env, ssl_context or True) as (client, node):
                _, writer = await wait_of(str(client.base_url), ssl_context)
                await submitted(node)
                assert waiting == []
                writer.close()
                async with asyncio.timeout(5):
                    while not waiting:
                        await asyncio.sleep(0.01)
                assert waiting[0] < 5

    run(main(), 30)


def test_a_client_that_only_sends_no_more_is_told_its_run_and_that_it_goes_on(
    tmp_path: Path, waiting: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.gateway.exchange.UNCERTAIN_S", 0.2)

    async def main() -> None:
        async with listening(environment(tmp_path)) as (client, _):
            reader, writer = await wait_of(str(client.base_url))
            writer.write_eof()
            async with asyncio.timeout(5):
                told = (await reader.read()).decode()
            assert told.startswith("HTTP/1.1 202")
            assert '"status":"running"' in told
            assert '"run_id":"run-' in told
            writer.close()

    run(main(), 20)


def test_a_client_whose_machine_is_gone_is_asked_whether_it_is_there(tmp_path: Path) -> None:
    settings = load_settings(None, environment(tmp_path)).tcp
    with _listen(settings) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            quiet = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            apart = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
            count = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
            assert quiet + apart * count <= 120


def test_guessing_tokens_is_slowed_down_with_a_time_to_wait(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(environment(tmp_path)) as (client, _):
            answers = [await client.get("/v1/status", headers=bearer(f"guess-{n}" * 8)) for n in range(10)]
            assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 5
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 10

    run(main())


def test_wrong_tokens_are_forgiven_with_time_and_never_keep_a_valid_one_out(tmp_path: Path) -> None:
    now = 0.0
    tokens = Tokens(token_file(tmp_path), lambda: now)
    for _ in range(5):
        with pytest.raises(ApiError, match="valid token"):
            tokens.identify("Bearer wrong", "10.0.0.1")
    with pytest.raises(ApiError, match="too many wrong tokens"):
        tokens.identify("Bearer wrong", "10.0.0.1")
    assert tokens.identify(f"Bearer {OWNER}", "10.0.0.1") == Holder("tcp:ann's laptop", Role.OWNER)
    now = 11.0
    with pytest.raises(ApiError, match="valid token"):
        tokens.identify("Bearer wrong", "10.0.0.1")
    assert tokens.identify(f"bearer {VIEWER}", "10.0.0.1") == Holder("tcp:viewer token 3", Role.VIEWER)


def test_a_token_may_say_whose_it_is_so_that_several_of_one_person_are_one(tmp_path: Path) -> None:
    lines = ("owner", "operator laptop", "operator ann's  phone person=ann", "viewer person=ann")
    text = "".join(f"{line.split()[0]} {str(n) * 40} {' '.join(line.split(' ')[1:])}\n" for n, line in enumerate(lines))
    tokens = Tokens(token_file(tmp_path, text), lambda: 0.0)
    found = [tokens.identify(f"Bearer {str(n) * 40}", "10.0.0.1") for n in range(len(lines))]
    assert [(each.account, each.person) for each in found] == [
        ("tcp:owner token 1", ""),
        ("tcp:laptop", ""),
        ("tcp:ann's phone", "ann"),
        ("tcp:ann", "ann"),
    ]
    persons = [Peer("x", each.role, account=each.account, belongs_to=each.person).person for each in found]
    assert persons == ["owner token 1", "laptop", "ann", "ann"]
    assert Peer("ann", Role.OWNER).person == "ann"  # the user of the socket


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("owner short\n", "shorter than 32 characters"),
        ("king " + OWNER, "ROLE: viewer, operator or owner"),
        (OWNER, "a line is ROLE TOKEN"),
        ("# nothing\n", "must hold 1 to"),
        (f"owner {OWNER} laptop person=", "person= names nobody. Fix: person=ann"),
        (f"owner {OWNER} person={'x' * 101}", "person= names nobody"),
    ],
)
def test_a_token_file_that_is_not_safe_is_refused_without_quoting_it(text: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match=what) as refused:
        Tokens(token_file(tmp_path, text), lambda: 0.0)
    assert OWNER not in str(refused.value)


def test_a_token_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    token_file(tmp_path).chmod(0o640)
    with pytest.raises(TokenFileError, match="chmod 600"):
        Tokens(tmp_path / "tokens", lambda: 0.0)


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"HOST": "0.0.0.0"}, "cross the network readable"),
        ({"HOST": "node.example"}, "cross the network readable"),
        ({"HOST": '"::"'}, "cross the network readable"),
        ({"CERT_FILE": "/c.pem"}, "belong together"),
        ({"TOKEN_FILE": "null"}, "needs a token_file"),
    ],
)
def test_settings_that_would_be_unsafe_start_nothing(more: dict[str, str], what: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=what):
        load_settings(None, environment(tmp_path, **more))


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate for this test")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    key.chmod(0o600)
    return cert, key


def test_with_a_certificate_it_speaks_tls_and_nothing_else(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    async def main() -> None:
        cert, key = certificate
        trust = ssl.create_default_context(cafile=str(cert))
        env = environment(tmp_path, CERT_FILE=str(cert), KEY_FILE=str(key))
        async with listening(env, trust) as (client, _):
            assert (await client.get("/v1/status", headers=bearer(VIEWER))).status_code == 200
            assert (await client.get("/v1/status")).status_code == 401
            plain = str(client.base_url).replace("https", "http")
            async with httpx.AsyncClient(timeout=5, trust_env=False) as other:
                with pytest.raises(httpx.TransportError):
                    await other.get(f"{plain}/v1/status", headers=bearer(VIEWER))

    run(main())


def test_a_key_that_others_may_read_or_that_does_not_fit_starts_nothing(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    async def main() -> None:
        cert, key = certificate
        env = environment(tmp_path, CERT_FILE=str(cert), KEY_FILE=str(key))
        key.chmod(0o644)
        with pytest.raises(StartError, match="may be read by others"):
            async with listening(env):
                pass
        key.chmod(0o600)
        words = ("openssl", "pkcs8", "-topk8", "-in", str(key), "-passout", "pass:canary", "-out", f"{key}.enc")
        subprocess.run(words, check=True, capture_output=True, timeout=30)
        Path(f"{key}.enc").chmod(0o600)
        with pytest.raises(StartError, match="wants a passphrase"):
            async with listening({**env, "EVOPIPE_TCP__KEY_FILE": f"{key}.enc"}):
                pass
        key.write_text("no key", encoding="ascii")
        with pytest.raises(StartError, match="cannot be used"):
            async with listening(env):
                pass

    run(main())


@pytest.mark.daemon
def test_a_real_node_listens_where_its_status_says_and_stops_with_it(tmp_path: Path) -> None:
    with node_home() as evopipe:
        evopipe.env |= {name: text for name, text in environment(tmp_path).items() if "TCP" in name}
        assert evopipe("up").returncode == exits.OK
        url = evopipe.status()["tcp"]
        assert httpx.get(f"{url}/v1/tree", headers=bearer(VIEWER), trust_env=False).status_code == 200
        assert "tcp_server" in evopipe("tree").stdout
        log = evopipe("logs", "--tail", "1000").stdout
        assert "tcp_listening" in log
        assert not [token for token in (OWNER, VIEWER) if token in log]
        assert evopipe("down").returncode == exits.OK
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/v1/tree", trust_env=False)


@pytest.mark.daemon
def test_a_real_node_with_an_open_token_file_does_not_start_and_says_why(tmp_path: Path) -> None:
    with node_home() as evopipe:
        evopipe.env |= {name: text for name, text in environment(tmp_path).items() if "TCP" in name}
        token_file(tmp_path).chmod(0o644)
        refused = evopipe("up")
        assert refused.returncode == exits.FAILED
        assert "chmod 600" in refused.stderr
        assert OWNER not in refused.stderr
