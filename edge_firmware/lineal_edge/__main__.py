from __future__ import annotations

import sys

from lineal_edge.cli import main

sys.exit(main())
