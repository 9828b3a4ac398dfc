"""Be a Microsoft AD CS with web enrolment: its logins, its pages, its requests. Sources: docs/reference/adcs.md."""
