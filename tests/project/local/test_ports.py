import socket
import threading

from project.local.ports import free_port, port_is_free


def test_a_port_in_use_is_not_free():
    port = free_port()
    assert port_is_free(port)
    assert free_port(preferred=port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert not port_is_free(port)
        assert free_port(preferred=port) != port


def test_a_port_that_is_about_to_be_free_is_waited_for():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert free_port(port) != port
        gone = threading.Timer(0.2, holder.close)
        gone.start()
        assert free_port(port, patience_seconds=30.0) == port
        gone.join()
