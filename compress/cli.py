"""The command. Only words and options here; each command's body lies in ``compress.commands``.

Exit codes: 0 all gates passed, 1 a gate failed, 2 something the user can mend, 3 a gate is incomplete,
10 to 18 why a bundle is refused (``errors.py``), 70 a bug, 130 interrupted.
Nothing heavy is imported until a command runs, so help and completion are quick.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from compress import __version__
from compress.cli_comparing import COMPARING, store_option
from compress.cli_enlarging import ENLARGING
from compress.cli_handoff import HANDING_OFF
from compress.cli_signing import SIGNING
from compress.environment_secrets import take_out
from compress.errors import EXIT_BUG, EXIT_USER, CompressError, ConfigError, UserError

EXIT_INTERRUPTED = 130


def _complete_word(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from compress.commands.completion import complete

    return complete(context.params.get(parameter.name or "") or (), incomplete)


def _complete_toolchain(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from compress.toolchains import TOOLCHAINS

    taken = context.params.get(parameter.name or "") or ()
    return [name for name in TOOLCHAINS if name.startswith(incomplete) and name not in taken]


_words = click.argument("words", nargs=-1, metavar="KEY=VALUE...", shell_complete=_complete_word)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="compress")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:  # the flag is read in execute(); here for the help
    """From a trained camera network to a signed, measured build for a device.

    \b
      compress run recipe=kd_int8 target=x86_edge
      compress run recipe=kd_int8 target=x86_edge,jetson student.width=16,24
      compress show recipe=kd_int8 target=jetson data=lol data.root=../lol
    """


@cli.command()
@_words
@store_option
@click.option("--on", metavar="ray://HOST:PORT", help="Run all points on this Ray cluster.  [default: in turn, here]")
def run(words: tuple[str, ...], store: Path, on: str | None) -> int:
    """Run a recipe for a target.

    Words are recipe=NAME, target=NAME, data=NAME, and any setting by its dotted key: student.width=24,
    target.budget.min_fps=30, data.root=FOLDER. Commas make a sweep. Finished stages are reused, an
    interrupted run goes on where it stopped.

    With --on, a sweep's points run side by side on a cluster whose nodes share the store's folder, what they have in
    common once; ray://auto is the cluster that this machine belongs to (docs/many-points.md).

    Exit code: 0 all gates passed, 1 a gate failed, 3 a gate is incomplete (something could not be measured).
    """
    from compress.commands.run import run_plans

    return run_plans(words, store, on)


@cli.command()
@_words
@store_option
@click.option("--release", "policy", flag_value="release", help="Refuse what is no release, with every reason.")
@click.option("--draft", "policy", flag_value="draft", help="Mark the bundle DRAFT, whatever it is.")
def package(words: tuple[str, ...], store: Path, policy: str | None) -> int:
    """Run a recipe for a target up to its signed bundle, as a release or as a draft.

    The same as run with package.policy=release or draft. Without either option the bundle is a release where
    nothing speaks against it, else a draft that names every reason.

    Exit code: as run's, and 1 where --release refuses.
    """
    from compress.commands.run import run_plans

    return run_plans((*words, f"package.policy={policy}") if policy else words, store)


@cli.command()
@_words
@store_option
def search(words: tuple[str, ...], store: Path) -> int:
    """Find widths, pruning and bits under a budget, timed on the target's device.

    \b
      compress search recipe=kd_int8 target=x86_edge budget.max_latency_ms=8
      compress search recipe=kd_int8 target=x86_edge search.space.student.width=[16,24,32] search.trials=10

    What may vary is the recipe's search.space; of a network of yours (recipe=adopt), pruning and float layers.
    Candidates are timed untrained, those over budget are not trained, the best run in full. The same command goes on
    where it stopped; budget.KEY is short for target.budget.KEY.

    Exit code: 0 a candidate holds all budgets, 1 none does, 3 that could not be measured.
    """
    from compress.commands.search import search as search_candidates

    return search_candidates(words, store)


@cli.command()
@_words
@store_option
def show(words: tuple[str, ...], store: Path) -> int:
    """Show what would run, and change nothing.

    Prints every setting with where its value came from, and for each stage whether it is in the store.
    """
    from compress.commands.show import show_plans

    return show_plans(words, store)


@cli.command()
def recipes() -> int:
    """List the recipes."""
    from compress.commands.lists import list_recipes

    return list_recipes()


@cli.command()
def targets() -> int:
    """List the targets."""
    from compress.commands.lists import list_targets

    return list_targets()


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def doctor(as_json: bool) -> int:
    """Look at runtimes, toolchains and devices: which are ready, and the command that mends each other one.

    Changes nothing. Exit code 0 whatever it finds.
    """
    from compress.commands.doctor import examine

    return examine(as_json)


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=_complete_toolchain)
@click.option(
    "--wheels", type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Install from the wheels in this folder, without any network.",
)  # fmt: skip
def setup(names: tuple[str, ...], wheels: Path | None) -> int:
    """Make the isolated environment of a vendor SDK: tflite, rknn or tensorrt.

    Only the runtimes of that name need it. One that is ready is left alone, a broken one is made anew.

    \b
    Without network, use --wheels with a folder filled elsewhere, by the same Python version:
      pip download --no-deps -d FOLDER -r compress/toolchains/locks/NAME.txt
      pip download --no-deps -d FOLDER torch==2.13.0        (not for tensorrt)
    """
    from compress.commands.setup import set_up

    return set_up(names, wheels)


@cli.group(name="store")
def store_group() -> None:
    """Look after the finished stages."""


@store_group.command(name="ls")
@store_option
def store_ls(store: Path) -> int:
    """List what is in the store."""
    from compress.commands.stores import list_store

    return list_store(store)


@store_group.command(name="verify")
@store_option
def store_verify(store: Path) -> int:
    """Read every byte and name what was changed since it was made."""
    from compress.commands.stores import verify_store

    return verify_store(store)


@store_group.command(name="gc")
@store_option
@click.option("--keep-runs", type=click.IntRange(min=1), default=20, show_default=True, help="Latest runs to keep.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def store_gc(store: Path, keep_runs: int, dry_run: bool) -> int:
    """Remove what no recent run has used."""
    from compress.commands.stores import collect_store

    return collect_store(store, keep_runs, dry_run)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="[default: FOLDER.tar]")
@click.option("--zstd", is_flag=True, help="Compress it (needs the zstandard library).")
def pack(folder: Path, output: Path | None, zstd: bool) -> int:
    """Write a bundle's folder as one file, a tar with the same bytes on every machine.

    `compress verify FILE --key public.pem` verifies it as it is; `tar -xf` makes the folder of it again.
    """
    from compress.commands.bundles import pack as pack_bundle

    return pack_bundle(folder, output, zstd)


@cli.command()
@click.argument("builds", nargs=-1, metavar="BUILD...")
@store_option
@click.option("--root", type=click.Path(path_type=Path, file_okay=False), help="Folder of paired pictures.")
@click.option(
    "--reference",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the fake-quant network.  [default: found in the store]",
)
@click.option("--golden", is_flag=True, help="Use a bundle's golden frames; without ground truth there is no verdict.")
@click.option("--images", type=click.IntRange(min=1), help="Pictures of the test split.  [default: all]")
@click.option("--layers", is_flag=True, help="Compare layer by layer also where a build is within the limits.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here.")
def parity(
    builds: tuple[str, ...], store: Path, root: Path | None, reference: Path | None, golden: bool,
    images: int | None, layers: bool, json_file: Path | None,
) -> int:  # fmt: skip
    """Compare builds with the trained network, on real frames.

    BUILD is a build's name (int8-onnx-400x600), a folder or file of the store, or a bundle; none: the newest
    builds of the store. Where a build is outside the limits, its first layer that diverges is named.

    Exit code: 0 all within the limits, 1 one is outside, 3 one could not be run or judged here.
    """
    from compress.commands.parity import parity as compare_builds

    return compare_builds(builds, store, root, reference, golden, images, layers, json_file)


for _command in (*COMPARING, *ENLARGING, *SIGNING, *HANDING_OFF):
    cli.add_command(_command)


_DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave the process with its exit code."""
    sys.exit(execute(sys.argv[1:] if arguments is None else arguments))


