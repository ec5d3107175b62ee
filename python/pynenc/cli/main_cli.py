"""The command line: what can be typed. Each command imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from pynenc.cli.exit_codes import CommandError, ExitCode
from pynenc.cli.session import Session

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 wrong command line, application or setting, 3 nothing to do, "
    "4 engine unreachable, 5 timeout, 70 a runner left bodies behind that did not end, 130 Ctrl-C."
)

AppOption = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:ATTR",
        help="The application: module:attr, a dotted name or a .py file. Else PYNENC_APP, "
        r"then app in \[tool.pynenc] of pyproject.toml, then the only one in this directory.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON; a list has one object a line.")]

cli = typer.Typer(
    name="pynenc",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
runner_commands = typer.Typer(rich_markup_mode="rich")
config_commands = typer.Typer(rich_markup_mode="rich")
cli.add_typer(
    runner_commands,
    name="runner",
    help="Run the tasks of an application.",
    epilog="Example: pynenc --app shop:app runner start",
)
cli.add_typer(
    config_commands,
    name="config",
    help="Look at the settings of an application.",
    epilog="Example: pynenc --app shop:app config show",
)


# -- before the command ---------------------------------------------------------------------------
def _help_when_alone(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


def _no_color(chosen: bool) -> None:
    if chosen:
        os.environ["NO_COLOR"] = "1"  # the terminal library and the log both look here


def _version(chosen: bool) -> None:
    if chosen:
        from pynenc._core import __version__

        typer.echo(f"pynenc {__version__}")
        raise typer.Exit


@cli.callback(invoke_without_command=True, epilog=f"Example: pynenc demo\n\n{EXIT_CODES}")
def _global_options(
    context: typer.Context,
    app: AppOption = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log at level debug, and print the traceback of an error.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings only, and show no progress.")] = False,
    no_color: Annotated[  # noqa: ARG001 - its callback has done it
        bool,
        typer.Option(
            "--no-color", help="Print without colours, as NO_COLOR=1 does.", callback=_no_color, is_eager=True
        ),
    ] = False,
    version: Annotated[  # noqa: ARG001 - the same
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Orchestrate distributed tasks: take a tour, run workers, look at settings and tasks."""
    session = context.ensure_object(Session)
    session.app_name, session.verbose, session.quiet = app, verbose, quiet
    _help_when_alone(context)


runner_commands.callback(invoke_without_command=True)(_help_when_alone)
config_commands.callback(invoke_without_command=True)(_help_when_alone)


