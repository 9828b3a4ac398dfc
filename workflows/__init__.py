"""Workflows: which states there are, which steps lead from one to the next, and what each step does."""
