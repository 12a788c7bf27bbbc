"""What several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# Machines differ and are busy: no example has to be done in so many milliseconds.
settings.register_profile("detector", deadline=None)
settings.load_profile("detector")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of corpora and the user's five articles, which stays outside the project."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "seeds").is_dir():
        pytest.skip("the shared corpora are not on this machine")
    return folder
