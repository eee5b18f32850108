"""Claude, through claude-agent-sdk: real sessions with tools in the workspace, behind a fence."""

from __future__ import annotations

import sys
import uuid
from typing import TYPE_CHECKING

from msgspec.structs import replace

from leanlab.backends import Result
from leanlab.backends.claude import login
from leanlab.backends.claude.accounts import Account, Accounts, ListPrices
from leanlab.backends.claude.faults import failure
from leanlab.backends.claude.launch import PRIVATE, Launcher, fenced, program
from leanlab.errors import BackendUnavailable, ConfigError
from leanlab.sandbox import fence

if TYPE_CHECKING:
    from claude_agent_sdk import ClaudeAgentOptions

    from leanlab.backends import Request
    from leanlab.backends.claude.login import Login
    from leanlab.backends.claude.turn import Turn
    from leanlab.config import RoleChoice
    from leanlab.lab import Lab
    from leanlab.sandbox.fence import Fence

DEFAULT_MODEL = "sonnet"
_GO_ON = "You were cut off by a fault that is over. Go on where you were."


class ClaudeBackend:
    """Starts Claude once a turn; a later turn resumes the conversation of an earlier one."""

    name = "claude"

    def __init__(self, lab: Lab, settings: RoleChoice, entry: Login, *, unfenced: bool) -> None:
        self.model = settings.model or DEFAULT_MODEL
        self.unfenced = unfenced
        self._lab = lab
        self._settings = settings
        self._login = entry
        self._folder = lab.state / "claude"
        self._temporary = self._folder / "tmp"
        self._fences: dict[bool, Fence] = {}
        self._prices = ListPrices(settings.prices)
        self._accounts = Accounts(lab.state / "sessions")

    @classmethod
    def of(cls, lab: Lab, settings: RoleChoice, *, allow_unfenced: bool) -> ClaudeBackend:
        """Make it; a fault says what is missing, and the remedy."""
        if not login.is_installed():
            raise ConfigError(
                "backend claude needs the package claude-agent-sdk: pip install claude-agent-sdk"
            )
        found = login.find(settings)
        if found is None and (settings.key or sys.platform == "linux"):
            raise ConfigError(
                f"backend claude needs a key, and {settings.key or login.KEY} is not set. Set it, "
                "or log in by running `claude` once (docs/backends.md)."
            )
        missing = fence.missing()
        if missing and not allow_unfenced:
            raise BackendUnavailable(
                f"backend claude: its program cannot be fenced here: {missing}. Or run it as it "
                "is, every record saying so: --allow-unfenced."
            )
        anyhow = login.Login(words="the system's keychain", environment={})
        return cls(lab, settings, found or anyhow, unfenced=bool(missing))

    async def ask(self, request: Request) -> Result:
        account = self._accounts.load(request.session) if request.session else Account()
        if account is None:
            message = f"the conversation {request.session} is not to be found."
            return Result(error=failure("session_lost", message))
        session = request.session or str(uuid.uuid4())
        cut_off, is_first = account.asked == request.prompt, not account.turns
        account.asked = request.prompt
        self._accounts.save(session, account)
        result = await self._turn(request, session, account, _GO_ON if cut_off else request.prompt)
        lost = result.error is not None and result.error.kind == "session_lost"
        if cut_off and lost and is_first:
            # It was ended before Claude had written down what it was asked.
            return await self.ask(replace(request, session=""))
        return result

    async def _turn(self, request: Request, session: str, account: Account, prompt: str) -> Result:
        from leanlab.backends.claude.turn import Turn

        launcher = self._launcher(request)
        turn = Turn(request, launcher, self._prices, self._settings.timeout)
        options = self._options(request, turn)
        options.cli_path = launcher.name
        if request.session:
            options.resume = session
        else:
            options.session_id = session
        result = await turn.run(options, prompt)
        return self._charged(result, session, account, turn.total_usd)

    def _options(self, request: Request, turn: Turn) -> ClaudeAgentOptions:
        from leanlab.backends.claude.options import build, limits, sandbox

        hidden = [self._lab.folder, self._lab.home, *self._login.paths]
        options = build(
            request,
            self._settings,
            model=self.model,
            web=self._lab.config.web,
            hidden=[*hidden, *PRIVATE],
            fault=turn.break_off,
        )
        if self.unfenced:
            options.sandbox = sandbox(request.cwd, hidden, writing=_writes(request))
        private = str(self._temporary)
        folder = login.own_folder() if self._login.folder else login.isolated(self._folder)
        own = {"TMPDIR": private, "CLAUDE_CODE_TMPDIR": private}
        options.env = login.environment(
            own | folder | limits(request, self._settings) | self._login.environment
        )
        return options

    def _launcher(self, request: Request) -> Launcher:
        """What starts Claude for a role: with the fence, which is the same in every turn."""
        claude = program()
        if claude is None:
            raise ConfigError(
                "backend claude: this claude-agent-sdk came without its program, as it does for "
                "musl. Install Claude Code, so that `claude` is found."
            )
        self._temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.unfenced:
            return Launcher(claude, None)
        writing = _writes(request)
        if writing not in self._fences:
            self._fences[writing] = fenced(
                claude, self._lab, request.cwd, self._folder, self._login, writing=writing
            )
        return Launcher(claude, self._fences[writing])

    def _charged(
        self, result: Result, session: str, account: Account, total_usd: float | None
    ) -> Result:
        """Charge what the conversation has cost since it was last told."""
        cost = None
        if total_usd is not None:
            cost = max(0.0, total_usd - account.usd)
            account.usd = max(account.usd, total_usd)
        if result.error is None or not result.error.retryable:
            account.asked = ""
            account.turns += 1
        self._accounts.save(session, account)
        return replace(result, session=session, cost_usd=cost)

    async def close(self) -> None:
        """Every process has ended by now."""


def _writes(request: Request) -> bool:
    return any(tool.name == "write" for tool in request.tools)
