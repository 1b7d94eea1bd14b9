#!/usr/bin/env python
"""Every command of the platform: `python manage.py help`."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
    from django.core.management import execute_from_command_line

    import cdp.celery  # noqa: F401  (so that a job that a command sends finds the broker)

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