# -- commands -------------------------------------------------------------------------------------
@cli.command(epilog="Example: pynenc demo --json")
def demo(
    context: typer.Context,
    engine: Annotated[
        str,
        typer.Option(help="Where work is kept: memory, local (worker processes), or redis (at redis_url)."),
    ] = "memory",
    items: Annotated[int, typer.Option(min=1, help="Calls of the first step, the parallel map.")] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Take a tour on real work, under a minute; every step checks its own answer."""
    from pynenc.cli.run_demo import run_demo

    quiet = context.ensure_object(Session).quiet
    raise typer.Exit(run_demo(engine=engine, items=items, as_json=as_json, quiet=quiet))


@runner_commands.command("start", epilog="Example: pynenc --app shop:app runner start --slots 4")
def runner_start(
    context: typer.Context,
    app: AppOption = None,
    runner: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="Class of the runner; else runner_cls of the settings.", show_default=False),
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option(min=1, help="How many bodies run at once; else as the settings say.", show_default=False),
    ] = None,
) -> None:
    """Run tasks until SIGINT or SIGTERM: the first lets running bodies finish, the second hands them back."""
    from pynenc.cli.start_runner import start_runner

    session = context.ensure_object(Session)
    start_runner(session.find_app(app), runner_name=runner, slots=slots, quiet=session.quiet)


@config_commands.command("show", epilog="Example: pynenc --app shop:app config show --sources")
def config_show(
    context: typer.Context,
    app: AppOption = None,
    sources: Annotated[bool, typer.Option("--sources", help="Print where each value came from, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print every setting: section, setting, value. Secrets are masked."""
    from pynenc.cli.show_config import show_config

    located = context.ensure_object(Session).find_app(app)
    show_config(located.app, sources=sources, as_json=as_json)


@cli.command(epilog="Example: pynenc --app shop:app tasks --json")
def tasks(context: typer.Context, app: AppOption = None, as_json: JsonOption = False) -> None:
    """List the tasks: id, kind, and the options that are not at their default."""
    from pynenc.cli.list_tasks import list_tasks

    located = context.ensure_object(Session).find_app(app)
    raise typer.Exit(list_tasks(located.app, located.name, as_json=as_json))


@cli.command(epilog="Example: pynenc version --json")
def version(as_json: JsonOption = False) -> None:
    """Print the version of the library, its build and the Python that runs it."""
    from pynenc._core import __version__, build_profile
    from pynenc.cli.output import print_json

    python = sys.version.partition(" ")[0]
    if as_json:
        print_json({"version": __version__, "build": build_profile, "python": python})
    else:
        typer.echo(f"pynenc {__version__} ({build_profile} build, Python {python})")


_usual_format = warnings.formatwarning


# -- running it -----------------------------------------------------------------------------------
def run(arguments: Sequence[str]) -> int:
    """Run one command line; how the process is to end. Errors are a line on standard error."""
    session = Session()
    command = typer.main.get_command(cli)
    try:
        code = command.main(args=list(arguments), prog_name="pynenc", standalone_mode=False, obj=session)
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:  # who read has gone: there is nobody to tell
        _forget_output()
        code = ExitCode.FAILED
    except Exception as error:
        code = _report(error, session)
    if code == ExitCode.INTERRUPTED:
        _say("interrupted")
    return code if isinstance(code, int) else ExitCode.OK


def main() -> None:
    """Run the command line of this process, and end the process."""
    warnings.formatwarning = _written
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
    sys.exit(int(code))


def _report(error: Exception, session: Session) -> ExitCode:
    from pynenc.exceptions import (
        AccessDeniedError,
        ConfigError,
        EngineUnreachableError,
        PynencError,
        RunnerNotExecutableError,
    )

    if session.verbose:
        import traceback

        traceback.print_exception(error)
    # Errors of the command line itself differ in class between versions of the library, but all can say this.
    about_usage = getattr(error, "format_message", None)
    if callable(about_usage):
        _say(f"{about_usage()} (see {_path_of(error)} --help)")
        return ExitCode.USAGE
    if isinstance(error, CommandError):
        _say(str(error))
        return error.code
    if isinstance(error, ConfigError | RunnerNotExecutableError | AccessDeniedError):
        _say(str(error))
        return ExitCode.USAGE
    if isinstance(error, EngineUnreachableError):
        _say(str(error))
        return ExitCode.UNREACHABLE
    _say(f"{type(error).__name__}: {error}")
    if isinstance(error, TimeoutError):
        return ExitCode.TIMEOUT
    if isinstance(error, ConnectionError | EngineUnreachableError | AccessDeniedError):
        return ExitCode.UNREACHABLE
    if not isinstance(error, PynencError) and not session.verbose:
        _say("this is unexpected; run it again with -v before the command to see where it happened")
    return ExitCode.FAILED


def _written(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Write what the settings warn of as one line; the place in the code matters for other warnings only."""
    from pynenc.conf.catalog import PynencConfigWarning

    if issubclass(category, PynencConfigWarning):
        return f"pynenc: warning: {message}\n"
    return _usual_format(message, category, filename, lineno, line)


def _path_of(error: Exception) -> str:
    return getattr(getattr(error, "ctx", None), "command_path", "pynenc")


def _say(text: str) -> None:
    typer.echo(f"pynenc: {' '.join(text.split())}", err=True)


def _forget_output() -> None:
    """Let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
