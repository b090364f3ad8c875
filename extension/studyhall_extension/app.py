"""The Jupyter Server application: settings, start and stop."""

import os
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float, Integer, Unicode, default

from studyhall_extension.at_work import AtWork
from studyhall_extension.courses.handlers import Lessons
from studyhall_extension.events.handlers import OpenStreams, StreamTiming
from studyhall_extension.events.local_events import LocalEvents
from studyhall_extension.full_disk import say_when_disk_is_full
from studyhall_extension.learners_notebooks.recognising import Recogniser
from studyhall_extension.learners_notebooks.runs import Runs
from studyhall_extension.learners_notebooks.staff import StaffCourses
from studyhall_extension.learners_notebooks.trust import keep_untrusted
from studyhall_extension.routes import build_routes
from studyhall_extension.service_client import ServiceAddress, ServiceClient
from studyhall_extension.submissions.outbox import Outbox
from studyhall_extension.submissions.sender import Sender
from studyhall_extension.submissions.snapshot import SizeLimits

DEFAULT_NOTEBOOK_BYTES = 10_000_000


class StudyhallExtension(ExtensionApp):
    """Studyhall in a learner's Jupyter server."""

    name = "studyhall_extension"
    extension_url = "/studyhall"
    load_other_extensions = True

    service_url = Unicode(
        help="Inner address of the classroom service with its prefix; default: STUDYHALL_SERVICE_URL."
    ).tag(config=True)
    connect_timeout = Float(5.0, help="Seconds to wait for a connection to the service.").tag(config=True)
    request_timeout = Float(30.0, help="Seconds to wait for an answer of the service.").tag(config=True)
    silence = Float(
        50.0,
        help="Seconds without a heartbeat (one comes each 15 s) after which a stream counts as lost.",
    ).tag(config=True)
    retry_delay = Float(
        2.0, help="Seconds before an undelivered submission is sent again; doubles up to five minutes."
    ).tag(config=True)
    reconnect_delay = Float(
        0.5, help="Seconds before a lost stream is opened again; doubles up to 15 s."
    ).tag(config=True)
    max_notebook_bytes = Integer(
        help="Largest notebook that is submitted, in bytes; default: STUDYHALL_MAX_NOTEBOOK_BYTES."
    ).tag(config=True)

    @default("service_url")
    def _default_service_url(self) -> str:
        return os.environ.get("STUDYHALL_SERVICE_URL", "")

    @default("max_notebook_bytes")
    def _default_max_notebook_bytes(self) -> int:
        value = os.environ.get("STUDYHALL_MAX_NOTEBOOK_BYTES", "")
        if value and not value.isdecimal():
            self.log.warning(
                "STUDYHALL_MAX_NOTEBOOK_BYTES is not a number of bytes; using %s", DEFAULT_NOTEBOOK_BYTES
            )
        return int(value) if value.isdecimal() else DEFAULT_NOTEBOOK_BYTES

    def initialize_handlers(self) -> None:
        """Wire the parts together; nothing is sent before the server runs."""
        if self.serverapp is None:
            raise RuntimeError("the extension runs only inside a Jupyter server")
        root = Path(self.serverapp.root_dir)
        self.service = ServiceClient(
            self._address(), connect_timeout=self.connect_timeout, request_timeout=self.request_timeout
        )
        self.streams = OpenStreams()
        local_events = LocalEvents()
        limits = SizeLimits(notebook=self.max_notebook_bytes, submission=2 * self.max_notebook_bytes)
        self.sender = Sender(
            Outbox(root, self.log), self.service, local_events, limits, self.log, first_delay=self.retry_delay
        )
        self.at_work = AtWork(self.serverapp, lambda: self.sender.waits)
        recogniser = Recogniser(root, StaffCourses(self.service))
        say_when_disk_is_full(self.serverapp.contents_manager)
        keep_untrusted(
            self.serverapp.contents_manager, lambda path, ours: recogniser.find(path, ours) is not None
        )
        self.handlers.extend(
            build_routes(
                service=self.service,
                lessons=Lessons(self.service, root),
                sender=self.sender,
                local_events=local_events,
                streams=self.streams,
                timing=StreamTiming(silence=self.silence, first_delay=self.reconnect_delay),
                recogniser=recogniser,
                runs=Runs(max_notebook_bytes=self.max_notebook_bytes),
            )
        )

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:  # noqa: ARG002 - as Jupyter calls it
        """Send what an earlier run of this server left in the outbox."""
        self.at_work.start()
        if self.service.address is not None:
            self.sender.start()

    async def stop_extension(self) -> None:
        """End live streams and stop sending; snapshots stay where they are."""
        self.at_work.stop()
        await self.streams.close()
        await self.sender.stop()
        self.service.close()

    def _address(self) -> ServiceAddress | None:
        if not self.service_url:
            self.log.warning("Studyhall is not connected to a classroom: STUDYHALL_SERVICE_URL is not set")
            return None
        try:
            return ServiceAddress.parse(self.service_url)
        except ValueError as error:
            self.log.warning("Studyhall is not connected to a classroom: STUDYHALL_SERVICE_URL: %s", error)
            return None
