"""``python -m tradeoff``."""

from tradeoff.cli import main

raise SystemExit(main())
