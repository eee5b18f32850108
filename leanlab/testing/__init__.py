"""Contract tests for labs, backends and researchers of your own: subclass one in a test module.

They need pytest to run and nothing but leanlab to import.
"""

from leanlab.testing.backends import Act, BackendContract, ModelContract
from leanlab.testing.labs import LabContract
from leanlab.testing.researchers import ResearcherContract

__all__ = ["Act", "BackendContract", "LabContract", "ModelContract", "ResearcherContract"]
