"""What leanlab costs, measured with the real thing. Run: python -m tests.benchmarks"""