def execute(arguments: Sequence[str]) -> int:
    """Run the command with these words; gives the exit code. Errors go to stderr, one line each."""
    take_out()  # before anything else: no child process may inherit a signing key
    plain = [word for word in arguments if word != "--debug"]  # so that it may stand anywhere
    try:
        code = cli.main(plain, prog_name="compress", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return EXIT_USER
    except click.ClickException as error:
        _complain(error.format_message())
        return EXIT_USER
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nstopped; the same command goes on from here", err=True)
        return EXIT_INTERRUPTED
    except UserError as error:
        _complain(*(error.problems if isinstance(error, ConfigError) else str(error).splitlines()))
        _show_traceback(arguments)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; be quiet at exit too
        return EXIT_INTERRUPTED
    except Exception as error:  # the border: a bug must not show as a traceback
        if isinstance(error, OSError) and error.errno in _DISK_FAULTS:
            where = error.filename or "a file"
            _complain(f"{where}: {error.strerror}; mend that, or let TMPDIR name another place, and run again")
            _show_traceback(arguments)
            return EXIT_USER
        _report_bug(error, arguments)
        return error.exit_code if isinstance(error, CompressError) else EXIT_BUG


def _complain(*lines: str) -> None:
    for line in lines:
        printable = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
        click.echo(f"error: {printable}", err=True)


def _show_traceback(arguments: Sequence[str]) -> None:
    if "--debug" in arguments:
        import traceback

        click.echo(traceback.format_exc(), err=True)


def _report_bug(error: Exception, arguments: Sequence[str]) -> None:
    """One line on stderr; the traceback goes into a file of its own."""
    import tempfile
    import traceback

    what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    text = f"compress {__version__}\ncompress {' '.join(arguments)}\n\n{traceback.format_exc()}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="compress-crash-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(text)
        _complain(f"this is a bug in compress ({what}); the details are in {file.name}")
    except OSError:
        _complain(f"this is a bug in compress ({what}); its log could not be written, add --debug to see more")
    _show_traceback(arguments)
