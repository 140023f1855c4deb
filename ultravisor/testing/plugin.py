# SPDX-License-Identifier: GPL-2.0-or-later
"""The pytest plugin: the fixture `host`, and images as test items.

Owns fixtures and hooks; loaded by pytest wherever the package is installed, so
it imports nothing heavy until a test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ultravisor.testing.options import add_options, leads_to_image, names_image, wanted_builds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ultravisor.configuration import MonitorName
    from ultravisor.testing.collection import ImageFile
    from ultravisor.testing.host_factory import HostFactory

IMAGE_SUFFIX = ".elf"
BUILD_FIXTURE = "ultravisor_build"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, each also as a setting of the project's file."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Look into folders that pytest passes by, such as `build`, where images are named there."""
    if collection_path.is_dir() and leads_to_image(config, collection_path):
        return False
    return None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ImageFile | None:
    """Collect an image that was named on the command line, or that the setting names."""
    if file_path.suffix != IMAGE_SUFFIX:
        return None
    if not parent.session.isinitpath(file_path) and not names_image(parent.config, file_path):
        return None
    from ultravisor.testing.collection import ImageFile

    return ImageFile.from_parent(parent, path=file_path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that boots a host once for each build."""
    if BUILD_FIXTURE in metafunc.fixturenames:
        builds = wanted_builds(metafunc.config)
        if len(builds) > 1:
            metafunc.parametrize(BUILD_FIXTURE, builds, indirect=True)


@pytest.fixture
def ultravisor_build(request: pytest.FixtureRequest) -> MonitorName:
    """Return the build of the monitor under which this test's hosts run."""
    given = getattr(request, "param", None)
    return given if given is not None else wanted_builds(request.config)[0]


@pytest.fixture
def host(
    request: pytest.FixtureRequest,
    ultravisor_build: MonitorName,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[HostFactory]:
    """Boot hosts: `host.boot(image)` returns one, with expectations; all end with the test."""
    from ultravisor.testing.host_factory import HostFactory

    factory = HostFactory(
        request.config.rootpath,
        lambda: tmp_path_factory.mktemp("ultravisor"),
        ultravisor_build,
    )
    yield factory
    factory.close()
