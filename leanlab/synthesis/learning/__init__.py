"""The learner: a typed grammar of rules on strings, searched from short descriptions to long."""
