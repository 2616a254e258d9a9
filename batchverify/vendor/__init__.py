"""The paid API: what it is asked, what it answers, what its refusals mean for the bill.

The one thing to know: an ask is written to the wire at most once. Only `client` knows httpx, only `wire` touches sockets;
`products`, `answers` and `gateway` are pure.
"""
