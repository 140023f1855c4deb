# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor timing predict`: throughput, bottleneck, ports and pipeline of some code.

Owns how a prediction is shown, and the schema "ultravisor.timing.predict/1";
ultravisor.timing.prediction makes it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ultravisor.errors import ConfigurationError, NotFoundError, OutputError, UsageError

if TYPE_CHECKING:
    from ultravisor.timing.prediction import Prediction

SIZE_LIMIT_BYTES = 4096


@click.command(
    "predict",
    help="""Say how many cycles a piece of code takes in unrolled copies, and what bounds it.

\b
Examples:
  ultravisor timing predict --hex 480fafc34801d8
  ultravisor timing predict block.bin --core haswell --json

FILE holds machine code, or its hexadecimal digits as text. Loads hit the first cache, and
no store meets a load; branches fall through.

\b
Exit codes: 0 done, 2 wrong use, 3 not code, 6 no such file or core.
""",
)
@click.argument("file", required=False, metavar="[FILE]")
@click.option("--hex", "digits", metavar="DIGITS", help="The code in hexadecimal, not a file.")
@click.option("--core", default="skylake", show_default=True, help="Which core to model.")
@click.option(
    "--width",
    type=click.Choice(["32", "64"]),
    default="64",
    show_default=True,
    help="Of the code, in bits.",
)
@click.option("--kanata", metavar="PATH", help="Write the first iterations for a pipeline viewer.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(
    file: str | None, digits: str | None, core: str, width: str, kanata: str | None, as_json: bool
) -> int:
    """Predict and show."""
    from ultravisor.timing.prediction import predict

    if (file is None) == (digits is None):
        raise UsageError("give a FILE or --hex, and not both", "ultravisor timing predict --help")
    code = parse_digits(digits, "--hex") if digits is not None else read_code(Path(str(file)))
    prediction = predict(core, code, int(width))
    if kanata is not None:
        _write_kanata(prediction, Path(kanata))
    if as_json:
        print(json.dumps(as_object(prediction)))
    else:
        _show(prediction)
    return 0


def _write_kanata(prediction: Prediction, path: Path) -> None:
    from ultravisor.timing.kanata import Label, kanata
    from ultravisor.timing.prediction import PIPELINE_COPIES

    labels = [Label(line.text) for line in prediction.lines] * PIPELINE_COPIES
    text = kanata(prediction.pipeline, labels)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as failure:
        raise OutputError(f"{path}: cannot be written: {failure.strerror}") from None


def parse_digits(text: str, origin: str) -> bytes:
    """Return code from hexadecimal digits."""
    try:
        code = bytes.fromhex(text)
    except ValueError as failure:
        raise ConfigurationError(f"{origin}: not hexadecimal: {failure}") from None
    return _checked(code, origin)


def read_code(path: Path) -> bytes:
    """Return the code of a file, binary or in hexadecimal digits."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file") from None
    except OSError as failure:
        raise ConfigurationError(f"{path}: cannot be read: {failure.strerror}") from None
    stripped = data.strip()
    if stripped and all(byte in b"0123456789abcdefABCDEF \n\r\t" for byte in stripped):
        return parse_digits(stripped.decode("ascii"), str(path))
    return _checked(data, str(path))


def _checked(code: bytes, origin: str) -> bytes:
    if not code:
        raise ConfigurationError(f"{origin}: there is no code in it")
    if len(code) > SIZE_LIMIT_BYTES:
        raise ConfigurationError(
            f"{origin}: {len(code)} bytes of code", f"at most {SIZE_LIMIT_BYTES} bytes: one block"
        )
    return code


def as_object(prediction: Prediction) -> dict[str, Any]:
    """Return what --json prints."""
    from ultravisor.machine.cycle_core import VALIDATED

    return {
        "schema": "ultravisor.timing.predict/1",
        "core": prediction.core,
        "basis": "modelled",
        "validated": prediction.core in VALIDATED,
        "cycles": prediction.cycles,
        "bottlenecks": list(prediction.bottlenecks),
        "unknown_instructions": prediction.unknown_count,
        "instructions": [
            {
                "text": line.text,
                "size_bytes": line.size_bytes,
                "ports": {str(port): round(count, 3) for port, count in sorted(line.ports.items())},
            }
            for line in prediction.lines
        ],
    }


def _show(prediction: Prediction) -> None:
    from ultravisor.machine.cycle_core import VALIDATED
    from ultravisor.timing.prediction import pipeline_rows

    basis = "modelled" if prediction.core in VALIDATED else "modelled, not validated"
    print(f"{prediction.core}: {prediction.cycles:.2f} cycles an iteration ({basis})")
    print(f"bound by: {', '.join(prediction.bottlenecks)}")
    if prediction.unknown_count:
        print(f"{prediction.unknown_count} instructions have no entry: one cycle is assumed")
    ports = sorted({port for line in prediction.lines for port in line.ports})
    print()
    print("  ".join(f"{'p' + str(port):>4}" for port in ports) + "  instruction")
    for line in prediction.lines:
        cells = [f"{line.ports[port]:.2f}" if port in line.ports else "" for port in ports]
        print("  ".join(f"{cell:>4}" for cell in cells) + f"  {line.text}")
    print()
    print("I issued, D dispatched, = executing, E done, R retired; one column a cycle")
    for row in pipeline_rows(prediction):
        print(row)
