"""Protects an API in Python without a proxy: the gate's verdict and the log, inside the API's own process.

    from simsim.middleware import SimsimASGI
    app = SimsimASGI(app)

Both middlewares read the same settings as `simsim serve`, and need its database and its spool; or they ask a gate on
another host, and need neither. Neither uses Django.
"""

from simsim.middleware.asgi import SimsimASGI
from simsim.middleware.exchange import Caller
from simsim.middleware.wsgi import SimsimWSGI

__all__ = ["Caller", "SimsimASGI", "SimsimWSGI"]
