"""ADDRESS PORT TIMEOUT: opens one TCP connection and prints connected, refused or timeout. Needs nothing but Python."""

import socket
import sys

address, port, timeout = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
try:
    socket.create_connection((address, port), timeout).close()
    print("connected")
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("timeout")
