"""Run steps: the only place where a plan is made, judged and carried out."""

from engine.runner.runner import Runner

__all__ = ["Runner"]
