"""Programs that tests start get the signals as a shell gives them, however pytest was started.

Under `nohup` SIGHUP is ignored, in the background of some shells SIGINT, and children inherit that.
"""

from __future__ import annotations

import signal

for _name, _handler in (("SIGHUP", signal.SIG_DFL), ("SIGTERM", signal.SIG_DFL),
                        ("SIGINT", signal.default_int_handler)):  # fmt: skip
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)
