"""What several tests need."""

from pathlib import Path

import pytest


@pytest.fixture
def projects() -> Path:
    """The ready project folders of the checkout."""
    return Path(__file__).resolve().parents[2] / "projects"
