"""`python -m leanlab`."""

from leanlab.cli import main

main()
