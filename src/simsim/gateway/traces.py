"""The parts of nginx.conf that carry a trace: from a trusted proxy to the gate, and from the gate to the API."""

# A header that the gate's server can read, in the one form of W3C Trace Context. Everybody else's is not passed on: a
# stranger could fill the collector with traces, or join those of others.
MAPS = r"""
    map "$simsim_by_proxy $http_traceparent" $simsim_proxys_trace {
        "~^1 (?<simsim_traceparent>[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})$" $simsim_traceparent;
        default "";
    }
    # A gate without traces names no span: the API then gets the caller's headers, as without traces.
    map $simsim_trace $simsim_api_traceparent {
        "" $http_traceparent;
        default $simsim_trace;
    }
    map "$simsim_by_proxy$simsim_trace" $simsim_api_tracestate {
        "~^0." "";
        default $http_tracestate;
    }"""
ANSWER = "        auth_request_set $simsim_trace $upstream_http_x_simsim_traceparent;"
QUESTION = "            proxy_set_header Traceparent $simsim_proxys_trace;"
HEADERS = """            proxy_set_header Traceparent $simsim_api_traceparent;
            proxy_set_header Tracestate $simsim_api_tracestate;"""


def trace_parts(*, is_traced: bool) -> dict[str, str]:
    """Return the parts of nginx.conf, which are empty without traces."""
    parts = {"trace_maps": MAPS, "trace_answer": ANSWER, "trace_question": QUESTION}
    return {name: text.lstrip("\n") if is_traced else "" for name, text in parts.items()}
