"""The engine: models, rules, store, approvals and the runner. It names no plugin and no vendor."""
